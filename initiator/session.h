/*
 * Sessions: the connection to a party, and what is carried over it: one item after the other, each once the one before is
 * confirmed, and the question what else there is in a room.
 *
 * What has become of an item stands in the party's news, and is added to the lines for chat.log; the party is then done, and
 * delivery gives it its next turn. What the other side sends is hostile: call and errand bound it. Blocks on the disk, never on
 * the network: the steps of the call go on in the loop.
 */
#ifndef QUARTET_SESSION_H
#define QUARTET_SESSION_H

#include "party.h"

/* Calls a party, and agrees on keys of which number (decimal digits, or "") makes ours. */
void session_open(struct party *party, const char *number);

/*
 * Takes up what is next for a party whose turn it is, in the session that is open, or calls: the question, then items. Unless
 * this process has the outbox, only what is queued for it alone. If there is nothing the party rests, and may be freed.
 */
void session_go_on(struct party *party, bool has_outbox);

#endif
