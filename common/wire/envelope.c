#include "wire/envelope.h"

#include <errno.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/text.h"

int envelope_format(struct buffer *out, const struct envelope *envelope)
{
	json_t *object = json_object();
	int rc = 0;

	if (envelope->is_first) {
		rc |= json_object_set_new(object, "identity", jsontext_bytes(envelope->identity, IDENTITY_BYTES));
		rc |= json_object_set_new(object, "proof", jsontext_bytes(envelope->proof, DH_PROOF_BYTES));
		if (envelope->username[0] != '\0')
			rc |= json_object_set_new(object, "username", json_string(envelope->username));
	}
	if (envelope->body)
		rc |= json_object_update(object, envelope->body);
	else
		rc |= json_object_set_new(object, "id", jsontext_bytes(envelope->id, ENVELOPE_ID_BYTES));
	if (envelope->text)
		rc |= json_object_set_new(object, "text", json_stringn(envelope->text, envelope->text_len));
	if (envelope->has_file)
		rc |= json_object_set_new(object, "file", fileoffer_to_json(&envelope->file));
	rc = rc == 0 ? jsontext_append(out, object) : EILSEQ;
	json_decref(object);
	return rc;
}

/* A username may be missing, and then is empty; what is there must be one. */
static bool get_username(const json_t *object, char username[static USERNAME_MAX_BYTES + 1])
{
	const char *text;
	size_t len;

	username[0] = '\0';
	if (!json_object_get(object, "username"))
		return true;
	return jsontext_get_string(object, "username", &text, &len) &&
	       username_normalize(text, len, username) == USERNAME_OK;
}

/* Who says a text, or offers a file, does nothing else, whatever further members there are. */
static bool get_content(struct envelope *read)
{
	json_t *object = read->document;

	if (jsontext_get_bytes(object, "id", read->id, sizeof(read->id))) {
		if (jsontext_get_string(object, "text", &read->text, &read->text_len))
			return true;
		read->has_file = fileoffer_of_json(json_object_get(object, "file"), &read->file);
		if (read->has_file)
			return true;
	}
	read->body = object;
	return json_object_get(object, "ask") || json_object_get(object, "sealed");
}

int envelope_parse(const char *json, size_t len, bool is_first, struct envelope *envelope)
{
	struct envelope read = {.is_first = is_first, .document = jsontext_parse(json, len, NULL)};
	const json_t *object = read.document;

	if (!object)
		return errno == ENOMEM ? ENOMEM : EPROTO;
	if ((is_first && !(jsontext_get_bytes(object, "identity", read.identity, sizeof(read.identity)) &&
			     jsontext_get_bytes(object, "proof", read.proof, sizeof(read.proof)) &&
			     get_username(object, read.username))) ||
	    !get_content(&read)) {
		envelope_free(&read);
		return EPROTO;
	}
	*envelope = read;
	return 0;
}

void envelope_free(struct envelope *envelope)
{
	json_decref(envelope->document);
	*envelope = (struct envelope){0};
}

int envelope_format_receipt(struct buffer *out, const struct envelope_receipt *receipt, json_t *members)
{
	const char *username = receipt->username[0] != '\0' ? receipt->username : NULL;
	const char *why = receipt->why[0] != '\0' ? receipt->why : NULL;
	json_t *object = json_pack("{s:I, s:s*, s:i, s:s*}", "received", (json_int_t)receipt->received, "username",
	    username, "status", (int)receipt->status, "why", why);
	int rc = EILSEQ;

	if (object && (!members || json_object_update(object, members) == 0))
		rc = jsontext_append(out, object);
	json_decref(object);
	return rc;
}

static bool get_status(const json_t *object, enum envelope_status *status)
{
	json_int_t number = json_integer_value(json_object_get(object, "status"));

	*status = (enum envelope_status)number;
	return number == ENVELOPE_DONE || number == ENVELOPE_NOT_NOW || number == ENVELOPE_NO;
}

/* A reason may be missing, and then is empty; what is there must be short and fit for a line. */
static bool get_why(const json_t *object, char why[static ENVELOPE_WHY_MAX_BYTES + 1])
{
	const char *text, *at;
	size_t len;

	why[0] = '\0';
	if (!json_object_get(object, "why"))
		return true;
	if (!jsontext_get_string(object, "why", &text, &len) || len > ENVELOPE_WHY_MAX_BYTES)
		return false;
	for (at = text; at < text + len;) {
		if (text_is_control(text_next(&at, text + len)))
			return false;
	}
	memcpy(why, text, len + 1);
	return true;
}

int envelope_parse_receipt(const char *json, size_t len, struct envelope_receipt *receipt, json_t **answer)
{
	json_t *object = jsontext_parse(json, len, NULL);
	const json_t *received = json_object_get(object, "received");
	struct envelope_receipt read;
	int rc = EPROTO;

	if (!object)
		return errno == ENOMEM ? ENOMEM : EPROTO;
	if (json_is_integer(received) && json_integer_value(received) >= 0 && get_username(object, read.username) &&
	    get_status(object, &read.status) && get_why(object, read.why)) {
		read.received = (uint64_t)json_integer_value(received);
		*receipt = read;
		if (answer)
			*answer = json_incref(object);
		rc = 0;
	}
	json_decref(object);
	return rc;
}
