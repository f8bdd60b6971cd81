#include "notices.h"

#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/stop.h"

static int watch_files(void)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd >= 0 && inotify_add_watch(fd, ".", IN_MOVED_TO) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static int watch_networks(void)
{
	struct sockaddr_nl all = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd >= 0 && bind(fd, (const struct sockaddr *)&all, sizeof(all)) != 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

void notices_open(struct notices *notices)
{
	*notices = (struct notices){.files = watch_files(), .networks = watch_networks()};
}

void notices_close(struct notices *notices)
{
	if (notices->files >= 0)
		close(notices->files);
	if (notices->networks >= 0)
		close(notices->networks);
}

/* Reads all that came, which says no more than that; of networks too much is an error, and says the same. */
static void discard(int fd)
{
	_Alignas(struct inotify_event) char events[4096];

	while (read(fd, events, sizeof(events)) > 0)
		;
}

unsigned notices_await(struct notices *notices, int other, int64_t due_ms)
{
	struct pollfd events[] = {{.fd = other, .events = POLLIN}, {.fd = notices->files, .events = POLLIN},
	    {.fd = notices->networks, .events = POLLIN}};
	int64_t now_ms = clock_monotonic_ms(), wake_ms = due_ms;
	struct timespec wait = {0};
	unsigned kinds = 0;

	if (notices->has_networks && notices->networks_ms < wake_ms)
		wake_ms = notices->networks_ms;
	if (wake_ms > now_ms)
		wait = (struct timespec){
		    .tv_sec = (wake_ms - now_ms) / 1000, .tv_nsec = (wake_ms - now_ms) % 1000 * 1000000};
	if (ppoll(events, 3, &wait, stop_wait_mask()) > 0) {
		if (events[0].revents)
			kinds |= NOTICES_OTHER;
		if (events[1].revents) {
			discard(notices->files);
			kinds |= NOTICES_FILES;
		}
		if (events[2].revents) {
			discard(notices->networks);
			notices->has_networks = true;
		}
	}
	now_ms = clock_monotonic_ms();
	if (notices->has_networks && now_ms >= notices->networks_ms) {
		notices->has_networks = false;
		notices->networks_ms = now_ms + NOTICES_NETWORKS_PERIOD_MS;
		kinds |= NOTICES_NETWORKS;
	}
	return kinds;
}
