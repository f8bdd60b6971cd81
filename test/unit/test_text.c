/* text: what is UTF-8, and what may reach a terminal. */
#include "support.h"

#include "base/text.h"

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

static void every_code_point_is_decoded(void **state)
{
	(void)state;
	for (uint32_t code_point = 0; code_point <= 0x10ffff; code_point++) {
		char bytes[4];
		size_t len = support_encode(code_point, bytes);
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
		size_t len = support_encode(code_point, bytes);

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

static void what_shows_nothing_or_a_gap_is_blank(void **state)
{
	/*
	 * Controls, White_Space, Default_Ignorable_Code_Point (but for U+FFF0 to U+FFF8, of which below), the blank
	 * pattern of Braille, the blank note head, and the marks around annotations and in hieroglyphs.
	 */
	static const struct {
		uint32_t first, last;
	} blanks[] = {
	    {0x0000, 0x0020},
	    {0x007f, 0x00a0},
	    {0x00ad, 0x00ad},
	    {0x034f, 0x034f},
	    {0x061c, 0x061c},
	    {0x115f, 0x1160},
	    {0x1680, 0x1680},
	    {0x17b4, 0x17b5},
	    {0x180b, 0x180f},
	    {0x2000, 0x200f},
	    {0x2028, 0x202f},
	    {0x205f, 0x206f},
	    {0x2800, 0x2800},
	    {0x3000, 0x3000},
	    {0x3164, 0x3164},
	    {0xfe00, 0xfe0f},
	    {0xfeff, 0xfeff},
	    {0xffa0, 0xffa0},
	    {0xfff9, 0xfffb},
	    {0x13430, 0x1345f},
	    {0x1bca0, 0x1bca3},
	    {0x1d159, 0x1d159},
	    {0x1d173, 0x1d17a},
	    {0xe0000, 0xe0fff},
	};

	(void)state;
	for (uint32_t code_point = 0; code_point <= 0x10ffff; code_point++) {
		bool blank = false;

		for (size_t i = 0; i < COUNT(blanks); i++)
			blank |= code_point >= blanks[i].first && code_point <= blanks[i].last;
		if (code_point < 0xfff0 || code_point > 0xfff8)
			CHECK(text_is_blank(code_point) == blank, "U+%04X", code_point);
	}
}

/* They are in Default_Ignorable_Code_Point so that what comes there shows nothing on older screens. */
static void what_will_show_nothing_is_blank(void **state)
{
	char out[TEXT_ESCAPE_FACTOR * 3 + 1];

	(void)state;
	for (uint32_t code_point = 0xfff0; code_point <= 0xfff8; code_point++) {
		char bytes[4];
		size_t len = support_encode(code_point, bytes);
		char expected[16];

		CHECK(text_is_blank(code_point), "U+%04X", code_point);
		snprintf(expected, sizeof(expected), "<U+%04X>", code_point);
		text_escape(out, sizeof(out), bytes, len);
		assert_string_equal(out, expected);
	}
}

static void what_is_escaped_in_a_text_is_blank(void **state)
{
	char out[TEXT_ESCAPE_FACTOR * 4 + 1];

	(void)state;
	for (uint32_t code_point = 0; code_point <= 0x10ffff; code_point++) {
		char bytes[4];
		size_t len = support_encode(code_point, bytes);

		if (code_point >= 0xd800 && code_point <= 0xdfff)
			continue;
		if (text_escape(out, sizeof(out), bytes, len) != len || memcmp(out, bytes, len) != 0)
			CHECK(text_is_blank(code_point), "U+%04X", code_point);
	}
}

/* Escapes the name and compares. */
static void expect_name(const char *name, size_t len, const char *escaped)
{
	size_t room = TEXT_ESCAPE_FACTOR * len + 1;
	char *copy = support_copy(name, len);
	char *out = malloc(room);
	size_t escaped_len;

	assert_non_null(out);
	escaped_len = text_escape_name(out, room, copy, len);
	assert_string_equal(out, escaped);
	assert_int_equal(escaped_len, strlen(escaped));
	free(copy);
	free(out);
}

static void a_name_keeps_what_it_needs(void **state)
{
	static const char *const names[] = {
	    "",
	    "Bob",
	    "Alice B",
	    "A l i c e",
	    "Can, 'the' {baker}",
	    "<U+200B>",
	    "İpek Çağ",
	    "\u5c0f\u660e",
	    "Bo\u0308b",
	    /* A joiner in a Persian word, one that joins emoji, selectors of their style. */
	    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
	    "\u0915\u094d\u200d\u0937",
	    "\U0001f469\u200d\U0001f4bb",
	    "\u2764\ufe0f",
	    "Bob \U0001f469\u200d\U0001f4bb",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++)
		expect_name(names[i], strlen(names[i]), names[i]);
}

static void a_name_shows_its_gaps(void **state)
{
	static const struct {
		const char *name;
		size_t len;
		const char *escaped;
	} cases[] = {
	    {BYTES("Alice  B"), "Alice <U+0020>B"},
	    {BYTES("Alice   B"), "Alice <U+0020><U+0020>B"},
	    {BYTES(" Bob"), "<U+0020>Bob"},
	    {BYTES(" "), "<U+0020>"},
	    {BYTES("Alice\u00a0B"), "Alice<U+00A0>B"},
	    {BYTES("Bob\u00a0"), "Bob<U+00A0>"},
	    {BYTES("\u00a0Bob"), "<U+00A0>Bob"},
	    {BYTES("Alice \u00a0B"), "Alice <U+00A0>B"},
	    {BYTES("Alice\u00a0 B"), "Alice<U+00A0><U+0020>B"},
	    {BYTES("Bob\u1680"), "Bob<U+1680>"},
	    {BYTES("B\u2003ob"), "B<U+2003>ob"},
	    {BYTES("B\u2009ob"), "B<U+2009>ob"},
	    {BYTES("B\u200aob"), "B<U+200A>ob"},
	    {BYTES("Bob\u202f"), "Bob<U+202F>"},
	    {BYTES("Bob\u205f"), "Bob<U+205F>"},
	    {BYTES("Bob\u3000"), "Bob<U+3000>"},
	    {BYTES("Bob\u2800"), "Bob<U+2800>"},
	    {BYTES("\u5c0f\u3000\u660e"), "\u5c0f<U+3000>\u660e"},
	    /* Marks that could seem to end it. */
	    {BYTES("Can \"the\" baker"), "Can <U+0022>the<U+0022> baker"},
	    {BYTES("\""), "<U+0022>"},
	    /* Joiners and selectors where there is nothing to join, or to choose from. */
	    {BYTES("\u200dBob"), "<U+200D>Bob"},
	    {BYTES("Bob\u200d"), "Bob<U+200D>"},
	    {BYTES("B\u200cob"), "B<U+200C>ob"},
	    {BYTES("Bob\ufe0f"), "Bob<U+FE0F>"},
	    {BYTES("7\ufe0e"), "7<U+FE0E>"},
	    {BYTES("Bob \u200d"), "Bob <U+200D>"},
	    {BYTES("Bob\u200d\u200d"), "Bob<U+200D><U+200D>"},
	    {BYTES("\u5c0f\u200d\u200d\u660e"), "\u5c0f\u200d<U+200D>\u660e"},
	    {BYTES("\u5c0f\ufe0f\ufe0f"), "\u5c0f\ufe0f<U+FE0F>"},
	    {BYTES("\u5c0f\u200b\u200d"), "\u5c0f<U+200B><U+200D>"},
	    /* What is escaped in every text. */
	    {BYTES("Bob\u200b"), "Bob<U+200B>"},
	    {BYTES("\u5c0f\u200b"), "\u5c0f<U+200B>"},
	    {BYTES("\u202eboB"), "<U+202E>boB"},
	    {BYTES("B\u00adob"), "B<U+00AD>ob"},
	    {BYTES("Bob\u3164"), "Bob<U+3164>"},
	    {BYTES("\u5c0f\ufe00"), "\u5c0f<U+FE00>"},
	    {BYTES("\U0001f600\U000e0042"), "\U0001f600<U+E0042>"},
	    {BYTES("B\x1b[2Job"), "B<U+001B>[2Job"},
	    {BYTES("B\nob"), "B<U+000A>ob"},
	    {BYTES("B\0ob"), "B<U+0000>ob"},
	    {BYTES("Bob\x7f"), "Bob<U+007F>"},
	    {BYTES("Bob\xff"), "Bob<FF>"},
	    {BYTES("B\xc3ob"), "B<C3>ob"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		expect_name(cases[i].name, cases[i].len, cases[i].escaped);
}

/* The selector belongs to the heart, the flag, the eye, and is no gap. */
static void a_name_keeps_what_follows_an_emoji_with_its_selector(void **state)
{
	static const char *const names[] = {
	    "\u2764\ufe0f Bob",
	    "Alice \u2764\ufe0f Bob",
	    "\u2764\ufe0e Bob",
	    "\U0001f3f3\ufe0f\u200d\U0001f308",
	    "\u2764\ufe0f\u200d\U0001f525",
	    "\U0001f441\ufe0f\u200d\U0001f5e8\ufe0f",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++)
		expect_name(names[i], strlen(names[i]), names[i]);
}

/* A byte that is not UTF-8 is spelled out in ASCII, and is nothing that could be joined. */
static void a_name_shows_a_joiner_behind_a_byte_that_is_none(void **state)
{
	(void)state;
	expect_name(BYTES("\xff\u200d"), "<FF><U+200D>");
	expect_name(BYTES("B\xc3\ufe0fob"), "B<C3><U+FE0F>ob");
}

static void no_gap_comes_through_in_a_name_but_single_spaces(void **state)
{
	/* Likely neighbours. */
	static const uint32_t code_points[] = {' ', ' ', 'B', 'o', 0xa0, 0xe9, 0x5c0f, 0x200b, 0x200c, 0x200d, 0x202e,
	    0x3000, 0xfe0f, 0x1f600, 0x1f3f3, 0x2764, 0xe0041, 0x308, 0x7f};
	uint64_t seed = 23;

	(void)state;
	for (int i = 0; i < 50000; i++) {
		char name[64];
		char out[TEXT_ESCAPE_FACTOR * sizeof(name) + 1];
		uint32_t before = ' ';
		size_t len = 0;
		size_t escaped;

		for (size_t count = support_random(&seed) % 12; count > 0; count--)
			len += support_encode(code_points[support_random(&seed) % COUNT(code_points)], name + len);
		escaped = text_escape_name(out, TEXT_ESCAPE_FACTOR * len + 1, name, len);
		assert_int_equal(strlen(out), escaped);
		expect_harmless(out, escaped);
		for (const char *cursor = out; cursor < out + escaped;) {
			uint32_t code_point = text_next(&cursor, out + escaped);

			if (text_is_blank(code_point)) {
				bool bound =
				    before == 0x200c || before == 0x200d || before == 0xfe0e || before == 0xfe0f;

				CHECK((!text_is_blank(before) || bound) && (code_point == ' ' || before >= 0x80),
				    "U+%04X after U+%04X in \"%s\"", code_point, before, out);
			}
			before = code_point;
		}
	}
}

static void a_name_too_long_is_cut_at_a_whole_character(void **state)
{
	static const char *const pieces[][2] = {
	    {"B", "B"},
	    {" ", " "},
	    {" ", "<U+0020>"},
	    {"\u00e9", "\u00e9"},
	    {"\u200d", "\u200d"},
	    {"\u200d", "<U+200D>"},
	    {"\U0001f600", "\U0001f600"},
	    {"\ufe0f", "\ufe0f"},
	    {"\U000e0041", "<U+E0041>"},
	};
	char in[64] = "";
	char whole[128] = "";

	(void)state;
	for (size_t i = 0; i < COUNT(pieces); i++) {
		strcat(in, pieces[i][0]);
		strcat(whole, pieces[i][1]);
	}
	for (size_t room = 1; room <= strlen(whole) + 2; room++) {
		char *out = malloc(room);
		size_t expected = 0;
		size_t len;

		assert_non_null(out);
		for (size_t i = 0; i < COUNT(pieces) && expected + strlen(pieces[i][1]) < room; i++)
			expected += strlen(pieces[i][1]);
		len = text_escape_name(out, room, in, strlen(in));
		CHECK(len == expected, "%zu bytes in a room of %zu", len, room);
		assert_memory_equal(out, whole, len);
		assert_int_equal(out[len], '\0');
		free(out);
	}
	assert_int_equal(text_escape_name(NULL, 0, in, strlen(in)), 0);
	assert_int_equal(text_escape(NULL, 0, in, strlen(in)), 0);
}

static void text_from_right_to_left_is_known(void **state)
{
	static const struct {
		const char *text;
		bool right_to_left;
	} cases[] = {
	    {"", false},
	    {"Bob 123 \u5c0f\u660e \U0001f600 \u0301", false},
	    {"\u05d0", true},
	    {"Bob \u0645", true},
	    {"\u0661", true},
	    {"\U0001e900", true},
	    {"\xff\xd9", false},
	    /* They come out in ASCII. */
	    {"\u200f\u061c\u202e\u2067", false},
	    {"\xff\u07c0", true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *text = support_copy(cases[i].text, strlen(cases[i].text));

		CHECK(text_has_right_to_left(text, strlen(cases[i].text)) == cases[i].right_to_left, "case %zu", i);
		free(text);
	}
}

static void json_is_escaped_to_the_same_value(void **state)
{
	static const struct {
		const char *json, *escaped;
	} rows[] = {
	    {"{\"a\": \"b\\n\"}", "{\"a\": \"b\\n\"}"},
	    {"\u00e9 \U0001f600\u200d\ufe0f", "\u00e9 \U0001f600\u200d\ufe0f"},
	    {"\x1b\x7f\xc2\x85", "\\u001b\\u007f\\u0085"},
	    {"a\u202eb\u2028", "a\\u202eb\\u2028"},
	    {"\U000e0041", "\\udb40\\udc41"},
	    {"\xff\xc3", "\\ufffd\\ufffd"},
	    {"", ""},
	};
	char out[256];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = text_escape_json(out, rows[i].json, strlen(rows[i].json));

		assert_true(len <= TEXT_JSON_FACTOR * strlen(rows[i].json));
		out[len] = '\0';
		assert_string_equal(out, rows[i].escaped);
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
	    cmocka_unit_test(what_shows_nothing_or_a_gap_is_blank),
	    cmocka_unit_test(what_will_show_nothing_is_blank),
	    cmocka_unit_test(what_is_escaped_in_a_text_is_blank),
	    cmocka_unit_test(a_name_keeps_what_it_needs),
	    cmocka_unit_test(a_name_shows_its_gaps),
	    cmocka_unit_test(a_name_keeps_what_follows_an_emoji_with_its_selector),
	    cmocka_unit_test(a_name_shows_a_joiner_behind_a_byte_that_is_none),
	    cmocka_unit_test(no_gap_comes_through_in_a_name_but_single_spaces),
	    cmocka_unit_test(a_name_too_long_is_cut_at_a_whole_character),
	    cmocka_unit_test(text_from_right_to_left_is_known),
	    cmocka_unit_test(json_is_escaped_to_the_same_value),
	};

	support_begin();
	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
