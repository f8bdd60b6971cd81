/*
 * A child for work beside: what it has of its parent, and that it ends with it.
 */
#include "support.h"

#include "base/child.h"
#include "base/stop.h"

#include <sched.h>

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static bool does(int number, void (*what)(int))
{
	struct sigaction action;

	return sigaction(number, NULL, &action) == 0 && action.sa_handler == what;
}

/* Looks about in the child; returns 0, or the line that does not hold. */
static int look_about(const int *keep, size_t count, int other)
{
	struct stat null, input, output;
	sigset_t mask;

	for (size_t i = 0; i < count; i++)
		CHILD_CHECK(is_open(keep[i]));
	CHILD_CHECK(!is_open(other));
	CHILD_CHECK(stat("/dev/null", &null) == 0);
	CHILD_CHECK(fstat(STDIN_FILENO, &input) == 0 && input.st_rdev == null.st_rdev && S_ISCHR(input.st_mode));
	CHILD_CHECK(fstat(STDOUT_FILENO, &output) == 0 && output.st_rdev == null.st_rdev && S_ISCHR(output.st_mode));
	CHILD_CHECK(is_open(STDERR_FILENO));
	/* And two with which that is found out. */
	CHILD_CHECK(descriptors_open() == 3 + count + 2);
	CHILD_CHECK(does(SIGTERM, SIG_DFL) && does(SIGHUP, SIG_DFL));
	CHILD_CHECK(does(SIGINT, SIG_IGN) && does(SIGPIPE, SIG_IGN) && does(SIGXFSZ, SIG_IGN));
	CHILD_CHECK(sigprocmask(SIG_BLOCK, NULL, &mask) == 0 && !sigismember(&mask, SIGTERM) &&
		    !sigismember(&mask, SIGINT));
	CHILD_CHECK(getpriority(PRIO_PROCESS, 0) > 0 && sched_getscheduler(0) == SCHED_BATCH);
	return 0;
}

static void it_has_what_is_kept_and_nothing_else(void **state)
{
	int keep[3], other = open("/", O_RDONLY | O_CLOEXEC);

	(void)state;
	/* In any order, with gaps. */
	keep[1] = fcntl(other, F_DUPFD_CLOEXEC, 10);
	keep[0] = fcntl(other, F_DUPFD_CLOEXEC, 200);
	keep[2] = fcntl(other, F_DUPFD_CLOEXEC, 11);
	for (size_t count = 0; count <= COUNT(keep); count++) {
		pid_t child = child_fork(keep, count);

		assert_true(child >= 0);
		if (child == 0)
			_exit(look_about(keep, count, other));
		await_child(child);
	}
	for (size_t i = 0; i < COUNT(keep); i++)
		close(keep[i]);
	close(other);
}

/* A parent that dies at once, and leaves a child that holds the pipe open until it ends. */
static int leave_child(void *argument)
{
	pid_t child = child_fork(argument, 1);

	if (child == 0) {
		for (;;)
			pause();
	}
	kill(getpid(), SIGKILL);
	return 1;
}

static void it_ends_with_its_parent_even_if_that_is_killed(void **state)
{
	int ends[2], status;
	pid_t parent;
	char byte;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	parent = start_child(leave_child, &ends[1]);
	close(ends[1]);
	assert_int_equal(waitpid(parent, &status, 0), parent);
	assert_true(WIFSIGNALED(status));
	/* The end of file, when nobody holds it any more. */
	assert_int_equal(read(ends[0], &byte, 1), 0);
	close(ends[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_has_what_is_kept_and_nothing_else),
	    cmocka_unit_test(it_ends_with_its_parent_even_if_that_is_killed),
	};

	support_begin();
	stop_install();
	return cmocka_run_group_tests_name("child", tests, NULL, NULL);
}
