/*
 * What is said in rooms, by the user and by others.
 *
 * The functions are as those of room/rooms: they block, and write chat.log under its lock. What others say is hostile.
 */
#ifndef QUARTET_ROOMTALK_H
#define QUARTET_ROOMTALK_H

#include <netinet/in.h>

#include "room/rooms.h"
#include "room/saying.h"

/* What others pass on of what somebody said is not older. */
#define ROOMTALK_DAYS 14

/*
 * Queues what the user says, or offers with its hash, for all other members. Returns 0 with the id; EPERM if the user is no
 * member, ENOKEY if the head's key is unknown, EMSGSIZE or EILSEQ for what cannot be said.
 */
int roomtalk_say(struct rooms *rooms, struct room *room, const struct envelope_content *content,
    uint8_t id[static ENVELOPE_ID_BYTES]) __attribute__((warn_unused_result));

enum roomtalk_hearing {
	ROOMTALK_LOGGED,
	ROOMTALK_KNOWN,	    /* already */
	ROOMTALK_BEHIND,    /* it was said in a state, or in a room, that is unknown here */
	ROOMTALK_NO_MEMBER, /* the speaker, or the author was none */
	ROOMTALK_TOO_OLD,   /* to be passed on by others */
	ROOMTALK_NO_SAYING, /* or not genuine */
	ROOMTALK_NO_SPACE,  /* on the disk, but for those whom the user knows */
	ROOMTALK_NO_NAME,   /* for a file */
};

/* What somebody says, or passes on of what others said: who, is proven, and from which address. */
struct roomtalk_saying {
	struct signedtext text;
	const uint8_t *speaker;
	struct in_addr address;
	enum roomtalk_hearing hearing;
	/* Unless it is none: */
	uint8_t id[ENVELOPE_ID_BYTES], by[IDENTITY_BYTES], room[ROOM_ID_BYTES];
};

/* Logs what is new of it. */
int roomtalk_hear(struct rooms *rooms, struct roomtalk_saying *sayings, size_t count)
    __attribute__((warn_unused_result));

#endif
