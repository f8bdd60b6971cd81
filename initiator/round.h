/*
 * The rounds of delivery: in each what has happened is written to chat.log in one go and told, the log is read, rooms and
 * peers.txt are looked at if they may have changed, and whoever is ready has a turn.
 *
 * It is called back by the loop: at the end of a round in which something has happened, when others append to the log, and in
 * time. Blocks on the disk and on the locks of the files.
 */
#ifndef QUARTET_ROUND_H
#define QUARTET_ROUND_H

#include "outboxlock.h"
#include "party.h"
#include "store/chatfollower.h"
#include "tally.h"

struct delivery {
	struct delivery_setup setup;
	struct parties parties;
	struct outboxlock lock;
	struct chatfollower *follower;
	bool is_partial; /* something may wait farther back in the log than was read */
	struct loop_timer look_timer, catchup_timer;
	int watch; /* of peers.txt, or -1 */
	struct tally_list tallies;
	int64_t patience_ms; /* monotonic: how long delivery_try_all() waits for another process */
};

/* Sets the timers of a zeroed one. */
void round_init(struct delivery *delivery);

/* Takes what was appended to the log since the last time, and tells it if another process delivers, or did so far. */
void round_read_log(struct delivery *delivery, bool is_of_others);

/*
 * The same for lines that were just appended, if the log is not followed: whoever was not started knows of what it sends once
 * and nothing else. To end following takes the kernel longer than to send a message. Returns 0 or ENOMEM.
 */
int round_take_own(struct delivery *delivery, const char *lines, size_t len) __attribute__((warn_unused_result));

/* Tries to become the process that delivers, and returns whether it is that. */
bool round_take_outbox(struct delivery *delivery);

/* Gives a turn to those who wait for one. */
void round_take_turns(struct delivery *delivery);

/* Brings a delivery, which is the context, up to date with the log, and gives turns. */
void round_catch_up(void *context);

#endif
