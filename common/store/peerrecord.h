/*
 * The record of an address in peers.txt: {"peer": "192.168.1.7", "last_seen": 1763625600.125, "username": "Bob", ...}
 *
 * One line holds all claims of an address, the best as the record itself and the others in "also" (common/PROTOCOL.md,
 * section 5). Records are as hostile as datagrams. Times are written with a fixed width, so that one can be overwritten in
 * place. Nothing blocks.
 */
#ifndef QUARTET_PEERRECORD_H
#define QUARTET_PEERRECORD_H

#include "base/buffer.h"
#include "store/peers.h"

/* "1763625600.125" */
#define PEERRECORD_TIME_BYTES 14

/* Writes a time, wall clock, with spaces before it if it is shorter, and a NUL. */
void peerrecord_format_time(int64_t time_ms, char text[static PEERRECORD_TIME_BYTES + 1]);

/*
 * Appends the line of count claims of one address, at least one, its line feed included; offsets[i] becomes where the
 * time of claims[i] stands in the buffer. Returns 0 or ENOMEM.
 */
int peerrecord_format(struct buffer *out, struct peer *const claims[], size_t count,
    size_t offsets[static PEERS_CLAIMS_MAX]) __attribute__((warn_unused_result));

/*
 * Reads a record, and returns how many claims it holds; 0 if it is none of an address. Each has a new reference to its
 * unknown members in extra.
 */
size_t peerrecord_parse(json_t *object, struct peer claims[static PEERS_CLAIMS_MAX])
    __attribute__((warn_unused_result));

#endif
