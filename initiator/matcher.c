#include "matcher.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unistr.h>

#include "base/buffer.h"
#include "base/text.h"
#include "store/chatlog.h"

/* A character folds to three at most. */
#define FOLDED_BYTES 16
/* More of a word tells no more lines apart. */
#define NEEDLE_BYTES 32
/* Characters that fold to the same. */
#define FORMS_MAX 8
/* No character of the planes beyond has cases. */
#define CASED_MAX 0x1ffff

/* Bytes that a line must have, with the bit set that tells small letters of ASCII from capitals. */
struct needle {
	char bytes[NEEDLE_BYTES];
	size_t len;
};

struct matcher {
	struct buffer words[MATCHER_WORDS_MAX]; /* folded */
	size_t count;
	struct needle needles[FORMS_MAX]; /* one of them; if there is none, any line will do */
	size_t needle_count;
	char line[CHATLOG_LINE_MAX_BYTES + sizeof(uint64_t)]; /* with that bit */
};

/* Folds the next character of a text, and moves cursor behind it. Returns how many bytes; 0 if it is not UTF-8. */
static size_t fold(const char **cursor, const char *end, char folded[static FOLDED_BYTES])
{
	const char *begin = *cursor;
	uint32_t code_point = text_next(cursor, end);
	size_t len = FOLDED_BYTES;
	uint8_t *result;

	if (code_point == UINT32_MAX)
		return 0;
	if (code_point < 0x80) {
		folded[0] = *begin >= 'A' && *begin <= 'Z' ? (char)(*begin + 0x20) : *begin;
		return 1;
	}
	result = u8_casefold((const uint8_t *)begin, (size_t)(*cursor - begin), NULL, NULL, (uint8_t *)folded, &len);
	if (result == (uint8_t *)folded)
		return len;
	free(result);
	memcpy(folded, begin, (size_t)(*cursor - begin));
	return (size_t)(*cursor - begin);
}

static int fold_word(struct buffer *word, const char *text)
{
	const char *end = text + strlen(text);
	char folded[FOLDED_BYTES];
	int rc = text == end ? EILSEQ : 0;

	while (rc == 0 && text < end) {
		size_t len = fold(&text, end, folded);

		rc = len > 0 ? buffer_append(word, folded, len) : EILSEQ;
	}
	return rc;
}

static void set_needle(struct needle *needle, const char *bytes, size_t len)
{
	needle->len = len < NEEDLE_BYTES ? len : NEEDLE_BYTES;
	for (size_t i = 0; i < needle->len; i++)
		needle->bytes[i] = (char)(bytes[i] | 0x20);
}

/* Whether a byte stands in the log as it is, but for its case; a slash may be escaped, too. */
static bool is_plain(char byte)
{
	return byte >= ' ' && byte <= '~' && byte != '"' && byte != '\\' && byte != '/';
}

/* Has a run of such bytes in word looked for if it is longer than what there is. */
static void consider_runs(struct matcher *matcher, const char *word)
{
	for (size_t len = 0; *word != '\0'; word += len > 0 ? len : 1) {
		for (len = 0; is_plain(word[len]); len++)
			;
		if (len > matcher->needles[0].len) {
			set_needle(&matcher->needles[0], word, len);
			matcher->needle_count = 1;
		}
	}
}

/* Has all that folds to the same as a character looked for; that folds to itself. */
static void seek_forms(struct matcher *matcher, const char *character, size_t character_len)
{
	matcher->needle_count = 0;
	for (uint32_t code_point = 0x80; code_point <= CASED_MAX && matcher->needle_count < FORMS_MAX; code_point++) {
		char form[4], folded[FOLDED_BYTES];
		const char *cursor = form;
		int len = u8_uctomb((uint8_t *)form, code_point, sizeof(form));

		if (len > 0 && fold(&cursor, form + len, folded) == character_len &&
		    memcmp(folded, character, character_len) == 0)
			set_needle(&matcher->needles[matcher->needle_count++], form, (size_t)len);
	}
	if (matcher->needle_count == 0)
		set_needle(&matcher->needles[matcher->needle_count++], character, character_len);
}

/* Words without two letters of ASCII in a row are looked for by the first character that is none. */
static void choose_needles(struct matcher *matcher, const char *const *words)
{
	for (size_t i = 0; i < matcher->count; i++)
		consider_runs(matcher, words[i]);
	for (size_t i = 0; i < matcher->count && matcher->needles[0].len < 2; i++) {
		const char *cursor = matcher->words[i].data, *end = cursor + matcher->words[i].len, *begin = cursor;

		while (cursor < end && text_next(&cursor, end) < 0x80)
			begin = cursor;
		if (begin < end)
			seek_forms(matcher, begin, (size_t)(cursor - begin));
	}
}

int matcher_new(const char *const *words, size_t count, struct matcher **matcher)
{
	struct matcher *made;
	int rc = 0;

	if (count == 0 || count > MATCHER_WORDS_MAX)
		return E2BIG;
	made = calloc(1, sizeof(*made));
	if (!made)
		return ENOMEM;
	for (; made->count < count && rc == 0; made->count++)
		rc = fold_word(&made->words[made->count], words[made->count]);
	if (rc != 0) {
		matcher_free(made);
		return rc;
	}
	choose_needles(made, words);
	*matcher = made;
	return 0;
}

void matcher_free(struct matcher *matcher)
{
	for (size_t i = 0; matcher && i < MATCHER_WORDS_MAX; i++)
		buffer_free(&matcher->words[i]);
	free(matcher);
}

/* Whether a line has what it must have, from begin on. */
static bool has_needle(const struct matcher *matcher, size_t begin, size_t len)
{
	for (size_t i = 0; i < matcher->needle_count; i++) {
		if (memmem(matcher->line + begin, len - begin, matcher->needles[i].bytes, matcher->needles[i].len))
			return true;
	}
	return false;
}

bool matcher_may_match(struct matcher *matcher, const char *line, size_t len)
{
	/* Also in what is signed, as a string of JSON. */
	static const char text_member[] = "\"text", file_member[] = "\"file";
	const char *text;

	if (len > CHATLOG_LINE_MAX_BYTES || matcher->needle_count == 0)
		return len <= CHATLOG_LINE_MAX_BYTES;
	for (size_t i = 0; i < len; i += sizeof(uint64_t)) {
		uint64_t bytes = 0;

		memcpy(&bytes, line + i, len - i < sizeof(bytes) ? len - i : sizeof(bytes));
		bytes |= UINT64_C(0x2020202020202020);
		memcpy(matcher->line + i, &bytes, sizeof(bytes));
	}
	/* Every line has words of our own before the text, or the name of a file. */
	if (has_needle(matcher, 0, len)) {
		text = memmem(line, len, text_member, strlen(text_member));
		text = text ? text : memmem(line, len, file_member, strlen(file_member));
		if (text && has_needle(matcher, (size_t)(text - line), len))
			return true;
	}
	/* Any letter may be written as an escape of JSON. */
	return memchr(line, '\\', len) && memmem(line, len, "\\u", 2);
}

/* Where a word ends that begins at text, if one does: with the end of a character. Else NULL. */
static const char *match(const struct buffer *word, const char *text, const char *end)
{
	char folded[FOLDED_BYTES];

	for (size_t at = 0; at < word->len;) {
		size_t len = text < end ? fold(&text, end, folded) : 0;

		if (len == 0 || len > word->len - at || memcmp(word->data + at, folded, len) != 0)
			return NULL;
		at += len;
	}
	return text;
}

/* Adds a mark where it belongs. */
static void add_mark(struct console_mark *marks, size_t *count, struct console_mark mark)
{
	size_t place = *count;

	if (*count == MATCHER_MARKS_MAX)
		return;
	for (; place > 0 && marks[place - 1].begin > mark.begin; place--)
		marks[place] = marks[place - 1];
	marks[place] = mark;
	++*count;
}

size_t matcher_find(const struct matcher *matcher, const char *text, size_t len,
    struct console_mark marks[static MATCHER_MARKS_MAX])
{
	const char *end = text + len, *behind;
	size_t count = 0;

	if (!text_is_utf8(text, len))
		return 0;
	for (size_t i = 0; i < matcher->count; i++) {
		bool found = false;

		for (const char *at = text; at < end;) {
			behind = match(&matcher->words[i], at, end);
			if (!behind) {
				(void)text_next(&at, end);
				continue;
			}
			add_mark(marks, &count, (struct console_mark){(size_t)(at - text), (size_t)(behind - text)});
			found = true;
			at = behind;
		}
		if (!found)
			return 0;
	}
	return count;
}
