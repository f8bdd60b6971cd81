#include "connection.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/stop.h"
#include "net/address.h"

#define CHUNK_BYTES 4096

/* Waits until the socket is ready for events, or deadline_ms (monotonic) has come. */
static int await(int fd, short events, int64_t deadline_ms)
{
	struct pollfd wait = {.fd = fd, .events = events};

	for (;;) {
		int64_t left_ms = deadline_ms - clock_monotonic_ms();
		struct timespec left = {.tv_sec = left_ms / 1000, .tv_nsec = left_ms % 1000 * 1000000};
		int ready;

		if (stop_requested())
			return EINTR;
		if (left_ms <= 0)
			return ETIMEDOUT;
		ready = ppoll(&wait, 1, &left, stop_wait_mask());
		if (ready > 0)
			return 0;
		if (ready < 0 && errno != EINTR)
			return errno;
	}
}

int connection_open(struct connection *connection, const struct in_addr *from, struct in_addr to)
{
	struct sockaddr_in local, remote = address_socket(to, CHAT_PORT);
	socklen_t len = sizeof(int);
	int error = 0;

	*connection = (struct connection){.fd = -1};
	connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (connection->fd < 0)
		return errno;
	if (from) {
		local = address_socket(*from, 0);
		if (bind(connection->fd, (const struct sockaddr *)&local, sizeof(local)) != 0)
			error = errno;
	}
	if (error == 0 && connect(connection->fd, (const struct sockaddr *)&remote, sizeof(remote)) != 0)
		error = errno;
	if (error == EINPROGRESS) {
		error = await(connection->fd, POLLOUT, clock_monotonic_ms() + CONNECTION_OPEN_MS);
		if (error == 0 && getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
			error = errno;
	}
	if (error != 0)
		connection_close(connection);
	return error;
}

int connection_send(struct connection *connection, const char *bytes, size_t len)
{
	int64_t deadline_ms = clock_monotonic_ms() + CONNECTION_SEND_MS;

	while (len > 0) {
		ssize_t sent = send(connection->fd, bytes, len, MSG_NOSIGNAL);

		if (sent < 0 && errno == EAGAIN) {
			int rc = await(connection->fd, POLLOUT, deadline_ms);

			if (rc != 0)
				return rc;
			continue;
		}
		if (sent < 0 && errno != EINTR)
			return errno;
		if (sent > 0) {
			bytes += sent;
			len -= (size_t)sent;
		}
	}
	return 0;
}

/* Waits for some bytes; *len is 0 if the other side has closed. */
static int read_some(const struct connection *connection, char chunk[static CHUNK_BYTES], size_t *len,
    int64_t deadline_ms)
{
	ssize_t got;
	int rc;

	do {
		rc = await(connection->fd, POLLIN, deadline_ms);
		if (rc != 0)
			return rc;
		got = recv(connection->fd, chunk, CHUNK_BYTES, 0);
	} while (got < 0 && (errno == EAGAIN || errno == EINTR));
	if (got < 0)
		return errno;
	*len = (size_t)got;
	return 0;
}

int connection_receive(struct connection *connection, enum wire_kind kind, struct wire_object *object)
{
	int64_t deadline_ms = clock_monotonic_ms() + CONNECTION_REPLY_MS;
	char chunk[CHUNK_BYTES];
	const char *text, *why;
	size_t len;
	int rc;

	while ((rc = framer_next(&connection->framer, &text, &len)) == EAGAIN) {
		rc = read_some(connection, chunk, &len, deadline_ms);
		if (rc == 0 && len == 0)
			rc = ECONNRESET;
		if (rc == 0)
			rc = framer_push(&connection->framer, chunk, len);
		if (rc != 0)
			return rc;
	}
	if (rc != 0 || wire_parse(text, len, object, &why) != 0)
		return EBADMSG;
	if (object->kind != kind) {
		wire_free(object);
		return EBADMSG;
	}
	return 0;
}

bool connection_is_open(const struct connection *connection)
{
	/* Not by reading: bytes that nobody asked for may stand before the end. */
	struct pollfd state = {.fd = connection->fd, .events = POLLRDHUP};

	return connection->fd >= 0 && poll(&state, 1, 0) == 0;
}

/* Looks for a reply in what came; false once there is one, or once there can be none any more. */
static bool seek_reply(struct framer *framer, const char *bytes, size_t len, struct wire_object *reply)
{
	const char *text, *why;
	int rc = framer_push(framer, bytes, len);

	while (rc == 0 && (rc = framer_next(framer, &text, &len)) == 0) {
		struct wire_object object;

		if (wire_parse(text, len, &object, &why) != 0)
			continue;
		if (object.kind == WIRE_UNENCRYPTED) {
			*reply = object;
			return false;
		}
		wire_free(&object);
	}
	return rc == EAGAIN;
}

int connection_finish(struct connection *connection, struct wire_object *reply)
{
	int64_t deadline_ms = clock_monotonic_ms() + CONNECTION_LINGER_MS;
	char chunk[CHUNK_BYTES];
	bool seeking = reply != NULL;
	size_t len = 1;
	int rc = 0;

	if (reply)
		reply->document = NULL;
	if (connection->fd < 0 || connection->finished)
		return 0;
	connection->finished = true;
	if (shutdown(connection->fd, SHUT_WR) != 0)
		return errno;
	while (rc == 0 && len > 0) {
		rc = read_some(connection, chunk, &len, deadline_ms);
		seeking = seeking && rc == 0 && seek_reply(&connection->framer, chunk, len, reply);
	}
	return rc;
}

void connection_close(struct connection *connection)
{
	/* Whatever it says of the end: it is over. */
	(void)connection_finish(connection, NULL);
	if (connection->fd >= 0)
		close(connection->fd);
	connection->fd = -1;
	framer_free(&connection->framer);
}
