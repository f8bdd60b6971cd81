/*
 * Fetching what others offer: Get, and what is shown meanwhile; and Withdraw.
 *
 * An offer is named by its number, in a script also by its id. What goes on at a terminal stands in one row, above what is typed or
 * on standard error, drawn anew four times a second at most; what has become of a file is a line.
 */
#ifndef QUARTET_GET_H
#define QUARTET_GET_H

#include "desk.h"
#include "fetcher.h"

/* "N", "N as NAME" or "all"; asks for it if it is "". At a terminal it goes on while the menu does. */
int get_run(struct desk *desk, const char *wanted);

/* For a script: waits for the end. */
struct get_order {
	const char *wanted; /* a number, an id in base64, or "all" */
	const char *path;   /* where to, or NULL */
	int64_t wait_ms;    /* for somebody who cannot be reached */
};
int get_fetch(struct desk *desk, const struct get_order *order);

/* Ends what goes on, and says so. */
void get_stop(struct desk *desk);

/* Offers a file of one's own no more; asks for its number if it is "". */
int get_withdraw(struct desk *desk, const char *number);

/* For who wants files in another way: makes the fetcher, if there is none, and has one fetched. What fails is told. */
bool get_begin(struct desk *desk, int64_t give_up_ms) __attribute__((warn_unused_result));
int get_want(struct desk *desk, const struct offer *offer, const struct fetcher_wish *wish)
    __attribute__((warn_unused_result));

/* Whether an offer can be wanted: it is not the user's own, was accepted, and its room is one of the user's still. */
bool get_is_offered(struct desk *desk, const struct offer *offer);

/* Writes the row for how far it is, of so many columns at most: "plan.pdf  42 %  12.3 MB/s  3 s left". */
#define GET_ROW_BYTES 512
void get_format_row(const struct fetcher_progress *progress, unsigned columns, char row[static GET_ROW_BYTES]);

#endif
