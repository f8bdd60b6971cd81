/*
 * The file server: who may have which file, of what this user offers, or has fetched in a room and so serves there too.
 *
 * common/PROTOCOL.md, section 8. Here it is decided; a child does the rest (filesender.h), so that neither a disk nor whoever
 * fetches slowly keeps the loop waiting. A process and not a thread: it has the session without sharing anything that would
 * need a lock, gives way to what people wait for, and ends with its memory, or with the responder. Whoever asks for what is
 * not for them, or was never there, has the same answer after the same effort.
 */
#ifndef QUARTET_FILESERVER_H
#define QUARTET_FILESERVER_H

#include "file/offers.h"
#include "inbox.h"
#include "room/rooms.h"
#include "store/keyfile.h"

/* Files that are sent at once, in all and to one address. */
#define FILESERVER_PLACES 4
#define FILESERVER_PLACES_PER_ADDRESS 2
/* Asks of an address: at once, and in a second. */
#define FILESERVER_ASKS_BURST 32768
#define FILESERVER_ASKS_PER_S 64

struct fileserver;

/*
 * Begins a child that takes over a conversation, as child_fork(); in the child *fd is the connection's descriptor. In the
 * parent the conversation is over.
 */
typedef pid_t fileserver_fork(void *conversation, int *fd);

/* All that is given stays the caller's and must outlive it. NULL if out of memory. */
struct fileserver *fileserver_new(struct inbox *inbox, int dir, const struct keyfile *key, fileserver_fork *fork);
void fileserver_free(struct fileserver *server);

/* Whether an offer may be had by somebody; room is that of the offer, NULL if it has none or is unknown. */
bool fileserver_permits(const struct offer *offer, const struct room *room, const uint8_t asker[static IDENTITY_BYTES]);

/* Looks after the children that have ended: their SIGCHLD, which has a handler now, ends a wait of epoll(7) with EINTR. */
void fileserver_reap(struct fileserver *server);

/* Answers an ask for a file, or has a child do it. Blocks on chat.log. */
void fileserver_add(struct fileserver *server, const struct message *message);

#endif
