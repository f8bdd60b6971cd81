/*
 * Users: who is there.
 *
 * Specification 2.3.0-B. Everybody heard in the last 15 minutes is listed, as (Online) if that was in the last 10 seconds,
 * else as (Away), with a number by which the other commands know them until the list is shown again.
 */
#ifndef QUARTET_USERS_H
#define QUARTET_USERS_H

#include "desk.h"
#include "term/roomview.h"
#include "trust/verdict.h"

/*
 * The command Users: shows " 1  Bob (Online)  192.168.1.7" for each claim that is visible, first who is online, then by
 * name, then by address, with what the verdict says of it. Oneself is marked: who has the name that the announcer stored,
 * at an address of this machine, and announces our public key or none. If name is not "", only those who have that name or
 * address, or whose name begins so, or what is known of who is not there; DESK_NOBODY if that is nothing.
 */
int users_show(struct desk *desk, const char *name);

/* The same for a script, without numbers and summary; a name means nobody by its beginning, nor who is not there. */
int users_list(struct desk *desk, const struct wish *wish);

/* Collects whose messages, and which rooms, wait for Accept or Reject: nothing if there are none. */
void users_put_undecided(const struct desk *desk, const struct roomview *rooms);

/* Collects what there is to say of whom a verdict is about, after two spaces each, and nothing if there is not. */
void users_put_standing(const struct verdict *verdict, struct console *console);

/* Collects " 1  ", and "Bob (Online)". */
void users_put_number(size_t number, struct console *console);
void users_put_presence(const struct peer *claim, int64_t now_ms, struct console *console);

#endif
