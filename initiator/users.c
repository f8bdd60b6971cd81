#include "users.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/jsontext.h"
#include "base/text.h"
#include "doctor.h"
#include "heard.h"
#include "net/address.h"
#include "store/held.h"
#include "trust/candidates.h"
#include "waiting.h"

/* Of more that wait the rest is not named. */
#define WAITING_SHOWN 8

/* Who is online comes first, then by name, then by address. */
static int compare(const void *left, const void *right, void *now_ms)
{
	const struct peer *a = left, *b = right;
	int order = peer_is_online(b, *(const int64_t *)now_ms) - peer_is_online(a, *(const int64_t *)now_ms);

	if (order == 0)
		order = strcasecmp(a->username, b->username);
	if (order == 0)
		order = strcmp(a->username, b->username);
	if (order == 0)
		order = ntohl(a->address.s_addr) < ntohl(b->address.s_addr) ? -1 : 1;
	return order;
}

/* Reads who is there, and makes the list anew. Returns false after telling the user what is wrong. */
static bool look(struct desk *desk, int64_t now_ms)
{
	struct shown_users *users = &desk->users;
	const struct peers *peers;

	if (!desk_read_peers(desk))
		return false;
	peers = peersfile_peers(desk->peers);
	free(users->list);
	users->count = 0;
	users->list = calloc(peers_count(peers) + 1, sizeof(*users->list));
	if (!users->list) {
		console_put_styled(desk->console, CONSOLE_BAD, "out of memory\n");
		return false;
	}
	for (const struct peer *claim = NULL; (claim = peers_next(peers, claim));) {
		if (!verdict_is_visible(peers, claim, now_ms))
			continue;
		users->list[users->count] = *claim;
		users->list[users->count].rooms = NULL;
		users->list[users->count++].extra = NULL;
	}
	qsort_r(users->list, users->count, sizeof(*users->list), compare, &now_ms);
	return true;
}

void users_put_standing(const struct verdict *verdict, struct console *console)
{
	if (verdict->standing == STANDING_VERIFIED)
		console_put_styled(console, CONSOLE_GOOD, "  verified");
	if (verdict->standing == STANDING_CHANGED)
		console_put_styled(console, CONSOLE_BAD, "  changed: not the identity you know; see Trust");
	if (verdict->standing == STANDING_MISSING)
		console_put_styled(console, CONSOLE_BAD, "  missing: announces no identity; see Trust");
	if (verdict->blocked)
		console_put_styled(console, CONSOLE_BAD, "  blocked");
	if (verdict->muted)
		console_put_styled(console, CONSOLE_FAINT, "  muted");
	/* What others choose comes last. */
	if (verdict->pin && verdict->claim && strcmp(verdict->claim->username, verdict->username) != 0) {
		console_put_styled(console, CONSOLE_FAINT, "  known as ");
		console_put_name(console, CONSOLE_NORMAL, verdict->username);
	}
	if (verdict->other && (verdict->standing == STANDING_LOOKALIKE || standing_is_certain(verdict->standing))) {
		console_put_styled(console, CONSOLE_WARNING, "  %ssomebody else than ",
		    verdict->standing == STANDING_LOOKALIKE ? "lookalike: " : "");
		console_put_name(console, CONSOLE_NORMAL, verdict->other->username);
	}
}

void users_put_number(size_t number, struct console *console)
{
	console_put_styled(console, CONSOLE_FAINT, "%2zu", number);
	console_put(console, "  ");
}

void users_put_presence(const struct peer *claim, int64_t now_ms, struct console *console)
{
	bool online = peer_is_online(claim, now_ms);

	console_put_name(console, console_name_style(claim->username, claim->has_identity ? claim->identity : NULL),
	    claim->username);
	console_put(console, " ");
	console_put_styled(console, online ? CONSOLE_GOOD : CONSOLE_WARNING, online ? "(Online)" : "(Away)");
}

static bool is_own(const struct desk *desk, const struct peer *claim)
{
	const char *own_name = peersfile_username(desk->peers);
	const uint8_t *identity = desk_identity(desk);
	int64_t own_since_s = peersfile_since(desk->peers);

	if (!own_name || strcmp(claim->username, own_name) != 0)
		return false;
	/* An identity behind a passphrase is known by its announcement. */
	if (claim->has_identity && !(identity ? peer_announces(claim, identity) : claim->since_s == own_since_s))
		return false;
	return address_check_own(claim->address) == 0;
}

static void put_user(const struct desk *desk, size_t number, bool own, int64_t now_ms)
{
	const struct peer *claim = &desk->users.list[number - 1];
	const struct peers *peers = peersfile_peers(desk->peers);
	struct console *console = desk->data;
	int seconds = (int)(peer_silence_ms(claim, now_ms) / 1000);
	char ip[ADDRESS_TEXT_BYTES];
	struct verdict verdict;

	if (!desk->script)
		users_put_number(number, console);
	users_put_presence(claim, now_ms, console);
	console_put(console, "  %s", address_format(claim->address, ip));
	if (peers_find_listed(peers, claim->address, now_ms) !=
	    peers_find_claim(peers, claim->address, claim->has_identity ? claim->identity : NULL))
		console_put_styled(console, CONSOLE_WARNING, "  [same address]");
	if (own)
		console_put(console, "  (you)");
	if (!peer_is_online(claim, now_ms))
		console_put_styled(console, CONSOLE_FAINT, "%s  last heard %d %s ago", claim->left ? "  left" : "",
		    seconds < 60 ? seconds : seconds / 60, seconds < 60 ? "s" : "min");
	verdict_of_claim(&verdict, peersfile_pins(desk->peers), claim);
	if (!own)
		users_put_standing(&verdict, console);
	waiting_put_count(desk, claim->has_identity ? claim->identity : NULL, console);
	console_put(console, "\n");
}

/*
 * Whether a claim is of that name, as it is announced or known, or that address, or is announced under a name that begins
 * so, unless the command is from a script.
 */
static bool is_meant(const struct desk *desk, const struct peer *claim, const char *name)
{
	struct in_addr address;
	struct verdict verdict;

	if (address_parse(name, &address) == 0)
		return claim->address.s_addr == address.s_addr;
	verdict_of_claim(&verdict, peersfile_pins(desk->peers), claim);
	return username_is_same(claim->username, name) || username_is_same(verdict.username, name) ||
	       (!desk->script && candidates_begins(claim->username, name));
}

/* Collects an object with the members of peers.txt, and what Users says in words. */
static void put_record(const struct desk *desk, const struct peer *claim, bool own, int64_t now_ms)
{
	char ip[ADDRESS_TEXT_BYTES], identity[IDENTITY_TEXT_BYTES];
	struct buffer name = {0}, json = {0};
	struct verdict verdict;
	bool has_identity = claim->has_identity;

	verdict_of_claim(&verdict, peersfile_pins(desk->peers), claim);
	identity_format(claim->identity, identity);
	if (jsontext_append_string(&name, claim->username, strlen(claim->username)) == 0 &&
	    buffer_printf(&json,
		"{\"username\": %.*s, \"ip\": \"%s\", \"status\": \"%s\", \"last_seen\": %" PRId64
		".%03d, \"standing\": \"%s\"%s%s%s%s}",
		(int)name.len, name.data, address_format(claim->address, ip),
		peer_is_online(claim, now_ms) ? "online" : "away", claim->last_seen_ms / 1000,
		(int)(claim->last_seen_ms % 1000), standing_word(verdict.standing),
		has_identity ? ", \"identity\": \"" : "", has_identity ? identity : "", has_identity ? "\"" : "",
		own ? ", \"self\": true" : "") == 0) {
		console_put_json(desk->data, json.data, json.len);
		console_put(desk->data, "\n");
	}
	buffer_free(&name);
	buffer_free(&json);
}

void users_put_undecided(const struct desk *desk, const struct roomview *rooms)
{
	struct held held = {0};
	size_t shown = 0;

	/* What cannot be read is told by those who decide. */
	(void)!held_read(&held, AT_FDCWD);
	for (size_t i = 0; i < rooms->count + held.count && shown <= WAITING_SHOWN; i++) {
		const struct roomview_room *room = i < rooms->count ? &rooms->rooms[i] : NULL;

		if (room && !roomview_is_undecided(room))
			continue;
		if (shown == 0)
			console_put_styled(desk->console, CONSOLE_WARNING, "Waiting for Accept or Reject:");
		console_put(desk->console, shown > 0 ? ", " : " ");
		if (shown++ == WAITING_SHOWN)
			console_put(desk->console, "and others; see Strangers");
		else if (room)
			roomview_put_name(rooms, desk->console, CONSOLE_NORMAL, room->id);
		else
			console_put_name(desk->console, CONSOLE_NORMAL, held.list[i - rooms->count].username);
	}
	if (shown > 0)
		console_put(desk->console, "\n");
	held_free(&held);
}

static int tell_nobody(const struct desk *desk, const char *name)
{
	console_put_styled(desk->console, CONSOLE_WARNING, "Not found:");
	console_put(desk->console, " nobody named ");
	console_put_foreign(desk->console, name, strlen(name));
	console_put(desk->console, " was heard in the last " TEXT_OF(PEERS_LISTED_MIN) " minutes.\n");
	return DESK_NOBODY;
}

/* Says what is known of somebody who is not heard. */
static int put_absent(const struct desk *desk, const char *name)
{
	struct candidates candidates = {
	    .pins = peersfile_pins(desk->peers),
	    .peers = peersfile_peers(desk->peers),
	    .now_ms = clock_wall_ms(),
	};
	char ip[ADDRESS_TEXT_BYTES];

	candidates_find(&candidates, name);
	if (candidates.count == 0 || !candidates.list[0].verdict.pin)
		return tell_nobody(desk, name);
	for (size_t i = 0; i < candidates.count; i++) {
		const struct candidate *one = &candidates.list[i];

		console_put_name(desk->console, CONSOLE_NORMAL, one->verdict.username);
		console_put_styled(desk->console, CONSOLE_WARNING, " (Away)");
		console_put(desk->console, "  not heard in the last " TEXT_OF(PEERS_LISTED_MIN) " minutes");
		if (one->has_address)
			console_put(desk->console, "; known at %s", address_format(one->address, ip));
		users_put_standing(&one->verdict, desk->console);
		console_put(desk->console, "\n");
	}
	return PROGRAM_FINE;
}

/* Collects those who are meant, or all if name is NULL; returns how many. */
static size_t put_users(struct desk *desk, const char *name, bool as_json, int64_t now_ms)
{
	size_t shown = 0;

	for (size_t i = 0; i < desk->users.count; i++) {
		const struct peer *claim = &desk->users.list[i];

		if (name && !is_meant(desk, claim, name))
			continue;
		if (as_json)
			put_record(desk, claim, is_own(desk, claim), now_ms);
		else
			put_user(desk, i + 1, is_own(desk, claim), now_ms);
		shown++;
	}
	return shown;
}

int users_show(struct desk *desk, const char *name)
{
	const struct shown_users *users = &desk->users;
	int64_t now_ms = clock_wall_ms();
	struct roomview rooms = {0};
	size_t online = 0, others = 0;

	if (!look(desk, now_ms))
		return PROGRAM_FAILED;
	if (name[0] != '\0')
		return put_users(desk, name, false, now_ms) > 0 ? PROGRAM_FINE : put_absent(desk, name);
	put_users(desk, NULL, false, now_ms);
	for (size_t i = 0; i < users->count; i++) {
		online += peer_is_online(&users->list[i], now_ms);
		others += peer_is_online(&users->list[i], now_ms) && !is_own(desk, &users->list[i]);
	}
	if (users->count == 0)
		console_put(desk->console,
		    "Nobody was heard in the last " TEXT_OF(PEERS_LISTED_MIN) " minutes. Is discovery running?\n");
	else
		console_put_styled(desk->console, CONSOLE_FAINT,
		    "%zu heard in the last " TEXT_OF(PEERS_LISTED_MIN) " minutes, %zu online\n", users->count, online);
	roomview_refresh(&rooms, desk->peers);
	waiting_put_absent(desk, &rooms);
	waiting_put_rooms(desk, &rooms);
	users_put_undecided(desk, &rooms);
	if (!heard_put(desk, false) && others == 0)
		doctor_put_hint(desk, NULL);
	return PROGRAM_FINE;
}

int users_list(struct desk *desk, const struct wish *wish)
{
	int64_t now_ms = clock_wall_ms();

	if (!look(desk, now_ms))
		return PROGRAM_FAILED;
	return put_users(desk, wish->whom, wish->as_json, now_ms) > 0 || !wish->whom ? PROGRAM_FINE
										     : tell_nobody(desk, wish->whom);
}
