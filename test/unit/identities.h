/* People of the tests, by the seed that is in their identity.key. */
#ifndef QUARTET_TEST_IDENTITIES_H
#define QUARTET_TEST_IDENTITIES_H

#include "crypto/identity.h"
#include "support.h"

static inline struct identity identity_of_seed(const char *seed_hex)
{
	uint8_t seed[IDENTITY_SEED_BYTES];
	struct identity identity;

	support_unhex(seed_hex, seed, sizeof(seed));
	identity_derive(&identity, seed);
	return identity;
}

#endif
