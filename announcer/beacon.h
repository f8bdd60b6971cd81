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

#define BEACON_TARGETS_MAX 64

/* Where announcements go, or went: one source, one destination. */
struct beacon_route {
	struct interface interface; /* index 0 for an extra destination */
	struct in_addr to;
	bool failing; /* the last try failed, and the user knows */
};

struct beacon {
	int fd;
	const struct in_addr *only; /* the address to speak from, or NULL for every network */
	const struct in_addr *targets;
	size_t target_count;
	struct console *console;
	struct beacon_route routes[INTERFACES_MAX + BEACON_TARGETS_MAX];
	size_t route_count;
	bool silent; /* there is nowhere to announce to, and the user knows */
};

/* Opens the socket. What it is given stays the caller's. Returns 0, or why it cannot speak from that address. */
int beacon_open(struct beacon *beacon, const struct in_addr *only, const struct in_addr *targets, size_t target_count,
    struct console *console) __attribute__((warn_unused_result));
void beacon_close(struct beacon *beacon);

/*
 * Sends the announcement, signed by identity unless that is NULL, everywhere once. Does not block: a datagram that cannot go
 * now is not sent. Returns whether an address that it was sent from before is none of ours any more.
 */
bool beacon_send(struct beacon *beacon, const struct announcement *announcement, const struct identity *identity);

#endif
