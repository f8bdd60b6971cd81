#include "term/console.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/stop.h"
#include "base/text.h"
#include "trust/username.h"

/* Foreign text is escaped piece by piece, so that its length needs no memory. */
#define PIECE_BYTES 256

static const char *const style_codes[] = {
    [CONSOLE_NORMAL] = "",
    [CONSOLE_STRONG] = "\033[1m",
    [CONSOLE_FAINT] = "\033[2m",
    [CONSOLE_GOOD] = "\033[32m",
    [CONSOLE_WARNING] = "\033[33m",
    [CONSOLE_BAD] = "\033[31m",
};
static const char reset_code[] = "\033[0m";

/*
 * Opens a terminal or pipe anew, to write to it without blocking: the descriptor that was inherited is shared with
 * other programs, for whom that must not change. A terminal says that it is ready when it takes a single byte, and then
 * blocks whoever writes more. Where opening fails the inherited one has to do.
 */
static void open_own(struct console *console)
{
	char path[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
	struct stat status;
	int fd;

	if (fstat(console->fd, &status) != 0)
		return;
	console->regular = S_ISREG(status.st_mode);
	if (!S_ISFIFO(status.st_mode) && !isatty(console->fd))
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", console->fd);
	fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0) {
		console->fd = fd;
		console->own = true;
	}
}

void console_init(struct console *console, int fd)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	*console = (struct console){.fd = fd};
	open_own(console);
	console->coloured = isatty(fd) && !(no_color && no_color[0] != '\0') && !(term && strcmp(term, "dumb") == 0);
}

void console_free(struct console *console)
{
	console_flush(console);
	buffer_free(&console->pending);
	if (console->own)
		close(console->fd);
}

static bool takes(struct console *console)
{
	if (console->pending.len >= CONSOLE_BACKLOG_MAX_BYTES)
		console->lost = true;
	return !console->broken && !console->lost;
}

static void collect(struct console *console, const char *bytes, size_t len)
{
	if (takes(console) && buffer_append(&console->pending, bytes, len) != 0)
		console->lost = true;
}

static void collect_format(struct console *console, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

static void collect_format(struct console *console, const char *format, va_list arguments)
{
	if (takes(console) && buffer_vprintf(&console->pending, format, arguments) != 0)
		console->lost = true;
}

static void begin_style(struct console *console, enum console_style style)
{
	if (console->coloured)
		collect(console, style_codes[style], strlen(style_codes[style]));
}

static void end_style(struct console *console, enum console_style style)
{
	if (console->coloured && style != CONSOLE_NORMAL)
		collect(console, reset_code, strlen(reset_code));
}

void console_put(struct console *console, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	collect_format(console, format, arguments);
	va_end(arguments);
}

void console_put_styled(struct console *console, enum console_style style, const char *format, ...)
{
	va_list arguments;

	begin_style(console, style);
	va_start(arguments, format);
	collect_format(console, format, arguments);
	va_end(arguments);
	end_style(console, style);
}

void console_put_foreign(struct console *console, const char *text, size_t len)
{
	char escaped[PIECE_BYTES * TEXT_ESCAPE_FACTOR + 1];

	while (len > 0) {
		size_t piece = len < PIECE_BYTES ? len : PIECE_BYTES;

		/* Cut between characters: up to three continuation bytes go to the next piece. */
		for (int i = 0; i < 3 && piece < len && piece > 1 && ((unsigned char)text[piece] & 0xc0) == 0x80; i++)
			piece--;
		collect(console, escaped, text_escape(escaped, sizeof(escaped), text, piece));
		text += piece;
		len -= piece;
	}
}

void console_put_name(struct console *console, enum console_style style, const char *name)
{
	char escaped[USERNAME_MAX_BYTES * TEXT_ESCAPE_FACTOR + 1];
	size_t len = text_escape_name(escaped, sizeof(escaped), name, strlen(name));
	/* With what stands around names in our lines, a name could pass for a mark of ours. */
	bool quoted = text_has_punctuation(name, strlen(name));

	begin_style(console, style);
	if (quoted)
		collect(console, "\"", 1);
	collect(console, escaped, len);
	if (quoted)
		collect(console, "\"", 1);
	end_style(console, style);
}

void console_put_message(struct console *console, const char *text, size_t len)
{
	for (;;) {
		const char *feed = memchr(text, '\n', len);
		size_t line_len = feed ? (size_t)(feed - text) : len;

		console_put_foreign(console, text, line_len);
		if (!feed)
			return;
		collect(console, "\n    | ", 7);
		text = feed + 1;
		len -= line_len + 1;
	}
}

void console_put_all(struct console *console, struct console *source)
{
	collect(console, source->pending.data, source->pending.len);
	console->lost |= source->lost;
	source->lost = false;
	source->pending.len = 0;
}

/* Waits until the descriptor may take more; false where stopping is more urgent. */
static bool await_room(const struct console *console, bool stuck)
{
	struct pollfd wait = {.fd = console->fd, .events = POLLOUT};
	/* A terminal may say that it is ready and then have no room for a whole character. */
	static const struct timespec a_moment = {.tv_nsec = 10 * 1000000};

	if (stop_requested())
		return false;
	if (stuck)
		ppoll(NULL, 0, &a_moment, stop_wait_mask());
	ppoll(&wait, 1, NULL, stop_wait_mask());
	return !stop_requested();
}

/* Whether a descriptor that may block takes something now. */
static bool has_room(const struct console *console)
{
	struct pollfd wait = {.fd = console->fd, .events = POLLOUT};

	return console->regular || poll(&wait, 1, 0) > 0;
}

/*
 * Writes what is taken without waiting. Returns 0 where that is all, EAGAIN where there is no more room, or an error.
 */
static int write_ready(struct console *console)
{
	size_t written = 0;
	int rc = 0;

	while (rc == 0 && written < console->pending.len) {
		size_t left = console->pending.len - written;
		ssize_t done;

		if (!console->own && !has_room(console)) {
			rc = EAGAIN;
			break;
		}
		/* Where it may block, no more than a pipe that is ready takes for sure (pipe(7), PIPE_BUF). */
		if (!console->own && !console->regular && left > PIPE_BUF)
			left = PIPE_BUF;
		done = write(console->fd, console->pending.data + written, left);
		if (done >= 0)
			written += (size_t)done;
		else if (errno != EINTR)
			rc = errno;
	}
	buffer_consume(&console->pending, written);
	if (rc != 0 && rc != EAGAIN) {
		console->failed = true;
		/* Nobody is there any more; a full disk may have room again. */
		console->broken = rc == EPIPE || rc == EIO || rc == EBADF;
		if (console->broken)
			console->pending.len = 0;
	}
	return rc;
}

static void admit_loss(struct console *console)
{
	if (console->lost && console->pending.len == 0) {
		console->lost = false;
		/* A style may have been left without its end. */
		end_style(console, CONSOLE_FAINT);
		console_put(console, "\n(some lines were not shown here)\n");
	}
}

void console_flush_ready(struct console *console)
{
	if (!console->broken && write_ready(console) == 0)
		admit_loss(console);
}

void console_flush(struct console *console)
{
	while (!console->broken && console->pending.len > 0) {
		size_t before = console->pending.len;
		int rc = write_ready(console);

		if (rc == 0)
			admit_loss(console);
		else if (rc != EAGAIN || !await_room(console, console->pending.len == before))
			break;
	}
	console->pending.len = 0;
}
