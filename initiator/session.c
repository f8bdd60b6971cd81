#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

#define EXPIRY_MS (INT64_C(86400000) * OUTBOX_DAYS)

/* The parcel waits no more: adds the line that says so. */
static void settle_parcel(struct party *party, enum chatlog_state state, const char *why)
{
	/* If memory is short it is sent again, and known by its id. */
	(void)!party_put_state(&party->parties->lines, &party->to, &party->parcel, state, why);
}

/* Notes what has become of the parcel, to be written down and told at the end of the round. */
static void finish(struct party *party, enum delivery_kind kind, int error)
{
	errand_end(&party->errand);
	party_enter(party, PARTY_DONE);
	party->news = (struct delivery_notice){
	    .kind = kind,
	    .item = party->parcel.kind,
	    .to = party->to,
	    .stage = party->call.stage,
	    .error = error,
	    .left = party->parcel.left,
	    .asked = party->is_asked,
	};
	memcpy(party->news.id, party->parcel.id, sizeof(party->news.id));
}

/* It was answered with a status, or could not be asked. */
static void end_question(struct party *party, enum envelope_status status)
{
	errand_end(&party->errand);
	party_enter(party, PARTY_RESTING);
	party_settle_question(party, status);
	/* What waits is tried in any case: somebody may wait to be told. */
	party_wake(party);
	/* Others may have waited for that. */
	party_schedule(party->parties);
}

static void fail(struct party *party, int error)
{
	call_close(&party->call);
	/* Some close after a message, and say so only when the next one is on its way. */
	if (party->carried > 0) {
		party->takes_one = true;
		session_open(party, "");
		return;
	}
	if (party->is_asked_that) {
		end_question(party, ENVELOPE_NOT_NOW);
		return;
	}
	if (party->parcel.once && !party->parcel.left)
		settle_parcel(party, CHATLOG_DROPPED, "it could not be sent");
	finish(party, party->parcel.left ? DELIVERY_UNCONFIRMED : DELIVERY_UNREACHABLE, error);
}

/* Whether the parcel went to somebody who is not called what was written to, and is not known already. */
static bool went_to_another(const struct party *party)
{
	return party->parcel.kind == OUTBOX_MESSAGE && !party->to.has_pin &&
	       strcmp(party->call.receipt.username, party->to.username) != 0;
}

/*
 * Remembers that the holder of the identity has answered; the first time that pins the name. Only who was written to by the
 * name that they give themselves becomes known by it; who is known already may be called otherwise meanwhile.
 */
static void pin(struct party *party)
{
	struct delivery_notice *news = &party->news;

	if (went_to_another(party)) {
		/* Once for all that goes there one after the other. */
		news->has_other_name = !party->has_other_name;
		party->has_other_name = true;
	} else if (party->parcel.kind == OUTBOX_MESSAGE || party->to.has_pin) {
		news->pin_error = recipient_pin(&party->to, party->parties->peers, news->pinned);
	}
}

/* The parcel is not to be sent any more. */
static void drop_parcel(struct party *party, const char *why)
{
	settle_parcel(party, CHATLOG_DROPPED, why);
	finish(party, DELIVERY_DROPPED, 0);
	strcpy(party->news.why, why);
}

/* Says what comes next in an errand. */
static void say_next(struct party *party)
{
	const char *why = "";
	json_t *body = NULL;
	int rc = errand_next(&party->errand, &body, &why);

	if (rc == 0)
		rc = call_pack_body(&party->call, body);
	json_decref(body);
	if (rc == 0) {
		call_send(&party->call);
	} else if (rc == EPERM && party->has_parcel) {
		drop_parcel(party, why);
	} else {
		party->carried = 0;
		party->call.stage = CALL_PACK;
		fail(party, rc);
	}
}

/* Takes an answer in an errand. Returns whether more is to be said; else the receipt says what has become of it. */
static bool take_answer(struct party *party)
{
	struct parties *parties = party->parties;
	struct errand *errand = &party->errand;
	bool goes_on = errand_take(errand, party->call.answer, &party->call.receipt, &party->call.receipt.status);

	/* States may have come, and sayings. */
	parties->is_unlooked |= !errand->record;
	if (errand->is_behind) {
		catchup_want(parties->catchup, errand->room, errand->to);
		parties->is_unlooked = true;
	}
	return goes_on;
}

static void take_receipt(struct party *party)
{
	const struct envelope_receipt *receipt = &party->call.receipt;
	const char *why = receipt->why[0] != '\0' ? receipt->why : NULL;

	if (party->errand.step != ERRAND_IDLE && take_answer(party)) {
		say_next(party);
		return;
	}
	if (party->is_asked_that) {
		party->carried++;
		end_question(party, receipt->status);
		return;
	}
	if (++party->carried >= DELIVERY_SESSION_MAX || party->takes_one || receipt->status == ENVELOPE_NOT_NOW)
		call_close(&party->call);
	if (receipt->status == ENVELOPE_DONE) {
		/* Whoever reads of it only here is to know it, too. */
		settle_parcel(party, CHATLOG_DELIVERED,
		    went_to_another(party) && receipt->username[0] != '\0' ? receipt->username : NULL);
		finish(party, DELIVERY_DELIVERED, 0);
		pin(party);
	} else if (receipt->status == ENVELOPE_NO) {
		settle_parcel(party, CHATLOG_DROPPED, why ? why : "refused");
		finish(party, DELIVERY_REFUSED, 0);
	} else {
		if (party->parcel.once)
			settle_parcel(party, CHATLOG_DROPPED, why ? why : "not taken");
		finish(party, DELIVERY_NOT_NOW, 0);
	}
	party->news.receipt = *receipt;
}

/* Makes of the line of an item what travels, and unless there is one the line that says that it left. */
static int pack(struct party *party, const struct outbox_item *item, const struct chatlog_entry *entry)
{
	struct chatlog_entry sent = *entry;
	int rc;

	party->call.stage = CALL_PACK;
	memcpy(party->call.id, item->id, sizeof(party->call.id));
	errand_end(&party->errand);
	if (item->kind == OUTBOX_MESSAGE && entry->has_file)
		rc = call_pack_offer(&party->call, &entry->file);
	else if (item->kind == OUTBOX_MESSAGE)
		rc = call_pack(&party->call, entry->text, entry->text_len);
	else
		rc = errand_begin(&party->errand, party->parties->rooms, entry, item->room, party->to.identity,
		    party->to.address);
	if (rc != 0 || item->left || item->kind == OUTBOX_STATE)
		return rc;
	sent.direction = CHATLOG_SENT;
	sent.once = false;
	sent.time_ms = clock_wall_ms();
	sent.address = party->to.address;
	return chatlog_format(&party->sent_line, &sent);
}

/* The session is open: sends the parcel, which is read only now, so that no text is held for longer than it is needed. */
static void hand_over(struct party *party)
{
	struct parties *parties = party->parties;
	const struct outbox_item *item = outbox_find(parties->outbox, party->parcel.id, party->to.identity);
	struct chatlog_entry entry = {0};
	int rc;

	if (party->is_asked_that) {
		errand_end(&party->errand);
		/* Without an entry nothing can fail. */
		(void)!errand_begin(&party->errand, parties->rooms, NULL, party->room, party->to.identity,
		    party->to.address);
		say_next(party);
		return;
	}
	if (!item) {
		/* It was dropped meanwhile. */
		party_interrupt(party);
		party_wake(party);
		party_schedule(parties);
		return;
	}
	rc = outbox_read(item, AT_FDCWD, &entry);
	if (rc == 0)
		rc = pack(party, item, &entry);
	chatlog_entry_free(&entry);
	if (rc != 0)
		fail(party, rc);
	else if (party->errand.step != ERRAND_IDLE)
		say_next(party);
	else
		call_send(&party->call);
}

/* All of it has left. */
static void note_left(struct party *party)
{
	struct parties *parties = party->parties;

	/* In a room somebody else may have got it meanwhile. If memory is short, the line that says "delivered" says enough. */
	if (outbox_note_left(parties->outbox, party->parcel.id, party->to.identity) &&
	    buffer_append(&parties->lines, party->sent_line.data, party->sent_line.len) == 0)
		party_schedule(parties);
	buffer_wipe(&party->sent_line);
	party->parcel.left = true;
	call_confirm(&party->call);
}

/* A step of the call has ended. */
static void go_on(void *context)
{
	struct party *party = context;
	int rc = call_result(&party->call);

	if (!party->has_parcel && !party->is_asked_that) {
		party_enter(party, PARTY_RESTING);
		if (rc != 0)
			call_close(&party->call);
	} else if (rc != 0) {
		fail(party, rc);
	} else if (party->call.stage == CALL_SEND) {
		if (party->errand.step == ERRAND_IDLE || party->errand.step == ERRAND_TELL)
			note_left(party);
		else
			call_confirm(&party->call);
	} else if (party->call.stage == CALL_CONFIRM) {
		take_receipt(party);
	} else {
		hand_over(party);
	}
}

void session_open(struct party *party, const char *number)
{
	const struct parties *parties = party->parties;

	party_enter(party, PARTY_BUSY);
	party->carried = 0;
	call_close(&party->call);
	call_init(&party->call, parties->setup->loop, CHATLOG_SECURE, &party->to, parties->setup->from, go_on, party);
	call_open(&party->call, &parties->setup->key->identity, peersfile_username(parties->peers), number);
}

/*
 * Whether something has waited for too long, by the clock as it is and as it was at the start: it may have been set since. What
 * comes from the future was queued with a clock that was wrong, or the clock is wrong now: no reason to drop it.
 */
static bool is_expired(const struct parties *parties, const struct outbox_item *item)
{
	int64_t oldest_ms = clock_boot_ms() + parties->booted_ms - EXPIRY_MS;

	return item->time_ms < oldest_ms && item->time_ms < clock_wall_ms() - EXPIRY_MS;
}

/* Goes on in the session that is open, or calls. */
static void reach(struct party *party)
{
	if (call_is_open(&party->call)) {
		party_enter(party, PARTY_BUSY);
		hand_over(party);
	} else {
		session_open(party, "");
	}
}

void session_go_on(struct party *party, bool has_outbox)
{
	struct parties *parties = party->parties;
	const struct outbox_item *item = outbox_next(parties->outbox, party->to.identity, NULL);

	party_enter(party, PARTY_RESTING);
	if (party->has_question && has_outbox && parties->setup->key->is_usable) {
		party->is_asked_that = true;
		party_locate(party);
		reach(party);
		return;
	}
	party_settle_question(party, ENVELOPE_NOT_NOW);
	/* Who is in the room has to be known first; then it goes on. */
	if (item && item->kind == OUTBOX_SAYING && catchup_is_behind(parties->catchup, item->room))
		return;
	/* What is queued for once is nobody else's to send. */
	if (!item || !(has_outbox || item->once)) {
		if (!party->is_held)
			call_close(&party->call);
		party_tidy(party);
		return;
	}
	party->has_parcel = true;
	party->parcel = *item;
	/* That others in a room have got it says nothing of this one. */
	party->parcel.left &= item->kind == OUTBOX_MESSAGE;
	party_locate(party);
	if (is_expired(parties, item)) {
		drop_parcel(party, "it waited for " TEXT_OF(OUTBOX_DAYS) " days");
	} else if (!parties->setup->key->is_usable) {
		party->call.stage = CALL_PREPARE;
		finish(party, DELIVERY_UNREACHABLE, ENOKEY);
	} else {
		reach(party);
	}
}
