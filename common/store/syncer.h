/*
 * A sync that goes on while the program does something else: a thread that does nothing but fdatasync(2), one at a time.
 * Nothing here is written or locked: whoever owns the file decides what else may happen to it meanwhile.
 */
#ifndef QUARTET_SYNCER_H
#define QUARTET_SYNCER_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>

struct syncer {
	int ready; /* a descriptor for epoll(7), edge-triggered: reports each sync that has ended */
	pthread_t thread;
	sem_t begun, ended;
	/* Whose turn it is, the semaphores say. */
	int fd;	    /* what to sync; -1: nothing any more */
	int result; /* 0 or an errno value */
};

/* Returns 0, or why there can be none. The thread blocks the signals that the caller does. It must stay where it is. */
int syncer_open(struct syncer *syncer) __attribute__((warn_unused_result));

/* Begins to sync fd, which stays open until that has ended. */
void syncer_begin(struct syncer *syncer, int fd);

/* Returns, once, how what was begun has ended; if it has not, blocks, or returns EAGAIN at once. */
int syncer_end(struct syncer *syncer, bool wait) __attribute__((warn_unused_result));

/* Blocks until what was begun has ended. */
void syncer_close(struct syncer *syncer);

#endif
