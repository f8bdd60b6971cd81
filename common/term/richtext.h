/*
 * What a text wants to look like: *bold*, _italic_, `code`, and links.
 *
 * Marks count at word borders only, in pairs on one line, and stay in the text: nobody's words are changed. A link is
 * http or https with a host of ASCII letters, so that what is shown is where it leads; punctuation at its end is not part
 * of it, and one that goes on in other letters is none. The text is anybody's: the work grows with its length alone,
 * and pieces are cut between characters. Pure, and allocates nothing.
 */
#ifndef QUARTET_RICHTEXT_H
#define QUARTET_RICHTEXT_H

#include <stdbool.h>
#include <stddef.h>

/* A longer one is not taken for a link. */
#define RICHTEXT_LINK_MAX_BYTES 2000

enum richtext_style {
	RICHTEXT_BOLD = 1,
	RICHTEXT_ITALIC = 2,
	RICHTEXT_CODE = 4,
	RICHTEXT_MARK = 8, /* one of the marks themselves */
	RICHTEXT_LINK = 16,
};

#define RICHTEXT_MARKS 3

struct richtext {
	const char *line, *at, *end;
	unsigned active;		     /* the styles that have begun */
	const char *ends[RICHTEXT_MARKS];    /* where those that have begun end */
	const char *closers[RICHTEXT_MARKS]; /* the next mark that can end one, or end; NULL: not looked for yet */
};

/* Some text in one style, or none. */
struct richtext_piece {
	const char *text;
	size_t len;
	unsigned styles;
};

/* Begins with a line of len bytes, without its line feed, which stays the caller's. */
void richtext_begin(struct richtext *rich, const char *line, size_t len);

/* The next piece; false after the last one. Together they are the line. */
bool richtext_next(struct richtext *rich, struct richtext_piece *piece);

/* The host of a link that richtext_next() found, with its port if it has one; sets *len. */
const char *richtext_host(const char *link, size_t link_len, size_t *len);

/* Whether a terminal with these variables of the environment, or NULL, is known to take links (OSC 8) or to pass them on. */
bool richtext_links_work(const char *term, const char *term_program, const char *version, const char *tmux,
    const char *vte_version);

#endif
