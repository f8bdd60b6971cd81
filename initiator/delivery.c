#include "delivery.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "catchup.h"
#include "errand.h"
#include "patience.h"
#include "peerswatch.h"
#include "store/chatfollower.h"
#include "store/lockedfile.h"

/* While something waits: how often to look who is back, and whether the process that has the outbox has ended. */
#define LOOK_PERIOD_MS 500
#define EXPIRY_MS (INT64_C(86400000) * OUTBOX_DAYS)

static const char too_old[] = "it waited for " TEXT_OF(OUTBOX_DAYS) " days";

enum party_state {
	PARTY_RESTING, /* nothing waits, or it is to be tried again later */
	PARTY_READY,   /* waits for its turn */
	PARTY_BUSY,    /* its call goes on */
	PARTY_DONE,    /* what has become of the parcel is to be written down and told */
};

/* Somebody for whom something waits, or to whom a session is open. The parcel is the item that is carried. */
struct party {
	TAILQ_ENTRY(party) of_turn; /* among those who are ready, or done */
	struct delivery *delivery;
	enum party_state state;
	struct recipient to;
	struct call call;
	struct patience patience;
	bool is_failing;     /* it rests until it is back, or its patience is over */
	bool is_held;	     /* by whoever called delivery_open() */
	bool is_asked;	     /* the user has just asked for this try */
	bool has_other_name; /* than was written to, and that was told */
	bool takes_one;	     /* message in a session: it closed after one, and lost the next */
	unsigned carried;    /* items in this session, with their receipts */
	size_t delivered;    /* messages, since something about them was told to the user */
	int64_t newest;	     /* the offset of the last line that was queued for it */
	bool has_parcel;
	struct outbox_item parcel;   /* a copy, whose pointers mean nothing */
	struct buffer sent_line;     /* of the parcel, for when it has left */
	struct errand errand;	     /* what goes on about the parcel, if that is of a room, or about the question */
	struct delivery_notice news; /* of a party that is done */
	bool has_question;	     /* it is to be asked what else there is in a room: */
	uint8_t room[ROOM_ID_BYTES];
	bool is_asked_that; /* now */
};

/* Somebody wants to know what becomes of something in a room. */
struct tracking {
	LIST_ENTRY(tracking) others;
	struct delivery_tally *tally;
	bool is_over;
	int64_t patience_ms; /* monotonic: how long another process is waited for */
	bool is_told;	     /* by tell_tally, and then freed with the tally; else somebody waits */
};

TAILQ_HEAD(party_list, party);

struct delivery {
	struct delivery_setup setup;
	struct peersfile *peers; /* of its own: it is read while a command waits for an answer about the desk's */
	struct outbox *outbox;
	struct chatfollower *follower;
	bool is_started;
	bool is_partial; /* something may wait farther back in the log than was read */
	bool has_outbox; /* this process delivers */
	int lock;	 /* identity.key, locked; or -1 */
	struct loop_timer look_timer;
	struct loop_timer end_of_round; /* writes and tells what has happened in it */
	struct buffer lines;		/* for chat.log, at the end of the round */
	void *parties;			/* a tree, by identity */
	struct party_list ready, done;
	size_t busy;			 /* how many are called */
	struct delivery_notice *awaited; /* has the id and the identity of what delivery_queue() waits for; or NULL */
	int64_t patience_ms;		 /* monotonic: how long another process is waited for */
	struct rooms *rooms;
	struct catchup *catchup;
	int watch;	  /* of peers.txt, or -1 */
	bool is_unlooked; /* rooms or peers may have changed */
	struct loop_timer catchup_timer;
	LIST_HEAD(trackings, tracking) trackings;
};

bool delivery_waits(const struct delivery_notice *notice)
{
	return notice->kind == DELIVERY_NOT_NOW || notice->kind == DELIVERY_UNREACHABLE ||
	       notice->kind == DELIVERY_UNCONFIRMED;
}

bool delivery_is_plain(const struct delivery_notice *notice)
{
	return notice->kind == DELIVERY_DELIVERED && notice->log_error == 0 && notice->pin_error == 0 &&
	       notice->pinned[0] == '\0' && !notice->has_other_name;
}

/* Tells what has become of a message: whoever awaits it, or else the user. Returns whether it was told. */
static bool tell(struct delivery *delivery, const struct delivery_notice *notice)
{
	struct delivery_notice *awaited = delivery->awaited;

	if (awaited &&
	    (memcmp(awaited->id, notice->id, sizeof(notice->id)) == 0 ||
		/* What stands behind another that could not be delivered waits with it. */
		(delivery_waits(notice) && memcmp(awaited->to.identity, notice->to.identity, IDENTITY_BYTES) == 0))) {
		*awaited = *notice;
		delivery->awaited = NULL;
		return true;
	}
	/* Of what goes to the members of a room it is tallied. */
	if (notice->item != OUTBOX_MESSAGE && notice->log_error == 0)
		return false;
	/* More of the same is to come, and it is told with the last one. */
	if (delivery_is_plain(notice) && notice->waiting > 0)
		return false;
	delivery->setup.tell(delivery->setup.context, notice);
	return true;
}

/* The parties. */

static int compare_parties(const void *a, const void *b)
{
	return memcmp(((const struct party *)a)->to.identity, ((const struct party *)b)->to.identity, IDENTITY_BYTES);
}

static struct party *find_party(const struct delivery *delivery, const uint8_t *identity)
{
	struct party wanted;
	struct party **found;

	memcpy(wanted.to.identity, identity, IDENTITY_BYTES);
	found = tfind(&wanted, &delivery->parties, compare_parties);
	return found ? *found : NULL;
}

/* Has a party that rests wait for its turn. */
static void wake(struct party *party)
{
	struct delivery *delivery = party->delivery;

	if (party->state != PARTY_RESTING)
		return;
	party->is_failing = false;
	party->state = PARTY_READY;
	/* Whoever has a session open goes on with it, so that no more are open than are busy. */
	if (party->call.fd >= 0)
		TAILQ_INSERT_HEAD(&delivery->ready, party, of_turn);
	else
		TAILQ_INSERT_TAIL(&delivery->ready, party, of_turn);
}

/* The party of an identity, which is added if there is none; NULL if out of memory. */
static struct party *make_party(struct delivery *delivery, const uint8_t *identity)
{
	struct party *party = find_party(delivery, identity);

	if (party)
		return party;
	party = calloc(1, sizeof(*party));
	if (!party)
		return NULL;
	party->delivery = delivery;
	party->call.fd = -1;
	memcpy(party->to.identity, identity, IDENTITY_BYTES);
	if (!tsearch(party, &delivery->parties, compare_parties)) {
		free(party);
		return NULL;
	}
	return party;
}

/* There is no question any more: it was asked, or could not be. */
static void settle_question(struct party *party, enum envelope_status status)
{
	if (!party->has_question)
		return;
	party->has_question = party->is_asked_that = false;
	catchup_end(party->delivery->catchup, party->to.identity, status, clock_monotonic_ms());
	party->delivery->is_unlooked = true;
}

/* Ends what goes on with a party; it then rests. */
static void interrupt(struct party *party)
{
	struct delivery *delivery = party->delivery;

	if (party->state == PARTY_READY)
		TAILQ_REMOVE(&delivery->ready, party, of_turn);
	if (party->state == PARTY_DONE)
		TAILQ_REMOVE(&delivery->done, party, of_turn);
	if (party->state == PARTY_BUSY)
		delivery->busy--;
	if (party->call.loop)
		call_close(&party->call);
	buffer_wipe(&party->sent_line);
	errand_end(&party->errand);
	settle_question(party, ENVELOPE_NOT_NOW);
	party->has_parcel = false;
	party->state = PARTY_RESTING;
}

static void free_party(void *node)
{
	struct party *party = node;

	interrupt(party);
	free(party);
}

/* Forgets a party that rests, if there is nothing for it. */
static void tidy(struct party *party)
{
	struct delivery *delivery = party->delivery;

	if (party->is_held || party->has_question || party->state != PARTY_RESTING ||
	    outbox_count(delivery->outbox, party->to.identity) > 0)
		return;
	tdelete(party, &delivery->parties, compare_parties);
	free_party(party);
}

/* Sets the recipient of an item, as peers.txt was read last. Returns what they announce, or NULL. */
static const struct peer *know(const struct delivery *delivery, const struct outbox_item *item, struct recipient *to)
{
	const struct outbox_recipient *who = item->recipient;

	return recipient_know(to, delivery->peers, who->identity, who->username, who->address);
}

/* Brings up to date where a recipient is. Returns whether they have come back. */
static bool locate(struct party *party)
{
	struct delivery *delivery = party->delivery;
	const struct outbox_item *item = outbox_next(delivery->outbox, party->to.identity, NULL);
	uint8_t identity[IDENTITY_BYTES];
	int rc = peersfile_read(delivery->peers);

	/* What was read before is the best there is. */
	(void)rc;
	memcpy(identity, party->to.identity, sizeof(identity));
	if (!item && party->has_question)
		recipient_know(&party->to, delivery->peers, identity, "", (struct in_addr){0});
	return item && patience_is_over(&party->patience, know(delivery, item, &party->to));
}

/* After a failure: has a party wait until it is back, or for as long as patience says. */
static void rest(struct party *party)
{
	patience_fail(&party->patience, clock_monotonic_ms());
	party->is_failing = true;
	if (locate(party))
		wake(party);
}

/* What is written down. */

/* Appends a line about what is between the user and a recipient. */
static int put_line(struct buffer *lines, const struct recipient *to, const uint8_t *id, struct chatlog_entry entry)
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

/* What has become of an item. */
static int put_state(struct buffer *lines, const struct recipient *to, const struct outbox_item *item,
    enum chatlog_state state, const char *why)
{
	struct chatlog_entry entry = {.kind = CHATLOG_STATE, .state = state, .why = why};

	entry.has_room = item->kind != OUTBOX_MESSAGE;
	memcpy(entry.room, item->room, sizeof(entry.room));
	return put_line(lines, to, item->id, entry);
}

static int put_queued(struct buffer *lines, const struct recipient *to, const uint8_t *id, bool once, const char *text,
    size_t len)
{
	return put_line(lines, to, id,
	    (struct chatlog_entry){.direction = CHATLOG_QUEUED, .once = once, .text = text, .text_len = len});
}

/* Has what was added to the lines written at the end of the round. */
static void schedule(struct delivery *delivery)
{
	loop_set(delivery->setup.loop, &delivery->end_of_round, 0);
}

/* The parcel waits no more: adds the line that says so. */
static void settle_parcel(struct party *party, enum chatlog_state state, const char *why)
{
	/* If memory is short it is sent again, and known by its id. */
	(void)!put_state(&party->delivery->lines, &party->to, &party->parcel, state, why);
}

/* One parcel on its way. */

/* Notes what has become of the parcel, to be written down and told at the end of the round. */
static void finish(struct party *party, enum delivery_kind kind, int error)
{
	struct delivery *delivery = party->delivery;

	if (party->state == PARTY_BUSY)
		delivery->busy--;
	errand_end(&party->errand);
	party->state = PARTY_DONE;
	TAILQ_INSERT_TAIL(&delivery->done, party, of_turn);
	schedule(delivery);
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

static void dial(struct party *party, const char *number);
static void take_turns(struct delivery *delivery);
static void note_peers(void *context);

/* It was answered with a status, or could not be asked. */
static void end_question(struct party *party, enum envelope_status status)
{
	struct delivery *delivery = party->delivery;

	if (party->state == PARTY_BUSY)
		delivery->busy--;
	errand_end(&party->errand);
	party->state = PARTY_RESTING;
	settle_question(party, status);
	/* What waits is tried in any case: somebody may wait to be told. */
	wake(party);
	/* Others may have waited for that. */
	schedule(delivery);
}

static void fail(struct party *party, int error)
{
	call_close(&party->call);
	/* Some close after a message, and say so only when the next one is on its way. */
	if (party->carried > 0) {
		party->takes_one = true;
		dial(party, "");
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
		news->pin_error = recipient_pin(&party->to, party->delivery->peers, news->pinned);
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
	struct delivery *delivery = party->delivery;
	struct errand *errand = &party->errand;
	bool goes_on = errand_take(errand, party->call.answer, &party->call.receipt, &party->call.receipt.status);

	/* States may have come, and sayings. */
	delivery->is_unlooked |= !errand->record;
	if (errand->is_behind) {
		catchup_want(delivery->catchup, errand->room, errand->to);
		delivery->is_unlooked = true;
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
	if (item->kind == OUTBOX_MESSAGE)
		rc = call_pack(&party->call, entry->text, entry->text_len);
	else
		rc = errand_begin(&party->errand, party->delivery->rooms, entry, item->room, party->to.identity,
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
	struct delivery *delivery = party->delivery;
	const struct outbox_item *item = outbox_find(delivery->outbox, party->parcel.id, party->to.identity);
	struct chatlog_entry entry = {0};
	int rc;

	if (party->is_asked_that) {
		errand_end(&party->errand);
		/* Without an entry nothing can fail. */
		(void)!errand_begin(&party->errand, delivery->rooms, NULL, party->room, party->to.identity,
		    party->to.address);
		say_next(party);
		return;
	}
	if (!item) {
		/* It was dropped meanwhile. */
		interrupt(party);
		wake(party);
		take_turns(delivery);
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
	struct delivery *delivery = party->delivery;

	/* In a room somebody else may have got it meanwhile. If memory is short, the line that says "delivered" says enough. */
	if (outbox_note_left(delivery->outbox, party->parcel.id, party->to.identity) &&
	    buffer_append(&delivery->lines, party->sent_line.data, party->sent_line.len) == 0)
		schedule(delivery);
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
		party->delivery->busy--;
		party->state = PARTY_RESTING;
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

/* Calls a party; number makes our key. */
static void dial(struct party *party, const char *number)
{
	struct delivery *delivery = party->delivery;
	const struct delivery_setup *setup = &delivery->setup;

	delivery->busy += party->state != PARTY_BUSY;
	party->state = PARTY_BUSY;
	party->carried = 0;
	call_close(&party->call);
	call_init(&party->call, setup->loop, CHATLOG_SECURE, &party->to, setup->from, go_on, party);
	call_open(&party->call, &setup->key->identity, peersfile_username(delivery->peers), number);
}

/* Who delivers. */

/*
 * Whether this process has the outbox. Not if there is another identity.key meanwhile than the one that it has locked, as
 * Passphrase makes one: then somebody else may have locked that, and the end of the round is due, to try.
 */
static bool check_lock(struct delivery *delivery)
{
	/* A file that could not be locked keeps nobody away. */
	if (delivery->has_outbox && delivery->lock >= 0 &&
	    !lockedfile_is_in_place(AT_FDCWD, KEYFILE_NAME, delivery->lock)) {
		delivery->has_outbox = false;
		schedule(delivery);
	}
	return delivery->has_outbox;
}

/* Tries to become the process that delivers, and returns whether it has become it. */
static bool take_outbox(struct delivery *delivery)
{
	struct stat status;
	bool is_new;
	int rc;

	if (check_lock(delivery) || !delivery->is_started)
		return false;
	rc = lockedfile_reopen(AT_FDCWD, KEYFILE_NAME, O_RDONLY, LOCK_EX, 0, &delivery->lock, &status, &is_new);
	/* A file that cannot be locked keeps nobody away. */
	delivery->has_outbox = rc != ETIMEDOUT;
	delivery->is_unlooked |= delivery->has_outbox;
	return delivery->has_outbox;
}

/* Nothing waits: leaves to others what is queued next. */
static void leave_outbox(struct delivery *delivery)
{
	if (delivery->lock >= 0)
		close(delivery->lock);
	delivery->lock = -1;
	delivery->has_outbox = false;
}

/* Goes on in the session that is open, or calls. */
static void reach(struct party *party)
{
	if (call_is_open(&party->call)) {
		party->state = PARTY_BUSY;
		party->delivery->busy++;
		hand_over(party);
	} else {
		dial(party, "");
	}
}

/* Takes up the next item for a party whose turn it is; before that it is asked what there is to be asked. */
static void start(struct party *party)
{
	struct delivery *delivery = party->delivery;
	const struct outbox_item *item = outbox_next(delivery->outbox, party->to.identity, NULL);

	party->state = PARTY_RESTING;
	if (party->has_question && check_lock(delivery) && delivery->setup.key->is_usable) {
		party->is_asked_that = true;
		locate(party);
		reach(party);
		return;
	}
	settle_question(party, ENVELOPE_NOT_NOW);
	/* Who is in the room has to be known first; then it goes on. */
	if (item && item->kind == OUTBOX_SAYING && catchup_is_behind(delivery->catchup, item->room))
		return;
	/* It may have been a while since the lock was taken. What is queued for once is nobody else's to send. */
	if (!item || !(check_lock(delivery) || item->once)) {
		if (!party->is_held)
			call_close(&party->call);
		tidy(party);
		return;
	}
	party->has_parcel = true;
	party->parcel = *item;
	/* That others in a room have got it says nothing of this one. */
	party->parcel.left &= item->kind == OUTBOX_MESSAGE;
	locate(party);
	/* What comes from the future was queued with a clock that was wrong, or the clock is wrong now: no reason to drop it. */
	if (item->time_ms < clock_wall_ms() - EXPIRY_MS) {
		drop_parcel(party, too_old);
	} else if (!delivery->setup.key->is_usable) {
		party->call.stage = CALL_PREPARE;
		finish(party, DELIVERY_UNREACHABLE, ENOKEY);
	} else {
		reach(party);
	}
}

/* Gives a turn to those who wait for one. */
static void take_turns(struct delivery *delivery)
{
	struct loop_timer *timer = &delivery->look_timer;
	struct party *party;

	while (delivery->busy < DELIVERY_RECIPIENTS && (party = TAILQ_FIRST(&delivery->ready))) {
		TAILQ_REMOVE(&delivery->ready, party, of_turn);
		start(party);
	}
	if (!delivery->is_started || outbox_total(delivery->outbox) == 0)
		loop_set(delivery->setup.loop, timer, LOOP_NEVER);
	else if (!timer->is_set)
		loop_set(delivery->setup.loop, timer, clock_monotonic_ms() + LOOK_PERIOD_MS);
}

/* What becomes of what goes to the members of a room. */

static struct delivery_share *find_share(const struct tracking *tracking, const uint8_t *identity)
{
	struct delivery_tally *tally = tracking->tally;

	for (size_t i = 0; i < tally->count; i++) {
		if (memcmp(tally->shares[i].identity, identity, IDENTITY_BYTES) == 0)
			return &tally->shares[i];
	}
	return NULL;
}

static void note_share(struct delivery *delivery, const struct delivery_notice *notice)
{
	const char *why = notice->kind == DELIVERY_DROPPED ? notice->why : notice->receipt.why;

	for (struct tracking *tracking = LIST_FIRST(&delivery->trackings); tracking;
	     tracking = LIST_NEXT(tracking, others)) {
		struct delivery_share *share = find_share(tracking, notice->to.identity);
		bool is_it = memcmp(tracking->tally->id, notice->id, sizeof(notice->id)) == 0;

		/* What stands behind another that could not be delivered waits with it. */
		if (!share || !(is_it || (share->kind == DELIVERY_ELSEWHERE && delivery_waits(notice))))
			continue;
		share->kind = notice->kind;
		snprintf(share->why, sizeof(share->why), "%s", why);
	}
}

static void count_shares(struct delivery_tally *tally)
{
	tally->delivered = tally->refused = 0;
	for (size_t i = 0; i < tally->count; i++) {
		enum delivery_kind kind = tally->shares[i].kind;

		tally->delivered += kind == DELIVERY_DELIVERED;
		tally->refused += kind == DELIVERY_REFUSED || kind == DELIVERY_DROPPED;
	}
	tally->waiting = tally->count - tally->delivered - tally->refused;
}

/* Tells whoever wanted to know what was tried for every member. */
static void tell_tallies(struct delivery *delivery)
{
	struct tracking *tracking, *next;

	for (tracking = LIST_FIRST(&delivery->trackings); tracking; tracking = next) {
		struct delivery_tally *tally = tracking->tally;
		size_t untried = 0;

		next = LIST_NEXT(tracking, others);
		for (size_t i = 0; i < tally->count; i++)
			untried += tally->shares[i].kind == DELIVERY_ELSEWHERE;
		if (untried > 0 && (delivery->has_outbox || clock_monotonic_ms() < tracking->patience_ms))
			continue;
		count_shares(tally);
		LIST_REMOVE(tracking, others);
		tracking->is_over = true;
		if (!tracking->is_told)
			continue;
		delivery->setup.tell_tally(delivery->setup.context, tally);
		free(tally);
		free(tracking);
	}
}

/* What others have done. */

/* Notes what another process, which has the outbox, wrote about what waits. Returns whether that is to be told. */
static bool note_state(struct delivery *delivery, const struct chatlog_entry *entry, struct delivery_notice *notice)
{
	const struct outbox_item *item =
	    entry->has_identity ? outbox_find(delivery->outbox, entry->id, entry->identity) : NULL;
	int rc = peersfile_read(delivery->peers);
	struct party *party;

	/* What was read before is the best there is. */
	(void)rc;
	if (!item || (entry->state != CHATLOG_DELIVERED && entry->state != CHATLOG_DROPPED))
		return false;
	*notice = (struct delivery_notice){
	    .item = item->kind,
	    .kind = entry->state == CHATLOG_DELIVERED ? DELIVERY_DELIVERED : DELIVERY_DROPPED,
	    .left = item->left,
	    .delivered = 1,
	};
	memcpy(notice->id, entry->id, sizeof(notice->id));
	know(delivery, item, &notice->to);
	party = find_party(delivery, item->recipient->identity);
	if (notice->kind == DELIVERY_DROPPED)
		snprintf(notice->why, sizeof(notice->why), "%s", entry->why ? entry->why : "");
	else if (entry->why && party && !party->has_other_name &&
		 username_normalize(entry->why, strlen(entry->why), notice->receipt.username) == USERNAME_OK)
		notice->has_other_name = party->has_other_name = true;
	note_share(delivery, notice);
	return true;
}

/* Takes what was appended to the log since the last time, and tells it if another process delivers, or did so far. */
static void read_log(struct delivery *delivery, bool is_of_others)
{
	struct delivery_notice notice;
	struct chatlog_entry entry;
	const char *line;
	int64_t offset;
	size_t len;
	int rc;

	while (delivery->follower && chatfollower_next(delivery->follower, &line, &len, &offset) == 0) {
		bool is_news = false;

		/* The state of a room. */
		delivery->is_unlooked |= !chatlog_is_received(line, len) && memmem(line, len, "\"state\": {", 10);
		/* Of the one's own it is known. */
		if (delivery->is_started && is_of_others && outbox_total(delivery->outbox) > 0 &&
		    chatlog_parse(line, len, &entry) == 0) {
			is_news = entry.kind == CHATLOG_STATE && note_state(delivery, &entry, &notice);
			chatlog_entry_free(&entry);
		}
		/* If memory is short the message waits for the next start. */
		rc = outbox_take(delivery->outbox, line, len, offset);
		/* Only now, because whoever is told may count what waits still. */
		if (is_news)
			tell(delivery, &notice);
		if (rc != 0)
			return;
	}
}

/*
 * The same for lines that were just appended, if the log is not followed: whoever was not started knows of what it sends once
 * and nothing else. To end following takes the kernel longer than to send a message.
 */
static int take_own(struct delivery *delivery, const char *lines, size_t len)
{
	int64_t offset = chatlog_appended(delivery->setup.log);
	const char *end = lines + len;
	int rc = 0;

	while (!delivery->follower && rc == 0 && lines < end) {
		size_t line_len = (size_t)((const char *)memchr(lines, '\n', (size_t)(end - lines)) - lines);

		rc = outbox_take(delivery->outbox, lines, line_len, offset);
		lines += line_len + 1;
		offset += (int64_t)line_len + 1;
	}
	return rc;
}

/* Whether this process may do what is to be done once. */
static bool has_turn(struct delivery *delivery)
{
	if (take_outbox(delivery))
		read_log(delivery, true);
	return delivery->has_outbox;
}

/* Asks whoever is to be asked in rooms, and does again what is to be done again. */
static void tend_rooms(struct delivery *delivery)
{
	struct catchup *catchup = delivery->catchup;
	const struct identity *own = &delivery->setup.key->identity;
	int64_t now_ms = clock_monotonic_ms(), due_ms;
	uint8_t room[ROOM_ID_BYTES], identity[IDENTITY_BYTES];
	struct party *party;

	if (!delivery->is_unlooked)
		return;
	do {
		if (peersfile_read(delivery->peers) == 0 && rooms_follow(delivery->rooms) == 0)
			catchup_look(catchup, delivery->rooms, peersfile_peers(delivery->peers), own->public,
			    clock_wall_ms(), now_ms);
		delivery->is_unlooked = catchup_has_work(catchup, now_ms) && has_turn(delivery) &&
					catchup_redo(catchup, delivery->rooms, own, now_ms);
	} while (delivery->is_unlooked);
	while (delivery->has_outbox && catchup_next(catchup, now_ms, room, identity)) {
		party = make_party(delivery, identity);
		if (!party) {
			catchup_end(catchup, identity, ENVELOPE_NOT_NOW, now_ms);
			break;
		}
		party->has_question = true;
		memcpy(party->room, room, sizeof(party->room));
		wake(party);
	}
	due_ms = catchup_due(catchup);
	/* What is due, but not done, waits for something else. */
	loop_set(delivery->setup.loop, &delivery->catchup_timer, due_ms > now_ms ? due_ms : LOOP_NEVER);
	if (delivery->watch < 0 && rooms_next(delivery->rooms, NULL)) {
		delivery->watch = peerswatch_open();
		/* Without it those who come back are not asked before this program begins again. */
		(void)!loop_watch(delivery->setup.loop, delivery->watch, EPOLLIN, note_peers, delivery);
	}
}

static bool has_nothing_to_do(const struct delivery *delivery)
{
	return outbox_total(delivery->outbox) == 0 && delivery->busy == 0 && TAILQ_EMPTY(&delivery->ready);
}

/* Brings everything up to date with the log. Who has something new to get is tried, even if they could not be reached. */
static void catch_up(void *context)
{
	struct delivery *delivery = context;
	const struct outbox_recipient *recipient = NULL;

	read_log(delivery, !delivery->has_outbox);
	if (delivery->rooms && delivery->is_started)
		tend_rooms(delivery);
	/* Whoever had the outbox may have written something just before it ended. */
	if (!has_nothing_to_do(delivery) && take_outbox(delivery))
		read_log(delivery, true);
	while ((recipient = outbox_recipient(delivery->outbox, recipient))) {
		int64_t newest = TAILQ_LAST(&recipient->items, outbox_same)->offset;
		struct party *party = make_party(delivery, recipient->identity);

		if (party && (!party->is_failing || newest > party->newest))
			wake(party);
		if (party)
			party->newest = newest;
	}
	take_turns(delivery);
	if (has_nothing_to_do(delivery))
		leave_outbox(delivery);
	tell_tallies(delivery);
}

/* Somebody new is in peers.txt, or somebody has come back; or something is due. */
static void note_peers(void *context)
{
	struct delivery *delivery = context;

	peerswatch_take(delivery->watch);
	delivery->is_unlooked = true;
	catch_up(delivery);
}

/* Another process has the outbox, and takes long. */
static void tell_elsewhere(struct delivery *delivery)
{
	struct delivery_notice notice = *delivery->awaited;
	const struct outbox_item *item = outbox_find(delivery->outbox, notice.id, notice.to.identity);

	notice.kind = DELIVERY_ELSEWHERE;
	notice.left = item && item->left;
	tell(delivery, &notice);
}

/* Wakes up who is back, or has rested for long enough. */
static void look(void *context)
{
	struct delivery *delivery = context;
	const struct outbox_recipient *recipient = NULL;
	int64_t now_ms = clock_monotonic_ms();

	while ((recipient = outbox_recipient(delivery->outbox, recipient))) {
		struct party *party = find_party(delivery, recipient->identity);

		if (party && party->is_failing && (locate(party) || party->patience.due_ms <= now_ms))
			wake(party);
	}
	catch_up(delivery);
	if (delivery->awaited && !delivery->has_outbox && delivery->patience_ms <= now_ms)
		tell_elsewhere(delivery);
}

/* The end of a round. */

/* What has become of a party's parcel is in the log, unless there is an error: tells it, and goes on. */
static void conclude(struct delivery *delivery, struct party *party, int log_error)
{
	struct delivery_notice news = party->news;

	news.log_error = log_error;
	news.waiting = outbox_count(delivery->outbox, party->to.identity);
	party->delivered += news.kind == DELIVERY_DELIVERED && news.item == OUTBOX_MESSAGE;
	news.delivered = party->delivered;
	party->state = PARTY_RESTING;
	party->has_parcel = party->is_asked = false;
	if (log_error != 0 || delivery_waits(&news)) {
		call_close(&party->call);
		rest(party);
		/* That is tried all the same, and ends. */
		if (party->has_question)
			wake(party);
	} else {
		/* Who could not be reached may have heard of something that others said meanwhile. */
		if (party->patience.failures > 0 && news.item != OUTBOX_MESSAGE) {
			catchup_want(delivery->catchup, party->parcel.room, party->to.identity);
			delivery->is_unlooked = true;
		}
		party->patience.failures = 0;
		wake(party);
	}
	note_share(delivery, &news);
	/* Nobody wants to know of each member of a room that they have what was said there. */
	if ((party->delivered > 0 || !delivery_is_plain(&news)) && tell(delivery, &news))
		party->delivered = 0;
}

/* Writes down what has happened in the round, and tells it. */
static void end_round(void *context)
{
	struct delivery *delivery = context;
	struct buffer *lines = &delivery->lines;
	struct party *party;
	int rc = delivery->is_partial ? 0 : outbox_settle(delivery->outbox, false, clock_wall_ms(), lines);

	if (rc == 0 && lines->len > 0)
		rc = chatlog_append(delivery->setup.log, lines->data, lines->len, 0);
	if (rc == 0)
		rc = take_own(delivery, lines->data, lines->len);
	buffer_wipe(lines);
	read_log(delivery, !delivery->has_outbox);
	while ((party = TAILQ_FIRST(&delivery->done))) {
		TAILQ_REMOVE(&delivery->done, party, of_turn);
		conclude(delivery, party, rc);
	}
	catch_up(delivery);
}

/* What others call. */

struct delivery *delivery_new(const struct delivery_setup *setup)
{
	struct delivery *delivery = calloc(1, sizeof(*delivery));

	if (!delivery)
		return NULL;
	*delivery = (struct delivery){
	    .setup = *setup,
	    .peers = peersfile_new(AT_FDCWD),
	    .outbox = outbox_new(),
	    .catchup = catchup_new(),
	    .lock = -1,
	    .watch = -1,
	    .look_timer = {.callback = look, .context = delivery},
	    .end_of_round = {.callback = end_round, .context = delivery},
	    .catchup_timer = {.callback = note_peers, .context = delivery},
	};
	TAILQ_INIT(&delivery->ready);
	TAILQ_INIT(&delivery->done);
	LIST_INIT(&delivery->trackings);
	if (delivery->peers && delivery->outbox && delivery->catchup)
		return delivery;
	delivery_free(delivery);
	return NULL;
}

void delivery_free(struct delivery *delivery)
{
	struct tracking *tracking;
	struct loop *loop;
	struct buffer *lines;

	if (!delivery)
		return;
	loop = delivery->setup.loop;
	lines = &delivery->lines;
	/* Losing these lines costs a repetition, or a longer start. */
	if (delivery->is_started && !delivery->is_partial)
		(void)!outbox_settle(delivery->outbox, true, clock_wall_ms(), lines);
	if (lines->len > 0)
		(void)!chatlog_append(delivery->setup.log, lines->data, lines->len, 0);
	buffer_wipe(lines);
	tdestroy(delivery->parties, free_party);
	leave_outbox(delivery);
	loop_set(loop, &delivery->end_of_round, LOOP_NEVER);
	loop_set(loop, &delivery->look_timer, LOOP_NEVER);
	loop_set(loop, &delivery->catchup_timer, LOOP_NEVER);
	while ((tracking = LIST_FIRST(&delivery->trackings))) {
		LIST_REMOVE(tracking, others);
		free(tracking->tally);
		free(tracking);
	}
	loop_forget(loop, delivery->watch);
	if (delivery->watch >= 0)
		close(delivery->watch);
	rooms_free(delivery->rooms);
	catchup_free(delivery->catchup);
	if (delivery->follower)
		loop_forget(loop, chatfollower_fd(delivery->follower));
	chatfollower_free(delivery->follower);
	outbox_free(delivery->outbox);
	peersfile_free(delivery->peers);
	free(delivery);
}

int delivery_start(struct delivery *delivery)
{
	const struct delivery_setup *setup = &delivery->setup;
	int64_t offset = 0;
	int rc = outbox_begin(AT_FDCWD, &offset), watching;

	if (rc != 0 && rc != EFBIG)
		return rc;
	watching = chatfollower_open(AT_FDCWD, offset, &delivery->follower);
	if (watching == 0)
		watching = loop_watch(setup->loop, chatfollower_fd(delivery->follower), EPOLLIN, catch_up, delivery);
	if (watching == 0)
		watching = rooms_open(AT_FDCWD, setup->log, delivery->peers, &setup->key->identity, &delivery->rooms);
	if (watching != 0)
		return watching;
	/* What happened before is no news. */
	read_log(delivery, !delivery->has_outbox);
	delivery->is_partial = rc == EFBIG;
	delivery->is_started = delivery->is_unlooked = true;
	catch_up(delivery);
	return rc;
}

static bool is_idle(void *context)
{
	const struct party *party = context;

	return party->state == PARTY_RESTING || party->state == PARTY_READY;
}

int delivery_open(struct delivery *delivery, const struct recipient *to, const char *number, enum call_stage *stage)
{
	struct party *party = make_party(delivery, to->identity);
	int rc;

	*stage = CALL_PREPARE;
	if (!party)
		return ENOMEM;
	party->is_held = true;
	rc = loop_run_until(delivery->setup.loop, is_idle, party);
	if (rc == 0 && !call_is_open(&party->call)) {
		interrupt(party);
		party->to = *to;
		locate(party);
		dial(party, number);
		rc = loop_run_until(delivery->setup.loop, is_idle, party);
		if (rc == 0)
			rc = call_result(&party->call);
		*stage = party->call.stage;
	}
	if (rc == 0) {
		/* What waited for this goes first. */
		wake(party);
	} else {
		party->is_held = false;
		if (outbox_count(delivery->outbox, to->identity) > 0)
			rest(party);
		else
			tidy(party);
	}
	take_turns(delivery);
	return rc;
}

bool delivery_is_open(const struct delivery *delivery, const struct recipient *to)
{
	const struct party *party = find_party(delivery, to->identity);

	return party && (party->state != PARTY_RESTING || call_is_open(&party->call));
}

void delivery_close(struct delivery *delivery, const struct recipient *to)
{
	struct party *party = find_party(delivery, to->identity);

	if (!party || !party->is_held)
		return;
	party->is_held = false;
	if (!party->has_parcel)
		interrupt(party);
	if (!party->is_failing)
		wake(party);
	take_turns(delivery);
}

static bool is_told(void *context)
{
	const struct delivery *delivery = context;

	return !delivery->awaited;
}

int delivery_queue(struct delivery *delivery, const struct recipient *to, const char *text, size_t len, unsigned how,
    struct delivery_notice *notice)
{
	int rc = outbox_has_room(delivery->outbox, to->identity) ? 0 : EDQUOT;
	bool is_later = how & DELIVERY_LATER, is_once = how & DELIVERY_ONCE;
	uint8_t id[ENVELOPE_ID_BYTES];
	struct buffer line = {0};
	struct party *party;

	/* Before others read of it, so that they leave it to this one, which may have a session open. */
	if (!is_once && take_outbox(delivery))
		read_log(delivery, true);
	randombytes_buf(id, sizeof(id));
	if (rc == 0)
		rc = put_queued(&line, to, id, is_once, text, len);
	if (rc == 0)
		rc = chatlog_append(delivery->setup.log, line.data, line.len, CHATLOG_DURABLE);
	if (rc == 0) {
		outbox_expect(delivery->outbox, id);
		rc = take_own(delivery, line.data, line.len);
	}
	buffer_wipe(&line);
	if (rc != 0)
		return rc;
	if (notice) {
		*notice = (struct delivery_notice){.to = *to};
		memcpy(notice->id, id, sizeof(id));
		delivery->awaited = notice;
	}
	party = make_party(delivery, to->identity);
	if (party) {
		party->is_held = false;
		party->is_asked |= !(how & (DELIVERY_LATER | DELIVERY_QUIETLY));
		party->newest = chatlog_appended(delivery->setup.log);
		/* Unless that they could not be reached was noted when others were queued. */
		if (is_later && party->state == PARTY_RESTING && !party->is_failing)
			rest(party);
	}
	catch_up(delivery);
	/* Who is announced although they could not be reached is not back just because of that. */
	if (party && is_later)
		locate(party);
	else if (party)
		wake(party);
	take_turns(delivery);
	if (!notice)
		return 0;
	delivery->patience_ms = clock_monotonic_ms() + DELIVERY_ELSEWHERE_MS;
	rc = loop_run_until(delivery->setup.loop, is_told, delivery);
	delivery->awaited = NULL;
	return rc;
}

static bool is_quiet(void *context)
{
	const struct delivery *delivery = context;

	return delivery->busy == 0 && TAILQ_EMPTY(&delivery->ready) && TAILQ_EMPTY(&delivery->done) &&
	       (delivery->has_outbox || outbox_total(delivery->outbox) == 0 ||
		   delivery->patience_ms <= clock_monotonic_ms());
}

int delivery_try_all(struct delivery *delivery)
{
	/* Whatever waits for another process has a look at it from time to time. */
	delivery->patience_ms = clock_monotonic_ms() + DELIVERY_ELSEWHERE_MS;
	return loop_run_until(delivery->setup.loop, is_quiet, delivery);
}

struct rooms *delivery_rooms(const struct delivery *delivery)
{
	return delivery->rooms;
}

/* Sets a tally to what the line with that id has queued, the last one that was appended if none of that waits. */
static int begin_tally(struct delivery *delivery, const uint8_t *id, struct delivery_tally *tally)
{
	int64_t appended = chatlog_appended(delivery->setup.log);
	const struct outbox_item *item;
	struct chatlog_entry entry;
	int rc;

	catch_up(delivery);
	item = outbox_find(delivery->outbox, id, NULL);
	*tally = (struct delivery_tally){0};
	memcpy(tally->id, id, sizeof(tally->id));
	rc = chatlog_read_at(AT_FDCWD, item ? item->offset : appended, &entry);
	if (rc != 0)
		return rc == EBADMSG ? 0 : rc;
	if (entry.has_room && memcmp(entry.id, id, sizeof(entry.id)) == 0) {
		tally->item = entry.kind == CHATLOG_ROOM ? OUTBOX_STATE : OUTBOX_SAYING;
		memcpy(tally->room, entry.room, sizeof(tally->room));
		tally->count = entry.to_count;
	}
	for (size_t i = 0; i < tally->count; i++) {
		bool waits = outbox_find(delivery->outbox, id, entry.to[i]) != NULL;

		memcpy(tally->shares[i].identity, entry.to[i], IDENTITY_BYTES);
		tally->shares[i].kind = waits ? DELIVERY_ELSEWHERE : DELIVERY_DELIVERED;
	}
	chatlog_entry_free(&entry);
	return 0;
}

static int track(struct delivery *delivery, const uint8_t *id, struct tracking *tracking)
{
	int rc = begin_tally(delivery, id, tracking->tally);

	if (rc != 0)
		return rc;
	tracking->patience_ms = clock_monotonic_ms() + DELIVERY_ELSEWHERE_MS;
	LIST_INSERT_HEAD(&delivery->trackings, tracking, others);
	/* There may be nobody else. */
	schedule(delivery);
	return 0;
}

static bool is_tallied(void *context)
{
	const struct tracking *tracking = context;

	return tracking->is_over;
}

int delivery_await(struct delivery *delivery, const uint8_t id[static ENVELOPE_ID_BYTES], struct delivery_tally *tally)
{
	struct tracking tracking = {.tally = tally};
	int rc = track(delivery, id, &tracking);

	if (rc != 0)
		return rc;
	rc = loop_run_until(delivery->setup.loop, is_tallied, &tracking);
	count_shares(tally);
	if (!tracking.is_over)
		LIST_REMOVE(&tracking, others);
	return rc;
}

int delivery_watch(struct delivery *delivery, const uint8_t id[static ENVELOPE_ID_BYTES])
{
	struct tracking *tracking = calloc(1, sizeof(*tracking));
	struct delivery_tally *tally = calloc(1, sizeof(*tally));
	int rc = ENOMEM;

	if (tracking && tally) {
		*tracking = (struct tracking){.tally = tally, .is_told = true};
		rc = track(delivery, id, tracking);
	}
	if (rc != 0) {
		free(tally);
		free(tracking);
	}
	return rc;
}

const struct outbox *delivery_outbox(const struct delivery *delivery)
{
	return delivery->outbox;
}

void delivery_retry(struct delivery *delivery, const uint8_t identity[static IDENTITY_BYTES])
{
	struct party *party = find_party(delivery, identity);

	if (!party)
		return;
	party->is_asked = true;
	wake(party);
	take_turns(delivery);
}

/* Appends the line by which a message goes to somebody else, as a new one. */
static int put_copy(struct buffer *lines, const struct outbox_item *item, const struct recipient *to)
{
	uint8_t id[ENVELOPE_ID_BYTES];
	struct chatlog_entry entry;
	int rc = outbox_read(item, AT_FDCWD, &entry);

	if (rc != 0)
		return rc;
	randombytes_buf(id, sizeof(id));
	rc = put_queued(lines, to, id, false, entry.text, entry.text_len);
	chatlog_entry_free(&entry);
	return rc;
}

int delivery_drop(struct delivery *delivery, const uint8_t identity[static IDENTITY_BYTES], const struct recipient *to)
{
	const char *why = to ? "it goes to the new identity" : "withdrawn";
	struct party *party = find_party(delivery, identity);
	const struct outbox_item *item = NULL;
	struct buffer lines = {0};
	struct recipient from;
	int rc = 0;

	if (to &&
	    outbox_count(delivery->outbox, to->identity) + outbox_count(delivery->outbox, identity) > OUTBOX_EACH_MAX)
		rc = EDQUOT;
	while (rc == 0 && (item = outbox_next(delivery->outbox, identity, item))) {
		if (item->kind == OUTBOX_STATE || (to && item->kind == OUTBOX_SAYING))
			continue;
		know(delivery, item, &from);
		if (to)
			rc = put_copy(&lines, item, to);
		if (rc == 0)
			rc = put_state(&lines, &from, item, CHATLOG_DROPPED, why);
	}
	if (rc == 0 && lines.len > 0)
		rc = chatlog_append(delivery->setup.log, lines.data, lines.len, CHATLOG_DURABLE);
	buffer_wipe(&lines);
	if (rc == 0 && party)
		interrupt(party);
	catch_up(delivery);
	return rc;
}
