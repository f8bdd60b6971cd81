/*
 * The messages that were received before, and what has become of each: so that a message that its sender repeats, because
 * no receipt reached it, is not taken twice, and one that is held is answered as the user has decided by now.
 *
 * Remembers at most RECEIVED_MAX ids, in groups that a secret decides. If a group is full, whoever holds most of it gives
 * up their oldest, so that nobody can make the messages of others be forgotten by sending many. Ids are chosen by whoever
 * sends, but count only for an identity that was proven. What was received in earlier runs, and what is decided about
 * what is held, is read from chat.log, which others write, without its lock.
 */
#ifndef QUARTET_RECEIVED_H
#define QUARTET_RECEIVED_H

#include <stdbool.h>
#include <stdint.h>

#include "crypto/identity.h"
#include "store/held.h"
#include "wire/envelope.h"

#define RECEIVED_MAX 65536
/* How far back chat.log is read. */
#define RECEIVED_READ_MAX_BYTES (64 * 1024 * 1024)

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

/*
 * Reads the chat.log of directory dir, which stays open, from its end. Returns 0, or why it could not read on, for
 * lockedfile_reason(). Blocks on the disk.
 */
int received_read(struct received *received, int dir) __attribute__((warn_unused_result));

/* What has become of a message. If it is held, reads in chat.log on. */
enum received_state received_find(struct received *received, const uint8_t identity[static IDENTITY_BYTES],
    const uint8_t id[static ENVELOPE_ID_BYTES]);

/* Remembers a message that was not, as the newest of all. */
void received_add(struct received *received, const uint8_t identity[static IDENTITY_BYTES],
    const uint8_t id[static ENVELOPE_ID_BYTES], enum received_state state);

/* Notes what has become of a message, if it is remembered: with RECEIVED_NOT, that it was not kept after all. */
void received_settle(struct received *received, const uint8_t identity[static IDENTITY_BYTES],
    const uint8_t id[static ENVELOPE_ID_BYTES], enum received_state state);

/*
 * Remembers a message from before all that are remembered, if no other must be forgotten for it. Returns false after
 * RECEIVED_MAX of them.
 */
bool received_recall(struct received *received, const uint8_t identity[static IDENTITY_BYTES],
    const uint8_t id[static ENVELOPE_ID_BYTES], enum received_state state);

/* Has a message wait for the user to decide; false if there is no room for it. And takes one back. */
bool received_hold(struct received *received, const struct chatlog_entry *message) __attribute__((warn_unused_result));
void received_unhold(struct received *received, const struct chatlog_entry *message);

/* Reads on what the user has decided meanwhile, if anything is held. */
void received_learn(struct received *received);

#endif
