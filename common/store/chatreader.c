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

/* Makes room for the block before begin, or drops what is there if a line is too long; false if it dropped. */
static bool make_room_before(struct chatreader *reader, size_t block)
{
	size_t held = reader->end - reader->begin;

	if (held > CHATLOG_LINE_MAX_BYTES) {
		reader->begin = reader->end = ROOM_BYTES;
		return false;
	}
	if (reader->begin < block) {
		memmove(reader->data + ROOM_BYTES - held, reader->data + reader->begin, held);
		reader->begin = ROOM_BYTES - held;
		reader->end = ROOM_BYTES;
	}
	return true;
}

/* The same for the block after end. */
static bool make_room_after(struct chatreader *reader)
{
	size_t held = reader->end - reader->begin;

	if (held > CHATLOG_LINE_MAX_BYTES) {
		reader->begin = reader->end = 0;
		return false;
	}
	memmove(reader->data, reader->data + reader->begin, held);
	reader->begin = 0;
	reader->end = held;
	return true;
}

/*
 * One step back: the text before the last line feed that is left, back to the line feed before that or the beginning of
 * the file. *whole is false if it was too long to be kept whole.
 */
static int step_back(struct chatreader *reader, const char **line, size_t *len, bool *whole)
{
	size_t read = 0;

	*whole = true;
	if (reader->finished)
		return ENODATA;
	for (; read < CHATREADER_GIVE_UP_BYTES; read += BLOCK_BYTES) {
		char *begin = reader->data + reader->begin;
		const char *feed = memrchr(begin, '\n', reader->end - reader->begin);
		size_t block = reader->offset < BLOCK_BYTES ? (size_t)reader->offset : BLOCK_BYTES;
		int rc;

		if (feed || block == 0) {
			*line = feed ? feed + 1 : begin;
			*len = (size_t)(reader->data + reader->end - *line);
			reader->finished = !feed;
			if (feed)
				reader->end = (size_t)(feed - reader->data);
			return 0;
		}
		*whole &= make_room_before(reader, block);
		rc = read_fully(reader->fd, reader->data + reader->begin - block, block, reader->offset - (off_t)block);
		if (rc != 0)
			return rc;
		reader->begin -= block;
		reader->offset -= (off_t)block;
	}
	reader->finished = true;
	return EFBIG;
}

/* One step forward: the text up to the next line feed. */
static int step_forward(struct chatreader *reader, const char **line, size_t *len, bool *whole)
{
	size_t read = 0;

	*whole = true;
	if (reader->finished)
		return ENODATA;
	for (; read < CHATREADER_GIVE_UP_BYTES; read += BLOCK_BYTES) {
		char *begin = reader->data + reader->begin;
		const char *feed = memchr(begin, '\n', reader->end - reader->begin);
		off_t left = reader->size - reader->offset;
		size_t block = left < BLOCK_BYTES ? (size_t)left : BLOCK_BYTES;
		int rc;

		if (feed) {
			*line = begin;
			*len = (size_t)(feed - begin);
			reader->begin += *len + 1;
			return 0;
		}
		if (block == 0)
			return ENODATA;
		*whole &= make_room_after(reader);
		rc = read_fully(reader->fd, reader->data + reader->end, block, reader->offset);
		if (rc != 0)
			return rc;
		reader->end += block;
		reader->offset += (off_t)block;
	}
	reader->finished = true;
	return EFBIG;
}

int chatreader_open(int dir, bool from_end, struct chatreader **reader)
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
	opened->backward = from_end;
	opened->finished = false;
	opened->size = status.st_size;
	opened->offset = from_end ? status.st_size : 0;
	opened->begin = opened->end = from_end ? ROOM_BYTES : 0;
	if (from_end) {
		/* What follows the last line feed is torn, or the nothing that belongs there. */
		rc = step_back(opened, &torn, &torn_len, &whole);
		if (rc != 0 && rc != ENODATA) {
			chatreader_free(opened);
			return rc;
		}
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
		rc = reader->backward ? step_back(reader, line, len, &whole) : step_forward(reader, line, len, &whole);
	} while (rc == 0 && (!whole || *len > CHATLOG_LINE_MAX_BYTES));
	return rc;
}
