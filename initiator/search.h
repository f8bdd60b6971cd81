/*
 * Search: messages by their words, or by those in the name of a file, from the whole of chat.log.
 *
 * The log is read from its end, so the newest are found first, and at most SEARCH_NEWEST are kept and shown.
 */
#ifndef QUARTET_SEARCH_H
#define QUARTET_SEARCH_H

#include "desk.h"

/* How many messages are shown. */
#define SEARCH_NEWEST 200

/*
 * The command Search: shows the messages with all words that are typed, the newest last and the words marked; after "-f
 * NAME" those with that user, who is meant as in History. Returns PROGRAM_FAILED after telling the user what is wrong.
 */
int search_show(struct desk *desk, const char *typed);

/* Shows the messages with all words of text, which is cut into them; those with whom, unless that is NULL. */
int search_with(struct desk *desk, const char *whom, char *text);

/* The same as a wish says. */
int search_list(struct desk *desk, const struct wish *wish);

#endif
