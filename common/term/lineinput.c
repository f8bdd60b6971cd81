#include "term/lineinput.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/stop.h"

#define CHUNK_BYTES 4096

void lineinput_init(struct lineinput *input, int fd)
{
	*input = (struct lineinput){.fd = fd};
}

void lineinput_free(struct lineinput *input)
{
	buffer_wipe(&input->pending);
}

static int await(const struct lineinput *input)
{
	struct pollfd wait = {.fd = input->fd, .events = POLLIN};

	if (input->wait)
		return input->wait(input->wait_context, input->fd);
	return ppoll(&wait, 1, NULL, stop_wait_mask()) < 0 ? errno : 0;
}

/* Adds what can be read now, waiting for it; false if the user wants to stop. */
static bool read_more(struct lineinput *input)
{
	char chunk[CHUNK_BYTES];
	ssize_t got;
	int rc;

	if (stop_requested())
		return false;
	rc = await(input);
	if (rc == EINTR)
		return !stop_requested();
	got = read(input->fd, chunk, sizeof(chunk));
	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (got <= 0 || buffer_append(&input->pending, chunk, (size_t)got) != 0)
		input->ended = true;
	return true;
}

enum lineinput_result lineinput_read(struct lineinput *input, char **line, size_t *len)
{
	bool too_long = false;
	size_t scanned = 0;
	char *feed;

	buffer_consume(&input->pending, input->handed_out);
	input->handed_out = 0;
	for (;;) {
		size_t held = input->pending.len;

		feed = held > scanned ? memchr(input->pending.data + scanned, '\n', held - scanned) : NULL;
		if (feed)
			break;
		scanned = held;
		if (input->ended && held == 0)
			return too_long ? LINEINPUT_TOO_LONG : LINEINPUT_END;
		if (input->ended) {
			/* The last line gets the end that it lacks. */
			if (buffer_append(&input->pending, "\n", 1) != 0)
				return LINEINPUT_END;
			continue;
		}
		/* One more than the limit may be the "\r" of the line end. */
		if (held > LINEINPUT_MAX_BYTES + 1) {
			too_long = true;
			buffer_consume(&input->pending, held);
			scanned = 0;
		}
		if (!read_more(input))
			return LINEINPUT_STOPPED;
	}
	*line = input->pending.data;
	*len = (size_t)(feed - *line);
	input->handed_out = *len + 1;
	if (*len > 0 && feed[-1] == '\r')
		--*len;
	(*line)[*len] = '\0';
	return too_long || *len > LINEINPUT_MAX_BYTES ? LINEINPUT_TOO_LONG : LINEINPUT_LINE;
}
