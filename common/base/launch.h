/*
 * Starting a program of the user's, without a shell: what is foreign is an argument or in the environment, never a command.
 *
 * It gets signals as programs expect them, and has no more rights than this program (program.h). One that is to stay out of
 * the way has a session of its own, so that it neither reads the keys of this terminal nor ends by them, and nothing on
 * standard input, output and error.
 */
#ifndef QUARTET_LAUNCH_H
#define QUARTET_LAUNCH_H

#include <sys/types.h>

/*
 * Starts arguments[0], looked for as a shell does, with arguments, which end with NULL, and an environment, or our own if it
 * is NULL. It stays out of the way if input is -1; else it has the terminal, and as its standard input that descriptor.
 * Returns 0 with *child to be waited for, or an errno value.
 */
int launch_program(const char *const arguments[], char **environment, int input, pid_t *child)
    __attribute__((warn_unused_result));

#endif
