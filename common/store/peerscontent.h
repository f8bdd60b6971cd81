/*
 * What the lines of peers.txt say: reading all of them, changing single records in the text, writing those of addresses.
 *
 * The format is in common/PROTOCOL.md, section 5. The text is as hostile as a datagram: a line that says nothing valid
 * costs itself only and is kept as it is, PEERSCONTENT_UNKNOWN_MAX of them at most. Knows no file and no clock; nothing
 * blocks. Functions that return int return 0 or ENOMEM.
 */
#ifndef QUARTET_PEERSCONTENT_H
#define QUARTET_PEERSCONTENT_H

#include "base/buffer.h"
#include "store/peers.h"
#include "trust/pins.h"

/* Lines that mean nothing to this version and are kept. */
#define PEERSCONTENT_UNKNOWN_MAX 100
/* "1763625600.125": always as wide, so that a time can be overwritten in place. */
#define PEERSCONTENT_TIME_BYTES 14

/* Addresses in other networks that the user has given. */
#define PEERSCONTENT_REACH_MAX 32
#define PEERSCONTENT_ROOMS_MAX 64
/* base64 of its id */
#define PEERSCONTENT_ROOM_LEN 24

/* The line of a room: nothing in it is read yet but which room that is. */
struct peerscontent_room {
	char id[PEERSCONTENT_ROOM_LEN + 1];
	size_t offset, len; /* in the others */
};

struct peerscontent {
	struct peers *peers;			      /* of two lines about one address the last counts */
	struct pins *pins;			      /* whom the user knows, and strangers */
	char username[USERNAME_MAX_BYTES + 1];	      /* the user's own name, "" if there is none */
	int64_t since_s;			      /* of the last announcement of it, or 0 */
	enum pins_accept accept;		      /* whose messages the user wants */
	struct in_addr reach[PEERSCONTENT_REACH_MAX]; /* to be announced to as well */
	size_t reach_count;
	struct buffer others; /* all lines that are no peers, as they stand in the text */
	struct peerscontent_room rooms[PEERSCONTENT_ROOMS_MAX];
	size_t room_count;
	size_t lines;	  /* about addresses, those included that do not count any more */
	bool is_untidy;	  /* the last line does not end, or more lines mean nothing than are kept */
	unsigned holders; /* of peersfile */
};

/* Reads a text. *content is to be released with peerscontent_free(); there is nothing in it after an error. */
int peerscontent_read(struct peerscontent *content, const char *text, size_t len) __attribute__((warn_unused_result));
void peerscontent_free(struct peerscontent *content);

/*
 * Puts record, or nothing if it is NULL, in the place of the records of a kind ("known") whose member key is value, or all
 * of that kind if key is NULL. Members that this version does not know go over to it, unless the identity is another.
 */
int peerscontent_put(struct buffer *text, const char *kind, const char *key, const char *value, json_t *record)
    __attribute__((warn_unused_result));

/* Writes a time, wall clock, and a NUL. */
void peerscontent_format_time(int64_t time_ms, char text[static PEERSCONTENT_TIME_BYTES + 1]);

/* Appends the line of all claims of an address, the best first; offsets[i] is where the time of claims[i] stands in out. */
int peerscontent_format_claims(struct buffer *out, struct peer *const claims[], size_t count,
    size_t offsets[static PEERS_CLAIMS_MAX]) __attribute__((warn_unused_result));

#endif
