/*
 * A checkup: what stands in the way of being seen and of seeing others, found out by looking, a finding each.
 *
 * Of this machine and directory here; of one of the others by the doctor. A finding says what is so, and unless that is
 * well, what to do about it. It may have foreign text in it. What is looked at is not changed. Blocks on the disk.
 */
#ifndef QUARTET_CHECKUP_H
#define QUARTET_CHECKUP_H

#include "desk.h"

#define CHECKUP_MAX 128
#define CHECKUP_TEXT_BYTES 320

enum checkup_level {
	CHECKUP_OK,
	CHECKUP_WARN,
	CHECKUP_BAD,
};

struct checkup_finding {
	const char *check; /* what was looked at: a word */
	enum checkup_level level;
	char text[CHECKUP_TEXT_BYTES];
	const char *advice; /* or NULL */
};

struct checkup {
	struct desk *desk;
	struct checkup_finding list[CHECKUP_MAX];
	size_t count;
	bool is_announcing; /* announcer and discovery run */
};

/* Adds a finding, cut to fit, in UTF-8; advice is kept. One too many is left out, of networks sooner. */
void checkup_add(struct checkup *checkup, const char *check, enum checkup_level level, const char *advice,
    const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Looks at what shows at once: the name, the programs and the networks. */
void checkup_glance(struct checkup *checkup);

/* Looks at this machine and this directory, at the lines of both files as well, which may take a second. */
void checkup_look(struct checkup *checkup);

/* The network of this machine that an address is in, or NULL; its broadcast address serves nobody else. */
const struct interface *checkup_network_of(struct in_addr address);

#endif
