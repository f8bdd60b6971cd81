#include "file/filestream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/clock.h"

#define LENGTH_BYTES 4
#define SEALED_MAX_BYTES (FILESTREAM_CHUNK_BYTES + crypto_secretstream_xchacha20poly1305_ABYTES)
#define FRAME_MAX_BYTES (LENGTH_BYTES + SEALED_MAX_BYTES)
/* So much is received at once, if it is there. */
#define RECEIVED_BYTES (4 * FRAME_MAX_BYTES)

/* Has the socket block, but not for ever. */
static int limit_waits(int fd, int option)
{
	const struct timeval wait = {.tv_sec = FILESTREAM_WAIT_S};

	return setsockopt(fd, SOL_SOCKET, option, &wait, sizeof(wait)) == 0 ? 0 : errno;
}

/* Sends the frame with len bytes behind its length. */
static int send_frame(struct filestream *stream, size_t len)
{
	const int64_t deadline_ms = clock_monotonic_ms() + FILESTREAM_WAIT_S * INT64_C(1000);
	const uint8_t *next = stream->frame, *end = stream->frame + LENGTH_BYTES + len;

	for (int i = 0; i < LENGTH_BYTES; i++)
		stream->frame[i] = (uint8_t)(len >> 8 * (LENGTH_BYTES - 1 - i));
	while (next < end) {
		ssize_t sent = send(stream->fd, next, (size_t)(end - next), MSG_NOSIGNAL);

		if (sent > 0)
			next += sent;
		else if (errno != EINTR)
			return errno == EAGAIN ? ETIMEDOUT : errno;
		if (next < end && clock_monotonic_ms() >= deadline_ms)
			return ETIMEDOUT;
	}
	return 0;
}

int filestream_begin_sending(struct filestream *stream, int fd, const uint8_t key[static FILESTREAM_KEY_BYTES])
{
	int rc;

	*stream = (struct filestream){.fd = fd, .frame = malloc(FRAME_MAX_BYTES)};
	if (!stream->frame)
		return ENOMEM;
	rc = limit_waits(fd, SO_SNDTIMEO);
	crypto_secretstream_xchacha20poly1305_init_push(&stream->state, stream->frame + LENGTH_BYTES, key);
	if (rc == 0)
		rc = send_frame(stream, crypto_secretstream_xchacha20poly1305_HEADERBYTES);
	if (rc != 0)
		filestream_end(stream);
	return rc;
}

int filestream_send(struct filestream *stream, const void *bytes, size_t len, bool is_last)
{
	crypto_secretstream_xchacha20poly1305_push(&stream->state, stream->frame + LENGTH_BYTES, NULL, bytes, len, NULL,
	    0,
	    is_last ? crypto_secretstream_xchacha20poly1305_TAG_FINAL
		    : crypto_secretstream_xchacha20poly1305_TAG_MESSAGE);
	return send_frame(stream, len + crypto_secretstream_xchacha20poly1305_ABYTES);
}

/* Receives until len bytes are there. */
static int fill(struct filestream *stream, size_t len)
{
	if (RECEIVED_BYTES - stream->begin < len) {
		memmove(stream->received, stream->received + stream->begin, stream->end - stream->begin);
		stream->end -= stream->begin;
		stream->begin = 0;
	}
	while (stream->end - stream->begin < len) {
		ssize_t got = recv(stream->fd, stream->received + stream->end, RECEIVED_BYTES - stream->end, 0);

		if (got == 0)
			return ECONNRESET;
		if (got > 0)
			stream->end += (size_t)got;
		else if (errno != EINTR)
			return errno == EAGAIN ? ETIMEDOUT : errno;
	}
	return 0;
}

/* Hands out what is in the next frame, of at least min_len bytes. */
static int next_frame(struct filestream *stream, size_t min_len, const uint8_t **sealed, size_t *sealed_len)
{
	size_t len = 0;
	int rc = fill(stream, LENGTH_BYTES);

	for (int i = 0; rc == 0 && i < LENGTH_BYTES; i++)
		len = len << 8 | stream->received[stream->begin + (size_t)i];
	if (rc == 0 && (len < min_len || len > SEALED_MAX_BYTES))
		rc = EPROTO;
	if (rc == 0)
		rc = fill(stream, LENGTH_BYTES + len);
	if (rc != 0)
		return rc;
	*sealed = stream->received + stream->begin + LENGTH_BYTES;
	*sealed_len = len;
	stream->begin += LENGTH_BYTES + len;
	if (stream->begin == stream->end)
		stream->begin = stream->end = 0;
	return 0;
}

int filestream_begin_receiving(struct filestream *stream, int fd, const uint8_t key[static FILESTREAM_KEY_BYTES],
    const void *early, size_t early_len)
{
	const uint8_t *header;
	size_t len;
	int rc;

	if (early_len > RECEIVED_BYTES)
		return EPROTO;
	*stream = (struct filestream){
	    .fd = fd, .end = early_len, .received = malloc(RECEIVED_BYTES), .chunk = malloc(FILESTREAM_CHUNK_BYTES)};
	rc = stream->received && stream->chunk ? limit_waits(fd, SO_RCVTIMEO) : ENOMEM;
	if (rc == 0 && early_len > 0)
		memcpy(stream->received, early, early_len);
	if (rc == 0)
		rc = next_frame(stream, crypto_secretstream_xchacha20poly1305_HEADERBYTES, &header, &len);
	if (rc == 0 && (len != crypto_secretstream_xchacha20poly1305_HEADERBYTES ||
			   crypto_secretstream_xchacha20poly1305_init_pull(&stream->state, header, key) != 0))
		rc = EPROTO;
	if (rc != 0)
		filestream_end(stream);
	return rc;
}

int filestream_receive(struct filestream *stream, const uint8_t **bytes, size_t *len, bool *is_last)
{
	const uint8_t *sealed;
	size_t sealed_len;
	unsigned char tag;
	int rc = EPROTO;

	if (!stream->has_ended)
		rc = next_frame(stream, crypto_secretstream_xchacha20poly1305_ABYTES, &sealed, &sealed_len);
	if (rc == 0 && (crypto_secretstream_xchacha20poly1305_pull(&stream->state, stream->chunk, NULL, &tag, sealed,
			    sealed_len, NULL, 0) != 0 ||
			   (tag != crypto_secretstream_xchacha20poly1305_TAG_MESSAGE &&
			       tag != crypto_secretstream_xchacha20poly1305_TAG_FINAL)))
		rc = EPROTO;
	if (rc != 0) {
		/* What has failed once does not go on with what comes behind it. */
		stream->has_ended = true;
		return rc;
	}
	stream->has_ended = tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL;
	*bytes = stream->chunk;
	*len = sealed_len - crypto_secretstream_xchacha20poly1305_ABYTES;
	*is_last = stream->has_ended;
	return 0;
}

void filestream_end(struct filestream *stream)
{
	if (stream->chunk)
		sodium_memzero(stream->chunk, FILESTREAM_CHUNK_BYTES);
	free(stream->chunk);
	free(stream->received);
	free(stream->frame);
	sodium_memzero(stream, sizeof(*stream));
}
