/*
 * The server: TCP port 6001, one event loop, no connection that keeps another waiting.
 *
 * Specification 2.4.0-A, B and E. Messages are in chat.log and on the screen at once. Sockets never block and every
 * connection has a deadline. Who is let in, and who gives way if there is no place, is for admission to say.
 */
#ifndef QUARTET_SERVER_H
#define QUARTET_SERVER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "inbox.h"
#include "store/keyfile.h"

struct server;

/*
 * Listens on address (0.0.0.0 for all). If strict, the classic exchange is refused. The key and the inbox, which has
 * the console, stay the caller's and must outlive the server; the key is open by the time of server_run(). Returns 0 with
 * *server the caller's to close, or an errno value.
 */
int server_open(struct server **server, struct in_addr address, bool strict, struct keyfile *key, struct inbox *inbox)
    __attribute__((warn_unused_result));

/*
 * Sends a receipt for a message of a conversation of the server. To be given to the inbox: senders get
 * their receipts one by one, and go on while those of the others are made.
 */
void server_acknowledge(void *conversation, const struct envelope_receipt *receipt, json_t *members);

/*
 * Begins a child that goes on with a conversation of the server, as fileserver_fork. In the parent the connection is
 * dropped at the end of the round, which takes nothing from the child.
 */
pid_t server_fork(void *conversation, int *fd);

/*
 * What is called in every round in which the descriptor of server_watch() is readable, or its time has come: returns when
 * that is, monotonic in milliseconds; INT64_MAX: never. It must not block.
 */
typedef int64_t server_ready(void *context);

/*
 * Has a descriptor watched, one for a server, which stays the caller's, and calls ready for the first time. Returns 0 or
 * an errno value.
 */
int server_watch(struct server *server, int fd, server_ready *ready, void *context) __attribute__((warn_unused_result));

/* Serves until stop_requested(). Returns 0, or the errno value of why it cannot go on. */
int server_run(struct server *server) __attribute__((warn_unused_result));

/* Closes all connections and the port, and frees the server. */
void server_close(struct server *server);

#endif
