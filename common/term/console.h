/*
 * What a program says to its user, gathered and written in one go.
 *
 * Text is collected with console_put() and its kin and reaches the descriptor with console_flush(). Foreign text is
 * escaped on its way in. Colour is used only on a terminal, and not where NO_COLOR is set (https://no-color.org) or
 * TERM is "dumb". A reader who went away, or memory that ran out, loses words and never ends the program.
 */
#ifndef QUARTET_CONSOLE_H
#define QUARTET_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/* What a terminal or pipe does not take is kept up to this; what comes then is dropped, and said to be. */
#define CONSOLE_BACKLOG_MAX_BYTES (1024 * 1024)
/* A program that must not wait offers what was not taken again after this. */
#define CONSOLE_RETRY_MS 100

enum console_style {
	CONSOLE_NORMAL,
	CONSOLE_STRONG,
	CONSOLE_FAINT,
	CONSOLE_GOOD,
	CONSOLE_WARNING,
	CONSOLE_BAD,
};

struct console {
	int fd;
	bool own;     /* fd was opened here, and does not block */
	bool regular; /* fd is a file on a disk */
	bool coloured;
	bool broken; /* nobody reads any more */
	bool failed; /* something could not be written */
	bool lost;   /* text was dropped since the last flush that wrote all */
	struct buffer pending;
};

/* Begins with an empty collection for descriptor fd, which stays the caller's; end with console_free(). */
void console_init(struct console *console, int fd);

/* Flushes and releases. failed tells afterwards whether all came through. */
void console_free(struct console *console);

/* Collects formatted text of our own. Foreign strings do not belong in its arguments. */
void console_put(struct console *console, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same in a style, where colour is used. */
void console_put_styled(struct console *console, enum console_style style, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Collects len bytes of foreign text on one line, escaped. */
void console_put_foreign(struct console *console, const char *text, size_t len);

/*
 * Collects a NUL-terminated username in a style, escaped as text_escape_name() does; in quotation marks where it has
 * brackets, colons, bars or the like (text_has_punctuation()), so that no name can pass for a mark of ours: "Ece
 * [verified]".
 */
void console_put_name(struct console *console, enum console_style style, const char *name);

/*
 * Collects a foreign message that may have several lines: each line after the first begins on a line of its own, behind
 * a bar that no first line begins with, so that no text can pass for a line of ours.
 */
void console_put_message(struct console *console, const char *text, size_t len);

/* Moves all that source has collected to the end of what console has. */
void console_put_all(struct console *console, struct console *source);

/*
 * Writes what was collected. Blocks while the terminal or pipe takes nothing, until stop_requested(); what is left then
 * is dropped.
 */
void console_flush(struct console *console);

/* Writes as much of it as the terminal or pipe takes without blocking, and keeps the rest. For programs that serve. */
void console_flush_ready(struct console *console);

#endif
