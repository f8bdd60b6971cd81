#include "shownentry.h"

#include <string.h>

#include "base/clock.h"
#include "base/jsontext.h"
#include "net/address.h"

void shownentry_put_line(struct console *console, const struct chatlog_entry *entry, const char *outcome,
    const struct console_mark *marks, size_t count)
{
	char local[CLOCK_LOCAL_BYTES], ip[ADDRESS_TEXT_BYTES];

	clock_format_local(entry->time_ms, true, local);
	console_put_styled(console, CONSOLE_FAINT, "%s", local);
	console_put_styled(console, entry->direction == CHATLOG_RECEIVED ? CONSOLE_GOOD : CONSOLE_NORMAL, "  %-8s",
	    chatlog_direction_word(entry->direction));
	console_put(console, "  ");
	console_put_name(console, console_name_style(entry->username, entry->has_identity ? entry->identity : NULL),
	    entry->username);
	console_put(console, " (%s) [%s]", address_format(entry->address, ip), chatlog_mode_word(entry->mode));
	if (entry->standing)
		console_put(console, " [%s]", entry->standing);
	if (outcome && strcmp(outcome, "delivered") == 0)
		console_put_styled(console, CONSOLE_GOOD, " ✓");
	else if (outcome && entry->direction != CHATLOG_RECEIVED && strcmp(outcome, "sent") != 0)
		console_put_styled(console, CONSOLE_WARNING, " [%s]",
		    strcmp(outcome, "unknown") == 0 ? "may not have been sent" : outcome);
	console_put(console, ": ");
	if (count > 0)
		console_put_marked(console, entry->text, entry->text_len, marks, count);
	else
		console_put_message(console, entry->text, entry->text_len);
	console_put(console, "\n");
}

void shownentry_put_object(struct console *console, const struct chatlog_entry *entry, const char *outcome)
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
