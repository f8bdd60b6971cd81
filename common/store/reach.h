/*
 * Whom one's own messages have reached: where in chat.log the latest of them stand, and who has what was said in a room.
 *
 * For who shows what becomes of them. A view of lines that may be hostile: its size is bounded, and so is what each line
 * costs. Only reach_read() blocks, on the disk.
 */
#ifndef QUARTET_REACH_H
#define QUARTET_REACH_H

#include "store/chatlog.h"

/* So many messages are remembered, the latest. */
#define REACH_MAX 4096

/* Who has a message in a room: bits of the places in its list of those it is for. */
struct reach {
	uint64_t delivered, dropped;
};

/* A message of one's own, to one recipient or in a room. */
struct reach_message {
	uint8_t id[ENVELOPE_ID_BYTES];
	int64_t offset; /* of its line in chat.log */
	struct reach reach;
};

/* Begins zeroed. */
struct reach_list {
	size_t count;
	struct reach_message messages[REACH_MAX]; /* a ring */
};

void reach_add(struct reach_list *list, const struct chatlog_entry *message, int64_t offset);

/* What is remembered of the message with that id, or NULL; holds until the next is added. */
struct reach_message *reach_find(struct reach_list *list, const uint8_t id[static ENVELOPE_ID_BYTES]);

/* Reads the message from the chat.log in directory dir, as chatlog_read_at(); EBADMSG if it is there no more. */
int reach_read(const struct reach_message *message, int dir, struct chatlog_entry *entry)
    __attribute__((warn_unused_result));

/* Notes what has become of a message in a room for one of those it is for. */
void reach_note(struct reach *reach, const struct chatlog_entry *message, const struct chatlog_entry *state);

/* How many of those it is for have it, and whether it waits for whoever stands at a place in their list, or anybody. */
size_t reach_count(const struct reach *reach);
bool reach_waits_for(const struct reach *reach, size_t place);
bool reach_waits(const struct reach *reach, const struct chatlog_entry *message);

#endif
