#include "delivery.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "parties.h"
#include "store/chatfollower.h"
#include "store/lockedfile.h"

/* How often to look whether the process that has the outbox has ended. */
#define LOCK_PERIOD_MS 1000

/* What somebody waits for in delivery_await(). */
struct awaited {
	uint8_t id[ENVELOPE_ID_BYTES], identity[IDENTITY_BYTES];
	struct delivery_notice *notice;
	bool is_over;
};

struct delivery {
	struct delivery_setup setup;
	struct parties parties;
	struct chatfollower *follower;
	bool is_started;
	bool is_partial;		/* something may wait farther back in the log than was read */
	struct loop_timer end_of_round; /* writes and tells what has happened in it */
	struct loop_timer lock_timer;
	struct awaited *awaited;
	uint8_t queued[ENVELOPE_ID_BYTES]; /* what was queued last */
	struct delivery_notice early;	   /* what another process has done with it, perhaps before it was awaited */
	int64_t patience_ms;		   /* monotonic: how long delivery_try_all() waits for another process */
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
	struct awaited *awaited = delivery->awaited;
	bool is_it =
	    awaited && !awaited->is_over &&
	    (memcmp(awaited->id, notice->id, sizeof(notice->id)) == 0 ||
		/* What stands behind another that could not be delivered waits with it. */
		(delivery_waits(notice) && memcmp(awaited->identity, notice->to.identity, IDENTITY_BYTES) == 0));

	if (is_it) {
		*awaited->notice = *notice;
		awaited->is_over = true;
		return true;
	}
	/* More of the same is to come, and it is told with the last one. */
	if (delivery_is_plain(notice) && notice->waiting > 0)
		return false;
	delivery->setup.tell(delivery->setup.context, notice);
	return true;
}

/* Notes what another process, which has the outbox, wrote about a message that waits. Returns whether that is to be told. */
static bool note_state(struct delivery *delivery, const struct chatlog_entry *entry, struct delivery_notice *notice)
{
	const struct outbox_item *item = outbox_find(delivery->parties.outbox, entry->id);
	int rc = peersfile_read(delivery->parties.peers);

	/* What was read before is the best there is. */
	(void)rc;
	if (!item || (entry->state != CHATLOG_DELIVERED && entry->state != CHATLOG_DROPPED))
		return false;
	*notice = (struct delivery_notice){
	    .kind = entry->state == CHATLOG_DELIVERED ? DELIVERY_DELIVERED : DELIVERY_DROPPED,
	    .left = item->left,
	    .delivered = 1,
	};
	memcpy(notice->id, entry->id, sizeof(notice->id));
	parties_know(&delivery->parties, item, &notice->to);
	snprintf(notice->why, sizeof(notice->why), "%s", entry->why ? entry->why : "");
	if (memcmp(notice->id, delivery->queued, sizeof(notice->id)) == 0)
		delivery->early = *notice;
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

		/* Of the one's own it is known. */
		if (delivery->is_started && is_of_others && outbox_total(delivery->parties.outbox) > 0 &&
		    chatlog_parse(line, len, &entry) == 0) {
			is_news = entry.kind == CHATLOG_STATE && note_state(delivery, &entry, &notice);
			chatlog_entry_free(&entry);
		}
		/* If memory is short the message waits for the next start. */
		rc = outbox_take(delivery->parties.outbox, line, len, offset);
		/* Only now, because whoever is told may count what waits still. */
		if (is_news)
			tell(delivery, &notice);
		if (rc != 0)
			return;
	}
}

/*
 * Tries to become the process that delivers, or leaves that to others if nothing waits, nor is about to. Returns whether it
 * has become it.
 */
static bool take_outbox(struct delivery *delivery, bool is_wanted)
{
	bool is_new, is_idle = !is_wanted && outbox_total(delivery->parties.outbox) == 0 && delivery->parties.busy == 0;
	struct stat status;
	int rc;

	loop_set(delivery->setup.loop, &delivery->lock_timer, LOOP_NEVER);
	if (is_idle && delivery->parties.lock >= 0) {
		close(delivery->parties.lock);
		delivery->parties.lock = -1;
	}
	if (is_idle)
		delivery->parties.has_outbox = false;
	if (is_idle || parties_check_lock(&delivery->parties) || !delivery->is_started)
		return false;
	rc = lockedfile_reopen(AT_FDCWD, KEYFILE_NAME, O_RDONLY, LOCK_EX, 0, &delivery->parties.lock, &status, &is_new);
	/* A file that cannot be locked keeps nobody away. */
	delivery->parties.has_outbox = rc != ETIMEDOUT;
	if (!delivery->parties.has_outbox)
		loop_set(delivery->setup.loop, &delivery->lock_timer, clock_monotonic_ms() + LOCK_PERIOD_MS);
	return delivery->parties.has_outbox;
}

/* Brings everything up to date with the log. */
static void catch_up(void *context)
{
	struct delivery *delivery = context;
	const struct outbox_recipient *recipient = NULL;

	read_log(delivery, !delivery->parties.has_outbox);
	/* Whoever had the outbox may have written something just before it ended. */
	if (take_outbox(delivery, false))
		read_log(delivery, true);
	while ((recipient = outbox_recipient(delivery->parties.outbox, recipient))) {
		struct party *party = party_make(&delivery->parties, recipient->identity);

		if (party && !party->timer.is_set)
			party_wake(party);
	}
	parties_run(&delivery->parties);
}

static void take_appended(void *context, uint32_t events)
{
	(void)events;
	catch_up(context);
}

/* What has become of a party's parcel is in the log, unless there is an error: tells it, and goes on. */
static void conclude(struct delivery *delivery, struct party *party, int log_error)
{
	struct delivery_notice news = party->news;
	bool is_failure = log_error != 0 || delivery_waits(&news);

	news.log_error = log_error;
	news.waiting = outbox_count(delivery->parties.outbox, party->to.identity);
	party->delivered += news.kind == DELIVERY_DELIVERED;
	news.delivered = party->delivered;
	party->state = PARTY_RESTING;
	party->has_parcel = party->is_asked = false;
	if (is_failure) {
		call_close(&party->call);
		party_rest(party);
	} else {
		party->patience.failures = 0;
		party_wake(party);
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

	if (!delivery->is_partial && outbox_is_due(delivery->parties.outbox, false))
		rc = outbox_settle(delivery->parties.outbox, clock_wall_ms(), &delivery->parties.lines);
	if (rc == 0 && delivery->parties.lines.len > 0)
		rc = chatlog_append(delivery->setup.log, delivery->parties.lines.data, delivery->parties.lines.len, 0);
	buffer_wipe(&delivery->parties.lines);
	read_log(delivery, !delivery->parties.has_outbox);
	while ((party = TAILQ_FIRST(&delivery->parties.done))) {
		TAILQ_REMOVE(&delivery->parties.done, party, of_turn);
		conclude(delivery, party, rc);
	}
	catch_up(delivery);
}

struct delivery *delivery_new(const struct delivery_setup *setup)
{
	struct delivery *delivery = calloc(1, sizeof(*delivery));

	if (!delivery)
		return NULL;
	delivery->setup = *setup;
	delivery->end_of_round = (struct loop_timer){.callback = end_round, .context = delivery};
	delivery->lock_timer = (struct loop_timer){.callback = catch_up, .context = delivery};
	if (parties_open(&delivery->parties, &delivery->setup, &delivery->end_of_round) == 0)
		return delivery;
	delivery_free(delivery);
	return NULL;
}

void delivery_free(struct delivery *delivery)
{
	struct parties *parties = delivery ? &delivery->parties : NULL;

	if (!delivery)
		return;
	/* Losing these lines costs a repetition, or a longer start. */
	if (delivery->is_started && !delivery->is_partial && outbox_is_due(parties->outbox, true) &&
	    outbox_settle(parties->outbox, clock_wall_ms(), &parties->lines) != 0)
		buffer_wipe(&parties->lines);
	if (parties->lines.len > 0 &&
	    chatlog_append(delivery->setup.log, parties->lines.data, parties->lines.len, 0) != 0)
		buffer_wipe(&parties->lines);
	parties_close(parties);
	loop_set(delivery->setup.loop, &delivery->end_of_round, LOOP_NEVER);
	loop_set(delivery->setup.loop, &delivery->lock_timer, LOOP_NEVER);
	if (delivery->follower)
		loop_forget(delivery->setup.loop, chatfollower_fd(delivery->follower));
	chatfollower_free(delivery->follower);
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
	read_log(delivery, !delivery->parties.has_outbox);
	delivery->is_partial = rc == EFBIG;
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
	struct party *party = party_make(&delivery->parties, to->identity);
	int rc;

	*stage = CALL_PREPARE;
	if (!party)
		return ENOMEM;
	party->is_held = true;
	rc = loop_run_until(delivery->setup.loop, is_idle, party);
	if (rc == 0 && !call_is_open(&party->call)) {
		party_interrupt(party);
		party->to = *to;
		party_locate(party);
		party_dial(party, number);
		rc = loop_run_until(delivery->setup.loop, is_idle, party);
		if (rc == 0)
			rc = call_result(&party->call);
		*stage = party->call.stage;
	}
	if (rc != 0) {
		party->is_held = false;
		if (outbox_count(delivery->parties.outbox, to->identity) > 0)
			party_rest(party);
		else
			party_tidy(party);
		parties_run(&delivery->parties);
		return rc;
	}
	/* What waited for this goes first. */
	party_wake(party);
	parties_run(&delivery->parties);
	return 0;
}

bool delivery_is_open(const struct delivery *delivery, const struct recipient *to)
{
	const struct party *party = party_find(&delivery->parties, to->identity);

	return party && (party->state != PARTY_RESTING || call_is_open(&party->call));
}

void delivery_close(struct delivery *delivery, const struct recipient *to)
{
	struct party *party = party_find(&delivery->parties, to->identity);

	if (!party || !party->is_held)
		return;
	party->is_held = false;
	if (!party->has_parcel)
		party_interrupt(party);
	if (!party->timer.is_set)
		party_wake(party);
	parties_run(&delivery->parties);
}

int delivery_queue(struct delivery *delivery, const struct recipient *to, const char *text, size_t len, unsigned how,
    uint8_t id[static ENVELOPE_ID_BYTES])
{
	struct buffer line = {0};
	struct party *party;
	int rc = outbox_has_room(delivery->parties.outbox, to->identity) ? 0 : EDQUOT;

	/* Before others read of it, so that they leave it to this one, which may have a session open. */
	if (!(how & DELIVERY_ONCE) && take_outbox(delivery, true))
		read_log(delivery, true);
	randombytes_buf(id, ENVELOPE_ID_BYTES);
	memcpy(delivery->queued, id, ENVELOPE_ID_BYTES);
	if (rc == 0)
		rc = parties_format_queued(&line, to, id, text, len, how & DELIVERY_ONCE);
	if (rc == 0)
		rc = chatlog_append(delivery->setup.log, line.data, line.len, CHATLOG_DURABLE);
	buffer_wipe(&line);
	if (rc != 0)
		return rc;
	if (how & DELIVERY_ONCE) {
		outbox_expect(delivery->parties.outbox, id);
		memcpy(delivery->parties.once, id, ENVELOPE_ID_BYTES);
	}
	/* Who is not started knows of nothing else. */
	if (!delivery->follower)
		rc = chatfollower_open(AT_FDCWD, chatlog_appended(delivery->setup.log), &delivery->follower);
	party = party_make(&delivery->parties, to->identity);
	if (party) {
		party->is_held = false;
		party->is_asked |= !(how & (DELIVERY_LATER | DELIVERY_QUIETLY));
		/* Unless that they could not be reached was noted when others were queued. */
		if (how & DELIVERY_LATER && party->state == PARTY_RESTING && !party->timer.is_set)
			party_rest(party);
	}
	catch_up(delivery);
	/* Who is announced although they could not be reached is not back just because of that. */
	if (party && how & DELIVERY_LATER)
		party_locate(party);
	else if (party)
		party_wake(party);
	parties_run(&delivery->parties);
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
	const struct outbox_item *item = outbox_find(delivery->parties.outbox, awaited->id);
	struct delivery_notice notice = {.kind = DELIVERY_ELSEWHERE, .left = item && item->left};

	/* If it has the outbox by now, it has tried, or is about to. */
	if (delivery->parties.has_outbox)
		return;
	if (item)
		parties_know(&delivery->parties, item, &notice.to);
	memcpy(notice.id, awaited->id, sizeof(notice.id));
	tell(delivery, &notice);
}

int delivery_await(struct delivery *delivery, const uint8_t id[static ENVELOPE_ID_BYTES],
    struct delivery_notice *notice)
{
	struct loop_timer limit = {.callback = tell_elsewhere, .context = delivery};
	const struct outbox_item *item = outbox_find(delivery->parties.outbox, id);
	struct awaited awaited = {.notice = notice};
	int rc;

	if (memcmp(delivery->early.id, id, sizeof(awaited.id)) == 0) {
		*notice = delivery->early;
		return 0;
	}
	memcpy(awaited.id, id, sizeof(awaited.id));
	if (item)
		memcpy(awaited.identity, item->recipient->identity, sizeof(awaited.identity));
	delivery->awaited = &awaited;
	if (!item || !parties_may_send(&delivery->parties, item))
		loop_set(delivery->setup.loop, &limit, clock_monotonic_ms() + DELIVERY_ELSEWHERE_MS);
	rc = loop_run_until(delivery->setup.loop, is_told, &awaited);
	loop_set(delivery->setup.loop, &limit, LOOP_NEVER);
	delivery->awaited = NULL;
	return rc;
}

static bool is_quiet(void *context)
{
	const struct delivery *delivery = context;

	return delivery->parties.busy == 0 && TAILQ_EMPTY(&delivery->parties.ready) &&
	       TAILQ_EMPTY(&delivery->parties.done) &&
	       (delivery->parties.has_outbox || outbox_total(delivery->parties.outbox) == 0 ||
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

const struct outbox *delivery_outbox(const struct delivery *delivery)
{
	return delivery->parties.outbox;
}

void delivery_retry(struct delivery *delivery, const uint8_t identity[static IDENTITY_BYTES])
{
	struct party *party = party_find(&delivery->parties, identity);

	if (!party)
		return;
	party->is_asked = true;
	party_wake(party);
	parties_run(&delivery->parties);
}

/* Appends lines of what waited for somebody, and has that party begin anew with what waits then. */
static int rewrite(struct delivery *delivery, const uint8_t *identity, struct buffer *lines, int error)
{
	struct party *party = party_find(&delivery->parties, identity);

	if (error == 0 && lines->len > 0)
		error = chatlog_append(delivery->setup.log, lines->data, lines->len, CHATLOG_DURABLE);
	buffer_wipe(lines);
	if (error == 0 && party)
		party_interrupt(party);
	catch_up(delivery);
	return error;
}

int delivery_drop(struct delivery *delivery, const uint8_t identity[static IDENTITY_BYTES], const char *why)
{
	const struct outbox_item *item = NULL;
	struct recipient to;
	struct buffer lines = {0};
	int rc = 0;

	while (rc == 0 && (item = outbox_next(delivery->parties.outbox, identity, item))) {
		parties_know(&delivery->parties, item, &to);
		rc = parties_format_state(&lines, &to, item->id, CHATLOG_DROPPED, why);
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
	int rc = outbox_read(item, AT_FDCWD, &entry);

	if (rc != 0)
		return rc;
	randombytes_buf(id, sizeof(id));
	parties_know(&delivery->parties, item, &from);
	rc = parties_format_queued(lines, to, id, entry.text, entry.text_len, false);
	if (rc == 0)
		rc = parties_format_state(lines, &from, item->id, CHATLOG_DROPPED, "it goes to the new identity");
	chatlog_entry_free(&entry);
	return rc;
}

int delivery_redirect(struct delivery *delivery, const uint8_t from[static IDENTITY_BYTES], const struct recipient *to)
{
	size_t count = outbox_count(delivery->parties.outbox, from);
	const struct outbox_item *item = NULL;
	struct buffer lines = {0};
	int rc = outbox_count(delivery->parties.outbox, to->identity) + count > OUTBOX_EACH_MAX ? EDQUOT : 0;

	while (rc == 0 && (item = outbox_next(delivery->parties.outbox, from, item)))
		rc = redirect(delivery, item, to, &lines);
	return rewrite(delivery, from, &lines, rc);
}
