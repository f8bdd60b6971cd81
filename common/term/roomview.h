/*
 * How rooms are shown: what they are called, what happened in them, and who has what was said there.
 *
 * A room is "#lab", and if another that the user has is called so, too, or by a name that looks like it, "#lab [+paKN+u7]", with
 * the beginning of its id. What is known of rooms comes from the records of peers.txt, or if there is none from the states
 * in chat.log. All of it is foreign: bounded, and escaped. Nothing blocks.
 */
#ifndef QUARTET_ROOMVIEW_H
#define QUARTET_ROOMVIEW_H

#include "store/chatlog.h"
#include "store/peerscontent.h"
#include "store/peersfile.h"
#include "store/reach.h"
#include "term/console.h"

/* Rooms with a record, and others that were met last. */
#define ROOMVIEW_MAX (2 * PEERSCONTENT_ROOMS_MAX)
/* Of an id so much is shown, with the NUL: "+paKN+u7". */
#define ROOMVIEW_BEGINNING_BYTES 9
/* "#lab [+paKN+u7]" with the longest name, and the NUL. */
#define ROOMVIEW_LABEL_BYTES (USERNAME_MAX_BYTES + 16)

struct roomview_room {
	uint8_t id[ROOM_ID_BYTES];
	char name[USERNAME_MAX_BYTES + 1];
	bool is_stored; /* it has a record, which says the next */
	bool is_muted, is_held, has_left;
	bool has_double; /* of its name */
};

/* Begins zeroed. */
struct roomview {
	const struct peersfile *file; /* whose records are known */
	unsigned readings;	      /* as it was then */
	size_t count;
	struct roomview_room rooms[ROOMVIEW_MAX];
};

/* Takes over the records of a file, which stays the caller's and outlives the view, if it was read anew since the last time. */
void roomview_refresh(struct roomview *view, const struct peersfile *file);

/* Takes a line of the log into account: a state of a room that has no record. */
void roomview_take(struct roomview *view, const struct chatlog_entry *entry);

/* What is known of a room, or NULL. */
const struct roomview_room *roomview_find(const struct roomview *view, const uint8_t id[static ROOM_ID_BYTES]);

/* Whether the user is to decide about a room. One that was rejected is held, too, and has been left. */
bool roomview_is_undecided(const struct roomview_room *room);

/* Writes the beginning of an id, which tells rooms of one name apart, and returns it. */
const char *roomview_format_beginning(const uint8_t id[static ROOM_ID_BYTES],
    char beginning[static ROOMVIEW_BEGINNING_BYTES]);

/* Collects "#lab" or, so that it is seen where the name ends, #"tea room". */
void roomview_put_plain_name(struct console *console, enum console_style style, const char *name);

/* Collects how a room is called; and writes the same without escapes. */
void roomview_put_name(const struct roomview *view, struct console *console, enum console_style style,
    const uint8_t id[static ROOM_ID_BYTES]);
void roomview_format_name(const struct roomview *view, const uint8_t id[static ROOM_ID_BYTES],
    char label[static ROOMVIEW_LABEL_BYTES]);

/* Writes how another member is called, as rooms_name(). */
void roomview_name_member(const struct roomview *view, const uint8_t room[static ROOM_ID_BYTES],
    const uint8_t identity[static IDENTITY_BYTES], char name[static USERNAME_MAX_BYTES + 1]);

/* Collects what happened, faint and without a line feed: "#lab: Bob was removed by Alice". */
void roomview_put_event(const struct roomview *view, struct console *console, const struct chatlog_entry *event);

/* Collects who has a message, faint: "✓ 4 of 5 (waiting for Can)". */
void roomview_put_reach(const struct roomview *view, struct console *console, const struct chatlog_entry *message,
    const struct reach *reach);

#endif
