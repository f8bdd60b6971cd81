#include "history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/stop.h"
#include "net/address.h"
#include "store/chatlog.h"
#include "store/chatreader.h"
#include "store/lockedfile.h"

/* Long listings go out in pieces of about this size. */
#define FLUSH_BYTES 65536

static void put_entry(const struct chatlog_entry *entry, struct console *console)
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
	console_put(console, ": ");
	console_put_message(console, entry->text, entry->text_len);
	console_put(console, "\n");
}

static bool is_with(const struct chatlog_entry *entry, const char *whom)
{
	struct in_addr address;

	if (address_parse(whom, &address) == 0)
		return address.s_addr == entry->address.s_addr;
	return whom[0] == '\0' || username_is_same(entry->username, whom);
}

/* Reads a line; false if it is no message, or one of which another line says more, or one that is not shown yet. */
static bool read_entry(const char *line, size_t len, struct chatlog_entry *entry)
{
	if (chatlog_parse(line, len, entry) != 0)
		return false;
	if (entry->kind == CHATLOG_MESSAGE && entry->direction != CHATLOG_QUEUED && !entry->held)
		return true;
	chatlog_entry_free(entry);
	return false;
}

static int show_all(struct chatreader *reader, struct console *console, size_t *shown)
{
	struct chatlog_entry entry;
	const char *line;
	size_t len;
	int rc;

	while (!stop_requested() && !console->outlet.broken && (rc = chatreader_line(reader, &line, &len)) == 0) {
		if (!read_entry(line, len, &entry))
			continue;
		put_entry(&entry, console);
		chatlog_entry_free(&entry);
		++*shown;
		if (console_waiting_bytes(console) >= FLUSH_BYTES)
			console_flush(console);
	}
	return stop_requested() || console->outlet.broken ? ENODATA : rc;
}

/* Goes back until enough are found, then shows them forward. */
static int show_newest(struct chatreader *reader, const char *whom, struct console *console, size_t *shown)
{
	struct chatlog_entry found[HISTORY_NEWEST];
	const char *line;
	size_t count = 0, len;
	int rc = 0;

	while (count < HISTORY_NEWEST && !stop_requested() && (rc = chatreader_line(reader, &line, &len)) == 0) {
		if (!read_entry(line, len, &found[count]))
			continue;
		if (is_with(&found[count], whom))
			count++;
		else
			chatlog_entry_free(&found[count]);
	}
	*shown = count;
	while (count-- > 0) {
		put_entry(&found[count], console);
		chatlog_entry_free(&found[count]);
		if (console_waiting_bytes(console) >= FLUSH_BYTES)
			console_flush(console);
	}
	return stop_requested() ? ENODATA : rc;
}

int history_show(struct desk *desk, const char *which)
{
	struct console *console = desk->console;
	bool all = strcasecmp(which, "all") == 0;
	struct chatreader *reader = NULL;
	size_t shown = 0;
	int rc = chatreader_open(AT_FDCWD, !all, &reader);

	if (rc == 0)
		rc = all ? show_all(reader, console, &shown) : show_newest(reader, which, console, &shown);
	chatreader_free(reader);
	if (rc == EFBIG) {
		console_put_styled(console, CONSOLE_BAD,
		    "a line of " CHATLOG_NAME " is longer than %d MiB; what is beyond it cannot be shown\n",
		    CHATREADER_GIVE_UP_BYTES >> 20);
	} else if (rc != 0 && rc != ENODATA && rc != ENOENT) {
		console_put_styled(console, CONSOLE_BAD, "cannot read " CHATLOG_NAME ": %s\n", lockedfile_reason(rc));
	} else if (shown == 0 && (all || which[0] == '\0')) {
		console_put(console, "Nothing was said yet.\n");
	} else if (shown == 0) {
		console_put(console, "Nothing was said yet with ");
		console_put_foreign(console, which, strlen(which));
		console_put(console, "; History takes a whole name, or an address.\n");
	} else if (shown == HISTORY_NEWEST && !all) {
		console_put_styled(console, CONSOLE_FAINT, "(the newest %d; History all shows everything)\n",
		    HISTORY_NEWEST);
	}
	return rc == 0 || rc == ENODATA || rc == ENOENT ? PROGRAM_FINE : PROGRAM_FAILED;
}
