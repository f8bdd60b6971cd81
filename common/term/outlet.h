/*
 * Where a program's words go: a terminal, a pipe or a file, written without waiting unless the program wants to wait.
 *
 * What is not taken at once is kept, up to OUTLET_BACKLOG_MAX_BYTES; what comes then is dropped, and said to be once the
 * rest is out. A reader who went away, or memory that ran out, loses words and never ends the program.
 */
#ifndef QUARTET_OUTLET_H
#define QUARTET_OUTLET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

#define OUTLET_BACKLOG_MAX_BYTES (1024 * 1024)

struct outlet {
	int fd;
	bool own;	       /* fd was opened here, and does not block */
	bool regular;	       /* fd is a file on a disk */
	bool broken;	       /* nobody reads any more */
	bool failed;	       /* something could not be written */
	bool lost;	       /* text was dropped since the last time that all was written */
	size_t lost_lines;     /* so many ends of lines were in it, as far as that is known */
	const char *reset;     /* what is written before that is said */
	struct buffer backlog; /* what is to be written; whoever holds the outlet appends to it */
};

/* Begins with nothing to write to descriptor fd, which stays the caller's, as reset does; end with outlet_free(). */
void outlet_init(struct outlet *outlet, int fd, const char *reset);

/* Flushes and releases. */
void outlet_free(struct outlet *outlet);

/* Whether there is room for more, beside waiting_bytes that are not in the backlog yet. If not, that is a loss. */
bool outlet_takes(struct outlet *outlet, size_t waiting_bytes);

/* Notes that a text of so many bytes was dropped. */
void outlet_lose(struct outlet *outlet, const char *text, size_t len);

/* Writes the backlog. Blocks while nothing is taken, until stop_requested(); what is left then is dropped. */
void outlet_flush(struct outlet *outlet);

/* Writes as much of it as is taken without blocking, and keeps the rest. */
void outlet_flush_ready(struct outlet *outlet);

#endif
