/*
 * The messages that were received: which id came from which identity, so that a message that its sender repeats, because
 * no receipt reached it, is not taken twice.
 *
 * Remembers at most RECEIVED_OF_ONE_MAX ids of an identity and RECEIVED_MAX in all. Beyond the first an identity gives
 * up its oldest, beyond the second whoever holds most gives up theirs, so that nobody can make the messages of others
 * be forgotten by sending many. Ids are chosen by whoever sends, but count only for an identity that was proven. Keeps
 * no file.
 */
#ifndef QUARTET_RECEIVED_H
#define QUARTET_RECEIVED_H

#include <stdbool.h>
#include <stdint.h>

#include "crypto/identity.h"
#include "wire/envelope.h"

#define RECEIVED_OF_ONE_MAX 2048
#define RECEIVED_MAX 65536

/* What has become of a message. */
enum received_state {
	RECEIVED_NOT, /* it is not remembered */
	RECEIVED_KEPT,
	RECEIVED_HELD, /* kept, and not shown before the user decides */
	RECEIVED_REJECTED,
};

struct received;

/* Remembers nothing yet. NULL if out of memory. */
struct received *received_new(void);
void received_free(struct received *received);

enum received_state received_find(const struct received *received, const uint8_t identity[static IDENTITY_BYTES],
    const uint8_t id[static ENVELOPE_ID_BYTES]);

/* Remembers a message that was not, as the newest of its sender. Out of memory it does not. */
void received_add(struct received *received, const uint8_t identity[static IDENTITY_BYTES],
    const uint8_t id[static ENVELOPE_ID_BYTES], enum received_state state);

/* Notes what has become of a message, if it is remembered. */
void received_settle(struct received *received, const uint8_t identity[static IDENTITY_BYTES],
    const uint8_t id[static ENVELOPE_ID_BYTES], enum received_state state);

/* Remembers a message from before all others of its sender, if none must be forgotten for it. False if there is no room. */
bool received_recall(struct received *received, const uint8_t identity[static IDENTITY_BYTES],
    const uint8_t id[static ENVELOPE_ID_BYTES], enum received_state state);

/* Forgets a message, because it was not kept after all; harmless if it is not remembered. */
void received_forget(struct received *received, const uint8_t identity[static IDENTITY_BYTES],
    const uint8_t id[static ENVELOPE_ID_BYTES]);

#endif
