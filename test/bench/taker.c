/*
 * The bare twin of the responder: takes what comes on TCP port 6001 with the same system calls and none of the work.
 *
 * usage: taker [-o FILE] [-m] [-d] ADDR
 *
 * By default it takes connections one after the other: accepts, reads to the end, closes; with -o it writes what it
 * read to FILE, raw. The other two options make it answer secure messages, many connections at a time, with bytes of
 * the right form that mean nothing: with -m it does the multiplications on the curve that the responder cannot do
 * without, with -d it appends each message to FILE and syncs it, by itself, before the answer. Prints "ready". Ends
 * by a signal.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arguments.h"
#include "base/buffer.h"
#include "base/decimal.h"
#include "crypto/identity.h"
#include "crypto/secretbox.h"
#include "net/address.h"

#define EVENTS_MAX 64
#define CHUNK_BYTES 4096

struct taker {
	int listener, epoll, file;
	bool multiplying, durable;
	struct dh_pair own, other;
	struct identity sender;
	char key[128];
	size_t key_len;
	struct buffer receipt;
};

static void multiply(const struct taker *taker, int times)
{
	uint8_t product[DH_KEY_BYTES];

	for (int i = 0; i < times; i++) {
		if (crypto_scalarmult(product, taker->own.secret, taker->other.public) != 0)
			arguments_fail("cannot multiply");
	}
}

/* What it takes to check a proof: the sender's identity in the form that multiplies, and the product. */
static void check(const struct taker *taker)
{
	uint8_t exchange[DH_KEY_BYTES];

	if (!identity_convert(taker->sender.public, exchange))
		arguments_fail("cannot convert");
	multiply(taker, 1);
}

static void answer(const struct taker *taker, int fd, const char *object, size_t len)
{
	bool is_key = len > 3 && object[2] == 'k';
	struct dh_pair fresh = taker->own;

	if (taker->multiplying) {
		if (is_key) {
			dh_derive_public(&fresh);
			multiply(taker, 2);
		} else {
			check(taker);
		}
	}
	if (taker->durable && !is_key &&
	    (write(taker->file, object, len) != (ssize_t)len || fdatasync(taker->file) != 0))
		arguments_fail("cannot write");
	if (is_key)
		send(fd, taker->key, taker->key_len, MSG_NOSIGNAL);
	else
		send(fd, taker->receipt.data, taker->receipt.len, MSG_NOSIGNAL);
}

/* Those that are answered, all at a time. An object comes in one piece here, because it was sent in one. */
static void serve_many(const struct taker *taker)
{
	static char chunk[CHUNK_BYTES];
	struct epoll_event events[EVENTS_MAX], event = {.events = EPOLLIN, .data.fd = taker->listener};

	epoll_ctl(taker->epoll, EPOLL_CTL_ADD, taker->listener, &event);
	for (;;) {
		int ready = epoll_wait(taker->epoll, events, EVENTS_MAX, -1);

		for (int i = 0; i < ready; i++) {
			int fd = events[i].data.fd;
			ssize_t got;

			if (fd == taker->listener) {
				fd = accept4(taker->listener, NULL, NULL, SOCK_CLOEXEC);
				event = (struct epoll_event){.events = EPOLLIN, .data.fd = fd};
				epoll_ctl(taker->epoll, EPOLL_CTL_ADD, fd, &event);
				continue;
			}
			got = recv(fd, chunk, sizeof(chunk), 0);
			if (got > 0)
				answer(taker, fd, chunk, (size_t)got);
			else
				close(fd);
		}
	}
}

/* Those that only speak, one at a time. */
static void serve_one(const struct taker *taker)
{
	static char chunk[CHUNK_BYTES];

	for (;;) {
		int fd = accept4(taker->listener, NULL, NULL, SOCK_CLOEXEC);
		ssize_t got;

		while ((got = recv(fd, chunk, sizeof(chunk), 0)) > 0) {
			if (taker->file >= 0 && write(taker->file, chunk, (size_t)got) != got)
				arguments_fail("cannot write");
		}
		close(fd);
	}
}

static void prepare_answers(struct taker *taker)
{
	struct secretbox box = {0};
	char digits[DECIMAL_MAX_DIGITS + 1];

	dh_generate(&taker->own);
	dh_generate(&taker->other);
	identity_derive(&taker->sender, taker->other.secret);
	decimal_format(taker->other.public, digits);
	taker->key_len = (size_t)snprintf(taker->key, sizeof(taker->key), "{\"key\": \"%s\"}", digits);
	if (buffer_printf(&taker->receipt, "{\"encrypted_message\": \"") != 0 ||
	    secretbox_seal(&box, "{\"received\": 0, \"status\": 200}", 30, &taker->receipt) != 0 ||
	    buffer_printf(&taker->receipt, "\"}") != 0)
		arguments_fail("out of memory");
}

static void listen_on(struct taker *taker, struct in_addr address)
{
	struct sockaddr_in local = address_socket(address, CHAT_PORT);
	int on = 1;

	taker->epoll = epoll_create1(EPOLL_CLOEXEC);
	taker->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (taker->epoll < 0 || taker->listener < 0 ||
	    setsockopt(taker->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    bind(taker->listener, (const struct sockaddr *)&local, sizeof(local)) != 0 ||
	    listen(taker->listener, SOMAXCONN) != 0)
		arguments_fail("cannot listen");
}

int main(int argc, char **argv)
{
	struct taker taker = {.file = -1};
	const char *file = NULL;
	const struct argument list[] = {
	    {'o', ARGUMENT_WORD, &file},
	    {'m', ARGUMENT_FLAG, &taker.multiplying},
	    {'d', ARGUMENT_FLAG, &taker.durable},
	    {0},
	};
	char **others = arguments_read(argc, argv, list);

	if (file)
		taker.file = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, S_IRUSR | S_IWUSR);
	if (file && taker.file < 0)
		arguments_fail("cannot open the file");
	if (sodium_init() < 0 || (taker.durable && !file))
		return 2;
	signal(SIGPIPE, SIG_IGN);
	prepare_answers(&taker);
	listen_on(&taker, arguments_address(others[0]));
	printf("ready\n");
	fflush(stdout);
	if (taker.multiplying || taker.durable)
		serve_many(&taker);
	else
		serve_one(&taker);
	return 0;
}
