#include "store/reach.h"

#include <errno.h>
#include <string.h>

/* A room has no more members; a line that names more is none of ours, and of the others nothing is known. */
#define PLACES_MAX 64

void reach_add(struct reach_list *list, const struct chatlog_entry *message, int64_t offset)
{
	struct reach_message *added = &list->messages[list->count++ % REACH_MAX];

	*added = (struct reach_message){.offset = offset};
	memcpy(added->id, message->id, sizeof(added->id));
}

struct reach_message *reach_find(struct reach_list *list, const uint8_t id[static ENVELOPE_ID_BYTES])
{
	size_t count = list->count < REACH_MAX ? list->count : REACH_MAX;

	for (size_t i = 0; i < count; i++) {
		if (memcmp(list->messages[i].id, id, ENVELOPE_ID_BYTES) == 0)
			return &list->messages[i];
	}
	return NULL;
}

int reach_read(const struct reach_message *message, int dir, struct chatlog_entry *entry)
{
	int rc = chatlog_read_at(dir, message->offset, entry);

	if (rc == 0 && (entry->kind != CHATLOG_MESSAGE || memcmp(entry->id, message->id, sizeof(entry->id)) != 0)) {
		chatlog_entry_free(entry);
		rc = EBADMSG;
	}
	return rc;
}

void reach_note(struct reach *reach, const struct chatlog_entry *message, const struct chatlog_entry *state)
{
	for (size_t i = 0; i < message->to_count && i < PLACES_MAX && state->has_identity; i++) {
		if (memcmp(message->to[i], state->identity, IDENTITY_BYTES) != 0)
			continue;
		if (state->state == CHATLOG_DELIVERED)
			reach->delivered |= UINT64_C(1) << i;
		else if (state->state == CHATLOG_DROPPED)
			reach->dropped |= UINT64_C(1) << i;
	}
}

size_t reach_count(const struct reach *reach)
{
	return (size_t)__builtin_popcountll(reach->delivered);
}

bool reach_waits_for(const struct reach *reach, size_t place)
{
	return place >= PLACES_MAX || !((reach->delivered | reach->dropped) >> place & 1);
}

bool reach_waits(const struct reach *reach, const struct chatlog_entry *message)
{
	size_t place = 0;

	while (place < message->to_count && !reach_waits_for(reach, place))
		place++;
	return place < message->to_count;
}
