#include "base/ratelimit.h"

#include <sodium.h>

void ratelimit_init(struct ratelimit *limit, unsigned burst, int64_t period_ms)
{
	*limit = (struct ratelimit){.each = {burst, period_ms, 1}, .seed = randombytes_random()};
}

void ratelimit_limit_all(struct ratelimit *limit, unsigned burst, int64_t period_ms)
{
	limit->all = (struct ratelimit_rate){burst, period_ms, 1};
}

bool ratelimit_allow(struct ratelimit *limit, struct in_addr address, int64_t now_ms)
{
	return ratelimit_spend(limit, address, 1, now_ms);
}

/* Returns the tokens that are due, and says whether so many are there now. */
static bool has_tokens(struct ratelimit_bucket *bucket, const struct ratelimit_rate *rate, unsigned tokens,
    int64_t now_ms)
{
	int64_t periods = bucket->used > 0 ? (now_ms - bucket->since_ms) / rate->period_ms : 0;
	int64_t returned = periods * rate->refill;

	if (returned >= bucket->used) {
		bucket->used = 0;
		bucket->since_ms = now_ms;
	} else if (returned > 0) {
		bucket->used -= (unsigned)returned;
		bucket->since_ms += periods * rate->period_ms;
	}
	return tokens <= rate->burst - bucket->used;
}

bool ratelimit_spend(struct ratelimit *limit, struct in_addr address, unsigned tokens, int64_t now_ms)
{
	/* Multiplying by an odd constant near 2^32 divided by the golden ratio spreads neighbours (Knuth, volume 3). */
	uint32_t hash = (address.s_addr ^ limit->seed) * 2654435769u;
	struct ratelimit_bucket *own = &limit->buckets[hash >> 24];
	bool limits_all = limit->all.burst > 0;

	if (!has_tokens(own, &limit->each, tokens, now_ms) ||
	    (limits_all && !has_tokens(&limit->shared, &limit->all, tokens, now_ms)))
		return false;
	own->used += tokens;
	limit->shared.used += limits_all ? tokens : 0;
	return true;
}
