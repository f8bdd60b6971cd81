#include "roster.h"

#include <arpa/inet.h>
#include <string.h>

#include "address.h"
#include "chatlog.h"
#include "clock.h"

/* After reading peers.txt this many times as long passes before it is read again. */
#define READ_PAUSE_FACTOR 4
#define FAILURE_PAUSE_MS 1000

static bool has_identity(const struct peer *peer, const uint8_t *identity)
{
	return peer->has_identity && memcmp(peer->identity, identity, DH_KEY_BYTES) == 0;
}

/* The peer that announced the proven identity: at that address or, where it has moved, at the one heard last. */
static const struct peer *find_identity(const struct peers *peers, struct in_addr address, const uint8_t *identity)
{
	const struct peer *peer = peers_find(peers, address);

	if (peer && has_identity(peer, identity))
		return peer;
	for (peer = peers_older(peers, NULL); peer; peer = peers_older(peers, peer)) {
		if (has_identity(peer, identity))
			return peer;
	}
	return NULL;
}

static bool is_shared(const struct peers *peers, const struct peer *peer, int64_t now_ms)
{
	for (const struct peer *other = peers_older(peers, NULL); other; other = peers_older(peers, other)) {
		if (other != peer && peer_is_listed(other, now_ms) && strcmp(other->username, peer->username) == 0)
			return true;
	}
	return false;
}

/* Brings the peers up to date, unless that has just taken long or failed. */
static void refresh(struct roster *roster, struct console *console)
{
	int64_t began_ms = clock_monotonic_ms(), ended_ms;
	int rc;

	if (began_ms < roster->read_ms)
		return;
	rc = peersfile_read(roster->file);
	ended_ms = clock_monotonic_ms();
	roster->read_ms = ended_ms + (ended_ms - began_ms) * READ_PAUSE_FACTOR + (rc == 0 ? 0 : FAILURE_PAUSE_MS);
	if (rc != 0 && rc != roster->failed)
		console_put_styled(console, CONSOLE_WARNING,
		    "cannot read " PEERSFILE_NAME ", so names may be missing: %s\n", peersfile_reason(rc));
	roster->failed = rc;
}

static void search(const struct peers *peers, struct in_addr address, const uint8_t *identity, struct caller *caller)
{
	const struct peer *peer;
	int64_t now_ms = clock_wall_ms();

	if (identity) {
		peer = find_identity(peers, address, identity);
	} else {
		peer = peers_find(peers, address);
		/* The address may have gone to somebody else since. */
		if (peer && !peer_is_listed(peer, now_ms))
			peer = NULL;
	}
	*caller = (struct caller){.address = address, .known = peer != NULL};
	strcpy(caller->username, peer ? peer->username : CHATLOG_UNKNOWN);
	if (peer)
		caller->shared = is_shared(peers, peer, now_ms);
}

/* Whether the place holds the answer to this question. */
static bool remembers(const struct roster *roster, const struct remembered *place, struct in_addr address,
    const uint8_t *identity)
{
	return place->until_ms > clock_monotonic_ms() && place->version == peersfile_version(roster->file) &&
	       place->caller.address.s_addr == address.s_addr && place->has_identity == (identity != NULL) &&
	       (!identity || memcmp(place->identity, identity, DH_KEY_BYTES) == 0);
}

void roster_find(struct roster *roster, struct in_addr address, const uint8_t *identity, struct console *console,
    struct caller *caller)
{
	struct remembered *place = &roster->remembered[ntohl(address.s_addr) % ROSTER_REMEMBERED];

	refresh(roster, console);
	if (!remembers(roster, place, address, identity)) {
		*place =
		    (struct remembered){.has_identity = identity != NULL, .version = peersfile_version(roster->file)};
		if (identity)
			memcpy(place->identity, identity, DH_KEY_BYTES);
		search(peersfile_peers(roster->file), address, identity, &place->caller);
		place->until_ms = clock_monotonic_ms() + ROSTER_MEMORY_MS;
	}
	*caller = place->caller;
}

void caller_put(const struct caller *caller, struct console *console)
{
	char ip[ADDRESS_TEXT_BYTES];

	console_put_name(console, caller->known ? CONSOLE_STRONG : CONSOLE_WARNING, caller->username);
	/* Somebody may have taken that name. */
	if (caller->shared || strcmp(caller->username, CHATLOG_UNKNOWN) == 0)
		console_put(console, " (%s)", address_format(caller->address, ip));
}
