#include "term/wordlist.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

void wordlist_add(struct wordlist *words, const char *word)
{
	size_t len = strlen(word);
	char *escaped = malloc(len * TEXT_ESCAPE_FACTOR + 1), **longer;
	bool fits = escaped && words->count < WORDLIST_MAX &&
		    text_escape_name(escaped, len * TEXT_ESCAPE_FACTOR + 1, word, len) == len &&
		    memcmp(escaped, word, len) == 0;

	free(escaped);
	for (size_t i = 0; i < words->count && fits; i++)
		fits = strcmp(words->list[i], word) != 0;
	longer = fits ? realloc(words->list, (words->count + 1) * sizeof(*longer)) : NULL;
	if (!longer)
		return;
	words->list = longer;
	longer[words->count] = strdup(word);
	words->count += longer[words->count] != NULL;
}

size_t wordlist_common_bytes(const struct wordlist *words)
{
	const char *first = words->list[0];
	size_t len = strlen(first);

	for (size_t i = 1; i < words->count; i++) {
		size_t same = 0;

		while (same < len && words->list[i][same] == first[same])
			same++;
		len = same;
	}
	while (len > 0 && ((unsigned char)first[len] & 0xc0) == 0x80)
		len--;
	return len;
}

static int compare_words(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

void wordlist_put(struct wordlist *words, struct console *console)
{
	qsort(words->list, words->count, sizeof(*words->list), compare_words);
	for (size_t i = 0; i < words->count; i++) {
		console_put_name(console, CONSOLE_NORMAL, words->list[i]);
		console_put(console, i + 1 < words->count ? "   " : "\n");
	}
}

void wordlist_free(struct wordlist *words)
{
	for (size_t i = 0; i < words->count; i++)
		free(words->list[i]);
	free(words->list);
	*words = (struct wordlist){0};
}
