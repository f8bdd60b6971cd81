/*
 * What the responder answers to what is said about rooms: sayings, and asks for states, sayings and membership.
 *
 * common/PROTOCOL.md, section 7. What needs no lock is answered at once. Sayings, states and joins wait for the end of the
 * round, so that sayings that came together are logged with one sync; and if another program holds the lock of a file, for a
 * moment longer, or are answered 300, so that their senders say them again. Nothing is confirmed that is not on the disk.
 *
 * Whoever asks may be a stranger, a member who forges, or one who was removed. How much may be asked, the gate says; what
 * waits is bounded, one for each conversation.
 */
#ifndef QUARTET_ANSWERER_H
#define QUARTET_ANSWERER_H

#include "inbox.h"
#include "room/rooms.h"
#include "store/keyfile.h"

/* What waits to be done, in bytes of sayings and states. */
#define ANSWERER_WAITING_MAX_BYTES (4 * 1024 * 1024)

struct answerer;

/*
 * The inbox has log, roster, console, what sends receipts and the limits of those who are known; it, the key and the directory
 * dir stay the caller's and must outlive the answerer. NULL if out of memory.
 */
struct answerer *answerer_new(struct inbox *inbox, int dir, const struct keyfile *key);
void answerer_free(struct answerer *answerer);

/* Opens the rooms, so that the first ask need not wait for it; it is tried again with each ask. Blocks on the disk. */
int answerer_open(struct answerer *answerer) __attribute__((warn_unused_result));

/* The rooms as they are by now, valid until the next call; NULL if they cannot be read now. */
const struct rooms *answerer_follow(struct answerer *answerer);

/* Answers what has a body, or has it wait. Returns NULL, or why the conversation must end, in static storage. */
const char *answerer_add(struct answerer *answerer, const struct message *message) __attribute__((warn_unused_result));

/* Does and answers what waits, and can be done. Blocks on the disk, and on locks as roomacts. */
void answerer_commit(struct answerer *answerer);

/* Whether something waits that can be tried now. */
bool answerer_is_ready(const struct answerer *answerer);

/* When to commit again, monotonic, if another program held a lock; else INT64_MAX. */
int64_t answerer_due_ms(const struct answerer *answerer);

/* As inbox_owes() and inbox_forget(). Who is not there any more is not let in. */
bool answerer_owes(const struct answerer *answerer, const void *conversation);
void answerer_forget(struct answerer *answerer, const void *conversation);

#endif
