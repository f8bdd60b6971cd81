/*
 * The bare twin of a file that is fetched: a process reads it, encrypts it and sends it, another decrypts it and writes it.
 *
 * usage: carry [-h] FROM TO
 *
 * The same crypto_secretstream in chunks of the same size, over TCP on loopback, and one sync in the end, but nothing is
 * asked, checked, named or shown. With -h the receiver hashes all of it, too, as whoever gets a file of a room does.
 * Prints the microseconds, and the microseconds of processor time of both.
 */
#include <fcntl.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arguments.h"
#include "moment.h"

#define CHUNK_BYTES 65536
#define EXTRA_BYTES crypto_secretstream_xchacha20poly1305_ABYTES
#define TAG_FINAL crypto_secretstream_xchacha20poly1305_TAG_FINAL

/* In place of the length that stands in front of each chunk. */
#define LENGTH_BYTES 4

static uint8_t key[crypto_secretstream_xchacha20poly1305_KEYBYTES];
static uint8_t plain[CHUNK_BYTES], sealed[LENGTH_BYTES + CHUNK_BYTES + EXTRA_BYTES];

static void send_all(int from, int to)
{
	crypto_secretstream_xchacha20poly1305_state state;
	uint8_t header[crypto_secretstream_xchacha20poly1305_HEADERBYTES];
	ssize_t got;

	crypto_secretstream_xchacha20poly1305_init_push(&state, header, key);
	if (send(to, header, sizeof(header), 0) != sizeof(header))
		arguments_fail("cannot send");
	while ((got = read(from, plain, sizeof(plain))) > 0) {
		ssize_t len = LENGTH_BYTES + got + EXTRA_BYTES;

		crypto_secretstream_xchacha20poly1305_push(&state, sealed + LENGTH_BYTES, NULL, plain, (size_t)got,
		    NULL, 0, got < CHUNK_BYTES ? TAG_FINAL : 0);
		if (send(to, sealed, (size_t)len, 0) != len)
			arguments_fail("cannot send");
	}
}

static void receive_all(int from, int to, bool hashing)
{
	crypto_secretstream_xchacha20poly1305_state state;
	crypto_generichash_state whole;
	uint8_t header[crypto_secretstream_xchacha20poly1305_HEADERBYTES], hash[crypto_generichash_BYTES];
	unsigned long long len;
	ssize_t got;

	crypto_generichash_init(&whole, NULL, 0, sizeof(hash));
	if (recv(from, header, sizeof(header), MSG_WAITALL) != sizeof(header) ||
	    crypto_secretstream_xchacha20poly1305_init_pull(&state, header, key) != 0)
		arguments_fail("cannot receive");
	while ((got = recv(from, sealed, sizeof(sealed), MSG_WAITALL)) > 0) {
		if (crypto_secretstream_xchacha20poly1305_pull(&state, plain, &len, NULL, sealed + LENGTH_BYTES,
			(size_t)got - LENGTH_BYTES, NULL, 0) != 0)
			arguments_fail("cannot decrypt");
		if (hashing)
			crypto_generichash_update(&whole, plain, len);
		if (write(to, plain, len) != (ssize_t)len)
			arguments_fail("cannot write");
	}
	crypto_generichash_final(&whole, hash, sizeof(hash));
	if (got < 0 || fdatasync(to) != 0)
		arguments_fail("cannot sync");
}

/* Makes the two ends of a connection on loopback. */
static void connect_both(int ends[2])
{
	struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(own);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	ends[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&own, len) != 0 || listen(listener, 1) != 0 ||
	    getsockname(listener, (struct sockaddr *)&own, &len) != 0 ||
	    connect(ends[0], (struct sockaddr *)&own, len) != 0 || (ends[1] = accept(listener, NULL, NULL)) < 0)
		arguments_fail("cannot connect");
	close(listener);
}

static double cpu_us(const struct rusage *usage)
{
	return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1e6 +
	       (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec);
}

int main(int argc, char **argv)
{
	struct rusage own, other;
	bool hashing = false;
	const struct argument list[] = {{'h', ARGUMENT_FLAG, &hashing}, {0}};
	char **others = arguments_read(argc, argv, list);
	int from, to, ends[2], status;
	int64_t began_ns = moment_ns();
	pid_t pid;

	if (!others[0] || !others[1] || sodium_init() < 0)
		return 2;
	from = open(others[0], O_RDONLY | O_CLOEXEC);
	to = open(others[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (from < 0 || to < 0)
		arguments_fail("cannot open the files");
	crypto_secretstream_xchacha20poly1305_keygen(key);
	connect_both(ends);
	pid = fork();
	if (pid < 0)
		arguments_fail("cannot fork");
	close(ends[pid == 0]);
	if (pid == 0) {
		send_all(from, ends[0]);
		return 0;
	}
	receive_all(ends[1], to, hashing);
	if (wait4(pid, &status, 0, &other) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		arguments_fail("the sender failed");
	getrusage(RUSAGE_SELF, &own);
	printf("%.0f %.0f\n", (double)(moment_ns() - began_ns) / 1000, cpu_us(&own) + cpu_us(&other));
	return 0;
}
