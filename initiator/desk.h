/*
 * The desk: what all commands of one user work with. The files of the working directory, the dialogue, and how to speak
 * to others. The files are opened when they are needed, and each locks itself; nothing is held between commands.
 *
 * A command returns what has become of it: PROGRAM_FINE, PROGRAM_FAILED, or one of the statuses below. Scripts see the
 * same as exit statuses, and the higher one says more.
 */
#ifndef QUARTET_DESK_H
#define QUARTET_DESK_H

#include <netinet/in.h>

#include "loop.h"
#include "prompt.h"
#include "store/chatfollower.h"
#include "store/chatlog.h"
#include "store/keyfile.h"
#include "store/peersfile.h"
#include "term/program.h"

struct delivery;
struct delivery_notice;
struct fetcher;
struct offers;
struct recipient;
struct rooms;

/* What else can become of a command. */
#define DESK_NOBODY 3	   /* nobody of that name, or several */
#define DESK_UNREACHABLE 4 /* nobody knows where they are, or nobody answers there: nothing was sent */
#define DESK_UNCONFIRMED 5 /* sent, but whether it arrived is not known although it could be */
#define DESK_CHANGED 6	   /* the name is used by another identity than the known one, or by none */
#define DESK_REFUSED 7	   /* by the other side */

/* The fingerprint that was shown last for a name that is not pinned: only that can be verified. */
struct shown_fingerprint {
	char username[USERNAME_MAX_BYTES + 1];
	uint8_t identity[IDENTITY_BYTES];
};

/* The list that Users has shown last, number 1 first: copies of the claims, without extra. */
struct shown_users {
	struct peer *list;
	size_t count;
};

/* The links that Open has shown last, number 1, the newest, first. */
#define LINKS_MAX 20
struct shown_links {
	char *list[LINKS_MAX];
	size_t count;
	pid_t browser; /* that was started last; or 0 */
};

/* What was told of files that were fetched. */
struct shown_files {
	int status;	      /* of a command, the worst */
	bool has_row;	      /* standard error shows how far it is */
	size_t told, untold;  /* that are done, since nothing went on */
	int64_t untold_bytes; /* of those of which no line was shown */
};

/* What is asked of a command that lists. */
struct wish {
	const char *whom; /* a name or an address, or NULL for everybody */
	size_t newest;	  /* so many messages, or 0 for all */
	bool as_json;
	const char *const *words; /* of Search, count of them, which may have spaces */
	size_t count;
};

/* The one of two statuses that says more. */
static inline int desk_worse(int status, int other)
{
	return status > other ? status : other;
}

struct desk {
	struct loop *loop; /* runs while a question waits for its answer */
	struct prompt prompt;
	struct console *console; /* the same as the prompt's: standard output in the menu, standard error in a script */
	struct console *data;	 /* what a command shows: standard output */
	/* The command came as an argument: only whole names count, and what would be asked for a yes has one. */
	bool script;
	bool is_silent; /* the command tells nothing of messages but its own */
	bool is_terse;	/* nor of those that were delivered */
	size_t refused; /* messages, and such as were dropped, since the program began */
	struct keyfile key;
	struct peersfile *peers;
	struct shown_users users;
	struct shown_links links;
	const struct recipient *talks_with; /* or NULL: of what is delivered to them a mark is enough */
	struct shown_fingerprint fingerprint;
	struct chatlog *log;
	struct rooms *rooms;	 /* NULL before desk_rooms() */
	struct offers *offers;	 /* NULL before desk_offers() */
	struct fetcher *fetcher; /* NULL before something is fetched */
	struct shown_files files;
	struct chatfollower *auto_log; /* NULL: nothing is fetched by itself */
	uint64_t auto_number;	       /* up to which that was looked at */
	int64_t asked_bytes; /* the size of chat.log when the menu's question was asked: what is beyond it is newer */
	struct delivery *delivery;  /* which the menu starts */
	const struct in_addr *from; /* the address to speak from, or NULL */
	bool strict;		    /* the classic exchange is refused */
};

/*
 * Sets up *desk for the working directory and standard input and output, and makes the user's identity if there is none.
 * If the program has arguments, it is that of a script, and its prompt never asks anything. Returns false, after telling the
 * user, if memory is short or the passphrase of the identity did not come, which is asked for if needs_secret. desk_close() is
 * called in any case. program outlives the desk.
 */
bool desk_open(struct desk *desk, struct program *program, bool needs_secret) __attribute__((warn_unused_result));

/* Before each command: has the identity as it is now, and tells the user what is new about that. */
void desk_refresh(struct desk *desk);

/* Brings what is read of peers.txt up to date. Returns false after telling the user that it cannot be read. */
bool desk_read_peers(const struct desk *desk) __attribute__((warn_unused_result));

/* If error is not 0, tells the user that a file cannot be read or written, as verb says. Returns the status of a command. */
int desk_check_file(const struct desk *desk, const char *verb, const char *file, int error);

/*
 * The user's rooms as they are now; what was given out of them before is void. NULL after telling the user that they cannot be
 * read, or that there is no identity.
 */
struct rooms *desk_rooms(struct desk *desk);

/* Whether the user is in that room, as far as it can be known. */
bool desk_is_member(struct desk *desk, const uint8_t room[static ROOM_ID_BYTES]);

/* The same for what changes them, or says something there: which is delivered from now on. */
struct rooms *desk_start_rooms(struct desk *desk);

/*
 * What is offered, as chat.log has it now; what was given out of it before is void. NULL after telling the user that it cannot be
 * read, or that there is no identity.
 */
const struct offers *desk_offers(struct desk *desk);

/* Asks for a yes, which in a script the command is. If it does not come, says that nothing was changed. */
bool desk_agrees(struct desk *desk, const char *question);

/*
 * Has the title of the terminal say how many messages wait to be delivered. Unless to is NULL, also collects a line about
 * those that wait for them, if there are any.
 */
void desk_show_waiting(struct desk *desk, const struct recipient *to);

/* Collects what has become of a message. */
void desk_put_news(const struct desk *desk, const struct delivery_notice *notice);

/* What a command returns whose message that has become of. */
int desk_status(const struct delivery_notice *notice);

/*
 * What a command returns that has queued something under that id for the members of a room: at a terminal that is all, and
 * what becomes of it is told when that is known; else it has tried everybody by then, and who does not have it is told.
 */
int desk_conclude(struct desk *desk, const uint8_t id[static ENVELOPE_ID_BYTES]);

/* Our public key; NULL if there is none. */
const uint8_t *desk_identity(const struct desk *desk);

void desk_close(struct desk *desk);

#endif
