/* filename: under which names a file of somebody else may be stored. */
#include "support.h"

#include "file/filename.h"

static void expect(const char *name, const char *fault)
{
	const char *found = filename_fault(name, strlen(name));

	if (!fault)
		assert_null(found);
	else
		assert_string_equal(found ? found : "nothing", fault);
}

static void names_of_people_are_fine(void **state)
{
	(void)state;
	expect("plan.pdf", NULL);
	expect("a", NULL);
	expect("My holiday (2026), 2nd day.tar.gz", NULL);
	expect("\xc3\x96zge\xc3\xa7mi\xc5\x9f.txt", NULL);
	expect("\xf0\x9f\x98\x80.png", NULL);
	expect("back\\slash", NULL);
	expect("a.part", NULL);
	expect("a.0123456789abcdef", NULL);
	expect("a.0123456789abcde.part", NULL);
	expect(".0123456789abcdef.part", "begins with a dot");
}

static void names_that_lead_elsewhere_are_refused(void **state)
{
	(void)state;
	expect("", "is empty");
	expect(".", "begins with a dot");
	expect("..", "begins with a dot");
	expect("....", "begins with a dot");
	expect(".bashrc", "begins with a dot");
	expect("-rf", "begins with a dash");
	expect("/etc/passwd", "has a slash in it");
	expect("../peers.txt", "has a slash in it");
	expect("a/b", "has a slash in it");
	expect("plan.pdf.0123456789abcdef.part", "is that of a part of a file");
	expect("plan.pdf.0123456789ABCDEF.PART", "is that of a part of a file");
	assert_string_equal(filename_fault("a\0b", 3), "has a character in it that cannot be seen");
}

static void what_cannot_be_seen_is_refused(void **state)
{
	static const char *const names[] = {
	    "a\nb", "a\x1b[2Jb", "a\x7f", "a\xc2\x85", /* control characters */
	    "a\xe2\x80\xae"
	    "fdp.exe",
	    "a\xe2\x81\xa6",				   /* that turn the direction */
	    "a\xe2\x80\x8b", "a\xef\xbb\xbf", "a\xc2\xad", /* of no width */
	    "a\xe2\x80\xa8", "a\xe2\x80\xa9",		   /* lines and paragraphs */
	    "a\xcd\xb8", "a\xef\xbf\xbf",		   /* not assigned */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++)
		expect(names[i], "has a character in it that cannot be seen");
	expect("a\xff", "is not UTF-8");
	expect("a\xed\xa0\x80", "is not UTF-8");
}

static void names_have_a_length(void **state)
{
	char name[FILENAME_MAX_BYTES + 2];

	(void)state;
	memset(name, 'a', sizeof(name));
	assert_null(filename_fault(name, FILENAME_MAX_BYTES));
	assert_string_equal(filename_fault(name, FILENAME_MAX_BYTES + 1), "is longer than 200 bytes");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_of_people_are_fine),
	    cmocka_unit_test(names_that_lead_elsewhere_are_refused),
	    cmocka_unit_test(what_cannot_be_seen_is_refused),
	    cmocka_unit_test(names_have_a_length),
	};

	support_begin();
	return cmocka_run_group_tests_name("filename", tests, NULL, NULL);
}
