#include "wire.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "decimal.h"
#include "jsontext.h"

/* jansson reads integers of up to 63 bits; one with more characters than this, its sign included, may not fit. */
#define INTEGER_SAFE_DIGITS 18

static const char *const encrypted_names[] = {"encrypted_message", "encryptedmessage", "encrypted message"};
static const char *const unencrypted_names[] = {"unencrypted_message", "unencryptedmessage", "unencrypted message"};

#define SPELLINGS (sizeof(encrypted_names) / sizeof(encrypted_names[0]))

/* The length of the integer at text[at], which begins a value there; 0 where none does. */
static size_t integer_at(const char *text, size_t len, size_t at)
{
	size_t end = at + (text[at] == '-');
	size_t digits = end;

	if (at == 0 || !memchr(":,[ \t\r\n", text[at - 1], 7))
		return 0;
	while (end < len && text[end] >= '0' && text[end] <= '9')
		end++;
	/* With a zero in front it is no JSON number at all, which is for the parser to say. */
	if (end == digits || (end > digits + 1 && text[digits] == '0'))
		return 0;
	return end < len && memchr(",]} \t\r\n", text[end], 7) ? end - at : 0;
}

/*
 * Copies JSON text with every integer that is too long for jansson in quotes, so that a key sent as a number of any size
 * can be read as its digits; or with a 0 in its place, which shows where numbers were.
 */
static int replace_long_integers(const char *text, size_t len, bool quote, struct buffer *out)
{
	bool in_string = false;
	int rc = 0;

	for (size_t i = 0, step; i < len && rc == 0; i += step) {
		step = in_string ? 0 : integer_at(text, len, i);
		if (step > INTEGER_SAFE_DIGITS) {
			rc = buffer_printf(out, quote ? "\"%.*s\"" : "0", (int)step, text + i);
			continue;
		}
		if (step == 0)
			step = in_string && text[i] == '\\' && i + 1 < len ? 2 : 1;
		if (text[i] == '"')
			in_string = !in_string;
		rc = buffer_append(out, text + i, step);
	}
	return rc;
}

static json_t *parse_replaced(const char *text, size_t len, bool quote)
{
	struct buffer replaced = {0};
	json_t *document = NULL;

	if (replace_long_integers(text, len, quote, &replaced) == 0)
		document = jsontext_parse(replaced.data, replaced.len, NULL);
	buffer_free(&replaced);
	return document;
}

/* Parses an object in which jansson may have found an integer too large for it. */
static json_t *parse_long_integers(const char *text, size_t len, bool *key_is_number)
{
	json_t *rough = parse_replaced(text, len, false);

	*key_is_number = json_is_number(json_object_get(rough, "key"));
	/* The value of any other number is of no interest here. */
	if (!*key_is_number)
		return rough;
	json_decref(rough);
	return parse_replaced(text, len, true);
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
