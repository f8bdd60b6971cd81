#include "lobby.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/text.h"
#include "term/roomview.h"
#include "trust/verdict.h"
#include "users.h"

/* As many of one name are told apart. */
#define CHOICES_MAX 16
#define ID_TEXT_BYTES sodium_base64_ENCODED_LEN(ROOM_ID_BYTES, BASE64_VARIANT)

/* How much what an entry says of a room counts: what the user's own states say, then whom the user knows. */
static int rank_of(const struct lobby_room *room)
{
	return room->places != LOBBY_ANNOUNCED ? 0 : room->is_certain ? 1 : 2;
}

static int compare_ids(const void *left, const void *right)
{
	const struct lobby_room *a = left, *b = right;
	int order = memcmp(a->id, b->id, ROOM_ID_BYTES);

	return order ? order : rank_of(a) - rank_of(b);
}

/* The user's own come first. */
static int compare_shown(const void *left, const void *right)
{
	const struct lobby_room *a = left, *b = right;
	int order = (int)(b->places & LOBBY_MINE) - (int)(a->places & LOBBY_MINE);

	if (order == 0)
		order = strcasecmp(a->name, b->name);
	return order ? order : compare_ids(a, b);
}

static void take_own(struct lobby_room *to, const struct room *room)
{
	const struct roomstate *head = room->head;

	*to = (struct lobby_room){
	    .places = !room->is_member ? LOBBY_LEFT
		      : room->is_held  ? LOBBY_HELD
				       : LOBBY_MINE,
	    .members = (unsigned)head->member_count,
	    .capacity = head->capacity,
	    .entry = head->entry,
	    .is_muted = room->is_muted,
	};
	memcpy(to->id, room->id, sizeof(to->id));
	strcpy(to->name, head->name);
}

static void take_announced(struct lobby_room *to, const struct announcement_room *room, const struct verdict *verdict)
{
	*to = (struct lobby_room){
	    .places = LOBBY_ANNOUNCED,
	    .members = room->members,
	    .capacity = room->capacity,
	    .entry = room->has_password ? ROOMENTRY_PASSWORD : ROOMENTRY_OPEN,
	    .announcers = 1,
	    .is_certain = standing_is_certain(verdict->standing),
	};
	memcpy(to->id, room->id, sizeof(to->id));
	strcpy(to->name, room->name);
	strcpy(to->announcer, verdict->username);
}

/* Whether somebody else announces rooms and is there. */
static bool announces_rooms(const struct desk *desk, const struct peer *claim, int64_t now_ms)
{
	return claim->room_count > 0 && peer_is_listed(claim, now_ms) && !claim->left &&
	       !peer_announces(claim, desk_identity(desk));
}

static bool gather(struct desk *desk, const struct rooms *rooms, struct lobby *lobby)
{
	const struct peers *peers = peersfile_peers(desk->peers);
	int64_t now_ms = clock_wall_ms();
	size_t most = ROOMS_MAX;

	for (const struct peer *claim = NULL; (claim = peers_next(peers, claim));)
		most += claim->room_count;
	lobby->list = calloc(most, sizeof(*lobby->list));
	if (!lobby->list)
		return false;
	for (const struct room *room = NULL; (room = rooms_next(rooms, room));)
		take_own(&lobby->list[lobby->count++], room);
	for (const struct peer *claim = NULL; (claim = peers_next(peers, claim));) {
		struct verdict verdict;

		if (!announces_rooms(desk, claim, now_ms))
			continue;
		verdict_of_claim(&verdict, peersfile_pins(desk->peers), claim);
		for (size_t i = 0; i < claim->room_count && !verdict.blocked; i++)
			take_announced(&lobby->list[lobby->count++], &claim->rooms[i], &verdict);
	}
	return true;
}

static int compare_names(const void *left, const void *right)
{
	const struct lobby_room *a = left, *b = right;

	return strcasecmp(a->name, b->name);
}

/* Finds out which names are those of several rooms that are shown. */
static void find_doubles(struct lobby *lobby)
{
	struct lobby_room *last = NULL;

	qsort(lobby->list, lobby->count, sizeof(*lobby->list), compare_names);
	for (size_t i = 0; i < lobby->count; i++) {
		struct lobby_room *next = &lobby->list[i];

		if (next->places == LOBBY_LEFT)
			continue;
		if (last && username_is_same(last->name, next->name))
			last->has_double = next->has_double = true;
		last = next;
	}
}

/* Makes one entry for each room, of as many as say something of it. */
static void merge(struct lobby *lobby)
{
	size_t kept = 0;

	qsort(lobby->list, lobby->count, sizeof(*lobby->list), compare_ids);
	for (size_t i = 0; i < lobby->count; i++) {
		const struct lobby_room *next = &lobby->list[i];
		struct lobby_room *last = &lobby->list[kept > 0 ? kept - 1 : 0];

		if (kept == 0 || memcmp(last->id, next->id, ROOM_ID_BYTES) != 0) {
			lobby->list[kept++] = *next;
			continue;
		}
		last->places |= next->places;
		last->announcers++;
		if (last->announcer[0] == '\0')
			strcpy(last->announcer, next->announcer);
	}
	lobby->count = kept;
	find_doubles(lobby);
	qsort(lobby->list, lobby->count, sizeof(*lobby->list), compare_shown);
}

bool lobby_read(struct desk *desk, struct lobby *lobby)
{
	struct rooms *rooms;

	*lobby = (struct lobby){0};
	if (!desk_read_peers(desk))
		return false;
	rooms = desk_rooms(desk);
	if (!rooms)
		return false;
	if (!gather(desk, rooms, lobby)) {
		console_put_styled(desk->console, CONSOLE_BAD, "out of memory\n");
		return false;
	}
	merge(lobby);
	return true;
}

void lobby_free(struct lobby *lobby)
{
	free(lobby->list);
}

const char *lobby_check_name(const char *text, char name[static ROOM_NAME_MAX_BYTES + 1])
{
	char whole[USERNAME_MAX_BYTES + 1];
	enum username_fault fault;

	text += text[0] == '#';
	fault = username_normalize(text, strlen(text), whole);
	if (fault == USERNAME_EMPTY)
		return "a room has a name: #lab";
	if (fault == USERNAME_TOO_LONG || (fault == USERNAME_OK && strlen(whole) > ROOM_NAME_MAX_BYTES))
		return "it has at most " TEXT_OF(ROOM_NAME_MAX_BYTES) " bytes (an accent takes two)";
	if (fault != USERNAME_OK)
		return username_rule(fault);
	if (whole[0] == '#')
		return "it begins with one # only";
	strcpy(name, whole);
	return NULL;
}

/* A name without the sign, and without the quotation marks with which it is shown; one that is too long stays so. */
static void take_off(const char *text, char name[static ROOM_NAME_MAX_BYTES + 2])
{
	size_t len = strlen(text += text[0] == '#');
	bool is_quoted = len > 1 && text[0] == '"' && text[len - 1] == '"';

	len -= is_quoted ? 2 : 0;
	if (len > ROOM_NAME_MAX_BYTES + 1)
		len = ROOM_NAME_MAX_BYTES + 1;
	memcpy(name, text + is_quoted, len);
	name[len] = '\0';
}

bool lobby_is_called(const char *typed, const char *name, const uint8_t id[static ROOM_ID_BYTES])
{
	char meant[ROOM_NAME_MAX_BYTES + 2], id_text[ID_TEXT_BYTES], beginning[ROOMVIEW_BEGINNING_BYTES];
	char end[ROOMVIEW_BEGINNING_BYTES + 3], whole[LOBBY_NAME_BYTES + sizeof(end)];
	size_t len = strlen(typed), end_len;

	/* As it is shown if there are several: "#lab [+paKN+u7]". */
	roomview_format_beginning(id, beginning);
	end_len = (size_t)snprintf(end, sizeof(end), " [%s]", beginning);
	if (len > end_len && len < sizeof(whole) && strcmp(typed + len - end_len, end) == 0) {
		snprintf(whole, sizeof(whole), "%.*s", (int)(len - end_len), typed);
		typed = whole;
	}
	take_off(typed, meant);
	sodium_bin2base64(id_text, sizeof(id_text), id, ROOM_ID_BYTES, BASE64_VARIANT);
	return (name && username_is_same(name, meant)) || strcmp(id_text, meant) == 0 || strcmp(beginning, meant) == 0;
}

void lobby_put(struct console *console, const struct lobby_room *room)
{
	bool is_mine = room->places & LOBBY_MINE;
	char beginning[ROOMVIEW_BEGINNING_BYTES];

	roomview_put_plain_name(console, is_mine ? CONSOLE_STRONG : CONSOLE_NORMAL, room->name);
	if (room->has_double)
		console_put_styled(console, CONSOLE_FAINT, " [%s]", roomview_format_beginning(room->id, beginning));
	console_put(console, "  %u of %u  %s", room->members, room->capacity, roomentry_word(room->entry));
	if (is_mine)
		console_put_styled(console, CONSOLE_GOOD, "  you are in");
	else if (room->places & LOBBY_HELD)
		console_put_styled(console, CONSOLE_WARNING, "  waits for Accept or Reject");
	if (is_mine && room->is_muted)
		console_put_styled(console, CONSOLE_FAINT, "  muted");
	if (is_mine || room->announcers == 0)
		return;
	console_put(console, "  announced by ");
	console_put_name(console, CONSOLE_NORMAL, room->announcer);
	if (room->announcers > 1)
		console_put(console, " and %zu more", room->announcers - 1);
}

/* Asks which of several is meant; NULL for none of them. */
static const struct lobby_room *ask(struct desk *desk, const struct lobby_room *const *list, size_t count)
{
	char id[ID_TEXT_BYTES], *answer;

	console_put(desk->console, "Several rooms have that name:\n");
	for (size_t i = 0; i < count; i++) {
		users_put_number(i + 1, desk->console);
		lobby_put(desk->console, list[i]);
		sodium_bin2base64(id, sizeof(id), list[i]->id, sizeof(list[i]->id), BASE64_VARIANT);
		console_put_styled(desk->console, CONSOLE_FAINT, "%s%s\n", desk->prompt.terminal ? "" : "  #",
		    desk->prompt.terminal ? "" : id);
	}
	if (!desk->prompt.terminal)
		console_put(desk->console, "What stands last, in place of the name, tells them apart.\n");
	while (desk->prompt.terminal && prompt_ask_word(&desk->prompt, "Number: ", &answer)) {
		unsigned long number = strtoul(answer, NULL, 10);

		if (number >= 1 && number <= count)
			return list[number - 1];
		console_put_styled(desk->console, CONSOLE_WARNING,
		    "That is none of these numbers; an empty line gives up.\n");
	}
	return NULL;
}

int lobby_find(struct desk *desk, const char *text, unsigned places, struct lobby_room *found)
{
	const struct lobby_room *list[CHOICES_MAX], *chosen;
	struct lobby_room none = {0};
	struct lobby lobby;
	size_t count = 0;
	char *answer;

	if (text[0] == '\0') {
		if (desk->script || !prompt_ask_for(&desk->prompt, PROMPT_ROOM, "Room: ", &answer))
			return PROGRAM_FAILED;
		text = answer;
	}
	take_off(text, none.name);
	if (!lobby_read(desk, &lobby)) {
		lobby_free(&lobby);
		return PROGRAM_FAILED;
	}
	for (size_t i = 0; i < lobby.count && count < CHOICES_MAX; i++) {
		if (lobby.list[i].places & places && lobby_is_called(text, lobby.list[i].name, lobby.list[i].id))
			list[count++] = &lobby.list[i];
	}
	chosen = count == 0 ? &none : count == 1 ? list[0] : ask(desk, list, count);
	if (chosen)
		*found = *chosen;
	lobby_free(&lobby);
	return chosen ? PROGRAM_FINE : desk->prompt.terminal ? PROGRAM_FAILED : DESK_NOBODY;
}

unsigned lobby_look_for(struct desk *desk, const char *name)
{
	struct lobby lobby;
	unsigned places = 0;

	if (lobby_read(desk, &lobby)) {
		for (size_t i = 0; i < lobby.count; i++)
			places |=
			    lobby_is_called(name, lobby.list[i].name, lobby.list[i].id) ? lobby.list[i].places : 0;
	}
	lobby_free(&lobby);
	return places;
}

int lobby_tell_none(struct desk *desk, const struct lobby_room *none, const char *sentence)
{
	unsigned places = lobby_look_for(desk, none->name);

	console_put_styled(desk->console, CONSOLE_WARNING, "%s", sentence);
	console_put(desk->console, " ");
	roomview_put_plain_name(desk->console, CONSOLE_NORMAL, none->name);
	console_put(desk->console, "; %s.\n",
	    places & LOBBY_MINE	       ? "you are in it"
	    : places & LOBBY_HELD      ? "it waits for Accept or Reject"
	    : places & LOBBY_ANNOUNCED ? "Join takes you there"
				       : "Rooms lists what there is");
	return DESK_NOBODY;
}

int lobby_find_own(struct desk *desk, const char *text, struct lobby_room *found)
{
	int status = lobby_find(desk, text, LOBBY_MINE, found);

	return status == PROGRAM_FINE && !found->places ? lobby_tell_none(desk, found, "You are in no room") : status;
}

size_t lobby_name_bytes(struct desk *desk, const char *text)
{
	const struct rooms *rooms = desk_rooms(desk);
	size_t longest = 0;

	for (const struct room *room = NULL; rooms && (room = rooms_next(rooms, room));) {
		/* With quotation marks, and the beginning of the id. */
		char name[LOBBY_NAME_BYTES + ROOMVIEW_BEGINNING_BYTES + 5];
		size_t len = strnlen(text, sizeof(name) - 1);

		for (; len > longest; len--) {
			snprintf(name, sizeof(name), "%.*s", (int)len, text);
			if ((text[len] == '\0' || text[len] == ' ') && room->is_member &&
			    lobby_is_called(name, room->head->name, room->id))
				longest = len;
		}
	}
	return longest ? longest : strcspn(text, " ");
}
