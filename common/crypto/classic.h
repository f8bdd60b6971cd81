/*
 * The classic exchange: Diffie-Hellman modulo 19 and 3DES, as other programs of the specification speak it.
 *
 * common/PROTOCOL.md, section 3.2; specification 2.3.0-C leaves modulus and cipher open, and this is what most have
 * chosen: p = 19, g = 2, and 3DES (EDE, ECB, PKCS#5 padding) under the shared secret in decimal. It protects nothing,
 * since there are at most eighteen keys, and proves nothing. The cipher is OpenSSL's libcrypto, if the build found
 * it; without it classic_is_available() is false, and the functions that need it return ENOTSUP. Nothing blocks.
 */
#ifndef QUARTET_CLASSIC_H
#define QUARTET_CLASSIC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

#define CLASSIC_P 19
#define CLASSIC_G 2
/* A key or secret, which is below CLASSIC_P, in decimal and its NUL. */
#define CLASSIC_NUMBER_BYTES 3

/* Whether this build has the cipher. */
bool classic_is_available(void);

/* One line about that, for --version. Static storage. */
const char *classic_feature(void);

/* The private exponent that a number of any length stands for: the number modulo p - 1, which is the order of g. */
unsigned classic_exponent(const char *digits, size_t len);

/* A random exponent, from 1 to p - 2, so that the shared secret depends on the other side's key. */
unsigned classic_random_exponent(void);

/* g to the power of exponent modulo p: the key that travels. */
unsigned classic_public(unsigned exponent);

/*
 * Takes the other side's key, len decimal digits. Returns 0 and sets *secret, from 1 to p - 1, or EPROTO if the key
 * is a multiple of p, and so none.
 */
int classic_agree(unsigned exponent, const char *digits, size_t len, unsigned *secret)
    __attribute__((warn_unused_result));

/* Encrypts len bytes and appends the base64 text to out. Returns 0, or with out unchanged ENOMEM or ENOTSUP. */
int classic_seal(unsigned secret, const char *text, size_t len, struct buffer *out) __attribute__((warn_unused_result));

/*
 * Decrypts the text_len characters of base64 at text and appends what was in it to out: UTF-8 without U+0000. Returns
 * 0, or with out unchanged EBADMSG, ENOMEM or ENOTSUP.
 */
int classic_open(unsigned secret, const char *text, size_t text_len, struct buffer *out)
    __attribute__((warn_unused_result));

#endif
