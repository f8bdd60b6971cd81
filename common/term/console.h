/*
 * What a program says to its user: collected, made harmless, laid out, and written in one go.
 *
 * Text is collected with console_put() and its kin and reaches the descriptor with console_flush(). Foreign text is
 * escaped on its way in, and on a terminal isolated if it is written from right to left; whole lines are then broken to
 * the width that the terminal has at that moment (layout.h). In a pipe or a file each line stays one. Colour is used
 * only on a terminal, and not if NO_COLOR is set (https://no-color.org) or TERM is "dumb". What is lost on the way, and
 * when, says outlet.h. Titles and bells are for terminals alone, and wait until all that was said before is out.
 */
#ifndef QUARTET_CONSOLE_H
#define QUARTET_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "term/outlet.h"

/* A program that must not wait offers what was not taken again after this. */
#define CONSOLE_RETRY_MS 25

enum console_style {
	CONSOLE_NORMAL,
	CONSOLE_STRONG,
	CONSOLE_FAINT,
	CONSOLE_GOOD,
	CONSOLE_WARNING,
	CONSOLE_BAD,
	CONSOLE_MARKED,		/* what was searched for */
	CONSOLE_FIRST_OF_NAMES, /* the colours that tell people apart, so many: */
};
#define CONSOLE_NAME_COLOURS 6

/* A longer title is cut. */
#define CONSOLE_TITLE_BYTES 160

struct console {
	struct outlet outlet;
	struct buffer text; /* collected, and not laid out yet */
	bool terminal;
	bool coloured;
	bool linked;			 /* the terminal takes links */
	bool titled;			 /* and titles and bells */
	bool title_waits, bell_waits;	 /* for what was said before them */
	char title[CONSOLE_TITLE_BYTES]; /* the last one, escaped */
};

/* Begins with an empty collection for descriptor fd, which stays the caller's; end with console_free(). */
void console_init(struct console *console, int fd);

/* Begins one that only collects, in the way of another, for console_put_all(); end with console_free(). */
void console_init_draft(struct console *draft, const struct console *console);

/* Flushes and releases. outlet.failed tells afterwards whether all came through. */
void console_free(struct console *console);

/* How many bytes were collected and are not written yet. */
size_t console_waiting_bytes(const struct console *console);

/* Collects formatted text of our own. Foreign strings do not belong in its arguments. */
void console_put(struct console *console, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same in a style, if colour is used. */
void console_put_styled(struct console *console, enum console_style style, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Collects foreign text on one line, escaped. */
void console_put_foreign(struct console *console, const char *text, size_t len);

/* Collects "cannot run OBJECT: No such file or directory", with what is to be run foreign. */
void console_put_failure(struct console *console, enum console_style style, const char *what, const char *object,
    int error);

/*
 * Collects a username in a style, escaped as text_escape_name() does; in quotation marks if it has punctuation or is
 * isolated, so that no name can pass for a mark of ours: "Ece [verified]". One that mixes scripts is marked as such.
 */
void console_put_name(struct console *console, enum console_style style, const char *name);

/* The same of a file, whose name may mix scripts: the ending is Latin in most. */
void console_put_filename(struct console *console, enum console_style style, const char *name);

/* Collects JSON on one line, with what a terminal would obey or not show as escapes of JSON: the same value. */
void console_put_json(struct console *console, const char *json, size_t len);

/* The colour of somebody's name, the same on every screen: of the identity if it is certain, of the name if that is NULL. */
enum console_style console_name_style(const char *name, const uint8_t *identity);

/*
 * Collects a foreign message: each line after the first begins on a line of its own, behind the bar of layout.h, so that
 * no text can pass for a line of ours. A tab becomes four spaces. On a terminal what richtext.h finds is styled.
 */
void console_put_message(struct console *console, const char *text, size_t len);

/* The same in a style, for a line with a margin (layout.h), in which the further lines stand. */
void console_put_beside_margin(struct console *console, enum console_style style, const char *text, size_t len);

/* Part of a text, in bytes from its beginning. */
struct console_mark {
	size_t begin, end;
};

/* Collects a foreign message as it was typed, with count parts of it, which follow each other, marked. */
void console_put_marked(struct console *console, const char *text, size_t len, const struct console_mark *marks,
    size_t count);

/* Moves all that a draft has collected to the end of what console has. */
void console_put_all(struct console *console, struct console *draft);

/* How wide and how high the terminal is by now, in characters; 0 if it is none, or does not know. */
unsigned console_width(const struct console *console);
unsigned console_height(const struct console *console);

/* Has the terminal show a title for its window: formatted text, with what is foreign in it escaped. */
void console_set_title(struct console *console, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Rings the terminal's bell, once however many wait to be. */
void console_ring(struct console *console);

/*
 * Writes what was collected. Blocks while the terminal or pipe takes nothing, until stop_requested(); what is left then
 * is dropped. A last line without its end is a question: what comes after it is taken to begin a line, as the user's
 * answer ends that one.
 */
void console_flush(struct console *console);

/* Writes as many of its lines as are taken without blocking, and keeps the rest. For programs that serve. */
void console_flush_ready(struct console *console);

#endif
