#include "party.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

static int compare(const void *a, const void *b)
{
	return memcmp(((const struct party *)a)->to.identity, ((const struct party *)b)->to.identity, IDENTITY_BYTES);
}

struct party *party_find(const struct parties *parties, const uint8_t *identity)
{
	struct party wanted;
	struct party **found;

	memcpy(wanted.to.identity, identity, IDENTITY_BYTES);
	found = tfind(&wanted, &parties->tree, compare);
	return found ? *found : NULL;
}

struct party *party_make(struct parties *parties, const uint8_t *identity)
{
	struct party *party = party_find(parties, identity);

	if (party)
		return party;
	party = calloc(1, sizeof(*party));
	if (!party)
		return NULL;
	party->parties = parties;
	party->call.fd = -1;
	memcpy(party->to.identity, identity, IDENTITY_BYTES);
	if (!tsearch(party, &parties->tree, compare)) {
		free(party);
		return NULL;
	}
	return party;
}

void party_schedule(struct parties *parties)
{
	loop_set(parties->setup->loop, &parties->end_of_round, 0);
}

void party_enter(struct party *party, enum party_state state)
{
	struct parties *parties = party->parties;

	if (party->state == PARTY_READY)
		TAILQ_REMOVE(&parties->ready, party, of_turn);
	if (party->state == PARTY_DONE)
		TAILQ_REMOVE(&parties->done, party, of_turn);
	parties->busy -= party->state == PARTY_BUSY;
	party->state = state;
	parties->busy += state == PARTY_BUSY;
	if (state == PARTY_DONE) {
		TAILQ_INSERT_TAIL(&parties->done, party, of_turn);
		party_schedule(parties);
	}
	/* Whoever has a session open goes on with it, so that no more are open than are busy. */
	if (state == PARTY_READY && party->call.fd >= 0)
		TAILQ_INSERT_HEAD(&parties->ready, party, of_turn);
	else if (state == PARTY_READY)
		TAILQ_INSERT_TAIL(&parties->ready, party, of_turn);
}

void party_wake(struct party *party)
{
	if (party->state != PARTY_RESTING)
		return;
	party->is_failing = false;
	party_enter(party, PARTY_READY);
}

void party_settle_question(struct party *party, enum envelope_status status)
{
	if (!party->has_question)
		return;
	party->has_question = party->is_asked_that = false;
	catchup_end(party->parties->catchup, party->to.identity, status, clock_monotonic_ms());
	party->parties->is_unlooked = true;
}

void party_interrupt(struct party *party)
{
	party_enter(party, PARTY_RESTING);
	if (party->call.loop)
		call_close(&party->call);
	buffer_wipe(&party->sent_line);
	errand_end(&party->errand);
	party_settle_question(party, ENVELOPE_NOT_NOW);
	party->has_parcel = false;
}

static void free_party(void *node)
{
	party_interrupt(node);
	free(node);
}

void party_free_all(struct parties *parties)
{
	tdestroy(parties->tree, free_party);
}

void party_tidy(struct party *party)
{
	struct parties *parties = party->parties;

	if (party->is_held || party->has_question || party->state != PARTY_RESTING ||
	    outbox_count(parties->outbox, party->to.identity) > 0)
		return;
	tdelete(party, &parties->tree, compare);
	free_party(party);
}

int party_put_line(struct buffer *lines, const struct recipient *to, const uint8_t *id, struct chatlog_entry entry)
{
	entry.time_ms = clock_wall_ms();
	entry.mode = CHATLOG_SECURE;
	entry.address = to->address;
	entry.has_id = entry.has_identity = true;
	strcpy(entry.username, to->username);
	memcpy(entry.id, id, ENVELOPE_ID_BYTES);
	memcpy(entry.identity, to->identity, IDENTITY_BYTES);
	return chatlog_format(lines, &entry);
}

int party_put_state(struct buffer *lines, const struct recipient *to, const struct outbox_item *item,
    enum chatlog_state state, const char *why)
{
	struct chatlog_entry entry = {.kind = CHATLOG_STATE, .state = state, .why = why};

	entry.has_room = item->kind != OUTBOX_MESSAGE;
	memcpy(entry.room, item->room, sizeof(entry.room));
	return party_put_line(lines, to, item->id, entry);
}

const struct peer *party_know(const struct parties *parties, const struct outbox_item *item, struct recipient *to)
{
	const struct outbox_recipient *who = item->recipient;

	return recipient_know(to, parties->peers, who->identity, who->username, who->address);
}

bool party_locate(struct party *party)
{
	struct parties *parties = party->parties;
	const struct outbox_item *item = outbox_next(parties->outbox, party->to.identity, NULL);
	uint8_t identity[IDENTITY_BYTES];

	/* What was read before is the best there is. */
	(void)!peersfile_read(parties->peers);
	memcpy(identity, party->to.identity, sizeof(identity));
	if (!item && party->has_question)
		recipient_know(&party->to, parties->peers, identity, "", (struct in_addr){0});
	return item && patience_is_over(&party->patience, party_know(parties, item, &party->to));
}

void party_rest(struct party *party)
{
	patience_fail(&party->patience, clock_monotonic_ms());
	party->is_failing = true;
	if (party_locate(party))
		party_wake(party);
}
