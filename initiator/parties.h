/*
 * The parties: everybody for whom something waits in the outbox, or to whom a session is open, and how far each one is.
 *
 * A part of delivery.h, which has the log and decides when anything begins; here each party gets its turn, is called, given the
 * message that waits for it first, and listened to. What there is to write down afterwards is added to lines, and who is
 * through with a message waits among those who are done for the end of the round. Nothing here waits or writes a file,
 * but for pins.
 */
#ifndef QUARTET_PARTIES_H
#define QUARTET_PARTIES_H

#include "delivery.h"
#include "outbox.h"
#include "patience.h"
#include "peerswatch.h"

enum party_state {
	PARTY_RESTING, /* nothing waits, or it is to be tried again later */
	PARTY_READY,   /* waits for its turn */
	PARTY_BUSY,    /* its call goes on */
	PARTY_DONE,    /* what has become of the parcel is to be written down and told */
};

/* The parcel is the message that is carried. */
struct party {
	TAILQ_ENTRY(party) of_turn; /* among those who are ready, or done */
	struct parties *parties;
	enum party_state state;
	struct recipient to;
	struct call call;
	struct patience patience;
	struct loop_timer timer; /* while it rests after a failure */
	bool is_held;		 /* by whoever called delivery_open() */
	bool is_asked;		 /* the user has just asked for this try */
	bool has_other_name;	 /* than was written to, and that was told */
	bool has_parcel;
	bool takes_one;		       /* message in a session: it closed after one, and lost the next */
	unsigned carried;	       /* messages in this session, with their receipts */
	size_t delivered;	       /* messages, since something about them was told to the user */
	uint8_t id[ENVELOPE_ID_BYTES]; /* of the parcel */
	bool left;		       /* this time or another */
	struct buffer sent_line;       /* of the parcel, for when it has left */
	struct delivery_notice news;   /* of a party that is done */
};

TAILQ_HEAD(party_list, party);

/* setup and end_of_round belong to the delivery. */
struct parties {
	const struct delivery_setup *setup;
	struct loop_timer *end_of_round;
	struct peersfile *peers; /* of its own: it is read while a command waits for an answer about the desk's */
	struct outbox *outbox;
	bool has_outbox;		 /* this process delivers */
	int lock;			 /* identity.key, locked; or -1 */
	uint8_t once[ENVELOPE_ID_BYTES]; /* what was queued for once, and is sent in any case */
	struct buffer lines;		 /* for chat.log, at the end of the round */
	void *tree;			 /* of all, by identity */
	struct party_list ready, done;
	size_t busy, failing; /* those whose call goes on, and those who rest after a failure */
	struct peerswatch watch;
};

/* Sets up none. Returns 0 or ENOMEM; end with parties_close() in either case. */
int parties_open(struct parties *parties, const struct delivery_setup *setup, struct loop_timer *end_of_round)
    __attribute__((warn_unused_result));
void parties_close(struct parties *parties);

/* The party of an identity; NULL if there is none. party_make() adds it, and returns NULL if out of memory. */
struct party *party_find(const struct parties *parties, const uint8_t *identity);
struct party *party_make(struct parties *parties, const uint8_t *identity);

/* Has a party that rests wait for its turn. */
void party_wake(struct party *party);

/* Gives a turn to those who wait for one. */
void parties_run(struct parties *parties);

/* Ends what goes on with a party; it then rests. */
void party_interrupt(struct party *party);

/* After a failure: has it wait until it is back, or for as long as patience says. */
void party_rest(struct party *party);

/* Forgets a party that rests, if there is nothing for it. */
void party_tidy(struct party *party);

/* Brings up to date where a recipient is. Returns whether they have come back. */
bool party_locate(struct party *party);

/* Calls a party; number makes our key. */
void party_dial(struct party *party, const char *number);

/*
 * Whether this process has the outbox. Not if there is another identity.key meanwhile than the one that it has locked, as
 * Passphrase makes one: then somebody else may have locked that, and the end of the round is due, to try.
 */
bool parties_check_lock(struct parties *parties);

/* Whether this process may send a message: it has the outbox, or nobody else sends this one. */
bool parties_may_send(const struct parties *parties, const struct outbox_item *item);

/* Sets the recipient of a message that waits, as peers.txt was read last. Returns what they announce, or NULL. */
const struct peer *parties_know(const struct parties *parties, const struct outbox_item *item, struct recipient *to);

/* Append the lines that say what has become of a message, and that it is queued. Return 0, ENOMEM or EILSEQ. */
int parties_format_state(struct buffer *lines, const struct recipient *to, const uint8_t *id, enum chatlog_state state,
    const char *why) __attribute__((warn_unused_result));
int parties_format_queued(struct buffer *lines, const struct recipient *to, const uint8_t *id, const char *text,
    size_t len, bool once) __attribute__((warn_unused_result));

#endif
