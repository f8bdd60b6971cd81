/*
 * What has happened in a room, from two states of it: who came and went, who is admin, what is set otherwise.
 *
 * For the lines that tell the user. A function of the states alone; nothing blocks.
 */
#ifndef QUARTET_ROOMEVENTS_H
#define QUARTET_ROOMEVENTS_H

#include "room/roomstate.h"
#include "store/chatlog.h"

/* Everybody may go, others come, and be admins; five things are set. */
#define ROOMEVENTS_MAX (3 * ROOM_MEMBERS_MAX + 5)
/* A number, or the longest of the others. */
#define ROOMEVENT_VALUE_BYTES (ROOM_ABOUT_MAX_BYTES + 1)

struct roomevent {
	enum chatlog_event event;
	const struct roommember *who;	   /* of one of the states, or NULL */
	char value[ROOMEVENT_VALUE_BYTES]; /* "" if there is none */
};

/* Lists what is different in after, which somebody has signed; before is NULL if there was no room. Returns how many. */
size_t roomevents_list(const struct roomstate *before, const struct roomstate *after,
    struct roomevent events[static ROOMEVENTS_MAX]);

#endif
