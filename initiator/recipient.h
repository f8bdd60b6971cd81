/*
 * The recipient: whom the user means, by a name, the beginning of one, an address, or a number of the list of Users.
 *
 * This is the one place that finds that out. Who may be meant is for trust/candidates.h to say; if several are, the user is
 * asked. "#lab" means a room (lobby.h), for who can do something with that. A number means whoever had it when the list was shown, whatever has been announced since.
 */
#ifndef QUARTET_RECIPIENT_H
#define QUARTET_RECIPIENT_H

#include <stdbool.h>

#include "desk.h"
#include "room/roomstate.h"
#include "trust/candidates.h"

/* All copies: they hold when peers.txt is read again. */
struct recipient {
	enum standing standing;
	char username[USERNAME_MAX_BYTES + 1];	/* by the pin, or as announced */
	char announced[USERNAME_MAX_BYTES + 1]; /* or "" if nobody announces the identity */
	struct in_addr address;
	bool has_address; /* else nobody knows where they are */
	bool has_identity;
	bool downgraded; /* has no identity, but one is known or was announced of that name or address */
	bool has_pin;	 /* of the identity */
	uint8_t identity[IDENTITY_BYTES];
	bool
	    is_room; /* nobody, but a room that the user is in; the username is "#lab", and nothing above means anything */
	uint8_t room[ROOM_ID_BYTES];
	struct pin pin;
	struct pin other; /* who else is known by that name, or by one that looks like it, if somebody is */
};

/*
 * Finds whom text means, asking for the name if it is "", and which of several if it must; in a script only a whole name
 * or address means somebody, and nothing is asked. Returns PROGRAM_FINE, or after telling the user DESK_NOBODY;
 * DESK_UNREACHABLE, unless even_absent, for somebody without an address; or PROGRAM_FAILED if the user gave up or peers.txt
 * cannot be read.
 */
int recipient_find(struct recipient *recipient, const char *text, bool even_absent, struct desk *desk)
    __attribute__((warn_unused_result));

/* Who may be meant besides those who are pinned or announced, as in trust/candidates.h. */
struct recipient_search {
	const struct stranger *others;
	size_t other_count;
	unsigned noted;
	bool even_absent;
	bool even_room;
};

int recipient_find_among(struct recipient *recipient, const char *text, const struct recipient_search *search,
    struct desk *desk) __attribute__((warn_unused_result));

/* How many text may mean, at most CANDIDATES_MAX; only whole names count if whole. Tells nothing, and asks nothing. */
size_t recipient_count(const struct desk *desk, const char *text, bool whole);

/* Whether whoever a whole name or an address means is announced, and was heard lately enough. */
bool recipient_is_online(const struct desk *desk, const char *text);

/*
 * How many bytes at the beginning of text are a name or address: the longest whole one that somebody has, else the first
 * word.
 */
size_t recipient_name_bytes(struct desk *desk, const char *text);

/*
 * Sets *recipient to the holder of an identity, as peers.txt was read last. Unless they are pinned, they keep the username
 * that they had, if that is not ""; and address if they are neither announced nor pinned with one. Returns what they
 * announce, which holds until the file is read again, or NULL.
 */
const struct peer *recipient_know(struct recipient *recipient, const struct peersfile *file,
    const uint8_t identity[static IDENTITY_BYTES], const char *username, struct in_addr address);

/* Whether somebody else than the holder announces the name of a pinned recipient, as peers.txt was read last. */
bool recipient_has_rival(const struct recipient *recipient, const struct desk *desk);

/* Finds who does so, asking which of several. Returns as recipient_find(). */
int recipient_find_rival(struct recipient *recipient, struct desk *desk) __attribute__((warn_unused_result));

/*
 * Writes down that the holder of the recipient's identity has answered: pins it under the name, with a number if that is
 * pinned already ("Bob 2"), or keeps the address of what is pinned. pinned becomes the name that is new, or "". Returns
 * 0, or an errno value as peersfile_commit() does or peersfile_pin().
 */
int recipient_pin(const struct recipient *recipient, struct peersfile *file, char pinned[static USERNAME_MAX_BYTES + 1])
    __attribute__((warn_unused_result));

/* Collects "Not yet: Bob (192.168.1.7) is not known to you.": what stands before, in a style, the recipient, and the rest. */
void recipient_put(const struct recipient *recipient, struct console *console, enum console_style style,
    const char *before, const char *after);

/* Collects a line about somebody who announces a pinned name and is not its holder, with the date of the pin. */
void recipient_put_change(const struct recipient *recipient, struct console *console);

/* The same, or a line about a name that looks alike, or another name that the recipient announces, if there is one. */
void recipient_put_doubts(const struct recipient *recipient, struct console *console);

/* Collects the day of pinning. */
void recipient_put_since(const struct pin *pin, struct console *console);

#endif
