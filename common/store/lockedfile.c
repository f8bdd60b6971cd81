#include "store/lockedfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define SCRATCH_SUFFIX ".new"
#define NAME_ROOM_BYTES 64

/* What is left free on the disk: this, and of a small one a hundredth. */
#define RESERVE_MAX_BYTES (64 * 1024 * 1024)
#define RESERVE_PART 100

/* Between two tries for a lock: at first so short that a writer's hold costs little, then longer. */
#define RETRY_FIRST_US 200
#define RETRY_LAST_US 10000

int lockedfile_lock(int fd, int operation, int wait_ms)
{
	int64_t deadline_ms = clock_monotonic_ms() + wait_ms;
	long pause_us = RETRY_FIRST_US;

	while (flock(fd, operation | LOCK_NB) != 0) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK)
			return errno;
		if (clock_monotonic_ms() >= deadline_ms)
			return ETIMEDOUT;
		nanosleep(&(struct timespec){.tv_nsec = pause_us * 1000}, NULL);
		pause_us = pause_us * 2 < RETRY_LAST_US ? pause_us * 2 : RETRY_LAST_US;
	}
	return 0;
}

/* Whether the path still leads to a file, which is then described as it is by now. */
static bool look_again(int dir, const char *name, struct stat *file)
{
	struct stat named;

	if (fstatat(dir, name, &named, AT_SYMLINK_NOFOLLOW) != 0 || named.st_dev != file->st_dev ||
	    named.st_ino != file->st_ino)
		return false;
	*file = named;
	return true;
}

bool lockedfile_is_in_place(int dir, const char *name, int fd)
{
	struct stat file;

	return fstat(fd, &file) == 0 && look_again(dir, name, &file);
}

bool lockedfile_is_unchanged(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       memcmp(&a->st_mtim, &b->st_mtim, sizeof(a->st_mtim)) == 0 &&
	       memcmp(&a->st_ctim, &b->st_ctim, sizeof(a->st_ctim)) == 0;
}

int lockedfile_open_own(int dir, const char *name, int open_flags, int *fd, struct stat *status)
{
	int rc = 0,
	    opened = openat(dir, name, open_flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW, S_IRUSR | S_IWUSR);

	if (opened < 0)
		return errno;
	if (fstat(opened, status) != 0)
		rc = errno;
	else if (!S_ISREG(status->st_mode))
		rc = EINVAL;
	else if (status->st_uid != geteuid())
		rc = LOCKEDFILE_FOREIGN;
	else if (status->st_mode & (S_IWGRP | S_IWOTH))
		rc = LOCKEDFILE_EXPOSED;
	if (rc != 0)
		close(opened);
	else
		*fd = opened;
	return rc;
}

static int open_within(int dir, const char *name, int open_flags, int operation, int wait_ms, int *fd,
    struct stat *status)
{
	int64_t deadline_ms = clock_monotonic_ms() + wait_ms;
	int opened, rc;

	do {
		rc = lockedfile_open_own(dir, name, open_flags, &opened, status);
		if (rc != 0)
			return rc;
		rc = lockedfile_lock(opened, operation, wait_ms);
		if (rc == 0 && look_again(dir, name, status)) {
			*fd = opened;
			return 0;
		}
		close(opened);
	} while (rc == 0 && clock_monotonic_ms() < deadline_ms);
	return rc ? rc : ETIMEDOUT;
}

int lockedfile_open(int dir, const char *name, int open_flags, int operation, int *fd)
{
	struct stat status;

	return open_within(dir, name, open_flags, operation, LOCKEDFILE_WAIT_MS, fd, &status);
}

int lockedfile_reopen(int dir, const char *name, int open_flags, int operation, int wait_ms, int *fd,
    struct stat *status, bool *is_new)
{
	int rc = 0;

	*is_new = false;
	if (*fd >= 0) {
		rc = lockedfile_lock(*fd, operation, 0);
		/* Whoever moved the file away may hold its lock for long: then it is not waited for. */
		if (rc == ETIMEDOUT)
			rc = look_again(dir, name, status) ? lockedfile_lock(*fd, operation, wait_ms) : 0;
		if (rc == 0 && look_again(dir, name, status))
			return 0;
		close(*fd);
		*fd = -1;
	}
	*is_new = true;
	return rc ? rc : open_within(dir, name, open_flags, operation, wait_ms, fd, status);
}

int lockedfile_write(int fd, const char *bytes, size_t len, off_t offset)
{
	while (len > 0) {
		ssize_t written = pwrite(fd, bytes, len, offset);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return errno;
		bytes += written;
		offset += written;
		len -= (size_t)written;
	}
	return 0;
}

/*
 * Removes what a killed program left under the scratch name, once nobody writes there any more. What is not ours, or leads
 * to another file, is not waited for.
 */
static int drop_leftover(int dir, const char *scratch)
{
	struct stat status;
	bool is_leftover = true;
	int fd = -1, rc = lockedfile_open_own(dir, scratch, O_RDONLY, &fd, &status);

	if (rc == ENOENT)
		return 0;
	if (rc == ELOOP || rc == EACCES || rc == EINVAL || rc == ENXIO || rc == LOCKEDFILE_FOREIGN ||
	    rc == LOCKEDFILE_EXPOSED) {
		rc = 0;
	} else if (rc != 0) {
		return rc;
	} else if (status.st_nlink <= 1) {
		rc = lockedfile_lock(fd, LOCK_EX, LOCKEDFILE_WAIT_MS);
		/* Its writer may have put it in place, and another may have begun one. */
		is_leftover = rc == 0 && look_again(dir, scratch, &status);
	} else {
		/* It may be the file in place itself, whose lock the caller holds. */
		is_leftover = look_again(dir, scratch, &status);
	}
	if (is_leftover && unlinkat(dir, scratch, 0) != 0 && errno != ENOENT)
		rc = errno;
	if (fd >= 0)
		close(fd);
	return rc;
}

/* Makes the scratch file anew, locked, so that nothing that was there before is written to. */
static int open_scratch(int dir, const char *scratch, int *fd)
{
	int64_t deadline_ms = clock_monotonic_ms() + LOCKEDFILE_WAIT_MS;
	int rc;

	do {
		rc = lockedfile_open(dir, scratch, O_RDWR | O_CREAT | O_EXCL, LOCK_EX, fd);
		if (rc != EEXIST)
			return rc;
		rc = drop_leftover(dir, scratch);
	} while (rc == 0 && clock_monotonic_ms() < deadline_ms);
	return rc ? rc : ETIMEDOUT;
}

bool lockedfile_crowds(int fd, int64_t len)
{
	struct statvfs disk;
	unsigned long long reserve, available;

	if (fstatvfs(fd, &disk) != 0)
		return false;
	reserve = (unsigned long long)disk.f_blocks * disk.f_frsize / RESERVE_PART;
	if (reserve > RESERVE_MAX_BYTES)
		reserve = RESERVE_MAX_BYTES;
	available = (unsigned long long)disk.f_bavail * disk.f_frsize;
	return available < reserve + (unsigned long long)len;
}

void lockedfile_sync_directory(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
}

int lockedfile_place_new(int dir, const char *scratch, const char *name, int fd)
{
	struct stat status;

	if (renameat2(dir, scratch, dir, name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL)
		return errno;
	/* Not every file system can do that (rename(2)); link(2) never replaces either, but takes two steps. */
	if (linkat(dir, scratch, dir, name, 0) != 0)
		return errno;
	/* Another program may have removed the name in between, and begun a file of its own under it. */
	if (fstat(fd, &status) == 0 && look_again(dir, scratch, &status))
		unlinkat(dir, scratch, 0);
	return 0;
}

/* Writes the scratch file of name, syncs it and gives it its name; on success *placed describes it. */
static int put(int dir, const char *name, const void *bytes, size_t len, bool replaces, struct stat *placed)
{
	char scratch[NAME_ROOM_BYTES];
	int fd, rc;

	snprintf(scratch, sizeof(scratch), "%s" SCRATCH_SUFFIX, name);
	rc = open_scratch(dir, scratch, &fd);
	if (rc != 0)
		return rc;
	/* Whatever the mask of the process. */
	rc = fchmod(fd, S_IRUSR | S_IWUSR) == 0 ? lockedfile_write(fd, bytes, len, 0) : errno;
	if (rc == 0 && fsync(fd) != 0)
		rc = errno;
	if (rc == 0 && replaces)
		rc = renameat(dir, scratch, dir, name) == 0 ? 0 : errno;
	else if (rc == 0)
		rc = lockedfile_place_new(dir, scratch, name, fd);
	if (rc != 0)
		unlinkat(dir, scratch, 0);
	else if (fstat(fd, placed) != 0)
		rc = errno;
	close(fd);
	return rc;
}

int lockedfile_create(int dir, const char *name, const void *bytes, size_t len)
{
	struct stat placed;
	int rc = put(dir, name, bytes, len, false, &placed);

	if (rc == 0)
		lockedfile_sync_directory(dir);
	return rc;
}

int lockedfile_replace(int dir, const char *name, const void *bytes, size_t len, struct stat *placed)
{
	return put(dir, name, bytes, len, true, placed);
}

const char *lockedfile_reason(int error)
{
	switch (error) {
	case ETIMEDOUT:
		return "another program holds its lock";
	case EINVAL:
	case EISDIR:
	case ENXIO: /* a socket */
		return "it is no regular file";
	case ELOOP:
		return "it is a symbolic link";
	case EMLINK:
		return "it has other names (hard links)";
	case LOCKEDFILE_FOREIGN:
		return "it belongs to another user";
	case LOCKEDFILE_EXPOSED:
		return "others may write to it (chmod go-w)";
	default:
		return strerror(error);
	}
}
