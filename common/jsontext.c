#include "jsontext.h"

#include <errno.h>
#include <string.h>

#include "text.h"

json_t *jsontext_parse(const char *text, size_t len, const char **why)
{
	json_error_t error;
	json_t *value = json_loadb(text, len, 0, &error);

	if (value && json_is_object(value))
		return value;
	if (why)
		*why = value ? "it is JSON, but no object" : "it is not JSON";
	json_decref(value);
	return NULL;
}

bool jsontext_get_string(const json_t *object, const char *name, const char **text, size_t *len)
{
	const json_t *member = json_object_get(object, name);

	if (!json_is_string(member))
		return false;
	*text = json_string_value(member);
	*len = json_string_length(member);
	return true;
}

static int append_chunk(const char *chunk, size_t len, void *buffer)
{
	return buffer_append(buffer, chunk, len) == 0 ? 0 : -1;
}

int jsontext_append(struct buffer *buffer, const json_t *value)
{
	size_t before = buffer->len;

	if (json_dump_callback(value, append_chunk, buffer, JSON_ENCODE_ANY) != 0) {
		buffer->len = before;
		return ENOMEM;
	}
	return 0;
}

int jsontext_append_string(struct buffer *buffer, const char *text, size_t len)
{
	json_t *value;
	int rc;

	/* jansson would write what it does not read again. */
	if (memchr(text, '\0', len))
		return EILSEQ;
	value = json_stringn(text, len);
	if (!value)
		return text_is_utf8(text, len) ? ENOMEM : EILSEQ;
	rc = jsontext_append(buffer, value);
	json_decref(value);
	return rc;
}
