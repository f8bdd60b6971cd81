#include "outbox.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/stop.h"
#include "store/chatreader.h"

#define BUCKETS 4096 /* a power of 2 */
/* Longer than any line that says how far back nothing waits. */
#define SETTLED_LINE_BYTES 128
/* So many lines are read before the next look whether the user wants an end. */
#define LINES_BETWEEN_LOOKS 1024

struct outbox {
	size_t total;
	int64_t last;	 /* the offset of the line that was taken last; or -1 */
	int64_t end;	 /* of that line, in the file */
	int64_t settled; /* where a start would begin to read; or -1 before the first line */
	bool expects;
	uint8_t expected[ENVELOPE_ID_BYTES];
	/* Nobody who can write lines may choose who shares a bucket. */
	uint8_t hash_key[crypto_shorthash_KEYBYTES];
	TAILQ_HEAD(outbox_items, outbox_item) items; /* of all recipients, by their offsets */
	TAILQ_HEAD(outbox_recipients, outbox_recipient) recipients;
	LIST_HEAD(items_bucket, outbox_item) items_by_id[BUCKETS];
	LIST_HEAD(recipients_bucket, outbox_recipient) recipients_by_identity[BUCKETS];
};

struct outbox *outbox_new(void)
{
	struct outbox *outbox = calloc(1, sizeof(*outbox));

	if (!outbox)
		return NULL;
	outbox->last = outbox->settled = -1;
	crypto_shorthash_keygen(outbox->hash_key);
	TAILQ_INIT(&outbox->items);
	TAILQ_INIT(&outbox->recipients);
	return outbox;
}

static size_t bucket_of(const struct outbox *outbox, const uint8_t *bytes, size_t len)
{
	uint8_t hash[crypto_shorthash_BYTES];

	crypto_shorthash(hash, bytes, len, outbox->hash_key);
	return (hash[0] | (size_t)hash[1] << 8) % BUCKETS;
}

static struct outbox_item *find_item(const struct outbox *outbox, const uint8_t *id, const uint8_t *identity)
{
	size_t bucket = bucket_of(outbox, id, ENVELOPE_ID_BYTES);
	struct outbox_item *item = LIST_FIRST(&outbox->items_by_id[bucket]);

	while (item && (memcmp(item->id, id, ENVELOPE_ID_BYTES) != 0 ||
			   (identity && memcmp(item->recipient->identity, identity, IDENTITY_BYTES) != 0)))
		item = LIST_NEXT(item, bucket);
	return item;
}

static struct outbox_recipient *find_recipient(const struct outbox *outbox, const uint8_t *identity)
{
	size_t bucket = bucket_of(outbox, identity, IDENTITY_BYTES);
	struct outbox_recipient *recipient = LIST_FIRST(&outbox->recipients_by_identity[bucket]);

	while (recipient && memcmp(recipient->identity, identity, IDENTITY_BYTES) != 0)
		recipient = LIST_NEXT(recipient, bucket);
	return recipient;
}

/* The recipient, who is added if there was nothing for them; NULL if out of memory. */
static struct outbox_recipient *make_recipient(struct outbox *outbox, const uint8_t *identity)
{
	struct outbox_recipient *recipient = find_recipient(outbox, identity);

	if (recipient)
		return recipient;
	recipient = calloc(1, sizeof(*recipient));
	if (!recipient)
		return NULL;
	memcpy(recipient->identity, identity, IDENTITY_BYTES);
	TAILQ_INIT(&recipient->items);
	TAILQ_INSERT_TAIL(&outbox->recipients, recipient, others);
	LIST_INSERT_HEAD(&outbox->recipients_by_identity[bucket_of(outbox, identity, IDENTITY_BYTES)], recipient,
	    bucket);
	return recipient;
}

static void remove_item(struct outbox *outbox, struct outbox_item *item)
{
	struct outbox_recipient *recipient = item->recipient;

	TAILQ_REMOVE(&outbox->items, item, all);
	TAILQ_REMOVE(&recipient->items, item, same);
	LIST_REMOVE(item, bucket);
	free(item);
	outbox->total--;
	if (--recipient->count > 0)
		return;
	TAILQ_REMOVE(&outbox->recipients, recipient, others);
	LIST_REMOVE(recipient, bucket);
	free(recipient);
}

void outbox_free(struct outbox *outbox)
{
	if (!outbox)
		return;
	while (!TAILQ_EMPTY(&outbox->items))
		remove_item(outbox, TAILQ_FIRST(&outbox->items));
	free(outbox);
}

void outbox_expect(struct outbox *outbox, const uint8_t id[static ENVELOPE_ID_BYTES])
{
	outbox->expects = true;
	memcpy(outbox->expected, id, ENVELOPE_ID_BYTES);
}

static enum outbox_kind kind_of(const struct chatlog_entry *entry)
{
	if (entry->kind == CHATLOG_ROOM)
		return OUTBOX_STATE;
	return entry->has_room ? OUTBOX_SAYING : OUTBOX_MESSAGE;
}

static int add_item(struct outbox *outbox, const struct chatlog_entry *entry, const uint8_t *identity, int64_t offset)
{
	struct outbox_item *item = malloc(sizeof(*item));
	struct outbox_recipient *recipient = item ? make_recipient(outbox, identity) : NULL;

	if (!recipient) {
		free(item);
		return ENOMEM;
	}
	*item = (struct outbox_item){
	    .recipient = recipient,
	    .kind = kind_of(entry),
	    .time_ms = entry->time_ms,
	    .offset = offset,
	    .once = entry->once,
	};
	memcpy(item->id, entry->id, ENVELOPE_ID_BYTES);
	memcpy(item->room, entry->room, ROOM_ID_BYTES);
	if (item->kind == OUTBOX_MESSAGE) {
		strcpy(recipient->username, entry->username);
		recipient->address = entry->address;
	}
	recipient->count++;
	outbox->total++;
	TAILQ_INSERT_TAIL(&outbox->items, item, all);
	TAILQ_INSERT_TAIL(&recipient->items, item, same);
	LIST_INSERT_HEAD(&outbox->items_by_id[bucket_of(outbox, item->id, ENVELOPE_ID_BYTES)], item, bucket);
	return 0;
}

/* What is queued: an item for each recipient. Of two lines with one id the first counts. */
static int add_items(struct outbox *outbox, const struct chatlog_entry *entry, int64_t offset)
{
	bool is_mine = outbox->expects && memcmp(entry->id, outbox->expected, ENVELOPE_ID_BYTES) == 0;
	const uint8_t(*to)[IDENTITY_BYTES] = entry->has_room ? entry->to : &entry->identity;
	size_t count = entry->has_room ? entry->to_count : entry->has_identity;
	int rc = 0;

	if ((entry->once && !is_mine) || find_item(outbox, entry->id, NULL))
		return 0;
	for (size_t i = 0; i < count && rc == 0 && outbox->total < OUTBOX_MAX; i++) {
		if (!find_item(outbox, entry->id, to[i]))
			rc = add_item(outbox, entry, to[i], offset);
	}
	return rc;
}

bool outbox_note_left(struct outbox *outbox, const uint8_t id[static ENVELOPE_ID_BYTES], const uint8_t *identity)
{
	struct outbox_item *item = find_item(outbox, id, identity);
	bool is_first = item && !item->left;

	/* Those of one line stand side by side, and the last is found first. */
	for (item = item ? find_item(outbox, id, NULL) : NULL; item && memcmp(item->id, id, ENVELOPE_ID_BYTES) == 0;
	     item = TAILQ_PREV(item, outbox_items, all))
		item->left = true;
	return is_first;
}

static int take_entry(struct outbox *outbox, const struct chatlog_entry *entry, int64_t offset)
{
	struct outbox_item *item;

	/* What it says of later lines is wrong. */
	if (entry->kind == CHATLOG_SETTLED && entry->settled <= offset)
		outbox->settled = entry->settled;
	if (!entry->has_id)
		return 0;
	if (entry->kind == CHATLOG_ROOM || (entry->kind == CHATLOG_MESSAGE && entry->direction == CHATLOG_QUEUED))
		return add_items(outbox, entry, offset);
	if (entry->kind == CHATLOG_MESSAGE && entry->direction == CHATLOG_SENT &&
	    (entry->has_room || entry->has_identity))
		outbox_note_left(outbox, entry->id, entry->has_room ? NULL : entry->identity);
	/* Nobody but the recipient can settle what waits for them. */
	item =
	    entry->kind == CHATLOG_STATE && entry->has_identity ? find_item(outbox, entry->id, entry->identity) : NULL;
	if (item && (entry->state == CHATLOG_DELIVERED || entry->state == CHATLOG_DROPPED))
		remove_item(outbox, item);
	return 0;
}

/* The lines from an offset on are others than those that were taken. */
static void forget_from(struct outbox *outbox, int64_t offset)
{
	struct outbox_item *item;

	while ((item = TAILQ_LAST(&outbox->items, outbox_items)) != NULL && item->offset >= offset)
		remove_item(outbox, item);
	if (outbox->settled > offset)
		outbox->settled = offset;
}

int outbox_take(struct outbox *outbox, const char *line, size_t len, int64_t offset)
{
	struct chatlog_entry entry;
	int rc = 0;

	if (offset <= outbox->last)
		forget_from(outbox, offset);
	if (outbox->settled < 0)
		outbox->settled = offset;
	if (!chatlog_is_received(line, len) && chatlog_parse(line, len, &entry) == 0) {
		rc = take_entry(outbox, &entry, offset);
		chatlog_entry_free(&entry);
	}
	if (rc == 0) {
		outbox->last = offset;
		outbox->end = offset + (int64_t)len + 1;
	}
	return rc;
}

size_t outbox_total(const struct outbox *outbox)
{
	return outbox->total;
}

size_t outbox_count(const struct outbox *outbox, const uint8_t identity[static IDENTITY_BYTES])
{
	const struct outbox_recipient *recipient = find_recipient(outbox, identity);

	return recipient ? recipient->count : 0;
}

size_t outbox_count_messages(const struct outbox *outbox, const uint8_t *identity, const uint8_t *room)
{
	const struct outbox_recipient *recipient = identity ? find_recipient(outbox, identity) : NULL;
	const struct outbox_item *item = recipient  ? TAILQ_FIRST(&recipient->items)
					 : identity ? NULL
						    : TAILQ_FIRST(&outbox->items);
	int64_t last = -1;
	size_t count = 0;

	for (; item; item = recipient ? TAILQ_NEXT(item, same) : TAILQ_NEXT(item, all)) {
		bool is_meant = item->kind != OUTBOX_STATE;

		if (room)
			is_meant = item->kind == OUTBOX_SAYING && memcmp(item->room, room, sizeof(item->room)) == 0;
		/* Those of one line stand side by side. */
		count += is_meant && item->offset != last;
		last = item->offset;
	}
	return count;
}

bool outbox_has_room(const struct outbox *outbox, const uint8_t identity[static IDENTITY_BYTES])
{
	return outbox->total < OUTBOX_MAX && outbox_count(outbox, identity) < OUTBOX_EACH_MAX;
}

const struct outbox_recipient *outbox_recipient(const struct outbox *outbox, const struct outbox_recipient *after)
{
	return after ? TAILQ_NEXT(after, others) : TAILQ_FIRST(&outbox->recipients);
}

const struct outbox_item *outbox_next(const struct outbox *outbox, const uint8_t identity[static IDENTITY_BYTES],
    const struct outbox_item *after)
{
	const struct outbox_recipient *recipient;

	if (after)
		return TAILQ_NEXT(after, same);
	recipient = find_recipient(outbox, identity);
	return recipient ? TAILQ_FIRST(&recipient->items) : NULL;
}

const struct outbox_item *outbox_find(const struct outbox *outbox, const uint8_t id[static ENVELOPE_ID_BYTES],
    const uint8_t *identity)
{
	return find_item(outbox, id, identity);
}

int outbox_settle(const struct outbox *outbox, bool at_end, int64_t now_ms, struct buffer *batch)
{
	const struct outbox_item *first = TAILQ_FIRST(&outbox->items);
	struct chatlog_entry entry = {
	    .kind = CHATLOG_SETTLED,
	    .time_ms = now_ms,
	    .settled = first ? first->offset : outbox->end,
	};
	int64_t least = at_end ? OUTBOX_SETTLE_LAST_BYTES : OUTBOX_SETTLE_BYTES;

	if (outbox->settled < 0 || entry.settled - outbox->settled < least)
		return 0;
	return chatlog_format(batch, &entry);
}

/* Whether a line, which begins at an offset, says how far back nothing waits, which is then *settled. */
static bool says_settled(const char *line, size_t len, int64_t at, int64_t *settled)
{
	struct chatlog_entry entry;
	bool says;

	/* Most lines need not be parsed for this. */
	if (len > SETTLED_LINE_BYTES || !memmem(line, len, "\"settled\"", 9) || chatlog_parse(line, len, &entry) != 0)
		return false;
	says = entry.kind == CHATLOG_SETTLED && entry.settled <= at;
	if (says)
		*settled = entry.settled;
	chatlog_entry_free(&entry);
	return says;
}

/* Reads back to where the last line that says so has it that nothing waits before; else *offset is how far it came. */
static int read_back(struct chatreader *reader, int64_t *offset)
{
	int64_t end = chatreader_offset(reader), settled = 0, counted = 0;
	bool found = false;
	const char *line;
	size_t len, lines = 0;
	int rc;

	*offset = end;
	while ((rc = chatreader_line(reader, &line, &len)) == 0) {
		int64_t at = chatreader_offset(reader);

		if (++lines % LINES_BETWEEN_LOOKS == 0 && stop_requested())
			return EINTR;
		/* With what is passed over before the line. */
		counted += *offset - at - (chatlog_is_received(line, len) ? (int64_t)len + 1 : 0);
		if (counted > OUTBOX_BEGIN_MAX_BYTES || end - at > OUTBOX_BEGIN_ALL_MAX_BYTES)
			return EFBIG;
		*offset = at;
		found = found || says_settled(line, len, at, &settled);
		if (found && at <= settled)
			break;
	}
	if (rc == 0 || rc == ENODATA)
		*offset = settled;
	return rc == ENODATA ? 0 : rc;
}

int outbox_begin(int dir, int64_t *offset)
{
	struct chatreader *reader;
	int64_t begin = 0;
	int rc = chatreader_open(dir, &reader);

	if (rc == 0) {
		rc = read_back(reader, &begin);
		chatreader_free(reader);
	}
	if (rc == ENOENT)
		rc = 0;
	if (rc == 0 || rc == EFBIG)
		*offset = begin;
	return rc;
}

int outbox_read(const struct outbox_item *item, int dir, struct chatlog_entry *entry)
{
	int rc = chatlog_read_at(dir, item->offset, entry);

	if (rc == 0 && (kind_of(entry) != item->kind || memcmp(entry->id, item->id, sizeof(item->id)) != 0 ||
			   (item->kind == OUTBOX_MESSAGE && entry->direction != CHATLOG_QUEUED))) {
		chatlog_entry_free(entry);
		rc = EBADMSG;
	}
	return rc;
}
