/*
 * The rooms of this user: what chat.log and the room records of peers.txt say of them. For the responder, who is told things,
 * and the initiator, who says them; what they write, room/roomacts and room/roomtalk do.
 *
 * Every change is made under the lock of chat.log: lock, read what other programs have appended, decide, append, write the
 * head to peers.txt, unlock. So one user never signs two states after the same one, and nothing that was said is logged
 * twice. Whoever is killed in between loses nothing: the lines of chat.log count, and the next start writes the head. Both
 * files are as hostile as the wire. Of a chat.log that was moved away only the heads are known.
 *
 * Functions that return int return 0 or an errno value: ETIMEDOUT if another program holds the lock of a file, EBUSY before
 * chatlog_finish(); they block on the locks and the disk. The room and its head that they were given or gave out hold until
 * the next of them, and so does what the peersfile gave out. Nothing else blocks.
 */
#ifndef QUARTET_ROOMS_H
#define QUARTET_ROOMS_H

#include <sodium.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include "room/roomtree.h"
#include "store/chatfollower.h"
#include "store/chatlog.h"
#include "store/peerscontent.h"
#include "store/peersfile.h"

#define ROOMS_MAX PEERSCONTENT_ROOMS_MAX
/* Of so many sayings of a room, the newest, the ids are known. */
#define ROOMS_SAYINGS_MAX 4096

/* A saying in chat.log, received or one's own. */
struct room_saying {
	uint8_t id[ENVELOPE_ID_BYTES];
	uint8_t by[8];	  /* the beginning of its author's identity: others may use the same id */
	uint8_t state[8]; /* the beginning of the id of the state in which it was said */
	int64_t offset;	  /* of its line, for chatlog_read_at() */
};

struct room {
	uint8_t id[ROOM_ID_BYTES];
	struct roomstate *head;
	bool is_member; /* the user is one in the head */
	bool is_muted, is_held;
	struct roomtree *tree;	     /* after rooms_load() of this room, the last one; else NULL */
	struct room_saying *sayings; /* after rooms_load_sayings(), the oldest first */
	size_t saying_count;
	/* Of rooms. */
	size_t saying_room;
	LIST_ENTRY(room) others;
	uint64_t digest;      /* of its line in peers.txt, or 0 */
	int64_t written_line; /* and what that says */
	uint8_t written[ROOMSTATE_ID_BYTES];
	int64_t line;	    /* the offset of its newest state in chat.log, or -1 */
	bool is_stale;	    /* chat.log has states that the head does not know of */
	bool is_apart;	    /* the user was told */
	unsigned asks_in;   /* so often this program has asked to be let in again */
	struct buffer keys; /* of struct room_key: the head's, and with the tree those of its states */
};

/* All of it is of rooms, room/roomacts and room/roomtalk. */
struct rooms {
	int dir;
	struct chatlog *log;
	struct peersfile *file;
	unsigned readings; /* of the file, when its records were looked at; or 0 */
	const struct identity *own;
	struct chatfollower *follower;
	int64_t last; /* the offset of the line that was read last; or -1 */
	bool has_sayings;
	struct stat seen; /* chat.log, when it was last read to its end */
	uint8_t hash_key[crypto_shorthash_KEYBYTES];
	size_t count;
	bool gives_up; /* the record of a room that gave way to another, which is to go: */
	uint8_t given_up[ROOM_ID_BYTES];
	LIST_HEAD(rooms_list, room) list;
};

/*
 * Opens the rooms of the user with the secret own; all but *rooms stays the caller's and must outlive it. Reads the heads, and
 * the end of chat.log.
 */
int rooms_open(int dir, struct chatlog *log, struct peersfile *file, const struct identity *own, struct rooms **rooms)
    __attribute__((warn_unused_result));
void rooms_free(struct rooms *rooms);

/* Takes over what other programs have written. */
int rooms_follow(struct rooms *rooms) __attribute__((warn_unused_result));

/* Walks through all rooms, those that the user is in no more included, in no order: NULL to begin, and at the end. */
struct room *rooms_next(const struct rooms *rooms, const struct room *room);
struct room *rooms_find(const struct rooms *rooms, const uint8_t id[static ROOM_ID_BYTES]);

/* Reads the states of a room that are kept. */
int rooms_load(struct rooms *rooms, struct room *room) __attribute__((warn_unused_result));

/* Reads which sayings there are, of all rooms; from then on they are known. */
int rooms_load_sayings(struct rooms *rooms) __attribute__((warn_unused_result));

/* The key of a state, the head or one of the tree; NULL if it is not known here. */
const uint8_t *room_key(const struct room *room, const uint8_t state[static ROOMSTATE_ID_BYTES]);

/* Whether a saying of that author is known. */
bool room_has_said(const struct room *room, const uint8_t id[static ENVELOPE_ID_BYTES],
    const uint8_t by[static IDENTITY_BYTES]);

/*
 * How somebody is called who is, or was, in a room: as pinned, else as announced, else as whoever let them in said; with "?" if
 * nobody announces that, or it is the name of somebody pinned, or of the user.
 */
void rooms_name(const struct rooms *rooms, const struct roomstate *state, const uint8_t identity[static IDENTITY_BYTES],
    char name[static USERNAME_MAX_BYTES + 1]);

/* The same by what a file says, of anybody but the user; state may be NULL. */
void rooms_name_other(const struct peersfile *file, const struct roomstate *state,
    const uint8_t identity[static IDENTITY_BYTES], char name[static USERNAME_MAX_BYTES + 1]);

/* Stores that a room is muted or not, and is held no more if is_held is false. */
int rooms_set(struct rooms *rooms, struct room *room, bool is_muted, bool is_held) __attribute__((warn_unused_result));

/*
 * For who changes something. rooms_begin() takes the lock and follows; after 0, rooms_end() writes to peers.txt what is new,
 * if error is 0, unlocks, and returns error. What peers.txt cannot be told it is told with the next change.
 */
int rooms_begin(struct rooms *rooms) __attribute__((warn_unused_result));
int rooms_end(struct rooms *rooms, int error) __attribute__((warn_unused_result));

/* The same for a change of *room, which is found again; ENOENT, and unlocked, if it has given way to another. */
int rooms_begin_in(struct rooms *rooms, struct room **room) __attribute__((warn_unused_result));

/* Adds a room with that head. Of too many one goes that the user is in no more; NULL if there is none, or no memory. */
struct room *rooms_add(struct rooms *rooms, const struct roomstate *head);
void rooms_drop(struct rooms *rooms, struct room *room);

/* Lets go of the tree, and of all keys but the head's. */
void room_unload(struct room *room);
void room_set_head(const struct rooms *rooms, struct room *room, const struct roomstate *head);

/* Notes the key of a state, unless it is NULL. EBADMSG if it is not the state's. */
int room_add_key(struct room *room, const struct roomstate *state, const uint8_t *key)
    __attribute__((warn_unused_result));

/* Whom something is for. */
struct room_recipients {
	uint8_t list[CHATLOG_TO_MAX][IDENTITY_BYTES];
	size_t count;
};

/* Adds the members of a state but the user and one more, who may be NULL. */
void room_add_recipients(const struct rooms *rooms, struct room_recipients *to, const struct roomstate *state,
    const uint8_t *but);

#endif
