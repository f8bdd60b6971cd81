/*
 * Users: who is there, and which of them a name means.
 *
 * Specification 2.3.0-B. Everybody heard in the last 15 minutes is listed, as (Online) where that was in the last 10
 * seconds, else as (Away).
 */
#ifndef QUARTET_USERS_H
#define QUARTET_USERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "console.h"
#include "peersfile.h"

/* Everybody who is listed at one moment: first who is online, then by name, then by address. */
struct users {
	const struct peer **list;
	size_t count;
	int64_t now_ms;
};

/*
 * Lists whom peers.txt lists now. The peers stay those of file and hold until it is read again. Returns 0 with *users to
 * be released with users_free(), or an errno value as peersfile_read() does.
 */
int users_read(struct peersfile *file, struct users *users) __attribute__((warn_unused_result));
void users_free(struct users *users);

/*
 * The users that a name means: the one whose address it is or, where there is none, all with exactly that name or, where
 * there are none, all whose name differs only in the case of ASCII letters. So nobody can be mistaken for an address by
 * taking it for a name. Keeps just these in *users. Returns how many.
 */
size_t users_select(struct users *users, const char *name);

/*
 * Collects "Bob (Online)  192.168.1.7" for each user, a line each. Oneself is marked: who has the name that the announcer
 * stored in file, at an address of this machine, and announces our public key, identity, or none. identity is NULL where
 * there is none.
 */
void users_put(const struct users *users, const struct peersfile *file, const uint8_t *identity,
    struct console *console);

/* The command Users: collects all of them, with a count, or what is wrong. */
void users_show(struct peersfile *file, const uint8_t *identity, struct console *console);

#endif
