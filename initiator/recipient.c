#include "recipient.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "lobby.h"
#include "net/address.h"
#include "term/roomview.h"
#include "trust/ownname.h"
#include "users.h"

static void take(struct recipient *recipient, const struct candidates *candidates, const struct candidate *candidate)
{
	const struct verdict *verdict = &candidate->verdict;

	*recipient = (struct recipient){
	    .standing = verdict->standing,
	    .address = candidate->address,
	    .has_address = candidate->has_address,
	    .has_identity = candidate->identity != NULL,
	    .downgraded = candidates_is_downgraded(candidates, candidate),
	    .has_pin = verdict->pin != NULL,
	};
	strcpy(recipient->username, verdict->username);
	if (verdict->claim)
		strcpy(recipient->announced, verdict->claim->username);
	if (candidate->identity)
		memcpy(recipient->identity, candidate->identity, IDENTITY_BYTES);
	if (verdict->pin)
		recipient->pin = *verdict->pin;
	if (verdict->other)
		recipient->other = *verdict->other;
}

/* Whether text is a number: then it means nobody by name. */
static bool is_number(const char *text)
{
	return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

/* The number that text is; 0 for none. */
static size_t number_of(const char *text)
{
	return is_number(text) ? strtoul(text, NULL, 10) : 0;
}

static void put_candidates(const struct candidates *candidates, struct console *console)
{
	char ip[ADDRESS_TEXT_BYTES];

	console_put(console, "Several may be meant:\n");
	for (size_t i = 0; i < candidates->count; i++) {
		const struct candidate *candidate = &candidates->list[i];

		users_put_number(i + 1, console);
		if (candidate->verdict.claim)
			users_put_presence(candidate->verdict.claim, candidates->now_ms, console);
		else
			console_put_name(console, CONSOLE_NORMAL, candidate->verdict.username);
		if (candidate->has_address)
			console_put(console, "  %s", address_format(candidate->address, ip));
		users_put_standing(&candidate->verdict, console);
		console_put(console, "\n");
	}
	if (candidates->more)
		console_put(console, "There are others; more of the name tells them apart.\n");
}

/* Asks which of several is meant, by number or address; NULL for none of them. */
static const struct recipient *ask(const struct recipient *list, size_t count, struct prompt *prompt)
{
	struct in_addr address;
	char *answer;

	/* A pipe has no line for this, which is not always asked. */
	if (!prompt->terminal) {
		console_put(prompt->console, "An address in place of the name tells them apart.\n");
		return NULL;
	}
	while (prompt_ask_word(prompt, "Number or address: ", &answer)) {
		size_t number = number_of(answer);
		bool is_address = number == 0 && address_parse(answer, &address) == 0;

		for (size_t i = 0; i < count; i++) {
			if (number == i + 1 ||
			    (is_address && list[i].has_address && list[i].address.s_addr == address.s_addr))
				return &list[i];
		}
		console_put_styled(prompt->console, CONSOLE_WARNING,
		    "That is none of these numbers and addresses; an empty line gives up.\n");
	}
	return NULL;
}

/* Takes the only candidate, or the one that the user chooses. There is one at least. */
static int choose(struct recipient *recipient, const struct candidates *candidates, struct prompt *prompt)
{
	struct recipient list[CANDIDATES_MAX];
	const struct recipient *found = list;

	/* While the user is asked, peers.txt may be read anew. */
	for (size_t i = 0; i < candidates->count; i++)
		take(&list[i], candidates, &candidates->list[i]);
	if (candidates->count > 1) {
		put_candidates(candidates, prompt->console);
		found = ask(list, candidates->count, prompt);
	}
	if (found)
		*recipient = *found;
	return found ? PROGRAM_FINE : prompt->terminal ? PROGRAM_FAILED : DESK_NOBODY;
}

static void tell_nobody(const char *text, bool number, struct desk *desk)
{
	struct console *console = desk->console;
	bool is_room = !number && lobby_look_for(desk, text) & ~(unsigned)LOBBY_LEFT;
	bool reserved = !number && ownname_rule(text);

	console_put_styled(console, CONSOLE_WARNING,
	    number ? "The last list of Users has no number" : "There is no user named");
	console_put(console, " ");
	console_put_foreign(console, text, strlen(text));
	console_put(console, number	? "; Users makes a new one.\n"
			     : is_room	? " here now; the room takes a # before its name.\n"
			     : reserved ? "; who announces such a name is reached by address.\n"
					: " here now; Users lists who is.\n");
}

/* Begins a search in what was read of peers.txt last. */
static void begin(struct candidates *candidates, const struct peersfile *file)
{
	*candidates = (struct candidates){
	    .pins = peersfile_pins(file),
	    .peers = peersfile_peers(file),
	    .now_ms = clock_wall_ms(),
	};
}

/* Finds whom text means: by a number of the list of Users, or by a name or address. */
static void look_up(struct candidates *candidates, const char *text, const struct desk *desk)
{
	size_t number = desk->script ? 0 : number_of(text);

	candidates->whole |= desk->script;
	if (number > 0 && number <= desk->users.count)
		candidates_add_claim(candidates, &desk->users.list[number - 1]);
	else if (desk->script || !is_number(text))
		candidates_find(candidates, text);
}

/* The same in peers.txt as it is now, without telling anything. */
static void look_quietly(struct candidates *candidates, const char *text, bool whole, const struct desk *desk)
{
	*candidates = (struct candidates){0};
	if (peersfile_read(desk->peers) != 0)
		return;
	begin(candidates, desk->peers);
	candidates->whole = whole;
	look_up(candidates, text, desk);
}

size_t recipient_count(const struct desk *desk, const char *text, bool whole)
{
	struct candidates candidates;

	look_quietly(&candidates, text, whole, desk);
	return candidates.count;
}

bool recipient_is_online(const struct desk *desk, const char *text)
{
	struct candidates candidates;

	look_quietly(&candidates, text, true, desk);
	for (size_t i = 0; i < candidates.count; i++) {
		const struct peer *claim = candidates.list[i].verdict.claim;

		if (claim && peer_is_online(claim, candidates.now_ms))
			return true;
	}
	return false;
}

/* Finds a room that the user is in; nothing is done with it if a person is meant. */
static int find_room(struct recipient *recipient, const char *text, bool is_wanted, struct desk *desk)
{
	struct lobby_room found;
	int status = PROGRAM_FAILED;

	if (is_wanted)
		status = lobby_find_own(desk, text, &found);
	else
		console_put_styled(desk->console, CONSOLE_WARNING, "That is for a person, and no room.\n");
	if (status != PROGRAM_FINE)
		return status;
	*recipient = (struct recipient){.is_room = true};
	memcpy(recipient->room, found.id, sizeof(recipient->room));
	snprintf(recipient->username, sizeof(recipient->username), "#%s", found.name);
	return PROGRAM_FINE;
}

int recipient_find_among(struct recipient *recipient, const char *text, const struct recipient_search *search,
    struct desk *desk)
{
	struct candidates candidates;
	char *answer;
	int status;

	if (text[0] == '\0' && !desk->script) {
		if (!prompt_ask_for(&desk->prompt, PROMPT_NAME, "Name: ", &answer))
			return PROGRAM_FAILED;
		text = answer;
	}
	if (text[0] == '#')
		return find_room(recipient, text, search->even_room, desk);
	if (!desk_read_peers(desk))
		return PROGRAM_FAILED;
	begin(&candidates, desk->peers);
	candidates.others = search->others;
	candidates.other_count = search->other_count;
	candidates.noted = search->noted;
	look_up(&candidates, text, desk);
	if (candidates.count == 0) {
		tell_nobody(text, !desk->script && is_number(text), desk);
		return DESK_NOBODY;
	}
	status = choose(recipient, &candidates, &desk->prompt);
	if (status != PROGRAM_FINE || search->even_absent || recipient->has_address)
		return status;
	recipient_put(recipient, desk->console, CONSOLE_WARNING, "Nobody knows where to find",
	    ", who was not heard in the last " TEXT_OF(PEERS_LISTED_MIN) " minutes.\n");
	return DESK_UNREACHABLE;
}

size_t recipient_name_bytes(struct desk *desk, const char *text)
{
	char name[USERNAME_MAX_BYTES + 1];
	size_t len = strnlen(text, USERNAME_MAX_BYTES);

	if (text[0] == '#')
		return lobby_name_bytes(desk, text);
	for (; len > 0; len--) {
		if (text[len] != '\0' && text[len] != ' ')
			continue;
		memcpy(name, text, len);
		name[len] = '\0';
		if (recipient_count(desk, name, true) > 0)
			return len;
	}
	return strcspn(text, " ");
}

int recipient_find(struct recipient *recipient, const char *text, bool even_absent, struct desk *desk)
{
	return recipient_find_among(recipient, text, &(struct recipient_search){.even_absent = even_absent}, desk);
}

const struct peer *recipient_know(struct recipient *recipient, const struct peersfile *file,
    const uint8_t identity[static IDENTITY_BYTES], const char *username, struct in_addr address)
{
	struct candidates candidates;

	begin(&candidates, file);
	candidates_find_identity(&candidates, identity, username, address);
	take(recipient, &candidates, candidates.list);
	if (!recipient->has_pin && (username[0] != '\0' || recipient->announced[0] == '\0'))
		strcpy(recipient->username, username[0] != '\0' ? username : VERDICT_NAMELESS);
	if (!recipient->has_address)
		recipient->address = address;
	recipient->has_address = true;
	return candidates.list[0].verdict.claim;
}

bool recipient_has_rival(const struct recipient *recipient, const struct desk *desk)
{
	struct candidates candidates;

	begin(&candidates, desk->peers);
	candidates_find_rivals(&candidates, &recipient->pin);
	return candidates.count > 0;
}

int recipient_find_rival(struct recipient *recipient, struct desk *desk)
{
	struct candidates candidates;

	begin(&candidates, desk->peers);
	candidates_find_rivals(&candidates, &recipient->pin);
	if (candidates.count > 0)
		return choose(recipient, &candidates, &desk->prompt);
	recipient_put(recipient, desk->console, CONSOLE_NORMAL,
	    "There is nothing to accept: nobody else announces the name of", ".\n");
	return DESK_NOBODY;
}

int recipient_pin(const struct recipient *recipient, struct peersfile *file, char pinned[static USERNAME_MAX_BYTES + 1])
{
	struct pin pin = {.since_s = clock_wall_ms() / 1000};
	const struct pin *known;
	int rc;

	pinned[0] = '\0';
	if (recipient->has_pin && pin_is_proven_at(&recipient->pin, recipient->address))
		return 0;
	rc = peersfile_begin(file);
	if (rc != 0)
		return rc;
	known = pins_find_identity(peersfile_pins(file), recipient->identity);
	if (known)
		pin = *known;
	else
		pins_free_name(peersfile_pins(file), recipient->username, pin.username);
	memcpy(pin.identity, recipient->identity, IDENTITY_BYTES);
	pin.address = recipient->address;
	pin.has_address = true;
	rc = peersfile_commit(file, peersfile_pin(file, &pin));
	if (rc == 0 && !known)
		strcpy(pinned, pin.username);
	return rc;
}

void recipient_put(const struct recipient *recipient, struct console *console, enum console_style style,
    const char *before, const char *after)
{
	char ip[ADDRESS_TEXT_BYTES];

	console_put_styled(console, style, "%s", before);
	console_put(console, " ");
	if (recipient->is_room)
		roomview_put_plain_name(console, CONSOLE_NORMAL, recipient->username + 1);
	else
		console_put_name(console, CONSOLE_NORMAL, recipient->username);
	if (recipient->has_address)
		console_put(console, " (%s)", address_format(recipient->address, ip));
	console_put(console, "%s", after);
}

void recipient_put_since(const struct pin *pin, struct console *console)
{
	char local[CLOCK_LOCAL_BYTES];

	clock_format_local(pin->since_s * 1000, true, local);
	console_put(console, "%.*s", (int)strcspn(local, " "), local);
}

void recipient_put_change(const struct recipient *recipient, struct console *console)
{
	bool changed = recipient->standing == STANDING_CHANGED;

	recipient_put(recipient, console, CONSOLE_BAD, changed ? "Changed:" : "Missing:",
	    changed ? " announces another identity than the one you know since "
		    : " announces no identity, and you know one since ");
	recipient_put_since(&recipient->other, console);
	console_put(console, ".\n");
}

void recipient_put_doubts(const struct recipient *recipient, struct console *console)
{
	bool is_lookalike = recipient->standing == STANDING_LOOKALIKE;
	bool is_renamed = recipient->has_pin && recipient->announced[0] != '\0' &&
			  strcmp(recipient->announced, recipient->username) != 0;

	if (recipient->standing == STANDING_CHANGED || recipient->standing == STANDING_MISSING)
		recipient_put_change(recipient, console);
	if (!is_lookalike && !is_renamed)
		return;
	recipient_put(recipient, console, CONSOLE_WARNING,
	    "Note:", is_lookalike ? " is somebody else than your known " : " announces the name ");
	console_put_name(console, CONSOLE_NORMAL, is_lookalike ? recipient->other.username : recipient->announced);
	console_put(console, is_lookalike ? "; the names only look alike.\n" : ".\n");
}
