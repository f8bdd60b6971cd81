#include "text.h"

#include <stdio.h>
#include <string.h>

#define NOT_UTF8 UINT32_MAX

struct range {
	uint32_t first, last;
};

/*
 * Characters that move or hide others, besides the controls: Bidi_Control, line and paragraph separators, and what shows
 * nothing (Default_Ignorable_Code_Point, the blank letters and the blank Braille pattern). What Persian and emoji need
 * stays: the joiners U+200C and U+200D, and the variation selectors U+FE0E and U+FE0F.
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
    {0xfff9, 0xfffb},
    {0x1bca0, 0x1bca3},
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

static bool is_printable(uint32_t code_point)
{
	if (text_is_control(code_point))
		return false;
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
		if (code_point >= hidden[i].first && code_point <= hidden[i].last)
			return false;
	}
	return true;
}

size_t text_escape(char *out, size_t out_size, const char *text, size_t len)
{
	const char *cursor = text;
	const char *end = text + len;
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
		} else if (is_printable(code_point)) {
			piece = start;
			piece_len = (size_t)(cursor - start);
		} else {
			piece_len = (size_t)snprintf(escaped, sizeof(escaped), "<U+%04X>", (unsigned)code_point);
		}
		if (used + piece_len >= out_size)
			break;
		memcpy(out + used, piece, piece_len);
		used += piece_len;
	}
	if (out_size > 0)
		out[used] = '\0';
	return used;
}
