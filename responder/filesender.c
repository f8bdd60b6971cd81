#include "filesender.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "file/filestream.h"
#include "file/shelf.h"
#include "store/lockedfile.h"
#include "wire/wire.h"

#define READ_BYTES 4096
#define WAIT_MS (FILESTREAM_WAIT_S * 1000)

/* What keeps the other side waiting while a prefix is hashed. */
struct alive {
	struct filestream *stream;
	int64_t told_ms; /* monotonic */
};

/* Sends what the conversation has to say. */
static int send_outgoing(const struct filesender *sender)
{
	struct pollfd wait = {.fd = sender->fd, .events = POLLOUT};
	struct buffer *outgoing = &sender->conversation->outgoing;

	while (outgoing->len > 0) {
		ssize_t sent;

		if (poll(&wait, 1, WAIT_MS) == 0)
			return ETIMEDOUT;
		sent = send(sender->fd, outgoing->data, outgoing->len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno != EAGAIN && errno != EINTR)
			return errno;
		if (sent > 0)
			buffer_consume(outgoing, (size_t)sent);
	}
	return 0;
}

static int answer(struct filesender *sender, enum envelope_status status, const char *why)
{
	const struct fileask_answer answer = {.bytes = sender->source->stamp.bytes, .from = sender->ask.from};
	json_t *members = status == ENVELOPE_DONE ? fileask_format_answer(&answer) : NULL;

	sender->receipt.status = status;
	strcpy(sender->receipt.why, why);
	conversation_acknowledge(sender->conversation, &sender->receipt, members);
	json_decref(members);
	return send_outgoing(sender);
}

/* Opens the file that was offered: ESTALE if it is not what it was, or not there. */
static int open_source(const struct filesender *sender, int *file)
{
	int rc = filesource_open(sender->source->path, file, NULL);

	return rc == 0 ? filesource_check(*file, &sender->source->stamp) : ESTALE;
}

static int say_alive(void *context)
{
	struct alive *alive = context;
	int64_t now_ms = clock_monotonic_ms();

	if (now_ms - alive->told_ms < FILESTREAM_ALIVE_MS)
		return 0;
	alive->told_ms = now_ms;
	return filestream_send(alive->stream, NULL, 0, false);
}

/* Sets *is_same if what the other side has is the beginning of the file. */
static int compare_prefix(const struct filesender *sender, struct filestream *stream, int file, bool *is_same)
{
	struct alive alive = {.stream = stream, .told_ms = clock_monotonic_ms()};
	crypto_generichash_state hash;
	uint8_t prefix[FILE_HASH_BYTES];
	int rc;

	*is_same = true;
	if (!sender->ask.has_prefix)
		return 0;
	crypto_generichash_init(&hash, NULL, 0, sizeof(prefix));
	rc = shelf_hash(file, sender->ask.from, &hash, say_alive, &alive);
	crypto_generichash_final(&hash, prefix, sizeof(prefix));
	*is_same = memcmp(prefix, sender->ask.prefix, sizeof(prefix)) == 0;
	return rc;
}

/* Reads len bytes; ESTALE if there are fewer. */
static int read_chunk(int file, uint8_t *chunk, size_t len, int64_t at)
{
	for (size_t done = 0; done < len;) {
		ssize_t got = pread(file, chunk + done, len - done, at + (int64_t)done);

		if (got == 0)
			return ESTALE;
		if (got > 0)
			done += (size_t)got;
		else if (errno != EINTR)
			return errno;
	}
	return 0;
}

/* Sends what the other side lacks. It is not marked as whole if the file is not what it was. */
static int send_rest(const struct filesender *sender, struct filestream *stream, int file)
{
	static uint8_t chunk[FILESTREAM_CHUNK_BYTES];
	const int64_t bytes = sender->source->stamp.bytes;
	int64_t at = sender->ask.from;
	bool is_last = false;
	int rc = 0;

	posix_fadvise(file, at, 0, POSIX_FADV_SEQUENTIAL);
	while (rc == 0 && !is_last) {
		size_t len = bytes - at < FILESTREAM_CHUNK_BYTES ? (size_t)(bytes - at) : FILESTREAM_CHUNK_BYTES;

		is_last = at + (int64_t)len == bytes;
		rc = read_chunk(file, chunk, len, at);
		if (rc == 0 && is_last)
			rc = filesource_check(file, &sender->source->stamp);
		if (rc == 0)
			rc = filestream_send(stream, chunk, len, is_last);
		at += (int64_t)len;
	}
	return rc;
}

/* Sends the stream. Returns 0 if the other side has all of the file then. */
static int send_file(const struct filesender *sender, int file)
{
	uint8_t key[FILESTREAM_KEY_BYTES];
	struct filestream stream;
	bool is_same;
	int rc;

	exchange_file_key(&sender->conversation->exchange, key);
	rc = filestream_begin_sending(&stream, sender->fd, key);
	sodium_memzero(key, sizeof(key));
	if (rc == 0)
		rc = compare_prefix(sender, &stream, file, &is_same);
	if (rc == 0 && is_same) {
		rc = send_rest(sender, &stream, file);
	} else if (rc == 0) {
		/* It ends before its time. With nothing to come that would not show. */
		if (sender->ask.from < sender->source->stamp.bytes)
			(void)!filestream_send(&stream, NULL, 0, true);
		rc = EINVAL;
	}
	filestream_end(&stream);
	return rc;
}

/* Whether an object says that the file is in place. */
static bool is_done(struct filesender *sender, const char *text, size_t len)
{
	struct exchange_message message = {0};
	struct wire_object object;
	struct fileask ask;
	const char *why;
	bool is = false;

	if (wire_parse(text, len, &object, &why) != 0)
		return false;
	if (object.kind == WIRE_ENCRYPTED && exchange_open(&sender->conversation->exchange, &object, &message) == 0)
		is = message.body && fileask_parse(message.body, &ask) == 0 && ask.is_done &&
		     memcmp(ask.id, sender->ask.id, sizeof(ask.id)) == 0;
	exchange_message_free(&message);
	wire_free(&object);
	return is;
}

/* How much of the stream is still on its way to the other side. */
static int on_the_way(const struct filesender *sender)
{
	int bytes = 0;

	(void)ioctl(sender->fd, SIOCOUTQ, &bytes);
	return bytes;
}

/* Waits for the next object, which must say that, for as long as the other side takes a chunk in the time for one. */
static bool await_done(struct filesender *sender)
{
	int64_t now_ms = clock_monotonic_ms(), deadline_ms = now_ms + WAIT_MS;
	struct pollfd wait = {.fd = sender->fd, .events = POLLIN};
	struct framer *framer = &sender->conversation->framer;
	int left = on_the_way(sender), rc;
	char bytes[READ_BYTES];
	const char *object;
	size_t len;

	while ((rc = framer_next(framer, &object, &len)) == EAGAIN) {
		if (now_ms >= deadline_ms) {
			int before = left;

			left = on_the_way(sender);
			if (before - left < FILESTREAM_CHUNK_BYTES && (left > 0 || before == 0))
				return false;
			deadline_ms = now_ms + WAIT_MS;
		}
		if (poll(&wait, 1, (int)(deadline_ms - now_ms)) > 0) {
			ssize_t got = recv(sender->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

			if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR) ||
			    (got > 0 && framer_push(framer, bytes, (size_t)got) != 0))
				return false;
		}
		now_ms = clock_monotonic_ms();
	}
	return rc == 0 && is_done(sender, object, len);
}

static void write_down(const struct filesender *sender)
{
	struct chatlog *log = chatlog_new(sender->dir, LOCKEDFILE_WAIT_MS);
	struct buffer line = {0};

	sender->fetched->time_ms = clock_wall_ms();
	/* What is lost here is lost to the eye only. */
	if (log && chatlog_format(&line, sender->fetched) == 0)
		(void)!chatlog_append(log, line.data, line.len, 0);
	buffer_free(&line);
	chatlog_free(log);
}

_Noreturn void filesender_run(struct filesender *sender)
{
	const int on = 1;
	int file = -1, rc;

	/* What belongs together is sent together; nothing small waits for more. */
	(void)setsockopt(sender->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)fcntl(sender->fd, F_SETFL, 0);
	rc = open_source(sender, &file);
	if (rc != 0)
		(void)!answer(sender, ENVELOPE_NO, FILEASK_CHANGED);
	else
		rc = answer(sender, ENVELOPE_DONE, "");
	if (rc == 0)
		rc = send_file(sender, file);
	if (rc == 0 && await_done(sender) && sender->fetched)
		write_down(sender);
	exchange_end(&sender->conversation->exchange);
	atomic_store(sender->has_left, true);
	_exit(0);
}
