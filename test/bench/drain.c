/*
 * The bare twin of discovery: receives on UDP port 6000, many datagrams at a time, and throws them away.
 *
 * usage: drain [-v] ADDR
 *
 * -v checks a signature for each of them first, always the same one. Prints "ready". Ends by a signal.
 */
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arguments.h"
#include "net/address.h"
#include "wire/announcement.h"

/* The same as discovery's. */
#define BATCH 64
#define RECEIVE_BUFFER_BYTES (8 * 1024 * 1024)

/* Something signed, about as long as an announcement. */
#define SIGNED_BYTES 200

struct proof {
	uint8_t public[crypto_sign_PUBLICKEYBYTES];
	uint8_t text[SIGNED_BYTES];
	uint8_t signature[crypto_sign_BYTES];
};

static void make_proof(struct proof *proof)
{
	uint8_t secret[crypto_sign_SECRETKEYBYTES];

	memset(proof->text, 'x', sizeof(proof->text));
	if (sodium_init() < 0 || crypto_sign_keypair(proof->public, secret) != 0 ||
	    crypto_sign_detached(proof->signature, NULL, proof->text, sizeof(proof->text), secret) != 0)
		arguments_fail("cannot sign");
}

static void check(const struct proof *proof)
{
	if (crypto_sign_verify_detached(proof->signature, proof->text, sizeof(proof->text), proof->public) != 0)
		arguments_fail("a signature does not hold");
}

int main(int argc, char **argv)
{
	static char data[BATCH][ANNOUNCEMENT_MAX_BYTES + 1];
	static struct sockaddr_in senders[BATCH];
	struct mmsghdr messages[BATCH];
	struct iovec pieces[BATCH];
	struct sockaddr_in local;
	struct proof proof;
	bool checks = false;
	const struct argument list[] = {
	    {'v', ARGUMENT_FLAG, &checks},
	    {0},
	};
	char **others = arguments_read(argc, argv, list);
	int count, on = 1, size = RECEIVE_BUFFER_BYTES;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	local = address_socket(arguments_address(others[0]), PRESENCE_PORT);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    bind(fd, (const struct sockaddr *)&local, sizeof(local)) != 0)
		arguments_fail("cannot listen");
	make_proof(&proof);
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
		count = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
		if (count < 0)
			arguments_fail("cannot receive");
		for (int i = 0; i < count && checks; i++)
			check(&proof);
	}
}
