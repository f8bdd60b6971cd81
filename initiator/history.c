#include "history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "base/decimal.h"
#include "base/jsontext.h"
#include "base/stop.h"
#include "net/address.h"
#include "outcomes.h"
#include "recipient.h"
#include "store/chatlog.h"
#include "store/chatreader.h"
#include "store/lockedfile.h"

/* Digits of HISTORY_MAX - 1. */
#define MAX_DIGITS 7
/* Long listings go out in pieces of about this size. */
#define FLUSH_BYTES 65536

/* Whose messages are meant. */
struct whose {
	const char *name; /* or NULL for everybody */
	struct in_addr address;
	bool has_address;		       /* then it counts alone */
	char username[USERNAME_MAX_BYTES + 1]; /* what else name is called, or "" */
	uint8_t identity[IDENTITY_BYTES];
	bool has_identity;
	bool only_identity; /* a name with another identity is somebody else */
};

/* A search under way. */
struct listing {
	struct desk *desk;
	struct whose whose;
	size_t newest;	  /* 0: all */
	int64_t since_ms; /* wall clock */
	bool as_json;
	struct chatreader *reader;
	struct outcomes *outcomes;
	size_t shown;
};

static void put_text(const struct chatlog_entry *entry, const char *outcome, struct console *console)
{
	char local[CLOCK_LOCAL_BYTES], ip[ADDRESS_TEXT_BYTES];

	clock_format_local(entry->time_ms, true, local);
	console_put_styled(console, CONSOLE_FAINT, "%s", local);
	console_put_styled(console, entry->direction == CHATLOG_RECEIVED ? CONSOLE_GOOD : CONSOLE_NORMAL, "  %-8s",
	    chatlog_direction_word(entry->direction));
	console_put(console, "  ");
	console_put_name(console, CONSOLE_NORMAL, entry->username);
	console_put(console, " (%s) [%s]", address_format(entry->address, ip), chatlog_mode_word(entry->mode));
	if (entry->standing)
		console_put(console, " [%s]", entry->standing);
	if (outcome && strcmp(outcome, "delivered") == 0)
		console_put_styled(console, CONSOLE_GOOD, " ✓");
	else if (outcome && entry->direction != CHATLOG_RECEIVED && strcmp(outcome, "sent") != 0)
		console_put_styled(console, CONSOLE_WARNING, " [%s]", outcome);
	console_put(console, ": ");
	console_put_message(console, entry->text, entry->text_len);
	console_put(console, "\n");
}

/* The object of the log, with what has become of the message. */
static void put_json(const struct chatlog_entry *entry, const char *outcome, struct console *console)
{
	struct buffer json = {0};

	if (outcome)
		json_object_set_new(entry->document, "state", json_string(outcome));
	if (jsontext_append(&json, entry->document) == 0) {
		console_put_json(console, json.data, json.len);
		console_put(console, "\n");
	}
	buffer_wipe(&json);
}

static bool is_of(const struct whose *whose, const struct chatlog_entry *entry)
{
	bool same =
	    whose->has_identity && entry->has_identity && memcmp(whose->identity, entry->identity, IDENTITY_BYTES) == 0;

	if (!whose->name)
		return true;
	if (whose->has_address)
		return whose->address.s_addr == entry->address.s_addr;
	if (same || (whose->only_identity && entry->has_identity))
		return same;
	return username_is_same(entry->username, whose->name) || username_is_same(entry->username, whose->username);
}

/* Whether a listing that takes long is to go on. */
static bool goes_on(const struct listing *listing)
{
	return !stop_interrupted() && !listing->desk->data->outlet.broken;
}

/* Most lines of a whole log say nothing about the messages of other lines, and need not be parsed for that. */
static bool may_tell(const char *line, size_t len)
{
	static const char received[] = "\"RECEIVED\"";

	return !memmem(line, len, received, strlen(received));
}

/* Goes back to the first message that is to be shown, or to the beginning. */
static int go_back(struct listing *listing)
{
	bool all = listing->newest == 0;
	struct chatlog_entry entry;
	const char *line;
	size_t count = 0, len;
	int rc = 0;

	while ((all || count < listing->newest) && goes_on(listing) &&
	       (rc = chatreader_line(listing->reader, &line, &len)) == 0) {
		bool is_old;

		if ((all && listing->since_ms == 0 && !may_tell(line, len)) || chatlog_parse(line, len, &entry) != 0)
			continue;
		is_old = entry.time_ms < listing->since_ms;
		count += outcomes_note(listing->outcomes, &entry) && is_of(&listing->whose, &entry);
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
	struct chatlog_entry entry;
	const char *line, *outcome;
	size_t len;
	int rc = 0;

	chatreader_turn(listing->reader);
	while (goes_on(listing) && (rc = chatreader_line(listing->reader, &line, &len)) == 0) {
		if (chatlog_parse(line, len, &entry) != 0)
			continue;
		if (entry.time_ms >= listing->since_ms && is_of(&listing->whose, &entry) &&
		    outcomes_take(listing->outcomes, &entry, &outcome)) {
			if (listing->as_json)
				put_json(&entry, outcome, console);
			else
				put_text(&entry, outcome, console);
			listing->shown++;
		}
		chatlog_entry_free(&entry);
		if (console_waiting_bytes(console) >= FLUSH_BYTES)
			console_flush(console);
	}
	return rc == ENODATA ? 0 : rc;
}

/* Shows what was asked for, or tells why not. */
static int list(struct listing *listing)
{
	struct console *console = listing->desk->console;
	int rc = chatreader_open(AT_FDCWD, true, &listing->reader), limit;

	if (rc == ENOENT)
		return PROGRAM_FINE;
	listing->outcomes = outcomes_new();
	if (rc == 0 && !listing->outcomes)
		rc = ENOMEM;
	if (rc == 0)
		rc = go_back(listing);
	/* What lies beyond a line that is too long for one is out of reach, and all else is shown. */
	limit = rc;
	if (rc == 0 || rc == EFBIG)
		rc = go_forward(listing);
	outcomes_free(listing->outcomes);
	chatreader_free(listing->reader);
	if (limit == EFBIG)
		console_put_styled(console, CONSOLE_BAD,
		    "a line of " CHATLOG_NAME " is longer than %d MiB; what is beyond it cannot be shown\n",
		    CHATREADER_GIVE_UP_BYTES >> 20);
	else if (rc != 0)
		console_put_styled(console, CONSOLE_BAD, "cannot read " CHATLOG_NAME ": %s\n", lockedfile_reason(rc));
	return limit == 0 && rc == 0 && (!listing->desk->script || goes_on(listing)) ? PROGRAM_FINE : PROGRAM_FAILED;
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

/* Finds out whom name means, asking if several may be meant: then nobody else who has it is. */
static int choose(struct desk *desk, const char *name, struct whose *whose)
{
	size_t count = recipient_count(desk, name, false);
	struct recipient recipient;
	int status = recipient_find(&recipient, name, true, desk);

	if (status != PROGRAM_FINE)
		return status;
	strcpy(whose->username, recipient.username);
	whose->has_identity = recipient.has_identity;
	whose->only_identity = recipient.has_identity && (count > 1 || decimal_is_number(name, strlen(name)));
	memcpy(whose->identity, recipient.identity, IDENTITY_BYTES);
	return PROGRAM_FINE;
}

/* The same for a whole name, which means whoever had it if nobody can be asked. Everybody is meant by "". */
static int find_whose(struct desk *desk, const char *name, struct whose *whose)
{
	size_t count;

	if (name[0] == '\0')
		return PROGRAM_FINE;
	whose->name = name;
	whose->has_address = address_parse(name, &whose->address) == 0;
	count = whose->has_address ? 0 : recipient_count(desk, name, true);
	if (count == 0 || (count > 1 && !desk->prompt.terminal))
		return PROGRAM_FINE;
	return choose(desk, name, whose);
}

/*
 * Lists what was said with whom. Somebody of exactly that name in the log comes before who is there and has a name that
 * begins so.
 */
static int list_with(struct listing *listing, const char *name)
{
	struct desk *desk = listing->desk;
	int status = find_whose(desk, name, &listing->whose);

	if (status == PROGRAM_FINE)
		status = list(listing);
	if (status != PROGRAM_FINE || listing->shown > 0 || desk->script || listing->whose.username[0] != '\0' ||
	    listing->whose.has_address || name[0] == '\0' || recipient_count(desk, name, false) == 0)
		return status;
	status = choose(desk, name, &listing->whose);
	return status == PROGRAM_FINE ? list(listing) : status;
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
