/*
 * A sealed key: the seed of an identity behind a passphrase, as identity.key keeps it (common/PROTOCOL.md, section 4).
 *
 *     "quartet key 1\n"   salt (16)   nonce (24)   crypto_secretbox of the seed (48)
 *
 * The key of the box is Argon2id of the passphrase with that salt: each try takes 64 MiB and about a tenth of a second, for
 * us as for others. The nonce is a hash of seed and salt under the seed itself: whoever has the seed sees, without the
 * passphrase, that this is its own, and nobody else sees anything. The content may come from a stranger.
 */
#ifndef QUARTET_SEALEDKEY_H
#define QUARTET_SEALEDKEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/identity.h"

#define SEALEDKEY_HEADER "quartet key 1\n"
#define SEALEDKEY_SALT_BYTES 16
#define SEALEDKEY_BYTES 102

/* Whether that is a sealed key by its length and its beginning; what is in it only sealedkey_open() tells. */
bool sealedkey_is_one(const void *content, size_t len);

/* Seals a seed, with a new salt each time. Returns 0, or ENOMEM with sealed undefined. */
int sealedkey_seal(const uint8_t seed[static IDENTITY_SEED_BYTES], const char *passphrase, size_t len,
    uint8_t sealed[static SEALEDKEY_BYTES]) __attribute__((warn_unused_result));

/* Opens it. Returns 0; or with seed left alone EACCES if the passphrase is another, or ENOMEM. The caller wipes seed. */
int sealedkey_open(const uint8_t sealed[static SEALEDKEY_BYTES], const char *passphrase, size_t len,
    uint8_t seed[static IDENTITY_SEED_BYTES]) __attribute__((warn_unused_result));

/* Whether it was sealed by somebody who had this seed. */
bool sealedkey_is_of(const uint8_t sealed[static SEALEDKEY_BYTES], const uint8_t seed[static IDENTITY_SEED_BYTES]);

#endif
