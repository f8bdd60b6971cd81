/*
 * The outbox: what of one's own waits to be delivered, and to whom, as the lines of chat.log say.
 *
 * A view, and nothing else: it is brought up to date by giving it every line from outbox_begin() on, those that this program
 * appends included, and knows where the line of each item begins, not what is in it (outbox_read() reads that). What goes to
 * the members of a room is one line and an item for each of them. What was queued waits until a line says that it was
 * delivered to that identity or dropped: what left waits, too, because only the receipt tells that it arrived. What is queued
 * for one process only waits for that process alone.
 *
 * The lines may be damaged, or made to do harm: whatever they say, no more than OUTBOX_MAX items wait, and each item
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

/* An item waits this long, then it is to be dropped. */
#define OUTBOX_DAYS 14
/* How many messages may be queued for one recipient, and what waits in all. */
#define OUTBOX_EACH_MAX 1000
#define OUTBOX_MAX 32768
/*
 * How far back in chat.log is looked for what waits, so that a start takes no time: over so much that this user's programs
 * wrote, and so much in all. What was received does not count for the first, or else strangers could bury what waits.
 */
#define OUTBOX_BEGIN_MAX_BYTES (16 * 1024 * 1024)
#define OUTBOX_BEGIN_ALL_MAX_BYTES (INT64_C(2) << 30)
/* How much less of chat.log a start would have to read before it is worth a line that says so, and at a program's end. */
#define OUTBOX_SETTLE_BYTES (8 * 1024 * 1024)
#define OUTBOX_SETTLE_LAST_BYTES (64 * 1024)

struct outbox;

/* Somebody for whom something waits: as they were called, and where, when a message was last queued for them. */
struct outbox_recipient {
	uint8_t identity[IDENTITY_BYTES];
	char username[USERNAME_MAX_BYTES + 1]; /* "" if only what goes to a room's members waits */
	struct in_addr address;
	size_t count; /* of items, at least 1 */
	TAILQ_HEAD(outbox_same, outbox_item) items;
	/* Of the outbox. */
	TAILQ_ENTRY(outbox_recipient) others;
	LIST_ENTRY(outbox_recipient) bucket;
};

enum outbox_kind {
	OUTBOX_MESSAGE,
	OUTBOX_SAYING, /* in a room */
	OUTBOX_STATE,  /* of a room */
};

struct outbox_item {
	struct outbox_recipient *recipient;
	enum outbox_kind kind;
	/* Of which it is, or zeros. */
	uint8_t room[ROOM_ID_BYTES];
	uint8_t id[ENVELOPE_ID_BYTES]; /* one for all recipients of a line */
	int64_t time_ms;	       /* wall clock, when it was queued */
	int64_t offset;		       /* of its line in chat.log, in bytes */
	bool once;		       /* queued for this process only */
	bool left;		       /* a line says that it was sent, in a room to anybody */
	/* Of the outbox. */
	TAILQ_ENTRY(outbox_item) all, same;
	LIST_ENTRY(outbox_item) bucket;
};

/* NULL if out of memory. */
struct outbox *outbox_new(void);
void outbox_free(struct outbox *outbox);

/*
 * Finds where in the chat.log of directory dir the lines begin that the outbox must have: what the last line about that
 * says, or the beginning. Returns 0; EFBIG if that is farther back than these limits allow, with *offset that far back, so
 * what was queued before that is not sent, and outbox_settle() must not say that it is settled; EINTR if stop_requested();
 * or why it cannot be read. Blocks on the disk.
 */
int outbox_begin(int dir, int64_t *offset) __attribute__((warn_unused_result));

/* A message that is queued for one process only is this one's if its id is this. Holds one id; the last counts. */
void outbox_expect(struct outbox *outbox, const uint8_t id[static ENVELOPE_ID_BYTES]);

/*
 * Takes one line, which begins at an offset of the file. If that is no larger than the one before, the file is another, or
 * was cut back, and what was queued there or behind it waits no more. Pointers to items and recipients that were given out
 * are void. Returns 0, or ENOMEM: then not all that the line queues waits before the next start.
 */
int outbox_take(struct outbox *outbox, const char *line, size_t len, int64_t offset)
    __attribute__((warn_unused_result));

/* How many items there are in all, and for the holder of an identity. */
size_t outbox_total(const struct outbox *outbox);
size_t outbox_count(const struct outbox *outbox, const uint8_t identity[static IDENTITY_BYTES]);

/*
 * How many messages wait for the holder of an identity, or if that is NULL, in a room, or if that is NULL, too, in all: one
 * in a room counts once, for however many it waits, and states of rooms do not.
 */
size_t outbox_count_messages(const struct outbox *outbox, const uint8_t *identity, const uint8_t *room);

/* Whether one more message may be queued for the holder of an identity. */
bool outbox_has_room(const struct outbox *outbox, const uint8_t identity[static IDENTITY_BYTES]);

/* The recipient after another, or the first if that is NULL, for whom something waits; NULL after the last. */
const struct outbox_recipient *outbox_recipient(const struct outbox *outbox, const struct outbox_recipient *after);

/* The item that is to be delivered to the holder of an identity after another, or first if that is NULL; NULL if none. */
const struct outbox_item *outbox_next(const struct outbox *outbox, const uint8_t identity[static IDENTITY_BYTES],
    const struct outbox_item *after);

/* What waits with an id for the holder of an identity, or for anybody if that is NULL; NULL if it does not, or not any more. */
const struct outbox_item *outbox_find(const struct outbox *outbox, const uint8_t id[static ENVELOPE_ID_BYTES],
    const uint8_t *identity);

/*
 * Notes that this has left, before a line is taken that says so: to the holder of an identity, or if that is NULL, or it is in
 * a room, to anybody. Returns whether that is new.
 */
bool outbox_note_left(struct outbox *outbox, const uint8_t id[static ENVELOPE_ID_BYTES], const uint8_t *identity);

/*
 * Reads the line of an item from the chat.log of directory dir: *entry is to be released with chatlog_entry_free().
 * Returns 0; EBADMSG if it is not there any more, or an errno value of the file. Blocks on the disk.
 */
int outbox_read(const struct outbox_item *item, int dir, struct chatlog_entry *entry)
    __attribute__((warn_unused_result));

/*
 * Appends a line to batch that says how far back nothing waits, if that saves enough to be said now, or because this program
 * ends. Returns 0, or ENOMEM with batch unchanged. now_ms is wall clock.
 */
int outbox_settle(const struct outbox *outbox, bool at_end, int64_t now_ms, struct buffer *batch)
    __attribute__((warn_unused_result));

#endif
