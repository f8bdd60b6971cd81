/*
 * Outcomes: what has become of the messages in chat.log, as later lines of it say.
 *
 * A secure message of one's own stands in the log twice, as QUEUED and as SENT, and what becomes of it stands in lines of
 * its own; what was received and held is shown once a line says that it was accepted. Whoever shows messages reads the log
 * from its end and gives every line to outcomes_note(), then forwards those that are shown to outcomes_take(): so each
 * message comes once, even if it stands there as SENT more than once because two programs sent it. A pure view; it holds no text, and of more than OUTCOMES_MAX messages it knows nothing: those count
 * as sent.
 */
#ifndef QUARTET_OUTCOMES_H
#define QUARTET_OUTCOMES_H

#include <stdbool.h>

#include "store/chatlog.h"
#include "store/reach.h"

#define OUTCOMES_MAX 1048576

struct outcomes;

/* NULL if out of memory. */
struct outcomes *outcomes_new(void);
void outcomes_free(struct outcomes *outcomes);

/* Notes a line, each before those that stand before it. Returns whether it is a message that is shown. */
bool outcomes_note(struct outcomes *outcomes, const struct chatlog_entry *entry);

struct outcome {
	/* "waiting", "sent", "delivered", "fetched" (of a file that was offered to one), "dropped", "unknown" (nobody has said whether it was sent) or "accepted", or NULL. */
	const char *word;
	struct reach reach; /* in a room: who has it; "delivered" are all, unless it was dropped for them */
};

/* Whether a line is a message that is shown. Then *outcome is what has become of it. */
bool outcomes_take(struct outcomes *outcomes, const struct chatlog_entry *entry, struct outcome *outcome);

#endif
