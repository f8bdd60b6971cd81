#include "wire/wire.h"

#include <errno.h>
#include <string.h>

#include "base/decimal.h"
#include "base/jsontext.h"
#include "base/text.h"

/* The members of messages as we spell them, with an underscore, and as others do. */
static const struct {
	const char *name;
	enum wire_kind kind;
} messages[] = {
    {"encrypted_message", WIRE_ENCRYPTED},
    {"encryptedmessage", WIRE_ENCRYPTED},
    {"encrypted message", WIRE_ENCRYPTED},
    {"unencrypted_message", WIRE_UNENCRYPTED},
    {"unencryptedmessage", WIRE_UNENCRYPTED},
    {"unencrypted message", WIRE_UNENCRYPTED},
};

/* Takes the key as its digits, if it is one. */
static bool read_key(struct wire_object *object, const json_t *key)
{
	if (json_is_integer(key)) {
		object->key_is_number = true;
		if (json_object_set_new(object->document, "key",
			json_sprintf("%" JSON_INTEGER_FORMAT, json_integer_value(key))))
			return false;
	}
	if (!jsontext_get_string(object->document, "key", &object->value, &object->value_len))
		return false;
	/* Some pass on a line as it was typed. */
	text_trim(&object->value, &object->value_len);
	object->kind = WIRE_KEY;
	return decimal_is_number(object->value, object->value_len) && strspn(object->value, "0") < object->value_len;
}

/* Takes the first message that is a string; if there is none, *why is set if one is something else. */
static bool read_message(struct wire_object *object, const char **why)
{
	object->key_is_number = false;
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		if (!json_object_get(object->document, messages[i].name))
			continue;
		object->kind = messages[i].kind;
		if (jsontext_get_string(object->document, messages[i].name, &object->value, &object->value_len))
			return true;
		*why = "its message is no string";
	}
	return false;
}

int wire_parse(const char *text, size_t len, struct wire_object *object, const char **why)
{
	struct wire_object parsed = {.document = jsontext_parse(text, len, why)};
	const char *fault = "it has no key and no message";
	const json_t *key;

	if (!parsed.document)
		return EBADMSG;
	key = json_object_get(parsed.document, "key");
	if (key)
		fault = "its key is no whole number above 0";
	if (!(key && read_key(&parsed, key)) && !read_message(&parsed, &fault)) {
		*why = fault;
		wire_free(&parsed);
		return EBADMSG;
	}
	*object = parsed;
	return 0;
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
	int rc = buffer_printf(out, "{\"%s\": ", kind == WIRE_ENCRYPTED ? "encrypted_message" : "unencrypted_message");

	if (rc == 0)
		rc = jsontext_append_string(out, text, len);
	if (rc == 0)
		rc = buffer_append(out, "}", 1);
	if (rc != 0)
		out->len = before;
	return rc;
}
