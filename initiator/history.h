/*
 * History: what was said, from chat.log.
 *
 * Specification 2.3.0-G. The newest messages are found from the end of the file, so its size does not matter.
 */
#ifndef QUARTET_HISTORY_H
#define QUARTET_HISTORY_H

#include "desk.h"

/* How many messages are shown if not all are asked for. */
#define HISTORY_NEWEST 50

/*
 * Shows messages, the oldest first: everything if which is "all", else the newest HISTORY_NEWEST, which are those with the
 * user of that name, regardless of case in Unicode's sense, or address unless which is "". Returns PROGRAM_FAILED if
 * chat.log cannot be read, which the user is told.
 */
int history_show(struct desk *desk, const char *which);

#endif
