/* ratelimit: token buckets for strangers. */
#include "support.h"

#include "base/ratelimit.h"

#define BOB 0xc0a80107
#define PERIOD_MS 1000

static struct ratelimit limit;

static bool allow(uint32_t address, int64_t now_ms)
{
	return ratelimit_allow(&limit, support_address(address), now_ms);
}

/* How often in a row the address may go ahead at one instant, up to a bound. */
static unsigned allowed(uint32_t address, int64_t now_ms)
{
	unsigned count = 0;

	while (count < 10000 && allow(address, now_ms))
		count++;
	return count;
}

static void a_burst_is_allowed_and_no_more(void **state)
{
	static const unsigned bursts[] = {1, 2, 10, 1000};
	static const int64_t starts_ms[] = {0, 1, 123456789, INT64_C(1) << 50};

	(void)state;
	for (size_t i = 0; i < COUNT(bursts); i++) {
		for (size_t j = 0; j < COUNT(starts_ms); j++) {
			memset(&limit, 0x5a, sizeof(limit));
			ratelimit_init(&limit, bursts[i], PERIOD_MS);
			assert_int_equal(allowed(BOB, starts_ms[j]), bursts[i]);
			assert_false(allow(BOB, starts_ms[j]));
		}
	}
}

static void every_period_gives_one_more(void **state)
{
	int64_t start_ms = 5000000;

	(void)state;
	ratelimit_init(&limit, 3, PERIOD_MS);
	assert_int_equal(allowed(BOB, start_ms), 3);
	assert_int_equal(allowed(BOB, start_ms + PERIOD_MS - 1), 0);
	assert_int_equal(allowed(BOB, start_ms + PERIOD_MS), 1);
	assert_int_equal(allowed(BOB, start_ms + 2 * PERIOD_MS - 1), 0);
	assert_int_equal(allowed(BOB, start_ms + 2 * PERIOD_MS), 1);
	assert_int_equal(allowed(BOB, start_ms + 4 * PERIOD_MS), 2);
	assert_int_equal(allowed(BOB, start_ms + 7 * PERIOD_MS), 3);
	assert_int_equal(allowed(BOB, start_ms + 7 * PERIOD_MS), 0);
}

static void time_that_was_begun_is_not_lost(void **state)
{
	int64_t start_ms = 5000000;

	(void)state;
	ratelimit_init(&limit, 3, PERIOD_MS);
	assert_int_equal(allowed(BOB, start_ms), 3);
	assert_int_equal(allowed(BOB, start_ms + PERIOD_MS * 3 / 2), 1);
	assert_int_equal(allowed(BOB, start_ms + 2 * PERIOD_MS - 1), 0);
	assert_int_equal(allowed(BOB, start_ms + 2 * PERIOD_MS), 1);
	/* Asking and being refused costs nothing. */
	for (int64_t now_ms = start_ms + 2 * PERIOD_MS; now_ms < start_ms + 3 * PERIOD_MS; now_ms++)
		assert_false(allow(BOB, now_ms));
	assert_true(allow(BOB, start_ms + 3 * PERIOD_MS));
}

static void silence_fills_the_bucket_and_never_more(void **state)
{
	static const int64_t silences_ms[] = {
	    3 * PERIOD_MS, 4 * PERIOD_MS, 86400000, INT64_C(1) << 40, INT64_C(1) << 60};

	(void)state;
	for (size_t i = 0; i < COUNT(silences_ms); i++) {
		ratelimit_init(&limit, 3, PERIOD_MS);
		assert_int_equal(allowed(BOB, 1000), 3);
		assert_int_equal(allowed(BOB, 1000 + silences_ms[i]), 3);
		/* What it might have had in that time is not saved up. */
		assert_int_equal(allowed(BOB, 1000 + silences_ms[i] + PERIOD_MS), 1);
	}
	ratelimit_init(&limit, 3, PERIOD_MS);
	assert_true(allow(BOB, 1000));
	assert_int_equal(allowed(BOB, 1000 + 100 * PERIOD_MS), 3);
}

static void who_is_slower_than_the_period_is_never_refused(void **state)
{
	(void)state;
	ratelimit_init(&limit, 1, PERIOD_MS);
	for (int64_t now_ms = 0; now_ms < 1000 * PERIOD_MS; now_ms += PERIOD_MS)
		assert_true(allow(BOB, now_ms));
}

static void over_a_long_time_it_is_burst_and_one_a_period(void **state)
{
	unsigned count = 0;

	(void)state;
	ratelimit_init(&limit, 10, PERIOD_MS);
	for (int64_t now_ms = 0; now_ms <= 100 * PERIOD_MS; now_ms += 7)
		count += allow(BOB, now_ms);
	assert_in_range(count, 109, 110);
}

static void one_stranger_does_not_silence_the_others(void **state)
{
	unsigned others = 0;

	(void)state;
	ratelimit_init(&limit, 5, PERIOD_MS);
	assert_int_equal(allowed(BOB, 1000), 5);
	for (uint32_t i = 1; i <= 100; i++)
		others += allow(BOB + i, 1000);
	/* Some may share the bucket of Bob; with 256 of them not many. */
	assert_in_range(others, 80, 100);
}

static void invented_addresses_are_limited_together(void **state)
{
	unsigned count = 0;

	(void)state;
	ratelimit_init(&limit, 5, PERIOD_MS);
	for (uint32_t address = 0; address < 1000000; address++)
		count += allow(address * 4099, 1000);
	assert_in_range(count, 1, 5 * RATELIMIT_BUCKETS);
	for (uint32_t address = 0; address < 1000000; address++)
		count += allow(address * 4099, 1000 + PERIOD_MS);
	assert_in_range(count, 1, 6 * RATELIMIT_BUCKETS);
}

static void all_addresses_together_are_limited_if_that_is_wanted(void **state)
{
	unsigned count = 0;

	(void)state;
	ratelimit_init(&limit, 3, PERIOD_MS);
	ratelimit_limit_all(&limit, 10, PERIOD_MS / 2);
	assert_int_equal(allowed(BOB, 1000), 3);
	for (uint32_t i = 1; i <= 1000; i++)
		count += allow(BOB + i, 1000);
	assert_int_equal(count, 7);
	/* Two come back in a period, for whoever asks first. */
	assert_int_equal(allowed(BOB + 500, 1000 + PERIOD_MS), 2);
	/* Bob's own limit still holds when there is plenty for all. */
	assert_int_equal(allowed(BOB, 1000 + 100 * PERIOD_MS), 3);
}

static void who_is_refused_takes_nothing_from_either_bucket(void **state)
{
	(void)state;
	ratelimit_init(&limit, 2, PERIOD_MS);
	ratelimit_limit_all(&limit, 3, 100 * PERIOD_MS);
	assert_int_equal(allowed(BOB, 1000), 2);
	/* Bob goes on asking, and the last token is still there for another. */
	assert_int_equal(allowed(BOB, 1001), 0);
	assert_false(ratelimit_spend(&limit, support_address(BOB + 1), 2, 1001));
	/* That one asked for more than there was: nothing was taken. */
	assert_int_equal(allowed(BOB + 1, 1001) + allowed(BOB + 2, 1001), 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_burst_is_allowed_and_no_more),
	    cmocka_unit_test(every_period_gives_one_more),
	    cmocka_unit_test(time_that_was_begun_is_not_lost),
	    cmocka_unit_test(silence_fills_the_bucket_and_never_more),
	    cmocka_unit_test(who_is_slower_than_the_period_is_never_refused),
	    cmocka_unit_test(over_a_long_time_it_is_burst_and_one_a_period),
	    cmocka_unit_test(one_stranger_does_not_silence_the_others),
	    cmocka_unit_test(invented_addresses_are_limited_together),
	    cmocka_unit_test(all_addresses_together_are_limited_if_that_is_wanted),
	    cmocka_unit_test(who_is_refused_takes_nothing_from_either_bucket),
	};

	support_begin();
	return cmocka_run_group_tests_name("ratelimit", tests, NULL, NULL);
}
