#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define NOT_UTF8 UINT32_MAX

struct range {
	uint32_t first, last;
};

/*
 * Characters that move or hide others, besides the controls: Bidi_Control, line and paragraph separators, and what
 * shows nothing (Default_Ignorable_Code_Point, the blank letters and the blank Braille pattern). What Persian and emoji
 * need stays: the joiners U+200C and U+200D, and the variation selectors U+FE0E and U+FE0F.
 */
static const struct range hidden[] = {
    {0x00ad, 0x00ad},
    {0x034f, 0x034f},
    {0x061c, 0x061c},
    {0x115f, 0x1160},
    {0x17b4, 0x17b5},
    {0x180b, 0x180f},
    {0x200b, 0x200b},
    {0x200e, 0x200f},
    {0x2028, 0x202e},
    {0x2060, 0x206f},
    {0x2800, 0x2800},
    {0x3164, 0x3164},
    {0xfe00, 0xfe0d},
    {0xfeff, 0xfeff},
    {0xffa0, 0xffa0},
    {0xfff0, 0xfffb},
    {0x13430, 0x1345f},
    {0x1bca0, 0x1bca3},
    {0x1d159, 0x1d159},
    {0x1d173, 0x1d17a},
    {0xe0000, 0xe0fff},
};

uint32_t text_next(const char **cursor, const char *end)
{
	const unsigned char *s = (const unsigned char *)*cursor;
	size_t left = (size_t)(end - *cursor);
	uint32_t code_point, least;
	size_t len;

	*cursor += 1;
	if (s[0] < 0x80)
		return s[0];
	if (s[0] >= 0xc2 && s[0] <= 0xdf) {
		len = 2, least = 0x80, code_point = s[0] & 0x1f;
	} else if (s[0] >= 0xe0 && s[0] <= 0xef) {
		len = 3, least = 0x800, code_point = s[0] & 0x0f;
	} else if (s[0] >= 0xf0 && s[0] <= 0xf4) {
		len = 4, least = 0x10000, code_point = s[0] & 0x07;
	} else {
		return NOT_UTF8;
	}
	if (left < len)
		return NOT_UTF8;
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return NOT_UTF8;
		code_point = code_point << 6 | (s[i] & 0x3f);
	}
	if (code_point < least || code_point > 0x10ffff || (code_point >= 0xd800 && code_point <= 0xdfff))
		return NOT_UTF8;
	*cursor += len - 1;
	return code_point;
}

bool text_is_utf8(const char *text, size_t len)
{
	const char *cursor = text;
	const char *end = text + len;

	while (cursor < end) {
		if (text_next(&cursor, end) == NOT_UTF8)
			return false;
	}
	return true;
}

bool text_is_control(uint32_t code_point)
{
	return code_point < 0x20 || (code_point >= 0x7f && code_point <= 0x9f);
}

static bool is_within(const struct range *ranges, size_t count, uint32_t code_point)
{
	for (size_t i = 0; i < count; i++) {
		if (code_point >= ranges[i].first && code_point <= ranges[i].last)
			return true;
	}
	return false;
}

static bool is_printable(uint32_t code_point)
{
	if (code_point >= ' ' && code_point <= '~')
		return true;
	return !text_is_control(code_point) && !is_within(hidden, sizeof(hidden) / sizeof(hidden[0]), code_point);
}

bool text_is_blank(uint32_t code_point)
{
	static const struct range blanks[] = {{0x20, 0x20}, {0xa0, 0xa0}, {0x1680, 0x1680}, {0x2000, 0x200a},
	    {0x200c, 0x200d}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}, {0xfe0e, 0xfe0f}};

	return is_within(blanks, sizeof(blanks) / sizeof(blanks[0]), code_point) || !is_printable(code_point);
}

bool text_has_punctuation(const char *text, size_t len)
{
	static const struct range punctuation[] = {{'(', ')'}, {':', ':'}, {'[', '['}, {']', ']'}, {'|', '|'},
	    {0xa6, 0xa6}, {0x02b9, 0x02ff}, {0x0589, 0x0589}, {0x05c0, 0x05c3}, {0x0700, 0x070d}, {0x1800, 0x180a},
	    {0x2010, 0x2027}, {0x2030, 0x205e}, {0x2190, 0x2bff}, {0x2e00, 0x2e7f}, {0x3001, 0x303f}, {0xa788, 0xa78a},
	    {0xfd3e, 0xfd3f}, {0xfe10, 0xfe6f}, {0xff00, 0xff0f}, {0xff1a, 0xff20}, {0xff3b, 0xff40}, {0xff5b, 0xff65}};
	const char *end = text + len;

	for (const char *cursor = text; cursor < end;) {
		if (is_within(punctuation, sizeof(punctuation) / sizeof(punctuation[0]), text_next(&cursor, end)))
			return true;
	}
	return false;
}

/* Joiners and variation selectors, which belong to the character before them. */
static bool is_binding(uint32_t code_point)
{
	return code_point == 0x200c || code_point == 0x200d || code_point == 0xfe0e || code_point == 0xfe0f;
}

/*
 * Whether a character may be shown in a name as it is. Of those that show nothing, or a gap, these are needed: one
 * space between words, and joiners and variation selectors after a character that they may change, which no ASCII
 * character is.
 */
static bool is_fit_for_name(uint32_t code_point, uint32_t before)
{
	if (!text_is_blank(code_point))
		return code_point != '"';
	if (code_point == ' ')
		return !text_is_blank(before) || is_binding(before);
	/* The selector may stand between an emoji and its joiner. */
	if (code_point == 0x200d && (before == 0xfe0e || before == 0xfe0f))
		return true;
	return is_binding(code_point) && before >= 0x80 && !text_is_blank(before);
}

static size_t escape(char *out, size_t out_size, const char *text, size_t len, bool name)
{
	const char *cursor = text;
	const char *end = text + len;
	uint32_t before = ' ';
	size_t used = 0;

	while (cursor < end) {
		const char *start = cursor;
		uint32_t code_point = text_next(&cursor, end);
		char escaped[16];
		const char *piece = escaped;
		size_t piece_len;

		if (code_point == NOT_UTF8) {
			piece_len =
			    (size_t)snprintf(escaped, sizeof(escaped), "<%02X>", (unsigned)(unsigned char)*start);
		} else if (is_printable(code_point) && (!name || is_fit_for_name(code_point, before))) {
			piece = start;
			piece_len = (size_t)(cursor - start);
		} else {
			piece_len = (size_t)snprintf(escaped, sizeof(escaped), "<U+%04X>", (unsigned)code_point);
		}
		/* What is spelled out is nothing to hold on to. */
		before = code_point == NOT_UTF8 || (piece != start && text_is_blank(code_point)) ? ' ' : code_point;
		if (used + piece_len >= out_size)
			break;
		memcpy(out + used, piece, piece_len);
		used += piece_len;
	}
	if (out_size > 0)
		out[used] = '\0';
	return used;
}

size_t text_escape(char *out, size_t out_size, const char *text, size_t len)
{
	return escape(out, out_size, text, len, false);
}

size_t text_escape_name(char *out, size_t out_size, const char *name, size_t len)
{
	return escape(out, out_size, name, len, true);
}
