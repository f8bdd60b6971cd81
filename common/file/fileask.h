/*
 * The ask for a file, and the members of its answer (common/PROTOCOL.md, section 8):
 *
 *   {"ask": "file", "file": id, "from": offset, "prefix": hash of the bytes before}, and later {..., "done": true}
 *
 * What is read may come from anybody; only its form is checked. Nothing blocks.
 */
#ifndef QUARTET_FILEASK_H
#define QUARTET_FILEASK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "file/fileoffer.h"
#include "wire/envelope.h"

/* Why there is no file, as the receipt says it. */
#define FILEASK_NO_SUCH_FILE "no such file" /* or it is none of the asker's business */
#define FILEASK_CHANGED "changed"	    /* since it was offered */
#define FILEASK_BUSY "busy"		    /* with other files */
#define FILEASK_PREFIX "prefix"		    /* what the asker has is not its beginning */

struct fileask {
	uint8_t id[ENVELOPE_ID_BYTES]; /* of the offer */
	int64_t from;
	bool has_prefix; /* else from is 0 */
	uint8_t prefix[FILE_HASH_BYTES];
	bool is_done; /* the asker has all of it, and asks for nothing */
};

/* Of a receipt that says 200, what comes. */
struct fileask_answer {
	int64_t bytes, from;
};

/* Whether what came in place of a text asks for a file, in whatever form. */
bool fileask_is(const json_t *body);

/* The JSON object, a new reference; NULL if out of memory. */
json_t *fileask_format(const struct fileask *ask) __attribute__((warn_unused_result));

/* Reads such an object. Returns 0, or EPROTO with *ask left alone if its members are wrong. */
int fileask_parse(const json_t *body, struct fileask *ask) __attribute__((warn_unused_result));

/* The same two for the further members of a receipt. */
json_t *fileask_format_answer(const struct fileask_answer *answer) __attribute__((warn_unused_result));
int fileask_parse_answer(const json_t *receipt, struct fileask_answer *answer) __attribute__((warn_unused_result));

#endif
