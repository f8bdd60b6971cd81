#include "crypto/sealedkey.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "crypto/stretch.h"

#define HEADER_BYTES (sizeof(SEALEDKEY_HEADER) - 1)
#define SALT_AT HEADER_BYTES
#define NONCE_AT (SALT_AT + SEALEDKEY_SALT_BYTES)
#define BOX_AT (NONCE_AT + crypto_secretbox_NONCEBYTES)

static const char nonce_label[] = "quartet key nonce";

_Static_assert(SEALEDKEY_BYTES == BOX_AT + crypto_secretbox_MACBYTES + IDENTITY_SEED_BYTES,
    "header, salt, nonce and box");
_Static_assert(SEALEDKEY_SALT_BYTES == STRETCH_SALT_BYTES && crypto_secretbox_KEYBYTES == STRETCH_KEY_BYTES,
    "a passphrase becomes the key of the box");

/* The nonce that a holder of the seed makes for a salt. */
static void make_nonce(const uint8_t seed[static IDENTITY_SEED_BYTES], const uint8_t salt[static SEALEDKEY_SALT_BYTES],
    uint8_t nonce[static crypto_secretbox_NONCEBYTES])
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, seed, IDENTITY_SEED_BYTES, crypto_secretbox_NONCEBYTES);
	crypto_generichash_update(&state, (const uint8_t *)nonce_label, strlen(nonce_label));
	crypto_generichash_update(&state, salt, SEALEDKEY_SALT_BYTES);
	crypto_generichash_final(&state, nonce, crypto_secretbox_NONCEBYTES);
	sodium_memzero(&state, sizeof(state));
}

bool sealedkey_is_one(const void *content, size_t len)
{
	return len == SEALEDKEY_BYTES && memcmp(content, SEALEDKEY_HEADER, HEADER_BYTES) == 0;
}

int sealedkey_seal(const uint8_t seed[static IDENTITY_SEED_BYTES], const char *passphrase, size_t len,
    uint8_t sealed[static SEALEDKEY_BYTES])
{
	uint8_t key[crypto_secretbox_KEYBYTES];
	int rc;

	memcpy(sealed, SEALEDKEY_HEADER, HEADER_BYTES);
	randombytes_buf(sealed + SALT_AT, SEALEDKEY_SALT_BYTES);
	make_nonce(seed, sealed + SALT_AT, sealed + NONCE_AT);
	rc = stretch(passphrase, len, sealed + SALT_AT, key);
	if (rc == 0)
		crypto_secretbox_easy(sealed + BOX_AT, seed, IDENTITY_SEED_BYTES, sealed + NONCE_AT, key);
	sodium_memzero(key, sizeof(key));
	return rc;
}

int sealedkey_open(const uint8_t sealed[static SEALEDKEY_BYTES], const char *passphrase, size_t len,
    uint8_t seed[static IDENTITY_SEED_BYTES])
{
	uint8_t key[crypto_secretbox_KEYBYTES], opened[IDENTITY_SEED_BYTES];
	int rc = stretch(passphrase, len, sealed + SALT_AT, key);

	if (rc == 0 &&
	    crypto_secretbox_open_easy(opened, sealed + BOX_AT, SEALEDKEY_BYTES - BOX_AT, sealed + NONCE_AT, key) != 0)
		rc = EACCES;
	if (rc == 0)
		memcpy(seed, opened, sizeof(opened));
	sodium_memzero(key, sizeof(key));
	sodium_memzero(opened, sizeof(opened));
	return rc;
}

bool sealedkey_is_of(const uint8_t sealed[static SEALEDKEY_BYTES], const uint8_t seed[static IDENTITY_SEED_BYTES])
{
	uint8_t nonce[crypto_secretbox_NONCEBYTES];

	make_nonce(seed, sealed + SALT_AT, nonce);
	return sodium_memcmp(nonce, sealed + NONCE_AT, sizeof(nonce)) == 0;
}
