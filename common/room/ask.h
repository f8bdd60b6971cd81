/*
 * What is said about a room in a secure session in place of a text: sayings, asks, and the members of the answers.
 *
 * common/PROTOCOL.md, section 7, has their form. Here they are written, read and bounded; the room is judged elsewhere. What
 * was read borrows its strings from the JSON, which must outlive it. All of it may come from anybody. Nothing blocks.
 */
#ifndef QUARTET_ASK_H
#define QUARTET_ASK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/cpace.h"
#include "room/signedtext.h"
#include "wire/exchange.h"

/* Of the states or sayings that somebody has, so many bytes of each id are named, of so many at most. */
#define ASK_KNOWN_BYTES 8
#define ASK_KNOWN_MAX 4096

/* Why something is not done, as the receipt says it. */
#define ASK_NO_ROOM "no such room"
#define ASK_NO_MEMBER "not a member"
#define ASK_NOT_VALID "not valid"
#define ASK_BEHIND "behind" /* either side does not know the state of the other */
#define ASK_BUSY "busy"
#define ASK_FULL "full"		/* the room, or whatever keeps what comes */
#define ASK_PASSWORD "password" /* it is wrong, or missing */
#define ASK_CONFIRM "confirm"	/* the other half of its proof is missing */
#define ASK_TRIES "tries"	/* too many were tried */
#define ASK_INVITED "invited"	/* nobody else comes in */
#define ASK_REMOVED "removed"
#define ASK_USERNAME "username" /* the asker announces none */

enum ask_kind {
	ASK_SAYING, /* a saying: no ask, but it stands in the same place */
	ASK_STATE,  /* hands over a state */
	ASK_STATES, /* asks for the states that the asker lacks, one at a time */
	ASK_SAYINGS,
	ASK_JOIN,
};

/* Members that are not of the kind are zero. What was read ends with ask_free(). */
struct ask {
	enum ask_kind kind;
	uint8_t room[ROOM_ID_BYTES];
	uint8_t head[ROOMSTATE_ID_BYTES]; /* of a saying: the state under whose key it is sealed */
	const char *sealed;		  /* base64 */
	size_t sealed_len;
	struct signedtext state;
	bool has_key;
	uint8_t key[ROOM_KEY_BYTES]; /* of the state */
	uint8_t (*known)[ASK_KNOWN_BYTES];
	size_t known_count;
	bool has_share, has_confirmation;
	uint8_t share[CPACE_SHARE_BYTES];
	uint8_t confirmation[CPACE_CONFIRMATION_BYTES];
};

/* The further members of a receipt. What was read, or had sayings added, ends with ask_free_answer(). */
struct ask_answer {
	bool has_head, has_key, has_share, has_confirmation;
	bool more; /* there is more to ask for */
	uint8_t head[ROOMSTATE_ID_BYTES];
	struct signedtext state; /* its text is NULL if there is none */
	uint8_t key[ROOM_KEY_BYTES];
	uint8_t share[CPACE_SHARE_BYTES];
	uint8_t confirmation[CPACE_CONFIRMATION_BYTES];
	json_t *sayings; /* an array of records, or NULL */
	size_t sayings_len;
};

/* The JSON object, a new reference; NULL if a text is not UTF-8, or out of memory. */
json_t *ask_format(const struct ask *ask) __attribute__((warn_unused_result));

/* Reads such an object. Returns 0, ENOMEM, or EPROTO, with *ask left alone, if it is none or its members are wrong. */
int ask_parse(const json_t *body, struct ask *ask) __attribute__((warn_unused_result));

/* Whether the asker has named the state or saying with that id, whose length does not matter, in an ask that was read. */
bool ask_is_known(const struct ask *ask, const uint8_t id[static ASK_KNOWN_BYTES]);

void ask_free(struct ask *ask);

/* Adds a saying to an answer. Returns 0, ENOMEM, or EMSGSIZE with nothing added if there is no more room for it. */
int ask_add_saying(struct ask_answer *answer, const struct signedtext *record) __attribute__((warn_unused_result));

/* The same two for answers. Members of the wrong form, of which there is no use, make an EPROTO. */
json_t *ask_format_answer(const struct ask_answer *answer) __attribute__((warn_unused_result));
int ask_parse_answer(const json_t *receipt, struct ask_answer *answer) __attribute__((warn_unused_result));

void ask_free_answer(struct ask_answer *answer);

/* What the proof of a password is bound to, for both sides: the room and this session. */
#define ASK_CONTEXT_BYTES (ROOM_ID_BYTES + EXCHANGE_BINDING_BYTES)
void ask_put_context(const uint8_t room[static ROOM_ID_BYTES], const struct exchange *exchange,
    uint8_t context[static ASK_CONTEXT_BYTES]);

#endif
