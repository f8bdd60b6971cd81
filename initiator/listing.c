#include "listing.h"

#include <string.h>

#include "base/clock.h"
#include "base/decimal.h"
#include "base/jsontext.h"
#include "base/stop.h"
#include "net/address.h"
#include "recipient.h"

/* Finds out whom the name means, asking if several may be meant: then nobody else who has it is. */
static int choose(struct listing *listing)
{
	const char *name = listing->name;
	size_t count = recipient_count(listing->desk, name, false);
	struct recipient recipient;
	int status = recipient_find(&recipient, name, true, listing->desk);

	if (status != PROGRAM_FINE)
		return status;
	strcpy(listing->username, recipient.username);
	listing->has_identity = recipient.has_identity;
	listing->only_identity = recipient.has_identity && (count > 1 || decimal_is_number(name, strlen(name)));
	memcpy(listing->identity, recipient.identity, IDENTITY_BYTES);
	return PROGRAM_FINE;
}

int listing_find(struct listing *listing, const char *name)
{
	size_t count;

	if (!name || name[0] == '\0')
		return PROGRAM_FINE;
	listing->name = name;
	listing->has_address = address_parse(name, &listing->address) == 0;
	count = listing->has_address ? 0 : recipient_count(listing->desk, name, true);
	return count == 0 || (count > 1 && !listing->desk->prompt.terminal) ? PROGRAM_FINE : choose(listing);
}

bool listing_find_like(struct listing *listing, int *status)
{
	if (listing->desk->script || !listing->name || listing->username[0] != '\0' || listing->has_address ||
	    recipient_count(listing->desk, listing->name, false) == 0)
		return false;
	*status = choose(listing);
	return *status == PROGRAM_FINE;
}

bool listing_has(const struct listing *listing, const struct chatlog_entry *entry)
{
	bool same = listing->has_identity && entry->has_identity &&
		    memcmp(listing->identity, entry->identity, IDENTITY_BYTES) == 0;

	if (!listing->name)
		return true;
	if (entry->kind == CHATLOG_SETTLED)
		return false;
	if (listing->has_address)
		return entry->kind == CHATLOG_MESSAGE && listing->address.s_addr == entry->address.s_addr;
	if (same || (listing->only_identity && entry->has_identity))
		return same;
	return username_is_same(entry->username, listing->name) || username_is_same(entry->username, listing->username);
}

static void set(void *context)
{
	*(bool *)context = true;
}

static bool is_set(void *context)
{
	return *(bool *)context;
}

/* For the pager: the loop runs while it takes nothing. */
static int wait_for_pager(void *context, int fd, bool to_write)
{
	struct loop *loop = context;
	bool ready = false;
	int rc;

	if (!to_write)
		return loop_wait(loop, fd, LOOP_NEVER);
	rc = loop_watch(loop, fd, EPOLLOUT, set, &ready);
	if (rc == 0)
		rc = loop_run_until(loop, is_set, &ready);
	loop_forget(loop, fd);
	return rc;
}

void listing_begin(struct listing *listing)
{
	struct desk *desk = listing->desk;

	pager_begin(&listing->pager, desk->data, desk->prompt.terminal);
	listing->pager.wait = wait_for_pager;
	listing->pager.wait_context = desk->loop;
	desk->data = pager_console(&listing->pager);
	stop_set_interruptible(desk->prompt.terminal);
}

void listing_end(struct listing *listing)
{
	listing->desk->data = listing->pager.console;
	pager_end(&listing->pager);
	stop_set_interruptible(false);
}

bool listing_goes_on(struct listing *listing)
{
	return !stop_interrupted() && pager_go_on(&listing->pager);
}

static void put_object(struct console *console, const struct chatlog_entry *entry, const char *outcome)
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

void listing_put(struct listing *listing, const struct chatlog_entry *entry, const char *outcome,
    const struct console_mark *marks, size_t count)
{
	struct console *console = listing->desk->data;
	char local[CLOCK_LOCAL_BYTES], ip[ADDRESS_TEXT_BYTES];

	listing->shown++;
	if (listing->as_json) {
		put_object(console, entry, outcome);
		return;
	}
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
