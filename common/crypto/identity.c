#include "crypto/identity.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"

#define FINGERPRINT_GROUPS 6
#define FINGERPRINT_GROUP_BYTES 5
#define FINGERPRINT_MODULUS 100000
#define CONVERTED_MAX 64

static const char fingerprint_label[] = "quartet fingerprint";

_Static_assert(IDENTITY_BYTES == crypto_sign_PUBLICKEYBYTES && IDENTITY_SEED_BYTES == crypto_sign_SEEDBYTES &&
		   IDENTITY_SECRET_BYTES == crypto_sign_SECRETKEYBYTES && IDENTITY_SIGNATURE_BYTES == crypto_sign_BYTES,
    "the sizes are those of Ed25519");

void identity_derive(struct identity *identity, const uint8_t seed[static IDENTITY_SEED_BYTES])
{
	crypto_sign_seed_keypair(identity->public, identity->secret, seed);
	/* Fails for no pair that comes from a seed. */
	if (crypto_sign_ed25519_sk_to_curve25519(identity->exchange.secret, identity->secret) != 0)
		sodium_misuse();
	dh_derive_public(&identity->exchange);
}

bool identity_convert(const uint8_t public[static IDENTITY_BYTES], uint8_t key[static DH_KEY_BYTES])
{
	/*
	 * A fifth of what a secure session costs the responder, so those of the last few people are remembered: public keys
	 * at both ends, and zeros are neither.
	 */
	static _Thread_local struct {
		uint8_t public[IDENTITY_BYTES], key[DH_KEY_BYTES];
	} converted[CONVERTED_MAX];
	size_t place = public[0] % CONVERTED_MAX;

	if (memcmp(converted[place].public, public, IDENTITY_BYTES) != 0 || sodium_is_zero(public, IDENTITY_BYTES)) {
		if (crypto_sign_ed25519_pk_to_curve25519(key, public) != 0)
			return false;
		memcpy(converted[place].public, public, IDENTITY_BYTES);
		memcpy(converted[place].key, key, DH_KEY_BYTES);
	}
	memcpy(key, converted[place].key, DH_KEY_BYTES);
	return true;
}

/* What is signed, in memory that the caller frees; NULL if out of memory. */
static uint8_t *join(const char *label, const void *bytes, size_t len, size_t *joined_len)
{
	size_t label_len = strlen(label) + 1;
	uint8_t *joined = malloc(label_len + len);

	if (!joined)
		return NULL;
	memcpy(joined, label, label_len);
	memcpy(joined + label_len, bytes, len);
	*joined_len = label_len + len;
	return joined;
}

int identity_sign(const struct identity *identity, const char *label, const void *bytes, size_t len,
    uint8_t signature[static IDENTITY_SIGNATURE_BYTES])
{
	size_t signed_len;
	uint8_t *text = join(label, bytes, len, &signed_len);

	if (!text)
		return ENOMEM;
	crypto_sign_detached(signature, NULL, text, signed_len, identity->secret);
	free(text);
	return 0;
}

bool identity_verify(const uint8_t public[static IDENTITY_BYTES], const char *label, const void *bytes, size_t len,
    const uint8_t signature[static IDENTITY_SIGNATURE_BYTES])
{
	size_t signed_len;
	uint8_t *text = join(label, bytes, len, &signed_len);
	bool holds = text && crypto_sign_verify_detached(signature, text, signed_len, public) == 0;

	free(text);
	return holds;
}

void identity_format(const uint8_t public[static IDENTITY_BYTES], char text[static IDENTITY_TEXT_BYTES])
{
	sodium_bin2base64(text, IDENTITY_TEXT_BYTES, public, IDENTITY_BYTES, BASE64_VARIANT);
}

bool identity_parse(const char *text, size_t len, uint8_t public[static IDENTITY_BYTES])
{
	uint8_t decoded[IDENTITY_BYTES];
	size_t decoded_len;

	if (len != IDENTITY_TEXT_BYTES - 1)
		return false;
	if (!base64_decode(text, len, decoded, sizeof(decoded), &decoded_len) || decoded_len != IDENTITY_BYTES)
		return false;
	memcpy(public, decoded, sizeof(decoded));
	return true;
}

void identity_fingerprint_half(const uint8_t public[static IDENTITY_BYTES], char text[static IDENTITY_HALF_BYTES])
{
	crypto_generichash_state state;
	uint8_t hash[crypto_generichash_BYTES];
	size_t used = 0;

	crypto_generichash_init(&state, NULL, 0, sizeof(hash));
	crypto_generichash_update(&state, (const uint8_t *)fingerprint_label, strlen(fingerprint_label));
	crypto_generichash_update(&state, public, IDENTITY_BYTES);
	crypto_generichash_final(&state, hash, sizeof(hash));
	for (size_t i = 0; i < FINGERPRINT_GROUPS; i++) {
		uint64_t group = 0;

		for (size_t k = 0; k < FINGERPRINT_GROUP_BYTES; k++)
			group = group << 8 | hash[i * FINGERPRINT_GROUP_BYTES + k];
		used += (size_t)snprintf(text + used, IDENTITY_HALF_BYTES - used, "%s%05u", i == 0 ? "" : " ",
		    (unsigned)(group % FINGERPRINT_MODULUS));
	}
}

void identity_fingerprint(const uint8_t one[static IDENTITY_BYTES], const uint8_t other[static IDENTITY_BYTES],
    char text[static IDENTITY_FINGERPRINT_BYTES])
{
	bool one_first = memcmp(one, other, IDENTITY_BYTES) <= 0;

	identity_fingerprint_half(one_first ? one : other, text);
	text[IDENTITY_HALF_BYTES - 1] = ' ';
	identity_fingerprint_half(one_first ? other : one, text + IDENTITY_HALF_BYTES);
}
