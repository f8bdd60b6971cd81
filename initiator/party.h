/*
 * Parties: everybody for whom something waits, or to whom a session is open: whose turn it is, who rests, and until when.
 *
 * A party is in one state at a time, and party_enter() is how it comes into another. What goes on in its session is for
 * session, who has a turn and what becomes of it for delivery. Blocks on peers.txt and on its lock.
 */
#ifndef QUARTET_PARTY_H
#define QUARTET_PARTY_H

#include "call.h"
#include "catchup.h"
#include "delivery.h"
#include "errand.h"
#include "patience.h"

enum party_state {
	PARTY_RESTING, /* nothing waits, or it is to be tried again later */
	PARTY_READY,   /* waits for its turn */
	PARTY_BUSY,    /* its call goes on */
	PARTY_DONE,    /* what has become of the parcel is to be written down and told */
};

/* The parcel is the item that is carried. */
struct party {
	TAILQ_ENTRY(party) of_turn; /* among those who are ready, or done */
	struct parties *parties;
	enum party_state state;
	struct recipient to;
	struct call call;
	struct patience patience;
	bool is_failing;     /* it rests until it is back, or its patience is over */
	bool is_held;	     /* by whoever called delivery_open() */
	bool is_asked;	     /* the user has just asked for this try */
	bool has_other_name; /* than was written to, and that was told */
	bool takes_one;	     /* message in a session: it closed after one, and lost the next */
	unsigned carried;    /* items in this session, with their receipts */
	size_t delivered;    /* messages, since something about them was told to the user */
	int64_t newest;	     /* the offset of the last line that was queued for it */
	bool has_parcel;
	struct outbox_item parcel;   /* a copy, whose pointers mean nothing */
	struct buffer sent_line;     /* of the parcel, for when it has left */
	struct errand errand;	     /* what goes on about the parcel, if that is of a room, or about the question */
	struct delivery_notice news; /* of a party that is done */
	bool has_question;	     /* it is to be asked what else there is in a room: */
	uint8_t room[ROOM_ID_BYTES];
	bool is_asked_that; /* now */
};

/* All of them, and what they have in common. */
struct parties {
	const struct delivery_setup *setup;
	struct peersfile *peers; /* of its own: it is read while a command waits for an answer about the desk's */
	struct outbox *outbox;
	struct rooms *rooms; /* NULL before delivery_start() */
	struct catchup *catchup;
	bool is_unlooked;  /* rooms or peers may have changed */
	int64_t booted_ms; /* when the machine was booted, by what the wall clock said at the start */
	TAILQ_HEAD(party_list, party) ready, done;
	size_t busy;			/* how many are called */
	struct loop_timer end_of_round; /* writes and tells what has happened in it */
	struct buffer lines;		/* for chat.log, at the end of the round */
	void *tree;			/* by identity */
};

/* The party of an identity; NULL if there is none. */
struct party *party_find(const struct parties *parties, const uint8_t *identity);

/* The same, which is added if there is none; NULL if out of memory. */
struct party *party_make(struct parties *parties, const uint8_t *identity);

/* Frees all, whatever goes on with them. */
void party_free_all(struct parties *parties);

/* Has the end of the round called, which writes the lines down. */
void party_schedule(struct parties *parties);

/* Who becomes ready goes to the end of the row, or with an open session to its beginning; done schedules the end of the round. */
void party_enter(struct party *party, enum party_state state);

/* Has a party that rests wait for its turn. */
void party_wake(struct party *party);

/* After a failure: has a party wait until it is back, or for as long as patience says. */
void party_rest(struct party *party);

/* Ends what goes on with a party; it then rests. */
void party_interrupt(struct party *party);

/* Forgets a party that rests, if there is nothing for it. */
void party_tidy(struct party *party);

/* There is no question any more: it was answered with a status, or could not be asked. */
void party_settle_question(struct party *party, enum envelope_status status);

/*
 * Appends to lines what is between the user and a recipient, of which entry has only what is special, or what has become of
 * an item. Returns 0, or ENOMEM with lines unchanged.
 */
int party_put_line(struct buffer *lines, const struct recipient *to, const uint8_t *id, struct chatlog_entry entry)
    __attribute__((warn_unused_result));
int party_put_state(struct buffer *lines, const struct recipient *to, const struct outbox_item *item,
    enum chatlog_state state, const char *why) __attribute__((warn_unused_result));

/* Sets the recipient of an item, as peers.txt was read last. Returns what they announce, or NULL. */
const struct peer *party_know(const struct parties *parties, const struct outbox_item *item, struct recipient *to);

/* Brings up to date where a recipient is. Returns whether they have come back. */
bool party_locate(struct party *party);

#endif
