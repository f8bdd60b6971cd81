/*
 * Delivery: carries what waits in the outbox to its recipients, now or when they are back: the secure messages of one's own,
 * and in rooms what one said and changed.
 *
 * All that is in chat.log as queued, and on the disk, before its first byte leaves, and from then on it waits for the holders
 * of the identities that the line names and nobody else. Each recipient has one call at a time, in which the items go that
 * wait by then, each once the one before is confirmed, and DELIVERY_SESSION_MAX at most; DELIVERY_RECIPIENTS are called at
 * once. Whoever cannot be reached is tried again as patience says. What was delivered, and whose line was lost, is sent
 * again with the same id, by which the receiver knows it.
 *
 * One process delivers for a directory: the one that holds flock(2) on identity.key, as long as something waits. The others
 * follow the log, and take over when it ends. Only what is queued for once is sent by the process that queued it, without
 * that lock. What comes from the log and from the network is hostile; it is bounded by outbox, call and patience. Pins what
 * a receipt proves, as Chat does. Blocks on the disk and on the locks of the files, never on the network: everything goes on
 * in the loop. While nothing waits nothing wakes the program up but lines that are appended to chat.log.
 */
#ifndef QUARTET_DELIVERY_H
#define QUARTET_DELIVERY_H

#include "call.h"
#include "loop.h"
#include "outbox.h"
#include "recipient.h"
#include "room/rooms.h"
#include "store/chatlog.h"
#include "store/keyfile.h"

#define DELIVERY_RECIPIENTS 64
#define DELIVERY_SESSION_MAX 64
/* How long whoever awaits a message that another process delivers is kept waiting. */
#define DELIVERY_ELSEWHERE_MS 10000

/* What has become of a message, or of the attempt to deliver it. */
enum delivery_kind {
	DELIVERY_DELIVERED,
	DELIVERY_REFUSED,     /* 404: it does not wait any more */
	DELIVERY_NOT_NOW,     /* 300: it waits */
	DELIVERY_UNREACHABLE, /* nothing left: stage and error say why; it waits, unless it was queued for once */
	DELIVERY_UNCONFIRMED, /* it left, and no receipt came: error says why; it waits, unless it was queued for once */
	DELIVERY_DROPPED,     /* it was too old, or dropped by another process; why says so */
	DELIVERY_ELSEWHERE,   /* another process has the outbox, and has not delivered it so far */
};

struct delivery_notice {
	enum delivery_kind kind;
	enum outbox_kind item; /* what goes to the members of a room is told only if something is wrong */
	uint8_t id[ENVELOPE_ID_BYTES];
	struct recipient to;
	enum call_stage stage;
	int error;
	bool left;			 /* this time or another */
	bool asked;			 /* the user has just queued it, or wanted it to be tried again */
	size_t delivered;		 /* so many messages to them, with this one, since that was told last */
	size_t waiting;			 /* so many wait for them still */
	int log_error;			 /* why chat.log does not say so: then it waits all the same; or 0 */
	struct envelope_receipt receipt; /* if there was one, else its status is 0 */
	char why[CHATLOG_WHY_MAX_BYTES + 1];
	/* After DELIVERY_DELIVERED: under which name the recipient was pinned just now, or ""; or why that failed. */
	char pinned[USERNAME_MAX_BYTES + 1];
	int pin_error;
	bool has_other_name; /* than was written to: receipt.username. Nobody was pinned */
};

/* What has become of a saying or a state in a room, or of a message, for each of those that it was queued for. */
struct delivery_tally {
	uint8_t id[ENVELOPE_ID_BYTES];
	enum outbox_kind item;
	uint8_t room[ROOM_ID_BYTES];
	size_t count, delivered, refused, waiting; /* all, and of these; refused includes dropped */
	struct delivery_share {
		uint8_t identity[IDENTITY_BYTES];
		enum delivery_kind kind; /* DELIVERY_ELSEWHERE: it was not tried so far */
		char why[CHATLOG_WHY_MAX_BYTES + 1];
	} shares[CHATLOG_TO_MAX];
	/* For tally: */
	struct delivery_notice *notice; /* what has become of the one message; or NULL */
	int64_t patience_ms;		/* monotonic: how long another process is waited for */
	bool is_over;
	bool is_told; /* by tell_tally, and then freed; else somebody waits */
	LIST_ENTRY(delivery_tally) others;
};

/* Whether the message has not been taken, and waits on unless it was queued for once. */
bool delivery_waits(const struct delivery_notice *notice);

/* Whether it was delivered, and there is nothing else to tell. */
bool delivery_is_plain(const struct delivery_notice *notice);

/*
 * What it works with, all of which outlives it. tell is told what becomes of the messages that nobody awaits; of several
 * that are delivered to somebody one after the other, with the last. It calls no function of this module that changes
 * anything.
 */
struct delivery_setup {
	struct loop *loop;
	struct chatlog *log;
	struct peersfile *peers; /* read by others: what they have read is not read again */
	const struct keyfile *key;
	const struct in_addr *from; /* or NULL */
	void (*tell)(void *context, const struct delivery_notice *notice);
	/* That something was delivered in a room, or not, and perhaps by another process: other messages may wait by now. */
	void (*note)(void *context);
	/* What has become of a saying or a state that delivery_await() was not to wait for. */
	void (*tell_tally)(void *context, const struct delivery_tally *tally);
	void *context;
};

struct delivery;

/* For the working directory. Reads nothing and carries nothing yet. NULL if out of memory; end with delivery_free(). */
struct delivery *delivery_new(const struct delivery_setup *setup) __attribute__((warn_unused_result));
void delivery_free(struct delivery *delivery);

/*
 * Reads what waits in chat.log, follows it, and delivers from now on. Returns 0; EFBIG if it does so, but something may wait
 * too far back, as outbox_begin() says; or why the log cannot be read. What is queued for once needs no start.
 */
int delivery_start(struct delivery *delivery) __attribute__((warn_unused_result));

/*
 * Connects to a recipient, and agrees on keys of which number (decimal digits) makes ours, for the next message to them.
 * Returns 0 once that is open, EINTR if stop_requested(), or with *stage set why it cannot be. Nothing is logged.
 */
int delivery_open(struct delivery *delivery, const struct recipient *to, const char *number, enum call_stage *stage)
    __attribute__((warn_unused_result));

/* Whether that has not been closed by the other side so far. */
bool delivery_is_open(const struct delivery *delivery, const struct recipient *to);

/* Closes that again, if nothing was queued since. */
void delivery_close(struct delivery *delivery, const struct recipient *to);

#define DELIVERY_ONCE 1
#define DELIVERY_LATER 2
#define DELIVERY_QUIETLY 4

/*
 * Queues a text of well-formed UTF-8, or an offer, to a recipient with an identity, who is tried at once even if they could not be
 * reached a moment ago; with DELIVERY_ONCE one that is only tried now and only by this process, with DELIVERY_LATER
 * not before patience says so, because they could not be reached just now; with DELIVERY_QUIETLY a failure of this try is not
 * told, because it is known already that they could not be reached. Returns 0 once it is on the disk, EDQUOT if
 * OUTBOX_EACH_MAX wait for them, or an error of chatlog_append(). Unless notice is NULL, runs the loop then until it is known
 * what has become of the message, for now, and sets *notice; or returns EINTR if stop_requested().
 */
int delivery_queue(struct delivery *delivery, const struct recipient *to, const struct envelope_content *content,
    unsigned how, struct delivery_notice *notice) __attribute__((warn_unused_result));

/*
 * The rooms of the user; NULL before delivery_start(). Commands look, say and change here. They are brought up to date while
 * the loop runs, so a room, a head and a key that were got before are got again after that, by the room's id.
 */
struct rooms *delivery_rooms(const struct delivery *delivery);

/*
 * Runs the loop until what roomtalk_say(), roomacts_change() or roomacts_take() has just queued under that id (of a state the beginning
 * of its id) was tried once for every member, or for DELIVERY_ELSEWHERE_MS while another process has the outbox; *tally then
 * says what has become of it. If tally is NULL, does not wait: the same is told later, with tell_tally. Returns 0; EINTR; ENOMEM;
 * or an error of chatlog_read_at().
 */
int delivery_await(struct delivery *delivery, const uint8_t id[static ENVELOPE_ID_BYTES], struct delivery_tally *tally)
    __attribute__((warn_unused_result));

/*
 * Runs the loop until all that waits was tried once, or for DELIVERY_ELSEWHERE_MS while another process has the outbox.
 * Returns 0 or EINTR.
 */
int delivery_try_all(struct delivery *delivery) __attribute__((warn_unused_result));

/* What waits. */
const struct outbox *delivery_outbox(const struct delivery *delivery);

/* Tries a recipient at once for whom something waits. */
void delivery_retry(struct delivery *delivery, const uint8_t identity[static IDENTITY_BYTES]);

/*
 * Drops what the user said and waits for the holder of an identity, with a line each; or unless to is NULL, has the messages
 * among it, but nothing of a room, go to that recipient instead, as new ones, in the same order. Returns 0; or EDQUOT if there would be too many for them, or an error
 * of chatlog_append(), with everything as it was.
 */
int delivery_drop(struct delivery *delivery, const uint8_t identity[static IDENTITY_BYTES], const struct recipient *to)
    __attribute__((warn_unused_result));

/* Drops the message with that id for everybody for whom it waits, in the same way. */
int delivery_withdraw(struct delivery *delivery, const uint8_t id[static ENVELOPE_ID_BYTES])
    __attribute__((warn_unused_result));

#endif
