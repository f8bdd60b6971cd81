/*
 * What waits to be delivered, as the user sees it: how much for whom, withdrawing it, and whom it goes to after Trust.
 */
#ifndef QUARTET_WAITING_H
#define QUARTET_WAITING_H

#include "desk.h"
#include "recipient.h"
#include "term/roomview.h"

/* The command Drop: withdraws what waits for whom name means, first of all among those for whom something waits. */
int waiting_drop(struct desk *desk, const char *name);

/* Collects what stands behind somebody in a list: "  2 waiting", or nothing. identity may be NULL. */
void waiting_put_count(const struct desk *desk, const uint8_t *identity, struct console *console);

/* Collects a line about those for whom something waits and whom nobody has heard lately, if there are any. */
void waiting_put_absent(const struct desk *desk, const struct roomview *rooms);

/* The same about the rooms in which something waits for anybody: "In rooms: #lab  2 waiting". */
void waiting_put_rooms(const struct desk *desk, const struct roomview *rooms);

/*
 * The user accepted another identity, that of to, for a name: asks at a terminal whether what waits for the one that was
 * known goes to it, and has it do so. It waits on if the user does not want that, and in a pipe or a script.
 */
void waiting_hand_on(struct desk *desk, const uint8_t known[static IDENTITY_BYTES], const struct recipient *to);

#endif
