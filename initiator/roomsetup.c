#include "roomsetup.h"

#include <errno.h>
#include <getopt.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/decimal.h"
#include "base/text.h"
#include "crypto/stretch.h"
#include "message.h"
#include "passphrase.h"
#include "room.h"

/* What Create is told: the command, the name, the options and the newcomers. */
#define WORDS_MAX (ROOM_MEMBERS_MAX + 8)

static const char capacity_rule[] =
    "a room is for 1 to " TEXT_OF(ROOM_MEMBERS_MAX) " members, and not for fewer than are in it";

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
static const char *setting_fault(const struct setting *setting, size_t members)
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
		return read_capacity(setting->value, members, &capacity) ? NULL : capacity_rule;
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

bool roomsetup_ask_password(struct desk *desk, const char *question, struct secret *password)
{
	int rc = desk->script ? secret_receive(STDIN_FILENO, password) : passphrase_ask(desk, question, password);

	if (rc != 0 && desk->script)
		console_put(desk->console, "The password cannot be read: %s.\n",
		    rc == ENODATA ? "standard input has none" : strerror(rc));
	return rc == 0;
}

bool roomsetup_make_lock(const struct desk *desk, const uint8_t room[static ROOM_ID_BYTES], struct secret *password,
    uint8_t lock[static ROOM_LOCK_BYTES])
{
	int rc = stretch(password->text, password->len, room, lock);

	secret_wipe(password);
	if (rc != 0)
		console_put_styled(desk->console, CONSOLE_BAD, "out of memory\n");
	return rc == 0;
}

int roomsetup_set_password(struct desk *desk, const struct lobby_room *found, const char *text, const char *question)
{
	struct setting setting = {.word = SETTING_PASSWORD};
	struct secret password = {.len = strlen(text)};
	bool is_asked = text[0] == '\0' || strcmp(text, "-") == 0;
	int status;

	if (!is_asked && password.len > sizeof(password.text))
		return refuse(desk, "a password has at most " TEXT_OF(SECRET_MAX_BYTES) " bytes");
	memcpy(password.text, text, is_asked ? 0 : password.len);
	if (is_asked && !roomsetup_ask_password(desk, question, &password))
		return PROGRAM_FAILED;
	if (password.len == 0) {
		console_put(desk->console, "The password stays as it is.\n");
		return desk->script ? PROGRAM_FAILED : PROGRAM_FINE;
	}
	if (!roomsetup_make_lock(desk, found->id, &password, setting.lock))
		return PROGRAM_FAILED;
	if (room_change(desk, found, edit_setting, &setting, &status) == 0)
		status = room_finish(desk, found, "Set:", "password", "of");
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

int roomsetup_set(struct desk *desk, const char *typed)
{
	struct setting setting;
	const char *word = find_setting(typed, &setting), *fault;
	struct lobby_room found;
	char *name;
	int status = PROGRAM_FAILED;

	if (!word || word == typed)
		return refuse(desk,
		    "Set takes #lab, then name, about, capacity, entry or password, and what that is to be");
	name = strndup(typed, (size_t)(word - typed));
	if (name)
		status = lobby_find_own(desk, name, &found);
	free(name);
	if (status != PROGRAM_FINE)
		return status;
	if (setting.word == SETTING_ENTRY && strcasecmp(setting.value, "password") == 0)
		setting = (struct setting){.word = SETTING_PASSWORD, .value = ""};
	if (setting.word == SETTING_PASSWORD)
		return roomsetup_set_password(desk, &found, setting.value, "New password: ");
	fault = setting_fault(&setting, found.members);
	if (fault)
		return refuse(desk, fault);
	if (room_change(desk, &found, edit_setting, &setting, &status) == 0)
		return room_finish(desk, &found, "Set:", setting_words[setting.word], "of");
	return status;
}

/* Making. */

static const char create_usage[] = "Create takes #lab [-p] [-c N] [-d TEXT] [-i] [NAME...]";

/* Takes the name of the room, and then those of newcomers; false if those are too many. */
static bool take_word(struct roomsetup_order *order, const char *word)
{
	if (!order->name)
		order->name = word;
	else if (order->newcomer_count < ROOM_MEMBERS_MAX - 1)
		order->newcomers[order->newcomer_count++] = word;
	else
		return false;
	return true;
}

const char *roomsetup_parse(struct roomsetup_order *order, int count, char **words, const char **value)
{
	int option;

	/* Begins anew (getopt(3), notes). Options may stand behind names, too. */
	optind = 0;
	strcpy(order->option, "- ");
	while ((option = getopt(count, words, "-:pc:d:i")) != -1) {
		order->option[1] = (char)optopt;
		*value = option == '?' || option == ':' ? order->option : optarg;
		if (option == ':')
			return "a value is missing after it";
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
		else if (option != 'c' && (option != 1 || !take_word(order, optarg)))
			return create_usage;
	}
	*value = words[count - 1];
	while (optind < count) {
		if (!take_word(order, words[optind++]))
			return create_usage;
	}
	if (!order->name)
		return create_usage;
	*value = order->name;
	return order->has_password && order->is_invited ? "a room has a password or is for the invited, not both"
							: NULL;
}

/* A room that is made. */
struct making {
	const struct roomsetup_order *order;
	uint8_t lock[ROOM_LOCK_BYTES];
	struct recipient newcomers[ROOM_MEMBERS_MAX];
	size_t newcomer_count;
};

/* What a password locks has to have an id first, so such a room begins with nobody but its maker. */
static int edit_first(struct roomdraft *draft, void *context)
{
	const struct roomsetup_order *order = ((const struct making *)context)->order;
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
	const struct roomsetup_order *order = making->order;
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
	int status = PROGRAM_FINE, rc;

	if (!rooms)
		return PROGRAM_FAILED;
	rc = roomacts_create(rooms, found->name, edit_first, making, &room);
	if (rc != 0)
		return room_tell_unchanged(desk, rooms, NULL, rc, NULL);
	memcpy(found->id, room->id, sizeof(found->id));
	if (making->order->has_password && !roomsetup_make_lock(desk, found->id, password, making->lock))
		return PROGRAM_FAILED;
	if (making->order->has_password || making->newcomer_count > 0)
		(void)!room_change(desk, found, edit_second, making, &status);
	sodium_memzero(making->lock, sizeof(making->lock));
	return status == PROGRAM_FINE ? room_finish(desk, found, "Made:", NULL, NULL) : status;
}

/* Checks what a room is to be called. */
static const char *name_fault(struct desk *desk, const char *text, char name[static ROOM_NAME_MAX_BYTES + 1])
{
	const char *fault = lobby_check_name(text, name);
	const struct rooms *rooms = fault ? NULL : desk_rooms(desk);

	for (const struct room *room = NULL; rooms && (room = rooms_next(rooms, room));) {
		if (room->is_member && username_is_same(room->head->name, name))
			fault = "you are in a room of that name";
	}
	return fault;
}

static int create(struct desk *desk, struct roomsetup_order *order)
{
	struct making making = {.order = order};
	struct lobby_room found;
	const char *fault = name_fault(desk, order->name, found.name);
	int missing;

	if (fault)
		return refuse(desk, fault);
	if (order->has_password && order->password.len == 0 &&
	    (!roomsetup_ask_password(desk, "Password: ", &order->password) || order->password.len == 0))
		return PROGRAM_FAILED;
	if (!desk->script && lobby_look_for(desk, found.name) & LOBBY_ANNOUNCED)
		console_put_styled(desk->console, CONSOLE_WARNING,
		    "Others announce a room of that name, and this is another one; Rooms tells them apart.\n");
	missing = find_newcomers(desk, &making);
	if (order->capacity > 0 && order->capacity <= making.newcomer_count)
		return refuse(desk, capacity_rule);
	return desk_worse(make(desk, &making, &found, &order->password), missing);
}

int roomsetup_create(struct desk *desk, struct roomsetup_order *order)
{
	int status = create(desk, order);

	secret_wipe(&order->password);
	return status;
}

static const char *capacity_fault(const char *text)
{
	unsigned capacity;

	return text[0] == '\0' || read_capacity(text, 0, &capacity) ? NULL : capacity_rule;
}

/* Asks for something that need not be, at a terminal until it will do; false if the user gives up. */
static bool ask_optional(struct desk *desk, enum prompt_wants wants, const char *question,
    const char *(*find_fault)(const char *text), char text[static LINEINPUT_MAX_BYTES + 1])
{
	struct prompt *prompt = &desk->prompt;

	for (;;) {
		char *answer;
		bool answered = prompt_ask_for(prompt, wants, question, &answer);
		const char *fault;

		snprintf(text, LINEINPUT_MAX_BYTES + 1, "%s", answered ? answer : "");
		fault = find_fault ? find_fault(text) : NULL;
		if (!fault || !prompt->terminal)
			return answered || !(prompt->cancelled || prompt->over || prompt->too_long);
		refuse(desk, fault);
	}
}

/* Takes names with commas between them, which are cut apart. */
static void take_newcomers(struct roomsetup_order *order, char *names)
{
	char *rest = NULL;

	for (char *name = strtok_r(names, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
		if (prompt_trim(&name) > 0 && order->newcomer_count < ROOM_MEMBERS_MAX - 1)
			order->newcomers[order->newcomer_count++] = name;
	}
}

/* Asks for all but the name, and makes the room. */
static int ask_and_create(struct desk *desk, struct roomsetup_order *order)
{
	char about[LINEINPUT_MAX_BYTES + 1], names[LINEINPUT_MAX_BYTES + 1], capacity[LINEINPUT_MAX_BYTES + 1];
	char name[ROOM_NAME_MAX_BYTES + 1];
	const char *fault = name_fault(desk, order->name, name);

	if (fault)
		return refuse(desk, fault);
	if (!roomsetup_ask_password(desk, "Password (Enter: none): ", &order->password) ||
	    !ask_optional(desk, PROMPT_NOTHING, "Capacity (Enter: " TEXT_OF(ROOM_MEMBERS_MAX) "): ", capacity_fault,
		capacity) ||
	    !ask_optional(desk, PROMPT_NOTHING, "Description (Enter: none): ", about_fault, about) ||
	    !ask_optional(desk, PROMPT_NAME, "Members, with commas between (Enter: none): ", NULL, names)) {
		console_put(desk->console, "Nothing was made.\n");
		return PROGRAM_FAILED;
	}
	order->has_password = order->password.len > 0;
	order->about = about;
	fault = about_fault(about);
	if (capacity[0] != '\0' && !read_capacity(capacity, 0, &order->capacity))
		fault = capacity_rule;
	take_newcomers(order, names);
	return fault ? refuse(desk, fault) : roomsetup_create(desk, order);
}

/* Cuts a line into words, in place; quotation marks keep one together, as in #"tea time". Returns how many. */
static int cut_words(char *line, char *words[static WORDS_MAX])
{
	int count = 0;

	while (count < WORDS_MAX && *(line += strspn(line, " \t")) != '\0') {
		bool has_sign = strncmp(line, "#\"", 2) == 0, is_quoted = has_sign || *line == '"';
		char *end;

		if (has_sign)
			*++line = '#';
		end = line + (is_quoted && !has_sign);
		words[count++] = end;
		end += strcspn(end, is_quoted ? "\"" : " \t");
		line = end + (*end != '\0');
		*end = '\0';
	}
	return count;
}

int roomsetup_run_create(struct desk *desk, const char *typed)
{
	char command[] = "create", line[LINEINPUT_MAX_BYTES + 1], *words[WORDS_MAX + 1] = {command};
	struct roomsetup_order order = {0};
	const char *fault, *value;
	char *answer;
	int count, status;

	if (typed[0] == '\0') {
		if (!prompt_ask_word(&desk->prompt, "Room: ", &answer))
			return PROGRAM_FAILED;
		/* Nothing but a name is the answer to that, even of several words. */
		snprintf(line, sizeof(line), strchr(answer, '"') ? "%s" : "\"%s\"", answer);
	} else {
		snprintf(line, sizeof(line), "%s", typed);
	}
	count = 1 + cut_words(line, words + 1);
	fault = roomsetup_parse(&order, count, words, &value);
	if (fault)
		return refuse(desk, fault);
	if (count == 2) {
		status = ask_and_create(desk, &order);
	} else {
		/* The answers are given. */
		desk->prompt.owed = order.has_password;
		status = roomsetup_create(desk, &order);
	}
	secret_wipe(&order.password);
	return status;
}
