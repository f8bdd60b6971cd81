#include "get.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/stop.h"
#include "base/text.h"
#include "delivery.h"
#include "recipient.h"
#include "room/rooms.h"
#include "store/lockedfile.h"
#include "trust/verdict.h"

/* Of more files that are done one after the other only the number is told. */
#define TOLD_MAX 10
/* What stands in the row beside a name takes no more columns; a name with fewer is of no use. */
#define FIGURES_COLUMNS 44
#define NAME_COLUMNS_MIN 8
/* Clears the row behind the cursor. */
#define CLEAR_REST "\033[K"

/* The row. */

/* Writes a name, escaped, and cut to so many columns at most. */
static void put_name(const char *name, size_t columns, char out[static GET_ROW_BYTES])
{
	size_t len = text_escape(out, GET_ROW_BYTES, name, strlen(name)), at = columns;

	/* No character takes more columns than bytes. */
	if (len <= columns || columns < sizeof("…"))
		return;
	at -= sizeof("…") - 1;
	while (at > 0 && ((unsigned char)out[at] & 0xc0) == 0x80)
		at--;
	strcpy(out + at, "…");
}

/* Writes how long it may still take. */
static void put_left(int64_t seconds, char out[static 32])
{
	if (seconds < 100)
		snprintf(out, 32, "  %" PRId64 " s left", seconds);
	else if (seconds < 100 * 60)
		snprintf(out, 32, "  %" PRId64 " min left", seconds / 60);
	else
		snprintf(out, 32, "  %" PRId64 " h left", seconds / 3600);
}

void get_format_row(const struct fetcher_progress *progress, unsigned columns, char row[static GET_ROW_BYTES])
{
	char name[GET_ROW_BYTES] = "", size[FILEOFFER_SIZE_BYTES], rate[48] = "", left[32] = "";
	size_t files = progress->going + progress->waiting + progress->done;
	int percent = progress->bytes > 0 ? (int)((double)progress->there * 100 / (double)progress->bytes) : 0;

	row[0] = '\0';
	if (progress->going == 0 || !progress->name)
		return;
	if (files > 1)
		snprintf(name, sizeof(name), "%zu of %zu files", progress->done, files);
	else if (columns >= FIGURES_COLUMNS + NAME_COLUMNS_MIN)
		put_name(progress->name, columns - FIGURES_COLUMNS, name);
	if (progress->is_checking)
		snprintf(rate, sizeof(rate), "  checking what is there");
	else if (progress->rate > 0)
		snprintf(rate, sizeof(rate), "  %s/s", fileoffer_format_size(progress->rate, size));
	if (progress->rate > 0 && !progress->is_checking)
		put_left((progress->bytes - progress->there) / progress->rate, left);
	snprintf(row, GET_ROW_BYTES, "%s  %d %%%s%s", name, percent, rate, left);
}

/* Draws it: above what is typed, or in a script on a row of its own. */
static void draw_row(struct desk *desk, const char *row)
{
	struct outlet *outlet = &desk->console->outlet;
	bool is_last = row[0] == '\0';

	if (!desk->script) {
		prompt_show_status(&desk->prompt, row);
		return;
	}
	if (!desk->console->terminal || (is_last && !desk->files.has_row))
		return;
	console_flush(desk->console);
	if (buffer_printf(&outlet->backlog, "\r%s%s", row, CLEAR_REST) == 0)
		outlet_flush(outlet);
	desk->files.has_row = !is_last;
}

static void show(struct desk *desk, const struct fetcher_progress *progress)
{
	unsigned columns = console_width(desk->console);
	char row[GET_ROW_BYTES];

	get_format_row(progress, columns > 0 ? columns : 80, row);
	draw_row(desk, row);
	if (progress->going + progress->waiting > 0)
		return;
	if (desk->files.untold > 0) {
		char size[FILEOFFER_SIZE_BYTES];

		console_put(desk->console, "And %zu more files are in " SHELF_NAME "/ (%s).\n", desk->files.untold,
		    fileoffer_format_size(desk->files.untold_bytes, size));
		prompt_wake(&desk->prompt);
	}
	desk->files.told = desk->files.untold = 0;
	desk->files.untold_bytes = 0;
}

/* The lines. */

static void put_done(struct desk *desk, const struct fetcher_news *news)
{
	char size[FILEOFFER_SIZE_BYTES];
	int64_t tenths = news->duration_ms / 100;

	if (!news->path && desk->files.told++ >= TOLD_MAX) {
		desk->files.untold++;
		desk->files.untold_bytes += news->bytes;
		return;
	}
	if (news->path)
		console_put_foreign(desk->console, news->path, strlen(news->path));
	else
		console_put_filename(desk->console, CONSOLE_NORMAL, news->name);
	console_put(desk->console, " is %s (%s, %" PRId64 ".%d s)\n", news->path ? "there" : "in " SHELF_NAME "/",
	    fileoffer_format_size(news->bytes, size), tenths / 10, (int)(tenths % 10));
}

/* What went wrong: after the name of the file, and between and behind the name of who was asked. */
static void put_failure(struct desk *desk, const struct fetcher_news *news)
{
	static const struct {
		const char *before, *after;
	} sentences[] = {
	    [FETCH_UNREACHABLE] = {": cannot reach ", ""},
	    [FETCH_BROKEN] = {" broke off at ", ""},
	    [FETCH_BUSY] = {": ", " is busy with other files"},
	    [FETCH_ELSEWHERE] = {" is being fetched by another program of yours", NULL},
	    [FETCH_GONE] = {": ", " does not offer it any more"},
	    [FETCH_CHANGED] = {" has changed at ", " since it was offered"},
	    [FETCH_BLOCKED] = {": ", " refuses you"},
	    [FETCH_FALSE] = {": what came from ", " is not what was offered; it was thrown away"},
	    [FETCH_FAILED] = {" cannot be stored", NULL},
	};
	struct console *console = desk->console;
	char name[USERNAME_MAX_BYTES + 1];

	console_put_filename(console, CONSOLE_NORMAL, news->name);
	console_put_styled(console, news->waits ? CONSOLE_WARNING : CONSOLE_BAD, "%s", sentences[news->outcome].before);
	if (sentences[news->outcome].after) {
		rooms_name_other(desk->peers, NULL, news->from, name);
		console_put_name(console, CONSOLE_NORMAL, name);
		console_put(console, "%s", sentences[news->outcome].after);
	}
	if (news->outcome == FETCH_FAILED)
		console_put(console, ": %s; what came is kept", lockedfile_reason(news->error));
	else if (news->error != 0 && (news->outcome == FETCH_UNREACHABLE || news->outcome == FETCH_BROKEN))
		console_put(console, ": %s", strerror(news->error));
	console_put(console, news->waits		     ? "; it goes on by itself.\n"
			     : news->outcome == FETCH_BROKEN ? "; what came is kept.\n"
							     : ".\n");
}

static void tell(struct desk *desk, const struct fetcher_news *news)
{
	static const int statuses[] = {
	    [FETCH_DONE] = PROGRAM_FINE,
	    [FETCH_UNREACHABLE] = DESK_UNREACHABLE,
	    [FETCH_BROKEN] = DESK_UNCONFIRMED,
	    [FETCH_BUSY] = DESK_REFUSED,
	    [FETCH_ELSEWHERE] = PROGRAM_FAILED,
	    [FETCH_GONE] = DESK_REFUSED,
	    [FETCH_CHANGED] = DESK_CHANGED,
	    [FETCH_BLOCKED] = DESK_REFUSED,
	    [FETCH_FALSE] = PROGRAM_FAILED,
	    [FETCH_FAILED] = PROGRAM_FAILED,
	};

	if (!news->waits)
		desk->files.status = desk_worse(desk->files.status, statuses[news->outcome]);
	/* What comes by itself fails by itself. */
	if (news->is_auto && news->outcome != FETCH_DONE && news->outcome != FETCH_FAILED)
		return;
	draw_row(desk, "");
	if (news->outcome == FETCH_DONE)
		put_done(desk, news);
	else
		put_failure(desk, news);
	prompt_wake(&desk->prompt);
	if (desk->script)
		console_flush(desk->console);
}

/* Get. */

bool get_begin(struct desk *desk, int64_t give_up_ms)
{
	struct fetcher_setup setup = {.desk = desk, .give_up_ms = give_up_ms, .tell = tell, .show = show};

	if (!desk->fetcher)
		desk->fetcher = fetcher_new(&setup);
	if (!desk->fetcher)
		console_put_styled(desk->console, CONSOLE_BAD, "out of memory\n");
	return desk->fetcher != NULL;
}

/* Whether the file is there still, as it was fetched. */
static bool is_there(const struct offer *offer)
{
	struct chatlog_entry entry;
	bool is_there = false;
	int fd;

	if (!offer->is_fetched || offer_read_fetched(offer, AT_FDCWD, &entry) != 0)
		return false;
	if (entry.has_source && filesource_open(entry.source.path, &fd, NULL) == 0) {
		is_there = filesource_check(fd, &entry.source.stamp) == 0;
		close(fd);
	}
	chatlog_entry_free(&entry);
	return is_there;
}

/* Tells that there is no such offer. */
static int refuse(struct desk *desk, const char *what, const char *why)
{
	console_put_styled(desk->console, CONSOLE_WARNING, "%s", why);
	console_put_foreign(desk->console, what, strlen(what));
	console_put(desk->console, "; Files lists what there is.\n");
	return DESK_NOBODY;
}

/* Whether somebody else offers something under the same id: whoever knows one can do that. */
static bool is_copied(const struct offers *offers, const struct offer *offer)
{
	const struct offer *other = offer;

	while ((other = offers_next_of(offers, offer->id, other)) && memcmp(other->by, offer->by, IDENTITY_BYTES) == 0)
		;
	return other != NULL;
}

/* The offer with that number, or in base64 that id; NULL, after telling the user, if there is not one. */
static const struct offer *find(struct desk *desk, const struct offers *offers, const char *wanted)
{
	uint8_t id[ENVELOPE_ID_BYTES];
	const struct offer *found;
	bool is_id;
	size_t len;

	is_id = sodium_base642bin(id, sizeof(id), wanted, strlen(wanted), NULL, &len, NULL, BASE64_VARIANT) == 0 &&
		len == sizeof(id);
	found = is_id ? offers_next_of(offers, id, NULL) : offers_find(offers, strtoull(wanted, NULL, 10));
	if (!found) {
		refuse(desk, wanted, "There is no offer ");
	} else if (is_id && is_copied(offers, found)) {
		refuse(desk, wanted, "Several people offer something under that id, so say the number: ");
		found = NULL;
	}
	return found;
}

bool get_is_offered(struct desk *desk, const struct offer *offer)
{
	return !offer->is_own && !offer->is_held && (!offer->has_room || desk_is_member(desk, offer->room));
}

/* Has one fetched. */
int get_want(struct desk *desk, const struct offer *offer, const struct fetcher_wish *wish)
{
	struct chatlog_entry entry;
	int rc = offer_read(offer, AT_FDCWD, &entry);

	if (rc != 0)
		return desk_check_file(desk, "read", CHATLOG_NAME, rc);
	rc = fetcher_add(desk->fetcher, offer, &entry, wish);
	chatlog_entry_free(&entry);
	if (rc == ENOMEM)
		console_put_styled(desk->console, CONSOLE_BAD, "out of memory\n");
	return rc == ENOMEM ? PROGRAM_FAILED : PROGRAM_FINE;
}

/* Has one fetched, if it can be. */
static int want_one(struct desk *desk, const struct offer *offer, const struct fetcher_wish *wish)
{
	const char *fault = wish->name ? filename_fault(wish->name, strlen(wish->name)) : NULL;
	size_t before = fetcher_count(desk->fetcher);
	char number[24];
	int status;

	snprintf(number, sizeof(number), "%" PRIu64, offer->number);
	if (fault) {
		console_put_styled(desk->console, CONSOLE_WARNING, "That name will not do: it %s.\n", fault);
		return PROGRAM_FAILED;
	}
	if (offer->is_own)
		return refuse(desk, number, "You offer that yourself: ");
	if (offer->is_held)
		return refuse(desk, number, "Whoever offers that waits for Accept or Reject: ");
	if (!get_is_offered(desk, offer))
		return refuse(desk, number, "You are not in the room of that any more: ");
	if (wish->path && faccessat(AT_FDCWD, wish->path, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
		console_put_failure(desk->console, CONSOLE_BAD, "make", wish->path, EEXIST);
		return PROGRAM_FAILED;
	}
	if (!wish->name && !wish->path && is_there(offer)) {
		console_put(desk->console,
		    "It is here already; Files says where, and Get N as NAME fetches it again.\n");
		return PROGRAM_FINE;
	}
	status = get_want(desk, offer, wish);
	if (status == PROGRAM_FINE && fetcher_count(desk->fetcher) == before)
		console_put(desk->console, "It is on its way already.\n");
	return status;
}

/* Has all fetched that are not here. */
static int want_all(struct desk *desk, const struct offers *offers)
{
	const struct fetcher_wish wish = {0};
	size_t before = fetcher_count(desk->fetcher);
	int status = PROGRAM_FINE;

	for (size_t i = 0; i < offers_count(offers) && status == PROGRAM_FINE; i++) {
		const struct offer *offer = offers_at(offers, i);

		if (!offer->is_fetched && get_is_offered(desk, offer))
			status = get_want(desk, offer, &wish);
	}
	if (status == PROGRAM_FINE && fetcher_count(desk->fetcher) == before)
		console_put(desk->console, "Everything that is offered is here, or on its way.\n");
	return status;
}

static int want_any(struct desk *desk, const char *wanted, const struct fetcher_wish *wish)
{
	const struct offers *offers = desk_offers(desk);
	const struct offer *offer;

	if (!offers || !desk_read_peers(desk))
		return PROGRAM_FAILED;
	if (strcasecmp(wanted, "all") == 0)
		return want_all(desk, offers);
	offer = find(desk, offers, wanted);
	return offer ? want_one(desk, offer, wish) : DESK_NOBODY;
}

static bool is_over(void *context)
{
	const struct desk *desk = context;

	return fetcher_count(desk->fetcher) == 0;
}

/* Runs the loop until nothing goes on. Returns the worse of a status and what has become of the files. */
static int await_all(struct desk *desk, int status)
{
	desk->files.status = PROGRAM_FINE;
	if (fetcher_count(desk->fetcher) > 0 && !desk->console->terminal) {
		console_put(desk->console, "Fetching %zu file%s ...\n", fetcher_count(desk->fetcher),
		    fetcher_count(desk->fetcher) == 1 ? "" : "s");
		console_flush(desk->console);
	}
	if (loop_run_until(desk->loop, is_over, desk) != 0) {
		get_stop(desk);
		return DESK_UNCONFIRMED;
	}
	return desk_worse(status, desk->files.status);
}

int get_run(struct desk *desk, const char *wanted)
{
	struct fetcher_wish wish = {0};
	char *copy, *as, *answer;
	int status = PROGRAM_FAILED;

	if (wanted[0] == '\0') {
		if (!prompt_ask_word(&desk->prompt, "Number of the offer, or all: ", &answer))
			return PROGRAM_FAILED;
		wanted = answer;
	}
	copy = strdup(wanted);
	as = copy ? strcasestr(copy, " as ") : NULL;
	if (as) {
		*as = '\0';
		wish.name = as + strlen(" as ");
	}
	if (copy && get_begin(desk, desk->prompt.terminal ? LOOP_NEVER : clock_monotonic_ms())) {
		status = want_any(desk, copy, &wish);
		/* Nobody is there for whom it could go on. */
		if (!desk->prompt.terminal)
			status = await_all(desk, status);
	}
	free(copy);
	return status;
}

int get_fetch(struct desk *desk, const struct get_order *order)
{
	struct fetcher_wish wish = {.path = order->path};

	if (!get_begin(desk, clock_monotonic_ms() + order->wait_ms))
		return PROGRAM_FAILED;
	return await_all(desk, want_any(desk, order->wanted, &wish));
}

void get_stop(struct desk *desk)
{
	size_t count = desk->fetcher ? fetcher_stop(desk->fetcher) : 0;

	if (count > 0)
		console_put(desk->console, "Stopped: %zu file%s; what came is kept.\n", count, count == 1 ? "" : "s");
}

/* Withdraw. */

int get_withdraw(struct desk *desk, const char *number)
{
	struct chatlog_entry entry = {
	    .kind = CHATLOG_STATE, .state = CHATLOG_WITHDRAWN, .has_id = true, .has_identity = true};
	const struct offers *offers = desk_offers(desk);
	const struct offer *offer;
	struct buffer line = {0};
	const char *own;
	char *answer;
	int rc;

	if (number[0] == '\0') {
		if (desk->script || !prompt_ask_word(&desk->prompt, "Number of the offer: ", &answer))
			return PROGRAM_FAILED;
		number = answer;
	}
	offer = offers && desk_read_peers(desk) ? find(desk, offers, number) : NULL;
	if (!offer)
		return offers ? DESK_NOBODY : PROGRAM_FAILED;
	if (!offer->is_own)
		return refuse(desk, number, "That is offered by somebody else: ");
	own = peersfile_username(desk->peers);
	entry.time_ms = clock_wall_ms();
	entry.number = offer->number;
	snprintf(entry.username, sizeof(entry.username), "%s", own ? own : VERDICT_NAMELESS);
	memcpy(entry.id, offer->id, sizeof(entry.id));
	memcpy(entry.identity, offer->by, sizeof(entry.identity));
	rc = chatlog_format(&line, &entry);
	if (rc == 0)
		rc = chatlog_append(desk->log, line.data, line.len, CHATLOG_DURABLE);
	buffer_free(&line);
	/* Whom it has not reached need not hear of it. */
	if (rc == 0 && (!desk->script || delivery_start(desk->delivery) == 0))
		rc = delivery_withdraw(desk->delivery, entry.id);
	if (rc == 0 && !desk->script)
		console_put(desk->console, "Withdrawn: nobody can fetch it from you any more.\n");
	return desk_check_file(desk, "write", CHATLOG_NAME, rc);
}
