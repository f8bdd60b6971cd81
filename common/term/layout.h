/*
 * Lines in rows: where a line is broken that is longer than the terminal is wide.
 *
 * A terminal that breaks lines by itself lets a stranger choose what a row begins with, and so write rows that look like
 * lines of ours. Lines are therefore broken here, between words, and every row after the first stands behind a bar that
 * none of our lines begins with, or further to the right. What comes in is ready to be shown (console.h): foreign text in
 * it is escaped, so escape sequences, isolates and the two control characters below are our own. Nothing here blocks, knows
 * a terminal or depends on the locale.
 */
#ifndef QUARTET_LAYOUT_H
#define QUARTET_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* What a row begins with that goes on with the line before. */
#define LAYOUT_BAR "    | "

/*
 * A line may begin with this, and a character that many columns above ' ': then its further rows have so many spaces, or,
 * if the terminal is narrow, as many as the bar has columns. Within such a line LAYOUT_FEED begins a row.
 */
#define LAYOUT_MARGIN "\v"
#define LAYOUT_FEED "\f"
#define LAYOUT_MARGIN_MAX 60

/* Around a link, with the address between the first two (OSC 8). */
#define LAYOUT_LINK "\033]8;;"
#define LAYOUT_END "\033\\"
#define LAYOUT_POP_LINK LAYOUT_LINK LAYOUT_END

/* Around text with another writing direction, so that it moves nothing outside: FIRST STRONG ISOLATE, POP ... ISOLATE. */
#define LAYOUT_ISOLATE "\u2068"
#define LAYOUT_POP_ISOLATE "\u2069"

/* How many columns a character takes on any terminal, at most: a row that is too short does no harm. */
unsigned layout_width(uint32_t code_point);

/* How many columns a text takes that is laid out in one row. */
size_t layout_measure(const char *text, size_t len);

/*
 * Appends the lines at text, each but perhaps the last with its line feed, to rows, broken for a terminal that is
 * columns wide; 0 breaks nothing. Words stay whole if a row holds them; spaces at a break go. Styles (SGR sequences),
 * links and isolates end before a break and go on behind the bar or margin. Returns 0, or ENOMEM with rows unchanged.
 */
int layout_append(struct buffer *rows, const char *text, size_t len, unsigned columns)
    __attribute__((warn_unused_result));

#endif
