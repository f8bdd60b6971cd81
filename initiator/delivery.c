#include "delivery.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "round.h"
#include "session.h"

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

struct delivery *delivery_new(const struct delivery_setup *setup)
{
	struct delivery *delivery = calloc(1, sizeof(*delivery));

	if (!delivery)
		return NULL;
	*delivery = (struct delivery){
	    .setup = *setup,
	    .parties.setup = &delivery->setup,
	    .parties.peers = peersfile_new_beside(setup->peers),
	    .parties.outbox = outbox_new(),
	    .parties.catchup = catchup_new(),
	    .parties.booted_ms = clock_wall_ms() - clock_boot_ms(),
	    .lock = {.fd = -1},
	    .watch = -1,
	};
	round_init(delivery);
	TAILQ_INIT(&delivery->parties.ready);
	TAILQ_INIT(&delivery->parties.done);
	if (delivery->parties.peers && delivery->parties.outbox && delivery->parties.catchup)
		return delivery;
	delivery_free(delivery);
	return NULL;
}

static void stop_following(struct delivery *delivery)
{
	if (delivery->follower)
		loop_forget(delivery->setup.loop, chatfollower_fd(delivery->follower));
	chatfollower_free(delivery->follower);
	delivery->follower = NULL;
}

void delivery_free(struct delivery *delivery)
{
	struct delivery_tally *tally;
	struct loop *loop;
	struct buffer *lines;

	if (!delivery)
		return;
	loop = delivery->setup.loop;
	lines = &delivery->parties.lines;
	/* Losing these lines costs a repetition, or a longer start. */
	if (delivery->parties.rooms && !delivery->is_partial)
		(void)!outbox_settle(delivery->parties.outbox, true, clock_wall_ms(), lines);
	if (lines->len > 0)
		(void)!chatlog_append(delivery->setup.log, lines->data, lines->len, 0);
	buffer_wipe(lines);
	party_free_all(&delivery->parties);
	outboxlock_leave(&delivery->lock);
	loop_set(loop, &delivery->parties.end_of_round, LOOP_NEVER);
	loop_set(loop, &delivery->look_timer, LOOP_NEVER);
	loop_set(loop, &delivery->catchup_timer, LOOP_NEVER);
	/* Whoever awaits one has gone. */
	while ((tally = LIST_FIRST(&delivery->tallies))) {
		LIST_REMOVE(tally, others);
		free(tally);
	}
	loop_forget(loop, delivery->watch);
	if (delivery->watch >= 0)
		close(delivery->watch);
	rooms_free(delivery->parties.rooms);
	catchup_free(delivery->parties.catchup);
	stop_following(delivery);
	outbox_free(delivery->parties.outbox);
	peersfile_free(delivery->parties.peers);
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
		watching =
		    loop_watch(setup->loop, chatfollower_fd(delivery->follower), EPOLLIN, round_catch_up, delivery);
	if (watching == 0)
		watching = rooms_open(AT_FDCWD, setup->log, delivery->parties.peers, &setup->key->identity,
		    &delivery->parties.rooms);
	if (watching != 0) {
		stop_following(delivery);
		return watching;
	}
	/* What happened before is no news. */
	round_read_log(delivery, false);
	delivery->is_partial = rc == EFBIG;
	delivery->parties.is_unlooked = true;
	round_catch_up(delivery);
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
		session_open(party, number);
		rc = loop_run_until(delivery->setup.loop, is_idle, party);
		if (rc == 0)
			rc = call_result(&party->call);
		*stage = party->call.stage;
	}
	if (rc == 0) {
		/* What waited for this goes first. */
		party_wake(party);
	} else {
		party->is_held = false;
		if (outbox_count(delivery->parties.outbox, to->identity) > 0)
			party_rest(party);
		else
			party_tidy(party);
	}
	round_take_turns(delivery);
	return rc;
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
	if (!party->is_failing)
		party_wake(party);
	round_take_turns(delivery);
}

static bool is_over(void *context)
{
	const struct delivery_tally *tally = context;

	return tally->is_over;
}

static void begin_tally(struct delivery *delivery, struct delivery_tally *tally)
{
	/* What was queued for once is nobody else's. */
	tally->patience_ms = delivery->parties.rooms ? clock_monotonic_ms() + DELIVERY_ELSEWHERE_MS : LOOP_NEVER;
	LIST_INSERT_HEAD(&delivery->tallies, tally, others);
}

static int await_tally(struct delivery *delivery, struct delivery_tally *tally)
{
	int rc = loop_run_until(delivery->setup.loop, is_over, tally);

	if (!tally->is_over)
		LIST_REMOVE(tally, others);
	return rc;
}

static int put_queued(struct buffer *lines, const struct recipient *to, const uint8_t *id, bool once,
    const struct envelope_content *content)
{
	struct chatlog_entry entry = {
	    .direction = CHATLOG_QUEUED,
	    .once = once,
	    .text = content->text,
	    .text_len = content->text_len,
	    .has_file = content->file != NULL,
	    .number = content->file ? CHATLOG_NUMBER_NEXT : 0,
	    .has_source = content->source != NULL,
	};

	if (content->file)
		entry.file = *content->file;
	if (content->source)
		entry.source = *content->source;
	return party_put_line(lines, to, id, entry);
}

/* Writes down a message that is queued. */
static int queue(struct delivery *delivery, const struct recipient *to, const uint8_t *id, bool once,
    const struct envelope_content *content)
{
	struct buffer line = {0};
	int rc = put_queued(&line, to, id, once, content);

	if (rc == 0)
		rc = chatlog_append(delivery->setup.log, line.data, line.len, CHATLOG_DURABLE);
	if (rc == 0) {
		outbox_expect(delivery->parties.outbox, id);
		rc = round_take_own(delivery, line.data, line.len);
	}
	buffer_wipe(&line);
	return rc;
}

/* Tries a party for whom something was just queued, or if it could not be reached just now has it rest. */
static void try(struct delivery *delivery, const uint8_t *identity, unsigned how)
{
	struct party *party = party_make(&delivery->parties, identity);
	bool is_later = how & DELIVERY_LATER;

	if (party) {
		party->is_held = false;
		party->is_asked |= !(how & (DELIVERY_LATER | DELIVERY_QUIETLY));
		party->newest = chatlog_appended(delivery->setup.log);
		/* Unless that they could not be reached was noted when others were queued. */
		if (is_later && party->state == PARTY_RESTING && !party->is_failing)
			party_rest(party);
	}
	round_catch_up(delivery);
	/* Who is announced although they could not be reached is not back just because of that. */
	if (party && is_later)
		party_locate(party);
	else if (party)
		party_wake(party);
	round_take_turns(delivery);
}

int delivery_queue(struct delivery *delivery, const struct recipient *to, const struct envelope_content *content,
    unsigned how, struct delivery_notice *notice)
{
	int rc = outbox_has_room(delivery->parties.outbox, to->identity) ? 0 : EDQUOT;
	const struct outbox_item *item;
	struct delivery_tally tally;
	uint8_t id[ENVELOPE_ID_BYTES];

	/* Before others read of it, so that they leave it to this one, which may have a session open. */
	if (!(how & DELIVERY_ONCE))
		round_take_outbox(delivery);
	randombytes_buf(id, sizeof(id));
	if (rc == 0)
		rc = queue(delivery, to, id, how & DELIVERY_ONCE, content);
	if (rc != 0)
		return rc;
	if (notice) {
		tally_init(&tally, notice, to, id);
		begin_tally(delivery, &tally);
	}
	try(delivery, to->identity, how);
	if (!notice)
		return 0;
	rc = await_tally(delivery, &tally);
	item = outbox_find(delivery->parties.outbox, id, to->identity);
	if (notice->kind == DELIVERY_ELSEWHERE)
		notice->left = item && item->left;
	return rc;
}

static bool is_quiet(void *context)
{
	const struct delivery *delivery = context;
	const struct parties *parties = &delivery->parties;

	return parties->busy == 0 && TAILQ_EMPTY(&parties->ready) && TAILQ_EMPTY(&parties->done) &&
	       (delivery->lock.is_held || outbox_total(parties->outbox) == 0 ||
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
	return delivery->parties.rooms;
}

int delivery_await(struct delivery *delivery, const uint8_t id[static ENVELOPE_ID_BYTES], struct delivery_tally *tally)
{
	struct delivery_tally *begun = tally ? tally : malloc(sizeof(*begun));
	int64_t appended = chatlog_appended(delivery->setup.log);
	int rc;

	if (!begun)
		return ENOMEM;
	round_catch_up(delivery);
	rc = tally_read(begun, id, delivery->parties.outbox, appended);
	if (rc == 0) {
		begun->is_told = !tally;
		begin_tally(delivery, begun);
		/* There may be nobody else. */
		party_schedule(&delivery->parties);
	} else if (!tally) {
		free(begun);
	}
	return rc == 0 && tally ? await_tally(delivery, tally) : rc;
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
	round_take_turns(delivery);
}

/* Appends the line by which a message goes to somebody else, as a new one. */
static int put_copy(struct buffer *lines, const struct outbox_item *item, const struct recipient *to)
{
	struct envelope_content content;
	uint8_t id[ENVELOPE_ID_BYTES];
	struct chatlog_entry entry;
	int rc = outbox_read(item, AT_FDCWD, &entry);

	if (rc != 0)
		return rc;
	randombytes_buf(id, sizeof(id));
	content = (struct envelope_content){
	    .text = entry.text,
	    .text_len = entry.text_len,
	    .file = entry.has_file ? &entry.file : NULL,
	    .source = entry.has_source ? &entry.source : NULL,
	};
	rc = put_queued(lines, to, id, false, &content);
	chatlog_entry_free(&entry);
	return rc;
}

int delivery_drop(struct delivery *delivery, const uint8_t identity[static IDENTITY_BYTES], const struct recipient *to)
{
	const struct outbox *outbox = delivery->parties.outbox;
	const char *why = to ? "it goes to the new identity" : "withdrawn";
	struct party *party = party_find(&delivery->parties, identity);
	const struct outbox_item *item = NULL;
	struct buffer lines = {0};
	struct recipient from;
	int rc = 0;

	if (to && outbox_count(outbox, to->identity) + outbox_count(outbox, identity) > OUTBOX_EACH_MAX)
		rc = EDQUOT;
	while (rc == 0 && (item = outbox_next(outbox, identity, item))) {
		if (item->kind == OUTBOX_STATE || (to && item->kind == OUTBOX_SAYING))
			continue;
		party_know(&delivery->parties, item, &from);
		if (to)
			rc = put_copy(&lines, item, to);
		if (rc == 0)
			rc = party_put_state(&lines, &from, item, CHATLOG_DROPPED, why);
	}
	if (rc == 0 && lines.len > 0)
		rc = chatlog_append(delivery->setup.log, lines.data, lines.len, CHATLOG_DURABLE);
	buffer_wipe(&lines);
	if (rc == 0 && party)
		party_interrupt(party);
	round_catch_up(delivery);
	return rc;
}

int delivery_withdraw(struct delivery *delivery, const uint8_t id[static ENVELOPE_ID_BYTES])
{
	const struct outbox *outbox = delivery->parties.outbox;
	const struct outbox_recipient *who = NULL;
	const struct outbox_item *item;
	struct buffer lines = {0};
	struct recipient to;
	struct party *party;
	int rc = 0;

	while (rc == 0 && (who = outbox_recipient(outbox, who))) {
		item = outbox_find(outbox, id, who->identity);
		if (!item)
			continue;
		party_know(&delivery->parties, item, &to);
		rc = party_put_state(&lines, &to, item, CHATLOG_DROPPED, "withdrawn");
		party = party_find(&delivery->parties, who->identity);
		if (party && party->has_parcel && memcmp(party->parcel.id, id, ENVELOPE_ID_BYTES) == 0) {
			party_interrupt(party);
			party_wake(party);
		}
	}
	if (rc == 0 && lines.len > 0)
		rc = chatlog_append(delivery->setup.log, lines.data, lines.len, CHATLOG_DURABLE);
	buffer_free(&lines);
	round_catch_up(delivery);
	return rc;
}
