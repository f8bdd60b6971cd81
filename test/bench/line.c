#include "line.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arguments.h"
#include "net/address.h"

void line_open(struct line *line, struct in_addr from, struct in_addr to)
{
	struct sockaddr_in local = address_socket(from, 0), remote = address_socket(to, CHAT_PORT);
	int on = 1;

	line->taken = line->len = 0;
	line->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* The port is chosen when the destination is known, so that each of them may have all the ports. */
	if (line->fd < 0 || setsockopt(line->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) != 0 ||
	    bind(line->fd, (const struct sockaddr *)&local, sizeof(local)) != 0 ||
	    connect(line->fd, (const struct sockaddr *)&remote, sizeof(remote)) != 0)
		arguments_fail("cannot connect");
}

void line_send(const struct line *line, const char *bytes, size_t len)
{
	if (send(line->fd, bytes, len, MSG_NOSIGNAL) != (ssize_t)len)
		arguments_fail("cannot send");
}

void line_receive(struct line *line, const char **object, size_t *len)
{
	const char *end;

	memmove(line->data, line->data + line->taken, line->len - line->taken);
	line->len -= line->taken;
	line->taken = 0;
	while (!(end = memchr(line->data, '}', line->len))) {
		ssize_t got = recv(line->fd, line->data + line->len, sizeof(line->data) - line->len, 0);

		if (got == 0)
			errno = 0;
		if (got <= 0)
			arguments_fail("the answer did not come");
		line->len += (size_t)got;
	}
	*object = line->data;
	*len = line->taken = (size_t)(end + 1 - line->data);
}

void line_finish(struct line *line)
{
	ssize_t got = 1;

	if (shutdown(line->fd, SHUT_WR) != 0)
		arguments_fail("cannot end a connection");
	while (got > 0)
		got = recv(line->fd, line->data, sizeof(line->data), 0);
	if (got < 0)
		arguments_fail("a connection was not ended well");
	close(line->fd);
}
