#include "fetcher.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/clock.h"
#include "patience.h"
#include "recipient.h"
#include "room/rooms.h"

/* A process takes several files if they are no larger. */
#define SMALL_BYTES (256 * 1024)
/* So often is looked who is back, and how fast what goes on is. */
#define LOOK_PERIOD_MS 500
/* Who was busy, or broke off after something came, is tried again after this. */
#define SOON_MS 1000
/* Of the rate so much is what it was before. */
#define RATE_KEPT 0.8
/* Of how many bytes all are together, one counts for no more: offered are numbers that no disk has. */
#define COUNTED_MAX_BYTES (INT64_MAX / OFFERS_MAX)
#define REPORTS_MAX 8

struct wanted {
	struct fetch_job job;
	struct source *source;
	bool is_auto, is_going, is_told; /* that it waits */
	bool is_checking;
	bool has_come;		 /* some of it, in this try */
	int64_t there, begun_ms; /* bytes; monotonic */
	TAILQ_ENTRY(wanted) others;
};

TAILQ_HEAD(wanted_list, wanted);

/* Who offers: somebody, or in a room anybody who has it. */
struct source {
	bool has_room;
	uint8_t id[IDENTITY_BYTES]; /* of who offers, or the room's */
	char username[USERNAME_MAX_BYTES + 1];
	struct in_addr address; /* from which it was offered */
	struct wanted_list waiting;
	size_t going; /* processes */
	bool is_resting;
	struct patience patience;
	size_t online; /* of a room, members, when that was looked at last */
	LIST_ENTRY(source) others;
};

/* A process. */
struct crew {
	struct fetcher *fetcher;
	struct source *source; /* NULL: there is none */
	pid_t pid;
	int reports;
	struct wanted *wishes[FETCH_BATCH_MAX]; /* NULL for those that are over */
	size_t count;
	bool is_over; /* what is left is to wait for better times */
};

struct fetcher {
	struct fetcher_setup setup;
	struct crew crews[FETCHER_CHILDREN];
	LIST_HEAD(sources, source) sources;
	struct loop_timer start_timer, look_timer;
	uint64_t highest; /* number that was ever wished for */
	size_t waiting, going, done;
	int64_t there, bytes;
	int64_t received, rated, rated_ms; /* bytes; of these, when the rate was last found out; monotonic */
	double rate;
};

static void start(void *context);
static void look(void *context);

struct fetcher *fetcher_new(const struct fetcher_setup *setup)
{
	struct fetcher *fetcher = calloc(1, sizeof(*fetcher));

	if (!fetcher)
		return NULL;
	fetcher->setup = *setup;
	LIST_INIT(&fetcher->sources);
	fetcher->start_timer = (struct loop_timer){.callback = start, .context = fetcher};
	fetcher->look_timer = (struct loop_timer){.callback = look, .context = fetcher};
	for (size_t i = 0; i < FETCHER_CHILDREN; i++)
		fetcher->crews[i].fetcher = fetcher;
	return fetcher;
}

size_t fetcher_count(const struct fetcher *fetcher)
{
	return fetcher->waiting + fetcher->going;
}

/* Shows how far it is. */
static void show(struct fetcher *fetcher)
{
	struct fetcher_progress progress = {
	    .going = fetcher->going,
	    .waiting = fetcher->waiting,
	    .done = fetcher->done,
	    .is_checking = true,
	    .there = fetcher->there,
	    .bytes = fetcher->bytes,
	};
	int64_t now_ms = clock_monotonic_ms(), elapsed_ms = now_ms - fetcher->rated_ms;

	if (elapsed_ms >= FETCH_REPORT_MS) {
		double rate = (double)(fetcher->received - fetcher->rated) * 1000 / (double)elapsed_ms;

		fetcher->rate = fetcher->rate > 0 ? fetcher->rate * RATE_KEPT + rate * (1 - RATE_KEPT) : rate;
		fetcher->rated = fetcher->received;
		fetcher->rated_ms = now_ms;
	}
	progress.rate = (int64_t)fetcher->rate;
	for (size_t i = 0; i < FETCHER_CHILDREN; i++) {
		const struct crew *crew = &fetcher->crews[i];

		for (size_t k = 0; crew->source && k < crew->count; k++) {
			if (!crew->wishes[k] || !crew->wishes[k]->is_going)
				continue;
			progress.name = crew->wishes[k]->job.file.name;
			progress.is_checking &= crew->wishes[k]->is_checking;
		}
	}
	fetcher->setup.show(fetcher->setup.desk, &progress);
}

/* Notes how many bytes of a file are there. */
static void note_bytes(struct fetcher *fetcher, struct wanted *wish, int64_t bytes)
{
	fetcher->there += bytes - wish->there;
	wish->there = bytes;
}

/* Forgets a source of which nothing is wanted, and what was finished if nothing is wanted at all. */
static void tidy(struct fetcher *fetcher, struct source *source)
{
	if (TAILQ_EMPTY(&source->waiting) && source->going == 0) {
		LIST_REMOVE(source, others);
		free(source);
	}
	if (fetcher_count(fetcher) > 0)
		return;
	fetcher->done = 0;
	fetcher->there = fetcher->bytes = 0;
	fetcher->rate = 0;
	loop_set(fetcher->setup.desk->loop, &fetcher->look_timer, LOOP_NEVER);
}

static int64_t counted_bytes(const struct wanted *wish)
{
	return wish->job.file.bytes < COUNTED_MAX_BYTES ? wish->job.file.bytes : COUNTED_MAX_BYTES;
}

/* Ends a wish that waits no more. Of one that is not done nothing counts. */
static void end_wish(struct fetcher *fetcher, struct wanted *wish, bool is_done)
{
	if (is_done) {
		fetcher->done++;
		note_bytes(fetcher, wish, wish->job.file.bytes);
	} else {
		note_bytes(fetcher, wish, 0);
		fetcher->bytes -= counted_bytes(wish);
	}
	free(wish->job.path);
	free(wish);
}

/* Has a wish wait that was going, before the others. */
static void put_back(struct fetcher *fetcher, struct wanted *wish)
{
	wish->is_going = false;
	fetcher->going--;
	fetcher->waiting++;
	TAILQ_INSERT_HEAD(&wish->source->waiting, wish, others);
}

/* Counts the members of a room, of whom there is one, who are online, and lists them unless sources is NULL. */
static size_t find_members(struct fetcher *fetcher, const struct source *source, struct fetch_source *sources)
{
	struct desk *desk = fetcher->setup.desk;
	const struct rooms *rooms = desk_rooms(desk);
	const struct room *room = rooms ? rooms_find(rooms, source->id) : NULL;
	size_t count = 0;

	for (size_t i = 0; room && room->is_member && i < room->head->member_count; i++) {
		const uint8_t *identity = room->head->members[i].identity;
		const struct peer *claim = peers_find_online(peersfile_peers(desk->peers), identity, clock_wall_ms());

		if (!claim || peer_announces(claim, desk_identity(desk)))
			continue;
		if (sources) {
			memcpy(sources[count].identity, identity, IDENTITY_BYTES);
			sources[count].address = claim->address;
		}
		count++;
	}
	return count;
}

/* Who is to be asked: so many, FETCH_SOURCES_MAX at most. */
static size_t find_sources(struct fetcher *fetcher, const struct source *source, struct fetch_source *sources)
{
	struct recipient who = {0};

	/* What was read before is the best there is. */
	(void)!peersfile_read(fetcher->setup.desk->peers);
	if (source->has_room)
		return find_members(fetcher, source, sources);
	recipient_know(&who, fetcher->setup.desk->peers, source->id, source->username, source->address);
	memcpy(sources->identity, source->id, sizeof(sources->identity));
	sources->address = who.address;
	return 1;
}

/* Whether somebody is back since this was asked last. */
static bool is_back(struct fetcher *fetcher, struct source *source)
{
	size_t before = source->online;
	struct recipient who = {0};

	if (!source->has_room)
		return patience_is_over(&source->patience,
		    recipient_know(&who, fetcher->setup.desk->peers, source->id, source->username, source->address));
	source->online = find_members(fetcher, source, NULL);
	return source->online > before;
}

/* Has a source rest: until it is back, or for a moment if that will do. */
static void rest(struct fetcher *fetcher, struct source *source, bool is_short)
{
	int64_t now_ms = clock_monotonic_ms();

	source->is_resting = true;
	if (is_short)
		source->patience = (struct patience){.due_ms = now_ms + SOON_MS};
	else
		patience_fail(&source->patience, now_ms);
	is_back(fetcher, source);
	if (!fetcher->look_timer.is_set)
		loop_set(fetcher->setup.desk->loop, &fetcher->look_timer, now_ms + LOOK_PERIOD_MS);
}

/* Looks who is back, or has rested for long enough, and shows what is going on. */
static void look(void *context)
{
	struct fetcher *fetcher = context;
	int64_t now_ms = clock_monotonic_ms();
	struct source *source;
	bool rests = false;

	(void)!peersfile_read(fetcher->setup.desk->peers);
	for (source = LIST_FIRST(&fetcher->sources); source; source = LIST_NEXT(source, others)) {
		if (source->is_resting && (is_back(fetcher, source) || source->patience.due_ms <= now_ms))
			source->is_resting = false;
		rests |= source->is_resting;
	}
	if (rests || fetcher->going > 0)
		loop_set(fetcher->setup.desk->loop, &fetcher->look_timer, now_ms + LOOK_PERIOD_MS);
	start(fetcher);
}

/* Tells what has become of a wish. */
static void tell(struct fetcher *fetcher, const struct wanted *wish, const struct fetch_report *report, bool waits)
{
	struct fetcher_news news = {
	    .outcome = report->outcome,
	    .waits = waits,
	    .error = report->error,
	    .number = wish->job.number,
	    .name = report->outcome == FETCH_DONE ? report->placed : wish->job.file.name,
	    .path = wish->job.path,
	    .bytes = wish->job.file.bytes,
	    .duration_ms = clock_monotonic_ms() - wish->begun_ms,
	    .from = report->from,
	    .is_auto = wish->is_auto,
	};

	fetcher->setup.tell(fetcher->setup.desk, &news);
}

/* Whether it is to be tried again, and when: soon, if something came or will in a moment. */
static bool is_worth_waiting(const struct fetcher *fetcher, const struct fetch_report *report)
{
	return (report->outcome == FETCH_UNREACHABLE || report->outcome == FETCH_BROKEN ||
		   report->outcome == FETCH_BUSY) &&
	       clock_monotonic_ms() < fetcher->setup.give_up_ms;
}

/* A process says what becomes of a file. */
static void take_report(struct crew *crew, const struct fetch_report *report)
{
	struct fetcher *fetcher = crew->fetcher;
	struct source *source = crew->source;
	struct wanted *wish = report->job < crew->count ? crew->wishes[report->job] : NULL;
	int64_t more = wish ? report->bytes - wish->there : 0;

	if (!wish)
		return;
	wish->is_checking = report->outcome == FETCH_CHECKING;
	if (!wish->is_checking && more > 0) {
		fetcher->received += more;
		wish->has_come = true;
	}
	note_bytes(fetcher, wish, report->bytes);
	if (report->outcome == FETCH_CHECKING || report->outcome == FETCH_RECEIVING)
		return;
	crew->wishes[report->job] = NULL;
	if (is_worth_waiting(fetcher, report)) {
		put_back(fetcher, wish);
		crew->is_over = true;
		rest(fetcher, source, report->outcome == FETCH_BUSY || wish->has_come);
		if (!wish->is_told)
			tell(fetcher, wish, report, true);
		wish->is_told = true;
		return;
	}
	fetcher->going--;
	source->patience = (struct patience){0};
	tell(fetcher, wish, report, false);
	end_wish(fetcher, wish, report->outcome == FETCH_DONE);
}

/* A process has ended: what it did not come to waits again. */
static void end_crew(struct crew *crew)
{
	struct fetcher *fetcher = crew->fetcher;
	struct source *source = crew->source;
	struct fetch_report report = {.outcome = FETCH_BROKEN, .error = ECHILD};

	loop_forget(fetcher->setup.desk->loop, crew->reports);
	close(crew->reports);
	/* If it could not be started, any other would be waited for. */
	if (crew->pid > 0)
		waitpid(crew->pid, NULL, 0);
	/* One that has not said why it ended has died. */
	for (size_t i = 0; i < crew->count && !crew->is_over; i++) {
		report.job = i;
		if (crew->wishes[i])
			take_report(crew, &report);
	}
	for (size_t i = crew->count; i-- > 0;) {
		if (crew->wishes[i])
			put_back(fetcher, crew->wishes[i]);
	}
	crew->source = NULL;
	source->going--;
	tidy(fetcher, source);
	loop_set(fetcher->setup.desk->loop, &fetcher->start_timer, 0);
}

/* The pipe of a process has something. */
static void read_reports(void *context)
{
	struct crew *crew = context;
	struct fetch_report reports[REPORTS_MAX];
	ssize_t len = read(crew->reports, reports, sizeof(reports));

	if (len < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	for (ssize_t i = 0; i < len / (ssize_t)sizeof(reports[0]); i++)
		take_report(crew, &reports[i]);
	if (len <= 0)
		end_crew(crew);
	show(crew->fetcher);
}

/* In the process. */
static void work(struct fetcher *fetcher, const struct crew *crew, const struct fetch_source *sources, size_t count,
    int reports)
{
	const struct desk *desk = fetcher->setup.desk;
	struct fetch_job jobs[FETCH_BATCH_MAX];
	struct fetch_batch batch = {
	    .own = &desk->key.identity,
	    .username = peersfile_username(desk->peers),
	    .from = desk->from,
	    .jobs = jobs,
	    .count = crew->count,
	    .sources = sources,
	    .source_count = count,
	};

	for (size_t i = 0; i < crew->count; i++)
		jobs[i] = crew->wishes[i]->job;
	fetch_run(&batch, reports);
	_exit(0);
}

/* Takes wishes of a source to a process: one, or as many small ones as there are. */
static void man(struct crew *crew, struct source *source)
{
	struct fetcher *fetcher = crew->fetcher;
	struct wanted *wish;

	crew->count = 0;
	crew->is_over = false;
	while ((wish = TAILQ_FIRST(&source->waiting)) && crew->count < FETCH_BATCH_MAX) {
		if (crew->count > 0 && wish->job.file.bytes > SMALL_BYTES)
			break;
		TAILQ_REMOVE(&source->waiting, wish, others);
		fetcher->waiting--;
		fetcher->going++;
		wish->is_going = true;
		wish->has_come = false;
		crew->wishes[crew->count++] = wish;
		if (wish->job.file.bytes > SMALL_BYTES)
			break;
	}
}

/* Starts a process for a source. Returns false if that cannot be. */
static bool start_crew(struct crew *crew, struct source *source)
{
	struct fetcher *fetcher = crew->fetcher;
	struct fetch_source sources[ROOM_MEMBERS_MAX];
	size_t count = find_sources(fetcher, source, sources);
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0) {
		rest(fetcher, source, true);
		return false;
	}
	man(crew, source);
	crew->pid = child_fork(&ends[1], 1);
	if (crew->pid == 0)
		work(fetcher, crew, sources, count, ends[1]);
	close(ends[1]);
	crew->source = source;
	crew->reports = ends[0];
	source->going++;
	if (crew->pid > 0 && loop_watch(fetcher->setup.desk->loop, crew->reports, EPOLLIN, read_reports, crew) == 0)
		return true;
	if (crew->pid > 0)
		kill(crew->pid, SIGKILL);
	end_crew(crew);
	return false;
}

static struct crew *find_free_crew(struct fetcher *fetcher)
{
	for (size_t i = 0; i < FETCHER_CHILDREN; i++) {
		if (!fetcher->crews[i].source)
			return &fetcher->crews[i];
	}
	return NULL;
}

/* The source whose turn it is: the one with the fewest processes, of those for which something waits. */
static struct source *find_source(const struct fetcher *fetcher)
{
	struct source *found = NULL, *source;

	for (source = LIST_FIRST(&fetcher->sources); source; source = LIST_NEXT(source, others)) {
		if (!source->is_resting && !TAILQ_EMPTY(&source->waiting) && source->going < FETCHER_EACH &&
		    (!found || source->going < found->going))
			found = source;
	}
	return found;
}

/* Starts as many processes as there may be. */
static void start(void *context)
{
	struct fetcher *fetcher = context;
	struct crew *crew;
	struct source *source;
	bool started = true;

	while (started && (crew = find_free_crew(fetcher)) && (source = find_source(fetcher)))
		started = fetcher->setup.desk->key.is_usable && start_crew(crew, source);
	if (fetcher->going > 0 && !fetcher->look_timer.is_set)
		loop_set(fetcher->setup.desk->loop, &fetcher->look_timer, clock_monotonic_ms() + LOOK_PERIOD_MS);
	show(fetcher);
}

/* The source of an offer, which is made if there is none. */
static struct source *source_of(struct fetcher *fetcher, const struct offer *offer, const struct chatlog_entry *entry)
{
	const uint8_t *id = offer->has_room ? offer->room : offer->by;
	size_t len = offer->has_room ? sizeof(offer->room) : sizeof(offer->by);
	struct source *source;

	for (source = LIST_FIRST(&fetcher->sources); source; source = LIST_NEXT(source, others)) {
		if (source->has_room == offer->has_room && memcmp(source->id, id, len) == 0)
			return source;
	}
	source = calloc(1, sizeof(*source));
	if (!source)
		return NULL;
	source->has_room = offer->has_room;
	memcpy(source->id, id, len);
	strcpy(source->username, entry->username);
	source->address = entry->address;
	TAILQ_INIT(&source->waiting);
	LIST_INSERT_HEAD(&fetcher->sources, source, others);
	return source;
}

static bool is_wished(const struct fetcher *fetcher, uint64_t number)
{
	const struct source *source;
	const struct wanted *wish;

	if (number > fetcher->highest)
		return false;
	for (size_t i = 0; i < FETCHER_CHILDREN; i++) {
		const struct crew *crew = &fetcher->crews[i];

		for (size_t k = 0; crew->source && k < crew->count; k++) {
			if (crew->wishes[k] && crew->wishes[k]->job.number == number)
				return true;
		}
	}
	for (source = LIST_FIRST(&fetcher->sources); source; source = LIST_NEXT(source, others)) {
		for (wish = TAILQ_FIRST(&source->waiting); wish; wish = TAILQ_NEXT(wish, others)) {
			if (wish->job.number == number)
				return true;
		}
	}
	return false;
}

int fetcher_add(struct fetcher *fetcher, const struct offer *offer, const struct chatlog_entry *entry,
    const struct fetcher_wish *how)
{
	struct source *source;
	struct wanted *wish;

	if (is_wished(fetcher, offer->number))
		return EALREADY;
	wish = calloc(1, sizeof(*wish));
	if (!wish)
		return ENOMEM;
	*wish = (struct wanted){
	    .job = {.number = offer->number, .file = entry->file},
	    .is_auto = how->is_auto,
	    .begun_ms = clock_monotonic_ms(),
	};
	memcpy(wish->job.id, offer->id, sizeof(wish->job.id));
	memcpy(wish->job.by, offer->by, sizeof(wish->job.by));
	if (how->name)
		strcpy(wish->job.file.name, how->name);
	if (how->path)
		wish->job.path = strdup(how->path);
	source = source_of(fetcher, offer, entry);
	if (!source || (how->path && !wish->job.path)) {
		free(wish->job.path);
		free(wish);
		return ENOMEM;
	}
	wish->source = source;
	TAILQ_INSERT_TAIL(&source->waiting, wish, others);
	/* The user wants it now. */
	source->is_resting = false;
	fetcher->waiting++;
	fetcher->bytes += counted_bytes(wish);
	if (offer->number > fetcher->highest)
		fetcher->highest = offer->number;
	loop_set(fetcher->setup.desk->loop, &fetcher->start_timer, 0);
	return 0;
}

size_t fetcher_stop(struct fetcher *fetcher)
{
	size_t count = fetcher_count(fetcher);
	struct source *source, *next;
	struct wanted *wish;

	for (size_t i = 0; i < FETCHER_CHILDREN; i++) {
		struct crew *crew = &fetcher->crews[i];

		if (!crew->source)
			continue;
		kill(crew->pid, SIGKILL);
		crew->is_over = true;
		end_crew(crew);
	}
	for (source = LIST_FIRST(&fetcher->sources); source; source = next) {
		next = LIST_NEXT(source, others);
		while ((wish = TAILQ_FIRST(&source->waiting))) {
			TAILQ_REMOVE(&source->waiting, wish, others);
			fetcher->waiting--;
			end_wish(fetcher, wish, false);
		}
		tidy(fetcher, source);
	}
	loop_set(fetcher->setup.desk->loop, &fetcher->start_timer, LOOP_NEVER);
	show(fetcher);
	return count;
}

void fetcher_free(struct fetcher *fetcher)
{
	if (!fetcher)
		return;
	fetcher_stop(fetcher);
	free(fetcher);
}
