/*
 * One sign where something is wrong with a message: for screens on which every message is to be one line. What is as it
 * should be has no sign, so whoever chooses a name that ends in one gains nothing.
 */
#ifndef QUARTET_MARK_H
#define QUARTET_MARK_H

#include <stdbool.h>
#include <stddef.h>

#define MARK_KINDS 5

struct mark {
	char sign;
	bool is_bad;	     /* somebody may be deceiving; else it is only not known */
	const char *meaning; /* for a legend */
};

/* All of them, the worst first. */
extern const struct mark mark_kinds[MARK_KINDS];

/* The mark for a message: standing is the word that chat.log has for its sender, or NULL. NULL if all is well. */
const struct mark *mark_find(const char *standing, bool is_secure);

#endif
