/* syncer: the disk has it when it says so. */
#include "support.h"

#include <sys/epoll.h>

#include "store/syncer.h"

#define NAME "file"

static void each_sync_is_reported_when_it_has_ended(void **state)
{
	int dir = workdir_fd(state);
	size_t descriptors = descriptors_open();
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};
	int fd, epoll = epoll_create1(EPOLL_CLOEXEC);
	struct syncer syncer;

	assert_int_equal(syncer_open(&syncer), 0);
	fd = openat(dir, NAME, O_RDWR | O_CREAT, 0600);
	assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, syncer.ready, &event), 0);
	assert_int_equal(epoll_wait(epoll, &event, 1, 0), 0);
	assert_int_equal(syncer_end(&syncer, false), EAGAIN);
	for (int round = 0; round < 100; round++) {
		assert_int_equal(write(fd, "line\n", 5), 5);
		syncer_begin(&syncer, fd);
		if (round % 2 == 0)
			assert_int_equal(epoll_wait(epoll, &event, 1, -1), 1);
		assert_int_equal(syncer_end(&syncer, round % 2 != 0), 0);
		assert_int_equal(syncer_end(&syncer, false), EAGAIN);
		if (round % 2 != 0)
			assert_int_equal(epoll_wait(epoll, &event, 1, -1), 1);
	}
	close(fd);
	close(epoll);
	syncer_close(&syncer);
	assert_int_equal(descriptors_open(), descriptors);
}

static void what_cannot_be_synced_is_told(void **state)
{
	struct syncer syncer;
	int ends[2];

	(void)state;
	assert_int_equal(syncer_open(&syncer), 0);
	assert_int_equal(pipe(ends), 0);
	syncer_begin(&syncer, ends[1]);
	assert_int_equal(syncer_end(&syncer, true), EINVAL);
	close(ends[0]);
	close(ends[1]);
	syncer_begin(&syncer, ends[1]);
	assert_int_equal(syncer_end(&syncer, true), EBADF);
	/* What is under way is waited for. */
	syncer_begin(&syncer, ends[1]);
	syncer_close(&syncer);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    workdir_test(each_sync_is_reported_when_it_has_ended),
	    cmocka_unit_test(what_cannot_be_synced_is_told),
	};

	support_begin();
	return cmocka_run_group_tests_name("syncer", tests, NULL, NULL);
}
