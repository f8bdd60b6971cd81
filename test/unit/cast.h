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
};

static inline struct in_addr cast_address(uint8_t at)
{
	return support_address(0xc0a80100u + at);
}

static inline void cast_identity(char letter, uint8_t identity[static IDENTITY_BYTES])
{
	memset(identity, letter, IDENTITY_BYTES);
}

/* The pins of those known, the first of whom is known longest. An entry without a name ends them. */
static inline struct pins *cast_pins(const struct known *known)
{
	json_t *section = json_object();
	struct pins *pins;

	for (int64_t since_s = 1763600000; known->username; known++, since_s++) {
		struct pin pin = {.since_s = since_s, .verified = known->verified, .has_address = known->at != 0};

		snprintf(pin.username, sizeof(pin.username), "%s", known->username);
		cast_identity(known->identity, pin.identity);
		pin.address = cast_address(known->at);
		assert_int_equal(json_object_set_new(section, known->username, pins_format(&pin)), 0);
	}
	pins = pins_new(section);
	assert_non_null(pins);
	json_decref(section);
	return pins;
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
