/*
 * Chat: one message to one user, in the clear or securely. What is asked, and in which order.
 *
 * Specification 2.3.0-C to F and H. Who announces an identity is spoken to in the exchange of common/PROTOCOL.md, section
 * 3.1; anybody else in the classic one, which protects nothing and of which the user is warned, unless they are known by an
 * identity, or their name or address had one lately.
 */
#ifndef QUARTET_CHAT_H
#define QUARTET_CHAT_H

#include "desk.h"
#include "recipient.h"

/* Digits of the number that the user types for a secure chat. */
#define CHAT_NUMBER_MAX_DIGITS 100
/* Digits of one that is drawn. */
#define CHAT_DRAWN_DIGITS 40

/*
 * The command Chat: asks for what is missing, in the order name, secure or unsecure, number, message, and sends. An empty
 * answer, or the end of the input, gives up. Returns, when the connection is closed, PROGRAM_FINE if the message was sent
 * and kept, and if it was secure confirmed; else the status that says most.
 */
int chat_run(struct desk *desk, const char *name);

/* How somebody is written to without being asked for each message. */
struct chat_way {
	struct recipient to;
	enum chatlog_mode mode;
	char number[CHAT_NUMBER_MAX_DIGITS + 1]; /* of the next session, "" for one that is drawn */
};

/*
 * Finds out how way->to is to be written to, and tells what there is to say about that: asks what Chat asks before the
 * message if asks_all, else only "secure or unsecure" of somebody without an identity, and that not in a pipe, which
 * has no line for it. Returns PROGRAM_FINE, or why nothing can be sent.
 */
int chat_choose(struct desk *desk, struct chat_way *way, bool asks_all) __attribute__((warn_unused_result));

/* Sends a message of len bytes that message_fault() lets pass; returns as chat_run(). */
int chat_send(struct desk *desk, struct chat_way *way, const char *text, size_t len)
    __attribute__((warn_unused_result));

#endif
