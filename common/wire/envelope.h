/*
 * What is said in a sealed channel: messages and their receipts, as JSON.
 *
 *   the first message:  {"identity": "...", "proof": "...", "username": "Ece", "id": "...", "text": "hello"}
 *   later ones:         {"id": "...", "text": "again"}
 *   an offer:           {"id": "...", "file": {"name": "plan.pdf", "bytes": 2100000}}
 *   an ask, a saying:   {"ask": "...", ...}, {"sealed": "...", ...} in place of id and text
 *   a receipt:          {"received": 0, "username": "Bob", "status": 200}, and perhaps "why": "..." before the bracket
 *
 * common/PROTOCOL.md, section 3.1. The members are written in this order; username is left out by who has none. What is
 * read comes from whoever holds the key, who may be anybody: every member is checked and bounded here, but for those of an
 * ask, a saying, or the answer to one, which are room/ask's; further ones are ignored. Whether a proof holds is not judged
 * here. Nothing blocks.
 */
#ifndef QUARTET_ENVELOPE_H
#define QUARTET_ENVELOPE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "crypto/identity.h"
#include "file/fileoffer.h"
#include "file/filesource.h"
#include "trust/username.h"

/* A message or a receipt of so many bytes still fits into an object, whatever is in it. */
#define ENVELOPE_MAX_BYTES 49000
#define ENVELOPE_ID_BYTES 16
#define ENVELOPE_WHY_MAX_BYTES 64

/* A message. What was read ends with envelope_free(), which also ends text. */
struct envelope {
	bool is_first; /* it says who speaks: identity, proof and username mean something */
	uint8_t identity[IDENTITY_BYTES];
	uint8_t proof[DH_PROOF_BYTES];
	char username[USERNAME_MAX_BYTES + 1]; /* "" if the sender has none */
	uint8_t id[ENVELOPE_ID_BYTES];
	const char *text; /* UTF-8 without U+0000; NULL in what is none, of which asks and sayings have no id */
	size_t text_len;
	bool has_file; /* it is an offer: */
	struct fileoffer file;
	json_t *body;	  /* of an ask or a saying the members; of what was read, the whole object; else NULL */
	json_t *document; /* of what was read: text and body are in it */
};

/* What the user says to somebody: a text, or the offer of a file, and where that lies, which is told nobody. */
struct envelope_content {
	const char *text; /* UTF-8; NULL in an offer */
	size_t text_len;
	const struct fileoffer *file;
	const struct filesource *source;
};

/* What became of a message. */
enum envelope_status {
	ENVELOPE_DONE = 200,	/* it is on the receiver's disk */
	ENVELOPE_NOT_NOW = 300, /* not so far; it may be sent again later */
	ENVELOPE_NO = 404,	/* and never will be */
};

struct envelope_receipt {
	uint64_t received;		       /* the number of the message in its channel */
	char username[USERNAME_MAX_BYTES + 1]; /* the receiver's own, "" if it has none */
	enum envelope_status status;
	char why[ENVELOPE_WHY_MAX_BYTES + 1]; /* UTF-8 without control characters, or "" */
};

/* Appends it as JSON. Returns 0, ENOMEM, or EILSEQ if a text is not UTF-8; out is then unchanged. */
int envelope_format(struct buffer *out, const struct envelope *envelope) __attribute__((warn_unused_result));

/*
 * Reads a message of len bytes; the first one must say who speaks. Returns 0, ENOMEM, or EPROTO with *envelope left alone
 * if it is not as described.
 */
int envelope_parse(const char *json, size_t len, bool is_first, struct envelope *envelope)
    __attribute__((warn_unused_result));

/* Releases what envelope_parse() set; harmless on a zeroed one. */
void envelope_free(struct envelope *envelope);

/*
 * The same two for receipts. The answer to an ask has further members, which are written after the others unless they are
 * NULL; unless answer is NULL, *answer receives the object that was read, a new reference.
 */
int envelope_format_receipt(struct buffer *out, const struct envelope_receipt *receipt, json_t *members)
    __attribute__((warn_unused_result));
int envelope_parse_receipt(const char *json, size_t len, struct envelope_receipt *receipt, json_t **answer)
    __attribute__((warn_unused_result));

#endif
