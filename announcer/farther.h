/*
 * Farther destinations: the addresses outside the networks of this machine that are announced to as well (common/PROTOCOL.md,
 * section 1). Those that the user has given, and in answer those from which somebody announces, so that of two users in
 * different networks only one needs to know an address of the other.
 *
 * Whoever signs can have datagrams sent to the address that they speak from, and with a forged source to another: so only to
 * private addresses, for a minute, and to so many, unless the user knows who signs. Blocks on peers.txt and its lock.
 */
#ifndef QUARTET_FARTHER_H
#define QUARTET_FARTHER_H

#include "beacon.h"
#include "net/interfaces.h"
#include "store/peerscontent.h"
#include "store/peersfile.h"

/* What the user can give on the command line. What is in peers.txt comes to it. */
#define FARTHER_ASKED_MAX 64
#define FARTHER_ANSWERS_MAX 32
#define FARTHER_ANSWER_S 60

_Static_assert(FARTHER_ASKED_MAX + PEERSCONTENT_REACH_MAX + FARTHER_ANSWERS_MAX <= BEACON_TARGETS_MAX,
    "the beacon has room for all");

/*
 * Lists them all: those asked for, those that file says, and the answers, now_ms being wall clock and networks this machine's.
 * Reads the file; what cannot be read stays as it was. Returns how many.
 */
size_t farther_list(const struct in_addr *asked, size_t asked_count, struct peersfile *file,
    const struct interface *networks, size_t network_count, int64_t now_ms,
    struct beacon_target list[static BEACON_TARGETS_MAX]);

#endif
