#include "row.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "net/address.h"
#include "term/fileview.h"
#include "term/layout.h"
#include "trust/mark.h"
#include "trust/verdict.h"

/* Between the time and the column of marks, with a space before the longest name. */
#define NAME_COLUMNS 11
#define SIGN_COLUMNS 2
/* What happened begins behind the time. */
#define EVENT_COLUMN 7

/* Behind what is cut. */
#define CUT "…"

/* How many of the first len bytes of a text are kept if it may have most: whole characters. */
static size_t whole_bytes(const char *text, size_t len, size_t most)
{
	if (len <= most)
		return len;
	while (most > 0 && ((unsigned char)text[most] & 0xc0) == 0x80)
		most--;
	return most;
}

static struct tm local_time(int64_t time_ms)
{
	time_t seconds = (time_t)(time_ms / 1000);
	struct tm local = {0};

	localtime_r(&seconds, &local);
	return local;
}

const char *row_format_time(int64_t time_ms, char text[static ROW_TIME_BYTES])
{
	struct tm local = local_time(time_ms);

	strftime(text, ROW_TIME_BYTES, "%H:%M", &local);
	return text;
}

bool row_is_same_day(int64_t left_ms, int64_t right_ms)
{
	struct tm left = local_time(left_ms), right = local_time(right_ms);

	return left.tm_yday == right.tm_yday && left.tm_year == right.tm_year;
}

void row_put_day(struct console *console, int64_t time_ms)
{
	struct tm local = local_time(time_ms);
	char day[64];

	strftime(day, sizeof(day), "%A, %Y-%m-%d", &local);
	console_put_styled(console, CONSOLE_FAINT, "──── %s ────\n", day);
}

void row_put_new(struct console *console)
{
	console_put_styled(console, CONSOLE_GOOD, "──── new ────\n");
}

/* Who it is: the address if there is no name. */
static void put_name(struct console *console, const struct chatlog_entry *entry, bool faint,
    const struct roomview *rooms)
{
	char ip[ADDRESS_TEXT_BYTES];

	if (entry->has_room)
		roomview_put_name(rooms, console, faint ? CONSOLE_FAINT : CONSOLE_NORMAL, entry->room);
	if (entry->has_room && entry->direction != CHATLOG_RECEIVED)
		return;
	console_put(console, "%s", entry->has_room ? " " : "");
	if (!entry->has_identity && strcmp(entry->username, VERDICT_NAMELESS) == 0)
		console_put_styled(console, CONSOLE_FAINT, "%s", address_format(entry->address, ip));
	else
		console_put_name(console,
		    faint ? CONSOLE_FAINT
			  : console_name_style(entry->username, entry->has_identity ? entry->identity : NULL),
		    entry->username);
}

/* Collects the sign of who sent a message, or a space. */
static void put_mark(struct console *console, const struct chatlog_entry *entry)
{
	const struct mark *mark = mark_find(entry->standing, entry->mode == CHATLOG_SECURE);

	if (mark)
		console_put_styled(console, mark->is_bad ? CONSOLE_BAD : CONSOLE_WARNING, "%c", mark->sign);
	else
		console_put(console, " ");
}

/* Everything up to the text. The sign is one character of ours, or "". */
static void begin(struct console *console, const struct chatlog_entry *entry, int64_t time_ms, const char *sign,
    bool faint, const struct roomview *rooms)
{
	char local[ROW_TIME_BYTES];
	struct console name;
	size_t width;

	console_init_draft(&name, console);
	put_name(&name, entry, faint, rooms);
	width = layout_measure(name.text.data, name.text.len) + (sign[0] != '\0' ? SIGN_COLUMNS : 0);
	console_put(console, LAYOUT_MARGIN "%c", ' ' + ROW_TEXT_COLUMN);
	console_put_styled(console, CONSOLE_FAINT, "%s%*s%s%s", row_format_time(time_ms, local),
	    width < NAME_COLUMNS ? (int)(NAME_COLUMNS - width) : 1, "", sign, sign[0] != '\0' ? " " : "");
	console_put_all(console, &name);
	console_free(&name);
	put_mark(console, entry);
	console_put(console, width < NAME_COLUMNS ? " " : LAYOUT_FEED);
}

/* The time, and the margin of what happened. */
static void begin_event(struct console *console, int64_t time_ms)
{
	char local[ROW_TIME_BYTES];

	console_put(console, LAYOUT_MARGIN "%c", ' ' + EVENT_COLUMN);
	console_put_styled(console, CONSOLE_FAINT, "%s  ", row_format_time(time_ms, local));
}

/* Collects an offer that was received: left of where texts begin, so that none passes for it. */
static void put_offer(struct console *console, const struct chatlog_entry *entry, bool faint,
    const struct roomview *rooms)
{
	begin_event(console, entry->time_ms);
	put_name(console, entry, faint, rooms);
	put_mark(console, entry);
	if (mark_find(entry->standing, entry->mode == CHATLOG_SECURE))
		console_put(console, " ");
	fileview_put_offer(console, faint ? CONSOLE_FAINT : CONSOLE_NORMAL, entry);
	console_put(console, "\n");
}

void row_put_message(struct console *console, const struct chatlog_entry *entry, enum row_fate fate, bool faint,
    const struct roomview *rooms, const struct reach *reach)
{
	bool is_for_members = entry->to_count > 0 && reach;

	if (entry->has_file && fate == ROW_RECEIVED) {
		put_offer(console, entry, faint, rooms);
		return;
	}
	faint |= fate == ROW_WAITS;
	begin(console, entry, entry->time_ms, fate == ROW_RECEIVED ? "" : "→", faint, rooms);
	if (entry->has_file)
		fileview_put_offer(console, faint ? CONSOLE_FAINT : CONSOLE_NORMAL, entry);
	else
		console_put_beside_margin(console, faint ? CONSOLE_FAINT : CONSOLE_NORMAL, entry->text,
		    entry->text_len);
	if (is_for_members) {
		console_put(console, " ");
		roomview_put_reach(rooms, console, entry, reach);
		fate = ROW_SENT;
	}
	if (fate == ROW_DELIVERED)
		console_put_styled(console, CONSOLE_FAINT, " ✓");
	if (fate == ROW_DROPPED)
		console_put_styled(console, CONSOLE_FAINT, " ✗ (dropped)");
	if (fate == ROW_WAITS)
		console_put_styled(console, CONSOLE_FAINT, " (waits)");
	console_put(console, "\n");
}

void row_put_event(struct console *console, const struct chatlog_entry *entry, const struct roomview *rooms)
{
	begin_event(console, entry->time_ms);
	roomview_put_event(rooms, console, entry);
	console_put(console, "\n");
}

void row_put_line(struct console *console, const struct chatlog_entry *entry, const struct roomview *rooms)
{
	char local[CLOCK_LOCAL_BYTES];

	clock_format_local(entry->time_ms, false, local);
	console_put_styled(console, CONSOLE_FAINT, "%s ", local);
	if (entry->kind == CHATLOG_EVENT) {
		roomview_put_event(rooms, console, entry);
	} else {
		const struct mark *mark = mark_find(entry->standing, entry->mode == CHATLOG_SECURE);

		console_put_styled(console, CONSOLE_GOOD, "[%s] ", chatlog_mode_word(entry->mode));
		if (entry->standing)
			console_put_styled(console,
			    !mark	   ? CONSOLE_GOOD
			    : mark->is_bad ? CONSOLE_BAD
					   : CONSOLE_WARNING,
			    "[%s] ", entry->standing);
		put_name(console, entry, false, rooms);
		console_put(console, entry->has_file ? " " : ": ");
		if (entry->has_file)
			fileview_put_offer(console, CONSOLE_NORMAL, entry);
		else
			console_put_message(console, entry->text, entry->text_len);
	}
	console_put(console, "\n");
}

void row_put_fetched(struct console *console, const struct chatlog_entry *offer, const struct row_fetched *fetched,
    const struct roomview *rooms)
{
	bool is_named = fetched->count == 1 || !offer->has_room;

	begin_event(console, fetched->time_ms);
	if (offer->has_room) {
		roomview_put_name(rooms, console, CONSOLE_FAINT, offer->room);
		console_put(console, " ");
	}
	if (is_named)
		console_put_name(console, CONSOLE_FAINT, fetched->username);
	else
		console_put_styled(console, CONSOLE_FAINT, "%zu of %zu", fetched->holders, offer->to_count);
	console_put_styled(console, CONSOLE_FAINT, is_named ? " has " : " have ");
	console_put_filename(console, CONSOLE_FAINT, offer->file.name);
	console_put_styled(console, CONSOLE_GOOD, " ✓");
	if (is_named && offer->has_room)
		console_put_styled(console, CONSOLE_FAINT, " %zu of %zu", fetched->holders, offer->to_count);
	console_put(console, "\n");
}

void row_copy_beginning(char beginning[static ROW_BEGINNING_BYTES], const struct chatlog_entry *message)
{
	const size_t most = ROW_BEGINNING_BYTES - sizeof(CUT);
	const char *text = message->has_file ? message->file.name : message->text;
	size_t len = message->has_file ? strlen(text) : message->text_len;
	const char *feed = memchr(text, '\n', len);
	size_t kept = feed ? (size_t)(feed - text) : len;

	kept = whole_bytes(text, kept, most);
	memcpy(beginning, text, kept);
	strcpy(beginning + kept, kept < len ? CUT : "");
}

/* Collects as much of a line as there is room for in a row. */
static void put_cut(struct console *console, const char *line, size_t columns)
{
	size_t len = strlen(line), kept = len;
	bool fits;

	do {
		struct console draft;

		console_init_draft(&draft, console);
		console_put_foreign(&draft, line, kept);
		console_put(&draft, "%s", kept < len ? CUT : "");
		fits = kept == 0 || layout_measure(draft.text.data, draft.text.len) <= columns;
		if (fits)
			console_put_all(console, &draft);
		else
			kept = whole_bytes(line, kept, kept - 1);
		console_free(&draft);
	} while (!fits);
}

/* Puts the words of ours, and behind them as much of a foreign line as fits. */
static void put_beginning(struct console *console, struct console *words, const char *line)
{
	size_t width = console_width(console);
	size_t taken = ROW_TEXT_COLUMN + layout_measure(words->text.data, words->text.len);

	console_put_all(console, words);
	put_cut(console, line, width == 0 ? SIZE_MAX : width > taken ? width - taken : 0);
	console_free(words);
}

void row_put_state(struct console *console, const struct chatlog_entry *entry, bool delivered, const char *words,
    const char *line)
{
	struct chatlog_entry named = *entry;
	struct console draft;

	/* No mark: it is nobody's message. */
	named.mode = CHATLOG_SECURE;
	named.standing = NULL;
	named.has_room = false;
	begin(console, &named, entry->time_ms, delivered ? "✓" : "✗", true, NULL);
	console_init_draft(&draft, console);
	console_put_styled(&draft, delivered ? CONSOLE_FAINT : CONSOLE_WARNING, "%s", words);
	if (delivered) {
		put_beginning(console, &draft, line);
	} else {
		console_put_all(console, &draft);
		console_free(&draft);
		console_put_foreign(console, line, strlen(line));
	}
	console_put(console, "\n");
}

void row_put_reach(struct console *console, const struct chatlog_entry *message, int64_t time_ms,
    const struct roomview *rooms, const struct reach *reach, const char *words)
{
	char beginning[ROW_BEGINNING_BYTES], local[ROW_TIME_BYTES];
	struct console draft;

	begin(console, message, time_ms, reach_count(reach) > 0 ? "✓" : "✗", true, rooms);
	console_init_draft(&draft, console);
	console_put_styled(&draft, CONSOLE_FAINT, "%s%s ", words, row_format_time(message->time_ms, local));
	roomview_put_reach(rooms, &draft, message, reach);
	console_put_styled(&draft, CONSOLE_FAINT, ": ");
	row_copy_beginning(beginning, message);
	put_beginning(console, &draft, beginning);
	console_put(console, "\n");
}
