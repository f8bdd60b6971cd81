/*
 * An offering: a file of the user's, from the path that is typed to the offer in chat.log.
 *
 * Files are offered to who has an identity, and in rooms, there with a hash. They stay where they are, and are read when
 * somebody fetches them; only what comes from standard input is kept in files/. What would be refused at the other end is
 * refused here. Names and paths are the user's own, and may be anything.
 */
#ifndef QUARTET_OFFERING_H
#define QUARTET_OFFERING_H

#include <limits.h>

#include "desk.h"
#include "file/shelf.h"
#include "recipient.h"

struct offering {
	int fd;		     /* -1: closed */
	char path[PATH_MAX]; /* absolute */
	struct fileoffer file;
	struct filesource source;
	int shelf;		       /* the directory of what came from standard input, or -1 */
	char placed[SHELF_NAME_BYTES]; /* and its name there */
};

/*
 * Opens a file to offer it under name, or if that is NULL under its own; or for offering_receive(), reads all of standard
 * input into files/. Both return PROGRAM_FINE, or PROGRAM_FAILED after telling why that cannot be. The loop runs while there is
 * no input. End with offering_close(), in any case.
 */
int offering_open(struct offering *offering, struct desk *desk, const char *path, const char *name)
    __attribute__((warn_unused_result));
int offering_receive(struct offering *offering, struct desk *desk, const char *name)
    __attribute__((warn_unused_result));

/*
 * Has the hash in the offer, as a room needs it. The loop runs meanwhile; at a terminal a row says how far it is, and Ctrl-C gives
 * up. Returns as offering_open().
 */
int offering_hash(struct offering *offering, struct desk *desk) __attribute__((warn_unused_result));

/* Closes the file, and if is_vain throws away what came from standard input. */
void offering_close(struct offering *offering, bool is_vain);

/* What is said with it; valid as long as the offering. */
struct envelope_content offering_content(const struct offering *offering);

/* Tells why files cannot be offered to somebody without an identity; returns DESK_CHANGED. */
int offering_refuse(const struct desk *desk, const struct recipient *to);

/* The command Send: "plan.pdf to Bob", and at a terminal asks for what is missing. Returns as chat_run(). */
int offering_run(struct desk *desk, const char *typed);

/* The same to somebody who is known already: only a file. */
int offering_send(struct desk *desk, const struct recipient *to, const char *typed);

#endif
