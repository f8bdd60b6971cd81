/*
 * Files that come by themselves, while the menu runs: those of people whom the user knows and has chosen, up to a size for each, which
 * stands with them in peers.txt. So much is fetched of what is offered, and was in the last days.
 */
#ifndef QUARTET_AUTOFETCH_H
#define QUARTET_AUTOFETCH_H

#include "desk.h"

/* The command: "Bob 16M", "Bob off", or "" to show whose files come by themselves. */
int autofetch_set(struct desk *desk, const char *wanted);

/* In the menu: fetches from now on what is to come by itself, and what was offered before. What fails is told. */
void autofetch_begin(struct desk *desk);

/* Reads a size, "16M": a whole number of bytes, of kB, MB or GB. False if it is none. */
bool autofetch_parse_size(const char *text, int64_t *bytes) __attribute__((warn_unused_result));

#endif
