#include "crypto/secretbox.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"

_Static_assert(SECRETBOX_RANDOM_BYTES + sizeof(uint64_t) == crypto_secretbox_NONCEBYTES, "a nonce is both");

static void write_counter(uint64_t counter, uint8_t *bytes)
{
	for (size_t i = sizeof(counter); i-- > 0; counter >>= 8)
		bytes[i] = (uint8_t)counter;
}

static int seal(const uint8_t *key, const uint8_t *nonce, const void *plaintext, size_t len, struct buffer *out)
{
	size_t sealed_len = SECRETBOX_OVERHEAD_BYTES + len;
	size_t text_size = sodium_base64_encoded_len(sealed_len, BASE64_VARIANT);
	uint8_t *sealed = malloc(sealed_len);
	char *text = malloc(text_size);
	int rc = ENOMEM;

	if (sealed && text) {
		memcpy(sealed, nonce, crypto_secretbox_NONCEBYTES);
		crypto_secretbox_easy(sealed + crypto_secretbox_NONCEBYTES, plaintext, len, nonce, key);
		sodium_bin2base64(text, text_size, sealed, sealed_len, BASE64_VARIANT);
		rc = buffer_append(out, text, text_size - 1);
	}
	free(sealed);
	free(text);
	return rc;
}

int secretbox_seal(struct secretbox *box, const void *plaintext, size_t len, struct buffer *out)
{
	uint8_t nonce[crypto_secretbox_NONCEBYTES];
	int rc;

	if (box->counter == 0)
		randombytes_buf(box->random, sizeof(box->random));
	memcpy(nonce, box->random, sizeof(box->random));
	write_counter(box->counter, nonce + SECRETBOX_RANDOM_BYTES);
	rc = seal(box->key, nonce, plaintext, len, out);
	if (rc == 0)
		box->counter++;
	return rc;
}

int secretbox_seal_alone(const uint8_t key[static SECRETBOX_KEY_BYTES], const void *plaintext, size_t len,
    struct buffer *out)
{
	uint8_t nonce[crypto_secretbox_NONCEBYTES];

	randombytes_buf(nonce, sizeof(nonce));
	return seal(key, nonce, plaintext, len, out);
}

/* Opens what has that counter in its nonce; NULL for any. */
static int unseal(const uint8_t *key, const uint8_t *counter, const char *text, size_t text_len, struct buffer *out)
{
	size_t sealed_size = text_len / 4 * 3 + 1, sealed_len, plaintext_len;
	uint8_t *sealed = malloc(sealed_size);
	int rc = EBADMSG;

	if (!sealed)
		return ENOMEM;
	if (!base64_decode(text, text_len, sealed, sealed_size, &sealed_len))
		goto out;
	if (sealed_len < SECRETBOX_OVERHEAD_BYTES)
		goto out;
	if (counter && memcmp(sealed + SECRETBOX_RANDOM_BYTES, counter, sizeof(uint64_t)) != 0)
		goto out;
	plaintext_len = sealed_len - SECRETBOX_OVERHEAD_BYTES;
	/* Decrypts in place: the plaintext begins where the authenticator did (crypto_secretbox_open_easy allows it). */
	if (crypto_secretbox_open_easy(sealed + crypto_secretbox_NONCEBYTES, sealed + crypto_secretbox_NONCEBYTES,
		plaintext_len + crypto_secretbox_MACBYTES, sealed, key) != 0)
		goto out;
	rc = buffer_append(out, sealed + crypto_secretbox_NONCEBYTES, plaintext_len);
out:
	sodium_memzero(sealed, sealed_size);
	free(sealed);
	return rc;
}

int secretbox_open(struct secretbox *box, const char *text, size_t text_len, struct buffer *out)
{
	uint8_t counter[sizeof(uint64_t)];
	int rc;

	write_counter(box->counter, counter);
	rc = unseal(box->key, counter, text, text_len, out);
	if (rc == 0)
		box->counter++;
	return rc;
}

int secretbox_open_alone(const uint8_t key[static SECRETBOX_KEY_BYTES], const char *text, size_t text_len,
    struct buffer *out)
{
	return unseal(key, NULL, text, text_len, out);
}
