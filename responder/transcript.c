#include "transcript.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "row.h"
#include "store/chatfollower.h"
#include "store/chatlog.h"
#include "store/chatreader.h"
#include "store/held.h"
#include "store/lockedfile.h"
#include "term/quietkeys.h"
#include "trust/mark.h"

/* One turn takes so long, and as many times as long nothing is shown after it, which nobody notices. */
#define TURN_US 2000
#define REST_FACTOR 12
#define REST_MIN_US 10000
/* The title changes this often at most. */
#define TITLE_PERIOD_MS 250
/* While so much waits for the terminal, the log waits. */
#define BACKLOG_MAX_BYTES (64 * 1024)
/* A terminal that takes something, but not all at once, is offered the rest after this. */
#define OFFER_US 5000
/* If so much of the log waits, all but the last so much of it is passed over. */
#define BEHIND_MAX_BYTES (1024 * 1024)
#define BEHIND_KEPT_BYTES (64 * 1024)
/* But so many messages of people who are known, so that no stranger can hide them. */
#define SPARED_MAX 64
/* How many lines of the log are looked through for what is shown at the beginning, and how many messages that may be. */
#define FIRST_LINES 400
#define FIRST_MAX 200
/* A message of the user's own waits so long for its confirmation, and so many at once. */
#define CONFIRMATION_MS 1000
#define PENDING_MAX 32
/* The time of so many of those that were shown is remembered. */
#define KNOWN_MAX 4096
/* Confirmations gather for this long, those of so many people each in a row, with so many times in it. */
#define GATHER_MS 500
#define RECIPIENTS_MAX 16
#define TIMES_MAX 3
/* Who was silent for this long may not have seen what comes then. */
#define ABSENCE_MS (5 * 60 * 1000)

/* A message of the user's own. */
struct pending {
	struct chatlog_entry entry;
	enum row_fate fate;
	int64_t due_ms; /* monotonic */
};

struct known {
	uint8_t id[ENVELOPE_ID_BYTES];
	int64_t time_ms;
};

/* What was confirmed by one recipient and is not shown yet. */
struct confirmed {
	struct chatlog_entry entry; /* the last confirmation, without its document */
	size_t count, timed;
	int64_t times_ms[TIMES_MAX];
};

struct transcript {
	int dir, epoll, timer;
	struct console *console;
	struct roster *roster;
	struct alert *alert;
	struct chatfollower *follower;
	bool shows, follows; /* follows: epoll waits for the log */
	int failed;	     /* why the log could not be read the last time, or 0 */
	int64_t rests_until_us;
	size_t waited;			     /* bytes for the terminal, at the last turn */
	int64_t shown_day_ms;		     /* of the last row; 0: none yet */
	int64_t seen_ms;		     /* wall clock: when the user was last there; 0: not known */
	bool ruled;			     /* a line says since when the rest is new */
	size_t new_count, titled_count;	     /* and how many the title says */
	int64_t title_ms;		     /* monotonic: since when */
	struct pending pending[PENDING_MAX]; /* the oldest first */
	size_t pending_count;
	struct known known[KNOWN_MAX]; /* a ring */
	size_t known_count;
	struct confirmed confirmed[RECIPIENTS_MAX];
	size_t confirmed_count, confirmed_others;
	size_t held_count;
	char held_name[USERNAME_MAX_BYTES + 1]; /* of the last */
	bool held_several;			/* there are others */
	int64_t gather_ms;			/* monotonic: when both are shown; INT64_MAX: there is nothing */
	size_t missed;				/* messages passed over */
	int64_t skip_to;			/* the offset up to which lines are passed over */
	size_t spared;				/* of these, how many were not */
	int64_t offset;				/* of the last line */
};

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

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

/* What is remembered of a message of the user's own, or NULL. */
static const struct known *find_known(const struct transcript *transcript, const uint8_t *id)
{
	size_t count = transcript->known_count < KNOWN_MAX ? transcript->known_count : KNOWN_MAX;

	for (size_t i = 0; i < count; i++) {
		if (memcmp(transcript->known[i].id, id, ENVELOPE_ID_BYTES) == 0)
			return &transcript->known[i];
	}
	return NULL;
}

static void remember(struct transcript *transcript, const struct chatlog_entry *entry)
{
	struct known *known = &transcript->known[transcript->known_count++ % KNOWN_MAX];

	memcpy(known->id, entry->id, sizeof(known->id));
	known->time_ms = entry->time_ms;
}

static void put_own(struct transcript *transcript, const struct chatlog_entry *entry, enum row_fate fate)
{
	put_day(transcript, entry->time_ms);
	row_put_message(transcript->console, entry, fate, false);
}

static struct pending *find_pending(struct transcript *transcript, const uint8_t *id)
{
	for (size_t i = 0; i < transcript->pending_count; i++) {
		if (memcmp(transcript->pending[i].entry.id, id, ENVELOPE_ID_BYTES) == 0)
			return &transcript->pending[i];
	}
	return NULL;
}

/* Shows a message of the user's own that waited for that. */
static void settle_pending(struct transcript *transcript, struct pending *pending)
{
	struct pending *end = transcript->pending + transcript->pending_count;

	put_own(transcript, &pending->entry, pending->fate);
	chatlog_entry_free(&pending->entry);
	memmove(pending, pending + 1, (size_t)(end - pending - 1) * sizeof(*pending));
	transcript->pending_count--;
}

/* Takes over what entry holds. */
static void add_pending(struct transcript *transcript, struct chatlog_entry *entry, int64_t now_ms)
{
	if (transcript->pending_count == PENDING_MAX)
		settle_pending(transcript, transcript->pending);
	transcript->pending[transcript->pending_count++] = (struct pending){
	    .entry = *entry,
	    .fate = entry->direction == CHATLOG_QUEUED ? ROW_WAITS : ROW_SENT,
	    .due_ms = now_ms + CONFIRMATION_MS,
	};
	remember(transcript, entry);
	entry->document = NULL;
}

/* A message of the user's own. */
static void take_own(struct transcript *transcript, struct chatlog_entry *entry, int64_t now_ms)
{
	struct pending *pending = entry->has_id ? find_pending(transcript, entry->id) : NULL;

	if (pending && entry->direction == CHATLOG_SENT)
		pending->fate = ROW_SENT;
	if (pending || (entry->has_id && find_known(transcript, entry->id)))
		return;
	see(transcript, clock_wall_ms());
	if (entry->has_id)
		add_pending(transcript, entry, now_ms);
	else
		put_own(transcript, entry, ROW_SENT);
}

static void gather(struct transcript *transcript, int64_t now_ms)
{
	if (transcript->gather_ms == INT64_MAX)
		transcript->gather_ms = now_ms + GATHER_MS;
}

static void take_confirmation(struct transcript *transcript, const struct chatlog_entry *entry, int64_t now_ms)
{
	struct pending *pending = find_pending(transcript, entry->id);
	const struct known *known = find_known(transcript, entry->id);
	struct confirmed *confirmed = transcript->confirmed;
	struct confirmed *end = confirmed + transcript->confirmed_count;

	if (pending) {
		pending->fate = ROW_DELIVERED;
		settle_pending(transcript, pending);
		return;
	}
	gather(transcript, now_ms);
	while (confirmed < end && strcmp(confirmed->entry.username, entry->username) != 0)
		confirmed++;
	if (confirmed == transcript->confirmed + RECIPIENTS_MAX) {
		transcript->confirmed_others++;
		return;
	}
	if (confirmed == end) {
		transcript->confirmed_count++;
		*confirmed = (struct confirmed){.entry = *entry};
		confirmed->entry.document = NULL;
		confirmed->entry.why = NULL;
	}
	confirmed->count++;
	confirmed->entry.time_ms = entry->time_ms;
	if (known && confirmed->timed < TIMES_MAX)
		confirmed->times_ms[confirmed->timed++] = known->time_ms;
}

/* "✓ Bob  12:31 12:32", or how many if they are many. */
static void put_confirmed(struct transcript *transcript, const struct confirmed *confirmed)
{
	struct console *console = transcript->console;
	char time[ROW_TIME_BYTES];

	put_day(transcript, confirmed->entry.time_ms);
	row_put_state(console, &confirmed->entry, true);
	if (confirmed->timed < confirmed->count)
		console_put_styled(console, CONSOLE_FAINT, "%zu delivered", confirmed->count);
	for (size_t i = 0; i < confirmed->timed && confirmed->timed == confirmed->count; i++)
		console_put_styled(console, CONSOLE_FAINT, "%s%s", row_format_time(confirmed->times_ms[i], time),
		    i + 1 < confirmed->timed ? " " : " delivered");
	console_put(console, "\n");
}

static void put_dropped(struct transcript *transcript, const struct chatlog_entry *entry)
{
	struct pending *pending = find_pending(transcript, entry->id);
	const struct known *known = find_known(transcript, entry->id);
	struct console *console = transcript->console;
	char time[ROW_TIME_BYTES];

	if (pending)
		settle_pending(transcript, pending);
	put_day(transcript, entry->time_ms);
	row_put_state(console, entry, false);
	console_put_styled(console, CONSOLE_WARNING, "%s%sdropped%s",
	    known ? row_format_time(known->time_ms, time) : "", known ? " " : "", entry->why ? ": " : "");
	if (entry->why)
		console_put_foreign(console, entry->why, strlen(entry->why));
	console_put(console, "\n");
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
	row_put_message(transcript->console, entry, ROW_RECEIVED, is_muted);
}

static bool is_muted(struct transcript *transcript, const struct chatlog_entry *entry)
{
	struct caller caller;

	/* What cannot be read is told when a message is taken. */
	(void)!roster_find(transcript->roster, entry->address, entry->has_identity ? entry->identity : NULL,
	    entry->username, &caller);
	return caller.muted;
}

static void hold(struct transcript *transcript, const struct chatlog_entry *entry, int64_t now_ms)
{
	transcript->held_several |= transcript->held_count > 0 && strcmp(transcript->held_name, entry->username) != 0;
	transcript->held_count++;
	strcpy(transcript->held_name, entry->username);
	gather(transcript, now_ms);
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

/* Shows what was held so far. It is looked for in the log, as it may have come before this program was started. */
static void put_accepted(struct transcript *transcript, const uint8_t *id)
{
	struct chatreader *reader = NULL;
	struct chatlog_entry entry;
	const char *line;
	size_t len;
	bool found = false;
	int rc = chatreader_open(transcript->dir, &reader);

	for (size_t seen = 0; rc == 0 && !found && seen < HELD_READ_MAX_BYTES; seen += len) {
		rc = chatreader_line(reader, &line, &len);
		if (rc != 0 || !memmem(line, len, "\"held\"", 6) || chatlog_parse(line, len, &entry) != 0)
			continue;
		found = entry.held && entry.has_id && memcmp(entry.id, id, sizeof(entry.id)) == 0;
		if (found)
			put_received(transcript, &entry, false);
		chatlog_entry_free(&entry);
	}
	chatreader_free(reader);
	transcript->new_count += found;
}

static void take_received(struct transcript *transcript, const struct chatlog_entry *entry, int64_t now_ms)
{
	bool muted = is_muted(transcript, entry);

	if (entry->held && transcript->shows)
		hold(transcript, entry, now_ms);
	if (entry->held)
		return;
	if (!muted) {
		transcript->new_count++;
		alert_message(transcript->alert, entry, now_ms);
	}
	if (transcript->shows)
		put_received(transcript, entry, muted);
}

static void take(struct transcript *transcript, struct chatlog_entry *entry, int64_t now_ms)
{
	if (entry->kind == CHATLOG_MESSAGE && entry->direction == CHATLOG_RECEIVED)
		take_received(transcript, entry, now_ms);
	else if (!transcript->shows || entry->kind == CHATLOG_SETTLED)
		return;
	else if (entry->kind == CHATLOG_MESSAGE)
		take_own(transcript, entry, now_ms);
	else if (entry->state == CHATLOG_DELIVERED)
		take_confirmation(transcript, entry, now_ms);
	else if (entry->state == CHATLOG_DROPPED)
		put_dropped(transcript, entry);
	else if (entry->state == CHATLOG_ACCEPTED)
		put_accepted(transcript, entry->id);
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

	if (fstatat(transcript->dir, CHATLOG_NAME, &status, 0) == 0 &&
	    status.st_size - transcript->offset > BEHIND_MAX_BYTES)
		transcript->skip_to = status.st_size - BEHIND_KEPT_BYTES;
}

/* Takes lines for as long as a turn may take, or all there are. Returns whether that is all. */
static bool follow(struct transcript *transcript)
{
	int64_t began_us = now_us(), now_ms = clock_monotonic_ms(), before = transcript->offset, took_us;
	struct chatlog_entry entry;
	const char *line;
	size_t len;
	int rc = 0;

	look_ahead(transcript);
	for (unsigned count = 1; rc == 0 && (count % 8 != 0 || now_us() < began_us + TURN_US); count++) {
		rc = chatfollower_next(transcript->follower, &line, &len, &transcript->offset);
		if (rc != 0)
			break;
		/* Another file has begun. */
		if (transcript->offset < before)
			transcript->skip_to = 0;
		before = transcript->offset;
		if (passes_over(transcript, line, len)) {
			pass_over(transcript, line, len);
			continue;
		}
		if (transcript->missed > 0 && transcript->shows)
			put_missed(transcript);
		if (chatlog_parse(line, len, &entry) == 0) {
			take(transcript, &entry, now_ms);
			chatlog_entry_free(&entry);
		}
	}
	if (rc != 0 && rc != ENODATA && rc != transcript->failed && transcript->shows)
		console_put_styled(transcript->console, CONSOLE_BAD,
		    "cannot read " CHATLOG_NAME ", so nothing is shown: %s\n", lockedfile_reason(rc));
	transcript->failed = rc == ENODATA ? 0 : rc;
	/* Whoever had the processor meanwhile is no reason to rest for longer. */
	took_us = now_us() - began_us < TURN_US ? now_us() - began_us : TURN_US;
	transcript->rests_until_us =
	    now_us() + (took_us * REST_FACTOR > REST_MIN_US ? took_us * REST_FACTOR : REST_MIN_US);
	return rc != 0;
}

static void set_title(struct transcript *transcript, int64_t now_ms)
{
	if (transcript->new_count > 0)
		console_set_title(transcript->console, "responder: %zu new", transcript->new_count);
	else
		console_set_title(transcript->console, "responder");
	transcript->titled_count = transcript->new_count;
	transcript->title_ms = now_ms;
}

/* Shows what has waited long enough. Returns when to come again, monotonic. */
static int64_t show_due(struct transcript *transcript, int64_t now_ms)
{
	int64_t due_ms = alert_work(transcript->alert, clock_monotonic_ms());

	while (transcript->pending_count > 0 && transcript->pending[0].due_ms <= now_ms)
		settle_pending(transcript, transcript->pending);
	if (transcript->gather_ms <= now_ms) {
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
	if (transcript->titled_count != transcript->new_count && transcript->title_ms + TITLE_PERIOD_MS <= now_ms)
		set_title(transcript, now_ms);
	else if (transcript->titled_count != transcript->new_count && transcript->title_ms + TITLE_PERIOD_MS < due_ms)
		due_ms = transcript->title_ms + TITLE_PERIOD_MS;
	if (transcript->gather_ms < due_ms)
		due_ms = transcript->gather_ms;
	if (transcript->pending_count > 0 && transcript->pending[0].due_ms < due_ms)
		due_ms = transcript->pending[0].due_ms;
	return due_ms;
}

/* Has epoll wait for the log, or for a moment alone. */
static void wait_for(struct transcript *transcript, bool log, int64_t until_us)
{
	struct itimerspec moment = {.it_value = {.tv_sec = 0}};
	struct epoll_event event = {.events = log ? EPOLLIN : 0};

	if (log != transcript->follows)
		epoll_ctl(transcript->epoll, EPOLL_CTL_MOD, chatfollower_fd(transcript->follower), &event);
	transcript->follows = log;
	if (until_us != INT64_MAX) {
		moment.it_value.tv_sec = until_us / 1000000;
		/* Not zero, which would be never. */
		moment.it_value.tv_nsec = until_us % 1000000 * 1000 + 1;
	}
	timerfd_settime(transcript->timer, TFD_TIMER_ABSTIME, &moment, NULL);
}

static void take_keys(struct transcript *transcript)
{
	bool first = quietkeys_discard();

	see(transcript, clock_wall_ms());
	if (first)
		console_put_styled(transcript->console, CONSOLE_FAINT, QUIETKEYS_ANSWER);
}

void transcript_work(void *context)
{
	struct transcript *transcript = context;
	struct console *console = transcript->console;
	struct epoll_event events[4];
	int count = epoll_wait(transcript->epoll, events, 4, 0);
	int64_t due_ms, due_us;
	size_t waits;
	bool stuck, moves, all = true;
	uint64_t expired;

	for (int i = 0; i < count; i++) {
		if (events[i].data.ptr == &transcript->timer)
			(void)!read(transcript->timer, &expired, sizeof(expired));
		else if (events[i].data.ptr == transcript)
			take_keys(transcript);
	}
	waits = console_waiting_bytes(console);
	moves = waits > 0 && waits != transcript->waited;
	transcript->waited = waits;
	stuck = transcript->shows && waits > BACKLOG_MAX_BYTES;
	if (!stuck && now_us() >= transcript->rests_until_us)
		all = follow(transcript);
	else
		all = false;
	due_ms = show_due(transcript, clock_monotonic_ms());
	due_us = due_ms == INT64_MAX ? INT64_MAX : due_ms * 1000;
	if (stuck && due_us > now_us() + CONSOLE_RETRY_MS * 1000)
		due_us = now_us() + CONSOLE_RETRY_MS * 1000;
	else if (!stuck && !all && due_us > transcript->rests_until_us)
		due_us = transcript->rests_until_us;
	if (moves && due_us > now_us() + OFFER_US)
		due_us = now_us() + OFFER_US;
	wait_for(transcript, all && !stuck, due_us);
}

/* What is shown at the beginning. */
struct first {
	struct chatlog_entry entry;
	enum row_fate fate;
};

/* How many messages the terminal has room for at most. */
static size_t rows_of(const struct console *console)
{
	struct winsize size;

	if (ioctl(console->outlet.fd, TIOCGWINSZ, &size) != 0 || size.ws_row == 0)
		return 24;
	return size.ws_row < FIRST_MAX ? size.ws_row : FIRST_MAX;
}

/* Notes in those that were read so far what a line says of one of them. Returns whether it is no message of its own. */
static bool note_first(struct first *first, size_t count, const struct chatlog_entry *entry)
{
	bool is_message = entry->kind == CHATLOG_MESSAGE;

	for (size_t i = 0; i < count && entry->has_id; i++) {
		if (!first[i].entry.has_id || memcmp(first[i].entry.id, entry->id, sizeof(entry->id)) != 0)
			continue;
		if (is_message && entry->direction == CHATLOG_SENT && first[i].fate == ROW_WAITS)
			first[i].fate = ROW_SENT;
		else if (is_message)
			continue;
		else if (entry->state == CHATLOG_DELIVERED)
			first[i].fate = ROW_DELIVERED;
		else if (entry->state == CHATLOG_DROPPED)
			first[i].fate = ROW_DROPPED;
		else if (entry->state == CHATLOG_ACCEPTED)
			first[i].entry.held = false;
		return true;
	}
	return !is_message;
}

/* Reads what there is, and keeps the last messages, at most so many. Returns how many. */
static size_t read_first(struct transcript *transcript, struct first *first, size_t most)
{
	struct chatlog_entry entry;
	const char *line;
	size_t len, count = 0;

	while (chatfollower_next(transcript->follower, &line, &len, &transcript->offset) == 0) {
		if (chatlog_parse(line, len, &entry) != 0)
			continue;
		if (note_first(first, count, &entry)) {
			chatlog_entry_free(&entry);
			continue;
		}
		if (count == most) {
			chatlog_entry_free(&first[0].entry);
			memmove(first, first + 1, --count * sizeof(*first));
		}
		first[count++] = (struct first){
		    .entry = entry,
		    .fate = entry.direction == CHATLOG_RECEIVED ? ROW_RECEIVED
			    : entry.direction == CHATLOG_QUEUED ? ROW_WAITS
								: ROW_SENT,
		};
	}
	return count;
}

/* Shows what was said last. */
static void show_first(struct transcript *transcript)
{
	struct first *first = calloc(FIRST_MAX, sizeof(*first));
	size_t count = first ? read_first(transcript, first, rows_of(transcript->console)) : 0;

	for (size_t i = 0; i < count; i++) {
		struct chatlog_entry *entry = &first[i].entry;

		if (entry->held) {
			hold(transcript, entry, clock_monotonic_ms());
		} else if (first[i].fate == ROW_RECEIVED) {
			put_received(transcript, entry, is_muted(transcript, entry));
		} else {
			see(transcript, entry->time_ms);
			put_own(transcript, entry, first[i].fate);
			if (entry->has_id)
				remember(transcript, entry);
		}
		chatlog_entry_free(entry);
	}
	free(first);
	see(transcript, clock_wall_ms());
}

static int wait_for_all(struct transcript *transcript)
{
	struct epoll_event log = {.events = EPOLLIN}, moment = {.events = EPOLLIN, .data.ptr = &transcript->timer},
			   key = {.events = EPOLLIN | EPOLLET, .data.ptr = transcript};

	transcript->epoll = epoll_create1(EPOLL_CLOEXEC);
	transcript->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (transcript->epoll < 0 || transcript->timer < 0 ||
	    epoll_ctl(transcript->epoll, EPOLL_CTL_ADD, chatfollower_fd(transcript->follower), &log) != 0 ||
	    epoll_ctl(transcript->epoll, EPOLL_CTL_ADD, transcript->timer, &moment) != 0)
		return errno;
	transcript->follows = true;
	alert_watch(transcript->alert, transcript->epoll);
	/* Whether a key is for this program is found out when there is one. */
	if (transcript->shows && isatty(STDIN_FILENO) &&
	    epoll_ctl(transcript->epoll, EPOLL_CTL_ADD, STDIN_FILENO, &key) != 0)
		return errno;
	return 0;
}

int transcript_open(int dir, struct console *console, struct roster *roster, struct alert *alert,
    struct transcript **transcript)
{
	struct transcript *opened = calloc(1, sizeof(*opened));
	int rc;

	if (!opened)
		return ENOMEM;
	opened->dir = dir;
	opened->epoll = opened->timer = -1;
	opened->console = console;
	opened->roster = roster;
	opened->alert = alert;
	opened->shows = console->terminal;
	opened->gather_ms = INT64_MAX;
	rc = opened->shows ? chatfollower_open_last(dir, FIRST_LINES, &opened->follower)
			   : chatfollower_open(dir, CHATFOLLOWER_END, &opened->follower);
	if (rc == 0)
		rc = wait_for_all(opened);
	if (rc != 0) {
		transcript_free(opened);
		return rc;
	}
	if (opened->shows)
		show_first(opened);
	/* Has the timer set, and the title. */
	transcript_work(opened);
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
	chatfollower_free(transcript->follower);
	if (transcript->timer >= 0)
		close(transcript->timer);
	if (transcript->epoll >= 0)
		close(transcript->epoll);
	free(transcript);
}
