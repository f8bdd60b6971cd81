#include "commandline.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "address.h"

#define OPTIONS_ROOM_BYTES 32

static int complain(struct commandline *commandline)
{
	console_put(commandline->err, "Try '%s -h'.\n", commandline->program);
	commandline->exit_status = EXIT_USAGE;
	return COMMANDLINE_EXIT;
}

int commandline_refuse(const struct commandline *commandline, const char *what, const char *value, const char *rule)
{
	console_put(commandline->err, "%s: %s \"", commandline->program, what);
	console_put_foreign(commandline->err, value, strlen(value));
	console_put(commandline->err, "\" will not do: %s\nTry '%s -h'.\n", rule, commandline->program);
	return EXIT_USAGE;
}

static int finish(struct commandline *commandline, int argc, char **argv)
{
	if (optind >= argc)
		return COMMANDLINE_END;
	console_put(commandline->err, "%s: it takes no \"", commandline->program);
	console_put_foreign(commandline->err, argv[optind], strlen(argv[optind]));
	console_put(commandline->err, "\"\n");
	return complain(commandline);
}

int commandline_next(struct commandline *commandline, int argc, char **argv)
{
	static const struct option names[] = {
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'},
	    {0},
	};
	char options[OPTIONS_ROOM_BYTES];
	int before, option;

	snprintf(options, sizeof(options), ":a:hV%s", commandline->options);
	for (;;) {
		before = optind;
		option = getopt_long(argc, argv, options, names, NULL);
		switch (option) {
		case -1:
			return finish(commandline, argc, argv);
		case 'h':
			console_put(commandline->out, "%s", commandline->usage);
			commandline->exit_status = EXIT_FINE;
			return COMMANDLINE_EXIT;
		case 'V':
			console_put(commandline->out, "%s (Quartet) " QUARTET_VERSION "\n", commandline->program);
			commandline->exit_status = EXIT_FINE;
			return COMMANDLINE_EXIT;
		case 'a':
			if (address_parse(optarg, &commandline->address) != 0) {
				commandline->exit_status = commandline_refuse(commandline, "the address", optarg,
				    "it is an IPv4 address of this machine, such as 192.168.1.7");
				return COMMANDLINE_EXIT;
			}
			commandline->has_address = true;
			break;
		case ':':
			console_put(commandline->err, "%s: -%c wants a value\n", commandline->program, optopt);
			return complain(commandline);
		case '?':
			console_put(commandline->err, "%s: there is no option \"", commandline->program);
			console_put_foreign(commandline->err, argv[before], strlen(argv[before]));
			console_put(commandline->err, "\"\n");
			return complain(commandline);
		default:
			return option;
		}
	}
}
