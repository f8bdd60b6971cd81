/* identity: the pair of a seed, what it signs, its public half as text, and what two people compare. */
#include "support.h"

#include <sodium.h>

#include "crypto/identity.h"
#include "identities.h"
#include "vectors.h"

static int prepare(void **state)
{
	(void)state;
	return sodium_init() < 0 ? -1 : 0;
}

static void public_keys_are_written_as_base64(void **state)
{
	uint8_t public[IDENTITY_BYTES];
	char *text = malloc(IDENTITY_TEXT_BYTES);

	(void)state;
	assert_non_null(text);
	support_unhex(VECTOR_SA_PUBLIC, public, sizeof(public));
	identity_format(public, text);
	assert_string_equal(text, VECTOR_SA_TEXT);
	memset(public, 0, sizeof(public));
	identity_format(public, text);
	assert_string_equal(text, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
	memset(public, 0xff, sizeof(public));
	identity_format(public, text);
	assert_string_equal(text, "//////////////////////////////////////////8=");
	free(text);
}

static void public_keys_come_back_from_their_text(void **state)
{
	uint64_t seed = 3;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		uint8_t public[IDENTITY_BYTES];
		uint8_t back[IDENTITY_BYTES] = {0};
		char text[IDENTITY_TEXT_BYTES];
		char *copy;

		for (size_t at = 0; at < sizeof(public); at++)
		public[at] = (uint8_t)support_random(&seed);
		identity_format(public, text);
		copy = support_copy(text, IDENTITY_TEXT_BYTES - 1);
		assert_true(identity_parse(copy, IDENTITY_TEXT_BYTES - 1, back));
		assert_memory_equal(back, public, sizeof(public));
		free(copy);
	}
}

static void expect_no_identity(const char *text, size_t len)
{
	char *copy = support_copy(text, len);
	uint8_t public[IDENTITY_BYTES];
	uint8_t before[IDENTITY_BYTES];

	memset(public, 0x5a, sizeof(public));
	memset(before, 0x5a, sizeof(before));
	CHECK(!identity_parse(copy, len, public), "\"%.*s\" is read", (int)len, text);
	assert_memory_equal(public, before, sizeof(public));
	free(copy);
}

static void nothing_else_is_an_identity(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} cases[] = {
	    {BYTES("")},
	    {BYTES("=")},
	    {BYTES("IlSyhGS/4ohAapEtVDuQ+SQ5dMjCtpZolnGVWyZLb/c")},
	    {BYTES("IlSyhGS/4ohAapEtVDuQ+SQ5dMjCtpZolnGVWyZLb/c==")},
	    {BYTES("IlSyhGS/4ohAapEtVDuQ+SQ5dMjCtpZolnGVWyZLb/=")},
	    {BYTES("IlSyhGS/4ohAapEtVDuQ+SQ5dMjCtpZolnGVWyZLb/c=\n")},
	    {BYTES("IlSyhGS/4ohAapEtVDuQ+SQ5dMjCtpZolnGVWyZLb/c=\0")},
	    {BYTES(" IlSyhGS/4ohAapEtVDuQ+SQ5dMjCtpZolnGVWyZLb/c=")},
	    {BYTES("IlSyhGS_4ohAapEtVDuQ+SQ5dMjCtpZolnGVWyZLb/c=")},
	    {BYTES("IlSyhGS/4ohAapEtVDuQ+SQ5dMjCtpZolnGVWyZLb/cA")},
	    {BYTES("IlSyhGS/4ohAapEtVDuQ+SQ5dMjCtpZolnGVWyZLb/cAAAA=")},
	    {BYTES(VECTOR_SA_PUBLIC)},
	    {BYTES(VECTOR_SA_TEXT VECTOR_SA_TEXT)},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		expect_no_identity(cases[i].text, cases[i].len);
	for (size_t len = 0; len < IDENTITY_TEXT_BYTES - 1; len++)
		expect_no_identity(VECTOR_SA_TEXT, len);
}

static void a_text_that_is_read_is_the_text_that_is_written(void **state)
{
	(void)state;
	for (size_t at = 0; at < IDENTITY_TEXT_BYTES - 1; at++) {
		for (int byte = 0; byte < 256; byte++) {
			char text[] = VECTOR_SA_TEXT;
			uint8_t public[IDENTITY_BYTES];
			char written[IDENTITY_TEXT_BYTES];

			text[at] = (char)byte;
			if (!identity_parse(text, IDENTITY_TEXT_BYTES - 1, public))
				continue;
			identity_format(public, written);
			assert_string_equal(written, text);
		}
	}
}

/* Writes the fingerprint where one byte more would be seen. */
static void fingerprint_of(const uint8_t one[static IDENTITY_BYTES], const uint8_t other[static IDENTITY_BYTES],
    char text[static IDENTITY_FINGERPRINT_BYTES])
{
	char *room = malloc(IDENTITY_FINGERPRINT_BYTES);

	assert_non_null(room);
	identity_fingerprint(one, other, room);
	memcpy(text, room, IDENTITY_FINGERPRINT_BYTES);
	free(room);
}

static void each_identity_has_half_of_a_fingerprint(void **state)
{
	static const struct {
		const char *public, *half;
	} cases[] = {
	    {VECTOR_SA_PUBLIC, VECTOR_SA_HALF},
	    {VECTOR_SB_PUBLIC, VECTOR_SB_HALF},
	    /* Groups keep the zeros in front. */
	    {"00000000000000000000000000000000000000000000000000000000000009c9", "00005 92593 55267 22056 51599 66824"},
	    {"0000000000000000000000000000000000000000000000000000000000000a67", "72690 00001 40209 81774 42161 33575"},
	    {"0000000000000000000000000000000000000000000000000000000000000011", "96262 37625 00007 41731 37532 12361"},
	    {"00000000000000000000000000000000000000000000000000000000000011fa", "03519 71934 84116 00003 96826 43926"},
	    {"00000000000000000000000000000000000000000000000000000000000004b2", "68928 63784 27641 96167 00007 89746"},
	    {"0000000000000000000000000000000000000000000000000000000000000752", "98612 25070 34119 22297 21763 00009"},
	    /* The extremes. */
	    {"0000000000000000000000000000000000000000000000000000000000000000", "06760 94715 21273 10261 74665 21059"},
	    {"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", "71624 52382 13204 72433 07681 54279"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint8_t public[IDENTITY_BYTES];
		char *room = malloc(IDENTITY_HALF_BYTES);

		assert_non_null(room);
		support_unhex(cases[i].public, public, sizeof(public));
		identity_fingerprint_half(public, room);
		assert_string_equal(room, cases[i].half);
		free(room);
	}
}

static void a_fingerprint_has_the_half_of_the_lower_identity_first(void **state)
{
	static const struct {
		const char *lower, *higher, *fingerprint;
	} cases[] = {
	    {VECTOR_SA_PUBLIC, VECTOR_SB_PUBLIC, VECTOR_FINGERPRINT},
	    /* Which is lower is a matter of bytes without sign, from the first to the last. */
	    {"7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f",
		"8000000000000000000000000000000000000000000000000000000000000000",
		"36164 32487 17041 77114 28164 39305 96043 87058 54707 36000 68256 39395"},
	    {"000000000000000000000000000000000000000000000000000000000000007f",
		"0000000000000000000000000000000000000000000000000000000000000080",
		"46783 46661 41609 23686 24514 00158 01085 99441 93855 01170 79291 64846"},
	    /* The same identity twice. */
	    {VECTOR_SB_PUBLIC, VECTOR_SB_PUBLIC, VECTOR_SB_HALF " " VECTOR_SB_HALF},
	};

	(void)state;
	assert_int_equal(strlen(VECTOR_FINGERPRINT), IDENTITY_FINGERPRINT_BYTES - 1);
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint8_t lower[IDENTITY_BYTES], higher[IDENTITY_BYTES];
		char text[IDENTITY_FINGERPRINT_BYTES];

		support_unhex(cases[i].lower, lower, sizeof(lower));
		support_unhex(cases[i].higher, higher, sizeof(higher));
		fingerprint_of(lower, higher, text);
		assert_string_equal(text, cases[i].fingerprint);
		/* The other user sees the same. */
		fingerprint_of(higher, lower, text);
		assert_string_equal(text, cases[i].fingerprint);
	}
}

static void a_bit_more_is_another_fingerprint(void **state)
{
	uint8_t keys[2][IDENTITY_BYTES];
	char text[IDENTITY_FINGERPRINT_BYTES];

	(void)state;
	support_unhex(VECTOR_SA_PUBLIC, keys[0], IDENTITY_BYTES);
	support_unhex(VECTOR_SB_PUBLIC, keys[1], IDENTITY_BYTES);
	for (size_t bit = 0; bit < 8 * sizeof(keys); bit++) {
		uint8_t *byte = &keys[bit / 8 / IDENTITY_BYTES][bit / 8 % IDENTITY_BYTES];

		*byte = (uint8_t)(*byte ^ 1 << bit % 8);
		fingerprint_of(keys[0], keys[1], text);
		assert_string_not_equal(text, VECTOR_FINGERPRINT);
		*byte = (uint8_t)(*byte ^ 1 << bit % 8);
	}
	fingerprint_of(keys[0], keys[1], text);
	assert_string_equal(text, VECTOR_FINGERPRINT);
}

static void a_seed_gives_both_forms_of_the_pair(void **state)
{
	static const char *const cases[][4] = {
	    {VECTOR_SA_SEED, VECTOR_SA_PUBLIC, VECTOR_SA_EXCHANGE, VECTOR_SA_EXCHANGE_SECRET},
	    {VECTOR_SB_SEED, VECTOR_SB_PUBLIC, VECTOR_SB_EXCHANGE, VECTOR_SB_EXCHANGE_SECRET},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct identity identity = identity_of_seed(cases[i][0]);
		uint8_t expected[IDENTITY_BYTES], converted[DH_KEY_BYTES];

		support_unhex(cases[i][1], expected, sizeof(expected));
		assert_memory_equal(identity.public, expected, sizeof(expected));
		support_unhex(cases[i][2], expected, sizeof(expected));
		assert_memory_equal(identity.exchange.public, expected, sizeof(expected));
		assert_true(identity_convert(identity.public, converted));
		assert_memory_equal(converted, expected, sizeof(expected));
		support_unhex(cases[i][3], expected, sizeof(expected));
		assert_memory_equal(identity.exchange.secret, expected, sizeof(expected));
	}
}

/* An announcement of the vectors without its ending, and the signature in that. */
static const char *signed_part(const char *announcement, size_t *len,
    uint8_t signature[static IDENTITY_SIGNATURE_BYTES])
{
	const char *ending = strstr(announcement, ", \"signature\": \"");
	size_t signature_len;

	assert_non_null(ending);
	assert_int_equal(sodium_base642bin(signature, IDENTITY_SIGNATURE_BYTES, ending + 16, 88, NULL, &signature_len,
			     NULL, sodium_base64_VARIANT_ORIGINAL),
	    0);
	assert_int_equal(signature_len, IDENTITY_SIGNATURE_BYTES);
	*len = (size_t)(ending - announcement);
	return announcement;
}

#define LABEL "quartet announcement"

static void signatures_are_those_of_the_vectors(void **state)
{
	static const char *const cases[][2] = {{VECTOR_SA_SEED, VECTOR_ANNOUNCEMENT}, {VECTOR_SB_SEED, VECTOR_LEAVING}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct identity identity = identity_of_seed(cases[i][0]);
		uint8_t expected[IDENTITY_SIGNATURE_BYTES], signature[IDENTITY_SIGNATURE_BYTES];
		size_t len;
		const char *text = signed_part(cases[i][1], &len, expected);

		assert_int_equal(identity_sign(&identity, LABEL, text, len, signature), 0);
		assert_memory_equal(signature, expected, sizeof(expected));
		assert_true(identity_verify(identity.public, LABEL, text, len, signature));
	}
}

static void a_signature_holds_for_one_signer_label_and_text(void **state)
{
	struct identity ece = identity_of_seed(VECTOR_SA_SEED), bob = identity_of_seed(VECTOR_SB_SEED);
	uint8_t signature[IDENTITY_SIGNATURE_BYTES];
	char text[] = "who says so";

	(void)state;
	assert_int_equal(identity_sign(&ece, LABEL, BYTES(text), signature), 0);
	assert_false(identity_verify(bob.public, LABEL, BYTES(text), signature));
	assert_false(identity_verify(ece.public, "quartet saying", BYTES(text), signature));
	/* The NUL byte keeps the label apart from what follows it. */
	assert_false(identity_verify(ece.public, LABEL "w", text + 1, sizeof(text) - 2, signature));
	assert_false(identity_verify(ece.public, LABEL, text, sizeof(text) - 2, signature));
	assert_false(identity_verify(ece.public, LABEL, text, sizeof(text), signature));
	for (size_t bit = 0; bit < 8 * (sizeof(text) - 1); bit++) {
		text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
		assert_false(identity_verify(ece.public, LABEL, BYTES(text), signature));
		text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
	}
	for (size_t bit = 0; bit < 8 * sizeof(signature); bit++) {
		signature[bit / 8] = (uint8_t)(signature[bit / 8] ^ 1 << bit % 8);
		assert_false(identity_verify(ece.public, LABEL, BYTES(text), signature));
		signature[bit / 8] = (uint8_t)(signature[bit / 8] ^ 1 << bit % 8);
	}
	assert_true(identity_verify(ece.public, LABEL, BYTES(text), signature));
	assert_int_equal(identity_sign(&ece, LABEL, "", 0, signature), 0);
	assert_true(identity_verify(ece.public, LABEL, "", 0, signature));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_seed_gives_both_forms_of_the_pair),
	    cmocka_unit_test(signatures_are_those_of_the_vectors),
	    cmocka_unit_test(a_signature_holds_for_one_signer_label_and_text),
	    cmocka_unit_test(public_keys_are_written_as_base64),
	    cmocka_unit_test(public_keys_come_back_from_their_text),
	    cmocka_unit_test(nothing_else_is_an_identity),
	    cmocka_unit_test(a_text_that_is_read_is_the_text_that_is_written),
	    cmocka_unit_test(each_identity_has_half_of_a_fingerprint),
	    cmocka_unit_test(a_fingerprint_has_the_half_of_the_lower_identity_first),
	    cmocka_unit_test(a_bit_more_is_another_fingerprint),
	};

	support_begin();
	return cmocka_run_group_tests_name("identity", tests, prepare, NULL);
}
