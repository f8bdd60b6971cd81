/*
 * The keeper of peers.txt: takes what was heard, writes it down, tells the user (specification 2.2.0-B to D).
 *
 * The thread that hears must never wait for the disk or the terminal, or the kernel throws datagrams away; so a second
 * thread, the keeper's own, does the writing. They meet in one dictionary under a mutex, in which any number of
 * announcements of one peer are one change. When it writes, the pace says, and what, the journal. These functions are for
 * the one thread that hears, and block only while the keeper copies what is new. Times are wall clock.
 */
#ifndef QUARTET_KEEPER_H
#define QUARTET_KEEPER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "term/console.h"
#include "wire/announcement.h"

struct keeper;

/* One announcement heard. */
struct sighting {
	struct in_addr address;
	struct announcement announcement;
	size_t datagram; /* which one it came in, for the caller alone */
	int64_t since_s; /* the newest "since" that was heard of its identity */
};

/*
 * Starts the keeper on the peers.txt of directory dir, with the peers that are in it. Until keeper_stop(), which writes what
 * is left, the console is its alone. Returns 0 or an errno value.
 */
int keeper_start(struct keeper **keeper, int dir, struct console *console) __attribute__((warn_unused_result));
void keeper_stop(struct keeper *keeper);

/*
 * Takes those sightings that have the digest of what was heard from their address before. Returns how many are left, at the
 * beginning of the list: those are to be read, and verified.
 */
size_t keeper_refresh(struct keeper *keeper, struct sighting *sightings, size_t count, int64_t now_ms);

/* Fills in since_s of those that are signed. */
void keeper_date(struct keeper *keeper, struct sighting *sightings, size_t count);

/* Takes sightings that are signed by whom they name, or unsigned. */
void keeper_note(struct keeper *keeper, const struct sighting *sightings, size_t count, int64_t now_ms);

/* Has the user told that a datagram was refused, and why (static storage), unless many wait to be told. */
void keeper_refuse(struct keeper *keeper, struct in_addr address, const char *why);

/* Has the user told that keys are not read here. */
void keeper_answer_key(struct keeper *keeper);

#endif
