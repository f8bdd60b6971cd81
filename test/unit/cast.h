/*
 * Who appears in the tests of trust/verdict and trust/candidates: identities told apart by a letter, whom the user knows,
 * and what is announced.
 */
#ifndef QUARTET_TEST_CAST_H
#define QUARTET_TEST_CAST_H

#include <jansson.h>

#include "crypto/identity.h"
#include "store/peers.h"
#include "support.h"
#include "trust/pins.h"

#define NOW_MS INT64_C(1763625600000)

/* What somebody announces: at 192.168.1.x, so many seconds ago. */
struct heard {
	uint8_t at;
	const char *username;
	char identity; /* a letter, or 0 for none */
	int seconds_ago;
	bool left;
};

/* Whom the user knows. */
struct known {
	const char *username;
	char identity;
	uint8_t at; /* where it was proven last, or 0 */
	bool verified;
	unsigned wishes;
};

/* Of whom the user wants something: the holder of an identity, or at an address whoever has none. */
struct noted {
	char identity; /* or 0 */
	uint8_t at;
	unsigned wishes;
};

static inline struct in_addr cast_address(uint8_t at)
{
	return support_address(0xc0a80100u + at);
}

static inline void cast_identity(char letter, uint8_t identity[static IDENTITY_BYTES])
{
	memset(identity, letter, IDENTITY_BYTES);
}

/* The records of strangers; one without wishes ends them. */
static inline json_t *cast_strangers(const struct noted *noted)
{
	json_t *section = json_object();
	char key[16];

	for (int i = 0; noted[i].wishes; i++) {
		struct stranger stranger = {
		    .username = "Stranger",
		    .has_identity = noted[i].identity,
		    .address = cast_address(noted[i].at),
		    .wishes = noted[i].wishes,
		};

		cast_identity(noted[i].identity, stranger.identity);
		snprintf(key, sizeof(key), "%d", i);
		assert_int_equal(json_object_set_new(section, key, pins_format_stranger(&stranger)), 0);
	}
	return section;
}

/* The pins of those known, the first of whom is known longest, and those noted. Entries without a name or wishes end them. */
static inline struct pins *cast_people(const struct known *known, const struct noted *noted)
{
	json_t *section = json_object(), *strangers = cast_strangers(noted);
	struct pins *pins;

	for (int64_t since_s = 1763600000; known->username; known++, since_s++) {
		struct pin pin = {
		    .since_s = since_s,
		    .verified = known->verified,
		    .has_address = known->at != 0,
		    .wishes = known->wishes,
		};

		snprintf(pin.username, sizeof(pin.username), "%s", known->username);
		cast_identity(known->identity, pin.identity);
		pin.address = cast_address(known->at);
		assert_int_equal(json_object_set_new(section, known->username, pins_format(&pin)), 0);
	}
	pins = pins_new(section, strangers);
	assert_non_null(pins);
	json_decref(section);
	json_decref(strangers);
	return pins;
}

static inline struct pins *cast_pins(const struct known *known)
{
	return cast_people(known, (const struct noted[]){{0}});
}

/* The peers of those heard, each after the one before, for whom has those pins. An entry without a name ends them. */
static inline struct peers *cast_peers(const struct pins *pins, const struct heard *heard)
{
	struct peers *peers = peers_new();

	assert_non_null(peers);
	for (; heard->username; heard++) {
		struct peer peer = {
		    .address = cast_address(heard->at),
		    .has_identity = heard->identity != 0,
		    .left = heard->left,
		    .last_seen_ms = NOW_MS - heard->seconds_ago * INT64_C(1000),
		};

		snprintf(peer.username, sizeof(peer.username), "%s", heard->username);
		if (heard->identity)
			cast_identity(heard->identity, peer.identity);
		peer.is_pinned = heard->identity && pins_find_identity(pins, peer.identity);
		assert_non_null(peers_put(peers, &peer));
	}
	return peers;
}

#endif
