/*
 * Whom the user knows: the identities that are pinned to usernames, as ssh pins the keys of hosts; and what the user wants
 * of these and of strangers (common/PROTOCOL.md, section 4).
 *
 * This is the table of the "known" and "stranger" records of peers.txt, for looking up; changes go through peersfile. What
 * is no valid record is left out. A table never changes; pins belong to it and hold as long as it does. Nothing blocks.
 */
#ifndef QUARTET_PINS_H
#define QUARTET_PINS_H

#include <jansson.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/peers.h"

/* Pins that are kept at most, and as many strangers. */
#define PINS_MAX 4096

/* What the user wants of somebody: bits. */
enum pins_wish {
	PINS_MUTED = 1,	   /* messages are kept and draw no attention */
	PINS_BLOCKED = 2,  /* messages are refused */
	PINS_ACCEPTED = 4, /* messages of this stranger are taken, whatever enum pins_accept says */
};

/* Whose messages are taken. */
enum pins_accept {
	PINS_ACCEPT_ALL,
	PINS_ACCEPT_ASK,   /* the first ones of strangers are held until the user decides */
	PINS_ACCEPT_KNOWN, /* none of strangers */
};

struct pin {
	char username[USERNAME_MAX_BYTES + 1];
	uint8_t identity[IDENTITY_BYTES];
	int64_t since_s; /* Unix time of pinning */
	struct in_addr address;
	bool has_address;   /* address is where the identity was last proven */
	bool verified;	    /* the user compared the fingerprint */
	unsigned wishes;    /* bits of enum pins_wish, but PINS_ACCEPTED */
	int64_t auto_bytes; /* files of theirs up to that size are fetched without being asked for; 0: none are */
};

/* Somebody who is not pinned and of whom the user wants something: the holder of an identity, or who has none. */
struct stranger {
	char username[USERNAME_MAX_BYTES + 1]; /* as announced at that time */
	uint8_t identity[IDENTITY_BYTES];
	bool has_identity;
	struct in_addr address; /* who has no identity is whoever speaks from here */
	unsigned wishes;	/* bits of enum pins_wish */
};

/* The word for it: "ask". And what a word says; false, with nothing set, if it is none of these. */
const char *pins_accept_word(enum pins_accept accept);
bool pins_accept_parse(const char *word, enum pins_accept *accept) __attribute__((warn_unused_result));

/* Whether the pinned identity was last proven from that address. */
bool pin_is_proven_at(const struct pin *pin, struct in_addr address);

struct pins;

/* The table for the records of pins, a JSON object by name, and those of strangers, one by anything. NULL if out of memory. */
struct pins *pins_new(json_t *known, json_t *strangers) __attribute__((warn_unused_result));
void pins_free(struct pins *pins);

size_t pins_count(const struct pins *pins);
size_t pins_count_strangers(const struct pins *pins);

/* Walk all pins in the order of their names, and all strangers: NULL to begin, and NULL comes back at the end. */
const struct pin *pins_next(const struct pins *pins, const struct pin *pin);
const struct stranger *pins_next_stranger(const struct pins *pins, const struct stranger *stranger);

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

/*
 * What the user wants of the holder of an identity, pinned or not, or if that is NULL, of whoever speaks from address
 * without one: bits of enum pins_wish.
 */
unsigned pins_wishes(const struct pins *pins, const uint8_t *identity, struct in_addr address);

/* The records in peers.txt, as a new reference. */
json_t *pins_format(const struct pin *pin) __attribute__((warn_unused_result));
json_t *pins_format_stranger(const struct stranger *stranger) __attribute__((warn_unused_result));

#endif
