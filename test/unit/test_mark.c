/* mark: one sign where something is wrong. */
#include "support.h"

#include "trust/mark.h"
#include "trust/verdict.h"

static void expect(const char *standing, bool is_secure, char sign)
{
	const struct mark *mark = mark_find(standing, is_secure);

	CHECK((mark ? mark->sign : ' ') == sign, "%s: '%c' and not '%c'", standing ? standing : "-",
	    mark ? mark->sign : ' ', sign);
}

static void what_is_as_it_should_be_has_no_mark(void **state)
{
	(void)state;
	expect(NULL, true, ' ');
	expect(standing_word(STANDING_PINNED), true, ' ');
	expect(standing_word(STANDING_VERIFIED), true, ' ');
	expect("whatever comes", true, ' ');
}

static void the_worst_is_what_is_pointed_out(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		expect(standing_word(STANDING_CHANGED), i, '!');
		expect(standing_word(STANDING_MISSING), i, '!');
		expect(standing_word(STANDING_LOOKALIKE), i, '=');
		expect(standing_word(STANDING_UNPROVEN), i, '*');
		expect(standing_word(STANDING_UNKNOWN), i, '?');
	}
	expect(NULL, false, '~');
	expect("verified", false, '~');
}

static void every_mark_has_a_meaning_and_a_sign_of_its_own(void **state)
{
	(void)state;
	for (size_t i = 0; i < MARK_KINDS; i++) {
		assert_non_null(mark_kinds[i].meaning);
		for (size_t k = 0; k < i; k++)
			assert_int_not_equal(mark_kinds[i].sign, mark_kinds[k].sign);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_as_it_should_be_has_no_mark),
	    cmocka_unit_test(the_worst_is_what_is_pointed_out),
	    cmocka_unit_test(every_mark_has_a_meaning_and_a_sign_of_its_own),
	};

	support_begin();
	return cmocka_run_group_tests_name("mark", tests, NULL, NULL);
}
