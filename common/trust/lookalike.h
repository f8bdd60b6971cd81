/*
 * Names that look alike: "Bob", "BOB", "Böb", "B0b" and the "Bob" whose "o" is Cyrillic.
 *
 * Each name has a skeleton, and names with the same skeleton look alike at a glance, much as in Unicode Technical
 * Standard 39, section 4, but coarser: case, accents, styled letters, spaces and invisible characters do not count. It
 * serves to point out, never to refuse: people may have such names by chance. Nothing allocates, blocks or depends on
 * the locale.
 */
#ifndef QUARTET_LOOKALIKE_H
#define QUARTET_LOOKALIKE_H

#include "trust/username.h"

/* The longest skeleton of a username, and its NUL: no byte becomes more than two. */
#define LOOKALIKE_BYTES (2 * USERNAME_MAX_BYTES + 1)

/* Writes the skeleton of name, UTF-8 of at most USERNAME_MAX_BYTES; bytes that are not UTF-8 do not count. */
void lookalike_skeleton(const char *name, char skeleton[static LOOKALIKE_BYTES]);

#endif
