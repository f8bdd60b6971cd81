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

/* A character in all its forms: as typed, small, capital and what else folds to the same. */
#define FORMS_MAX 8
#define FORM_BYTES 5
/* No character of the planes beyond has cases. */
#define CASED_MAX 0x1ffff
/* What a character folds to, at most. */
#define FOLDS_MAX 4

/* A code point of a folded text, and the character of the text that it comes from. */
struct unit {
	uint32_t code_point;
	size_t begin, end;
};

struct folded {
	struct unit *units;
	size_t count, room;
};

struct matcher {
	struct folded words[MATCHER_WORDS_MAX];
	size_t count;
	struct folded text; /* that is looked at */
	/* What a line must have: bytes in small letters, or one of the forms of a character; nothing if both are missing. */
	char *run;
	size_t run_len;
	char forms[FORMS_MAX][FORM_BYTES];
	size_t form_count;
	char line[CHATLOG_LINE_MAX_BYTES + sizeof(uint64_t)]; /* in small letters */
};

/* What a character folds to. */
static size_t fold_character(uint32_t code_point, uint32_t folds[static FOLDS_MAX])
{
	size_t count = FOLDS_MAX;
	uint32_t *result;

	if (code_point < 0x80) {
		folds[0] = code_point >= 'A' && code_point <= 'Z' ? code_point + 0x20 : code_point;
		return 1;
	}
	result = u32_casefold(&code_point, 1, NULL, NULL, folds, &count);
	if (result == folds)
		return count;
	free(result);
	folds[0] = code_point;
	return 1;
}

static bool add_unit(struct folded *folded, uint32_t code_point, size_t begin, size_t end)
{
	if (folded->count == folded->room) {
		size_t room = folded->room > 0 ? 2 * folded->room : 64;
		struct unit *units = reallocarray(folded->units, room, sizeof(*units));

		if (!units)
			return false;
		folded->units = units;
		folded->room = room;
	}
	folded->units[folded->count++] = (struct unit){code_point, begin, end};
	return true;
}

static int fold(struct folded *folded, const char *text, size_t len)
{
	const char *cursor = text, *end = text + len;

	folded->count = 0;
	while (cursor < end) {
		const char *start = cursor;
		uint32_t folds[FOLDS_MAX], code_point = text_next(&cursor, end);
		size_t count;

		if (code_point == UINT32_MAX)
			return EILSEQ;
		count = fold_character(code_point, folds);
		for (size_t i = 0; i < count; i++) {
			if (!add_unit(folded, folds[i], (size_t)(start - text), (size_t)(cursor - text)))
				return ENOMEM;
		}
	}
	return 0;
}

/* Whether a byte stands in the log as it is, but for its case; a slash may be escaped, too. */
static bool is_plain(char byte)
{
	return byte >= ' ' && byte <= '~' && byte != '"' && byte != '\\' && byte != '/';
}

/* The longest run of such bytes in word. */
static const char *find_run(const char *word, size_t *len)
{
	const char *best = word;

	*len = 0;
	while (*word != '\0') {
		size_t run = 0;

		while (is_plain(word[run]))
			run++;
		if (run > *len) {
			best = word;
			*len = run;
		}
		word += run > 0 ? run : 1;
	}
	return best;
}

/* Keeps the run of word if it is longer than what there is. */
static int keep_run(struct matcher *matcher, const char *word)
{
	size_t len;
	const char *run = find_run(word, &len);
	char *copy;

	if (len <= matcher->run_len)
		return 0;
	copy = malloc(len);
	if (!copy)
		return ENOMEM;
	for (size_t i = 0; i < len; i++)
		copy[i] = (char)(run[i] >= 'A' && run[i] <= 'Z' ? run[i] + 0x20 : run[i]);
	free(matcher->run);
	matcher->run = copy;
	matcher->run_len = len;
	return 0;
}

static void put_form(struct matcher *matcher, uint32_t code_point)
{
	/* The NUL is there. */
	(void)u8_uctomb((uint8_t *)matcher->forms[matcher->form_count++], code_point, FORM_BYTES - 1);
}

/* Collects all that folds to a character which folds to itself. */
static void find_forms(struct matcher *matcher, uint32_t folded)
{
	put_form(matcher, folded);
	for (uint32_t code_point = 0x80; code_point <= CASED_MAX && matcher->form_count < FORMS_MAX; code_point++) {
		uint32_t folds[FOLDS_MAX];

		if (code_point >= 0xd800 && code_point < 0xe000)
			continue;
		if (code_point != folded && fold_character(code_point, folds) == 1 && folds[0] == folded)
			put_form(matcher, code_point);
	}
}

/* Words without two letters of ASCII in a row are looked for by the first character that is none. */
static void choose_forms(struct matcher *matcher)
{
	for (size_t i = 0; i < matcher->count; i++) {
		for (size_t k = 0; k < matcher->words[i].count; k++) {
			if (matcher->words[i].units[k].code_point >= 0x80) {
				find_forms(matcher, matcher->words[i].units[k].code_point);
				return;
			}
		}
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
	for (; made->count < count && rc == 0; made->count++) {
		const char *word = words[made->count];

		rc = fold(&made->words[made->count], word, strlen(word));
		if (rc == 0 && made->words[made->count].count == 0)
			rc = EILSEQ;
		if (rc == 0)
			rc = keep_run(made, word);
	}
	if (rc != 0) {
		matcher_free(made);
		return rc;
	}
	if (made->run_len < 2)
		choose_forms(made);
	*matcher = made;
	return 0;
}

void matcher_free(struct matcher *matcher)
{
	if (!matcher)
		return;
	for (size_t i = 0; i < MATCHER_WORDS_MAX; i++)
		free(matcher->words[i].units);
	free(matcher->text.units);
	free(matcher->run);
	free(matcher);
}

/* Makes the capitals of ASCII among eight bytes small. */
static uint64_t make_small(uint64_t bytes)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
	uint64_t low = bytes & ~high;
	/* The high bit of each byte that is at least 'A', but not beyond 'Z'. */
	uint64_t capital = (low + ones * (0x80 - 'A')) & ~(low + ones * (0x7f - 'Z')) & ~bytes & high;

	return bytes | capital >> 2;
}

static void make_line_small(struct matcher *matcher, const char *line, size_t len)
{
	for (size_t i = 0; i < len; i += sizeof(uint64_t)) {
		uint64_t bytes = 0;

		memcpy(&bytes, line + i, len - i < sizeof(bytes) ? len - i : sizeof(bytes));
		bytes = make_small(bytes);
		memcpy(matcher->line + i, &bytes, sizeof(bytes));
	}
}

/* Whether bytes from an offset of the line on have what it must have. */
static bool has_needle(const struct matcher *matcher, const char *line, size_t begin, size_t len)
{
	if (matcher->form_count == 0)
		return memmem(matcher->line + begin, len - begin, matcher->run, matcher->run_len) != NULL;
	for (size_t i = 0; i < matcher->form_count; i++) {
		if (memmem(line + begin, len - begin, matcher->forms[i], strlen(matcher->forms[i])))
			return true;
	}
	return false;
}

bool matcher_may_match(struct matcher *matcher, const char *line, size_t len)
{
	static const char member[] = "\"text\"";
	const char *text;

	if (len > CHATLOG_LINE_MAX_BYTES)
		return false;
	if (matcher->form_count == 0 && matcher->run_len == 0)
		return true;
	if (matcher->form_count == 0)
		make_line_small(matcher, line, len);
	if (has_needle(matcher, line, 0, len)) {
		/* Every line has words of our own before the text. */
		text = memmem(line, len, member, strlen(member));
		if (text && has_needle(matcher, line, (size_t)(text - line), len))
			return true;
	}
	/* Any letter may be written as an escape of JSON. */
	return memchr(line, '\\', len) && memmem(line, len, "\\u", 2);
}

/* Whether word stands at a unit of the text, and ends where a character does. */
static bool stands_at(const struct folded *text, size_t at, const struct folded *word)
{
	size_t end = at + word->count;

	if (end > text->count || (at > 0 && text->units[at - 1].begin == text->units[at].begin) ||
	    (end < text->count && text->units[end - 1].begin == text->units[end].begin))
		return false;
	for (size_t i = 0; i < word->count; i++) {
		if (text->units[at + i].code_point != word->units[i].code_point)
			return false;
	}
	return true;
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

/* Marks where a word stands; false if it does not. */
static bool find_word(const struct folded *text, const struct folded *word, struct console_mark *marks, size_t *count)
{
	bool found = false;

	for (size_t at = 0; at < text->count; at++) {
		if (text->units[at].code_point != word->units[0].code_point || !stands_at(text, at, word))
			continue;
		add_mark(marks, count,
		    (struct console_mark){text->units[at].begin, text->units[at + word->count - 1].end});
		found = true;
		at += word->count - 1;
	}
	return found;
}

size_t matcher_find(struct matcher *matcher, const char *text, size_t len,
    struct console_mark marks[static MATCHER_MARKS_MAX])
{
	size_t count = 0;

	if (fold(&matcher->text, text, len) != 0)
		return 0;
	for (size_t i = 0; i < matcher->count; i++) {
		if (!find_word(&matcher->text, &matcher->words[i], marks, &count))
			return 0;
	}
	return count;
}
