/*
 * Candidates: whom a name or an address may mean when the user wants to write to somebody or asks about them.
 *
 * A pinned name means the holder of the pinned identity and nobody else, whatever is announced: at an address that
 * announces it, or else where it was last proven. So nobody can make somebody known unreachable or be mistaken for them.
 * The rows are in common/PROTOCOL.md, section 4. A function of its arguments alone; pointers hold as long as the pins and
 * peers that they came from.
 */
#ifndef QUARTET_CANDIDATES_H
#define QUARTET_CANDIDATES_H

#include "trust/verdict.h"

/* As many are told apart; of more, those with an identity of which most is known. */
#define CANDIDATES_MAX 16

struct candidate {
	/* Its claim is NULL if nobody announces that identity, or nothing is heard from address. */
	struct verdict verdict;
	struct in_addr address;	 /* where to write to */
	bool has_address;	 /* else nobody knows where they are */
	const uint8_t *identity; /* to write to in a secure chat, IDENTITY_BYTES; or NULL */
};

/* Begins with what is searched, and the rest zero. */
struct candidates {
	const struct pins *pins;
	const struct peers *peers;
	int64_t now_ms;		       /* wall clock */
	bool whole;		       /* a name means nobody by its beginning */
	const struct stranger *others; /* others who may be meant, other_count of them */
	size_t other_count;
	unsigned noted; /* and strangers of whom one of these is wanted: bits of enum pins_wish */
	struct candidate list[CANDIDATES_MAX]; /* the most certain first */
	size_t count;
	bool more; /* than are in the list */
};

/* Finds those whom text, a name, the beginning of one, or an IPv4 address, may mean. */
void candidates_find(struct candidates *candidates, const char *text);

/*
 * Finds the holder of an identity: as a pinned name means them, or where it is announced, or else at the address where they
 * were, under username. Adds one.
 */
void candidates_find_identity(struct candidates *candidates, const uint8_t identity[static IDENTITY_BYTES],
    const char *username, struct in_addr address);

/* Whether a name begins so, regardless of case in Unicode's sense. */
bool candidates_begins(const char *name, const char *text);

/* Finds those who announce the name of a pin with an identity that is not pinned; if nobody does, those without one. */
void candidates_find_rivals(struct candidates *candidates, const struct pin *pin);

/* Adds the one whom a claim means, at its own address, unless they are there already. */
void candidates_add_claim(struct candidates *candidates, const struct peer *claim);

/* Whether a candidate announces no identity, but somebody did under that name or there, or is pinned under that name. */
bool candidates_is_downgraded(const struct candidates *candidates, const struct candidate *candidate);

#endif
