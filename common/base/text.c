#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <unictype.h>
#include <unistr.h>

#define NOT_UTF8 UINT32_MAX

struct range {
	uint32_t first, last;
};

/*
 * Characters that show nothing although Unicode counts them among those that do: the blank pattern of Braille, the
 * marks around annotations, the joints of hieroglyphs, the note head that is none.
 */
static const struct range hidden[] = {{0x2800, 0x2800}, {0xfff9, 0xfffb}, {0x13430, 0x1345f}, {0x1d159, 0x1d159}};

uint32_t text_next(const char **cursor, const char *end)
{
	ucs4_t code_point;
	int len = u8_mbtoucr(&code_point, (const uint8_t *)*cursor, (size_t)(end - *cursor));

	*cursor += len > 0 ? len : 1;
	return len > 0 ? code_point : NOT_UTF8;
}

bool text_is_utf8(const char *text, size_t len)
{
	return !u8_check((const uint8_t *)text, len);
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

void text_trim(const char **text, size_t *len)
{
	for (; *len > 0 && is_space(**text); --*len)
		++*text;
	while (*len > 0 && is_space((*text)[*len - 1]))
		--*len;
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

/* Joiners and variation selectors, which belong to the character before them: Persian and emoji need them. */
static bool is_binding(uint32_t code_point)
{
	return code_point == 0x200c || code_point == 0x200d || code_point == 0xfe0e || code_point == 0xfe0f;
}

/* Whether a character neither moves nor hides others, nor shows nothing. */
static bool is_printable(uint32_t code_point)
{
	if ((code_point >= ' ' && code_point <= '~') || is_binding(code_point))
		return true;
	return !text_is_control(code_point) && !uc_is_property(code_point, UC_PROPERTY_DEFAULT_IGNORABLE_CODE_POINT) &&
	       !uc_is_property(code_point, UC_PROPERTY_BIDI_CONTROL) &&
	       !uc_is_property(code_point, UC_PROPERTY_LINE_SEPARATOR) &&
	       !uc_is_property(code_point, UC_PROPERTY_PARAGRAPH_SEPARATOR) &&
	       !is_within(hidden, sizeof(hidden) / sizeof(hidden[0]), code_point);
}

bool text_is_blank(uint32_t code_point)
{
	return is_binding(code_point) || uc_is_general_category(code_point, UC_CATEGORY_Zs) ||
	       !is_printable(code_point);
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

bool text_has_right_to_left(const char *text, size_t len)
{
	const char *end = text + len;

	for (const char *cursor = text; cursor < end;) {
		uint32_t code_point = text_next(&cursor, end);
		int class = code_point == NOT_UTF8 ? UC_BIDI_L : uc_bidi_class(code_point);

		if ((class == UC_BIDI_R || class == UC_BIDI_AL || class == UC_BIDI_AN) && is_printable(code_point))
			return true;
	}
	return false;
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

/* Writes a code unit of UTF-16 as an escape of JSON. */
static size_t put_unit(char *out, uint32_t unit)
{
	char escaped[TEXT_JSON_FACTOR + 1];

	snprintf(escaped, sizeof(escaped), "\\u%04x", (unsigned)(unit & 0xffff));
	memcpy(out, escaped, TEXT_JSON_FACTOR);
	return TEXT_JSON_FACTOR;
}

size_t text_escape_json(char *out, const char *json, size_t len)
{
	const char *end = json + len;
	size_t used = 0;

	for (const char *cursor = json; cursor < end;) {
		const char *start = cursor;
		uint32_t code_point = text_next(&cursor, end);

		if (code_point == NOT_UTF8) {
			used += put_unit(out + used, 0xfffd);
		} else if (is_printable(code_point)) {
			memcpy(out + used, start, (size_t)(cursor - start));
			used += (size_t)(cursor - start);
		} else if (code_point < 0x10000) {
			used += put_unit(out + used, code_point);
		} else {
			used += put_unit(out + used, 0xd7c0 + (code_point >> 10));
			used += put_unit(out + used, 0xdc00 + (code_point & 0x3ff));
		}
	}
	return used;
}

size_t text_escape_name(char *out, size_t out_size, const char *name, size_t len)
{
	return escape(out, out_size, name, len, true);
}
