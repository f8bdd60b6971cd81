/* text: what is UTF-8, and what may reach a terminal. */
#include "support.h"

#include "text.h"

/* A second opinion, made from the definition: the shortest form of a scalar value. Returns its
 * length or 0. */
static size_t reference_length(const uint8_t *bytes, size_t len)
{
	static const struct {
		uint8_t mask, lead;
		uint32_t least, most;
	} forms[] = {
	    {0x80, 0x00, 0x0, 0x7f},
	    {0xe0, 0xc0, 0x80, 0x7ff},
	    {0xf0, 0xe0, 0x800, 0xffff},
	    {0xf8, 0xf0, 0x10000, 0x10ffff},
	};

	for (size_t form = 0; form < COUNT(forms); form++) {
		uint32_t value = bytes[0] & (uint8_t)~forms[form].mask;

		if ((bytes[0] & forms[form].mask) != forms[form].lead || len < form + 1)
			continue;
		for (size_t i = 1; i <= form; i++) {
			if ((bytes[i] & 0xc0) != 0x80)
				return 0;
			value = value << 6 | (bytes[i] & 0x3f);
		}
		if (value < forms[form].least || value > forms[form].most || (value >= 0xd800 && value <= 0xdfff))
			return 0;
		return form + 1;
	}
	return 0;
}

static size_t encode(uint32_t code_point, char out[4])
{
	if (code_point < 0x80) {
		out[0] = (char)code_point;
		return 1;
	}
	if (code_point < 0x800) {
		out[0] = (char)(0xc0 | code_point >> 6);
		out[1] = (char)(0x80 | (code_point & 0x3f));
		return 2;
	}
	if (code_point < 0x10000) {
		out[0] = (char)(0xe0 | code_point >> 12);
		out[1] = (char)(0x80 | (code_point >> 6 & 0x3f));
		out[2] = (char)(0x80 | (code_point & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | code_point >> 18);
	out[1] = (char)(0x80 | (code_point >> 12 & 0x3f));
	out[2] = (char)(0x80 | (code_point >> 6 & 0x3f));
	out[3] = (char)(0x80 | (code_point & 0x3f));
	return 4;
}

static void every_code_point_is_decoded(void **state)
{
	(void)state;
	for (uint32_t code_point = 0; code_point <= 0x10ffff; code_point++) {
		char bytes[4];
		size_t len = encode(code_point, bytes);
		const char *cursor = bytes;
		bool surrogate = code_point >= 0xd800 && code_point <= 0xdfff;
		uint32_t decoded = text_next(&cursor, bytes + len);

		CHECK(decoded == (surrogate ? UINT32_MAX : code_point), "U+%04X", code_point);
		CHECK(cursor == bytes + (surrogate ? 1 : len), "U+%04X", code_point);
		CHECK(text_is_utf8(bytes, len) == !surrogate, "U+%04X", code_point);
	}
}

/* Compares text_next() and text_is_utf8() with the second opinion. */
static void compare(const uint8_t *bytes, size_t len)
{
	const char *text = (const char *)bytes;
	const char *cursor = text;
	size_t expected = reference_length(bytes, len);
	uint32_t decoded = text_next(&cursor, text + len);
	bool whole = true;

	CHECK((decoded != UINT32_MAX) == (expected > 0) && cursor == text + (expected > 0 ? expected : 1),
	    "%zu bytes %02X %02X %02X %02X", len, bytes[0], bytes[1], bytes[2], bytes[3]);
	for (size_t at = 0; at < len && whole;) {
		size_t step = reference_length(bytes + at, len - at);

		whole = step > 0;
		at += step;
	}
	CHECK(text_is_utf8(text, len) == whole, "%zu bytes %02X %02X %02X %02X", len, bytes[0], bytes[1], bytes[2],
	    bytes[3]);
}

static void every_sequence_of_up_to_three_bytes_is_judged(void **state)
{
	(void)state;
	for (unsigned first = 0; first < 256; first++) {
		compare((uint8_t[4]){(uint8_t)first}, 1);
		for (unsigned second = 0; second < 256; second++) {
			uint8_t bytes[4] = {(uint8_t)first, (uint8_t)second};

			compare(bytes, 2);
			/* A third byte matters only behind the lead byte of three or more. */
			for (unsigned third = 0; third < 256 && first >= 0xe0; third++) {
				bytes[2] = (uint8_t)third;
				compare(bytes, 3);
			}
		}
	}
}

static void sequences_of_four_bytes_are_judged(void **state)
{
	static const uint8_t edges[] = {
	    0x00, 0x22, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xaf, 0xb0, 0xbf, 0xc0, 0xc2, 0xe0, 0xf0, 0xff};

	(void)state;
	for (unsigned first = 0xc0; first < 256; first++)
		for (unsigned second = 0; second < 256; second++)
			for (size_t third = 0; third < COUNT(edges); third++)
				for (size_t fourth = 0; fourth < COUNT(edges); fourth++)
					compare((uint8_t[4]){(uint8_t)first, (uint8_t)second, edges[third],
						    edges[fourth]},
					    4);
}

static void malformed_sequences_are_found_wherever_they_stand(void **state)
{
	static const struct {
		const char *before, *after;
	} places[] = {{"", ""}, {"a", ""}, {"", "a"}, {"\xc3\xa9", "\xc3\xa9"}, {"long before ", " after"}};

	(void)state;
	for (size_t i = 0; i < COUNT(support_bad_utf8); i++) {
		for (size_t j = 0; j < COUNT(places); j++) {
			char joined[64];
			size_t before = strlen(places[j].before);
			size_t after = strlen(places[j].after);
			size_t len = before + support_bad_utf8[i].len + after;
			char *text;

			memcpy(joined, places[j].before, before);
			memcpy(joined + before, support_bad_utf8[i].bytes, support_bad_utf8[i].len);
			memcpy(joined + len - after, places[j].after, after);
			text = support_copy(joined, len);
			CHECK(!text_is_utf8(text, len), "%s is taken", support_bad_utf8[i].why);
			free(text);
		}
	}
}

static void a_sequence_cut_by_the_end_is_malformed(void **state)
{
	static const char *const whole[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};

	(void)state;
	for (size_t i = 0; i < COUNT(whole); i++) {
		for (size_t len = 1; len < strlen(whole[i]); len++) {
			char *text = support_copy(whole[i], len);
			const char *cursor = text;

			assert_int_equal(text_next(&cursor, text + len), UINT32_MAX);
			assert_ptr_equal(cursor, text + 1);
			assert_false(text_is_utf8(text, len));
			free(text);
		}
	}
	assert_true(text_is_utf8("", 0));
	assert_true(text_is_utf8("a\0b", 3));
	assert_true(text_is_utf8("\xef\xbf\xbe\xef\xbf\xbf\xf4\x8f\xbf\xbf", 10));
}

static void controls_are_c0_del_and_c1(void **state)
{
	(void)state;
	for (uint32_t code_point = 0; code_point <= 0x10ffff; code_point++) {
		bool control = code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0);

		CHECK(text_is_control(code_point) == control, "U+%04X", code_point);
	}
}

static void dangerous_characters_are_spelled_out(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *escaped;
	} cases[] = {
	    {BYTES(""), ""},
	    {BYTES("hello"), "hello"},
	    {BYTES("<U+0007>"), "<U+0007>"},
	    {BYTES("g\xc3\xbcnayd\xc4\xb1n \xe2\x82\xac \xf0\x9f\x98\x80 \xd8\xb3\xd9\x84"),
		"g\xc3\xbcnayd\xc4\xb1n \xe2\x82\xac \xf0\x9f\x98\x80 \xd8\xb3\xd9\x84"},
	    {BYTES("\0"), "<U+0000>"},
	    {BYTES("\x07"), "<U+0007>"},
	    {BYTES("a\tb"), "a<U+0009>b"},
	    {BYTES("a\nb"), "a<U+000A>b"},
	    {BYTES("a\rb"), "a<U+000D>b"},
	    {BYTES("\x1b[31mred"), "<U+001B>[31mred"},
	    {BYTES("\x1b]0;title\x07"), "<U+001B>]0;title<U+0007>"},
	    {BYTES("\x7f"), "<U+007F>"},
	    {BYTES("\xc2\x80"), "<U+0080>"},
	    {BYTES("\xc2\x85"), "<U+0085>"},
	    {BYTES("\xc2\x9b"
		   "31m"),
		"<U+009B>31m"},
	    {BYTES("\xc2\x9f"), "<U+009F>"},
	    {BYTES("\xc2\xa0"), "\xc2\xa0"},
	    {BYTES("\xe2\x80\xa8"), "<U+2028>"},
	    {BYTES("\xe2\x80\xa9"), "<U+2029>"},
	    /* Bidi_Control, all twelve. */
	    {BYTES("\xd8\x9c"), "<U+061C>"},
	    {BYTES("\xe2\x80\x8e"), "<U+200E>"},
	    {BYTES("\xe2\x80\x8f"), "<U+200F>"},
	    {BYTES("\xe2\x80\xaa"), "<U+202A>"},
	    {BYTES("\xe2\x80\xab"), "<U+202B>"},
	    {BYTES("\xe2\x80\xac"), "<U+202C>"},
	    {BYTES("\xe2\x80\xad"), "<U+202D>"},
	    {BYTES("\xe2\x80\xae"), "<U+202E>"},
	    {BYTES("\xe2\x81\xa6"), "<U+2066>"},
	    {BYTES("\xe2\x81\xa7"), "<U+2067>"},
	    {BYTES("\xe2\x81\xa8"), "<U+2068>"},
	    {BYTES("\xe2\x81\xa9"), "<U+2069>"},
	    /* Invisible format characters. */
	    {BYTES("\xc2\xad"), "<U+00AD>"},
	    {BYTES("\xe1\xa0\x8e"), "<U+180E>"},
	    {BYTES("\xe2\x80\x8b"), "<U+200B>"},
	    {BYTES("\xe2\x81\xa0"), "<U+2060>"},
	    {BYTES("\xe2\x81\xa4"), "<U+2064>"},
	    {BYTES("\xe2\x81\xaf"), "<U+206F>"},
	    {BYTES("\xef\xbb\xbf"), "<U+FEFF>"},
	    {BYTES("\xef\xbf\xb9"), "<U+FFF9>"},
	    {BYTES("\xf3\xa0\x80\x81"), "<U+E0001>"},
	    {BYTES("\xf3\xa0\x81\x81"), "<U+E0041>"},
	    {BYTES("\xf3\xa0\x81\xbf"), "<U+E007F>"},
	    /* Bytes that are not UTF-8. */
	    {BYTES("\xff"), "<FF>"},
	    {BYTES("\x80"), "<80>"},
	    {BYTES("a\xc3z"), "a<C3>z"},
	    {BYTES("\xe2\x82"), "<E2><82>"},
	    {BYTES("\xc0\xaf"), "<C0><AF>"},
	    {BYTES("\xed\xa0\x80"), "<ED><A0><80>"},
	    {BYTES("\xf4\x90\x80\x80"), "<F4><90><80><80>"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t room = TEXT_ESCAPE_FACTOR * cases[i].len + 1;
		char *text = support_copy(cases[i].text, cases[i].len);
		char *out = malloc(room);
		size_t len;

		assert_non_null(out);
		len = text_escape(out, room, text, cases[i].len);
		assert_string_equal(out, cases[i].escaped);
		assert_int_equal(len, strlen(cases[i].escaped));
		free(text);
		free(out);
	}
}

/* Fails if a terminal could obey the text or be misled by it. */
static void expect_harmless(const char *text, size_t len)
{
	assert_true(text_is_utf8(text, len));
	for (const char *cursor = text; cursor < text + len;) {
		uint32_t code_point = text_next(&cursor, text + len);

		CHECK(!text_is_control(code_point) && code_point != 0x061c &&
			  !(code_point >= 0x200b && code_point <= 0x200f && code_point != 0x200c &&
			      code_point != 0x200d) &&
			  !(code_point >= 0x2028 && code_point <= 0x202e) &&
			  !(code_point >= 0x2060 && code_point <= 0x206f) && code_point != 0xfeff,
		    "U+%04X comes through", code_point);
	}
}

static void nothing_dangerous_comes_through(void **state)
{
	uint64_t seed = 99;
	char out[TEXT_ESCAPE_FACTOR * 64 + 1];

	(void)state;
	for (uint32_t code_point = 0; code_point <= 0x10ffff; code_point++) {
		char bytes[4];
		size_t len = encode(code_point, bytes);

		expect_harmless(out, text_escape(out, TEXT_ESCAPE_FACTOR * len + 1, bytes, len));
	}
	for (int i = 0; i < 20000; i++) {
		char bytes[64];
		size_t len = support_random(&seed) % sizeof(bytes);
		size_t escaped;

		for (size_t at = 0; at < len; at++)
			bytes[at] = (char)support_random(&seed);
		escaped = text_escape(out, TEXT_ESCAPE_FACTOR * len + 1, bytes, len);
		assert_int_equal(strlen(out), escaped);
		expect_harmless(out, escaped);
	}
}

static void a_text_too_long_is_cut_at_a_whole_character(void **state)
{
	/* Pieces that must not be cut, as input and as output. */
	static const struct {
		const char *in, *out;
	} pieces[] = {
	    {"a", "a"},
	    {"\xc3\xa9", "\xc3\xa9"},
	    {"\xe2\x80\xae", "<U+202E>"},
	    {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
	    {"\xff", "<FF>"},
	    {"\xf3\xa0\x81\x81", "<U+E0041>"},
	    {"\x1b", "<U+001B>"},
	    {"\xe2\x82\xac", "\xe2\x82\xac"},
	};
	char in[64] = "";
	char whole[128] = "";

	(void)state;
	for (size_t i = 0; i < COUNT(pieces); i++) {
		strcat(in, pieces[i].in);
		strcat(whole, pieces[i].out);
	}
	for (size_t room = 1; room <= strlen(whole) + 2; room++) {
		char *out = malloc(room);
		size_t expected = 0;
		size_t len;

		assert_non_null(out);
		for (size_t i = 0; i < COUNT(pieces); i++) {
			if (expected + strlen(pieces[i].out) >= room)
				break;
			expected += strlen(pieces[i].out);
		}
		len = text_escape(out, room, in, strlen(in));
		CHECK(len == expected, "%zu bytes in a room of %zu", len, room);
		assert_memory_equal(out, whole, len);
		assert_int_equal(out[len], '\0');
		free(out);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_code_point_is_decoded),
	    cmocka_unit_test(every_sequence_of_up_to_three_bytes_is_judged),
	    cmocka_unit_test(sequences_of_four_bytes_are_judged),
	    cmocka_unit_test(malformed_sequences_are_found_wherever_they_stand),
	    cmocka_unit_test(a_sequence_cut_by_the_end_is_malformed),
	    cmocka_unit_test(controls_are_c0_del_and_c1),
	    cmocka_unit_test(dangerous_characters_are_spelled_out),
	    cmocka_unit_test(nothing_dangerous_comes_through),
	    cmocka_unit_test(a_text_too_long_is_cut_at_a_whole_character),
	};

	support_begin();
	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
