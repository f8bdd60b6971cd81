#include "file/offers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/stop.h"
#include "store/chatfollower.h"

#define FIRST_CAPACITY 64

struct offers {
	uint8_t own[IDENTITY_BYTES];
	struct chatfollower *log; /* NULL: nothing was read yet */
	int64_t last_offset;	  /* of a line that was read, or -1 */
	/* A ring. An offer is named by its place among all there ever were, the first being 1. */
	struct offer *list;
	size_t capacity;
	uint64_t end; /* the place of the next */
	uint64_t newest
	    [OFFERS_MAX]; /* by the beginning of the id; before leads on; 0 or a place that was given up is none */
};

struct offers *offers_new(const uint8_t own[static IDENTITY_BYTES])
{
	struct offers *offers = calloc(1, sizeof(*offers));

	if (!offers)
		return NULL;
	memcpy(offers->own, own, sizeof(offers->own));
	offers->end = 1;
	offers->last_offset = -1;
	return offers;
}

size_t offers_count(const struct offers *offers)
{
	return offers->end <= OFFERS_MAX ? (size_t)offers->end - 1 : OFFERS_MAX;
}

/* The offer at a place; NULL if that is none, or was given up. */
static struct offer *at_place(const struct offers *offers, uint64_t place)
{
	return place > 0 && place + offers_count(offers) >= offers->end ? &offers->list[place % offers->capacity]
									: NULL;
}

const struct offer *offers_at(const struct offers *offers, size_t index)
{
	return at_place(offers, offers->end - offers_count(offers) + index);
}

/* Forgets all, and that anything was read. */
static void clear(struct offers *offers)
{
	for (size_t i = 0; i < offers->capacity; i++)
		free(offers->list[i].holders);
	free(offers->list);
	chatfollower_free(offers->log);
	offers->log = NULL;
	offers->list = NULL;
	offers->capacity = 0;
	offers->end = 1;
	offers->last_offset = -1;
	memset(offers->newest, 0, sizeof(offers->newest));
}

void offers_free(struct offers *offers)
{
	if (!offers)
		return;
	clear(offers);
	free(offers);
}

/* The offer with that number: they stand in order. */
static struct offer *find(const struct offers *offers, uint64_t number)
{
	uint64_t low = offers->end - offers_count(offers), high = offers->end;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		struct offer *offer = at_place(offers, middle);

		if (offer->number == number)
			return offer;
		if (offer->number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const struct offer *offers_find(const struct offers *offers, uint64_t number)
{
	return find(offers, number);
}

static uint64_t *newest_of(const struct offers *offers, const uint8_t *id)
{
	struct offers *mine = (struct offers *)(uintptr_t)offers;

	return &mine->newest[(size_t)id[0] << 8 | id[1]];
}

static struct offer *next_of(const struct offers *offers, const uint8_t *id, const struct offer *after)
{
	struct offer *offer = at_place(offers, after ? after->before : *newest_of(offers, id));

	while (offer && memcmp(offer->id, id, sizeof(offer->id)) != 0)
		offer = at_place(offers, offer->before);
	return offer;
}

const struct offer *offers_next_of(const struct offers *offers, const uint8_t id[static ENVELOPE_ID_BYTES],
    const struct offer *after)
{
	return next_of(offers, id, after);
}

/* Makes room for one more, of which the oldest may have to give up its own. Returns NULL if out of memory. */
static struct offer *make_room(struct offers *offers)
{
	struct offer *offer;

	/* No place changes: none was used twice before the ring has its full size. */
	if (offers->end >= offers->capacity && offers->capacity < OFFERS_MAX) {
		size_t capacity = offers->capacity ? offers->capacity * 2 : FIRST_CAPACITY;
		struct offer *list = reallocarray(offers->list, capacity, sizeof(*list));

		if (!list)
			return NULL;
		memset(list + offers->capacity, 0, (capacity - offers->capacity) * sizeof(*list));
		offers->list = list;
		offers->capacity = capacity;
	}
	offer = &offers->list[offers->end++ % offers->capacity];
	free(offer->holders);
	return offer;
}

/* The identity of the other side; in a room, the author's. */
static const uint8_t *other_of(const struct offers *offers, const struct chatlog_entry *entry)
{
	return entry->has_identity ? entry->identity : offers->own;
}

static int add(struct offers *offers, const struct chatlog_entry *entry, int64_t offset)
{
	size_t count = offers_count(offers);
	uint64_t *newest = newest_of(offers, entry->id);
	struct offer *offer;

	/* No number is used again, and each is higher than all before. */
	if (count > 0 && entry->number <= offers_at(offers, count - 1)->number)
		return 0;
	offer = make_room(offers);
	if (!offer)
		return ENOMEM;
	*offer = (struct offer){
	    .number = entry->number,
	    .time_ms = entry->time_ms,
	    .offset = offset,
	    .is_own = entry->direction != CHATLOG_RECEIVED,
	    .is_waiting = entry->direction == CHATLOG_QUEUED,
	    .is_held = entry->held,
	    .has_room = entry->has_room,
	    .before = *newest,
	};
	memcpy(offer->id, entry->id, sizeof(offer->id));
	memcpy(offer->with, other_of(offers, entry), sizeof(offer->with));
	memcpy(offer->by, offer->is_own ? offers->own : offer->with, sizeof(offer->by));
	memcpy(offer->room, entry->room, sizeof(offer->room));
	*newest = offers->end - 1;
	return 0;
}

/* A file that is offered, or one of one's own that left meanwhile. */
static int take_message(struct offers *offers, const struct chatlog_entry *entry, int64_t offset)
{
	struct offer *known = find(offers, entry->number);

	if (!entry->has_file || !entry->has_id || entry->number == 0)
		return 0;
	if (!known)
		return add(offers, entry, offset);
	if (memcmp(known->id, entry->id, sizeof(known->id)) == 0 && entry->direction == CHATLOG_SENT)
		known->is_waiting = false;
	return 0;
}

bool offer_has_reached(const struct offer *offer, const uint8_t identity[static IDENTITY_BYTES])
{
	size_t i = 0;

	while (i < offer->holder_count && memcmp(offer->holders[i], identity, OFFERS_HOLDER_BYTES) != 0)
		i++;
	return i < offer->holder_count;
}

/* Has somebody else know among those who have it. */
static int add_holder(struct offer *offer, const uint8_t *identity)
{
	uint8_t(*holders)[OFFERS_HOLDER_BYTES];

	if (offer->holder_count == OFFERS_HOLDERS_MAX || offer_has_reached(offer, identity))
		return 0;
	holders = reallocarray(offer->holders, offer->holder_count + 1, sizeof(*holders));
	if (!holders)
		return ENOMEM;
	offer->holders = holders;
	memcpy(holders[offer->holder_count++], identity, sizeof(*holders));
	return 0;
}

/* What has become of an offer that the line names by its number. */
static int take_fate(const struct offers *offers, const struct chatlog_entry *entry, int64_t offset)
{
	struct offer *offer = find(offers, entry->number);
	bool by_self = memcmp(other_of(offers, entry), offers->own, sizeof(offers->own)) == 0;

	if (!offer || memcmp(offer->id, entry->id, sizeof(offer->id)) != 0)
		return 0;
	if (entry->state == CHATLOG_WITHDRAWN) {
		offer->is_withdrawn |= offer->is_own;
	} else if (!by_self) {
		return add_holder(offer, entry->identity);
	} else {
		offer->is_fetched = true;
		offer->fetched_offset = offset;
	}
	return 0;
}

/* What has become of a message, which may be an offer. */
static void take_verdict(const struct offers *offers, const struct chatlog_entry *entry)
{
	for (struct offer *offer = NULL; (offer = next_of(offers, entry->id, offer));) {
		if (memcmp(offer->with, other_of(offers, entry), sizeof(offer->with)) != 0)
			continue;
		/* Of a room it is for one of its members, who is not the other side. */
		if (entry->state == CHATLOG_DROPPED)
			offer->is_withdrawn |= offer->is_own;
		else if (entry->state == CHATLOG_ACCEPTED)
			offer->is_held = false;
	}
}

static int take(struct offers *offers, const struct chatlog_entry *entry, int64_t offset)
{
	if (entry->kind == CHATLOG_MESSAGE)
		return take_message(offers, entry, offset);
	if (entry->kind != CHATLOG_STATE)
		return 0;
	if (entry->state == CHATLOG_FETCHED || entry->state == CHATLOG_WITHDRAWN)
		return take_fate(offers, entry, offset);
	take_verdict(offers, entry);
	return 0;
}

/* Whether a line may have something to say to the view, and must be parsed. */
static bool concerns(const char *line, size_t len)
{
	static const char accepted[] = "\"state\": \"accepted\"", dropped[] = "\"state\": \"dropped\"";

	return chatlog_number(line, len) != 0 || memmem(line, len, accepted, sizeof(accepted) - 1) ||
	       memmem(line, len, dropped, sizeof(dropped) - 1);
}

static int take_line(struct offers *offers, const char *line, size_t len, int64_t offset)
{
	struct chatlog_entry entry;
	int rc;

	if (!concerns(line, len) || chatlog_parse(line, len, &entry) != 0)
		return 0;
	rc = take(offers, &entry, offset);
	chatlog_entry_free(&entry);
	return rc;
}

int offers_follow(struct offers *offers, int dir)
{
	const char *line;
	int64_t offset;
	size_t len;
	int rc = 0;

	while (rc == 0 && !stop_requested()) {
		if (!offers->log)
			rc = chatfollower_open_still(dir, -OFFERS_READ_MAX_BYTES, &offers->log);
		if (rc == 0)
			rc = chatfollower_next(offers->log, &line, &len, &offset);
		if (rc == 0 && offset <= offers->last_offset) {
			/* The file is another, or was cut back. */
			clear(offers);
		} else if (rc == 0) {
			offers->last_offset = offset;
			rc = take_line(offers, line, len, offset);
		}
	}
	return rc == ENODATA ? 0 : rc;
}

/* Reads a line that is about the offer. */
static int read_line(const struct offer *offer, int dir, int64_t offset, enum chatlog_kind kind,
    struct chatlog_entry *entry)
{
	int rc = chatlog_read_at(dir, offset, entry);

	if (rc == 0 && (entry->kind != kind || memcmp(entry->id, offer->id, sizeof(entry->id)) != 0)) {
		chatlog_entry_free(entry);
		rc = EBADMSG;
	}
	return rc;
}

struct chatlog_entry offers_fetched(uint64_t number, const uint8_t id[static ENVELOPE_ID_BYTES],
    const uint8_t holder[static IDENTITY_BYTES], const char *username)
{
	struct chatlog_entry entry = {
	    .kind = CHATLOG_STATE,
	    .state = CHATLOG_FETCHED,
	    .time_ms = clock_wall_ms(),
	    .has_id = true,
	    .has_identity = true,
	    .number = number,
	};

	memcpy(entry.id, id, sizeof(entry.id));
	memcpy(entry.identity, holder, sizeof(entry.identity));
	snprintf(entry.username, sizeof(entry.username), "%s", username);
	return entry;
}

int offer_read(const struct offer *offer, int dir, struct chatlog_entry *entry)
{
	return read_line(offer, dir, offer->offset, CHATLOG_MESSAGE, entry);
}

int offer_read_fetched(const struct offer *offer, int dir, struct chatlog_entry *entry)
{
	return offer->is_fetched ? read_line(offer, dir, offer->fetched_offset, CHATLOG_STATE, entry) : ENOENT;
}
