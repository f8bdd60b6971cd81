#include "listing.h"

#include <string.h>

#include "base/clock.h"
#include "base/decimal.h"
#include "base/jsontext.h"
#include "base/stop.h"
#include "lobby.h"
#include "net/address.h"
#include "recipient.h"
#include "term/fileview.h"

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
	if (name[0] == '#')
		return PROGRAM_FINE;
	listing->has_address = address_parse(name, &listing->address) == 0;
	count = listing->has_address ? 0 : recipient_count(listing->desk, name, true);
	return count == 0 || (count > 1 && !listing->desk->prompt.terminal) ? PROGRAM_FINE : choose(listing);
}

bool listing_find_like(struct listing *listing, int *status)
{
	if (listing->desk->script || !listing->name || listing->username[0] != '\0' || listing->has_address ||
	    listing->name[0] == '#' || recipient_count(listing->desk, listing->name, false) == 0)
		return false;
	*status = choose(listing);
	return *status == PROGRAM_FINE;
}

static bool is_meant(const struct roomview_room *room, const uint8_t *id, const char *typed)
{
	return typed[0] == '#' && lobby_is_called(typed, room ? room->name : NULL, id);
}

static void learn_rooms(struct listing *listing)
{
	/* What cannot be read is told by those who write there. */
	(void)!peersfile_read_content(listing->desk->peers);
	roomview_refresh(&listing->rooms, listing->desk->peers);
}

bool listing_knows_room(struct listing *listing, const char *name)
{
	bool found = false;

	learn_rooms(listing);
	for (size_t i = 0; i < listing->rooms.count; i++)
		found |= is_meant(&listing->rooms.rooms[i], listing->rooms.rooms[i].id, name);
	return found;
}

/* The same of a line about a room. */
static bool has_of_room(struct listing *listing, const struct chatlog_entry *entry)
{
	const struct roomview_room *room;
	const struct pins *pins;

	learn_rooms(listing);
	pins = peersfile_pins(listing->desk->peers);
	roomview_take(&listing->rooms, entry);
	room = roomview_find(&listing->rooms, entry->room);
	if ((room && room->is_held) || (entry->kind == CHATLOG_MESSAGE && entry->direction == CHATLOG_RECEIVED &&
					   pins_wishes(pins, entry->identity, entry->address) & PINS_BLOCKED))
		return false;
	return !listing->name || is_meant(room, entry->room, listing->name);
}

bool listing_has(struct listing *listing, const struct chatlog_entry *entry)
{
	bool same = listing->has_identity && entry->has_identity &&
		    memcmp(listing->identity, entry->identity, IDENTITY_BYTES) == 0;

	if (entry->has_room)
		return has_of_room(listing, entry);
	if (!listing->name)
		return true;
	if (listing->name[0] == '#' || entry->kind == CHATLOG_SETTLED)
		return false;
	if (listing->has_address)
		return entry->kind == CHATLOG_MESSAGE && listing->address.s_addr == entry->address.s_addr;
	if (same || (listing->only_identity && entry->has_identity))
		return same;
	return username_is_same(entry->username, listing->name) || username_is_same(entry->username, listing->username);
}

/* For the pager: the loop runs while it takes nothing. */
static int wait_for_pager(void *context, int fd, bool to_write)
{
	return loop_wait(context, fd, to_write ? EPOLLOUT : EPOLLIN);
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

void listing_add_reach(struct listing *listing, const struct chatlog_entry *entry, const struct chatlog_entry *message,
    const struct reach *reach)
{
	json_t *waiting = json_array();
	char name[USERNAME_MAX_BYTES + 1];

	for (size_t i = 0; i < message->to_count; i++) {
		if (!reach_waits_for(reach, i))
			continue;
		roomview_name_member(&listing->rooms, message->room, message->to[i], name);
		json_array_append_new(waiting, json_string(name));
	}
	json_object_set_new(entry->document, "delivered", json_integer((json_int_t)reach_count(reach)));
	json_object_set_new(entry->document, "waiting", waiting);
}

void listing_put_json(struct desk *desk, json_t *object)
{
	struct buffer json = {0};

	if (jsontext_append(&json, object) == 0) {
		console_put_json(desk->data, json.data, json.len);
		console_put(desk->data, "\n");
	}
	buffer_wipe(&json);
	json_decref(object);
}

static void put_object(struct listing *listing, const struct chatlog_entry *entry, const struct outcome *outcome)
{
	const struct roomview_room *room = entry->has_room ? roomview_find(&listing->rooms, entry->room) : NULL;

	if (outcome && outcome->word)
		json_object_set_new(entry->document, "state", json_string(outcome->word));
	if (outcome && entry->to_count > 0)
		listing_add_reach(listing, entry, entry, &outcome->reach);
	if (room)
		json_object_set_new(entry->document, "name", json_string(room->name));
	listing_put_json(listing->desk, json_incref(entry->document));
}

void listing_put_who(struct listing *listing, const struct chatlog_entry *entry)
{
	struct console *console = listing->desk->data;
	bool is_own = entry->has_room && entry->direction != CHATLOG_RECEIVED;

	if (entry->has_room)
		roomview_put_name(&listing->rooms, console, CONSOLE_NORMAL, entry->room);
	console_put(console, "%s", entry->has_room && !is_own ? " " : "");
	if (!is_own)
		console_put_name(console,
		    console_name_style(entry->username, entry->has_identity ? entry->identity : NULL), entry->username);
}

/* The same, and from where, and how it was sent. */
static void put_whence(struct listing *listing, const struct chatlog_entry *entry)
{
	struct console *console = listing->desk->data;
	char ip[ADDRESS_TEXT_BYTES];

	listing_put_who(listing, entry);
	if (!entry->has_room)
		console_put(console, " (%s)", address_format(entry->address, ip));
	console_put(console, " [%s]", chatlog_mode_word(entry->mode));
	if (entry->standing)
		console_put(console, " [%s]", entry->standing);
}

static void put_outcome(struct listing *listing, const struct chatlog_entry *entry, const struct outcome *outcome)
{
	struct console *console = listing->desk->data;

	if (entry->to_count > 0) {
		console_put(console, " ");
		roomview_put_reach(&listing->rooms, console, entry, &outcome->reach);
	} else if (outcome->word && strcmp(outcome->word, "delivered") == 0) {
		console_put_styled(console, CONSOLE_GOOD, " ✓");
	} else if (outcome->word && strcmp(outcome->word, "fetched") == 0) {
		console_put_styled(console, CONSOLE_GOOD, " ✓ fetched");
	} else if (outcome->word && entry->direction != CHATLOG_RECEIVED && strcmp(outcome->word, "sent") != 0) {
		console_put_styled(console, CONSOLE_WARNING, " [%s]",
		    strcmp(outcome->word, "unknown") == 0 ? "may not have been sent" : outcome->word);
	}
}

void listing_put(struct listing *listing, const struct chatlog_entry *entry, const struct outcome *outcome,
    const struct console_mark *marks, size_t count)
{
	struct console *console = listing->desk->data;
	char local[CLOCK_LOCAL_BYTES];

	listing->shown += entry->kind != CHATLOG_EVENT;
	if (listing->as_json) {
		put_object(listing, entry, outcome);
		return;
	}
	clock_format_local(entry->time_ms, true, local);
	console_put_styled(console, CONSOLE_FAINT, "%s  ", local);
	if (entry->kind == CHATLOG_EVENT) {
		roomview_put_event(&listing->rooms, console, entry);
		console_put(console, "\n");
		return;
	}
	console_put_styled(console, entry->direction == CHATLOG_RECEIVED ? CONSOLE_GOOD : CONSOLE_NORMAL, "%-8s",
	    chatlog_direction_word(entry->direction));
	console_put(console, "  ");
	put_whence(listing, entry);
	if (entry->has_file) {
		console_put(console, " ");
		fileview_put_offer(console, CONSOLE_NORMAL, entry);
	}
	if (outcome)
		put_outcome(listing, entry, outcome);
	console_put(console, entry->has_file ? "" : ": ");
	if (count > 0 && !entry->has_file)
		console_put_marked(console, entry->text, entry->text_len, marks, count);
	else
		console_put_message(console, entry->text, entry->text_len);
	console_put(console, "\n");
}
