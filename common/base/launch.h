/*
 * Starting a program of the user's, without a shell: what is foreign is an argument or in the environment, never a command.
 *
 * It gets a session of its own, so that it neither reads the keys of this terminal nor ends by them, nothing on standard
 * input, output and error, and signals as programs expect them. It has no more rights than this program (program.h).
 */
#ifndef QUARTET_LAUNCH_H
#define QUARTET_LAUNCH_H

#include <sys/types.h>

/*
 * Starts arguments[0], looked for as a shell does, with arguments, which end with NULL, and an environment, or that of this
 * process if it is NULL. Returns 0 with *child the caller's to wait for, or an errno value. Does not wait for anything.
 */
int launch_program(const char *const arguments[], char **environment, pid_t *child) __attribute__((warn_unused_result));

#endif
