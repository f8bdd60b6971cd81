/* message: which texts can be sent. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "initiator/message.h"

static const struct {
	const char *text;
	size_t len;
	const char *fault; /* the beginning of the words, or NULL */
} cases[] = {
    {BYTES("hello"), NULL},
    {BYTES(" "), NULL},
    {BYTES("a\ttab"), NULL},
    {BYTES("two\nlines"), NULL},
    {BYTES("\xc3\x87"
	   "a\xc4\x9f"
	   "la \xf0\x9f\x98\x80"),
	NULL},
    {BYTES("\x1b[31mred"), "has control characters"},
    {BYTES("a\rb"), "has control characters"},
    {BYTES("a\0b"), "has control characters"},
    {BYTES("a\x7f"), "has control characters"},
    {BYTES("a\xc2\x85"), "has control characters"},
    {BYTES("\xff\xfe"), "is not UTF-8"},
    {BYTES("\xed\xa0\x80"), "is not UTF-8"},
    {BYTES("cut off \xc3"), "is not UTF-8"},
};

static void expect(const char *fault, const char *wanted)
{
	assert_true(wanted ? fault && strncmp(fault, wanted, strlen(wanted)) == 0 : !fault);
}

static void a_text_is_sent_if_it_is_utf8_without_control_characters(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		expect(message_fault(cases[i].text, cases[i].len, false, false), cases[i].fault);
		expect(message_fault(cases[i].text, cases[i].len, true, false), cases[i].fault);
	}
}

static void what_is_pasted_is_sent_with_its_control_characters(void **state)
{
	(void)state;
	expect(message_fault(BYTES("\x1b[31mred\x07\r\n\ttwo"), false, true), NULL);
	expect(message_fault(BYTES("a\0b"), false, true), "has control characters");
	expect(message_fault(BYTES("\xff\n"), false, true), "is not UTF-8");
}

/* Expects a fault of a text of len times the same character. */
static void expect_many(char character, size_t len, bool typed, const char *wanted)
{
	char *text = malloc(len);

	assert_non_null(text);
	memset(text, character, len);
	expect(message_fault(text, len, typed, false), wanted);
	free(text);
}

/* Its quotation marks, and the backslashes before some characters, count. */
static void a_text_has_its_longest_length_as_a_json_string(void **state)
{
	(void)state;
	expect_many('x', MESSAGE_MAX_BYTES - 2, false, NULL);
	expect_many('x', MESSAGE_MAX_BYTES - 1, false, "has more than 48000 bytes");
	expect_many('"', MESSAGE_MAX_BYTES / 2 - 1, false, NULL);
	expect_many('"', MESSAGE_MAX_BYTES / 2, false, "has more than 48000 bytes");
}

/* The terminal cuts off the rest unseen. */
static void a_typed_line_as_long_as_the_terminal_passes_on_may_be_cut_off(void **state)
{
	(void)state;
	expect_many('x', MESSAGE_TYPED_MAX_BYTES - 1, true, NULL);
	expect_many('x', MESSAGE_TYPED_MAX_BYTES, true, "is as long as the terminal passes on (4095 bytes)");
	expect_many('x', MESSAGE_TYPED_MAX_BYTES, false, NULL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_text_is_sent_if_it_is_utf8_without_control_characters),
	    cmocka_unit_test(what_is_pasted_is_sent_with_its_control_characters),
	    cmocka_unit_test(a_text_has_its_longest_length_as_a_json_string),
	    cmocka_unit_test(a_typed_line_as_long_as_the_terminal_passes_on_may_be_cut_off),
	};

	support_begin();
	return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
