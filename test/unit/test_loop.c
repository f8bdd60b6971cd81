/* loop: one wait for descriptors and times. */
#include "support.h"

#include "base/clock.h"
#include "base/stop.h"
#include "initiator/loop.h"

/* What a context points to. */
#define WORD(text) ((void *)(uintptr_t)(text))

static struct loop *loop;
static char told[64];

static int set_up(void **state)
{
	(void)state;
	told[0] = '\0';
	loop = loop_new();
	return loop ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	loop_free(loop);
	return 0;
}

static void tell(void *context)
{
	strcat(told, context);
}

static bool has_told(void *wanted)
{
	return strlen(told) >= strlen(wanted);
}

static void run_until_told(const char *wanted)
{
	char copy[sizeof(told)];

	strcpy(copy, wanted);
	assert_int_equal(loop_run_until(loop, has_told, copy), 0);
	assert_string_equal(told, wanted);
}

struct pipe_ends {
	int out, in;
};

static struct pipe_ends open_pipe(bool filled)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "x", filled), filled);
	return (struct pipe_ends){.out = ends[0], .in = ends[1]};
}

static void close_pipe(struct pipe_ends ends)
{
	close(ends.out);
	close(ends.in);
}

static void whoever_waits_lets_everybody_else_go_on(void **state)
{
	struct pipe_ends watched = open_pipe(true), waited = open_pipe(false);
	struct loop_timer timer = {.callback = tell, .context = WORD("later")};
	char byte;

	(void)state;
	assert_int_equal(loop_watch(loop, watched.in, EPOLLOUT, tell, WORD("ignored")), 0);
	loop_forget(loop, watched.in);
	loop_set(loop, &timer, clock_monotonic_ms() + 1);
	loop_pause(loop, 20);
	assert_string_equal(told, "later");
	assert_int_equal(write(waited.in, "y", 1), 1);
	assert_int_equal(loop_wait(loop, waited.out, EPOLLIN), 0);
	assert_int_equal(read(waited.out, &byte, 1), 1);
	close(waited.in);
	assert_int_equal(loop_wait(loop, waited.out, EPOLLIN), 0);
	close(waited.out);
	close_pipe(watched);
}

static void what_is_always_ready_is_not_waited_for(void **state)
{
	FILE *file = tmpfile();

	(void)state;
	assert_non_null(file);
	assert_int_equal(loop_watch(loop, fileno(file), EPOLLIN, tell, WORD("")), EPERM);
	assert_int_equal(loop_wait(loop, fileno(file), EPOLLIN), 0);
	fclose(file);
}

static void timers_are_called_once_and_in_order(void **state)
{
	struct loop_timer timers[] = {
	    {.callback = tell, .context = WORD("a")},
	    {.callback = tell, .context = WORD("b")},
	    {.callback = tell, .context = WORD("c")},
	    {.callback = tell, .context = WORD("d")},
	    {.callback = tell, .context = WORD("e")},
	};

	(void)state;
	loop_set(loop, &timers[2], 3);
	loop_set(loop, &timers[0], 1);
	loop_set(loop, &timers[3], 3);
	loop_set(loop, &timers[1], 9);
	loop_set(loop, &timers[1], 2);
	loop_set(loop, &timers[4], 0);
	loop_set(loop, &timers[4], LOOP_NEVER);
	run_until_told("abcd");
	assert_int_equal(loop_run_until(loop, has_told, WORD("abcd")), 0);
	assert_string_equal(told, "abcd");
}

static struct loop_timer end_of_round = {.callback = tell, .context = WORD("!")};

static void tell_and_set(void *context)
{
	tell(context);
	loop_set(loop, &end_of_round, 0);
}

static void a_timer_at_zero_is_called_when_the_round_ends(void **state)
{
	struct pipe_ends pipes[3];

	(void)state;
	for (size_t i = 0; i < COUNT(pipes); i++) {
		pipes[i] = open_pipe(true);
		assert_int_equal(loop_watch(loop, pipes[i].out, EPOLLIN | EPOLLONESHOT, tell_and_set, WORD(".")), 0);
	}
	run_until_told("...!");
	for (size_t i = 0; i < COUNT(pipes); i++) {
		loop_forget(loop, pipes[i].out);
		close_pipe(pipes[i]);
	}
}

static struct pipe_ends twins[2];

/* Whoever comes first ends the other, and gives the number of its descriptor to somebody else. */
static void replace_other(void *context)
{
	struct pipe_ends *other = context;
	int number = other->out, spare = dup(other->out);

	tell(WORD("once"));
	loop_forget(loop, number);
	assert_true(spare >= 0 && dup2(spare, number) == number);
	close(spare);
	assert_int_equal(loop_watch(loop, number, EPOLLOUT, tell, WORD("stale")), 0);
}

static void what_came_for_a_descriptor_is_not_told_to_the_next_of_that_number(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(twins); i++) {
		twins[i] = open_pipe(true);
		assert_int_equal(loop_watch(loop, twins[i].out, EPOLLIN | EPOLLONESHOT, replace_other, &twins[1 - i]),
		    0);
	}
	run_until_told("once");
	for (size_t i = 0; i < COUNT(twins); i++) {
		loop_forget(loop, twins[i].out);
		loop_forget(loop, twins[i].out);
		close_pipe(twins[i]);
	}
	loop_forget(loop, -1);
	loop_forget(loop, 100000);
}

static void watching_again_replaces_what_was_watched(void **state)
{
	struct pipe_ends ends = open_pipe(true);

	(void)state;
	assert_int_equal(loop_watch(loop, ends.in, EPOLLIN, tell, WORD("old")), 0);
	assert_int_equal(loop_watch(loop, ends.in, EPOLLOUT | EPOLLONESHOT, tell, WORD("new")), 0);
	run_until_told("new");
	loop_forget(loop, ends.in);
	close_pipe(ends);
}

static int be_stopped(void *argument)
{
	struct loop_timer timer = {.callback = tell, .context = WORD("late")};
	int fd = *(const int *)argument;

	stop_install();
	loop_set(loop, &timer, clock_monotonic_ms() + 1000 * (int64_t)SUPPORT_DEADLINE_S);
	CHILD_CHECK(raise(SIGTERM) == 0);
	CHILD_CHECK(loop_wait(loop, fd, EPOLLIN) == EINTR);
	CHILD_CHECK(loop_run_until(loop, has_told, WORD("x")) == EINTR);
	CHILD_CHECK(told[0] == '\0');
	return 0;
}

static void a_stop_ends_every_wait(void **state)
{
	struct pipe_ends ends = open_pipe(false);

	(void)state;
	await_child(start_child(be_stopped, &ends.out));
	close_pipe(ends);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(whoever_waits_lets_everybody_else_go_on, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(what_is_always_ready_is_not_waited_for, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(timers_are_called_once_and_in_order, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_timer_at_zero_is_called_when_the_round_ends, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(what_came_for_a_descriptor_is_not_told_to_the_next_of_that_number, set_up,
		tear_down),
	    cmocka_unit_test_setup_teardown(watching_again_replaces_what_was_watched, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_stop_ends_every_wait, set_up, tear_down),
	};

	support_begin();
	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
