/* ownname: which names one may take. */
#include "support.h"

#include "cast.h"
#include "trust/ownname.h"

static void test_a_name_that_means_something_else_is_refused(void **state)
{
	static const char *const refused[] = {
	    "#", "#lab", "-", "-u", "@all", "@ALL", "0", "12", "192.168.1.7", "0.0.0.0"};
	static const char *const fine[] = {
	    "Bob", "@bob", "@allen", "a#", "B-b", "12a", "1.2.3", "192.168.1.256", "1 2", "\u0661"};

	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++)
		CHECK(ownname_rule(refused[i]) != NULL, "%s", refused[i]);
	for (size_t i = 0; i < COUNT(fine); i++)
		CHECK(ownname_rule(fine[i]) == NULL, "%s", fine[i]);
}

/* Ece is oneself, with the identity e. */
static const struct known known[] = {{"Bob", 'b', 7, false, 0}, {"Ece", 'e', 0, false, 0}, {0}};

static const struct {
	const char *name;
	struct heard heard;
	bool taken;
	const char *by;
} rows[] = {
    {"Zoe", {8, "Can", 'c', 0, false}, false, NULL},
    {"Bob", {8, "Can", 'c', 0, false}, true, "you know"},
    {"BOB", {8, "Can", 'c', 0, false}, true, "you know"},
    {"B0b", {8, "Can", 'c', 0, false}, false, NULL},
    /* Somebody is there with it, and signs. */
    {"Can", {8, "Can", 'c', 0, false}, true, "192.168.1.8"},
    {"can", {8, "Can", 'c', 10, false}, true, "192.168.1.8"},
    {"Can", {8, "Can", 'c', 11, false}, false, NULL},
    {"Can", {8, "Can", 'c', 0, true}, false, NULL},
    {"Can", {8, "Can", 0, 0, false}, false, NULL},
    {"Ca", {8, "Can", 'c', 0, false}, false, NULL},
    /* One's own. */
    {"Ece", {8, "Ece", 'x', 0, false}, false, NULL},
    {"ece", {8, "Ece", 'x', 0, false}, true, "192.168.1.8"},
    {"ece", {8, "Zoe", 'x', 0, false}, false, NULL},
    {"Rob", {8, "Rob", 'e', 0, false}, false, NULL},
};

static void test_a_name_that_somebody_has_is_taken(void **state)
{
	struct pins *pins = cast_pins(known);
	uint8_t own[IDENTITY_BYTES];

	(void)state;
	cast_identity('e', own);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct peers *peers = cast_peers(pins, (struct heard[]){rows[i].heard, {0}});
		struct ownname_world world = {pins, peers, "Ece", own, NOW_MS};
		char taker[OWNNAME_TAKER_BYTES];

		CHECK(ownname_is_taken(&world, rows[i].name, taker) == rows[i].taken, "row %zu", i);
		if (rows[i].taken)
			CHECK(strstr(taker, rows[i].by) != NULL, "row %zu: %s", i, taker);
		/* Who has neither a name nor an identity yet is nobody's owner. */
		world.username = NULL;
		world.identity = NULL;
		assert_int_equal(ownname_is_taken(&world, "Ece", taker), true);
		peers_free(peers);
	}
	pins_free(pins);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_name_that_means_something_else_is_refused),
	    cmocka_unit_test(test_a_name_that_somebody_has_is_taken),
	};

	support_begin();
	return cmocka_run_group_tests_name("ownname", tests, NULL, NULL);
}
