#include "moment.h"

#include <errno.h>
#include <sys/prctl.h>
#include <time.h>

static int64_t read_clock(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * MOMENT_SECOND_NS + now.tv_nsec;
}

int64_t moment_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

int64_t moment_wall_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}

void moment_await(int64_t then_ns)
{
	struct timespec then = {.tv_sec = then_ns / MOMENT_SECOND_NS, .tv_nsec = then_ns % MOMENT_SECOND_NS};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL) == EINTR)
		;
}

void moment_sharpen(void)
{
	prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
}
