/*
 * The dialogue: a question on standard output, the user's answer from standard input.
 *
 * Works alike on a terminal and on pipes. From a pipe nobody presses Enter on the screen, so each question is followed by
 * a line feed and the output stays a matter of lines. And nobody reads there what was wrong with an answer: a question is
 * asked once, and of a command that failed the answers that were meant for it are skipped, so that none is taken for the
 * next command.
 */
#ifndef QUARTET_PROMPT_H
#define QUARTET_PROMPT_H

#include <stdbool.h>
#include <stddef.h>

#include "term/console.h"
#include "term/lineinput.h"

struct prompt {
	struct console *console;
	struct lineinput input;
	bool terminal; /* the input is one */
	bool over;     /* the input has ended, or the user wants to stop */
	bool refused;  /* a line was refused for its length */
	unsigned owed; /* lines of a pipe that are meant for the command that runs, and still to come */
	unsigned late; /* the same for one that has failed: they are skipped */
};

/* Begins a dialogue on standard input and console, which stays the caller's. End with prompt_free(). */
void prompt_init(struct prompt *prompt, struct console *console);
void prompt_free(struct prompt *prompt);

/* Has every question answered by nobody from now on, and none shown. */
void prompt_close(struct prompt *prompt);

/*
 * Asks and waits for the answer. Returns true with *answer, NUL-terminated and valid until the next question; false if
 * the dialogue is over or the line was refused for its length, which the user is told. A line may have any bytes.
 */
bool prompt_ask(struct prompt *prompt, const char *question, char **answer, size_t *len)
    __attribute__((warn_unused_result));

/* The same for words: white space at both ends is cut off. Returns false also for an empty answer. */
bool prompt_ask_word(struct prompt *prompt, const char *question, char **answer) __attribute__((warn_unused_result));

/* Whether an answer is a beginning of word, in any case. */
bool prompt_begins(const char *word, const char *answer);

/* Asks for a yes, which any beginning of the word is. */
bool prompt_ask_yes(struct prompt *prompt, const char *question) __attribute__((warn_unused_result));

/* A command begins, or goes on, that takes count more lines of a pipe. */
void prompt_expect(struct prompt *prompt, unsigned count);

/* A command has ended: the lines of a pipe that were meant for it, and that it has not asked for, will be skipped. */
void prompt_settle(struct prompt *prompt);

#endif
