/*
 * The inbox: messages that arrived together are logged with one write, then acknowledged, then shown.
 *
 * Specification 2.4.0-C and D. The order is the promise: what the sender is told is delivered, and what the user sees,
 * is in chat.log; what is acknowledged is also on the disk. One sync serves all the messages that arrived while the one
 * before was under way. While another program holds the lock of chat.log, messages wait here, a bounded amount. A message
 * that its sender repeats, with the same id, is neither logged nor shown again, and has another receipt, that says what has
 * become of it. What strangers write may be held, or refused, as the user wants (welcome.h).
 *
 * Strangers can fill neither the disk nor the memory, and not the place of those who are known: who has proven a pinned
 * identity has limits of their own, and may use the last of the disk.
 */
#ifndef QUARTET_INBOX_H
#define QUARTET_INBOX_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ratelimit.h"
#include "received.h"
#include "roster.h"
#include "store/chatlog.h"
#include "term/console.h"
#include "wire/exchange.h"

/* What one stranger's address, or one who is known, may add to chat.log: at once, and in the long run. */
#define INBOX_BURST_BYTES (256u * 1024 * 1024)
#define INBOX_BYTES_PER_S (256u * 1024)
/* And what all strangers together may. */
#define INBOX_STRANGERS_BURST_BYTES (1024u * 1024 * 1024)
#define INBOX_STRANGERS_BYTES_PER_S (1024u * 1024)
/* What may wait for the lock of chat.log: so much from those who are known, and from all others. */
#define INBOX_WAITING_MAX_BYTES (4 * 1024 * 1024)
/* Receipts that may wait with them. */
#define INBOX_RECEIPTS_MAX 32768
/* How long each try waits for the lock, while nobody is served, and when the next one comes. */
#define INBOX_LOCK_WAIT_MS 20
#define INBOX_RETRY_MS 100

/* If so many receipts wait for the disk, there are others to be served meanwhile. */
#define INBOX_DEFERRED_RECEIPTS 8

/* A batch that has grown to this is committed before more is added, in bytes of chat.log. */
#define INBOX_BATCH_BYTES (256 * 1024)

/* Sends a receipt for a message of the conversation that was given with it; members are further ones, or NULL. */
typedef void inbox_acknowledge(void *conversation, const struct envelope_receipt *receipt, json_t *members);

#define INBOX_BATCHES 3

struct inbox {
	struct chatlog *log;
	struct roster *roster;
	struct console *console;
	inbox_acknowledge *acknowledge;
	struct answerer *answerer;     /* whose what is said of rooms is; NULL before there can be any */
	struct fileserver *fileserver; /* whose the asks for files are; the same */
	bool unshown;		       /* what is kept is shown by somebody else, from the file */
	struct received *received;
	int synced; /* the descriptor of chatlog_defer(), or -1 */
	struct ratelimit known, strangers;
	struct ratelimit notes;
	/* Of those who are known, and of all others; and one that is written, and not synced yet. */
	struct inbox_batch {
		struct buffer lines;
		struct console shown; /* the same messages as the user will see them */
		size_t count;
		struct receipt {
			void *conversation; /* NULL: it has ended */
			uint64_t counter;
			bool is_first; /* else for a message that was received before */
			bool is_held;
			bool has_id;
			uint8_t id[ENVELOPE_ID_BYTES], sender[IDENTITY_BYTES];
		} * receipts;
		size_t receipt_count;
	} batches[INBOX_BATCHES];
	size_t turn;	  /* which of the others comes next */
	int64_t retry_ms; /* monotonic: another program has the lock, and the next try comes then; or 0 */
	int64_t tell_ms;  /* monotonic: when the user is told of that; or 0 */
};

/* What a conversation delivers. */
struct message {
	struct in_addr address;
	enum chatlog_mode mode;
	const uint8_t *sender; /* the proven identity, IDENTITY_BYTES; NULL if none was */
	const char *username;  /* what the proven sender is called by itself; NULL if it did not say */
	const uint8_t *id;     /* ENVELOPE_ID_BYTES; NULL if it has none */
	const char *text;      /* UTF-8; NULL in what follows */
	size_t text_len;
	const struct fileoffer *file;	 /* in place of the text, an offer whose name is not judged yet */
	const json_t *body;		 /* in place of the text: an ask or a saying */
	const struct exchange *exchange; /* in which that was said */
	void *conversation;		 /* to acknowledge it; NULL if nobody expects that */
	uint64_t counter;
};

/*
 * Log (made with INBOX_LOCK_WAIT_MS), roster and console stay the caller's and must outlive the inbox. Returns 0 or
 * ENOMEM; inbox_free() is to be called in any case.
 */
int inbox_init(struct inbox *inbox, struct chatlog *log, struct roster *roster, struct console *console,
    inbox_acknowledge *acknowledge) __attribute__((warn_unused_result));

/*
 * Adds a message to its batch, copying what it needs, and commits if that has grown large; or answers one that is not
 * wanted, or was received before. Returns NULL, or with nothing added why not, in static storage: its sender has had more
 * than a share kept, is a stranger, too much waits, or out of memory.
 */
const char *inbox_add(struct inbox *inbox, const struct message *message) __attribute__((warn_unused_result));

/*
 * Logs what was added, sends the receipts, and collects the messages on the console, without flushing it. If another
 * program holds the lock they stay; if they cannot be logged for another reason nobody gets a receipt, and they are shown
 * with a warning that they were not kept. Blocks on the disk, and for INBOX_LOCK_WAIT_MS on the lock.
 */
void inbox_commit(struct inbox *inbox);

/*
 * The same, but if many receipts wait for the disk, it goes on while more is added: a later call sends them, once the
 * descriptor of chatlog_defer() has reported.
 */
void inbox_proceed(struct inbox *inbox);

/* When to commit again, monotonic, if another program held the lock; else INT64_MAX. */
int64_t inbox_due_ms(const struct inbox *inbox);

/* Whether a receipt is owed to the conversation. */
bool inbox_owes(const struct inbox *inbox, const void *conversation);

/* Forgets the receipts owed to a conversation that ends, or exchanges new keys. The messages stay. */
void inbox_forget(struct inbox *inbox, const void *conversation);

/* The same as inbox_commit() at the end of the program: waits for the lock for LOCKEDFILE_WAIT_MS, and leaves nothing. */
void inbox_finish(struct inbox *inbox);

/* Releases the memory. */
void inbox_free(struct inbox *inbox);

#endif
