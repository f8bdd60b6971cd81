#include "console.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stop.h"
#include "text.h"

/* A pipe that is ready takes this much without blocking (pipe(7): PIPE_BUF); for a terminal it is no more than usual. */
#define CHUNK_BYTES 4096
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

void console_init(struct console *console, int fd)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	*console = (struct console){.fd = fd};
	console->coloured = isatty(fd) && !(no_color && no_color[0] != '\0') && !(term && strcmp(term, "dumb") == 0);
}

void console_free(struct console *console)
{
	console_flush(console);
	buffer_free(&console->pending);
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
	begin_style(console, style);
	console_put_foreign(console, name, strlen(name));
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

/*
 * How much may be written at once; 0 where nothing may be, because nobody reads any more or, after a wait if there is to
 * be one, because stopping is more urgent.
 */
static size_t await_room(const struct console *console, bool waits)
{
	struct pollfd wait = {.fd = console->fd, .events = POLLOUT};
	static const struct timespec at_once;
	struct stat status;

	if (fstat(console->fd, &status) == 0 && S_ISREG(status.st_mode))
		return console->pending.len;
	for (;;) {
		int ready = ppoll(&wait, 1, waits && !stop_requested() ? NULL : &at_once, stop_wait_mask());

		if (ready > 0)
			return CHUNK_BYTES;
		if (ready == 0 || errno != EINTR)
			return 0;
	}
}

static void flush(struct console *console, bool waits)
{
	size_t written = 0;

	while (written < console->pending.len && !console->broken) {
		size_t left = console->pending.len - written;
		size_t room = await_room(console, waits);
		ssize_t done =
		    room ? write(console->fd, console->pending.data + written, left < room ? left : room) : 0;

		if (room == 0)
			break;
		if (done >= 0)
			written += (size_t)done;
		else if (errno != EINTR && errno != EAGAIN)
			console->broken = true;
	}
	buffer_consume(&console->pending, console->broken ? console->pending.len : written);
}

static void admit_loss(struct console *console)
{
	if (console->lost && console->pending.len == 0) {
		console->lost = false;
		console_put(console, "\n(some lines were not shown here)\n");
	}
}

void console_flush_ready(struct console *console)
{
	flush(console, false);
	admit_loss(console);
}

void console_flush(struct console *console)
{
	flush(console, true);
	admit_loss(console);
	/* What is left now is left because the user wants to stop. */
	flush(console, true);
	console->pending.len = 0;
}
