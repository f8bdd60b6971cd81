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

#include "store/peersfile.h"
#include "term/console.h"

/* Everybody who is listed at one moment: first who is online, then by name, then by address. */
struct users {
	const struct peer **list;
	size_t count;
	int64_t now_ms;
};

/*
 * Lists whom peers.txt lists now. The peers stay those of file and hold until it is read again. Returns 0 with *users
 * to be released with users_free(), or an errno value as peersfile_read() does.
 */
int users_read(struct peersfile *file, struct users *users) __attribute__((warn_unused_result));
void users_free(struct users *users);

/* Whether a peer is one of those that context describes. */
typedef bool users_test(const struct peer *peer, const void *context);

/* Keeps just those in *users that pass the test, unless none does. Returns how many pass. */
size_t users_keep(struct users *users, users_test *test, const void *context);

/*
 * Collects "Bob (Online)  192.168.1.7" for each user, a line each, with what there is to say about the identity of
 * those whose names are pinned, or look it. Oneself is marked: who has the name that the announcer stored in file, at
 * an address of this machine, and announces our public key, identity, or none. identity is NULL where there is none.
 */
void users_put(const struct users *users, const struct peersfile *file, const uint8_t *identity,
    struct console *console);

/* The command Users: collects all of them, with a count, or what is wrong. */
void users_show(struct peersfile *file, const uint8_t *identity, struct console *console);

#endif
