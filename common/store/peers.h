/*
 * The dictionary of peers: who was heard, from which address, and when.
 *
 * Specification 2.2.0-B and C: the key is the IPv4 address that recvfrom() gave. It lives in memory; peersfile keeps it
 * on disk. It holds at most PEERS_MAX peers, and a newcomer to a full one displaces the peer that has been silent
 * longest, so strangers who invent addresses cannot use up memory. Peers are kept in the order in which they were last
 * heard. Not thread-safe: who shares one holds a mutex.
 */
#ifndef QUARTET_PEERS_H
#define QUARTET_PEERS_H

#include <jansson.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/announcement.h"

#define PEERS_MAX 16384
#define PEERS_ONLINE_MS 10000  /* heard this recently: (Online), specification 2.3.0-B */
#define PEERS_LISTED_MS 900000 /* heard this recently: listed at all, specification 2.3.0-B */

struct peer {
	struct in_addr address;
	char username[USERNAME_MAX_BYTES + 1];
	uint8_t identity[DH_KEY_BYTES];
	bool has_identity;
	bool left;	      /* said that it is leaving and was not heard since */
	unsigned news;	      /* bits of enum peers_news since somebody last cleared them */
	int64_t last_seen_ms; /* wall clock */
	uint64_t digest;      /* of the announcement it was last heard in, or 0 */
	json_t *extra; /* members of the file that this version does not know; owned by the dictionary, or NULL */
};

/* What an announcement meant for the dictionary. Several may gather in peer.news. */
enum peers_news {
	PEERS_REFRESHED = 1, /* heard again, nothing else is new */
	PEERS_INSERTED = 2,  /* the address was not there, or had been silent for more than PEERS_LISTED_MS */
	PEERS_RENAMED = 4,   /* the address goes by another name now */
	PEERS_REKEYED = 8,   /* the address announces another identity, or none, now */
	PEERS_DEPARTED = 16, /* it said that it is leaving */
	PEERS_RETURNED = 32, /* it had left and is heard again */
};

struct peers;

/* A new empty dictionary for the caller to free, or NULL where memory is out. */
struct peers *peers_new(void);
void peers_free(struct peers *peers);

size_t peers_count(const struct peers *peers);

/* The peer at address, or NULL. The pointer holds until the dictionary changes. */
struct peer *peers_find(const struct peers *peers, struct in_addr address);

/* Walk from the peer heard last to the one silent longest: peer is NULL to begin, and NULL comes back at the end. */
struct peer *peers_older(const struct peers *peers, const struct peer *peer);

/* Walk the other way: from the one silent longest to the peer heard last. */
struct peer *peers_newer(const struct peers *peers, const struct peer *peer);

/*
 * Notes an announcement from address at now_ms and adds to peer.news. A stranger who only says that it is leaving is not
 * inserted. Returns the news of this announcement, 0 for none, or -1 where memory is out.
 */
int peers_hear(struct peers *peers, struct in_addr address, const struct announcement *announcement, int64_t now_ms)
    __attribute__((warn_unused_result));

/*
 * What the peer at address announced when it was last heard, where that had this digest. Returns false, with
 * *announcement left alone, where it had another one or there is no such peer.
 */
bool peers_recall(const struct peers *peers, struct in_addr address, uint64_t digest, struct announcement *announcement)
    __attribute__((warn_unused_result));

/*
 * Copies peer in as the one heard last, replacing the entry of its address; extra is not copied, what the entry had
 * stays. Returns the entry, or NULL where memory is out.
 */
struct peer *peers_put(struct peers *peers, const struct peer *peer) __attribute__((warn_unused_result));

/* Drops all that have been silent for more than PEERS_LISTED_MS at now_ms. Returns how many. */
size_t peers_expire(struct peers *peers, int64_t now_ms);

/*
 * How long peer has been silent, in milliseconds; 0 where the clock has been set back since by PEERS_ONLINE_MS at most,
 * negative where by more.
 */
int64_t peer_silence_ms(const struct peer *peer, int64_t now_ms);

/* Whether peer announces that identity. */
bool peer_announces(const struct peer *peer, const uint8_t identity[static DH_KEY_BYTES]);

/*
 * Whether peer counts as (Online), and whether it is listed at all. Both bounds are inclusive. Who was heard in the
 * future is neither.
 */
bool peer_is_online(const struct peer *peer, int64_t now_ms);
bool peer_is_listed(const struct peer *peer, int64_t now_ms);

#endif
