#include "store/held.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/stop.h"
#include "store/chatreader.h"

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

static const uint8_t *identity_of(const struct chatlog_entry *entry)
{
	return entry->has_identity ? entry->identity : NULL;
}

/* The place of the id among those of the stranger, or their count. */
static size_t find_id(const struct held_stranger *stranger, const uint8_t *id)
{
	size_t i = 0;

	while (i < stranger->count && memcmp(stranger->messages[i], id, ENVELOPE_ID_BYTES) != 0)
		i++;
	return i;
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

bool held_add(struct held *held, const struct chatlog_entry *message)
{
	struct held_stranger *stranger = find(held, identity_of(message), message->address);

	if (stranger && find_id(stranger, message->id) < stranger->count)
		return true;
	if (!stranger)
		stranger = begin(held, message);
	if (!stranger || stranger->count == HELD_OF_ONE_MAX)
		return false;
	memcpy(stranger->messages[stranger->count++], message->id, ENVELOPE_ID_BYTES);
	return true;
}

void held_remove(struct held *held, const struct chatlog_entry *entry)
{
	for (size_t i = 0; i < held->count; i++) {
		struct held_stranger *stranger = &held->list[i];
		size_t at = find_id(stranger, entry->id);

		if (at == stranger->count || stranger->has_identity != entry->has_identity ||
		    memcmp(stranger->identity, entry->identity, IDENTITY_BYTES) != 0)
			continue;
		stranger->count--;
		memmove(stranger->messages[at], stranger->messages[at + 1], (stranger->count - at) * ENVELOPE_ID_BYTES);
		if (stranger->count == 0)
			memmove(stranger, stranger + 1, (--held->count - i) * sizeof(*stranger));
		return;
	}
}

void held_take(struct held *held, const struct chatlog_entry *entry)
{
	if (entry->kind == CHATLOG_STATE && (entry->state == CHATLOG_ACCEPTED || entry->state == CHATLOG_REJECTED))
		held_remove(held, entry);
	else if (entry->kind == CHATLOG_MESSAGE && entry->direction == CHATLOG_RECEIVED && entry->held && entry->has_id)
		(void)!held_add(held, entry);
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
	struct chatreader *reader = NULL;
	struct chatlog_entry entry;
	const char *line;
	size_t len;
	int rc = chatreader_open(dir, &reader);

	if (rc == 0)
		rc = chatreader_turn_within(reader, HELD_READ_MAX_BYTES);
	while (rc == 0 && !stop_requested() && (rc = chatreader_line(reader, &line, &len)) == 0) {
		if (!held_concerns(line, len) || chatlog_parse(line, len, &entry) != 0)
			continue;
		held_take(held, &entry);
		chatlog_entry_free(&entry);
	}
	for (size_t i = 0; i < held->count / 2; i++) {
		struct held_stranger one = held->list[i];

		held->list[i] = held->list[held->count - 1 - i];
		held->list[held->count - 1 - i] = one;
	}
	chatreader_free(reader);
	return rc == ENODATA || rc == ENOENT ? 0 : rc;
}
