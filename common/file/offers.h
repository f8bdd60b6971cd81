/*
 * All files that are offered, to this user and by this user, and what has become of them: a view of chat.log
 * (common/PROTOCOL.md, section 6), which both programs follow.
 *
 * Of each offer as much is kept as who looks for one needs; names, sizes and paths are read from the line. An offer is named by
 * its number here, and by its offerer and id elsewhere. Lines may be hostile: what does not fit is left out, each takes a bounded
 * time, and of more than OFFERS_MAX the oldest are forgotten. Takes no lock; blocks on the disk.
 */
#ifndef QUARTET_OFFERS_H
#define QUARTET_OFFERS_H

#include "store/chatlog.h"

#define OFFERS_MAX 65536
/* How far back chat.log is read at first. */
#define OFFERS_READ_MAX_BYTES (64 * 1024 * 1024)
/* Of who has a file the beginning of the identity is kept, and of so many. */
#define OFFERS_HOLDER_BYTES 8
#define OFFERS_HOLDERS_MAX 64

struct offer {
	uint64_t number;
	int64_t offset; /* of its line */
	int64_t time_ms;
	uint8_t id[ENVELOPE_ID_BYTES];
	uint8_t by[IDENTITY_BYTES];   /* who offers it */
	uint8_t with[IDENTITY_BYTES]; /* the other side; of one's own in a room oneself */
	bool is_own;
	bool is_waiting;   /* it was only queued so far */
	bool is_held;	   /* its offerer was not accepted, or was rejected */
	bool is_withdrawn; /* by this user; or dropped before it arrived */
	bool is_fetched;   /* this user has it */
	bool has_room;
	uint8_t room[ROOM_ID_BYTES];
	int64_t fetched_offset;			 /* of the line that says where it lies */
	uint8_t (*holders)[OFFERS_HOLDER_BYTES]; /* who else has it, holder_count of them */
	size_t holder_count;
	uint64_t before; /* for this module */
};

struct offers;

/* An empty view for the user with that identity. NULL if out of memory. */
struct offers *offers_new(const uint8_t own[static IDENTITY_BYTES]);
void offers_free(struct offers *offers);

/*
 * Takes what is new in the chat.log of directory dir, the same in each call, at first its last OFFERS_READ_MAX_BYTES. All that
 * was given out before is void. Returns 0, ENOMEM, or why the file cannot be read, for lockedfile_reason().
 */
int offers_follow(struct offers *offers, int dir) __attribute__((warn_unused_result));

/* The offer with that number, or NULL; and those with that id after one, or the first if after is NULL. */
const struct offer *offers_find(const struct offers *offers, uint64_t number);
const struct offer *offers_next_of(const struct offers *offers, const uint8_t id[static ENVELOPE_ID_BYTES],
    const struct offer *after);

/* All of them, the oldest, with the lowest number, first. */
size_t offers_count(const struct offers *offers);
const struct offer *offers_at(const struct offers *offers, size_t index);

/* Whether somebody else is known to have the file. */
bool offer_has_reached(const struct offer *offer, const uint8_t identity[static IDENTITY_BYTES]);

/* What chat.log says once the holder of an identity has what was offered under a number and an id. */
struct chatlog_entry offers_fetched(uint64_t number, const uint8_t id[static ENVELOPE_ID_BYTES],
    const uint8_t holder[static IDENTITY_BYTES], const char *username);

/* Reads the line of an offer from the chat.log in directory dir, as chatlog_read_at(); EBADMSG if it is there no more. */
int offer_read(const struct offer *offer, int dir, struct chatlog_entry *entry) __attribute__((warn_unused_result));

/* The same of the line that says where it lies, if that could be written; ENOENT if this user has not fetched it. */
int offer_read_fetched(const struct offer *offer, int dir, struct chatlog_entry *entry)
    __attribute__((warn_unused_result));

#endif
