#include "parties.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "store/lockedfile.h"

static const char too_old[] = "it waited for " TEXT_OF(OUTBOX_DAYS) " days";

static int compare_parties(const void *a, const void *b)
{
	return memcmp(((const struct party *)a)->to.identity, ((const struct party *)b)->to.identity, IDENTITY_BYTES);
}

struct party *party_find(const struct parties *parties, const uint8_t *identity)
{
	struct party wanted;
	struct party **found;

	memcpy(wanted.to.identity, identity, IDENTITY_BYTES);
	found = tfind(&wanted, &parties->tree, compare_parties);
	return found ? *found : NULL;
}

void party_wake(struct party *party)
{
	struct parties *parties = party->parties;

	if (party->state != PARTY_RESTING)
		return;
	parties->failing -= party->timer.is_set;
	loop_set(parties->setup->loop, &party->timer, LOOP_NEVER);
	party->state = PARTY_READY;
	/* Whoever has a session open goes on with it, so that no more are open than are busy. */
	if (party->call.connection.fd >= 0)
		TAILQ_INSERT_HEAD(&parties->ready, party, of_turn);
	else
		TAILQ_INSERT_TAIL(&parties->ready, party, of_turn);
}

static void end_rest(void *context)
{
	struct party *party = context;

	party->parties->failing--;
	party_wake(party);
	parties_run(party->parties);
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
	party->timer = (struct loop_timer){.callback = end_rest, .context = party};
	party->call.connection.fd = -1;
	memcpy(party->to.identity, identity, IDENTITY_BYTES);
	if (!tsearch(party, &parties->tree, compare_parties)) {
		free(party);
		return NULL;
	}
	return party;
}

void party_interrupt(struct party *party)
{
	struct parties *parties = party->parties;

	if (party->state == PARTY_READY)
		TAILQ_REMOVE(&parties->ready, party, of_turn);
	if (party->state == PARTY_DONE)
		TAILQ_REMOVE(&parties->done, party, of_turn);
	if (party->state == PARTY_BUSY)
		parties->busy--;
	if (party->call.loop)
		call_close(&party->call);
	buffer_wipe(&party->sent_line);
	party->has_parcel = false;
	party->state = PARTY_RESTING;
}

static void free_party(void *node)
{
	struct party *party = node;

	party_interrupt(party);
	loop_set(party->parties->setup->loop, &party->timer, LOOP_NEVER);
	free(party);
}

void party_tidy(struct party *party)
{
	struct parties *parties = party->parties;

	if (party->is_held || party->state != PARTY_RESTING || outbox_count(parties->outbox, party->to.identity) > 0)
		return;
	parties->failing -= party->timer.is_set;
	tdelete(party, &parties->tree, compare_parties);
	free_party(party);
}

/* Whom to write to. */

const struct peer *parties_know(const struct parties *parties, const struct outbox_item *item, struct recipient *to)
{
	const struct outbox_recipient *who = item->recipient;

	return recipient_know(to, parties->peers, who->identity, who->username, who->address);
}

bool party_locate(struct party *party)
{
	struct parties *parties = party->parties;
	const struct outbox_item *item = outbox_next(parties->outbox, party->to.identity, NULL);
	int rc = peersfile_read(parties->peers);
	const struct peer *claim;

	/* What was read before is the best there is. */
	(void)rc;
	if (!item)
		return false;
	claim = parties_know(parties, item, &party->to);
	return patience_is_over(&party->patience, claim);
}

void party_rest(struct party *party)
{
	struct parties *parties = party->parties;

	patience_fail(&party->patience, clock_monotonic_ms());
	parties->failing += !party->timer.is_set;
	loop_set(parties->setup->loop, &party->timer, party->patience.due_ms);
	if (party_locate(party))
		party_wake(party);
}

static void look_who_is_back(void *context)
{
	struct parties *parties = context;
	const struct outbox_recipient *recipient = NULL;

	while ((recipient = outbox_recipient(parties->outbox, recipient))) {
		struct party *party = party_find(parties, recipient->identity);

		if (party && party->timer.is_set && party_locate(party))
			party_wake(party);
	}
	parties_run(parties);
}

/* Lines for chat.log. */

static struct chatlog_entry make_entry(const struct recipient *to, const uint8_t *id)
{
	struct chatlog_entry entry = {
	    .time_ms = clock_wall_ms(),
	    .mode = CHATLOG_SECURE,
	    .address = to->address,
	    .has_id = true,
	    .has_identity = true,
	};

	strcpy(entry.username, to->username);
	memcpy(entry.id, id, ENVELOPE_ID_BYTES);
	memcpy(entry.identity, to->identity, IDENTITY_BYTES);
	return entry;
}

int parties_format_state(struct buffer *lines, const struct recipient *to, const uint8_t *id, enum chatlog_state state,
    const char *why)
{
	struct chatlog_entry entry = make_entry(to, id);

	entry.kind = CHATLOG_STATE;
	entry.state = state;
	entry.why = why;
	return chatlog_format(lines, &entry);
}

int parties_format_queued(struct buffer *lines, const struct recipient *to, const uint8_t *id, const char *text,
    size_t len, bool once)
{
	struct chatlog_entry entry = make_entry(to, id);

	entry.direction = CHATLOG_QUEUED;
	entry.once = once;
	entry.text = text;
	entry.text_len = len;
	return chatlog_format(lines, &entry);
}

/* Has what was added to the lines written at the end of the round. */
static void schedule(struct parties *parties)
{
	loop_set(parties->setup->loop, parties->end_of_round, 0);
}

/* One parcel on its way. */

/* Notes what has become of the parcel, to be written down and told at the end of the round. */
static void finish(struct party *party, enum delivery_kind kind, int error)
{
	struct parties *parties = party->parties;

	if (party->state == PARTY_BUSY)
		parties->busy--;
	party->state = PARTY_DONE;
	TAILQ_INSERT_TAIL(&parties->done, party, of_turn);
	schedule(parties);
	party->news = (struct delivery_notice){
	    .kind = kind,
	    .to = party->to,
	    .stage = party->call.stage,
	    .error = error,
	    .left = party->left,
	    .asked = party->is_asked,
	};
	memcpy(party->news.id, party->id, sizeof(party->id));
}

/* Whether that is what this process has queued for once. */
static bool is_once(const struct parties *parties, const uint8_t *id)
{
	return memcmp(id, parties->once, sizeof(parties->once)) == 0;
}

/* The parcel waits no more: adds the line that says so. */
static void settle_parcel(struct party *party, enum chatlog_state state, const char *why)
{
	/* If memory is short the message is sent again, and known by its id. */
	(void)!parties_format_state(&party->parties->lines, &party->to, party->id, state, why);
}

static void fail(struct party *party, int error)
{
	call_close(&party->call);
	/* Some close after a message, and say so only when the next one is on its way. */
	if (party->carried > 0) {
		party->takes_one = true;
		party_dial(party, "");
		return;
	}
	if (is_once(party->parties, party->id) && !party->left)
		settle_parcel(party, CHATLOG_DROPPED, "it could not be sent");
	finish(party, party->left ? DELIVERY_UNCONFIRMED : DELIVERY_UNREACHABLE, error);
}

/*
 * Remembers that the holder of the identity has answered; the first time that pins the name. Only who was written to by the
 * name that they give themselves becomes known by it; who is known already may be called otherwise meanwhile.
 */
static void pin(struct party *party)
{
	struct delivery_notice *news = &party->news;
	const struct recipient *to = &party->to;

	if (!to->has_pin && strcmp(news->receipt.username, to->username) != 0) {
		/* Once for all that goes there one after the other. */
		news->has_other_name = !party->has_other_name;
		party->has_other_name = true;
		return;
	}
	news->pin_error = recipient_pin(to, party->parties->peers, news->pinned);
}

static void take_receipt(struct party *party)
{
	const struct envelope_receipt *receipt = &party->call.receipt;

	if (++party->carried >= DELIVERY_SESSION_MAX || party->takes_one || receipt->status == ENVELOPE_NOT_NOW)
		call_close(&party->call);
	if (receipt->status == ENVELOPE_DONE) {
		settle_parcel(party, CHATLOG_DELIVERED, NULL);
		finish(party, DELIVERY_DELIVERED, 0);
	} else if (receipt->status == ENVELOPE_NO) {
		settle_parcel(party, CHATLOG_DROPPED, receipt->why[0] != '\0' ? receipt->why : "refused");
		finish(party, DELIVERY_REFUSED, 0);
	} else {
		if (is_once(party->parties, party->id))
			settle_parcel(party, CHATLOG_DROPPED, receipt->why[0] != '\0' ? receipt->why : "not taken");
		finish(party, DELIVERY_NOT_NOW, 0);
	}
	party->news.receipt = *receipt;
	if (receipt->status == ENVELOPE_DONE)
		pin(party);
}

/* The session is open: sends the parcel, which is read only now, so that no text is held for longer than it is needed. */
static void hand_over(struct party *party)
{
	const struct outbox_item *item = outbox_find(party->parties->outbox, party->id);
	struct chatlog_entry entry = {0};
	int rc;

	if (!item) {
		/* It was dropped meanwhile. */
		party_interrupt(party);
		party_wake(party);
		parties_run(party->parties);
		return;
	}
	rc = outbox_read(item, AT_FDCWD, &entry);
	party->call.stage = CALL_PACK;
	memcpy(party->call.id, party->id, sizeof(party->call.id));
	if (rc == 0)
		rc = call_pack(&party->call, entry.text, entry.text_len);
	if (rc == 0 && !party->left) {
		entry.direction = CHATLOG_SENT;
		entry.once = false;
		entry.time_ms = clock_wall_ms();
		entry.address = party->to.address;
		rc = chatlog_format(&party->sent_line, &entry);
	}
	chatlog_entry_free(&entry);
	if (rc == 0)
		call_send(&party->call);
	else
		fail(party, rc);
}

/* The whole message has left. */
static void note_left(struct party *party)
{
	struct parties *parties = party->parties;
	int rc = buffer_append(&parties->lines, party->sent_line.data, party->sent_line.len);

	/* If memory is short, the line that says that it was delivered says enough. */
	if (rc == 0)
		schedule(parties);
	buffer_wipe(&party->sent_line);
	party->left = true;
	call_confirm(&party->call);
}

/* A step of the call has ended. */
static void go_on(void *context)
{
	struct party *party = context;
	int rc = call_result(&party->call);

	if (!party->has_parcel) {
		party->parties->busy--;
		party->state = PARTY_RESTING;
		if (rc != 0)
			call_close(&party->call);
	} else if (rc != 0) {
		fail(party, rc);
	} else if (party->call.stage == CALL_SEND) {
		note_left(party);
	} else if (party->call.stage == CALL_CONFIRM) {
		take_receipt(party);
	} else {
		hand_over(party);
	}
}

void party_dial(struct party *party, const char *number)
{
	const struct delivery_setup *setup = party->parties->setup;

	party->parties->busy += party->state != PARTY_BUSY;
	party->state = PARTY_BUSY;
	party->carried = 0;
	call_close(&party->call);
	call_init(&party->call, setup->loop, CHATLOG_SECURE, &party->to, setup->from, go_on, party);
	call_open(&party->call, &setup->key->identity, peersfile_username(party->parties->peers), number);
}

bool parties_check_lock(struct parties *parties)
{
	/* A file that could not be locked keeps nobody away. */
	if (parties->has_outbox && parties->lock >= 0 &&
	    !lockedfile_is_in_place(AT_FDCWD, KEYFILE_NAME, parties->lock)) {
		parties->has_outbox = false;
		schedule(parties);
	}
	return parties->has_outbox;
}

bool parties_may_send(const struct parties *parties, const struct outbox_item *item)
{
	return parties->has_outbox || is_once(parties, item->id);
}

/* Takes up the next message for a party whose turn it is. */
static void start(struct party *party)
{
	struct parties *parties = party->parties;
	const struct outbox_item *item = outbox_next(parties->outbox, party->to.identity, NULL);

	party->state = PARTY_RESTING;
	/* It may have been a while since the lock was taken. */
	(void)parties_check_lock(parties);
	if (!item || !parties_may_send(parties, item)) {
		if (!party->is_held)
			call_close(&party->call);
		party_tidy(party);
		return;
	}
	party->has_parcel = true;
	memcpy(party->id, item->id, sizeof(party->id));
	party->left = item->left;
	party_locate(party);
	if (outbox_expired(parties->outbox, clock_wall_ms()) == item) {
		settle_parcel(party, CHATLOG_DROPPED, too_old);
		finish(party, DELIVERY_DROPPED, 0);
		strcpy(party->news.why, too_old);
	} else if (!parties->setup->key->is_usable) {
		party->call.stage = CALL_PREPARE;
		finish(party, DELIVERY_UNREACHABLE, ENOKEY);
	} else if (call_is_open(&party->call)) {
		party->state = PARTY_BUSY;
		parties->busy++;
		hand_over(party);
	} else {
		party_dial(party, "");
	}
}

void parties_run(struct parties *parties)
{
	struct party *party;

	while (parties->busy < DELIVERY_RECIPIENTS && (party = TAILQ_FIRST(&parties->ready))) {
		TAILQ_REMOVE(&parties->ready, party, of_turn);
		start(party);
	}
	if (parties->failing > 0)
		peerswatch_start(&parties->watch);
	else
		peerswatch_stop(&parties->watch);
}

int parties_open(struct parties *parties, const struct delivery_setup *setup, struct loop_timer *end_of_round)
{
	*parties = (struct parties){
	    .setup = setup,
	    .end_of_round = end_of_round,
	    .peers = peersfile_new(AT_FDCWD),
	    .outbox = outbox_new(),
	    .lock = -1,
	};
	TAILQ_INIT(&parties->ready);
	TAILQ_INIT(&parties->done);
	peerswatch_init(&parties->watch, setup->loop, look_who_is_back, parties);
	return parties->peers && parties->outbox ? 0 : ENOMEM;
}

void parties_close(struct parties *parties)
{
	tdestroy(parties->tree, free_party);
	peerswatch_stop(&parties->watch);
	buffer_wipe(&parties->lines);
	if (parties->lock >= 0)
		close(parties->lock);
	outbox_free(parties->outbox);
	peersfile_free(parties->peers);
}
