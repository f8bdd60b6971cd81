/*
 * Create and Set: what a room is like. Its name, description and capacity, how one enters, and the password.
 *
 * Of a password a room has a lock, which is made from it and the id of the room; it is written down nowhere else.
 */
#ifndef QUARTET_ROOMSETUP_H
#define QUARTET_ROOMSETUP_H

#include "lobby.h"
#include "term/secret.h"

/* What Create is told: at most ROOM_MEMBERS_MAX names of newcomers. */
struct roomsetup_order {
	const char *name, *about; /* about may be NULL */
	unsigned capacity;	  /* or 0 */
	bool is_invited, has_password;
	struct secret password; /* if it is not empty; else it is asked for */
	char option[3];		/* the last, "-x", that will not do */
	const char *newcomers[ROOM_MEMBERS_MAX];
	size_t newcomer_count;
};

/*
 * Reads "create", the name, options and newcomers, as getopt(3) does. Returns NULL, or what is wrong, with *value what that is
 * about.
 */
const char *roomsetup_parse(struct roomsetup_order *order, int count, char **words, const char **value);

/* The command Create: asks for all but the name, if that stands alone. The password is wiped. */
int roomsetup_create(struct desk *desk, struct roomsetup_order *order);
int roomsetup_run_create(struct desk *desk, const char *typed);

/* The command Set: "#lab capacity 20". */
int roomsetup_set(struct desk *desk, const char *typed);

/* Gives a room a password: text, or one that is asked for if that is "" or "-". An empty answer changes nothing. */
int roomsetup_set_password(struct desk *desk, const struct lobby_room *found, const char *text, const char *question);

/* Asks for a password, which is not shown; a script has a line of standard input. Returns false after telling the user. */
bool roomsetup_ask_password(struct desk *desk, const char *question, struct secret *password)
    __attribute__((warn_unused_result));

/* Makes the lock of a password, which is wiped. Returns false after telling the user. Blocks for a tenth of a second. */
bool roomsetup_make_lock(const struct desk *desk, const uint8_t room[static ROOM_ID_BYTES], struct secret *password,
    uint8_t lock[static ROOM_LOCK_BYTES]) __attribute__((warn_unused_result));

#endif
