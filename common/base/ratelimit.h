/*
 * How much a stranger may make us say, or keep: a token bucket for each IPv4 address, in a table of fixed size, and one
 * for all of them together if that is wanted.
 *
 * An address may do `burst` things at once and gets one more every period. If more addresses come than the table has
 * places, they share buckets, so invented addresses cost no memory and are limited together. Times are monotonic.
 */
#ifndef QUARTET_RATELIMIT_H
#define QUARTET_RATELIMIT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define RATELIMIT_BUCKETS 256

struct ratelimit_rate {
	unsigned burst;	   /* tokens of a full bucket */
	int64_t period_ms; /* for more tokens: */
	unsigned refill;   /* so many; 1 unless the owner sets it to more */
};

struct ratelimit_bucket {
	unsigned used;	  /* tokens taken out and not yet returned */
	int64_t since_ms; /* when the last of them was accounted for */
};

struct ratelimit {
	struct ratelimit_rate each, all; /* all.burst is 0 if only single addresses are limited */
	uint32_t seed;			 /* so that nobody can choose an address that shares another's bucket */
	struct ratelimit_bucket buckets[RATELIMIT_BUCKETS];
	struct ratelimit_bucket shared; /* of all addresses together */
};

/* Begins with every bucket full; the second limits all addresses together as well. burst is not 0. */
void ratelimit_init(struct ratelimit *limit, unsigned burst, int64_t period_ms);
void ratelimit_limit_all(struct ratelimit *limit, unsigned burst, int64_t period_ms);

/* Whether address may go ahead, which takes one token, or so many, if it may, and none if not. */
bool ratelimit_allow(struct ratelimit *limit, struct in_addr address, int64_t now_ms);
bool ratelimit_spend(struct ratelimit *limit, struct in_addr address, unsigned tokens, int64_t now_ms);

#endif
