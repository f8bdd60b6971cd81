/*
 * Chat: one message to one user, in the clear or securely. What is asked, and in which order.
 *
 * Specification 2.3.0-C to F and H. A user who announces an identity is spoken to in the exchange of section 3.1 of
 * common/PROTOCOL.md. Anybody else is spoken to in the classic one, which protects nothing and of which the user is
 * warned, unless they are known by an identity, or their name or address had one lately. call has the connection, wording
 * the words.
 */
#ifndef QUARTET_CHAT_H
#define QUARTET_CHAT_H

#include "desk.h"

/* Digits of the number that the user types for a secure chat. */
#define CHAT_NUMBER_MAX_DIGITS 100
/* Digits of one that is drawn. */
#define CHAT_DRAWN_DIGITS 40

/*
 * The command Chat: asks for what is missing, in the order name, secure or unsecure, number, message, and sends. name
 * is the user to chat with, or "" to ask. An empty answer, or the end of the input, gives up. Everything that happens
 * is told on the console; returns, when the connection is closed, PROGRAM_FINE if all went well: the message was sent and
 * kept, and if it was secure confirmed; else the status that says most.
 */
int chat_run(struct desk *desk, const char *name);

#endif
