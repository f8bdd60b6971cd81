/*
 * The bare twin of discovery: receives on UDP port 6000, many datagrams at a time, and throws them away.
 *
 * usage: drain ADDR
 *
 * Prints "ready". Ends by a signal.
 */
#include <stdio.h>
#include <sys/socket.h>

#include "arguments.h"
#include "net/address.h"
#include "wire/announcement.h"

/* The same as discovery's. */
#define BATCH 64
#define RECEIVE_BUFFER_BYTES (8 * 1024 * 1024)

int main(int argc, char **argv)
{
	static char data[BATCH][ANNOUNCEMENT_MAX_BYTES + 1];
	static struct sockaddr_in senders[BATCH];
	struct mmsghdr messages[BATCH];
	struct iovec pieces[BATCH];
	struct sockaddr_in local;
	int on = 1, size = RECEIVE_BUFFER_BYTES;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	arguments_program = "drain";
	local = address_socket(arguments_address(argc > 1 ? argv[1] : NULL), PRESENCE_PORT);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    bind(fd, (const struct sockaddr *)&local, sizeof(local)) != 0)
		arguments_fail("cannot listen");
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		for (size_t i = 0; i < BATCH; i++) {
			pieces[i] = (struct iovec){.iov_base = data[i], .iov_len = sizeof(data[i])};
			messages[i].msg_hdr = (struct msghdr){
			    .msg_name = &senders[i],
			    .msg_namelen = sizeof(senders[i]),
			    .msg_iov = &pieces[i],
			    .msg_iovlen = 1,
			};
		}
		if (recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL) < 0)
			arguments_fail("cannot receive");
	}
}
