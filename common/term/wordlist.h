/*
 * A list of words: what could stand in place of the word before the cursor, for completion.
 *
 * Words may be foreign: what a terminal would not show as it is, is left out, and what is more than WORDLIST_MAX.
 */
#ifndef QUARTET_WORDLIST_H
#define QUARTET_WORDLIST_H

#include <stddef.h>

#include "term/console.h"

#define WORDLIST_MAX 200

/* Begins zeroed. End with wordlist_free(). */
struct wordlist {
	size_t begin; /* of the word before the cursor, in bytes from the beginning of the line; set by who adds */
	char **list;
	size_t count;
};

/* Adds a word, of which a copy is taken, unless it is there. Out of memory it is left out. */
void wordlist_add(struct wordlist *words, const char *word);

/* How many bytes all words begin with, in whole characters. There is a word. */
size_t wordlist_common_bytes(const struct wordlist *words);

/* Sorts the words, and collects them on console as a line. */
void wordlist_put(struct wordlist *words, struct console *console);

void wordlist_free(struct wordlist *words);

#endif
