/*
 * Send: one message of a script, or the offer of a file, without a question.
 *
 * Secure if the recipient has an identity; anything else has to be asked for, so that nothing goes out in the clear because
 * somebody lost an announcement. What is not kept is sent by this process or by nobody. Says nothing if all is well, and
 * one line if not.
 */
#ifndef QUARTET_SEND_H
#define QUARTET_SEND_H

#include "desk.h"

/* The longest wait for somebody to appear: a day. */
#define SEND_WAIT_MAX_S 86400

/* What is to be sent, and how. */
struct send_order {
	const char *name;      /* a whole name, an address, a room, or everybody */
	const char *text;      /* any text, or NULL for all that standard input has */
	const char *file;      /* a path that is offered in place of a text, or "-" for standard input; or NULL */
	const char *file_name; /* under which it is offered, or NULL for that in the path */
	bool has_mode;
	enum chatlog_mode mode; /* if it has one */
	bool keep;		/* in the outbox if the recipient cannot be reached */
	int64_t wait_ms;	/* how long to wait for the recipient to be online, and to have fetched a file; or 0 */
};

/*
 * Sends, and waits until it is known what becomes of it for now. DESK_UNCONFIRMED also if a file was to be fetched meanwhile,
 * and was not; DESK_CHANGED also if no mode was given for somebody without an identity, or if a known name is announced by
 * somebody else while its holder cannot be reached.
 */
int send_run(struct desk *desk, const struct send_order *order);

/* Delivers what waits in the outbox: once, or until stop_requested(). DESK_UNREACHABLE if something is left after that once. */
int send_deliver(struct desk *desk, bool once);

#endif
