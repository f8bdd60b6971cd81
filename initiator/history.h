/*
 * History: what was said, from chat.log.
 *
 * Specification 2.3.0-G. The newest messages are found from the end of the file, so its size does not matter. Each is
 * shown once, with what has become of it.
 */
#ifndef QUARTET_HISTORY_H
#define QUARTET_HISTORY_H

#include "desk.h"

/* How many messages are shown if nothing else is asked for. */
#define HISTORY_NEWEST 50
/* How many can be asked for by number; more are all. */
#define HISTORY_MAX 10000000

/* What was asked for. */
struct history_wish {
	char whom[LINEINPUT_MAX_BYTES + 1]; /* a name, or "" for everybody */
	size_t newest;			    /* how many; 0 for all */
	bool today;			    /* only what was said since midnight */
};

/*
 * Reads what is typed after History: a name, or none, and "all", "today" or a number of messages behind it; a name alone,
 * or nothing, means the newest HISTORY_NEWEST. Pure.
 */
void history_read_wish(const char *typed, struct history_wish *wish);

/*
 * The command History: shows the messages that are asked for, the oldest first. A name means whom it means in Chat, or else
 * who has exactly that name, in any case, in the log. Returns as listing_find(), or PROGRAM_FAILED after telling the user
 * that chat.log cannot be read.
 */
int history_show(struct desk *desk, const char *typed);

/* The same for a script; DESK_NOBODY if nobody has the name, here or in the log. */
int history_list(struct desk *desk, const struct wish *wish);

#endif
