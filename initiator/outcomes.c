#include "outcomes.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

/* What is known of a message: a bit for each state, and two more. */
#define FACT(state) (1U << (state))
#define FACT_SENT (1U << 6)
#define FACT_TAKEN (1U << 7) /* as sent, by outcomes_take() */

/* A message: its id, and the identity of the other side, or zeros. */
struct message {
	uint8_t key[ENVELOPE_ID_BYTES + IDENTITY_BYTES];
	uint8_t facts;
};

struct outcomes {
	void *messages; /* a tree of tsearch(3), balanced whoever chose the ids */
	size_t count;
};

struct outcomes *outcomes_new(void)
{
	return calloc(1, sizeof(struct outcomes));
}

void outcomes_free(struct outcomes *outcomes)
{
	if (outcomes)
		tdestroy(outcomes->messages, free);
	free(outcomes);
}

static int compare(const void *left, const void *right)
{
	const struct message *a = left, *b = right;

	return memcmp(a->key, b->key, sizeof(a->key));
}

static struct message message_of(const struct chatlog_entry *entry)
{
	struct message message = {0};

	memcpy(message.key, entry->id, ENVELOPE_ID_BYTES);
	if (entry->has_identity)
		memcpy(message.key + ENVELOPE_ID_BYTES, entry->identity, IDENTITY_BYTES);
	return message;
}

static unsigned facts_of(const struct outcomes *outcomes, const struct chatlog_entry *entry)
{
	struct message message = message_of(entry), **found = NULL;

	if (entry->has_id)
		found = tfind(&message, &outcomes->messages, compare);
	return found ? (*found)->facts : 0;
}

/* Without memory nothing more is known. */
static void add(struct outcomes *outcomes, const struct chatlog_entry *entry, unsigned fact)
{
	struct message message = message_of(entry), *made, **found;

	if (!entry->has_id)
		return;
	found = tfind(&message, &outcomes->messages, compare);
	if (!found && outcomes->count < OUTCOMES_MAX && (made = malloc(sizeof(*made)))) {
		*made = message;
		found = tsearch(made, &outcomes->messages, compare);
		if (found)
			outcomes->count++;
		else
			free(made);
	}
	if (found)
		(*found)->facts |= (uint8_t)fact;
}

/* Whether a line of which all that follows is known is a message that is shown, and what has become of it. */
static bool judge(const struct chatlog_entry *entry, unsigned facts, const char **word)
{
	*word = NULL;
	if (entry->kind != CHATLOG_MESSAGE)
		return false;
	if (entry->direction == CHATLOG_RECEIVED) {
		*word = entry->held && facts & FACT(CHATLOG_ACCEPTED) ? "accepted" : NULL;
		return !entry->held || facts & FACT(CHATLOG_ACCEPTED);
	}
	if (entry->direction == CHATLOG_QUEUED) {
		/* Whoever was to send it once may have ended between its bytes and the line that says so. */
		*word = facts & FACT(CHATLOG_DROPPED) ? "dropped" : entry->once ? "unknown" : "waiting";
		return !(facts & FACT_SENT);
	}
	if (entry->mode == CHATLOG_SECURE)
		*word = facts & FACT(CHATLOG_FETCHED)	  ? "fetched"
			: facts & FACT(CHATLOG_DELIVERED) ? "delivered"
			: facts & FACT(CHATLOG_DROPPED)	  ? "dropped"
							  : "sent";
	return true;
}

static bool is_sent(const struct chatlog_entry *entry)
{
	return entry->kind == CHATLOG_MESSAGE && entry->direction == CHATLOG_SENT;
}

bool outcomes_note(struct outcomes *outcomes, const struct chatlog_entry *entry)
{
	unsigned facts = facts_of(outcomes, entry);
	const char *word;

	if (entry->kind == CHATLOG_STATE)
		add(outcomes, entry, FACT(entry->state));
	else if (is_sent(entry))
		add(outcomes, entry, FACT_SENT);
	return judge(entry, facts, &word) && !(is_sent(entry) && facts & FACT_SENT);
}

/* Finds out who has a message in a room, and what that is called. */
static void find_reach(const struct outcomes *outcomes, const struct chatlog_entry *message, struct outcome *outcome)
{
	struct chatlog_entry state = {.kind = CHATLOG_STATE, .has_id = true, .has_identity = true};

	memcpy(state.id, message->id, sizeof(state.id));
	for (size_t i = 0; i < message->to_count; i++) {
		unsigned facts;

		memcpy(state.identity, message->to[i], sizeof(state.identity));
		facts = facts_of(outcomes, &state);
		state.state = facts & FACT(CHATLOG_DELIVERED) ? CHATLOG_DELIVERED : CHATLOG_DROPPED;
		if (facts & (FACT(CHATLOG_DELIVERED) | FACT(CHATLOG_DROPPED)))
			reach_note(&outcome->reach, message, &state);
	}
	if (message->to_count > 0 && !reach_waits(&outcome->reach, message))
		outcome->word = reach_count(&outcome->reach) > 0 ? "delivered" : "dropped";
}

bool outcomes_take(struct outcomes *outcomes, const struct chatlog_entry *entry, struct outcome *outcome)
{
	unsigned facts = facts_of(outcomes, entry);

	*outcome = (struct outcome){0};
	if (is_sent(entry))
		add(outcomes, entry, FACT_TAKEN);
	if (!judge(entry, facts, &outcome->word) || (is_sent(entry) && facts & FACT_TAKEN))
		return false;
	if (entry->has_room)
		find_reach(outcomes, entry, outcome);
	return true;
}
