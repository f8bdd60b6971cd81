#include "received.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define SENDER_BUCKETS 4096
#define MESSAGE_BUCKETS 16384

/* An id, and whose it is. */
struct message {
	LIST_ENTRY(message) by_id;
	TAILQ_ENTRY(message) by_age;
	struct sender *sender;
	uint8_t id[ENVELOPE_ID_BYTES];
	enum received_state state;
};

LIST_HEAD(messages, message);
TAILQ_HEAD(history, message);

/* One identity, and its messages, the oldest first. */
struct sender {
	LIST_ENTRY(sender) by_identity;
	TAILQ_ENTRY(sender) by_count;
	uint8_t identity[IDENTITY_BYTES];
	size_t count;
	struct history history;
};

LIST_HEAD(senders, sender);
TAILQ_HEAD(rank, sender);

struct received {
	uint8_t key[crypto_shorthash_KEYBYTES]; /* so that nobody can choose what shares a bucket */
	size_t count;				/* of all ids */
	size_t most;				/* nobody holds more */
	struct senders senders[SENDER_BUCKETS];
	struct messages messages[MESSAGE_BUCKETS];
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

/* The bucket of an identity or id, out of so many. */
static size_t hash(const struct received *received, const uint8_t *bytes, size_t len, size_t buckets)
{
	uint64_t value;

	crypto_shorthash((unsigned char *)&value, bytes, len, received->key);
	return value % buckets;
}

static struct sender *find_sender(const struct received *received, const uint8_t *identity)
{
	struct sender *sender =
	    LIST_FIRST(&received->senders[hash(received, identity, IDENTITY_BYTES, SENDER_BUCKETS)]);

	while (sender && memcmp(sender->identity, identity, IDENTITY_BYTES) != 0)
		sender = LIST_NEXT(sender, by_identity);
	return sender;
}

static struct message *find(const struct received *received, const uint8_t *identity, const uint8_t *id)
{
	struct message *message =
	    LIST_FIRST(&received->messages[hash(received, id, ENVELOPE_ID_BYTES, MESSAGE_BUCKETS)]);

	while (message && (memcmp(message->id, id, ENVELOPE_ID_BYTES) != 0 ||
			      memcmp(message->sender->identity, identity, IDENTITY_BYTES) != 0))
		message = LIST_NEXT(message, by_id);
	return message;
}

/* Moves a sender to where those with so many messages are, or removes one who has none left. */
static void recount(struct received *received, struct sender *sender, size_t count)
{
	TAILQ_REMOVE(&received->ranks[sender->count], sender, by_count);
	received->count += count - sender->count;
	sender->count = count;
	if (count > received->most)
		received->most = count;
	if (count == 0) {
		LIST_REMOVE(sender, by_identity);
		free(sender);
	} else {
		TAILQ_INSERT_TAIL(&received->ranks[count], sender, by_count);
	}
	while (received->most > 0 && TAILQ_EMPTY(&received->ranks[received->most]))
		received->most--;
}

static void drop(struct received *received, struct message *message)
{
	LIST_REMOVE(message, by_id);
	TAILQ_REMOVE(&message->sender->history, message, by_age);
	recount(received, message->sender, message->sender->count - 1);
	free(message);
}

static struct sender *make_sender(struct received *received, const uint8_t *identity)
{
	struct sender *sender = calloc(1, sizeof(*sender));

	if (!sender)
		return NULL;
	memcpy(sender->identity, identity, IDENTITY_BYTES);
	TAILQ_INIT(&sender->history);
	LIST_INSERT_HEAD(&received->senders[hash(received, identity, IDENTITY_BYTES, SENDER_BUCKETS)], sender,
	    by_identity);
	TAILQ_INSERT_TAIL(&received->ranks[0], sender, by_count);
	return sender;
}

/* Puts an id among those of its sender, as the newest or the oldest. There is room for it in all. */
static void insert(struct received *received, const uint8_t *identity, const uint8_t *id, enum received_state state,
    bool newest)
{
	struct message *message = malloc(sizeof(*message));
	struct sender *sender = message ? find_sender(received, identity) : NULL;

	if (message && !sender)
		sender = make_sender(received, identity);
	if (!sender) {
		free(message);
		return;
	}
	message->sender = sender;
	message->state = state;
	memcpy(message->id, id, ENVELOPE_ID_BYTES);
	LIST_INSERT_HEAD(&received->messages[hash(received, id, ENVELOPE_ID_BYTES, MESSAGE_BUCKETS)], message, by_id);
	if (newest)
		TAILQ_INSERT_TAIL(&sender->history, message, by_age);
	else
		TAILQ_INSERT_HEAD(&sender->history, message, by_age);
	recount(received, sender, sender->count + 1);
}

enum received_state received_find(const struct received *received, const uint8_t identity[static IDENTITY_BYTES],
    const uint8_t id[static ENVELOPE_ID_BYTES])
{
	const struct message *message = find(received, identity, id);

	return message ? message->state : RECEIVED_NOT;
}

void received_settle(struct received *received, const uint8_t identity[static IDENTITY_BYTES],
    const uint8_t id[static ENVELOPE_ID_BYTES], enum received_state state)
{
	struct message *message = find(received, identity, id);

	if (message)
		message->state = state;
}

void received_add(struct received *received, const uint8_t identity[static IDENTITY_BYTES],
    const uint8_t id[static ENVELOPE_ID_BYTES], enum received_state state)
{
	const struct sender *sender = find_sender(received, identity);

	if (!(sender && sender->count == RECEIVED_OF_ONE_MAX))
		sender = received->count == RECEIVED_MAX ? TAILQ_FIRST(&received->ranks[received->most]) : NULL;
	if (sender)
		drop(received, TAILQ_FIRST(&sender->history));
	insert(received, identity, id, state, true);
}

bool received_recall(struct received *received, const uint8_t identity[static IDENTITY_BYTES],
    const uint8_t id[static ENVELOPE_ID_BYTES], enum received_state state)
{
	const struct sender *sender = find_sender(received, identity);

	if (received->count == RECEIVED_MAX)
		return false;
	if (!sender || (sender->count < RECEIVED_OF_ONE_MAX && !find(received, identity, id)))
		insert(received, identity, id, state, false);
	return true;
}

void received_forget(struct received *received, const uint8_t identity[static IDENTITY_BYTES],
    const uint8_t id[static ENVELOPE_ID_BYTES])
{
	struct message *message = find(received, identity, id);

	if (message)
		drop(received, message);
}

void received_free(struct received *received)
{
	while (received && received->most > 0)
		drop(received, TAILQ_FIRST(&TAILQ_FIRST(&received->ranks[received->most])->history));
	free(received);
}
