#include "room/saying.h"

#include <errno.h>

#include "base/clock.h"
#include "base/jsontext.h"
#include "crypto/secretbox.h"

static const char label[] = "quartet saying";

/* Makes the record of a text that is to be signed. */
static int sign_text(const struct buffer *text, const struct identity *own, json_t **record)
{
	struct signedtext signed_text = {.text = text->data, .len = text->len};
	json_t *made;

	if (identity_sign(own, label, text->data, text->len, signed_text.signature) != 0)
		return ENOMEM;
	made = signedtext_to_json(&signed_text);
	if (!made)
		return ENOMEM;
	if (json_dumpb(made, NULL, 0, 0) > SAYING_MAX_BYTES) {
		json_decref(made);
		return EMSGSIZE;
	}
	*record = made;
	return 0;
}

int saying_sign(const struct saying *saying, const struct identity *own, json_t **record)
{
	char time[CLOCK_UTC_BYTES];
	struct buffer text = {0};
	json_t *object,
	    *said = saying->has_file ? fileoffer_to_json(&saying->file) : json_stringn(saying->text, saying->text_len);
	int rc = EILSEQ;

	clock_format_utc(saying->time_ms, time);
	object = json_pack("{s:o, s:o, s:o, s:o, s:s, s:o}", "room", jsontext_bytes(saying->room, ROOM_ID_BYTES),
	    "state", jsontext_bytes(saying->state, ROOMSTATE_ID_BYTES), "id",
	    jsontext_bytes(saying->id, ENVELOPE_ID_BYTES), saying->has_file ? "file" : "text", said, "time", time, "by",
	    jsontext_bytes(own->public, IDENTITY_BYTES));
	if (object)
		rc = jsontext_append(&text, object);
	if (rc == 0)
		rc = sign_text(&text, own, record);
	json_decref(object);
	buffer_wipe(&text);
	return rc;
}

static bool get_content(const json_t *object, struct saying *read)
{
	if (jsontext_get_string(object, "text", &read->text, &read->text_len))
		return true;
	read->has_file = fileoffer_of_json(json_object_get(object, "file"), &read->file) && read->file.has_hash;
	return read->has_file;
}

int saying_read(const struct signedtext *record, struct saying *saying)
{
	struct saying read = {.document = jsontext_parse_strictly(record->text, record->len)};
	const json_t *object = read.document;
	const char *time;
	size_t len;

	if (!object)
		return errno == ENOMEM ? ENOMEM : EPROTO;
	if (record->len > SAYING_MAX_BYTES || !jsontext_get_bytes(object, "room", read.room, sizeof(read.room)) ||
	    !jsontext_get_bytes(object, "state", read.state, sizeof(read.state)) ||
	    !jsontext_get_bytes(object, "id", read.id, sizeof(read.id)) ||
	    !jsontext_get_bytes(object, "by", read.by, sizeof(read.by)) || !get_content(object, &read) ||
	    !jsontext_get_string(object, "time", &time, &len) || !clock_parse_utc(time, len, &read.time_ms)) {
		saying_free(&read);
		return EPROTO;
	}
	*saying = read;
	return 0;
}

int saying_parse(const struct signedtext *record, struct saying *saying)
{
	struct saying read;
	int rc = saying_read(record, &read);

	if (rc != 0)
		return rc;
	if (!identity_verify(read.by, label, record->text, record->len, record->signature)) {
		saying_free(&read);
		return EPROTO;
	}
	*saying = read;
	return 0;
}

void saying_free(struct saying *saying)
{
	json_decref(saying->document);
	*saying = (struct saying){0};
}

int saying_seal(const json_t *record, const uint8_t key[static ROOM_KEY_BYTES], struct buffer *out)
{
	struct buffer plaintext = {0};
	int rc = jsontext_append(&plaintext, record);

	if (rc == 0)
		rc = secretbox_seal_alone(key, plaintext.data, plaintext.len, out);
	buffer_wipe(&plaintext);
	return rc;
}

int saying_open(const char *sealed, size_t len, const uint8_t key[static ROOM_KEY_BYTES], json_t **record)
{
	struct buffer plaintext = {0};
	int rc = secretbox_open_alone(key, sealed, len, &plaintext);
	json_t *object;

	if (rc == 0 && plaintext.len > SAYING_MAX_BYTES)
		rc = EPROTO;
	if (rc != 0)
		goto out;
	object = jsontext_parse(plaintext.data, plaintext.len, NULL);
	if (object)
		*record = object;
	else
		rc = errno;
out:
	buffer_wipe(&plaintext);
	return rc == EBADMSG ? EPROTO : rc;
}
