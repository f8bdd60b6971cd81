/*
 * What a member's program does again after a fork: one's own acts that fell away, leaves that fell away, and cleaning up
 * behind those who were removed, or left, and went on letting people in.
 *
 * Everything comes from the states that are known, so it does not matter when it is asked, or how often. Pure.
 */
#ifndef QUARTET_ROOMREDO_H
#define QUARTET_ROOMREDO_H

#include "room/roomdraft.h"
#include "room/roomtree.h"

/* How long each turn waits after the head has last changed. */
#define ROOMREDO_TURN_S 20

struct roomredo {
	const struct roomstate *act; /* what fell away and is done again: one's own, or somebody's leave; of the tree */
	/*
	 * How many others would do the same and come first, so that not everybody does: 0 for one's own acts. Nothing is
	 * done before ROOMREDO_TURN_S have passed for each of them.
	 */
	unsigned turn;
};

/*
 * Writes the next state that the member me has to sign after the head, if there is one. To be asked again once that is
 * added, until it returns false.
 */
bool roomredo_next(const struct roomtree *tree, const uint8_t me[static IDENTITY_BYTES], struct roomdraft *draft,
    struct roomredo *redo);

/* Whether a state of me is without effect now: neither it nor one that stands for it is in the past of the head. */
bool roomredo_is_fallen(const struct roomtree *tree, const struct roomstate *act);

#endif
