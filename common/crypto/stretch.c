#include "crypto/stretch.h"

#include <errno.h>
#include <sodium.h>

/* The limits are part of the formats, whatever a later library calls interactive. */
_Static_assert(STRETCH_SALT_BYTES == crypto_pwhash_argon2id_SALTBYTES &&
		   crypto_pwhash_argon2id_OPSLIMIT_INTERACTIVE == 2U &&
		   crypto_pwhash_argon2id_MEMLIMIT_INTERACTIVE == 67108864U,
    "the limits are those of the formats");

int stretch(const char *password, size_t len, const uint8_t salt[static STRETCH_SALT_BYTES],
    uint8_t key[static STRETCH_KEY_BYTES])
{
	if (crypto_pwhash_argon2id(key, STRETCH_KEY_BYTES, password, len, salt,
		crypto_pwhash_argon2id_OPSLIMIT_INTERACTIVE, crypto_pwhash_argon2id_MEMLIMIT_INTERACTIVE,
		crypto_pwhash_argon2id_ALG_ARGON2ID13) != 0)
		return ENOMEM;
	return 0;
}
