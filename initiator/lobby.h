/*
 * The lobby: all rooms that are known of, and which of them "#lab" means. Those that the user is in, was in or is to decide
 * about, and those that others announce.
 *
 * This is the one place that finds out which room is meant. Others choose the names of rooms and may announce any room under
 * any name, so a room is what its id says: several of one name are told apart, by the user or, in a script, by "#" and the
 * id. What is announced is only what somebody says. Reads peers.txt and chat.log as they are.
 */
#ifndef QUARTET_LOBBY_H
#define QUARTET_LOBBY_H

#include "desk.h"
#include "room/rooms.h"

/* Where a room is known from: bits. */
enum lobby_place {
	LOBBY_MINE = 1, /* the user is in it */
	LOBBY_HELD = 2, /* was put in by a stranger, and has not decided yet */
	LOBBY_LEFT = 4, /* was in it */
	LOBBY_ANNOUNCED = 8,
};
/* "#" and a name that may be a byte too long, with the NUL. */
#define LOBBY_NAME_BYTES (ROOM_NAME_MAX_BYTES + 3)
#define LOBBY_ALL (LOBBY_MINE | LOBBY_HELD | LOBBY_LEFT | LOBBY_ANNOUNCED)

struct lobby_room {
	uint8_t id[ROOM_ID_BYTES];
	char name[ROOM_NAME_MAX_BYTES + 2]; /* without the sign; what was typed is cut to one byte too many */
	unsigned places;		    /* bits of enum lobby_place */
	/* As the user's own states have it, else as announced. */
	unsigned members, capacity;
	enum roomentry entry;
	size_t announcers;
	char announcer[USERNAME_MAX_BYTES + 1]; /* of these somebody, pinned if possible; or "" */
	bool is_certain;			/* pinned */
	bool has_double;			/* of its name, in what Rooms shows */
	bool is_muted;
};

/* The user's own first, then by name. */
struct lobby {
	struct lobby_room *list;
	size_t count;
};

/* Reads which rooms there are; false after telling the user why that cannot be. End with lobby_free() in any case. */
bool lobby_read(struct desk *desk, struct lobby *lobby) __attribute__((warn_unused_result));
void lobby_free(struct lobby *lobby);

/* Checks the name of a new room, with or without the sign. Returns NULL with name set, or the rule that it breaks. */
const char *lobby_check_name(const char *text, char name[static ROOM_NAME_MAX_BYTES + 1]);

/*
 * Whether typed, "#lab", "lab", #"tea room", "#" and an id or what is shown of it, or "#lab [+paKN+u7]", means a room of that
 * name, which may be NULL, and id.
 */
bool lobby_is_called(const char *typed, const char *name, const uint8_t id[static ROOM_ID_BYTES]);

/*
 * Finds which room of these places text means, asking for it if it is "", and which of
 * several. Returns PROGRAM_FINE, with places 0 and only a name if there is none; PROGRAM_FAILED if the user gave up or a
 * file cannot be read; or in a script DESK_NOBODY if several are meant, which are told.
 */
int lobby_find(struct desk *desk, const char *text, unsigned places, struct lobby_room *found)
    __attribute__((warn_unused_result));

/* Returns the places of all rooms of that name, as bits. */
unsigned lobby_look_for(struct desk *desk, const char *name);

/* Tells that there is none, and what to do: "There is no room" #lab. Returns DESK_NOBODY. */
int lobby_tell_none(struct desk *desk, const struct lobby_room *none, const char *sentence);

/* Finds one that the user is in: if there is none, the user is told, and this returns DESK_NOBODY. */
int lobby_find_own(struct desk *desk, const char *text, struct lobby_room *found) __attribute__((warn_unused_result));

/* How many bytes at the beginning of text, "#lab hello", are the longest name of a room that the user is in, else a word. */
size_t lobby_name_bytes(struct desk *desk, const char *text);

/* Collects a line of Rooms without its end: "#lab  3 of 64  open  you are in". */
void lobby_put(struct console *console, const struct lobby_room *room);

#endif
