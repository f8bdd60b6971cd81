#include "term/console.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"
#include "term/layout.h"
#include "term/richtext.h"
#include "trust/lookalike.h"

/* Foreign text is escaped piece by piece, so that its length needs no memory. */
#define PIECE_BYTES 256

#define TAB "    "

#define RESET "\033[0m"
/* A colour as those of names. */
#define CODE_STYLE ";38;5;131"
#define TITLE_BEGIN "\033]2;"
#define TITLE_END "\033\\"
#define BELL "\007"

/* The descriptor of a draft. */
#define NOWHERE (-1)

/* Not 32 and 33: many terminals have colours there that cannot be read on white. */
static const char *const style_codes[] = {
    [CONSOLE_NORMAL] = "",
    [CONSOLE_STRONG] = "1",
    [CONSOLE_FAINT] = "2",
    [CONSOLE_GOOD] = "38;5;28",
    [CONSOLE_WARNING] = "38;5;136",
    [CONSOLE_BAD] = "31",
    [CONSOLE_MARKED] = "7",
    /* Brown, olive, teal, blue, violet, magenta: as far from black as from white, and neither red nor green. */
    [CONSOLE_FIRST_OF_NAMES] = "38;5;130",
    "38;5;64",
    "38;5;30",
    "38;5;27",
    "38;5;98",
    "38;5;163",
};

void console_init(struct console *console, int fd)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	*console = (struct console){.terminal = isatty(fd)};
	console->titled = console->terminal && !(term && strcmp(term, "dumb") == 0);
	console->coloured = console->titled && !(no_color && no_color[0] != '\0');
	console->linked = console->titled && richtext_links_work(term, getenv("TERM_PROGRAM"),
						 getenv("TERM_PROGRAM_VERSION"), getenv("TMUX"), getenv("VTE_VERSION"));
	outlet_init(&console->outlet, fd, console->coloured ? RESET : "");
}

void console_init_draft(struct console *draft, const struct console *console)
{
	*draft = (struct console){
	    .outlet = {.fd = NOWHERE},
	    .terminal = console->terminal,
	    .coloured = console->coloured,
	    .linked = console->linked,
	};
}

void console_free(struct console *console)
{
	if (console->outlet.fd != NOWHERE) {
		console_flush(console);
		outlet_free(&console->outlet);
	}
	buffer_free(&console->text);
}

size_t console_waiting_bytes(const struct console *console)
{
	return console->text.len + console->outlet.backlog.len + console->title_waits + console->bell_waits;
}

static void collect(struct console *console, const char *bytes, size_t len)
{
	if (!outlet_takes(&console->outlet, console->text.len) || buffer_append(&console->text, bytes, len) != 0)
		outlet_lose(&console->outlet, bytes, len);
}

__attribute__((format(printf, 2, 0))) static void collect_format(struct console *console, const char *format,
    va_list arguments)
{
	/* What ends lines is in the format. */
	if (!outlet_takes(&console->outlet, console->text.len) ||
	    buffer_vprintf(&console->text, format, arguments) != 0)
		outlet_lose(&console->outlet, format, strlen(format));
}

static void begin_style(struct console *console, enum console_style style)
{
	if (console->coloured && style != CONSOLE_NORMAL)
		console_put(console, "\033[%sm", style_codes[style]);
}

/* Before the end of a line, if that was collected, so that the next one begins with its own. */
static void end_style(struct console *console, enum console_style style)
{
	size_t len = console->text.len;
	bool has_ended = len > 0 && console->text.data[len - 1] == '\n' && outlet_takes(&console->outlet, len);

	if (!console->coloured || style == CONSOLE_NORMAL)
		return;
	console->text.len -= has_ended;
	collect(console, has_ended ? RESET "\n" : RESET, strlen(RESET) + has_ended);
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

/* How much of a text is escaped at once. */
static size_t piece_len(const char *text, size_t len)
{
	size_t piece = len < PIECE_BYTES ? len : PIECE_BYTES;

	/* Cut between characters: up to three continuation bytes go to the next piece. */
	for (int i = 0; i < 3 && piece < len && piece > 1 && ((unsigned char)text[piece] & 0xc0) == 0x80; i++)
		piece--;
	return piece;
}

/* Escapes a text that is well-formed or not, and collects it. */
static void collect_escaped(struct console *console, const char *text, size_t len)
{
	char escaped[PIECE_BYTES * TEXT_ESCAPE_FACTOR + 1];

	while (len > 0) {
		size_t piece = piece_len(text, len);

		collect(console, escaped, text_escape(escaped, sizeof(escaped), text, piece));
		text += piece;
		len -= piece;
	}
}

/* Whether a foreign text could move what stands beside it on the screen. */
static bool needs_isolation(const struct console *console, const char *text, size_t len)
{
	return console->terminal && text_has_right_to_left(text, len);
}

/* Collects one of the marks around such a text. */
static void collect_if(struct console *console, bool condition, const char *mark)
{
	if (condition)
		collect(console, mark, strlen(mark));
}

void console_put_foreign(struct console *console, const char *text, size_t len)
{
	bool isolated = needs_isolation(console, text, len);

	collect_if(console, isolated, LAYOUT_ISOLATE);
	collect_escaped(console, text, len);
	collect_if(console, isolated, LAYOUT_POP_ISOLATE);
}

void console_put_failure(struct console *console, enum console_style style, const char *what, const char *object,
    int error)
{
	console_put_styled(console, style, "cannot %s ", what);
	console_put_foreign(console, object, strlen(object));
	console_put(console, ": %s\n", strerror(error));
}

void console_put_json(struct console *console, const char *json, size_t len)
{
	char escaped[PIECE_BYTES * TEXT_JSON_FACTOR];

	while (len > 0) {
		size_t piece = piece_len(json, len);

		collect(console, escaped, text_escape_json(escaped, json, piece));
		json += piece;
		len -= piece;
	}
}

void console_put_filename(struct console *console, enum console_style style, const char *name)
{
	char escaped[NAME_MAX * TEXT_ESCAPE_FACTOR + 1];
	size_t len = text_escape_name(escaped, sizeof(escaped), name, strlen(name));
	bool isolated = needs_isolation(console, name, strlen(name));
	/*
	 * With what stands around names in our lines, a name could pass for a mark of ours. Isolates take no room, and
	 * tmux drops them at the beginning of a line.
	 */
	bool quoted = isolated || text_has_punctuation(name, strlen(name));

	begin_style(console, style);
	collect_if(console, quoted, "\"");
	collect_if(console, isolated, LAYOUT_ISOLATE);
	collect(console, escaped, len);
	collect_if(console, isolated, LAYOUT_POP_ISOLATE);
	collect_if(console, quoted, "\"");
	end_style(console, style);
}

void console_put_name(struct console *console, enum console_style style, const char *name)
{
	console_put_filename(console, style, name);
	if (lookalike_mixes_scripts(name))
		console_put_styled(console, CONSOLE_WARNING, " [mixed scripts]");
}

enum console_style console_name_style(const char *name, const uint8_t *identity)
{
	uint32_t sum = 2166136261u;

	/* It keeps no secret, so the simplest hash that spreads will do (FNV-1a). */
	for (; !identity && *name != '\0'; name++)
		sum = (sum ^ (unsigned char)*name) * 16777619u;
	return CONSOLE_FIRST_OF_NAMES + (identity ? identity[0] : sum >> 16) % CONSOLE_NAME_COLOURS;
}

/* Collects a piece of a message, with its tabs. */
static void collect_piece(struct console *console, const char *text, size_t len)
{
	for (;;) {
		const char *tab = memchr(text, '\t', len);
		size_t piece_len = tab ? (size_t)(tab - text) : len;

		collect_escaped(console, text, piece_len);
		if (!tab)
			break;
		collect(console, TAB, strlen(TAB));
		text = tab + 1;
		len -= piece_len + 1;
	}
}

/* Collects a piece of a message in its styles and the one of the whole, which each sequence sets all of. */
static void put_piece(struct console *console, enum console_style style, const struct richtext_piece *piece)
{
	bool styled = console->coloured && (piece->styles || style != CONSOLE_NORMAL);
	bool is_link = console->linked && piece->styles & RICHTEXT_LINK;

	if (styled)
		console_put(console, "\033[0%s%s%s%s%s%sm", style != CONSOLE_NORMAL ? ";" : "", style_codes[style],
		    piece->styles & RICHTEXT_BOLD ? ";1" : "", piece->styles & RICHTEXT_ITALIC ? ";3" : "",
		    piece->styles & RICHTEXT_CODE ? CODE_STYLE : "", piece->styles & RICHTEXT_MARK ? ";2" : "");
	/* All of a link is visible ASCII. */
	if (is_link)
		console_put(console, LAYOUT_LINK "%.*s" LAYOUT_END, (int)piece->len, piece->text);
	collect_piece(console, piece->text, piece->len);
	if (is_link)
		console_put(console, LAYOUT_POP_LINK);
	if (styled)
		collect(console, RESET, strlen(RESET));
}

/* Collects a line of a message in its styles. */
static void put_styled_line(struct console *console, enum console_style style, const char *line, size_t len)
{
	struct richtext rich;
	struct richtext_piece piece;

	richtext_begin(&rich, line, len);
	while (richtext_next(&rich, &piece))
		put_piece(console, style, &piece);
}

/* Collects a line, from begin to end of the text, and marks what count marks have of it. */
static void put_marked_line(struct console *console, const char *text, size_t begin, size_t end,
    const struct console_mark *marks, size_t count)
{
	for (size_t i = 0; i < count && marks[i].begin < end; i++) {
		size_t from = marks[i].begin > begin ? marks[i].begin : begin;
		size_t to = marks[i].end < end ? marks[i].end : end;

		if (to <= begin)
			continue;
		collect_piece(console, text + begin, from - begin);
		begin_style(console, CONSOLE_MARKED);
		collect_piece(console, text + from, to - from);
		end_style(console, CONSOLE_MARKED);
		begin = to;
	}
	collect_piece(console, text + begin, end - begin);
}

/* Collects the lines of a message with a feed of ours between them; with marks, or else in styles. */
static void put_lines(struct console *console, enum console_style style, const char *text, size_t len,
    const char *our_feed, const struct console_mark *marks, size_t count)
{
	for (size_t begin = 0;;) {
		const char *feed = memchr(text + begin, '\n', len - begin);
		size_t end = feed ? (size_t)(feed - text) : len;
		bool isolated = needs_isolation(console, text + begin, end - begin);

		collect_if(console, isolated, LAYOUT_ISOLATE);
		if (marks || !console->terminal)
			put_marked_line(console, text, begin, end, marks, count);
		else
			put_styled_line(console, style, text + begin, end - begin);
		collect_if(console, isolated, LAYOUT_POP_ISOLATE);
		if (!feed)
			return;
		collect(console, our_feed, strlen(our_feed));
		begin = end + 1;
	}
}

void console_put_message(struct console *console, const char *text, size_t len)
{
	put_lines(console, CONSOLE_NORMAL, text, len, "\n" LAYOUT_BAR, NULL, 0);
}

void console_put_beside_margin(struct console *console, enum console_style style, const char *text, size_t len)
{
	put_lines(console, style, text, len, LAYOUT_FEED, NULL, 0);
}

void console_put_marked(struct console *console, const char *text, size_t len, const struct console_mark *marks,
    size_t count)
{
	put_lines(console, CONSOLE_NORMAL, text, len, "\n" LAYOUT_BAR, marks, count);
}

void console_put_all(struct console *console, struct console *draft)
{
	collect(console, draft->text.data, draft->text.len);
	console->outlet.lost |= draft->outlet.lost;
	console->outlet.lost_lines += draft->outlet.lost_lines;
	draft->outlet.lost = false;
	draft->outlet.lost_lines = 0;
	draft->text.len = 0;
}

void console_set_title(struct console *console, const char *format, ...)
{
	char text[4 * CONSOLE_TITLE_BYTES], title[CONSOLE_TITLE_BYTES];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	text_escape(title, sizeof(title), text, strlen(text));
	if (!console->titled || strcmp(title, console->title) == 0)
		return;
	strcpy(console->title, title);
	console->title_waits = true;
}

void console_ring(struct console *console)
{
	console->bell_waits = console->titled;
}

/* Hands the outlet the title and the bell, if nothing else is to be written before them. */
static void put_signals(struct console *console)
{
	if (console->outlet.backlog.len > 0 || console->outlet.broken)
		return;
	if (console->title_waits &&
	    buffer_printf(&console->outlet.backlog, TITLE_BEGIN "%s" TITLE_END, console->title) != 0)
		return;
	console->title_waits = false;
	console->bell_waits = console->bell_waits && buffer_append(&console->outlet.backlog, BELL, strlen(BELL)) != 0;
}

static struct winsize size_of(const struct console *console)
{
	struct winsize size = {0};

	if (console->terminal)
		ioctl(console->outlet.fd, TIOCGWINSZ, &size);
	return size;
}

unsigned console_width(const struct console *console)
{
	return size_of(console).ws_col;
}

unsigned console_height(const struct console *console)
{
	return size_of(console).ws_row;
}

/* Hands the outlet the first len bytes of what was collected, in rows. */
static void lay_out(struct console *console, size_t len)
{
	if (len > 0 && !console->outlet.broken &&
	    layout_append(&console->outlet.backlog, console->text.data, len, console_width(console)) != 0)
		outlet_lose(&console->outlet, console->text.data, len);
	buffer_consume(&console->text, len);
}

void console_flush_ready(struct console *console)
{
	const char *feed = console->text.len > 0 ? memrchr(console->text.data, '\n', console->text.len) : NULL;

	lay_out(console, feed ? (size_t)(feed + 1 - console->text.data) : 0);
	outlet_flush_ready(&console->outlet);
	put_signals(console);
	outlet_flush_ready(&console->outlet);
	if (console->outlet.broken)
		console->text.len = 0;
}

void console_flush(struct console *console)
{
	put_signals(console);
	lay_out(console, console->text.len);
	outlet_flush(&console->outlet);
}
