#include "file/filesource.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A file's times are as coarse as the clock's tick, 10 ms at most. */
#define SETTLE_TRIES 20
#define SETTLE_STEP_NS 1000000

static int64_t to_ns(struct timespec time)
{
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int filesource_stat(int fd, struct filestamp *stamp)
{
	struct stat status;

	if (fstat(fd, &status) != 0)
		return errno;
	if (!S_ISREG(status.st_mode))
		return S_ISDIR(status.st_mode) ? EISDIR : ENODEV;
	*stamp = (struct filestamp){
	    .device = status.st_dev,
	    .inode = status.st_ino,
	    .bytes = status.st_size,
	    .mtime_ns = to_ns(status.st_mtim),
	    .ctime_ns = to_ns(status.st_ctim),
	};
	return 0;
}

/* Waits until a change would give the file another ctime. */
static int settle(int fd, struct filestamp *stamp)
{
	struct timespec now;
	int rc = filesource_stat(fd, stamp);

	for (int i = 0; rc == 0 && i < SETTLE_TRIES; i++) {
		clock_gettime(CLOCK_REALTIME_COARSE, &now);
		/* What is of the future will stay so. */
		if (to_ns(now) > stamp->ctime_ns)
			break;
		nanosleep(&(struct timespec){.tv_nsec = SETTLE_STEP_NS}, NULL);
		rc = filesource_stat(fd, stamp);
	}
	return rc;
}

int filesource_open(const char *path, int *fd, struct filestamp *stamp)
{
	struct filestamp found;
	int opened = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), rc;

	if (opened < 0)
		return errno;
	rc = stamp ? settle(opened, &found) : filesource_stat(opened, &found);
	if (rc != 0) {
		close(opened);
		return rc;
	}
	if (stamp)
		*stamp = found;
	*fd = opened;
	return 0;
}

int filesource_check(int fd, const struct filestamp *stamp)
{
	struct filestamp now;

	if (filesource_stat(fd, &now) != 0 || now.device != stamp->device || now.inode != stamp->inode ||
	    now.bytes != stamp->bytes || now.mtime_ns != stamp->mtime_ns || now.ctime_ns != stamp->ctime_ns)
		return ESTALE;
	return 0;
}

const char *filesource_reason(int error)
{
	/* open(2) says ENXIO of a socket. */
	return error == ENODEV || error == ENXIO ? "It is not a regular file" : strerror(error);
}
