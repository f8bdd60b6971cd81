#include "crypto/classic.h"

#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/text.h"

#define CIPHER_KEY_BYTES 24
#define CIPHER_BLOCK_BYTES 8

/* The remainder of a decimal number of any length. */
static unsigned remainder_of(const char *digits, size_t len, unsigned modulus)
{
	unsigned remainder = 0;

	for (size_t i = 0; i < len; i++)
		remainder = (remainder * 10 + (unsigned)(digits[i] - '0')) % modulus;
	return remainder;
}

static unsigned power(unsigned base, unsigned exponent)
{
	unsigned result = 1;

	while (exponent-- > 0)
		result = result * base % CLASSIC_P;
	return result;
}

unsigned classic_exponent(const char *digits, size_t len)
{
	return remainder_of(digits, len, CLASSIC_P - 1);
}

unsigned classic_random_exponent(void)
{
	return 1 + randombytes_uniform(CLASSIC_P - 2);
}

unsigned classic_public(unsigned exponent)
{
	return power(CLASSIC_G, exponent);
}

int classic_agree(unsigned exponent, const char *digits, size_t len, unsigned *secret)
{
	unsigned key = remainder_of(digits, len, CLASSIC_P);

	if (key == 0)
		return EPROTO;
	*secret = power(key, exponent);
	return 0;
}

#ifdef QUARTET_CLASSIC

#include <openssl/evp.h>

static const bool is_available = true;

/* The decimal digits of the secret, followed by spaces. */
static void make_key(unsigned secret, uint8_t key[static CIPHER_KEY_BYTES])
{
	char digits[CLASSIC_NUMBER_BYTES];
	int len = snprintf(digits, sizeof(digits), "%u", secret % CLASSIC_P);

	memset(key, ' ', CIPHER_KEY_BYTES);
	memcpy(key, digits, (size_t)len);
}

/*
 * Encrypts, or decrypts, in_len bytes to out, which has room for a block more. Returns 0 with *out_len
 * set, EBADMSG for what is no ciphertext of this key, or ENOMEM.
 */
static int run_cipher(unsigned secret, bool encrypt, const uint8_t *in, size_t in_len, uint8_t *out, size_t *out_len)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	uint8_t key[CIPHER_KEY_BYTES];
	/* What can always be encrypted lacks nothing but memory. */
	int written = 0, last = 0, rc = encrypt ? ENOMEM : EBADMSG;

	if (!context)
		return ENOMEM;
	make_key(secret, key);
	if (in_len <= INT_MAX - CIPHER_BLOCK_BYTES &&
	    EVP_CipherInit_ex(context, EVP_des_ede3_ecb(), NULL, key, NULL, encrypt) == 1 &&
	    EVP_CipherUpdate(context, out, &written, in, (int)in_len) == 1 &&
	    EVP_CipherFinal_ex(context, out + written, &last) == 1) {
		*out_len = (size_t)(written + last);
		rc = 0;
	}
	EVP_CIPHER_CTX_free(context);
	return rc;
}

#else

static const bool is_available = false;

static int run_cipher(unsigned secret, bool encrypt, const uint8_t *in, size_t in_len, uint8_t *out, size_t *out_len)
{
	(void)secret, (void)encrypt, (void)in, (void)in_len, (void)out, (void)out_len;
	return ENOTSUP;
}

#endif

bool classic_is_available(void)
{
	return is_available;
}

const char *classic_feature(void)
{
	return is_available ? "with the classic exchange (3DES from libcrypto)"
			    : "without the classic exchange (built without libcrypto, or with CLASSIC=0)";
}

int classic_seal(unsigned secret, const char *text, size_t len, struct buffer *out)
{
	size_t sealed_len = 0, base64_size = sodium_base64_encoded_len(len + CIPHER_BLOCK_BYTES, BASE64_VARIANT);
	uint8_t *sealed = malloc(len + CIPHER_BLOCK_BYTES);
	char *base64 = malloc(base64_size);
	int rc = sealed && base64 ? 0 : ENOMEM;

	if (rc == 0)
		rc = run_cipher(secret, true, (const uint8_t *)text, len, sealed, &sealed_len);
	if (rc == 0) {
		sodium_bin2base64(base64, base64_size, sealed, sealed_len, BASE64_VARIANT);
		rc = buffer_append(out, base64, strlen(base64));
	}
	free(sealed);
	free(base64);
	return rc;
}

int classic_open(unsigned secret, const char *text, size_t text_len, struct buffer *out)
{
	size_t size = text_len / 4 * 3 + 1, sealed_len, len = 0;
	uint8_t *sealed = malloc(size);
	uint8_t *opened = malloc(size + CIPHER_BLOCK_BYTES);
	int rc = sealed && opened ? 0 : ENOMEM;

	if (rc == 0 && (!base64_decode(text, text_len, sealed, size, &sealed_len) || sealed_len == 0))
		rc = EBADMSG;
	if (rc == 0)
		rc = run_cipher(secret, false, sealed, sealed_len, opened, &len);
	if (rc == 0 && (!text_is_utf8((const char *)opened, len) || memchr(opened, '\0', len)))
		rc = EBADMSG;
	if (rc == 0)
		rc = buffer_append(out, opened, len);
	if (opened)
		sodium_memzero(opened, size + CIPHER_BLOCK_BYTES);
	free(sealed);
	free(opened);
	return rc;
}
