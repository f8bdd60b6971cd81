/*
 * chat.log: every message sent and received, one JSON object a line, appended by the initiator and the responder. What
 * becomes of a message later is a further line with the same id, so nothing that was written ever changes. What is signed, in
 * rooms, is kept with its signature, and not verified here.
 *
 * Specification 2.3.0-E, 2.3.0-G and 2.4.0-D; the format is in common/PROTOCOL.md, section 6. Whole lines are written
 * with one write(2) under an exclusive flock(2), so the two writers never mix. A line that a crash tore is closed off
 * by the next append. If the disk is full the file is cut back to its last whole line.
 */
#ifndef QUARTET_CHATLOG_H
#define QUARTET_CHATLOG_H

#include <jansson.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "file/fileoffer.h"
#include "file/filesource.h"
#include "room/signedtext.h"
#include "trust/username.h"
#include "wire/envelope.h"

#define CHATLOG_NAME "chat.log"
/* Readers pass over longer lines; none that is written comes near: a text arrives in an object of 64 KiB. */
#define CHATLOG_LINE_MAX_BYTES (512 * 1024)
/* Without the NUL. */
#define CHATLOG_STANDING_MAX_BYTES 16
#define CHATLOG_WHY_MAX_BYTES 256
#define CHATLOG_TO_MAX 128
#define CHATLOG_PATH_MAX_BYTES 4095
/* Of what chatlog_append() is to number; and how much room there is for a number. */
#define CHATLOG_NUMBER_NEXT UINT64_MAX
#define CHATLOG_NUMBER_DIGITS 10

enum chatlog_kind {
	CHATLOG_MESSAGE,
	CHATLOG_STATE,	 /* what has become of the message with that id */
	CHATLOG_SETTLED, /* nothing before an offset of the file waits any more */
	CHATLOG_ROOM,	 /* a state of a room that was taken */
	CHATLOG_EVENT,	 /* what happened in a room, for the user */
};

enum chatlog_direction {
	CHATLOG_RECEIVED,
	CHATLOG_SENT,
	CHATLOG_QUEUED, /* to be sent; a line with the same id says so once it left */
};

enum chatlog_mode {
	CHATLOG_PLAIN,
	CHATLOG_CLASSIC,
	CHATLOG_SECURE,
};

enum chatlog_state {
	CHATLOG_DELIVERED,
	CHATLOG_DROPPED,   /* it is not sent any more */
	CHATLOG_ACCEPTED,  /* what was held is shown */
	CHATLOG_REJECTED,  /* or is not */
	CHATLOG_FETCHED,   /* the file that it offers is there whole, with somebody else or here */
	CHATLOG_WITHDRAWN, /* or is not offered any more */
};

/* Whom it happened to, if that is somebody, is the username of the entry; value is the new one, if there is one. */
enum chatlog_event {
	CHATLOG_CREATED,
	CHATLOG_JOINED,
	CHATLOG_LEFT,
	CHATLOG_REMOVED,
	CHATLOG_ADMIN,
	CHATLOG_NO_ADMIN,
	CHATLOG_NAMED,
	CHATLOG_ABOUT,
	CHATLOG_CAPACITY,
	CHATLOG_ENTRY,
	CHATLOG_PASSWORD,
	CHATLOG_FELL,  /* an act of the user's own, the value, does not count any more */
	CHATLOG_TWICE, /* somebody signed two states after the same one */
	CHATLOG_APART, /* others have states that follow nothing that is known here */
};

/* Members that are not of the entry's kind are zero. */
struct chatlog_entry {
	enum chatlog_kind kind;
	int64_t time_ms; /* wall clock */
	enum chatlog_direction direction;
	bool once; /* queued for the process that wrote it only, which nobody else sends in its place */
	bool held; /* received, and not to be shown before it is accepted; of a room's state: so is the room */
	enum chatlog_mode mode;
	enum chatlog_state state;
	int64_t settled; /* an offset, in bytes */
	/* Of the other side; in a room "#lab" in what is one's own, else the author's. "" in an event that is about nobody. */
	char username[USERNAME_MAX_BYTES + 1];
	struct in_addr address; /* of the other side; of nobody in what is one's own in a room */
	/* What the responder made of the sender: a word of small letters, or NULL if there was nothing to say. */
	const char *standing;
	bool has_id, has_identity;
	uint8_t id[ENVELOPE_ID_BYTES];	  /* of the message; of a room's state the beginning of its id */
	uint8_t identity[IDENTITY_BYTES]; /* the proven sender's, or the recipient's; in a room the author's */
	const char *text;		  /* UTF-8; in a room chatlog_parse() finds it in what is signed */
	size_t text_len;
	/* Of a message that offers a file, in place of a text, which is "" then; in a room it is found as that is. */
	bool has_file;
	struct fileoffer file;
	uint64_t number; /* of an offer, and of what became of it: what the user calls it; or 0 */
	/* Of one's own offer, and of what was fetched here: where it lies. */
	bool has_source;
	struct filesource source;
	const char *why; /* of a state: a reason for the user, UTF-8, or NULL */
	bool has_room;
	uint8_t room[ROOM_ID_BYTES];
	struct signedtext signed_text; /* of a message in a room, and of a room's state */
	/* Of what is queued in a room, and of a room's state that is to be handed over: the identities it waits for. */
	const uint8_t (*to)[IDENTITY_BYTES];
	size_t to_count;
	bool has_key; /* of a room's state: the key of what is said under it */
	uint8_t key[ROOM_KEY_BYTES];
	int64_t before; /* of a room's state: the offset of the line of another that was taken before, or -1 */
	enum chatlog_event event;
	const char *by;	   /* of an event: the name of who did it, UTF-8, or NULL */
	const char *value; /* UTF-8, or NULL */
	json_t *document;  /* what chatlog_parse() read the strings from; NULL in an entry made by hand */
};

/* The words in the file and on the screen: "plain", "classic", "secure"; "RECEIVED" ...; "joined" ... */
const char *chatlog_mode_word(enum chatlog_mode mode);
const char *chatlog_direction_word(enum chatlog_direction direction);
const char *chatlog_event_word(enum chatlog_event event);

/*
 * Appends the line for entry to batch. What is queued and what has a state has an id, what is queued an identity or, in a
 * room, to. Returns 0; or ENOMEM, or EILSEQ if a string is not UTF-8, with batch unchanged.
 */
int chatlog_format(struct buffer *batch, const struct chatlog_entry *entry) __attribute__((warn_unused_result));

/*
 * Reads one line, without its line feed. Returns 0 with *entry to be released with chatlog_entry_free(); or EBADMSG for what
 * chatlog_format() could not have written, further members aside.
 */
int chatlog_parse(const char *line, size_t len, struct chatlog_entry *entry) __attribute__((warn_unused_result));

/* The number at the end of a line, as we write it, or 0; CHATLOG_NUMBER_NEXT if it is to be given. */
uint64_t chatlog_number(const char *line, size_t len);

/* Whether a line, as we write it, is a message that was received, and need not be parsed by who wants none of these. */
bool chatlog_is_received(const char *line, size_t len);

void chatlog_entry_free(struct chatlog_entry *entry);

/* The writer. It keeps the file open between appends, not locked, and opens nothing before. */
struct chatlog;

/* For the chat.log in directory dir (or AT_FDCWD), whose lock is waited for wait_ms. NULL if out of memory. */
struct chatlog *chatlog_new(int dir, int wait_ms);
void chatlog_free(struct chatlog *log);

/*
 * Locks the file for what chatlog_append() appends until chatlog_unlock(), so that who reads up to its end meanwhile knows
 * all that was ever written. Returns 0, EBUSY before chatlog_finish(), or an error of lockedfile_open(). Blocks on the lock.
 */
int chatlog_lock(struct chatlog *log) __attribute__((warn_unused_result));
void chatlog_unlock(struct chatlog *log);

#define CHATLOG_DURABLE 1 /* the lines and the name of the file are on the disk when this returns */
#define CHATLOG_FOR_STRANGERS                                                                                          \
	2		   /* nothing is appended that would leave less than 64 MiB, or a hundredth of the disk, free */
#define CHATLOG_DEFERRED 4 /* what is durable may be synced while the program does something else */

/*
 * Appends len bytes of whole lines, into which the numbers are written that are still to be given, and which survive the death of the process. A file that was moved away is made anew, and one
 * that others may read set to mode 0600. Returns 0, or with nothing appended ENOSPC, or an error of lockedfile_open(); or, if
 * deferred, which is not for after chatlog_lock(), EINPROGRESS: then the file stays locked until chatlog_finish() says what
 * became of them, and nothing can be appended before. Blocks on the lock and the disk.
 */
int chatlog_append(struct chatlog *log, char *lines, size_t len, unsigned how) __attribute__((warn_unused_result));

/* Allows CHATLOG_DEFERRED. Returns a descriptor for epoll(7), edge-triggered, that reports each end; or -1 if it cannot. */
int chatlog_defer(struct chatlog *log);

/* Returns EAGAIN if the lines are not on the disk yet, unless wait; else unlocks the file, and returns what became of them. */
int chatlog_finish(struct chatlog *log, bool wait) __attribute__((warn_unused_result));

/* The offset in the file, in bytes, at which the lines of the last append begin, if it succeeded. */
int64_t chatlog_appended(const struct chatlog *log);

/*
 * Reads the line that begins at an offset of the chat.log in directory dir, without a lock. Returns what chatlog_parse()
 * returns, or an errno value of the file; EBADMSG also if there is no whole line. Blocks on the disk.
 */
int chatlog_read_at(int dir, int64_t offset, struct chatlog_entry *entry) __attribute__((warn_unused_result));

#endif
