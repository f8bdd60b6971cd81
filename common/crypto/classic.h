/*
 * The classic exchange: Diffie-Hellman modulo 19 and 3DES (common/PROTOCOL.md, section 3.2), as other programs of the
 * specification speak it. It protects nothing, since there are at most eighteen keys, and proves nothing. The cipher is
 * nettle's, if the build found it. Nothing blocks.
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

/* Whether this build has the cipher, and one line about that for --version. */
bool classic_is_available(void);
const char *classic_feature(void);

/* The private exponent that a number of any length stands for, modulo p - 1, the order of g; or a random one, not 0. */
unsigned classic_exponent(const char *digits, size_t len);
unsigned classic_random_exponent(void);

/* g to the power of exponent modulo p: the key that travels. */
unsigned classic_public(unsigned exponent);

/* Takes the other side's key. Returns 0 and sets *secret, from 1 to p - 1, or EPROTO for a multiple of p. */
int classic_agree(unsigned exponent, const char *digits, size_t len, unsigned *secret)
    __attribute__((warn_unused_result));

/* Encrypts a text and appends the base64 to out. Returns 0, or with out unchanged ENOMEM, or ENOTSUP without the cipher. */
int classic_seal(unsigned secret, const char *text, size_t len, struct buffer *out) __attribute__((warn_unused_result));

/* Decrypts base64 and appends what was in it, UTF-8 without U+0000. Returns as above, or EBADMSG. */
int classic_open(unsigned secret, const char *text, size_t text_len, struct buffer *out)
    __attribute__((warn_unused_result));

#endif
