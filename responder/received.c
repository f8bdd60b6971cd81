#include "received.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define BUCKETS 4096
#define ROOM_FIRST 4

/* One identity, and the ids of its messages, the oldest first. */
struct sender {
	LIST_ENTRY(sender) by_identity;
	TAILQ_ENTRY(sender) by_count;
	uint8_t identity[IDENTITY_BYTES];
	size_t count, room;
	uint8_t (*ids)[ENVELOPE_ID_BYTES];
};

LIST_HEAD(bucket, sender);
TAILQ_HEAD(rank, sender);

struct received {
	uint8_t key[crypto_shorthash_KEYBYTES]; /* so that nobody can choose identities that share a bucket */
	size_t count;				/* of all ids */
	size_t most;				/* nobody holds more */
	struct bucket buckets[BUCKETS];
	struct rank
	    ranks[RECEIVED_OF_ONE_MAX + 1]; /* the senders that hold so many, in the order in which they came to that */
};

struct received *received_new(void)
{
	struct received *received = calloc(1, sizeof(*received));

	if (!received)
		return NULL;
	crypto_shorthash_keygen(received->key);
	for (size_t i = 0; i <= RECEIVED_OF_ONE_MAX; i++)
		TAILQ_INIT(&received->ranks[i]);
	return received;
}

static struct bucket *bucket_of(const struct received *received, const uint8_t *identity)
{
	uint64_t hash;

	crypto_shorthash((unsigned char *)&hash, identity, IDENTITY_BYTES, received->key);
	return (struct bucket *)(uintptr_t)&received->buckets[hash % BUCKETS];
}

static struct sender *find_sender(const struct received *received, const uint8_t *identity)
{
	struct sender *sender = LIST_FIRST(bucket_of(received, identity));

	while (sender && memcmp(sender->identity, identity, IDENTITY_BYTES) != 0)
		sender = LIST_NEXT(sender, by_identity);
	return sender;
}

/* The place of the id among those of the sender, or its count. */
static size_t find_id(const struct sender *sender, const uint8_t *id)
{
	size_t i = 0;

	while (i < sender->count && memcmp(sender->ids[i], id, ENVELOPE_ID_BYTES) != 0)
		i++;
	return i;
}

/* Moves a sender to where those with so many ids are, or removes one who has none left. */
static void recount(struct received *received, struct sender *sender, size_t count)
{
	TAILQ_REMOVE(&received->ranks[sender->count], sender, by_count);
	received->count += count - sender->count;
	sender->count = count;
	if (count > received->most)
		received->most = count;
	if (count == 0) {
		LIST_REMOVE(sender, by_identity);
		free(sender->ids);
		free(sender);
	} else {
		TAILQ_INSERT_TAIL(&received->ranks[count], sender, by_count);
	}
	while (received->most > 0 && TAILQ_EMPTY(&received->ranks[received->most]))
		received->most--;
}

static void remove_id(struct received *received, struct sender *sender, size_t at)
{
	memmove(sender->ids + at, sender->ids + at + 1, (sender->count - at - 1) * ENVELOPE_ID_BYTES);
	recount(received, sender, sender->count - 1);
}

static struct sender *make_sender(struct received *received, const uint8_t *identity)
{
	struct sender *sender = calloc(1, sizeof(*sender));

	if (!sender)
		return NULL;
	memcpy(sender->identity, identity, IDENTITY_BYTES);
	LIST_INSERT_HEAD(bucket_of(received, identity), sender, by_identity);
	TAILQ_INSERT_TAIL(&received->ranks[0], sender, by_count);
	return sender;
}

static bool make_room(struct sender *sender)
{
	size_t room = sender->room ? sender->room * 2 : ROOM_FIRST;
	void *ids;

	if (sender->count < sender->room)
		return true;
	ids = realloc(sender->ids, room * ENVELOPE_ID_BYTES);
	if (!ids)
		return false;
	sender->ids = ids;
	sender->room = room;
	return true;
}

/* Puts an id among those of its sender, as the newest or the oldest. There is room for it in all. */
static void insert_id(struct received *received, const uint8_t *identity, const uint8_t *id, bool newest)
{
	struct sender *sender = find_sender(received, identity);
	size_t at;

	if (!sender)
		sender = make_sender(received, identity);
	if (!sender)
		return;
	if (make_room(sender)) {
		at = newest ? sender->count : 0;
		memmove(sender->ids + at + 1, sender->ids + at, (sender->count - at) * ENVELOPE_ID_BYTES);
		memcpy(sender->ids[at], id, ENVELOPE_ID_BYTES);
		recount(received, sender, sender->count + 1);
	} else {
		recount(received, sender, sender->count);
	}
}

bool received_has(const struct received *received, const uint8_t identity[static IDENTITY_BYTES],
    const uint8_t id[static ENVELOPE_ID_BYTES])
{
	const struct sender *sender = find_sender(received, identity);

	return sender && find_id(sender, id) < sender->count;
}

void received_add(struct received *received, const uint8_t identity[static IDENTITY_BYTES],
    const uint8_t id[static ENVELOPE_ID_BYTES])
{
	struct sender *sender = find_sender(received, identity);

	if (sender && sender->count == RECEIVED_OF_ONE_MAX)
		remove_id(received, sender, 0);
	else if (received->count == RECEIVED_MAX)
		remove_id(received, TAILQ_FIRST(&received->ranks[received->most]), 0);
	insert_id(received, identity, id, true);
}

bool received_recall(struct received *received, const uint8_t identity[static IDENTITY_BYTES],
    const uint8_t id[static ENVELOPE_ID_BYTES])
{
	const struct sender *sender = find_sender(received, identity);

	if (received->count == RECEIVED_MAX)
		return false;
	if (!sender || (sender->count < RECEIVED_OF_ONE_MAX && find_id(sender, id) == sender->count))
		insert_id(received, identity, id, false);
	return true;
}

void received_forget(struct received *received, const uint8_t identity[static IDENTITY_BYTES],
    const uint8_t id[static ENVELOPE_ID_BYTES])
{
	struct sender *sender = find_sender(received, identity);
	size_t at = sender ? find_id(sender, id) : 0;

	if (sender && at < sender->count)
		remove_id(received, sender, at);
}

void received_free(struct received *received)
{
	while (received && received->most > 0)
		recount(received, TAILQ_FIRST(&received->ranks[received->most]), 0);
	free(received);
}
