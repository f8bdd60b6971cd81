#include "wire/envelope.h"

#include <errno.h>
#include <string.h>

#include "base/base64.h"
#include "base/jsontext.h"
#include "base/text.h"

/* base64 of an id, and the NUL. */
#define ID_TEXT_BYTES 25

_Static_assert(DH_PROOF_BYTES == IDENTITY_BYTES, "a proof is written as an identity is");

int envelope_format(struct buffer *out, const struct envelope *envelope)
{
	char identity[IDENTITY_TEXT_BYTES], proof[IDENTITY_TEXT_BYTES], id[ID_TEXT_BYTES];
	bool is_first = envelope->is_first;
	json_t *object;
	int rc = EILSEQ;

	identity_format(envelope->identity, identity);
	identity_format(envelope->proof, proof);
	sodium_bin2base64(id, sizeof(id), envelope->id, sizeof(envelope->id), BASE64_VARIANT);
	object = json_pack("{s:s*, s:s*, s:s*, s:s, s:s%}", "identity", is_first ? identity : NULL, "proof",
	    is_first ? proof : NULL, "username", is_first && envelope->username[0] != '\0' ? envelope->username : NULL,
	    "id", id, "text", envelope->text, envelope->text_len);
	if (object)
		rc = jsontext_append(out, object);
	json_decref(object);
	return rc;
}

static bool get_key(const json_t *object, const char *name, uint8_t key[static IDENTITY_BYTES])
{
	const char *text;
	size_t len;

	return jsontext_get_string(object, name, &text, &len) && identity_parse(text, len, key);
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

static bool get_id(const json_t *object, uint8_t id[static ENVELOPE_ID_BYTES])
{
	const char *text;
	size_t len, id_len;

	return jsontext_get_string(object, "id", &text, &len) && len == ID_TEXT_BYTES - 1 &&
	       base64_decode(text, len, id, ENVELOPE_ID_BYTES, &id_len) && id_len == ENVELOPE_ID_BYTES;
}

int envelope_parse(const char *json, size_t len, bool is_first, struct envelope *envelope)
{
	struct envelope read = {.is_first = is_first, .document = jsontext_parse(json, len, NULL)};
	const json_t *object = read.document;

	if (!object)
		return errno == ENOMEM ? ENOMEM : EPROTO;
	if ((is_first && !(get_key(object, "identity", read.identity) && get_key(object, "proof", read.proof) &&
			     get_username(object, read.username))) ||
	    !get_id(object, read.id) || !jsontext_get_string(object, "text", &read.text, &read.text_len)) {
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

int envelope_format_receipt(struct buffer *out, const struct envelope_receipt *receipt)
{
	const char *username = receipt->username[0] != '\0' ? receipt->username : NULL;
	const char *why = receipt->why[0] != '\0' ? receipt->why : NULL;
	json_t *object = json_pack("{s:I, s:s*, s:i, s:s*}", "received", (json_int_t)receipt->received, "username",
	    username, "status", (int)receipt->status, "why", why);
	int rc = object ? jsontext_append(out, object) : EILSEQ;

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

int envelope_parse_receipt(const char *json, size_t len, struct envelope_receipt *receipt)
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
		rc = 0;
	}
	json_decref(object);
	return rc;
}
