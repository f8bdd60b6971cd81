#include "trust.h"

#include <string.h>

#include "base/clock.h"
#include "net/address.h"
#include "recipient.h"
#include "waiting.h"

#define FINGERPRINT_DIGITS 60

/* Finds whom name means, if there is an identity of our own to compare with theirs. */
static int find(struct desk *desk, const char *name, struct recipient *recipient)
{
	if (desk_identity(desk))
		return recipient_find(recipient, name, true, desk);
	console_put_styled(desk->console, CONSOLE_BAD, KEYFILE_NAME " cannot be used\n");
	return PROGRAM_FAILED;
}

/* Whether somebody uses a pinned name and is not its holder. */
static bool is_rival(const struct recipient *recipient)
{
	return recipient->standing == STANDING_CHANGED || recipient->standing == STANDING_MISSING;
}

/* The same for the holder of the name; returns DESK_CHANGED, after telling that, if it is somebody else. */
static int find_holder(struct desk *desk, const char *name, struct recipient *recipient)
{
	int status = find(desk, name, recipient);

	if (status != PROGRAM_FINE || !is_rival(recipient))
		return status;
	recipient_put_change(recipient, desk->console);
	return DESK_CHANGED;
}

static void put_fingerprint(const struct desk *desk, const char *label, const uint8_t *other)
{
	struct console *console = desk->console;
	char fingerprint[IDENTITY_FINGERPRINT_BYTES];

	identity_fingerprint(desk_identity(desk), other, fingerprint);
	/* A line for each half, short enough for half of a terminal of 80 columns. */
	console_put(console, "  %s\n", label);
	console_put_styled(console, CONSOLE_STRONG, "    %.*s\n", IDENTITY_HALF_BYTES - 1, fingerprint);
	console_put_styled(console, CONSOLE_STRONG, "    %s\n", fingerprint + IDENTITY_HALF_BYTES);
}

/* The end of a line about who is pinned, and the fingerprint. */
static void put_pin(const struct desk *desk, const struct pin *pin)
{
	recipient_put_since(pin, desk->console);
	console_put_styled(desk->console, pin->verified ? CONSOLE_GOOD : CONSOLE_NORMAL,
	    pin->verified ? ", verified\n" : ", not verified\n");
	put_fingerprint(desk, "known", pin->identity);
}

/* Both fingerprints of a name that is pinned to somebody else than who announces it. */
static void put_both(const struct desk *desk, const struct recipient *recipient)
{
	put_fingerprint(desk, "known", recipient->other.identity);
	if (recipient->has_identity)
		put_fingerprint(desk, "announced", recipient->identity);
	else
		console_put(desk->console, "  announced: none\n");
}

/* Whether somebody else has an identity; else the user is told. */
static bool is_comparable(const struct desk *desk, const struct recipient *recipient)
{
	bool is_own = recipient->has_identity && memcmp(recipient->identity, desk_identity(desk), IDENTITY_BYTES) == 0;

	if (is_own || !recipient->has_identity)
		recipient_put(recipient, desk->console, CONSOLE_WARNING,
		    "There is nothing to compare:", is_own ? " is you.\n" : " announces no identity.\n");
	return !is_own && recipient->has_identity;
}

int trust_fingerprint(struct desk *desk, const char *name)
{
	struct console *console = desk->console;
	char fingerprint[IDENTITY_FINGERPRINT_BYTES];
	struct recipient recipient;
	const char *own_name;
	int status = find_holder(desk, name, &recipient);

	if (status == DESK_CHANGED) {
		put_both(desk, &recipient);
		console_put(console, "One of the two may be somebody else; Trust tells what to do.\n");
	}
	if (status != PROGRAM_FINE)
		return status;
	if (!is_comparable(desk, &recipient))
		return PROGRAM_FAILED;
	if (desk->script) {
		identity_fingerprint(desk_identity(desk), recipient.identity, fingerprint);
		console_put(desk->data, "%s\n", fingerprint);
		return PROGRAM_FINE;
	}
	own_name = peersfile_username(desk->peers);
	recipient_put(&recipient, console, CONSOLE_NORMAL, "You and",
	    recipient.has_pin ? ", known since " : ", not known to you yet\n");
	if (recipient.has_pin) {
		put_pin(desk, &recipient.pin);
	} else {
		put_fingerprint(desk, "announced", recipient.identity);
		strcpy(desk->fingerprint.username, recipient.username);
		memcpy(desk->fingerprint.identity, recipient.identity, IDENTITY_BYTES);
	}
	console_put(console, "Compare it, by voice or side by side, with what Fingerprint%s", own_name ? " " : "");
	if (own_name)
		console_put_name(console, CONSOLE_NORMAL, own_name);
	console_put(console, " shows on the other's screen.\nIf all twelve groups are the same, type Verified ");
	console_put_name(console, CONSOLE_NORMAL, recipient.username);
	console_put(console, ". If not, somebody stands between you.\n");
	return PROGRAM_FINE;
}

/* Copies the digits of text, without the spaces between them. Returns how many; 0 if it has anything else, or too many. */
static size_t read_digits(const char *text, char digits[static FINGERPRINT_DIGITS + 1])
{
	size_t count = 0;

	for (text += strspn(text, " "); *text != '\0'; text += strspn(text, " ")) {
		if (*text < '0' || *text > '9' || count == FINGERPRINT_DIGITS)
			return 0;
		digits[count++] = *text++;
	}
	digits[count] = '\0';
	return count;
}

bool trust_are_digits(const char *text)
{
	char digits[FINGERPRINT_DIGITS + 1];
	size_t count = read_digits(text, digits);

	return count == FINGERPRINT_DIGITS || count == FINGERPRINT_DIGITS / 2;
}

/*
 * Makes one change of what is known of a name: pins it as wanted says, or forgets it if wanted is NULL, provided that its
 * pin is still the one that the user has seen, or NULL for none. Tells what went wrong.
 */
static int change(struct desk *desk, const char *name, const struct pin *seen, const struct pin *wanted)
{
	struct peersfile *file = desk->peers;
	const struct pin *now;
	int rc = peersfile_begin(file);

	now = rc == 0 ? pins_find(peersfile_pins(file), name) : seen;
	if (!now != !seen || (now && memcmp(now->identity, seen->identity, IDENTITY_BYTES) != 0)) {
		peersfile_abandon(file);
		console_put_styled(desk->console, CONSOLE_WARNING,
		    "What is known of that name has just been changed elsewhere; look again.\n");
		return PROGRAM_FAILED;
	}
	if (rc == 0)
		rc = peersfile_commit(file, wanted ? peersfile_pin(file, wanted) : peersfile_unpin(file, name));
	return desk_check_file(desk, "write", PEERSFILE_NAME, rc);
}

/* A pin of the recipient's identity, as of now. */
static void make_pin(const struct recipient *recipient, struct pin *pin)
{
	*pin = (struct pin){.since_s = clock_wall_ms() / 1000};
	strcpy(pin->username, recipient->username);
	memcpy(pin->identity, recipient->identity, IDENTITY_BYTES);
}

/* Pins a recipient as compared. */
static int verify(struct desk *desk, const struct recipient *recipient)
{
	struct pin pin = recipient->pin;

	if (!recipient->has_pin)
		make_pin(recipient, &pin);
	pin.verified = true;
	return change(desk, pin.username, recipient->has_pin ? &recipient->pin : NULL, &pin);
}

int trust_verify(struct desk *desk, const char *name)
{
	struct console *console = desk->console;
	struct recipient recipient;
	int status = find_holder(desk, name, &recipient);

	if (status == DESK_CHANGED)
		console_put(console, "Nothing was changed. Fingerprint shows both; Trust tells what to do.\n");
	if (status != PROGRAM_FINE)
		return status;
	/* Of a name that is not pinned the fingerprint was shown before, of the identity that is announced now. */
	if (!recipient.has_pin &&
	    (!recipient.has_identity || strcmp(desk->fingerprint.username, recipient.username) != 0 ||
		memcmp(desk->fingerprint.identity, recipient.identity, IDENTITY_BYTES) != 0)) {
		recipient_put(&recipient, console, CONSOLE_WARNING,
		    "Not yet:", " is not known to you. Fingerprint shows what to compare first.\n");
		return PROGRAM_FAILED;
	}
	status = verify(desk, &recipient);
	if (status != PROGRAM_FINE)
		return status;
	recipient_put(&recipient, console, CONSOLE_GOOD,
	    "Verified:", ", for as long as the identity stays the same. You compared:\n");
	put_fingerprint(desk, "known", recipient.identity);
	return PROGRAM_FINE;
}

int trust_compare(struct desk *desk, const char *name, const char *digits)
{
	char whole[IDENTITY_FINGERPRINT_BYTES], half[IDENTITY_HALF_BYTES];
	char given[FINGERPRINT_DIGITS + 1] = {0}, wanted[FINGERPRINT_DIGITS + 1] = {0};
	struct recipient recipient;
	int status = find_holder(desk, name, &recipient);

	if (status != PROGRAM_FINE)
		return status;
	if (!is_comparable(desk, &recipient))
		return PROGRAM_FAILED;
	identity_fingerprint(desk_identity(desk), recipient.identity, whole);
	identity_fingerprint_half(recipient.identity, half);
	/* Who gave the half has all of it compared. */
	(void)read_digits(read_digits(digits, given) == FINGERPRINT_DIGITS ? whole : half, wanted);
	if (strcmp(given, wanted) == 0)
		return verify(desk, &recipient);
	recipient_put(&recipient, desk->console, CONSOLE_BAD, "Not verified: this is not the fingerprint of", ".\n");
	return PROGRAM_FAILED;
}

/* Finds who announces a pinned name instead of its holder, or tells the user that there is nobody. */
static int find_rival(struct desk *desk, const char *name, struct recipient *recipient)
{
	int status = find(desk, name, recipient);

	if (status != PROGRAM_FINE || is_rival(recipient))
		return status;
	if (recipient->has_pin)
		return recipient_find_rival(recipient, desk);
	recipient_put(recipient, desk->console, CONSOLE_NORMAL, "There is nothing to accept:",
	    " is not known to you yet; a secure message that is answered changes that.\n");
	return PROGRAM_FAILED;
}

/* What there is to know before somebody is trusted instead of who was known. */
static void put_change(const struct desk *desk, const struct recipient *recipient)
{
	struct console *console = desk->console;
	const struct peer *peer =
	    peers_find_online(peersfile_peers(desk->peers), recipient->other.identity, clock_wall_ms());
	char ip[ADDRESS_TEXT_BYTES];

	recipient_put_change(recipient, console);
	put_both(desk, recipient);
	/* Then the change is probably not one. */
	if (peer)
		console_put_styled(console, CONSOLE_WARNING, "The identity you know is announced at %s.\n",
		    address_format(peer->address, ip));
	console_put(console, "The user may have a new machine or working directory, or this is somebody else.\n"
			     "Ask, by voice or side by side, what Fingerprint shows over there.");
	console_put(console, recipient->has_identity
				 ? " Accepting replaces the known identity by the announced one.\n"
				 : " Accepting forgets the known identity: then nothing proves who it is.\n");
}

int trust_accept(struct desk *desk, const char *name)
{
	struct recipient recipient;
	struct pin pin;
	int status = find_rival(desk, name, &recipient);

	if (status != PROGRAM_FINE)
		return status;
	if (!desk->script)
		put_change(desk, &recipient);
	if (!desk_agrees(desk, "Accept, yes or no? "))
		return PROGRAM_FAILED;
	make_pin(&recipient, &pin);
	/* They are muted or blocked as before. */
	pin.wishes = recipient.other.wishes;
	status = change(desk, recipient.other.username, &recipient.other, recipient.has_identity ? &pin : NULL);
	if (status != PROGRAM_FINE || desk->script)
		return status;
	recipient_put(&recipient, desk->console, CONSOLE_GOOD, "Accepted:",
	    recipient.has_identity ? " is known by the announced identity from now on; not verified.\n"
				   : " is not known any more.\n");
	waiting_hand_on(desk, recipient.other.identity, &recipient);
	return PROGRAM_FINE;
}

int trust_withdraw(struct desk *desk, const char *name)
{
	struct console *console = desk->console;
	struct recipient recipient;
	int status = find(desk, name, &recipient);

	if (status != PROGRAM_FINE)
		return status;
	if (!recipient.has_pin) {
		recipient_put(&recipient, console, CONSOLE_NORMAL,
		    "There is nothing to forget:", " is not known to you.\n");
		return PROGRAM_FAILED;
	}
	if (!desk->script) {
		console_put(console, "You know ");
		console_put_name(console, CONSOLE_NORMAL, recipient.pin.username);
		console_put(console, " since ");
		put_pin(desk, &recipient.pin);
	}
	if (!desk_agrees(desk, "Forget that, yes or no? "))
		return PROGRAM_FAILED;
	status = change(desk, recipient.pin.username, &recipient.pin, NULL);
	if (status != PROGRAM_FINE || desk->script)
		return status;
	console_put_styled(console, CONSOLE_GOOD, "Forgotten:");
	console_put(console, " whoever answers under that name next is known by it.\n");
	return PROGRAM_FINE;
}
