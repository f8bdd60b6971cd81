#include "outcomes.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN 1024

/* What is known of a message: bits of the lowest byte of its slot, above which stands a hash of it. An empty slot is 0. */
enum fact {
	FACT_KNOWN = 1,
	FACT_SENT = 2,
	FACT_DELIVERED = 4,
	FACT_DROPPED = 8,
	FACT_ACCEPTED = 16,
	FACT_TAKEN = 32, /* as sent, by outcomes_take() */
};

#define FACTS_MASK UINT64_C(0xff)

struct outcomes {
	uint64_t *slots; /* open addressing; a power of two, never more than half full */
	size_t size, count;
	uint8_t key[crypto_shorthash_KEYBYTES]; /* so that nobody can choose ids that fall together */
};

struct outcomes *outcomes_new(void)
{
	struct outcomes *outcomes = calloc(1, sizeof(*outcomes));

	if (outcomes)
		crypto_shorthash_keygen(outcomes->key);
	return outcomes;
}

void outcomes_free(struct outcomes *outcomes)
{
	if (outcomes)
		free(outcomes->slots);
	free(outcomes);
}

static uint64_t hash(const struct outcomes *outcomes, const struct chatlog_entry *entry)
{
	uint8_t bytes[ENVELOPE_ID_BYTES + IDENTITY_BYTES] = {0};
	uint64_t value;

	memcpy(bytes, entry->id, ENVELOPE_ID_BYTES);
	if (entry->has_identity)
		memcpy(bytes + ENVELOPE_ID_BYTES, entry->identity, IDENTITY_BYTES);
	crypto_shorthash((uint8_t *)&value, bytes, sizeof(bytes), outcomes->key);
	return value & ~FACTS_MASK;
}

/* The slot of a message, or the empty one where it belongs. */
static uint64_t *find(const struct outcomes *outcomes, uint64_t hash)
{
	size_t i = (hash >> 8) & (outcomes->size - 1);

	while (outcomes->slots[i] != 0 && (outcomes->slots[i] & ~FACTS_MASK) != hash)
		i = (i + 1) & (outcomes->size - 1);
	return &outcomes->slots[i];
}

static unsigned facts_of(const struct outcomes *outcomes, const struct chatlog_entry *entry)
{
	if (!entry->has_id || outcomes->size == 0)
		return 0;
	return *find(outcomes, hash(outcomes, entry)) & FACTS_MASK;
}

/* Makes room for one more; false if there is none. */
static bool grow(struct outcomes *outcomes)
{
	struct outcomes bigger = {.size = outcomes->size > 0 ? 2 * outcomes->size : SLOTS_MIN};

	if (2 * (outcomes->count + 1) <= outcomes->size)
		return true;
	if (outcomes->count >= OUTCOMES_MAX)
		return false;
	bigger.slots = calloc(bigger.size, sizeof(*bigger.slots));
	if (!bigger.slots)
		return false;
	for (size_t i = 0; i < outcomes->size; i++) {
		if (outcomes->slots[i] != 0)
			*find(&bigger, outcomes->slots[i] & ~FACTS_MASK) = outcomes->slots[i];
	}
	free(outcomes->slots);
	outcomes->slots = bigger.slots;
	outcomes->size = bigger.size;
	return true;
}

static void add(struct outcomes *outcomes, const struct chatlog_entry *entry, unsigned fact)
{
	uint64_t value = hash(outcomes, entry), *slot;

	if (!entry->has_id || !grow(outcomes))
		return;
	slot = find(outcomes, value);
	outcomes->count += *slot == 0;
	*slot |= value | fact | FACT_KNOWN;
}

static unsigned fact_of(enum chatlog_state state)
{
	static const unsigned facts[] = {
	    [CHATLOG_DELIVERED] = FACT_DELIVERED,
	    [CHATLOG_DROPPED] = FACT_DROPPED,
	    [CHATLOG_ACCEPTED] = FACT_ACCEPTED,
	    [CHATLOG_REJECTED] = 0,
	};

	return facts[state];
}

/* Whether a line of which all that follows is known is a message that is shown, and what has become of it. */
static bool judge(const struct chatlog_entry *entry, unsigned facts, const char **word)
{
	*word = NULL;
	if (entry->kind != CHATLOG_MESSAGE)
		return false;
	if (entry->direction == CHATLOG_RECEIVED) {
		*word = entry->held && facts & FACT_ACCEPTED ? "accepted" : NULL;
		return !entry->held || facts & FACT_ACCEPTED;
	}
	if (entry->direction == CHATLOG_QUEUED) {
		/* Whoever was to send it once may have ended between its bytes and the line that says so. */
		*word = facts & FACT_DROPPED ? "dropped" : entry->once ? "unknown" : "waiting";
		return !(facts & FACT_SENT);
	}
	if (entry->mode == CHATLOG_SECURE)
		*word = facts & FACT_DELIVERED ? "delivered" : facts & FACT_DROPPED ? "dropped" : "sent";
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
		add(outcomes, entry, fact_of(entry->state));
	else if (is_sent(entry))
		add(outcomes, entry, FACT_SENT);
	return judge(entry, facts, &word) && !(is_sent(entry) && facts & FACT_SENT);
}

bool outcomes_take(struct outcomes *outcomes, const struct chatlog_entry *entry, const char **word)
{
	unsigned facts = facts_of(outcomes, entry);

	if (is_sent(entry))
		add(outcomes, entry, FACT_TAKEN);
	return judge(entry, facts, word) && !(is_sent(entry) && facts & FACT_TAKEN);
}
