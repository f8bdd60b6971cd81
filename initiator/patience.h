/*
 * Patience: when to try again to reach somebody who could not be reached.
 *
 * After the first failure in 16 s, after each further one in twice as long, 900 s at most; or as soon as peers.txt says
 * that they are back. Somebody who could not be reached although they are announced is not back just because they are
 * announced again. Pure: no file, clock or socket.
 */
#ifndef QUARTET_PATIENCE_H
#define QUARTET_PATIENCE_H

#include "store/peers.h"

#define PATIENCE_FIRST_MS 16000
#define PATIENCE_LONGEST_MS 900000

/* A zeroed one has not failed yet. */
struct patience {
	unsigned failures; /* in a row */
	int64_t due_ms;	   /* monotonic: when to try again */
	/* What was announced when that was looked at last. */
	bool was_announced;
	bool had_left;
	struct in_addr address;
	int64_t since_s;
	int64_t last_seen_ms;
};

/*
 * Notes at now_ms (monotonic) that they could not be reached. Before the time it changes nothing: a try that somebody asked
 * for does not put off the next.
 */
void patience_fail(struct patience *patience, int64_t now_ms);

/*
 * Notes that claim is announced, or nothing if that is NULL: before each try and whenever peers.txt has changed. Returns
 * whether it says that they are back since the last time: that they had left, had been silent for PEERS_ONLINE_MS, have
 * begun anew, or are at another address.
 */
bool patience_is_over(struct patience *patience, const struct peer *claim);

#endif
