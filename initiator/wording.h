/*
 * The wording: what the user is told about a chat.
 *
 * It decides nothing and changes nothing; every function collects some lines on console. What the user is told is what
 * is known: "sent" when the message left, "delivered" when the receipt came that only the holder of the peer's identity
 * can have made.
 */
#ifndef QUARTET_WORDING_H
#define QUARTET_WORDING_H

#include "call.h"
#include "recipient.h"
#include "term/console.h"

/* "To Bob (192.168.1.7)", and what there is to know before the message is typed. */
void wording_put_heading(struct console *console, const struct recipient *to, enum chatlog_mode mode);

/* That to had an identity, or somebody of that name, stands in the way of a chat that is only called secure. */
void wording_put_refusal(struct console *console, const struct recipient *to);

/* The user to can only be spoken to in the classic exchange: a warning; if why_not, not even that, for this reason. */
void wording_put_classic(struct console *console, const struct recipient *to, const char *why_not);

/* The message was not sent, for what message_fault() found. */
void wording_put_unfit(struct console *console, const char *fault);

/* What went wrong in call with errno value error, before the message was sent. */
void wording_put_failure(struct console *console, const struct call *call, int error);

/* What is known after the message was sent: error is what call_confirm() or call_finish() returned. */
void wording_put_end(struct console *console, const struct call *call, int error);

/* The message was delivered to somebody who is called username, or nothing if that is "", and not what to was called. */
void wording_put_other_name(struct console *console, const struct recipient *to, const char *username);

/* The message of bytes on the wire is longer than some read. */
void wording_put_length(struct console *console, size_t bytes);

/* A message was sent, or else a reply received, and chat.log could not be written: error is that of chatlog_append(). */
void wording_put_unkept(struct console *console, bool sent, int error);

/* What came back from address in the clear, from whom the verdict takes it to be. */
void wording_put_reply(struct console *console, const struct verdict *from, struct in_addr address, const char *text,
    size_t len);

/* An identity was pinned just now under name, or why it was not: error is what recipient_pin() returned. */
void wording_put_meeting(struct console *console, const char *name, int error);

#endif
