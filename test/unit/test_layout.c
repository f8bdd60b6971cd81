/* layout: which row each character of a long line stands in. */
#include "support.h"

#include <locale.h>
#include <wchar.h>

#include "base/text.h"
#include "term/layout.h"

#define SPACES_20 "                    "
#define SPACES_100 SPACES_20 SPACES_20 SPACES_20 SPACES_20 SPACES_20

static void expect_rows(const char *text, unsigned columns, const char *expected)
{
	struct buffer rows = {0};
	char *copy = support_copy(text, strlen(text));

	assert_int_equal(buffer_append(&rows, "before\n", 7), 0);
	assert_int_equal(layout_append(&rows, copy, strlen(text), columns), 0);
	assert_int_equal(buffer_append(&rows, "", 1), 0);
	CHECK(strcmp(rows.data + 7, expected) == 0, "\"%s\" and not \"%s\"", rows.data + 7, expected);
	assert_memory_equal(rows.data, "before\n", 7);
	buffer_free(&rows);
	free(copy);
}

static void lines_are_broken_between_words(void **state)
{
	static const struct {
		const char *text;
		unsigned columns;
		const char *rows;
	} cases[] = {
	    {"", 20, ""},
	    {"\n", 20, "\n"},
	    {"short\n\nlines\n", 20, "short\n\nlines\n"},
	    {"twenty columns wide.\n", 20, "twenty columns wide.\n"},
	    {"one column too much, one\n", 20, "one column too much,\n    | one\n"},
	    {"a word\nmore than fits here\nand", 16, "a word\nmore than fits\n    | here\nand"},
	    {"rows behind the bar have six columns less", 20,
		"rows behind the bar\n    | have six\n    | columns less"},
	    /* A question without its line feed keeps its last space. */
	    {"What would you like to do? ", 20, "What would you like\n    | to do? "},
	    /* A hyphen or a slash is no place to break at. */
	    {"run initiator --strict or -s", 20, "run initiator\n    | --strict or -s"},
	    {"see http://127.0.0.1/x for more", 22, "see http://127.0.0.1/x\n    | for more"},
	    /* Spaces that hold words together. */
	    {"it costs 10\u00a0000\u202fEUR", 16, "it costs\n    | 10\u00a0000\u202fEUR"},
	    {"it costs 10\u2003000", 12, "it costs 10\n    | 000"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		expect_rows(cases[i].text, cases[i].columns, cases[i].rows);
}

static void rows_stand_in_the_margin_of_their_line(void **state)
{
	(void)state;
	expect_rows("\v$12  one two three four\n", 12, "12  one two\n    three\n    four\n");
	expect_rows("\v$12  one two\n", 12, "12  one two\n");
	expect_rows("\v$12  one\ftwo three\f\ffour\nfive", 12, "12  one\n    two\n    three\n    \n    four\nfive");
	/* Without a width nothing else is broken. */
	expect_rows("\v$12  one two three four\ffive six seven", 0, "12  one two three four\n    five six seven");
	/* On a narrow terminal the margin is that of the bar. */
	expect_rows("\v,12:30   Bob  one two three four", 20, "12:30   Bob  one two\n      three four");
	expect_rows("\v,12:30   Bob  one two three four", 24, "12:30   Bob  one two\n            three four");
	/* Those of other lines are theirs. */
	expect_rows("one\ftwo", 20, "one\ftwo");
	expect_rows("\v", 20, "\v");
}

static void links_end_before_a_break_and_go_on_behind_it(void **state)
{
	(void)state;
	expect_rows("see \033]8;;http://x.org/m\033\\http://x.org/m\033]8;;\033\\ for more", 13,
	    "see \033]8;;http://x.org/m\033\\http://x.\033]8;;\033\\\n"
	    "    | \033]8;;http://x.org/m\033\\org/m\033]8;;\033\\\n    | for\n    | more");
	expect_rows("\033]8;;http://x.org/m\033\\http://x.org/m\033]8;;\033\\", 14,
	    "\033]8;;http://x.org/m\033\\http://x.org/m\033]8;;\033\\");
}

static void words_longer_than_a_row_are_broken_at_a_character(void **state)
{
	(void)state;
	expect_rows("abcdefghijklmnopqrstuvwxyz0123456789", 16, "abcdefghijklmnop\n    | qrstuvwxyz\n    | 0123456789");
	/* It begins where there is room, and goes on where it ends. */
	expect_rows("Ece: abcdefghijklmnop qr st", 16, "Ece: abcdefghijk\n    | lmnop qr\n    | st");
	expect_rows("0123456789012345 abcdefghijklmnop", 16, "0123456789012345\n    | abcdefghij\n    | klmnop");
}

static void spaces_survive_but_at_a_break(void **state)
{
	(void)state;
	expect_rows("Ece:   two  gaps   \n", 30, "Ece:   two  gaps   \n");
	expect_rows("two  gaps   at  a break\n", 16, "two  gaps   at\n    | a break\n");
	expect_rows("trailing spaces" SPACES_20 "\n", 20, "trailing spaces     \n");
	expect_rows("    | " SPACES_100 "behind a bar\n", 20, "    |\n    | behind a bar\n");
}

/* However long a gap is, it ends one row, and what comes then stands behind the bar. */
static void no_gap_makes_an_empty_row_or_begins_one_of_ours(void **state)
{
	static const char *const gaps[] = {" ", "\u3000", "\u2003", "\u00a0", "\u202f", "\u1680", " \u0301", "\u200d "};
	static const char fake[] = "11:32:31 [secure] [verified] Ece: yes";

	(void)state;
	for (size_t i = 0; i < COUNT(gaps); i++) {
		for (size_t count = 1; count < 200; count++) {
			struct buffer text = {0};
			struct buffer rows = {0};
			int row_count = 0;

			assert_int_equal(buffer_printf(&text, "11:32:30 [plain] Mallory: x"), 0);
			for (size_t j = 0; j < count; j++)
				assert_int_equal(buffer_printf(&text, "%s", gaps[i]), 0);
			assert_int_equal(buffer_printf(&text, "%s\n", fake), 0);
			assert_int_equal(layout_append(&rows, text.data, text.len, 80), 0);
			for (const char *row = rows.data, *end = rows.data + rows.len; row < end;) {
				const char *feed = memchr(row, '\n', (size_t)(end - row));

				assert_non_null(feed);
				assert_true(row == rows.data || strncmp(row, LAYOUT_BAR, strlen(LAYOUT_BAR)) == 0);
				row = feed + 1;
				row_count++;
			}
			if (strcmp(gaps[i], " ") == 0)
				assert_in_range(row_count, 1, 2);
			buffer_free(&text);
			buffer_free(&rows);
		}
	}
}

static void wide_and_combining_characters_are_counted(void **state)
{
	(void)state;
	/* Wide ones: Chinese has no gaps, and no row begins with its full stop. */
	expect_rows("小明小明小明小明小明", 16, "小明小明小明小明\n    | 小明");
	expect_rows("x小明小明小明小明小明", 16, "x小明小明小明小\n    | 明小明");
	expect_rows("小明小明小明小明。小明", 16, "小明小明小明小\n    | 明。小明");
	expect_rows("abc小明小明 abcd小明", 16, "abc小明小明 abcd\n    | 小明");
	/* Combining ones take no room and stay with their letter. */
	expect_rows("e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301 e", 10,
	    "e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301 e");
	expect_rows("0123456789e\u0301e\u0301e\u0301e\u0301x", 10,
	    "0123456789\n    | e\u0301e\u0301e\u0301e\u0301\n    | x");
	/* An emoji is not cut at its joiner or before its selector, and a flag not between its letters. */
	expect_rows("0123456😀", 8, "0123456\n    | 😀");
	expect_rows("0123456789\u2764\ufe0f\u2764\ufe0f", 11, "0123456789\n    | \u2764\ufe0f\u2764\ufe0f");
	expect_rows("0123456789abcd👩\u200d💻 x", 16, "0123456789abcd\n    | 👩\u200d💻 x");
	expect_rows("0123456789abcd🇩🇪 x", 16, "0123456789abcd\n    | 🇩🇪 x");
}

/* What would be one character for a reader, and is wider than a row, is broken all the same. */
static void nothing_is_too_long_to_be_broken(void **state)
{
	struct buffer text = {0};
	struct buffer rows = {0};

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(buffer_printf(&text, "👩\u200d"), 0);
	assert_int_equal(layout_append(&rows, text.data, text.len, 20), 0);
	for (const char *row = rows.data, *end = rows.data + rows.len; row < end;) {
		const char *feed = memchr(row, '\n', (size_t)(end - row));
		const char *row_end = feed ? feed : end;
		unsigned width = 0;

		for (const char *cursor = row; cursor < row_end;)
			width += layout_width(text_next(&cursor, row_end));
		assert_in_range(width, 1, 20);
		row = row_end + 1;
	}
	buffer_free(&text);
	buffer_free(&rows);
}

static void no_character_is_wider_than_it_counts(void **state)
{
	static const uint32_t wide[] = {0x5c0f, 0xac00, 0xff21, 0x1f600, 0x1f1e9, 0xe000, 0x1fae8, 0x10fffd, 0x3ffff};

	(void)state;
	for (size_t i = 0; i < COUNT(wide); i++)
		CHECK(layout_width(wide[i]) == 2, "U+%04X", wide[i]);
	for (uint32_t code_point = ' '; code_point <= 0x17f; code_point++)
		CHECK(layout_width(code_point) == 1 || text_is_control(code_point) || code_point == 0xad, "U+%04X",
		    code_point);
	assert_int_equal(layout_width(0x301), 0);
	assert_int_equal(layout_width(0x200d), 0);
	assert_int_equal(layout_width(0x2068), 0);
	assert_int_equal(layout_width(0x0628), 1);
	/* A second opinion. */
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		skip();
	for (uint32_t code_point = 0xa0; code_point <= 0x10ffff; code_point++) {
		int width = wcwidth((wchar_t)code_point);

		CHECK(code_point == 0xad || width <= (int)layout_width(code_point), "U+%04X", code_point);
	}
	setlocale(LC_CTYPE, "C");
}

static void styles_take_no_room_and_do_not_reach_the_bar(void **state)
{
	(void)state;
	expect_rows("\033[33mtwenty columns wide.\033[0m\n", 20, "\033[33mtwenty columns wide.\033[0m\n");
	expect_rows("\033[2m11:32:31\033[0m \033[32m[secure] [verified] \033[1mEce\033[0m: hello\n", 22,
	    "\033[2m11:32:31\033[0m \033[32m[secure]\033[0m\n    | \033[32m[verified] \033[1mEce\033[0m:\n    | hello\n");
	/* A wide character beside a style, where Unicode would break the sequence. */
	expect_rows("小明小明\033[1m小明小明小明\033[0m小", 16,
	    "小明小明\033[1m小明小明\033[0m\n    | \033[1m小明\033[0m小");
}

static void isolates_end_with_the_row(void **state)
{
	(void)state;
	expect_rows("Ece: \u2068\u0645\u0631\u062d\u0628\u0627\u2069", 16,
	    "Ece: \u2068\u0645\u0631\u062d\u0628\u0627\u2069");
	expect_rows("Ece: \u2068\u0645\u0631\u062d\u0628\u0627 \u0645\u0631\u062d\u0628\u0627 "
		    "\u0645\u0631\u062d\u0628\u0627\u2069 x",
	    16,
	    "Ece: \u2068\u0645\u0631\u062d\u0628\u0627 \u0645\u0631\u062d\u0628\u0627\u2069\n    | "
	    "\u2068\u0645\u0631\u062d\u0628\u0627\u2069 x");
}

/* A pipe, a file, or a terminal that does not know its width. */
static void without_a_width_nothing_is_broken(void **state)
{
	char *text = support_repeat('x', 100000);

	(void)state;
	for (size_t at = 10; at < 100000; at += 11)
		text[at] = at % 3 == 0 ? ' ' : '\n';
	text[99999] = '\0';
	expect_rows(text, 0, text);
	free(text);
}

static void a_terminal_too_narrow_for_anything_gets_its_rows(void **state)
{
	(void)state;
	for (unsigned columns = 1; columns <= 8; columns++)
		expect_rows("Ece: 小明小明", columns, "Ece: 小\n    | 明\n    | 小\n    | 明");
}

/* Every row that comes out: never too wide, never without the bar, and no character lost but spaces. */
static void any_text_comes_out_whole_in_rows_that_fit(void **state)
{
	static const uint32_t characters[] = {' ', ' ', 'a', 'b', '-', '.', 0x301, 0x5c0f, 0x3002, 0x1f600, 0x200d,
	    0xfe0f, 0x628, 0xa0, 0x3000, 0xe01, 0x1f1e9, 0xac00, 0x1100, 0x1161};
	uint64_t seed = 47;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		struct buffer text = {0};
		struct buffer rows = {0};
		unsigned columns = 8 + support_random(&seed) % 80;
		const char *expected, *row, *end;

		for (size_t count = support_random(&seed) % 300; count > 0; count--) {
			char bytes[4];
			uint32_t character = characters[support_random(&seed) % COUNT(characters)];

			assert_int_equal(buffer_append(&text, bytes, support_encode(character, bytes)), 0);
		}
		assert_int_equal(layout_append(&rows, text.data, text.len, columns), 0);
		assert_int_equal(buffer_append(&text, "", 1), 0);
		expected = text.data;
		row = rows.data;
		for (end = row + rows.len; row < end;) {
			const char *feed = memchr(row, '\n', (size_t)(end - row));
			const char *row_end = feed ? feed : end;
			unsigned width = 0;

			if (row != rows.data) {
				assert_true(row_end - row >= 6);
				assert_memory_equal(row, LAYOUT_BAR, 6);
				width = 6;
				row += 6;
			}
			while (row < row_end) {
				const char *begin = row;

				width += layout_width(text_next(&row, row_end));
				while (memcmp(expected, begin, (size_t)(row - begin)) != 0) {
					const char *at = expected;
					uint32_t dropped = text_next(&expected, expected + 4);

					CHECK(dropped == ' ' || dropped == 0x3000, "U+%04X is lost at %zd", dropped,
					    at - text.data);
				}
				expected += row - begin;
			}
			assert_in_range(width, 0, columns);
			row = row_end + 1;
		}
		assert_int_equal(strspn(expected, " \xe3\x80"), strlen(expected));
		buffer_free(&text);
		buffer_free(&rows);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines_are_broken_between_words),
	    cmocka_unit_test(rows_stand_in_the_margin_of_their_line),
	    cmocka_unit_test(links_end_before_a_break_and_go_on_behind_it),
	    cmocka_unit_test(words_longer_than_a_row_are_broken_at_a_character),
	    cmocka_unit_test(spaces_survive_but_at_a_break),
	    cmocka_unit_test(no_gap_makes_an_empty_row_or_begins_one_of_ours),
	    cmocka_unit_test(wide_and_combining_characters_are_counted),
	    cmocka_unit_test(nothing_is_too_long_to_be_broken),
	    cmocka_unit_test(no_character_is_wider_than_it_counts),
	    cmocka_unit_test(styles_take_no_room_and_do_not_reach_the_bar),
	    cmocka_unit_test(isolates_end_with_the_row),
	    cmocka_unit_test(without_a_width_nothing_is_broken),
	    cmocka_unit_test(a_terminal_too_narrow_for_anything_gets_its_rows),
	    cmocka_unit_test(any_text_comes_out_whole_in_rows_that_fit),
	};

	support_begin();
	return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
