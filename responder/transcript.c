#include "transcript.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "file/offers.h"
#include "row.h"
#include "store/chatfollower.h"
#include "store/chatlog.h"
#include "store/held.h"
#include "store/lockedfile.h"
#include "store/reach.h"
#include "term/quietkeys.h"
#include "term/roomview.h"
#include "trust/mark.h"

/* Lines are taken for so long at a time, and then none for this long, which nobody notices. */
#define TURN_MS 2
#define REST_MS 25
/* While so much waits for the terminal, the log waits. */
#define BACKLOG_MAX_BYTES (64 * 1024)
/* If so much of the log waits, all but the last so much of it is passed over. */
#define BEHIND_MAX_BYTES (1024 * 1024)
#define BEHIND_KEPT_BYTES (64 * 1024)
/* But so many messages of people who are known, so that no stranger can hide them. */
#define SPARED_MAX 64
/* How many lines of the log are looked through for the first screenful, and how many rows a terminal has that tells none. */
#define FIRST_LINES 400
#define ROWS_UNKNOWN 24
/* A message of the user's own waits so long for its confirmation; so many messages wait at once. */
#define CONFIRMATION_MS 1000
#define PENDING_MAX 128
/* Confirmations gather for this long, those of so many people each in a row. */
#define GATHER_MS 500
#define RECIPIENTS_MAX 16
/* Who was silent for this long may not have seen what comes then. */
#define ABSENCE_MS (5 * 60 * 1000)

/* A message that is not shown yet, because more may be known of it soon. */
struct pending {
	struct chatlog_entry entry;
	enum row_fate fate;
	int64_t due_ms; /* monotonic */
};

/* What was confirmed by one recipient, or in one room, and is not shown yet. */
struct confirmed {
	struct chatlog_entry entry; /* the last confirmation, without its document */
	size_t count;
	bool several;		   /* messages, and not one that several have */
	struct reach_message last; /* the message of that; the offset is -1 if it is not known */
};

/* Who has a file that the user offered, which is not shown yet. */
struct fetched {
	uint64_t number; /* of the offer */
	int64_t time_ms;
	size_t count;
	char username[USERNAME_MAX_BYTES + 1]; /* of the last */
};

struct transcript {
	int dir, epoll;
	struct console *console;
	struct roster *roster;
	struct alert *alert;
	struct chatfollower *follower;
	bool shows, begins; /* begins: the first screenful is read */
	int failed;	    /* why the log could not be read the last time, or 0 */
	int64_t rests_until_ms;
	int64_t shown_day_ms;		     /* of the last row; 0: none yet */
	int64_t seen_ms;		     /* wall clock: when the user was last there; 0: not known */
	bool ruled;			     /* a line says since when the rest is new */
	size_t new_count, titled_count;	     /* and how many the title says */
	struct pending pending[PENDING_MAX]; /* the oldest first */
	size_t pending_count;
	struct reach_list own;
	struct roomview rooms;
	struct confirmed confirmed[RECIPIENTS_MAX];
	size_t confirmed_count, confirmed_others;
	const uint8_t *identity; /* or NULL */
	struct offers *offers;	 /* NULL: nobody was said to have a file so far */
	struct fetched fetched[RECIPIENTS_MAX];
	size_t fetched_count;
	struct held waits;			/* what is held; found when it is accepted */
	size_t held_count;			/* of these, not told yet */
	char held_name[USERNAME_MAX_BYTES + 1]; /* of the last */
	bool held_several;			/* there are others */
	int64_t gather_ms;			/* monotonic: when both are shown; INT64_MAX: there is nothing */
	size_t missed;				/* messages passed over */
	int64_t skip_to;			/* the offset up to which lines are passed over */
	size_t spared;				/* of these, how many were not */
	int64_t offset;				/* of the last line */
};

/* The user is there, or was at that time. */
static void see(struct transcript *transcript, int64_t time_ms)
{
	transcript->seen_ms = time_ms;
	transcript->ruled = false;
	transcript->new_count = 0;
}

static void put_day(struct transcript *transcript, int64_t time_ms)
{
	int64_t before_ms = transcript->shown_day_ms ? transcript->shown_day_ms : clock_wall_ms();

	if (!row_is_same_day(before_ms, time_ms))
		row_put_day(transcript->console, time_ms);
	transcript->shown_day_ms = time_ms;
}

static struct pending *find_pending(struct transcript *transcript, const struct chatlog_entry *entry)
{
	for (size_t i = 0; i < transcript->pending_count && entry->has_id; i++) {
		const struct chatlog_entry *pending = &transcript->pending[i].entry;

		if (pending->has_id && memcmp(pending->id, entry->id, sizeof(entry->id)) == 0)
			return &transcript->pending[i];
	}
	return NULL;
}

static void remove_pending(struct transcript *transcript, struct pending *pending)
{
	struct pending *end = transcript->pending + transcript->pending_count--;

	chatlog_entry_free(&pending->entry);
	memmove(pending, pending + 1, (size_t)(end - pending - 1) * sizeof(*pending));
}

static void gather(struct transcript *transcript, int64_t now_ms)
{
	if (transcript->gather_ms == INT64_MAX)
		transcript->gather_ms = now_ms + GATHER_MS;
}

/* Shows what was received; a line before it says if it is the first that the user may not have seen. */
static void put_received(struct transcript *transcript, const struct chatlog_entry *entry, bool is_muted)
{
	put_day(transcript, entry->time_ms);
	if (!is_muted && !transcript->ruled && transcript->seen_ms != 0 &&
	    entry->time_ms >= transcript->seen_ms + ABSENCE_MS) {
		row_put_new(transcript->console);
		transcript->ruled = true;
	}
	row_put_message(transcript->console, entry, ROW_RECEIVED, is_muted, &transcript->rooms, NULL);
}

/* What is known of the room of an entry, or NULL. */
static const struct roomview_room *find_room(struct transcript *transcript, const struct chatlog_entry *entry)
{
	struct peersfile *file = transcript->roster->file;
	const struct roomview_room *room;

	roomview_refresh(&transcript->rooms, file);
	room = roomview_find(&transcript->rooms, entry->room);
	if (room && room->is_stored && !room->is_held)
		return room;
	/* Its record may be as new as the line, and so may a decision. */
	(void)!peersfile_read_content(file);
	roomview_refresh(&transcript->rooms, file);
	return roomview_find(&transcript->rooms, entry->room);
}

/* Whether the user wants what was received to be shown at all; and without a bell. */
static bool is_wanted(struct transcript *transcript, const struct chatlog_entry *entry, bool *is_muted)
{
	const struct roomview_room *room;
	struct caller caller;

	/* What cannot be read is told when a message is taken. */
	(void)!roster_find(transcript->roster, entry->address, entry->has_identity ? entry->identity : NULL,
	    entry->username, &caller);
	*is_muted = caller.muted;
	if (!entry->has_room)
		return true;
	room = find_room(transcript, entry);
	*is_muted |= room && room->is_muted;
	return !caller.blocked && !(room && room->is_held);
}

/* Whether the room of an entry waits for a decision: in a moment it does not, if the user has asked to be in it. */
static bool is_held(struct transcript *transcript, const struct chatlog_entry *entry)
{
	const struct roomview_room *room;

	/* One that the user was in once may wait by now. */
	(void)!peersfile_read_content(transcript->roster->file);
	room = find_room(transcript, entry);
	return room && room->is_held;
}

/* Shows what happened in a room; of one that waits for the user's decision that it does. */
static void put_event(struct transcript *transcript, const struct chatlog_entry *entry)
{
	const struct roomview_room *room = find_room(transcript, entry);
	struct console *console = transcript->console;

	/* What was rejected is shown no more. */
	if (room && room->is_held && !roomview_is_undecided(room))
		return;
	if (transcript->shows)
		put_day(transcript, entry->time_ms);
	if (room && room->is_held) {
		console_put_name(console, CONSOLE_FAINT, entry->by ? entry->by : "somebody");
		console_put_styled(console, CONSOLE_FAINT, " has put you in ");
		roomview_put_name(&transcript->rooms, console, CONSOLE_FAINT, entry->room);
		console_put_styled(console, CONSOLE_FAINT, ": type Accept or Reject, and its name\n");
	} else if (transcript->shows) {
		row_put_event(console, entry, &transcript->rooms);
	} else {
		row_put_line(console, entry, &transcript->rooms);
	}
}

static void hold(struct transcript *transcript, const struct chatlog_entry *entry, int64_t now_ms)
{
	transcript->held_several |= transcript->held_count > 0 && strcmp(transcript->held_name, entry->username) != 0;
	transcript->held_count++;
	strcpy(transcript->held_name, entry->username);
	gather(transcript, now_ms);
}

/* Shows a message that waited for that. */
static void settle_pending(struct transcript *transcript, struct pending *pending)
{
	const struct chatlog_entry *entry = &pending->entry;
	bool is_muted;

	if (entry->kind == CHATLOG_EVENT) {
		put_event(transcript, entry);
	} else if (entry->held) {
		hold(transcript, entry, clock_monotonic_ms());
	} else if (pending->fate == ROW_RECEIVED) {
		if (is_wanted(transcript, entry, &is_muted))
			put_received(transcript, entry, is_muted);
	} else {
		const struct reach_message *own = reach_find(&transcript->own, entry->id);

		if (entry->has_room)
			find_room(transcript, entry);
		if (transcript->begins)
			see(transcript, entry->time_ms);
		put_day(transcript, entry->time_ms);
		row_put_message(transcript->console, entry, pending->fate, false, &transcript->rooms,
		    own ? &own->reach : NULL);
	}
	remove_pending(transcript, pending);
}

/* Takes over what entry holds. */
static void add_pending(struct transcript *transcript, struct chatlog_entry *entry, enum row_fate fate, int64_t now_ms)
{
	/* What scrolls out of the first screenful is not shown. */
	if (transcript->pending_count == PENDING_MAX && transcript->begins)
		remove_pending(transcript, transcript->pending);
	else if (transcript->pending_count == PENDING_MAX)
		settle_pending(transcript, transcript->pending);
	transcript->pending[transcript->pending_count++] =
	    (struct pending){.entry = *entry, .fate = fate, .due_ms = now_ms + CONFIRMATION_MS};
	entry->document = NULL;
}

static void take_own(struct transcript *transcript, struct chatlog_entry *entry, int64_t now_ms)
{
	struct pending *pending = find_pending(transcript, entry);

	if (pending && pending->fate == ROW_WAITS)
		pending->fate = ROW_SENT;
	if (pending || (entry->has_id && reach_find(&transcript->own, entry->id)))
		return;
	see(transcript, clock_wall_ms());
	if (entry->has_id)
		reach_add(&transcript->own, entry, transcript->offset);
	add_pending(transcript, entry, entry->direction == CHATLOG_QUEUED ? ROW_WAITS : ROW_SENT, now_ms);
	/* Nobody confirms it. */
	if ((!entry->has_id || (entry->has_room && entry->to_count == 0)) && !transcript->begins)
		settle_pending(transcript, &transcript->pending[transcript->pending_count - 1]);
}

/* Adds what has become of a message to the rest of this moment. */
static void gather_confirmation(struct transcript *transcript, const struct chatlog_entry *entry, int64_t now_ms)
{
	const struct reach_message *own = reach_find(&transcript->own, entry->id);
	struct confirmed *confirmed = transcript->confirmed;
	struct confirmed *end = confirmed + transcript->confirmed_count;

	gather(transcript, now_ms);
	while (confirmed < end &&
	       (confirmed->entry.has_room != entry->has_room ||
		   (entry->has_room ? memcmp(confirmed->entry.room, entry->room, sizeof(entry->room)) != 0
				    : strcmp(confirmed->entry.username, entry->username) != 0)))
		confirmed++;
	if (confirmed == transcript->confirmed + RECIPIENTS_MAX) {
		transcript->confirmed_others++;
		return;
	}
	if (confirmed == end) {
		transcript->confirmed_count++;
		confirmed->count = 0;
		confirmed->several = false;
	}
	confirmed->several |= confirmed->count > 0 && memcmp(confirmed->entry.id, entry->id, sizeof(entry->id)) != 0;
	confirmed->entry = *entry;
	confirmed->entry.document = NULL;
	confirmed->count++;
	confirmed->last = own ? *own : (struct reach_message){.offset = -1};
}

static void put_held(struct transcript *transcript)
{
	struct console *console = transcript->console;

	console_put_styled(console, CONSOLE_FAINT, "%zu %s for Accept or Reject: ", transcript->held_count,
	    transcript->held_count == 1 ? "message waits" : "messages wait");
	console_put_name(console, CONSOLE_FAINT, transcript->held_name);
	console_put_styled(console, CONSOLE_FAINT, "%s\n", transcript->held_several ? " and others" : "");
	transcript->held_count = 0;
	transcript->held_several = false;
}

/* Reads a message of the user's own; false if it was written too long ago. */
static bool read_own(struct transcript *transcript, const struct reach_message *own, struct chatlog_entry *message)
{
	return own && own->offset >= 0 && reach_read(own, transcript->dir, message) == 0;
}

/* "✓ Bob  12:31 delivered: Shall we e…", or how many if they are several. */
static void put_confirmed(struct transcript *transcript, const struct confirmed *confirmed)
{
	char words[64] = "delivered", beginning[ROW_BEGINNING_BYTES] = "", time[ROW_TIME_BYTES];
	const struct chatlog_entry *entry = &confirmed->entry;
	struct chatlog_entry message = {0};
	bool is_known = read_own(transcript, &confirmed->last, &message);

	put_day(transcript, entry->time_ms);
	if (is_known && message.has_room) {
		find_room(transcript, &message);
		row_put_reach(transcript->console, &message, entry->time_ms, &transcript->rooms, &confirmed->last.reach,
		    confirmed->several ? "several, the last " : "");
		chatlog_entry_free(&message);
		return;
	}
	if (is_known)
		row_copy_beginning(beginning, &message);
	if (confirmed->count > 1)
		snprintf(words, sizeof(words), "%zu delivered%s", confirmed->count, is_known ? ", the last: " : "");
	else if (is_known)
		snprintf(words, sizeof(words), "%s delivered: ", row_format_time(message.time_ms, time));
	row_put_state(transcript->console, entry, true, words, beginning);
	chatlog_entry_free(&message);
}

/* Shows who has a file by now, if it is one of the user's own, to whom it makes a difference. */
static void put_fetched(struct transcript *transcript, const struct fetched *fetched)
{
	struct row_fetched row = {.time_ms = fetched->time_ms, .count = fetched->count, .username = fetched->username};
	const struct offer *offer = NULL;
	struct chatlog_entry message;

	if (!transcript->offers && transcript->identity)
		transcript->offers = offers_new(transcript->identity);
	if (transcript->offers && offers_follow(transcript->offers, transcript->dir) == 0)
		offer = offers_find(transcript->offers, fetched->number);
	if (!offer || !offer->is_own || offer_read(offer, transcript->dir, &message) != 0)
		return;
	for (size_t i = 0; i < message.to_count; i++)
		row.holders += offer_has_reached(offer, message.to[i]);
	if (message.has_room)
		find_room(transcript, &message);
	put_day(transcript, row.time_ms);
	row_put_fetched(transcript->console, &message, &row, &transcript->rooms);
	chatlog_entry_free(&message);
}

static void put_gathered(struct transcript *transcript)
{
	for (size_t i = 0; i < transcript->fetched_count; i++)
		put_fetched(transcript, &transcript->fetched[i]);
	transcript->fetched_count = 0;
	for (size_t i = 0; i < transcript->confirmed_count; i++)
		put_confirmed(transcript, &transcript->confirmed[i]);
	if (transcript->confirmed_others > 0)
		console_put_styled(transcript->console, CONSOLE_FAINT, "✓ %zu others delivered\n",
		    transcript->confirmed_others);
	transcript->confirmed_count = transcript->confirmed_others = 0;
	if (transcript->held_count > 0)
		put_held(transcript);
	transcript->gather_ms = INT64_MAX;
}

static void put_dropped(struct transcript *transcript, const struct chatlog_entry *entry)
{
	char words[32] = "dropped", time[ROW_TIME_BYTES];
	struct chatlog_entry message = {0};

	if (read_own(transcript, reach_find(&transcript->own, entry->id), &message))
		snprintf(words, sizeof(words), "%s dropped", row_format_time(message.time_ms, time));
	chatlog_entry_free(&message);
	if (entry->why)
		strcat(words, ": ");
	put_day(transcript, entry->time_ms);
	row_put_state(transcript->console, entry, false, words, entry->why ? entry->why : "");
}

/* Adds who has a file to the rest of this moment. */
static void gather_fetched(struct transcript *transcript, const struct chatlog_entry *entry, int64_t now_ms)
{
	struct fetched *fetched = transcript->fetched, *end = fetched + transcript->fetched_count;

	while (fetched < end && fetched->number != entry->number)
		fetched++;
	if (fetched == transcript->fetched + RECIPIENTS_MAX) {
		put_gathered(transcript);
		fetched = end = transcript->fetched;
	}
	if (fetched == end)
		transcript->fetched[transcript->fetched_count++] = (struct fetched){.number = entry->number};
	fetched->time_ms = entry->time_ms;
	fetched->count++;
	strcpy(fetched->username, entry->username);
	gather(transcript, now_ms);
}

/* Shows what was held so far. */
static void put_accepted(struct transcript *transcript, const struct chatlog_entry *entry)
{
	const struct held_message *waits = held_find_message(&transcript->waits, entry);
	struct chatlog_entry message;

	if (!waits || chatlog_read_at(transcript->dir, waits->offset, &message) != 0)
		return;
	if (message.held && message.has_id && memcmp(message.id, entry->id, sizeof(message.id)) == 0) {
		put_received(transcript, &message, false);
		transcript->new_count++;
	}
	chatlog_entry_free(&message);
}

static void take_received(struct transcript *transcript, struct chatlog_entry *entry, int64_t now_ms)
{
	char room[ROOMVIEW_LABEL_BYTES] = "";
	bool is_muted;

	if (transcript->begins) {
		add_pending(transcript, entry, ROW_RECEIVED, now_ms);
		return;
	}
	if (entry->held && transcript->shows)
		hold(transcript, entry, now_ms);
	if (entry->held || !is_wanted(transcript, entry, &is_muted))
		return;
	if (entry->has_room)
		roomview_format_name(&transcript->rooms, entry->room, room);
	if (!is_muted) {
		transcript->new_count++;
		alert_message(transcript->alert, entry, room, now_ms);
	}
	if (transcript->shows)
		put_received(transcript, entry, is_muted);
	else if (entry->has_room || entry->has_file)
		row_put_line(transcript->console, entry, &transcript->rooms);
}

/* Takes what has become of a message in a room for one of those it is for. Of what is not known, as of states, nothing is said. */
static void take_reach(struct transcript *transcript, const struct chatlog_entry *entry, int64_t now_ms)
{
	struct reach_message *own = reach_find(&transcript->own, entry->id);
	struct pending *pending = find_pending(transcript, entry);
	struct chatlog_entry message;

	if (!own || reach_read(own, transcript->dir, &message) != 0)
		return;
	reach_note(&own->reach, &message, entry);
	if (!pending)
		gather_confirmation(transcript, entry, now_ms);
	else if (!transcript->begins && !reach_waits(&own->reach, &message))
		settle_pending(transcript, pending);
	chatlog_entry_free(&message);
}

/* Takes what has become of a message. */
static void take_state(struct transcript *transcript, const struct chatlog_entry *entry, int64_t now_ms)
{
	struct pending *pending = find_pending(transcript, entry);

	/* What the user has fetched or withdrawn, the initiator has told. */
	if (entry->state == CHATLOG_FETCHED && !entry->has_source && !transcript->begins)
		gather_fetched(transcript, entry, now_ms);
	if (entry->state == CHATLOG_FETCHED || entry->state == CHATLOG_WITHDRAWN || (transcript->begins && !pending))
		return;
	if (entry->has_room) {
		take_reach(transcript, entry, now_ms);
		return;
	}
	switch (entry->state) {
	case CHATLOG_DELIVERED:
		if (pending)
			pending->fate = ROW_DELIVERED;
		if (pending && !transcript->begins)
			settle_pending(transcript, pending);
		else if (!pending)
			gather_confirmation(transcript, entry, now_ms);
		break;
	case CHATLOG_DROPPED:
		if (transcript->begins) {
			pending->fate = ROW_DROPPED;
			break;
		}
		if (pending)
			settle_pending(transcript, pending);
		put_dropped(transcript, entry);
		break;
	case CHATLOG_ACCEPTED:
		if (pending)
			pending->entry.held = false;
		else
			put_accepted(transcript, entry);
		break;
	case CHATLOG_REJECTED:
		if (pending)
			remove_pending(transcript, pending);
		break;
	case CHATLOG_FETCHED:
	case CHATLOG_WITHDRAWN:
		break;
	}
}

static void take(struct transcript *transcript, struct chatlog_entry *entry, int64_t now_ms)
{
	if (entry->kind == CHATLOG_MESSAGE && entry->direction == CHATLOG_RECEIVED)
		take_received(transcript, entry, now_ms);
	else if (transcript->shows && entry->kind == CHATLOG_MESSAGE)
		take_own(transcript, entry, now_ms);
	else if (transcript->shows && entry->kind == CHATLOG_STATE)
		take_state(transcript, entry, now_ms);
	else if (entry->kind == CHATLOG_EVENT && (transcript->begins || is_held(transcript, entry)))
		add_pending(transcript, entry, ROW_RECEIVED, now_ms);
	else if (entry->kind == CHATLOG_EVENT)
		put_event(transcript, entry);
	else if (entry->kind == CHATLOG_ROOM)
		roomview_take(&transcript->rooms, entry);
}

/*
 * Counts a message that is passed over, without reading all of its line. What is held would not be shown, and one of the
 * user's own that was queued before is counted already. Foreign text has no quotation mark but behind a backslash,
 * and no string but a key is followed by a colon.
 */
static void pass_over(struct transcript *transcript, const char *line, size_t len)
{
	static const char key[] = "\"direction\"";
	const char *end = line + len, *word = memmem(line, len, key, strlen(key));

	for (word = word ? word + strlen(key) : end; word < end && strchr(": \"", *word);)
		word++;
	if (word == end || memmem(line, len, "\"held\":", strlen("\"held\":")) ||
	    (*word == 'S' && memmem(line, len, "\"id\":", strlen("\"id\":"))))
		return;
	transcript->missed++;
	transcript->new_count += *word == 'R';
}

/* Whether a line is a message that has no mark. Most others are told apart without parsing them. */
static bool is_of_known(const char *line, size_t len)
{
	static const char secure[] = "\"secure\"", standing[] = "\"standing\"", verified[] = "\"verified\"";
	struct chatlog_entry entry;
	bool known;

	if (!memmem(line, len, secure, strlen(secure)) ||
	    (memmem(line, len, standing, strlen(standing)) && !memmem(line, len, verified, strlen(verified))) ||
	    chatlog_parse(line, len, &entry) != 0)
		return false;
	known = entry.kind == CHATLOG_MESSAGE && entry.direction == CHATLOG_RECEIVED &&
		!mark_find(entry.standing, entry.mode == CHATLOG_SECURE);
	chatlog_entry_free(&entry);
	return known;
}

/* Whether a line is passed over, because so much waits. */
static bool passes_over(struct transcript *transcript, const char *line, size_t len)
{
	if (transcript->offset >= transcript->skip_to) {
		transcript->spared = 0;
		return false;
	}
	if (transcript->spared == SPARED_MAX || !is_of_known(line, len))
		return true;
	transcript->spared++;
	return false;
}

static void put_missed(struct transcript *transcript)
{
	console_put_styled(transcript->console, CONSOLE_WARNING, "(%zu %s not shown here; History has %s)\n",
	    transcript->missed, transcript->missed == 1 ? "message was" : "messages were",
	    transcript->missed == 1 ? "it" : "them");
	transcript->missed = 0;
}

/* Finds out whether so much of the log waits that a part is to be passed over. */
static void look_ahead(struct transcript *transcript)
{
	struct stat status;

	if ((transcript->shows || transcript->alert->command) &&
	    fstatat(transcript->dir, CHATLOG_NAME, &status, 0) == 0 &&
	    status.st_size - transcript->offset > BEHIND_MAX_BYTES)
		transcript->skip_to = status.st_size - BEHIND_KEPT_BYTES;
}

/* Takes the next line. Returns 0, ENODATA if there is none now, or why it cannot be read. */
static int take_line(struct transcript *transcript, int64_t now_ms)
{
	static const char in_room[] = "\"room\"";
	int64_t before = transcript->offset;
	struct chatlog_entry entry;
	const char *line;
	size_t len;
	bool passed;
	int rc = chatfollower_next(transcript->follower, &line, &len, &transcript->offset);

	if (rc != 0)
		return rc;
	/* Another file has begun, or this one was cut back. */
	if (transcript->offset < before)
		transcript->skip_to = 0;
	if (transcript->offset <= before)
		held_forget(&transcript->waits, transcript->offset);
	passed = passes_over(transcript, line, len);
	if (passed)
		pass_over(transcript, line, len);
	else if (transcript->missed > 0 && transcript->shows)
		put_missed(transcript);
	/* A text that was received from one is shown by the inbox if this is no terminal. */
	if (passed ? !(transcript->shows && held_concerns(line, len))
		   : !transcript->shows && !transcript->alert->command && chatlog_number(line, len) == 0 &&
			 !memmem(line, len, in_room, strlen(in_room)))
		return 0;
	if (chatlog_parse(line, len, &entry) == 0) {
		if (!passed)
			take(transcript, &entry, now_ms);
		if (transcript->shows)
			held_take(&transcript->waits, &entry, transcript->offset);
		chatlog_entry_free(&entry);
	}
	return 0;
}

/* Takes lines for as long as a turn may take, some in any case. Returns whether there were any. */
static bool follow(struct transcript *transcript)
{
	int64_t began_ms = clock_monotonic_ms();
	unsigned count = 0;
	int rc;

	look_ahead(transcript);
	do {
		rc = take_line(transcript, began_ms);
		count += rc == 0;
	} while (rc == 0 && (count % 8 != 0 || clock_monotonic_ms() < began_ms + TURN_MS));
	if (rc != 0 && rc != ENODATA && rc != transcript->failed && transcript->shows)
		console_put_styled(transcript->console, CONSOLE_BAD,
		    "cannot read " CHATLOG_NAME ", so nothing is shown: %s\n", lockedfile_reason(rc));
	transcript->failed = rc == ENODATA ? 0 : rc;
	return count > 0;
}

static void set_title(struct transcript *transcript)
{
	if (transcript->titled_count == transcript->new_count)
		return;
	if (transcript->new_count > 0)
		console_set_title(transcript->console, "responder: %zu new", transcript->new_count);
	else
		console_set_title(transcript->console, "responder");
	transcript->titled_count = transcript->new_count;
}

static int64_t earlier(int64_t left_ms, int64_t right_ms)
{
	return left_ms < right_ms ? left_ms : right_ms;
}

/* Shows what has waited long enough. Returns when to come again, monotonic. */
static int64_t show_due(struct transcript *transcript, int64_t now_ms)
{
	while (transcript->pending_count > 0 && transcript->pending[0].due_ms <= now_ms)
		settle_pending(transcript, transcript->pending);
	if (transcript->gather_ms <= now_ms)
		put_gathered(transcript);
	return transcript->pending_count > 0 ? earlier(transcript->pending[0].due_ms, transcript->gather_ms)
					     : transcript->gather_ms;
}

static void take_keys(struct transcript *transcript)
{
	bool first = quietkeys_discard();

	see(transcript, clock_wall_ms());
	if (first)
		console_put_styled(transcript->console, CONSOLE_FAINT, QUIETKEYS_ANSWER);
}

int64_t transcript_work(void *context)
{
	struct transcript *transcript = context;
	struct epoll_event events[4];
	int count = epoll_wait(transcript->epoll, events, 4, 0);
	int64_t now_ms = clock_monotonic_ms(), due_ms;

	for (int i = 0; i < count; i++) {
		if (events[i].data.ptr == transcript)
			take_keys(transcript);
	}
	if (now_ms >= transcript->rests_until_ms) {
		bool stuck = console_waiting_bytes(transcript->console) > BACKLOG_MAX_BYTES;

		if (stuck || follow(transcript))
			transcript->rests_until_ms = clock_monotonic_ms() + REST_MS;
	}
	due_ms = earlier(show_due(transcript, now_ms), alert_work(transcript->alert, now_ms));
	set_title(transcript);
	return now_ms < transcript->rests_until_ms ? earlier(due_ms, transcript->rests_until_ms) : due_ms;
}

/* Shows what was said last, a screenful. */
static void show_first(struct transcript *transcript)
{
	size_t rows = console_height(transcript->console);

	transcript->begins = true;
	while (take_line(transcript, 0) == 0)
		;
	while (transcript->pending_count > (rows > 0 ? rows : ROWS_UNKNOWN))
		remove_pending(transcript, transcript->pending);
	/* What comes after a message of the user's own is new to who was away since. */
	transcript->seen_ms = 0;
	while (transcript->pending_count > 0)
		settle_pending(transcript, transcript->pending);
	transcript->begins = false;
	see(transcript, clock_wall_ms());
}

/* Each tells once that it has something, as the log may have to wait. */
static int watch(struct transcript *transcript)
{
	struct epoll_event log = {.events = EPOLLIN | EPOLLET},
			   key = {.events = EPOLLIN | EPOLLET, .data.ptr = transcript};

	transcript->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (transcript->epoll < 0 ||
	    epoll_ctl(transcript->epoll, EPOLL_CTL_ADD, chatfollower_fd(transcript->follower), &log) != 0)
		return errno;
	alert_watch(transcript->alert, transcript->epoll);
	/* Whether a key is for this program is found out when there is one. */
	if (transcript->shows && isatty(STDIN_FILENO) &&
	    epoll_ctl(transcript->epoll, EPOLL_CTL_ADD, STDIN_FILENO, &key) != 0)
		return errno;
	return 0;
}

int transcript_open(int dir, struct console *console, struct roster *roster, struct alert *alert,
    const uint8_t *identity, struct transcript **transcript)
{
	struct transcript *opened = calloc(1, sizeof(*opened));
	int rc;

	if (!opened)
		return ENOMEM;
	opened->dir = dir;
	opened->epoll = -1;
	opened->console = console;
	opened->roster = roster;
	opened->alert = alert;
	opened->shows = console->terminal;
	opened->gather_ms = INT64_MAX;
	opened->identity = identity;
	rc = opened->shows ? chatfollower_open_last(dir, FIRST_LINES, &opened->follower)
			   : chatfollower_open(dir, CHATFOLLOWER_END, &opened->follower);
	if (rc == 0)
		rc = watch(opened);
	if (rc != 0) {
		transcript_free(opened);
		return rc;
	}
	if (opened->shows) {
		/* What cannot be read is told by the follower. */
		(void)!held_read(&opened->waits, dir);
		show_first(opened);
	}
	*transcript = opened;
	return 0;
}

int transcript_fd(const struct transcript *transcript)
{
	return transcript->epoll;
}

void transcript_finish(struct transcript *transcript)
{
	/* A last turn, for what was logged since. */
	follow(transcript);
	show_due(transcript, INT64_MAX / 2);
	transcript_free(transcript);
}

void transcript_free(struct transcript *transcript)
{
	if (!transcript)
		return;
	while (transcript->pending_count > 0)
		chatlog_entry_free(&transcript->pending[--transcript->pending_count].entry);
	held_free(&transcript->waits);
	offers_free(transcript->offers);
	chatfollower_free(transcript->follower);
	if (transcript->epoll >= 0)
		close(transcript->epoll);
	free(transcript);
}
