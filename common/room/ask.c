#include "room/ask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/jsontext.h"
#include "wire/envelope.h"

/* The list of an answer, so that the other members of a receipt still fit. */
#define SAYINGS_MAX_BYTES (ENVELOPE_MAX_BYTES - 1000)

static const char *const words[] = {
    [ASK_STATE] = "state",
    [ASK_STATES] = "states",
    [ASK_SAYINGS] = "sayings",
    [ASK_JOIN] = "join",
};

#define WORDS (sizeof(words) / sizeof(words[0]))

/* The bytes as JSON if they are there. */
static json_t *bytes_if(bool there, const void *bytes, size_t size)
{
	return there ? jsontext_bytes(bytes, size) : NULL;
}

static json_t *record_if(const struct signedtext *text)
{
	return text->text ? signedtext_to_json(text) : NULL;
}

json_t *ask_format(const struct ask *ask)
{
	bool has_known = ask->kind == ASK_STATES || ask->kind == ASK_SAYINGS;

	if (ask->kind == ASK_SAYING)
		return json_pack("{s:o, s:o, s:s%}", "room", jsontext_bytes(ask->room, sizeof(ask->room)), "state",
		    jsontext_bytes(ask->head, sizeof(ask->head)), "sealed", ask->sealed, ask->sealed_len);
	return json_pack("{s:s, s:o, s:o*, s:o*, s:o*, s:o*, s:o*}", "ask", words[ask->kind], "room",
	    jsontext_bytes(ask->room, sizeof(ask->room)), "state", record_if(&ask->state), "key",
	    bytes_if(ask->has_key, ask->key, sizeof(ask->key)), "known",
	    bytes_if(has_known, ask->known, ask->known_count * ASK_KNOWN_BYTES), "share",
	    bytes_if(ask->has_share, ask->share, sizeof(ask->share)), "confirmation",
	    bytes_if(ask->has_confirmation, ask->confirmation, sizeof(ask->confirmation)));
}

/* A member that may be missing; false if it is there and wrong. */
static bool get_if(const json_t *object, const char *name, bool *there, void *bytes, size_t size)
{
	*there = json_object_get(object, name) != NULL;
	return !*there || jsontext_get_bytes(object, name, bytes, size);
}

static bool get_record_if(const json_t *object, struct signedtext *text)
{
	const json_t *record = json_object_get(object, "state");

	return !record || signedtext_of_json(record, text);
}

static bool get_kind(const json_t *body, enum ask_kind *kind)
{
	const char *word = json_string_value(json_object_get(body, "ask"));
	size_t i = ASK_STATE;

	if (!json_object_get(body, "ask")) {
		*kind = ASK_SAYING;
		return true;
	}
	while (word && i < WORDS && strcmp(words[i], word) != 0)
		i++;
	*kind = (enum ask_kind)i;
	return word && i < WORDS;
}

static int compare_known(const void *a, const void *b)
{
	return memcmp(a, b, ASK_KNOWN_BYTES);
}

static int get_known(const json_t *body, struct ask *read)
{
	enum { SIZE = ASK_KNOWN_MAX * ASK_KNOWN_BYTES };
	const char *text;
	size_t text_len, len;

	if (!jsontext_get_string(body, "known", &text, &text_len))
		return EPROTO;
	read->known = malloc(SIZE);
	if (!read->known)
		return ENOMEM;
	if (!base64_decode(text, text_len, read->known[0], SIZE, &len) || len % ASK_KNOWN_BYTES != 0)
		return EPROTO;
	read->known_count = len / ASK_KNOWN_BYTES;
	qsort(read->known, read->known_count, ASK_KNOWN_BYTES, compare_known);
	return 0;
}

/* Reads what the kind has besides the room. */
static int get_members(const json_t *body, struct ask *read)
{
	bool good = true;

	switch (read->kind) {
	case ASK_SAYING:
		good = jsontext_get_bytes(body, "state", read->head, sizeof(read->head)) &&
		       jsontext_get_string(body, "sealed", &read->sealed, &read->sealed_len);
		break;
	case ASK_STATE:
		good = signedtext_of_json(json_object_get(body, "state"), &read->state) &&
		       get_if(body, "key", &read->has_key, read->key, sizeof(read->key));
		break;
	case ASK_STATES:
	case ASK_SAYINGS:
		return get_known(body, read);
	case ASK_JOIN:
		good = get_if(body, "share", &read->has_share, read->share, sizeof(read->share)) &&
		       get_if(body, "confirmation", &read->has_confirmation, read->confirmation,
			   sizeof(read->confirmation));
		break;
	}
	return good ? 0 : EPROTO;
}

int ask_parse(const json_t *body, struct ask *ask)
{
	struct ask read = {0};
	int rc = EPROTO;

	if (get_kind(body, &read.kind) && jsontext_get_bytes(body, "room", read.room, sizeof(read.room)))
		rc = get_members(body, &read);
	if (rc == 0)
		*ask = read;
	else
		ask_free(&read);
	return rc;
}

bool ask_is_known(const struct ask *ask, const uint8_t id[static ASK_KNOWN_BYTES])
{
	return ask->known_count > 0 && bsearch(id, ask->known, ask->known_count, ASK_KNOWN_BYTES, compare_known);
}

void ask_free(struct ask *ask)
{
	free(ask->known);
	sodium_memzero(ask, sizeof(*ask));
}

int ask_add_saying(struct ask_answer *answer, const struct signedtext *record)
{
	json_t *object = signedtext_to_json(record);
	size_t len;

	if (!object)
		return ENOMEM;
	len = json_dumpb(object, NULL, 0, 0) + strlen(", ");
	if (answer->sayings_len + len > SAYINGS_MAX_BYTES) {
		json_decref(object);
		return EMSGSIZE;
	}
	if (!answer->sayings)
		answer->sayings = json_array();
	if (json_array_append_new(answer->sayings, object) != 0)
		return ENOMEM;
	answer->sayings_len += len;
	return 0;
}

json_t *ask_format_answer(const struct ask_answer *answer)
{
	return json_pack("{s:o*, s:o*, s:o*, s:O*, s:o*, s:o*, s:o*}", "head",
	    bytes_if(answer->has_head, answer->head, sizeof(answer->head)), "state", record_if(&answer->state), "key",
	    bytes_if(answer->has_key, answer->key, sizeof(answer->key)), "sayings", answer->sayings, "share",
	    bytes_if(answer->has_share, answer->share, sizeof(answer->share)), "confirmation",
	    bytes_if(answer->has_confirmation, answer->confirmation, sizeof(answer->confirmation)), "more",
	    answer->more ? json_true() : NULL);
}

int ask_parse_answer(const json_t *receipt, struct ask_answer *answer)
{
	json_t *sayings = json_object_get(receipt, "sayings");
	struct ask_answer read = {.more = json_is_true(json_object_get(receipt, "more"))};

	if (!get_if(receipt, "head", &read.has_head, read.head, sizeof(read.head)) ||
	    !get_record_if(receipt, &read.state) ||
	    !get_if(receipt, "key", &read.has_key, read.key, sizeof(read.key)) ||
	    !get_if(receipt, "share", &read.has_share, read.share, sizeof(read.share)) ||
	    !get_if(receipt, "confirmation", &read.has_confirmation, read.confirmation, sizeof(read.confirmation)) ||
	    (sayings && !json_is_array(sayings)))
		return EPROTO;
	read.sayings = json_incref(sayings);
	*answer = read;
	return 0;
}

void ask_free_answer(struct ask_answer *answer)
{
	json_decref(answer->sayings);
	sodium_memzero(answer, sizeof(*answer));
}

void ask_put_context(const uint8_t room[static ROOM_ID_BYTES], const struct exchange *exchange,
    uint8_t context[static ASK_CONTEXT_BYTES])
{
	memcpy(context, room, ROOM_ID_BYTES);
	exchange_bind(exchange, context + ROOM_ID_BYTES);
}
