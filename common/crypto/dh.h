/*
 * The Diffie-Hellman helper: the exchange of PROTOCOL.md section 3.1 over X25519 (RFC 7748), without any transport.
 *
 * The initiator has the ephemeral pair a, A and the identity IA, the responder has b, B and IB; both mix ee = a.B and
 * es = a.SB into two keys, and the initiator proves itself with a MAC under se = sa.B: the Noise XK pattern in other words.
 * Intermediate secrets are wiped here. Functions that can fail return 0, or EPROTO, with nothing set, for a point of low
 * order and for an identity that has no X25519 form. Nothing blocks.
 */
#ifndef QUARTET_DH_H
#define QUARTET_DH_H

#include <stddef.h>
#include <stdint.h>

#define DH_KEY_BYTES 32	  /* X25519 public and secret keys */
#define DH_FRESH_BYTES 32 /* random bytes mixed with the number that the user typed */
#define DH_PROOF_BYTES 32

/* One X25519 key pair: an ephemeral one, or the form of an identity that multiplies. */
struct dh_pair {
	uint8_t public[DH_KEY_BYTES];
	uint8_t secret[DH_KEY_BYTES];
};

/* The two keys of a connection, one a direction. */
struct dh_keys {
	uint8_t to_responder[DH_KEY_BYTES];
	uint8_t to_initiator[DH_KEY_BYTES];
};

/* Makes a pair from random bytes; or fills in the public half. */
void dh_generate(struct dh_pair *pair);
void dh_derive_public(struct dh_pair *pair);

/* Makes the initiator's ephemeral pair. fresh is random and used once, and then a weak number does no harm. */
void dh_generate_from_number(struct dh_pair *pair, const char *digits, size_t digits_len,
    const uint8_t fresh[static DH_FRESH_BYTES]);

struct identity;

/* The initiator's side: its ephemeral pair, the responder's ephemeral key B and identity IB. */
int dh_initiator_keys(const struct dh_pair *ephemeral, const uint8_t peer_ephemeral[static DH_KEY_BYTES],
    const uint8_t peer_identity[static DH_KEY_BYTES], struct dh_keys *keys) __attribute__((warn_unused_result));

/* The responder's side: its ephemeral pair and identity, and the initiator's ephemeral key A. */
int dh_responder_keys(const struct dh_pair *ephemeral, const struct identity *identity,
    const uint8_t peer_ephemeral[static DH_KEY_BYTES], struct dh_keys *keys) __attribute__((warn_unused_result));

/* The initiator's proof of its identity for this one exchange. */
int dh_prove(const struct identity *identity, const uint8_t ephemeral[static DH_KEY_BYTES],
    const uint8_t peer_ephemeral[static DH_KEY_BYTES], const uint8_t peer_identity[static DH_KEY_BYTES],
    uint8_t proof[static DH_PROOF_BYTES]) __attribute__((warn_unused_result));

/*
 * The responder's check of it, in constant time: ephemeral and identity, the public half, are its own, the others the
 * initiator's. EPROTO also for a proof that does not hold.
 */
int dh_check_proof(const struct dh_pair *ephemeral, const uint8_t identity[static DH_KEY_BYTES],
    const uint8_t peer_ephemeral[static DH_KEY_BYTES], const uint8_t peer_identity[static DH_KEY_BYTES],
    const uint8_t proof[static DH_PROOF_BYTES]) __attribute__((warn_unused_result));

#endif
