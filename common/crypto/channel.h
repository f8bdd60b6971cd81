/*
 * The sealed channel of PROTOCOL.md section 3.1: two ends agree on keys, and then one secretbox a direction carries what
 * they say.
 *
 * The initiator offers a key, the responder answers with its own, and then each may seal. The initiator can prove who it
 * is; what it says, and when the proof comes, is the caller's (wire/exchange). Keys go in and out as decimal digits,
 * sealed messages as base64. Functions that can fail return 0, ENOMEM, or EPROTO for what the other side got wrong or
 * forged, or what is out of turn; after that the channel must not be used further. Nothing blocks.
 */
#ifndef QUARTET_CHANNEL_H
#define QUARTET_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "crypto/identity.h"

struct channel;

/* Begins a channel to the holder of peer, the caller's to free. number is what the user typed, decimal digits. */
int channel_initiate(struct channel **channel, const struct identity *own, const uint8_t peer[static IDENTITY_BYTES],
    const char *number) __attribute__((warn_unused_result));

/* The initiator takes the responder's key, len decimal digits. */
int channel_complete(struct channel *channel, const char *digits, size_t len) __attribute__((warn_unused_result));

/* All of the responder's agreement: takes the initiator's key and makes its own. *channel is the caller's to free. */
int channel_respond(struct channel **channel, const struct identity *own, const char *digits, size_t len)
    __attribute__((warn_unused_result));

/* Our own public key as decimal digits, for the "key" object. Lives as long as the channel. */
const char *channel_key_digits(const struct channel *channel);

/* Both public keys of the channel, the initiator's first, once they are agreed on: no other channel has the same. */
#define CHANNEL_KEYS_BYTES (2 * DH_KEY_BYTES)
void channel_keys(const struct channel *channel, uint8_t keys[static CHANNEL_KEYS_BYTES]);

/* The key of the stream in which the responder sends a file, once the keys are agreed on; the caller wipes it. */
#define CHANNEL_FILE_KEY_BYTES 32
void channel_file_key(const struct channel *channel, uint8_t key[static CHANNEL_FILE_KEY_BYTES]);

/* The initiator makes the proof that it holds own, once the keys are agreed on, and then forgets the secret: once only. */
int channel_prove(struct channel *channel, uint8_t proof[static DH_PROOF_BYTES]) __attribute__((warn_unused_result));

/* The responder checks such a proof of the holder of peer. */
int channel_check_proof(const struct channel *channel, const uint8_t peer[static IDENTITY_BYTES],
    const uint8_t proof[static DH_PROOF_BYTES]) __attribute__((warn_unused_result));

/* How many messages were sealed and opened so far. */
uint64_t channel_count_sealed(const struct channel *channel);
uint64_t channel_count_opened(const struct channel *channel);

/* Seals a message and appends the base64 to out; opens the next one and appends it to out, which the caller wipes. */
int channel_seal(struct channel *channel, const void *plaintext, size_t len, struct buffer *out)
    __attribute__((warn_unused_result));
int channel_open(struct channel *channel, const char *base64, size_t len, struct buffer *out)
    __attribute__((warn_unused_result));

/* Wipes and releases the channel; NULL is fine. */
void channel_free(struct channel *channel);

#endif
