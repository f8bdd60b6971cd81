#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/jsontext.h"
#include "listing.h"
#include "store/chatfollower.h"
#include "store/lockedfile.h"
#include "store/reach.h"

/* What comes at once goes out in pieces of about this size. */
#define FLUSH_BYTES 65536

/* Remembers what the user says in a room, and has the line about it say who has it by then. */
static void follow_reach(struct listing *listing, struct reach_list *own, const struct chatlog_entry *entry,
    int64_t offset)
{
	struct reach_message *found = reach_find(own, entry->id);
	struct chatlog_entry message;

	if (entry->kind == CHATLOG_MESSAGE && entry->to_count > 0 && !found)
		reach_add(own, entry, offset);
	if (entry->kind != CHATLOG_STATE || !found || reach_read(found, AT_FDCWD, &message) != 0)
		return;
	reach_note(&found->reach, &message, entry);
	listing_add_reach(listing, entry, &message, &found->reach);
	chatlog_entry_free(&message);
}

/* Every object is passed on, those that this version does not know included, unless somebody's are wanted. */
static void put(struct listing *listing, struct reach_list *own, const char *line, size_t len, int64_t offset)
{
	struct chatlog_entry entry;
	int rc = chatlog_parse(line, len, &entry);
	bool is_shown;

	if (rc != 0 && listing->as_json && !listing->name) {
		entry = (struct chatlog_entry){.document = jsontext_parse(line, len, NULL)};
		rc = entry.document ? 0 : EBADMSG;
	}
	if (rc != 0)
		return;
	if (entry.has_room)
		follow_reach(listing, own, &entry, offset);
	is_shown = entry.kind == CHATLOG_EVENT ||
		   (entry.kind == CHATLOG_MESSAGE && entry.direction != CHATLOG_QUEUED && !entry.held);
	if (listing_has(listing, &entry) && (listing->as_json || is_shown))
		listing_put(listing, &entry, NULL, NULL, 0);
	chatlog_entry_free(&entry);
}

int watch_run(struct desk *desk, const struct wish *wish)
{
	struct listing listing = {.desk = desk, .as_json = wish->as_json};
	struct reach_list *own = calloc(1, sizeof(*own));
	struct chatfollower *follower = NULL;
	const char *line;
	int64_t offset;
	size_t len;
	int rc = own ? 0 : ENOMEM, status = listing_find(&listing, wish->whom);

	if (status != PROGRAM_FINE) {
		free(own);
		return status;
	}
	if (rc == 0)
		rc = chatfollower_open(AT_FDCWD, CHATFOLLOWER_END, &follower);
	while (rc == 0 && !desk->data->outlet.failed) {
		rc = chatfollower_next(follower, &line, &len, &offset);
		if (rc == 0)
			put(&listing, own, line, len, offset);
		if (rc == 0 && console_waiting_bytes(desk->data) < FLUSH_BYTES)
			continue;
		console_flush(desk->data);
		if (rc == ENODATA)
			rc = loop_wait(desk->loop, chatfollower_fd(follower), EPOLLIN);
	}
	chatfollower_free(follower);
	free(own);
	if (rc == EINTR)
		return PROGRAM_FINE;
	if (rc != 0)
		console_put_styled(desk->console, CONSOLE_BAD, "cannot follow " CHATLOG_NAME ": %s\n",
		    lockedfile_reason(rc));
	return PROGRAM_FAILED;
}
