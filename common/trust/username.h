/*
 * The rules for a username, typed, announced or in peers.txt: 1 to 64 bytes of UTF-8 after trimming, without control
 * characters, and not beginning with a combining mark, which would change what stands before the name.
 */
#ifndef QUARTET_USERNAME_H
#define QUARTET_USERNAME_H

#include <stdbool.h>
#include <stddef.h>

#define USERNAME_MAX_BYTES 64

enum username_fault {
	USERNAME_OK,
	USERNAME_EMPTY,
	USERNAME_TOO_LONG,
	USERNAME_NOT_UTF8,
	USERNAME_HAS_CONTROL,
	USERNAME_BEGINS_WITH_MARK,
};

/* Trims and checks a text, and stores it in name with a NUL; or returns the rule that is broken and leaves name alone. */
enum username_fault username_normalize(const char *text, size_t len, char name[static USERNAME_MAX_BYTES + 1])
    __attribute__((warn_unused_result));

/* Whether two names are the same regardless of case, in Unicode's sense: folded and canonically decomposed. */
bool username_is_same(const char *name, const char *other);

/* The broken rule in words for the user, without a full stop: "it has at most 64 bytes". */
const char *username_rule(enum username_fault fault);

#endif
