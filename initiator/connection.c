#include "connection.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/address.h"

#define CHUNK_BYTES 4096

int connection_open(struct connection *connection, const struct in_addr *from, struct in_addr to)
{
	struct sockaddr_in local, remote = address_socket(to, CHAT_PORT);
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
	/* No address is what nobody has; the kernel would take it for our own. */
	if (error == 0 && to.s_addr == htonl(INADDR_ANY))
		error = EHOSTUNREACH;
	if (error == 0 && connect(connection->fd, (const struct sockaddr *)&remote, sizeof(remote)) != 0)
		error = errno;
	if (error == EINPROGRESS)
		error = 0;
	if (error != 0)
		connection_close(connection);
	return error;
}

int connection_opened(const struct connection *connection)
{
	socklen_t len = sizeof(int);
	int error;

	return getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 ? error : errno;
}

int connection_send(struct connection *connection, const char *bytes, size_t len)
{
	while (connection->sent < len) {
		ssize_t sent = send(connection->fd, bytes + connection->sent, len - connection->sent, MSG_NOSIGNAL);

		if (sent < 0)
			return errno == EINTR ? EAGAIN : errno;
		connection->sent += (size_t)sent;
	}
	connection->sent = 0;
	return 0;
}

/* Reads some bytes; *len is 0 if the other side has closed. */
static int read_some(const struct connection *connection, char chunk[static CHUNK_BYTES], size_t *len)
{
	ssize_t got = recv(connection->fd, chunk, CHUNK_BYTES, 0);

	if (got < 0)
		return errno == EINTR ? EAGAIN : errno;
	*len = (size_t)got;
	return 0;
}

int connection_receive(struct connection *connection, enum wire_kind kind, struct wire_object *object)
{
	char chunk[CHUNK_BYTES];
	const char *text, *why;
	size_t len;
	int rc;

	while ((rc = framer_next(&connection->framer, &text, &len)) == EAGAIN) {
		rc = read_some(connection, chunk, &len);
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
	char chunk[CHUNK_BYTES];
	size_t len;
	int rc;

	if (!connection->finished) {
		if (shutdown(connection->fd, SHUT_WR) != 0)
			return errno;
		connection->finished = true;
		connection->seeking = reply != NULL;
	}
	/* Some at a time: whoever sends without end keeps nobody else waiting. */
	rc = read_some(connection, chunk, &len);
	if (rc != 0 || len == 0)
		return rc;
	connection->seeking = connection->seeking && seek_reply(&connection->framer, chunk, len, reply);
	return EAGAIN;
}

void connection_close(struct connection *connection)
{
	if (connection->fd >= 0)
		close(connection->fd);
	connection->fd = -1;
	framer_free(&connection->framer);
}
