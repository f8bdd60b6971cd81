/*
 * Where a file lies that is offered, and what it was when it was offered: any difference later means that it has changed.
 *
 * The path is the user's own, from the command line or from chat.log. Blocks on the disk.
 */
#ifndef QUARTET_FILESOURCE_H
#define QUARTET_FILESOURCE_H

#include <stdint.h>

struct filestamp {
	uint64_t device, inode;
	int64_t bytes, mtime_ns, ctime_ns; /* since 1970 */
};

struct filesource {
	const char *path; /* absolute, UTF-8 */
	struct filestamp stamp;
};

/*
 * Opens a regular file for reading; *fd is the caller's to close. Unless stamp is NULL, waits until whatever is written from
 * now on shows in the file's times, 20 ms at most, and sets *stamp. Returns 0, or an error for filesource_reason().
 */
int filesource_open(const char *path, int *fd, struct filestamp *stamp) __attribute__((warn_unused_result));

/* What an open regular file is; the same errors. */
int filesource_stat(int fd, struct filestamp *stamp) __attribute__((warn_unused_result));

/* Whether an open file is what it was: 0, or ESTALE. */
int filesource_check(int fd, const struct filestamp *stamp) __attribute__((warn_unused_result));

/* Such an error in words: "Is a directory", "It is not a regular file". */
const char *filesource_reason(int error);

#endif
