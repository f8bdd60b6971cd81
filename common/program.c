#include "program.h"

#include <getopt.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "stop.h"

#define OPTIONS_ROOM_BYTES 32

/* What take_all() returns where the program has nothing more to do. */
#define DONE (-1)

int program_refuse(struct program *program, const char *what, const char *value, const char *rule)
{
	console_put(&program->err, "%s: %s \"", program->name, what);
	console_put_foreign(&program->err, value, strlen(value));
	console_put(&program->err, "\" will not do: %s\nTry '%s -h'.\n", rule, program->name);
	return PROGRAM_USAGE;
}

/* Complains about what cannot be on a command line at all. */
static int reject(struct program *program, const char *what, const char *value)
{
	console_put(&program->err, "%s: %s \"", program->name, what);
	console_put_foreign(&program->err, value, strlen(value));
	console_put(&program->err, "\"\nTry '%s -h'.\n", program->name);
	return PROGRAM_USAGE;
}

static int take_address(struct program *program)
{
	if (address_parse(optarg, &program->address) != 0)
		return program_refuse(program, "the address", optarg,
		    "it is an IPv4 address of this machine, such as 192.168.1.7");
	program->has_address = true;
	return PROGRAM_FINE;
}

/* Takes all options. Returns PROGRAM_FINE, DONE where only help or the version was wanted, or PROGRAM_USAGE. */
static int take_all(struct program *program, int argc, char **argv)
{
	static const struct option names[] = {
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'},
	    {0},
	};
	char options[OPTIONS_ROOM_BYTES];
	int status = PROGRAM_FINE;

	snprintf(options, sizeof(options), ":a:hV%s", program->options);
	while (status == PROGRAM_FINE) {
		int before = optind;
		int option = getopt_long(argc, argv, options, names, NULL);

		switch (option) {
		case -1:
			return optind < argc ? reject(program, "it takes no", argv[optind]) : PROGRAM_FINE;
		case 'h':
			console_put(&program->out, "%s", program->usage);
			return DONE;
		case 'V':
			console_put(&program->out, "%s (Quartet) " QUARTET_VERSION "\n", program->name);
			return DONE;
		case 'a':
			status = take_address(program);
			break;
		case ':':
			status = reject(program, "a value is missing after", argv[before]);
			break;
		case '?':
			status = reject(program, "there is no option", argv[before]);
			break;
		default:
			status = program->take_option(program, option);
		}
	}
	return status;
}

int program_main(struct program *program, int argc, char **argv)
{
	int status;

	stop_install();
	console_init(&program->out, STDOUT_FILENO);
	console_init(&program->err, STDERR_FILENO);
	status = take_all(program, argc, argv);
	if (status == PROGRAM_FINE && sodium_init() < 0)
		status = PROGRAM_FAILED;
	else if (status == PROGRAM_FINE)
		status = program->run(program);
	console_free(&program->out);
	console_free(&program->err);
	return status == DONE ? PROGRAM_FINE : status;
}
