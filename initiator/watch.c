#include "watch.h"

#include <errno.h>
#include <fcntl.h>

#include "base/jsontext.h"
#include "listing.h"
#include "store/chatfollower.h"
#include "store/lockedfile.h"

/* What comes at once goes out in pieces of about this size. */
#define FLUSH_BYTES 65536

/* Every object is passed on, those that this version does not know included, unless somebody's are wanted. */
static void put(struct listing *listing, const char *line, size_t len)
{
	struct chatlog_entry entry;
	int rc = chatlog_parse(line, len, &entry);

	if (rc != 0 && listing->as_json && !listing->name) {
		entry = (struct chatlog_entry){.document = jsontext_parse(line, len, NULL)};
		rc = entry.document ? 0 : EBADMSG;
	}
	if (rc != 0)
		return;
	if (listing_has(listing, &entry) &&
	    (listing->as_json || (entry.kind == CHATLOG_MESSAGE && entry.direction != CHATLOG_QUEUED && !entry.held)))
		listing_put(listing, &entry, NULL, NULL, 0);
	chatlog_entry_free(&entry);
}

int watch_run(struct desk *desk, const struct wish *wish)
{
	struct listing listing = {.desk = desk, .as_json = wish->as_json};
	struct chatfollower *follower = NULL;
	const char *line;
	int64_t offset;
	size_t len;
	int rc, status = listing_find(&listing, wish->whom);

	if (status != PROGRAM_FINE)
		return status;
	rc = chatfollower_open(AT_FDCWD, CHATFOLLOWER_END, &follower);
	while (rc == 0 && !desk->data->outlet.failed) {
		rc = chatfollower_next(follower, &line, &len, &offset);
		if (rc == 0)
			put(&listing, line, len);
		if (rc == 0 && console_waiting_bytes(desk->data) < FLUSH_BYTES)
			continue;
		console_flush(desk->data);
		if (rc == ENODATA)
			rc = loop_wait(desk->loop, chatfollower_fd(follower), LOOP_NEVER);
	}
	chatfollower_free(follower);
	if (rc == EINTR)
		return PROGRAM_FINE;
	if (rc != 0)
		console_put_styled(desk->console, CONSOLE_BAD, "cannot follow " CHATLOG_NAME ": %s\n",
		    lockedfile_reason(rc));
	return PROGRAM_FAILED;
}
