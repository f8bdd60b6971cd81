/*
 * The wording: what the user is told about messages that are sent.
 *
 * It decides nothing and changes nothing; every function collects some lines on console. What the user is told is what
 * is known: "sent" when the message left, "delivered" when the receipt came that only the holder of the peer's identity
 * can have made.
 */
#ifndef QUARTET_WORDING_H
#define QUARTET_WORDING_H

#include "call.h"
#include "delivery.h"
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

/* What went wrong with a call to somebody, at a stage and with an errno value, before the message was sent. */
void wording_put_failure(struct console *console, const struct recipient *to, enum call_stage stage, int error);

/* What is known after a message was sent that nobody confirms: error is how call_finish() ended. */
void wording_put_end(struct console *console, const struct call *call, int error);

/* What has become of a secure message, or of an attempt to deliver it. */
void wording_put_news(struct console *console, const struct delivery_notice *notice);

/* Who of a room has what was said or changed there: "✓ 4 of 5 (waiting for Can)". */
void wording_put_tally(struct console *console, const struct rooms *rooms, const struct delivery_tally *tally);

/* The log is so long that what was queued early is not found, as outbox_begin() says. */
void wording_put_forgotten(struct console *console);

/* A message could not be queued: error is that of delivery_queue(). */
void wording_put_unqueued(struct console *console, const struct recipient *to, int error);

/* So many messages wait for somebody, who cannot be reached. */
void wording_put_waiting(struct console *console, const struct recipient *to, size_t count);

#endif
