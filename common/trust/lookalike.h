/*
 * Names that look alike: "Bob", "BOB", "Böb", "B0b" and the "Bob" whose "o" is Cyrillic; and names whose letters come
 * from scripts that nobody writes together.
 *
 * Names with the same skeleton look alike at a glance (common/PROTOCOL.md, section 4). The table of what looks like what is
 * generated from Unicode 15.0 by scripts/confusables.py. It serves to point out, never to refuse: people may have such
 * names by chance. Nothing blocks or depends on the locale.
 */
#ifndef QUARTET_LOOKALIKE_H
#define QUARTET_LOOKALIKE_H

#include <stdbool.h>

#include "trust/username.h"

/* The longest skeleton, and its NUL; what a name of Hangul letters or ligatures has beyond that does not count. */
#define LOOKALIKE_BYTES (3 * USERNAME_MAX_BYTES + 1)

/* Writes the skeleton of name. Bytes that are not UTF-8 do not count; out of memory it counts as it is written. */
void lookalike_skeleton(const char *name, char skeleton[static LOOKALIKE_BYTES]);

/* Whether name has Latin letters and such of another script that is not written with them, as "Bоb" with a Cyrillic "o". */
bool lookalike_mixes_scripts(const char *name);

#endif
