/* sealedkey: the seed of an identity behind a passphrase. */
#include "support.h"

#include <sodium.h>

#include "crypto/sealedkey.h"
#include "randomness.h"
#include "vectors.h"

static int prepare(void **state)
{
	(void)state;
	return sodium_init() < 0 ? -1 : 0;
}

static void seed_of(const char *hex, uint8_t seed[static IDENTITY_SEED_BYTES])
{
	support_unhex(hex, seed, IDENTITY_SEED_BYTES);
}

/* The bytes of VECTOR_KEY. */
static void vector(uint8_t sealed[static SEALEDKEY_BYTES])
{
	size_t header = strlen(SEALEDKEY_HEADER);

	memcpy(sealed, SEALEDKEY_HEADER, header);
	support_unhex(VECTOR_KEY, sealed + header, SEALEDKEY_BYTES - header);
}

static void it_opens_with_its_passphrase_and_no_other(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		int rc;
	} rows[] = {
	    {BYTES("correct horse"), 0},
	    {BYTES("Correct horse"), EACCES},
	    {BYTES("correct horse "), EACCES},
	    {BYTES("correct hors"), EACCES},
	    {BYTES("correct horse\0"), EACCES},
	    {BYTES(""), EACCES},
	};
	uint8_t seed[IDENTITY_SEED_BYTES], sealed[SEALEDKEY_BYTES];

	(void)state;
	seed_of(VECTOR_SA_SEED, seed);
	assert_int_equal(sealedkey_seal(seed, BYTES("correct horse"), sealed), 0);
	assert_true(sealedkey_is_one(sealed, sizeof(sealed)));
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t opened[IDENTITY_SEED_BYTES], untouched[IDENTITY_SEED_BYTES];

		memset(opened, 0x5a, sizeof(opened));
		memset(untouched, 0x5a, sizeof(untouched));
		assert_int_equal(sealedkey_open(sealed, rows[i].text, rows[i].len, opened), rows[i].rc);
		assert_memory_equal(opened, rows[i].rc == 0 ? seed : untouched, sizeof(opened));
	}
}

static void it_has_no_byte_of_the_seed_in_the_clear_and_is_another_each_time(void **state)
{
	uint8_t seed[IDENTITY_SEED_BYTES], one[SEALEDKEY_BYTES], other[SEALEDKEY_BYTES];
	size_t header = strlen(SEALEDKEY_HEADER);

	(void)state;
	seed_of(VECTOR_SA_SEED, seed);
	assert_int_equal(sealedkey_seal(seed, BYTES("correct horse"), one), 0);
	assert_int_equal(sealedkey_seal(seed, BYTES("correct horse"), other), 0);
	assert_null(memmem(one, sizeof(one), seed, 4));
	assert_memory_equal(one, other, header);
	for (size_t at = header; at < SEALEDKEY_BYTES; at += 16)
		assert_memory_not_equal(one + at, other + at, 8);
}

static void any_bit_that_changes_is_found(void **state)
{
	uint8_t seed[IDENTITY_SEED_BYTES], sealed[SEALEDKEY_BYTES], opened[IDENTITY_SEED_BYTES];

	(void)state;
	vector(sealed);
	/* One in each part: salt, nonce, authenticator, seed. */
	for (size_t at = strlen(SEALEDKEY_HEADER); at < SEALEDKEY_BYTES; at += 20) {
		sealed[at] ^= 0x10;
		assert_int_equal(sealedkey_open(sealed, BYTES(VECTOR_KEY_PASSPHRASE), opened), EACCES);
		sealed[at] ^= 0x10;
	}
	assert_int_equal(sealedkey_open(sealed, BYTES(VECTOR_KEY_PASSPHRASE), opened), 0);
	seed_of(VECTOR_SA_SEED, seed);
	assert_memory_equal(opened, seed, sizeof(seed));
}

static void the_format_is_that_of_the_vector(void **state)
{
	uint8_t seed[IDENTITY_SEED_BYTES], expected[SEALEDKEY_BYTES], sealed[SEALEDKEY_BYTES];

	(void)state;
	vector(expected);
	seed_of(VECTOR_SA_SEED, seed);
	randomness_choose();
	randomness_supply(VECTOR_KEY_SALT);
	assert_int_equal(sealedkey_seal(seed, BYTES(VECTOR_KEY_PASSPHRASE), sealed), 0);
	assert_memory_equal(sealed, expected, sizeof(sealed));
}

static void only_the_holder_of_the_seed_sees_whose_it_is(void **state)
{
	uint8_t seed[IDENTITY_SEED_BYTES], other[IDENTITY_SEED_BYTES], sealed[SEALEDKEY_BYTES];

	(void)state;
	seed_of(VECTOR_SA_SEED, seed);
	seed_of(VECTOR_SB_SEED, other);
	vector(sealed);
	assert_true(sealedkey_is_of(sealed, seed));
	assert_false(sealedkey_is_of(sealed, other));
	sealed[strlen(SEALEDKEY_HEADER)] ^= 1;
	assert_false(sealedkey_is_of(sealed, seed));
}

static void nothing_else_is_taken_for_one(void **state)
{
	uint8_t sealed[SEALEDKEY_BYTES + 1] = {0};

	(void)state;
	vector(sealed);
	for (size_t len = 0; len <= sizeof(sealed); len++) {
		char *copy = support_copy(sealed, len);

		assert_int_equal(sealedkey_is_one(copy, len), len == SEALEDKEY_BYTES);
		free(copy);
	}
	sealed[12] = '2';
	assert_false(sealedkey_is_one(sealed, SEALEDKEY_BYTES));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_opens_with_its_passphrase_and_no_other),
	    cmocka_unit_test(it_has_no_byte_of_the_seed_in_the_clear_and_is_another_each_time),
	    cmocka_unit_test(any_bit_that_changes_is_found),
	    cmocka_unit_test(only_the_holder_of_the_seed_sees_whose_it_is),
	    cmocka_unit_test(nothing_else_is_taken_for_one),
	    cmocka_unit_test_teardown(the_format_is_that_of_the_vector, randomness_restore),
	};

	support_begin();
	return cmocka_run_group_tests_name("sealedkey", tests, prepare, NULL);
}
