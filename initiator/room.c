#include "room.h"

#include <errno.h>
#include <getopt.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/decimal.h"
#include "base/jsontext.h"
#include "base/text.h"
#include "crypto/stretch.h"
#include "delivery.h"
#include "message.h"
#include "passphrase.h"
#include "recipient.h"
#include "room/roomacts.h"
#include "room/roomtalk.h"
#include "store/lockedfile.h"
#include "waiting.h"

/* In the line of a room so many members are named. */
#define NAMED_MAX 8
/* What Create is told: the command, the name, the options and the newcomers. */
#define WORDS_MAX (ROOM_MEMBERS_MAX + 8)

static const char capacity_rule[] =
    "a room is for 1 to " TEXT_OF(ROOM_MEMBERS_MAX) " members, and not for fewer than are in it";

/* Showing. */

static void put_json(struct desk *desk, json_t *object)
{
	struct buffer text = {0};

	jsontext_put(&text, object);
	console_put_json(desk->data, text.data, text.len);
	console_put(desk->data, "\n");
	buffer_free(&text);
	json_decref(object);
}

static json_t *describe(const struct lobby_room *room)
{
	return json_pack("{s:o, s:s, s:i, s:i, s:s, s:b}", "room", jsontext_bytes(room->id, sizeof(room->id)), "name",
	    room->name, "members", (int)room->members, "capacity", (int)room->capacity, "entry",
	    roomentry_word(room->entry), "mine", (room->places & LOBBY_MINE) != 0);
}

/* Collects a member's name, in the colour that it has everywhere. */
static void put_member(struct console *console, const struct rooms *rooms, const struct roomstate *head, size_t place)
{
	const uint8_t *identity = head->members[place].identity;
	char name[USERNAME_MAX_BYTES + 1];

	rooms_name(rooms, head, identity, name);
	console_put_name(console, console_name_style(name, identity), name);
}

static void put_line(struct desk *desk, const struct rooms *rooms, const struct lobby_room *entry)
{
	const struct room *room = entry->places & LOBBY_MINE ? rooms_find(rooms, entry->id) : NULL;

	lobby_put(desk->data, entry);
	for (size_t i = 0; room && i < room->head->member_count && i < NAMED_MAX; i++) {
		console_put(desk->data, i > 0 ? ", " : "  ");
		put_member(desk->data, rooms, room->head, i);
	}
	console_put(desk->data, room && room->head->member_count > NAMED_MAX ? " and others\n" : "\n");
}

int room_list(struct desk *desk, const struct wish *wish)
{
	struct lobby lobby;
	int status = lobby_read(desk, &lobby) ? PROGRAM_FINE : PROGRAM_FAILED;
	const struct rooms *rooms = status == PROGRAM_FINE ? desk_rooms(desk) : NULL;
	size_t shown = 0;

	for (size_t i = 0; rooms && i < lobby.count; i++) {
		const struct lobby_room *room = &lobby.list[i];

		if (room->places == LOBBY_LEFT)
			continue;
		shown++;
		if (wish->as_json)
			put_json(desk, describe(room));
		else
			put_line(desk, rooms, room);
	}
	if (shown == 0 && status == PROGRAM_FINE && !desk->script)
		console_put(desk->console, "Nobody announces a room. Create makes one.\n");
	lobby_free(&lobby);
	return status;
}

static bool is_online(const struct desk *desk, const uint8_t *identity)
{
	const struct peers *peers = peersfile_peers(desk->peers);
	int64_t now_ms = clock_wall_ms();

	for (const struct peer *claim = NULL; (claim = peers_next_of(peers, identity, claim));) {
		if (peer_is_online(claim, now_ms))
			return true;
	}
	return false;
}

static bool is_oneself(const struct desk *desk, const uint8_t *identity)
{
	return memcmp(identity, desk_identity(desk), IDENTITY_BYTES) == 0;
}

static json_t *describe_member(const struct desk *desk, const struct rooms *rooms, const struct roomstate *head,
    size_t place)
{
	const uint8_t *identity = head->members[place].identity;
	bool online = is_oneself(desk, identity) || is_online(desk, identity);
	char name[USERNAME_MAX_BYTES + 1], text[IDENTITY_TEXT_BYTES];

	rooms_name(rooms, head, identity, name);
	identity_format(identity, text);
	return json_pack("{s:s, s:s, s:b, s:s}", "username", name, "identity", text, "admin",
	    roomstate_is_admin(head, (int)place), "status", online ? "online" : "away");
}

static void put_roster(struct desk *desk, const struct rooms *rooms, const struct roomstate *head)
{
	if (head->about[0] != '\0') {
		console_put(desk->data, "  ");
		console_put_foreign(desk->data, head->about, strlen(head->about));
		console_put(desk->data, "\n");
	}
	for (size_t i = 0; i < head->member_count; i++) {
		const uint8_t *identity = head->members[i].identity;
		bool own = is_oneself(desk, identity), online = own || is_online(desk, identity);

		console_put(desk->data, "  ");
		put_member(desk->data, rooms, head, i);
		console_put_styled(desk->data, online ? CONSOLE_GOOD : CONSOLE_WARNING,
		    online ? " (Online)" : " (Away)");
		console_put(desk->data, "%s%s", roomstate_is_admin(head, (int)i) ? "  admin" : "",
		    own ? "  (you)" : "");
		waiting_put_count(desk, identity, desk->data);
		console_put(desk->data, "\n");
	}
}

int room_describe(struct desk *desk, const struct wish *wish)
{
	char name[LOBBY_NAME_BYTES];
	struct lobby_room found;
	const struct room *room;
	const struct rooms *rooms;
	json_t *object;
	int status = lobby_find(desk, wish->whom, LOBBY_MINE | LOBBY_HELD, &found);

	/* Nobody makes another room be meant by announcing it. */
	if (status == PROGRAM_FINE && !found.places) {
		strcpy(name, found.name);
		status = lobby_find(desk, name, LOBBY_ANNOUNCED, &found);
	}
	if (status == PROGRAM_FINE && !found.places)
		status = lobby_tell_none(desk, &found, "There is no room");
	if (status != PROGRAM_FINE)
		return status;
	rooms = desk_rooms(desk);
	room = rooms && found.places & (LOBBY_MINE | LOBBY_HELD) ? rooms_find(rooms, found.id) : NULL;
	if (wish->as_json) {
		object = describe(&found);
		if (room) {
			json_t *roster = json_array();

			for (size_t i = 0; i < room->head->member_count; i++)
				json_array_append_new(roster, describe_member(desk, rooms, room->head, i));
			json_object_set_new(object, "about", json_string(room->head->about));
			json_object_set_new(object, "roster", roster);
		}
		put_json(desk, object);
		return PROGRAM_FINE;
	}
	lobby_put(desk->data, &found);
	console_put(desk->data, "\n");
	if (room)
		put_roster(desk, rooms, room->head);
	return PROGRAM_FINE;
}

int room_run_list(struct desk *desk, const char *typed)
{
	(void)typed;
	return room_list(desk, &(struct wish){0});
}

int room_run_describe(struct desk *desk, const char *name)
{
	return room_describe(desk, &(struct wish){.whom = name});
}

/* Changing. */

/* Says who may do what the user may not. */
static void put_admins(const struct desk *desk, const struct rooms *rooms, const struct roomstate *head)
{
	int own = roomstate_find_member(head, desk_identity(desk));
	const char *before = " It takes an admin:";

	if (own >= 0 && roomstate_is_admin(head, own))
		return;
	for (size_t i = 0; i < head->member_count; i++) {
		if (!roomstate_is_admin(head, (int)i))
			continue;
		console_put(desk->console, "%s ", before);
		put_member(desk->console, rooms, head, i);
		before = ",";
	}
	console_put(desk->console, ".");
}

/* Tells why a change was not made, and returns what that means. */
static int tell_unchanged(const struct desk *desk, const struct rooms *rooms, const struct room *room, int rc,
    const char *why)
{
	if (rc != EPERM && rc != EINVAL && rc != EUSERS && rc != ENOENT)
		return desk_check_file(desk, "write", CHATLOG_NAME, rc);
	console_put_styled(desk->console, CONSOLE_BAD, "Not done:");
	console_put(desk->console, " %s.",
	    rc == EUSERS   ? "you are in " TEXT_OF(ROOMS_MAX) " rooms already"
	    : rc == ENOENT ? "the room is not there any more"
			   : why);
	if (rc == EPERM && room)
		put_admins(desk, rooms, room->head);
	console_put(desk->console, "\n");
	return rc == EPERM ? DESK_REFUSED : PROGRAM_FAILED;
}

typedef int edit_function(const struct room *room, struct roomdraft *draft, void *context);

/*
 * Makes the next state of a room, which is queued for the members, and sets *status, after telling the user if that cannot be.
 * Returns EALREADY, with nothing told, if edit does because there is nothing to change.
 */
static int change(struct desk *desk, const struct lobby_room *which, edit_function *edit, void *context, int *status)
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
		*status = tell_unchanged(desk, rooms, rooms_find(rooms, which->id), rc, why);
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
	lobby_put_name(desk->console, CONSOLE_NORMAL, room);
	console_put(desk->console, ".\n");
}

/* Tells that a room was changed, and has the members told. */
static int finish(struct desk *desk, const struct lobby_room *which, const char *done, const char *who, const char *is)
{
	const struct room *room = rooms_find(delivery_rooms(desk->delivery), which->id);

	put_done(desk, done, who, is, which->name);
	return room ? desk_conclude(desk, room->head->id) : PROGRAM_FAILED;
}

/* Members. */

struct acting;

/* What a command does with somebody: "Promoted:" Bob "is an admin of" #lab. */
struct act {
	const char *done, *is;
	bool (*edit)(struct roomdraft *draft, const uint8_t identity[static IDENTITY_BYTES], const char *username);
};

struct acting {
	const struct act *act;
	const struct recipient *who;
	const char *fault; /* why it cannot be, or NULL; and what that means */
	int status;
};

static bool take_out(struct roomdraft *draft, const uint8_t identity[static IDENTITY_BYTES], const char *username)
{
	(void)username;
	return roomdraft_take_out(draft, identity, false);
}

static bool promote(struct roomdraft *draft, const uint8_t identity[static IDENTITY_BYTES], const char *username)
{
	(void)username;
	return roomdraft_mark(draft, identity, true);
}

static bool demote(struct roomdraft *draft, const uint8_t identity[static IDENTITY_BYTES], const char *username)
{
	(void)username;
	return roomdraft_mark(draft, identity, false);
}

static int edit_member(const struct room *room, struct roomdraft *draft, void *context)
{
	struct acting *acting = context;
	const struct act *act = acting->act;
	int place = roomstate_find_member(room->head, acting->who->identity);

	acting->status = DESK_REFUSED;
	if (act->edit == roomdraft_let_in && place < 0 && draft->state.member_count == ROOM_MEMBERS_MAX)
		acting->fault = "the room is full";
	if (act->edit == demote && place == 0)
		acting->fault = "whoever is in the room for longest is an admin";
	if (act->edit != roomdraft_let_in && place < 0) {
		acting->fault = "nobody of that name is in the room";
		acting->status = DESK_NOBODY;
	}
	if (acting->fault)
		return EALREADY;
	return act->edit(draft, acting->who->identity, acting->who->username) ? 0 : EALREADY;
}

/* Finds whom a name means among the members, by the names that Room shows; or else whomever it means for writing. */
static int find_member(struct desk *desk, const char *name, const struct room *room, struct recipient *who)
{
	const struct rooms *rooms = desk_rooms(desk);
	const struct roomstate *head = room->head;
	size_t count = 0;

	for (size_t i = 0; rooms && i < head->member_count; i++) {
		char shown[USERNAME_MAX_BYTES + 1];

		rooms_name(rooms, head, head->members[i].identity, shown);
		if (!username_is_same(shown, name) || count++ > 0)
			continue;
		*who = (struct recipient){.has_identity = true};
		strcpy(who->username, shown);
		memcpy(who->identity, head->members[i].identity, IDENTITY_BYTES);
	}
	return count == 1 ? PROGRAM_FINE : recipient_find(who, name, true, desk);
}

/* Finds the room and the member of "Bob #lab". */
static int find_both(struct desk *desk, const char *typed, const struct act *act, struct lobby_room *found,
    struct recipient *who)
{
	const char *sign = NULL;
	struct room *room;
	char *name;
	int status;

	for (const char *at = typed; (at = strstr(at, " #")); at++)
		sign = at;
	name = sign && sign > typed ? strndup(typed, (size_t)(sign - typed)) : NULL;
	if (!name) {
		console_put_styled(desk->console, CONSOLE_WARNING, "Who, and which room? NAME #lab\n");
		return PROGRAM_FAILED;
	}
	status = lobby_find_own(desk, sign + 1, found, &room);
	if (status == PROGRAM_FINE && act->edit == roomdraft_let_in)
		status = recipient_find(who, name, true, desk);
	else if (status == PROGRAM_FINE)
		status = find_member(desk, name, room, who);
	free(name);
	if (status == PROGRAM_FINE && !who->has_identity) {
		recipient_put(who, desk->console, CONSOLE_BAD, "Not done:", " announces no identity.\n");
		return DESK_CHANGED;
	}
	return status;
}

static int do_act(struct desk *desk, const char *typed, const struct act *act, struct lobby_room *found)
{
	struct recipient who;
	struct acting acting = {.act = act, .who = &who};
	int rc, status = find_both(desk, typed, act, found, &who);

	if (status != PROGRAM_FINE)
		return status;
	rc = change(desk, found, edit_member, &acting, &status);
	if (acting.fault) {
		console_put_styled(desk->console, CONSOLE_BAD, "Not done:");
		console_put(desk->console, " %s.\n", acting.fault);
		return acting.status;
	}
	if (rc == 0)
		return finish(desk, found, act->done, who.username, act->is);
	if (rc == EALREADY)
		put_done(desk, "As before:", who.username, act->is, found->name);
	return rc == EALREADY ? PROGRAM_FINE : status;
}

int room_invite(struct desk *desk, const char *typed)
{
	struct lobby_room found;

	return do_act(desk, typed, &(struct act){"Invited:", "is in", roomdraft_let_in}, &found);
}

int room_promote(struct desk *desk, const char *typed)
{
	struct lobby_room found;

	return do_act(desk, typed, &(struct act){"Promoted:", "is an admin of", promote}, &found);
}

int room_demote(struct desk *desk, const char *typed)
{
	struct lobby_room found;

	return do_act(desk, typed, &(struct act){"Demoted:", "is no admin of", demote}, &found);
}

static int edit_leave(const struct room *room, struct roomdraft *draft, void *context)
{
	(void)room;
	return roomdraft_take_out(draft, context, true) ? 0 : EALREADY;
}

int room_leave(struct desk *desk, const char *name)
{
	struct lobby_room found;
	struct room *room;
	int status = lobby_find_own(desk, name, &found, &room);

	if (status != PROGRAM_FINE)
		return status;
	if (change(desk, &found, edit_leave, desk->key.identity.public, &status) == 0)
		return finish(desk, &found, "Left:", NULL, NULL);
	return status;
}

int room_reject(struct desk *desk, const char *name)
{
	struct lobby_room found;
	int status = lobby_find(desk, name, LOBBY_HELD, &found);

	if (status == PROGRAM_FINE && !found.places)
		status = lobby_tell_none(desk, &found, "Nobody has put you in");
	if (status == PROGRAM_FINE && change(desk, &found, edit_leave, desk->key.identity.public, &status) == 0)
		put_done(desk, "Rejected:", NULL, NULL, found.name);
	return status;
}

/* Settings. */

static const char *const setting_words[] = {"name", "about", "capacity", "entry", "password"};

struct setting {
	size_t word; /* its place in setting_words */
	const char *value;
	uint8_t lock[ROOM_LOCK_BYTES];
};

enum { SETTING_NAME, SETTING_ABOUT, SETTING_CAPACITY, SETTING_ENTRY, SETTING_PASSWORD, SETTINGS };

static int edit_setting(const struct room *room, struct roomdraft *draft, void *context)
{
	const struct setting *setting = context;
	struct roomstate *state = &draft->state;

	(void)room;
	switch (setting->word) {
	case SETTING_NAME:
		return lobby_check_name(setting->value, state->name) ? EINVAL : 0;
	case SETTING_ABOUT:
		snprintf(state->about, sizeof(state->about), "%s", setting->value);
		return 0;
	case SETTING_CAPACITY:
		state->capacity = (unsigned)strtoul(setting->value, NULL, 10);
		return 0;
	case SETTING_ENTRY:
		memset(state->lock, 0, sizeof(state->lock));
		return roomentry_parse(setting->value, &state->entry) ? 0 : EINVAL;
	default:
		state->entry = ROOMENTRY_PASSWORD;
		memcpy(state->lock, setting->lock, sizeof(state->lock));
		return 0;
	}
}

static const char *about_fault(const char *text)
{
	size_t len = strlen(text);

	return len > ROOM_ABOUT_MAX_BYTES ? "a description has at most " TEXT_OF(ROOM_ABOUT_MAX_BYTES) " bytes"
	       : message_fault(text, len, false, false) ? "a description is plain text on one line"
							: NULL;
}

/* Reads a capacity; false if it is none, or less than so many members. */
static bool read_capacity(const char *text, size_t members, unsigned *capacity)
{
	*capacity = decimal_is_number(text, strlen(text)) ? (unsigned)strtoul(text, NULL, 10) : 0;
	return *capacity > 0 && *capacity >= members && *capacity <= ROOM_MEMBERS_MAX;
}

/* What speaks against a value, in words; NULL if nothing does. */
static const char *setting_fault(const struct setting *setting, const struct roomstate *head)
{
	char name[ROOM_NAME_MAX_BYTES + 1];
	enum roomentry entry;
	unsigned capacity;

	switch (setting->word) {
	case SETTING_NAME:
		return lobby_check_name(setting->value, name);
	case SETTING_ABOUT:
		return about_fault(setting->value);
	case SETTING_CAPACITY:
		return read_capacity(setting->value, head->member_count, &capacity) ? NULL : capacity_rule;
	case SETTING_ENTRY:
		return roomentry_parse(setting->value, &entry) ? NULL : "the entry is open, password or invited";
	default:
		return NULL;
	}
}

static int refuse(const struct desk *desk, const char *fault)
{
	console_put_styled(desk->console, CONSOLE_WARNING, "That will not do: %s.\n", fault);
	return PROGRAM_FAILED;
}

bool room_ask_password(struct desk *desk, const char *question, struct secret *password)
{
	int rc = desk->script ? secret_receive(STDIN_FILENO, password) : passphrase_ask(desk, question, password);

	if (rc != 0 && desk->script)
		console_put(desk->console, "The password cannot be read: %s.\n",
		    rc == ENODATA ? "standard input has none" : strerror(rc));
	return rc == 0;
}

/* Makes the lock of a password, which is wiped. */
static bool make_lock(const struct desk *desk, const uint8_t room[static ROOM_ID_BYTES], struct secret *password,
    uint8_t lock[static ROOM_LOCK_BYTES])
{
	int rc = stretch(password->text, password->len, room, lock);

	secret_wipe(password);
	if (rc != 0)
		console_put_styled(desk->console, CONSOLE_BAD, "out of memory\n");
	return rc == 0;
}

/* Gives a room a password: text, or one that is asked for if that is "" or "-". An empty answer changes nothing. */
static int set_password(struct desk *desk, const struct lobby_room *found, const char *text, const char *question)
{
	struct setting setting = {.word = SETTING_PASSWORD};
	struct secret password = {.len = strlen(text)};
	bool is_asked = text[0] == '\0' || strcmp(text, "-") == 0;
	int status;

	if (!is_asked && password.len > sizeof(password.text))
		return refuse(desk, "a password has at most " TEXT_OF(SECRET_MAX_BYTES) " bytes");
	memcpy(password.text, text, is_asked ? 0 : password.len);
	if (is_asked && !room_ask_password(desk, question, &password))
		return PROGRAM_FAILED;
	if (password.len == 0) {
		console_put(desk->console, "Nothing was changed.\n");
		return desk->script ? PROGRAM_FAILED : PROGRAM_FINE;
	}
	if (!make_lock(desk, found->id, &password, setting.lock))
		return PROGRAM_FAILED;
	if (change(desk, found, edit_setting, &setting, &status) == 0)
		status = finish(desk, found, "Set:", "password", "of");
	sodium_memzero(setting.lock, sizeof(setting.lock));
	return status;
}

/* Finds the setting in "#lab capacity 20": the first of these words. Returns where it begins, or NULL. */
static const char *find_setting(const char *typed, struct setting *setting)
{
	for (const char *at = typed; (at = strchr(at, ' ')); at++) {
		for (setting->word = 0; setting->word < SETTINGS; setting->word++) {
			size_t len = strlen(setting_words[setting->word]);

			if (strncasecmp(at + 1, setting_words[setting->word], len) != 0 ||
			    (at[1 + len] != ' ' && at[1 + len] != '\0'))
				continue;
			setting->value = at + 1 + len + (at[1 + len] == ' ');
			return at;
		}
	}
	return NULL;
}

int room_set(struct desk *desk, const char *typed)
{
	struct setting setting;
	const char *word = find_setting(typed, &setting), *fault;
	struct lobby_room found;
	struct room *room;
	char *name;
	int status = PROGRAM_FAILED;

	if (!word || word == typed)
		return refuse(desk,
		    "Set takes #lab, then name, about, capacity, entry or password, and what that is to be");
	name = strndup(typed, (size_t)(word - typed));
	if (name)
		status = lobby_find_own(desk, name, &found, &room);
	free(name);
	if (status != PROGRAM_FINE)
		return status;
	if (setting.word == SETTING_ENTRY && strcasecmp(setting.value, "password") == 0)
		setting = (struct setting){.word = SETTING_PASSWORD, .value = ""};
	if (setting.word == SETTING_PASSWORD)
		return set_password(desk, &found, setting.value, "New password: ");
	fault = setting_fault(&setting, room->head);
	if (fault)
		return refuse(desk, fault);
	if (change(desk, &found, edit_setting, &setting, &status) == 0)
		return finish(desk, &found, "Set:", setting_words[setting.word], "of");
	return status;
}

int room_remove(struct desk *desk, const char *typed)
{
	struct lobby_room found;
	int status = do_act(desk, typed, &(struct act){"Removed:", "is not in", take_out}, &found);

	/* Whoever was in it knows the old one. */
	if (status == PROGRAM_FINE && found.entry == ROOMENTRY_PASSWORD && desk->prompt.terminal)
		status = set_password(desk, &found, "",
		    "New password of the room (Enter keeps the old one, which is known): ");
	return status;
}

/* Making. */

static const char create_usage[] = "Create #lab [-p] [-c N] [-d TEXT] [-i] [NAME...]";

const char *room_parse_order(struct room_order *order, int count, char **words, const char **value)
{
	bool has_name = count > 1 && words[1][0] != '-';
	int option;

	*value = NULL;
	words += has_name;
	count -= has_name;
	/* Begins anew (getopt(3), notes). */
	optind = 0;
	while ((option = getopt(count, words, "+:pc:d:i")) != -1) {
		*value = optarg;
		if (option == 'p')
			order->has_password = true;
		else if (option == 'i')
			order->is_invited = true;
		else if (option == 'c' && !read_capacity(optarg, 0, &order->capacity))
			return capacity_rule;
		else if (option == 'd' && about_fault(optarg))
			return about_fault(optarg);
		else if (option == 'd')
			order->about = optarg;
		else if (option != 'c')
			return create_usage;
	}
	*value = NULL;
	order->name = has_name ? words[0] : optind < count ? words[optind++] : NULL;
	if (!order->name || count - optind >= ROOM_MEMBERS_MAX)
		return create_usage;
	while (optind < count)
		order->newcomers[order->newcomer_count++] = words[optind++];
	return order->has_password && order->is_invited ? "a room has a password or is for the invited, not both"
							: NULL;
}

/* A room that is made. */
struct making {
	const struct room_order *order;
	uint8_t lock[ROOM_LOCK_BYTES];
	struct recipient newcomers[ROOM_MEMBERS_MAX];
	size_t newcomer_count;
};

/* What a password locks has to have an id first, so such a room begins with nobody but its maker. */
static int edit_first(struct roomdraft *draft, void *context)
{
	const struct room_order *order = ((const struct making *)context)->order;
	struct roomstate *state = &draft->state;

	snprintf(state->about, sizeof(state->about), "%s", order->about ? order->about : "");
	state->capacity = order->capacity ? order->capacity : ROOM_MEMBERS_MAX;
	state->entry = order->has_password || order->is_invited ? ROOMENTRY_INVITED : ROOMENTRY_OPEN;
	return 0;
}

static int edit_second(const struct room *room, struct roomdraft *draft, void *context)
{
	const struct making *making = context;

	(void)room;
	if (making->order->has_password) {
		draft->state.entry = ROOMENTRY_PASSWORD;
		memcpy(draft->state.lock, making->lock, sizeof(making->lock));
	}
	for (size_t i = 0; i < making->newcomer_count; i++)
		(void)roomdraft_let_in(draft, making->newcomers[i].identity, making->newcomers[i].username);
	return 0;
}

/* Finds the newcomers; those who are not found are listed. */
static int find_newcomers(struct desk *desk, struct making *making)
{
	const struct room_order *order = making->order;
	size_t missing = 0;

	for (size_t i = 0; i < order->newcomer_count; i++) {
		struct recipient *who = &making->newcomers[making->newcomer_count];
		const char *name = order->newcomers[i];

		if (recipient_count(desk, name, desk->script) > 0 &&
		    recipient_find(who, name, true, desk) == PROGRAM_FINE && who->has_identity) {
			making->newcomer_count++;
			continue;
		}
		console_put_styled(desk->console, CONSOLE_WARNING,
		    missing++ == 0 ? "Not let in, because nobody of that name has an identity here:" : ",");
		console_put(desk->console, " ");
		console_put_foreign(desk->console, name, strlen(name));
	}
	console_put(desk->console, missing > 0 ? ".\n" : "");
	return missing > 0 ? DESK_NOBODY : PROGRAM_FINE;
}

static int make(struct desk *desk, struct making *making, struct lobby_room *found, struct secret *password)
{
	struct rooms *rooms = desk_start_rooms(desk);
	struct room *room;
	const char *why = NULL;
	int status = PROGRAM_FINE, rc;

	if (!rooms)
		return PROGRAM_FAILED;
	rc = roomacts_create(rooms, found->name, edit_first, making, &room, &why);
	if (rc != 0)
		return tell_unchanged(desk, rooms, NULL, rc, why);
	memcpy(found->id, room->id, sizeof(found->id));
	if (making->order->has_password && !make_lock(desk, found->id, password, making->lock))
		return PROGRAM_FAILED;
	if (making->order->has_password || making->newcomer_count > 0)
		change(desk, found, edit_second, making, &status);
	sodium_memzero(making->lock, sizeof(making->lock));
	return status == PROGRAM_FINE ? finish(desk, found, "Made:", NULL, NULL) : status;
}

/* Checks what can be wrong before anything is done. */
static const char *order_fault(const struct rooms *rooms, const struct making *making, const char *name)
{
	if (making->order->capacity > 0 && making->order->capacity <= making->newcomer_count)
		return capacity_rule;
	for (const struct room *room = NULL; (room = rooms_next(rooms, room));) {
		if (room->is_member && username_is_same(room->head->name, name))
			return "you are in a room of that name";
	}
	return NULL;
}

int room_create(struct desk *desk, struct room_order *order)
{
	struct making making = {.order = order};
	struct lobby_room found;
	const char *fault = lobby_check_name(order->name, found.name);
	const struct rooms *rooms;
	int missing;

	if (fault)
		return refuse(desk, fault);
	if (order->has_password && order->password.len == 0 &&
	    (!room_ask_password(desk, "Password: ", &order->password) || order->password.len == 0))
		return PROGRAM_FAILED;
	missing = find_newcomers(desk, &making);
	rooms = desk_rooms(desk);
	if (!rooms)
		return PROGRAM_FAILED;
	fault = order_fault(rooms, &making, found.name);
	if (fault)
		return refuse(desk, fault);
	return desk_worse(make(desk, &making, &found, &order->password), missing);
}

/* Asks for something that need not be; false if the user gives up. */
static bool ask_optional(struct prompt *prompt, enum prompt_wants wants, const char *question, char *text, size_t size)
{
	char *answer;
	bool answered = prompt_ask_for(prompt, wants, question, &answer);

	snprintf(text, size, "%s", answered ? answer : "");
	return answered || !(prompt->cancelled || prompt->over || prompt->too_long);
}

/* Takes names with commas between them, which are cut apart. */
static void take_newcomers(struct room_order *order, char *names)
{
	char *rest = NULL;

	for (char *name = strtok_r(names, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
		if (prompt_trim(&name) > 0 && order->newcomer_count < ROOM_MEMBERS_MAX - 1)
			order->newcomers[order->newcomer_count++] = name;
	}
}

/* Asks for all but the name, and makes the room. */
static int ask_and_create(struct desk *desk, struct room_order *order)
{
	char about[LINEINPUT_MAX_BYTES + 1], names[LINEINPUT_MAX_BYTES + 1], capacity[16];
	struct prompt *prompt = &desk->prompt;
	const char *fault;

	if (!room_ask_password(desk, "Password (Enter: none): ", &order->password) ||
	    !ask_optional(prompt, PROMPT_NOTHING, "Capacity (Enter: " TEXT_OF(ROOM_MEMBERS_MAX) "): ", capacity,
		sizeof(capacity)) ||
	    !ask_optional(prompt, PROMPT_NOTHING, "Description (Enter: none): ", about, sizeof(about)) ||
	    !ask_optional(prompt, PROMPT_NAME, "Members, with commas between them (Enter: none so far): ", names,
		sizeof(names))) {
		console_put(desk->console, "Nothing was made.\n");
		return PROGRAM_FAILED;
	}
	order->has_password = order->password.len > 0;
	order->about = about;
	fault = about_fault(about);
	if (capacity[0] != '\0' && !read_capacity(capacity, 0, &order->capacity))
		fault = capacity_rule;
	take_newcomers(order, names);
	return fault ? refuse(desk, fault) : room_create(desk, order);
}

/* Cuts a line into words, in place; quotation marks keep one together. Returns how many, WORDS_MAX at most. */
static int cut_words(char *line, char *words[static WORDS_MAX])
{
	int count = 0;

	while (count < WORDS_MAX && *(line += strspn(line, " \t")) != '\0') {
		bool is_quoted = *line == '"';
		char *end = line + is_quoted;

		words[count++] = end;
		end += strcspn(end, is_quoted ? "\"" : " \t");
		line = end + (*end != '\0');
		*end = '\0';
	}
	return count;
}

int room_run_create(struct desk *desk, const char *typed)
{
	char command[] = "create", line[LINEINPUT_MAX_BYTES + 1], *words[WORDS_MAX + 1] = {command};
	struct room_order order = {0};
	const char *fault, *value;
	char *answer;
	int count, status;

	if (typed[0] == '\0') {
		if (!prompt_ask_word(&desk->prompt, "Room: ", &answer))
			return PROGRAM_FAILED;
		typed = answer;
	}
	snprintf(line, sizeof(line), "%s", typed);
	count = 1 + cut_words(line, words + 1);
	fault = room_parse_order(&order, count, words, &value);
	if (fault)
		return refuse(desk, fault);
	if (count == 2) {
		status = ask_and_create(desk, &order);
	} else {
		/* The answers are given. */
		desk->prompt.owed = order.has_password;
		status = room_create(desk, &order);
	}
	secret_wipe(&order.password);
	return status;
}

int room_say(struct desk *desk, const struct recipient *to, const char *text, size_t len)
{
	struct rooms *rooms = desk_start_rooms(desk);
	struct room *room = rooms ? rooms_find(rooms, to->room) : NULL;
	uint8_t id[ENVELOPE_ID_BYTES];
	int rc = room ? roomtalk_say(rooms, room, text, len, id) : ENOENT;

	if (rc == 0 || !rooms)
		return rc == 0 ? desk_conclude(desk, id) : PROGRAM_FAILED;
	console_put_styled(desk->console, CONSOLE_BAD, "Nothing was sent to");
	console_put(desk->console, " ");
	console_put_name(desk->console, CONSOLE_NORMAL, to->username);
	console_put(desk->console, ": %s.\n",
	    rc == EPERM || rc == ENOENT ? "you are not in it any more"
	    : rc == ENOKEY		? "its key has not come yet"
	    : rc == EMSGSIZE		? "that is too long for a room"
					: lockedfile_reason(rc));
	return rc == EPERM || rc == ENOENT ? DESK_REFUSED : PROGRAM_FAILED;
}
