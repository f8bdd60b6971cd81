/*
 * The script: commands given as arguments, for shells and other programs.
 *
 * One command, done without a question: only whole names and addresses mean somebody, and where the menu asks for a yes,
 * the command is that. Only data goes to standard output, a line for each thing or, with -j, a JSON object; all else goes
 * to standard error. The exit status tells what has become of it, as in desk.h.
 */
#ifndef QUARTET_SCRIPT_H
#define QUARTET_SCRIPT_H

#include "desk.h"

/* Does what the arguments of the program say; there is one at least. Returns the exit status. */
int script_run(struct program *program);

/* Collects the list of commands: name, arguments and purpose. */
void script_put_commands(struct console *console);

#endif
