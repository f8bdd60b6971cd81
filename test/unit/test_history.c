/* history: what is asked for behind the word History. */
#include "support.h"

#include "initiator/history.h"

static const struct {
	const char *typed, *whom;
	size_t newest;
	bool today;
} cases[] = {
    {"", "", HISTORY_NEWEST, false},
    {"bob", "bob", HISTORY_NEWEST, false},
    {"5", "", 5, false},
    {"bob 5", "bob", 5, false},
    {"Bob Smith 5", "Bob Smith", 5, false},
    {"2 5", "2", 5, false},
    {"all", "", 0, false},
    {"ALL", "", 0, false},
    {"bob all", "bob", 0, false},
    {"today", "", 0, true},
    {"bob today", "bob", 0, true},
    {"bob today 5", "bob", 5, true},
    {"bob  5 today", "bob", 5, true},
    {"today today", "today", 0, true},
    {"all 5", "all", 5, false},
    {"0", "0", HISTORY_NEWEST, false},
    {"bob -5", "bob -5", HISTORY_NEWEST, false},
    {"9999999", "", 9999999, false},
    {"99999999999999999999", "", HISTORY_MAX, false},
    {"192.168.1.7 3", "192.168.1.7", 3, false},
};

static void a_number_a_day_and_a_name_are_told_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct history_wish wish;

		history_read_wish(cases[i].typed, &wish);
		CHECK(strcmp(wish.whom, cases[i].whom) == 0, "\"%s\": whom \"%s\"", cases[i].typed, wish.whom);
		CHECK(wish.newest == cases[i].newest, "\"%s\": newest %zu", cases[i].typed, wish.newest);
		CHECK(wish.today == cases[i].today, "\"%s\": today", cases[i].typed);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_number_a_day_and_a_name_are_told_apart),
	};

	support_begin();
	return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
