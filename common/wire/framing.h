/*
 * Where one JSON object ends and the next begins on a TCP connection.
 *
 * Specification 2.3.0-C and D put JSON objects on the stream with nothing between them; an object may arrive a byte at a
 * time, and several may arrive at once (common/PROTOCOL.md, section 2). The framer counts brackets outside strings and
 * hands out whole objects; it does not judge what is between the brackets, jsontext does. Each byte is looked at once.
 * One peer's framer holds at most FRAMING_MAX_BYTES and what it was just given.
 */
#ifndef QUARTET_FRAMING_H
#define QUARTET_FRAMING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/* One object is at most this long, in bytes. */
#define FRAMING_MAX_BYTES 65536

/* A zeroed struct framer is ready for use; end with framer_free(). */
struct framer {
	struct buffer pending;
	size_t handed_out; /* bytes at the front that belong to the object handed out last */
	size_t scanned;	   /* bytes looked at, from the front */
	unsigned depth;	   /* brackets open at scanned */
	bool in_string;
	bool escaped; /* the byte before was a backslash in a string */
};

/* Takes len bytes as they came from the connection. Returns 0, or ENOMEM with the framer unchanged. */
int framer_push(struct framer *framer, const char *bytes, size_t len) __attribute__((warn_unused_result));

/*
 * Hands out the next whole object. Returns 0 with *object and *len set, valid until the next call on this framer;
 * EAGAIN if more bytes are needed; EBADMSG if a byte outside an object is no white space; EMSGSIZE if an object is
 * longer than FRAMING_MAX_BYTES. After the last two the stream has no boundaries any more: drop the connection.
 */
int framer_next(struct framer *framer, const char **object, size_t *len) __attribute__((warn_unused_result));

/* What came behind the object that was handed out last, and may be none itself: *len bytes, valid until the next call. */
const char *framer_rest(const struct framer *framer, size_t *len);

/* Whether an object has begun and not ended. */
bool framer_is_partial(const struct framer *framer);

/* Wipes and releases what is held; the framer is ready for use again. */
void framer_free(struct framer *framer);

#endif
