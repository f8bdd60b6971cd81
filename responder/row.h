/*
 * A row of the transcript: when, who, and in a column of its own what was said.
 *
 *     12:31        Bob  Shall we eat?
 *     12:32      → Bob  Yes, *now*. I am already at the door, and
 *                       have the keys. ✓
 *     12:40      Ece !  it is me
 *     12:41  #lab Bob  Hello all
 *     12:42     → #lab  Hello ✓ 4 of 5 (waiting for Can)
 *     12:43  #lab: Can left
 *     12:44  Bob offers plan.pdf (2.1 MB): Get 3
 *     12:45      → Bob  offers cat.png (80 kB) ✓
 *     12:46  Bob has cat.png ✓
 *
 * Names are aligned at the text, which begins in ROW_TEXT_COLUMN; a name that is too long for that has a row to itself.
 * Whatever a text consists of, its rows begin in that column, and what is said by us left of it.
 */
#ifndef QUARTET_ROW_H
#define QUARTET_ROW_H

#include "store/chatlog.h"
#include "term/console.h"
#include "term/roomview.h"

#define ROW_TEXT_COLUMN 18
/* A time of day, "12:31", and its NUL. */
#define ROW_TIME_BYTES 6
/* As much of a message as tells it from others, and a NUL. */
#define ROW_BEGINNING_BYTES 64

enum row_fate {
	ROW_RECEIVED,
	ROW_WAITS,     /* own, and queued */
	ROW_SENT,      /* own, and away */
	ROW_DELIVERED, /* own, and confirmed */
	ROW_DROPPED,   /* own, and not sent any more */
};

/*
 * Collects a message, faint if it is to draw no attention. If it is in a room, rooms knows that, and reach who has one's own.
 */
void row_put_message(struct console *console, const struct chatlog_entry *entry, enum row_fate fate, bool faint,
    const struct roomview *rooms, const struct reach *reach);

/* Collects what happened in a room. */
void row_put_event(struct console *console, const struct chatlog_entry *entry, const struct roomview *rooms);

/* Collects an offer, or what was said or happened in a room, as a line for no terminal, in full. */
void row_put_line(struct console *console, const struct chatlog_entry *entry, const struct roomview *rooms);

/* Who has a file by now that was offered. */
struct row_fetched {
	int64_t time_ms;
	size_t count;	      /* so many since that was said last: */
	const char *username; /* the last of them */
	size_t holders;	      /* of those that it was offered to, in all */
};

/* Collects that: "12:46  Bob has cat.png ✓", or in a room "12:46  #lab 3 of 5 have cat.png ✓". */
void row_put_fetched(struct console *console, const struct chatlog_entry *offer, const struct row_fetched *fetched,
    const struct roomview *rooms);

/* Copies the first line of a text, or as much of it as there is room for; or the name of a file. */
void row_copy_beginning(char beginning[static ROW_BEGINNING_BYTES], const struct chatlog_entry *message);

/*
 * Collects a row that says of somebody's message, or messages, what has become of them, in words of ours and a foreign
 * line: the beginning of what was delivered, as much as fits the row, or why it was not. "12:35 ✓ Bob  delivered: Shall w…".
 */
void row_put_state(struct console *console, const struct chatlog_entry *entry, bool delivered, const char *words,
    const char *line);

/* The same of one's own message in a room, which others have by now: "12:35 ✓ #lab  12:31 ✓ 4 of 5 (waiting for Can): Shall w…". */
void row_put_reach(struct console *console, const struct chatlog_entry *message, int64_t time_ms,
    const struct roomview *rooms, const struct reach *reach, const char *words);

/* Collects a line across the screen: of a day, or the words before what is new. */
void row_put_day(struct console *console, int64_t time_ms);
void row_put_new(struct console *console);

/* Whether two moments are of the same day, in local time. */
bool row_is_same_day(int64_t left_ms, int64_t right_ms);

/* Writes the time of day. */
const char *row_format_time(int64_t time_ms, char text[static ROW_TIME_BYTES]);

#endif
