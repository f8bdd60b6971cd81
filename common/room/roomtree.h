/*
 * The valid states that are known of one room, those that wait for an unknown one, and which of them is the head.
 *
 * Members act at the same time, apart from each other, or against each other, so states form a tree. The head is the
 * same for whoever knows the same states, whatever the order in which they came (common/PROTOCOL.md, section 7). States
 * come from strangers, among them members who forge branches: so many are kept of a room, and few of those who are in it
 * no more. Pure: no file, no clock. A tree belongs to one thread, and the states it gives belong to the tree: they hold
 * until roomtree_trim() or roomtree_free(), or for as long as the caller holds them (roomstate_hold).
 */
#ifndef QUARTET_ROOMTREE_H
#define QUARTET_ROOMTREE_H

#include "room/roomrules.h"

#define ROOMTREE_KEEP_MS (INT64_C(14) * 24 * 3600 * 1000)
#define ROOMTREE_STATES_MAX 1024
#define ROOMTREE_WAITING_MAX 64
/* Of each member in the past of the head who is none in the head, with whomever they let in, beside that past. */
#define ROOMTREE_OUTSIDER_MAX 64

enum roomtree_verdict {
	ROOMTREE_TAKEN,
	ROOMTREE_KNOWN,	  /* already */
	ROOMTREE_WAITS,	  /* for a state that is unknown */
	ROOMTREE_REFUSED, /* it breaks a rule */
	ROOMTREE_APART,	  /* it follows nothing that is kept, and never will */
	ROOMTREE_FULL,	  /* too many are kept */
};

struct roomtree;

/*
 * A tree that begins with one state, taken on trust: the first of the room, or the one that let oneself in. The tree becomes
 * a holder of it. NULL if out of memory.
 */
struct roomtree *roomtree_new(struct roomstate *root, int64_t taken_ms);

/*
 * A tree of what was kept, in the order in which it was taken: it begins with the oldest state in the past of the one
 * whose id is head, and has all that follow that. NULL if there is no such state, or out of memory.
 */
struct roomtree *roomtree_load(struct roomstate *const *states, const int64_t *taken_ms, size_t count,
    const uint8_t head[static ROOMSTATE_ID_BYTES]);

void roomtree_free(struct roomtree *tree);

/*
 * What roomtree_add() would say of a state; *rule is the one it breaks if it is refused. A draft without an id is judged
 * as if it had one.
 */
enum roomtree_verdict roomtree_judge(const struct roomtree *tree, const struct roomstate *state, enum roomrule *rule);

/*
 * Adds a state, of which the tree becomes a holder if it is taken or waits. With it those are taken that waited for it:
 * roomtree_at() from the old count on has them all. Of too many that wait the first is given up.
 */
enum roomtree_verdict roomtree_add(struct roomtree *tree, struct roomstate *state, int64_t taken_ms,
    enum roomrule *rule);

/* The states in the order in which they were taken, from 0; each comes after the one that it follows. */
size_t roomtree_count(const struct roomtree *tree);
const struct roomstate *roomtree_at(const struct roomtree *tree, size_t index);

/* The state that everybody who knows these states takes for the room. */
const struct roomstate *roomtree_head(const struct roomtree *tree);

/* The state with that id, or NULL if it is not in the tree (it may wait). */
const struct roomstate *roomtree_find(const struct roomtree *tree, const uint8_t id[static ROOMSTATE_ID_BYTES]);

/* The state that a state of the tree follows; NULL of that with which the tree begins. */
const struct roomstate *roomtree_before(const struct roomtree *tree, const struct roomstate *state);

/* Whether a state of the tree is another, or in its past. */
bool roomtree_is_past(const struct roomtree *tree, const struct roomstate *state, const struct roomstate *of);

/* The last state that is in the past of both. */
const struct roomstate *roomtree_fork(const struct roomtree *tree, const struct roomstate *one,
    const struct roomstate *other);

/* In the past of a state of which somebody is a member, the one that let them in, or the first that is kept. */
const struct roomstate *roomtree_find_beginning(const struct roomtree *tree, const struct roomstate *state,
    const uint8_t member[static IDENTITY_BYTES]);

/* Another state of the same author after the same state, which nobody signs who means well; or NULL. */
const struct roomstate *roomtree_twin(const struct roomtree *tree, const struct roomstate *state);

/*
 * The membership that its author gives up by a state of the tree, as it stood before; NULL for a state that is no leave,
 * and for that with which the tree begins.
 */
const struct roommember *roomtree_leaver(const struct roomtree *tree, const struct roomstate *state);

/*
 * Drops what is not needed any more: the tree begins with the last state in the past of the head that was taken
 * ROOMTREE_KEEP_MS ago, or later if otherwise there is no room for as many as a quarter of ROOMTREE_STATES_MAX. Returns
 * whether anything was dropped.
 */
bool roomtree_trim(struct roomtree *tree, int64_t now_ms);

#endif
