/*
 * The dialogue: a question on standard output, the user's answer from standard input.
 *
 * On a terminal answers are typed into term/editor.h, if it can be had, and what was pasted there is never taken for several
 * answers. From a pipe nobody presses Enter on the screen, so each question is followed by a line feed. And nobody reads
 * there what was wrong with an answer: a question is asked once, and of a command that failed the answers that were meant
 * for it are skipped, so that none is taken for the next command. While a question waits, the loop runs.
 */
#ifndef QUARTET_PROMPT_H
#define QUARTET_PROMPT_H

#include <stdbool.h>
#include <stddef.h>

#include "loop.h"
#include "term/console.h"
#include "term/editor.h"
#include "term/lineinput.h"

/* What a question asks for, which says what completes an answer. */
enum prompt_wants {
	PROMPT_NOTHING, /* that could be guessed */
	PROMPT_COMMAND,
	PROMPT_NAME,
	PROMPT_ROOM,
	PROMPT_FILE,
	PROMPT_MODE, /* "secure or unsecure?" */
	PROMPT_TALK, /* a message, or what is done between messages */
};

struct prompt {
	struct console *console;
	struct loop *loop;
	struct lineinput input;
	struct editor *editor; /* NULL: there is none, or nothing was asked yet */
	/* Offers words in place of the end of a line of len bytes; NULL: none. Set by the owner. */
	void (*complete)(void *context, enum prompt_wants wants, const char *line, size_t len, struct wordlist *words);
	void *complete_context;
	/* What Ctrl-C does if no command is typed, or NULL; with the same context, and set likewise. */
	void (*interrupt)(void *context);
	enum prompt_wants wants; /* of the question that waits */
	const char *question;	 /* which that is, or NULL */
	char *status;		 /* the row above the question, or NULL */
	struct buffer kept;	 /* of what was pasted, while the user is asked about it */
	bool terminal;		 /* the input is one */
	bool plain;		 /* it is one, without an editor: it may have cut off a line */
	bool began;		 /* the editor was tried */
	bool woken;		 /* something is to be shown above the line that is typed */
	bool pasted;		 /* the last answer was several lines */
	size_t typed_bytes;	 /* of those, what stood there before the paste, as far as is known */
	bool cancelled;		 /* the last answer is empty because the user pressed Ctrl-C */
	bool over;		 /* the input has ended, or the user wants to stop */
	bool too_long;		 /* the last answer was refused for its length */
	bool refused;		 /* one was */
	unsigned owed;		 /* lines of a pipe that are meant for the command that runs, and still to come */
	unsigned late;		 /* the same for one that has failed: they are skipped */
};

/* Begins a dialogue on standard input and console. console and loop stay the caller's. End with prompt_free(). */
void prompt_init(struct prompt *prompt, struct console *console, struct loop *loop);
void prompt_free(struct prompt *prompt);

/* Has every question answered by nobody from now on, and none shown. */
void prompt_close(struct prompt *prompt);

/*
 * Asks and waits for the answer, a line. Returns true with *answer, NUL-terminated and valid until the next question;
 * false if the dialogue is over or the answer was refused for its length, which the user is told. It may have any bytes
 * but line feeds; Ctrl-C makes it empty.
 */
bool prompt_ask(struct prompt *prompt, const char *question, char **answer, size_t *len)
    __attribute__((warn_unused_result));

/* The same for words, with what completes them, or nothing. White space at both ends is cut off; false if none is left. */
bool prompt_ask_for(struct prompt *prompt, enum prompt_wants wants, const char *question, char **answer)
    __attribute__((warn_unused_result));
bool prompt_ask_word(struct prompt *prompt, const char *question, char **answer) __attribute__((warn_unused_result));

/*
 * Asks for a message, or for a command if wants is PROMPT_COMMAND. What was pasted may have several lines: pasted is true
 * then, and the user has said that it is one message, which holds until the next paste; if not, nothing was answered and
 * this returns false.
 */
bool prompt_ask_text(struct prompt *prompt, enum prompt_wants wants, const char *question, char **answer, size_t *len)
    __attribute__((warn_unused_result));

/* Cuts white space off both ends of an answer, which ends at its first NUL; returns how many bytes are left. */
size_t prompt_trim(char **answer);

/* Whether an answer is a beginning of word, in any case. */
bool prompt_begins(const char *word, const char *answer);

/* Asks for a yes, which any beginning of the word is. */
bool prompt_ask_yes(struct prompt *prompt, const char *question) __attribute__((warn_unused_result));

/*
 * The same for what is decided by it: at a terminal the whole word is wanted, and asked for again after a beginning of it, and
 * what was typed before it was asked is forgotten.
 */
bool prompt_ask_decision(struct prompt *prompt, const char *question) __attribute__((warn_unused_result));

/*
 * Says, from a callback of the loop, that what was collected on the console should be seen, although a question waits: it
 * comes above the line that is typed, or before the question is asked again.
 */
void prompt_wake(struct prompt *prompt);

/*
 * Has a row of text of our own, or escaped, stand above the question that waits and those that come, or none if it is "". Without an
 * editor there is none.
 */
void prompt_show_status(struct prompt *prompt, const char *status);

/* After the end of what was read with the input: a terminal can be typed into again after Ctrl-D. */
void prompt_resume(struct prompt *prompt);

/* Ends the dialogue in a pipe, whose next lines would be taken for something else than they are, and says so. */
void prompt_leave_rest(struct prompt *prompt);

/* A command begins, or goes on, that takes count more lines of a pipe. */
void prompt_expect(struct prompt *prompt, unsigned count);

/* A command has ended: the lines of a pipe that were meant for it, and that it has not asked for, will be skipped. */
void prompt_settle(struct prompt *prompt);

#endif
