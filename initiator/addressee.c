#include "addressee.h"

#include <string.h>
#include <strings.h>

#include "address.h"
#include "clock.h"
#include "users.h"

static bool has_address(const struct peer *peer, const void *text)
{
	struct in_addr address;

	return address_parse(text, &address) == 0 && address.s_addr == peer->address.s_addr;
}

static bool has_name(const struct peer *peer, const void *name)
{
	return strcmp(peer->username, name) == 0;
}

static bool has_name_but_case(const struct peer *peer, const void *name)
{
	return strcasecmp(peer->username, name) == 0;
}

static bool announces_pinned(const struct peer *peer, const void *known)
{
	const struct pin *pin;

	return known_judge(known, peer, &pin) == KNOWN_SAME;
}

/*
 * Anybody can copy an announcement, but not so easily the address where it was proven; who has left that may have moved.
 */
static bool is_where_proven(const struct peer *peer, const void *known)
{
	const struct pin *pin;

	return known_judge(known, peer, &pin) == KNOWN_SAME && pin_is_proven_at(pin, peer->address) &&
	       peer_is_online(peer, clock_wall_ms());
}

/* What was typed, and the name of somebody known that it is but for the case of ASCII letters. */
struct names {
	const char *typed;
	const char *known;
};

static bool has_either(const struct peer *peer, const void *context)
{
	const struct names *names = context;

	return has_name(peer, names->typed) || has_name(peer, names->known);
}

/*
 * Leaves those that name may mean; false where it means nobody. Nobody can be mistaken for an address by taking it for
 * a name, nor for somebody known by writing that name otherwise.
 */
static bool narrow(struct users *users, const char *name, const struct known *known)
{
	const struct pin *pin = known_find_case(known, name);

	if (users_keep(users, has_address, name) > 0)
		return true;
	if (users_keep(users, has_name_but_case, name) == 0)
		return false;
	if (users_keep(users, announces_pinned, known) > 0) {
		users_keep(users, has_name, name);
		users_keep(users, is_where_proven, known);
		return true;
	}
	if (pin)
		return users_keep(users, has_either, &(struct names){name, pin->username}) > 0;
	users_keep(users, has_name, name);
	return true;
}

/* Asks which of several users with one name is meant, and puts that one first. */
static bool ask_address(struct users *users, struct prompt *prompt, struct peersfile *file)
{
	char *answer;

	console_put(prompt->console, "That name is shared:\n");
	users_put(users, file, NULL, prompt->console);
	while (prompt_ask_word(prompt, "Address: ", &answer)) {
		struct in_addr address;

		if (address_parse(answer, &address) == 0) {
			for (size_t i = 0; i < users->count; i++) {
				if (users->list[i]->address.s_addr == address.s_addr) {
					users->list[0] = users->list[i];
					return true;
				}
			}
		}
		console_put_styled(prompt->console, CONSOLE_WARNING,
		    "That is none of these addresses; an empty line gives up.\n");
	}
	return false;
}

static void take_peer(struct addressee *addressee, const struct peer *peer, const struct known *known)
{
	const struct pin *pin;

	*addressee = (struct addressee){.peer = *peer};
	addressee->peer.extra = NULL;
	addressee->standing = known_judge(known, peer, &pin);
	if (pin)
		addressee->pin = *pin;
	pin = !pin && peer->has_identity ? known_find_identity(known, peer->identity) : NULL;
	if (pin)
		strcpy(addressee->alias, pin->username);
	else if ((pin = known_find_alike(known, peer->username)) != NULL)
		strcpy(addressee->alike, pin->username);
}

/* Takes the pin of name, exact or but for the case of ASCII letters, without a peer. */
static bool take_absent(struct addressee *addressee, const char *name, const struct known *known)
{
	const struct pin *pin = known_find_case(known, name);

	if (!pin)
		return false;
	*addressee = (struct addressee){.standing = KNOWN_MISSING, .pin = *pin, .absent = true};
	strcpy(addressee->peer.username, pin->username);
	return true;
}

static bool select_one(struct addressee *addressee, struct users *users, const char *name, bool even_absent,
    struct prompt *prompt, struct peersfile *file)
{
	const struct known *known = peersfile_known(file);

	if (!narrow(users, name, known)) {
		if (even_absent && take_absent(addressee, name, known))
			return true;
		console_put_styled(prompt->console, CONSOLE_WARNING, "There is no user named");
		console_put(prompt->console, " ");
		console_put_foreign(prompt->console, name, strlen(name));
		console_put(prompt->console, " here now; Users lists who is.\n");
		return false;
	}
	if (users->count > 1 && !ask_address(users, prompt, file))
		return false;
	take_peer(addressee, users->list[0], known);
	return true;
}

bool addressee_find(struct addressee *addressee, const char *name, bool even_absent, struct prompt *prompt,
    struct peersfile *file)
{
	struct users users;
	char *answer;
	bool found;
	int rc;

	if (name[0] == '\0') {
		if (!prompt_ask_word(prompt, "Name: ", &answer))
			return false;
		name = answer;
	}
	rc = users_read(file, &users);
	if (rc != 0) {
		console_put_styled(prompt->console, CONSOLE_BAD, "cannot read " PEERSFILE_NAME ": %s\n",
		    peersfile_reason(rc));
		return false;
	}
	found = select_one(addressee, &users, name, even_absent, prompt, file);
	users_free(&users);
	return found;
}

void addressee_put(const struct addressee *addressee, struct console *console)
{
	char ip[ADDRESS_TEXT_BYTES];

	console_put(console, " ");
	console_put_name(console, CONSOLE_NORMAL, addressee->peer.username);
	if (!addressee->absent)
		console_put(console, " (%s)", address_format(addressee->peer.address, ip));
}

void addressee_put_since(const struct addressee *addressee, struct console *console)
{
	char local[CLOCK_LOCAL_BYTES];

	clock_format_local(addressee->pin.since_s * 1000, true, local);
	console_put(console, "%.*s", (int)strcspn(local, " "), local);
}

void addressee_put_change(const struct addressee *addressee, struct console *console)
{
	console_put_styled(console, CONSOLE_BAD, "Changed:");
	addressee_put(addressee, console);
	console_put(console, addressee->standing == KNOWN_CHANGED
				 ? " announces another identity than the one you know since "
				 : " announces no identity, and you know one since ");
	addressee_put_since(addressee, console);
	console_put(console, ".\n");
}

void addressee_put_doubts(const struct addressee *addressee, struct console *console)
{
	const char *other = addressee->alias[0] != '\0' ? addressee->alias : addressee->alike;

	if (addressee->standing == KNOWN_CHANGED || addressee->standing == KNOWN_MISSING)
		addressee_put_change(addressee, console);
	if (!addressee_is_proven(addressee) && addressee->standing == KNOWN_SAME) {
		console_put_styled(console, CONSOLE_WARNING, "Note:");
		addressee_put(addressee, console);
		console_put(console,
		    " announces the identity you know, not proven at this address; a secure chat does that.\n");
	}
	if (other[0] == '\0')
		return;
	console_put_styled(console, CONSOLE_WARNING, "Note:");
	addressee_put(addressee, console);
	console_put(console, other == addressee->alias ? " announces the identity that you know as"
						       : " is somebody else than your known");
	console_put(console, " ");
	console_put_name(console, CONSOLE_NORMAL, other);
	console_put(console, other == addressee->alias ? ".\n" : "; the names only look alike.\n");
}

bool addressee_is_proven(const struct addressee *addressee)
{
	return addressee->standing == KNOWN_SAME && pin_is_proven_at(&addressee->pin, addressee->peer.address);
}

void addressee_tell_set_aside(const char *name, struct console *console)
{
	if (name)
		console_put_styled(console, CONSOLE_WARNING,
		    PEERSFILE_NAME " was damaged; it is kept as %s, and whom you knew is forgotten\n", name);
}
