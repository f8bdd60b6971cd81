/*
 * The transcript: what the terminal shows of chat.log, both directions, as it grows.
 *
 * Shown is what is in the log, and nothing else: what was received, and what the initiator sent, which is how the two
 * programs know of each other. A message of the user's own waits a moment for its confirmation, so that most have one row;
 * what is confirmed later has a row with others of that moment. What is held is counted until it is accepted.
 *
 * Receiving comes first: a twelfth of the time goes to showing at most, in pieces of some milliseconds. If much more
 * comes than can be shown, or the terminal takes nothing, the log waits, and what is passed over then is counted and said to
 * be. Nothing blocks but the disk.
 */
#ifndef QUARTET_TRANSCRIPT_H
#define QUARTET_TRANSCRIPT_H

#include "alert.h"
#include "roster.h"
#include "term/console.h"

struct transcript;

/*
 * For the chat.log of directory dir, from its end; what was said last is shown at once if the console is a terminal. If it
 * is none, only alert is told of messages. identity is the user's own, or NULL. All stay the caller's and must outlive the
 * transcript. Returns 0 with *transcript the caller's to free, or an errno value.
 */
int transcript_open(int dir, struct console *console, struct roster *roster, struct alert *alert,
    const uint8_t *identity, struct transcript **transcript) __attribute__((warn_unused_result));

/* Becomes readable when transcript_work() is to be called. */
int transcript_fd(const struct transcript *transcript);

/*
 * Collects what is new on the console, a bounded amount, without flushing it. Returns when to call it again at the latest,
 * monotonic in milliseconds; INT64_MAX: never. For server_watch().
 */
int64_t transcript_work(void *transcript);

/* Collects what still waits to be shown, at the end of the program, and frees. */
void transcript_finish(struct transcript *transcript);

void transcript_free(struct transcript *transcript);

#endif
