/*
 * A shim to preload (LD_PRELOAD): it sets the clocks of a program, and has time pass for it.
 *
 * The file named by QUARTET_CLOCK has two int64_t: by how many nanoseconds the wall clock and the monotonic one are ahead of
 * the machine's. What is written there counts at once, and waits that are over by the new time end. Without the file it
 * changes nothing. The times of files stay those of the machine, as if the clock had been set.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS INT64_C(1000000000)
/* How long a wait may miss that the clock was set. */
#define SLICE_NS (SECOND_NS / 20)
/* What the kernel takes for the size of a set of signals. */
#define SIGNALS_BYTES 8

static const int64_t nothing[2];
static const volatile int64_t *ahead_ns = nothing;

__attribute__((constructor)) static void open_clock(void)
{
	const char *path = getenv("QUARTET_CLOCK");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *map = fd >= 0 ? mmap(NULL, sizeof(nothing), PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;

	if (map != MAP_FAILED)
		ahead_ns = map;
	if (fd >= 0)
		close(fd);
}

static int64_t to_ns(const struct timespec *time)
{
	return time->tv_sec * SECOND_NS + time->tv_nsec;
}

static struct timespec from_ns(int64_t ns)
{
	return (struct timespec){.tv_sec = ns / SECOND_NS, .tv_nsec = ns % SECOND_NS};
}

static int64_t ahead_of(clockid_t id)
{
	switch (id) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
		return ahead_ns[0];
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_BOOTTIME:
		return ahead_ns[1];
	default:
		return 0;
	}
}

int clock_gettime(clockid_t id, struct timespec *now)
{
	int result = (int)syscall(SYS_clock_gettime, id, now);

	if (result == 0)
		*now = from_ns(to_ns(now) + ahead_of(id));
	return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec precise;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &precise);
	*now = (struct timeval){.tv_sec = precise.tv_sec, .tv_usec = precise.tv_nsec / 1000};
	return 0;
}

time_t time(time_t *now)
{
	struct timespec precise;

	clock_gettime(CLOCK_REALTIME, &precise);
	if (now)
		*now = precise.tv_sec;
	return precise.tv_sec;
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return to_ns(&now);
}

/* The next part of a wait until then. */
static struct timespec slice_until(int64_t end_ns)
{
	int64_t left_ns = end_ns - now_ns();

	return from_ns(left_ns < 0 ? 0 : left_ns < SLICE_NS ? left_ns : SLICE_NS);
}

int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
	int64_t end_ns = timeout ? now_ns() + to_ns(timeout) : 0;
	struct timespec slice = {0};
	int ready;

	do {
		if (timeout)
			slice = slice_until(end_ns);
		ready = (int)syscall(SYS_ppoll, fds, count, timeout ? &slice : NULL, mask, SIGNALS_BYTES);
	} while (ready == 0 && now_ns() < end_ns);
	return ready;
}

int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	struct timespec timeout = from_ns(timeout_ms * INT64_C(1000000));

	return ppoll(fds, count, timeout_ms < 0 ? NULL : &timeout, NULL);
}

int epoll_pwait(int epoll, struct epoll_event *events, int most, int timeout_ms, const sigset_t *mask)
{
	int64_t end_ns = now_ns() + timeout_ms * INT64_C(1000000);
	int ready;

	do {
		/* A millisecond more than it is, so that the last one is not spent in asking. */
		struct timespec slice = slice_until(end_ns + 999999);
		int slice_ms = timeout_ms < 0 ? -1 : timeout_ms == 0 ? 0 : (int)(to_ns(&slice) / 1000000);

		ready = (int)syscall(SYS_epoll_pwait, epoll, events, most, slice_ms, mask, SIGNALS_BYTES);
	} while (ready == 0 && now_ns() < end_ns);
	return ready;
}

int epoll_wait(int epoll, struct epoll_event *events, int most, int timeout_ms)
{
	return epoll_pwait(epoll, events, most, timeout_ms, NULL);
}

/* Returns 0 before the time has come, too, which a condition may do at any time. */
int pthread_cond_clockwait(pthread_cond_t *condition, pthread_mutex_t *mutex, clockid_t id,
    const struct timespec *until)
{
	static int (*wait)(pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *);
	struct timespec slice, now;
	int64_t left_ns;
	int rc;

	if (!wait)
		*(void **)&wait = dlsym(RTLD_NEXT, "pthread_cond_clockwait");
	clock_gettime(id, &now);
	/* What is far away may be farther than nanoseconds can say. */
	left_ns = until->tv_sec > now.tv_sec + 1 ? SLICE_NS : to_ns(until) - to_ns(&now);
	if (left_ns <= 0)
		return ETIMEDOUT;
	slice = from_ns(to_ns(&now) - ahead_of(id) + (left_ns < SLICE_NS ? left_ns : SLICE_NS));
	rc = wait(condition, mutex, id, &slice);
	return rc == ETIMEDOUT ? 0 : rc;
}
