/* shutout: who is shut out, and for how long. */
#include "support.h"

#include "responder/shutout.h"

static struct shutout shutout;

static struct in_addr address(unsigned number)
{
	return support_address(0xc0a80000 + number);
}

static void note(unsigned number, unsigned times, int64_t now_ms)
{
	for (unsigned i = 0; i < times; i++)
		shutout_note(&shutout, address(number), now_ms);
}

static void nobody_is_shut_out_unless_the_queue_was_long(void **state)
{
	(void)state;
	shutout_init(&shutout);
	note(1, 1000, 1000);
	assert_int_equal(shutout.count, 0);
	shutout_watch(&shutout, 1000);
	note(2, SHUTOUT_BURST, 1000);
	assert_int_equal(shutout.count, 0);
	assert_true(shutout_due_ms(&shutout) == INT64_MAX);
	note(2, 1, 1000 + SHUTOUT_WATCH_MS);
	assert_int_equal(shutout.count, 0);
}

static void those_who_go_on_are_shut_out_until_the_same_moment(void **state)
{
	(void)state;
	shutout_init(&shutout);
	shutout_watch(&shutout, 1000);
	note(1, SHUTOUT_BURST + 5, 1000);
	note(2, SHUTOUT_BURST + 5, 1500);
	assert_int_equal(shutout.count, 2);
	assert_int_equal(shutout.addresses[1].s_addr, address(2).s_addr);
	assert_int_equal(shutout_due_ms(&shutout), 1000 + SHUTOUT_FIRST_MS);
}

static void there_are_never_more_than_the_filter_can_have(void **state)
{
	(void)state;
	shutout_init(&shutout);
	shutout_watch(&shutout, 1000);
	for (unsigned i = 0; i < 2 * SHUTOUT_MAX; i++)
		note(i, SHUTOUT_BURST + 1, 1000);
	assert_int_equal(shutout.count, SHUTOUT_MAX);
}

static void it_lasts_longer_each_time_up_to_a_limit_until_the_queue_is_short_again(void **state)
{
	int64_t now_ms = 1000;

	(void)state;
	shutout_init(&shutout);
	for (int64_t length_ms = SHUTOUT_FIRST_MS; length_ms <= 2 * SHUTOUT_LONGEST_MS; length_ms *= 2) {
		shutout_watch(&shutout, now_ms);
		note(1, SHUTOUT_BURST + 1, now_ms);
		now_ms += length_ms < SHUTOUT_LONGEST_MS ? length_ms : SHUTOUT_LONGEST_MS;
		assert_int_equal(shutout_due_ms(&shutout), now_ms);
		shutout_apply(&shutout, -1, now_ms - 1);
		assert_int_equal(shutout.count, 1);
		shutout_apply(&shutout, -1, now_ms);
		assert_int_equal(shutout.count, 0);
	}
	now_ms += SHUTOUT_WATCH_MS;
	shutout_watch(&shutout, now_ms);
	note(1, SHUTOUT_BURST + 1, now_ms);
	assert_int_equal(shutout_due_ms(&shutout), now_ms + SHUTOUT_FIRST_MS);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nobody_is_shut_out_unless_the_queue_was_long),
	    cmocka_unit_test(those_who_go_on_are_shut_out_until_the_same_moment),
	    cmocka_unit_test(there_are_never_more_than_the_filter_can_have),
	    cmocka_unit_test(it_lasts_longer_each_time_up_to_a_limit_until_the_queue_is_short_again),
	};

	support_begin();
	return cmocka_run_group_tests_name("shutout", tests, NULL, NULL);
}
