/*
 * A secret that the user types: the passphrase of identity.key, read without echo, or as a line of a descriptor.
 *
 * The question goes to the terminal that the program was started from (/dev/tty), whatever standard input and output
 * are. What is typed is bounded, passed on as it is, and in nobody's buffer but the caller's, who wipes it. Waits have no
 * limit and end if stop_requested(); the terminal's echo is put back in any case but kill -9.
 */
#ifndef QUARTET_SECRET_H
#define QUARTET_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "store/keyfile.h"
#include "term/program.h"

/* A longer one is refused. */
#define SECRET_MAX_BYTES 1024
/* How often a wrong passphrase may be typed. */
#define SECRET_TRIES 3

struct secret {
	char text[SECRET_MAX_BYTES]; /* without a NUL at its end */
	size_t len;
};

/*
 * Asks on the terminal. What was typed before the question is forgotten. Returns 0; ENXIO without a terminal; ENODATA if
 * the terminal's input has ended; ECANCELED after Ctrl-C, which ends nothing else; EMSGSIZE if the line is too long; EINTR
 * if stop_requested(); or an errno value. On an error the secret is empty.
 */
int secret_ask(const char *question, struct secret *secret) __attribute__((warn_unused_result));

/*
 * Reads one line of descriptor fd, and not a byte more; the last one may lack its end. Returns 0; ENODATA if the input
 * has ended; EMSGSIZE, EINTR or an errno value as above.
 */
int secret_receive(int fd, struct secret *secret) __attribute__((warn_unused_result));

void secret_wipe(struct secret *secret);

/*
 * Loads the user's identity (keyfile_open()), whose news go to console, with its passphrase, if it has one, from
 * program->passphrase_fd. Without that, it asks, SECRET_TRIES times at most, or leaves the identity sealed if it is not
 * needed. Returns false if the passphrase did not come or is wrong, which the user is told unless stop_requested(), as it is
 * after Ctrl-C. The caller ends with keyfile_close() in any case.
 */
bool secret_open_key(struct program *program, struct console *console, bool is_needed, struct keyfile *key)
    __attribute__((warn_unused_result));

#endif
