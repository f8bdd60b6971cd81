/*
 * Catching up: which member of each room is to be asked what else there is, and what the user is to do again.
 *
 * Whoever begins, or has been away, asks one member of each room that is online, a minute later a second one, lest the first
 * hides something, and whoever else comes back later, because they may have been where others said and did things: admins first, the eldest of them first, and one of a room at a time.
 * After each change of a room's head, what one's own program has to do again (room/roomredo) is done, in its turn. It decides;
 * asking is for delivery. What room/rooms and peers.txt say is hostile, and bounded there. Only catchup_redo() blocks, on
 * the files of the rooms.
 */
#ifndef QUARTET_CATCHUP_H
#define QUARTET_CATCHUP_H

#include "room/rooms.h"

/* So many members are asked at once, in all rooms. */
#define CATCHUP_VISITS_MAX 8

struct catchup;

/* NULL if out of memory. */
struct catchup *catchup_new(void);
void catchup_free(struct catchup *catchup);

/* Looks which rooms there are, and who has come back; the times are of now. What there is no memory for is not asked. */
void catchup_look(struct catchup *catchup, const struct rooms *rooms, const struct peers *peers,
    const uint8_t own[static IDENTITY_BYTES], int64_t wall_ms, int64_t monotonic_ms);

/* Somebody to be asked now, who counts as being asked from then on; false if there is nobody. */
bool catchup_next(struct catchup *catchup, int64_t monotonic_ms, uint8_t room[static ROOM_ID_BYTES],
    uint8_t identity[static IDENTITY_BYTES]);

/* They have answered with a status; ENVELOPE_NOT_NOW also if they could not be asked, which is tried again. */
void catchup_end(struct catchup *catchup, const uint8_t identity[static IDENTITY_BYTES], enum envelope_status status,
    int64_t monotonic_ms);

/* Has a member asked soon, who knows of a newer state. */
void catchup_want(struct catchup *catchup, const uint8_t room[static ROOM_ID_BYTES],
    const uint8_t identity[static IDENTITY_BYTES]);

/* Whether nothing is to be said in a room yet, because a first member is still to tell who is in it. */
bool catchup_is_behind(const struct catchup *catchup, const uint8_t room[static ROOM_ID_BYTES]);

/* Does again what is due. Returns whether something was done. */
bool catchup_redo(struct catchup *catchup, struct rooms *rooms, const struct identity *own, int64_t monotonic_ms);

/*
 * When somebody is to be asked, or something looked at that may have to be done again, if nothing happens before; INT64_MAX for
 * never.
 */
int64_t catchup_due(const struct catchup *catchup);

#endif
