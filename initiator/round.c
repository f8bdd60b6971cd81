#include "round.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "peerswatch.h"
#include "session.h"

/* While something waits: how often to look who is back, and whether the process that has the outbox has ended. */
#define LOOK_PERIOD_MS 500

/* Tells what has become of a message: whoever awaits it, or else the user. Returns whether it was told. */
static bool tell(struct delivery *delivery, const struct delivery_notice *notice)
{
	if (tally_note(&delivery->tallies, notice))
		return true;
	/* Of what goes to the members of a room it is tallied; a message that was queued just now waits behind it. */
	if (notice->item != OUTBOX_MESSAGE && notice->log_error == 0 && !(notice->asked && delivery_waits(notice))) {
		delivery->setup.note(delivery->setup.context);
		return false;
	}
	/* More of the same is to come, and it is told with the last one. */
	if (delivery_is_plain(notice) && notice->waiting > 0)
		return false;
	delivery->setup.tell(delivery->setup.context, notice);
	return true;
}

/* Whether this process has the outbox still; if another may have it now, the end of the round is due, to try again. */
static bool check_lock(struct delivery *delivery)
{
	if (delivery->lock.is_held && !outboxlock_check(&delivery->lock))
		party_schedule(&delivery->parties);
	return delivery->lock.is_held;
}

void round_take_turns(struct delivery *delivery)
{
	struct loop_timer *timer = &delivery->look_timer;
	struct party *party;

	while (delivery->parties.busy < DELIVERY_RECIPIENTS && (party = TAILQ_FIRST(&delivery->parties.ready))) {
		/* It may have been a while since the lock was taken. */
		session_go_on(party, check_lock(delivery));
	}
	if (!delivery->parties.rooms || outbox_total(delivery->parties.outbox) == 0)
		loop_set(delivery->setup.loop, timer, LOOP_NEVER);
	else if (!timer->is_set)
		loop_set(delivery->setup.loop, timer, clock_monotonic_ms() + LOOK_PERIOD_MS);
}

/* Notes what another process, which has the outbox, wrote about what waits. Returns whether that is to be told. */
static bool note_state(struct delivery *delivery, const struct chatlog_entry *entry, struct delivery_notice *notice)
{
	const struct outbox_item *item =
	    entry->has_identity ? outbox_find(delivery->parties.outbox, entry->id, entry->identity) : NULL;
	struct party *party;

	/* What was read before is the best there is. */
	(void)!peersfile_read(delivery->parties.peers);
	if (!item || (entry->state != CHATLOG_DELIVERED && entry->state != CHATLOG_DROPPED))
		return false;
	*notice = (struct delivery_notice){
	    .item = item->kind,
	    .kind = entry->state == CHATLOG_DELIVERED ? DELIVERY_DELIVERED : DELIVERY_DROPPED,
	    .left = item->left,
	    .delivered = 1,
	};
	memcpy(notice->id, entry->id, sizeof(notice->id));
	party_know(&delivery->parties, item, &notice->to);
	party = party_find(&delivery->parties, item->recipient->identity);
	if (notice->kind == DELIVERY_DROPPED)
		snprintf(notice->why, sizeof(notice->why), "%s", entry->why ? entry->why : "");
	else if (entry->why && party && !party->has_other_name &&
		 username_normalize(entry->why, strlen(entry->why), notice->receipt.username) == USERNAME_OK)
		notice->has_other_name = party->has_other_name = true;
	return true;
}

void round_read_log(struct delivery *delivery, bool is_of_others)
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
		delivery->parties.is_unlooked |=
		    !chatlog_is_received(line, len) && memmem(line, len, "\"state\": {", 10);
		/* Of the one's own it is known. */
		if (is_of_others && outbox_total(delivery->parties.outbox) > 0 &&
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

int round_take_own(struct delivery *delivery, const char *lines, size_t len)
{
	int64_t offset = chatlog_appended(delivery->setup.log);
	const char *end = lines + len;
	int rc = 0;

	while (!delivery->follower && rc == 0 && lines < end) {
		size_t line_len = (size_t)((const char *)memchr(lines, '\n', (size_t)(end - lines)) - lines);

		rc = outbox_take(delivery->parties.outbox, lines, line_len, offset);
		lines += line_len + 1;
		offset += (int64_t)line_len + 1;
	}
	return rc;
}

bool round_take_outbox(struct delivery *delivery)
{
	if (delivery->parties.rooms && outboxlock_take(&delivery->lock)) {
		/* Whoever had it may have written something just before it ended. */
		delivery->parties.is_unlooked = true;
		round_read_log(delivery, true);
	}
	return delivery->lock.is_held;
}

static void note_peers(void *context);

/* Asks whoever is to be asked in rooms, and does again what is to be done again. */
static void tend_rooms(struct delivery *delivery)
{
	struct catchup *catchup = delivery->parties.catchup;
	const struct identity *own = &delivery->setup.key->identity;
	int64_t now_ms = clock_monotonic_ms(), due_ms;
	uint8_t room[ROOM_ID_BYTES], identity[IDENTITY_BYTES];
	struct party *party;

	if (!delivery->parties.is_unlooked)
		return;
	do {
		if (peersfile_read(delivery->parties.peers) == 0 && rooms_follow(delivery->parties.rooms) == 0)
			catchup_look(catchup, delivery->parties.rooms, peersfile_peers(delivery->parties.peers),
			    own->public, clock_wall_ms(), now_ms);
		delivery->parties.is_unlooked = catchup_due(catchup) <= now_ms && round_take_outbox(delivery) &&
						catchup_redo(catchup, delivery->parties.rooms, own, now_ms);
	} while (delivery->parties.is_unlooked);
	while (delivery->lock.is_held && catchup_next(catchup, now_ms, room, identity)) {
		party = party_make(&delivery->parties, identity);
		if (!party) {
			catchup_end(catchup, identity, ENVELOPE_NOT_NOW, now_ms);
			break;
		}
		party->has_question = true;
		memcpy(party->room, room, sizeof(party->room));
		party_wake(party);
	}
	due_ms = catchup_due(catchup);
	/* What is due, but not done, waits for something else. */
	loop_set(delivery->setup.loop, &delivery->catchup_timer, due_ms > now_ms ? due_ms : LOOP_NEVER);
	if (delivery->watch < 0 && rooms_next(delivery->parties.rooms, NULL)) {
		delivery->watch = peerswatch_open();
		/* Without it those who come back are not asked before this program begins again. */
		(void)!loop_watch(delivery->setup.loop, delivery->watch, EPOLLIN, note_peers, delivery);
	}
}

static bool has_nothing_to_do(const struct delivery *delivery)
{
	const struct parties *parties = &delivery->parties;

	return outbox_total(parties->outbox) == 0 && parties->busy == 0 && TAILQ_EMPTY(&parties->ready);
}

/* Tells whoever wanted to know what was tried for every recipient. */
static void tell_tallies(struct delivery *delivery)
{
	struct delivery_tally *tally, *next;

	for (tally = LIST_FIRST(&delivery->tallies); tally; tally = next) {
		next = LIST_NEXT(tally, others);
		if (!tally_is_over(tally, delivery->lock.is_held, clock_monotonic_ms()))
			continue;
		LIST_REMOVE(tally, others);
		tally->is_over = true;
		if (tally->is_told) {
			delivery->setup.tell_tally(delivery->setup.context, tally);
			free(tally);
		}
	}
}

void round_catch_up(void *context)
{
	struct delivery *delivery = context;
	const struct outbox_recipient *recipient = NULL;

	round_read_log(delivery, !outboxlock_check(&delivery->lock));
	if (delivery->parties.rooms)
		tend_rooms(delivery);
	if (!has_nothing_to_do(delivery))
		round_take_outbox(delivery);
	while ((recipient = outbox_recipient(delivery->parties.outbox, recipient))) {
		int64_t newest = TAILQ_LAST(&recipient->items, outbox_same)->offset;
		struct party *party = party_make(&delivery->parties, recipient->identity);

		/* Who has something new to get is tried, even if they could not be reached. */
		if (party && (!party->is_failing || newest > party->newest))
			party_wake(party);
		if (party)
			party->newest = newest;
	}
	round_take_turns(delivery);
	if (has_nothing_to_do(delivery))
		outboxlock_leave(&delivery->lock);
	tell_tallies(delivery);
}

/* Somebody new is in peers.txt, or somebody has come back; or something is due. */
static void note_peers(void *context)
{
	struct delivery *delivery = context;

	peerswatch_take(delivery->watch);
	delivery->parties.is_unlooked = true;
	round_catch_up(delivery);
}

/* Wakes up who is back, or has rested for long enough. */
static void look(void *context)
{
	struct delivery *delivery = context;
	const struct outbox_recipient *recipient = NULL;
	int64_t now_ms = clock_monotonic_ms();

	while ((recipient = outbox_recipient(delivery->parties.outbox, recipient))) {
		struct party *party = party_find(&delivery->parties, recipient->identity);

		if (party && party->is_failing && (party_locate(party) || party->patience.due_ms <= now_ms))
			party_wake(party);
	}
	round_catch_up(delivery);
}

/* What has become of a party's parcel is in the log, unless there is an error: tells it, and goes on. */
static void conclude(struct delivery *delivery, struct party *party, int log_error)
{
	struct delivery_notice news = party->news;

	news.log_error = log_error;
	news.waiting = outbox_count(delivery->parties.outbox, party->to.identity);
	party->delivered += news.kind == DELIVERY_DELIVERED && news.item == OUTBOX_MESSAGE;
	news.delivered = party->delivered;
	party_enter(party, PARTY_RESTING);
	party->has_parcel = party->is_asked = false;
	if (log_error != 0 || delivery_waits(&news)) {
		call_close(&party->call);
		party_rest(party);
		/* That is tried all the same, and ends. */
		if (party->has_question)
			party_wake(party);
	} else {
		/* Who could not be reached may have heard of something that others said meanwhile. */
		if (party->patience.failures > 0 && news.item != OUTBOX_MESSAGE) {
			catchup_want(delivery->parties.catchup, party->parcel.room, party->to.identity);
			delivery->parties.is_unlooked = true;
		}
		party->patience.failures = 0;
		party_wake(party);
	}
	if (tell(delivery, &news))
		party->delivered = 0;
}

/* Writes down what has happened in the round, and tells it. */
static void end_round(void *context)
{
	struct delivery *delivery = context;
	struct buffer *lines = &delivery->parties.lines;
	struct party *party;
	int rc = delivery->is_partial ? 0 : outbox_settle(delivery->parties.outbox, false, clock_wall_ms(), lines);

	if (rc == 0 && lines->len > 0)
		rc = chatlog_append(delivery->setup.log, lines->data, lines->len, 0);
	if (rc == 0)
		rc = round_take_own(delivery, lines->data, lines->len);
	buffer_wipe(lines);
	round_read_log(delivery, !delivery->lock.is_held);
	while ((party = TAILQ_FIRST(&delivery->parties.done)))
		conclude(delivery, party, rc);
	round_catch_up(delivery);
}

void round_init(struct delivery *delivery)
{
	delivery->parties.end_of_round = (struct loop_timer){.callback = end_round, .context = delivery};
	delivery->look_timer = (struct loop_timer){.callback = look, .context = delivery};
	delivery->catchup_timer = (struct loop_timer){.callback = note_peers, .context = delivery};
}
