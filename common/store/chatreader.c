#include "store/chatreader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "store/chatlog.h"
#include "store/lockedfile.h"

#define BLOCK_BYTES (64 * 1024)
#define ROOM_BYTES (CHATLOG_LINE_MAX_BYTES + BLOCK_BYTES)

/*
 * The part of the file that is in memory and not yet handed out lies at data[begin] to data[end]. Read backwards, it
 * sits at the end of the room and what comes before it in the file is put before it; read forwards, the other way round.
 */
struct chatreader {
	int fd;
	bool backward;
	bool finished;
	off_t offset; /* backward: of data[begin]; forward: of what follows data[end] */
	off_t size;   /* of the file when it was opened */
	off_t last;   /* backward: of the line that was handed out last, or of what follows all of them */
	size_t begin, end;
	char data[ROOM_BYTES];
};

static int read_fully(int fd, char *data, size_t len, off_t offset)
{
	while (len > 0) {
		ssize_t got = pread(fd, data, len, offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno;
		if (got == 0)
			return EIO; /* the file shrank below what it was */
		data += got;
		len -= (size_t)got;
		offset += got;
	}
	return 0;
}

/* How much of the file comes next, in the direction of reading. */
static size_t next_block(const struct chatreader *reader)
{
	off_t left = reader->backward ? reader->offset : reader->size - reader->offset;

	return left < BLOCK_BYTES ? (size_t)left : BLOCK_BYTES;
}

/* Reads that beside what is held. If that is too long for a line already, it is dropped, and *whole false. */
static int read_block(struct chatreader *reader, size_t block, bool *whole)
{
	char *data = reader->data;
	size_t held = reader->end - reader->begin;
	int rc;

	if (held > CHATLOG_LINE_MAX_BYTES) {
		held = 0;
		*whole = false;
	}
	memmove(reader->backward ? data + ROOM_BYTES - held : data, data + reader->begin, held);
	reader->begin = reader->backward ? ROOM_BYTES - held : 0;
	reader->end = reader->begin + held;
	if (reader->backward) {
		rc = read_fully(reader->fd, data + reader->begin - block, block, reader->offset - (off_t)block);
		reader->begin -= rc == 0 ? block : 0;
		reader->offset -= rc == 0 ? (off_t)block : 0;
	} else {
		rc = read_fully(reader->fd, data + reader->end, block, reader->offset);
		reader->end += rc == 0 ? block : 0;
		reader->offset += rc == 0 ? (off_t)block : 0;
	}
	return rc;
}

/*
 * One step back: the text behind feed, the last line feed that is held; if there is none, from the beginning of the file.
 */
static int hand_out_last(struct chatreader *reader, const char *feed, const char **line, size_t *len)
{
	*line = feed ? feed + 1 : reader->data + reader->begin;
	*len = (size_t)(reader->data + reader->end - *line);
	reader->finished = !feed;
	if (feed)
		reader->end = (size_t)(feed - reader->data);
	return 0;
}

/* One step forward: the text before feed, the first line feed that is held; if there is none, the rest is torn. */
static int hand_out_first(struct chatreader *reader, const char *feed, const char **line, size_t *len)
{
	if (!feed)
		return ENODATA;
	*line = reader->data + reader->begin;
	*len = (size_t)(feed - *line);
	reader->begin += *len + 1;
	return 0;
}

/* One step in the direction of reading. *whole is false if the line was too long to be kept whole. */
static int step(struct chatreader *reader, const char **line, size_t *len, bool *whole)
{
	*whole = true;
	if (reader->finished)
		return ENODATA;
	for (size_t read = 0; read < CHATREADER_GIVE_UP_BYTES; read += BLOCK_BYTES) {
		const char *begin = reader->data + reader->begin;
		size_t held = reader->end - reader->begin, block = next_block(reader);
		const char *feed = reader->backward ? memrchr(begin, '\n', held) : memchr(begin, '\n', held);
		int rc;

		if (feed || block == 0)
			return reader->backward ? hand_out_last(reader, feed, line, len)
						: hand_out_first(reader, feed, line, len);
		rc = read_block(reader, block, whole);
		if (rc != 0)
			return rc;
	}
	reader->finished = true;
	return EFBIG;
}

int chatreader_open(int dir, struct chatreader **reader)
{
	struct stat status;
	struct chatreader *opened;
	const char *torn;
	size_t torn_len;
	bool whole;
	int rc;
	int fd;

	rc = lockedfile_open_own(dir, CHATLOG_NAME, O_RDONLY, &fd, &status);
	if (rc != 0)
		return rc;
	opened = malloc(sizeof(*opened));
	if (!opened) {
		close(fd);
		return ENOMEM;
	}
	opened->fd = fd;
	opened->backward = true;
	opened->finished = false;
	opened->size = opened->offset = opened->last = status.st_size;
	opened->begin = opened->end = ROOM_BYTES;
	/* What follows the last line feed is torn, or the nothing that belongs there. */
	rc = step(opened, &torn, &torn_len, &whole);
	if (rc != 0 && rc != ENODATA) {
		chatreader_free(opened);
		return rc;
	}
	*reader = opened;
	return 0;
}

void chatreader_free(struct chatreader *reader)
{
	if (reader) {
		close(reader->fd);
		free(reader);
	}
}

int chatreader_line(struct chatreader *reader, const char **line, size_t *len)
{
	bool whole;
	int rc;

	do {
		rc = step(reader, line, len, &whole);
	} while (rc == 0 && (!whole || *len > CHATLOG_LINE_MAX_BYTES));
	if (rc == 0 && reader->backward)
		reader->last = chatreader_offset(reader);
	return rc;
}

int64_t chatreader_offset(const struct chatreader *reader)
{
	/* The line feed before it is held no more, but for the first line of the file, which has none. */
	return reader->finished ? reader->offset : reader->offset + (off_t)(reader->end - reader->begin) + 1;
}

static void turn_at(struct chatreader *reader, off_t offset)
{
	reader->offset = offset;
	reader->backward = false;
	reader->finished = false;
	reader->begin = reader->end = 0;
}

void chatreader_turn(struct chatreader *reader)
{
	turn_at(reader, reader->last);
}

int chatreader_turn_within(struct chatreader *reader, int64_t bytes)
{
	const char *rest;
	size_t rest_len;
	bool whole;

	turn_at(reader, 0);
	if (reader->size <= bytes)
		return 0;
	/* With the byte before, which may be the end of a line. */
	turn_at(reader, reader->size - bytes - 1);
	return step(reader, &rest, &rest_len, &whole);
}
