/*
 * A text that somebody signed, as it travels and as it lies in the files: {"signed": "<the exact text>", "signature":
 * "<base64>"}. States and sayings of rooms are such texts (common/PROTOCOL.md, section 7).
 *
 * Signed are the bytes as they are, so the text is passed on as it came and never written anew. What is in it, and whose
 * signature it is, others judge: here it is hostile input of the right form. Nothing blocks.
 */
#ifndef QUARTET_SIGNEDTEXT_H
#define QUARTET_SIGNEDTEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/identity.h"

#define ROOM_ID_BYTES 16      /* of a room: the beginning of the id of its first state */
#define ROOMSTATE_ID_BYTES 32 /* of a state: BLAKE2b-256 of its text */
#define ROOM_KEY_BYTES 32     /* the K of a state */

/* text is NULL if there is none. Of what was read it lives as long as the JSON. */
struct signedtext {
	const char *text; /* UTF-8 without U+0000 */
	size_t len;
	uint8_t signature[IDENTITY_SIGNATURE_BYTES];
};

/* The JSON object, a new reference; NULL if the text is not UTF-8, or out of memory. */
json_t *signedtext_to_json(const struct signedtext *text) __attribute__((warn_unused_result));

/* Reads such an object, ignoring further members. Returns false, with *text left alone, for anything else. */
bool signedtext_of_json(const json_t *object, struct signedtext *text) __attribute__((warn_unused_result));

#endif
