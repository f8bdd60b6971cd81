/*
 * Chat: one message to one user, in the clear or securely.
 *
 * Specification 2.3.0-C to F and H. A user who announces an identity is spoken to in the exchange of section 3.1 of
 * common/PROTOCOL.md, others in the classic one, which protects nothing, and of which the user is warned. A name whose
 * identity is not the pinned one gets no secure message. What the user is told is what is known: "sent" when the
 * message left and is in chat.log, "delivered" when the receipt came that only the holder of the peer's identity can
 * have made.
 */
#ifndef QUARTET_CHAT_H
#define QUARTET_CHAT_H

#include <netinet/in.h>

#include "prompt.h"
#include "store/chatlog.h"
#include "store/peersfile.h"

/* Longest text of a message as a JSON string, in bytes: encrypted, it still fits into one object of 64 KiB. */
#define CHAT_TEXT_MAX_BYTES 48000
/* Digits of the number that the user types for a secure chat. */
#define CHAT_NUMBER_MAX_DIGITS 100

struct chat {
	struct prompt *prompt;
	struct console *console;
	struct peersfile *file;
	struct chatlog *log;
	const struct in_addr *from; /* the address to speak from, or NULL */
	bool strict;		    /* the classic exchange is refused */
};

/*
 * The command Chat: asks for what is missing, in the order name, secure or unsecure, number, message, and sends. name
 * is the user to chat with, or "" to ask. An empty answer, or the end of the input, gives up. Everything that happens
 * is told on the console; returns when the connection is closed.
 */
void chat_run(struct chat *chat, const char *name);

#endif
