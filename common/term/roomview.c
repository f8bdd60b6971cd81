#include "term/roomview.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/jsontext.h"
#include "base/text.h"
#include "room/roomrecord.h"
#include "room/rooms.h"
#include "trust/lookalike.h"

/* Of an id so much, as base64, tells rooms of one name apart. */
#define BEGINNING_BYTES 6
_Static_assert(ROOMVIEW_BEGINNING_BYTES == sodium_base64_ENCODED_LEN(BEGINNING_BYTES, BASE64_VARIANT), "it fits");
/* So many of those whom a message waits for are named. */
#define NAMED_MAX 3

/* The name in a record or in a state; false if it is none. */
static bool read_name(const json_t *object, char name[static USERNAME_MAX_BYTES + 1])
{
	const char *text;
	size_t len;

	return jsontext_get_string(object, "name", &text, &len) && len <= ROOM_NAME_MAX_BYTES &&
	       username_normalize(text, len, name) == USERNAME_OK;
}

static bool read_record(const char *line, size_t len, struct roomview_room *room)
{
	struct roomrecord record;
	bool is_valid = roomrecord_read(line, len, &record) && read_name(record.document, room->name);

	memcpy(room->id, record.room, sizeof(room->id));
	room->is_stored = true;
	room->is_muted = record.is_muted;
	room->is_held = record.is_held;
	room->has_left = record.has_left;
	roomrecord_free(&record);
	return is_valid;
}

/* Finds out which names are those of several rooms, at a glance. */
static void find_doubles(struct roomview *view)
{
	char skeletons[ROOMVIEW_MAX][LOOKALIKE_BYTES];

	for (size_t i = 0; i < view->count; i++) {
		view->rooms[i].has_double = false;
		lookalike_skeleton(view->rooms[i].name, skeletons[i]);
		for (size_t k = 0; k < i; k++) {
			if (strcmp(skeletons[i], skeletons[k]) == 0)
				view->rooms[i].has_double = view->rooms[k].has_double = true;
		}
	}
}

/* Keeps the name of a room that has no record. */
static void keep(struct roomview *view, struct roomview_room room)
{
	if (roomview_find(view, room.id))
		return;
	room.is_stored = room.is_muted = room.is_held = room.has_left = false;
	/* The last place is always taken by the latest. */
	view->count -= view->count == ROOMVIEW_MAX;
	view->rooms[view->count++] = room;
}

static void read_records(struct roomview *view, const struct peersfile *file)
{
	const struct roomview before = *view;
	size_t cursor = 0, len;
	const char *line;

	*view = (struct roomview){.file = file, .readings = peersfile_readings(file)};
	while (peersfile_next_room(file, &cursor, &line, &len))
		view->count += view->count < ROOMVIEW_MAX && read_record(line, len, &view->rooms[view->count]);
	for (size_t i = 0; i < before.count; i++)
		keep(view, before.rooms[i]);
	find_doubles(view);
}

void roomview_refresh(struct roomview *view, const struct peersfile *file)
{
	if (view->file != file || view->readings != peersfile_readings(file))
		read_records(view, file);
}

void roomview_take(struct roomview *view, const struct chatlog_entry *entry)
{
	struct roomview_room room = {0};
	json_t *state;

	if (entry->kind != CHATLOG_ROOM || roomview_find(view, entry->room))
		return;
	state = jsontext_parse(entry->signed_text.text, entry->signed_text.len, NULL);
	memcpy(room.id, entry->room, sizeof(room.id));
	if (state && read_name(state, room.name)) {
		keep(view, room);
		find_doubles(view);
	}
	json_decref(state);
}

const struct roomview_room *roomview_find(const struct roomview *view, const uint8_t id[static ROOM_ID_BYTES])
{
	for (size_t i = 0; i < view->count; i++) {
		if (memcmp(view->rooms[i].id, id, ROOM_ID_BYTES) == 0)
			return &view->rooms[i];
	}
	return NULL;
}

bool roomview_is_undecided(const struct roomview_room *room)
{
	return room->is_held && !room->has_left;
}

const char *roomview_format_beginning(const uint8_t id[static ROOM_ID_BYTES],
    char beginning[static ROOMVIEW_BEGINNING_BYTES])
{
	return sodium_bin2base64(beginning, ROOMVIEW_BEGINNING_BYTES, id, BEGINNING_BYTES, BASE64_VARIANT);
}

void roomview_put_plain_name(struct console *console, enum console_style style, const char *name)
{
	size_t len = strlen(name);
	/* The author's name may follow. */
	bool is_bare = strchr(name, ' ') && !text_has_punctuation(name, len) && !text_has_right_to_left(name, len);

	console_put_styled(console, style, is_bare ? "#\"" : "#");
	console_put_name(console, style, name);
	if (is_bare)
		console_put_styled(console, style, "\"");
}

void roomview_put_name(const struct roomview *view, struct console *console, enum console_style style,
    const uint8_t id[static ROOM_ID_BYTES])
{
	const struct roomview_room *room = roomview_find(view, id);
	char beginning[ROOMVIEW_BEGINNING_BYTES];

	roomview_format_beginning(id, beginning);
	if (room)
		roomview_put_plain_name(console, style, room->name);
	if (!room || room->has_double)
		console_put_styled(console, style, room ? " [%s]" : "#%s", beginning);
}

void roomview_format_name(const struct roomview *view, const uint8_t id[static ROOM_ID_BYTES],
    char label[static ROOMVIEW_LABEL_BYTES])
{
	const struct roomview_room *room = roomview_find(view, id);
	char beginning[ROOMVIEW_BEGINNING_BYTES];

	roomview_format_beginning(id, beginning);
	snprintf(label, ROOMVIEW_LABEL_BYTES, room && room->has_double ? "#%s [%s]" : "#%s",
	    room ? room->name : beginning, beginning);
}

/* The state in a record, if that is of the room; else NULL. */
static struct roomstate *read_state(const char *line, size_t len, const uint8_t *room)
{
	struct roomrecord record;
	struct roomstate *state = NULL;

	if (roomrecord_read(line, len, &record) && memcmp(record.room, room, sizeof(record.room)) == 0)
		state = roomrecord_head(&record);
	roomrecord_free(&record);
	return state;
}

void roomview_name_member(const struct roomview *view, const uint8_t room[static ROOM_ID_BYTES],
    const uint8_t identity[static IDENTITY_BYTES], char name[static USERNAME_MAX_BYTES + 1])
{
	bool is_heard = pins_find_identity(peersfile_pins(view->file), identity) ||
			peers_next_of(peersfile_peers(view->file), identity, NULL);
	struct roomstate *state = NULL;
	size_t cursor = 0, len;
	const char *line;

	/* Of those who are known or heard it says nothing that counts. */
	while (!is_heard && !state && peersfile_next_room(view->file, &cursor, &line, &len))
		state = read_state(line, len, room);
	rooms_name_other(view->file, state, identity, name);
	roomstate_release(state);
}

void roomview_put_event(const struct roomview *view, struct console *console, const struct chatlog_entry *event)
{
	/* Whoever did it comes before the words, or behind them; whom it happened to, or the value, behind that. */
	static const struct {
		const char *words, *by;
		bool is_of_author;
	} sentences[] = {
	    [CHATLOG_CREATED] = {" made the room", NULL, false},
	    [CHATLOG_JOINED] = {" joined", ", let in by ", false},
	    [CHATLOG_LEFT] = {" left", NULL, false},
	    [CHATLOG_REMOVED] = {" was removed", " by ", false},
	    [CHATLOG_ADMIN] = {" is now admin", NULL, false},
	    [CHATLOG_NO_ADMIN] = {" is no longer admin", ", by ", false},
	    [CHATLOG_NAMED] = {" named the room: ", NULL, true},
	    [CHATLOG_ABOUT] = {" set the description: ", NULL, true},
	    [CHATLOG_CAPACITY] = {" set the capacity: ", NULL, true},
	    [CHATLOG_ENTRY] = {" set the entry: ", NULL, true},
	    [CHATLOG_PASSWORD] = {" set a new password", NULL, true},
	    [CHATLOG_FELL] = {" crossed what others did, and does not count: ", NULL, false},
	    [CHATLOG_TWICE] = {" signed two different next states of the room", NULL, false},
	    [CHATLOG_APART] = {" is in a room that went separate ways; Join takes theirs", NULL, true},
	};
	const char *by = event->by ? event->by : "somebody", *who = event->username;
	bool fell = event->event == CHATLOG_FELL, is_of_author = sentences[event->event].is_of_author;

	roomview_put_name(view, console, CONSOLE_FAINT, event->room);
	console_put_styled(console, CONSOLE_FAINT, ": ");
	if (fell)
		console_put_styled(console, CONSOLE_FAINT, "what you did");
	else
		console_put_name(console, CONSOLE_FAINT, is_of_author ? by : who[0] ? who : "somebody");
	console_put_styled(console, CONSOLE_FAINT, "%s", sentences[event->event].words);
	if (sentences[event->event].by && event->by && strcmp(by, who) != 0) {
		console_put_styled(console, CONSOLE_FAINT, "%s", sentences[event->event].by);
		console_put_name(console, CONSOLE_FAINT, by);
	}
	if ((fell || is_of_author) && event->value)
		console_put_name(console, CONSOLE_FAINT, event->value);
	if (fell && who[0]) {
		console_put(console, " ");
		console_put_name(console, CONSOLE_FAINT, who);
	}
}

void roomview_put_reach(const struct roomview *view, struct console *console, const struct chatlog_entry *message,
    const struct reach *reach)
{
	char name[USERNAME_MAX_BYTES + 1];
	size_t waiting = 0, count = reach_count(reach);

	if (count > 0)
		console_put_styled(console, CONSOLE_FAINT, "✓ %zu of %zu", count, message->to_count);
	for (size_t i = 0; i < message->to_count; i++) {
		if (!reach_waits_for(reach, i) || ++waiting > NAMED_MAX)
			continue;
		roomview_name_member(view, message->room, message->to[i], name);
		console_put_styled(console, CONSOLE_FAINT,
		    waiting > 1 ? ", "
		    : count > 0 ? " (waiting for "
				: "(waiting for ");
		console_put_name(console, CONSOLE_FAINT, name);
	}
	if (waiting > NAMED_MAX)
		console_put_styled(console, CONSOLE_FAINT, " and %zu more", waiting - NAMED_MAX);
	if (waiting > 0)
		console_put_styled(console, CONSOLE_FAINT, ")");
	else if (count == 0)
		console_put_styled(console, CONSOLE_FAINT, "✗ (dropped)");
}
