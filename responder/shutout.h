/*
 * Addresses that are shut out for a moment: the kernel throws their attempts to connect away.
 *
 * Whoever opens connections without a pause and says nothing on them fills the queue in which those of others wait to be
 * accepted, whatever becomes of them afterwards. So while the queue is long, an address that has had too many connections
 * end without a word is shut out, by a socket filter (socket(7), SO_ATTACH_FILTER) that needs no privileges: all of them
 * until the same moment, each time a little longer if that goes on. What is open stays open, and whoever waits
 * gets in afterwards, as systems repeat such attempts. An address that somebody only pretends to have is never shut out,
 * as no connection of it is accepted. Who has many more than SHUTOUT_MAX addresses, and waits on none, is not kept away.
 */
#ifndef QUARTET_SHUTOUT_H
#define QUARTET_SHUTOUT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ratelimit.h"

/* A conditional jump in a filter reaches 255 instructions ahead. */
#define SHUTOUT_MAX 128
/* For how long at first, which is less than it takes until an attempt is repeated, and at most. */
#define SHUTOUT_FIRST_MS 900
#define SHUTOUT_LONGEST_MS 3600
/* Connections without a word that one address may have at once, and one more in this time. */
#define SHUTOUT_BURST 8
#define SHUTOUT_PERIOD_MS 4000
/* For how long they count after the queue was long. */
#define SHUTOUT_WATCH_MS 30000

struct shutout {
	struct in_addr addresses[SHUTOUT_MAX];
	size_t count;
	int64_t until_ms; /* monotonic: when they are let in again */
	int64_t length_ms;
	int64_t watch_until_ms;
	bool changed; /* since shutout_apply() */
	struct ratelimit silent;
};

void shutout_init(struct shutout *shutout);

/* Notes that the queue of the listening socket is long. */
void shutout_watch(struct shutout *shutout, int64_t now_ms);

/* Notes that a connection of address has ended without a word, or was refused. Harmless if nobody watches. */
void shutout_note(struct shutout *shutout, struct in_addr address, int64_t now_ms);

/* Has the listening socket know who is shut out at now_ms. A kernel without such filters shuts out nobody. */
void shutout_apply(struct shutout *shutout, int listener, int64_t now_ms);

/* When shutout_apply() is needed next, monotonic; INT64_MAX if nobody is shut out. */
int64_t shutout_due_ms(const struct shutout *shutout);

#endif
