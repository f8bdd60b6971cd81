/*
 * The frame that the four programs share: command line, consoles, signals, exit status.
 *
 * A program fills in a struct program and leaves main to program_main(). -h, -V, -a ADDR and -C DIR are the same
 * everywhere; its own options go through take_option. What is said to the user goes through the two consoles.
 */
#ifndef QUARTET_PROGRAM_H
#define QUARTET_PROGRAM_H

#include <netinet/in.h>
#include <stdbool.h>

#include "term/console.h"

/* Exit statuses. */
#define PROGRAM_FINE 0
#define PROGRAM_FAILED 1
#define PROGRAM_USAGE 2

struct program {
	const char *name;				 /* for messages */
	const char *usage;				 /* what -h prints */
	void (*put_more_usage)(struct console *console); /* and what it prints after that, or NULL */
	const char *options;	 /* of the program itself, as getopt(3) takes them: "u:t:i:", or "" */
	bool takes_strict;	 /* -s and --strict are options of it, too */
	bool takes_secret;	 /* and --passphrase-fd N */
	bool takes_arguments;	 /* after its options, the first of which ends those */
	const char *features[2]; /* lines about this build, after the version; or NULL */
	/* Takes one of them, with its argument in optarg. Returns PROGRAM_FINE or what program_refuse() returns. */
	int (*take_option)(struct program *program, int option);
	/* Does the work after all options were taken. Returns the exit status. */
	int (*run)(struct program *program);
	void *settings; /* the program's own */
	/* Set before run is called. */
	struct console out, err; /* standard output and standard error */
	struct in_addr address;	 /* of -a; INADDR_ANY without */
	bool has_address;	 /* -a was given */
	bool strict;		 /* -s was given */
	char **arguments;	 /* what follows the options, argument_count of them and NULL */
	int argument_count;
	int passphrase_fd; /* an open descriptor (secret.h), or -1 without */
};

/*
 * Everything that main does: gives up core dumps and new privileges, installs the signals (stop.h), readies libsodium and
 * the consoles, reads the command line, calls run, flushes the consoles. Returns the exit status.
 */
int program_main(struct program *program, int argc, char **argv);

/* Has restore called if the program ends at once because it is out of memory; it may only call the system. */
void program_on_sudden_end(void (*restore)(void));

/*
 * Complains about the value of an option ("the period", "abc", "it is a number of seconds"), or, if rule is NULL, about
 * what cannot be on a command line at all ("there is no option", "-x"). Returns PROGRAM_USAGE.
 */
int program_refuse(struct program *program, const char *what, const char *value, const char *rule);

#endif
