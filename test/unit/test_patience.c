/* patience: when to try again. */
#include "support.h"

#include "initiator/patience.h"

#define HEARD_MS INT64_C(1763625600000)

static const struct peer announced = {
    .address = {.s_addr = 1},
    .has_identity = true,
    .since_s = 1763620000,
    .last_seen_ms = HEARD_MS,
};

static void each_failure_doubles_the_pause_up_to_a_quarter_of_an_hour(void **state)
{
	static const int pauses_s[] = {16, 32, 64, 128, 256, 512, 900, 900, 900};
	struct patience patience = {0};
	int64_t now_ms = 7000;

	(void)state;
	for (size_t i = 0; i < COUNT(pauses_s); i++) {
		patience_fail(&patience, now_ms);
		assert_int_equal(patience.failures, i + 1);
		assert_int_equal(patience.due_ms, now_ms + 1000 * pauses_s[i]);
		now_ms = patience.due_ms;
	}
}

static void what_fails_before_the_time_puts_nothing_off(void **state)
{
	struct patience patience = {0};

	(void)state;
	for (int64_t now_ms = 0; now_ms < PATIENCE_FIRST_MS; now_ms += 1000) {
		patience_fail(&patience, now_ms);
		assert_int_equal(patience.due_ms, PATIENCE_FIRST_MS);
	}
	/* After a success it begins anew. */
	patience.failures = 0;
	patience_fail(&patience, 1000);
	assert_int_equal(patience.due_ms, 1000 + PATIENCE_FIRST_MS);
}

static void who_is_announced_as_before_is_not_back(void **state)
{
	struct patience patience = {0};
	struct peer claim = announced;

	(void)state;
	patience_is_over(&patience, &claim);
	patience_fail(&patience, 0);
	assert_false(patience_is_over(&patience, &claim));
	for (int i = 0; i < 5; i++) {
		claim.last_seen_ms += PEERS_ONLINE_MS;
		assert_false(patience_is_over(&patience, &claim));
	}
}

static void whoever_was_away_is_back(void **state)
{
	struct peer left = announced, gone_silent = announced, begun_anew = announced, moved = announced;
	const struct peer *returns[] = {&gone_silent, &begun_anew, &moved};
	struct patience patience = {0};

	(void)state;
	left.left = true;
	gone_silent.last_seen_ms += PEERS_ONLINE_MS + 1;
	begun_anew.since_s++;
	moved.address.s_addr++;
	for (size_t i = 0; i < COUNT(returns); i++) {
		patience_is_over(&patience, NULL);
		patience_is_over(&patience, &announced);
		assert_true(patience_is_over(&patience, returns[i]));
		assert_false(patience_is_over(&patience, returns[i]));
	}
	patience_is_over(&patience, &left);
	assert_false(patience_is_over(&patience, &left));
	assert_true(patience_is_over(&patience, &announced));
	assert_false(patience_is_over(&patience, NULL));
	assert_false(patience_is_over(&patience, &left));
	assert_true(patience_is_over(&patience, &announced));
	assert_false(patience_is_over(&patience, NULL));
	assert_true(patience_is_over(&patience, &announced));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_failure_doubles_the_pause_up_to_a_quarter_of_an_hour),
	    cmocka_unit_test(what_fails_before_the_time_puts_nothing_off),
	    cmocka_unit_test(who_is_announced_as_before_is_not_back),
	    cmocka_unit_test(whoever_was_away_is_back),
	};

	support_begin();
	return cmocka_run_group_tests_name("patience", tests, NULL, NULL);
}
