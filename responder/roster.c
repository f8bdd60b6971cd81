#include "roster.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "net/address.h"
#include "store/chatlog.h"

/* Where reading or writing peers.txt took longer than this, this many times as long passes before it is done again. */
#define QUICK_MS 10
#define PAUSE_FACTOR 4
#define FAILURE_PAUSE_MS 1000
/* What one address, and all, may have written to peers.txt; pins and new addresses of known identities count apart. */
#define WRITES_BURST 8
#define WRITES_PERIOD_MS 60000
#define ALL_WRITES_BURST 64
#define ALL_WRITES_PERIOD_MS 2000
/* Lines about one address, besides the messages themselves. */
#define NOTES_PERIOD_MS 60000

/* The peer that announced the proven identity: at that address or, if it has moved, at the one heard last. */
static const struct peer *find_identity(const struct peers *peers, struct in_addr address, const uint8_t *identity)
{
	const struct peer *latest = NULL;

	for (const struct peer *peer = NULL; (peer = peers_next_of(peers, identity, peer));) {
		if (peer->address.s_addr == address.s_addr)
			return peer;
		if (!latest || peer->last_seen_ms > latest->last_seen_ms)
			latest = peer;
	}
	return latest;
}

static bool is_shared(const struct peers *peers, const struct peer *peer, int64_t now_ms)
{
	for (const struct peer *other = NULL; (other = peers_next(peers, other));) {
		if (other != peer && peer_is_listed(other, now_ms) && strcmp(other->username, peer->username) == 0)
			return true;
	}
	return false;
}

/* When the next access to peers.txt may come, after one that began at began_ms. */
static int64_t rest_until(int64_t began_ms)
{
	int64_t ended_ms = clock_monotonic_ms(), took_ms = ended_ms - began_ms;

	return took_ms > QUICK_MS ? ended_ms + took_ms * PAUSE_FACTOR : ended_ms;
}

/* Brings the peers up to date, unless that has just taken long or failed. */
static void refresh(struct roster *roster, struct console *console)
{
	int64_t began_ms = clock_monotonic_ms();
	int rc;

	if (roster->looked || began_ms < roster->read_ms)
		return;
	roster->looked = true;
	rc = peersfile_read(roster->file);
	roster->read_ms = rest_until(began_ms) + (rc == 0 ? 0 : FAILURE_PAUSE_MS);
	if (rc != 0 && rc != roster->failed)
		console_put_styled(console, CONSOLE_WARNING,
		    "cannot read " PEERSFILE_NAME ", so names may be missing: %s\n", peersfile_reason(rc));
	roster->failed = rc;
}

/* Tells something about a caller and somebody known, but seldom; what others choose comes last. */
static void note(struct roster *roster, enum console_style style, const struct caller *caller, const char *says,
    const char *name, const char *more, struct console *console)
{
	char ip[ADDRESS_TEXT_BYTES];

	if (!ratelimit_allow(&roster->notes, caller->address, clock_monotonic_ms()))
		return;
	console_put_styled(console, style, "note: %s %s", address_format(caller->address, ip), says);
	console_put(console, " ");
	console_put_name(console, CONSOLE_NORMAL, name);
	console_put(console, "%s\n", more);
}

/* Marks who has a name that looks like that of somebody known. */
static void check_alike(struct roster *roster, struct caller *caller, struct console *console)
{
	const struct pin *alike = pins_find_alike(peersfile_pins(roster->file), caller->username);

	if (!alike)
		return;
	caller->trust = CALLER_ALIKE;
	note(roster, CONSOLE_WARNING, caller, "has a name that looks like that of", alike->username,
	    ", whom you know, and is somebody else", console);
}

static void tell_met(int error, const struct caller *caller, struct console *console)
{
	if (error == 0)
		console_put_styled(console, CONSOLE_FAINT, "note: known from now on by the identity just proven:");
	else
		console_put_styled(console, CONSOLE_WARNING,
		    "note: cannot remember the identity, " PEERSFILE_NAME ": %s:", peersfile_reason(error));
	console_put(console, " ");
	console_put_name(console, CONSOLE_NORMAL, caller->username);
	console_put(console, "\n");
}

/*
 * Remembers that the caller proved the identity: pins the name where it is a stranger's, else keeps the address.
 * Rewriting peers.txt costs something, so nobody can cause it often, and strangers not at the cost of who is known.
 */
static void meet(struct roster *roster, struct caller *caller, const uint8_t *identity, struct console *console)
{
	bool stranger = caller->trust == CALLER_STRANGER;
	struct ratelimit *own = stranger ? &roster->pins : &roster->moves;
	struct ratelimit *all = stranger ? &roster->all_pins : &roster->all_moves;
	int64_t began_ms = clock_monotonic_ms();
	int rc;

	if (began_ms < roster->write_ms || !ratelimit_allow(own, caller->address, began_ms) ||
	    !ratelimit_allow(all, (struct in_addr){0}, began_ms))
		return;
	rc = peersfile_meet(roster->file, caller->username, identity, caller->address, PINS_BY_STRANGERS_MAX);
	roster->write_ms = rest_until(began_ms);
	if (rc == EEXIST)
		caller->trust = CALLER_CHANGED;
	else if (rc == 0 && stranger)
		caller->trust = CALLER_NAMED;
	if (rc != EEXIST && stranger)
		tell_met(rc, caller, console);
}

/*
 * Whether the first proof may pin the name. Not where it could be somebody else's: another address announces it as
 * well, or it looks like that of somebody known, or is the user's own, or what we call those without a name.
 */
static bool may_pin(const struct roster *roster, const struct peer *peer, const struct caller *caller)
{
	const char *own = peersfile_username(roster->file);

	return peer->address.s_addr == caller->address.s_addr && !caller->ambiguous &&
	       caller->trust == CALLER_STRANGER && strcmp(caller->username, CHATLOG_UNKNOWN) != 0 &&
	       !(own && strcmp(caller->username, own) == 0);
}

/* The pin of a proven identity: under the name that it announces, or else the oldest. */
static const struct pin *find_pin(const struct pins *known, const struct peer *peer, const uint8_t *identity)
{
	const struct pin *pin = peer ? pins_find(known, peer->username) : NULL;

	return pin && memcmp(pin->identity, identity, DH_KEY_BYTES) == 0 ? pin : pins_find_identity(known, identity);
}

/* Names who has proven an identity. What known and peers point to may be gone after meet(), so that comes last. */
static void name_proven(struct roster *roster, const uint8_t *identity, struct caller *caller, struct console *console)
{
	const struct pins *known = peersfile_pins(roster->file);
	const struct peers *peers = peersfile_peers(roster->file);
	const struct peer *peer = find_identity(peers, caller->address, identity);
	const struct pin *pin = find_pin(known, peer, identity);

	if (pin)
		strcpy(caller->username, pin->username);
	else if (peer)
		strcpy(caller->username, peer->username);
	else
		return;
	caller->known = true;
	if (peer && strcmp(caller->username, peer->username) == 0)
		caller->ambiguous = is_shared(peers, peer, clock_wall_ms());
	if (pin) {
		caller->trust = pin->verified ? CALLER_VERIFIED : CALLER_NAMED;
		check_alike(roster, caller, console);
		if (!pin_is_proven_at(pin, caller->address))
			meet(roster, caller, identity, console);
		return;
	}
	caller->trust = pins_find(known, caller->username) ? CALLER_CHANGED : CALLER_STRANGER;
	if (caller->trust == CALLER_STRANGER)
		check_alike(roster, caller, console);
	if (may_pin(roster, peer, caller))
		meet(roster, caller, identity, console);
}

/* Names who has proven nothing, by what the address announces. */
static void name_announced(struct roster *roster, enum chatlog_mode mode, struct caller *caller,
    struct console *console)
{
	const struct pins *known = peersfile_pins(roster->file);
	const struct peers *peers = peersfile_peers(roster->file);
	const struct peer *peer = peers_find(peers, caller->address);
	const struct pin *pin;
	int64_t now_ms = clock_wall_ms();

	/* The address may have gone to somebody else since. */
	if (!peer || !peer_is_listed(peer, now_ms))
		return;
	caller->known = true;
	strcpy(caller->username, peer->username);
	caller->ambiguous = is_shared(peers, peer, now_ms);
	switch (pins_judge(known, peer, &pin)) {
	case PINS_SAME:
		/* Anybody can repeat an announcement; where it was proven, it is at least likely. */
		caller->trust =
		    pin->has_address && !pin_is_proven_at(pin, caller->address) ? CALLER_CHANGED : CALLER_UNPROVEN;
		return;
	case PINS_CHANGED:
	case PINS_MISSING:
		caller->trust = CALLER_CHANGED;
		return;
	case PINS_STRANGER:
		break;
	}
	check_alike(roster, caller, console);
	if (mode == CHATLOG_CLASSIC && peer->has_identity && caller->trust == CALLER_NAMED)
		caller->trust = CALLER_UNPROVEN;
}

static void name(struct roster *roster, const uint8_t *identity, enum chatlog_mode mode, struct caller *caller,
    struct console *console)
{
	if (identity)
		name_proven(roster, identity, caller, console);
	else
		name_announced(roster, mode, caller, console);
	if (caller->trust == CALLER_CHANGED)
		note(roster, CONSOLE_BAD, caller, "did not prove to be", caller->username,
		    ", whom you know; see Users in the initiator", console);
}

/* Whether the place holds the answer to this question. */
static bool remembers(const struct roster *roster, const struct remembered *place, struct in_addr address,
    const uint8_t *identity, enum chatlog_mode mode)
{
	return place->until_ms > clock_monotonic_ms() && place->version == peersfile_version(roster->file) &&
	       place->caller.address.s_addr == address.s_addr && place->mode == mode &&
	       place->has_identity == (identity != NULL) &&
	       (!identity || memcmp(place->identity, identity, DH_KEY_BYTES) == 0);
}

void roster_init(struct roster *roster, struct peersfile *file)
{
	*roster = (struct roster){.file = file};
	ratelimit_init(&roster->pins, WRITES_BURST, WRITES_PERIOD_MS);
	ratelimit_init(&roster->moves, WRITES_BURST, WRITES_PERIOD_MS);
	ratelimit_init(&roster->all_pins, ALL_WRITES_BURST, ALL_WRITES_PERIOD_MS);
	ratelimit_init(&roster->all_moves, ALL_WRITES_BURST, ALL_WRITES_PERIOD_MS);
	ratelimit_init(&roster->notes, 1, NOTES_PERIOD_MS);
}

void roster_begin_round(struct roster *roster)
{
	roster->looked = false;
}

void roster_find(struct roster *roster, struct in_addr address, const uint8_t *identity, enum chatlog_mode mode,
    struct console *console, struct caller *caller)
{
	struct remembered *place = &roster->remembered[ntohl(address.s_addr) % ROSTER_REMEMBERED];

	refresh(roster, console);
	if (!remembers(roster, place, address, identity, mode)) {
		*place = (struct remembered){
		    .caller = {.address = address, .username = CHATLOG_UNKNOWN},
		    .has_identity = identity != NULL,
		    .mode = mode,
		};
		if (identity)
			memcpy(place->identity, identity, DH_KEY_BYTES);
		name(roster, identity, mode, &place->caller, console);
		place->version = peersfile_version(roster->file);
		place->until_ms = clock_monotonic_ms() + ROSTER_MEMORY_MS;
	}
	*caller = place->caller;
}

void caller_put(const struct caller *caller, struct console *console)
{
	char ip[ADDRESS_TEXT_BYTES];

	console_put_name(console, caller->known ? CONSOLE_STRONG : CONSOLE_WARNING, caller->username);
	/* Somebody may have taken that name. */
	if (caller->ambiguous || caller->trust >= CALLER_STRANGER || strcmp(caller->username, CHATLOG_UNKNOWN) == 0)
		console_put(console, " (%s)", address_format(caller->address, ip));
}
