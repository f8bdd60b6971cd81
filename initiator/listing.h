/*
 * A listing: messages of chat.log, those with one user if a name was given, as they are shown: for people as lines, at a
 * terminal through the pager, or for programs as objects.
 *
 * Messages are told by the identity if the log has it, else by the name; an address means what was said there. "#lab" means
 * what is said and happens in rooms of that name, and "#" with a whole id in that one. Rooms that are held, and what people say
 * there who are blocked, are no part of any. What the log says is only as true as whoever wrote it. Its texts and names are
 * foreign; the console escapes them.
 */
#ifndef QUARTET_LISTING_H
#define QUARTET_LISTING_H

#include "desk.h"
#include "outcomes.h"
#include "term/pager.h"
#include "term/roomview.h"

struct listing {
	struct desk *desk;
	bool as_json;
	size_t shown; /* so many */
	/* For this module: */
	const char *name; /* or NULL for everybody */
	struct in_addr address;
	bool has_address;		       /* then it counts alone */
	char username[USERNAME_MAX_BYTES + 1]; /* what else name is called, or "" */
	uint8_t identity[IDENTITY_BYTES];
	bool has_identity;
	bool only_identity; /* a name with another identity is somebody else */
	struct roomview rooms;
	struct pager pager;
};

/*
 * Finds whom a whole name (which outlives the listing) means, or everybody if it is "" or NULL. Somebody there with that
 * name has the identity; if several have it, the user is asked, or the name alone counts if nobody can be. Returns
 * PROGRAM_FINE, or as recipient_find().
 */
int listing_find(struct listing *listing, const char *name) __attribute__((warn_unused_result));

/*
 * The same for a name that nobody has as a whole, and by which somebody may be meant as in Chat. Returns false with *status
 * left alone if nobody is.
 */
bool listing_find_like(struct listing *listing, int *status);

/* Whether there is a room that is called so, "#lab", as far as was read. */
bool listing_knows_room(struct listing *listing, const char *name);

/* Whether a line is about one of theirs: a message, or what has become of one; or about the room. */
bool listing_has(struct listing *listing, const struct chatlog_entry *entry);

/*
 * Begins what may be long: what is collected on the desk's data goes through the pager at a terminal, and SIGINT ends the
 * listing and not the program. Ends with listing_end(), after which data is as before.
 */
void listing_begin(struct listing *listing);
void listing_end(struct listing *listing);

/* Whether the user wants more of it. */
bool listing_goes_on(struct listing *listing);

/*
 * Collects "2026-11-20 08:00:00  SENT      Bob (192.168.1.7) [secure] ✓: hello", with count marks in the text, or what
 * happened in a room; or the object of the log, which was parsed. outcome is what has become of a message, or NULL.
 */
void listing_put(struct listing *listing, const struct chatlog_entry *entry, const struct outcome *outcome,
    const struct console_mark *marks, size_t count);

/* Collects an object on a line, and releases it. */
void listing_put_json(struct desk *desk, json_t *object);

/* Collects who it is: of what was said in a room, the room and its author. */
void listing_put_who(struct listing *listing, const struct chatlog_entry *entry);

/* Adds to the object of a line who has a message in a room by then. */
void listing_add_reach(struct listing *listing, const struct chatlog_entry *entry, const struct chatlog_entry *message,
    const struct reach *reach);

#endif
