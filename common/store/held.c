#include "store/held.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/stop.h"
#include "store/chatreader.h"

/* What was decided about, and is remembered while reading backwards; nobody waits behind so many. */
#define DECIDED_MAX 4096

void held_free(struct held *held)
{
	free(held->list);
	free(held->decided);
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

/* Adds a message as the newest or the oldest of its stranger. */
static bool add(struct held *held, const struct chatlog_entry *message, bool newest)
{
	struct held_stranger *stranger = find(held, identity_of(message), message->address);
	size_t at;

	if (stranger && find_id(stranger, message->id) < stranger->count)
		return true;
	if (!stranger)
		stranger = begin(held, message);
	if (!stranger || stranger->count == HELD_OF_ONE_MAX)
		return false;
	at = newest ? stranger->count : 0;
	memmove(stranger->messages[at + 1], stranger->messages[at], (stranger->count - at) * ENVELOPE_ID_BYTES);
	memcpy(stranger->messages[at], message->id, ENVELOPE_ID_BYTES);
	stranger->count++;
	return true;
}

bool held_add(struct held *held, const struct chatlog_entry *message)
{
	return add(held, message, true);
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

static bool is_held(const struct chatlog_entry *entry)
{
	return entry->kind == CHATLOG_MESSAGE && entry->direction == CHATLOG_RECEIVED && entry->held && entry->has_id;
}

static bool is_decision(const struct chatlog_entry *entry)
{
	return entry->kind == CHATLOG_STATE && (entry->state == CHATLOG_ACCEPTED || entry->state == CHATLOG_REJECTED);
}

void held_take(struct held *held, const struct chatlog_entry *entry)
{
	if (is_decision(entry))
		held_remove(held, entry);
	else if (is_held(entry))
		(void)!held_add(held, entry);
}

/* Whether a decision about the id was read. Ids of two senders may be the same only if somebody wants that. */
static bool is_decided(const struct held *held, const uint8_t *id)
{
	size_t i = 0;

	while (i < held->decided_count && memcmp(held->decided[i], id, ENVELOPE_ID_BYTES) != 0)
		i++;
	return i < held->decided_count;
}

void held_recall(struct held *held, const struct chatlog_entry *entry)
{
	if (is_decision(entry) && !held->decided)
		held->decided = calloc(DECIDED_MAX, sizeof(*held->decided));
	if (is_decision(entry) && held->decided && held->decided_count < DECIDED_MAX)
		memcpy(held->decided[held->decided_count++], entry->id, ENVELOPE_ID_BYTES);
	else if (is_held(entry) && held->decided_count < DECIDED_MAX && !is_decided(held, entry->id))
		(void)!add(held, entry, false);
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
	size_t len = 0;
	int rc = chatreader_open(dir, &reader);

	for (size_t seen = 0; rc == 0 && seen < HELD_READ_MAX_BYTES && !stop_requested(); seen += len) {
		rc = chatreader_line(reader, &line, &len);
		if (rc != 0 || !held_concerns(line, len) || chatlog_parse(line, len, &entry) != 0)
			continue;
		held_recall(held, &entry);
		chatlog_entry_free(&entry);
	}
	chatreader_free(reader);
	return rc == ENODATA || rc == ENOENT ? 0 : rc;
}
