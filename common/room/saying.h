/*
 * A saying: what somebody says in a room, signed by its author, and sealed under the key that all members have.
 *
 * Who signed is all that is proven here. Whether the author was a member, whether the speaker is one, and whether it was
 * said before, is judged by whoever knows the room. What is read comes from anybody; every length is bounded. common/
 * PROTOCOL.md, section 7. Nothing blocks.
 */
#ifndef QUARTET_SAYING_H
#define QUARTET_SAYING_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "room/signedtext.h"
#include "wire/envelope.h"

/* The JSON of a signed saying is at most this long, so that it fits into an object after it was sealed twice. */
#define SAYING_MAX_BYTES 36000

struct saying {
	uint8_t room[ROOM_ID_BYTES];
	uint8_t state[ROOMSTATE_ID_BYTES]; /* the author's head when it was said */
	uint8_t id[ENVELOPE_ID_BYTES];
	uint8_t by[IDENTITY_BYTES]; /* the author */
	int64_t time_ms;	    /* wall clock, of the author */
	const char *text;	    /* UTF-8 without U+0000; NULL in an offer */
	size_t text_len;
	bool has_file; /* it is one, with a hash: */
	struct fileoffer file;
	json_t *document; /* of what was read: text is in it */
};

/*
 * Signs what is in saying as own, whatever its by. *record receives the JSON object, a new reference, which
 * signedtext_of_json() reads. Returns 0, ENOMEM, EILSEQ if the text is not UTF-8, or EMSGSIZE if it is too long.
 */
int saying_sign(const struct saying *saying, const struct identity *own, json_t **record)
    __attribute__((warn_unused_result));

/*
 * Reads what somebody signed, and checks the signature of its author. Returns 0 with *saying set, to be released with
 * saying_free(); ENOMEM; or EPROTO if it is not as described, too long, or not genuine.
 */
int saying_parse(const struct signedtext *record, struct saying *saying) __attribute__((warn_unused_result));

/* The same without the check, for what was checked before it was written into chat.log. */
int saying_read(const struct signedtext *record, struct saying *saying) __attribute__((warn_unused_result));

void saying_free(struct saying *saying);

/* Seals a record under the key of a state and appends the base64 to out. Returns 0 or ENOMEM. */
int saying_seal(const json_t *record, const uint8_t key[static ROOM_KEY_BYTES], struct buffer *out)
    __attribute__((warn_unused_result));

/*
 * Opens len characters of base64 that were sealed so. *record receives the JSON object, a new reference, not yet checked.
 * Returns 0, ENOMEM, or EPROTO if the key is another one or it is no record.
 */
int saying_open(const char *sealed, size_t len, const uint8_t key[static ROOM_KEY_BYTES], json_t **record)
    __attribute__((warn_unused_result));

#endif
