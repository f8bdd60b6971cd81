/*
 * The presence datagram of UDP port 6000: {"username": "Ece", "ip": "192.168.1.7", "identity": "..."}.
 *
 * Specification 2.1.0-C; the fields are those of common/PROTOCOL.md, section 1. Any host may send any bytes here.
 */
#ifndef QUARTET_ANNOUNCEMENT_H
#define QUARTET_ANNOUNCEMENT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/identity.h"
#include "trust/username.h"

#define ANNOUNCEMENT_MAX_BYTES 1400
#define ANNOUNCE_PERIOD_MS 8000 /* specification 2.1.0-B */
#define ANNOUNCEMENT_DIGEST_KEY_BYTES 16

struct announcement {
	char username[USERNAME_MAX_BYTES + 1];
	uint8_t identity[IDENTITY_BYTES];
	bool has_identity;
	int64_t since_s; /* with an identity: newer in every other text of it */
	bool leaving;	 /* the last one, on a clean exit */
	uint64_t digest; /* of the datagram it was read from; 0: none was taken */
};

/*
 * Writes the datagram for an announcement that leaves by the interface whose address is from. Returns its length, which
 * is at most ANNOUNCEMENT_MAX_BYTES; 0 where memory is out.
 */
size_t announcement_format(const struct announcement *announcement, struct in_addr from,
    char datagram[static ANNOUNCEMENT_MAX_BYTES]);

/*
 * Reads a datagram of len bytes. The username is trimmed; "ip" and unknown members are ignored, an "identity" that is
 * not one too. Returns 0, or EBADMSG with *announcement left alone and a reason in static storage in *why.
 */
int announcement_parse(const char *datagram, size_t len, struct announcement *announcement, const char **why)
    __attribute__((warn_unused_result));

/*
 * A digest of a datagram, never 0: who announces the same again sends the same bytes, and need not be parsed again.
 * Keyed (SipHash-2-4) with a secret of this run, so that nobody can make two that agree.
 */
uint64_t announcement_digest(const char *datagram, size_t len, const uint8_t key[static ANNOUNCEMENT_DIGEST_KEY_BYTES]);

#endif
