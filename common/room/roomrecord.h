/*
 * The record of a room: its line of peers.txt, with the head, its key, and what the user wants of the room.
 *
 * {"room": "...", "name": "lab", "state": {...}, "key": "...", "line": 4711, "muted": true, "held": true, "left": true}, of
 * which only the id must be there. The file is hostile, but whoever can write it could pin another identity, too: so the
 * signature of the state is not verified. Nothing blocks.
 */
#ifndef QUARTET_ROOMRECORD_H
#define QUARTET_ROOMRECORD_H

#include "room/roomstate.h"

struct roomrecord {
	uint8_t room[ROOM_ID_BYTES];
	bool is_muted, is_held, has_left;
	bool has_key;
	uint8_t key[ROOM_KEY_BYTES]; /* of the head */
	int64_t line;		     /* the offset of its newest state in chat.log, or -1 */
	json_t *document;	     /* all of it, if it was read */
};

/* Reads a line, to be freed with roomrecord_free() in any case; false if it is no record, and then it is zeroed. */
bool roomrecord_read(const char *line, size_t len, struct roomrecord *record) __attribute__((warn_unused_result));

/* The head, to be released; NULL if it has none, or one of another room, or out of memory. */
struct roomstate *roomrecord_head(const struct roomrecord *record) __attribute__((warn_unused_result));

/* The object of a record with that head, a new reference; NULL if out of memory. */
json_t *roomrecord_format(const struct roomrecord *record, const struct roomstate *head)
    __attribute__((warn_unused_result));

/* Wipes it, too. */
void roomrecord_free(struct roomrecord *record);

#endif
