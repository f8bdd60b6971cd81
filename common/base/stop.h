/*
 * A clean end on SIGINT, SIGTERM and SIGHUP.
 *
 * The signals are blocked except inside a wait that is given stop_wait_mask() (ppoll(2), epoll_pwait(2)); there they
 * end the wait with EINTR, and stop_requested() is true from then on. So no signal is missed between a check and a wait,
 * and no other system call is interrupted. The same goes for SIGCHLD, if the program has a handler for it. SIGPIPE and
 * SIGXFSZ are ignored: writing then fails with EPIPE or EFBIG.
 */
#ifndef QUARTET_STOP_H
#define QUARTET_STOP_H

#include <signal.h>
#include <stdbool.h>

/* Call once, first thing in main and before any thread. */
void stop_install(void);

/* Whether one of the signals has come, be it inside a wait or not. */
bool stop_requested(void);

/*
 * While this is on, SIGINT ends only what is being done: stop_requested() knows nothing of it, and stop_interrupted() says
 * that it has come since, or that stop_requested(). Turning it off forgets those that have come.
 */
void stop_set_interruptible(bool on);
bool stop_interrupted(void);

/* The signal mask for waits. */
const sigset_t *stop_wait_mask(void);

#endif
