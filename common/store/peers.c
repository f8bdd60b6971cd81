#include "store/peers.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

/* What a claim is worth to a full dictionary, from the first to go to the last. */
enum rank {
	RANK_ONCE,	  /* unsigned, and heard once */
	RANK_SIGNED_ONCE, /* signing takes more than inventing an address, but not much */
	RANK_UNSIGNED,
	RANK_SIGNED,
	RANK_PINNED,
	RANKS
};

/* The peer comes first, so that a pointer to it is a pointer to its node. */
struct node {
	struct peer peer;
	enum rank rank;
	TAILQ_ENTRY(node) equal;      /* those of its rank, who was heard longest ago first */
	LIST_ENTRY(node) all, at, of; /* all; in the same bucket of addresses, and of identities */
};

TAILQ_HEAD(line, node);
LIST_HEAD(nodes, node);

struct peers {
	size_t count, with_rooms;
	struct line ranks[RANKS];
	struct nodes all, at[PEERS_MAX], of[PEERS_MAX];
	uint8_t seed[crypto_shorthash_KEYBYTES]; /* so that nobody can choose what shares a bucket */
};

static size_t hash(const struct peers *peers, const void *bytes, size_t len)
{
	uint64_t number;

	crypto_shorthash((unsigned char *)&number, bytes, len, peers->seed);
	return number % PEERS_MAX;
}

static struct node *first_at(const struct peers *peers, struct in_addr address)
{
	return LIST_FIRST(&peers->at[hash(peers, &address, sizeof(address))]);
}

struct peers *peers_new(void)
{
	struct peers *peers = calloc(1, sizeof(*peers));

	if (peers) {
		for (int rank = 0; rank < RANKS; rank++)
			TAILQ_INIT(&peers->ranks[rank]);
		randombytes_buf(peers->seed, sizeof(peers->seed));
	}
	return peers;
}

void peers_free(struct peers *peers)
{
	while (peers && !LIST_EMPTY(&peers->all))
		peers_drop(peers, &LIST_FIRST(&peers->all)->peer);
	free(peers);
}

size_t peers_count(const struct peers *peers)
{
	return peers->count;
}

static struct node *node_of(const struct peer *peer)
{
	return (struct node *)(uintptr_t)peer;
}

struct peer *peers_next(const struct peers *peers, const struct peer *peer)
{
	struct node *node = peer ? LIST_NEXT(node_of(peer), all) : LIST_FIRST(&peers->all);

	return node ? &node->peer : NULL;
}

struct peer *peers_next_at(const struct peers *peers, struct in_addr address, const struct peer *peer)
{
	struct node *node = peer ? LIST_NEXT(node_of(peer), at) : first_at(peers, address);

	while (node && node->peer.address.s_addr != address.s_addr)
		node = LIST_NEXT(node, at);
	return node ? &node->peer : NULL;
}

struct peer *peers_next_of(const struct peers *peers, const uint8_t identity[static IDENTITY_BYTES],
    const struct peer *peer)
{
	struct node *node =
	    peer ? LIST_NEXT(node_of(peer), of) : LIST_FIRST(&peers->of[hash(peers, identity, IDENTITY_BYTES)]);

	while (node && !peer_announces(&node->peer, identity))
		node = LIST_NEXT(node, of);
	return node ? &node->peer : NULL;
}

const struct peer *peers_find_online(const struct peers *peers, const uint8_t identity[static IDENTITY_BYTES],
    int64_t now_ms)
{
	const struct peer *peer = NULL;

	while ((peer = peers_next_of(peers, identity, peer)) && !peer_is_online(peer, now_ms))
		;
	return peer;
}

/* What makes one claim of an address better than another. */
static int worth(const struct peer *peer)
{
	return 4 * !peer->left + 2 * peer->is_pinned + peer->has_identity;
}

/* The best claim of an address, or if now_ms is not NULL, of those that are listed then. */
static struct peer *find_best(const struct peers *peers, struct in_addr address, const int64_t *now_ms)
{
	struct peer *best = NULL;

	for (struct peer *peer = NULL; (peer = peers_next_at(peers, address, peer));) {
		if ((!now_ms || peer_is_listed(peer, *now_ms)) && (!best || worth(peer) > worth(best)))
			best = peer;
	}
	return best;
}

struct peer *peers_find(const struct peers *peers, struct in_addr address)
{
	return find_best(peers, address, NULL);
}

struct peer *peers_find_listed(const struct peers *peers, struct in_addr address, int64_t now_ms)
{
	return find_best(peers, address, &now_ms);
}

size_t peers_list(const struct peers *peers, struct in_addr address, struct peer *claims[static PEERS_CLAIMS_MAX])
{
	struct peer *best = peers_find(peers, address);
	size_t count = 0;

	if (best)
		claims[count++] = best;
	for (struct peer *peer = NULL; (peer = peers_next_at(peers, address, peer)) && count < PEERS_CLAIMS_MAX;) {
		if (peer != best)
			claims[count++] = peer;
	}
	return count;
}

int64_t peers_since(const struct peers *peers, const uint8_t identity[static IDENTITY_BYTES])
{
	const struct peer *any = peers_next_of(peers, identity, NULL);

	/* They have the same one, because a newer one drops those with an older. */
	return any ? any->since_s : 0;
}

static enum rank rank_of(const struct peer *peer)
{
	if (peer->is_pinned)
		return RANK_PINNED;
	if (peer->has_identity)
		return peer->heard_again ? RANK_SIGNED : RANK_SIGNED_ONCE;
	return peer->heard_again ? RANK_UNSIGNED : RANK_ONCE;
}

/* Enters a claim that was heard last. */
static void enter(struct peers *peers, struct node *node)
{
	struct node *last = first_at(peers, node->peer.address);

	LIST_INSERT_HEAD(&peers->all, node, all);
	node->rank = rank_of(&node->peer);
	TAILQ_INSERT_TAIL(&peers->ranks[node->rank], node, equal);
	/* Those longest there stay first. */
	while (last && LIST_NEXT(last, at))
		last = LIST_NEXT(last, at);
	if (last)
		LIST_INSERT_AFTER(last, node, at);
	else
		LIST_INSERT_HEAD(&peers->at[hash(peers, &node->peer.address, sizeof(node->peer.address))], node, at);
	if (node->peer.has_identity)
		LIST_INSERT_HEAD(&peers->of[hash(peers, node->peer.identity, IDENTITY_BYTES)], node, of);
	peers->count++;
}

/* Gives a claim other rooms, which it takes over. */
static void set_rooms(struct peers *peers, struct peer *peer, struct announcement_room *rooms, size_t count)
{
	peers->with_rooms += (size_t)(count > 0) - (size_t)(peer->room_count > 0);
	free(peer->rooms);
	peer->rooms = rooms;
	peer->room_count = count;
}

void peers_drop(struct peers *peers, struct peer *peer)
{
	struct node *node = node_of(peer);

	LIST_REMOVE(node, all);
	TAILQ_REMOVE(&peers->ranks[node->rank], node, equal);
	LIST_REMOVE(node, at);
	if (peer->has_identity)
		LIST_REMOVE(node, of);
	json_decref(peer->extra);
	set_rooms(peers, peer, NULL, 0);
	free(node);
	peers->count--;
}

/*
 * Makes room for a claim among those of its address, if there are too many: for the worst of them that is worth no more
 * or is not listed any more. Returns false if there is none.
 */
static bool make_room_at(struct peers *peers, const struct peer *newcomer)
{
	enum rank rank = rank_of(newcomer);
	struct peer *worst = NULL;
	int worst_rank = 0, count = 0;

	for (struct peer *peer = NULL; (peer = peers_next_at(peers, newcomer->address, peer)); count++) {
		int own = peer_is_listed(peer, newcomer->last_seen_ms) ? (int)rank_of(peer) : -1;

		if (!worst || own < worst_rank || (own == worst_rank && peer->last_seen_ms < worst->last_seen_ms)) {
			worst = peer;
			worst_rank = own;
		}
	}
	if (count < PEERS_CLAIMS_MAX)
		return true;
	if (worst_rank > (int)rank)
		return false;
	peers_drop(peers, worst);
	return true;
}

/* Drops, of a full dictionary, the claim worth least and silent longest. */
static void make_room(struct peers *peers)
{
	for (int rank = 0; rank < RANKS && peers->count >= PEERS_MAX; rank++) {
		if (!TAILQ_EMPTY(&peers->ranks[rank]))
			peers_drop(peers, &TAILQ_FIRST(&peers->ranks[rank])->peer);
	}
}

/* Copies a new claim in as the one heard last. NULL with errno 0 if it is not taken. */
static struct peer *insert(struct peers *peers, const struct peer *peer)
{
	struct node *node;

	errno = 0;
	if (!make_room_at(peers, peer))
		return NULL;
	make_room(peers);
	node = malloc(sizeof(*node));
	if (!node) {
		errno = ENOMEM;
		return NULL;
	}
	node->peer = *peer;
	peers->with_rooms += peer->room_count > 0;
	enter(peers, node);
	return &node->peer;
}

static void move_to_newest(struct peers *peers, struct peer *peer)
{
	struct node *node = node_of(peer);

	TAILQ_REMOVE(&peers->ranks[node->rank], node, equal);
	node->rank = rank_of(peer);
	TAILQ_INSERT_TAIL(&peers->ranks[node->rank], node, equal);
}

static int compare_times(const void *left, const void *right)
{
	const struct peer *a = *(const struct peer *const *)left, *b = *(const struct peer *const *)right;

	return (a->last_seen_ms > b->last_seen_ms) - (a->last_seen_ms < b->last_seen_ms);
}

int peers_sort(struct peers *peers)
{
	struct peer **list = calloc(peers->count + 1, sizeof(*list));
	size_t count = 0;

	if (!list)
		return ENOMEM;
	for (struct peer *peer = NULL; (peer = peers_next(peers, peer));)
		list[count++] = peer;
	qsort(list, count, sizeof(*list), compare_times);
	for (size_t i = 0; i < count; i++)
		move_to_newest(peers, list[i]);
	free(list);
	return 0;
}

struct peer *peers_find_claim(const struct peers *peers, struct in_addr address, const uint8_t *identity)
{
	struct peer *peer = NULL;

	while ((peer = peers_next_at(peers, address, peer))) {
		if (identity ? peer_announces(peer, identity) : !peer->has_identity)
			break;
	}
	return peer;
}

bool peers_is_signed_name(const struct peers *peers, struct in_addr address, const char *username, int64_t now_ms)
{
	for (const struct peer *peer = NULL; (peer = peers_next_at(peers, address, peer));) {
		if (peer->has_identity && !peer->left && peer_is_listed(peer, now_ms) &&
		    strcmp(peer->username, username) == 0)
			return true;
	}
	return false;
}

/* Drops the claims of an identity that are older than since_s. */
static void drop_older(struct peers *peers, const uint8_t *identity, int64_t since_s)
{
	struct peer *peer = peers_next_of(peers, identity, NULL), *next;

	for (; peer; peer = next) {
		next = peers_next_of(peers, identity, peer);
		if (peer->since_s < since_s)
			peers_drop(peers, peer);
	}
}

/* Whether other rooms are announced for a claim than it has, which it then has instead, if there is room for them. */
static bool take_rooms(struct peers *peers, struct peer *peer, const struct announcement *announcement)
{
	size_t len = announcement->room_count * sizeof(*peer->rooms);
	struct announcement_room *rooms = NULL;

	if (announcement->room_count == peer->room_count &&
	    (len == 0 || memcmp(announcement->rooms, peer->rooms, len) == 0))
		return false;
	if (len > 0 && (peer->is_pinned || peer->room_count > 0 || peers->with_rooms < PEERS_WITH_ROOMS_MAX))
		rooms = malloc(len);
	if (rooms)
		memcpy(rooms, announcement->rooms, len);
	set_rooms(peers, peer, rooms, rooms ? announcement->room_count : 0);
	return true;
}

/* What the announcement changes for a claim that is in the dictionary. */
static unsigned compare(const struct peer *peer, const struct announcement *announcement, int64_t now_ms)
{
	unsigned news = 0;

	if (!peer_is_listed(peer, now_ms) && !announcement->leaving)
		return PEERS_INSERTED;
	if (strcmp(peer->username, announcement->username) != 0)
		news |= PEERS_RENAMED;
	if (announcement->leaving && !peer->left)
		news |= PEERS_DEPARTED;
	if (!announcement->leaving && peer->left)
		news |= PEERS_RETURNED;
	if (announcement->has_identity && announcement->since_s != peer->since_s)
		news |= PEERS_RENEWED;
	return news ? news : PEERS_REFRESHED;
}

/* Notes that a claim is heard at now_ms. Returns what is new about that. */
static unsigned hear_again(struct peer *peer, int64_t now_ms)
{
	int64_t silence_ms = peer_silence_ms(peer, now_ms);
	/* If the clock was set back, since when it was there would be in the future. */
	bool is_back = peer->has_identity && (silence_ms < 0 || silence_ms > PEERS_BACK_MS);

	if (is_back)
		peer->back_s = now_ms / 1000;
	peer->last_seen_ms = now_ms;
	peer->is_stale = true;
	return is_back ? PEERS_BACK : 0;
}

int peers_hear(struct peers *peers, struct in_addr address, const struct announcement *announcement, bool is_pinned,
    int64_t now_ms)
{
	const uint8_t *identity = announcement->has_identity ? announcement->identity : NULL;
	struct peer *peer = peers_find_claim(peers, address, identity), newcomer, *unsigned_one;
	unsigned news = PEERS_INSERTED;

	if (identity ? announcement->since_s < peers_since(peers, identity)
		     : peers_is_signed_name(peers, address, announcement->username, now_ms))
		return 0;
	if (peer) {
		news = compare(peer, announcement, now_ms);
	} else if (announcement->leaving) {
		if (identity)
			drop_older(peers, identity, announcement->since_s);
		return 0;
	} else {
		newcomer = (struct peer){.address = address,
		    .has_identity = announcement->has_identity,
		    .is_pinned = is_pinned,
		    .back_s = announcement->has_identity ? now_ms / 1000 : 0,
		    .last_seen_ms = now_ms};
		memcpy(newcomer.identity, announcement->identity, sizeof(newcomer.identity));
		peer = insert(peers, &newcomer);
		if (!peer)
			return errno == 0 ? 0 : -1;
	}
	if (take_rooms(peers, peer, announcement))
		news |= PEERS_ROOMS;
	if (news & PEERS_RENAMED && !(peer->news & PEERS_RENAMED))
		memcpy(peer->was, peer->username, sizeof(peer->was));
	memcpy(peer->username, announcement->username, sizeof(peer->username));
	peer->since_s = announcement->since_s;
	peer->left = announcement->leaving;
	news |= hear_again(peer, now_ms);
	peer->digest = announcement->digest;
	peer->heard_again = !(news & PEERS_INSERTED);
	peer->is_pinned = is_pinned;
	peer->news |= news;
	if (news != PEERS_REFRESHED)
		peer->offset = 0;
	move_to_newest(peers, peer);
	if (!identity)
		return (int)news;
	drop_older(peers, identity, announcement->since_s);
	unsigned_one = peers_find_claim(peers, address, NULL);
	if (unsigned_one && !peer->left && strcmp(unsigned_one->username, peer->username) == 0)
		peers_drop(peers, unsigned_one);
	return (int)news;
}

unsigned peers_refresh(struct peers *peers, struct in_addr address, uint64_t digest, int64_t now_ms)
{
	struct peer *peer = NULL;
	unsigned news;

	do
		peer = peers_next_at(peers, address, peer);
	while (peer && (peer->digest == 0 || peer->digest != digest));
	if (!peer || !peer_is_listed(peer, now_ms))
		return 0;
	news = PEERS_REFRESHED | hear_again(peer, now_ms);
	if (news != PEERS_REFRESHED)
		peer->offset = 0;
	peer->heard_again = true;
	peer->news |= news;
	move_to_newest(peers, peer);
	return news;
}

struct peer *peers_put(struct peers *peers, const struct peer *peer)
{
	const uint8_t *identity = peer->has_identity ? peer->identity : NULL;
	struct peer *entry = peers_find_claim(peers, peer->address, identity);

	errno = 0;
	if (identity && peer->since_s < peers_since(peers, identity))
		entry = NULL;
	else if (!entry)
		entry = insert(peers, peer);
	else {
		json_decref(entry->extra);
		set_rooms(peers, entry, peer->rooms, peer->room_count);
		*entry = *peer;
		move_to_newest(peers, entry);
	}
	if (!entry) {
		json_decref(peer->extra);
		free(peer->rooms);
		return NULL;
	}
	if (identity)
		drop_older(peers, identity, peer->since_s);
	return entry;
}

void peers_set_pinned(struct peers *peers, struct peer *peer, bool is_pinned)
{
	if (peer->is_pinned == is_pinned)
		return;
	peer->is_pinned = is_pinned;
	move_to_newest(peers, peer);
}

void peers_expire(struct peers *peers, int64_t now_ms)
{
	/* All of them: if the clock was set, the order of hearing is not that of the times. */
	for (struct peer *peer = peers_next(peers, NULL), *next; peer; peer = next) {
		next = peers_next(peers, peer);
		if (!peer_is_listed(peer, now_ms))
			peers_drop(peers, peer);
	}
}

int64_t peer_silence_ms(const struct peer *peer, int64_t now_ms)
{
	int64_t silence_ms = now_ms - peer->last_seen_ms;

	return silence_ms < 0 && silence_ms >= -PEERS_ONLINE_MS ? 0 : silence_ms;
}

bool peer_announces(const struct peer *peer, const uint8_t identity[static IDENTITY_BYTES])
{
	return peer->has_identity && memcmp(peer->identity, identity, IDENTITY_BYTES) == 0;
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
