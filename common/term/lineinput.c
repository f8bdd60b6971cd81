#include "term/lineinput.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/stop.h"

#define CHUNK_BYTES 4096
#define CTRL_C 3
/* A terminal hands on what is pasted in pieces, as fast as they are taken. */
#define TOGETHER_MS 40

void lineinput_init(struct lineinput *input, int fd)
{
	*input = (struct lineinput){.fd = fd, .terminal = isatty(fd)};
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

int lineinput_fill(struct lineinput *input)
{
	char chunk[CHUNK_BYTES];
	ssize_t got;
	int rc;

	if (stop_requested())
		return EINTR;
	rc = await(input);
	if (rc == EINTR)
		return stop_requested() ? EINTR : 0;
	if (rc == EAGAIN)
		return EAGAIN;
	got = read(input->fd, chunk, sizeof(chunk));
	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (got <= 0 || buffer_append(&input->pending, chunk, (size_t)got) != 0) {
		input->ended = true;
		return ENODATA;
	}
	return 0;
}

/* Reads all that comes without a pause. What is longer than any line is read, too, or its end would be the next line. */
static void take_ready(struct lineinput *input)
{
	struct pollfd wait = {.fd = input->fd, .events = POLLIN};
	char chunk[CHUNK_BYTES];
	ssize_t got = 1;

	/* An end stays where it is: the next read finds it, too. */
	while (got > 0 && !stop_requested() && poll(&wait, 1, TOGETHER_MS) > 0) {
		got = read(input->fd, chunk, sizeof(chunk));
		if (got > 0 && input->pending.len <= LINEINPUT_MAX_BYTES + 1 &&
		    buffer_append(&input->pending, chunk, (size_t)got) != 0)
			return;
	}
}

void lineinput_gather(struct lineinput *input)
{
	struct termios usual, now;
	size_t before = input->pending.len;

	take_ready(input);
	if (input->pending.len == before || tcgetattr(input->fd, &usual) != 0 || !(usual.c_lflag & ICANON))
		return;
	/* The terminal keeps the last line until it is ended, and it belongs to the others. */
	now = usual;
	now.c_lflag &= ~(tcflag_t)ICANON;
	now.c_cc[VMIN] = 1;
	now.c_cc[VTIME] = 0;
	if (tcsetattr(input->fd, TCSANOW, &now) != 0)
		return;
	take_ready(input);
	tcsetattr(input->fd, TCSANOW, &usual);
}

bool lineinput_settle(struct buffer *pasted)
{
	char *text = pasted->data;
	size_t len = 0;

	for (size_t i = 0; i < pasted->len; i++) {
		if (text[i] == '\r' && i + 1 < pasted->len && text[i + 1] == '\n')
			continue;
		text[len++] = text[i] == '\r' ? '\n' : text[i];
	}
	while (len > 0 && text[len - 1] == '\n')
		len--;
	pasted->len = len;
	return len > 0 && memchr(text, '\n', len) != NULL;
}

void lineinput_forget(struct lineinput *input)
{
	if (!input->terminal)
		return;
	tcflush(input->fd, TCIFLUSH);
	input->handed_out = 0;
	buffer_consume(&input->pending, input->pending.len);
}

/* Hands out all that is pending as one answer. */
static enum lineinput_result hand_out(struct lineinput *input, char **line, size_t *len)
{
	bool several = lineinput_settle(&input->pending), too_long = input->pending.len > LINEINPUT_MAX_BYTES;

	if (buffer_append(&input->pending, "", 1) != 0)
		return LINEINPUT_END;
	*line = input->pending.data;
	*len = input->pending.len - 1;
	input->handed_out = input->pending.len;
	return too_long ? LINEINPUT_TOO_LONG : several ? LINEINPUT_PASTE : LINEINPUT_LINE;
}

void lineinput_keep_interrupt(struct lineinput *input, bool on)
{
	struct termios now;

	if (!on && input->empties)
		tcsetattr(input->fd, TCSANOW, &input->usual);
	input->empties = on && input->terminal && tcgetattr(input->fd, &input->usual) == 0;
	if (!input->empties)
		return;
	now = input->usual;
	now.c_cc[VINTR] = _POSIX_VDISABLE;
	now.c_cc[VEOL] = CTRL_C;
	input->empties = tcsetattr(input->fd, TCSANOW, &now) == 0;
}

/* Whether what is pending ends at Ctrl-C. Of a line that is empty, it is the signal that it usually is. */
static bool is_emptied(struct lineinput *input)
{
	size_t len = input->pending.len;

	if (!input->empties || len == 0 || input->pending.data[len - 1] != CTRL_C)
		return false;
	if (len == 1) {
		buffer_consume(&input->pending, 1);
		raise(SIGINT);
	}
	return len > 1;
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
		if (lineinput_fill(input) == EINTR)
			return LINEINPUT_STOPPED;
		if (is_emptied(input)) {
			*line = input->pending.data;
			*len = input->pending.len - 1;
			input->handed_out = input->pending.len;
			return LINEINPUT_EMPTIED;
		}
	}
	*len = (size_t)(feed - input->pending.data);
	if (input->terminal && !too_long) {
		lineinput_gather(input);
		if (input->pending.len > *len + 1)
			return hand_out(input, line, len);
	}
	*line = input->pending.data;
	input->handed_out = *len + 1;
	if (*len > 0 && (*line)[*len - 1] == '\r')
		--*len;
	(*line)[*len] = '\0';
	return too_long || *len > LINEINPUT_MAX_BYTES ? LINEINPUT_TOO_LONG : LINEINPUT_LINE;
}
