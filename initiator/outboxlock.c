#include "outboxlock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "store/keyfile.h"
#include "store/lockedfile.h"

bool outboxlock_check(struct outboxlock *lock)
{
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
	lock->is_held =
	    lockedfile_reopen(AT_FDCWD, KEYFILE_NAME, O_RDONLY, LOCK_EX, 0, &lock->fd, &status, &is_new) != ETIMEDOUT;
	return lock->is_held;
}

void outboxlock_leave(struct outboxlock *lock)
{
	if (lock->fd >= 0)
		close(lock->fd);
	*lock = (struct outboxlock){.fd = -1};
}
