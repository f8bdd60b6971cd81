/*
 * How an offer of a file is shown, wherever messages are. Nothing blocks.
 */
#ifndef QUARTET_FILEVIEW_H
#define QUARTET_FILEVIEW_H

#include "store/chatlog.h"
#include "term/console.h"

/*
 * Collects what stands in place of the text: "offers plan.pdf (2.1 MB)", and ": Get 3" if it was received. No text passes for
 * it if the name of who offers it stands before it, without the colon that others have.
 */
void fileview_put_offer(struct console *console, enum console_style style, const struct chatlog_entry *entry);

#endif
