/* stop: what a signal ends. */
#include "support.h"

#include <poll.h>

#include "base/stop.h"

/* A wait in which a pending signal comes. */
static void wait_for_signal(void)
{
	static const struct timespec at_once = {0};

	ppoll(NULL, 0, &at_once, stop_wait_mask());
}

static int interrupt(void *unused)
{
	(void)unused;
	stop_install();
	for (int waits = 0; waits < 2; waits++) {
		stop_set_interruptible(true);
		CHILD_CHECK(!stop_interrupted());
		raise(SIGINT);
		if (waits)
			wait_for_signal();
		CHILD_CHECK(!stop_requested() && stop_interrupted() && stop_interrupted());
		raise(SIGINT);
		stop_set_interruptible(false);
		wait_for_signal();
		CHILD_CHECK(!stop_requested() && !stop_interrupted());
	}
	raise(SIGINT);
	CHILD_CHECK(stop_requested() && stop_interrupted());
	return 0;
}

static int terminate(void *unused)
{
	(void)unused;
	stop_install();
	stop_set_interruptible(true);
	raise(SIGTERM);
	CHILD_CHECK(stop_interrupted() && stop_requested());
	return 0;
}

static int interrupt_before(void *unused)
{
	(void)unused;
	stop_install();
	raise(SIGINT);
	stop_set_interruptible(true);
	CHILD_CHECK(stop_requested());
	return 0;
}

static void an_interrupt_ends_what_is_interruptible_and_else_the_program(void **state)
{
	(void)state;
	await_child(start_child(interrupt, NULL));
	await_child(start_child(interrupt_before, NULL));
}

static void other_signals_end_the_program_always(void **state)
{
	(void)state;
	await_child(start_child(terminate, NULL));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_interrupt_ends_what_is_interruptible_and_else_the_program),
	    cmocka_unit_test(other_signals_end_the_program_always),
	};

	support_begin();
	return cmocka_run_group_tests_name("stop", tests, NULL, NULL);
}
