#include "store/held.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/stop.h"
#include "store/chatfollower.h"

void held_free(struct held *held)
{
	free(held->list);
	*held = (struct held){0};
}

static struct held_stranger *find(const struct held *held, const uint8_t *identity, struct in_addr address)
{
	for (size_t i = 0; i < held->count; i++) {
		struct held_stranger *stranger = &held->list[i];

		if (stranger->has_identity ? identity && memcmp(stranger->identity, identity, IDENTITY_BYTES) == 0
					   : !identity && stranger->address.s_addr == address.s_addr)
			return stranger;
	}
	return NULL;
}

const struct held_stranger *held_find(const struct held *held, const uint8_t *identity, struct in_addr address)
{
	return find(held, identity, address);
}

/* The message of a stranger with that id, or NULL. */
static struct held_message *find_of(struct held_stranger *stranger, const uint8_t *id)
{
	for (size_t i = 0; i < stranger->count; i++) {
		if (memcmp(stranger->messages[i].id, id, ENVELOPE_ID_BYTES) == 0)
			return &stranger->messages[i];
	}
	return NULL;
}

/* The same of any with the identity of entry, or of any without one, which *stranger becomes. */
static struct held_message *find_message(const struct held *held, const struct chatlog_entry *entry,
    struct held_stranger **stranger)
{
	for (size_t i = 0; i < held->count; i++) {
		struct held_message *message;

		*stranger = &held->list[i];
		message = (*stranger)->has_identity == entry->has_identity &&
				  memcmp((*stranger)->identity, entry->identity, IDENTITY_BYTES) == 0
			      ? find_of(*stranger, entry->id)
			      : NULL;
		if (message)
			return message;
	}
	return NULL;
}

const struct held_message *held_find_message(const struct held *held, const struct chatlog_entry *entry)
{
	struct held_stranger *stranger;

	return find_message(held, entry, &stranger);
}

/* Begins a stranger; NULL if there is no room. */
static struct held_stranger *begin(struct held *held, const struct chatlog_entry *message)
{
	struct held_stranger *stranger;

	if (!held->list)
		held->list = calloc(HELD_STRANGERS_MAX, sizeof(*held->list));
	if (!held->list || held->count == HELD_STRANGERS_MAX)
		return NULL;
	stranger = &held->list[held->count++];
	*stranger = (struct held_stranger){.has_identity = message->has_identity, .address = message->address};
	strcpy(stranger->username, message->username);
	memcpy(stranger->identity, message->identity, IDENTITY_BYTES);
	return stranger;
}

bool held_add(struct held *held, const struct chatlog_entry *entry, int64_t offset)
{
	struct held_stranger *stranger = find(held, entry->has_identity ? entry->identity : NULL, entry->address);
	struct held_message *message = stranger ? find_of(stranger, entry->id) : NULL;

	if (!stranger)
		stranger = begin(held, entry);
	if (!message && stranger && stranger->count < HELD_OF_ONE_MAX) {
		message = &stranger->messages[stranger->count++];
		memcpy(message->id, entry->id, ENVELOPE_ID_BYTES);
	}
	if (message)
		message->offset = offset;
	return message != NULL;
}

/* Takes out a message, and the stranger with the last. */
static void drop(struct held *held, struct held_stranger *stranger, struct held_message *message)
{
	struct held_message *last = &stranger->messages[--stranger->count];

	memmove(message, message + 1, (size_t)(last - message) * sizeof(*message));
	if (stranger->count == 0)
		memmove(stranger, stranger + 1, (size_t)(&held->list[--held->count] - stranger) * sizeof(*stranger));
}

void held_remove(struct held *held, const struct chatlog_entry *entry)
{
	struct held_stranger *stranger;
	struct held_message *message = find_message(held, entry, &stranger);

	if (message)
		drop(held, stranger, message);
}

void held_take(struct held *held, const struct chatlog_entry *entry, int64_t offset)
{
	if (entry->kind == CHATLOG_STATE && (entry->state == CHATLOG_ACCEPTED || entry->state == CHATLOG_REJECTED))
		held_remove(held, entry);
	else if (entry->kind == CHATLOG_MESSAGE && entry->direction == CHATLOG_RECEIVED && entry->held && entry->has_id)
		(void)!held_add(held, entry, offset);
}

void held_forget(struct held *held, int64_t offset)
{
	for (size_t i = held->count; i-- > 0;) {
		struct held_stranger *stranger = &held->list[i];

		for (size_t k = stranger->count; k-- > 0;) {
			if (stranger->messages[k].offset >= offset)
				drop(held, stranger, &stranger->messages[k]);
		}
	}
}

bool held_concerns(const char *line, size_t len)
{
	static const char *const words[] = {"\"held\"", "\"accepted\"", "\"rejected\""};
	bool found = false;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]) && !found; i++)
		found = memmem(line, len, words[i], strlen(words[i])) != NULL;
	return found;
}

int held_read(struct held *held, int dir)
{
	struct chatfollower *log = NULL;
	struct chatlog_entry entry;
	const char *line;
	int64_t offset;
	size_t len;
	int rc = chatfollower_open_still(dir, -HELD_READ_MAX_BYTES, &log);

	while (rc == 0 && !stop_requested() && (rc = chatfollower_next(log, &line, &len, &offset)) == 0) {
		if (!held_concerns(line, len) || chatlog_parse(line, len, &entry) != 0)
			continue;
		held_take(held, &entry, offset);
		chatlog_entry_free(&entry);
	}
	for (size_t i = 0; i < held->count / 2; i++) {
		struct held_stranger one = held->list[i];

		held->list[i] = held->list[held->count - 1 - i];
		held->list[held->count - 1 - i] = one;
	}
	chatfollower_free(log);
	return rc == ENODATA ? 0 : rc;
}
