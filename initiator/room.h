/*
 * Rooms: the commands that show, make and change them.
 *
 * common/PROTOCOL.md, section 7. A change is a state that the user signs; it is in chat.log, and queued for all members, before
 * the user is told. Who may do what is for room/roomrules to say: what it refuses is told with the reason. Each command asks
 * for what is missing, and returns what has become of it as desk.h says.
 */
#ifndef QUARTET_ROOM_H
#define QUARTET_ROOM_H

#include "lobby.h"
#include "recipient.h"
#include "term/secret.h"

/* The command Rooms: the user's own and those that others announce; one of them: who is in it. For a script as JSON, too. */
int room_list(struct desk *desk, const struct wish *wish);
int room_describe(struct desk *desk, const struct wish *wish);
int room_run_list(struct desk *desk, const char *typed);
int room_run_describe(struct desk *desk, const char *name);

/* What Create is told: at most ROOM_MEMBERS_MAX names of newcomers. */
struct room_order {
	const char *name, *about; /* about may be NULL */
	unsigned capacity;	  /* or 0 */
	bool is_invited, has_password;
	struct secret password; /* if it is not empty; else it is asked for */
	const char *newcomers[ROOM_MEMBERS_MAX];
	size_t newcomer_count;
};

/*
 * Reads "create", the name, options and newcomers, as getopt(3) does. Returns NULL, or what is wrong, with *value what that is
 * about or NULL.
 */
const char *room_parse_order(struct room_order *order, int count, char **words, const char **value);

/* The command Create: asks for all but the name, if that stands alone. The password is wiped. */
int room_create(struct desk *desk, struct room_order *order);
int room_run_create(struct desk *desk, const char *typed);

/* The commands about a room: "#lab"; about somebody in it: "Bob #lab"; and Set: "#lab capacity 20". */
int room_leave(struct desk *desk, const char *name);
/* Leaves a room that waits for the user's decision, for good: it stays held. */
int room_reject(struct desk *desk, const char *name);
int room_invite(struct desk *desk, const char *typed);
int room_remove(struct desk *desk, const char *typed);
int room_promote(struct desk *desk, const char *typed);
int room_demote(struct desk *desk, const char *typed);
int room_set(struct desk *desk, const char *typed);

/* Asks for a password, which is not shown; a script has a line of standard input. Returns false after telling the user. */
bool room_ask_password(struct desk *desk, const char *question, struct secret *password)
    __attribute__((warn_unused_result));

/* Says something in a room that was found: it is queued for all members. */
int room_say(struct desk *desk, const struct recipient *to, const char *text, size_t len);

#endif
