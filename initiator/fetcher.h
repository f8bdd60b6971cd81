/*
 * The fetcher: the files that the user wants, and the processes that fetch them (fetch.h), while the loop runs.
 *
 * FETCHER_CHILDREN at a time, and FETCHER_EACH of one person or one room; of small files each takes several. Whoever cannot be
 * reached, or breaks off, is tried again as patience says, or as soon as they are back, from where it was. Nothing of this is
 * written down: what still waits at the end of the program does so no more, and what came of it lies in files/ for the next
 * time. Blocks on the files of the user.
 */
#ifndef QUARTET_FETCHER_H
#define QUARTET_FETCHER_H

#include "desk.h"
#include "fetch.h"
#include "file/offers.h"

#define FETCHER_CHILDREN 4
#define FETCHER_EACH 2

/* What has become of a wish. */
struct fetcher_news {
	enum fetch_outcome outcome; /* or so far, if it waits */
	bool waits;		    /* it is tried again */
	int error;
	uint64_t number;
	const char *name; /* as it was wished for, or where it is: in files/, unless path */
	const char *path;
	int64_t bytes, duration_ms;
	const uint8_t *from; /* who was asked last, NULL if nobody was */
	bool is_auto;
};

/* All that goes on and waits, and what was finished since there was nothing. */
struct fetcher_progress {
	size_t going, waiting, done; /* files */
	const char *name;	     /* of one that is going; or NULL */
	bool is_checking;	     /* all that are going are compared with what is there already */
	int64_t there, bytes;	     /* of so many */
	int64_t rate;		     /* bytes a second, or 0 */
};

/* All of it outlives the fetcher. What is wanted after give_up_ms (monotonic) is not tried again. */
struct fetcher_setup {
	struct desk *desk;
	int64_t give_up_ms;
	void (*tell)(struct desk *desk, const struct fetcher_news *news);
	void (*show)(struct desk *desk, const struct fetcher_progress *progress);
};

struct fetcher;

/* NULL if out of memory. fetcher_free() ends the processes; NULL is fine there. */
struct fetcher *fetcher_new(const struct fetcher_setup *setup);
void fetcher_free(struct fetcher *fetcher);

/*
 * Has a file fetched that entry, the line of offer, offers, as name, unless that is NULL, or to path. Returns 0, EALREADY if that
 * goes on, or ENOMEM. It begins when the loop runs.
 */
struct fetcher_wish {
	const char *name, *path; /* or NULL */
	bool is_auto;
};
int fetcher_add(struct fetcher *fetcher, const struct offer *offer, const struct chatlog_entry *entry,
    const struct fetcher_wish *wish) __attribute__((warn_unused_result));

/* Ends all that goes on and waits. Returns how many files that were. */
size_t fetcher_stop(struct fetcher *fetcher);

/* How many files go on and wait. */
size_t fetcher_count(const struct fetcher *fetcher);

#endif
