#include "join.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/stop.h"
#include "call.h"
#include "crypto/cpace.h"
#include "delivery.h"
#include "lobby.h"
#include "recipient.h"
#include "room/ask.h"
#include "room/roomacts.h"
#include "roomsetup.h"
#include "term/roomview.h"

/* So many are asked. */
#define ASKED_MAX 16
/* After this nobody else is asked, as each may take as long as a call does. */
#define ASKING_MS 60000

struct joining {
	struct desk *desk;
	struct lobby_room room;
	uint8_t asked[ASKED_MAX][IDENTITY_BYTES];
	size_t count;
	bool is_interrupted;
	bool is_known; /* the state that lets the user in was handed on by somebody already */
	bool has_lock;
	uint8_t lock[ROOM_LOCK_BYTES];
	/* What those said who did not let the user in: the first refusal, by whom, and whether anybody answered. */
	char why[ENVELOPE_WHY_MAX_BYTES + 1];
	struct recipient refuser;
};

/* Whom to ask. */

static void add(struct joining *joining, const uint8_t identity[static IDENTITY_BYTES])
{
	const struct peers *peers = peersfile_peers(joining->desk->peers);
	bool is_online = peers_find_online(peers, identity, clock_wall_ms());

	for (size_t i = 0; i < joining->count; i++)
		is_online &= memcmp(joining->asked[i], identity, IDENTITY_BYTES) != 0;
	if (is_online && joining->count < ASKED_MAX &&
	    memcmp(identity, desk_identity(joining->desk), IDENTITY_BYTES) != 0)
		memcpy(joining->asked[joining->count++], identity, IDENTITY_BYTES);
}

static bool announces(const struct peer *claim, const uint8_t room[static ROOM_ID_BYTES])
{
	size_t i = 0;

	while (i < claim->room_count && memcmp(claim->rooms[i].id, room, ROOM_ID_BYTES) != 0)
		i++;
	return i < claim->room_count;
}

/*
 * Finds those who are here: the members that are known, the admins of them first, and whoever announces the room, those whom
 * the user knows first, as anybody may do that under many identities.
 */
static void find_members(struct joining *joining, const struct room *known)
{
	const struct peers *peers = peersfile_peers(joining->desk->peers);

	for (int admins = 1; known && admins >= 0; admins--) {
		for (size_t i = 0; i < known->head->member_count; i++) {
			if (roomstate_is_admin(known->head, (int)i) == admins)
				add(joining, known->head->members[i].identity);
		}
	}
	for (int pinned = 1; pinned >= 0; pinned--) {
		for (const struct peer *claim = NULL; (claim = peers_next(peers, claim));) {
			if (claim->is_pinned == pinned && announces(claim, joining->room.id))
				add(joining, claim->identity);
		}
	}
}

/* Asking. */

/* Says one thing and takes the answer, to be freed with ask_free_answer(). Returns 0 or an errno value. */
static int say(struct call *call, const struct ask *ask, struct ask_answer *answer)
{
	int rc = call_ask(call, ask_format(ask));

	return rc == 0 ? ask_parse_answer(call->answer, answer) : rc;
}

/* Proves the password: the first ask has the share, and this takes what came back and says the other half. */
static int prove(struct call *call, struct cpace *cpace, const struct cpace_inputs *inputs, struct ask *ask,
    struct ask_answer *answer)
{
	/* Whoever cannot confirm does not know it either, and gets nothing more to try. */
	if (!answer->has_share || !answer->has_confirmation || cpace_take(cpace, inputs, answer->share) != 0 ||
	    !cpace_check(cpace, answer->confirmation)) {
		call->receipt.status = ENVELOPE_NO;
		strcpy(call->receipt.why, ASK_PASSWORD);
		return 0;
	}
	ask->has_share = false;
	ask->has_confirmation = true;
	memcpy(ask->confirmation, cpace->confirmation, sizeof(ask->confirmation));
	ask_free_answer(answer);
	*answer = (struct ask_answer){0};
	return say(call, ask, answer);
}

/* Asks in an open call. */
static int ask_member(const struct joining *joining, struct call *call, struct ask_answer *answer)
{
	uint8_t context[ASK_CONTEXT_BYTES];
	struct cpace_inputs inputs = {
	    .secret = {joining->lock, sizeof(joining->lock)}, .context = {context, sizeof(context)}};
	struct ask ask = {.kind = ASK_JOIN, .has_share = joining->has_lock};
	struct cpace cpace = {0};
	int rc;

	memcpy(ask.room, joining->room.id, sizeof(ask.room));
	ask_put_context(joining->room.id, &call->exchange, context);
	if (joining->has_lock) {
		cpace_begin(&cpace, true, &inputs);
		memcpy(ask.share, cpace.share, sizeof(ask.share));
	}
	rc = say(call, &ask, answer);
	if (rc == 0 && joining->has_lock && call->receipt.status == ENVELOPE_NOT_NOW &&
	    strcmp(call->receipt.why, ASK_CONFIRM) == 0)
		rc = prove(call, &cpace, &inputs, &ask, answer);
	sodium_memzero(&cpace, sizeof(cpace));
	return rc;
}

/* Takes the state that lets the user in, if it does; *id becomes that under which it is handed on to the others. */
static bool take_state(struct joining *joining, const struct ask_answer *answer, uint8_t id[static ENVELOPE_ID_BYTES])
{
	struct roomacts_offer offer = {.text = answer->state, .key = answer->has_key ? answer->key : NULL};
	struct rooms *rooms = desk_start_rooms(joining->desk);
	struct roomstate *state = NULL;
	bool is_in;

	if (!rooms || !offer.text.text || roomstate_parse(&offer.text, &state) != 0)
		return false;
	is_in = memcmp(state->room, joining->room.id, ROOM_ID_BYTES) == 0 &&
		roomstate_find_member(state, desk_identity(joining->desk)) >= 0;
	/* Whoever answers without the proof knows the password if they know its lock, as members do. */
	if (joining->has_lock)
		is_in &= state->entry == ROOMENTRY_PASSWORD &&
			 sodium_memcmp(state->lock, joining->lock, ROOM_LOCK_BYTES) == 0;
	memcpy(id, state->id, ENVELOPE_ID_BYTES);
	roomstate_release(state);
	if (!is_in || roomacts_take(rooms, &offer, 1, ROOMACTS_JOINED) != 0)
		return false;
	joining->is_known = offer.verdict == ROOMTREE_KNOWN;
	return joining->is_known || offer.verdict == ROOMTREE_TAKEN;
}

/* Notes why somebody did not let the user in. What says least is replaced by what others say. */
static void note_refusal(struct joining *joining, const struct recipient *to, const char *why)
{
	if (joining->why[0] != '\0' && strcmp(joining->why, ASK_NO_ROOM) != 0)
		return;
	strcpy(joining->why, why[0] != '\0' ? why : "no");
	joining->refuser = *to;
}

/* Asks everybody until somebody lets the user in. At a terminal, SIGINT ends that and not the program. */
static bool ask_all(struct joining *joining, uint8_t id[static ENVELOPE_ID_BYTES])
{
	struct desk *desk = joining->desk;
	const char *own_name = peersfile_username(desk->peers);
	int64_t end_ms = clock_monotonic_ms() + ASKING_MS;
	bool is_in = false;

	stop_set_interruptible(desk->prompt.terminal);
	for (size_t i = 0; i < joining->count && !is_in && !stop_interrupted() && clock_monotonic_ms() < end_ms; i++) {
		struct ask_answer answer = {0};
		struct recipient to;
		struct call call;
		int rc;

		recipient_know(&to, desk->peers, joining->asked[i], "", (struct in_addr){0});
		call_init(&call, desk->loop, CHATLOG_SECURE, &to, desk->from, NULL, NULL);
		call_open(&call, &desk->key.identity, own_name, "");
		rc = call_await(&call);
		if (rc == 0)
			rc = ask_member(joining, &call, &answer);
		if (rc == 0 && call.receipt.status == ENVELOPE_DONE)
			is_in = take_state(joining, &answer, id);
		if (rc == 0 && !is_in)
			note_refusal(joining, &to,
			    call.receipt.status == ENVELOPE_DONE ? "that is not the room" : call.receipt.why);
		ask_free_answer(&answer);
		call_close(&call);
	}
	joining->is_interrupted = stop_interrupted();
	stop_set_interruptible(false);
	return is_in;
}

/* Telling. */

/* Collects " by Alice" if it is known who took the user out. */
static void put_remover(struct desk *desk, const uint8_t id[static ROOM_ID_BYTES])
{
	struct rooms *rooms = desk_rooms(desk);
	struct room *room = rooms ? rooms_find(rooms, id) : NULL;
	const struct roomstate *after = NULL, *before;
	char name[USERNAME_MAX_BYTES + 1];

	if (!room || rooms_load(rooms, room) != 0 || room->is_member)
		return;
	before = roomtree_head(room->tree);
	while (before && roomstate_find_member(before, desk_identity(desk)) < 0) {
		after = before;
		before = roomtree_before(room->tree, after);
	}
	if (!before || !after)
		return;
	rooms_name(rooms, before, after->by, name);
	console_put(desk->console, " by ");
	console_put_name(desk->console, CONSOLE_NORMAL, name);
}

static int tell_refusal(const struct joining *joining)
{
	static const char *const sentences[][2] = {
	    {ASK_FULL, "it is full"},
	    {ASK_PASSWORD, "that is not the password"},
	    {ASK_TRIES, "too many passwords were tried; again in a minute"},
	    {ASK_INVITED, "it is for those whom one of its admins invites"},
	    {ASK_REMOVED, "you were removed"},
	    {ASK_USERNAME, "you have no name yet; the announcer asks for it in its pane"},
	};
	struct console *console = joining->desk->console;
	size_t count = sizeof(sentences) / sizeof(sentences[0]), i = 0;

	while (i < count && strcmp(joining->why, sentences[i][0]) != 0)
		i++;
	console_put_styled(console, CONSOLE_BAD, "Not in");
	console_put(console, " ");
	roomview_put_plain_name(console, CONSOLE_NORMAL, joining->room.name);
	if (i < count) {
		console_put(console, ": %s", sentences[i][1]);
	} else {
		console_put(console, ": ");
		console_put_foreign(console, joining->why, strlen(joining->why));
		recipient_put(&joining->refuser, console, CONSOLE_NORMAL, ", says", "");
	}
	if (strcmp(joining->why, ASK_REMOVED) == 0) {
		put_remover(joining->desk, joining->room.id);
		console_put(console, ", and only an admin lets you in again");
	}
	console_put(console, ".\n");
	return DESK_REFUSED;
}

static int tell(const struct desk *desk, enum console_style style, const char *word, const struct lobby_room *room,
    const char *rest, int status)
{
	console_put_styled(desk->console, style, "%s", word);
	console_put(desk->console, " ");
	roomview_put_plain_name(desk->console, CONSOLE_NORMAL, room->name);
	console_put(desk->console, "%s.\n", rest);
	return status;
}

/* Making. */

/* For how long the user's own announcements must still be heard, in ms; -1 if they are not. */
static int64_t unheard_ms(const struct desk *desk)
{
	int64_t now_ms = clock_wall_ms();
	const struct peer *own = peers_find_online(peersfile_peers(desk->peers), desk_identity(desk), now_ms);
	int64_t heard_ms = own ? now_ms - own->back_s * 1000 : 0;

	if (!own)
		return -1;
	return heard_ms >= JOIN_HEARD_S * 1000 ? 0 : JOIN_HEARD_S * 1000 - heard_ms;
}

/* Has the lock of the password that the user types. */
static bool take_lock(struct joining *joining, bool takes_password)
{
	struct desk *desk = joining->desk;
	struct secret password;

	if (desk->script && !takes_password) {
		tell(desk, CONSOLE_BAD, "Not in", &joining->room, ": it has a password; -p reads it from the input", 0);
		return false;
	}
	prompt_expect(&desk->prompt, 1);
	if (!roomsetup_ask_password(desk, "Password: ", &password))
		return false;
	joining->has_lock = roomsetup_make_lock(desk, joining->room.id, &password, joining->lock);
	return joining->has_lock;
}

/* Joins the room that was found. */
static int enter(struct joining *joining, bool takes_password)
{
	struct desk *desk = joining->desk;
	const struct lobby_room *room = &joining->room;
	bool is_mine = room->places & LOBBY_MINE, is_in;
	struct rooms *rooms = desk_start_rooms(desk);
	uint8_t id[ENVELOPE_ID_BYTES];

	if (!rooms || !desk_read_peers(desk))
		return PROGRAM_FAILED;
	if (room->places & LOBBY_HELD)
		return tell(desk, CONSOLE_WARNING, "You were put in", room, "; it waits for Accept or Reject",
		    PROGRAM_FAILED);
	find_members(joining, rooms_find(rooms, room->id));
	if (joining->count == 0 && !is_mine)
		return tell(desk, CONSOLE_WARNING, "Nobody of", room, " is here", DESK_UNREACHABLE);
	if (!is_mine && room->entry == ROOMENTRY_PASSWORD && !take_lock(joining, takes_password))
		return DESK_REFUSED;
	is_in = ask_all(joining, id);
	/* It was announced as open. */
	if (!is_in && strcmp(joining->why, ASK_PASSWORD) == 0 && !joining->has_lock) {
		joining->why[0] = '\0';
		if (!take_lock(joining, takes_password))
			return DESK_REFUSED;
		is_in = ask_all(joining, id);
	}
	if (is_in && !desk->script)
		tell(desk, CONSOLE_GOOD, joining->is_known && is_mine ? "As before: you are in" : "Joined:", room, "",
		    0);
	if (!is_in && joining->is_interrupted)
		return tell(desk, CONSOLE_WARNING, "Not in", room, ": interrupted", PROGRAM_FAILED);
	if (is_in)
		return joining->is_known ? PROGRAM_FINE : desk_conclude(desk, id);
	if (joining->why[0] != '\0')
		return tell_refusal(joining);
	if (is_mine)
		return tell(desk, CONSOLE_NORMAL, "You are in", room,
		    room->members == 1 ? "; nobody else is" : "; nobody else of it answers", PROGRAM_FINE);
	return tell(desk, CONSOLE_WARNING, "Nobody of", room, " answers", DESK_UNREACHABLE);
}

/* Makes the room, if nobody would have been missed who announces it. */
static int make(struct desk *desk, const struct lobby_room *room, bool takes_password)
{
	struct roomsetup_order order = {.name = room->name, .has_password = takes_password};

	if (unheard_ms(desk) == 0) {
		tell(desk, CONSOLE_WARNING, "Nobody has announced", room, ", so this is a new one", 0);
		return roomsetup_create(desk, &order);
	}
	console_put_styled(desk->console, CONSOLE_WARNING,
	    "Nobody announces that room. It was not made, because your own announcements are not heard either: do the "
	    "announcer and discovery run?\n");
	return DESK_NOBODY;
}

/* Listens to what others announce. Returns false if the user does not wait for that. */
static bool listen_for(struct desk *desk, int64_t wait_ms)
{
	bool is_interrupted;

	if (!desk->script)
		console_put(desk->console, "Nobody has announced it so far; listening for %d s more.\n",
		    (int)(wait_ms / 1000) + 1);
	console_flush(desk->console);
	stop_set_interruptible(desk->prompt.terminal);
	loop_pause(desk->loop, wait_ms);
	is_interrupted = stop_interrupted();
	stop_set_interruptible(false);
	if (is_interrupted)
		console_put(desk->console, "Nothing was made.\n");
	return !is_interrupted;
}

int join_room(struct desk *desk, const char *name, bool takes_password)
{
	struct joining joining = {.desk = desk};
	char sought[LOBBY_NAME_BYTES];
	int status = lobby_find(desk, name, LOBBY_ALL, &joining.room);
	int64_t wait_ms;

	if (status == PROGRAM_FINE && !joining.room.places && (wait_ms = unheard_ms(desk)) > 0) {
		if (!listen_for(desk, wait_ms))
			return PROGRAM_FAILED;
		snprintf(sought, sizeof(sought), "#%s", joining.room.name);
		status = lobby_find(desk, sought, LOBBY_ALL, &joining.room);
	}
	if (status != PROGRAM_FINE)
		return status;
	status = joining.room.places ? enter(&joining, takes_password) : make(desk, &joining.room, takes_password);
	sodium_memzero(joining.lock, sizeof(joining.lock));
	return status;
}

int join_run(struct desk *desk, const char *name)
{
	return join_room(desk, name, false);
}
