/*
 * A sync that goes on while the program does something else: fdatasync(2) by a thread of the kernel's (io_submit(2)).
 *
 * One at a time. Not every system lets a program do that; then syncer_open() fails, and the caller syncs by itself. Nothing
 * here is written or locked: whoever owns the file decides what else may happen to it meanwhile.
 */
#ifndef QUARTET_SYNCER_H
#define QUARTET_SYNCER_H

#include <stdbool.h>

struct syncer {
	unsigned long context; /* of the kernel; 0: closed */
	int ready;	       /* a descriptor for epoll(7), edge-triggered: reports each sync that has ended */
};

/* Returns 0, or why there is no such thing, with *syncer closed. End with syncer_close(). */
int syncer_open(struct syncer *syncer) __attribute__((warn_unused_result));

/* Begins to sync fd, which stays open until that has ended. Returns 0, or an errno value with nothing begun. */
int syncer_begin(const struct syncer *syncer, int fd) __attribute__((warn_unused_result));

/* Returns 0 or an error of fdatasync(2) if the sync has ended; else blocks until it has, or returns EAGAIN at once. */
int syncer_end(const struct syncer *syncer, bool wait) __attribute__((warn_unused_result));

/* Blocks until what was begun has ended. */
void syncer_close(struct syncer *syncer);

#endif
