/*
 * One exchange on a connection: the keys, the messages and their receipts, secure or classic.
 *
 * common/PROTOCOL.md, section 3. Both ends use it: the initiator offers a key and takes the other's, the responder answers
 * one; then the initiator seals messages and the responder opens them, and if they are secure, seals receipts that the
 * initiator opens. Which exchange it is, the initiator decides by what it knows of the peer, and the responder by the size
 * of the number. What goes out are whole objects of section 2; what comes in are the values of objects that wire_parse()
 * has read, from anybody. Functions that can fail return 0, ENOMEM, ENOTSUP if this build leaves out the classic exchange,
 * or EPROTO for what the other side got wrong or forged; after EPROTO the exchange must not be used further. A zeroed
 * struct exchange is one of which nothing is known; end with exchange_end(), which wipes the secrets. Nothing blocks.
 */
#ifndef QUARTET_EXCHANGE_H
#define QUARTET_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "crypto/channel.h"
#include "wire/envelope.h"
#include "wire/wire.h"

enum exchange_kind {
	EXCHANGE_NONE,
	EXCHANGE_CLASSIC, /* nobody is proven, nothing is confirmed */
	EXCHANGE_SECURE,
};

/* kind, peer and username are for all to read, the rest is for this module. */
struct exchange {
	enum exchange_kind kind;
	/* The other end. The responder knows it once it has opened a message. */
	uint8_t peer[IDENTITY_BYTES];
	char username[USERNAME_MAX_BYTES + 1]; /* what it says it is called; "" if it did not say */
	bool is_initiator;
	uint8_t own[IDENTITY_BYTES];
	struct channel *channel;   /* of a secure one */
	unsigned exponent, secret; /* of a classic one; the secret is 0 before it is agreed on */
};

/* What was opened, not to be copied. It belongs to the receiver, who ends with exchange_message_free(). */
struct exchange_message {
	const char *text; /* UTF-8; NULL if it is an offer, an ask or a saying */
	size_t text_len;
	/* Of a secure one: */
	const struct fileoffer *file; /* of an offer, whose name is not judged yet; else NULL */
	const json_t *body;	      /* of an ask or a saying; else NULL */
	const uint8_t *id;	      /* ENVELOPE_ID_BYTES; NULL in a classic exchange, and of an ask or a saying */
	uint64_t counter;	      /* for its receipt */
	struct envelope envelope;
	struct buffer plaintext;
};

/*
 * The initiator begins, with the holder of peer, or in the classic exchange if peer is NULL, and appends the object with
 * its key to out. own is its identity, for a secure exchange only; number is what the user typed, decimal digits,
 * NUL-terminated.
 */
int exchange_offer(struct exchange *exchange, const struct identity *own, const uint8_t *peer, const char *number,
    struct buffer *out) __attribute__((warn_unused_result));

/* The initiator takes the responder's key. */
int exchange_take(struct exchange *exchange, const struct wire_object *key) __attribute__((warn_unused_result));

/* Which exchange a key belongs to; EXCHANGE_NONE if it is larger than any that can be exchanged. */
enum exchange_kind exchange_kind_of(const struct wire_object *key);

/*
 * The responder takes the initiator's key, agrees, and appends the object with its own to out. own is its identity, for a
 * secure exchange only.
 */
int exchange_answer(struct exchange *exchange, const struct identity *own, const struct wire_object *key,
    struct buffer *out) __attribute__((warn_unused_result));

/*
 * The initiator seals a message and appends the object to out; EILSEQ if text is not UTF-8. The first one of a secure
 * exchange proves who speaks and says username, unless that is NULL. A classic one has no use for username and id.
 */
int exchange_seal(struct exchange *exchange, const char *username, const uint8_t id[static ENVELOPE_ID_BYTES],
    const char *text, size_t len, struct buffer *out) __attribute__((warn_unused_result));

/* The same for the offer of a file, in a secure exchange only. */
int exchange_seal_offer(struct exchange *exchange, const char *username, const uint8_t id[static ENVELOPE_ID_BYTES],
    const struct fileoffer *file, struct buffer *out) __attribute__((warn_unused_result));

/* The same for an ask or a saying with these members, in a secure exchange only; EMSGSIZE if it is too long. */
int exchange_seal_body(struct exchange *exchange, const char *username, json_t *body, struct buffer *out)
    __attribute__((warn_unused_result));

/* The responder opens a message; the first one of a secure exchange must prove who speaks. */
int exchange_open(struct exchange *exchange, const struct wire_object *sealed, struct exchange_message *message)
    __attribute__((warn_unused_result));

/*
 * The responder seals a receipt, of a secure exchange only, and appends the object to out. members are those of an answer
 * to an ask, or NULL.
 */
int exchange_seal_receipt(struct exchange *exchange, const struct envelope_receipt *receipt, json_t *members,
    struct buffer *out) __attribute__((warn_unused_result));

/*
 * The initiator opens a receipt, which must be for what it sealed last. Unless answer is NULL, *answer receives all of its
 * members, a new reference.
 */
int exchange_open_receipt(struct exchange *exchange, const struct wire_object *sealed, struct envelope_receipt *receipt,
    json_t **answer) __attribute__((warn_unused_result));

/*
 * What is of a secure exchange and no other: both identities, the initiator's first, and both keys in the same order. The
 * responder has it once it has opened a message.
 */
#define EXCHANGE_BINDING_BYTES (2 * IDENTITY_BYTES + CHANNEL_KEYS_BYTES)
void exchange_bind(const struct exchange *exchange, uint8_t binding[static EXCHANGE_BINDING_BYTES]);

/* The key of the stream in which the responder of a secure exchange sends a file; the caller wipes it. */
void exchange_file_key(const struct exchange *exchange, uint8_t key[static CHANNEL_FILE_KEY_BYTES]);

/* Releases the message; harmless on a zeroed one. */
void exchange_message_free(struct exchange_message *message);

/* Wipes and releases all, and makes the exchange one of which nothing is known. */
void exchange_end(struct exchange *exchange);

#endif
