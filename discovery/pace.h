/*
 * When peers.txt is written, and how much at once.
 *
 * A newcomer is written at once, refreshed times together, so that none on the disk is older than PACE_LAG_MS. New
 * lines have a budget in bytes, because strangers can invent addresses as fast as they can send: what does not fit waits.
 * All times are monotonic and in milliseconds. A function of what it is told alone; nothing blocks.
 */
#ifndef QUARTET_PACE_H
#define QUARTET_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How old a refreshed time may become before it is on the disk, the time of writing included. */
#define PACE_LAG_MS 1000
/* How long refreshed times gather; what is left is for writing. */
#define PACE_GATHER_MS 700
/* If peers.txt could not be written, it is tried again after this. */
#define PACE_RETRY_MS 3000
/* The budget for new lines: so much at once, and then so much in a millisecond. A file that is replaced may exceed it. */
#define PACE_BURST_BYTES (1536 * 1024)
#define PACE_BYTES_PER_MS 384
/* Between two writings of news at least this passes, and this many times as long as the last one took. */
#define PACE_PAUSE_MS 20
#define PACE_PAUSE_FACTOR 4

struct pace {
	int64_t refreshed_ms; /* the oldest refreshed time that is not written; 0: none */
	int64_t news_ms;      /* the oldest news that are not written; 0: none */
	int64_t written_ms;   /* when the last writing ended; 0: never */
	int64_t took_ms;
	bool failed;		     /* the last writing did */
	int64_t used_bytes, used_ms; /* of the budget, as of then; may be more than there is */
};

/* Notes that something was heard, news or not. Returns whether the next writing is due earlier than before. */
bool pace_hear(struct pace *pace, bool is_news, int64_t now_ms);

/* When the next writing is due; INT64_MAX if there is nothing to write. */
int64_t pace_due(const struct pace *pace);

/* How many bytes of lines may be written at now_ms. */
size_t pace_allowance(const struct pace *pace, int64_t now_ms);

/* Notes that all was taken to be written at now_ms. */
void pace_begin(struct pace *pace);

/* Notes how that ended: how long it took, what it cost, whether it failed, and whether news had to be left. */
void pace_end(struct pace *pace, int64_t began_ms, int64_t ended_ms, size_t bytes, bool failed, bool is_short);

#endif
