/*
 * The outbox: which messages of one's own wait to be delivered, as the lines of chat.log say.
 *
 * A view, and nothing else: it is brought up to date by giving it every line from outbox_begin() on, those that this program
 * appends included, and knows of each message where its line begins, not its text (outbox_read() reads that). What was
 * queued waits until a line says that it was delivered or dropped: a message that left waits, too, because only the
 * receipt tells that it arrived. What is queued for one process only waits for that process alone.
 *
 * The lines may be damaged, or made to do harm: whatever they say, no more than OUTBOX_MAX messages wait, and each line
 * takes about as long as any other. Holds no file and no lock, and never blocks, but for outbox_begin() and outbox_read().
 */
#ifndef QUARTET_OUTBOX_H
#define QUARTET_OUTBOX_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/buffer.h"
#include "crypto/identity.h"
#include "store/chatlog.h"

/* A message waits this long, then it is to be dropped. */
#define OUTBOX_DAYS 14
/* How many may wait for one recipient, and for all. */
#define OUTBOX_EACH_MAX 1000
#define OUTBOX_MAX 32768
/*
 * How far back in chat.log messages are looked for that wait, so that a start takes no time: over so much that this user's
 * programs wrote, and so much in all. What was received does not count for the first, or else strangers could bury what waits.
 */
#define OUTBOX_BEGIN_MAX_BYTES (16 * 1024 * 1024)
#define OUTBOX_BEGIN_ALL_MAX_BYTES (INT64_C(2) << 30)
/* How much less of chat.log a start would have to read before it is worth a line that says so, and at a program's end. */
#define OUTBOX_SETTLE_BYTES (8 * 1024 * 1024)
#define OUTBOX_SETTLE_LAST_BYTES (64 * 1024)

struct outbox;

struct outbox_recipient {
	uint8_t identity[IDENTITY_BYTES];
	char username[USERNAME_MAX_BYTES + 1]; /* as in the newest line */
	struct in_addr address;		       /* likewise */
	size_t count;			       /* of messages that wait, at least 1 */
	/* Of the outbox. */
	TAILQ_HEAD(outbox_same, outbox_item) items;
	TAILQ_ENTRY(outbox_recipient) others;
	LIST_ENTRY(outbox_recipient) bucket;
};

struct outbox_item {
	struct outbox_recipient *recipient;
	uint8_t id[ENVELOPE_ID_BYTES];
	int64_t time_ms; /* wall clock, when it was queued */
	int64_t offset;	 /* of its line in chat.log, in bytes */
	bool left;	 /* a line says that it was sent */
	/* Of the outbox. */
	TAILQ_ENTRY(outbox_item) all, same;
	LIST_ENTRY(outbox_item) bucket;
};

/* NULL if out of memory. */
struct outbox *outbox_new(void);
void outbox_free(struct outbox *outbox);

/*
 * Finds where in the chat.log of directory dir the lines begin that the outbox must have: what the last line about that
 * says, or the beginning. Returns 0; EFBIG if that is farther back than these limits allow, with *offset that far back,
 * so what was queued before that is not sent, and outbox_settle() must not say that it is settled; EINTR if stop_requested(); or why it cannot be read. Blocks on the disk.
 */
int outbox_begin(int dir, int64_t *offset) __attribute__((warn_unused_result));

/* A message that is queued for one process only is this one's if its id is this. Holds one id; the last counts. */
void outbox_expect(struct outbox *outbox, const uint8_t id[static ENVELOPE_ID_BYTES]);

/*
 * Takes one line, which begins at an offset of the file. If that is no larger than the one before, the file is another, or
 * was cut back, and what was queued there or behind it waits no more. Pointers to items and recipients that were given out
 * are void. Returns 0, or ENOMEM with nothing changed.
 */
int outbox_take(struct outbox *outbox, const char *line, size_t len, int64_t offset)
    __attribute__((warn_unused_result));

/* How many messages wait in all, and for the holder of an identity. */
size_t outbox_total(const struct outbox *outbox);
size_t outbox_count(const struct outbox *outbox, const uint8_t identity[static IDENTITY_BYTES]);

/* Whether one more message may be queued for the holder of an identity. */
bool outbox_has_room(const struct outbox *outbox, const uint8_t identity[static IDENTITY_BYTES]);

/* The recipient after another, or the first if that is NULL, for whom something waits; NULL after the last. */
const struct outbox_recipient *outbox_recipient(const struct outbox *outbox, const struct outbox_recipient *after);

/* The message that is to be delivered to the holder of an identity after another, or first if that is NULL; NULL if none. */
const struct outbox_item *outbox_next(const struct outbox *outbox, const uint8_t identity[static IDENTITY_BYTES],
    const struct outbox_item *after);

/* The message with an id; NULL if it does not wait, or not any more. */
const struct outbox_item *outbox_find(const struct outbox *outbox, const uint8_t id[static ENVELOPE_ID_BYTES]);

/*
 * Reads the line of a message, with its text, from the chat.log of directory dir: *entry is to be released with
 * chatlog_entry_free(). Returns 0; EBADMSG if it is not there any more, or an errno value of the file. Blocks on the disk.
 */
int outbox_read(const struct outbox_item *item, int dir, struct chatlog_entry *entry)
    __attribute__((warn_unused_result));

/* The message that waits longest, if it has waited too long; NULL if none has. now_ms is wall clock. */
const struct outbox_item *outbox_expired(const struct outbox *outbox, int64_t now_ms);

/*
 * Whether a line should be appended that says how far back nothing waits, now or because this program ends; outbox_settle()
 * appends it to batch. Returns 0, or ENOMEM with batch unchanged.
 */
bool outbox_is_due(const struct outbox *outbox, bool at_end);
int outbox_settle(const struct outbox *outbox, int64_t now_ms, struct buffer *batch)
    __attribute__((warn_unused_result));

#endif
