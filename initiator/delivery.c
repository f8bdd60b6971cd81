#include "delivery.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "outbox.h"
#include "patience.h"
#include "peerswatch.h"
#include "store/chatfollower.h"
#include "store/lockedfile.h"

/* How often to look whether the process that has the outbox has ended. */
#define LOCK_PERIOD_MS 1000

static const char too_old[] = "it waited for " TEXT_OF(OUTBOX_DAYS) " days";

enum party_state {
	PARTY_RESTING, /* nothing waits, or it is to be tried again later */
	PARTY_READY,   /* waits for its turn */
	PARTY_BUSY,    /* its call goes on */
	PARTY_DONE,    /* what has become of the parcel is to be written down and told */
};

/* Somebody for whom something waits, or to whom a session is open. */
struct party {
	TAILQ_ENTRY(party) of_turn; /* among those who are ready, or done */
	struct delivery *delivery;
	enum party_state state;
	struct recipient to;
	struct call call;
	struct patience patience;
	struct loop_timer timer; /* while it rests after a failure */
	bool is_held;		 /* by whoever called delivery_open() */
	bool is_asked;		 /* the user has just asked for this try */
	bool has_other_name;	 /* than was written to, and that was told */
	bool has_parcel;
	size_t delivered;	       /* messages, since something about them was told to the user */
	uint8_t id[ENVELOPE_ID_BYTES]; /* of the parcel: the message that is carried */
	bool left;		       /* this time or another */
	struct buffer sent_line;       /* of the parcel, for when it has left */
	struct delivery_notice news;   /* of a party that is done */
};

TAILQ_HEAD(parties, party);

/* What somebody waits for in delivery_await(). */
struct awaited {
	uint8_t id[ENVELOPE_ID_BYTES], identity[IDENTITY_BYTES];
	struct delivery_notice *notice;
	bool is_over;
};

struct delivery {
	struct delivery_setup setup;
	struct peersfile *peers; /* of its own: it is read while a command waits for an answer about the desk's */
	struct outbox *outbox;
	struct chatfollower *follower;
	bool is_started;
	uint8_t once[ENVELOPE_ID_BYTES]; /* what was queued for once */
	void *parties;			 /* a tree of those there are, by identity */
	struct parties ready, done;
	size_t busy, failing; /* those whose call goes on, and those who rest after a failure */
	struct buffer lines;  /* for chat.log, at the end of the round */
	struct loop_timer end_of_round;
	int lock; /* identity.key, locked; or -1 */
	struct loop_timer lock_timer;
	bool has_outbox; /* this process delivers */
	struct peerswatch watch;
	struct awaited *awaited;
	int64_t patience_ms; /* monotonic: how long delivery_try_all() waits for another process */
};

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

static void run(struct delivery *delivery);

/* Has it wait for its turn, if it rests. */
static void wake(struct party *party)
{
	struct delivery *delivery = party->delivery;

	if (party->state != PARTY_RESTING)
		return;
	delivery->failing -= party->timer.is_set;
	loop_set(delivery->setup.loop, &party->timer, LOOP_NEVER);
	party->state = PARTY_READY;
	TAILQ_INSERT_TAIL(&delivery->ready, party, of_turn);
}

static void end_rest(void *context)
{
	struct party *party = context;

	party->delivery->failing--;
	wake(party);
	run(party->delivery);
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
	party->timer = (struct loop_timer){.callback = end_rest, .context = party};
	party->call.connection.fd = -1;
	memcpy(party->to.identity, identity, IDENTITY_BYTES);
	if (!tsearch(party, &delivery->parties, compare_parties)) {
		free(party);
		return NULL;
	}
	return party;
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
	party->has_parcel = false;
	party->state = PARTY_RESTING;
}

static void free_party(void *node)
{
	struct party *party = node;

	interrupt(party);
	loop_set(party->delivery->setup.loop, &party->timer, LOOP_NEVER);
	free(party);
}

/* Forgets a party that rests, if there is nothing for it. */
static void tidy(struct party *party)
{
	struct delivery *delivery = party->delivery;

	if (party->is_held || party->state != PARTY_RESTING || outbox_count(delivery->outbox, party->to.identity) > 0)
		return;
	delivery->failing -= party->timer.is_set;
	tdelete(party, &delivery->parties, compare_parties);
	free_party(party);
}

/* Whom to write to. */

/* The recipient of a message that waits, as peers.txt was read last, and what they announce, or NULL. */
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
	int rc = peersfile_read(delivery->peers);
	const struct peer *claim;

	/* What was read before is the best there is. */
	(void)rc;
	if (!item)
		return false;
	claim = know(delivery, item, &party->to);
	return patience_is_over(&party->patience, claim);
}

/* After a failure: waits until it is back, or for as long as patience says. */
static void rest(struct party *party)
{
	struct delivery *delivery = party->delivery;

	patience_fail(&party->patience, clock_monotonic_ms());
	delivery->failing += !party->timer.is_set;
	loop_set(delivery->setup.loop, &party->timer, party->patience.due_ms);
	if (locate(party))
		wake(party);
}

static void look_who_is_back(void *context)
{
	struct delivery *delivery = context;
	const struct outbox_recipient *recipient = NULL;

	while ((recipient = outbox_recipient(delivery->outbox, recipient))) {
		struct party *party = find_party(delivery, recipient->identity);

		if (party && party->timer.is_set && locate(party))
			wake(party);
	}
	run(delivery);
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

static int format_state(struct buffer *lines, const struct recipient *to, const uint8_t *id, enum chatlog_state state,
    const char *why)
{
	struct chatlog_entry entry = make_entry(to, id);

	entry.kind = CHATLOG_STATE;
	entry.state = state;
	entry.why = why;
	return chatlog_format(lines, &entry);
}

static int format_queued(struct buffer *lines, const struct recipient *to, const uint8_t *id, const char *text,
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
static void schedule(struct delivery *delivery)
{
	loop_set(delivery->setup.loop, &delivery->end_of_round, 0);
}

/* One parcel on its way. */

/* Notes what has become of the parcel, to be written down and told at the end of the round. */
static void finish(struct party *party, enum delivery_kind kind, int error)
{
	struct delivery *delivery = party->delivery;

	if (party->state == PARTY_BUSY)
		delivery->busy--;
	party->state = PARTY_DONE;
	TAILQ_INSERT_TAIL(&delivery->done, party, of_turn);
	schedule(delivery);
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

static bool is_once(const struct party *party)
{
	return memcmp(party->id, party->delivery->once, sizeof(party->id)) == 0;
}

/* The parcel waits no more: adds the line that says so. */
static void settle_parcel(struct party *party, enum chatlog_state state, const char *why)
{
	/* If memory is short the message is sent again, and known by its id. */
	if (format_state(&party->delivery->lines, &party->to, party->id, state, why) != 0)
		return;
}

static void fail(struct party *party, int error)
{
	call_close(&party->call);
	if (is_once(party) && !party->left)
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
	news->pin_error = recipient_pin(to, party->delivery->peers, news->pinned);
}

static void take_receipt(struct party *party)
{
	const struct envelope_receipt *receipt = &party->call.receipt;

	call_close(&party->call);
	if (receipt->status == ENVELOPE_DONE) {
		settle_parcel(party, CHATLOG_DELIVERED, NULL);
		finish(party, DELIVERY_DELIVERED, 0);
	} else if (receipt->status == ENVELOPE_NO) {
		settle_parcel(party, CHATLOG_DROPPED, receipt->why[0] != '\0' ? receipt->why : "refused");
		finish(party, DELIVERY_REFUSED, 0);
	} else {
		if (is_once(party))
			settle_parcel(party, CHATLOG_DROPPED, receipt->why);
		finish(party, DELIVERY_NOT_NOW, 0);
	}
	party->news.receipt = *receipt;
	if (receipt->status == ENVELOPE_DONE)
		pin(party);
}

/* The session is open: sends the parcel, which is read only now, so that no text is held for longer than it is needed. */
static void hand_over(struct party *party)
{
	const struct outbox_item *item = outbox_find(party->delivery->outbox, party->id);
	struct chatlog_entry entry = {0};
	int rc;

	if (!item) {
		/* It was dropped meanwhile. */
		interrupt(party);
		wake(party);
		run(party->delivery);
		return;
	}
	rc = chatlog_read_at(AT_FDCWD, item->offset, &entry);
	if (rc == 0 && (!entry.has_id || memcmp(entry.id, party->id, sizeof(entry.id)) != 0))
		rc = EBADMSG;
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
	struct delivery *delivery = party->delivery;
	int rc = buffer_append(&delivery->lines, party->sent_line.data, party->sent_line.len);

	/* If memory is short, the line that says that it was delivered says enough. */
	if (rc == 0)
		schedule(delivery);
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
		party->delivery->busy--;
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

/* Calls the party. */
static void dial(struct party *party, const char *number)
{
	const struct delivery_setup *setup = &party->delivery->setup;

	party->state = PARTY_BUSY;
	party->delivery->busy++;
	call_close(&party->call);
	call_init(&party->call, setup->loop, CHATLOG_SECURE, &party->to, setup->from, go_on, party);
	call_open(&party->call, &setup->key->identity, peersfile_username(party->delivery->peers), number);
}

/* Whether this process may send a message: it has the outbox, or nobody else sends this one. */
static bool may_send(const struct delivery *delivery, const struct outbox_item *item)
{
	return delivery->has_outbox || memcmp(item->id, delivery->once, sizeof(item->id)) == 0;
}

/* Takes up the next message for a party whose turn it is. */
static void start(struct party *party)
{
	struct delivery *delivery = party->delivery;
	const struct outbox_item *item = outbox_next(delivery->outbox, party->to.identity, NULL);

	party->state = PARTY_RESTING;
	if (!item || !may_send(delivery, item)) {
		if (!party->is_held)
			call_close(&party->call);
		tidy(party);
		return;
	}
	party->has_parcel = true;
	memcpy(party->id, item->id, sizeof(party->id));
	party->left = item->left;
	locate(party);
	if (outbox_expired(delivery->outbox, clock_wall_ms()) == item) {
		settle_parcel(party, CHATLOG_DROPPED, too_old);
		finish(party, DELIVERY_DROPPED, 0);
		strcpy(party->news.why, too_old);
	} else if (!delivery->setup.key->is_usable) {
		party->call.stage = CALL_PREPARE;
		finish(party, DELIVERY_UNREACHABLE, ENOKEY);
	} else if (call_is_open(&party->call)) {
		party->state = PARTY_BUSY;
		delivery->busy++;
		hand_over(party);
	} else {
		dial(party, "");
	}
}

/* Gives a turn to those who wait for one. */
static void run(struct delivery *delivery)
{
	struct party *party;

	while (delivery->busy < DELIVERY_RECIPIENTS && (party = TAILQ_FIRST(&delivery->ready))) {
		TAILQ_REMOVE(&delivery->ready, party, of_turn);
		start(party);
	}
	if (delivery->failing > 0)
		peerswatch_start(&delivery->watch);
	else
		peerswatch_stop(&delivery->watch);
}

/* The log, and who has the outbox. */

/* Whether more of the same is to come, so that it will be told with the last one. */
static bool is_one_of_many(const struct delivery_notice *notice)
{
	return notice->kind == DELIVERY_DELIVERED && notice->waiting > 0 && notice->log_error == 0 &&
	       notice->pin_error == 0 && notice->pinned[0] == '\0' && !notice->has_other_name;
}

/* Tells what has become of a message: whoever awaits it, or else the user. Returns whether it was told. */
static bool tell(struct delivery *delivery, const struct delivery_notice *notice)
{
	struct awaited *awaited = delivery->awaited;
	bool is_it = awaited && !awaited->is_over &&
		     (memcmp(awaited->id, notice->id, sizeof(notice->id)) == 0 ||
			 /* What stands behind another that could not be delivered waits with it. */
			 (notice->kind >= DELIVERY_NOT_NOW && notice->kind <= DELIVERY_UNCONFIRMED &&
			     memcmp(awaited->identity, notice->to.identity, IDENTITY_BYTES) == 0));

	if (is_it) {
		*awaited->notice = *notice;
		awaited->is_over = true;
		return true;
	}
	if (is_one_of_many(notice))
		return false;
	delivery->setup.tell(delivery->setup.context, notice);
	return true;
}

/* Tells what another process, which has the outbox, wrote about a message that waits. */
static void tell_state(struct delivery *delivery, const struct chatlog_entry *entry)
{
	const struct outbox_item *item = outbox_find(delivery->outbox, entry->id);
	struct delivery_notice notice = {
	    .kind = entry->state == CHATLOG_DELIVERED ? DELIVERY_DELIVERED : DELIVERY_DROPPED,
	};
	int rc = peersfile_read(delivery->peers);

	/* What was read before is the best there is. */
	(void)rc;
	if (!item || (entry->state != CHATLOG_DELIVERED && entry->state != CHATLOG_DROPPED))
		return;
	notice.left = item->left;
	notice.delivered = 1;
	memcpy(notice.id, entry->id, sizeof(notice.id));
	know(delivery, item, &notice.to);
	snprintf(notice.why, sizeof(notice.why), "%s", entry->why ? entry->why : "");
	tell(delivery, &notice);
}

/* Takes what was appended to the log since the last time, by whomever. */
static void read_log(struct delivery *delivery)
{
	struct chatlog_entry entry;
	const char *line;
	int64_t offset;
	size_t len;

	while (delivery->follower && chatfollower_next(delivery->follower, &line, &len, &offset) == 0) {
		if (delivery->is_started && !delivery->has_outbox && chatlog_parse(line, len, &entry) == 0) {
			if (entry.kind == CHATLOG_STATE)
				tell_state(delivery, &entry);
			chatlog_entry_free(&entry);
		}
		/* If memory is short the message waits for the next start. */
		if (outbox_take(delivery->outbox, line, len, offset) != 0)
			return;
	}
}

/*
 * Tries to become the process that delivers, or leaves that to others if nothing waits, nor is about to. Returns whether it
 * has become it.
 */
static bool take_outbox(struct delivery *delivery, bool is_wanted)
{
	bool is_new, is_idle = !is_wanted && outbox_total(delivery->outbox) == 0 && delivery->busy == 0;
	struct stat status;
	int rc;

	loop_set(delivery->setup.loop, &delivery->lock_timer, LOOP_NEVER);
	if (is_idle && delivery->lock >= 0) {
		close(delivery->lock);
		delivery->lock = -1;
	}
	if (is_idle)
		delivery->has_outbox = false;
	if (is_idle || delivery->has_outbox || !delivery->is_started)
		return false;
	rc = lockedfile_reopen(AT_FDCWD, KEYFILE_NAME, O_RDONLY, LOCK_EX, 0, &delivery->lock, &status, &is_new);
	/* A file that cannot be locked keeps nobody away. */
	delivery->has_outbox = rc != ETIMEDOUT;
	if (!delivery->has_outbox)
		loop_set(delivery->setup.loop, &delivery->lock_timer, clock_monotonic_ms() + LOCK_PERIOD_MS);
	return delivery->has_outbox;
}

/* Brings everything up to date with the log. */
static void catch_up(void *context)
{
	struct delivery *delivery = context;
	const struct outbox_recipient *recipient = NULL;

	read_log(delivery);
	/* Whoever had the outbox may have written something just before it ended. */
	if (take_outbox(delivery, false))
		read_log(delivery);
	while ((recipient = outbox_recipient(delivery->outbox, recipient))) {
		struct party *party = make_party(delivery, recipient->identity);

		if (party && !party->timer.is_set)
			wake(party);
	}
	run(delivery);
}

static void take_appended(void *context, uint32_t events)
{
	(void)events;
	catch_up(context);
}

/* What has become of a party's parcel is in the log, unless there is an error: tells it, and goes on. */
static void conclude(struct party *party, int log_error)
{
	struct delivery *delivery = party->delivery;
	struct delivery_notice news = party->news;
	bool is_failure = log_error != 0 || news.kind == DELIVERY_NOT_NOW || news.kind == DELIVERY_UNREACHABLE ||
			  news.kind == DELIVERY_UNCONFIRMED;

	news.log_error = log_error;
	news.waiting = outbox_count(delivery->outbox, party->to.identity);
	party->delivered += news.kind == DELIVERY_DELIVERED;
	news.delivered = party->delivered;
	party->state = PARTY_RESTING;
	party->has_parcel = party->is_asked = false;
	if (is_failure) {
		rest(party);
	} else {
		party->patience.failures = 0;
		wake(party);
	}
	if (tell(delivery, &news))
		party->delivered = 0;
}

/* At the end of a round: writes down what has happened in it, and tells it. */
static void end_round(void *context)
{
	struct delivery *delivery = context;
	struct party *party;
	int rc = 0;

	if (outbox_is_due(delivery->outbox, false))
		rc = outbox_settle(delivery->outbox, clock_wall_ms(), &delivery->lines);
	if (rc == 0 && delivery->lines.len > 0)
		rc = chatlog_append(delivery->setup.log, delivery->lines.data, delivery->lines.len, 0);
	buffer_wipe(&delivery->lines);
	read_log(delivery);
	while ((party = TAILQ_FIRST(&delivery->done))) {
		TAILQ_REMOVE(&delivery->done, party, of_turn);
		conclude(party, rc);
	}
	catch_up(delivery);
}

/* For others. */

struct delivery *delivery_new(const struct delivery_setup *setup)
{
	struct delivery *delivery = calloc(1, sizeof(*delivery));

	if (!delivery)
		return NULL;
	delivery->setup = *setup;
	delivery->lock = -1;
	delivery->end_of_round = (struct loop_timer){.callback = end_round, .context = delivery};
	delivery->lock_timer = (struct loop_timer){.callback = catch_up, .context = delivery};
	TAILQ_INIT(&delivery->ready);
	TAILQ_INIT(&delivery->done);
	peerswatch_init(&delivery->watch, setup->loop, look_who_is_back, delivery);
	delivery->peers = peersfile_new(AT_FDCWD);
	delivery->outbox = outbox_new();
	if (delivery->peers && delivery->outbox)
		return delivery;
	delivery_free(delivery);
	return NULL;
}

void delivery_free(struct delivery *delivery)
{
	if (!delivery)
		return;
	tdestroy(delivery->parties, free_party);
	/* Losing these lines costs a repetition, or a longer start. */
	if (delivery->is_started && outbox_is_due(delivery->outbox, true) &&
	    outbox_settle(delivery->outbox, clock_wall_ms(), &delivery->lines) != 0)
		buffer_wipe(&delivery->lines);
	if (delivery->lines.len > 0 &&
	    chatlog_append(delivery->setup.log, delivery->lines.data, delivery->lines.len, 0) != 0)
		buffer_wipe(&delivery->lines);
	buffer_wipe(&delivery->lines);
	loop_set(delivery->setup.loop, &delivery->end_of_round, LOOP_NEVER);
	loop_set(delivery->setup.loop, &delivery->lock_timer, LOOP_NEVER);
	peerswatch_stop(&delivery->watch);
	if (delivery->follower)
		loop_forget(delivery->setup.loop, chatfollower_fd(delivery->follower));
	chatfollower_free(delivery->follower);
	if (delivery->lock >= 0)
		close(delivery->lock);
	outbox_free(delivery->outbox);
	peersfile_free(delivery->peers);
	free(delivery);
}

int delivery_start(struct delivery *delivery)
{
	int64_t offset = 0;
	int rc = outbox_begin(AT_FDCWD, &offset), watching;

	if (rc != 0 && rc != EFBIG)
		return rc;
	watching = chatfollower_open(AT_FDCWD, offset, &delivery->follower);
	if (watching == 0)
		watching = loop_watch(delivery->setup.loop, chatfollower_fd(delivery->follower), EPOLLIN, take_appended,
		    delivery);
	if (watching != 0)
		return watching;
	/* What happened before is no news. */
	read_log(delivery);
	delivery->is_started = true;
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
	if (rc != 0) {
		party->is_held = false;
		if (outbox_count(delivery->outbox, to->identity) > 0)
			rest(party);
		else
			tidy(party);
		run(delivery);
		return rc;
	}
	/* What waited for this goes first. */
	wake(party);
	run(delivery);
	return 0;
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
	if (!party->timer.is_set)
		wake(party);
	run(delivery);
}

int delivery_queue(struct delivery *delivery, const struct recipient *to, const char *text, size_t len, unsigned how,
    uint8_t id[static ENVELOPE_ID_BYTES])
{
	struct buffer line = {0};
	struct party *party;
	int rc = outbox_has_room(delivery->outbox, to->identity) ? 0 : EDQUOT;

	/* Before others read of it, so that they leave it to this one, which may have a session open. */
	if (!(how & DELIVERY_ONCE))
		take_outbox(delivery, true);
	randombytes_buf(id, ENVELOPE_ID_BYTES);
	if (rc == 0)
		rc = format_queued(&line, to, id, text, len, how & DELIVERY_ONCE);
	if (rc == 0)
		rc = chatlog_append(delivery->setup.log, line.data, line.len, CHATLOG_DURABLE);
	buffer_wipe(&line);
	if (rc != 0)
		return rc;
	if (how & DELIVERY_ONCE) {
		outbox_expect(delivery->outbox, id);
		memcpy(delivery->once, id, ENVELOPE_ID_BYTES);
	}
	/* Who is not started knows of nothing else. */
	if (!delivery->follower)
		rc = chatfollower_open(AT_FDCWD, chatlog_appended(delivery->setup.log), &delivery->follower);
	party = make_party(delivery, to->identity);
	if (party) {
		party->is_held = false;
		party->is_asked = true;
		if (how & DELIVERY_LATER)
			rest(party);
	}
	catch_up(delivery);
	if (party && !(how & DELIVERY_LATER))
		wake(party);
	run(delivery);
	return rc;
}

static bool is_told(void *context)
{
	const struct awaited *awaited = context;

	return awaited->is_over;
}

/* Another process has the outbox, and takes long. */
static void tell_elsewhere(void *context)
{
	struct delivery *delivery = context;
	struct awaited *awaited = delivery->awaited;
	const struct outbox_item *item = outbox_find(delivery->outbox, awaited->id);
	struct delivery_notice notice = {.kind = DELIVERY_ELSEWHERE, .left = item && item->left};

	/* If it has the outbox by now, it has tried, or is about to. */
	if (delivery->has_outbox)
		return;
	if (item)
		know(delivery, item, &notice.to);
	memcpy(notice.id, awaited->id, sizeof(notice.id));
	tell(delivery, &notice);
}

int delivery_await(struct delivery *delivery, const uint8_t id[static ENVELOPE_ID_BYTES],
    struct delivery_notice *notice)
{
	struct loop_timer limit = {.callback = tell_elsewhere, .context = delivery};
	const struct outbox_item *item = outbox_find(delivery->outbox, id);
	struct awaited awaited = {.notice = notice};
	int rc;

	memcpy(awaited.id, id, sizeof(awaited.id));
	if (item)
		memcpy(awaited.identity, item->recipient->identity, sizeof(awaited.identity));
	delivery->awaited = &awaited;
	if (!item || !may_send(delivery, item))
		loop_set(delivery->setup.loop, &limit, clock_monotonic_ms() + DELIVERY_ELSEWHERE_MS);
	rc = loop_run_until(delivery->setup.loop, is_told, &awaited);
	loop_set(delivery->setup.loop, &limit, LOOP_NEVER);
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

static void do_nothing(void *context)
{
	(void)context;
}

int delivery_try_all(struct delivery *delivery)
{
	struct loop_timer limit = {.callback = do_nothing};
	int rc;

	delivery->patience_ms = clock_monotonic_ms() + DELIVERY_ELSEWHERE_MS;
	loop_set(delivery->setup.loop, &limit, delivery->patience_ms);
	rc = loop_run_until(delivery->setup.loop, is_quiet, delivery);
	loop_set(delivery->setup.loop, &limit, LOOP_NEVER);
	return rc;
}

size_t delivery_waiting(const struct delivery *delivery, const uint8_t identity[static IDENTITY_BYTES])
{
	return outbox_count(delivery->outbox, identity);
}

size_t delivery_total(const struct delivery *delivery)
{
	return outbox_total(delivery->outbox);
}

const struct outbox_recipient *delivery_recipient(const struct delivery *delivery, const struct outbox_recipient *after)
{
	return outbox_recipient(delivery->outbox, after);
}

void delivery_retry(struct delivery *delivery, const uint8_t identity[static IDENTITY_BYTES])
{
	struct party *party = find_party(delivery, identity);

	if (!party)
		return;
	party->is_asked = true;
	wake(party);
	run(delivery);
}

/* Appends lines of what waited for somebody, and has that party begin anew with what waits then. */
static int rewrite(struct delivery *delivery, const uint8_t *identity, struct buffer *lines, int error)
{
	struct party *party = find_party(delivery, identity);

	if (error == 0 && lines->len > 0)
		error = chatlog_append(delivery->setup.log, lines->data, lines->len, CHATLOG_DURABLE);
	buffer_wipe(lines);
	if (error == 0 && party)
		interrupt(party);
	catch_up(delivery);
	return error;
}

int delivery_drop(struct delivery *delivery, const uint8_t identity[static IDENTITY_BYTES], const char *why)
{
	const struct outbox_item *item = NULL;
	struct recipient to;
	struct buffer lines = {0};
	int rc = 0;

	while (rc == 0 && (item = outbox_next(delivery->outbox, identity, item))) {
		know(delivery, item, &to);
		rc = format_state(&lines, &to, item->id, CHATLOG_DROPPED, why);
	}
	return rewrite(delivery, identity, &lines, rc);
}

/* Appends the lines by which a message goes to somebody else. */
static int redirect(struct delivery *delivery, const struct outbox_item *item, const struct recipient *to,
    struct buffer *lines)
{
	uint8_t id[ENVELOPE_ID_BYTES];
	struct chatlog_entry entry;
	struct recipient from;
	int rc = chatlog_read_at(AT_FDCWD, item->offset, &entry);

	if (rc != 0)
		return rc;
	randombytes_buf(id, sizeof(id));
	know(delivery, item, &from);
	rc = format_queued(lines, to, id, entry.text, entry.text_len, false);
	if (rc == 0)
		rc = format_state(lines, &from, item->id, CHATLOG_DROPPED, "it goes to the new identity");
	chatlog_entry_free(&entry);
	return rc;
}

int delivery_redirect(struct delivery *delivery, const uint8_t from[static IDENTITY_BYTES], const struct recipient *to)
{
	size_t count = outbox_count(delivery->outbox, from);
	const struct outbox_item *item = NULL;
	struct buffer lines = {0};
	int rc = outbox_count(delivery->outbox, to->identity) + count > OUTBOX_EACH_MAX ? EDQUOT : 0;

	while (rc == 0 && (item = outbox_next(delivery->outbox, from, item)))
		rc = redirect(delivery, item, to, &lines);
	return rewrite(delivery, from, &lines, rc);
}
