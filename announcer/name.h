/*
 * The user's name: asked for, checked, stored in peers.txt, and offered again at the next launch (specification 2.1.0-A).
 */
#ifndef QUARTET_NAME_H
#define QUARTET_NAME_H

#include <stdbool.h>

#include "store/peersfile.h"
#include "term/console.h"
#include "trust/username.h"

/*
 * Asks on console and standard input until a name keeps the rules and nobody else has it (trust/ownname.h); an empty line
 * keeps the stored one. identity is one's own, or NULL. Returns false if the input ended or the user stopped.
 */
bool name_ask(struct console *console, struct peersfile *file, const uint8_t *identity,
    char name[static USERNAME_MAX_BYTES + 1]) __attribute__((warn_unused_result));

/* Whether somebody else has that name; then the user is told on console. */
bool name_is_taken(struct console *console, struct peersfile *file, const uint8_t *identity, const char *name)
    __attribute__((warn_unused_result));

/*
 * Stores the name, and with it the "since" of a new announcement: now, or one second more than the last, that in *since_s
 * or in the file, if the clock says less. If follow, another name that is stored already is taken over instead: somebody
 * has changed it since name was stored. Returns false if storing failed: the user is told, and both serve this once.
 */
bool name_store(struct console *console, struct peersfile *file, bool follow, char name[static USERNAME_MAX_BYTES + 1],
    int64_t *since_s);

#endif
