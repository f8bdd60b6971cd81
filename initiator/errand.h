/*
 * An errand: what is said to one member about one room, in one session: a saying or a state that was queued, or the question
 * what else there is.
 *
 * common/PROTOCOL.md, section 7. It knows what is to be said next and what the answers mean; whoever has a session carries
 * both. If the other side lacks states, it is given those that it lacks, or first asked for those that are unknown here, and
 * then told the same again, once. If the state that let the user in has fallen away there, it asks to be let in again. What the
 * other side answers may be anything: it is judged by room/rooms, and bounded here. Blocks on the files of the rooms.
 */
#ifndef QUARTET_ERRAND_H
#define QUARTET_ERRAND_H

#include "room/rooms.h"
#include "store/chatlog.h"

enum errand_step {
	ERRAND_IDLE, /* there is none */
	ERRAND_TELL, /* what was queued */
	ERRAND_GIVE, /* the states that the other side lacks */
	ERRAND_ASK_STATES,
	ERRAND_ASK_SAYINGS,
	ERRAND_ASK_IN, /* to be let in again */
};

struct errand_state;

/* A zeroed one is idle. */
struct errand {
	enum errand_step step;
	bool is_told_again;
	bool is_shown;	  /* the states that are known here were handed over */
	bool is_asked_in; /* the user was let in again */
	bool is_behind;	  /* the other side has states that are unknown here */
	struct rooms *rooms;
	uint8_t to[IDENTITY_BYTES];
	struct in_addr address;
	uint8_t room[ROOM_ID_BYTES];
	json_t *record; /* what was queued, or NULL */
	bool is_saying, has_key;
	uint8_t key[ROOM_KEY_BYTES];	  /* of the state that was queued, if it is for the other side */
	uint8_t head[ROOMSTATE_ID_BYTES]; /* of the other side, if it has said so */
	struct buffer states;		  /* of struct errand_state: those to give, or those that were given */
	size_t given;
	struct buffer known; /* the beginnings of the ids of the states that are known here */
	size_t asked;	     /* so many answers */
};

/* Begins one with what a line of chat.log has queued for the holder of an identity, or if entry is NULL, with the question. */
int errand_begin(struct errand *errand, struct rooms *rooms, const struct chatlog_entry *entry,
    const uint8_t room[static ROOM_ID_BYTES], const uint8_t to[static IDENTITY_BYTES], struct in_addr address)
    __attribute__((warn_unused_result));

/*
 * What is to be said next: *body receives the object, a new reference. Returns 0; EPERM if it is not for the other side any
 * more, with *why in words; or an errno value, ENOKEY if it cannot be said before there is a key.
 */
int errand_next(struct errand *errand, json_t **body, const char **why) __attribute__((warn_unused_result));

/*
 * Takes the receipt for that, and all of its members. Returns whether there is more to say; if not, *status is what has become
 * of the errand, which is to be ended.
 */
bool errand_take(struct errand *errand, const json_t *answer, const struct envelope_receipt *receipt,
    enum envelope_status *status);

/* Gives up what goes on; harmless if nothing does. */
void errand_end(struct errand *errand);

#endif
