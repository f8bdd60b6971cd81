/*
 * Rooms: the commands that change who is in one, and what is said there.
 *
 * common/PROTOCOL.md, section 7. A change is a state that the user signs; it is in chat.log, and queued for all members, before
 * the user is told. Who may do what is for room/roomrules to say: what it refuses is told with the reason. A command returns
 * what has become of it as desk_conclude() does, DESK_REFUSED if it is against the rules, or as lobby_find() and
 * recipient_find().
 */
#ifndef QUARTET_ROOM_H
#define QUARTET_ROOM_H

#include "lobby.h"
#include "recipient.h"
#include "room/roomacts.h"

/* The commands about a room: "#lab". To reject one that waits for the user's decision is for good: it stays held. */
int room_leave(struct desk *desk, const char *name);
int room_reject(struct desk *desk, const char *name);

/* The commands about somebody in it: "Bob #lab". */
int room_invite(struct desk *desk, const char *typed);
int room_remove(struct desk *desk, const char *typed);
int room_promote(struct desk *desk, const char *typed);
int room_demote(struct desk *desk, const char *typed);

/* Says something in a room that was found: it is queued for all members. Unless id is NULL, it becomes that of what was queued. */
int room_say(struct desk *desk, const struct recipient *to, const struct envelope_content *content, uint8_t *id);

typedef int room_edit(const struct room *room, struct roomdraft *draft, void *context);

/*
 * Makes the next state of a room, which is queued for the members, and sets *status, after telling the user if that cannot be.
 * Returns EALREADY, with nothing told, if edit does because there is nothing to change; else 0 or another errno value.
 */
int room_change(struct desk *desk, const struct lobby_room *which, room_edit *edit, void *context, int *status)
    __attribute__((warn_unused_result));

/* Tells why a change was not made, and returns what that means. room is NULL if there is none yet. */
int room_tell_unchanged(const struct desk *desk, const struct rooms *rooms, const struct room *room, int rc,
    const char *why);

/* Tells that a room was changed ("Promoted:" Bob "is an admin of" #lab; who may be NULL), unless in a script, and concludes. */
int room_finish(struct desk *desk, const struct lobby_room *which, const char *done, const char *who, const char *is);

#endif
