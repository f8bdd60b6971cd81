/*
 * How a message of chat.log is shown: as a line for people, or as an object for programs.
 *
 * Texts and names in it are foreign; the console escapes them.
 */
#ifndef QUARTET_SHOWNENTRY_H
#define QUARTET_SHOWNENTRY_H

#include "store/chatlog.h"
#include "term/console.h"

/*
 * Collects "2026-11-20 08:00:00  SENT      Bob (192.168.1.7) [secure] ✓: hello". outcome is what outcomes_take() says, or
 * NULL; in the text count marks are marked.
 */
void shownentry_put_line(struct console *console, const struct chatlog_entry *entry, const char *outcome,
    const struct console_mark *marks, size_t count);

/* Collects the object of the log, on a line, with the outcome as "state" unless it is NULL. The entry was parsed. */
void shownentry_put_object(struct console *console, const struct chatlog_entry *entry, const char *outcome);

#endif
