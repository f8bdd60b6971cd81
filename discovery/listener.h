/*
 * The sockets that hear announcements on UDP port 6000, and reading them many at a time (specification 2.2.0-A).
 *
 * The port is shared with other listeners on the machine (SO_REUSEADDR), all of which hear a broadcast. Without an address
 * everything that reaches the machine is heard. With one, three sockets hear what is sent to that address, to the
 * broadcast address of its network, and to 255.255.255.255 out of that network.
 */
#ifndef QUARTET_LISTENER_H
#define QUARTET_LISTENER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "wire/announcement.h"

#define LISTENER_SOCKETS_MAX 3
/* Datagrams in one system call. */
#define LISTENER_BATCH 64

struct listener {
	int fds[LISTENER_SOCKETS_MAX];
	size_t count;
};

/* A datagram as it came; data holds one byte more than an announcement may have, so that a longer one shows. */
struct datagram {
	struct sockaddr_in sender;
	size_t len;
	char data[ANNOUNCEMENT_MAX_BYTES + 1];
};

/* Opens the sockets, for every address or just *only. Returns 0, or an errno value with nothing open. */
int listener_open(struct listener *listener, const struct in_addr *only) __attribute__((warn_unused_result));
void listener_close(struct listener *listener);

/*
 * Waits for datagrams, without limit, or until another descriptor (-1: none) is readable, which *other_ready tells. Returns
 * 0, EINTR if a signal ended the wait, or why there can be no waiting.
 */
int listener_wait(const struct listener *listener, int other, bool *other_ready) __attribute__((warn_unused_result));

/* Reads what has arrived on one socket. Returns how many datagrams; fewer than LISTENER_BATCH means that no more are there. */
size_t listener_read(const struct listener *listener, size_t index, struct datagram datagrams[static LISTENER_BATCH]);

#endif
