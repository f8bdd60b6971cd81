/* dh: the exchange of section 3.1 of common/PROTOCOL.md, value by value. */
#include "support.h"

#include <sodium.h>

#include "crypto/dh.h"
#include "identities.h"
#include "randomness.h"
#include "vectors.h"

/* What the vectors fix. */
static struct {
	struct dh_pair a, b;
	struct identity sa, sb;
	struct dh_keys keys;
	uint8_t proof[DH_PROOF_BYTES];
} vector;

static void pair_of(struct dh_pair *pair, const char *secret_hex, const char *public_hex)
{
	support_unhex(secret_hex, pair->secret, DH_KEY_BYTES);
	support_unhex(public_hex, pair->public, DH_KEY_BYTES);
}

static int prepare(void **state)
{
	(void)state;
	pair_of(&vector.a, VECTOR_A_SECRET, VECTOR_A_PUBLIC);
	pair_of(&vector.b, VECTOR_B_SECRET, VECTOR_B_PUBLIC);
	vector.sa = identity_of_seed(VECTOR_SA_SEED);
	vector.sb = identity_of_seed(VECTOR_SB_SEED);
	support_unhex(VECTOR_TO_RESPONDER, vector.keys.to_responder, DH_KEY_BYTES);
	support_unhex(VECTOR_TO_INITIATOR, vector.keys.to_initiator, DH_KEY_BYTES);
	support_unhex(VECTOR_PROOF, vector.proof, DH_PROOF_BYTES);
	return sodium_init() < 0 ? -1 : 0;
}

/* The points of low order and their other encodings (little-endian): every product with one is
 * zero. */
static const char *const low_order[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    /* p - 1, p and p + 1 */
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

/* Point i of twice as many: the second half has the bit set that X25519 ignores. */
static void low_order_point(size_t i, uint8_t point[static DH_KEY_BYTES])
{
	support_unhex(low_order[i / 2], point, DH_KEY_BYTES);
	if (i % 2 == 1)
		point[DH_KEY_BYTES - 1] |= 0x80;
}

static void public_keys_follow_from_secret_ones(void **state)
{
	const struct dh_pair *const pairs[] = {&vector.a, &vector.b, &vector.sa.exchange, &vector.sb.exchange};

	(void)state;
	for (size_t i = 0; i < COUNT(pairs); i++) {
		struct dh_pair pair = *pairs[i];

		memset(pair.public, 0, sizeof(pair.public));
		dh_derive_public(&pair);
		assert_memory_equal(&pair, pairs[i], sizeof(pair));
	}
}

static void the_typed_number_and_fresh_bytes_make_the_ephemeral_pair(void **state)
{
	static const char *const others[] = {"", "0", "07", "8", "77", "70"};
	uint8_t fresh[DH_FRESH_BYTES];
	struct dh_pair pair;

	(void)state;
	support_unhex(VECTOR_FRESH, fresh, sizeof(fresh));
	dh_generate_from_number(&pair, BYTES(VECTOR_NUMBER), fresh);
	assert_memory_equal(&pair, &vector.a, sizeof(pair));
	/* Only so many characters count as there are digits. */
	dh_generate_from_number(&pair, VECTOR_NUMBER "123", 1, fresh);
	assert_memory_equal(&pair, &vector.a, sizeof(pair));
	for (size_t i = 0; i < COUNT(others); i++) {
		dh_generate_from_number(&pair, others[i], strlen(others[i]), fresh);
		assert_memory_not_equal(pair.secret, vector.a.secret, DH_KEY_BYTES);
		dh_derive_public(&pair);
	}
	for (size_t i = 0; i < DH_FRESH_BYTES; i++) {
		fresh[i] ^= 1;
		dh_generate_from_number(&pair, BYTES(VECTOR_NUMBER), fresh);
		assert_memory_not_equal(pair.secret, vector.a.secret, DH_KEY_BYTES);
		assert_memory_not_equal(pair.public, vector.a.public, DH_KEY_BYTES);
		fresh[i] ^= 1;
	}
}

static void a_long_number_counts_to_its_last_digit(void **state)
{
	uint8_t fresh[DH_FRESH_BYTES] = {0};
	char *digits = support_repeat('1', 60000);
	struct dh_pair first;
	struct dh_pair second;

	(void)state;
	dh_generate_from_number(&first, digits, 60000, fresh);
	digits[59999] = '2';
	dh_generate_from_number(&second, digits, 60000, fresh);
	assert_memory_not_equal(first.secret, second.secret, DH_KEY_BYTES);
	free(digits);
}

static void a_pair_is_made_from_random_bytes(void **state)
{
	struct dh_pair pair;

	(void)state;
	randomness_choose();
	randomness_supply(VECTOR_B_SECRET);
	dh_generate(&pair);
	assert_true(randomness_is_used_up());
	assert_memory_equal(&pair, &vector.b, sizeof(pair));
}

static void no_two_pairs_are_the_same(void **state)
{
	struct dh_pair pairs[50];

	(void)state;
	for (size_t i = 0; i < COUNT(pairs); i++) {
		struct dh_pair again;

		dh_generate(&pairs[i]);
		again = pairs[i];
		dh_derive_public(&again);
		assert_memory_equal(&again, &pairs[i], sizeof(again));
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(pairs[i].secret, pairs[j].secret, DH_KEY_BYTES);
	}
}

static void the_pairs_agree_on_the_products_of_the_vectors(void **state)
{
	const struct {
		const struct dh_pair *one, *other;
		const char *product;
	} cases[] = {
	    {&vector.a, &vector.b, VECTOR_EE},
	    {&vector.a, &vector.sb.exchange, VECTOR_ES},
	    {&vector.sa.exchange, &vector.b, VECTOR_SE},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint8_t expected[DH_KEY_BYTES];
		uint8_t product[DH_KEY_BYTES];

		support_unhex(cases[i].product, expected, sizeof(expected));
		assert_int_equal(crypto_scalarmult(product, cases[i].one->secret, cases[i].other->public), 0);
		assert_memory_equal(product, expected, sizeof(product));
		assert_int_equal(crypto_scalarmult(product, cases[i].other->secret, cases[i].one->public), 0);
		assert_memory_equal(product, expected, sizeof(product));
	}
}

static void both_sides_derive_the_keys_of_the_vectors(void **state)
{
	struct dh_keys keys;

	(void)state;
	assert_int_equal(dh_initiator_keys(&vector.a, vector.b.public, vector.sb.public, &keys), 0);
	assert_memory_equal(&keys, &vector.keys, sizeof(keys));
	memset(&keys, 0, sizeof(keys));
	assert_int_equal(dh_responder_keys(&vector.b, &vector.sb, vector.a.public, &keys), 0);
	assert_memory_equal(&keys, &vector.keys, sizeof(keys));
}

static void anybody(struct identity *identity)
{
	uint8_t seed[IDENTITY_SEED_BYTES];

	randombytes_buf(seed, sizeof(seed));
	identity_derive(identity, seed);
}

static void both_sides_agree_whatever_their_pairs(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		struct dh_pair a, b;
		struct identity sa, sb;
		struct dh_keys of_initiator;
		struct dh_keys of_responder;
		uint8_t proof[DH_PROOF_BYTES];

		dh_generate(&a);
		dh_generate(&b);
		anybody(&sa);
		anybody(&sb);
		assert_int_equal(dh_initiator_keys(&a, b.public, sb.public, &of_initiator), 0);
		assert_int_equal(dh_responder_keys(&b, &sb, a.public, &of_responder), 0);
		assert_memory_equal(&of_initiator, &of_responder, sizeof(of_initiator));
		assert_memory_not_equal(of_initiator.to_responder, of_initiator.to_initiator, DH_KEY_BYTES);
		assert_int_equal(dh_prove(&sa, a.public, b.public, sb.public, proof), 0);
		assert_int_equal(dh_check_proof(&b, sb.public, a.public, sa.public, proof), 0);
	}
}

static void whoever_lacks_a_secret_gets_other_keys(void **state)
{
	struct identity mallory;
	struct dh_pair pair;
	struct dh_keys keys;

	(void)state;
	anybody(&mallory);
	dh_generate(&pair);
	/* In the middle with an ephemeral pair, without the identity of the responder. */
	assert_int_equal(dh_responder_keys(&vector.b, &mallory, vector.a.public, &keys), 0);
	assert_memory_not_equal(keys.to_responder, vector.keys.to_responder, DH_KEY_BYTES);
	assert_memory_not_equal(keys.to_initiator, vector.keys.to_initiator, DH_KEY_BYTES);
	/* With the identity, later, and without the ephemeral pair. */
	assert_int_equal(dh_responder_keys(&pair, &vector.sb, vector.a.public, &keys), 0);
	assert_memory_not_equal(keys.to_responder, vector.keys.to_responder, DH_KEY_BYTES);
	assert_memory_not_equal(keys.to_initiator, vector.keys.to_initiator, DH_KEY_BYTES);
	/* Another initiator. */
	assert_int_equal(dh_initiator_keys(&pair, vector.b.public, vector.sb.public, &keys), 0);
	assert_memory_not_equal(keys.to_responder, vector.keys.to_responder, DH_KEY_BYTES);
	assert_memory_not_equal(keys.to_initiator, vector.keys.to_initiator, DH_KEY_BYTES);
}

static void the_ignored_bit_of_a_key_still_changes_the_keys(void **state)
{
	struct dh_pair other_b = vector.b;
	struct dh_keys keys;

	(void)state;
	other_b.public[DH_KEY_BYTES - 1] ^= 0x80;
	assert_int_equal(dh_initiator_keys(&vector.a, other_b.public, vector.sb.public, &keys), 0);
	assert_memory_not_equal(keys.to_responder, vector.keys.to_responder, DH_KEY_BYTES);
}

static void points_of_low_order_give_no_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * COUNT(low_order); i++) {
		uint8_t point[DH_KEY_BYTES];
		struct dh_keys keys;
		struct dh_keys before;

		low_order_point(i, point);
		memset(&keys, 0x5a, sizeof(keys));
		memset(&before, 0x5a, sizeof(before));
		CHECK(dh_initiator_keys(&vector.a, point, vector.sb.public, &keys) == EPROTO, "point %zu as B", i);
		CHECK(dh_responder_keys(&vector.b, &vector.sb, point, &keys) == EPROTO, "point %zu as A", i);
		assert_memory_equal(&keys, &before, sizeof(keys));
	}
}

/* Points of low order on the curve of the identities, a byte string that is no point, and one that is too large. */
static const char *const no_identities[] = {
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0200000000000000000000000000000000000000000000000000000000000000",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
};

/* The rest is in the identity of Ece plus a point of order 8: it signs and multiplies like one, and is none. */
static void no_identity(size_t i, uint8_t identity[static IDENTITY_BYTES])
{
	uint8_t point[IDENTITY_BYTES];

	if (i < COUNT(no_identities)) {
		support_unhex(no_identities[i], identity, IDENTITY_BYTES);
		return;
	}
	support_unhex(no_identities[4], point, sizeof(point));
	assert_int_equal(crypto_core_ed25519_add(identity, vector.sa.public, point), 0);
}

static void what_does_not_convert_is_no_identity(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(no_identities) + 1; i++) {
		uint8_t identity[IDENTITY_BYTES], proof[DH_PROOF_BYTES] = {0};
		struct dh_keys keys, before;

		no_identity(i, identity);
		memset(&keys, 0x5a, sizeof(keys));
		before = keys;
		CHECK(dh_initiator_keys(&vector.a, vector.b.public, identity, &keys) == EPROTO, "%zu as IB", i);
		assert_memory_equal(&keys, &before, sizeof(keys));
		CHECK(dh_check_proof(&vector.b, vector.sb.public, vector.a.public, identity, proof) == EPROTO,
		    "%zu as IA", i);
	}
}

static void the_initiator_proves_itself_as_in_the_vectors(void **state)
{
	uint8_t proof[DH_PROOF_BYTES] = {0};

	(void)state;
	assert_int_equal(dh_prove(&vector.sa, vector.a.public, vector.b.public, vector.sb.public, proof), 0);
	assert_memory_equal(proof, vector.proof, sizeof(proof));
	assert_int_equal(dh_check_proof(&vector.b, vector.sb.public, vector.a.public, vector.sa.public, vector.proof),
	    0);
}

static void a_proof_with_any_bit_flipped_does_not_hold(void **state)
{
	(void)state;
	for (size_t bit = 0; bit < 8 * DH_PROOF_BYTES; bit++) {
		uint8_t proof[DH_PROOF_BYTES];

		memcpy(proof, vector.proof, sizeof(proof));
		proof[bit / 8] = (uint8_t)(proof[bit / 8] ^ 1 << bit % 8);
		assert_int_equal(dh_check_proof(&vector.b, vector.sb.public, vector.a.public, vector.sa.public, proof),
		    EPROTO);
	}
	assert_int_equal(dh_check_proof(&vector.b, vector.sb.public, vector.a.public, vector.sa.public,
			     (uint8_t[DH_PROOF_BYTES]){0}),
	    EPROTO);
}

static void a_proof_holds_for_one_exchange_between_two_identities(void **state)
{
	struct identity other;
	struct dh_pair pair;
	uint8_t proof[DH_PROOF_BYTES];

	(void)state;
	anybody(&other);
	dh_generate(&pair);
	/* Each value in turn is that of somebody or some exchange else. */
	assert_int_equal(dh_check_proof(&pair, vector.sb.public, vector.a.public, vector.sa.public, vector.proof),
	    EPROTO);
	assert_int_equal(dh_check_proof(&vector.b, other.public, vector.a.public, vector.sa.public, vector.proof),
	    EPROTO);
	assert_int_equal(dh_check_proof(&vector.b, vector.sb.public, pair.public, vector.sa.public, vector.proof),
	    EPROTO);
	assert_int_equal(dh_check_proof(&vector.b, vector.sb.public, vector.a.public, other.public, vector.proof),
	    EPROTO);
	/* Mallory proves that she is Mallory and says that she is Alice. */
	assert_int_equal(dh_prove(&other, vector.a.public, vector.b.public, vector.sb.public, proof), 0);
	assert_int_equal(dh_check_proof(&vector.b, vector.sb.public, vector.a.public, vector.sa.public, proof), EPROTO);
}

/* The proof that anybody could make for an identity whose products are all zero. */
static void anybodys_proof(const uint8_t *identity, uint8_t proof[static DH_PROOF_BYTES])
{
	uint8_t zero[DH_KEY_BYTES] = {0};
	crypto_generichash_state hash;

	crypto_generichash_init(&hash, zero, sizeof(zero), DH_PROOF_BYTES);
	crypto_generichash_update(&hash, (const uint8_t *)"quartet sender", 14);
	crypto_generichash_update(&hash, identity, IDENTITY_BYTES);
	crypto_generichash_update(&hash, vector.sb.public, IDENTITY_BYTES);
	crypto_generichash_update(&hash, vector.a.public, DH_KEY_BYTES);
	crypto_generichash_update(&hash, vector.b.public, DH_KEY_BYTES);
	crypto_generichash_final(&hash, proof, DH_PROOF_BYTES);
}

static void points_of_low_order_prove_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * COUNT(low_order); i++) {
		uint8_t point[DH_KEY_BYTES];
		uint8_t proof[DH_PROOF_BYTES];
		uint8_t before[DH_PROOF_BYTES];

		low_order_point(i, point);
		memset(proof, 0x5a, sizeof(proof));
		memset(before, 0x5a, sizeof(before));
		CHECK(dh_prove(&vector.sa, vector.a.public, point, vector.sb.public, proof) == EPROTO, "point %zu as B",
		    i);
		assert_memory_equal(proof, before, sizeof(proof));
	}
	for (size_t i = 0; i < COUNT(no_identities); i++) {
		uint8_t identity[IDENTITY_BYTES], proof[DH_PROOF_BYTES];

		no_identity(i, identity);
		anybodys_proof(identity, proof);
		CHECK(dh_check_proof(&vector.b, vector.sb.public, vector.a.public, identity, proof) == EPROTO,
		    "%zu as IA", i);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(public_keys_follow_from_secret_ones),
	    cmocka_unit_test(the_typed_number_and_fresh_bytes_make_the_ephemeral_pair),
	    cmocka_unit_test(a_long_number_counts_to_its_last_digit),
	    cmocka_unit_test_teardown(a_pair_is_made_from_random_bytes, randomness_restore),
	    cmocka_unit_test(no_two_pairs_are_the_same),
	    cmocka_unit_test(the_pairs_agree_on_the_products_of_the_vectors),
	    cmocka_unit_test(both_sides_derive_the_keys_of_the_vectors),
	    cmocka_unit_test(both_sides_agree_whatever_their_pairs),
	    cmocka_unit_test(whoever_lacks_a_secret_gets_other_keys),
	    cmocka_unit_test(the_ignored_bit_of_a_key_still_changes_the_keys),
	    cmocka_unit_test(points_of_low_order_give_no_keys),
	    cmocka_unit_test(what_does_not_convert_is_no_identity),
	    cmocka_unit_test(the_initiator_proves_itself_as_in_the_vectors),
	    cmocka_unit_test(a_proof_with_any_bit_flipped_does_not_hold),
	    cmocka_unit_test(a_proof_holds_for_one_exchange_between_two_identities),
	    cmocka_unit_test(points_of_low_order_prove_nothing),
	};

	support_begin();
	return cmocka_run_group_tests_name("dh", tests, prepare, NULL);
}
