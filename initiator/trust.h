/*
 * Trust: who somebody is, for the user to compare, remember and change their mind about.
 *
 * common/PROTOCOL.md, section 4. Names are pinned when their users answer in a secure chat; these commands show the
 * fingerprint that two people compare, remember that they did, and accept that a name has another identity now. Each
 * asks for the name if it is "", tells what happened, and returns what has become of it (desk.h).
 */
#ifndef QUARTET_TRUST_H
#define QUARTET_TRUST_H

#include "desk.h"

/* The command Fingerprint: shows the fingerprint of the user and of whom name means, and how to compare it. */
int trust_fingerprint(struct desk *desk, const char *name);

/* Whether text is the 60 digits of a fingerprint or the 30 of one half, perhaps with spaces between. */
bool trust_are_digits(const char *text);

/*
 * Compares such digits with the fingerprint of the user and of whom name means, or with the other's half of it, and if
 * they are the same remembers that as Verified does.
 */
int trust_compare(struct desk *desk, const char *name, const char *digits);

/* The command Verified: remembers that the fingerprint was compared; of a name that is not pinned it was shown before. */
int trust_verify(struct desk *desk, const char *name);

/*
 * The command Trust: looks for somebody else who announces a pinned name, shows both fingerprints, asks, and pins the
 * announced identity instead; if none is announced it forgets the known one.
 */
int trust_accept(struct desk *desk, const char *name);

/* The command Distrust: shows what is known of a name, asks, and forgets it. */
int trust_withdraw(struct desk *desk, const char *name);

#endif
