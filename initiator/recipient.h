/*
 * The recipient: which of the users a name means, and whether the user knows that one.
 *
 * A name may be an address, too. Where several have the name, be it in another case, the one who announces the identity
 * that is pinned to it is meant, and of several of those the one at the address where it was last proven, if that one
 * is online. Where nobody is known by the name, who has exactly that one is meant. Where that does not decide either,
 * the user is asked.
 */
#ifndef QUARTET_RECIPIENT_H
#define QUARTET_RECIPIENT_H

#include <stdbool.h>

#include "prompt.h"
#include "store/peersfile.h"

/* All copies: they hold when peers.txt is read again. */
struct recipient {
	struct peer peer;	     /* without extra */
	enum pins_standing standing; /* of the peer */
	struct pin pin;		     /* of its name, unless it is a stranger */
	bool absent;		     /* nobody was heard under the name lately: peer has the name alone */
	char
	    alias[USERNAME_MAX_BYTES + 1]; /* of a stranger: the name that the announced identity is pinned to, or "" */
	char alike[USERNAME_MAX_BYTES + 1]; /* a pinned name that looks like this one, of somebody else, or "" */
};

/*
 * Finds whom name means, asking for the name where it is "", and for the address where it has to. Returns false where
 * it means nobody, or the user gave up, and the user has been told. Where even_absent, a name that nobody was heard
 * under is looked for among the pins, too.
 */
bool recipient_find(struct recipient *recipient, const char *name, bool even_absent, struct prompt *prompt,
    struct peersfile *file) __attribute__((warn_unused_result));

/* Collects " Bob (192.168.1.7)", or " Bob" where absent; the plain space is for line editors, as in users.c. */
void recipient_put(const struct recipient *recipient, struct console *console);

/* Collects a line about a changed identity, with the date of the known one. */
void recipient_put_change(const struct recipient *recipient, struct console *console);

/* The same, and for a stranger a line about a name that looks alike, or another name that the identity is known by. */
void recipient_put_doubts(const struct recipient *recipient, struct console *console);

/* Collects the day since when the pinned identity is known. */
void recipient_put_since(const struct recipient *recipient, struct console *console);

/* Whether the pinned identity was last proven from the peer's address. */
bool recipient_is_proven(const struct recipient *recipient);

#endif
