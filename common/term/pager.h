/*
 * The pager: what is longer than the screen is read in a program of the user's choice.
 *
 * That is PAGER of the environment, started with the words it consists of and never by a shell, or "less -R"; none if
 * PAGER is empty, or the console no terminal that can page. It gets the rows as the screen would, so what is foreign in
 * them is as harmless. It may end before it has all, and a signal that ends us ends it.
 */
#ifndef QUARTET_PAGER_H
#define QUARTET_PAGER_H

#include <stdbool.h>
#include <sys/types.h>

#include "term/console.h"

struct pager {
	/*
	 * What waits until fd can be read, or written to: returns 0, or another value if stop_requested() or there can be no
	 * waiting. Set by the owner after the begin.
	 */
	int (*wait)(void *context, int fd, bool to_write);
	void *wait_context;
	bool from_end; /* less begins with the last rows; other programs as they do. Set by the owner, too. */
	/* For this module: */
	struct console *console;
	struct console text; /* what is to be shown, unless it goes to the console itself */
	struct buffer rows;  /* the same laid out, and not handed on yet */
	unsigned height;     /* of the screen; 0: nothing is paged */
	pid_t pid;	     /* or 0: it was not started */
	int exit_fd;	     /* readable when it has ended, or -1 */
	int pipe;	     /* its input, or -1 */
	bool over;	     /* nobody reads any more */
};

/* Begins a listing for console, paged if wanted. End with pager_end(). */
void pager_begin(struct pager *pager, struct console *console, bool wanted);

/* What the listing is to be collected on. */
struct console *pager_console(struct pager *pager);

/* Hands on what was collected if it is much. Returns false if nobody reads any more. May block. */
bool pager_go_on(struct pager *pager);

/* Shows what is left, and waits until the user has read it. */
void pager_end(struct pager *pager);

#endif
