/*
 * The doctor: why somebody cannot be seen or written to, a line for each thing looked at.
 *
 * Looks at this machine and directory (checkup), and if somebody is named, calls them: what the network does, who answers
 * there, what their clock says, and whether they hear this user (the ask `seen` of common/PROTOCOL.md, section 3.1).
 */
#ifndef QUARTET_DOCTOR_H
#define QUARTET_DOCTOR_H

#include "desk.h"
#include "recipient.h"

/* The command Doctor [NAME]. Returns PROGRAM_FAILED if something is BAD. */
int doctor_run(struct desk *desk, const char *name);

/* The same for a script. */
int doctor_list(struct desk *desk, const struct wish *wish);

/* At a terminal, collects the first thing that is wrong here at a glance, in one line, or what to say to have more about somebody. */
void doctor_put_hint(struct desk *desk, const struct recipient *about);

#endif
