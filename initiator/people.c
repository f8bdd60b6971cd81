#include "people.h"

#include <fcntl.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "net/address.h"
#include "recipient.h"
#include "room.h"
#include "room/rooms.h"
#include "store/held.h"
#include "store/lockedfile.h"
#include "term/roomview.h"
#include "trust/ownname.h"
#include "users.h"

/* What the user decides about somebody. */
struct decision {
	const char *done, *after; /* "Muted:" Bob (192.168.1.7) "is quiet." */
	unsigned add, take;	  /* what is wanted of them, or not any more: bits of enum pins_wish */
	bool settles;		  /* what is held of them becomes state, and so they may be meant */
	enum chatlog_state state;
};

/* What is held; nothing, after telling the user, if chat.log cannot be read. */
static struct held read_held(const struct desk *desk)
{
	struct held held = {0};
	int rc = held_read(&held, AT_FDCWD);

	if (rc != 0)
		console_put_styled(desk->console, CONSOLE_WARNING, "cannot read " CHATLOG_NAME ": %s\n",
		    lockedfile_reason(rc));
	return held;
}

/*
 * Finds who is meant, asking for the name if it is "": those of whom something is held, or of whom what is to be taken back
 * was wanted, may be meant although nobody announces them.
 */
static int find(struct desk *desk, const char *name, const struct decision *decision, struct recipient *who)
{
	struct stranger waiting[HELD_STRANGERS_MAX] = {0};
	struct recipient_search search = {.others = waiting, .even_absent = true};
	struct held held = {0};
	int status;

	if (decision->settles)
		held = read_held(desk);
	else
		search.noted = decision->take;
	for (; search.other_count < held.count; search.other_count++) {
		const struct held_stranger *from = &held.list[search.other_count];
		struct stranger *to = &waiting[search.other_count];

		to->has_identity = from->has_identity;
		to->address = from->address;
		strcpy(to->username, from->username);
		memcpy(to->identity, from->identity, IDENTITY_BYTES);
	}
	status = recipient_find_among(who, name, &search, desk);
	held_free(&held);
	return status;
}

/* Writes down what is wanted of somebody from now on; *before becomes what was. */
static int change(struct desk *desk, const struct recipient *who, const struct decision *decision, unsigned *before)
{
	struct stranger wanted = {.has_identity = who->has_identity, .address = who->address};
	struct peersfile *file = desk->peers;
	int rc = peersfile_begin(file);

	if (rc == 0) {
		*before = pins_wishes(peersfile_pins(file), who->has_identity ? who->identity : NULL, who->address);
		wanted.wishes = (*before | decision->add) & ~decision->take;
		strcpy(wanted.username, who->username);
		memcpy(wanted.identity, who->identity, IDENTITY_BYTES);
		rc = peersfile_commit(file, peersfile_wish(file, &wanted));
	}
	return desk_check_file(desk, "write", PEERSFILE_NAME, rc);
}

/* Writes down what becomes of all that is held of a stranger. */
static int write_states(const struct desk *desk, const struct held_stranger *waits, enum chatlog_state state)
{
	struct chatlog_entry entry = {
	    .kind = CHATLOG_STATE, .state = state, .time_ms = clock_wall_ms(), .has_id = true};
	struct buffer lines = {0};
	int rc = 0;

	strcpy(entry.username, waits->username);
	entry.has_identity = waits->has_identity;
	memcpy(entry.identity, waits->identity, sizeof(entry.identity));
	for (size_t i = 0; i < waits->count && rc == 0; i++) {
		memcpy(entry.id, waits->messages[i].id, sizeof(entry.id));
		rc = chatlog_format(&lines, &entry);
	}
	if (rc == 0)
		rc = chatlog_append(desk->log, lines.data, lines.len, CHATLOG_DURABLE);
	buffer_free(&lines);
	return desk_check_file(desk, "write", CHATLOG_NAME, rc);
}

/*
 * Settles all that is held of somebody by now: more may have come since they were looked for. *waited becomes whether
 * there was anything.
 */
static int settle(const struct desk *desk, const struct recipient *who, enum chatlog_state state, bool *waited)
{
	struct held held = read_held(desk);
	const struct held_stranger *waits = held_find(&held, who->has_identity ? who->identity : NULL, who->address);
	int status = waits ? write_states(desk, waits, state) : PROGRAM_FINE;

	*waited = waits != NULL;
	held_free(&held);
	return status;
}

static bool may_block(struct desk *desk, const struct recipient *who)
{
	if (!desk->script)
		recipient_put(who, desk->console, CONSOLE_NORMAL, "Messages of",
		    who->has_identity ? " will be refused, wherever they come from.\n"
				      : " will be refused that come from that address and prove nothing.\n");
	return desk_agrees(desk, "Block, yes or no? ");
}

/* The same about a room: one that is held is accepted or left, and any that the user is in muted or not. */
static int decide_room(struct desk *desk, const char *name, const struct decision *decision)
{
	bool is_muted = decision->add & PINS_MUTED, is_mute = is_muted || decision->take & PINS_MUTED;
	struct lobby_room found;
	struct rooms *rooms;
	struct room *room;
	int rc, status;

	if ((decision->add | decision->take) == 0)
		return room_reject(desk, name);
	if (!is_mute && decision->state != CHATLOG_ACCEPTED) {
		console_put_styled(desk->console, CONSOLE_WARNING, "Rooms are not blocked; Leave ends them for you.\n");
		return PROGRAM_FAILED;
	}
	status = lobby_find(desk, name, is_mute ? LOBBY_MINE | LOBBY_HELD : LOBBY_HELD, &found);
	if (status == PROGRAM_FINE && !found.places)
		status = lobby_tell_none(desk, &found, is_mute ? "You are in no room" : "Nobody has put you in");
	rooms = status == PROGRAM_FINE ? desk_rooms(desk) : NULL;
	room = rooms ? rooms_find(rooms, found.id) : NULL;
	if (!room)
		return desk_worse(status, PROGRAM_FAILED);
	rc = rooms_set(rooms, room, is_mute ? is_muted : room->is_muted, is_mute && room->is_held);
	if (rc == 0 && !desk->script) {
		console_put_styled(desk->console, CONSOLE_GOOD, "%s", decision->done);
		console_put(desk->console, " ");
		roomview_put_plain_name(desk->console, CONSOLE_NORMAL, found.name);
		console_put(desk->console, "%s.\n", is_mute ? decision->after : " is a room of yours now");
	}
	return desk_check_file(desk, "write", PEERSFILE_NAME, rc);
}

/* A room that somebody has put the user in is not settled with them. */
static void put_rest(const struct desk *desk)
{
	struct roomview rooms = {0};

	roomview_refresh(&rooms, desk->peers);
	users_put_undecided(desk, &rooms);
}

static int decide(struct desk *desk, const char *name, const struct decision *decision)
{
	struct recipient who;
	unsigned before = 0;
	bool waited = false;
	int status;

	if (name[0] == '#')
		return decide_room(desk, name, decision);
	status = find(desk, name, decision, &who);
	if (status == PROGRAM_FINE && decision->add & PINS_BLOCKED && !may_block(desk, &who))
		return PROGRAM_FAILED;
	if (status == PROGRAM_FINE && (decision->add | decision->take) != 0)
		status = change(desk, &who, decision, &before);
	if (status == PROGRAM_FINE && decision->settles)
		status = settle(desk, &who, decision->state, &waited);
	if (status != PROGRAM_FINE)
		return status;
	if (decision->settles && (decision->add | decision->take) == 0 && !waited) {
		recipient_put(&who, desk->console, CONSOLE_NORMAL, "No message waits of", ".\n");
		put_rest(desk);
		return PROGRAM_FAILED;
	}
	if (desk->script)
		return PROGRAM_FINE;
	recipient_put(&who, desk->console, CONSOLE_GOOD,
	    !decision->settles && ((before | decision->add) & ~decision->take) == before ? "As before:"
											 : decision->done,
	    decision->after);
	console_put(desk->console,
	    waited && decision->state == CHATLOG_ACCEPTED ? "; History shows what waited.\n" : ".\n");
	if (decision->settles)
		put_rest(desk);
	return PROGRAM_FINE;
}

int people_accept(struct desk *desk, const char *name)
{
	return decide(desk, name,
	    &(struct decision){"Accepted:", " may write to you", PINS_ACCEPTED, PINS_BLOCKED, true, CHATLOG_ACCEPTED});
}

int people_reject(struct desk *desk, const char *name)
{
	return decide(desk, name,
	    &(struct decision){"Rejected:", ": what waited is shown to nobody. Block refuses what comes later", 0, 0,
		true, CHATLOG_REJECTED});
}

int people_block(struct desk *desk, const char *name)
{
	return decide(desk, name,
	    &(struct decision){
		"Blocked:", "; Unblock takes it back", PINS_BLOCKED, PINS_ACCEPTED, true, CHATLOG_REJECTED});
}

int people_unblock(struct desk *desk, const char *name)
{
	return decide(desk, name, &(struct decision){"Unblocked:", " is not blocked", .take = PINS_BLOCKED});
}

int people_mute(struct desk *desk, const char *name)
{
	return decide(desk, name, &(struct decision){"Muted:", " rings no bell; messages are kept", .add = PINS_MUTED});
}

int people_unmute(struct desk *desk, const char *name)
{
	return decide(desk, name, &(struct decision){"Unmuted:", " is not muted", .take = PINS_MUTED});
}

/* Says whose messages are taken, and who waits. */
static void put_admission(const struct desk *desk, enum pins_accept accept)
{
	static const char *const sentences[] = {
	    [PINS_ACCEPT_ALL] = "everybody may write to you.",
	    [PINS_ACCEPT_ASK] = "the first messages of those you do not know wait until you Accept or Reject them.",
	    [PINS_ACCEPT_KNOWN] = "only those may write to you whom you know or have accepted.",
	};
	struct held held = read_held(desk);
	struct roomview rooms = {0};
	char ip[ADDRESS_TEXT_BYTES];

	roomview_refresh(&rooms, desk->peers);
	console_put_styled(desk->console, CONSOLE_STRONG, "%s:", pins_accept_word(accept));
	console_put(desk->console, " %s\n", sentences[accept]);
	for (size_t i = 0; i < held.count; i++) {
		console_put(desk->console, "  ");
		console_put_name(desk->console, CONSOLE_NORMAL, held.list[i].username);
		console_put(desk->console, " (%s) waits with %zu message%s\n", address_format(held.list[i].address, ip),
		    held.list[i].count, held.list[i].count == 1 ? "" : "s");
	}
	for (size_t i = 0; i < rooms.count; i++) {
		if (!roomview_is_undecided(&rooms.rooms[i]))
			continue;
		console_put(desk->console, "  ");
		roomview_put_name(&rooms, desk->console, CONSOLE_NORMAL, rooms.rooms[i].id);
		console_put(desk->console, " waits: somebody whom you do not know has put you in\n");
	}
	held_free(&held);
}

int people_admit(struct desk *desk, const char *word)
{
	struct peersfile *file = desk->peers;
	enum pins_accept accept = PINS_ACCEPT_ALL;
	int rc;

	if (!desk_read_peers(desk))
		return PROGRAM_FAILED;
	if (word[0] == '\0') {
		put_admission(desk, peersfile_accept(file));
		return PROGRAM_FINE;
	}
	while (accept <= PINS_ACCEPT_KNOWN && strcasecmp(word, pins_accept_word(accept)) != 0)
		accept++;
	if (accept > PINS_ACCEPT_KNOWN) {
		console_put_styled(desk->console, CONSOLE_WARNING, "Strangers takes all, ask or known.\n");
		return PROGRAM_FAILED;
	}
	rc = peersfile_begin(file);
	if (rc == 0)
		rc = peersfile_commit(file, peersfile_set_accept(file, accept));
	if (rc == 0)
		put_admission(desk, accept);
	return desk_check_file(desk, "write", PEERSFILE_NAME, rc);
}

int people_rename(struct desk *desk, const char *typed)
{
	struct peersfile *file = desk->peers;
	char name[USERNAME_MAX_BYTES + 1], taker[OWNNAME_TAKER_BYTES], *answer;
	struct ownname_world world = {.identity = desk_identity(desk), .now_ms = clock_wall_ms()};
	enum username_fault fault;
	const char *rule;
	int rc;

	if (typed[0] == '\0') {
		if (desk->script || !prompt_ask_word(&desk->prompt, "New name: ", &answer))
			return PROGRAM_FAILED;
		typed = answer;
	}
	rc = peersfile_begin(file);
	if (rc != 0)
		return desk_check_file(desk, "write", PEERSFILE_NAME, rc);
	world.pins = peersfile_pins(file);
	world.peers = peersfile_peers(file);
	world.username = peersfile_username(file);
	fault = username_normalize(typed, strlen(typed), name);
	rule = fault != USERNAME_OK ? username_rule(fault) : ownname_rule(name);
	if (!rule && ownname_is_taken(&world, name, taker))
		rule = taker;
	if (rule) {
		peersfile_abandon(file);
		console_put_styled(desk->console, CONSOLE_WARNING, "That will not do: %s.\n", rule);
		return PROGRAM_FAILED;
	}
	rc = peersfile_commit(file, peersfile_set_self(file, name, peersfile_since(file)));
	if (rc == 0 && !desk->script) {
		console_put(desk->console, "You are ");
		console_put_name(desk->console, CONSOLE_STRONG, name);
		console_put(desk->console, " from the next announcement on.\n");
	}
	return desk_check_file(desk, "write", PEERSFILE_NAME, rc);
}
