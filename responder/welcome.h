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

/* What is said of it. */
struct welcome_answer {
	enum envelope_status status; /* to the sender of a secure message */
	const char *why;	     /* to the same, in at most ENVELOPE_WHY_MAX_BYTES; "" if there is nothing to add */
	const char *
	    refusal; /* to the user, of a message that is not kept and nobody confirms; NULL if it is not worth a line */
};

/* By enum welcome. */
extern const struct welcome_answer welcome_answers[];

#endif
