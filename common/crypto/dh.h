/*
 * The Diffie-Hellman helper: the exchange of PROTOCOL.md section 3.1 over X25519 (RFC 7748), without any transport.
 *
 * The initiator has the ephemeral pair a, A and the identity IA, the responder has b, B and IB; sa, SA and sb, SB are
 * the X25519 forms of the identities. Both mix ee = a.B and es = a.SB into two keys, one a direction, so that only the
 * holder of IB can read; the initiator proves itself with a MAC under se = sa.B. It is the Noise XK pattern in other
 * words. Secrets given to these functions stay the caller's to wipe; intermediate ones are wiped here. Nothing blocks.
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

/* Makes a pair from random bytes of the system. */
void dh_generate(struct dh_pair *pair);

/* Fills pair->public from pair->secret. */
void dh_derive_public(struct dh_pair *pair);

/*
 * Makes the initiator's ephemeral pair: the secret is BLAKE2b-256("quartet ephemeral" || number || fresh). number is
 * the digits_len digits as typed; fresh must be random and used once, and then a weak number does no harm.
 */
void dh_generate_from_number(struct dh_pair *pair, const char *digits, size_t digits_len,
    const uint8_t fresh[static DH_FRESH_BYTES]);

struct identity;

/*
 * The initiator's side: its ephemeral pair, the responder's ephemeral key B and identity IB. Returns 0 and sets *keys,
 * or EPROTO and leaves it alone if B is a point of low order (an all-zero result, RFC 7748 section 6.1) or IB has no
 * X25519 form.
 */
int dh_initiator_keys(const struct dh_pair *ephemeral, const uint8_t peer_ephemeral[static DH_KEY_BYTES],
    const uint8_t peer_identity[static DH_KEY_BYTES], struct dh_keys *keys) __attribute__((warn_unused_result));

/* The responder's side: its ephemeral pair and identity, and the initiator's ephemeral key A. Returns as above. */
int dh_responder_keys(const struct dh_pair *ephemeral, const struct identity *identity,
    const uint8_t peer_ephemeral[static DH_KEY_BYTES], struct dh_keys *keys) __attribute__((warn_unused_result));

/*
 * The initiator's proof of its identity for this one exchange: BLAKE2b-256 keyed with X25519(sa, B) of
 * "quartet sender" || IA || IB || A || B. Returns 0, or EPROTO with proof left alone for a point of low order.
 */
int dh_prove(const struct identity *identity, const uint8_t ephemeral[static DH_KEY_BYTES],
    const uint8_t peer_ephemeral[static DH_KEY_BYTES], const uint8_t peer_identity[static DH_KEY_BYTES],
    uint8_t proof[static DH_PROOF_BYTES]) __attribute__((warn_unused_result));

/*
 * The responder's check of such a proof, in constant time: ephemeral and identity, the public half, are its own, the
 * other two the initiator's. Returns 0 if the proof holds, else EPROTO.
 */
int dh_check_proof(const struct dh_pair *ephemeral, const uint8_t identity[static DH_KEY_BYTES],
    const uint8_t peer_ephemeral[static DH_KEY_BYTES], const uint8_t peer_identity[static DH_KEY_BYTES],
    const uint8_t proof[static DH_PROOF_BYTES]) __attribute__((warn_unused_result));

#endif
