/*
 * Lines in rows: where a line is broken that is longer than the terminal is wide.
 *
 * A terminal that breaks lines by itself lets a stranger choose what a row begins with, and so write rows that look like
 * lines of ours. Lines are therefore broken here, between words, and every row after the first stands behind a bar that
 * none of our lines begins with. What comes in is ready to be shown (console.h): foreign text in it is escaped, so escape
 * sequences and isolates are our own. Nothing here blocks, knows a terminal or depends on the locale.
 */
#ifndef QUARTET_LAYOUT_H
#define QUARTET_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* What a row begins with that goes on with the line before. */
#define LAYOUT_BAR "    | "

/* Around text with another writing direction, so that it moves nothing outside: FIRST STRONG ISOLATE, POP ... ISOLATE. */
#define LAYOUT_ISOLATE "\u2068"
#define LAYOUT_POP_ISOLATE "\u2069"

/*
 * How many columns a character takes on any terminal, at most: where terminals differ (emoji, characters newer than this
 * library, private ones) the wider counts, since a row that is too short does no harm.
 */
unsigned layout_width(uint32_t code_point);

/*
 * Appends the lines at text, each but perhaps the last with its line feed, to rows, broken for a terminal that is
 * columns wide; 0 breaks nothing. Words stay whole if a row holds them; spaces at a break go. Styles (SGR sequences) and
 * isolates end before a break and go on behind the bar. Returns 0, or ENOMEM with rows unchanged.
 */
int layout_append(struct buffer *rows, const char *text, size_t len, unsigned columns)
    __attribute__((warn_unused_result));

#endif
