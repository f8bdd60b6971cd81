/* username: the rules for a name. */
#include "support.h"

#include "trust/username.h"

#define NAME_16 "sixteen bytes 16"
#define NAME_64 NAME_16 NAME_16 NAME_16 NAME_16

static const struct {
	const char *text;
	size_t len;
	enum username_fault fault;
	const char *name;
} cases[] = {
    {BYTES("Ece"), USERNAME_OK, "Ece"},
    {BYTES("E"), USERNAME_OK, "E"},
    {BYTES("  Ece  "), USERNAME_OK, "Ece"},
    {BYTES(" \t\n\v\f\rEce\r\f\v\n\t "), USERNAME_OK, "Ece"},
    {BYTES("Ece  of  old"), USERNAME_OK, "Ece  of  old"},
    {BYTES("Bob, \"the builder\" \\o/"), USERNAME_OK, "Bob, \"the builder\" \\o/"},
    {BYTES("\xc3\x87"
	   "a\xc4\x9f"
	   "da\xc5\x9f"),
	USERNAME_OK,
	"\xc3\x87"
	"a\xc4\x9f"
	"da\xc5\x9f"},
    {BYTES("\xf0\x9f\x98\x80"), USERNAME_OK, "\xf0\x9f\x98\x80"},
    /* White space beyond ASCII is a character like others. */
    {BYTES("\xc2\xa0"
	   "Ece"),
	USERNAME_OK,
	"\xc2\xa0"
	"Ece"},
    {BYTES(NAME_64), USERNAME_OK, NAME_64},
    {BYTES("   " NAME_64 "\r\n"), USERNAME_OK, NAME_64},
    {BYTES(""), USERNAME_EMPTY, NULL},
    {BYTES(" "), USERNAME_EMPTY, NULL},
    {BYTES(" \t\n\v\f\r "), USERNAME_EMPTY, NULL},
    {BYTES(NAME_64 "x"), USERNAME_TOO_LONG, NULL},
    {BYTES(" " NAME_64 "x "), USERNAME_TOO_LONG, NULL},
    {BYTES(NAME_64 "\xc3\xa9"), USERNAME_TOO_LONG, NULL},
    {BYTES("E\tce"), USERNAME_HAS_CONTROL, NULL},
    {BYTES("E\nce"), USERNAME_HAS_CONTROL, NULL},
    {BYTES("Ece\0"), USERNAME_HAS_CONTROL, NULL},
    {BYTES("\0"), USERNAME_HAS_CONTROL, NULL},
    {BYTES("E\0"
	   "ce"),
	USERNAME_HAS_CONTROL, NULL},
    {BYTES("\x1b[31mEce"), USERNAME_HAS_CONTROL, NULL},
    {BYTES("Ece\x7f"), USERNAME_HAS_CONTROL, NULL},
    {BYTES("\x08"
	   "Ece"),
	USERNAME_HAS_CONTROL, NULL},
    {BYTES("\xc2\x85"
	   "Ece"),
	USERNAME_HAS_CONTROL, NULL},
    {BYTES("Ece\xc2\x80"), USERNAME_HAS_CONTROL, NULL},
    {BYTES("Ece\xc2\x9f"), USERNAME_HAS_CONTROL, NULL},
    /* It would stand on the space before the name. */
    {BYTES("\u0301Ece"), USERNAME_BEGINS_WITH_MARK, NULL},
    {BYTES(" \u0338"), USERNAME_BEGINS_WITH_MARK, NULL},
    {BYTES("\u20ddEce"), USERNAME_BEGINS_WITH_MARK, NULL},
    {BYTES("\u0903Ece"), USERNAME_BEGINS_WITH_MARK, NULL},
    {BYTES("\ufe0fEce"), USERNAME_BEGINS_WITH_MARK, NULL},
    {BYTES("\U000e0100Ece"), USERNAME_BEGINS_WITH_MARK, NULL},
    {BYTES("E\u0301ce"), USERNAME_OK, "E\u0301ce"},
    {BYTES("\u0915\u094d\u0937"), USERNAME_OK, "\u0915\u094d\u0937"},
};

static void names_are_trimmed_and_judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *text = support_copy(cases[i].text, cases[i].len);
		char *name = malloc(USERNAME_MAX_BYTES + 1);
		char before[USERNAME_MAX_BYTES + 1];

		assert_non_null(name);
		memset(name, 0x5a, USERNAME_MAX_BYTES + 1);
		memset(before, 0x5a, sizeof(before));
		CHECK(username_normalize(text, cases[i].len, name) == cases[i].fault, "case %zu", i);
		if (cases[i].name != NULL)
			assert_string_equal(name, cases[i].name);
		else
			assert_memory_equal(name, before, sizeof(before));
		free(text);
		free(name);
	}
}

static void names_that_are_not_utf8_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(support_bad_utf8); i++) {
		char name[USERNAME_MAX_BYTES + 1] = "before";
		char text[32] = "Ece";

		memcpy(text + 3, support_bad_utf8[i].bytes, support_bad_utf8[i].len);
		CHECK(username_normalize(text, 3 + support_bad_utf8[i].len, name) == USERNAME_NOT_UTF8, "%s is taken",
		    support_bad_utf8[i].why);
		assert_string_equal(name, "before");
	}
}

static void every_control_inside_a_name_is_refused(void **state)
{
	(void)state;
	for (int byte = 0; byte < 128; byte++) {
		char name[USERNAME_MAX_BYTES + 1] = "before";
		char text[] = "E?ce";
		bool control = byte < 0x20 || byte == 0x7f;

		text[1] = (char)byte;
		assert_int_equal(username_normalize(text, 4, name), control ? USERNAME_HAS_CONTROL : USERNAME_OK);
		assert_int_equal(memcmp(name, control ? "before" : text, 5), 0);
	}
}

static void the_limit_is_64_bytes_and_not_characters(void **state)
{
	char *text = support_repeat(' ', 100000);
	char name[USERNAME_MAX_BYTES + 1];

	(void)state;
	for (size_t count = 1; count <= 40; count++) {
		for (size_t i = 0; i < count; i++)
			memcpy(text + 500 + 2 * i, "\xc3\xa9", 2);
		assert_int_equal(username_normalize(text, 100000, name), count <= 32 ? USERNAME_OK : USERNAME_TOO_LONG);
		assert_int_equal(strlen(name), 2 * (count <= 32 ? count : 32));
	}
	memset(text, 'x', 100000);
	assert_int_equal(username_normalize(text, 100000, name), USERNAME_TOO_LONG);
	free(text);
}

static void every_rule_has_words_of_its_own(void **state)
{
	static const enum username_fault faults[] = {
	    USERNAME_EMPTY, USERNAME_TOO_LONG, USERNAME_NOT_UTF8, USERNAME_HAS_CONTROL, USERNAME_BEGINS_WITH_MARK};

	(void)state;
	for (size_t i = 0; i < COUNT(faults); i++) {
		const char *rule = username_rule(faults[i]);

		assert_non_null(rule);
		assert_true(strlen(rule) > 0);
		assert_int_not_equal(rule[strlen(rule) - 1], '.');
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(rule, username_rule(faults[j]));
	}
	assert_non_null(strstr(username_rule(USERNAME_TOO_LONG), "at most 64 bytes"));
}

static void names_are_the_same_in_any_case(void **state)
{
	(void)state;
	assert_true(username_is_same("Bob", "bob"));
	assert_true(username_is_same("Stra\u00dfe", "STRASSE"));
	assert_true(username_is_same("\u00e9", "E\u0301"));
	assert_false(username_is_same("Bob", "Bobby"));
	assert_false(username_is_same("Bob", ""));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_are_trimmed_and_judged),
	    cmocka_unit_test(names_that_are_not_utf8_are_refused),
	    cmocka_unit_test(every_control_inside_a_name_is_refused),
	    cmocka_unit_test(the_limit_is_64_bytes_and_not_characters),
	    cmocka_unit_test(every_rule_has_words_of_its_own),
	    cmocka_unit_test(names_are_the_same_in_any_case),
	};

	support_begin();
	return cmocka_run_group_tests_name("username", tests, NULL, NULL);
}
