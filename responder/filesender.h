/*
 * The child that sends one file: it has taken over the connection and its conversation, and ends with them.
 *
 * common/PROTOCOL.md, section 8. All of it blocks, within the limits of file/filestream, and reads from top to bottom.
 */
#ifndef QUARTET_FILESENDER_H
#define QUARTET_FILESENDER_H

#include <stdatomic.h>

#include "conversation.h"
#include "file/fileask.h"
#include "file/filesource.h"
#include "store/chatlog.h"

struct filesender {
	int fd; /* of the connection */
	int dir;
	struct conversation *conversation;
	struct envelope_receipt receipt; /* to the ask, but for its status */
	struct fileask ask;
	const struct filesource *source; /* of at least ask.from bytes */
	struct chatlog_entry *fetched;	 /* what is logged when the other side has it; NULL: nothing */
	atomic_bool *has_left;		 /* set before the other side can know that it is over */
};

/* Answers the ask, sends the file, waits until the other side has it, writes that down, and ends the process. */
_Noreturn void filesender_run(struct filesender *sender);

#endif
