/*
 * Whom the user knows: the identities that are pinned to usernames, as ssh pins the keys of hosts.
 *
 * A name is pinned when the user wrote to it in a secure chat and was answered (common/PROTOCOL.md, section 4). What
 * others say pins nothing: neither announcements nor their messages. This is the table of the "known" records of
 * peers.txt, for looking up; changes go through peersfile. What is no valid pin is left out. A table never changes; pins
 * belong to it and hold as long as it does. Nothing blocks.
 */
#ifndef QUARTET_PINS_H
#define QUARTET_PINS_H

#include <jansson.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/peers.h"

/* Pins that are kept at most. */
#define PINS_MAX 4096

struct pin {
	char username[USERNAME_MAX_BYTES + 1];
	uint8_t identity[IDENTITY_BYTES];
	int64_t since_s; /* Unix time of pinning */
	struct in_addr address;
	bool has_address; /* address is where the identity was last proven */
	bool verified;	  /* the user compared the fingerprint */
};

/* Whether the pinned identity was last proven from that address. */
bool pin_is_proven_at(const struct pin *pin, struct in_addr address);

struct pins;

/* The table for the records of pins, a JSON object by name or NULL, which is only read. NULL if out of memory. */
struct pins *pins_new(json_t *section) __attribute__((warn_unused_result));
void pins_free(struct pins *pins);

size_t pins_count(const struct pins *pins);

/* Walks through all pins in the order of their names: pin is NULL to begin, and NULL comes back at the end. */
const struct pin *pins_next(const struct pins *pins, const struct pin *pin);

/* The pin of exactly that name, or NULL. */
const struct pin *pins_find(const struct pins *pins, const char *username);

/* The pin with that identity, the oldest if several names have it, or NULL. */
const struct pin *pins_find_identity(const struct pins *pins, const uint8_t identity[static IDENTITY_BYTES]);

/* Writes the first of "Bob", "Bob 2", "Bob 3" that is not pinned, for username; too long a one is cut to fit. */
void pins_free_name(const struct pins *pins, const char *username, char name[static USERNAME_MAX_BYTES + 1]);

/*
 * The pin that somebody could take username for: one whose name looks like it and is another (lookalike.h). Of several
 * the verified one, or else the oldest. NULL if there is none, or username itself is that one, or is verified, too.
 */
const struct pin *pins_find_alike(const struct pins *pins, const char *username);

/* The record of a pin in peers.txt, as a new reference, or NULL if out of memory. */
json_t *pins_format(const struct pin *pin) __attribute__((warn_unused_result));

#endif
