/*
 * Who is speaking: the name for a connection's address and, in a secure chat, for the identity that was proven.
 *
 * Section 1.1 of the specification: the sender's name must be shown, not the address. Names come from peers.txt, which
 * discovery keeps; anybody may have announced any name, so only a proven identity says who it is.
 */
#ifndef QUARTET_ROSTER_H
#define QUARTET_ROSTER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "console.h"
#include "peersfile.h"

/* Who was found. */
struct caller {
	char username[USERNAME_MAX_BYTES + 1];
	struct in_addr address;
	bool known;  /* else username is CHATLOG_UNKNOWN */
	bool shared; /* another listed address goes by the same name */
};

/* Finding one takes a walk through all peers, so what was found is remembered for a moment. */
#define ROSTER_REMEMBERED 64
#define ROSTER_MEMORY_MS 1000

struct roster {
	struct peersfile *file;
	int failed;	 /* why peers.txt could not be read the last time, or 0; told once */
	int64_t read_ms; /* monotonic: when it may be read again */
	struct remembered {
		struct caller caller;
		uint8_t identity[DH_KEY_BYTES];
		bool has_identity;
		unsigned version;
		int64_t until_ms; /* monotonic; 0: nothing is remembered here */
	} remembered[ROSTER_REMEMBERED];
};

/*
 * Finds the caller at address; identity is the proven one of DH_KEY_BYTES, or NULL. Reads peers.txt again where it has
 * changed, but spends at most a fifth of the time on that, and after a failure a second passes; blocks on its lock for
 * LOCKEDFILE_WAIT_MS at most. Where it cannot be read, what was read before serves, and the user is told once through
 * console.
 */
void roster_find(struct roster *roster, struct in_addr address, const uint8_t *identity, struct console *console,
    struct caller *caller);

/* Collects the caller's name as it is shown: "Ece", "Ece (192.168.1.7)" where the name is shared, "unknown (...)". */
void caller_put(const struct caller *caller, struct console *console);

#endif
