/*
 * The initiator's half of PROTOCOL.md section 3, with as little work as the responder lets it have.
 *
 * A sender that does all that common/wire/exchange does works as hard as the responder that is to be measured. This one uses
 * one pair for all connections, both as its ephemeral pair and as its identity: then es never changes, ee = se, and a
 * connection costs one multiplication on the curve instead of four. The responder cannot tell, and does all of its own.
 */
#ifndef QUARTET_BENCH_EXCHANGE_H
#define QUARTET_BENCH_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/decimal.h"
#include "crypto/identity.h"
#include "crypto/secretbox.h"
#include "line.h"

/* What all connections to one responder have in common. */
struct exchange {
	struct identity own; /* its X25519 form is the ephemeral pair, too */
	uint8_t responder[IDENTITY_BYTES];
	uint8_t es[DH_KEY_BYTES];
	char offer[DECIMAL_MAX_DIGITS + 16]; /* the object with our key */
	size_t offer_len;
	bool unchecked; /* who answers is a twin, whose bytes mean nothing */
};

/* One connection after the exchange of keys. */
struct exchange_keys {
	struct secretbox to_responder, to_initiator;
	char proof[IDENTITY_TEXT_BYTES];
};

/* key_file is the identity.key of the responder, whose public half would else come from its announcements. */
void exchange_init(struct exchange *exchange, const char *key_file, bool unchecked);

/* Exchanges keys on an open line. */
void exchange_keys(const struct exchange *exchange, struct line *line, struct exchange_keys *keys);

/* Appends the object with the text to out, with our identity and its proof where it is the first. */
void exchange_seal(const struct exchange *exchange, struct exchange_keys *keys, const char *text, struct buffer *out);

/* Checks that the object is the receipt for the last message that was sealed. */
void exchange_check(const struct exchange *exchange, struct exchange_keys *keys, const char *object, size_t len);

#endif
