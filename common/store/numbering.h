/*
 * Numbers for offers of files: one sequence for a chat.log, in which none is given twice.
 *
 * Called by chatlog under the exclusive lock of the file. Looks at nothing but the ends of lines (chatlog_number()), of the
 * whole file once at most, and then of what is new. Blocks on the disk.
 */
#ifndef QUARTET_NUMBERING_H
#define QUARTET_NUMBERING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What is known of one file. Zeroed it is nothing, which is right for any. */
struct numbering {
	uint64_t last; /* the highest number that was given */
	off_t end;     /* of what was looked at */
};

/*
 * Writes numbers where the whole lines have room for them, which are to be appended to a file of size bytes. Returns 0, or an
 * errno value with the lines unchanged.
 */
int numbering_stamp(struct numbering *numbering, int fd, off_t size, char *lines, size_t len)
    __attribute__((warn_unused_result));

#endif
