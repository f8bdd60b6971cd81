/*
 * The JSON helpers: one bounded way into jansson and one way out.
 *
 * Everything that crosses the network or lies in the two files is JSON that somebody else may have written. jansson refuses
 * what is not UTF-8, lone surrogates, U+0000 in strings and nesting deeper than 2,048 levels. What goes out has the form of
 * jansson's and Python's defaults: one space after colon and comma, raw UTF-8.
 *
 * jansson does not survive a shortage of memory, so its memory never comes back NULL: if there is none, a reserve is given
 * back and the request tried again; if that is not enough either, the program ends. What begins without a reserve is
 * refused with ENOMEM. What jansson gives back is wiped: it may have been a key. Threads may use it at once.
 */
#ifndef QUARTET_JSONTEXT_H
#define QUARTET_JSONTEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/* Sets what ends the program, before there are threads; it must not return. Without one the program aborts. */
void jsontext_on_exhaustion(void (*handler)(void));

/*
 * Parses a text as one JSON object, with nothing but white space around it. Returns a new reference, or NULL with errno
 * EBADMSG or ENOMEM; if why is not NULL, it then becomes a short reason in static storage.
 */
json_t *jsontext_parse(const char *text, size_t len, const char **why) __attribute__((warn_unused_result));

/* The same for what is signed and passed on, which everybody must read in one way: no member may stand there twice. */
json_t *jsontext_parse_strictly(const char *text, size_t len) __attribute__((warn_unused_result));

/*
 * The string member name of object: *text lives as long as the member, *len excludes the NUL that follows it. Returns
 * false, and sets nothing, if there is no such member or it is no string.
 */
bool jsontext_get_string(const json_t *object, const char *name, const char **text, size_t *len)
    __attribute__((warn_unused_result));

/* The member name of object, if it is the base64 of exactly size bytes. Returns false, with bytes undefined, for all else. */
bool jsontext_get_bytes(const json_t *object, const char *name, void *bytes, size_t size)
    __attribute__((warn_unused_result));

/* The base64 of size bytes as a JSON string, a new reference; NULL if out of memory. */
json_t *jsontext_bytes(const void *bytes, size_t size) __attribute__((warn_unused_result));

/* Append a value, or a text as a string. Return 0, ENOMEM, or EILSEQ for no UTF-8, or a NUL; then nothing is appended. */
int jsontext_append(struct buffer *buffer, const json_t *value) __attribute__((warn_unused_result));
int jsontext_append_string(struct buffer *buffer, const char *text, size_t len) __attribute__((warn_unused_result));

/* The same, as buffer_put(). */
void jsontext_put(struct buffer *buffer, const json_t *value);
void jsontext_put_string(struct buffer *buffer, const char *text, size_t len);

#endif
