/* classic: the exchange of section 3.2 of common/PROTOCOL.md, and what strangers may send for it. */
#include "support.h"

#include <ctype.h>
#include <sodium.h>

#include "base/buffer.h"
#include "crypto/classic.h"
#include "heap.h"
#include "shortage.h"
#include "vectors.h"
#include "wire/wire.h"

#define BASE64 sodium_base64_VARIANT_ORIGINAL
#define BLOCK_BYTES 8

static int prepare(void **state)
{
	(void)state;
	return sodium_init() < 0 ? -1 : 0;
}

static struct buffer seal(unsigned secret, const void *text, size_t len)
{
	char *copy = support_copy(text, len);
	struct buffer out = {0};

	assert_int_equal(classic_seal(secret, copy, len, &out), 0);
	free(copy);
	return out;
}

static void expect_opened(unsigned secret, const char *sealed, size_t sealed_len, const void *text, size_t len)
{
	char *copy = support_copy(sealed, sealed_len);
	struct buffer out = {0};

	CHECK(classic_open(secret, copy, sealed_len, &out) == 0, "refused: %.*s", (int)sealed_len, sealed);
	assert_int_equal(out.len, len);
	if (len > 0)
		assert_memory_equal(out.data, text, len);
	buffer_wipe(&out);
	free(copy);
}

static void expect_refused(unsigned secret, const char *sealed, size_t sealed_len)
{
	char *copy = support_copy(sealed, sealed_len);
	struct buffer out = {0};

	assert_int_equal(buffer_append(&out, "before", 6), 0);
	CHECK(classic_open(secret, copy, sealed_len, &out) == EBADMSG, "taken: %.*s", (int)sealed_len, sealed);
	assert_int_equal(out.len, 6);
	assert_memory_equal(out.data, "before", 6);
	buffer_free(&out);
	free(copy);
}

/* Seals text, and leaves of the ciphertext its first len bytes, without the padding that makes it a message. */
static void cut_padding(unsigned secret, const void *text, size_t len, char *sealed, size_t size)
{
	struct buffer whole = seal(secret, text, len);
	uint8_t bytes[64];
	size_t bytes_len = 0;

	assert_int_equal(sodium_base642bin(bytes, sizeof(bytes), whole.data, whole.len, NULL, &bytes_len, NULL, BASE64),
	    0);
	assert_int_equal(len % BLOCK_BYTES, 0);
	assert_int_equal(bytes_len, len + BLOCK_BYTES);
	sodium_bin2base64(sealed, size, bytes, len, BASE64);
	buffer_free(&whole);
}

static void the_build_says_whether_it_has_the_cipher(void **state)
{
	struct buffer out = {0};

	(void)state;
#ifdef QUARTET_CLASSIC
	assert_true(classic_is_available());
#else
	assert_false(classic_is_available());
#endif
	assert_non_null(strstr(classic_feature(), classic_is_available() ? "with the classic" : "without the classic"));
	assert_null(strchr(classic_feature(), '\n'));
	if (classic_is_available())
		return;
	assert_int_equal(buffer_append(&out, "before", 6), 0);
	assert_int_equal(classic_seal(VECTOR_COURSE_SECRET, BYTES(VECTOR_TEXT), &out), ENOTSUP);
	assert_int_equal(classic_open(VECTOR_COURSE_SECRET, BYTES(VECTOR_COURSE_SEALED), &out), ENOTSUP);
	assert_int_equal(classic_open(VECTOR_COURSE_SECRET, BYTES("nonsense"), &out), ENOTSUP);
	assert_int_equal(out.len, 6);
	assert_memory_equal(out.data, "before", 6);
	buffer_free(&out);
}

/* The key object of whoever chose that private number. */
static struct buffer key_object(const char *number, bool as_number)
{
	char digits[CLASSIC_NUMBER_BYTES];
	struct buffer out = {0};

	snprintf(digits, sizeof(digits), "%u", classic_public(classic_exponent(number, strlen(number))));
	assert_int_equal(wire_format_key(&out, digits, as_number), 0);
	return out;
}

/* What whoever chose that private number makes of the other's key object. */
static unsigned agree(const char *number, const char *object, bool as_number)
{
	struct wire_object read;
	unsigned secret = 0;
	const char *why = NULL;

	CHECK(wire_parse(object, strlen(object), &read, &why) == 0, "%s", why);
	assert_int_equal(read.kind, WIRE_KEY);
	assert_int_equal(read.key_is_number, as_number);
	assert_int_equal(classic_agree(classic_exponent(number, strlen(number)), read.value, read.value_len, &secret),
	    0);
	wire_free(&read);
	return secret;
}

static void keys_travel_as_in_the_vectors(void **state)
{
	static const struct {
		const char *number, *sends;
		bool as_number;
	} cases[] = {
	    {VECTOR_COURSE_A, VECTOR_COURSE_INITIATOR_SENDS, false},
	    {VECTOR_COURSE_B, VECTOR_COURSE_RESPONDER_SENDS, false},
	    {VECTOR_COURSE_A, "{\"key\": 14}", true},
	    {VECTOR_COURSE_B, "{\"key\": 13}", true},
	};

	(void)state;
	assert_int_equal(CLASSIC_P, 19);
	assert_int_equal(CLASSIC_G, 2);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buffer sent = key_object(cases[i].number, cases[i].as_number);

		assert_int_equal(sent.len, strlen(cases[i].sends));
		assert_memory_equal(sent.data, cases[i].sends, sent.len);
		buffer_free(&sent);
	}
	assert_int_equal(agree(VECTOR_COURSE_A, VECTOR_COURSE_RESPONDER_SENDS, false), VECTOR_COURSE_SECRET);
	assert_int_equal(agree(VECTOR_COURSE_B, VECTOR_COURSE_INITIATOR_SENDS, false), VECTOR_COURSE_SECRET);
	assert_int_equal(agree(VECTOR_COURSE_A, "{\"key\": 13}", true), VECTOR_COURSE_SECRET);
	assert_int_equal(agree(VECTOR_COURSE_B, "{\"key\": 14}", true), VECTOR_COURSE_SECRET);
}

static void a_message_travels_as_in_the_vectors(void **state)
{
	struct wire_object read;
	struct buffer sealed;
	struct buffer object = {0};
	const char *why = NULL;

	(void)state;
	if (!classic_is_available())
		skip();
	sealed = seal(VECTOR_COURSE_SECRET, BYTES(VECTOR_TEXT));
	assert_int_equal(wire_format_message(&object, WIRE_ENCRYPTED, sealed.data, sealed.len), 0);
	assert_int_equal(object.len, strlen(VECTOR_COURSE_MESSAGE));
	assert_memory_equal(object.data, VECTOR_COURSE_MESSAGE, object.len);
	buffer_free(&sealed);

	CHECK(wire_parse(object.data, object.len, &read, &why) == 0, "%s", why);
	assert_int_equal(read.kind, WIRE_ENCRYPTED);
	expect_opened(VECTOR_COURSE_SECRET, read.value, read.value_len, BYTES(VECTOR_TEXT));
	wire_free(&read);
	buffer_free(&object);
}

/*
 * "hello", and no text at all, under every secret there is. DES takes no notice of the lowest bit of a
 * character, so that most secrets share their key with another.
 */
static const struct {
	unsigned secret;
	const char *hello, *nothing;
} by_secret[] = {
    {1, "njpiC7+5W64=", "p+dS9SCsgrM="},
    {2, "JGiYxJdFbNg=", "zxz7jnYAhNg="},
    {3, "JGiYxJdFbNg=", "zxz7jnYAhNg="},
    {4, "PT9GC8pPjGM=", "NCY4QnqvTEI="},
    {5, "PT9GC8pPjGM=", "NCY4QnqvTEI="},
    {6, "pGlENGnS5T4=", "70OG3LZZGTU="},
    {7, "pGlENGnS5T4=", "70OG3LZZGTU="},
    {8, "WoB/Fz7y4wY=", "dL3v5KAD1CU="},
    {9, "WoB/Fz7y4wY=", "dL3v5KAD1CU="},
    {10, "oF+3D2qkZhM=", "CZi405vNMWk="},
    {11, "oF+3D2qkZhM=", "CZi405vNMWk="},
    {12, "xU/VHXdqjjE=", "/ySfrwa3qHQ="},
    {13, "xU/VHXdqjjE=", "/ySfrwa3qHQ="},
    {14, "nXuAWIxRXcE=", "QtKcR0UzlUQ="},
    {15, "nXuAWIxRXcE=", "QtKcR0UzlUQ="},
    {16, "sSUUPImomFs=", "gl/hMaPplrE="},
    {17, "sSUUPImomFs=", "gl/hMaPplrE="},
    {18, "7B1OTCzyO/w=", "EoimxPWvcW0="},
};

static void texts_are_sealed_and_opened_under_every_secret(void **state)
{
	(void)state;
	if (!classic_is_available())
		skip();
	assert_int_equal(COUNT(by_secret), CLASSIC_P - 1);
	for (size_t i = 0; i < COUNT(by_secret); i++) {
		unsigned secret = by_secret[i].secret;
		struct buffer sealed = seal(secret, BYTES(VECTOR_TEXT));

		CHECK(sealed.len == 12 && memcmp(sealed.data, by_secret[i].hello, 12) == 0, "secret %u: %.*s", secret,
		    (int)sealed.len, sealed.data);
		buffer_free(&sealed);
		sealed = seal(secret, "", 0);
		CHECK(sealed.len == 12 && memcmp(sealed.data, by_secret[i].nothing, 12) == 0, "secret %u: %.*s", secret,
		    (int)sealed.len, sealed.data);
		buffer_free(&sealed);
		expect_opened(secret, by_secret[i].hello, 12, BYTES(VECTOR_TEXT));
		expect_opened(secret, by_secret[i].nothing, 12, "", 0);
	}
}

static void a_message_under_another_key_does_not_come_through(void **state)
{
	(void)state;
	if (!classic_is_available())
		skip();
	for (size_t i = 0; i < COUNT(by_secret); i++)
		for (size_t j = 0; j < COUNT(by_secret); j++) {
			struct buffer out = {0};
			bool same_key = strcmp(by_secret[i].hello, by_secret[j].hello) == 0;
			int r = classic_open(by_secret[i].secret, by_secret[j].hello, 12, &out);

			assert_true(r == 0 || r == EBADMSG);
			CHECK((r == 0 && out.len == 5 && memcmp(out.data, "hello", 5) == 0) == same_key, "%u and %u",
			    by_secret[i].secret, by_secret[j].secret);
			buffer_free(&out);
		}
}

static void keys_are_the_powers_of_two(void **state)
{
	static const unsigned powers[] = {1, 2, 4, 8, 16, 13, 7, 14, 9, 18, 17, 15, 11, 3, 6, 12, 5, 10};

	(void)state;
	assert_int_equal(COUNT(powers), CLASSIC_P - 1);
	for (unsigned exponent = 0; exponent < COUNT(powers); exponent++) {
		assert_int_equal(classic_public(exponent), powers[exponent]);
		assert_int_equal(classic_public(exponent + (CLASSIC_P - 1)), powers[exponent]);
	}
}

static void a_number_of_any_length_is_an_exponent(void **state)
{
	static const struct {
		const char *digits;
		unsigned exponent;
	} cases[] = {
	    {"", 0},
	    {"0", 0},
	    {"1", 1},
	    {"7", 7},
	    {"17", 17},
	    {"18", 0},
	    {"19", 1},
	    {"000000000000000000007", 7},
	    {"18446744073709551615", 15},
	    {"18446744073709551616", 16},
	    {"123456789012345678901234567890", 0},
	    {"115792089237316195423570985008687907853269984665640564039457584007913129639935", 15},
	    {"999999999999999999999999999999999999999999999999999999999999999999999999999999", 9},
	};
	char *sevens = support_repeat('7', 65536);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t len = strlen(cases[i].digits);
		char *copy = support_copy(cases[i].digits, len);

		CHECK(classic_exponent(copy, len) == cases[i].exponent, "%s", cases[i].digits);
		free(copy);
	}
	assert_int_equal(classic_exponent(sevens, 65536), 13);
	/* Only so many of the digits as are said to be there. */
	assert_int_equal(classic_exponent(sevens, 1), 7);
	free(sevens);
}

static void a_random_exponent_makes_the_secret_depend_on_both(void **state)
{
	unsigned seen[CLASSIC_P] = {0};

	(void)state;
	for (int i = 0; i < 10000; i++) {
		unsigned exponent = classic_random_exponent();

		assert_in_range(exponent, 1, CLASSIC_P - 2);
		assert_int_not_equal(classic_public(exponent), 1);
		seen[exponent]++;
	}
	for (unsigned exponent = 1; exponent <= CLASSIC_P - 2; exponent++)
		CHECK(seen[exponent] > 0, "%u is never drawn", exponent);
}

static void both_sides_agree_on_every_secret(void **state)
{
	(void)state;
	for (unsigned a = 0; a < CLASSIC_P - 1; a++)
		for (unsigned b = 0; b < CLASSIC_P - 1; b++) {
			char ours[CLASSIC_NUMBER_BYTES];
			char theirs[CLASSIC_NUMBER_BYTES];
			unsigned left = 0;
			unsigned right = 0;

			snprintf(ours, sizeof(ours), "%u", classic_public(a));
			snprintf(theirs, sizeof(theirs), "%u", classic_public(b));
			assert_int_equal(classic_agree(a, theirs, strlen(theirs), &left), 0);
			assert_int_equal(classic_agree(b, ours, strlen(ours), &right), 0);
			CHECK(left == right && left == classic_public(a * b), "%u and %u", a, b);
			assert_in_range(left, 1, CLASSIC_P - 1);
		}
}

static void a_key_counts_modulo_p(void **state)
{
	static const struct {
		const char *digits;
		unsigned remainder;
	} cases[] = {
	    {"14", 14},
	    {"33", 14},
	    {"0014", 14},
	    {"1900000000000000000014", 14},
	    {"18446744073709551615", 16},
	    {"18446744073709551616", 17},
	};
	char *sevens = support_repeat('7', 65536);
	unsigned secret = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t len = strlen(cases[i].digits);
		char *copy = support_copy(cases[i].digits, len);

		assert_int_equal(classic_agree(1, copy, len, &secret), 0);
		CHECK(secret == cases[i].remainder, "%s", cases[i].digits);
		free(copy);
	}
	assert_int_equal(classic_agree(1, sevens, 65536, &secret), 0);
	assert_int_equal(secret, 15);
	free(sevens);
}

static void a_multiple_of_p_is_no_key(void **state)
{
	static const char *const keys[] = {"", "0", "00000000000000000000", "19", "019", "38", "1900000000000000000000",
	    "18446744073709551599", "3800000000000000000019"};

	(void)state;
	for (size_t i = 0; i < COUNT(keys); i++)
		for (unsigned exponent = 0; exponent < CLASSIC_P - 1; exponent++) {
			unsigned secret = 42;

			CHECK(classic_agree(exponent, keys[i], strlen(keys[i]), &secret) == EPROTO, "taken: %s",
			    keys[i]);
			assert_int_equal(secret, 42);
		}
}

static void texts_of_every_length_come_through(void **state)
{
	char text[300];

	(void)state;
	if (!classic_is_available())
		skip();
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 26);
	for (size_t len = 0; len <= sizeof(text); len++) {
		unsigned secret = 1 + (unsigned)len % (CLASSIC_P - 1);
		struct buffer sealed = seal(secret, text, len);
		size_t blocks = len / BLOCK_BYTES + 1;

		assert_int_equal(sealed.len, (blocks * BLOCK_BYTES + 2) / 3 * 4);
		expect_opened(secret, sealed.data, sealed.len, text, len);
		buffer_free(&sealed);
	}
}

static void texts_of_every_kind_come_through(void **state)
{
	static const char *const texts[] = {
	    "g\xc3\xbcnayd\xc4\xb1n",
	    "\xe5\xb0\x8f\xe6\x98\x8e",
	    "\xf0\x9f\x98\x80\xf0\x9f\x98\x80",
	    "\x1b[31m\x07\x7f",
	    "\x01",
	    "\x08\x08\x08\x08\x08\x08\x08\x08",
	    "line\nline\r\n",
	    "{\"text\": \"hello\"}",
	    "        ",
	};
	char *long_text = support_repeat('x', 65536);
	struct buffer sealed;

	(void)state;
	if (!classic_is_available()) {
		free(long_text);
		skip();
	}
	for (size_t i = 0; i < COUNT(texts); i++) {
		sealed = seal(VECTOR_COURSE_SECRET, texts[i], strlen(texts[i]));
		expect_opened(VECTOR_COURSE_SECRET, sealed.data, sealed.len, texts[i], strlen(texts[i]));
		buffer_free(&sealed);
	}
	sealed = seal(VECTOR_COURSE_SECRET, long_text, 65536);
	expect_opened(VECTOR_COURSE_SECRET, sealed.data, sealed.len, long_text, 65536);
	buffer_free(&sealed);
	free(long_text);
}

static void sealing_and_opening_append(void **state)
{
	struct buffer sealed = {0};
	struct buffer opened = {0};

	(void)state;
	if (!classic_is_available())
		skip();
	assert_int_equal(buffer_append(&sealed, "{", 1), 0);
	assert_int_equal(buffer_append(&opened, "<", 1), 0);
	assert_int_equal(classic_seal(VECTOR_COURSE_SECRET, BYTES(VECTOR_TEXT), &sealed), 0);
	assert_int_equal(sealed.len, 1 + 12);
	assert_int_equal(sealed.data[0], '{');
	assert_int_equal(classic_open(VECTOR_COURSE_SECRET, sealed.data + 1, 12, &opened), 0);
	assert_int_equal(opened.len, 6);
	assert_memory_equal(opened.data, "<hello", 6);
	buffer_free(&sealed);
	buffer_wipe(&opened);
}

static void reader_refuses_text_that_is_not_padded_standard_base64(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} cases[] = {
	    {BYTES("")},
	    {BYTES("=")},
	    {BYTES("====")},
	    {BYTES(VECTOR_TEXT)},
	    {BYTES("oF+3D2qkZhM")},
	    {BYTES("oF+3D2qkZhM==")},
	    {BYTES("oF+3D2qkZhM=====")},
	    {BYTES("oF+3D2qkZh==")},
	    {BYTES("oF+3D2qkZhN=")},
	    {BYTES("oF-3D2qkZhM=")},
	    {BYTES("oF+3D2qkZhM=\n")},
	    {BYTES("oF+3D2qkZhM= ")},
	    {BYTES("oF+3D2qkZhM=\0")},
	    {BYTES(" oF+3D2qkZhM=")},
	    {BYTES("\0oF+3D2qkZhM=")},
	    {BYTES("oF+3\nD2qkZhM=")},
	    {BYTES("oF+3\0D2qkZhM=")},
	    {BYTES("oF+3D2qkZhM=oF+3D2qkZhM=")},
	    {BYTES("oF+3D2qkZh\xff=")},
	    {BYTES("\xc3\xa9+3D2qkZhM=")},
	};

	(void)state;
	if (!classic_is_available())
		skip();
	for (size_t i = 0; i < COUNT(cases); i++)
		expect_refused(VECTOR_COURSE_SECRET, cases[i].text, cases[i].len);
	for (size_t len = 0; len < 12; len++)
		expect_refused(VECTOR_COURSE_SECRET, VECTOR_COURSE_SEALED, len);
	expect_opened(VECTOR_COURSE_SECRET, BYTES(VECTOR_COURSE_SEALED), BYTES(VECTOR_TEXT));
}

static void reader_refuses_any_other_character_in_any_place(void **state)
{
	char text[] = "7B1OTCzyO/w=";

	(void)state;
	if (!classic_is_available())
		skip();
	for (size_t at = 0; at < sizeof(text) - 1; at++) {
		char before = text[at];

		for (int byte = 0; byte < 256; byte++) {
			struct buffer out = {0};

			text[at] = (char)byte;
			/* Another letter of the alphabet may by chance make another text: nothing protects it. */
			if (text[at] != before && classic_open(18, text, sizeof(text) - 1, &out) == 0) {
				CHECK(byte < 128 && (isalnum(byte) || byte == '+' || byte == '/'), "taken: %s", text);
				CHECK(out.len != 5 || memcmp(out.data, "hello", 5) != 0, "taken: %s", text);
			}
			buffer_free(&out);
		}
		text[at] = before;
	}
}

static void reader_refuses_blocks_that_are_cut_short(void **state)
{
	char text[] = "a text of several blocks, of which the last one is padded";
	struct buffer sealed;
	uint8_t bytes[128];
	size_t whole = 0;

	(void)state;
	if (!classic_is_available())
		skip();
	sealed = seal(VECTOR_COURSE_SECRET, text, sizeof(text) - 1);
	assert_int_equal(sodium_base642bin(bytes, sizeof(bytes), sealed.data, sealed.len, NULL, &whole, NULL, BASE64),
	    0);
	for (size_t len = 0; len < whole; len++) {
		char cut[256];

		sodium_bin2base64(cut, sizeof(cut), bytes, len, BASE64);
		expect_refused(VECTOR_COURSE_SECRET, cut, strlen(cut));
	}
	for (size_t len = 0; len < sealed.len; len++)
		expect_refused(VECTOR_COURSE_SECRET, sealed.data, len);
	expect_opened(VECTOR_COURSE_SECRET, sealed.data, sealed.len, text, sizeof(text) - 1);
	buffer_free(&sealed);
}

static void reader_refuses_wrong_padding(void **state)
{
	/* Last blocks, which stand where the padding should be. */
	static const char *const cases[] = {
	    "abcdefgh",
	    "abcdefg\x02",
	    "abcdef\x03\x02",
	    "abcde\x03\x02\x03",
	    "abcdefg\x09",
	    "abcdefg\x7f",
	    "abcdefg\xff",
	    "\x01\x08\x08\x08\x08\x08\x08\x08",
	    "\x07\x07\x07\x07\x07\x07\x07\x08",
	    "\x10\x10\x10\x10\x10\x10\x10\x10",
	};
	char sealed[64];

	(void)state;
	if (!classic_is_available())
		skip();
	for (size_t i = 0; i < COUNT(cases); i++) {
		cut_padding(VECTOR_COURSE_SECRET, cases[i], BLOCK_BYTES, sealed, sizeof(sealed));
		expect_refused(VECTOR_COURSE_SECRET, sealed, strlen(sealed));
	}
	cut_padding(VECTOR_COURSE_SECRET, BYTES("abcdefg\0"), sealed, sizeof(sealed));
	expect_refused(VECTOR_COURSE_SECRET, sealed, strlen(sealed));
	/* And this is what they all miss. */
	cut_padding(VECTOR_COURSE_SECRET, BYTES("abcdefg\x01"), sealed, sizeof(sealed));
	expect_opened(VECTOR_COURSE_SECRET, sealed, strlen(sealed), BYTES("abcdefg"));
	cut_padding(VECTOR_COURSE_SECRET, BYTES("abcdef\x02\x02"), sealed, sizeof(sealed));
	expect_opened(VECTOR_COURSE_SECRET, sealed, strlen(sealed), BYTES("abcdef"));
	cut_padding(VECTOR_COURSE_SECRET, BYTES("\x08\x08\x08\x08\x08\x08\x08\x08"), sealed, sizeof(sealed));
	expect_opened(VECTOR_COURSE_SECRET, sealed, strlen(sealed), "", 0);
}

static void reader_refuses_what_is_no_text(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} with_nul[] = {
	    {BYTES("\0")}, {BYTES("\0hello")}, {BYTES("hello\0")}, {BYTES("he\0llo")}, {BYTES("\0\0\0\0\0\0\0\0")}};

	(void)state;
	if (!classic_is_available())
		skip();
	for (size_t i = 0; i < COUNT(with_nul); i++) {
		struct buffer sealed = seal(VECTOR_COURSE_SECRET, with_nul[i].bytes, with_nul[i].len);

		expect_refused(VECTOR_COURSE_SECRET, sealed.data, sealed.len);
		buffer_free(&sealed);
	}
	for (size_t i = 0; i < COUNT(support_bad_utf8); i++)
		for (int surrounded = 0; surrounded < 2; surrounded++) {
			char text[32];
			size_t len = support_bad_utf8[i].len;
			struct buffer sealed;

			memset(text, 'a', sizeof(text));
			memcpy(text + 9 * surrounded, support_bad_utf8[i].bytes, len);
			sealed = seal(VECTOR_COURSE_SECRET, text, len + 18 * (size_t)surrounded);
			expect_refused(VECTOR_COURSE_SECRET, sealed.data, sealed.len);
			buffer_free(&sealed);
		}
}

static void flipped_bits_give_another_text_or_none(void **state)
{
	static const char text[] = "hello, and hello again";
	struct buffer sealed;
	uint8_t bytes[64];
	size_t len = 0;

	(void)state;
	if (!classic_is_available())
		skip();
	sealed = seal(VECTOR_COURSE_SECRET, BYTES(text));
	assert_int_equal(sodium_base642bin(bytes, sizeof(bytes), sealed.data, sealed.len, NULL, &len, NULL, BASE64), 0);
	buffer_free(&sealed);
	for (size_t bit = 0; bit < 8 * len; bit++) {
		struct buffer out = {0};
		char flipped[128];
		int r;

		bytes[bit / 8] = (uint8_t)(bytes[bit / 8] ^ 1 << bit % 8);
		sodium_bin2base64(flipped, sizeof(flipped), bytes, len, BASE64);
		r = classic_open(VECTOR_COURSE_SECRET, flipped, strlen(flipped), &out);
		assert_true(r == 0 || r == EBADMSG);
		CHECK(out.len != sizeof(text) - 1 || memcmp(out.data, text, out.len) != 0, "bit %zu", bit);
		assert_int_equal(r == 0 || out.len == 0, true);
		buffer_free(&out);
		bytes[bit / 8] = (uint8_t)(bytes[bit / 8] ^ 1 << bit % 8);
	}
}

static void nonsense_of_any_length_does_no_harm(void **state)
{
	static const size_t lengths[] = {4, 8, 12, 16, 1000, 4096, 65536, 65537, 1 << 20, (1 << 20) + 4};
	uint64_t seed = 11;

	(void)state;
	if (!classic_is_available())
		skip();
	for (size_t i = 0; i < COUNT(lengths); i++) {
		static const char fillers[] = "A/=\0 \xff";

		for (size_t j = 0; j < sizeof(fillers) - 1; j++) {
			char *text = support_repeat(fillers[j], lengths[i]);

			expect_refused(1 + (unsigned)j, text, lengths[i]);
			free(text);
		}
	}
	for (int i = 0; i < 20000; i++) {
		uint8_t bytes[48];
		char text[80];
		size_t len = support_random(&seed) % (sizeof(bytes) + 1);
		struct buffer out = {0};
		int r;

		for (size_t at = 0; at < len; at++)
			bytes[at] = (uint8_t)support_random(&seed);
		sodium_bin2base64(text, sizeof(text), bytes, len, BASE64);
		r = classic_open(1 + support_random(&seed) % (CLASSIC_P - 1), text, strlen(text), &out);
		assert_true(r == EBADMSG || (r == 0 && len > 0 && len % BLOCK_BYTES == 0));
		assert_null(memchr(out.len > 0 ? out.data : "x", '\0', out.len > 0 ? out.len : 1));
		buffer_free(&out);
	}
}

/* Returns whether there was a shortage. */
static bool seal_in_need(size_t at)
{
	struct buffer out = {0};
	bool refused;
	int r;

	shortage_begin(at);
	r = classic_seal(VECTOR_COURSE_SECRET, BYTES(VECTOR_TEXT), &out);
	refused = shortage_end();
	if (r == 0) {
		assert_int_equal(out.len, strlen(VECTOR_COURSE_SEALED));
		assert_memory_equal(out.data, VECTOR_COURSE_SEALED, out.len);
	} else {
		assert_int_equal(out.len, 0);
		CHECK(refused && r == ENOMEM, "%s if request %zu is refused", strerror(r), at);
	}
	buffer_free(&out);
	return refused;
}

static bool open_in_need(size_t at)
{
	struct buffer out = {0};
	bool refused;
	int r;

	shortage_begin(at);
	r = classic_open(VECTOR_COURSE_SECRET, BYTES(VECTOR_COURSE_SEALED), &out);
	refused = shortage_end();
	if (r == 0) {
		assert_int_equal(out.len, strlen(VECTOR_TEXT));
		assert_memory_equal(out.data, VECTOR_TEXT, out.len);
	} else {
		assert_int_equal(out.len, 0);
		CHECK(refused && r == ENOMEM, "%s if request %zu is refused", strerror(r), at);
	}
	buffer_free(&out);
	return refused;
}

static void sealing_says_so_if_memory_runs_out(void **state)
{
	(void)state;
	if (!classic_is_available())
		skip();
	for (size_t at = 1; seal_in_need(at);)
		at++;
}

static void opening_gives_nothing_if_memory_runs_out(void **state)
{
	(void)state;
	if (!classic_is_available())
		skip();
	for (size_t at = 1; open_in_need(at);)
		at++;
}

static void plaintext_is_not_left_in_freed_memory(void **state)
{
	static const char secret[] = "nobody else may read this, not even in freed memory";
	struct buffer opened = {0};
	struct buffer sealed = {0};

	(void)state;
	if (!classic_is_available() || !heap_is_watched())
		skip();
	heap_watch(BYTES(secret));
	assert_int_equal(classic_seal(VECTOR_COURSE_SECRET, BYTES(secret), &sealed), 0);
	assert_int_equal(classic_open(VECTOR_COURSE_SECRET, sealed.data, sealed.len, &opened), 0);
	buffer_wipe(&opened);
	buffer_free(&sealed);
	assert_int_equal(heap_unwatch(), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_build_says_whether_it_has_the_cipher),
	    cmocka_unit_test(keys_travel_as_in_the_vectors),
	    cmocka_unit_test(a_message_travels_as_in_the_vectors),
	    cmocka_unit_test(texts_are_sealed_and_opened_under_every_secret),
	    cmocka_unit_test(a_message_under_another_key_does_not_come_through),
	    cmocka_unit_test(keys_are_the_powers_of_two),
	    cmocka_unit_test(a_number_of_any_length_is_an_exponent),
	    cmocka_unit_test(a_random_exponent_makes_the_secret_depend_on_both),
	    cmocka_unit_test(both_sides_agree_on_every_secret),
	    cmocka_unit_test(a_key_counts_modulo_p),
	    cmocka_unit_test(a_multiple_of_p_is_no_key),
	    cmocka_unit_test(texts_of_every_length_come_through),
	    cmocka_unit_test(texts_of_every_kind_come_through),
	    cmocka_unit_test(sealing_and_opening_append),
	    cmocka_unit_test(reader_refuses_text_that_is_not_padded_standard_base64),
	    cmocka_unit_test(reader_refuses_any_other_character_in_any_place),
	    cmocka_unit_test(reader_refuses_blocks_that_are_cut_short),
	    cmocka_unit_test(reader_refuses_wrong_padding),
	    cmocka_unit_test(reader_refuses_what_is_no_text),
	    cmocka_unit_test(flipped_bits_give_another_text_or_none),
	    cmocka_unit_test(nonsense_of_any_length_does_no_harm),
	    cmocka_unit_test(sealing_says_so_if_memory_runs_out),
	    cmocka_unit_test(opening_gives_nothing_if_memory_runs_out),
	    cmocka_unit_test(plaintext_is_not_left_in_freed_memory),
	};

	support_begin();
	return cmocka_run_group_tests_name("classic", tests, prepare, NULL);
}
