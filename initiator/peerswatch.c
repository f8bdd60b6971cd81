#include "peerswatch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/peersfile.h"

/* It is written to in place, and replaced by a rename: then the old one loses its last name. */
#define CHANGES (IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF)

static void tell(void *context)
{
	struct peerswatch *watch = context;

	watch->told_ms = clock_monotonic_ms();
	watch->callback(watch->context);
}

void peerswatch_init(struct peerswatch *watch, struct loop *loop, void (*callback)(void *context), void *context)
{
	*watch = (struct peerswatch){.loop = loop, .callback = callback, .context = context, .fd = -1, .file = -1};
	watch->timer.callback = tell;
	watch->timer.context = watch;
}

/* Something has happened to the file: forgets what, and watches the one that is there now. */
static void take_events(void *context, uint32_t events)
{
	_Alignas(struct inotify_event) char chunk[4096];
	struct peerswatch *watch = context;

	(void)events;
	while (read(watch->fd, chunk, sizeof(chunk)) > 0)
		;
	watch->file = inotify_add_watch(watch->fd, PEERSFILE_NAME, CHANGES);
	if (!watch->timer.is_set)
		loop_set(watch->loop, &watch->timer, watch->told_ms + PEERSWATCH_PAUSE_MS);
}

void peerswatch_start(struct peerswatch *watch)
{
	if (watch->fd < 0) {
		watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
		watch->file = -1;
		if (watch->fd >= 0 && loop_watch(watch->loop, watch->fd, EPOLLIN, take_events, watch) != 0)
			peerswatch_stop(watch);
	}
	if (watch->fd >= 0 && watch->file < 0)
		watch->file = inotify_add_watch(watch->fd, PEERSFILE_NAME, CHANGES);
}

void peerswatch_stop(struct peerswatch *watch)
{
	loop_set(watch->loop, &watch->timer, LOOP_NEVER);
	loop_forget(watch->loop, watch->fd);
	if (watch->fd >= 0)
		close(watch->fd);
	watch->fd = -1;
}
