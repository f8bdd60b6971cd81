#include "room.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "delivery.h"
#include "room/roomtalk.h"
#include "roomlist.h"
#include "roomsetup.h"
#include "store/lockedfile.h"
#include "term/roomview.h"

/* Says who may do what the user may not, if it takes an admin. */
static void put_admins(const struct desk *desk, const struct rooms *rooms, const struct roomstate *head,
    const char *why)
{
	int own = roomstate_find_member(head, desk_identity(desk));
	const char *before = " (";

	if (!strstr(why, "admin") || (own >= 0 && roomstate_is_admin(head, own)))
		return;
	for (size_t i = 0; i < head->member_count; i++) {
		if (!roomstate_is_admin(head, (int)i))
			continue;
		console_put(desk->console, "%s", before);
		roomlist_put_member(desk->console, rooms, head, i);
		before = ", ";
	}
	console_put(desk->console, ")");
}

int room_tell_unchanged(const struct desk *desk, const struct rooms *rooms, const struct room *room, int rc,
    const char *why)
{
	if (rc != EPERM && rc != EINVAL && rc != EUSERS && rc != ENOENT)
		return desk_check_file(desk, "write", CHATLOG_NAME, rc);
	console_put_styled(desk->console, CONSOLE_BAD, "Not done:");
	console_put(desk->console, " %s",
	    rc == EUSERS   ? "you are in " TEXT_OF(ROOMS_MAX) " rooms already"
	    : rc == ENOENT ? "the room is not there any more"
	    : why	   ? why
			   : "that is more than a room may have");
	if (rc == EPERM && room)
		put_admins(desk, rooms, room->head, why);
	console_put(desk->console, ".\n");
	return rc == EPERM ? DESK_REFUSED : PROGRAM_FAILED;
}

int room_change(struct desk *desk, const struct lobby_room *which, room_edit *edit, void *context, int *status)
{
	struct rooms *rooms = desk_start_rooms(desk);
	struct room *room = rooms ? rooms_find(rooms, which->id) : NULL;
	const char *why = NULL;
	int rc = ENOENT;

	*status = PROGRAM_FAILED;
	if (!rooms)
		return EIO;
	if (room)
		rc = roomacts_change(rooms, room, edit, context, &why);
	if (rc == 0)
		*status = PROGRAM_FINE;
	else if (rc != EALREADY)
		*status = room_tell_unchanged(desk, rooms, rooms_find(rooms, which->id), rc, why);
	return rc;
}

/* Collects "Promoted: Bob is an admin of #lab.": nothing in a script. */
static void put_done(const struct desk *desk, const char *done, const char *who, const char *is, const char *room)
{
	if (desk->script)
		return;
	console_put_styled(desk->console, CONSOLE_GOOD, "%s", done);
	console_put(desk->console, " ");
	if (who) {
		console_put_name(desk->console, CONSOLE_NORMAL, who);
		console_put(desk->console, " %s ", is);
	}
	roomview_put_plain_name(desk->console, CONSOLE_NORMAL, room);
	console_put(desk->console, ".\n");
}

int room_finish(struct desk *desk, const struct lobby_room *which, const char *done, const char *who, const char *is)
{
	const struct room *room = rooms_find(delivery_rooms(desk->delivery), which->id);

	put_done(desk, done, who, is, which->name);
	return room ? desk_conclude(desk, room->head->id) : PROGRAM_FAILED;
}

/* Members. */

enum act {
	ACT_INVITE,
	ACT_REMOVE,
	ACT_PROMOTE,
	ACT_DEMOTE,
};

/* What is told then: "Promoted:" Bob "is an admin of" #lab. */
static const struct {
	const char *done, *is;
} words[] = {
    [ACT_INVITE] = {"Invited:", "is in"},
    [ACT_REMOVE] = {"Removed:", "is not in"},
    [ACT_PROMOTE] = {"Promoted:", "is an admin of"},
    [ACT_DEMOTE] = {"Demoted:", "is no admin of"},
};

struct acting {
	enum act act;
	struct recipient who;
	const char *fault; /* why it cannot be, or NULL */
	int status;	   /* and what that means */
};

static int edit_member(const struct room *room, struct roomdraft *draft, void *context)
{
	struct acting *acting = context;
	const uint8_t *identity = acting->who.identity;
	int place = roomstate_find_member(room->head, identity);
	bool is_new = false;

	acting->status = place < 0 && acting->act != ACT_INVITE ? DESK_NOBODY : DESK_REFUSED;
	if (acting->status == DESK_NOBODY)
		acting->fault = "nobody of that name is in the room";
	else if (acting->act == ACT_INVITE && place < 0 && draft->state.member_count == ROOM_MEMBERS_MAX)
		acting->fault = "the room is full";
	else if (acting->act == ACT_DEMOTE && place == 0)
		acting->fault = "whoever is in the room for longest is an admin";
	else if (acting->act == ACT_INVITE)
		is_new = roomdraft_let_in(draft, identity, acting->who.username);
	else if (acting->act == ACT_REMOVE)
		is_new = roomdraft_take_out(draft, identity, false);
	else
		is_new = roomdraft_mark(draft, identity, acting->act == ACT_PROMOTE);
	return is_new ? 0 : EALREADY;
}

/* Finds whom a name means among the members, by the names that Room shows; or else whomever it means for writing. */
static int find_member(struct desk *desk, const char *name, const struct lobby_room *which, struct recipient *who)
{
	const struct rooms *rooms = desk_rooms(desk);
	const struct room *room = rooms ? rooms_find(rooms, which->id) : NULL;
	size_t count = 0;

	for (size_t i = 0; room && i < room->head->member_count; i++) {
		const uint8_t *identity = room->head->members[i].identity;
		char shown[USERNAME_MAX_BYTES + 1];

		rooms_name(rooms, room->head, identity, shown);
		if (!username_is_same(shown, name) || count++ > 0)
			continue;
		*who = (struct recipient){.has_identity = true};
		strcpy(who->username, shown);
		memcpy(who->identity, identity, IDENTITY_BYTES);
	}
	return count == 1 ? PROGRAM_FINE : recipient_find(who, name, true, desk);
}

/* Finds the room and the member of "Bob #lab". */
static int find_both(struct desk *desk, const char *typed, struct acting *acting, struct lobby_room *found)
{
	const char *sign = NULL;
	char *name;
	int status;

	for (const char *at = typed; (at = strstr(at, " #")); at++)
		sign = at;
	name = sign && sign > typed ? strndup(typed, (size_t)(sign - typed)) : NULL;
	if (!name) {
		console_put_styled(desk->console, CONSOLE_WARNING, "Who, and which room? NAME #lab\n");
		return PROGRAM_FAILED;
	}
	status = lobby_find_own(desk, sign + 1, found);
	if (status == PROGRAM_FINE && acting->act == ACT_INVITE)
		status = recipient_find(&acting->who, name, true, desk);
	else if (status == PROGRAM_FINE)
		status = find_member(desk, name, found, &acting->who);
	free(name);
	if (status == PROGRAM_FINE && !acting->who.has_identity) {
		recipient_put(&acting->who, desk->console, CONSOLE_BAD, "Not done:", " announces no identity.\n");
		return DESK_CHANGED;
	}
	return status;
}

static int do_act(struct desk *desk, const char *typed, enum act act, struct lobby_room *found)
{
	struct acting acting = {.act = act};
	int rc, status = find_both(desk, typed, &acting, found);

	if (status != PROGRAM_FINE)
		return status;
	rc = room_change(desk, found, edit_member, &acting, &status);
	if (acting.fault) {
		console_put_styled(desk->console, CONSOLE_BAD, "Not done:");
		console_put(desk->console, " %s.\n", acting.fault);
		return acting.status;
	}
	if (rc == 0)
		return room_finish(desk, found, words[act].done, acting.who.username, words[act].is);
	if (rc == EALREADY)
		put_done(desk, "As before:", acting.who.username, words[act].is, found->name);
	return rc == EALREADY ? PROGRAM_FINE : status;
}

int room_invite(struct desk *desk, const char *typed)
{
	struct lobby_room found;

	return do_act(desk, typed, ACT_INVITE, &found);
}

int room_remove(struct desk *desk, const char *typed)
{
	struct lobby_room found;
	int status = do_act(desk, typed, ACT_REMOVE, &found);

	/* Whoever was in it knows the old one. */
	if (status == PROGRAM_FINE && found.entry == ROOMENTRY_PASSWORD && desk->prompt.terminal)
		status = roomsetup_set_password(desk, &found, "", "New password (Enter keeps the one they know): ");
	return status;
}

int room_promote(struct desk *desk, const char *typed)
{
	struct lobby_room found;

	return do_act(desk, typed, ACT_PROMOTE, &found);
}

int room_demote(struct desk *desk, const char *typed)
{
	struct lobby_room found;

	return do_act(desk, typed, ACT_DEMOTE, &found);
}

static int edit_leave(const struct room *room, struct roomdraft *draft, void *context)
{
	(void)room;
	return roomdraft_take_out(draft, context, true) ? 0 : EALREADY;
}

int room_leave(struct desk *desk, const char *name)
{
	struct lobby_room found;
	int status = lobby_find_own(desk, name, &found);

	if (status != PROGRAM_FINE)
		return status;
	if (room_change(desk, &found, edit_leave, desk->key.identity.public, &status) == 0)
		return room_finish(desk, &found, "Left:", NULL, NULL);
	return status;
}

int room_reject(struct desk *desk, const char *name)
{
	struct lobby_room found;
	int status = lobby_find(desk, name, LOBBY_HELD, &found);

	if (status == PROGRAM_FINE && !found.places)
		status = lobby_tell_none(desk, &found, "Nobody has put you in");
	if (status == PROGRAM_FINE && room_change(desk, &found, edit_leave, desk->key.identity.public, &status) == 0)
		put_done(desk, "Rejected:", NULL, NULL, found.name);
	return status;
}

int room_say(struct desk *desk, const struct recipient *to, const struct envelope_content *content, uint8_t *id)
{
	struct rooms *rooms = desk_start_rooms(desk);
	struct room *room = rooms ? rooms_find(rooms, to->room) : NULL;
	uint8_t queued[ENVELOPE_ID_BYTES];
	int rc = room ? roomtalk_say(rooms, room, content, queued) : ENOENT;

	if (rc == 0 && id)
		memcpy(id, queued, sizeof(queued));
	if (rc == 0 || !rooms)
		return rc == 0 ? desk_conclude(desk, queued) : PROGRAM_FAILED;
	console_put_styled(desk->console, CONSOLE_BAD, "Nothing was sent to");
	console_put(desk->console, " ");
	roomview_put_plain_name(desk->console, CONSOLE_NORMAL, to->username + 1);
	console_put(desk->console, ": %s.\n",
	    rc == EPERM || rc == ENOENT ? "you are not in it any more"
	    : rc == ENOKEY		? "its key has not come yet"
	    : rc == EMSGSIZE		? "that is too long for a room"
					: lockedfile_reason(rc));
	return rc == EPERM || rc == ENOENT ? DESK_REFUSED : PROGRAM_FAILED;
}
