#include "term/layout.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unictype.h>
#include <unigbrk.h>
#include <unilbrk.h>
#include <uniwidth.h>

#include "base/text.h"

#define BAR_COLUMNS (sizeof(LAYOUT_BAR) - 1)
/* Behind the bar there is room for the widest character; a terminal narrower than that is written as if it had it. */
#define LEAST_COLUMNS (BAR_COLUMNS + 2)

#define ESCAPE '\033'
#define STYLE_LAST 'm'
#define STYLE_RESET "\033[0m"

unsigned layout_width(uint32_t code_point)
{
	int width;

	if (code_point >= ' ' && code_point <= '~')
		return 1;
	/* It makes a narrow character before it an emoji, which is wide. */
	if (code_point == 0xfe0f)
		return 1;
	/* Newer versions of Unicode made wide what the two ranges have. */
	if (uc_is_property(code_point, UC_PROPERTY_EMOJI_PRESENTATION) ||
	    uc_is_general_category_withtable(code_point, UC_CATEGORY_MASK_Cn | UC_CATEGORY_MASK_Co) ||
	    (code_point >= 0x3248 && code_point <= 0x324f) || (code_point >= 0x4dc0 && code_point <= 0x4dff))
		return 2;
	width = uc_width(code_point, "UTF-8");
	/* The signs of Arabic that enclose a number count as formatting, and show. */
	if (width == 0 && uc_is_general_category(code_point, UC_CATEGORY_Cf) &&
	    !uc_is_property(code_point, UC_PROPERTY_DEFAULT_IGNORABLE_CODE_POINT))
		width = 1;
	return width > 0 ? (unsigned)width : 0;
}

/* A character, or one of our escape sequences, which take no room. */
struct unit {
	const char *text;
	size_t len;
	unsigned width;
};

static bool is_link(const char *text, const char *end)
{
	return (size_t)(end - text) >= strlen(LAYOUT_LINK) && memcmp(text, LAYOUT_LINK, strlen(LAYOUT_LINK)) == 0;
}

static struct unit unit_at(const char *text, const char *end)
{
	struct unit unit = {.text = text};
	const char *cursor = text;

	if (is_link(text, end)) {
		cursor = memmem(text, (size_t)(end - text), LAYOUT_END, strlen(LAYOUT_END));
		cursor = cursor ? cursor + strlen(LAYOUT_END) : end;
	} else if (*text == ESCAPE) {
		cursor = memchr(text, STYLE_LAST, (size_t)(end - text));
		cursor = cursor ? cursor + 1 : end;
	} else {
		unit.width = layout_width(text_next(&cursor, end));
	}
	unit.len = (size_t)(cursor - text);
	return unit;
}

static size_t width_of(const char *text, const char *end)
{
	size_t width = 0;

	while (text < end) {
		struct unit unit = unit_at(text, end);

		width += unit.width;
		text += unit.len;
	}
	return width;
}

/* The line that is being broken, and what stands of it. */
struct layout {
	struct buffer *rows;
	size_t columns;
	size_t column; /* where the next character goes */
	size_t margin; /* where rows after the first begin */
	bool barred;   /* behind the bar */
	const char *line, *end;
	const char *words;	 /* by byte of the line: UC_BREAK_POSSIBLE if Unicode lets a row begin there */
	const char *characters;	 /* by byte of the line: 1 if what a reader takes for a character begins there */
	struct unit style, link; /* those in force; without length if none is */
	bool isolated;
	int rc;
};

static const char spaces[LAYOUT_MARGIN_MAX + 1] = "                                                            ";

static void put(struct layout *layout, const char *bytes, size_t len)
{
	if (layout->rc == 0)
		layout->rc = buffer_append(layout->rows, bytes, len);
}

static void put_unit(struct layout *layout, struct unit unit)
{
	put(layout, unit.text, unit.len);
	layout->column += unit.width;
	if (is_link(unit.text, unit.text + unit.len)) {
		layout->link = unit;
		if (unit.len == strlen(LAYOUT_POP_LINK))
			layout->link.len = 0;
	} else if (*unit.text == ESCAPE) {
		layout->style = unit;
		if (unit.len == strlen(STYLE_RESET) && memcmp(unit.text, STYLE_RESET, unit.len) == 0)
			layout->style.len = 0;
	} else if (unit.len == strlen(LAYOUT_ISOLATE)) {
		layout->isolated |= memcmp(unit.text, LAYOUT_ISOLATE, unit.len) == 0;
		layout->isolated &= memcmp(unit.text, LAYOUT_POP_ISOLATE, unit.len) != 0;
	}
}

static void begin_row(struct layout *layout)
{
	if (layout->isolated)
		put(layout, LAYOUT_POP_ISOLATE, strlen(LAYOUT_POP_ISOLATE));
	if (layout->style.len > 0)
		put(layout, STYLE_RESET, strlen(STYLE_RESET));
	if (layout->link.len > 0)
		put(layout, LAYOUT_POP_LINK, strlen(LAYOUT_POP_LINK));
	put(layout, "\n", 1);
	put(layout, layout->barred ? LAYOUT_BAR : spaces, layout->margin);
	put(layout, layout->style.text, layout->style.len);
	put(layout, layout->link.text, layout->link.len);
	if (layout->isolated)
		put(layout, LAYOUT_ISOLATE, strlen(LAYOUT_ISOLATE));
	layout->column = layout->margin;
}

/* Spaces at which a row may end; those that Unicode says hold words together are no such. */
static bool is_gap(const char *text, const char *end)
{
	uint32_t code_point = text_next(&text, end);

	return code_point == ' ' || (uc_is_general_category(code_point, UC_CATEGORY_Zs) && code_point != 0xa0 &&
					code_point != 0x2007 && code_point != 0x202f);
}

static const char *end_of_gap(const struct layout *layout, const char *text)
{
	while (text < layout->end && is_gap(text, layout->end))
		text += unit_at(text, layout->end).len;
	return text;
}

/* A word ends at a gap, and between wide characters, as Chinese and Japanese have no gaps, if Unicode allows it. */
static const char *end_of_word(const struct layout *layout, const char *text)
{
	unsigned width_before = 0;

	for (const char *begin = text; text < layout->end && !is_gap(text, layout->end);) {
		struct unit unit = unit_at(text, layout->end);

		if (text > begin && layout->words[text - layout->line] == UC_BREAK_POSSIBLE &&
		    (width_before == 2 || unit.width == 2))
			break;
		width_before = unit.width;
		text += unit.len;
	}
	return text;
}

/* The width of what a reader takes for one character, if it begins at unit and fits into a row; else that of the unit. */
static size_t width_together(const struct layout *layout, struct unit unit)
{
	const char *end = unit.text + unit.len;
	size_t width;

	if (layout->characters[unit.text - layout->line] != 1)
		return unit.width;
	while (end < layout->end && layout->characters[end - layout->line] != 1)
		end++;
	width = width_of(unit.text, end);
	return width <= layout->columns - layout->margin ? width : unit.width;
}

/* Puts what is a word, or what there is room for of a gap. */
static void put_part(struct layout *layout, const char *text, const char *end, bool is_word)
{
	while (text < end) {
		struct unit unit = unit_at(text, end);
		size_t width = is_word ? width_together(layout, unit) : unit.width;

		if (layout->column + width > layout->columns && !is_word)
			return;
		if (layout->column + width > layout->columns)
			begin_row(layout);
		put_unit(layout, unit);
		text += unit.len;
	}
}

/*
 * Puts what stands before layout->end, between words: each with the gap before it on this row, on the next, or, if no row
 * holds the word, on several.
 */
static void put_words(struct layout *layout, const char *gap)
{
	while (gap < layout->end) {
		const char *word = end_of_gap(layout, gap), *end = end_of_word(layout, word);
		size_t gap_width = width_of(gap, word), word_width = width_of(word, end);
		bool fits = layout->column + gap_width + word_width <= layout->columns;
		bool fits_alone = layout->margin + word_width <= layout->columns;

		if (word < end && !fits && (fits_alone || layout->column + gap_width >= layout->columns))
			begin_row(layout);
		else
			put_part(layout, gap, word, false);
		put_part(layout, word, end, true);
		gap = end;
	}
}

/* Takes the margin off the beginning of a line, if it has one. */
static void take_margin(struct layout *layout)
{
	layout->barred = (size_t)(layout->end - layout->line) < 2 || *layout->line != *LAYOUT_MARGIN;
	layout->margin = BAR_COLUMNS;
	if (layout->barred)
		return;
	if (layout->columns == 0 || (size_t)(layout->line[1] - ' ') <= layout->columns / 2)
		layout->margin = (size_t)(layout->line[1] - ' ');
	layout->line += 2;
}

/* Appends a line, without its line feed, in rows. */
static int append_line(struct buffer *rows, const char *line, size_t len, size_t columns)
{
	struct layout layout = {.rows = rows, .columns = columns, .line = line, .end = line + len};
	const char *end = layout.end, *feed;
	char *found;

	take_margin(&layout);
	line = layout.line;
	len = (size_t)(end - line);
	feed = layout.barred ? NULL : memchr(line, *LAYOUT_FEED, len);
	if (!feed && (columns == 0 || width_of(line, end) <= columns))
		return buffer_append(rows, line, len);
	if (columns == 0)
		layout.columns = SIZE_MAX;
	found = malloc(2 * len);
	if (!found)
		return ENOMEM;
	u8_possible_linebreaks((const uint8_t *)line, len, "UTF-8", found);
	u8_grapheme_breaks((const uint8_t *)line, len, found + len);
	layout.words = found;
	layout.characters = found + len;
	for (; feed; feed = memchr(line, *LAYOUT_FEED, (size_t)(end - line))) {
		layout.end = feed;
		put_words(&layout, line);
		begin_row(&layout);
		line = feed + 1;
	}
	layout.end = end;
	put_words(&layout, line);
	free(found);
	return layout.rc;
}

size_t layout_measure(const char *text, size_t len)
{
	return width_of(text, text + len);
}

int layout_append(struct buffer *rows, const char *text, size_t len, unsigned columns)
{
	const char *end = text + len;
	size_t len_before = rows->len;
	int rc = 0;

	if (columns > 0 && columns < LEAST_COLUMNS)
		columns = LEAST_COLUMNS;
	while (rc == 0 && text < end) {
		const char *feed = memchr(text, '\n', (size_t)(end - text));
		size_t line_len = (size_t)((feed ? feed : end) - text);

		rc = append_line(rows, text, line_len, columns);
		if (rc == 0 && feed)
			rc = buffer_append(rows, "\n", 1);
		text += line_len + (feed ? 1 : 0);
	}
	if (rc != 0)
		rows->len = len_before;
	return rc;
}
