/*
 * What the screen says of a caller: the words that mark who it is, the name, and what is worth a line of its own.
 */
#ifndef QUARTET_CALLER_H
#define QUARTET_CALLER_H

#include "roster.h"
#include "term/console.h"

/* The word that marks what is to be known of a caller who wrote securely or not, or NULL if there is nothing to say. */
const char *caller_mark(const struct caller *caller, bool secure);

/* Collects such a word in brackets, after a space: " [verified]". */
void caller_put_mark(const struct caller *caller, const char *mark, struct console *console);

/* Collects the name: "Ece", or "Ece (192.168.1.7)" if the name alone does not say who it is. */
void caller_put(const struct caller *caller, struct console *console);

/* Whether it is worth a line that somebody else is known by that name, or by one that looks like it; and that line. */
bool caller_is_doubtful(const struct caller *caller);
void caller_put_doubt(const struct caller *caller, struct console *console);

/* Collects a line on what roster_find() returned; none for 0. */
void caller_put_trouble(int error, struct console *console);

#endif
