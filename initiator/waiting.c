#include "waiting.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "delivery.h"
#include "wording.h"

/* How many are named in one line. */
#define SHOWN 10

/* The recipient of what waits, as peers.txt has them now. */
static void know(const struct desk *desk, const struct outbox_recipient *who, struct recipient *to)
{
	recipient_know(to, desk->peers, who->identity, who->username, who->address);
}

/* The only one of that name for whom something waits. */
static bool find(struct desk *desk, const char *name, struct recipient *found)
{
	const struct outbox_recipient *who = NULL;
	struct recipient to;
	size_t count = 0;

	while ((who = outbox_recipient(delivery_outbox(desk->delivery), who))) {
		know(desk, who, &to);
		if (strcasecmp(to.username, name) == 0 && count++ == 0)
			*found = to;
	}
	return count == 1;
}

int waiting_drop(struct desk *desk, const char *name)
{
	struct recipient to;
	size_t count;
	int status, rc;

	if (!desk_read_peers(desk))
		return PROGRAM_FAILED;
	status = find(desk, name, &to) ? PROGRAM_FINE : recipient_find(&to, name, true, desk);
	if (status != PROGRAM_FINE)
		return status;
	count = outbox_count(delivery_outbox(desk->delivery), to.identity);
	if (count == 0) {
		recipient_put(&to, desk->console, CONSOLE_NORMAL, "Nothing waits for", ".\n");
		return PROGRAM_FINE;
	}
	rc = delivery_drop(desk->delivery, to.identity, NULL);
	if (rc != 0) {
		wording_put_unqueued(desk->console, &to, rc);
		return PROGRAM_FAILED;
	}
	console_put(desk->console, "Dropped: %zu message%s", count, count == 1 ? "" : "s");
	recipient_put(&to, desk->console, CONSOLE_NORMAL, " to", ".\n");
	desk_show_waiting(desk, NULL);
	return PROGRAM_FINE;
}

void waiting_put_count(const struct desk *desk, const uint8_t *identity, struct console *console)
{
	size_t count = identity ? outbox_count_messages(delivery_outbox(desk->delivery), identity, NULL) : 0;

	if (count > 0)
		console_put_styled(console, CONSOLE_WARNING, "  %zu waiting", count);
}

void waiting_put_absent(const struct desk *desk, const struct roomview *rooms)
{
	const struct outbox_recipient *who = NULL;
	size_t shown = 0;

	while ((who = outbox_recipient(delivery_outbox(desk->delivery), who)) && shown <= SHOWN) {
		struct recipient to;

		know(desk, who, &to);
		if (to.announced[0] != '\0' ||
		    outbox_count_messages(delivery_outbox(desk->delivery), who->identity, NULL) == 0)
			continue;
		/* Only what was said in a room waits. */
		if (who->username[0] == '\0')
			roomview_name_member(rooms, TAILQ_FIRST(&who->items)->room, who->identity, to.username);
		console_put(desk->console, shown == 0 ? "Not here: " : ", ");
		if (shown++ == SHOWN)
			console_put(desk->console, "and others");
		else
			console_put_name(desk->console, CONSOLE_NORMAL, to.username);
		if (shown <= SHOWN)
			waiting_put_count(desk, who->identity, desk->console);
	}
	if (shown > 0)
		console_put(desk->console, "\n");
}

void waiting_put_rooms(const struct desk *desk, const struct roomview *rooms)
{
	size_t shown = 0;

	for (size_t i = 0; i < rooms->count && shown < SHOWN; i++) {
		const uint8_t *id = rooms->rooms[i].id;
		size_t count = outbox_count_messages(delivery_outbox(desk->delivery), NULL, id);

		if (count == 0)
			continue;
		console_put(desk->console, shown++ == 0 ? "In rooms: " : ", ");
		roomview_put_name(rooms, desk->console, CONSOLE_NORMAL, id);
		console_put_styled(desk->console, CONSOLE_WARNING, "  %zu waiting", count);
	}
	if (shown > 0)
		console_put(desk->console, "\n");
}

void waiting_hand_on(struct desk *desk, const uint8_t known[static IDENTITY_BYTES], const struct recipient *to)
{
	size_t count = outbox_count(delivery_outbox(desk->delivery), known);
	int rc;

	if (count == 0 || !to->has_identity)
		return;
	console_put_styled(desk->console, CONSOLE_WARNING,
	    "%zu message%s for the identity that was known before, and only that can read %s.\n", count,
	    count == 1 ? " waits" : "s wait", count == 1 ? "it" : "them");
	if (!desk->prompt.terminal || !prompt_ask_yes(&desk->prompt, "Send to the new one instead, yes or no? "))
		return;
	rc = delivery_drop(desk->delivery, known, to);
	if (rc != 0)
		wording_put_unqueued(desk->console, to, rc);
}
