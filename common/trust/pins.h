/*
 * Whom the user knows: the identities that are pinned to usernames, as ssh pins the keys of hosts.
 *
 * A name is pinned when the first secure message was exchanged with it, in either direction (common/PROTOCOL.md,
 * section 4); announcements alone pin nothing, because anybody can announce anything. This is the table that peersfile
 * makes of the "known" records of peers.txt, for looking up; changes go through peersfile. What is no valid pin is left
 * out. A table never changes; pins belong to it and hold as long as it does. Nothing blocks.
 */
#ifndef QUARTET_PINS_H
#define QUARTET_PINS_H

#include <jansson.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/peers.h"

/* Pins that are kept at most. Strangers' messages make pins only up to PINS_BY_STRANGERS_MAX. */
#define PINS_MAX 4096
#define PINS_BY_STRANGERS_MAX 2048

struct pin {
	char username[USERNAME_MAX_BYTES + 1];
	uint8_t identity[DH_KEY_BYTES];
	int64_t since_s; /* Unix time of pinning */
	struct in_addr address;
	bool has_address; /* address is where the identity was last proven */
	bool verified;	  /* the user compared the fingerprint */
};

/* What a peer's announcement is worth, measured by the pin of its name. */
enum pins_standing {
	PINS_STRANGER, /* the name is not pinned */
	PINS_SAME,     /* it announces the pinned identity (which anybody could repeat: only a secure chat proves it) */
	PINS_CHANGED,  /* it announces another identity */
	PINS_MISSING,  /* it announces none */
};

/* Whether the pinned identity was last proven from that address. */
bool pin_is_proven_at(const struct pin *pin, struct in_addr address);

struct pins;

/* The table for the records of pins, a JSON object by name or NULL, which is only read. NULL if out of memory. */
struct pins *pins_new(json_t *section) __attribute__((warn_unused_result));
void pins_free(struct pins *known);

size_t pins_count(const struct pins *known);

/* The pin of exactly that name, or NULL. */
const struct pin *pins_find(const struct pins *known, const char *username);

/* The pin with that identity, the oldest where several names have it, or NULL. */
const struct pin *pins_find_identity(const struct pins *known, const uint8_t identity[static DH_KEY_BYTES]);

/* The same, or a pin whose name differs only in the case of ASCII letters, or NULL. */
const struct pin *pins_find_case(const struct pins *known, const char *username);

/*
 * The pin that somebody could take username for: one whose name looks like it and is another (lookalike.h). Of several
 * the verified one, or else the oldest. NULL where there is none, or username itself is that one, or is verified, too.
 */
const struct pin *pins_find_alike(const struct pins *known, const char *username);

/* Judges a peer; *pin becomes the pin of its name, NULL for a stranger. */
enum pins_standing pins_judge(const struct pins *known, const struct peer *peer, const struct pin **pin);

/* The record of a pin in peers.txt, as a new reference, or NULL if out of memory. */
json_t *pins_format(const struct pin *pin) __attribute__((warn_unused_result));

#endif
