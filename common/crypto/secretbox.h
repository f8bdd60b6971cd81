/*
 * The crypto_secretbox helper: one direction of a secure connection, message by message, and messages by themselves.
 *
 * A message is base64(nonce || crypto_secretbox(plaintext)); the nonce is 16 bytes that are drawn at random once, and an
 * 8-byte big-endian counter that starts at 0 and rises by one a message. The key is of this direction alone, so the counter
 * suffices for no nonce to come twice. The reader accepts only the counter it expects, so a message that is repeated, left
 * out or out of order is refused. Nothing blocks.
 */
#ifndef QUARTET_SECRETBOX_H
#define QUARTET_SECRETBOX_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

#define SECRETBOX_KEY_BYTES 32
#define SECRETBOX_RANDOM_BYTES 16
#define SECRETBOX_OVERHEAD_BYTES 40 /* nonce (24) and authenticator (16), before base64 */

/* One direction. The owner wipes it; messages must not be sealed by two copies of one direction. */
struct secretbox {
	uint8_t key[SECRETBOX_KEY_BYTES];
	uint64_t counter; /* of the next message */
	uint8_t random[SECRETBOX_RANDOM_BYTES];
};

/* Encrypts and appends the base64 to out. Returns 0 and moves the counter on, or ENOMEM with box and out unchanged. */
int secretbox_seal(struct secretbox *box, const void *plaintext, size_t len, struct buffer *out)
    __attribute__((warn_unused_result));

/*
 * Decrypts base64 and appends the plaintext to out, which the caller wipes. Returns 0 and moves the counter on; or with box
 * and out unchanged ENOMEM, or EBADMSG if the text is not base64, the counter is another one or it is forged.
 */
int secretbox_open(struct secretbox *box, const char *text, size_t text_len, struct buffer *out)
    __attribute__((warn_unused_result));

/*
 * The same two for messages that each stand by themselves, in no order, under a key of both directions and of many: the
 * whole nonce is random, and any is taken.
 */
int secretbox_seal_alone(const uint8_t key[static SECRETBOX_KEY_BYTES], const void *plaintext, size_t len,
    struct buffer *out) __attribute__((warn_unused_result));
int secretbox_open_alone(const uint8_t key[static SECRETBOX_KEY_BYTES], const char *text, size_t text_len,
    struct buffer *out) __attribute__((warn_unused_result));

#endif
