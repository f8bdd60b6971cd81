/* message: which texts can be sent. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "initiator/message.h"

static const struct {
	const char *text;
	size_t len;
	enum message_fault fault;
} cases[] = {
    {BYTES("hello"), MESSAGE_FINE},
    {BYTES(" "), MESSAGE_FINE},
    {BYTES("a\ttab"), MESSAGE_FINE},
    {BYTES("\xc3\x87"
	   "a\xc4\x9f"
	   "la \xf0\x9f\x98\x80"),
	MESSAGE_FINE},
    {BYTES("\x1b[31mred"), MESSAGE_CONTROLS},
    {BYTES("a\rb"), MESSAGE_CONTROLS},
    {BYTES("a\0b"), MESSAGE_CONTROLS},
    {BYTES("a\x7f"), MESSAGE_CONTROLS},
    {BYTES("a\xc2\x85"), MESSAGE_CONTROLS},
    {BYTES("\xff\xfe"), MESSAGE_NOT_UTF8},
    {BYTES("\xed\xa0\x80"), MESSAGE_NOT_UTF8},
    {BYTES("cut off \xc3"), MESSAGE_NOT_UTF8},
};

static void a_text_is_sent_if_it_is_utf8_without_control_characters(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(message_check(cases[i].text, cases[i].len, false), cases[i].fault);
		assert_int_equal(message_check(cases[i].text, cases[i].len, true), cases[i].fault);
	}
}

/* The fault of a text of len times the same character. */
static enum message_fault fault_of(char character, size_t len, bool typed)
{
	char *text = malloc(len);
	enum message_fault fault;

	assert_non_null(text);
	memset(text, character, len);
	fault = message_check(text, len, typed);
	free(text);
	return fault;
}

/* Its quotation marks, and the backslashes before some characters, count. */
static void a_text_has_its_longest_length_as_a_json_string(void **state)
{
	(void)state;
	assert_int_equal(fault_of('x', MESSAGE_MAX_BYTES - 2, false), MESSAGE_FINE);
	assert_int_equal(fault_of('x', MESSAGE_MAX_BYTES - 1, false), MESSAGE_TOO_LONG);
	assert_int_equal(fault_of('"', MESSAGE_MAX_BYTES / 2 - 1, false), MESSAGE_FINE);
	assert_int_equal(fault_of('"', MESSAGE_MAX_BYTES / 2, false), MESSAGE_TOO_LONG);
}

/* The terminal cuts off the rest unseen. */
static void a_typed_line_as_long_as_the_terminal_passes_on_may_be_cut_off(void **state)
{
	(void)state;
	assert_int_equal(fault_of('x', MESSAGE_TYPED_MAX_BYTES - 1, true), MESSAGE_FINE);
	assert_int_equal(fault_of('x', MESSAGE_TYPED_MAX_BYTES, true), MESSAGE_CUT);
	assert_int_equal(fault_of('x', MESSAGE_TYPED_MAX_BYTES, false), MESSAGE_FINE);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_text_is_sent_if_it_is_utf8_without_control_characters),
	    cmocka_unit_test(a_text_has_its_longest_length_as_a_json_string),
	    cmocka_unit_test(a_typed_line_as_long_as_the_terminal_passes_on_may_be_cut_off),
	};

	support_begin();
	return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
