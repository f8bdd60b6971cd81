#include "roomlist.h"

#include <string.h>

#include "base/clock.h"
#include "base/jsontext.h"
#include "listing.h"
#include "lobby.h"
#include "waiting.h"

/* In the line of a room so many members are named. */
#define NAMED_MAX 8

static json_t *describe(const struct lobby_room *room)
{
	return json_pack("{s:o, s:s, s:i, s:i, s:s, s:b}", "room", jsontext_bytes(room->id, sizeof(room->id)), "name",
	    room->name, "members", (int)room->members, "capacity", (int)room->capacity, "entry",
	    roomentry_word(room->entry), "mine", (room->places & LOBBY_MINE) != 0);
}

void roomlist_put_member(struct console *console, const struct rooms *rooms, const struct roomstate *head, size_t place)
{
	const uint8_t *identity = head->members[place].identity;
	char name[USERNAME_MAX_BYTES + 1];

	rooms_name(rooms, head, identity, name);
	console_put_name(console, console_name_style(name, identity), name);
}

static void put_line(struct desk *desk, const struct rooms *rooms, const struct lobby_room *entry)
{
	const struct room *room = entry->places & LOBBY_MINE ? rooms_find(rooms, entry->id) : NULL;

	lobby_put(desk->data, entry);
	for (size_t i = 0; room && i < room->head->member_count && i < NAMED_MAX; i++) {
		console_put(desk->data, i > 0 ? ", " : "  ");
		roomlist_put_member(desk->data, rooms, room->head, i);
		console_put(desk->data, "%s", roomstate_is_admin(room->head, (int)i) ? " (admin)" : "");
	}
	console_put(desk->data, room && room->head->member_count > NAMED_MAX ? " and others\n" : "\n");
}

int roomlist_show(struct desk *desk, const struct wish *wish)
{
	struct lobby lobby;
	int status = lobby_read(desk, &lobby) ? PROGRAM_FINE : PROGRAM_FAILED;
	const struct rooms *rooms = status == PROGRAM_FINE ? desk_rooms(desk) : NULL;
	size_t shown = 0;

	for (size_t i = 0; rooms && i < lobby.count; i++) {
		const struct lobby_room *room = &lobby.list[i];

		if (room->places == LOBBY_LEFT)
			continue;
		shown++;
		if (wish->as_json)
			listing_put_json(desk, describe(room));
		else
			put_line(desk, rooms, room);
	}
	if (shown == 0 && status == PROGRAM_FINE && !desk->script)
		console_put(desk->console, "Nobody announces a room. Create makes one.\n");
	lobby_free(&lobby);
	return status;
}

static bool is_online(const struct desk *desk, const uint8_t *identity)
{
	return peers_find_online(peersfile_peers(desk->peers), identity, clock_wall_ms());
}

static bool is_oneself(const struct desk *desk, const uint8_t *identity)
{
	return memcmp(identity, desk_identity(desk), IDENTITY_BYTES) == 0;
}

static json_t *describe_member(const struct desk *desk, const struct rooms *rooms, const struct roomstate *head,
    size_t place)
{
	const uint8_t *identity = head->members[place].identity;
	bool online = is_oneself(desk, identity) || is_online(desk, identity);
	char name[USERNAME_MAX_BYTES + 1], text[IDENTITY_TEXT_BYTES];

	rooms_name(rooms, head, identity, name);
	identity_format(identity, text);
	return json_pack("{s:s, s:s, s:b, s:s}", "username", name, "identity", text, "admin",
	    roomstate_is_admin(head, (int)place), "status", online ? "online" : "away");
}

static void put_roster(struct desk *desk, const struct rooms *rooms, const struct roomstate *head)
{
	if (head->about[0] != '\0') {
		console_put(desk->data, "  ");
		console_put_foreign(desk->data, head->about, strlen(head->about));
		console_put(desk->data, "\n");
	}
	for (size_t i = 0; i < head->member_count; i++) {
		const uint8_t *identity = head->members[i].identity;
		bool own = is_oneself(desk, identity), online = own || is_online(desk, identity);

		console_put(desk->data, "  ");
		roomlist_put_member(desk->data, rooms, head, i);
		console_put_styled(desk->data, online ? CONSOLE_GOOD : CONSOLE_WARNING,
		    online ? " (Online)" : " (Away)");
		console_put(desk->data, "%s%s", roomstate_is_admin(head, (int)i) ? "  admin" : "",
		    own ? "  (you)" : "");
		waiting_put_count(desk, identity, desk->data);
		console_put(desk->data, "\n");
	}
}

int roomlist_describe(struct desk *desk, const struct wish *wish)
{
	char name[LOBBY_NAME_BYTES];
	struct lobby_room found;
	const struct room *room;
	const struct rooms *rooms;
	json_t *object;
	int status = lobby_find(desk, wish->whom, LOBBY_MINE | LOBBY_HELD, &found);

	/* Nobody makes another room be meant by announcing it. */
	if (status == PROGRAM_FINE && !found.places) {
		strcpy(name, found.name);
		status = lobby_find(desk, name, LOBBY_ANNOUNCED, &found);
	}
	if (status == PROGRAM_FINE && !found.places)
		status = lobby_tell_none(desk, &found, "There is no room");
	if (status != PROGRAM_FINE)
		return status;
	rooms = desk_rooms(desk);
	room = rooms && found.places & (LOBBY_MINE | LOBBY_HELD) ? rooms_find(rooms, found.id) : NULL;
	if (wish->as_json) {
		object = describe(&found);
		if (room) {
			json_t *roster = json_array();

			for (size_t i = 0; i < room->head->member_count; i++)
				json_array_append_new(roster, describe_member(desk, rooms, room->head, i));
			json_object_set_new(object, "about", json_string(room->head->about));
			json_object_set_new(object, "roster", roster);
		}
		listing_put_json(desk, object);
		return PROGRAM_FINE;
	}
	lobby_put(desk->data, &found);
	console_put(desk->data, "\n");
	if (room)
		put_roster(desk, rooms, room->head);
	return PROGRAM_FINE;
}

int roomlist_run_show(struct desk *desk, const char *typed)
{
	(void)typed;
	return roomlist_show(desk, &(struct wish){0});
}

int roomlist_run_describe(struct desk *desk, const char *name)
{
	return roomlist_describe(desk, &(struct wish){.whom = name});
}
