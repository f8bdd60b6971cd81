/*
 * A TCP connection to a peer's responder, which never blocks: every function does what can be done now.
 *
 * Specification 2.3.0-C, D and F. Functions that return int return 0 once they are through, EAGAIN if they must be called
 * again when the socket is ready, or what went wrong as another errno value. How long to wait is the caller's to decide.
 */
#ifndef QUARTET_CONNECTION_H
#define QUARTET_CONNECTION_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "wire/framing.h"
#include "wire/wire.h"

/* A zeroed fd of -1 is a closed connection. */
struct connection {
	int fd;
	size_t sent;   /* bytes of what is being sent */
	bool finished; /* the other side was told that nothing more will be sent */
	bool seeking;  /* a reply, since then */
	struct framer framer;
};

/*
 * Begins to connect to port 6001 of to, from the address from unless that is NULL. After 0 the socket is ready to be
 * written to once connection_opened() can tell.
 */
int connection_open(struct connection *connection, const struct in_addr *from, struct in_addr to)
    __attribute__((warn_unused_result));

/* Whether the other side could be reached. */
int connection_opened(const struct connection *connection) __attribute__((warn_unused_result));

/* Sends len bytes, in one write if the kernel takes them; until it is through, it is called with the same bytes. */
int connection_send(struct connection *connection, const char *bytes, size_t len) __attribute__((warn_unused_result));

/*
 * Reads the next object, which must be of kind; *object is the caller's to free. Returns ECONNRESET if the other side
 * closed instead, EBADMSG if it sent something else.
 */
int connection_receive(struct connection *connection, enum wire_kind kind, struct wire_object *object)
    __attribute__((warn_unused_result));

/* Whether the other side has not closed the connection so far. */
bool connection_is_open(const struct connection *connection);

/*
 * Says that nothing more will be sent, and reads what still comes until the other side closes, too. The first object of
 * kind WIRE_UNENCRYPTED among it becomes *reply, the caller's to free, unless reply is NULL. All else is forgotten.
 */
int connection_finish(struct connection *connection, struct wire_object *reply) __attribute__((warn_unused_result));

/* Closes, if it is open, and wipes what was received. On bytes that were not read it is a reset, and some die of that. */
void connection_close(struct connection *connection);

#endif
