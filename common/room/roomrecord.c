#include "room/roomrecord.h"

#include <sodium.h>
#include <string.h>

#include "base/jsontext.h"

bool roomrecord_read(const char *line, size_t len, struct roomrecord *record)
{
	json_t *document = jsontext_parse(line, len, NULL);
	const json_t *offset = json_object_get(document, "line");

	*record = (struct roomrecord){
	    .is_muted = json_is_true(json_object_get(document, "muted")),
	    .is_held = json_is_true(json_object_get(document, "held")),
	    .has_left = json_is_true(json_object_get(document, "left")),
	    .line = json_is_integer(offset) ? json_integer_value(offset) : -1,
	    .document = document,
	};
	record->has_key = jsontext_get_bytes(document, "key", record->key, sizeof(record->key));
	if (jsontext_get_bytes(document, "room", record->room, sizeof(record->room)))
		return true;
	roomrecord_free(record);
	return false;
}

struct roomstate *roomrecord_head(const struct roomrecord *record)
{
	struct roomstate *head = NULL;
	struct signedtext text;

	if (!signedtext_of_json(json_object_get(record->document, "state"), &text) || roomstate_read(&text, &head) != 0)
		return NULL;
	if (memcmp(head->room, record->room, sizeof(head->room)) == 0)
		return head;
	roomstate_release(head);
	return NULL;
}

static json_t *format_flag(bool flag)
{
	return flag ? json_true() : NULL;
}

json_t *roomrecord_format(const struct roomrecord *record, const struct roomstate *head)
{
	return json_pack("{s:o, s:s, s:o, s:o*, s:o*, s:o*, s:o*, s:o*}", "room",
	    jsontext_bytes(record->room, sizeof(record->room)), "name", head->name, "state",
	    signedtext_to_json(&head->text), "key",
	    record->has_key ? jsontext_bytes(record->key, sizeof(record->key)) : NULL, "line",
	    record->line >= 0 ? json_integer(record->line) : NULL, "muted", format_flag(record->is_muted), "held",
	    format_flag(record->is_held), "left", format_flag(record->has_left));
}

void roomrecord_free(struct roomrecord *record)
{
	json_decref(record->document);
	sodium_memzero(record, sizeof(*record));
}
