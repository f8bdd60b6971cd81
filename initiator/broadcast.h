/*
 * Broadcast: a message to everybody who is here, one to one.
 *
 * Each gets a secure message of their own, which is kept for those who cannot be reached. Who announces no identity gets none,
 * and is named.
 */
#ifndef QUARTET_BROADCAST_H
#define QUARTET_BROADCAST_H

#include "desk.h"

/* The name that means everybody, in a script. */
#define BROADCAST_NAME "@all"

/* The command Broadcast: what becomes of each message is told when that is known; a pipe waits for it. */
int broadcast_run(struct desk *desk, const char *text);

/*
 * The same for len bytes that message_fault() lets pass; a script is told only who does not have it. Returns DESK_NOBODY if
 * nobody is here; and unless the user is at a terminal, DESK_UNREACHABLE or DESK_UNCONFIRMED if nobody or not everybody has it
 * so far, or DESK_REFUSED if somebody has refused it.
 */
int broadcast_send(struct desk *desk, const char *text, size_t len);

#endif
