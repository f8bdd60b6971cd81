/*
 * Whom the user knows: the identities that are pinned to usernames, as ssh pins the keys of hosts.
 *
 * A name is pinned when the first secure message was exchanged with it, in either direction (common/PROTOCOL.md,
 * section 4); announcements alone pin nothing, because anybody can announce anything. This is the table that peersfile
 * makes of the "known" section of peers.txt, for looking up; changes go through peersfile. What is no valid pin is left
 * out. A table never changes; pins belong to it and hold as long as it does. Nothing blocks.
 */
#ifndef QUARTET_KNOWN_H
#define QUARTET_KNOWN_H

#include <jansson.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "peers.h"

/* Pins that are kept at most. Strangers' messages make pins only up to KNOWN_BY_STRANGERS_MAX. */
#define KNOWN_MAX 4096
#define KNOWN_BY_STRANGERS_MAX 2048

struct pin {
	char username[USERNAME_MAX_BYTES + 1];
	uint8_t identity[DH_KEY_BYTES];
	int64_t since_s; /* Unix time of pinning */
	struct in_addr address;
	bool has_address; /* address is where the identity was last proven */
	bool verified;	  /* the user compared the fingerprint */
};

/* What a peer's announcement is worth, measured by the pin of its name. */
enum known_standing {
	KNOWN_STRANGER, /* the name is not pinned */
	KNOWN_SAME,    /* it announces the pinned identity (which anybody could repeat: only a secure chat proves it) */
	KNOWN_CHANGED, /* it announces another identity */
	KNOWN_MISSING, /* it announces none */
};

/* Whether the pinned identity was last proven from that address. */
bool pin_is_proven_at(const struct pin *pin, struct in_addr address);

struct known;

/* The table for the "known" section, a JSON object or NULL, which is only read. NULL where memory is out. */
struct known *known_new(json_t *section) __attribute__((warn_unused_result));
void known_free(struct known *known);

size_t known_count(const struct known *known);

/* The pin of exactly that name, or NULL. */
const struct pin *known_find(const struct known *known, const char *username);

/* The pin with that identity, the oldest where several names have it, or NULL. */
const struct pin *known_find_identity(const struct known *known, const uint8_t identity[static DH_KEY_BYTES]);

/* The same, or a pin whose name differs only in the case of ASCII letters, or NULL. */
const struct pin *known_find_case(const struct known *known, const char *username);

/*
 * The pin that somebody could take username for: one whose name looks like it and is another (lookalike.h). Of several
 * the verified one, or else the oldest. NULL where there is none, or username itself is that one, or is verified, too.
 */
const struct pin *known_find_alike(const struct known *known, const char *username);

/* Judges a peer; *pin becomes the pin of its name, NULL for a stranger. */
enum known_standing known_judge(const struct known *known, const struct peer *peer, const struct pin **pin);

/* The member of "known" for a pin, as a new reference, or NULL where memory is out. Its name is the pin's username. */
json_t *known_format(const struct pin *pin) __attribute__((warn_unused_result));

#endif
