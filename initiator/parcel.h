/*
 * The parcel: what is typed to send a file, FILE to NAME.
 *
 * The name of a file may have spaces, and even " to ": the last one counts. If it stands in quotation marks, '...' or "...",
 * what follows them says to whom. "~/" is the user's home. Pure, but for that.
 */
#ifndef QUARTET_PARCEL_H
#define QUARTET_PARCEL_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

struct parcel {
	char path[PATH_MAX]; /* "" for none */
	const char *to;	     /* a name, an address or a room, in what was typed; NULL if there is no " to " */
};

/* Reads "plan.pdf to Bob", or if only_file all of it as a file. Returns false if no path is so long. */
bool parcel_read(struct parcel *parcel, const char *typed, bool only_file) __attribute__((warn_unused_result));

/* Writes the path that len bytes mean; false if none is so long. */
bool parcel_expand(char path[static PATH_MAX], const char *typed, size_t len) __attribute__((warn_unused_result));

#endif
