/* alert: a command of the user's that is run for a message. */
#include "support.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "responder/alert.h"

static const struct chatlog_entry hello = {.username = "Bob", .text = "hello", .text_len = 5};

/* Waits for the end of what runs, without being woken before. */
static void wait_for_end(int epoll)
{
	struct epoll_event event;
	int count;

	do
		count = epoll_wait(epoll, &event, 1, -1);
	while (count < 0 && errno == EINTR);
	assert_int_equal(count, 1);
}

static void a_command_that_never_ends_is_killed_with_what_it_started_and_the_next_begins(void **state)
{
	char path[] = "/tmp/test_alert.XXXXXX";
	int epoll = epoll_create1(EPOLL_CLOEXEC), fd = mkstemp(path);
	struct alert alert;
	pid_t first;

	(void)state;
	assert_true(epoll >= 0 && fd >= 0);
	assert_true(dprintf(fd, "#!/bin/sh\nsleep 1000 & wait\n") > 0);
	assert_int_equal(fchmod(fd, 0700), 0);
	close(fd);
	alert_init(&alert, NULL, path, false);
	alert_watch(&alert, epoll);
	assert_true(alert_work(&alert, 1000) == INT64_MAX);
	alert_message(&alert, &hello, "", 1000);
	alert_message(&alert, &hello, "", 1000);
	/* It is not looked after before. */
	assert_true(alert_work(&alert, 1000) == 1000 + ALERT_COMMAND_MAX_MS);
	first = alert.child;
	assert_true(first > 0);
	assert_true(alert_work(&alert, 1000 + ALERT_COMMAND_MAX_MS - 1) == 1000 + ALERT_COMMAND_MAX_MS);
	assert_int_equal(kill(-first, 0), 0);
	(void)alert_work(&alert, 1000 + ALERT_COMMAND_MAX_MS);
	wait_for_end(epoll);
	assert_true(alert_work(&alert, 40000) == 40000 + ALERT_COMMAND_MAX_MS);
	assert_true(alert.child > 0 && alert.child != first);
	(void)alert_work(&alert, 40000 + ALERT_COMMAND_MAX_MS);
	wait_for_end(epoll);
	assert_true(alert_work(&alert, 80000) == INT64_MAX);
	alert_free(&alert);
	unlink(path);
	close(epoll);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_command_that_never_ends_is_killed_with_what_it_started_and_the_next_begins),
	};

	return cmocka_run_group_tests_name("alert", tests, NULL, NULL);
}
