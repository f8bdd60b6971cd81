/* heard: whether one is heard, and what does not run if not. */
#include "support.h"

#include "cast.h"
#include "initiator/heard.h"

#define NOW_S (NOW_MS / 1000)

/* What was heard, oneself under the identity e; what the announcer wrote; and what follows. */
static const struct {
	struct heard heard[3];
	const char *username;
	char identity;
	int64_t since_s;
	enum heard_state found;
} rows[] = {
    {{{7, "Ece", 'e', 0, false}}, "Ece", 'e', NOW_S - 100, HEARD_FINE},
    {{{7, "Ece", 'e', 20, false}}, "Ece", 'e', NOW_S - 100, HEARD_FINE},
    {{{7, "Ece", 'e', 21, false}}, "Ece", 'e', NOW_S - 100, HEARD_WITHOUT_DISCOVERY},
    {{{7, "Ece", 'e', 21, false}, {8, "Bob", 0, 21, false}}, "Ece", 'e', NOW_S - 100, HEARD_WITHOUT_DISCOVERY},
    {{{7, "Ece", 'e', 21, false}, {8, "Bob", 0, 20, false}}, "Ece", 'e', NOW_S - 100, HEARD_WITHOUT_ANNOUNCER},
    {{{0}}, "Ece", 'e', NOW_S - 21, HEARD_WITHOUT_DISCOVERY},
    {{{8, "Bob", 0, 0, false}}, "Ece", 'e', NOW_S - 21, HEARD_WITHOUT_ANNOUNCER},
    /* It has just begun. */
    {{{0}}, "Ece", 'e', NOW_S - 20, HEARD_FINE},
    {{{7, "Ece", 'e', 600, false}}, "Ece", 'e', NOW_S, HEARD_FINE},
    /* Elsewhere it goes on. */
    {{{7, "Ece", 'e', 60, false}, {9, "Ece", 'e', 3, false}}, "Ece", 'e', NOW_S - 100, HEARD_FINE},
    /* There is nothing to tell by. */
    {{{0}}, NULL, 'e', NOW_S - 100, HEARD_NAMELESS},
    {{{0}}, "Ece", 'e', 0, HEARD_FINE},
    {{{0}}, "Ece", 0, NOW_S - 100, HEARD_FINE},
};

static void test_what_does_not_run_follows_from_what_was_heard(void **state)
{
	struct pins *pins = cast_pins((const struct known[]){{0}});

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct peers *peers = cast_peers(pins, rows[i].heard);
		uint8_t identity[IDENTITY_BYTES];
		struct heard_self self = {rows[i].username, rows[i].identity ? identity : NULL, rows[i].since_s};
		enum heard_state found;

		cast_identity('e', identity);
		found = heard_judge(peers, &self, NOW_MS);
		CHECK(found == rows[i].found, "row %zu: %d", i, (int)found);
		peers_free(peers);
	}
	pins_free(pins);
}

static void test_who_has_said_farewell_is_not_announced(void **state)
{
	struct pins *pins = cast_pins((const struct known[]){{0}});
	struct peers *peers = cast_peers(pins, (struct heard[]){{7, "Ece", 'e', 1, true}, {0}});
	uint8_t identity[IDENTITY_BYTES];
	struct heard_self self = {"Ece", identity, NOW_S - 1};

	(void)state;
	cast_identity('e', identity);
	peers_next(peers, NULL)->since_s = NOW_S - 1;
	assert_int_equal(heard_judge(peers, &self, NOW_MS), HEARD_WITHOUT_ANNOUNCER);
	/* And has begun anew. */
	self.since_s = NOW_S;
	assert_int_equal(heard_judge(peers, &self, NOW_MS), HEARD_FINE);
	peers_free(peers);
	pins_free(pins);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_does_not_run_follows_from_what_was_heard),
	    cmocka_unit_test(test_who_has_said_farewell_is_not_announced),
	};

	support_begin();
	return cmocka_run_group_tests_name("heard", tests, NULL, NULL);
}
