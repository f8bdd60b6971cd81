#include "store/chatfollower.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "store/chatlog.h"
#include "store/chatreader.h"
#include "store/lockedfile.h"

#define BLOCK_BYTES (64 * 1024)
#define ROOM_BYTES (CHATLOG_LINE_MAX_BYTES + 2 * BLOCK_BYTES)
/* Of the beginning of the file: by this a file that was written anew is told from one that was cut back. */
#define HEAD_BYTES 64
#define PATH_ROOM_BYTES 64
/* How often to look, if nobody tells of changes. */
#define LOOK_PERIOD_NS 500000000

struct chatfollower {
	int dir;
	int notices; /* of the kernel: of changes of the file, and of new files in the directory; or -1: none are wanted */
	bool is_timed;	/* these come now and then, whatever is new */
	int watch;	/* of the file; or -1 */
	int fd;		/* of the file; or -1 */
	int successor;	/* the file that is in its place by now; or -1 */
	int error;	/* to be told by the next call */
	bool unlooked;	/* nobody has looked what is there */
	off_t position; /* in the file, of what follows data[end] */
	size_t skipped; /* of a line that is too long, so far; or 0 */
	size_t begin, end;
	size_t head_len;
	char head[HEAD_BYTES];
	char data[ROOM_BYTES]; /* what is read and not given out lies from begin to end */
};

/* The path of the file, or of the directory if name is "", for those calls that take no descriptor. */
static const char *path_of(const struct chatfollower *follower, const char *name, char path[static PATH_ROOM_BYTES])
{
	if (follower->dir == AT_FDCWD)
		snprintf(path, PATH_ROOM_BYTES, "./%s", name);
	else
		snprintf(path, PATH_ROOM_BYTES, "/proc/self/fd/%d/%s", follower->dir, name);
	return path;
}

static void close_file(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void drop_held(struct chatfollower *follower, off_t position)
{
	follower->position = position;
	follower->begin = follower->end = follower->skipped = 0;
}

static void read_head(struct chatfollower *follower)
{
	ssize_t got = pread(follower->fd, follower->head, HEAD_BYTES, 0);

	follower->head_len = got > 0 ? (size_t)got : 0;
}

/* Goes on with the file fd, at an offset; watched before it is read, so that nothing is missed. */
static int take_file(struct chatfollower *follower, int fd, off_t offset)
{
	char path[PATH_ROOM_BYTES];
	int before = follower->watch;

	close_file(&follower->fd);
	follower->fd = fd;
	drop_held(follower, offset);
	if (follower->notices >= 0 && !follower->is_timed)
		follower->watch = inotify_add_watch(follower->notices, path_of(follower, CHATLOG_NAME, path),
		    IN_MODIFY | IN_DONT_FOLLOW);
	if (follower->notices >= 0 && !follower->is_timed && follower->watch < 0 && errno != ENOENT)
		return errno;
	if (before >= 0 && before != follower->watch)
		inotify_rm_watch(follower->notices, before);
	read_head(follower);
	return 0;
}

/* The same file, shorter than what was read of it: goes back to where it ends now, or to its beginning. */
static void follow_cut(struct chatfollower *follower, off_t size)
{
	off_t given = follower->position - (off_t)(follower->end - follower->begin);
	char head[HEAD_BYTES];
	ssize_t got = pread(follower->fd, head, follower->head_len, 0);

	if (got >= 0 && memcmp(head, follower->head, (size_t)got) == 0)
		drop_held(follower, size < given ? size : given);
	else
		drop_held(follower, 0);
	follower->head_len = 0;
}

/* Looks what is there now. A file that is missing may have been moved away, and is read on. */
static int look(struct chatfollower *follower)
{
	struct stat named, held;

	if (fstatat(follower->dir, CHATLOG_NAME, &named, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? 0 : errno;
	if (follower->fd < 0 || fstat(follower->fd, &held) != 0 || held.st_dev != named.st_dev ||
	    held.st_ino != named.st_ino) {
		int rc = lockedfile_open_own(follower->dir, CHATLOG_NAME, O_RDONLY, &follower->successor, &named);

		return rc == ENOENT ? 0 : rc;
	}
	if (held.st_size < follower->position)
		follow_cut(follower, held.st_size);
	if (follower->head_len < HEAD_BYTES)
		read_head(follower);
	return 0;
}

/* Takes the notices that are there; returns whether there were any. */
static bool take_notices(struct chatfollower *follower)
{
	_Alignas(struct inotify_event) char events[4096];
	bool any = follower->unlooked;

	while (read(follower->notices, events, sizeof(events)) > 0)
		any = true;
	follower->unlooked = false;
	return any;
}

/* Reads a block of the file behind what is held; returns its length, 0 at the end of the file, or -1 with errno set. */
static ssize_t read_block(struct chatfollower *follower)
{
	size_t held = follower->end - follower->begin;
	ssize_t got;

	if (follower->fd < 0)
		return 0;
	if (held == 0 || follower->end + BLOCK_BYTES > ROOM_BYTES) {
		memmove(follower->data, follower->data + follower->begin, held);
		follower->begin = 0;
		follower->end = held;
	}
	do {
		got = pread(follower->fd, follower->data + follower->end, BLOCK_BYTES, follower->position);
	} while (got < 0 && errno == EINTR);
	if (got > 0) {
		follower->end += (size_t)got;
		follower->position += got;
	}
	return got;
}

/*
 * Brings more of the file, or the file that took its place. The notices are taken before the last look, so a change that
 * comes after it leaves one.
 */
static int read_on(struct chatfollower *follower)
{
	ssize_t got = read_block(follower);
	int rc;

	if (got != 0)
		return got > 0 ? 0 : errno;
	if (follower->successor >= 0) {
		rc = take_file(follower, follower->successor, 0);
		follower->successor = -1;
		return rc;
	}
	return take_notices(follower) ? look(follower) : ENODATA;
}

/* Drops what is held of a line that is too long. */
static void skip(struct chatfollower *follower)
{
	struct stat status;

	follower->skipped += follower->end - follower->begin;
	follower->begin = follower->end = 0;
	if (follower->skipped > CHATREADER_GIVE_UP_BYTES && fstat(follower->fd, &status) == 0 &&
	    status.st_size > follower->position) {
		follower->position = status.st_size;
		follower->skipped = 1;
	}
}

int chatfollower_next(struct chatfollower *follower, const char **line, size_t *len, int64_t *offset)
{
	int rc = follower->error;

	/* Nobody tells. */
	follower->unlooked |= follower->notices < 0;
	follower->error = 0;
	while (rc == 0) {
		const char *begin = follower->data + follower->begin;
		size_t held = follower->end - follower->begin;
		const char *feed = memchr(begin, '\n', held);

		if (feed) {
			bool whole = follower->skipped == 0 && feed - begin <= CHATLOG_LINE_MAX_BYTES;

			follower->begin += (size_t)(feed - begin) + 1;
			follower->skipped = 0;
			if (!whole)
				continue;
			*line = begin;
			*len = (size_t)(feed - begin);
			*offset = (int64_t)follower->position - (int64_t)held;
			return 0;
		}
		if (follower->skipped > 0 || held > CHATLOG_LINE_MAX_BYTES)
			skip(follower);
		rc = read_on(follower);
	}
	return rc;
}

/* Where the last count lines of the file begin; -1 if that cannot be said. */
static int64_t find_last(int dir, size_t count)
{
	struct chatreader *reader;
	const char *line;
	int64_t offset;
	size_t len;

	if (chatreader_open(dir, &reader) != 0)
		return -1;
	while (count > 0 && chatreader_line(reader, &line, &len) == 0)
		count--;
	offset = chatreader_offset(reader);
	chatreader_free(reader);
	return offset;
}

/* Has the kernel tell of changes; or if it watches nothing more for this user, now and then. */
static int watch(struct chatfollower *follower)
{
	const struct itimerspec times = {{.tv_nsec = LOOK_PERIOD_NS}, {.tv_nsec = LOOK_PERIOD_NS}};
	char path[PATH_ROOM_BYTES];

	follower->notices = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (follower->notices >= 0 && inotify_add_watch(follower->notices, path_of(follower, "", path),
					  IN_CREATE | IN_MOVED_TO | IN_ONLYDIR) >= 0)
		return 0;
	close_file(&follower->notices);
	follower->is_timed = true;
	follower->notices = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	return follower->notices >= 0 && timerfd_settime(follower->notices, 0, &times, NULL) == 0 ? 0 : errno;
}

/* Begins with the file that is there at first. */
static int begin(struct chatfollower *follower, int64_t offset, bool still)
{
	struct stat status;
	int fd, rc = still ? 0 : watch(follower);

	if (rc != 0)
		return rc;
	follower->error = lockedfile_open_own(follower->dir, CHATLOG_NAME, O_RDONLY, &fd, &status);
	if (follower->error == ENOENT)
		follower->error = 0;
	else if (follower->error == 0 && !still)
		rc = take_file(follower, fd, offset < 0 ? status.st_size : (off_t)offset);
	else if (follower->error == 0) {
		offset += offset < 0 ? status.st_size : 0;
		/* With the byte before, which may be the end of a line. */
		rc = take_file(follower, fd, offset > 0 ? (off_t)offset - 1 : 0);
		follower->skipped = offset > 0;
	}
	return rc;
}

static int open_at(int dir, int64_t offset, bool still, struct chatfollower **follower)
{
	struct chatfollower *opened = malloc(sizeof(*opened));
	int rc;

	if (!opened)
		return ENOMEM;
	/* The room for lines stays untouched until it is needed. */
	memset(opened, 0, offsetof(struct chatfollower, data));
	opened->dir = dir;
	opened->fd = opened->notices = opened->watch = opened->successor = -1;
	opened->unlooked = true;
	rc = begin(opened, offset, still);
	if (rc == 0)
		*follower = opened;
	else
		chatfollower_free(opened);
	return rc;
}

int chatfollower_open(int dir, int64_t offset, struct chatfollower **follower)
{
	return open_at(dir, offset == CHATFOLLOWER_END ? find_last(dir, 0) : offset, false, follower);
}

int chatfollower_open_last(int dir, size_t count, struct chatfollower **follower)
{
	return open_at(dir, find_last(dir, count), false, follower);
}

int chatfollower_open_still(int dir, int64_t offset, struct chatfollower **follower)
{
	return open_at(dir, offset, true, follower);
}

int chatfollower_fd(const struct chatfollower *follower)
{
	return follower->notices;
}

void chatfollower_free(struct chatfollower *follower)
{
	if (!follower)
		return;
	close_file(&follower->notices);
	close_file(&follower->fd);
	close_file(&follower->successor);
	free(follower);
}
