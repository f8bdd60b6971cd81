/*
 * The next state of a room while it is written: a copy of the one before it, what is changed in that, and the signature.
 *
 * A draft may say anything; whether it may follow is judged by roomtree_judge() before it is signed. Settings (name,
 * about, capacity, entry and lock, the lists again and left) are set in draft->state itself, within the limits of
 * room/roomstate. Nothing blocks.
 */
#ifndef QUARTET_ROOMDRAFT_H
#define QUARTET_ROOMDRAFT_H

#include "room/roomstate.h"

/* The lists of the state point into the draft, which therefore is not copied. */
struct roomdraft {
	struct roomstate state;
	struct roommember members[ROOM_MEMBERS_MAX];
	uint8_t removed[ROOM_REMOVED_MAX][IDENTITY_BYTES];
	uint8_t again[ROOMSTATE_NAMED_MAX][ROOMSTATE_ID_BYTES];
	uint8_t left[ROOMSTATE_NAMED_MAX][ROOMSTATE_ID_BYTES];
};

/* Begins the first state of a new, open room of 64, with its author as the only member. */
void roomdraft_begin_room(struct roomdraft *draft, const uint8_t by[static IDENTITY_BYTES], const char *username,
    const char *name);

/* Begins the state that follows before and is signed by that member. */
void roomdraft_begin(struct roomdraft *draft, const struct roomstate *before, const uint8_t by[static IDENTITY_BYTES]);

/* Lets somebody in, also who was removed. False if they are in, or the list is full. */
bool roomdraft_let_in(struct roomdraft *draft, const uint8_t identity[static IDENTITY_BYTES], const char *username);

/* Takes somebody out; into the list of the removed, unless it is the author or has_left. False if they are not in. */
bool roomdraft_take_out(struct roomdraft *draft, const uint8_t identity[static IDENTITY_BYTES], bool has_left);

/* Marks a member as an admin or not. False if they are not in, or nothing changes. */
bool roomdraft_mark(struct roomdraft *draft, const uint8_t identity[static IDENTITY_BYTES], bool is_admin);

/*
 * Makes the state, with that key (random, a new one for each state) and time, signed by the identity whose public half
 * the draft began with. Returns 0 with *state set, to be released with roomstate_release(); EBADMSG with a reason in
 * *why for a draft beyond the limits of a state; or ENOMEM.
 */
int roomdraft_sign(const struct roomdraft *draft, const struct identity *identity,
    const uint8_t key[static ROOM_KEY_BYTES], int64_t time_ms, struct roomstate **state)
    __attribute__((warn_unused_result));

#endif
