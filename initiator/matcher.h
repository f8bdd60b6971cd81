/*
 * The matcher: whether a text has all words that are searched for, regardless of case in Unicode's sense, and where.
 *
 * Most lines of a long log do not have them, and are told by their bytes, without being parsed. Only ligatures and the like,
 * which stand for several letters, may be missed so. Words and lines are hostile; the work grows with their length. Pure.
 */
#ifndef QUARTET_MATCHER_H
#define QUARTET_MATCHER_H

#include <stdbool.h>
#include <stddef.h>

#include "term/console.h"

#define MATCHER_WORDS_MAX 16
/* As many places are marked in a text. */
#define MATCHER_MARKS_MAX 64

struct matcher;

/*
 * For count words. Returns 0 with *matcher to be freed; EILSEQ if one is empty or not UTF-8, E2BIG if there are none or
 * more than MATCHER_WORDS_MAX, or ENOMEM.
 */
int matcher_new(const char *const *words, size_t count, struct matcher **matcher) __attribute__((warn_unused_result));
void matcher_free(struct matcher *matcher);

/* Whether a line of chat.log, of CHATLOG_LINE_MAX_BYTES at most, can have the words in its text, or in the name of a file. */
bool matcher_may_match(struct matcher *matcher, const char *line, size_t len);

/* Finds the words in a text. Returns how many places of them are in marks, in order; 0 if a word is missing. */
size_t matcher_find(const struct matcher *matcher, const char *text, size_t len,
    struct console_mark marks[static MATCHER_MARKS_MAX]);

#endif
