#include "keeper.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "journal.h"
#include "net/address.h"
#include "pace.h"
#include "presence.h"
#include "store/peersfile.h"
#include "term/quietkeys.h"

#define REFUSALS_MAX 32
/* The title is brought up to date this often while it names somebody, who may have gone silent, or something happens. */
#define TITLE_PERIOD_MS 2000

struct refusal {
	struct in_addr address;
	const char *why;
};

struct keeper {
	pthread_t thread;
	/* Shared, under the mutex. */
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	struct peers *heard;	/* the dictionary */
	struct peersfile *file; /* to read what is in it; the keeper alone writes to the disk */
	struct pace pace;
	struct refusal refusals[REFUSALS_MAX];
	size_t refusal_count;
	bool answers_key;
	bool stopping;
	/* The keeper's own. */
	struct console *console;
	int failed;	   /* why peers.txt could not be written the last time, or 0 */
	bool titles_again; /* the title names somebody, or is to */
	int64_t title_ms;  /* monotonic: when it was brought up to date last */
};

size_t keeper_refresh(struct keeper *keeper, struct sighting *sightings, size_t count, int64_t now_ms)
{
	size_t left = 0;
	unsigned news = 0;

	pthread_mutex_lock(&keeper->mutex);
	for (size_t i = 0; i < count; i++) {
		unsigned own =
		    peers_refresh(keeper->heard, sightings[i].address, sightings[i].announcement.digest, now_ms);

		if (own == 0)
			sightings[left++] = sightings[i];
		news |= own;
	}
	if (news != 0 && pace_hear(&keeper->pace, news != PEERS_REFRESHED, clock_monotonic_ms()))
		pthread_cond_signal(&keeper->wake);
	pthread_mutex_unlock(&keeper->mutex);
	return left;
}

void keeper_date(struct keeper *keeper, struct sighting *sightings, size_t count)
{
	pthread_mutex_lock(&keeper->mutex);
	for (size_t i = 0; i < count; i++) {
		if (sightings[i].announcement.has_identity)
			sightings[i].since_s = peers_since(keeper->heard, sightings[i].announcement.identity);
	}
	pthread_mutex_unlock(&keeper->mutex);
}

void keeper_note(struct keeper *keeper, const struct sighting *sightings, size_t count, int64_t now_ms)
{
	const struct pins *known;
	bool wake = false;

	pthread_mutex_lock(&keeper->mutex);
	known = peersfile_pins(keeper->file);
	for (size_t i = 0; i < count; i++) {
		const struct announcement *announcement = &sightings[i].announcement;
		bool is_pinned = announcement->has_identity && pins_find_identity(known, announcement->identity);
		int news = peers_hear(keeper->heard, sightings[i].address, announcement, is_pinned, now_ms);

		if (news > 0)
			wake |= pace_hear(&keeper->pace, news != PEERS_REFRESHED, clock_monotonic_ms());
	}
	if (wake)
		pthread_cond_signal(&keeper->wake);
	pthread_mutex_unlock(&keeper->mutex);
}

void keeper_refuse(struct keeper *keeper, struct in_addr address, const char *why)
{
	pthread_mutex_lock(&keeper->mutex);
	if (keeper->refusal_count < REFUSALS_MAX) {
		keeper->refusals[keeper->refusal_count++] = (struct refusal){.address = address, .why = why};
		pthread_cond_signal(&keeper->wake);
	}
	pthread_mutex_unlock(&keeper->mutex);
}

void keeper_answer_key(struct keeper *keeper)
{
	pthread_mutex_lock(&keeper->mutex);
	keeper->answers_key = true;
	pthread_cond_signal(&keeper->wake);
	pthread_mutex_unlock(&keeper->mutex);
}

/* Waits, with the mutex held, until there may be something to write, to tell, or to end. */
static void await_work(struct keeper *keeper)
{
	int64_t now_ms = clock_monotonic_ms(), due_ms = pace_due(&keeper->pace);
	struct timespec due;

	if (keeper->titles_again && due_ms > keeper->title_ms + TITLE_PERIOD_MS)
		due_ms = keeper->title_ms + TITLE_PERIOD_MS;
	/* What a paused terminal did not take is offered again. */
	if (console_waiting_bytes(keeper->console) > 0 && due_ms > now_ms + CONSOLE_RETRY_MS)
		due_ms = now_ms + CONSOLE_RETRY_MS;
	due = (struct timespec){.tv_sec = due_ms / 1000, .tv_nsec = due_ms % 1000 * 1000000};
	if (!keeper->stopping && !keeper->answers_key && keeper->refusal_count == 0 && due_ms > now_ms)
		pthread_cond_clockwait(&keeper->wake, &keeper->mutex, CLOCK_MONOTONIC, &due);
}

/*
 * Appends to taken, with the mutex held, copies of the claims that have news and are written down, or of all with news, and
 * clears the news. Those for which there is no memory stay.
 */
static void take_news(struct keeper *keeper, bool all, struct buffer *taken)
{
	for (struct peer *peer = NULL; (peer = peers_next(keeper->heard, peer));) {
		if (peer->news != 0 && (all || peer->offset != 0) && buffer_append(taken, peer, sizeof(*peer)) == 0)
			peer->news = 0;
	}
}

/* A name in its own colour, and what has become of it. */
static void tell_presence(struct keeper *keeper, const struct peer *peer, enum console_style style, const char *what)
{
	char ip[ADDRESS_TEXT_BYTES];

	console_put_name(keeper->console,
	    console_name_style(peer->username, peer->has_identity ? peer->identity : NULL), peer->username);
	console_put_styled(keeper->console, style, " %s", what);
	console_put(keeper->console, " (%s)\n", address_format(peer->address, ip));
}

/* The line for the news of one claim. */
static void tell(struct keeper *keeper, const struct peer *peer)
{
	struct console *console = keeper->console;
	char ip[ADDRESS_TEXT_BYTES];

	if (peer->news & PEERS_INSERTED) {
		tell_presence(keeper, peer, CONSOLE_GOOD, "is online");
		return;
	}
	if (peer->news & PEERS_RENAMED && strcmp(peer->was, peer->username) != 0) {
		console_put(console, "%s is now ", address_format(peer->address, ip));
		console_put_name(console, CONSOLE_WARNING, peer->username);
		console_put(console, " (was ");
		console_put_name(console, CONSOLE_NORMAL, peer->was);
		console_put(console, ")\n");
	}
	if (peer->left && peer->news & PEERS_DEPARTED)
		tell_presence(keeper, peer, CONSOLE_FAINT, "left");
	else if (!peer->left && peer->news & PEERS_RETURNED)
		tell_presence(keeper, peer, CONSOLE_GOOD, "is back");
}

static void tell_refusals(struct keeper *keeper, const struct refusal *refusals, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char ip[ADDRESS_TEXT_BYTES];

		console_put_styled(keeper->console, CONSOLE_WARNING, "refused an announcement from %s: %s\n",
		    address_format(refusals[i].address, ip), refusals[i].why);
	}
}

static void tell_failure(struct keeper *keeper, int error)
{
	if (error != 0 && error != keeper->failed)
		console_put_styled(keeper->console, CONSOLE_BAD,
		    "cannot write " PEERSFILE_NAME ": %s; trying again every %d s\n", peersfile_reason(error),
		    PACE_RETRY_MS / 1000);
	if (error == 0 && keeper->failed)
		console_put(keeper->console, PEERSFILE_NAME " is written again\n");
	keeper->failed = error;
}

/* Everything in memory that peers.txt does not have, as far as the budget goes; with the file locked and the mutex held. */
static int plan(struct keeper *keeper, struct journal *journal)
{
	int64_t now_ms = clock_wall_ms();
	size_t allowance = keeper->stopping ? PACE_BURST_BYTES : pace_allowance(&keeper->pace, clock_monotonic_ms());
	int rc = peersfile_load(keeper->file);

	if (rc != 0)
		return rc;
	journal_merge(keeper->heard, keeper->file, now_ms);
	peers_expire(keeper->heard, now_ms);
	pace_begin(&keeper->pace);
	rc = journal_plan(journal, keeper->heard, keeper->file, allowance);
	return rc ? peersfile_end(keeper->file, false, rc) : 0;
}

/* Writes what is new, and tells it once it is written; if that fails, too. Begins and ends with the mutex held. */
static void write_down(struct keeper *keeper)
{
	struct journal journal = {0};
	struct buffer news = {0}; /* of struct peer */
	int64_t began_ms;
	int rc;

	pthread_mutex_unlock(&keeper->mutex);
	rc = peersfile_lock(keeper->file);
	began_ms = clock_monotonic_ms();
	pthread_mutex_lock(&keeper->mutex);
	if (rc == 0)
		rc = plan(keeper, &journal);
	else
		pace_begin(&keeper->pace);
	take_news(keeper, rc != 0, &news);
	pthread_mutex_unlock(&keeper->mutex);

	if (rc == 0)
		rc = journal_write(&journal, keeper->file);
	for (size_t at = 0; at < news.len; at += sizeof(struct peer))
		tell(keeper, (const struct peer *)(news.data + at));
	buffer_free(&news);
	tell_failure(keeper, rc);

	pthread_mutex_lock(&keeper->mutex);
	pace_end(&keeper->pace, began_ms, clock_monotonic_ms(), journal.text.len, rc != 0, journal.is_short);
	journal_free(&journal);
}

/* Has the title say who is here; with the mutex held. */
static void set_title(struct keeper *keeper)
{
	char text[PRESENCE_BYTES];

	if (!keeper->console->titled)
		return;
	keeper->titles_again = true;
	if (clock_monotonic_ms() < keeper->title_ms + TITLE_PERIOD_MS)
		return;
	keeper->title_ms = clock_monotonic_ms();
	presence_describe(keeper->heard, peersfile_username(keeper->file), peersfile_since(keeper->file),
	    clock_wall_ms(), text);
	keeper->titles_again = text[0] != '\0';
	console_set_title(keeper->console, "discovery%s%s", text[0] != '\0' ? ": " : "", text);
}

/* One turn: tells what was refused, and writes and tells what is new. Begins and ends with the mutex held. */
static void work(struct keeper *keeper)
{
	struct refusal refusals[REFUSALS_MAX];
	size_t refusal_count = keeper->refusal_count;
	int64_t due_ms = pace_due(&keeper->pace);
	bool answers_key = keeper->answers_key;

	keeper->answers_key = false;
	memcpy(refusals, keeper->refusals, refusal_count * sizeof(refusals[0]));
	keeper->refusal_count = 0;
	if (keeper->stopping ? due_ms != INT64_MAX : due_ms <= clock_monotonic_ms())
		write_down(keeper);
	set_title(keeper);
	pthread_mutex_unlock(&keeper->mutex);

	tell_refusals(keeper, refusals, refusal_count);
	if (answers_key)
		console_put_styled(keeper->console, CONSOLE_FAINT, QUIETKEYS_ANSWER);
	console_flush_ready(keeper->console);

	pthread_mutex_lock(&keeper->mutex);
}

static void *keep(void *argument)
{
	struct keeper *keeper = argument;

	pthread_mutex_lock(&keeper->mutex);
	for (bool last = false; !last;) {
		await_work(keeper);
		last = keeper->stopping;
		work(keeper);
	}
	pthread_mutex_unlock(&keeper->mutex);
	return NULL;
}

static void free_keeper(struct keeper *keeper)
{
	peers_free(keeper->heard);
	peersfile_free(keeper->file);
	pthread_cond_destroy(&keeper->wake);
	pthread_mutex_destroy(&keeper->mutex);
	free(keeper);
}

int keeper_start(struct keeper **keeper, int dir, struct console *console)
{
	struct keeper *started = calloc(1, sizeof(*started));
	int rc = ENOMEM;

	if (!started)
		return ENOMEM;
	pthread_mutex_init(&started->mutex, NULL);
	pthread_cond_init(&started->wake, NULL);
	started->console = console;
	started->file = peersfile_new(dir);
	/* With those that an earlier run left in the file. One that cannot be read is dealt with when it is written. */
	if (started->file) {
		rc = peersfile_read(started->file);
		started->heard = peersfile_take_peers(started->file);
		peers_expire(started->heard, clock_wall_ms());
	}
	if (rc != ENOMEM)
		rc = 0;
	if (rc == 0)
		rc = pthread_create(&started->thread, NULL, keep, started);
	if (rc != 0) {
		free_keeper(started);
		return rc;
	}
	*keeper = started;
	return 0;
}

void keeper_stop(struct keeper *keeper)
{
	pthread_mutex_lock(&keeper->mutex);
	keeper->stopping = true;
	pthread_cond_signal(&keeper->wake);
	pthread_mutex_unlock(&keeper->mutex);
	pthread_join(keeper->thread, NULL);
	free_keeper(keeper);
}
