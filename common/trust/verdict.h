/*
 * The verdict: who somebody is to this user, judged by what is pinned and what is announced.
 *
 * Anybody can announce any name, so a name alone says little. An identity says who it is: one that signed an announcement
 * or was proven in a secure chat, and for which the user has a pin. This is the one place that weighs them; the tables of
 * common/PROTOCOL.md, section 4, say how. It is a function of its arguments alone. Pointers in a verdict belong to the pins
 * and the peers that it was made from.
 */
#ifndef QUARTET_VERDICT_H
#define QUARTET_VERDICT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "crypto/identity.h"
#include "store/peers.h"
#include "trust/pins.h"

/* What somebody without a name is called. */
#define VERDICT_NAMELESS "unknown"

enum standing {
	STANDING_UNKNOWN,   /* nothing is pinned that speaks for or against */
	STANDING_PINNED,    /* holds a pinned identity */
	STANDING_VERIFIED,  /* the same, and the user compared the fingerprint */
	STANDING_CHANGED,   /* uses a pinned name, and is not shown to be its holder */
	STANDING_MISSING,   /* announces a pinned name without any identity */
	STANDING_LOOKALIKE, /* has a name that looks like that of somebody who is pinned */
	STANDING_UNPROVEN,  /* would be somebody who has an identity, and did not prove it */
};

struct verdict {
	enum standing standing;
	/* That of the pin; else the one announced or said; else VERDICT_NAMELESS. */
	char username[USERNAME_MAX_BYTES + 1];
	const struct pin *pin;	  /* of the identity, or NULL */
	const struct pin *other;  /* who else has that name, or one that looks like it, or NULL */
	const struct peer *claim; /* what an address says of itself, or NULL */
	/* What the user wants of them. */
	bool muted;    /* messages draw no attention */
	bool blocked;  /* messages are refused */
	bool accepted; /* not pinned, and messages are taken all the same */
};

/* The word for a standing, as it is shown and logged: "pinned". */
const char *standing_word(enum standing standing);

/* Whether nobody else can be taken for this one by name: a pinned identity was shown to be there. */
bool standing_is_certain(enum standing standing);

/* Judges a claim as Users shows it. */
void verdict_of_claim(struct verdict *verdict, const struct pins *pins, const struct peer *claim);

/* Judges who proved an identity and said a username, or NULL, in a secure chat. */
void verdict_of_proof(struct verdict *verdict, const struct pins *pins, const uint8_t identity[static IDENTITY_BYTES],
    const char *username);

/* Judges who proved nothing and speaks from an address: as the best claim of that address, but not as its holder. */
void verdict_of_address(struct verdict *verdict, const struct pins *pins, const struct peers *peers,
    struct in_addr address, int64_t now_ms);

/*
 * Whether a claim is shown and can be meant: it is listed, and not an unsigned one under the name of a signed one that is
 * at its address and has not left.
 */
bool verdict_is_visible(const struct peers *peers, const struct peer *claim, int64_t now_ms);

#endif
