#include "term/program.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/stop.h"
#include "net/address.h"

#define OPTIONS_ROOM_BYTES 32
/* What getopt_long(3) returns for a long option without a letter. */
#define PASSPHRASE_FD 256

static const char *running; /* the name of this program */
static void (*restore_all)(void);

/* What take_all() returns if the program has nothing more to do. */
#define DONE (-1)

void program_on_sudden_end(void (*restore)(void))
{
	restore_all = restore;
}

int program_refuse(struct program *program, const char *what, const char *value, const char *rule)
{
	console_put(&program->err, "%s: %s \"", program->name, what);
	console_put_foreign(&program->err, value, strlen(value));
	console_put(&program->err, "\"%s%s\nTry '%s -h'.\n", rule ? " will not do: " : "", rule ? rule : "",
	    program->name);
	return PROGRAM_USAGE;
}

/* A single letter is known to getopt(3), a long option is the argument it just passed. */
static int refuse_option(struct program *program, const char *what, const char *argument)
{
	char letter[] = {'-', (char)optopt, '\0'};

	return program_refuse(program, what, optopt > 0 && optopt < PASSPHRASE_FD ? letter : argument, NULL);
}

static int take_address(struct program *program)
{
	if (address_parse(optarg, &program->address) != 0)
		return program_refuse(program, "the address", optarg,
		    "it is an IPv4 address of this machine, such as 192.168.1.7");
	program->has_address = true;
	return PROGRAM_FINE;
}

static int take_passphrase_fd(struct program *program)
{
	char *end;
	long fd = strtol(optarg, &end, 10);

	/* Our own descriptors are all closed by exec(3), and those that we were given are not. */
	if (optarg[strspn(optarg, "0123456789")] != '\0' || end == optarg || fd > INT_MAX ||
	    fcntl((int)fd, F_GETFD) != 0)
		return program_refuse(program, "the descriptor", optarg, "it is the number of one that is open");
	program->passphrase_fd = (int)fd;
	return PROGRAM_FINE;
}

/* The working directory of all that follows; what it is itself counts from the one before, as with git and make. */
static int change_directory(struct program *program)
{
	if (chdir(optarg) == 0)
		return PROGRAM_FINE;
	console_put(&program->err, "%s: ", program->name);
	console_put_failure(&program->err, CONSOLE_NORMAL, "work in", optarg, errno);
	return PROGRAM_FAILED;
}

static int take_arguments(struct program *program, int count, char **arguments)
{
	if (count > 0 && !program->takes_arguments)
		return program_refuse(program, "it takes no argument", arguments[0], NULL);
	program->arguments = arguments;
	program->argument_count = count;
	return PROGRAM_FINE;
}

/*
 * Takes all options. Returns PROGRAM_FINE, DONE if only help or the version was wanted, PROGRAM_USAGE, or PROGRAM_FAILED
 * without a working directory.
 */
static int take_all(struct program *program, int argc, char **argv)
{
	const struct option names[] = {
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'},
	    /* A NULL ends the list; who takes -s takes a secret. */
	    {program->takes_secret ? "passphrase-fd" : NULL, required_argument, NULL, PASSPHRASE_FD},
	    {program->takes_strict ? "strict" : NULL, no_argument, NULL, 's'},
	    {0},
	};
	char options[OPTIONS_ROOM_BYTES];
	int status = PROGRAM_FINE;

	/* Without the plus, options after an argument would be taken, too. */
	snprintf(options, sizeof(options), "%s:a:C:hV%s%s", program->takes_arguments ? "+" : "",
	    program->takes_strict ? "s" : "", program->options);
	while (status == PROGRAM_FINE) {
		int option = getopt_long(argc, argv, options, names, NULL);

		switch (option) {
		case -1:
			return take_arguments(program, argc - optind, argv + optind);
		case 'h':
			console_put(&program->out, "%s", program->usage);
			if (program->put_more_usage)
				program->put_more_usage(&program->out);
			return DONE;
		case 'V':
			console_put(&program->out, "%s (Quartet) " QUARTET_VERSION "\n", program->name);
			for (size_t i = 0; i < 2 && program->features[i]; i++)
				console_put(&program->out, "%s\n", program->features[i]);
			return DONE;
		case 'a':
			status = take_address(program);
			break;
		case 'C':
			status = change_directory(program);
			break;
		case PASSPHRASE_FD:
			status = take_passphrase_fd(program);
			break;
		case 's':
			program->strict = true;
			break;
		case ':':
		case '?':
			status = refuse_option(program,
			    option == ':' ? "a value is missing after" : "there is no option", argv[optind - 1]);
			break;
		default:
			status = program->take_option(program, option);
		}
	}
	return status;
}

/* If standard input or output is closed, nothing else may take its number: a socket would be read for an answer. */
static bool open_standard(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return false;
	close(fd);
	return true;
}

/* A core dump would put keys and messages on the disk, and nothing here has to start a program with more rights. */
static void give_up_rights(void)
{
	const struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/* Not through a console, which needs memory, and may be in use by another thread. The files stand a sudden end. */
static void end_without_memory(void)
{
	if (restore_all)
		restore_all();
	dprintf(STDERR_FILENO, "%s: out of memory\n", running);
	_exit(PROGRAM_FAILED);
}

int program_main(struct program *program, int argc, char **argv)
{
	int status;

	give_up_rights();
	if (!open_standard())
		return PROGRAM_FAILED;
	running = program->name;
	program->passphrase_fd = -1;
	jsontext_on_exhaustion(end_without_memory);
	stop_install();
	console_init(&program->out, STDOUT_FILENO);
	console_init(&program->err, STDERR_FILENO);
	status = take_all(program, argc, argv);
	if (status == PROGRAM_FINE && sodium_init() < 0)
		status = PROGRAM_FAILED;
	else if (status == PROGRAM_FINE)
		status = program->run(program);
	if (program->out.title[0] != '\0')
		console_set_title(&program->out, "%s", program->name);
	console_free(&program->out);
	console_free(&program->err);
	if (status == DONE)
		status = program->out.outlet.failed ? PROGRAM_FAILED : PROGRAM_FINE;
	return status;
}
