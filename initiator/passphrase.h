/*
 * Passphrase: sets, changes or removes the passphrase of identity.key.
 *
 * The identity stays the same, and so do programs that run. What is typed is not shown, wiped, and printed nowhere.
 */
#ifndef QUARTET_PASSPHRASE_H
#define QUARTET_PASSPHRASE_H

#include "desk.h"
#include "term/secret.h"

#define PASSPHRASE_MIN_CHARACTERS 5

/* What keeps len bytes from being a passphrase, as words that follow "That will not do: "; NULL if nothing does. */
const char *passphrase_fault(const char *text, size_t len);

/*
 * Asks for a line that is not shown; a pipe has it as the next line. Returns 0; or, after telling the user unless the input
 * has ended, an errno value.
 */
int passphrase_ask(struct desk *desk, const char *question, struct secret *secret) __attribute__((warn_unused_result));

/*
 * The command Passphrase: asks for the present one, if there is one, and twice for the new one; an empty new one removes
 * it. Three lines of a pipe are its answers, the first empty if there is none. Returns PROGRAM_FINE if the file is as the
 * user wants it, else PROGRAM_FAILED, after telling why, with the file as it was.
 */
int passphrase_run(struct desk *desk, const char *argument);

#endif
