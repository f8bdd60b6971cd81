/*
 * What of a room is told to whom: who may come in, and which states and sayings somebody is given who asks for them.
 *
 * common/PROTOCOL.md, section 7. Askers may be anybody, and name what they like as known. Pure.
 */
#ifndef QUARTET_DISCLOSURE_H
#define QUARTET_DISCLOSURE_H

#include "room/ask.h"
#include "room/rooms.h"

/* Why somebody may not come into a room with that head, whatever the password, as the receipt says it; or NULL. */
const char *disclosure_refuse_newcomer(const struct roomstate *head, const uint8_t identity[static IDENTITY_BYTES],
    const char *username);

/*
 * The state to be given first, and whether there are *more; NULL if none is lacking, or with *is_outsider if the asker never
 * was a member. Given is what follows the first state that the asker has, or else the one that let them in, up to the one
 * that took them out.
 */
const struct roomstate *disclosure_find_state(const struct roomtree *tree, const struct ask *ask,
    const uint8_t asker[static IDENTITY_BYTES], bool *more, bool *is_outsider);

/*
 * The first saying of the room, from an index on, to be given to a member of its head; saying_count if there is none. The tree
 * is loaded.
 */
size_t disclosure_find_saying(const struct room *room, const struct ask *ask,
    const uint8_t asker[static IDENTITY_BYTES], size_t from);

#endif
