/*
 * The user's answers, a line at a time, from a terminal or a pipe.
 *
 * What is typed or pasted is bounded and otherwise passed on as it is: control characters and bytes that are not UTF-8
 * are for the caller to refuse. Lines of a terminal that arrive together were pasted, or were typed before anybody asked,
 * and stay together. term/editor.h takes its keys from here.
 */
#ifndef QUARTET_LINEINPUT_H
#define QUARTET_LINEINPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

#include "base/buffer.h"

/* A longer line is refused as a whole. */
#define LINEINPUT_MAX_BYTES 65536

struct lineinput {
	int fd;
	bool terminal; /* fd is one */
	/*
	 * What waits until fd can be read and does other things meanwhile, or NULL: returns 0, EINTR if stop_requested(), EAGAIN
	 * if there is something to show and no key, or another errno value, and reading tells what is the matter.
	 */
	int (*wait)(void *context, int fd);
	void *wait_context;
	struct buffer pending;
	size_t handed_out; /* bytes at the front that belong to the line handed out last */
	bool ended;
	bool empties; /* lineinput_keep_interrupt() is on, and the terminal was: */
	struct termios usual;
};

enum lineinput_result {
	LINEINPUT_LINE,
	LINEINPUT_PASTE,    /* several lines that arrived together, with "\n" between them */
	LINEINPUT_TOO_LONG, /* a line came and was thrown away */
	LINEINPUT_EMPTIED,  /* the user threw a line away, of *len bytes */
	LINEINPUT_END,	    /* end of input, or nothing can be read any more */
	LINEINPUT_STOPPED,  /* stop_requested() */
};

/* Begins reading descriptor fd, which stays the caller's. */
void lineinput_init(struct lineinput *input, int fd);

/* While this is on, Ctrl-C at a terminal throws away the line that is typed, and ends the program only if it is empty. */
void lineinput_keep_interrupt(struct lineinput *input, bool on);

/* Wipes and releases what is held. */
void lineinput_free(struct lineinput *input);

/*
 * Waits for a line, without limit. *line is NUL-terminated, without its line end ("\n" or "\r\n"), and holds until the
 * next call; *len counts its bytes. A last line without a line end counts.
 */
enum lineinput_result lineinput_read(struct lineinput *input, char **line, size_t *len)
    __attribute__((warn_unused_result));

/*
 * Waits for more bytes and adds them to pending. Returns 0, EINTR if stop_requested(), EAGAIN if there is something to
 * show instead, or ENODATA if nothing comes any more.
 */
int lineinput_fill(struct lineinput *input) __attribute__((warn_unused_result));

/* Adds what arrives together with what is pending, in an instant, up to a little more than is taken as a line. */
void lineinput_gather(struct lineinput *input);

/* Makes the line ends of a paste "\n", and takes those at its end away. Returns whether it has several lines. */
bool lineinput_settle(struct buffer *pasted);

/* Forgets what was typed and not read yet. Only of a terminal. */
void lineinput_forget(struct lineinput *input);

#endif
