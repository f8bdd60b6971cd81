/*
 * Watch: the messages as they come, for scripts.
 */
#ifndef QUARTET_WATCH_H
#define QUARTET_WATCH_H

#include "desk.h"

/*
 * Writes what is appended to chat.log from now on, until stop_requested(): messages as lines, or every line of the log as an
 * object. Returns PROGRAM_FAILED, after telling the user, if the log cannot be followed, or nobody reads any more.
 */
int watch_run(struct desk *desk, const struct wish *wish);

#endif
