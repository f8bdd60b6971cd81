#include "wire/wire.h"

#include <errno.h>
#include <inttypes.h>

#include "base/decimal.h"
#include "base/jsontext.h"

static const char *const encrypted_names[] = {"encrypted_message", "encryptedmessage", "encrypted message"};
static const char *const unencrypted_names[] = {"unencrypted_message", "unencryptedmessage", "unencrypted message"};

#define SPELLINGS (sizeof(encrypted_names) / sizeof(encrypted_names[0]))

/* Parses an object in which jansson may have found an integer too large for it. */
static json_t *parse_long_integers(const char *text, size_t len, bool *key_is_number)
{
	json_t *rough = jsontext_parse_long(text, len, false);

	*key_is_number = json_is_number(json_object_get(rough, "key"));
	/* The value of any other number is of no interest here. */
	if (!*key_is_number)
		return rough;
	json_decref(rough);
	return jsontext_parse_long(text, len, true);
}

static bool is_space(char character)
{
	return character == ' ' || (character >= '\t' && character <= '\r');
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
	/* Some pass on a line as it was typed. */
	while (object->value_len > 0 && is_space(object->value[0])) {
		object->value++;
		object->value_len--;
	}
	while (object->value_len > 0 && is_space(object->value[object->value_len - 1]))
		object->value_len--;
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
	const char *fault;
	const json_t *key;
	int rc;

	parsed.document = jsontext_parse(text, len, &fault);
	if (!parsed.document)
		parsed.document = parse_long_integers(text, len, &parsed.key_is_number);
	if (!parsed.document) {
		*why = fault;
		return EBADMSG;
	}
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
