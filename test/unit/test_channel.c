/* channel: keys that two ends agree on, and what is sealed under them, whoever listens or stands between. */
#include "support.h"

#include <sodium.h>

#include "base/decimal.h"
#include "crypto/channel.h"
#include "heap.h"
#include "identities.h"
#include "randomness.h"
#include "vectors.h"

#define BASE64 sodium_base64_VARIANT_ORIGINAL

static struct identity alice, bob;

static int prepare(void **state)
{
	(void)state;
	alice = identity_of_seed(VECTOR_SA_SEED);
	bob = identity_of_seed(VECTOR_SB_SEED);
	return sodium_init() < 0 ? -1 : 0;
}

/* The two ends of a channel from Alice to Bob. */
struct ends {
	struct channel *initiator;
	struct channel *responder;
};

static struct ends ends_meet(const struct identity *responder)
{
	struct ends ends = {0};
	const char *digits;

	assert_int_equal(channel_initiate(&ends.initiator, &alice, bob.public, "42"), 0);
	digits = channel_key_digits(ends.initiator);
	assert_int_equal(channel_respond(&ends.responder, responder, digits, strlen(digits)), 0);
	digits = channel_key_digits(ends.responder);
	assert_int_equal(channel_complete(ends.initiator, digits, strlen(digits)), 0);
	return ends;
}

/* The same with the ephemeral pairs, and so the keys, of the vectors. */
static struct ends ends_meet_as_in_the_vectors(void)
{
	struct ends ends = {0};

	randomness_choose();
	randomness_supply(VECTOR_FRESH);
	randomness_supply(VECTOR_B_SECRET);
	assert_int_equal(channel_initiate(&ends.initiator, &alice, bob.public, VECTOR_NUMBER), 0);
	assert_string_equal(channel_key_digits(ends.initiator), VECTOR_A_DIGITS);
	assert_int_equal(channel_respond(&ends.responder, &bob, BYTES(VECTOR_A_DIGITS)), 0);
	assert_string_equal(channel_key_digits(ends.responder), VECTOR_B_DIGITS);
	assert_true(randomness_is_used_up());
	assert_int_equal(channel_complete(ends.initiator, BYTES(VECTOR_B_DIGITS)), 0);
	return ends;
}

static void ends_part(struct ends *ends)
{
	channel_free(ends->initiator);
	channel_free(ends->responder);
}

static void expect_opened(struct channel *channel, const struct buffer *sealed, const char *text, size_t len)
{
	char *copy = support_copy(sealed->data, sealed->len);
	struct buffer opened = {0};
	uint64_t before = channel_count_opened(channel);

	assert_int_equal(channel_open(channel, copy, sealed->len, &opened), 0);
	free(copy);
	assert_int_equal(opened.len, len);
	assert_memory_equal(opened.data, text, len);
	assert_true(channel_count_opened(channel) == before + 1);
	buffer_free(&opened);
}

static void expect_refused(struct channel *channel, const char *base64, size_t len)
{
	char *copy = support_copy(base64, len);
	struct buffer opened = {0};

	CHECK(channel_open(channel, copy, len, &opened) == EPROTO, "taken: %.*s", (int)len, base64);
	assert_int_equal(opened.len, 0);
	buffer_free(&opened);
	free(copy);
}

static void a_channel_has_the_bytes_of_the_vectors(void **state)
{
	struct ends ends = ends_meet_as_in_the_vectors();
	struct buffer sealed = {0};
	uint8_t proof[DH_PROOF_BYTES], expected[DH_PROOF_BYTES], key[CHANNEL_FILE_KEY_BYTES];

	(void)state;
	support_unhex(VECTOR_FILE_KEY, expected, sizeof(key));
	channel_file_key(ends.initiator, key);
	assert_memory_equal(key, expected, sizeof(key));
	channel_file_key(ends.responder, key);
	assert_memory_equal(key, expected, sizeof(key));
	support_unhex(VECTOR_PROOF, expected, sizeof(expected));
	assert_int_equal(channel_prove(ends.initiator, proof), 0);
	assert_memory_equal(proof, expected, sizeof(proof));
	assert_int_equal(channel_check_proof(ends.responder, alice.public, proof), 0);
	randomness_supply(VECTOR_NONCE);
	assert_int_equal(channel_seal(ends.initiator, BYTES(VECTOR_PLAINTEXT), &sealed), 0);
	assert_int_equal(sealed.len, sizeof(VECTOR_SEALED) - 1);
	assert_memory_equal(sealed.data, VECTOR_SEALED, sealed.len);
	expect_opened(ends.responder, &sealed, BYTES(VECTOR_PLAINTEXT));
	buffer_free(&sealed);
	randomness_supply(VECTOR_RECEIPT_NONCE);
	assert_int_equal(channel_seal(ends.responder, BYTES(VECTOR_RECEIPT_PLAINTEXT), &sealed), 0);
	assert_int_equal(sealed.len, sizeof(VECTOR_RECEIPT_SEALED) - 1);
	assert_memory_equal(sealed.data, VECTOR_RECEIPT_SEALED, sealed.len);
	expect_opened(ends.initiator, &sealed, BYTES(VECTOR_RECEIPT_PLAINTEXT));
	assert_true(randomness_is_used_up());
	buffer_free(&sealed);
	ends_part(&ends);
}

static void a_weak_number_makes_no_two_channels_alike(void **state)
{
	struct channel *channels[20];

	(void)state;
	for (size_t i = 0; i < COUNT(channels); i++) {
		const char *digits;

		assert_int_equal(channel_initiate(&channels[i], &alice, bob.public, "1"), 0);
		digits = channel_key_digits(channels[i]);
		assert_true(decimal_is_number(digits, strlen(digits)));
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(digits, channel_key_digits(channels[j]));
	}
	for (size_t i = 0; i < COUNT(channels); i++)
		channel_free(channels[i]);
}

/* The digits of a point in little-endian hexadecimal. */
static void digits_of(const char *hex, char digits[static DECIMAL_MAX_DIGITS + 1])
{
	uint8_t bytes[DECIMAL_BYTES];

	support_unhex(hex, bytes, sizeof(bytes));
	decimal_format(bytes, digits);
}

static void keys_that_are_none_are_refused_by_both(void **state)
{
	char *nines = support_repeat('9', 65000);
	char low_order[5][DECIMAL_MAX_DIGITS + 1];
	const char *cases[] = {
	    "",
	    "x",
	    "-1",
	    "+1",
	    " 1",
	    "1 ",
	    "1.5",
	    VECTOR_B_DIGITS "x",
	    /* 2^256 */
	    "115792089237316195423570985008687907853269984665640564039457584007913129639936",
	    nines,
	    /* Points of low order. */
	    "0",
	    low_order[0],
	    low_order[1],
	    low_order[2],
	    low_order[3],
	    low_order[4],
	};

	(void)state;
	digits_of("0100000000000000000000000000000000000000000000000000000000000000", low_order[0]);
	digits_of("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800", low_order[1]);
	digits_of("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157", low_order[2]);
	digits_of("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", low_order[3]);
	digits_of("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", low_order[4]);
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t len = strlen(cases[i]);
		char *digits = support_copy(cases[i], len);
		struct channel *channel = NULL;

		CHECK(channel_respond(&channel, &bob, digits, len) == EPROTO, "\"%.80s\" is taken", cases[i]);
		assert_null(channel);
		assert_int_equal(channel_initiate(&channel, &alice, bob.public, "42"), 0);
		CHECK(channel_complete(channel, digits, len) == EPROTO, "\"%.80s\" is taken", cases[i]);
		channel_free(channel);
		free(digits);
	}
	free(nines);
}

static void a_key_below_2_to_64_belongs_to_the_classic_exchange(void **state)
{
	static const struct {
		const char *digits;
		bool ours;
	} cases[] = {
	    {"2", false},
	    {"14", false},
	    {"00000000000000000000000000000000000000014", false},
	    {"18446744073709551615", false},
	    {"18446744073709551616", true},
	    {"018446744073709551616", true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t len = strlen(cases[i].digits);
		int expected = cases[i].ours ? 0 : EPROTO;
		struct channel *channel = NULL;

		CHECK(channel_respond(&channel, &bob, cases[i].digits, len) == expected, "%s", cases[i].digits);
		assert_int_equal(channel != NULL, cases[i].ours);
		channel_free(channel);
		assert_int_equal(channel_initiate(&channel, &alice, bob.public, "42"), 0);
		CHECK(channel_complete(channel, cases[i].digits, len) == expected, "%s", cases[i].digits);
		channel_free(channel);
	}
}

static void what_is_no_identity_has_no_channel(void **state)
{
	static const char *const none[] = {
	    "0000000000000000000000000000000000000000000000000000000000000000",
	    "0100000000000000000000000000000000000000000000000000000000000000",
	    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	    "0200000000000000000000000000000000000000000000000000000000000000",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(none); i++) {
		uint8_t identity[IDENTITY_BYTES], proof[DH_PROOF_BYTES] = {0};
		struct ends ends = ends_meet(&bob);
		struct channel *channel = NULL;

		support_unhex(none[i], identity, sizeof(identity));
		assert_int_equal(channel_initiate(&channel, &alice, identity, "42"), 0);
		assert_int_equal(channel_complete(channel, BYTES(VECTOR_B_DIGITS)), EPROTO);
		assert_int_equal(channel_check_proof(ends.responder, identity, proof), EPROTO);
		channel_free(channel);
		ends_part(&ends);
	}
}

static void nobody_comes_out_of_turn(void **state)
{
	uint8_t proof[DH_PROOF_BYTES];
	struct buffer out = {0};
	struct channel *begun = NULL;
	struct ends ends = ends_meet(&bob);

	(void)state;
	/* Before the keys are agreed on. */
	assert_int_equal(channel_initiate(&begun, &alice, bob.public, "42"), 0);
	assert_int_equal(channel_seal(begun, BYTES("hello"), &out), EPROTO);
	assert_int_equal(channel_prove(begun, proof), EPROTO);
	expect_refused(begun, BYTES(VECTOR_RECEIPT_SEALED));
	channel_free(begun);
	/* A second key. */
	assert_int_equal(channel_complete(ends.initiator, BYTES(VECTOR_B_DIGITS)), EPROTO);
	assert_int_equal(channel_complete(ends.responder, BYTES(VECTOR_B_DIGITS)), EPROTO);
	/* One in the place of the other. */
	assert_int_equal(channel_prove(ends.responder, proof), EPROTO);
	assert_int_equal(channel_prove(ends.initiator, proof), 0);
	assert_int_equal(channel_check_proof(ends.initiator, alice.public, proof), EPROTO);
	/* A second proof. */
	assert_int_equal(channel_prove(ends.initiator, proof), EPROTO);
	assert_int_equal(out.len, 0);
	buffer_free(&out);
	ends_part(&ends);
}

static void a_proof_holds_for_its_own_channel_and_identity(void **state)
{
	struct ends ends = ends_meet(&bob), others = ends_meet(&bob);
	uint8_t proof[DH_PROOF_BYTES];

	(void)state;
	assert_int_equal(channel_prove(ends.initiator, proof), 0);
	assert_int_equal(channel_check_proof(ends.responder, alice.public, proof), 0);
	assert_int_equal(channel_check_proof(ends.responder, bob.public, proof), EPROTO);
	assert_int_equal(channel_check_proof(others.responder, alice.public, proof), EPROTO);
	for (size_t bit = 0; bit < 8 * sizeof(proof); bit++) {
		proof[bit / 8] = (uint8_t)(proof[bit / 8] ^ 1 << bit % 8);
		assert_int_equal(channel_check_proof(ends.responder, alice.public, proof), EPROTO);
		proof[bit / 8] = (uint8_t)(proof[bit / 8] ^ 1 << bit % 8);
	}
	ends_part(&ends);
	ends_part(&others);
}

static void messages_repeated_left_out_or_out_of_order_are_refused(void **state)
{
	static const size_t orders[][3] = {{0, 0, 9}, {1, 9, 9}, {0, 2, 9}, {0, 1, 1}, {0, 1, 0}};

	(void)state;
	for (size_t i = 0; i < 2 * COUNT(orders); i++) {
		struct ends ends = ends_meet(&bob);
		struct channel *from = i % 2 ? ends.responder : ends.initiator;
		struct channel *to = i % 2 ? ends.initiator : ends.responder;
		struct buffer sealed[3] = {{0}, {0}, {0}};

		for (size_t j = 0; j < COUNT(sealed); j++)
			assert_int_equal(channel_seal(from, "hello", 5, &sealed[j]), 0);
		assert_true(channel_count_sealed(from) == COUNT(sealed));
		for (size_t j = 0; j < 3 && orders[i / 2][j] < 3; j++) {
			const struct buffer *message = &sealed[orders[i / 2][j]];

			if (orders[i / 2][j] == j)
				expect_opened(to, message, BYTES("hello"));
			else
				expect_refused(to, message->data, message->len);
		}
		for (size_t j = 0; j < COUNT(sealed); j++)
			buffer_free(&sealed[j]);
		ends_part(&ends);
	}
}

static void a_message_is_good_for_its_own_channel_and_direction_only(void **state)
{
	struct ends ends = ends_meet(&bob), others = ends_meet(&bob);
	struct buffer sealed = {0};

	(void)state;
	assert_int_equal(channel_seal(ends.initiator, BYTES("hello"), &sealed), 0);
	expect_refused(others.responder, sealed.data, sealed.len);
	expect_refused(others.initiator, sealed.data, sealed.len);
	/* One's own sent back. */
	expect_refused(ends.initiator, sealed.data, sealed.len);
	expect_opened(ends.responder, &sealed, BYTES("hello"));
	buffer_free(&sealed);
	ends_part(&ends);
	ends_part(&others);
}

static void mallory_in_bobs_place_reads_nothing_and_says_nothing(void **state)
{
	struct identity mallory = identity_of_seed(VECTOR_FRESH);
	struct ends ends = ends_meet(&mallory);
	struct buffer sealed = {0};

	(void)state;
	assert_int_equal(channel_seal(ends.initiator, BYTES("hello"), &sealed), 0);
	expect_refused(ends.responder, sealed.data, sealed.len);
	buffer_free(&sealed);
	assert_int_equal(channel_seal(ends.responder, BYTES("hello"), &sealed), 0);
	expect_refused(ends.initiator, sealed.data, sealed.len);
	buffer_free(&sealed);
	ends_part(&ends);
}

static void messages_with_any_bit_flipped_are_refused(void **state)
{
	uint8_t bytes[sizeof(VECTOR_SEALED)];
	size_t len = 0;

	(void)state;
	assert_int_equal(sodium_base642bin(bytes, sizeof(bytes), BYTES(VECTOR_SEALED), NULL, &len, NULL, BASE64), 0);
	for (size_t bit = 0; bit < 8 * len; bit++) {
		struct ends ends = ends_meet_as_in_the_vectors();
		char text[sizeof(VECTOR_SEALED) + 8];

		bytes[bit / 8] = (uint8_t)(bytes[bit / 8] ^ 1 << bit % 8);
		sodium_bin2base64(text, sizeof(text), bytes, len, BASE64);
		expect_refused(ends.responder, text, strlen(text));
		bytes[bit / 8] = (uint8_t)(bytes[bit / 8] ^ 1 << bit % 8);
		ends_part(&ends);
	}
}

static void messages_cut_short_are_refused(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof(VECTOR_SEALED) - 1; len++) {
		struct ends ends = ends_meet_as_in_the_vectors();

		expect_refused(ends.responder, VECTOR_SEALED, len);
		ends_part(&ends);
	}
}

static void freeing_wipes_every_secret(void **state)
{
	static const char *const secrets[] = {
	    VECTOR_A_SECRET,
	    VECTOR_B_SECRET,
	    VECTOR_SA_SEED,
	    VECTOR_SB_SEED,
	    VECTOR_SA_EXCHANGE_SECRET,
	    VECTOR_SB_EXCHANGE_SECRET,
	    VECTOR_EE,
	    VECTOR_ES,
	    VECTOR_SE,
	    VECTOR_TO_RESPONDER,
	    VECTOR_TO_INITIATOR,
	};

	(void)state;
	if (!heap_is_watched())
		skip();
	for (size_t i = 0; i < COUNT(secrets); i++) {
		uint8_t secret[DH_KEY_BYTES], proof[DH_PROOF_BYTES];
		struct ends ends;

		support_unhex(secrets[i], secret, sizeof(secret));
		heap_watch(secret, sizeof(secret));
		ends = ends_meet_as_in_the_vectors();
		assert_int_equal(channel_prove(ends.initiator, proof), 0);
		assert_int_equal(channel_check_proof(ends.responder, alice.public, proof), 0);
		ends_part(&ends);
		CHECK(heap_unwatch() == 0, "secret %s is in freed memory", secrets[i]);
	}
	channel_free(NULL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(a_channel_has_the_bytes_of_the_vectors, randomness_restore),
	    cmocka_unit_test(a_weak_number_makes_no_two_channels_alike),
	    cmocka_unit_test(keys_that_are_none_are_refused_by_both),
	    cmocka_unit_test(a_key_below_2_to_64_belongs_to_the_classic_exchange),
	    cmocka_unit_test(what_is_no_identity_has_no_channel),
	    cmocka_unit_test(nobody_comes_out_of_turn),
	    cmocka_unit_test(a_proof_holds_for_its_own_channel_and_identity),
	    cmocka_unit_test(messages_repeated_left_out_or_out_of_order_are_refused),
	    cmocka_unit_test(a_message_is_good_for_its_own_channel_and_direction_only),
	    cmocka_unit_test(mallory_in_bobs_place_reads_nothing_and_says_nothing),
	    cmocka_unit_test_teardown(messages_with_any_bit_flipped_are_refused, randomness_restore),
	    cmocka_unit_test_teardown(messages_cut_short_are_refused, randomness_restore),
	    cmocka_unit_test_teardown(freeing_wipes_every_secret, randomness_restore),
	};

	support_begin();
	return cmocka_run_group_tests_name("channel", tests, prepare, NULL);
}
