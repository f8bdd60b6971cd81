#include "trust/lookalike.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include "base/text.h"

/* In place of a code point: what a character looks like is several, and begins at the rest of that number in pieces. */
#define PIECE 0x80000000u

/* What the character from looks like: a code point, or a piece. */
struct alike {
	uint32_t from, like;
};

/* As many code points as one becomes without style, U+FDFA, and more. */
#define PLAIN_MAX 32

/* By rising code points. What is decomposed or dropped before, or found without style and case, is not in it. */
#include "trust/confusables.inc"

static int compare(const void *key, const void *entry)
{
	uint32_t code_point = *(const uint32_t *)key;
	uint32_t from = ((const struct alike *)entry)->from;

	return (code_point > from) - (code_point < from);
}

/* Marks that any script may have, which change nothing that a glance would see. */
static bool is_mark(uint32_t code_point)
{
	return uc_is_general_category(code_point, UC_CATEGORY_M) &&
	       strcmp(uc_script(code_point)->name, "Inherited") == 0;
}

static void append(char *skeleton, size_t *used, const char *piece, size_t len)
{
	if (*used + len < LOOKALIKE_BYTES) {
		memcpy(skeleton + *used, piece, len);
		*used += len;
	}
}

static const struct alike *find(uint32_t code_point)
{
	return bsearch(&code_point, alike, sizeof(alike) / sizeof(alike[0]), sizeof(alike[0]), compare);
}

/* Appends what a character looks like, which is itself if found is NULL. */
static void append_likeness(char *skeleton, size_t *used, uint32_t code_point, const struct alike *found)
{
	char character[6];
	int len;

	if (found && found->like & PIECE) {
		const char *piece = pieces + (found->like & ~PIECE);

		append(skeleton, used, piece, strlen(piece));
		return;
	}
	len = u8_uctomb((uint8_t *)character, found ? found->like : code_point, sizeof(character));
	if (len > 0)
		append(skeleton, used, character, (size_t)len);
}

static bool counts(uint32_t code_point)
{
	return code_point != UINT32_MAX && !is_mark(code_point) && !text_is_blank(code_point);
}

/* Appends what a character looks like that is not in the table: the same without style and case. */
static void append_plain(char *skeleton, size_t *used, uint32_t code_point)
{
	uint32_t plain[PLAIN_MAX], folded[PLAIN_MAX];
	size_t plain_len = PLAIN_MAX, len = PLAIN_MAX, before = *used;
	uint32_t *result = u32_normalize(UNINORM_NFKD, &code_point, 1, plain, &plain_len);

	if (result == plain)
		result = u32_casefold(plain, plain_len, NULL, UNINORM_NFD, folded, &len);
	/* Memory of its own is for what is longer than any character becomes. */
	if (result != folded)
		free(result);
	for (size_t i = 0; result == folded && i < len; i++) {
		if (counts(folded[i]))
			append_likeness(skeleton, used, folded[i], find(folded[i]));
	}
	if (*used == before)
		append_likeness(skeleton, used, code_point, NULL);
}

void lookalike_skeleton(const char *name, char skeleton[static LOOKALIKE_BYTES])
{
	uint8_t room[LOOKALIKE_BYTES];
	size_t len = sizeof(room), used = 0;
	/* Accents come apart from their letters. */
	uint8_t *decomposed = text_is_utf8(name, strlen(name))
				  ? u8_normalize(UNINORM_NFD, (const uint8_t *)name, strlen(name), room, &len)
				  : NULL;
	const char *cursor = decomposed ? (const char *)decomposed : name;
	const char *end = cursor + (decomposed ? len : strlen(name));

	while (cursor < end) {
		uint32_t code_point = text_next(&cursor, end);
		const struct alike *found;

		if (!counts(code_point))
			continue;
		found = find(code_point);
		if (found || code_point < 0x80)
			append_likeness(skeleton, &used, code_point, found);
		else
			append_plain(skeleton, &used, code_point);
	}
	skeleton[used] = '\0';
	if (decomposed != room)
		free(decomposed);
}

/* Scripts that are written with Latin letters among their own, and what belongs to no script. */
static bool goes_with_latin(const char *script)
{
	static const char *const scripts[] = {
	    "Common", "Inherited", "Han", "Hiragana", "Katakana", "Hangul", "Bopomofo"};

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		if (strcmp(script, scripts[i]) == 0)
			return true;
	}
	return false;
}

bool lookalike_mixes_scripts(const char *name)
{
	const char *end = name + strlen(name);
	bool latin = false, other = false;

	for (const char *cursor = name; cursor < end;) {
		uint32_t code_point = text_next(&cursor, end);
		const uc_script_t *script;

		/* Most names are of these alone. */
		if (code_point < 0x80) {
			latin |= isalpha((int)code_point) != 0;
			continue;
		}
		script = code_point == UINT32_MAX ? NULL : uc_script(code_point);
		if (!script || !uc_is_general_category(code_point, UC_CATEGORY_L))
			continue;
		if (strcmp(script->name, "Latin") == 0)
			latin = true;
		else
			other |= !goes_with_latin(script->name);
	}
	return latin && other;
}
