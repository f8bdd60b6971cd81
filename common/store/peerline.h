/*
 * A peer of peers.txt as one line: "192.168.1.7": {"username": "Bob", "last_seen": 1763625600.125, "identity": "..."}
 *
 * peers.txt is JSON and may be written by anybody in any way; this module writes the form that our programs give it,
 * and reads exactly that form without a JSON parser, many times faster. Whoever gets false parses the file as JSON.
 * Nothing blocks or allocates but the buffer that is written to.
 */
#ifndef QUARTET_PEERLINE_H
#define QUARTET_PEERLINE_H

#include <stdbool.h>

#include "base/buffer.h"
#include "store/peers.h"

/* No line is shorter, with the comma and the line feed that follow all but the last. */
#define PEERLINE_MIN_BYTES 50

/* Appends the member of "peers" for a peer, unknown members included, without a line feed. Returns 0 or ENOMEM. */
int peerline_format(struct buffer *out, const struct peer *peer) __attribute__((warn_unused_result));

/*
 * Reads such a member at *cursor, which lies before end, and moves *cursor past it. Returns false, with *cursor left
 * alone and *peer undefined, for anything in another form, with unknown members, with escapes in the name, or that is
 * no valid peer.
 */
bool peerline_parse(const char **cursor, const char *end, struct peer *peer) __attribute__((warn_unused_result));

#endif
