/*
 * Whose messages the user wants: what becomes of a message by who sent it.
 *
 * common/PROTOCOL.md, section 4. A stranger has proven no pinned identity, and was not accepted. This is a function of its
 * arguments alone.
 */
#ifndef QUARTET_WELCOME_H
#define QUARTET_WELCOME_H

#include "roster.h"
#include "wire/envelope.h"

enum welcome {
	WELCOME_TAKEN,	 /* kept and shown */
	WELCOME_HELD,	 /* kept, and shown once the user accepts it */
	WELCOME_FULL,	 /* as many of this stranger, or of so many strangers, are held as there may be */
	WELCOME_UNKNOWN, /* nothing of strangers is wanted */
	WELCOME_BLOCKED,
	WELCOME_REJECTED, /* it was held, and the user did not want it */
};

/* Judges a caller; nobody is WELCOME_FULL or WELCOME_REJECTED yet. */
enum welcome welcome_judge(const struct caller *caller, enum pins_accept accept);

/* What the sender of a secure message is told, and why, in at most ENVELOPE_WHY_MAX_BYTES; "" if there is nothing to add. */
enum envelope_status welcome_status(enum welcome welcome);
const char *welcome_why(enum welcome welcome);

/*
 * Why a message that nobody confirms is refused, in words for the user; NULL if that is not worth a line. For those that
 * are not kept.
 */
const char *welcome_refusal(enum welcome welcome);

#endif
