#include "roster.h"

#include <string.h>

#include "address.h"
#include "chatlog.h"
#include "clock.h"

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

void roster_find(struct roster *roster, struct in_addr address, const uint8_t *identity, struct console *console,
    struct caller *caller)
{
	const struct peers *peers;
	const struct peer *peer;
	int64_t now_ms = clock_wall_ms();
	int rc = peersfile_read(roster->file);

	if (rc != 0 && rc != roster->failed)
		console_put_styled(console, CONSOLE_WARNING,
		    "cannot read " PEERSFILE_NAME ", so names may be missing: %s\n", peersfile_reason(rc));
	roster->failed = rc;
	peers = peersfile_peers(roster->file);
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

void caller_put(const struct caller *caller, struct console *console)
{
	char ip[ADDRESS_TEXT_BYTES];

	console_put_name(console, caller->known ? CONSOLE_STRONG : CONSOLE_WARNING, caller->username);
	if (!caller->known || caller->shared)
		console_put(console, " (%s)", address_format(caller->address, ip));
}
