#include "gate.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "crypto/cpace.h"

/* Half of the proof of a password. */
struct gate_proof {
	LIST_ENTRY(gate_proof) others;
	const void *conversation;
	uint8_t room[ROOM_ID_BYTES];
	uint8_t lock[ROOM_LOCK_BYTES];
	struct cpace cpace;
};

void gate_init(struct gate *gate)
{
	LIST_INIT(&gate->proofs);
	ratelimit_init(&gate->asks, GATE_ASKS_BURST, 1000);
	gate->asks.each.refill = GATE_ASKS_PER_S;
	ratelimit_init(&gate->states, GATE_STATES_BURST, GATE_STATES_PERIOD_MS);
	ratelimit_init(&gate->outsiders, GATE_STATES_BURST, GATE_STATES_PERIOD_MS);
	ratelimit_init(&gate->tries, GATE_TRIES, GATE_TRIES_PERIOD_MS);
	ratelimit_limit_all(&gate->tries, GATE_TRIES_IN_ALL, GATE_TRIES_PERIOD_MS);
	gate->tries.each.refill = GATE_TRIES;
	gate->tries.all.refill = GATE_TRIES_IN_ALL;
}

void gate_free_proof(struct gate_proof *proof)
{
	if (proof)
		sodium_memzero(proof, sizeof(*proof));
	free(proof);
}

void gate_free(struct gate *gate)
{
	struct gate_proof *proof;

	while ((proof = LIST_FIRST(&gate->proofs))) {
		LIST_REMOVE(proof, others);
		gate_free_proof(proof);
	}
}

bool gate_allows_ask(struct gate *gate, const struct message *message)
{
	return ratelimit_allow(&gate->asks, message->address, clock_monotonic_ms());
}

bool gate_allows_reading(struct gate *gate, const struct message *message)
{
	return ratelimit_spend(&gate->asks, message->address, GATE_READING_ASKS, clock_monotonic_ms());
}

bool gate_allows_state(struct gate *gate, const struct message *message, const struct room *room)
{
	bool is_in = room && roomstate_find_member(room->head, message->sender) >= 0;
	struct in_addr key = message->address, speaker;

	memcpy(&speaker, message->sender, sizeof(speaker));
	if (is_in) {
		memcpy(&key, room->id, sizeof(key));
		key.s_addr ^= speaker.s_addr;
	}
	return ratelimit_allow(is_in ? &gate->states : &gate->outsiders, key, clock_monotonic_ms());
}

int gate_begin_proof(struct gate *gate, const struct message *message, const struct ask *ask, const struct room *room,
    struct ask_answer *half)
{
	uint8_t context[ASK_CONTEXT_BYTES];
	const struct cpace_inputs inputs = {
	    .secret = {room->head->lock, sizeof(room->head->lock)},
	    .context = {context, sizeof(context)},
	};
	struct gate_proof *proof;

	if (!ratelimit_allow(&gate->tries, message->address, clock_monotonic_ms()))
		return EAGAIN;
	proof = calloc(1, sizeof(*proof));
	if (!proof)
		return ENOMEM;
	proof->conversation = message->conversation;
	memcpy(proof->room, room->id, sizeof(proof->room));
	memcpy(proof->lock, room->head->lock, sizeof(proof->lock));
	ask_put_context(room->id, message->exchange, context);
	cpace_begin(&proof->cpace, false, &inputs);
	if (cpace_take(&proof->cpace, &inputs, ask->share) != 0) {
		gate_free_proof(proof);
		return EPROTO;
	}
	LIST_INSERT_HEAD(&gate->proofs, proof, others);
	half->has_share = half->has_confirmation = true;
	memcpy(half->share, proof->cpace.share, sizeof(half->share));
	memcpy(half->confirmation, proof->cpace.confirmation, sizeof(half->confirmation));
	return 0;
}

struct gate_proof *gate_end_proof(struct gate *gate, const void *conversation)
{
	struct gate_proof *proof = LIST_FIRST(&gate->proofs);

	while (proof && proof->conversation != conversation)
		proof = LIST_NEXT(proof, others);
	if (proof)
		LIST_REMOVE(proof, others);
	return proof;
}

bool gate_is_proven(const struct gate_proof *proof, const struct ask *ask, const struct room *room,
    uint8_t lock[static ROOM_LOCK_BYTES])
{
	if (!proof || !ask->has_confirmation || memcmp(proof->room, room->id, sizeof(proof->room)) != 0 ||
	    !cpace_check(&proof->cpace, ask->confirmation))
		return false;
	memcpy(lock, proof->lock, ROOM_LOCK_BYTES);
	return true;
}
