#include "base/buffer.h"

#include <errno.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY_BYTES 256

static int reserve(struct buffer *buffer, size_t len)
{
	size_t capacity = buffer->capacity ? buffer->capacity : FIRST_CAPACITY_BYTES;
	char *data;

	if (len > SIZE_MAX / 2 - buffer->len)
		return ENOMEM;
	while (capacity < buffer->len + len)
		capacity *= 2;
	if (capacity == buffer->capacity)
		return 0;
	data = malloc(capacity);
	if (!data)
		return ENOMEM;
	/* realloc() would leave a copy of what may be secret. */
	if (buffer->data) {
		memcpy(data, buffer->data, buffer->len);
		sodium_memzero(buffer->data, buffer->capacity);
		free(buffer->data);
	}
	buffer->data = data;
	buffer->capacity = capacity;
	return 0;
}

int buffer_append(struct buffer *buffer, const void *bytes, size_t len)
{
	int rc = reserve(buffer, len);

	if (rc == 0 && len > 0) {
		memcpy(buffer->data + buffer->len, bytes, len);
		buffer->len += len;
	}
	return rc;
}

int buffer_vprintf(struct buffer *buffer, const char *format, va_list arguments)
{
	size_t room = buffer->capacity - buffer->len;
	va_list again;
	int len, rc = 0;

	va_copy(again, arguments);
	len = vsnprintf(room > 0 ? buffer->data + buffer->len : NULL, room, format, arguments);
	if (len < 0)
		rc = ENOMEM;
	else if ((size_t)len >= room)
		rc = reserve(buffer, (size_t)len + 1);
	if (rc == 0 && (size_t)len >= room)
		vsnprintf(buffer->data + buffer->len, (size_t)len + 1, format, again);
	if (rc == 0)
		buffer->len += (size_t)len;
	va_end(again);
	return rc;
}

int buffer_printf(struct buffer *buffer, const char *format, ...)
{
	va_list arguments;
	int rc;

	va_start(arguments, format);
	rc = buffer_vprintf(buffer, format, arguments);
	va_end(arguments);
	return rc;
}

void buffer_put(struct buffer *buffer, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	if (buffer->error == 0)
		buffer->error = buffer_vprintf(buffer, format, arguments);
	va_end(arguments);
}

void buffer_consume(struct buffer *buffer, size_t len)
{
	if (len > buffer->len)
		len = buffer->len;
	if (len == 0)
		return;
	buffer->len -= len;
	memmove(buffer->data, buffer->data + len, buffer->len);
}

void buffer_free(struct buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct buffer){0};
}

void buffer_wipe(struct buffer *buffer)
{
	if (buffer->data)
		sodium_memzero(buffer->data, buffer->capacity);
	buffer_free(buffer);
}
