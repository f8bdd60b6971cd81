/*
 * Chat_Initiator of the specification (2.3.0): the user's menu of Users, Chat and History.
 */
#include <fcntl.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/stop.h"
#include "chat.h"
#include "crypto/classic.h"
#include "desk.h"
#include "history.h"
#include "net/address.h"
#include "term/program.h"
#include "trust.h"
#include "users.h"

static const char usage[] =
    "usage: initiator [-a ADDR] [-s]\n"
    "\n"
    "Shows who is online, sends messages to them and shows what was said.\n"
    "\n"
    "  -a ADDR        speak from this IPv4 address of this machine (default: as the system chooses)\n"
    "  -s, --strict   no secure chat with programs that know only the classic exchange, which protects nothing\n"
    "  -h, --help     show this help\n"
    "  -V, --version  show the version\n"
    "\n"
    "It asks what to do: Users, Chat, History, Fingerprint, Verified, Trust, Distrust, Help or Quit, in any case and by\n"
    "unambiguous beginnings. In the working directory, peers.txt has the users and whom you know, chat.log the messages,\n"
    "identity.key is your secret.\n";

static const char help[] =
    "  Users              who was heard in the last 15 minutes: (Online) or (Away)\n"
    "  Chat [NAME]        send a message; the name may be an address of the list, too\n"
    "  History            the newest 50 messages; History NAME: with one user; History all: everything\n"
    "  Fingerprint NAME   what the two of you compare to know that nobody stands between you\n"
    "  Verified NAME      remember that you did, and that it was the same\n"
    "  Trust NAME         look at a changed identity, and accept it or not\n"
    "  Distrust NAME      forget what is known of somebody\n"
    "  Help               this list\n"
    "  Quit               end (so does Ctrl-D)\n"
    "Beginnings will do (u, c, hi), and an empty line at a question gives up. A secure chat asks for a number: any will\n"
    "do, it stays here and is mixed into the secret key.\n";

struct initiator {
	struct desk desk;
	struct trust trust;
};

struct command {
	const char *name;
	void (*run)(struct initiator *initiator, const char *argument); /* NULL: ends the menu */
};

static void run_users(struct initiator *initiator, const char *argument)
{
	(void)argument;
	users_show(initiator->desk.peers, desk_identity(&initiator->desk), initiator->desk.console);
}

static void run_chat(struct initiator *initiator, const char *argument)
{
	chat_run(&initiator->desk, argument);
}

static void run_history(struct initiator *initiator, const char *argument)
{
	history_show(argument, initiator->desk.console);
}

static void run_fingerprint(struct initiator *initiator, const char *argument)
{
	trust_fingerprint(&initiator->trust, argument);
}

static void run_verified(struct initiator *initiator, const char *argument)
{
	trust_verify(&initiator->trust, argument);
}

static void run_trust(struct initiator *initiator, const char *argument)
{
	trust_accept(&initiator->trust, argument);
}

static void run_distrust(struct initiator *initiator, const char *argument)
{
	trust_withdraw(&initiator->trust, argument);
}

static void run_help(struct initiator *initiator, const char *argument)
{
	(void)argument;
	console_put(initiator->desk.console, "%s", help);
}

static const struct command commands[] = {
    {"Users", run_users},
    {"Chat", run_chat},
    {"History", run_history},
    {"Fingerprint", run_fingerprint},
    {"Verified", run_verified},
    {"Trust", run_trust},
    {"Distrust", run_distrust},
    {"Help", run_help},
    {"Quit", NULL},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

/* The command that word is, or is the beginning of. NULL, after telling the user, where that is none or several. */
static const struct command *find_command(struct console *console, const char *word)
{
	const struct command *found = NULL;
	size_t len = strlen(word), count = 0;

	for (size_t i = 0; i < COMMANDS; i++) {
		if (strncasecmp(commands[i].name, word, len) == 0) {
			found = &commands[i];
			count++;
		}
	}
	if (count == 1)
		return found;
	console_put_styled(console, CONSOLE_WARNING, count == 0 ? "There is no command \"" : "Which do you mean by \"");
	console_put_foreign(console, word, len);
	console_put(console, count == 0 ? "\"; Help lists them.\n" : "\": History or Help?\n");
	return NULL;
}

/* Asks what to do and does it; false where the user wants no more. */
static bool take_turn(struct initiator *initiator)
{
	const struct command *command;
	char word[LINEINPUT_MAX_BYTES + 1], *argument, *line;

	if (!prompt_ask_word(&initiator->desk.prompt, "Users, Chat or History? ", &line))
		return !initiator->desk.prompt.over;
	/* The answers to a command's own questions replace this line. */
	memccpy(word, line, '\0', sizeof(word));
	argument = word + strcspn(word, " \t");
	if (*argument != '\0')
		*argument++ = '\0';
	argument += strspn(argument, " \t");
	desk_refresh(&initiator->desk);
	command = find_command(initiator->desk.console, word);
	if (command && !command->run)
		return false;
	if (command)
		command->run(initiator, argument);
	console_flush(initiator->desk.console);
	return true;
}

static int run(struct program *program)
{
	struct initiator initiator;
	char ip[ADDRESS_TEXT_BYTES];
	int rc = program->has_address ? address_check_own(program->address) : 0;

	if (rc != 0) {
		console_put(&program->err, "initiator: cannot speak from %s: %s\n",
		    address_format(program->address, ip), strerror(rc));
		return PROGRAM_FAILED;
	}
	rc = desk_open(&initiator.desk, program);
	initiator.trust = (struct trust){
	    .prompt = &initiator.desk.prompt,
	    .key = &initiator.desk.key,
	    .file = initiator.desk.peers,
	};
	if (rc != 0)
		console_put(&program->err, "initiator: %s\n", strerror(rc));
	while (rc == 0 && !stop_requested() && take_turn(&initiator))
		;
	desk_close(&initiator.desk);
	return rc == 0 ? PROGRAM_FINE : PROGRAM_FAILED;
}

int main(int argc, char **argv)
{
	struct program program = {
	    .name = "initiator",
	    .usage = usage,
	    .options = "",
	    .takes_strict = true,
	    .feature = classic_feature(),
	    .run = run,
	};

	return program_main(&program, argc, argv);
}
