/*
 * How many are here, and who, in few words, for the title of the window: "5 online: Bob, Ece +3".
 *
 * Whoever announces chooses a name and how many addresses to have, so both the work and the words are bounded. Pure.
 */
#ifndef QUARTET_PRESENCE_H
#define QUARTET_PRESENCE_H

#include "store/peers.h"

/* So many names at most, of so many bytes together. */
#define PRESENCE_NAMES_MAX 4
#define PRESENCE_NAMES_BYTES 60
/* With the two numbers, and the NUL. */
#define PRESENCE_BYTES (PRESENCE_NAMES_BYTES + 64)

/*
 * Writes that; "" if nobody is online at now_ms. The user is not counted: own is the name that is announced here, or NULL,
 * and own_since_s its time.
 */
void presence_describe(const struct peers *peers, const char *own, int64_t own_since_s, int64_t now_ms,
    char text[static PRESENCE_BYTES]);

#endif
