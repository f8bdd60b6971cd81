#include "received.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/stop.h"
#include "store/chatfollower.h"
#include "store/chatreader.h"

/* So much of the log is looked at at once for what the user decided. */
#define DECISION_BYTES (1024 * 1024)
#define GROUPS 4096
#define GROUP_SIZE (RECEIVED_MAX / GROUPS)

struct message {
	uint64_t sender, digest;   /* of the identity, and of the id with it, keyed */
	enum received_state state; /* RECEIVED_NOT: none is here */
	int64_t turn;		   /* when it came, in the order of all */
};

struct received {
	uint8_t key[crypto_shorthash_KEYBYTES]; /* so that nobody can choose what shares a group or a digest */
	int64_t first, last;			/* turns that are taken */
	int dir;				/* of chat.log */
	struct held held;			/* what waits for the user to decide */
	struct chatfollower *decisions;		/* while something does; else NULL */
	int64_t decided_to;			/* the offset of the last line that was read of it, or -1 */
	struct message messages[GROUPS][GROUP_SIZE];
};

struct received *received_new(void)
{
	struct received *received = calloc(1, sizeof(*received));

	if (received)
		crypto_shorthash_keygen(received->key);
	return received;
}

/* What is remembered of a message, but for its state and turn. */
static struct message digest_of(const struct received *received, const uint8_t *identity, const uint8_t *id)
{
	struct message message = {0};
	uint8_t both[IDENTITY_BYTES + ENVELOPE_ID_BYTES];

	memcpy(both, identity, IDENTITY_BYTES);
	memcpy(both + IDENTITY_BYTES, id, ENVELOPE_ID_BYTES);
	crypto_shorthash((unsigned char *)&message.sender, identity, IDENTITY_BYTES, received->key);
	crypto_shorthash((unsigned char *)&message.digest, both, sizeof(both), received->key);
	return message;
}

/* The messages among which one is, if it is remembered. */
static struct message *group_of(struct received *received, const struct message *wanted)
{
	return received->messages[wanted->digest % GROUPS];
}

static struct message *find(struct received *received, const struct message *wanted)
{
	struct message *group = group_of(received, wanted);

	for (struct message *message = group; message < group + GROUP_SIZE; message++) {
		if (message->state != RECEIVED_NOT && message->digest == wanted->digest &&
		    message->sender == wanted->sender)
			return message;
	}
	return NULL;
}

/* The place for one more in a group: a free one, or that of the oldest of whoever holds most. */
static struct message *make_place(struct message *group)
{
	struct message *place = NULL;
	size_t most = 0;

	for (size_t i = 0; i < GROUP_SIZE; i++) {
		size_t held = 0;

		if (group[i].state == RECEIVED_NOT)
			return &group[i];
		for (size_t k = 0; k < GROUP_SIZE; k++)
			held += group[k].sender == group[i].sender;
		if (held > most || (held == most && group[i].turn < place->turn)) {
			most = held;
			place = &group[i];
		}
	}
	return place;
}

static void put(struct message *place, struct message message, enum received_state state, int64_t turn)
{
	*place = message;
	place->state = state;
	place->turn = turn;
}

void received_settle(struct received *received, const uint8_t identity[static IDENTITY_BYTES],
    const uint8_t id[static ENVELOPE_ID_BYTES], enum received_state state)
{
	const struct message wanted = digest_of(received, identity, id);
	struct message *message = find(received, &wanted);

	if (message)
		message->state = state;
}

void received_add(struct received *received, const uint8_t identity[static IDENTITY_BYTES],
    const uint8_t id[static ENVELOPE_ID_BYTES], enum received_state state)
{
	const struct message message = digest_of(received, identity, id);

	put(make_place(group_of(received, &message)), message, state, ++received->last);
}

bool received_recall(struct received *received, const uint8_t identity[static IDENTITY_BYTES],
    const uint8_t id[static ENVELOPE_ID_BYTES], enum received_state state)
{
	const struct message message = digest_of(received, identity, id);
	struct message *place = make_place(group_of(received, &message));

	received->first--;
	if (place->state == RECEIVED_NOT && !find(received, &message))
		put(place, message, state, received->first);
	return received->first > -RECEIVED_MAX;
}

/* What the log says of a message from somebody who proved an identity. */
static enum received_state state_of(const struct chatlog_entry *entry)
{
	if (entry->kind == CHATLOG_STATE && entry->state == CHATLOG_ACCEPTED)
		return RECEIVED_KEPT;
	if (entry->kind == CHATLOG_STATE && entry->state == CHATLOG_REJECTED)
		return RECEIVED_REJECTED;
	/* What is said in rooms is known to room/rooms. */
	if (entry->kind != CHATLOG_MESSAGE || entry->direction != CHATLOG_RECEIVED || entry->has_room)
		return RECEIVED_NOT;
	return entry->held ? RECEIVED_HELD : RECEIVED_KEPT;
}

/* Begins to follow the log, where another program writes what the user decides. If that cannot be had, a later try will. */
static void open_decisions(struct received *received)
{
	received->decided_to = -1;
	(void)!chatfollower_open(received->dir, CHATFOLLOWER_END, &received->decisions);
}

/* Follows the log only while something is held. */
static void watch_decisions(struct received *received)
{
	if (received->held.count > 0 && !received->decisions)
		open_decisions(received);
	if (received->held.count == 0 && received->decisions) {
		chatfollower_free(received->decisions);
		received->decisions = NULL;
	}
}

/* Takes a line of the log into account that is newer than all that is remembered. */
static void take_decision(struct received *received, const char *line, size_t len, int64_t offset)
{
	struct chatlog_entry entry;

	if (!held_concerns(line, len) || chatlog_parse(line, len, &entry) != 0)
		return;
	held_take(&received->held, &entry, offset);
	if (entry.has_identity && state_of(&entry) != RECEIVED_NOT)
		received_settle(received, entry.identity, entry.id, state_of(&entry));
	chatlog_entry_free(&entry);
}

void received_learn(struct received *received)
{
	const char *line;
	int64_t offset;
	size_t len;

	for (size_t read = 0; read < DECISION_BYTES && received->decisions; read += len + 1) {
		if (chatfollower_next(received->decisions, &line, &len, &offset) != 0)
			break;
		/* The log was moved away, and what was held with it. */
		if (offset <= received->decided_to)
			held_forget(&received->held, offset);
		received->decided_to = offset;
		take_decision(received, line, len, offset);
	}
	watch_decisions(received);
}

int received_read(struct received *received, int dir)
{
	struct chatreader *reader = NULL;
	struct chatlog_entry entry;
	const char *line;
	bool more = true;
	size_t len;
	int rc;

	received->dir = dir;
	open_decisions(received);
	(void)!held_read(&received->held, dir);
	rc = chatreader_open(dir, &reader);
	for (size_t seen = 0; rc == 0 && more && seen < RECEIVED_READ_MAX_BYTES && !stop_requested(); seen += len) {
		rc = chatreader_line(reader, &line, &len);
		/* Most lines need not be parsed for this, and none that is of a room. */
		if (rc != 0 || !memmem(line, len, "\"id\"", 4) || memmem(line, len, "\"room\": ", 8) ||
		    chatlog_parse(line, len, &entry) != 0)
			continue;
		if (state_of(&entry) != RECEIVED_NOT && entry.has_id && entry.has_identity)
			more = received_recall(received, entry.identity, entry.id, state_of(&entry));
		chatlog_entry_free(&entry);
	}
	chatreader_free(reader);
	watch_decisions(received);
	return rc == ENODATA || rc == ENOENT ? 0 : rc;
}

enum received_state received_find(struct received *received, const uint8_t identity[static IDENTITY_BYTES],
    const uint8_t id[static ENVELOPE_ID_BYTES])
{
	const struct message wanted = digest_of(received, identity, id);
	const struct message *message = find(received, &wanted);

	if (message && message->state == RECEIVED_HELD)
		received_learn(received);
	return message ? message->state : RECEIVED_NOT;
}

bool received_hold(struct received *received, const struct chatlog_entry *message)
{
	bool held = held_add(&received->held, message, HELD_NOWHERE);

	if (!held) {
		received_learn(received);
		held = held_add(&received->held, message, HELD_NOWHERE);
	}
	watch_decisions(received);
	return held;
}

void received_unhold(struct received *received, const struct chatlog_entry *message)
{
	held_remove(&received->held, message);
}

void received_free(struct received *received)
{
	if (!received)
		return;
	held_free(&received->held);
	chatfollower_free(received->decisions);
	free(received);
}
