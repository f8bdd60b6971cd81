/*
 * Talk: messages without the questions of Chat before each.
 *
 * Each line is a message, and each message a session of its own, as the specification has it. Whom a message is for is told
 * by the identity if there is one: a reply goes to whoever wrote, whatever the name means by then.
 */
#ifndef QUARTET_TALK_H
#define QUARTET_TALK_H

#include "desk.h"

/* What is done between messages, for completion. */
#define TALK_WORDS "/end", "/help", "/history", "/retry", "/search", "/send", "/users"
/* Before a file. */
#define TALK_SEND "/send "

/* The command Talk: asks what Chat asks, once; then every line is sent, until /end or the end of the input. */
int talk_run(struct desk *desk, const char *name);

/* The command @NAME TEXT: sends one message; without a text the same as Talk, but asking only what it must. */
int talk_send(struct desk *desk, const char *typed);

/* The command r TEXT: the same to whoever wrote last, as chat.log says. */
int talk_reply(struct desk *desk, const char *text);

/* Offers to go on with whom something was said last, at a terminal. PROGRAM_FINE if there is nobody. */
int talk_resume(struct desk *desk);

/*
 * Sends what was pasted, len bytes, to whom the user says: with @NAME or r at the beginning of the typed_bytes that stood
 * before it, which are not sent then, or when asked.
 */
int talk_send_pasted(struct desk *desk, const char *text, size_t len, size_t typed_bytes);

#endif
