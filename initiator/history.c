#include "history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "base/stop.h"
#include "net/address.h"
#include "outcomes.h"
#include "recipient.h"
#include "shownentry.h"
#include "store/chatfollower.h"
#include "store/chatlog.h"
#include "store/chatreader.h"
#include "term/pager.h"
#include "whose.h"

/* Digits of HISTORY_MAX - 1. */
#define MAX_DIGITS 7

/* A search under way. */
struct listing {
	struct desk *desk;
	struct pager pager;
	struct whose whose;
	size_t newest;	  /* 0: all */
	int64_t since_ms; /* wall clock */
	bool as_json;
	struct chatreader *reader;
	int64_t begin, end; /* of what is shown, in the file */
	struct outcomes *outcomes;
	size_t shown;
	bool is_limited;     /* by a line that is too long */
	bool is_cut;	     /* not all was read, or taken */
	bool is_interrupted; /* by the user */
};

/* Whether a listing that takes long is to go on. */
static bool goes_on(struct listing *listing)
{
	return !stop_interrupted() && pager_go_on(&listing->pager);
}

/* Goes back to the first message that is to be shown, or to the beginning. */
static int go_back(struct listing *listing)
{
	bool all = listing->newest == 0;
	struct chatlog_entry entry;
	const char *line;
	size_t count = 0, len;
	int rc = 0;

	listing->begin = listing->end = chatreader_offset(listing->reader);
	while ((all || count < listing->newest) && goes_on(listing) &&
	       (rc = chatreader_line(listing->reader, &line, &len)) == 0) {
		bool is_old;

		listing->begin = chatreader_offset(listing->reader);
		/* Of a whole log most lines say nothing about others, and need not be counted. */
		if ((all && listing->since_ms == 0 && chatlog_is_received(line, len)) ||
		    chatlog_parse(line, len, &entry) != 0)
			continue;
		is_old = entry.time_ms < listing->since_ms;
		count += outcomes_note(listing->outcomes, &entry) && whose_has(&listing->whose, &entry);
		chatlog_entry_free(&entry);
		if (is_old)
			break;
	}
	return rc == ENODATA ? 0 : rc;
}

/* Shows what is to be shown from there on. */
static int go_forward(struct listing *listing)
{
	struct console *console = listing->desk->data;
	struct chatfollower *log = NULL;
	struct chatlog_entry entry;
	const char *line, *outcome;
	int64_t offset;
	size_t len;
	int rc = chatfollower_open_still(AT_FDCWD, listing->begin, &log);

	while (rc == 0 && goes_on(listing) && (rc = chatfollower_next(log, &line, &len, &offset)) == 0) {
		/* What is said meanwhile is for the next listing. */
		if (offset >= listing->end)
			break;
		if (chatlog_parse(line, len, &entry) != 0)
			continue;
		if (entry.time_ms >= listing->since_ms && whose_has(&listing->whose, &entry) &&
		    outcomes_take(listing->outcomes, &entry, &outcome)) {
			if (listing->as_json)
				shownentry_put_object(console, &entry, outcome);
			else
				shownentry_put_line(console, &entry, outcome, NULL, 0);
			listing->shown++;
		}
		chatlog_entry_free(&entry);
	}
	chatfollower_free(log);
	return rc == ENODATA ? 0 : rc;
}

/* Finds and shows what was asked for. */
static int go(struct listing *listing)
{
	int rc;

	desk_begin_listing(listing->desk, &listing->pager);
	/* The newest are at the end. */
	listing->pager.from_end = true;
	rc = go_back(listing);
	/* What lies beyond a line that is too long for one is out of reach, and all else is shown. */
	listing->is_limited = rc == EFBIG;
	if (rc == 0 || rc == EFBIG)
		rc = go_forward(listing);
	listing->is_cut = !goes_on(listing);
	listing->is_interrupted = stop_interrupted();
	desk_end_listing(listing->desk, &listing->pager);
	return rc;
}

/* The same, or tells why not. */
static int list(struct listing *listing)
{
	struct console *console = listing->desk->console;
	int rc = chatreader_open(AT_FDCWD, &listing->reader);

	if (rc == ENOENT)
		return PROGRAM_FINE;
	listing->outcomes = outcomes_new();
	if (rc == 0)
		rc = listing->outcomes ? go(listing) : ENOMEM;
	outcomes_free(listing->outcomes);
	chatreader_free(listing->reader);
	if (listing->is_limited)
		console_put_styled(console, CONSOLE_BAD,
		    "a line of " CHATLOG_NAME " is longer than %d MiB; what is beyond it cannot be shown\n",
		    CHATREADER_GIVE_UP_BYTES >> 20);
	else if (rc != 0)
		(void)desk_check_file(listing->desk, "read", CHATLOG_NAME, rc);
	else if (listing->is_interrupted && !stop_requested())
		console_put_styled(console, CONSOLE_WARNING, "(interrupted)\n");
	return !listing->is_limited && rc == 0 && !(listing->desk->script && listing->is_cut) ? PROGRAM_FINE
											      : PROGRAM_FAILED;
}

/* Takes the last word off text if it is one of those behind a name. */
static bool take_word(char *text, struct history_wish *wish, bool *counted)
{
	char *space = strrchr(text, ' '), *word = space ? space + 1 : text;
	size_t len = strlen(word);

	if (strcasecmp(word, "today") == 0 && !wish->today) {
		wish->today = true;
	} else if (!*counted && strcasecmp(word, "all") == 0) {
		wish->newest = 0;
		*counted = true;
	} else if (!*counted && len > 0 && strspn(word, "0123456789") == len && strspn(word, "0") < len) {
		wish->newest = len <= MAX_DIGITS ? strtoul(word, NULL, 10) : HISTORY_MAX;
		*counted = true;
	} else {
		return false;
	}
	while (word > text && word[-1] == ' ')
		word--;
	*word = '\0';
	return true;
}

void history_read_wish(const char *typed, struct history_wish *wish)
{
	bool counted = false;

	*wish = (struct history_wish){.newest = HISTORY_NEWEST};
	memccpy(wish->whom, typed, '\0', sizeof(wish->whom) - 1);
	while (take_word(wish->whom, wish, &counted))
		;
	if (wish->today && !counted)
		wish->newest = 0;
}

static int64_t midnight_ms(void)
{
	time_t now = (time_t)(clock_wall_ms() / 1000);
	struct tm local;

	if (!localtime_r(&now, &local))
		return 0;
	local.tm_hour = local.tm_min = local.tm_sec = 0;
	local.tm_isdst = -1;
	return (int64_t)mktime(&local) * 1000;
}

/*
 * Lists what was said with whom. Somebody of exactly that name in the log comes before who is there and has a name that
 * begins so.
 */
static int list_with(struct listing *listing, const char *name)
{
	int status = whose_find(&listing->whose, listing->desk, name);

	if (status == PROGRAM_FINE)
		status = list(listing);
	if (status == PROGRAM_FINE && listing->shown == 0 &&
	    whose_find_like(&listing->whose, listing->desk, name, &status))
		status = list(listing);
	return status;
}

static void put_nothing(struct console *console, const struct history_wish *wish)
{
	console_put(console, "Nothing was said %s", wish->today ? "today" : "yet");
	if (wish->whom[0] != '\0') {
		console_put(console, " with ");
		console_put_foreign(console, wish->whom, strlen(wish->whom));
	}
	console_put(console, ".\n");
}

int history_show(struct desk *desk, const char *typed)
{
	struct history_wish wish;
	struct listing listing = {.desk = desk};
	int status;

	history_read_wish(typed, &wish);
	/* A name may end like a number of messages: "Bob 2". */
	if (wish.whom[0] != '\0' && strcmp(wish.whom, typed) != 0 && recipient_count(desk, typed, true) > 0) {
		wish = (struct history_wish){.newest = HISTORY_NEWEST};
		memccpy(wish.whom, typed, '\0', sizeof(wish.whom) - 1);
	}
	listing.newest = wish.newest;
	listing.since_ms = wish.today ? midnight_ms() : 0;
	status = list_with(&listing, wish.whom);
	if (status == PROGRAM_FINE && listing.shown == 0)
		put_nothing(desk->console, &wish);
	else if (listing.shown == HISTORY_NEWEST && wish.newest == HISTORY_NEWEST)
		console_put_styled(desk->console, CONSOLE_FAINT, "(the newest %d; History all shows everything)\n",
		    HISTORY_NEWEST);
	return status;
}

int history_list(struct desk *desk, const char *whom, size_t newest, bool as_json)
{
	struct listing listing = {.desk = desk, .newest = newest, .as_json = as_json};
	int status = list_with(&listing, whom ? whom : "");
	struct in_addr address;

	if (status != PROGRAM_FINE || listing.shown > 0 || !whom || address_parse(whom, &address) == 0 ||
	    recipient_count(desk, whom, true) > 0)
		return status;
	console_put(desk->console, "There is no user named ");
	console_put_foreign(desk->console, whom, strlen(whom));
	console_put(desk->console, " here now, and nothing was said with one.\n");
	return DESK_NOBODY;
}
