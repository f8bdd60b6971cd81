#include "history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "base/stop.h"
#include "listing.h"
#include "net/address.h"
#include "outcomes.h"
#include "recipient.h"
#include "store/chatfollower.h"
#include "store/chatlog.h"
#include "store/chatreader.h"

/* Digits of HISTORY_MAX - 1. */
#define MAX_DIGITS 7

/* A history under way. */
struct history {
	struct listing listing;
	size_t newest;	  /* 0: all */
	int64_t since_ms; /* wall clock */
	struct chatreader *reader;
	int64_t begin, end; /* of what is shown, in the file */
	struct outcomes *outcomes;
};

/* Goes back to the first message that is to be shown, or to the beginning. */
static int go_back(struct history *history)
{
	bool all = history->newest == 0, is_old = false;
	struct chatlog_entry entry;
	const char *line;
	size_t count = 0, len;
	int rc = 0;

	history->begin = history->end = chatreader_offset(history->reader);
	while (!is_old && (all || count < history->newest) && listing_goes_on(&history->listing) &&
	       (rc = chatreader_line(history->reader, &line, &len)) == 0) {
		history->begin = chatreader_offset(history->reader);
		/* Of a whole log most lines say nothing about others, and need not be counted. */
		if ((all && history->since_ms == 0 && chatlog_is_received(line, len)) ||
		    chatlog_parse(line, len, &entry) != 0)
			continue;
		is_old = entry.time_ms < history->since_ms;
		count += outcomes_note(history->outcomes, &entry) && listing_has(&history->listing, &entry);
		chatlog_entry_free(&entry);
	}
	return rc == ENODATA ? 0 : rc;
}

/* Shows what is to be shown from there on. */
static int go_forward(struct history *history)
{
	struct chatfollower *log = NULL;
	struct chatlog_entry entry;
	struct outcome outcome;
	const char *line;
	int64_t offset;
	size_t len;
	int rc = chatfollower_open_still(AT_FDCWD, history->begin, &log);

	while (rc == 0 && listing_goes_on(&history->listing) &&
	       (rc = chatfollower_next(log, &line, &len, &offset)) == 0) {
		/* What is said meanwhile is for the next listing. */
		if (offset >= history->end)
			break;
		if (chatlog_parse(line, len, &entry) != 0)
			continue;
		if (entry.time_ms >= history->since_ms && listing_has(&history->listing, &entry) &&
		    (outcomes_take(history->outcomes, &entry, &outcome) ||
			(entry.kind == CHATLOG_EVENT && !history->listing.as_json)))
			listing_put(&history->listing, &entry, &outcome, NULL, 0);
		chatlog_entry_free(&entry);
	}
	chatfollower_free(log);
	return rc == ENODATA ? 0 : rc;
}

/* Finds and shows what was asked for, or tells why not. */
static int list(struct history *history)
{
	struct desk *desk = history->listing.desk;
	bool is_limited, is_cut, is_interrupted;
	int rc = chatreader_open(AT_FDCWD, &history->reader);

	if (rc == ENOENT)
		return PROGRAM_FINE;
	history->outcomes = outcomes_new();
	if (rc == 0 && !history->outcomes)
		rc = ENOMEM;
	listing_begin(&history->listing);
	/* The newest are at the end. */
	history->listing.pager.from_end = true;
	if (rc == 0)
		rc = go_back(history);
	/* What lies beyond a line that is too long for one is out of reach, and all else is shown. */
	is_limited = rc == EFBIG;
	if (rc == 0 || is_limited)
		rc = go_forward(history);
	is_cut = !listing_goes_on(&history->listing);
	is_interrupted = stop_interrupted();
	listing_end(&history->listing);
	outcomes_free(history->outcomes);
	chatreader_free(history->reader);
	history->reader = NULL;
	if (is_limited)
		console_put_styled(desk->console, CONSOLE_BAD,
		    "a line of " CHATLOG_NAME " is longer than %d MiB; what is beyond it cannot be shown\n",
		    CHATREADER_GIVE_UP_BYTES >> 20);
	else if (rc != 0)
		(void)desk_check_file(desk, "read", CHATLOG_NAME, rc);
	else if (is_interrupted && !stop_requested())
		console_put_styled(desk->console, CONSOLE_WARNING, "(interrupted)\n");
	return is_limited || rc != 0 || (desk->script && is_cut) ? PROGRAM_FAILED : PROGRAM_FINE;
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
static int list_with(struct history *history, const char *name)
{
	int status = listing_find(&history->listing, name);

	if (status == PROGRAM_FINE)
		status = list(history);
	if (status == PROGRAM_FINE && history->listing.shown == 0 && listing_find_like(&history->listing, &status))
		status = list(history);
	return status;
}

int history_show(struct desk *desk, const char *typed)
{
	struct history_wish wish;
	struct history history = {.listing.desk = desk};
	int status;

	history_read_wish(typed, &wish);
	/* A name may end like a number of messages: "Bob 2". */
	if (wish.whom[0] != '\0' && strcmp(wish.whom, typed) != 0 &&
	    (recipient_count(desk, typed, true) > 0 || listing_knows_room(&history.listing, typed))) {
		wish = (struct history_wish){.newest = HISTORY_NEWEST};
		memccpy(wish.whom, typed, '\0', sizeof(wish.whom) - 1);
	}
	history.newest = wish.newest;
	history.since_ms = wish.today ? midnight_ms() : 0;
	status = list_with(&history, wish.whom);
	if (status == PROGRAM_FINE && history.listing.shown == 0) {
		console_put(desk->console, "Nothing was said %s%s", wish.today ? "today" : "yet",
		    wish.whom[0] == '#'	   ? " in "
		    : wish.whom[0] != '\0' ? " with "
					   : "");
		console_put_foreign(desk->console, wish.whom, strlen(wish.whom));
		/* Hi all: was that a message? */
		console_put(desk->console, "%s.\n", strchr(wish.whom, ' ') ? "; @NAME TEXT sends a message" : "");
	} else if (history.listing.shown == HISTORY_NEWEST && wish.newest == HISTORY_NEWEST) {
		console_put_styled(desk->console, CONSOLE_FAINT, "(the newest %d; History all shows everything)\n",
		    HISTORY_NEWEST);
	}
	return status;
}

int history_list(struct desk *desk, const struct wish *wish)
{
	struct history history = {.listing = {.desk = desk, .as_json = wish->as_json}, .newest = wish->newest};
	int status = list_with(&history, wish->whom);
	struct in_addr address;

	if (status != PROGRAM_FINE || history.listing.shown > 0 || !wish->whom ||
	    address_parse(wish->whom, &address) == 0 || recipient_count(desk, wish->whom, true) > 0 ||
	    listing_knows_room(&history.listing, wish->whom))
		return status;
	console_put(desk->console, "There is no %s named ", wish->whom[0] == '#' ? "room" : "user");
	console_put_foreign(desk->console, wish->whom, strlen(wish->whom));
	console_put(desk->console, " here now, and nothing was said %s one.\n", wish->whom[0] == '#' ? "in" : "with");
	return DESK_NOBODY;
}
