/*
 * Whose messages are meant, when those with one user are asked for.
 *
 * Messages are told by the identity where the log has it, else by the name; an address means what was said there. What the
 * log says is only as true as whoever wrote it: a message without an identity may be anybody's.
 */
#ifndef QUARTET_WHOSE_H
#define QUARTET_WHOSE_H

#include "desk.h"

/* Zeroed: everybody's. */
struct whose {
	const char *name; /* or NULL for everybody */
	struct in_addr address;
	bool has_address;		       /* then it counts alone */
	char username[USERNAME_MAX_BYTES + 1]; /* what else name is called, or "" */
	uint8_t identity[IDENTITY_BYTES];
	bool has_identity;
	bool only_identity; /* a name with another identity is somebody else */
};

/*
 * Finds whom a whole name (which outlives *whose) means, or everybody if it is "". Somebody there with that name has the
 * identity; if several have it, the user is asked, or the name alone counts if nobody can be. Returns PROGRAM_FINE, or
 * as recipient_find().
 */
int whose_find(struct whose *whose, struct desk *desk, const char *name) __attribute__((warn_unused_result));

/*
 * The same for a name that nobody has as a whole, and by which somebody may be meant as in Chat. Returns false with *status
 * left alone if nobody is.
 */
bool whose_find_like(struct whose *whose, struct desk *desk, const char *name, int *status);

/* Whether a line is about one of theirs: a message, or what has become of one. */
bool whose_has(const struct whose *whose, const struct chatlog_entry *entry);

#endif
