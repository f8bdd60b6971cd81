#include "base/jsontext.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"

/* Given back when memory runs out, so that what was begun can end; more than most objects of 64 KiB need. */
#define RESERVE_BYTES (1024 * 1024)

static _Atomic(void *) reserve;
static void (*on_exhaustion)(void);

/*
 * Memory for jansson, never NULL: short of memory, jansson reads beyond its own, drops parts of a text, or takes it for
 * damaged.
 */
static void *take_memory(size_t len)
{
	void *memory = malloc(len);

	if (!memory) {
		free(atomic_exchange(&reserve, NULL));
		memory = malloc(len);
	}
	if (!memory) {
		if (on_exhaustion)
			on_exhaustion();
		abort();
	}
	return memory;
}

/* What was read or written may have been secret: keys, and what people say. */
static void wipe_memory(void *memory)
{
	if (memory)
		explicit_bzero(memory, malloc_usable_size(memory));
	free(memory);
}

__attribute__((constructor)) static void replace_memory(void)
{
	json_set_alloc_funcs(take_memory, wipe_memory);
}

/* Sees to it that there is a reserve; false if out of memory already. */
static bool fill_reserve(void)
{
	void *none = NULL, *fresh;

	if (atomic_load(&reserve))
		return true;
	fresh = malloc(RESERVE_BYTES);
	if (!fresh)
		return false;
	if (!atomic_compare_exchange_strong(&reserve, &none, fresh))
		free(fresh);
	return true;
}

void jsontext_on_exhaustion(void (*handler)(void))
{
	on_exhaustion = handler;
}

static const char *explain(const json_error_t *error)
{
	switch (json_error_code(error)) {
	case json_error_numeric_overflow:
		return "a number in it is too large";
	case json_error_duplicate_key:
		return "a member of it stands there twice";
	default:
		return "it is not JSON";
	}
}

static json_t *parse(const char *text, size_t len, size_t flags, const char **why)
{
	json_error_t error;
	json_t *value;

	if (!fill_reserve()) {
		if (why)
			*why = "out of memory";
		errno = ENOMEM;
		return NULL;
	}
	value = json_loadb(text, len, flags, &error);
	if (json_is_object(value))
		return value;
	if (why && value)
		*why = "it is JSON, but no object";
	else if (why)
		*why = explain(&error);
	json_decref(value);
	errno = EBADMSG;
	return NULL;
}

json_t *jsontext_parse(const char *text, size_t len, const char **why)
{
	return parse(text, len, 0, why);
}

json_t *jsontext_parse_strictly(const char *text, size_t len)
{
	return parse(text, len, JSON_REJECT_DUPLICATES, NULL);
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

bool jsontext_get_bytes(const json_t *object, const char *name, void *bytes, size_t size)
{
	const char *text;
	size_t len, decoded;

	return jsontext_get_string(object, name, &text, &len) && base64_decode(text, len, bytes, size, &decoded) &&
	       decoded == size;
}

json_t *jsontext_bytes(const void *bytes, size_t size)
{
	size_t text_size = sodium_base64_encoded_len(size, BASE64_VARIANT);
	char *text = malloc(text_size);
	json_t *string = text ? json_string(sodium_bin2base64(text, text_size, bytes, size, BASE64_VARIANT)) : NULL;

	free(text);
	return string;
}

static int append_chunk(const char *chunk, size_t len, void *buffer)
{
	return buffer_append(buffer, chunk, len) == 0 ? 0 : -1;
}

int jsontext_append(struct buffer *buffer, const json_t *value)
{
	size_t before = buffer->len;

	if (!fill_reserve() || json_dump_callback(value, append_chunk, buffer, JSON_ENCODE_ANY) != 0) {
		buffer->len = before;
		return ENOMEM;
	}
	return 0;
}

int jsontext_append_string(struct buffer *buffer, const char *text, size_t len)
{
	json_t *value;
	bool is_plain = true;
	int rc;

	/* Most texts need no escape (RFC 8259 section 7), and then jansson takes three times as long. */
	for (size_t i = 0; i < len; i++)
		is_plain &= text[i] >= ' ' && text[i] <= '~' && text[i] != '"' && text[i] != '\\';
	if (is_plain)
		return buffer_printf(buffer, "\"%.*s\"", (int)len, text);
	/* jansson would write what it does not read again. */
	if (memchr(text, '\0', len))
		return EILSEQ;
	if (!fill_reserve())
		return ENOMEM;
	value = json_stringn(text, len);
	if (!value)
		return EILSEQ;
	rc = jsontext_append(buffer, value);
	json_decref(value);
	return rc;
}

void jsontext_put(struct buffer *buffer, const json_t *value)
{
	if (buffer->error == 0)
		buffer->error = jsontext_append(buffer, value);
}

void jsontext_put_string(struct buffer *buffer, const char *text, size_t len)
{
	if (buffer->error == 0)
		buffer->error = jsontext_append_string(buffer, text, len);
}
