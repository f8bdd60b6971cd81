/*
 * The editor: a line that is typed at a terminal, with keys to change it, completion and a history.
 *
 * The work is done by libedit, which editor_new() loads, so that who edits nothing need not wait for it. Without it, or if
 * the terminal can do nothing but write on, there is no editor, and lineinput.h does. Keys come from a lineinput, so its
 * wait hook runs while somebody types. While a line is read the terminal is raw: Ctrl-C throws the line away, Ctrl-D on an
 * empty one ends the input, Ctrl-Z lets the shell have a turn. What is pasted comes as a whole, in brackets from terminals
 * that have them (ESC [?2004h): one line goes to where the cursor is, several end the line. All of it is shown harmlessly,
 * whatever bytes it has. libedit wants a locale of UTF-8: editor_new() sets that of the program, for characters alone.
 */
#ifndef QUARTET_EDITOR_H
#define QUARTET_EDITOR_H

#include "term/console.h"
#include "term/lineinput.h"
#include "term/wordlist.h"

/* Which history a line belongs to. */
enum editor_kind {
	EDITOR_COMMAND,
	EDITOR_MESSAGE,
	EDITOR_ANSWER, /* none: it may be a secret */
};

struct editor;

/* Says what could stand before the cursor instead of the end of line, of len bytes, by wordlist_add(). */
typedef void editor_complete(void *context, const char *line, size_t len, struct wordlist *words);

/*
 * Begins an editor on standard input, which is input's, and on console, which is standard output's. Returns NULL if there
 * can be none, and says so on console if only libedit is missing. input, console and context outlive it; complete may be
 * NULL. End with editor_free().
 */
struct editor *editor_new(struct lineinput *input, struct console *console, editor_complete *complete, void *context);
void editor_free(struct editor *editor);

/*
 * Asks a question and waits for a line, as lineinput_read(). If the wait hook returns EAGAIN, what was collected on the
 * console is shown above the line, and the line anew, for a terminal of the size that it has by then. question
 * and *status are text of our own or escaped; the latter is a row above the question, unless it is NULL or "", and may change
 * meanwhile.
 */
enum lineinput_result editor_read(struct editor *editor, char *const *status, const char *question,
    enum editor_kind kind, char **line, size_t *len) __attribute__((warn_unused_result));

/* How many bytes of the last line stood before what was pasted into it; 0 if the terminal does not tell. */
size_t editor_typed_bytes(const struct editor *editor);

/* Whether the terminal has another size since this was asked last: then the wait hook returns EAGAIN, too. */
bool editor_is_resized(void);

/* Gives the terminal back as it was, at any point and once and for all; for a sudden end. */
void editor_abandon(void);

/* A line about this build. */
const char *editor_feature(void);

#endif
