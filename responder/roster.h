/*
 * Who is speaking: keeps what peers.txt says up to date and asks the verdict (trust/verdict.h) about a sender.
 *
 * Section 1.1 of the specification: the sender's name must be shown, not the address. Nothing is written and nobody is
 * told anything here. Messages make nobody known (common/PROTOCOL.md, section 4): only who was written to and answered is.
 */
#ifndef QUARTET_ROSTER_H
#define QUARTET_ROSTER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/peersfile.h"
#include "trust/verdict.h"

/* Who was found; all copies. */
struct caller {
	char username[USERNAME_MAX_BYTES + 1];
	struct in_addr address;
	enum standing standing;
	bool named;			    /* else username is VERDICT_NAMELESS */
	bool stranger;			    /* has proven no pinned identity, and was not accepted */
	bool blocked;			    /* messages are to be refused */
	bool muted;			    /* messages are to draw no attention */
	bool ambiguous;			    /* the name alone does not say who it is */
	char other[USERNAME_MAX_BYTES + 1]; /* who else is known by that name, or by one that looks like it; or "" */
};

struct roster {
	struct peersfile *file;
	int failed;	   /* why peers.txt could not be read the last time, or 0 */
	int64_t looked_ms; /* monotonic: when peers.txt was looked at last */
	int64_t read_ms;   /* monotonic: when it may be read again */
};

/* Begins without having read anything; file stays the caller's. */
void roster_init(struct roster *roster, struct peersfile *file);

/*
 * Finds the caller at address; identity is the proven one, of IDENTITY_BYTES, and username what its holder said in the
 * secure chat; both are NULL if nothing was proven, and username if nothing was said. Reads peers.txt again if it has
 * changed since it was looked at last, but spends at most a fifth of the time on that if it takes long, and after a failure a
 * second passes; blocks on its lock for LOCKEDFILE_WAIT_MS at most. Returns 0; or, the first time that it cannot be read,
 * why (peersfile_reason()), with the caller found in what was read before.
 */
int roster_find(struct roster *roster, struct in_addr address, const uint8_t *identity, const char *username,
    struct caller *caller);

#endif
