#include "wire.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "decimal.h"
#include "jsontext.h"

/* jansson reads integers of up to 63 bits; a longer run of digits than this may not fit. */
#define INTEGER_SAFE_DIGITS 18

static const char *const encrypted_names[] = {"encrypted_message", "encryptedmessage", "encrypted message"};
static const char *const unencrypted_names[] = {"unencrypted_message", "unencryptedmessage", "unencrypted message"};

#define SPELLINGS (sizeof(encrypted_names) / sizeof(encrypted_names[0]))

/*
 * Copies JSON text and puts quotes around every integer that is too long for jansson, so that a key sent as a number of
 * any size can be read as its digits.
 */
static int quote_long_integers(const char *text, size_t len, struct buffer *quoted)
{
	bool in_string = false;
	int rc = 0;

	for (size_t i = 0, run; i < len && rc == 0; i += run) {
		bool starts_value = i > 0 && memchr(":,[ \t\r\n", text[i - 1], 7);

		for (run = 0; !in_string && i + run < len && text[i + run] >= '0' && text[i + run] <= '9'; run++)
			;
		if (run > INTEGER_SAFE_DIGITS && starts_value && i + run < len &&
		    memchr(",]} \t\r\n", text[i + run], 7)) {
			rc = buffer_printf(quoted, "\"%.*s\"", (int)run, text + i);
			continue;
		}
		if (run == 0) {
			run = in_string && text[i] == '\\' && i + 1 < len ? 2 : 1;
			if (text[i] == '"')
				in_string = !in_string;
		}
		rc = buffer_append(quoted, text + i, run);
	}
	return rc;
}

/* Parses an object in which jansson found an integer too large for it. */
static json_t *parse_long_integers(const char *text, size_t len, bool *key_is_number)
{
	/* Read as floating point the integers lose their digits, but show whether the key was one. */
	json_t *rough = json_loadb(text, len, JSON_DECODE_INT_AS_REAL, NULL);
	struct buffer quoted = {0};
	json_t *document = NULL;

	if (!rough)
		return NULL;
	*key_is_number = json_is_number(json_object_get(rough, "key"));
	json_decref(rough);
	if (quote_long_integers(text, len, &quoted) == 0)
		document = jsontext_parse(quoted.data, quoted.len, NULL);
	buffer_free(&quoted);
	return document;
}

static int read_key(struct wire_object *object, const json_t *key, const char **why)
{
	if (json_is_integer(key)) {
		json_int_t number = json_integer_value(key);

		object->key_is_number = true;
		if (number < 0 ||
		    json_object_set_new(object->document, "key", json_sprintf("%" PRIdMAX, (intmax_t)number)))
			goto refuse;
	}
	if (!jsontext_get_string(object->document, "key", &object->value, &object->value_len))
		goto refuse;
	if (!decimal_is_number(object->value, object->value_len))
		goto refuse;
	object->kind = WIRE_KEY;
	return 0;
refuse:
	*why = "its key is no whole number";
	return EBADMSG;
}

static int read_message(struct wire_object *object, const char **why)
{
	static const struct {
		enum wire_kind kind;
		const char *const *names;
	} kinds[] = {{WIRE_ENCRYPTED, encrypted_names}, {WIRE_UNENCRYPTED, unencrypted_names}};

	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		for (size_t i = 0; i < SPELLINGS; i++) {
			const char *name = kinds[k].names[i];

			if (!json_object_get(object->document, name))
				continue;
			object->kind = kinds[k].kind;
			if (jsontext_get_string(object->document, name, &object->value, &object->value_len))
				return 0;
			*why = "its message is no string";
			return EBADMSG;
		}
	}
	*why = "it has no key and no message";
	return EBADMSG;
}

int wire_parse(const char *text, size_t len, struct wire_object *object, const char **why)
{
	struct wire_object parsed = {0};
	const json_t *key;
	int rc;

	parsed.document = jsontext_parse(text, len, why);
	if (!parsed.document)
		parsed.document = parse_long_integers(text, len, &parsed.key_is_number);
	if (!parsed.document)
		return EBADMSG;
	key = json_object_get(parsed.document, "key");
	rc = key ? read_key(&parsed, key, why) : read_message(&parsed, why);
	if (rc == 0)
		*object = parsed;
	else
		wire_free(&parsed);
	return rc;
}

void wire_free(struct wire_object *object)
{
	json_decref(object->document);
	*object = (struct wire_object){0};
}

int wire_format_key(struct buffer *out, const char *digits, bool as_number)
{
	return buffer_printf(out, as_number ? "{\"key\": %s}" : "{\"key\": \"%s\"}", digits);
}

int wire_format_message(struct buffer *out, enum wire_kind kind, const char *text, size_t len)
{
	size_t before = out->len;
	int rc = buffer_printf(out, "{\"%s\": ", kind == WIRE_ENCRYPTED ? encrypted_names[0] : unencrypted_names[0]);

	if (rc == 0)
		rc = jsontext_append_string(out, text, len);
	if (rc == 0)
		rc = buffer_append(out, "}", 1);
	if (rc != 0)
		out->len = before;
	return rc;
}
