/*
 * Trust: who somebody is, for the user to compare, remember and change their mind about.
 *
 * common/PROTOCOL.md, section 4. Names are pinned when their users answer in a secure chat; these commands show the
 * fingerprint that two people compare, remember that they did, and accept that a name has another identity now.
 */
#ifndef QUARTET_TRUST_H
#define QUARTET_TRUST_H

#include "desk.h"

struct trust {
	struct desk *desk;
	/* Of the fingerprint that was shown last for a name that is not pinned: only that can be verified. */
	char shown_name[USERNAME_MAX_BYTES + 1];
	uint8_t shown_identity[IDENTITY_BYTES];
};

/* The command Fingerprint: shows the fingerprint of the user and of whom name means, and how to compare it. */
void trust_fingerprint(struct trust *trust, const char *name);

/*
 * The command Verified: remembers that the fingerprint was compared. Pins the name if it is not pinned and the
 * fingerprint was shown before.
 */
void trust_verify(struct trust *trust, const char *name);

/*
 * The command Trust: looks for somebody else who announces a pinned name, shows both fingerprints, asks, and pins the
 * announced identity instead; if none is announced it forgets the known one.
 */
void trust_accept(struct trust *trust, const char *name);

/* The command Distrust: shows what is known of a name, asks, and forgets it. */
void trust_withdraw(struct trust *trust, const char *name);

#endif
