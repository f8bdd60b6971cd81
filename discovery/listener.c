#include "listener.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/stop.h"
#include "net/address.h"
#include "net/interfaces.h"

/* Room for some thousand announcements while the program is not running; the kernel may grant less (socket(7)). */
#define RECEIVE_BUFFER_BYTES (8 * 1024 * 1024)

/* Opens one socket bound to address, only for what arrives on the named interface unless that is empty. */
static int open_socket(struct listener *listener, struct in_addr address, const char *interface)
{
	struct sockaddr_in local = address_socket(address, PRESENCE_PORT);
	int on = 1, size = RECEIVE_BUFFER_BYTES;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error;

	if (fd < 0)
		return errno;
	/* With the privilege for it the system's limit does not count; without it, as much as there is. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	/* If this is not allowed (before Linux 5.7), more is heard than was asked for. */
	if (interface[0] != '\0')
		setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, (socklen_t)strlen(interface));
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    bind(fd, (const struct sockaddr *)&local, sizeof(local)) != 0) {
		error = errno;
		close(fd);
		return error;
	}
	listener->fds[listener->count++] = fd;
	return 0;
}

int listener_open(struct listener *listener, const struct in_addr *only)
{
	const struct in_addr everyone = {.s_addr = htonl(INADDR_BROADCAST)};
	struct interface networks[INTERFACES_MAX];
	int rc;

	listener->count = 0;
	rc = open_socket(listener, only ? *only : (struct in_addr){.s_addr = htonl(INADDR_ANY)}, "");
	if (rc == 0 && only && interfaces_list(only, networks) > 0) {
		rc = open_socket(listener, networks[0].broadcast, "");
		if (rc == 0)
			rc = open_socket(listener, everyone, networks[0].name);
	}
	if (rc != 0)
		listener_close(listener);
	return rc;
}

int listener_wait(const struct listener *listener, int other, bool *other_ready)
{
	struct pollfd waits[LISTENER_SOCKETS_MAX + 1];
	int ready;

	for (size_t i = 0; i < listener->count; i++)
		waits[i] = (struct pollfd){.fd = listener->fds[i], .events = POLLIN};
	waits[listener->count] = (struct pollfd){.fd = other, .events = POLLIN};
	ready = ppoll(waits, listener->count + 1, NULL, stop_wait_mask());
	*other_ready = ready > 0 && waits[listener->count].revents != 0;
	return ready < 0 ? errno : 0;
}

size_t listener_read(const struct listener *listener, size_t index, struct datagram datagrams[static LISTENER_BATCH])
{
	struct mmsghdr messages[LISTENER_BATCH];
	struct iovec pieces[LISTENER_BATCH];
	int count;

	for (size_t i = 0; i < LISTENER_BATCH; i++) {
		pieces[i] = (struct iovec){.iov_base = datagrams[i].data, .iov_len = sizeof(datagrams[i].data)};
		messages[i].msg_hdr = (struct msghdr){
		    .msg_name = &datagrams[i].sender,
		    .msg_namelen = sizeof(datagrams[i].sender),
		    .msg_iov = &pieces[i],
		    .msg_iovlen = 1,
		};
	}
	count = recvmmsg(listener->fds[index], messages, LISTENER_BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < count; i++)
		datagrams[i].len = messages[i].msg_len;
	return count > 0 ? (size_t)count : 0;
}

void listener_close(struct listener *listener)
{
	for (size_t i = 0; i < listener->count; i++)
		close(listener->fds[i]);
	listener->count = 0;
}
