/*
 * What is held: the messages of strangers that wait until the user accepts or rejects them. A view of chat.log
 * (common/PROTOCOL.md, section 6) for the responder, which holds, and the initiator, which decides.
 *
 * Who holds bounds what strangers can do: so many messages of one, and so many strangers. A stranger is an identity, or
 * without one an address. Entries of the log are as hostile as the log: what does not fit is left out. Only held_read()
 * blocks, on the disk.
 */
#ifndef QUARTET_HELD_H
#define QUARTET_HELD_H

#include "store/chatlog.h"

#define HELD_OF_ONE_MAX 3
#define HELD_STRANGERS_MAX 256
/* How far back chat.log is read. */
#define HELD_READ_MAX_BYTES (64 * 1024 * 1024)

struct held_stranger {
	char username[USERNAME_MAX_BYTES + 1]; /* in the first of the messages */
	bool has_identity;
	uint8_t identity[IDENTITY_BYTES];
	struct in_addr address; /* of the first of the messages */
	size_t count;
	uint8_t messages[HELD_OF_ONE_MAX][ENVELOPE_ID_BYTES]; /* the ids, the oldest first */
};

/* Begins zeroed; list is allocated with the first message. */
struct held {
	struct held_stranger *list; /* count of them */
	size_t count;
};

void held_free(struct held *held);

/* The stranger with an identity, or if that is NULL, at an address; NULL if nothing of them is held. */
const struct held_stranger *held_find(const struct held *held, const uint8_t *identity, struct in_addr address);

/*
 * Adds a message that is held; one that is there already stays. Returns false, with nothing changed, if there is no room
 * for it, or no memory.
 */
bool held_add(struct held *held, const struct chatlog_entry *message) __attribute__((warn_unused_result));

/* Takes out the message with the id of entry and its identity, or none; harmless if it is not there. */
void held_remove(struct held *held, const struct chatlog_entry *entry);

/* Takes the next entry of the log into account: a message that is held, or what has become of one. */
void held_take(struct held *held, const struct chatlog_entry *entry);

/* Whether a line may have something to say to it, which need not be parsed otherwise. */
bool held_concerns(const char *line, size_t len);

/*
 * Reads the view, which is empty, from the last HELD_READ_MAX_BYTES of the chat.log of directory dir; the newest stranger
 * comes first. Returns 0, or why there can be no reading, or none further back, for lockedfile_reason().
 */
int held_read(struct held *held, int dir) __attribute__((warn_unused_result));

#endif
