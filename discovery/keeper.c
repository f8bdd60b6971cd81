#include "keeper.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/ratelimit.h"
#include "net/address.h"
#include "store/peersfile.h"

/* How long refreshed timestamps gather; what is left of PEERSFILE_LAG_MS is for writing. */
#define GATHER_MS 700
/* Newcomers are written at once; a flood of them as often as takes one part in five of the time, or gathers as well. */
#define NEWS_PAUSE_FACTOR 4
#define NEWS_PAUSE_MIN_MS 20
/* Where peers.txt could not be written, it is tried again after this. */
#define RETRY_MS 3000
#define REFUSALS_MAX 32
/* Lines about a known peer: this many at once, then one a period. New peers are always told. */
#define CHANGE_BURST 5
#define CHANGE_PERIOD_MS 10000

struct refusal {
	struct in_addr address;
	const char *why;
};

struct keeper {
	pthread_t thread;
	/* Shared, under the mutex. */
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	struct peers *heard;  /* the dictionary as it is now */
	int64_t refreshed_ms; /* monotonic: the oldest refreshed timestamp that is not written; 0: none */
	bool has_news;	      /* something besides timestamps is not written */
	struct refusal refusals[REFUSALS_MAX];
	size_t refusal_count;
	bool stopping;
	/* The keeper's own. */
	struct peersfile *file;
	struct console *console;
	struct ratelimit changes;
	int failed;	    /* why peers.txt could not be written the last time, or 0 */
	int64_t written_ms; /* monotonic: when the last writing ended */
	int64_t writing_took_ms;
};

void keeper_recall(struct keeper *keeper, struct sighting *sightings, size_t count)
{
	pthread_mutex_lock(&keeper->mutex);
	for (size_t i = 0; i < count; i++)
		sightings[i].read = peers_recall(keeper->heard, sightings[i].address, sightings[i].announcement.digest,
		    &sightings[i].announcement);
	pthread_mutex_unlock(&keeper->mutex);
}

void keeper_note(struct keeper *keeper, const struct sighting *sightings, size_t count, int64_t now_ms)
{
	bool wake = false;

	pthread_mutex_lock(&keeper->mutex);
	for (size_t i = 0; i < count; i++) {
		int news = peers_hear(keeper->heard, sightings[i].address, &sightings[i].announcement, now_ms);

		if (news <= 0)
			continue;
		if (keeper->refreshed_ms == 0) {
			keeper->refreshed_ms = clock_monotonic_ms();
			wake = true;
		}
		if (news != PEERS_REFRESHED && !keeper->has_news)
			keeper->has_news = wake = true;
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

/* When the next writing is due, monotonic; INT64_MAX where there is nothing to write. */
static int64_t due_ms(const struct keeper *keeper)
{
	int64_t pause_ms = keeper->writing_took_ms * NEWS_PAUSE_FACTOR;
	int64_t gathered_ms = keeper->refreshed_ms + GATHER_MS;

	if (keeper->refreshed_ms == 0)
		return INT64_MAX;
	if (keeper->failed)
		return keeper->written_ms + RETRY_MS;
	if (pause_ms < NEWS_PAUSE_MIN_MS)
		pause_ms = NEWS_PAUSE_MIN_MS;
	return keeper->has_news && keeper->written_ms + pause_ms < gathered_ms ? keeper->written_ms + pause_ms
									       : gathered_ms;
}

static void await_until(struct keeper *keeper, int64_t until_ms)
{
	struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};

	pthread_cond_timedwait(&keeper->wake, &keeper->mutex, &until);
}

/* Waits, with the mutex held, until there is something to write, to tell, or to end. */
static void await_work(struct keeper *keeper)
{
	while (!keeper->stopping && keeper->refusal_count == 0) {
		int64_t due = due_ms(keeper);

		/*
		 * What a paused terminal did not take is offered again, without a wait that would hold up the writing.
		 */
		if (console_waiting_bytes(keeper->console) > 0 && due > clock_monotonic_ms() + CONSOLE_RETRY_MS) {
			await_until(keeper, clock_monotonic_ms() + CONSOLE_RETRY_MS);
			return;
		}
		if (due == INT64_MAX)
			pthread_cond_wait(&keeper->wake, &keeper->mutex);
		else if (due <= clock_monotonic_ms())
			return;
		else
			await_until(keeper, due);
	}
}

/*
 * Copies, with the mutex held, the peers that have news, or all of them; those heard last come last. The copy is the
 * caller's to free; NULL where memory is out, and then the news stay.
 */
static struct peer *take_peers(struct keeper *keeper, bool all, size_t *count)
{
	struct peer *oldest = NULL, *taken;
	size_t wanted = 0;

	/* Whoever was heard since the last time stands in front of all who were not. */
	for (struct peer *peer = peers_older(keeper->heard, NULL); peer && (all || peer->news);
	     peer = peers_older(keeper->heard, peer)) {
		oldest = peer;
		wanted++;
	}
	taken = malloc((wanted + 1) * sizeof(*taken));
	if (!taken)
		return NULL;
	*count = 0;
	for (struct peer *peer = oldest; peer; peer = peers_newer(keeper->heard, peer)) {
		taken[(*count)++] = *peer;
		peer->news = 0;
	}
	return taken;
}

/* The line for one peer's news; was is its entry before, or NULL. */
static void tell(struct keeper *keeper, const struct peer *peer, const struct peer *was)
{
	struct console *console = keeper->console;
	char ip[ADDRESS_TEXT_BYTES];

	address_format(peer->address, ip);
	if (peer->news & PEERS_INSERTED) {
		console_put_name(console, CONSOLE_GOOD, peer->username);
		console_put(console, " is online (%s)\n", ip);
		return;
	}
	if ((peer->news & ~(unsigned)(PEERS_REFRESHED | PEERS_REKEYED)) == 0 ||
	    !ratelimit_allow(&keeper->changes, peer->address, clock_monotonic_ms()))
		return;
	if (peer->news & PEERS_RENAMED && !(was && strcmp(was->username, peer->username) == 0)) {
		console_put(console, "%s is now ", ip);
		console_put_name(console, CONSOLE_WARNING, peer->username);
		if (was) {
			console_put(console, " (was ");
			console_put_name(console, CONSOLE_NORMAL, was->username);
			console_put(console, ")");
		}
		console_put(console, "\n");
	}
	if (peer->left && peer->news & PEERS_DEPARTED) {
		console_put_name(console, CONSOLE_FAINT, peer->username);
		console_put(console, " left (%s)\n", ip);
	} else if (!peer->left && peer->news & PEERS_RETURNED) {
		console_put_name(console, CONSOLE_GOOD, peer->username);
		console_put(console, " is back (%s)\n", ip);
	}
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
		    RETRY_MS / 1000);
	if (error == 0 && keeper->failed)
		console_put(keeper->console, PEERSFILE_NAME " is written again\n");
	keeper->failed = error;
}

static int put_all(struct peers *peers, const struct peer *taken, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct peer *entry = peers_put(peers, &taken[i]);

		if (!entry)
			return ENOMEM;
		entry->news = 0;
	}
	return 0;
}

/* Puts what was taken into peers.txt, and all the rest too where the file lacks some. */
static int write_down(struct keeper *keeper, const struct peer *taken, size_t count)
{
	struct peers *kept;
	int rc = peersfile_begin(keeper->file);

	/* Also where nothing can be written the user learns who is there. */
	kept = peersfile_peers(keeper->file);
	for (size_t i = 0; i < count; i++)
		tell(keeper, &taken[i], peers_find(kept, taken[i].address));
	if (rc != 0)
		return rc;
	rc = put_all(kept, taken, count);
	peers_expire(kept, clock_wall_ms());
	pthread_mutex_lock(&keeper->mutex);
	bool incomplete = keeper->failed || peers_count(kept) < peers_count(keeper->heard);
	size_t all_count = 0;
	struct peer *all = incomplete ? take_peers(keeper, true, &all_count) : NULL;
	pthread_mutex_unlock(&keeper->mutex);
	for (size_t i = 0; i < all_count; i++)
		tell(keeper, &all[i], peers_find(kept, all[i].address));
	if (rc == 0)
		rc = put_all(kept, all, all_count);
	free(all);
	if (rc == 0)
		rc = peersfile_commit_peers(keeper->file);
	else
		peersfile_abandon(keeper->file);
	return rc;
}

/* One turn: takes what is new, writes it, tells it. */
static void work(struct keeper *keeper)
{
	struct refusal refusals[REFUSALS_MAX];
	size_t refusal_count = keeper->refusal_count, count = 0;
	int64_t began_ms = clock_monotonic_ms(), refreshed_ms = keeper->refreshed_ms;
	bool writing = keeper->stopping ? refreshed_ms != 0 : due_ms(keeper) <= began_ms;
	struct peer *taken = NULL;
	int rc = 0;

	memcpy(refusals, keeper->refusals, refusal_count * sizeof(refusals[0]));
	keeper->refusal_count = 0;
	if (writing) {
		peers_expire(keeper->heard, clock_wall_ms());
		taken = take_peers(keeper, false, &count);
		rc = taken ? 0 : ENOMEM;
		keeper->refreshed_ms = 0;
		keeper->has_news = false;
	}
	pthread_mutex_unlock(&keeper->mutex);

	tell_refusals(keeper, refusals, refusal_count);
	if (writing) {
		if (rc == 0)
			rc = write_down(keeper, taken, count);
		free(taken);
		tell_failure(keeper, rc);
		keeper->written_ms = clock_monotonic_ms();
		keeper->writing_took_ms = keeper->written_ms - began_ms;
	}
	console_flush_ready(keeper->console);

	pthread_mutex_lock(&keeper->mutex);
	if (rc != 0 && keeper->refreshed_ms == 0)
		keeper->refreshed_ms = refreshed_ms;
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

/* Begins with the peers that an earlier run left in the file. */
static int seed(struct keeper *keeper)
{
	const struct peers *kept;

	/* A file that cannot be read is dealt with when it is written. */
	if (peersfile_read(keeper->file) != 0)
		return 0;
	kept = peersfile_peers(keeper->file);
	for (const struct peer *peer = peers_newer(kept, NULL); peer; peer = peers_newer(kept, peer)) {
		if (!peers_put(keeper->heard, peer))
			return ENOMEM;
	}
	peers_expire(keeper->heard, clock_wall_ms());
	return 0;
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
	pthread_condattr_t monotonic;
	int rc = ENOMEM;

	if (!started)
		return ENOMEM;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&started->mutex, NULL);
	pthread_cond_init(&started->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	started->console = console;
	ratelimit_init(&started->changes, CHANGE_BURST, CHANGE_PERIOD_MS);
	started->heard = peers_new();
	started->file = peersfile_new(dir);
	if (started->heard && started->file)
		rc = seed(started);
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
