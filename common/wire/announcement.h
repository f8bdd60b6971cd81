/*
 * The presence datagram of UDP port 6000: {"username": "Ece", "ip": "192.168.1.7", "identity": "...", "since": 1763625600,
 * "signature": "..."}.
 *
 * Specification 2.1.0-C; the fields are those of common/PROTOCOL.md, section 1. Any host may send any bytes here, from any
 * address: an identity counts only if its holder has signed the text, the address it was sent from included.
 */
#ifndef QUARTET_ANNOUNCEMENT_H
#define QUARTET_ANNOUNCEMENT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "crypto/identity.h"
#include "room/roomstate.h"
#include "trust/username.h"

#define ANNOUNCEMENT_MAX_BYTES 1400
#define ANNOUNCE_PERIOD_S 8 /* specification 2.1.0-B */
#define ANNOUNCEMENT_DIGEST_KEY_BYTES 16
#define ANNOUNCEMENT_SINCE_MAX_S 9999999999

#define ANNOUNCEMENT_ROOMS_MAX 7

/* A room that somebody is in and others may find. All of it are bytes, so that two can be compared as such. */
struct announcement_room {
	uint8_t id[ROOM_ID_BYTES];
	char name[ROOM_NAME_MAX_BYTES + 1]; /* as names of users are */
	uint8_t members, capacity;	    /* 1 to ROOM_MEMBERS_MAX */
	bool has_password;
};

struct announcement {
	char username[USERNAME_MAX_BYTES + 1];
	uint8_t identity[IDENTITY_BYTES];
	bool has_identity; /* it is signed by that identity, or says so until announcement_verify() */
	int64_t since_s;   /* of a signed one: Unix time, newer in every other text of its identity */
	bool leaving;	   /* the last one, on a clean exit */
	uint64_t digest;   /* of the datagram it was read from; 0: none was taken */
	struct announcement_room rooms[ANNOUNCEMENT_ROOMS_MAX]; /* of a signed one */
	size_t room_count;
};

/*
 * Writes the datagram for an announcement that leaves by the interface whose address is from, signed by identity unless
 * that is NULL, with as many of the first rooms as fit. Returns its length, which is at most ANNOUNCEMENT_MAX_BYTES; 0 if out
 * of memory.
 */
size_t announcement_format(const struct announcement *announcement, struct in_addr from,
    const struct identity *identity, char datagram[static ANNOUNCEMENT_MAX_BYTES]);

/*
 * Reads a datagram of len bytes that came from that address. The username is trimmed; unknown members are ignored, and
 * those about an identity if there is no signature. Returns 0, or EBADMSG with *announcement left alone and a reason in
 * static storage in *why. The signature, of one with an identity, is yet to be verified.
 */
int announcement_parse(const char *datagram, size_t len, struct in_addr from, struct announcement *announcement,
    const char **why) __attribute__((warn_unused_result));

/* Whether the signature of such a datagram holds. Takes some 50 microseconds. */
bool announcement_verify(const char *datagram, size_t len, const struct announcement *announcement)
    __attribute__((warn_unused_result));

/* Rooms as JSON, a new reference; and what such an array says, without what is no room or stands there twice. */
json_t *announcement_format_rooms(const struct announcement_room *rooms, size_t count);
size_t announcement_parse_rooms(const json_t *list, struct announcement_room rooms[static ANNOUNCEMENT_ROOMS_MAX]);

/*
 * A digest of a datagram, never 0: who announces the same again sends the same bytes, and need not be parsed again.
 * Keyed (SipHash-2-4) with a secret of this run, so that nobody can make two that agree.
 */
uint64_t announcement_digest(const char *datagram, size_t len, const uint8_t key[static ANNOUNCEMENT_DIGEST_KEY_BYTES]);

#endif
