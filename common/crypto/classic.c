#include "crypto/classic.h"

#include <errno.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/text.h"

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

#include <nettle/des.h>

static const bool is_available = true;

/* Encrypts or decrypts whole blocks in place. The key is the digits of the secret, followed by spaces: never a weak one. */
static int run_cipher(unsigned secret, bool encrypt, uint8_t *blocks, size_t len)
{
	char key[DES3_KEY_SIZE + 1];
	struct des3_ctx context;

	snprintf(key, sizeof(key), "%-*u", DES3_KEY_SIZE, secret % CLASSIC_P);
	des3_set_key(&context, (const uint8_t *)key);
	(encrypt ? des3_encrypt : des3_decrypt)(&context, len, blocks, blocks);
	return 0;
}

#else

static const bool is_available = false;

static int run_cipher(unsigned secret, bool encrypt, uint8_t *blocks, size_t len)
{
	(void)secret, (void)encrypt, (void)blocks, (void)len;
	return ENOTSUP;
}

#endif

bool classic_is_available(void)
{
	return is_available;
}

const char *classic_feature(void)
{
	return is_available ? "with the classic exchange (3DES from nettle)"
			    : "without the classic exchange (built without nettle, or with CLASSIC=0)";
}

int classic_seal(unsigned secret, const char *text, size_t len, struct buffer *out)
{
	size_t padding = CIPHER_BLOCK_BYTES - len % CIPHER_BLOCK_BYTES, sealed_len = len + padding;
	size_t base64_size = sodium_base64_encoded_len(sealed_len, BASE64_VARIANT);
	uint8_t *sealed = malloc(sealed_len);
	char *base64 = malloc(base64_size);
	int rc = sealed && base64 ? 0 : ENOMEM;

	if (rc == 0) {
		memcpy(sealed, text, len);
		memset(sealed + len, (int)padding, padding);
		rc = run_cipher(secret, true, sealed, sealed_len);
	}
	if (rc == 0) {
		sodium_bin2base64(base64, base64_size, sealed, sealed_len, BASE64_VARIANT);
		rc = buffer_append(out, base64, strlen(base64));
	}
	free(sealed);
	free(base64);
	return rc;
}

/* Takes off the padding, which is as many bytes as each of them says. Returns false if there is none. */
static bool unpad(const uint8_t *blocks, size_t *len)
{
	uint8_t padding = blocks[*len - 1];

	if (padding == 0 || padding > CIPHER_BLOCK_BYTES)
		return false;
	for (size_t i = 1; i < padding; i++) {
		if (blocks[*len - 1 - i] != padding)
			return false;
	}
	*len -= padding;
	return true;
}

int classic_open(unsigned secret, const char *text, size_t text_len, struct buffer *out)
{
	size_t size = text_len / 4 * 3 + 1, len = 0;
	uint8_t *blocks = malloc(size);
	int rc = blocks ? 0 : ENOMEM;

	if (rc == 0 && (!base64_decode(text, text_len, blocks, size, &len) || len == 0 || len % CIPHER_BLOCK_BYTES > 0))
		rc = EBADMSG;
	if (rc == 0)
		rc = run_cipher(secret, false, blocks, len);
	if (rc == 0 && (!unpad(blocks, &len) || !text_is_utf8((const char *)blocks, len) || memchr(blocks, '\0', len)))
		rc = EBADMSG;
	if (rc == 0)
		rc = buffer_append(out, blocks, len);
	if (blocks)
		sodium_memzero(blocks, size);
	free(blocks);
	return rc;
}
