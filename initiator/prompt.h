/*
 * The dialogue: a question on standard output, the user's answer from standard input.
 *
 * Works alike on a terminal and on pipes; where the input is no terminal nobody presses Enter on the screen, so each
 * question is then followed by a line feed and the output stays a matter of lines.
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
};

/* Begins a dialogue on standard input and console, which stays the caller's. End with prompt_free(). */
void prompt_init(struct prompt *prompt, struct console *console);
void prompt_free(struct prompt *prompt);

/*
 * Asks and waits for the answer. Returns true with *answer, NUL-terminated and valid until the next question; false
 * where the dialogue is over or the line was refused for its length, which the user is told. A line may have any bytes.
 */
bool prompt_ask(struct prompt *prompt, const char *question, char **answer, size_t *len)
    __attribute__((warn_unused_result));

/* The same for words: white space at both ends is cut off. Returns false also for an empty answer. */
bool prompt_ask_word(struct prompt *prompt, const char *question, char **answer) __attribute__((warn_unused_result));

#endif
