/*
 * A state of a room: who is in, who is admin, what it is called, as one text that a member has signed.
 *
 * Whoever has a state has all there is to know of the room at that point, so a state stands alone; whether it may follow
 * another is judged by room/roomrules, which of several goes on by room/roomtree. What is signed is the exact text
 * (common/PROTOCOL.md, section 7). Texts and signatures are those of strangers: length and all counts are bounded, nobody
 * is listed twice, and no member of the JSON stands there twice. Nothing here blocks.
 */
#ifndef QUARTET_ROOMSTATE_H
#define QUARTET_ROOMSTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "room/signedtext.h"
#include "trust/username.h"

#define ROOM_NAME_MAX_BYTES 32
#define ROOM_ABOUT_MAX_BYTES 200
#define ROOM_MEMBERS_MAX 64
#define ROOM_REMOVED_MAX 128
#define ROOM_SALT_BYTES 16
#define ROOM_LOCK_BYTES 32
#define ROOM_NUMBER_MAX 999999999
#define ROOMSTATE_LABEL "quartet room" /* for identity_sign() */
/* In the lists of states that a state names. */
#define ROOMSTATE_NAMED_MAX 64
/* No state that keeps to the limits above is longer. */
#define ROOMSTATE_TEXT_MAX_BYTES 30000

enum roomentry {
	ROOMENTRY_OPEN,
	ROOMENTRY_PASSWORD,
	ROOMENTRY_INVITED,
};

struct roommember {
	uint8_t identity[IDENTITY_BYTES];
	char username[USERNAME_MAX_BYTES + 1]; /* as whoever let them in called them */
	bool is_marked;			       /* as an admin; the oldest is one without it */
	uint32_t since;			       /* the number of the state that let them in */
};

struct roomstate {
	uint8_t id[ROOMSTATE_ID_BYTES];
	uint8_t room[ROOM_ID_BYTES];
	uint32_t n;
	uint8_t after[ROOMSTATE_ID_BYTES]; /* zeros in the first, whose n is 0 */
	uint8_t salt[ROOM_SALT_BYTES];	   /* of the first only */
	char name[ROOM_NAME_MAX_BYTES + 1];
	char about[ROOM_ABOUT_MAX_BYTES + 1];
	unsigned capacity;
	enum roomentry entry;
	uint8_t lock[ROOM_LOCK_BYTES]; /* what proves the password, if that is the entry, or else zeros */
	struct roommember *members;    /* the oldest first; none once the last has left */
	size_t member_count;
	uint8_t (*removed)[IDENTITY_BYTES]; /* the latest last */
	size_t removed_count;
	uint8_t (*again)[ROOMSTATE_ID_BYTES]; /* fallen states of its author that it stands for */
	size_t again_count;
	uint8_t (*left)[ROOMSTATE_ID_BYTES]; /* the states by which those whom it takes out had left */
	size_t left_count;
	uint8_t secret[ROOM_KEY_BYTES]; /* proves the key of the state, see roomstate_secret() */
	int64_t time_ms;		/* what its author's clock said; decides nothing */
	uint8_t by[IDENTITY_BYTES];
	struct signedtext text; /* not NUL-terminated */
	unsigned holders;
};

/* The word for an entry: "open", "password", "invited". Static storage. */
const char *roomentry_word(enum roomentry entry);
bool roomentry_parse(const char *word, enum roomentry *entry) __attribute__((warn_unused_result));

/*
 * Reads a state whose signature is to hold. Returns 0 with *state set, to be released with roomstate_release(); EBADMSG if it
 * is none; or ENOMEM.
 */
int roomstate_parse(const struct signedtext *text, struct roomstate **state) __attribute__((warn_unused_result));

/* The same for a signature that is known to hold, or is not asked for. */
int roomstate_read(const struct signedtext *text, struct roomstate **state) __attribute__((warn_unused_result));

/* One more holder of a state, who releases it; the last release frees it. NULL is fine there. */
struct roomstate *roomstate_hold(struct roomstate *state);
void roomstate_release(struct roomstate *state);

/* The place of an identity in the list, from 0, or -1 for who is no member. */
int roomstate_find_member(const struct roomstate *state, const uint8_t identity[static IDENTITY_BYTES]);

/* Whether whoever stands at that place of the list is an admin: marked as one, or the oldest. */
bool roomstate_is_admin(const struct roomstate *state, int place);

/* How many members come before the one at that place: admins before others, and then by age. */
int roomstate_rank(const struct roomstate *state, int place);

bool roomstate_is_removed(const struct roomstate *state, const uint8_t identity[static IDENTITY_BYTES]);

/* What a state says of its key, which only members have: the receiver of a key compares. */
void roomstate_secret(const uint8_t key[static ROOM_KEY_BYTES], uint8_t secret[static ROOM_KEY_BYTES]);

#endif
