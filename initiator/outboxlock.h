/*
 * The lock of the outbox: which of the processes of a directory delivers. It is flock(2) on identity.key. A file that cannot
 * be locked keeps nobody away. Never blocks; the kernel releases it at the process's end, and SIGTSTP, which is handled from the
 * first time on that it is taken, before the process stops.
 */
#ifndef QUARTET_OUTBOXLOCK_H
#define QUARTET_OUTBOXLOCK_H

#include <stdbool.h>

struct outboxlock {
	bool is_held; /* this process delivers */
	int fd;	      /* identity.key, locked; or -1 */
};

/*
 * Whether it is held still. Not if the program was stopped since, or if there is another identity.key meanwhile than the
 * one that is locked, as Passphrase makes one: then somebody else may have locked that.
 */
bool outboxlock_check(struct outboxlock *lock);

/* Tries to take it, and returns whether that has succeeded just now. */
bool outboxlock_take(struct outboxlock *lock) __attribute__((warn_unused_result));

/* Leaves to others what is queued next. */
void outboxlock_leave(struct outboxlock *lock);

#endif
