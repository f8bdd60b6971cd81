/*
 * The list of files: what others offer, where it is if it was fetched, and how much of it if it is here in part; and what the user
 * offers, and who has it. What the log says of it is foreign, as in a listing, and what is not meant to be seen there is not here.
 */
#ifndef QUARTET_FILELIST_H
#define QUARTET_FILELIST_H

#include "desk.h"

/* How many offers are shown if nothing else is asked for. */
#define FILELIST_NEWEST 50

/*
 * The command Files: shows the newest FILELIST_NEWEST offers, the newest last; all of them after "all", or those from and to
 * somebody, or in a room. Returns as listing_find(), or PROGRAM_FAILED after telling why there can be no list.
 */
int filelist_show(struct desk *desk, const char *typed);

/* All of them as a wish says. */
int filelist_list(struct desk *desk, const struct wish *wish);

#endif
