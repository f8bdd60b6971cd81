/*
 * A watch on peers.txt of the working directory: calls somebody when the file has changed.
 *
 * For who waits for somebody to come back. Discovery overwrites times in it every second or so, so there is one call for
 * all that happens in PEERSWATCH_PAUSE_MS. While it is stopped, nothing wakes the program up.
 */
#ifndef QUARTET_PEERSWATCH_H
#define QUARTET_PEERSWATCH_H

#include "loop.h"

#define PEERSWATCH_PAUSE_MS 500

struct peerswatch {
	struct loop *loop;
	void (*callback)(void *context);
	void *context;
	int fd;	  /* of inotify(7), or -1: stopped */
	int file; /* its number for the file, or -1: there is none */
	int64_t told_ms;
	struct loop_timer timer;
};

/* Makes *watch a stopped one that calls callback from the loop. End with peerswatch_stop(). */
void peerswatch_init(struct peerswatch *watch, struct loop *loop, void (*callback)(void *context), void *context);

/*
 * Starts it, unless it goes on already. A file that is missing is looked for at every further call. If the kernel watches
 * nothing more for this user, nobody is called.
 */
void peerswatch_start(struct peerswatch *watch);
void peerswatch_stop(struct peerswatch *watch);

#endif
