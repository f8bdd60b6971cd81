/*
 * Rooms and Room: which rooms there are, and who is in one.
 */
#ifndef QUARTET_ROOMLIST_H
#define QUARTET_ROOMLIST_H

#include "desk.h"
#include "room/rooms.h"

/* The command Rooms: the user's own and those that others announce; and for a script, as JSON if it wishes that. */
int roomlist_run_show(struct desk *desk, const char *typed);
int roomlist_show(struct desk *desk, const struct wish *wish);

/* The command Room: one of them, with its members if the user is in it. */
int roomlist_run_describe(struct desk *desk, const char *name);
int roomlist_describe(struct desk *desk, const struct wish *wish);

/* Collects a member's name, in the colour that it has everywhere. */
void roomlist_put_member(struct console *console, const struct rooms *rooms, const struct roomstate *head,
    size_t place);

#endif
