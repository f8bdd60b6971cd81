#include "openrooms.h"

#include <string.h>

#include "room/roomrecord.h"

/* Reads the state in a record; NULL if it has none, or the user has yet to decide about the room. */
static struct roomstate *read_state(const char *line, size_t len)
{
	struct roomrecord record;
	struct roomstate *state = NULL;

	if (roomrecord_read(line, len, &record) && !record.is_held)
		state = roomrecord_head(&record);
	roomrecord_free(&record);
	return state;
}

size_t openrooms_list(const struct peersfile *file, const uint8_t own[static IDENTITY_BYTES],
    struct announcement_room rooms[static ANNOUNCEMENT_ROOMS_MAX])
{
	size_t count = 0, admin_count = 0, cursor = 0, len;
	const char *line;

	memset(rooms, 0, ANNOUNCEMENT_ROOMS_MAX * sizeof(*rooms));
	while (peersfile_next_room(file, &cursor, &line, &len)) {
		struct roomstate *state = read_state(line, len);
		int place = state ? roomstate_find_member(state, own) : -1;
		bool is_admin = place >= 0 && roomstate_is_admin(state, place);
		size_t at = is_admin ? admin_count : count;

		if (place >= 0 && state->entry != ROOMENTRY_INVITED && at < ANNOUNCEMENT_ROOMS_MAX) {
			count += count < ANNOUNCEMENT_ROOMS_MAX;
			admin_count += is_admin;
			memmove(&rooms[at + 1], &rooms[at], (count - at - 1) * sizeof(*rooms));
			rooms[at] = (struct announcement_room){
			    .members = (uint8_t)state->member_count,
			    .capacity = (uint8_t)state->capacity,
			    .has_password = state->entry == ROOMENTRY_PASSWORD,
			};
			memcpy(rooms[at].id, state->room, sizeof(rooms[at].id));
			strcpy(rooms[at].name, state->name);
		}
		roomstate_release(state);
	}
	return count;
}
