#include "script.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "autofetch.h"
#include "broadcast.h"
#include "doctor.h"
#include "elsewhere.h"
#include "filelist.h"
#include "get.h"
#include "history.h"
#include "join.h"
#include "matcher.h"
#include "people.h"
#include "room.h"
#include "roomlist.h"
#include "roomsetup.h"
#include "search.h"
#include "send.h"
#include "term/layout.h"
#include "trust.h"
#include "users.h"
#include "watch.h"

/* What was asked for. */
struct request {
	struct program *program;
	struct desk desk;
	struct wish wish;    /* -j, -n, -f, and the arguments */
	bool once;	     /* -1 */
	bool takes_password; /* -p */
	struct send_order order;
	struct roomsetup_order room;
	struct get_order get;
	char **arguments; /* what follows the options of the command, argument_count of them and NULL */
	int argument_count;
};

struct command {
	const char *name;
	const char *arguments; /* as the list shows them */
	const char *purpose;
	const char *options; /* as getopt(3) takes them; NULL: check takes them */
	int least, most;     /* arguments that follow them */
	bool needs_secret;   /* signs, encrypts or compares; all else works without the passphrase of the identity */
	/* One of these: for a name as in the menu, for all arguments as one, for a wish, or for anything else. */
	int (*run_named)(struct desk *desk, const char *name);
	int (*run_joined)(struct desk *desk, const char *arguments);
	int (*list)(struct desk *desk, const struct wish *wish);
	int (*run)(struct request *request);
	int (*check)(struct request *request); /* whether they can be meant: PROGRAM_FINE or PROGRAM_USAGE; or NULL */
};

static int check_send(struct request *request)
{
	struct send_order *order = &request->order;

	order->name = request->arguments[0];
	if (order->file && request->argument_count > 1)
		return program_refuse(request->program, "with -f there is no text:", request->arguments[1], NULL);
	if (order->file && strcmp(order->file, "-") == 0 && !order->file_name)
		return program_refuse(request->program, "something is missing after -f -:", "-N NAME", NULL);
	if (!order->file && order->file_name)
		return program_refuse(request->program, "-N names a file, and there is no -f:", order->file_name, NULL);
	if (order->file && order->has_mode && order->mode != CHATLOG_SECURE)
		return program_refuse(request->program, "a file goes in a secure session, and not",
		    chatlog_mode_word(order->mode), NULL);
	if (order->file && strcasecmp(order->name, BROADCAST_NAME) == 0)
		return program_refuse(request->program, "a file goes to a user or a room, and not to", order->name,
		    NULL);
	if (request->argument_count > 1 && strcmp(request->arguments[1], "-") != 0)
		order->text = request->arguments[1];
	if (order->has_mode && order->mode != CHATLOG_SECURE && order->keep)
		return program_refuse(request->program, "with -k a message is secure, and not",
		    chatlog_mode_word(order->mode), NULL);
	if (order->has_mode && order->mode != CHATLOG_SECURE &&
	    (order->name[0] == '#' || strcasecmp(order->name, BROADCAST_NAME) == 0))
		return program_refuse(request->program, "in rooms and to everybody a message is secure, and not",
		    chatlog_mode_word(order->mode), NULL);
	return PROGRAM_FINE;
}

static int run_send(struct request *request)
{
	return send_run(&request->desk, &request->order);
}

static int check_create(struct request *request)
{
	struct program *program = request->program;
	const char *value,
	    *fault = roomsetup_parse(&request->room, program->argument_count, program->arguments, &value);

	return fault ? program_refuse(program, "in create,", value, fault) : PROGRAM_FINE;
}

static int run_create(struct request *request)
{
	return roomsetup_create(&request->desk, &request->room);
}

static int run_join(struct request *request)
{
	return join_room(&request->desk, request->arguments[0], request->takes_password);
}

static int run_get(struct request *request)
{
	struct get_order *order = &request->get;

	order->wanted = request->arguments[0];
	order->wait_ms = request->order.wait_ms;
	return get_fetch(&request->desk, order);
}

static int check_get(struct request *request)
{
	if (request->get.path && strcasecmp(request->arguments[0], "all") == 0)
		return program_refuse(request->program, "the path", request->get.path, "it is for one file");
	return PROGRAM_FINE;
}

static int run_deliver(struct request *request)
{
	return send_deliver(&request->desk, request->once);
}

static int check_verify(struct request *request)
{
	if (!trust_are_digits(request->arguments[1]))
		return program_refuse(request->program, "the fingerprint", request->arguments[1],
		    "it is 60 digits, or the 30 of the other");
	return PROGRAM_FINE;
}

static int run_verify(struct request *request)
{
	return trust_compare(&request->desk, request->arguments[0], request->arguments[1]);
}

static const struct command commands[] = {
    {"users", "[-j] [NAME]", "who was heard lately, or who of them has that name or address", "j", 0, 1, false,
	.list = users_list},
    {"send", "[-m secure|plain|classic] [-w SECONDS] [-k] [-f FILE] [-N NAME] NAME [TEXT]",
	"one message, TEXT or what the input has; -k keeps it until NAME is back, -w waits for NAME;" LAYOUT_FEED
	"to '#lab', or @all who are here, it is kept for whoever cannot be reached;" LAYOUT_FEED
	"-f offers a file (- is the input) as NAME, and then -w waits until it is fetched",
	"m:w:kf:N:", 1, 2, true, .run = run_send, .check = check_send},
    {"deliver", "[-1]", "what waits, for as long as it runs; -1: try everything once", "1", 0, 0, true,
	.run = run_deliver},
    {"history", "[-j] [-n N] [NAME]", "what was said, the newest N, or with NAME", "jn:", 0, 1, false,
	.list = history_list},
    {"search", "[-j] [-f NAME] WORDS...", "the newest messages with all the words, or those of them with NAME",
	"jf:", 1, MATCHER_WORDS_MAX, false, .list = search_list},
    {"watch", "[-j] [NAME]", "what is said from now on, or with NAME, until a signal", "j", 0, 1, false,
	.list = watch_run},
    {"files", "[-j] [NAME]", "what is offered, where it is, and who has it, or with NAME", "j", 0, 1, true,
	.list = filelist_list},
    {"get", "[-o PATH] [-w SECONDS] N|ID|all",
	"fetch what is offered, to files/ or PATH; -w: wait for whoever offers it", "o:w:", 1, 1, true, .run = run_get,
	.check = check_get},
    {"withdraw", "N", "offer a file no more", "", 1, 1, true, .run_named = get_withdraw},
    {"auto", "[NAME SIZE|off]", "fetch the files of somebody you know by itself while the menu runs, up to SIZE (16M)",
	"", 0, 2, false, .run_joined = autofetch_set},
    {"fingerprint", "NAME", "the twelve groups of digits that the two of you compare", "", 1, 1, true,
	.run_named = trust_fingerprint},
    {"verify", "NAME DIGITS", "compare them, or the six of NAME, and remember if they are the same", "", 2, 2, true,
	.run = run_verify, .check = check_verify},
    {"trust", "NAME", "accept that a known name has another identity now", "", 1, 1, true, .run_named = trust_accept},
    {"distrust", "NAME", "forget what is known of somebody", "", 1, 1, true, .run_named = trust_withdraw},
    {"accept", "NAME|#lab", "let a stranger write to you, and have what waits", "", 1, 1, false,
	.run_named = people_accept},
    {"reject", "NAME|#lab", "have what waits shown to nobody", "", 1, 1, false, .run_named = people_reject},
    {"block", "NAME", "refuse the messages of somebody", "", 1, 1, false, .run_named = people_block},
    {"unblock", "NAME", "take them again", "", 1, 1, false, .run_named = people_unblock},
    {"mute", "NAME|#lab", "keep the messages of somebody without a bell", "", 1, 1, false, .run_named = people_mute},
    {"unmute", "NAME|#lab", "have the bell again", "", 1, 1, false, .run_named = people_unmute},
    {"rooms", "[-j]", "the rooms that you are in, and those that others announce", "j", 0, 0, true,
	.list = roomlist_show},
    {"room", "[-j] '#lab'", "what it is, and who is in it", "j", 1, 1, true, .list = roomlist_describe},
    {"create", "'#lab' [-p] [-c N] [-d TEXT] [-i] [NAME...]",
	"a room for N, about TEXT, with these in it; -i: only for the invited; -p: its password is a line of the input",
	NULL, 1, ROOM_MEMBERS_MAX + 6, true, .run = run_create, .check = check_create},
    {"join", "[-p] '#lab'", "be in it, or make it if there is none; -p: its password is a line of the input", "p", 1, 1,
	true, .run = run_join},
    {"leave", "'#lab'", "be in it no more", "", 1, 1, true, .run_named = room_leave},
    {"invite", "NAME '#lab'", "let somebody in", "", 2, 2, true, .run_joined = room_invite},
    {"remove", "NAME '#lab'", "take somebody out, for good", "", 2, 2, true, .run_joined = room_remove},
    {"promote", "NAME '#lab'", "make somebody an admin of it", "", 2, 2, true, .run_joined = room_promote},
    {"demote", "NAME '#lab'", "or an admin no more", "", 2, 2, true, .run_joined = room_demote},
    {"set", "'#lab' WHAT VALUE", "its name, about, capacity, entry (open, password, invited) or password", "", 3, 3,
	true, .run_joined = roomsetup_set},
    {"reach", "[ADDRESS]", "announce yourself to an address in another network as well; or show which", "", 0, 1, false,
	.run_named = elsewhere_reach},
    {"unreach", "ADDRESS", "no more", "", 1, 1, false, .run_named = elsewhere_unreach},
    {"doctor", "[-j] [NAME]", "what is wrong here, or between you and NAME; ends with 1 if something is", "j", 0, 1,
	true, .list = doctor_list},
    {"name", "NEW", "change your own name", "", 1, 1, true, .run_named = people_rename},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))
/* What is shown before the purpose: name and arguments. */
#define COMMAND_COLUMNS 21

void script_put_commands(struct console *console)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		const struct command *command = &commands[i];
		int columns = COMMAND_COLUMNS - (int)strlen(command->name), used = (int)strlen(command->arguments);

		console_put(console, LAYOUT_MARGIN "%c  %s %-*s", ' ' + COMMAND_COLUMNS + 3, command->name, columns,
		    command->arguments);
		/* What is long has its purpose on a line of its own. */
		if (used >= columns)
			console_put(console, "\n" LAYOUT_MARGIN "%c   %*s", ' ' + COMMAND_COLUMNS + 3, COMMAND_COLUMNS,
			    "");
		console_put(console, "%s\n", command->purpose);
	}
}

/* Reads the value of an option, 1 to most. */
static int read_number(struct request *request, const char *what, size_t most, size_t *number)
{
	char rule[64], *end;
	unsigned long value = strtoul(optarg, &end, 10);

	snprintf(rule, sizeof(rule), "it is a whole number from 1 to %zu", most);
	if (optarg[0] < '0' || optarg[0] > '9' || *end != '\0' || value < 1 || value > most)
		return program_refuse(request->program, what, optarg, rule);
	*number = value;
	return PROGRAM_FINE;
}

static int read_mode(struct request *request)
{
	static const enum chatlog_mode modes[] = {CHATLOG_SECURE, CHATLOG_PLAIN, CHATLOG_CLASSIC};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(optarg, chatlog_mode_word(modes[i])) == 0) {
			request->order.has_mode = true;
			request->order.mode = modes[i];
			return PROGRAM_FINE;
		}
	}
	return program_refuse(request->program, "the mode", optarg, "it is secure, plain or classic");
}

static int take_option(struct request *request, int option, const char *argument)
{
	char letter[] = {'-', (char)optopt, '\0'};
	bool is_long = optopt == '-';
	size_t seconds = 0;
	int status;

	switch (option) {
	case 'j':
		request->wish.as_json = true;
		return PROGRAM_FINE;
	case 'n':
		return read_number(request, "the number of messages", HISTORY_MAX, &request->wish.newest);
	case 'f':
		request->wish.whom = request->order.file = optarg;
		return PROGRAM_FINE;
	case 'N':
		request->order.file_name = optarg;
		return PROGRAM_FINE;
	case 'm':
		return read_mode(request);
	case 'w':
		status = read_number(request, "the time to wait", SEND_WAIT_MAX_S, &seconds);
		request->order.wait_ms = (int64_t)seconds * 1000;
		return status;
	case 'k':
		request->order.keep = true;
		return PROGRAM_FINE;
	case 'o':
		request->get.path = optarg;
		return PROGRAM_FINE;
	case 'p':
		request->takes_password = true;
		return PROGRAM_FINE;
	case '1':
		request->once = true;
		return PROGRAM_FINE;
	case ':':
		return program_refuse(request->program, "a value is missing after", letter, NULL);
	default:
		return program_refuse(request->program, "there is no option", is_long ? argument : letter, NULL);
	}
}

/* Takes the options and arguments of a command. */
static int parse(struct request *request, const struct command *command, int count, char **arguments)
{
	char options[16];
	int option = command->options ? 0 : -1, status = PROGRAM_FINE;
	const char *argument;

	snprintf(options, sizeof(options), "+:%s", command->options ? command->options : "");
	/* Begins anew (getopt(3), notes). */
	optind = option == 0 ? 0 : 1;
	while (status == PROGRAM_FINE && option != -1) {
		/* getopt(3) stays at an argument as long as there are letters in it. */
		argument = optind < count ? arguments[optind > 0 ? optind : 1] : NULL;
		option = getopt(count, arguments, options);
		if (option != -1)
			status = take_option(request, option, argument);
	}
	request->arguments = arguments + optind;
	request->argument_count = count - optind;
	request->wish.words = (const char *const *)request->arguments;
	request->wish.count = (size_t)request->argument_count;
	/* What has words has -f for this. */
	if (!strchr(options, 'f'))
		request->wish.whom = request->arguments[0];
	if (status == PROGRAM_FINE && request->argument_count < command->least)
		status = program_refuse(request->program, "something is missing after", command->name, NULL);
	else if (status == PROGRAM_FINE && request->argument_count > command->most)
		status = program_refuse(request->program, "that is too much:", request->arguments[command->most], NULL);
	if (status == PROGRAM_FINE && command->check)
		status = command->check(request);
	return status;
}

static int run_joined(struct request *request, const struct command *command)
{
	struct buffer line = {0};
	int status = PROGRAM_FAILED;

	for (int i = 0; i < request->argument_count; i++)
		buffer_put(&line, "%s%s", i > 0 ? " " : "", request->arguments[i]);
	if (buffer_append(&line, "", 1) == 0)
		status = command->run_joined(&request->desk, line.data);
	buffer_wipe(&line);
	return status;
}

static int run(struct request *request, const struct command *command)
{
	struct program *program = request->program;
	const char *name = request->argument_count > 0 ? request->arguments[0] : "";
	/* A room is the user's by the identity. */
	bool is_about_room = command->run_named && name[0] == '#';
	bool opened = desk_open(&request->desk, program, command->needs_secret || is_about_room);
	int status = PROGRAM_FAILED;

	if (request->wish.as_json)
		program->out.terminal = program->out.coloured = false; /* lines as they are */
	if (opened && command->list)
		status = command->list(&request->desk, &request->wish);
	else if (opened && command->run_joined)
		status = run_joined(request, command);
	else if (opened)
		status = command->run ? command->run(request) : command->run_named(&request->desk, name);
	desk_close(&request->desk);
	console_flush(&program->out);
	return program->out.outlet.failed ? desk_worse(status, PROGRAM_FAILED) : status;
}

int script_run(struct program *program)
{
	const struct command *command = commands, *end = commands + COMMANDS;
	struct request request = {.program = program};
	int status;

	while (command < end && strcmp(command->name, program->arguments[0]) != 0)
		command++;
	if (command == end)
		return program_refuse(program, "there is no command", program->arguments[0], NULL);
	status = parse(&request, command, program->argument_count, program->arguments);
	return status == PROGRAM_FINE ? run(&request, command) : status;
}
