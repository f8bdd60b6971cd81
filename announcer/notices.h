/*
 * What the kernel tells the announcer between its turns: that peers.txt was replaced, as it is when a room or a wish of the
 * user changes (inotify(7)), and that networks or addresses of this machine came, went or changed (rtnetlink(7)).
 *
 * What it cannot tell is found out at the next turn.
 */
#ifndef QUARTET_NOTICES_H
#define QUARTET_NOTICES_H

#include <stdbool.h>
#include <stdint.h>

/* After one of networks the next is told no sooner. */
#define NOTICES_NETWORKS_PERIOD_MS 1000

struct notices {
	int files, networks; /* or -1 */
	bool has_networks;   /* something about networks is to be told */
	int64_t networks_ms; /* monotonic: when that may be */
};

enum notices_kind {
	NOTICES_FILES = 1,
	NOTICES_NETWORKS = 2,
	NOTICES_OTHER = 4, /* the other descriptor is readable */
};

/* For the working directory. */
void notices_open(struct notices *notices);
void notices_close(struct notices *notices);

/* Blocks until due_ms (monotonic), a notice, or a signal; other is one more descriptor to wait for, or -1. Returns bits. */
unsigned notices_await(struct notices *notices, int other, int64_t due_ms);

#endif
