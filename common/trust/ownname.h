/*
 * Which names a user of this program may take: none that would be taken for something else when others type it, and none
 * that somebody else has. Others may have any name, and are reached by their address. Nothing blocks.
 */
#ifndef QUARTET_OWNNAME_H
#define QUARTET_OWNNAME_H

#include "trust/pins.h"

#define OWNNAME_TAKER_BYTES 64

/* What is to be known to tell whether a name is free. */
struct ownname_world {
	const struct pins *pins;
	const struct peers *peers;
	const char *username;	 /* one's own, which stays free for oneself; or NULL */
	const uint8_t *identity; /* one's own, IDENTITY_BYTES; or NULL */
	int64_t now_ms;		 /* wall clock */
};

/* The rule that a valid username breaks, in words as username_rule() has them; NULL if none. */
const char *ownname_rule(const char *name) __attribute__((warn_unused_result));

/*
 * Whether somebody else has that name, in any case: somebody pinned, or who signs it and is online. Then taker becomes
 * words that follow a colon: "it is announced from 192.168.1.7".
 */
bool ownname_is_taken(const struct ownname_world *world, const char *name, char taker[static OWNNAME_TAKER_BYTES])
    __attribute__((warn_unused_result));

#endif
