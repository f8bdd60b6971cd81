/* What is typed to send a file. */
#include <stdlib.h>
#include <string.h>

#include "initiator/parcel.h"
#include "support.h"

static void check(const char *typed, const char *path, const char *to)
{
	struct parcel parcel;

	assert_true(parcel_read(&parcel, typed, false));
	assert_string_equal(parcel.path, path);
	if (to)
		assert_string_equal(parcel.to, to);
	else
		assert_null(parcel.to);
}

static void test_a_file_and_to_whom(void **state)
{
	(void)state;
	check("plan.pdf to Bob", "plan.pdf", "Bob");
	check("/tmp/plan.pdf  to  #tea room", "/tmp/plan.pdf", "#tea room");
	check("plan.pdf to ", "plan.pdf", "");
	check("plan.pdf", "plan.pdf", NULL);
	check("plan.pdf to", "plan.pdf to", NULL);
	check("", "", NULL);
}

static void test_the_last_to_counts(void **state)
{
	(void)state;
	check("letter to Ece.txt to Bob", "letter to Ece.txt", "Bob");
	check("my holiday plans.pdf to Bob", "my holiday plans.pdf", "Bob");
	check("a to b to c to d", "a to b to c", "d");
}

static void test_quotation_marks_hold_a_name_together(void **state)
{
	(void)state;
	check("\"letter.txt\" to Ece to Bob", "letter.txt", "Ece to Bob");
	check("'a \"b\" to c' to Bob", "a \"b\" to c", "Bob");
	check("' x ' to Bob", " x ", "Bob");
	check("\"letter to Ece.txt\"", "letter to Ece.txt", NULL);
	check("'90s.mp3 to Bob", "'90s.mp3", "Bob");
	check("'90s' best.mp3 to Bob", "'90s' best.mp3", "Bob");
	check("'' to Bob", "", "Bob");
}

static void test_the_home_of_the_user(void **state)
{
	(void)state;
	setenv("HOME", "/home/alice", 1);
	check("~/plan.pdf to Bob", "/home/alice/plan.pdf", "Bob");
	check("'~/my plan.pdf' to Bob", "/home/alice/my plan.pdf", "Bob");
	check("~bob/plan.pdf to Bob", "~bob/plan.pdf", "Bob");
	unsetenv("HOME");
	check("~/plan.pdf to Bob", "~/plan.pdf", "Bob");
}

static void test_only_a_file(void **state)
{
	struct parcel parcel;

	(void)state;
	assert_true(parcel_read(&parcel, "letter to Ece.txt", true));
	assert_string_equal(parcel.path, "letter to Ece.txt");
	assert_null(parcel.to);
	assert_true(parcel_read(&parcel, "'letter to Ece.txt'", true));
	assert_string_equal(parcel.path, "letter to Ece.txt");
	assert_true(parcel_read(&parcel, "'a' to Bob", true));
	assert_string_equal(parcel.path, "'a' to Bob");
}

static void test_a_path_that_is_too_long_is_none(void **state)
{
	struct parcel parcel;
	char typed[PATH_MAX + 8];

	(void)state;
	memset(typed, 'x', PATH_MAX);
	strcpy(typed + PATH_MAX, " to Bob");
	assert_false(parcel_read(&parcel, typed, false));
	assert_true(parcel_read(&parcel, typed + 1, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_file_and_to_whom),
	    cmocka_unit_test(test_the_last_to_counts),
	    cmocka_unit_test(test_quotation_marks_hold_a_name_together),
	    cmocka_unit_test(test_the_home_of_the_user),
	    cmocka_unit_test(test_only_a_file),
	    cmocka_unit_test(test_a_path_that_is_too_long_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
