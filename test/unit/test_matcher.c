/* matcher: which texts have the words that are searched for, and where. */
#include "support.h"

#include "initiator/matcher.h"
#include "store/chatlog.h"

/* The places of the words in marked are in brackets; without any, the words are not found in it. */
static const struct {
	const char *words[3];
	const char *marked;
} cases[] = {
    {{"hello"}, "[hello]"},
    {{"hello"}, "say [HeLLo] and [hello]"},
    {{"ell"}, "h[ell]o"},
    {{"hello"}, "hell o"},
    {{"b", "a"}, "[a] [b]"},
    {{"a", "b"}, "only a"},
    {{"is green"}, "it [is green], is it"},
    {{"\u00e9t\u00e9"}, "un [\u00c9T\u00c9]"},
    {{"\u011f\u00fcl"}, "[\u011e\u00dcL]"},
    {{"\u03c3"}, "[\u03a3][\u03c2]"},
    {{"STRASSE"}, "[stra\u00dfe]"},
    {{"stra\u00dfe"}, "[Strasse]"},
    {{"as"}, "stra\u00dfe"}, /* half of a character is none */
    {{"\U0001f600"}, "a [\U0001f600] b"},
    {{"\""}, "a [\"] b"},
    {{"\\"}, "a [\\] b"},
    {{"/"}, "a [/] b"},
    {{"a\tb"}, "[A\tb]"},
    {{"x"}, ""},
    {{"aa"}, "[aa][aa]a"},
    {{"hello", "world", "o"}, "hello w\xff"},
};

static struct matcher *make(const char *const words[3])
{
	struct matcher *matcher = NULL;
	size_t count = 0;

	while (count < 3 && words[count])
		count++;
	assert_int_equal(matcher_new(words, count, &matcher), 0);
	return matcher;
}

/* Splits a marked text into text and marks. Returns how many these are. */
static size_t split(const char *marked, char *text, struct console_mark *marks)
{
	size_t count = 0, len = 0;

	for (; *marked; marked++) {
		if (*marked == '[')
			marks[count].begin = len;
		else if (*marked == ']')
			marks[count++].end = len;
		else
			text[len++] = *marked;
	}
	text[len] = '\0';
	return count;
}

static void words_are_found_in_any_case(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct console_mark expected[MATCHER_MARKS_MAX], marks[MATCHER_MARKS_MAX];
		struct matcher *matcher = make(cases[i].words);
		char text[256];
		size_t count = split(cases[i].marked, text, expected);
		size_t found = matcher_find(matcher, text, strlen(text), marks);

		CHECK(found == count, "case %zu: %zu places", i, found);
		for (size_t k = 0; k < count; k++)
			CHECK(marks[k].begin == expected[k].begin && marks[k].end == expected[k].end,
			    "case %zu, place %zu: %zu to %zu", i, k, marks[k].begin, marks[k].end);
		matcher_free(matcher);
	}
}

/* What is found in a text may be in the line of the log that has it, as we write it and as others may. */
static void no_line_that_has_the_words_is_passed_over(void **state)
{
	static const size_t flags[] = {JSON_COMPACT, JSON_ENSURE_ASCII, JSON_ESCAPE_SLASH, JSON_SORT_KEYS};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct matcher *matcher = make(cases[i].words);
		struct console_mark marks[MATCHER_MARKS_MAX];
		char text[256];

		/* All but ligatures and the like, and what is not UTF-8. */
		if (split(cases[i].marked, text, marks) > 0 && strcmp(cases[i].words[0], "STRASSE") != 0) {
			for (size_t k = 0; k < COUNT(flags); k++) {
				json_t *object = json_pack("{s:s,s:s}", "username", "Bob", "text", text);
				char *line = json_dumps(object, flags[k]);

				CHECK(matcher_may_match(matcher, line, strlen(line)), "case %zu: %s", i, line);
				free(line);
				json_decref(object);
			}
		}
		matcher_free(matcher);
	}
}

static void lines_without_the_words_in_their_text_are_told(void **state)
{
	static const char *const lines[] = {
	    "{\"time\": \"green\", \"username\": \"Green\", \"text\": \"gree\"}",
	    "{\"green\": \"text\"}",
	    "{\"text\": \"gr\\\"een\"}",
	    "",
	};
	struct matcher *matcher = make((const char *const[3]){"Green"});

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++)
		CHECK(!matcher_may_match(matcher, lines[i], strlen(lines[i])), "%s", lines[i]);
	matcher_free(matcher);
}

static void the_letters_of_ascii_and_nothing_else_change_their_case(void **state)
{
	(void)state;
	for (int byte = 1; byte < 0x80; byte++) {
		const char word[] = {'a', (char)byte, 'a', '\0'};
		struct matcher *matcher = make((const char *const[3]){word});

		for (int other = 1; other < 0x80; other++) {
			char text[] = "01234A?A";
			struct console_mark marks[MATCHER_MARKS_MAX];
			bool same =
			    byte == other || (((byte ^ other) == 0x20) && (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z');

			*strchr(text, '?') = (char)other;
			assert_int_equal(matcher_find(matcher, text, strlen(text), marks), same);
		}
		matcher_free(matcher);
	}
}

static void what_are_no_words_is_refused(void **state)
{
	static const char *const words[MATCHER_WORDS_MAX + 1] = {"", "a\xff"};
	struct matcher *matcher;

	(void)state;
	assert_int_equal(matcher_new(words, 0, &matcher), E2BIG);
	assert_int_equal(matcher_new(words, MATCHER_WORDS_MAX + 1, &matcher), E2BIG);
	assert_int_equal(matcher_new(words, 1, &matcher), EILSEQ);
	assert_int_equal(matcher_new(words + 1, 1, &matcher), EILSEQ);
}

static void lines_and_texts_of_any_length_are_looked_at(void **state)
{
	struct matcher *matcher = make((const char *const[3]){"needle"});
	struct console_mark marks[MATCHER_MARKS_MAX];
	char *line = malloc(CHATLOG_LINE_MAX_BYTES + 1);

	(void)state;
	memset(line, 'n', CHATLOG_LINE_MAX_BYTES + 1);
	memcpy(line, BYTES("\"text\""));
	memcpy(line + CHATLOG_LINE_MAX_BYTES - 6, BYTES("NEEDLE"));
	assert_true(matcher_may_match(matcher, line, CHATLOG_LINE_MAX_BYTES));
	assert_false(matcher_may_match(matcher, line, CHATLOG_LINE_MAX_BYTES - 1));
	assert_false(matcher_may_match(matcher, line, CHATLOG_LINE_MAX_BYTES + 1));
	assert_int_equal(matcher_find(matcher, line, CHATLOG_LINE_MAX_BYTES, marks), 1);
	for (size_t i = 0; i + 6 <= CHATLOG_LINE_MAX_BYTES; i += 6)
		memcpy(line + i, BYTES("needle"));
	assert_int_equal(matcher_find(matcher, line, CHATLOG_LINE_MAX_BYTES, marks), MATCHER_MARKS_MAX);
	free(line);
	matcher_free(matcher);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(words_are_found_in_any_case),
	    cmocka_unit_test(no_line_that_has_the_words_is_passed_over),
	    cmocka_unit_test(lines_without_the_words_in_their_text_are_told),
	    cmocka_unit_test(the_letters_of_ascii_and_nothing_else_change_their_case),
	    cmocka_unit_test(what_are_no_words_is_refused),
	    cmocka_unit_test(lines_and_texts_of_any_length_are_looked_at),
	};

	support_begin();
	return cmocka_run_group_tests_name("matcher", tests, NULL, NULL);
}
