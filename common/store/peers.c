#include "store/peers.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX
#define FIRST_CAPACITY 16

/* The peer comes first, so that a pointer to it is a pointer to its node. */
struct node {
	struct peer peer;
	uint32_t older, newer; /* neighbours in the order of last hearing, or NONE */
	uint32_t next;	       /* in the same hash bucket, or among the free nodes, or NONE */
};

struct peers {
	struct node *nodes;
	uint32_t *buckets; /* capacity of them: the first node of each chain, or NONE */
	uint32_t capacity; /* a power of two */
	uint32_t count;
	uint32_t newest, oldest;
	uint32_t free;
	uint32_t seed; /* so that nobody can choose addresses that share a bucket */
};

/* The final mix of MurmurHash3 (public domain), which spreads neighbouring addresses. */
static uint32_t bucket_of(const struct peers *peers, struct in_addr address)
{
	uint32_t hash = address.s_addr ^ peers->seed;

	hash = (hash ^ hash >> 16) * 0x85ebca6bu;
	hash = (hash ^ hash >> 13) * 0xc2b2ae35u;
	return (hash ^ hash >> 16) & (peers->capacity - 1);
}

static struct node *node_at(const struct peers *peers, uint32_t index)
{
	return index == NONE ? NULL : &peers->nodes[index];
}

static uint32_t index_of(const struct peers *peers, const struct node *node)
{
	return (uint32_t)(node - peers->nodes);
}

static struct node *node_of(const struct peers *peers, const struct peer *peer)
{
	return &peers->nodes[(const struct node *)peer - peers->nodes];
}

struct peers *peers_new(void)
{
	struct peers *peers = calloc(1, sizeof(*peers));

	if (peers) {
		peers->newest = peers->oldest = peers->free = NONE;
		peers->seed = randombytes_random();
	}
	return peers;
}

void peers_free(struct peers *peers)
{
	if (!peers)
		return;
	for (uint32_t i = peers->newest; i != NONE; i = peers->nodes[i].older)
		json_decref(peers->nodes[i].peer.extra);
	free(peers->nodes);
	free(peers->buckets);
	free(peers);
}

size_t peers_count(const struct peers *peers)
{
	return peers->count;
}

struct peer *peers_find(const struct peers *peers, struct in_addr address)
{
	if (peers->capacity == 0)
		return NULL;
	for (uint32_t i = peers->buckets[bucket_of(peers, address)]; i != NONE; i = peers->nodes[i].next) {
		if (peers->nodes[i].peer.address.s_addr == address.s_addr)
			return &peers->nodes[i].peer;
	}
	return NULL;
}

struct peer *peers_older(const struct peers *peers, const struct peer *peer)
{
	struct node *node = node_at(peers, peer ? node_of(peers, peer)->older : peers->newest);

	return node ? &node->peer : NULL;
}

struct peer *peers_newer(const struct peers *peers, const struct peer *peer)
{
	struct node *node = node_at(peers, peer ? node_of(peers, peer)->newer : peers->oldest);

	return node ? &node->peer : NULL;
}

static void link_newest(struct peers *peers, struct node *node)
{
	uint32_t index = index_of(peers, node);

	node->newer = NONE;
	node->older = peers->newest;
	if (peers->newest != NONE)
		peers->nodes[peers->newest].newer = index;
	else
		peers->oldest = index;
	peers->newest = index;
}

static void unlink_node(struct peers *peers, const struct node *node)
{
	if (node->newer != NONE)
		peers->nodes[node->newer].older = node->older;
	else
		peers->newest = node->older;
	if (node->older != NONE)
		peers->nodes[node->older].newer = node->newer;
	else
		peers->oldest = node->newer;
}

static void enter_bucket(struct peers *peers, struct node *node)
{
	uint32_t *bucket = &peers->buckets[bucket_of(peers, node->peer.address)];

	node->next = *bucket;
	*bucket = index_of(peers, node);
}

static void leave_bucket(struct peers *peers, const struct node *node)
{
	uint32_t *link = &peers->buckets[bucket_of(peers, node->peer.address)];

	while (*link != index_of(peers, node))
		link = &peers->nodes[*link].next;
	*link = node->next;
}

static void remove_node(struct peers *peers, struct node *node)
{
	unlink_node(peers, node);
	leave_bucket(peers, node);
	json_decref(node->peer.extra);
	node->next = peers->free;
	peers->free = index_of(peers, node);
	peers->count--;
}

/* Doubles the room for nodes and buckets. Returns false, with everything as it was, where memory is out. */
static bool grow(struct peers *peers)
{
	uint32_t capacity = peers->capacity ? peers->capacity * 2 : FIRST_CAPACITY;
	uint32_t *buckets = malloc(capacity * sizeof(*buckets));
	struct node *nodes = buckets ? realloc(peers->nodes, capacity * sizeof(*nodes)) : NULL;

	if (!nodes) {
		free(buckets);
		return false;
	}
	free(peers->buckets);
	peers->nodes = nodes;
	peers->buckets = buckets;
	for (uint32_t i = 0; i < capacity; i++)
		buckets[i] = NONE;
	for (uint32_t i = peers->capacity; i < capacity; i++) {
		nodes[i].next = peers->free;
		peers->free = i;
	}
	peers->capacity = capacity;
	for (uint32_t i = peers->newest; i != NONE; i = nodes[i].older)
		enter_bucket(peers, &nodes[i]);
	return true;
}

/* A new entry for address, as the one heard last; in a full dictionary it takes the place of the longest silent. */
static struct peer *insert(struct peers *peers, struct in_addr address)
{
	struct node *node;

	if (peers->count == PEERS_MAX)
		remove_node(peers, &peers->nodes[peers->oldest]);
	if (peers->free == NONE && !grow(peers))
		return NULL;
	node = &peers->nodes[peers->free];
	peers->free = node->next;
	node->peer = (struct peer){.address = address};
	link_newest(peers, node);
	enter_bucket(peers, node);
	peers->count++;
	return &node->peer;
}

static void move_to_newest(struct peers *peers, struct peer *peer)
{
	struct node *node = node_of(peers, peer);

	unlink_node(peers, node);
	link_newest(peers, node);
}

/* What the announcement changes for a peer that is in the dictionary. */
static unsigned compare(const struct peer *peer, const struct announcement *announcement, int64_t now_ms)
{
	unsigned news = 0;

	if (!peer_is_listed(peer, now_ms) && !announcement->leaving)
		return PEERS_INSERTED;
	if (strcmp(peer->username, announcement->username) != 0)
		news |= PEERS_RENAMED;
	if (announcement->has_identity ? !peer_announces(peer, announcement->identity) : peer->has_identity)
		news |= PEERS_REKEYED;
	if (announcement->leaving && !peer->left)
		news |= PEERS_DEPARTED;
	if (!announcement->leaving && peer->left)
		news |= PEERS_RETURNED;
	return news ? news : PEERS_REFRESHED;
}

int peers_hear(struct peers *peers, struct in_addr address, const struct announcement *announcement, int64_t now_ms)
{
	struct peer *peer = peers_find(peers, address);
	unsigned news = PEERS_INSERTED;

	if (peer) {
		news = compare(peer, announcement, now_ms);
		move_to_newest(peers, peer);
	} else if (announcement->leaving) {
		return 0;
	} else {
		peer = insert(peers, address);
		if (!peer)
			return -1;
	}
	memcpy(peer->username, announcement->username, sizeof(peer->username));
	memcpy(peer->identity, announcement->identity, sizeof(peer->identity));
	peer->has_identity = announcement->has_identity;
	peer->left = announcement->leaving;
	peer->last_seen_ms = now_ms;
	peer->digest = announcement->digest;
	peer->news |= news;
	return (int)news;
}

bool peers_recall(const struct peers *peers, struct in_addr address, uint64_t digest, struct announcement *announcement)
{
	const struct peer *peer = peers_find(peers, address);

	if (!peer || peer->digest == 0 || peer->digest != digest)
		return false;
	memcpy(announcement->username, peer->username, sizeof(announcement->username));
	memcpy(announcement->identity, peer->identity, sizeof(announcement->identity));
	announcement->has_identity = peer->has_identity;
	announcement->leaving = peer->left;
	announcement->digest = digest;
	return true;
}

struct peer *peers_put(struct peers *peers, const struct peer *peer)
{
	struct peer *entry = peers_find(peers, peer->address);
	json_t *extra;

	if (entry)
		move_to_newest(peers, entry);
	else
		entry = insert(peers, peer->address);
	if (!entry)
		return NULL;
	extra = entry->extra;
	*entry = *peer;
	entry->extra = extra;
	return entry;
}

size_t peers_expire(struct peers *peers, int64_t now_ms)
{
	size_t before = peers->count;

	/* All of them: where the clock was set, the order of hearing is not that of the times. */
	for (uint32_t i = peers->oldest, newer; i != NONE; i = newer) {
		newer = peers->nodes[i].newer;
		if (!peer_is_listed(&peers->nodes[i].peer, now_ms))
			remove_node(peers, &peers->nodes[i]);
	}
	return before - peers->count;
}

int64_t peer_silence_ms(const struct peer *peer, int64_t now_ms)
{
	int64_t silence_ms;

	if (__builtin_sub_overflow(now_ms, peer->last_seen_ms, &silence_ms))
		return peer->last_seen_ms < 0 ? INT64_MAX : INT64_MIN;
	return silence_ms < 0 && silence_ms >= -PEERS_ONLINE_MS ? 0 : silence_ms;
}

bool peer_announces(const struct peer *peer, const uint8_t identity[static DH_KEY_BYTES])
{
	return peer->has_identity && memcmp(peer->identity, identity, DH_KEY_BYTES) == 0;
}

bool peer_is_online(const struct peer *peer, int64_t now_ms)
{
	int64_t silence_ms = peer_silence_ms(peer, now_ms);

	return !peer->left && silence_ms >= 0 && silence_ms <= PEERS_ONLINE_MS;
}

bool peer_is_listed(const struct peer *peer, int64_t now_ms)
{
	int64_t silence_ms = peer_silence_ms(peer, now_ms);

	return silence_ms >= 0 && silence_ms <= PEERS_LISTED_MS;
}
