/*
 * The inbox: messages that arrived together are logged with one write, then acknowledged, then shown.
 *
 * Specification 2.4.0-C and D. The order is the promise: what the sender is told is delivered, and what the user sees,
 * is in chat.log; what is acknowledged is also on the disk. One sync serves all the messages that arrived while the one
 * before was under way.
 */
#ifndef QUARTET_INBOX_H
#define QUARTET_INBOX_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/ratelimit.h"
#include "roster.h"
#include "store/chatlog.h"
#include "term/console.h"

/*
 * What one address may add to chat.log: 256 MiB at once, and 256 KiB a second in the long run. Counted in units.
 */
#define INBOX_UNIT_BYTES 256
#define INBOX_BURST_UNITS (256 * 1024 * 1024 / INBOX_UNIT_BYTES)
#define INBOX_UNIT_MS 1

/* A batch that has grown to this is committed before more is added, in bytes of chat.log. */
#define INBOX_BATCH_BYTES (256 * 1024)

/* Sends the receipt for message number counter of the conversation that was given with it. */
typedef void inbox_acknowledge(void *conversation, uint64_t counter);

struct inbox {
	struct chatlog *log;
	struct roster *roster;
	struct console *console;
	inbox_acknowledge *acknowledge;
	struct ratelimit volume;
	/* The batch. */
	struct buffer lines;
	struct console shown; /* the same messages as the user will see them */
	size_t count;
	/* The time of day as it is shown, for the second it was made for. */
	char local[CLOCK_LOCAL_BYTES];
	int64_t local_s;
	struct receipt {
		void *conversation;
		uint64_t counter;
	} * receipts;
	size_t receipt_count, receipt_room;
};

/* What a conversation delivers. */
struct message {
	struct in_addr address;
	enum chatlog_mode mode;
	const uint8_t *sender; /* the proven identity, DH_KEY_BYTES; NULL where none was */
	const char *text;      /* UTF-8 */
	size_t text_len;
	void *conversation; /* to acknowledge it; NULL where nobody expects that */
	uint64_t counter;
};

/* Log, roster and console stay the caller's and must outlive the inbox. */
void inbox_init(struct inbox *inbox, struct chatlog *log, struct roster *roster, struct console *console,
    inbox_acknowledge *acknowledge);

/*
 * Adds a message to the batch, copying what it needs, and commits the batch where it has grown large. Returns false,
 * with nothing added, where its sender's address has had more than its share kept, or memory is out.
 */
bool inbox_add(struct inbox *inbox, const struct message *message) __attribute__((warn_unused_result));

/*
 * Logs the batch, sends the receipts, and collects the messages on the console, without flushing it. Where they cannot
 * be logged nobody gets a receipt, and they are shown with a warning that they were not kept. Blocks on the disk.
 */
void inbox_commit(struct inbox *inbox);

/* Releases the memory. */
void inbox_free(struct inbox *inbox);

#endif
