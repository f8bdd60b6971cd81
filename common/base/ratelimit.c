#include "base/ratelimit.h"

#include <sodium.h>

void ratelimit_init(struct ratelimit *limit, unsigned burst, int64_t period_ms)
{
	*limit = (struct ratelimit){.burst = burst, .period_ms = period_ms, .seed = randombytes_random()};
}

bool ratelimit_allow(struct ratelimit *limit, struct in_addr address, int64_t now_ms)
{
	return ratelimit_spend(limit, address, 1, now_ms);
}

bool ratelimit_spend(struct ratelimit *limit, struct in_addr address, unsigned tokens, int64_t now_ms)
{
	/* Multiplying by an odd constant near 2^32 divided by the golden ratio spreads neighbours (Knuth, volume 3). */
	uint32_t hash = (address.s_addr ^ limit->seed) * 2654435769u;
	struct ratelimit_bucket *bucket = &limit->buckets[hash >> 24];
	int64_t returned;

	if (bucket->used > 0) {
		returned = (now_ms - bucket->since_ms) / limit->period_ms;
		if (returned >= bucket->used) {
			bucket->used = 0;
		} else if (returned > 0) {
			bucket->used -= (unsigned)returned;
			bucket->since_ms += returned * limit->period_ms;
		}
	}
	if (tokens > limit->burst - bucket->used)
		return false;
	if (bucket->used == 0)
		bucket->since_ms = now_ms;
	bucket->used += tokens;
	return true;
}
