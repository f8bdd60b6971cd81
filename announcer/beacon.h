/*
 * The beacon: sends the announcement to every network and every extra destination (specification 2.1.0-B and C), and tells
 * the user, once, what changes: a network that appeared or went away, a destination that cannot be reached, or can again.
 */
#ifndef QUARTET_BEACON_H
#define QUARTET_BEACON_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "net/interfaces.h"
#include "term/console.h"
#include "wire/announcement.h"

#define BEACON_TARGETS_MAX 128

/* A destination that is no network of this machine. */
struct beacon_target {
	struct in_addr to;
	bool is_answer; /* to somebody who announces from there: nothing to tell */
};

/* Where announcements go, or went: one source, one destination. */
struct beacon_route {
	struct interface interface; /* index 0 for an extra destination */
	struct in_addr to;
	bool is_quiet; /* an answer */
	bool failing;  /* the last try failed, and the user knows */
};

struct beacon {
	int fd;
	const struct in_addr *only; /* the address to speak from, or NULL for every network */
	struct console *console;
	struct beacon_route routes[INTERFACES_MAX + BEACON_TARGETS_MAX];
	size_t route_count;
	bool silent; /* there is nowhere to announce to, and the user knows */
};

/* Opens the socket. What it is given stays the caller's. Returns 0, or why it cannot speak from that address. */
int beacon_open(struct beacon *beacon, const struct in_addr *only, struct console *console)
    __attribute__((warn_unused_result));
void beacon_close(struct beacon *beacon);

/*
 * Sends the announcement, signed by identity unless that is NULL, to every network and every target once. Does not block: a
 * datagram that cannot go now is not sent. Returns whether an address that it was sent from before is none of ours any more.
 */
bool beacon_send(struct beacon *beacon, const struct announcement *announcement, const struct identity *identity,
    const struct beacon_target *targets, size_t target_count);

/* Whether this machine has other networks, or other addresses in them, than it was last sent to. */
bool beacon_is_elsewhere(const struct beacon *beacon);

#endif
