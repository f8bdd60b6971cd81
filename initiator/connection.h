/*
 * A TCP connection to a peer's responder, with a limit on every wait.
 *
 * Specification 2.3.0-C, D and F. All waits end early with EINTR if stop_requested(). Functions that return int
 * return 0 or an errno value; ETIMEDOUT is the limit of the wait.
 */
#ifndef QUARTET_CONNECTION_H
#define QUARTET_CONNECTION_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "wire/framing.h"
#include "wire/wire.h"

#define CONNECTION_OPEN_MS 5000
#define CONNECTION_SEND_MS 5000
#define CONNECTION_REPLY_MS 5000
/* How long a connection is held for the other side to finish, so that nothing it sends is answered with a reset. */
#define CONNECTION_LINGER_MS 1000

/* A zeroed fd of -1 is a closed connection. */
struct connection {
	int fd;
	bool finished; /* by connection_finish() */
	struct framer framer;
};

/* Connects to port 6001 of to, from the address from unless that is NULL. Blocks for CONNECTION_OPEN_MS at most. */
int connection_open(struct connection *connection, const struct in_addr *from, struct in_addr to)
    __attribute__((warn_unused_result));

/* Sends len bytes, in one write if the kernel takes them. Blocks for CONNECTION_SEND_MS at most. */
int connection_send(struct connection *connection, const char *bytes, size_t len) __attribute__((warn_unused_result));

/*
 * Waits for the next object of kind, for CONNECTION_REPLY_MS at most; *object is the caller's to free. Returns
 * ECONNRESET if the other side closed instead, EBADMSG if it sent something else.
 */
int connection_receive(struct connection *connection, enum wire_kind kind, struct wire_object *object)
    __attribute__((warn_unused_result));

/* Whether the other side has not closed the connection so far. */
bool connection_is_open(const struct connection *connection);

/*
 * Says that nothing more will be sent and reads what still comes until the other side closes, too, for
 * CONNECTION_LINGER_MS at most. The first object of kind WIRE_UNENCRYPTED among it becomes *reply, the caller's to free,
 * unless reply is NULL; without one reply->document is NULL. All else is forgotten. Returns 0 if the other side closed in
 * good order, or that had been finished before, else what went wrong; the connection is open until connection_close().
 */
int connection_finish(struct connection *connection, struct wire_object *reply);

/*
 * Closes, if it is open, after connection_finish() if nobody has called that: closing on bytes that were not read would
 * be a reset, and some die of it. Wipes what was received.
 */
void connection_close(struct connection *connection);

#endif
