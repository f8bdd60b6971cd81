/*
 * Random bytes that the test chose: what draws from libsodium gets these, one piece a draw, in
 * their order.
 */
#ifndef QUARTET_TEST_RANDOMNESS_H
#define QUARTET_TEST_RANDOMNESS_H

#include <sodium.h>

#include "support.h"

#define RANDOMNESS_MAX_PIECES 8
#define RANDOMNESS_MAX_BYTES 32

static struct randomness {
	uint8_t bytes[RANDOMNESS_MAX_BYTES];
	size_t len;
} randomness_pieces[RANDOMNESS_MAX_PIECES];
static size_t randomness_count;
static size_t randomness_next;

static inline const char *randomness_name(void)
{
	return "chosen by a test";
}

/* A draw that is longer than its piece gets zeros after it. */
static inline void randomness_buf(void *const out, const size_t len)
{
	const struct randomness *piece = &randomness_pieces[randomness_next];

	CHECK(randomness_next < randomness_count, "more random bytes are drawn than expected");
	CHECK(piece->len <= len, "%zu random bytes are drawn and not %zu", len, piece->len);
	memset(out, 0, len);
	memcpy(out, piece->bytes, piece->len);
	randomness_next++;
}

static inline uint32_t randomness_word(void)
{
	uint32_t word;

	randomness_buf(&word, sizeof(word));
	return word;
}

/* From here on nothing is random: the pieces are those of randomness_supply(), of which there are
 * none yet. */
static inline void randomness_choose(void)
{
	static struct randombytes_implementation chosen = {
	    .implementation_name = randomness_name,
	    .random = randomness_word,
	    .buf = randomness_buf,
	};

	assert_int_equal(randombytes_set_implementation(&chosen), 0);
	randomness_count = 0;
	randomness_next = 0;
}

/* Adds the piece for the next draw that has none yet, in hexadecimal. */
static inline void randomness_supply(const char *hex)
{
	struct randomness *piece = &randomness_pieces[randomness_count];

	assert_true(randomness_count < RANDOMNESS_MAX_PIECES);
	piece->len = strlen(hex) / 2;
	assert_true(piece->len <= RANDOMNESS_MAX_BYTES);
	support_unhex(hex, piece->bytes, piece->len);
	randomness_count++;
}

static inline bool randomness_is_used_up(void)
{
	return randomness_next == randomness_count;
}

/* Back to the randomness of the system. The teardown of tests that choose. */
static inline int randomness_restore(void **state)
{
	(void)state;
	return randombytes_set_implementation(&randombytes_sysrandom_implementation);
}

#endif
