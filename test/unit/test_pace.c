/* pace: when peers.txt is written, and how much. */
#include "support.h"

#include "discovery/pace.h"

#define NOW_MS 1000000

static void nothing_heard_is_nothing_to_write(void **state)
{
	struct pace pace = {0};

	(void)state;
	assert_true(pace_due(&pace) == INT64_MAX);
	assert_int_equal(pace_allowance(&pace, NOW_MS), PACE_BURST_BYTES);
}

static void refreshed_times_gather_and_are_never_late(void **state)
{
	struct pace pace = {0};

	(void)state;
	assert_true(pace_hear(&pace, false, NOW_MS));
	assert_false(pace_hear(&pace, false, NOW_MS + 100));
	assert_true(pace_due(&pace) == NOW_MS + PACE_GATHER_MS);
	assert_true(PACE_GATHER_MS < PACE_LAG_MS);
	pace_begin(&pace);
	/* What is heard while it is written counts from then. */
	pace_hear(&pace, false, NOW_MS + PACE_GATHER_MS + 1);
	pace_end(&pace, NOW_MS + PACE_GATHER_MS, NOW_MS + PACE_GATHER_MS + 5, 0, false, false);
	assert_true(pace_due(&pace) == NOW_MS + PACE_GATHER_MS + 1 + PACE_GATHER_MS);
}

static void a_newcomer_in_a_quiet_network_is_written_at_once(void **state)
{
	struct pace pace = {0};

	(void)state;
	pace_hear(&pace, false, NOW_MS);
	assert_true(pace_hear(&pace, true, NOW_MS + 1));
	assert_true(pace_due(&pace) == NOW_MS + 1);
	pace_begin(&pace);
	pace_end(&pace, NOW_MS + 1, NOW_MS + 2, 120, false, false);
	assert_true(pace_due(&pace) == INT64_MAX);
	/* The next one soon after, the more so the longer a writing takes. */
	pace_hear(&pace, true, NOW_MS + 3);
	assert_true(pace_due(&pace) == NOW_MS + 2 + PACE_PAUSE_MS);
	pace_begin(&pace);
	pace_end(&pace, NOW_MS + 30, NOW_MS + 130, 120, false, false);
	pace_hear(&pace, true, NOW_MS + 131);
	assert_true(pace_due(&pace) == NOW_MS + 130 + 100 * PACE_PAUSE_FACTOR);
}

static void a_failure_is_tried_again_after_a_while(void **state)
{
	struct pace pace = {0};

	(void)state;
	pace_hear(&pace, true, NOW_MS);
	pace_begin(&pace);
	pace_end(&pace, NOW_MS, NOW_MS + 1, 0, true, false);
	assert_true(pace_due(&pace) == NOW_MS + 1 + PACE_RETRY_MS);
	pace_hear(&pace, true, NOW_MS + 2);
	assert_true(pace_due(&pace) == NOW_MS + 1 + PACE_RETRY_MS);
}

/* Newcomers without end: what is written in the long run, and with the refreshed times never late. */
static void invented_addresses_have_a_budget(void **state)
{
	struct pace pace = {0};
	int64_t written = 0, latest_ms = 0, refreshed_ms = 0;

	(void)state;
	for (int64_t now_ms = NOW_MS; now_ms < NOW_MS + 60000; now_ms++) {
		if (refreshed_ms == 0)
			refreshed_ms = now_ms;
		pace_hear(&pace, true, now_ms);
		pace_hear(&pace, false, now_ms);
		if (pace_due(&pace) <= now_ms) {
			size_t allowance = pace_allowance(&pace, now_ms);
			/* A file that is replaced costs more than was allowed. */
			size_t bytes = allowance == 0 ? 0 : written % 3 == 0 ? 2000000 : allowance + 100;

			if (now_ms - refreshed_ms > latest_ms)
				latest_ms = now_ms - refreshed_ms;
			refreshed_ms = 0;
			pace_begin(&pace);
			pace_end(&pace, now_ms, now_ms, bytes, false, true);
			written += (int64_t)bytes;
		}
	}
	CHECK(written <= PACE_BURST_BYTES + 60000 * PACE_BYTES_PER_MS + 2000000, "%lld", (long long)written);
	CHECK(written >= 60000 * PACE_BYTES_PER_MS / 2, "%lld", (long long)written);
	CHECK(latest_ms <= PACE_GATHER_MS, "%lld", (long long)latest_ms);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_heard_is_nothing_to_write),
	    cmocka_unit_test(refreshed_times_gather_and_are_never_late),
	    cmocka_unit_test(a_newcomer_in_a_quiet_network_is_written_at_once),
	    cmocka_unit_test(a_failure_is_tried_again_after_a_while),
	    cmocka_unit_test(invented_addresses_have_a_budget),
	};

	support_begin();
	return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}
