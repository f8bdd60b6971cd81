/*
 * Keys typed into a program that reads nothing: not shown, and thrown away.
 *
 * Between begin and end the terminal of standard input neither echoes nor gathers lines; Ctrl-C and Ctrl-Z work as
 * ever, and whoever gets the terminal while the program is stopped, or after it, finds it as it was. Without a terminal, or
 * while another program has it, nothing is changed and nothing read. One for a process.
 */
#ifndef QUARTET_QUIETKEYS_H
#define QUARTET_QUIETKEYS_H

#include <stdbool.h>

/* What the user who types is told, once. */
#define QUIETKEYS_ANSWER "Nothing is read here: type in the initiator.\n"

/* From now on SIGTSTP and SIGCONT are handled; what waits then ends with EINTR. */
void quietkeys_begin(void);

/* What becomes readable if a key is pressed; -1 while there is nothing to wait for. */
int quietkeys_fd(void);

/* Throws away what was typed, without waiting. Returns whether it is the first time that there was anything. */
bool quietkeys_discard(void);

void quietkeys_end(void);

#endif
