/*
 * Who is speaking: the name for a connection's address and, in a secure chat, for the identity that was proven; and
 * whether that is somebody the user knows.
 *
 * Section 1.1 of the specification: the sender's name must be shown, not the address. Names come from peers.txt, which
 * discovery keeps; anybody may have announced any name, so only a proven identity says who it is. An identity that is
 * pinned goes by the name it is pinned to, whatever is announced. The first secure message pins a name
 * (common/PROTOCOL.md, section 4), and whoever uses a pinned name without being that one is told apart.
 */
#ifndef QUARTET_ROSTER_H
#define QUARTET_ROSTER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ratelimit.h"
#include "store/chatlog.h"
#include "store/peersfile.h"
#include "term/console.h"

/* What may be made of a caller's name. */
enum caller_trust {
	CALLER_NAMED,	 /* nothing speaks against it; where an identity was proven, it is the pinned one */
	CALLER_VERIFIED, /* proven, and the user compared the fingerprint */
	CALLER_STRANGER, /* an identity was proven, and it is not pinned */
	CALLER_ALIKE,	 /* has a name that looks like a pinned one of somebody else */
	CALLER_UNPROVEN, /* could have proven an identity and did not */
	CALLER_CHANGED,	 /* the name is pinned to another identity than the caller's */
};

/* Who was found. */
struct caller {
	char username[USERNAME_MAX_BYTES + 1];
	struct in_addr address;
	enum caller_trust trust;
	bool known;	/* else username is CHATLOG_UNKNOWN */
	bool ambiguous; /* the name alone does not say who: another address has it, or it alone has it */
};

/* Finding one takes a walk through all peers, so what was found is remembered for a moment. */
#define ROSTER_REMEMBERED 64
#define ROSTER_MEMORY_MS 1000

struct roster {
	struct peersfile *file;
	int failed;	  /* why peers.txt could not be read the last time, or 0; told once */
	bool looked;	  /* in this round: peers.txt is as it was found then */
	int64_t read_ms;  /* monotonic: when it may be read again */
	int64_t write_ms; /* monotonic: when it may be written again */
	struct ratelimit pins, all_pins, moves, all_moves, notes;
	struct remembered {
		struct caller caller;
		uint8_t identity[DH_KEY_BYTES];
		bool has_identity;
		enum chatlog_mode mode;
		unsigned version;
		int64_t until_ms; /* monotonic; 0: nothing is remembered here */
	} remembered[ROSTER_REMEMBERED];
};

/* Begins without having read anything; file stays the caller's. */
void roster_init(struct roster *roster, struct peersfile *file);

/* Begins a round: whoever is looked for in it is looked for in peers.txt as it is when the first of them is. */
void roster_begin_round(struct roster *roster);

/*
 * Finds the caller at address, who sent a message in mode; identity is the proven one of DH_KEY_BYTES, or NULL. Reads
 * peers.txt again where it has changed since the round before, but spends at most a fifth of the time on that where it
 * takes long, and after a failure a second passes; blocks on its lock for LOCKEDFILE_WAIT_MS at most. Where it cannot
 * be read, what was read before serves, and the user is told once through console. A first proof is written to
 * peers.txt as a pin, unless the name could be somebody else's, and that a pinned identity was proven from another
 * address; but only so often, and no more than a fifth of the time. What the user should know of all this is told
 * through console.
 */
void roster_find(struct roster *roster, struct in_addr address, const uint8_t *identity, enum chatlog_mode mode,
    struct console *console, struct caller *caller);

/*
 * Collects the caller's name as it is shown: "Ece", or "Ece (192.168.1.7)" where that is ambiguous, unknown, or not to
 * be relied on.
 */
void caller_put(const struct caller *caller, struct console *console);

#endif
