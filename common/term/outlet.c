#include "term/outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/stop.h"

/*
 * Opens a terminal or pipe anew, to write to it without blocking: the descriptor that was inherited is shared with
 * other programs, for whom that must not change. A terminal says that it is ready when it takes a single byte, and then
 * blocks whoever writes more. If opening fails, the inherited one has to do.
 */
static void open_own(struct outlet *outlet)
{
	char path[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
	struct stat status;
	int fd;

	if (fstat(outlet->fd, &status) != 0)
		return;
	outlet->regular = S_ISREG(status.st_mode);
	if (!S_ISFIFO(status.st_mode) && !isatty(outlet->fd))
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", outlet->fd);
	fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0) {
		outlet->fd = fd;
		outlet->own = true;
	}
}

void outlet_init(struct outlet *outlet, int fd, const char *reset)
{
	*outlet = (struct outlet){.fd = fd, .reset = reset};
	open_own(outlet);
}

void outlet_free(struct outlet *outlet)
{
	outlet_flush(outlet);
	buffer_free(&outlet->backlog);
	if (outlet->own)
		close(outlet->fd);
}

bool outlet_takes(struct outlet *outlet, size_t waiting_bytes)
{
	if (outlet->backlog.len + waiting_bytes >= OUTLET_BACKLOG_MAX_BYTES)
		outlet->lost = true;
	return !outlet->broken && !outlet->lost;
}

void outlet_lose(struct outlet *outlet, const char *text, size_t len)
{
	const char *end = text + len;

	outlet->lost = true;
	while ((text = memchr(text, '\n', (size_t)(end - text)))) {
		outlet->lost_lines++;
		text++;
	}
}

/* Waits until the descriptor may take more; false if stopping is more urgent. */
static bool await_room(const struct outlet *outlet, bool stuck)
{
	struct pollfd wait = {.fd = outlet->fd, .events = POLLOUT};
	/* A terminal may say that it is ready and then have no room for a whole character. */
	static const struct timespec a_moment = {.tv_nsec = 10 * 1000000};

	if (stop_requested())
		return false;
	if (stuck)
		ppoll(NULL, 0, &a_moment, stop_wait_mask());
	ppoll(&wait, 1, NULL, stop_wait_mask());
	return !stop_requested();
}

/* Whether a descriptor that may block takes something now. */
static bool has_room(const struct outlet *outlet)
{
	struct pollfd wait = {.fd = outlet->fd, .events = POLLOUT};

	return outlet->regular || poll(&wait, 1, 0) > 0;
}

/* Writes what is taken without waiting. Returns 0 if that is all, EAGAIN if there is no more room, or an error. */
static int write_ready(struct outlet *outlet)
{
	size_t written = 0;
	int rc = 0;

	while (rc == 0 && written < outlet->backlog.len) {
		size_t left = outlet->backlog.len - written;
		ssize_t done;

		if (!outlet->own && !has_room(outlet)) {
			rc = EAGAIN;
			break;
		}
		/* If it may block, no more than a pipe that is ready takes for sure (pipe(7), PIPE_BUF). */
		if (!outlet->own && !outlet->regular && left > PIPE_BUF)
			left = PIPE_BUF;
		done = write(outlet->fd, outlet->backlog.data + written, left);
		if (done >= 0)
			written += (size_t)done;
		else if (errno != EINTR)
			rc = errno;
	}
	buffer_consume(&outlet->backlog, written);
	if (rc != 0 && rc != EAGAIN) {
		outlet->failed = true;
		/* Nobody is there any more; a full disk may have room again. */
		outlet->broken = rc == EPIPE || rc == EIO || rc == EBADF;
		if (outlet->broken)
			outlet->backlog.len = 0;
	}
	return rc;
}

static void admit_loss(struct outlet *outlet)
{
	size_t lines = outlet->lost_lines;

	/* What was dropped may have begun in the middle of a line, and left a style without its end. */
	if (!outlet->lost || outlet->backlog.len > 0 ||
	    buffer_printf(&outlet->backlog, "%s\n(%.0zu%s not shown here)\n", outlet->reset, lines,
		lines == 0   ? "something was"
		: lines == 1 ? " line was"
			     : " lines were") != 0)
		return;
	outlet->lost = false;
	outlet->lost_lines = 0;
}

void outlet_flush_ready(struct outlet *outlet)
{
	if (!outlet->broken && write_ready(outlet) == 0)
		admit_loss(outlet);
}

void outlet_flush(struct outlet *outlet)
{
	while (!outlet->broken && outlet->backlog.len > 0) {
		size_t before = outlet->backlog.len;
		int rc = write_ready(outlet);

		if (rc == 0)
			admit_loss(outlet);
		else if (rc != EAGAIN || !await_room(outlet, outlet->backlog.len == before))
			break;
	}
	outlet->backlog.len = 0;
}
