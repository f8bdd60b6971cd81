/*
 * The command line that the four programs share: -h, -V, -a ADDR, and one way to say that it was used wrongly.
 *
 * Speaks only through the consoles that the program gives it, and leaves ending to the program.
 */
#ifndef QUARTET_COMMANDLINE_H
#define QUARTET_COMMANDLINE_H

#include <netinet/in.h>
#include <stdbool.h>

#include "console.h"

/* Exit statuses of all four programs. */
#define EXIT_FINE 0
#define EXIT_FAILED 1
#define EXIT_USAGE 2

#define COMMANDLINE_END (-1)
#define COMMANDLINE_EXIT (-2)

struct commandline {
	const char *program; /* its name, for messages */
	const char *usage;   /* what -h prints */
	const char *options; /* of the program itself, as getopt(3) takes them: "u:t:i:" */
	struct console *out;
	struct console *err;
	/* What came of it. */
	struct in_addr address; /* -a */
	bool has_address;
	int exit_status; /* for COMMANDLINE_EXIT */
};

/*
 * The next option of argv that is the program's own, as getopt(3) returns it, with its argument in optarg; or
 * COMMANDLINE_END after the last, or COMMANDLINE_EXIT where the program should end with exit_status: help or the version
 * was asked for, or the complaint was made.
 */
int commandline_next(struct commandline *commandline, int argc, char **argv);

/* Complains about the value of an option ("the period", "abc", "it is a number of seconds..."). Returns EXIT_USAGE. */
int commandline_refuse(const struct commandline *commandline, const char *what, const char *value, const char *rule);

#endif
