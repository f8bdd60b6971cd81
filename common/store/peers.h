/*
 * The dictionary of peers: who was heard, from which address, and when.
 *
 * Specification 2.2.0-B and C: the key is the IPv4 address that recvfrom() gave. What is heard from an address is what
 * one identity, or nobody in particular, says of it: a claim. Claims of one address stand side by side, and what is said
 * in the name of one changes nothing of another, because anybody can send from any address, and only who holds an
 * identity can sign. A struct peer is one claim; it has an identity if, and only if, its signature held.
 *
 * At most PEERS_MAX claims are held, and PEERS_CLAIMS_MAX of an address. A newcomer to a full dictionary displaces whoever
 * is worth least and has been silent longest: first who was heard only once, last those who sign and those the user
 * knows. So strangers who invent addresses use up no memory and push nobody out. Not thread-safe: who shares one holds a
 * mutex. Pointers to peers hold until the dictionary changes.
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
/* So many claims may have rooms, beside those of whom the user knows: strangers do not make the file grow. */
#define PEERS_WITH_ROOMS_MAX 1024
#define PEERS_CLAIMS_MAX 5    /* of one address, one of them unsigned at most */
#define PEERS_ONLINE_MS 10000 /* heard this recently: (Online), specification 2.3.0-B */
#define PEERS_BACK_MS 17000   /* silent for longer, whoever is heard again has been away */
#define PEERS_LISTED_MIN 15   /* heard this recently: listed at all, specification 2.3.0-B */
#define PEERS_LISTED_MS (PEERS_LISTED_MIN * 60000)

struct peer {
	struct in_addr address;
	char username[USERNAME_MAX_BYTES + 1];
	uint8_t identity[IDENTITY_BYTES];
	bool has_identity;
	bool left;	      /* said that it is leaving and was not heard since */
	bool is_pinned;	      /* the user knows the identity */
	bool heard_again;     /* more than once */
	int64_t since_s;      /* of the announcement; 0 without an identity */
	int64_t back_s;	      /* wall clock: since when it was never silent for PEERS_BACK_MS; 0 without an identity */
	int64_t last_seen_ms; /* wall clock */
	uint64_t digest;      /* of the announcement it was last heard in, or 0 */
	json_t *extra; /* members of the file that this version does not know; owned by the dictionary, or NULL */
	struct announcement_room *rooms; /* room_count of them, owned likewise, or NULL */
	size_t room_count;
	/* For whoever writes the dictionary down. */
	char was[USERNAME_MAX_BYTES + 1]; /* the name before it was renamed, if that is among the news */
	unsigned news;			  /* bits of enum peers_news since somebody last cleared them */
	uint32_t offset;		  /* where last_seen stands in the file; 0: not in it as it is here */
	bool is_stale;			  /* the file has another last_seen */
};

/* What an announcement meant for the dictionary. Several may gather in peer.news. */
enum peers_news {
	PEERS_REFRESHED = 1, /* heard again, nothing else is new */
	PEERS_INSERTED = 2,  /* the claim was not there, or had been silent for more than PEERS_LISTED_MS */
	PEERS_RENAMED = 4,   /* it goes by another name now */
	PEERS_DEPARTED = 8,  /* it said that it is leaving */
	PEERS_RETURNED = 16, /* it had left and is heard again */
	PEERS_RENEWED = 32,  /* the announcement is a newer one that says the same */
	PEERS_ROOMS = 64,    /* or announces other rooms */
	PEERS_BACK = 128,    /* it signs, and had been silent for PEERS_BACK_MS */
};

struct peers;

/* A new empty dictionary for the caller to free, or NULL if out of memory. */
struct peers *peers_new(void);
void peers_free(struct peers *peers);

/* How many claims it holds. */
size_t peers_count(const struct peers *peers);

/*
 * The best claim of an address, or of those listed at now_ms: one that did not say it is leaving, of those one of somebody
 * pinned, else a signed one, else the one longest there. NULL if there is none.
 */
struct peer *peers_find(const struct peers *peers, struct in_addr address);
struct peer *peers_find_listed(const struct peers *peers, struct in_addr address, int64_t now_ms);

/*
 * Walk all claims, those of an identity, and those of an address, of which those longest there come first: peer is NULL to
 * begin, and NULL comes back at the end.
 */
struct peer *peers_next(const struct peers *peers, const struct peer *peer);
struct peer *peers_next_of(const struct peers *peers, const uint8_t identity[static IDENTITY_BYTES],
    const struct peer *peer);
struct peer *peers_next_at(const struct peers *peers, struct in_addr address, const struct peer *peer);

/* A claim of an identity that is online at now_ms, the one longest there; or NULL. */
const struct peer *peers_find_online(const struct peers *peers, const uint8_t identity[static IDENTITY_BYTES],
    int64_t now_ms);

/* Lists all claims of an address, the best first, the others as they came to be there. Returns how many. */
size_t peers_list(const struct peers *peers, struct in_addr address, struct peer *claims[static PEERS_CLAIMS_MAX]);

/* The claim of that identity at an address, or the unsigned one if identity is NULL; NULL if there is none. */
struct peer *peers_find_claim(const struct peers *peers, struct in_addr address, const uint8_t *identity);

/* Whether a signed claim of that name is at an address, listed at now_ms and not gone. */
bool peers_is_signed_name(const struct peers *peers, struct in_addr address, const char *username, int64_t now_ms);

/* The newest "since" of an identity, or 0. */
int64_t peers_since(const struct peers *peers, const uint8_t identity[static IDENTITY_BYTES]);

/*
 * Notes an announcement from address at now_ms and adds to the claim's news; what is taken and what it drops, section 1 of
 * common/PROTOCOL.md says. Returns the news of this announcement, 0 for none, or -1 if out of memory.
 */
int peers_hear(struct peers *peers, struct in_addr address, const struct announcement *announcement, bool is_pinned,
    int64_t now_ms) __attribute__((warn_unused_result));

/*
 * Notes that the announcement with that digest came from address again. Returns the news, or 0 with nothing changed if no claim
 * there that is still listed was heard in it last: then it is for peers_hear().
 */
unsigned peers_refresh(struct peers *peers, struct in_addr address, uint64_t digest, int64_t now_ms)
    __attribute__((warn_unused_result));

/*
 * Copies a claim in, by the same rules but for the name of a signed one, in the place of that of the same identity at its
 * address; extra and rooms are taken over, also on an error. Returns the claim there now, or NULL if it was not taken, with errno
 * ENOMEM if out of memory, else 0.
 */
struct peer *peers_put(struct peers *peers, const struct peer *peer);

/* Brings the order in which they go up to date with last_seen_ms and is_pinned, after those were changed. */
int peers_sort(struct peers *peers) __attribute__((warn_unused_result));

/* Notes whether the user knows the identity of a claim. */
void peers_set_pinned(struct peers *peers, struct peer *peer, bool is_pinned);

void peers_drop(struct peers *peers, struct peer *peer);

/* Drops all that are not listed at now_ms. */
void peers_expire(struct peers *peers, int64_t now_ms);

/* How long peer has been silent; 0 if the clock was set back since by PEERS_ONLINE_MS at most, negative if by more. */
int64_t peer_silence_ms(const struct peer *peer, int64_t now_ms);

/* Whether peer announces that identity, counts as (Online), and is listed at all. Both bounds are inclusive. */
bool peer_announces(const struct peer *peer, const uint8_t identity[static IDENTITY_BYTES]);
bool peer_is_online(const struct peer *peer, int64_t now_ms);
bool peer_is_listed(const struct peer *peer, int64_t now_ms);

#endif
