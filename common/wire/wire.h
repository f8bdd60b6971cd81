/*
 * The three objects of the chat connection: {"key": "XXX"}, {"encrypted_message": "YYY"}, {"unencrypted_message":
 * "YYY"}.
 *
 * Specification 2.3.0-C, 2.3.0-D and 2.4.0-C. What is written has exactly that form. What is read may also carry the
 * key as a JSON number or with white space around it, spell the two messages "encryptedmessage" or "encrypted message",
 * and have more members, because other implementations do. Some of those send all members of ours, with 0 or null in
 * what they do not mean: the first that is usable counts (common/PROTOCOL.md, section 2).
 */
#ifndef QUARTET_WIRE_H
#define QUARTET_WIRE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

enum wire_kind {
	WIRE_KEY,
	WIRE_ENCRYPTED,
	WIRE_UNENCRYPTED,
};

/* An object that was read. value belongs to the object and ends with wire_free(). */
struct wire_object {
	enum wire_kind kind;
	const char *value; /* of a key its decimal digits, without white space around them, else the string */
	size_t value_len;
	bool key_is_number; /* a key that came without quotes is answered without */
	json_t *document;
};

/*
 * Reads one object of len bytes. Returns 0 with *object set, to be released with wire_free(), or EBADMSG with a reason
 * in static storage in *why: not JSON, none of the three, a message that is no string, a key that is no whole number
 * above 0.
 */
int wire_parse(const char *text, size_t len, struct wire_object *object, const char **why)
    __attribute__((warn_unused_result));

/* Releases what wire_parse() set, wiping nothing: these bytes were on the network. */
void wire_free(struct wire_object *object);

/* Appends the object for a key of decimal digits, in quotes unless as_number. Returns 0 or ENOMEM. */
int wire_format_key(struct buffer *out, const char *digits, bool as_number) __attribute__((warn_unused_result));

/*
 * Appends the object for a message: base64 text for WIRE_ENCRYPTED, what the user typed for WIRE_UNENCRYPTED. Returns
 * 0, ENOMEM, or EILSEQ if text is not UTF-8; out is then unchanged.
 */
int wire_format_message(struct buffer *out, enum wire_kind kind, const char *text, size_t len)
    __attribute__((warn_unused_result));

#endif
