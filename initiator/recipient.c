#include "recipient.h"

#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "net/address.h"
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

	return pins_judge(known, peer, &pin) == PINS_SAME;
}

/*
 * Anybody can copy an announcement, but not so easily the address where it was proven; who has left that may have moved.
 */
static bool is_where_proven(const struct peer *peer, const void *known)
{
	const struct pin *pin;

	return pins_judge(known, peer, &pin) == PINS_SAME && pin_is_proven_at(pin, peer->address) &&
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
static bool narrow(struct users *users, const char *name, const struct pins *known)
{
	const struct pin *pin = pins_find_case(known, name);

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

static void take_peer(struct recipient *recipient, const struct peer *peer, const struct pins *known)
{
	const struct pin *pin;

	*recipient = (struct recipient){.peer = *peer};
	recipient->peer.extra = NULL;
	recipient->standing = pins_judge(known, peer, &pin);
	if (pin)
		recipient->pin = *pin;
	pin = !pin && peer->has_identity ? pins_find_identity(known, peer->identity) : NULL;
	if (pin)
		strcpy(recipient->alias, pin->username);
	else if ((pin = pins_find_alike(known, peer->username)) != NULL)
		strcpy(recipient->alike, pin->username);
}

/* Takes the pin of name, exact or but for the case of ASCII letters, without a peer. */
static bool take_absent(struct recipient *recipient, const char *name, const struct pins *known)
{
	const struct pin *pin = pins_find_case(known, name);

	if (!pin)
		return false;
	*recipient = (struct recipient){.standing = PINS_MISSING, .pin = *pin, .absent = true};
	strcpy(recipient->peer.username, pin->username);
	return true;
}

static bool select_one(struct recipient *recipient, struct users *users, const char *name, bool even_absent,
    struct prompt *prompt, struct peersfile *file)
{
	const struct pins *known = peersfile_pins(file);

	if (!narrow(users, name, known)) {
		if (even_absent && take_absent(recipient, name, known))
			return true;
		console_put_styled(prompt->console, CONSOLE_WARNING, "There is no user named");
		console_put(prompt->console, " ");
		console_put_foreign(prompt->console, name, strlen(name));
		console_put(prompt->console, " here now; Users lists who is.\n");
		return false;
	}
	if (users->count > 1 && !ask_address(users, prompt, file))
		return false;
	take_peer(recipient, users->list[0], known);
	return true;
}

bool recipient_find(struct recipient *recipient, const char *name, bool even_absent, struct prompt *prompt,
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
	found = select_one(recipient, &users, name, even_absent, prompt, file);
	users_free(&users);
	return found;
}

void recipient_put(const struct recipient *recipient, struct console *console)
{
	char ip[ADDRESS_TEXT_BYTES];

	console_put(console, " ");
	console_put_name(console, CONSOLE_NORMAL, recipient->peer.username);
	if (!recipient->absent)
		console_put(console, " (%s)", address_format(recipient->peer.address, ip));
}

void recipient_put_since(const struct recipient *recipient, struct console *console)
{
	char local[CLOCK_LOCAL_BYTES];

	clock_format_local(recipient->pin.since_s * 1000, true, local);
	console_put(console, "%.*s", (int)strcspn(local, " "), local);
}

void recipient_put_change(const struct recipient *recipient, struct console *console)
{
	console_put_styled(console, CONSOLE_BAD, "Changed:");
	recipient_put(recipient, console);
	console_put(console, recipient->standing == PINS_CHANGED
				 ? " announces another identity than the one you know since "
				 : " announces no identity, and you know one since ");
	recipient_put_since(recipient, console);
	console_put(console, ".\n");
}

void recipient_put_doubts(const struct recipient *recipient, struct console *console)
{
	const char *other = recipient->alias[0] != '\0' ? recipient->alias : recipient->alike;

	if (recipient->standing == PINS_CHANGED || recipient->standing == PINS_MISSING)
		recipient_put_change(recipient, console);
	if (!recipient_is_proven(recipient) && recipient->standing == PINS_SAME) {
		console_put_styled(console, CONSOLE_WARNING, "Note:");
		recipient_put(recipient, console);
		console_put(console,
		    " announces the identity you know, not proven at this address; a secure chat does that.\n");
	}
	if (other[0] == '\0')
		return;
	console_put_styled(console, CONSOLE_WARNING, "Note:");
	recipient_put(recipient, console);
	console_put(console, other == recipient->alias ? " announces the identity that you know as"
						       : " is somebody else than your known");
	console_put(console, " ");
	console_put_name(console, CONSOLE_NORMAL, other);
	console_put(console, other == recipient->alias ? ".\n" : "; the names only look alike.\n");
}

bool recipient_is_proven(const struct recipient *recipient)
{
	return recipient->standing == PINS_SAME && pin_is_proven_at(&recipient->pin, recipient->peer.address);
}
