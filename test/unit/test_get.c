/* get: the row that says how far it is, and autofetch: what a size is. */
#include "support.h"

#include "initiator/autofetch.h"
#include "initiator/get.h"

static void expect_row(struct fetcher_progress progress, unsigned columns, const char *expected)
{
	char row[GET_ROW_BYTES];

	get_format_row(&progress, columns, row);
	CHECK(strcmp(row, expected) == 0, "\"%s\", not \"%s\"", row, expected);
}

static void the_row_says_how_far_it_is(void **state)
{
	struct fetcher_progress one = {.going = 1, .name = "plan.pdf", .there = 420, .bytes = 1000, .rate = 100000000};
	struct fetcher_progress slow = {.going = 1, .name = "plan.pdf", .bytes = 1000000, .rate = 100};
	struct fetcher_progress many = {.going = 2, .waiting = 7, .done = 3, .name = "x", .there = 1, .bytes = 10};
	struct fetcher_progress waits = {.waiting = 2, .bytes = 10};

	(void)state;
	expect_row(one, 80, "plan.pdf  42 %  100 MB/s  0 s left");
	one.is_checking = true;
	expect_row(one, 80, "plan.pdf  42 %  checking what is there");
	expect_row(slow, 80, "plan.pdf  0 %  100 bytes/s  2 h left");
	expect_row(many, 80, "3 of 12 files  10 %");
	expect_row(waits, 80, "");
	one.bytes = one.there = 0;
	expect_row(one, 80, "plan.pdf  0 %  checking what is there");
}

static void a_name_has_the_room_that_there_is(void **state)
{
	struct fetcher_progress one = {.going = 1, .there = 1, .bytes = 2};

	(void)state;
	one.name = "a name that is much longer than any row has room for, and goes on.pdf";
	expect_row(one, 80, "a name that is much longer than a…  50 %");
	one.name = "\xd0\xb0\xd0\xb1\xd0\xb2\xd0\xb3\xd0\xb4\xd0\xb5\xd0\xb6\xd0\xb7\xd0\xb8\xd0\xba";
	expect_row(one, 60, "\xd0\xb0\xd0\xb1\xd0\xb2\xd0\xb3\xd0\xb4\xd0\xb5…  50 %");
	expect_row(one, 40, "  50 %");
	one.name = "\033[2J\xe2\x80\xae.pdf";
	expect_row(one, 80, "<U+001B>[2J<U+202E>.pdf  50 %");
}

static void a_size_is_a_number_with_a_unit(void **state)
{
	static const struct {
		const char *text;
		int64_t bytes; /* 0: it is none */
	} sizes[] = {{"1", 1}, {"16M", 16000000}, {"16k", 16000}, {"2K", 2000}, {"1G", 1000000000}, {"0", 0}, {"0M", 0},
	    {"", 0}, {"M", 0}, {"-1", 0}, {" 1", 0}, {"1m", 0}, {"1MB", 0}, {"1.5M", 0},
	    {"9223372036854775807", INT64_MAX}, {"9223372036854775808", 0}, {"99999999999999999999", 0},
	    {"9999999999G", 0}, {"9223372036G", 9223372036000000000}};

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		int64_t bytes = 0;
		bool is_size = autofetch_parse_size(sizes[i].text, &bytes);

		CHECK(is_size == (sizes[i].bytes > 0) && (!is_size || bytes == sizes[i].bytes), "%s: %jd",
		    sizes[i].text, (intmax_t)bytes);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_row_says_how_far_it_is),
	    cmocka_unit_test(a_name_has_the_room_that_there_is),
	    cmocka_unit_test(a_size_is_a_number_with_a_unit),
	};

	support_begin();
	return cmocka_run_group_tests_name("get", tests, NULL, NULL);
}
