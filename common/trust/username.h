/*
 * The rules for a username: 1 to 64 bytes of UTF-8 after trimming, without control characters, and not
 * beginning with a combining mark, which would change what stands before the name.
 *
 * The same rules hold for the name a user types, the name in an announcement and the names in peers.txt.
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

/*
 * Trims white space (space and the ASCII controls that count as such) off both ends of the len bytes at text, checks
 * what is left and stores it in name with a terminating NUL. Returns USERNAME_OK, or the rule that is broken and leaves
 * name alone. Never blocks.
 */
enum username_fault username_normalize(const char *text, size_t len, char name[static USERNAME_MAX_BYTES + 1])
    __attribute__((warn_unused_result));

/* Whether two names are the same regardless of case, in Unicode's sense: folded and canonically decomposed. */
bool username_is_same(const char *name, const char *other);

/* The broken rule in words for the user, without a full stop: "a username has at most 64 bytes". Static storage. */
const char *username_rule(enum username_fault fault);

#endif
