#include "farther.h"

/* Whether it is no address of the whole Internet: RFC 1918, RFC 6598, RFC 3927. */
static bool is_private(struct in_addr address)
{
	uint32_t number = ntohl(address.s_addr);

	return number >> 24 == 10 || number >> 20 == (172 << 4 | 1) || number >> 16 == (192 << 8 | 168) ||
	       number >> 22 == (100 << 2 | 1) || number >> 16 == (169 << 8 | 254);
}

/* What the answers depend on. */
struct world {
	const struct peers *peers;
	const struct interface *networks; /* network_count of them */
	size_t network_count;
	int64_t now_ms;
};

/* Whether somebody announces from outside our networks, and may be answered while they do. */
static bool is_farther(const struct world *world, const struct peer *peer)
{
	if (!peer->has_identity || peer->left || !(peer->is_pinned || is_private(peer->address)))
		return false;
	for (size_t i = 0; i < world->network_count; i++) {
		if (interface_reaches(&world->networks[i], peer->address))
			return false;
	}
	return true;
}

static bool has_farther(const struct world *world)
{
	const struct peer *peer = NULL;

	while ((peer = peers_next(world->peers, peer)) && !is_farther(world, peer))
		;
	return peer != NULL;
}

/* Whether they did so of late. */
static bool is_heard(const struct peer *peer, int64_t now_ms)
{
	return peer_is_listed(peer, now_ms) &&
	       (peer->is_pinned || peer_silence_ms(peer, now_ms) < FARTHER_ANSWER_S * INT64_C(1000));
}

static bool is_in(const struct beacon_target *list, size_t count, struct in_addr address)
{
	for (size_t i = 0; i < count; i++) {
		if (list[i].to.s_addr == address.s_addr)
			return true;
	}
	return false;
}

/* Adds those whom the user knows, or the others, as far as the limit goes. */
static size_t add_answers(const struct world *world, bool is_pinned, struct beacon_target *list, size_t count,
    size_t limit)
{
	for (const struct peer *peer = NULL; count < limit && (peer = peers_next(world->peers, peer));) {
		if (peer->is_pinned == is_pinned && is_farther(world, peer) && is_heard(peer, world->now_ms) &&
		    !is_in(list, count, peer->address))
			list[count++] = (struct beacon_target){.to = peer->address, .is_answer = true};
	}
	return count;
}

size_t farther_list(const struct in_addr *asked, size_t asked_count, struct peersfile *file,
    const struct interface *networks, size_t network_count, int64_t now_ms,
    struct beacon_target list[static BEACON_TARGETS_MAX])
{
	int rc = peersfile_read_content(file);
	struct world world = {peersfile_peers(file), networks, network_count, now_ms};
	size_t reach_count, limit, count = 0;
	const struct in_addr *reach;

	/* Since when somebody is silent matters for those only, and most have none. */
	if (rc == 0 && has_farther(&world) && peersfile_read(file) == 0)
		world.peers = peersfile_peers(file);
	reach = peersfile_reach(file, &reach_count);
	for (size_t i = 0; i < asked_count + reach_count; i++) {
		struct in_addr to = i < asked_count ? asked[i] : reach[i - asked_count];

		if (!is_in(list, count, to))
			list[count++] = (struct beacon_target){.to = to};
	}
	limit = count + FARTHER_ANSWERS_MAX;
	count = add_answers(&world, true, list, count, limit);
	return add_answers(&world, false, list, count, limit);
}
