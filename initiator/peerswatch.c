#include "peerswatch.h"

#include <stdalign.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "store/peersfile.h"

/* A file that was replaced is told of, too, because it loses its name; and is not watched any more. */
static int watch(int fd)
{
	return inotify_add_watch(fd, PEERSFILE_NAME, IN_ATTRIB | IN_DONT_FOLLOW);
}

int peerswatch_open(void)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd >= 0 && watch(fd) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

void peerswatch_take(int fd)
{
	alignas(struct inotify_event) char events[4096];

	while (read(fd, events, sizeof(events)) > 0)
		;
	(void)!watch(fd);
}
