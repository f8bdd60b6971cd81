/*
 * Who may change what in a room: whether a state may follow another.
 *
 * An admin may do anything except to admins who are in the room for longer; in a room that is not for the invited,
 * every member may let one person in; everybody may leave, and see to it that whoever left stays away. Pure: the two
 * states, and who is known to have left.
 */
#ifndef QUARTET_ROOMRULES_H
#define QUARTET_ROOMRULES_H

#include "room/roomstate.h"

enum roomrule {
	ROOMRULE_NONE, /* none is broken */
	ROOMRULE_OTHER_ROOM,
	ROOMRULE_NUMBER,     /* does not follow the state before it */
	ROOMRULE_NO_MEMBER,  /* the author */
	ROOMRULE_ORDER,	     /* of the members, or since when they are in, is not kept */
	ROOMRULE_NEWCOMER,   /* is an admin, or has another since */
	ROOMRULE_FULL,	     /* more members than the capacity */
	ROOMRULE_NO_ADMIN,   /* the author, and this takes one */
	ROOMRULE_INVITED,    /* only admins let somebody in */
	ROOMRULE_REMOVED,    /* only admins let somebody in again */
	ROOMRULE_ELDER,	     /* an admin who is in for longer than the author would lose place or role */
	ROOMRULE_ELDER_ROLE, /* somebody who is in for longer than the author would be made admin */
	ROOMRULE_UNRECORDED, /* whoever is taken out by others does not stand among the removed */
	ROOMRULE_LEFT,	     /* a leave that is named is none of somebody whom this takes out */
};

/* The broken rule in words for the user, without a full stop: "the room is full". Static storage. */
const char *roomrule_words(enum roomrule rule);

/*
 * The rule that next would break as the state after before. leavers are the members, as they stood before they left, by
 * the states that next names in left: so many, in this order.
 */
enum roomrule roomrules_judge(const struct roomstate *before, const struct roomstate *next,
    const struct roommember *const *leavers);

#endif
