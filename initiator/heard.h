/*
 * Whether the user is heard: has a name, is announced, and hears that; else it is said which pane to look at.
 *
 * One's own announcements come back through discovery. If they do not, either the announcer or discovery does not run;
 * somebody else who was heard, or one's own farewell, tells which.
 */
#ifndef QUARTET_HEARD_H
#define QUARTET_HEARD_H

#include "desk.h"

/* Announcements come every 8 seconds. */
#define HEARD_SILENCE_S 20

enum heard_state {
	HEARD_FINE, /* also if there is nothing to tell by: no name was announced, or no identity */
	HEARD_NAMELESS,
	HEARD_WITHOUT_ANNOUNCER,
	HEARD_WITHOUT_DISCOVERY,
};

/* What peers.txt says of oneself: a name or NULL, an identity or NULL, and when the announcement began, or 0. */
struct heard_self {
	const char *username;
	const uint8_t *identity;
	int64_t since_s;
};

/* Decides, at now_ms (wall clock). */
enum heard_state heard_judge(const struct peers *peers, const struct heard_self *self, int64_t now_ms);

/*
 * Collects a line if something is wrong, of what was read of peers.txt; of a missing name only if something is to be sent.
 * Returns whether it did.
 */
bool heard_put(const struct desk *desk, bool sending);

#endif
