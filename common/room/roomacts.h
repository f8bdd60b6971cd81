/*
 * What is done in rooms: the user makes and changes them, and others hand over what they have done.
 *
 * The functions are as those of room/rooms: they block, and write both files under the lock of chat.log, a state with what it
 * means for the user in one line after the other. What is handed over is hostile.
 */
#ifndef QUARTET_ROOMACTS_H
#define QUARTET_ROOMACTS_H

#include "room/roomdraft.h"
#include "room/rooms.h"
#include "room/signedtext.h"

/* Rooms into which strangers have put the user, who has not decided yet. */
#define ROOMACTS_HELD_MAX 8

/*
 * Makes an open room with this name, whose only member is the user. edit, unless it is NULL, may change the draft of its first
 * state; whom to let in, and a password, are for a change after that. Returns also EUSERS if there are ROOMS_MAX, EINVAL
 * for a draft beyond the limits, and whatever edit returns if that is not 0.
 */
int roomacts_create(struct rooms *rooms, const char *name, int (*edit)(struct roomdraft *draft, void *context),
    void *context, struct room **room) __attribute__((warn_unused_result));

/*
 * Signs the next state of a room, which is then its head, and queues it for all others who are in it or were until then. edit
 * makes of a draft what that state is to say: the draft follows the head and says the same, and the tree is up to date.
 * Returns also EPERM with *why if that is against the rules, EINVAL as above, and whatever edit returns if that is not 0.
 */
int roomacts_change(struct rooms *rooms, struct room *room,
    int (*edit)(const struct room *room, struct roomdraft *draft, void *context), void *context, const char **why)
    __attribute__((warn_unused_result));

/* A state that somebody hands over. */
struct roomacts_offer {
	struct signedtext text;
	const uint8_t *key;	       /* or NULL */
	enum roomtree_verdict verdict; /* what came of it */
};

enum roomacts_source {
	ROOMACTS_TOLD,
	ROOMACTS_TOLD_BY_STRANGER, /* a room that is new is held */
	ROOMACTS_INVITED, /* by somebody known, who lets the user in by it: a room that is held is not, or begins anew */
	ROOMACTS_ANSWERED, /* by who was asked what is new in a room: the user comes into none by it */
	ROOMACTS_JOINED,   /* the state is the answer to a request to join, and is handed on to the other members */
};

/*
 * Takes states over. One of an unknown room is taken if the user is a member in it; of a room that the user is in no more, or
 * joins, one may begin anew, and so does one that is answered with all that shows that the one with which the room began here
 * fell away, from a state in the past of both on. ROOMTREE_FULL is also the verdict if there are too many rooms, or too many are held.
 */
int roomacts_take(struct rooms *rooms, struct roomacts_offer *offers, size_t count, enum roomacts_source source)
    __attribute__((warn_unused_result));

/* Whether the room began, here, with a state by which somebody else let the user in. Loads it. */
bool roomacts_is_newcomer(struct rooms *rooms, struct room *room);

/* Tells the user, once, that a member goes another way in a room. */
int roomacts_tell_apart(struct rooms *rooms, struct room *room, const uint8_t member[static IDENTITY_BYTES])
    __attribute__((warn_unused_result));

#endif
