/*
 * What is held: the messages of strangers that wait until the user accepts or rejects them. A view of chat.log
 * (common/PROTOCOL.md, section 6) for the responder, which holds and shows, and the initiator, which decides.
 *
 * So many messages of one stranger are held, and of so many: an identity, or without one an address. Entries of the log are
 * as hostile as the log: what does not fit is left out, and each takes a bounded time. Only held_read() blocks, on the disk.
 */
#ifndef QUARTET_HELD_H
#define QUARTET_HELD_H

#include "store/chatlog.h"

#define HELD_OF_ONE_MAX 3
#define HELD_STRANGERS_MAX 256
/* How far back chat.log is read. */
#define HELD_READ_MAX_BYTES (64 * 1024 * 1024)
/* The offset of a message whose line is not known yet. */
#define HELD_NOWHERE INT64_MAX

struct held_message {
	uint8_t id[ENVELOPE_ID_BYTES];
	int64_t offset; /* of its line in the log */
};

struct held_stranger {
	char username[USERNAME_MAX_BYTES + 1]; /* in the first of the messages */
	bool has_identity;
	uint8_t identity[IDENTITY_BYTES];
	struct in_addr address; /* of the first of the messages */
	size_t count;
	struct held_message messages[HELD_OF_ONE_MAX]; /* the oldest first */
};

/* Begins zeroed; list is allocated with the first message. */
struct held {
	struct held_stranger *list; /* count of them */
	size_t count;
};

void held_free(struct held *held);

/* The stranger with an identity, or if that is NULL, at an address; NULL if nothing of them is held. */
const struct held_stranger *held_find(const struct held *held, const uint8_t *identity, struct in_addr address);

/* The message with the id of entry and its identity, or none; NULL if it is not held. */
const struct held_message *held_find_message(const struct held *held, const struct chatlog_entry *entry);

/*
 * Adds a message that is held; of one that is there already, notes the offset. Returns false, with nothing changed, if there
 * is no room for it, or no memory.
 */
bool held_add(struct held *held, const struct chatlog_entry *message, int64_t offset)
    __attribute__((warn_unused_result));

/* Takes out the message that held_find_message() finds. */
void held_remove(struct held *held, const struct chatlog_entry *entry);

/* Takes a line of the log into account, which begins at an offset: a message that is held, or what has become of one. */
void held_take(struct held *held, const struct chatlog_entry *entry, int64_t offset);

/* Takes out what is not in the log any more: all that stood at an offset, or behind it (chatfollower_next()). */
void held_forget(struct held *held, int64_t offset);

/* Whether a line may have something to say to it, which need not be parsed otherwise. */
bool held_concerns(const char *line, size_t len);

/*
 * Reads the view, which is empty, from the last HELD_READ_MAX_BYTES of the chat.log of directory dir; the newest stranger
 * comes first. Returns 0, or why there can be no reading, for lockedfile_reason().
 */
int held_read(struct held *held, int dir) __attribute__((warn_unused_result));

#endif
