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

/* Adds what can be read now, waiting for it; false where the user wants to stop. */
static bool read_more(struct lineinput *input)
{
	struct pollfd wait = {.fd = input->fd, .events = POLLIN};
	char chunk[CHUNK_BYTES];
	ssize_t got;

	if (stop_requested())
		return false;
	if (ppoll(&wait, 1, NULL, stop_wait_mask()) < 0)
		return errno == EINTR && !stop_requested();
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

	buffer_consume(&input->pending, input->handed_out);
	input->handed_out = 0;
	for (;;) {
		size_t held = input->pending.len;
		char *data = input->pending.data;
		char *feed = held > scanned ? memchr(data + scanned, '\n', held - scanned) : NULL;
		size_t line_len = feed ? (size_t)(feed - data) : held;

		if (line_len > LINEINPUT_MAX_BYTES + 1) {
			/* One more than the limit may be the "\r" of the line end. */
			too_long = true;
			buffer_consume(&input->pending, feed ? line_len : held);
			scanned = 0;
			if (feed) {
				input->handed_out = 1;
				return LINEINPUT_TOO_LONG;
			}
			continue;
		}
		scanned = held;
		if (feed || (input->ended && held > 0)) {
			/* The room for the NUL: where the line feed was, or one byte more. */
			if (!feed && buffer_append(&input->pending, "", 1) != 0)
				return LINEINPUT_END;
			input->handed_out = feed ? line_len + 1 : input->pending.len;
			data = input->pending.data;
			if (line_len > 0 && data[line_len - 1] == '\r')
				line_len--;
			if (too_long || line_len > LINEINPUT_MAX_BYTES)
				return LINEINPUT_TOO_LONG;
			data[line_len] = '\0';
			*line = data;
			*len = line_len;
			return LINEINPUT_LINE;
		}
		if (input->ended)
			return too_long ? LINEINPUT_TOO_LONG : LINEINPUT_END;
		if (!read_more(input))
			return LINEINPUT_STOPPED;
	}
}
