#include "store/numbering.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/chatlog.h"

#define BLOCK_BYTES 65536
/* More than a number at the end of a line takes, with all around it. */
#define OVERLAP_BYTES 64

/* The line that ends last before end, which is moved to where it begins; NULL if none does. */
static const char *line_before(const char *block, const char **end, size_t *len)
{
	const char *feed = memrchr(block, '\n', (size_t)(*end - block)), *before;

	if (!feed)
		return NULL;
	before = memrchr(block, '\n', (size_t)(feed - block));
	*end = before ? before + 1 : block;
	*len = (size_t)(feed - *end);
	return *end;
}

/* Whether a line, as we write it, is the first with its number, and no line before it has a higher one. */
static bool is_first(const char *line, size_t len)
{
	static const char queued[] = "\"direction\": \"QUEUED\"";
	const size_t head = sizeof("{\"time\": \"2026-11-20T08:00:00.123Z\", ") - 1 + sizeof(queued) - 1;

	return chatlog_is_received(line, len) || (len > head && memmem(line, head, queued, sizeof(queued) - 1));
}

/* Looks at what is new, from its end back until no higher number can come. */
static int catch_up(struct numbering *numbering, int fd, off_t size)
{
	char block[BLOCK_BYTES];
	bool is_over = false;
	off_t end = size;

	while (end > numbering->end && !is_over) {
		off_t begin = end > BLOCK_BYTES ? end - BLOCK_BYTES : 0;
		ssize_t got = pread(fd, block, (size_t)(end - begin), begin);
		const char *at = block + (end - begin), *line;
		size_t len;

		if (got != end - begin)
			return got < 0 ? errno : EIO;
		while (!is_over && (line = line_before(block, &at, &len))) {
			uint64_t number = chatlog_number(line, len);

			if (number == CHATLOG_NUMBER_NEXT)
				continue;
			if (number > numbering->last)
				numbering->last = number;
			is_over = number > 0 && is_first(line, len);
		}
		/* So that no ending is in two blocks. */
		end = begin > 0 ? begin + OVERLAP_BYTES : 0;
	}
	numbering->end = size;
	return 0;
}

/* The next number that is to be given in what is left of the lines, whose room for it ends before the bracket; NULL if none. */
static char *find_room(char **lines, const char *end)
{
	char *feed = NULL;

	while (*lines < end && (feed = memchr(*lines, '\n', (size_t)(end - *lines)))) {
		bool is_found = chatlog_number(*lines, (size_t)(feed - *lines)) == CHATLOG_NUMBER_NEXT;

		*lines = feed + 1;
		if (is_found)
			return feed - 1 - CHATLOG_NUMBER_DIGITS;
	}
	return NULL;
}

int numbering_stamp(struct numbering *numbering, int fd, off_t size, char *lines, size_t len)
{
	const char *end = lines + len;
	char *room = find_room(&lines, end), digits[21];
	int rc = room ? catch_up(numbering, fd, size) : 0;

	for (; rc == 0 && room; room = find_room(&lines, end)) {
		snprintf(digits, sizeof(digits), "%*" PRIu64, CHATLOG_NUMBER_DIGITS, ++numbering->last);
		memcpy(room, digits, CHATLOG_NUMBER_DIGITS);
	}
	return rc;
}
