/* decimal: 32-byte numbers as digits. */
#include "support.h"

#include "base/decimal.h"
#include "vectors.h"

#define TWO_TO_64 "18446744073709551616"
#define TWO_TO_64_LESS_1 "18446744073709551615"
#define TWO_TO_256 "115792089237316195423570985008687907853269984665640564039457584007913129639936"
#define TWO_TO_256_LESS_1 "115792089237316195423570985008687907853269984665640564039457584007913129639935"

static const struct {
	const char *hex;
	const char *digits;
	bool small;
} numbers[] = {
    {"0000000000000000000000000000000000000000000000000000000000000000", "0", true},
    {"0000000000000000000000000000000000000000000000000000000000000001", "1", true},
    {"0000000000000000000000000000000000000000000000000000000000000009", "9", true},
    {"000000000000000000000000000000000000000000000000000000000000000a", "10", true},
    {"00000000000000000000000000000000000000000000000000000000000000ff", "255", true},
    {"0000000000000000000000000000000000000000000000000000000000000100", "256", true},
    {"000000000000000000000000000000000000000000000000ffffffffffffffff", TWO_TO_64_LESS_1, true},
    {"0000000000000000000000000000000000000000000000010000000000000000", TWO_TO_64, false},
    {"0000000000000000000000000000000000000000000000010000000000000001", "18446744073709551617", false},
    {"0000000000000000000000000000000000000000000000056bc75e2d63100000", "100000000000000000000", false},
    {"8000000000000000000000000000000000000000000000000000000000000000",
	"57896044618658097711785492504343953926634992332820282019728792003956564819968", false},
    {"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", TWO_TO_256_LESS_1, false},
    {VECTOR_A_PUBLIC, VECTOR_A_DIGITS, false},
    {VECTOR_B_PUBLIC, VECTOR_B_DIGITS, false},
};

static void numbers_are_written_without_leading_zeros(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(numbers); i++) {
		uint8_t bytes[DECIMAL_BYTES];
		char *digits = malloc(DECIMAL_MAX_DIGITS + 1);

		assert_non_null(digits);
		support_unhex(numbers[i].hex, bytes, sizeof(bytes));
		assert_int_equal(decimal_format(bytes, digits), strlen(numbers[i].digits));
		assert_string_equal(digits, numbers[i].digits);
		free(digits);
	}
}

static void numbers_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(numbers); i++) {
		size_t len = strlen(numbers[i].digits);
		char *digits = support_copy(numbers[i].digits, len);
		uint8_t expected[DECIMAL_BYTES];
		uint8_t bytes[DECIMAL_BYTES];

		support_unhex(numbers[i].hex, expected, sizeof(expected));
		memset(bytes, 0x5a, sizeof(bytes));
		assert_int_equal(decimal_parse(digits, len, bytes), 0);
		assert_memory_equal(bytes, expected, sizeof(bytes));
		free(digits);
	}
}

static void leading_zeros_do_not_count(void **state)
{
	static const size_t zeros[] = {1, 2, 10, 77, 78, 79, 1000, 100000};

	(void)state;
	for (size_t i = 0; i < COUNT(numbers); i++) {
		for (size_t j = 0; j < COUNT(zeros); j++) {
			size_t len = zeros[j] + strlen(numbers[i].digits);
			char *digits = support_repeat('0', len);
			uint8_t expected[DECIMAL_BYTES];
			uint8_t bytes[DECIMAL_BYTES] = {1};

			memcpy(digits + zeros[j], numbers[i].digits, len - zeros[j]);
			support_unhex(numbers[i].hex, expected, sizeof(expected));
			assert_int_equal(decimal_parse(digits, len, bytes), 0);
			assert_memory_equal(bytes, expected, sizeof(bytes));
			free(digits);
		}
	}
}

static void numbers_of_2_to_256_and_above_are_out_of_range(void **state)
{
	char *nines = support_repeat('9', 65536);
	const struct {
		const char *digits;
		size_t len;
	} cases[] = {
	    {BYTES(TWO_TO_256)},
	    {BYTES("0" TWO_TO_256)},
	    {BYTES("115792089237316195423570985008687907853269984665640564039457584007913129639937")},
	    {BYTES("115792089237316195423570985008687907853269984665640564039457584007913129640000")},
	    {BYTES("200000000000000000000000000000000000000000000000000000000000000000000000000000")},
	    {nines, 78},
	    {nines, 79},
	    {nines, 155},
	    {nines, 65536},
	    {BYTES("1000000000000000000000000000000000000000000000000000000000000000000000000000000")},
	    /* 2^257, 2^512: zero again in a number that wraps around. */
	    {BYTES("231584178474632390847141970017375815706539969331281128078915168015826259279872")},
	    {BYTES("1340780792994259709957402499820584612747936582059239337772356144372176403007354"
		   "6976"
		   "801874298166903427690031858186486050853753882811946569946433649006084096")},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint8_t bytes[DECIMAL_BYTES];
		uint8_t before[DECIMAL_BYTES];

		memset(bytes, 0x5a, sizeof(bytes));
		memset(before, 0x5a, sizeof(before));
		CHECK(decimal_parse(cases[i].digits, cases[i].len, bytes) == ERANGE, "case %zu", i);
		assert_memory_equal(bytes, before, sizeof(bytes));
	}
	free(nines);
}

static void only_digits_make_a_number(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} cases[] = {
	    {BYTES("")},
	    {BYTES(" ")},
	    {BYTES("+1")},
	    {BYTES("-1")},
	    {BYTES("-0")},
	    {BYTES(" 1")},
	    {BYTES("1 ")},
	    {BYTES("1\n")},
	    {BYTES("1 2")},
	    {BYTES("1,000")},
	    {BYTES("1_000")},
	    {BYTES("1.0")},
	    {BYTES("1e3")},
	    {BYTES("0x1f")},
	    {BYTES("ff")},
	    {BYTES("12\0")},
	    {BYTES("\0")},
	    {BYTES("1\0"
		   "2")},
	    {BYTES("\xd9\xa1")},
	    {BYTES("\xef\xbc\x91")},
	    {BYTES("\xc2\xb2")},
	    /* Too large and no number: no number. */
	    {BYTES(TWO_TO_256 TWO_TO_256 "x")},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *text = support_copy(cases[i].text, cases[i].len);
		uint8_t bytes[DECIMAL_BYTES];
		uint8_t before[DECIMAL_BYTES];

		memset(bytes, 0x5a, sizeof(bytes));
		memset(before, 0x5a, sizeof(before));
		CHECK(!decimal_is_number(text, cases[i].len), "case %zu is a number", i);
		CHECK(decimal_parse(text, cases[i].len, bytes) == EINVAL, "case %zu is read", i);
		assert_memory_equal(bytes, before, sizeof(bytes));
		free(text);
	}
}

static void every_byte_but_the_ten_digits_spoils_a_number(void **state)
{
	(void)state;
	for (int byte = 0; byte < 256; byte++) {
		bool digit = byte >= '0' && byte <= '9';

		for (size_t at = 0; at < 3; at++) {
			char *text = support_copy("123", 3);

			text[at] = (char)byte;
			CHECK(decimal_is_number(text, 3) == digit, "byte %d at %zu", byte, at);
			free(text);
		}
		assert_int_equal(decimal_is_number(&(char){(char)byte}, 1), digit);
	}
}

static void every_number_comes_back_from_its_digits(void **state)
{
	uint64_t seed = 4242;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		uint8_t bytes[DECIMAL_BYTES] = {0};
		uint8_t back[DECIMAL_BYTES] = {1};
		char digits[DECIMAL_MAX_DIGITS + 1];
		size_t len;

		for (size_t at = support_random(&seed) % DECIMAL_BYTES; at < DECIMAL_BYTES; at++)
			bytes[at] = (uint8_t)support_random(&seed);
		len = decimal_format(bytes, digits);
		assert_true(decimal_is_number(digits, len));
		assert_int_equal(strlen(digits), len);
		assert_true(len == 1 || digits[0] != '0');
		assert_int_equal(decimal_parse(digits, len, back), 0);
		assert_memory_equal(back, bytes, sizeof(back));
	}
}

static void numbers_below_2_to_64_are_small(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(numbers); i++) {
		uint8_t bytes[DECIMAL_BYTES];

		support_unhex(numbers[i].hex, bytes, sizeof(bytes));
		CHECK(decimal_is_small(bytes) == numbers[i].small, "%s", numbers[i].digits);
	}
	for (size_t bit = 0; bit < 8 * DECIMAL_BYTES; bit++) {
		uint8_t bytes[DECIMAL_BYTES] = {0};

		bytes[DECIMAL_BYTES - 1 - bit / 8] = (uint8_t)(1 << bit % 8);
		CHECK(decimal_is_small(bytes) == (bit < 64), "2^%zu", bit);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers_are_written_without_leading_zeros),
	    cmocka_unit_test(numbers_are_read),
	    cmocka_unit_test(leading_zeros_do_not_count),
	    cmocka_unit_test(numbers_of_2_to_256_and_above_are_out_of_range),
	    cmocka_unit_test(only_digits_make_a_number),
	    cmocka_unit_test(every_byte_but_the_ten_digits_spoils_a_number),
	    cmocka_unit_test(every_number_comes_back_from_its_digits),
	    cmocka_unit_test(numbers_below_2_to_64_are_small),
	};

	support_begin();
	return cmocka_run_group_tests_name("decimal", tests, NULL, NULL);
}
