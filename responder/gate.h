/*
 * The gate: how much may be asked about rooms, and who has proven to know the password of one.
 *
 * common/PROTOCOL.md, section 7. Each ask is charged to the address, also those that are refused; tries of passwords and new
 * states are few. Of a proof there is one half at a time for each conversation. The lock of a room, and what is made of it,
 * stay here and are wiped. Nothing blocks.
 */
#ifndef QUARTET_GATE_H
#define QUARTET_GATE_H

#include <sys/queue.h>

#include "inbox.h"
#include "room/ask.h"
#include "room/rooms.h"

/* Asks of an address: at once, and in a second. One for which the states of a room must be read first counts as more. */
#define GATE_ASKS_BURST 4096
#define GATE_ASKS_PER_S 32
#define GATE_READING_ASKS 16
/* New states of a room that a member hands over, or an address that nobody in it uses: at once, and one more in this time. */
#define GATE_STATES_BURST 60
#define GATE_STATES_PERIOD_MS 10000
/* Tries of passwords in this time, from an address, and in all. */
#define GATE_TRIES 5
#define GATE_TRIES_IN_ALL 30
#define GATE_TRIES_PERIOD_MS 60000

struct gate_proof;

struct gate {
	struct ratelimit asks, states, outsiders, tries;
	LIST_HEAD(gate_proofs, gate_proof) proofs;
};

void gate_init(struct gate *gate);
void gate_free(struct gate *gate);

/* Whether one more ask may come, and one for which much must be read. */
bool gate_allows_ask(struct gate *gate, const struct message *message);
bool gate_allows_reading(struct gate *gate, const struct message *message);

/* Whether one more state may come into a room, which may be NULL: nobody can use up what another member may do. */
bool gate_allows_state(struct gate *gate, const struct message *message, const struct room *room);

/* Takes the first half of the proof of a room's password. Returns 0 with ours in *half, EAGAIN after too many, EPROTO, ENOMEM. */
int gate_begin_proof(struct gate *gate, const struct message *message, const struct ask *ask, const struct room *room,
    struct ask_answer *half) __attribute__((warn_unused_result));

/*
 * Takes the half that a conversation has begun with, as whatever is asked next ends it; to be freed with gate_free_proof().
 * NULL if it has begun none.
 */
struct gate_proof *gate_end_proof(struct gate *gate, const void *conversation) __attribute__((warn_unused_result));
void gate_free_proof(struct gate_proof *proof);

/* Whether an ask has the other half, for the password of that room: then lock is what the password was proven for. */
bool gate_is_proven(const struct gate_proof *proof, const struct ask *ask, const struct room *room,
    uint8_t lock[static ROOM_LOCK_BYTES]);

#endif
