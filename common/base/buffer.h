/*
 * A growing array of bytes with an owner, for what is assembled piece by piece: objects off the wire, lines for a file.
 *
 * A zeroed struct buffer is an empty one. The module sets no limit: who appends foreign bytes bounds them first. Appending
 * returns 0, or ENOMEM with the buffer unchanged. Putting many pieces in a row keeps the first error in the buffer, for
 * whoever looks at it, and clears it, in the end; after it nothing is put.
 */
#ifndef QUARTET_BUFFER_H
#define QUARTET_BUFFER_H

#include <stdarg.h>
#include <stddef.h>

struct buffer {
	char *data; /* NULL while nothing was ever appended; not NUL-terminated */
	size_t len;
	size_t capacity;
	int error; /* of what was put */
};

int buffer_append(struct buffer *buffer, const void *bytes, size_t len) __attribute__((warn_unused_result));
int buffer_printf(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3), warn_unused_result));
int buffer_vprintf(struct buffer *buffer, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0), warn_unused_result));

void buffer_put(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Removes the first len bytes (at most buffer->len) and moves the rest to the front. */
void buffer_consume(struct buffer *buffer, size_t len);

/* Releases the memory; the buffer is empty and usable again. Of plaintext and secrets it is wiped before. */
void buffer_free(struct buffer *buffer);
void buffer_wipe(struct buffer *buffer);

#endif
