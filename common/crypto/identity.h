/*
 * An identity: the Ed25519 key pair (RFC 8032) that a person is known by, and what is made of its public half.
 *
 * Everything comes from a seed of 32 bytes, which store/keyfile keeps. The public half is what is announced, pinned and
 * compared; the pair signs what others pass on, and in its X25519 form opens secure sessions (common/PROTOCOL.md,
 * sections 3 and 4). Public halves, signatures and texts of others are hostile input. Nothing blocks.
 */
#ifndef QUARTET_IDENTITY_H
#define QUARTET_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/dh.h"

#define IDENTITY_BYTES 32 /* the public half */
#define IDENTITY_SEED_BYTES 32
#define IDENTITY_SECRET_BYTES 64 /* as libsodium keeps it */
#define IDENTITY_SIGNATURE_BYTES 64
/* base64 of a public half: 44 characters and the NUL. */
#define IDENTITY_TEXT_BYTES 45
/* "98275 15078 02425 25914 00800 85587" and the NUL; and two of them with a space between. */
#define IDENTITY_HALF_BYTES 36
#define IDENTITY_FINGERPRINT_BYTES 72

/* One's own identity. The owner wipes it (sodium_memzero). */
struct identity {
	uint8_t public[IDENTITY_BYTES];
	uint8_t secret[IDENTITY_SECRET_BYTES];
	struct dh_pair exchange; /* the X25519 form of both */
};

/* Makes the identity that a seed stands for. */
void identity_derive(struct identity *identity, const uint8_t seed[static IDENTITY_SEED_BYTES]);

/*
 * The X25519 form of the public half of somebody else. Returns false, with key undefined, if it has none: then it is no
 * identity. Costs as much as checking a signature, so it is done when a session is opened and not before.
 */
bool identity_convert(const uint8_t public[static IDENTITY_BYTES], uint8_t key[static DH_KEY_BYTES])
    __attribute__((warn_unused_result));

/*
 * Signs label, a NUL byte and len bytes. The label says what is signed, so that no signature is ever one of something
 * else. Returns 0, or ENOMEM with signature left alone.
 */
int identity_sign(const struct identity *identity, const char *label, const void *bytes, size_t len,
    uint8_t signature[static IDENTITY_SIGNATURE_BYTES]) __attribute__((warn_unused_result));

/* Whether that signature was made by the holder of public; false if out of memory, too. */
bool identity_verify(const uint8_t public[static IDENTITY_BYTES], const char *label, const void *bytes, size_t len,
    const uint8_t signature[static IDENTITY_SIGNATURE_BYTES]) __attribute__((warn_unused_result));

/* Writes a public half as base64; reads exactly that form, or returns false with public left alone. */
void identity_format(const uint8_t public[static IDENTITY_BYTES], char text[static IDENTITY_TEXT_BYTES]);
bool identity_parse(const char *text, size_t len, uint8_t public[static IDENTITY_BYTES])
    __attribute__((warn_unused_result));

/* Writes the half of a fingerprint that belongs to one identity; and all of it, which is the same on both screens. */
void identity_fingerprint_half(const uint8_t public[static IDENTITY_BYTES], char text[static IDENTITY_HALF_BYTES]);
void identity_fingerprint(const uint8_t one[static IDENTITY_BYTES], const uint8_t other[static IDENTITY_BYTES],
    char text[static IDENTITY_FINGERPRINT_BYTES]);

#endif
