/*
 * The user's long-lived X25519 pair, kept in identity.key of the working directory.
 *
 * The file holds the 32 bytes of the secret and nothing else, mode 0600. Whichever program needs it first makes it, and
 * no program ever overwrites it; several may try at the same instant and all end up with the same pair.
 */
#ifndef QUARTET_IDENTITY_H
#define QUARTET_IDENTITY_H

#include <stdbool.h>

#include "crypto/dh.h"

#define IDENTITY_FILE "identity.key"
/* base64 of a public key: 44 characters and the NUL. */
#define IDENTITY_TEXT_BYTES 45

/*
 * Loads the pair from directory dir (an open descriptor or AT_FDCWD), making it first where there is none. A file that
 * others may read is set to mode 0600; *exposed, unless NULL, then becomes true, else false. The caller wipes *identity
 * (sodium_memzero). Returns 0, EBADMSG where the file is not 32 bytes, ETIMEDOUT where another program holds the file
 * being made for two seconds, or the errno of what failed; *identity is then left alone. Blocks on the disk.
 */
int identity_load(int dir, struct dh_pair *identity, bool *exposed) __attribute__((warn_unused_result));

/* The public half of an identity that was loaded, and a digest of its secret. A zeroed one remembers nothing. */
struct identity_memory {
	uint8_t digest[DH_KEY_BYTES];
	uint8_t public[DH_KEY_BYTES];
};

/*
 * The same for programs that load it again and again: the secret is read anew, but the public half, which takes a
 * multiplication on the curve, is taken from memory where the secret is still the same.
 */
int identity_load_again(int dir, struct identity_memory *memory, struct dh_pair *identity)
    __attribute__((warn_unused_result));

/* The same for the public half alone. Sets key, or returns an error and leaves it alone. */
int identity_load_public(int dir, uint8_t key[static DH_KEY_BYTES]) __attribute__((warn_unused_result));

/* Why identity_load() failed, in words that follow the file's name and a colon. The storage is that of strerror(3). */
const char *identity_reason(int error);

/* Writes a public key as base64 (standard, padded). */
void identity_format(const uint8_t key[static DH_KEY_BYTES], char text[static IDENTITY_TEXT_BYTES]);

/* Reads exactly that form. Returns false, with key left alone, for anything else. */
bool identity_parse(const char *text, size_t len, uint8_t key[static DH_KEY_BYTES]) __attribute__((warn_unused_result));

/* "21528 91813 15361 76383 59738 21751" and the NUL. */
#define IDENTITY_FINGERPRINT_BYTES 36

/*
 * Writes the fingerprint of two identities, which is the same whichever of them comes first: BLAKE2b-256 of the lower
 * one in byte order and then the higher, as six groups of five decimal digits (common/PROTOCOL.md, section 4).
 */
void identity_fingerprint(const uint8_t one[static DH_KEY_BYTES], const uint8_t other[static DH_KEY_BYTES],
    char text[static IDENTITY_FINGERPRINT_BYTES]);

#endif
