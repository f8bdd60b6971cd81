#include "outboxlock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include "store/keyfile.h"
#include "store/lockedfile.h"

/* For the signal: what is locked, or -1; and whether that was left. */
static volatile sig_atomic_t locked = -1, was_left;

static void handle_stops(void);

/* Leaves the lock to others while the program is stopped: then nothing goes on in it. Stops as if nobody had handled that. */
static void on_stop(int number)
{
	int error = errno;

	if (locked >= 0)
		flock(locked, LOCK_UN);
	was_left = true;
	raise(number);
	handle_stops();
	errno = error;
}

static void handle_stops(void)
{
	struct sigaction action = {.sa_handler = on_stop, .sa_flags = SA_RESTART | SA_RESETHAND | SA_NODEFER};

	sigaction(SIGTSTP, &action, NULL);
}

bool outboxlock_check(struct outboxlock *lock)
{
	if (lock->is_held && was_left)
		lock->is_held = false;
	if (lock->is_held && lock->fd >= 0)
		lock->is_held = lockedfile_is_in_place(AT_FDCWD, KEYFILE_NAME, lock->fd);
	return lock->is_held;
}

bool outboxlock_take(struct outboxlock *lock)
{
	struct stat status;
	bool is_new;

	if (outboxlock_check(lock))
		return false;
	was_left = false;
	lock->is_held =
	    lockedfile_reopen(AT_FDCWD, KEYFILE_NAME, O_RDONLY, LOCK_EX, 0, &lock->fd, &status, &is_new) != ETIMEDOUT;
	locked = lock->is_held ? lock->fd : -1;
	if (lock->is_held)
		handle_stops();
	return lock->is_held;
}

void outboxlock_leave(struct outboxlock *lock)
{
	locked = -1;
	if (lock->fd >= 0)
		close(lock->fd);
	*lock = (struct outboxlock){.fd = -1};
}
