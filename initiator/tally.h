/*
 * Tallies: what becomes of what was queued, for each of those that it was queued for, while somebody waits for that: the
 * members of a room, or the recipient of one message.
 *
 * A tally is over once it was tried for each of them, or another process has had the outbox for DELIVERY_ELSEWHERE_MS. Only
 * tally_read() blocks, on the disk.
 */
#ifndef QUARTET_TALLY_H
#define QUARTET_TALLY_H

#include "delivery.h"

LIST_HEAD(tally_list, delivery_tally);

/* Begins the tally of one message, whose notice is set once what has become of it is known, and DELIVERY_ELSEWHERE until then. */
void tally_init(struct delivery_tally *tally, struct delivery_notice *notice, const struct recipient *to,
    const uint8_t *id);

/*
 * Begins one of what the line with an id has queued in a room, which is the one at the offset appended if none of it waits.
 * Returns 0, or an error of chatlog_read_at().
 */
int tally_read(struct delivery_tally *tally, const uint8_t *id, const struct outbox *outbox, int64_t appended)
    __attribute__((warn_unused_result));

/* Notes what a notice says in all of them. Returns whether somebody awaits that. */
bool tally_note(const struct tally_list *tallies, const struct delivery_notice *notice);

/* Counts, and returns whether it is over. */
bool tally_is_over(struct delivery_tally *tally, bool has_outbox, int64_t now_ms);

#endif
