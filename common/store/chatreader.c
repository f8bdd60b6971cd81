#include "store/chatreader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "store/chatlog.h"
#include "store/lockedfile.h"

#define BLOCK_BYTES (64 * 1024)
#define ROOM_BYTES (CHATLOG_LINE_MAX_BYTES + BLOCK_BYTES)

struct chatreader {
	int fd;
	bool finished;
	off_t offset;	   /* of data[begin] */
	size_t begin, end; /* what is read and not handed out, which sits at the end of the room */
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

/* Reads a block before what is held. If that is too long for a line already, it is dropped, and *whole false. */
static int read_block(struct chatreader *reader, bool *whole)
{
	size_t held = reader->end - reader->begin,
	       block = reader->offset < BLOCK_BYTES ? (size_t)reader->offset : BLOCK_BYTES;
	int rc;

	if (held > CHATLOG_LINE_MAX_BYTES) {
		held = 0;
		*whole = false;
	}
	memmove(reader->data + ROOM_BYTES - held, reader->data + reader->begin, held);
	reader->begin = ROOM_BYTES - held;
	reader->end = ROOM_BYTES;
	rc = read_fully(reader->fd, reader->data + reader->begin - block, block, reader->offset - (off_t)block);
	if (rc == 0) {
		reader->begin -= block;
		reader->offset -= (off_t)block;
	}
	return rc;
}

/*
 * One step back: the text behind the last line feed that is held; if there is none, from the beginning of the file. *whole
 * is false if it was too long to be kept whole.
 */
static int step(struct chatreader *reader, const char **line, size_t *len, bool *whole)
{
	*whole = true;
	if (reader->finished)
		return ENODATA;
	for (size_t read = 0; read < CHATREADER_GIVE_UP_BYTES; read += BLOCK_BYTES) {
		const char *begin = reader->data + reader->begin;
		const char *feed = memrchr(begin, '\n', reader->end - reader->begin);
		int rc;

		if (feed || reader->offset == 0) {
			*line = feed ? feed + 1 : begin;
			*len = (size_t)(reader->data + reader->end - *line);
			reader->finished = !feed;
			reader->end -= feed ? *len + 1 : 0;
			return 0;
		}
		rc = read_block(reader, whole);
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
	opened->finished = false;
	opened->offset = status.st_size;
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
	return rc;
}

int64_t chatreader_offset(const struct chatreader *reader)
{
	/* The line feed before it is held no more, but for the first line of the file, which has none. */
	return reader->finished ? reader->offset : reader->offset + (off_t)(reader->end - reader->begin) + 1;
}
