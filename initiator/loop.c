#include "loop.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/stop.h"

/* The descriptors of one round. */
#define EVENTS_MAX 64

struct watch {
	void (*callback)(void *context); /* NULL: not watched */
	void *context;
	uint32_t generation; /* tells an event from one that was meant for another holder of the descriptor's number */
};

struct loop {
	int epoll;
	struct watch *watches; /* by descriptor */
	size_t capacity;
	TAILQ_HEAD(loop_timers, loop_timer) timers; /* the earliest first */
};

struct loop *loop_new(void)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return NULL;
	TAILQ_INIT(&loop->timers);
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0) {
		free(loop);
		return NULL;
	}
	return loop;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	close(loop->epoll);
	free(loop->watches);
	free(loop);
}

/* Makes room for a descriptor. */
static int reach(struct loop *loop, int fd)
{
	size_t capacity = loop->capacity ? loop->capacity : 64;
	struct watch *watches;

	while (capacity <= (size_t)fd)
		capacity *= 2;
	if (capacity == loop->capacity)
		return 0;
	watches = realloc(loop->watches, capacity * sizeof(*watches));
	if (!watches)
		return ENOMEM;
	memset(watches + loop->capacity, 0, (capacity - loop->capacity) * sizeof(*watches));
	loop->watches = watches;
	loop->capacity = capacity;
	return 0;
}

int loop_watch(struct loop *loop, int fd, uint32_t events, void (*callback)(void *context), void *context)
{
	struct epoll_event event = {.events = events};
	struct watch *watch;
	int rc = fd < 0 ? EBADF : reach(loop, fd);

	if (rc != 0)
		return rc;
	watch = &loop->watches[fd];
	if (!watch->callback)
		watch->generation++;
	event.data.u64 = (uint64_t)watch->generation << 32 | (uint32_t)fd;
	if (epoll_ctl(loop->epoll, watch->callback ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) != 0) {
		rc = errno;
		loop_forget(loop, fd);
		return rc;
	}
	watch->callback = callback;
	watch->context = context;
	return 0;
}

void loop_forget(struct loop *loop, int fd)
{
	if (fd < 0 || (size_t)fd >= loop->capacity || !loop->watches[fd].callback)
		return;
	loop->watches[fd].callback = NULL;
	epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd, NULL);
}

void loop_set(struct loop *loop, struct loop_timer *timer, int64_t due_ms)
{
	struct loop_timer *before;

	if (timer->is_set)
		TAILQ_REMOVE(&loop->timers, timer, of_all);
	timer->is_set = due_ms != LOOP_NEVER;
	timer->due_ms = due_ms;
	if (!timer->is_set)
		return;
	/* Most wait for as long as the one before, so the place is near the end. */
	before = TAILQ_LAST(&loop->timers, loop_timers);
	while (before && before->due_ms > due_ms)
		before = TAILQ_PREV(before, loop_timers, of_all);
	if (before)
		TAILQ_INSERT_AFTER(&loop->timers, before, timer, of_all);
	else
		TAILQ_INSERT_HEAD(&loop->timers, timer, of_all);
}

static void call_watch(struct loop *loop, const struct epoll_event *event)
{
	const struct watch *watch = &loop->watches[(uint32_t)event->data.u64];

	if (watch->callback && watch->generation == event->data.u64 >> 32)
		watch->callback(watch->context);
}

static void call_timers(struct loop *loop)
{
	struct loop_timer *first;

	while ((first = TAILQ_FIRST(&loop->timers)) && first->due_ms <= clock_monotonic_ms()) {
		loop_set(loop, first, LOOP_NEVER);
		first->callback(first->context);
	}
}

/* Waits for something to come, until deadline_ms (monotonic), and deals with it. */
static int run_round(struct loop *loop, int64_t deadline_ms)
{
	const struct loop_timer *first = TAILQ_FIRST(&loop->timers);
	struct epoll_event events[EVENTS_MAX];
	int64_t left_ms;
	int count;

	if (first && first->due_ms < deadline_ms)
		deadline_ms = first->due_ms;
	left_ms = deadline_ms == LOOP_NEVER ? -1 : deadline_ms - clock_monotonic_ms();
	if (deadline_ms != LOOP_NEVER && left_ms < 0)
		left_ms = 0;
	count =
	    epoll_pwait(loop->epoll, events, EVENTS_MAX, left_ms < INT_MAX ? (int)left_ms : INT_MAX, stop_wait_mask());
	if (count < 0 && errno != EINTR)
		return errno;
	if (stop_requested())
		return EINTR;
	for (int i = 0; i < count; i++)
		call_watch(loop, &events[i]);
	call_timers(loop);
	return 0;
}

static void note_ready(void *context)
{
	*(bool *)context = true;
}

int loop_wait(struct loop *loop, int fd, uint32_t events)
{
	bool ready = false;
	int rc;

	if (stop_requested())
		return EINTR;
	rc = loop_watch(loop, fd, events, note_ready, &ready);
	if (rc == EPERM)
		return run_round(loop, 0);
	while (rc == 0 && !ready)
		rc = run_round(loop, LOOP_NEVER);
	loop_forget(loop, fd);
	return rc;
}

int loop_read(struct loop *loop, int fd, char *bytes, size_t size, size_t *len)
{
	ssize_t got;

	do {
		int rc = loop_wait(loop, fd, EPOLLIN);

		if (rc != 0)
			return rc;
		got = read(fd, bytes, size);
	} while (got < 0 && (errno == EINTR || errno == EAGAIN));
	if (got < 0)
		return errno;
	*len = (size_t)got;
	return 0;
}

void loop_pause(struct loop *loop, int64_t duration_ms)
{
	int64_t end_ms = clock_monotonic_ms() + duration_ms;

	while (!stop_interrupted() && clock_monotonic_ms() < end_ms && run_round(loop, end_ms) == 0)
		;
}

int loop_run_until(struct loop *loop, bool (*done)(void *context), void *context)
{
	int rc = 0;

	while (rc == 0 && (stop_interrupted() || !done(context)))
		rc = stop_interrupted() ? EINTR : run_round(loop, LOOP_NEVER);
	return rc;
}
