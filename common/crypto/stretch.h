/*
 * Makes a key of a password: Argon2id (libsodium's version 1.3, 2 passes, 64 MiB), which makes each guess cost a tenth of a
 * second. That is part of two formats: identity.key under a passphrase, and the lock of a room (common/PROTOCOL.md, sections
 * 4 and 7).
 */
#ifndef QUARTET_STRETCH_H
#define QUARTET_STRETCH_H

#include <stddef.h>
#include <stdint.h>

#define STRETCH_SALT_BYTES 16
#define STRETCH_KEY_BYTES 32

/* Returns 0, or ENOMEM with key left alone. Blocks for a tenth of a second. */
int stretch(const char *password, size_t len, const uint8_t salt[static STRETCH_SALT_BYTES],
    uint8_t key[static STRETCH_KEY_BYTES]) __attribute__((warn_unused_result));

#endif
