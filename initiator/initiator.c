/*
 * Chat_Initiator of the specification (2.3.0): the user's menu of Users, Chat and History.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "autofetch.h"
#include "base/stop.h"
#include "broadcast.h"
#include "chat.h"
#include "completion.h"
#include "crypto/classic.h"
#include "delivery.h"
#include "desk.h"
#include "doctor.h"
#include "elsewhere.h"
#include "filelist.h"
#include "get.h"
#include "history.h"
#include "join.h"
#include "links.h"
#include "listing.h"
#include "net/address.h"
#include "offering.h"
#include "passphrase.h"
#include "people.h"
#include "room.h"
#include "roomlist.h"
#include "roomsetup.h"
#include "script.h"
#include "search.h"
#include "store/lockedfile.h"
#include "talk.h"
#include "term/layout.h"
#include "term/program.h"
#include "trust.h"
#include "trust/mark.h"
#include "users.h"
#include "waiting.h"
#include "wording.h"

static const char usage[] =
    "usage: initiator [-a ADDR] [-C DIR] [-s] [--passphrase-fd N] [COMMAND ...]\n"
    "\n"
    "Shows who is online, sends messages to them and shows what was said.\n"
    "\n"
    "  -a ADDR        speak from this IPv4 address of this machine (default: as the system chooses)\n"
    "  -C DIR         work in this directory (default: the one it is started in)\n"
    "  -s, --strict   no secure chat with programs that know only the classic exchange, which protects nothing\n"
    "  --passphrase-fd N\n"
    "                 read the passphrase of identity.key from this descriptor, a line (default: ask for it)\n"
    "  -h, --help     show this help\n"
    "  -V, --version  show the version\n"
    "\n"
    "In the working directory, peers.txt has the users and whom you know, chat.log has the messages, and\n"
    "identity.key is your secret.\n"
    "\n"
    "It asks what to do:\n"
    "\n";

static const char hints[] = "Capitals do not matter, and a beginning will do: u, c, h. An empty line here\n"
			    "goes on with the last conversation, and at a question gives up.\n"
			    "A secure chat asks for a number: any will do. It stays here and is mixed into\n"
			    "the secret key.\n";

struct command {
	const char *name;
	const char *arguments; /* as Help shows them */
	const char *purpose;
	unsigned answers; /* lines that it takes from a pipe; one less with an argument */
	/* Returns what has become of it, as desk.h says. NULL: ends the menu. */
	int (*run)(struct desk *desk, const char *argument);
};

static void put_commands(struct console *console);

static int run_help(struct desk *desk, const char *argument)
{
	struct listing listing = {.desk = desk};

	(void)argument;
	listing_begin(&listing);
	put_commands(desk->data);
	console_put(desk->data, "The responder puts a sign behind the name if there is something to know:\n");
	for (size_t i = 0; i < MARK_KINDS; i++)
		console_put(desk->data, "  %c  %s\n", mark_kinds[i].sign, mark_kinds[i].meaning);
	listing_end(&listing);
	return PROGRAM_FINE;
}

static const struct command commands[] = {
    {"Users", "[NAME]", "who was heard lately, or of them NAME: (Online) or (Away)", 0, users_show},
    {"Chat", "[NAME]", "send a message; for NAME also its beginning, an address, or a number of Users", 3, chat_run},
    {"History", "[NAME|N|all]", "the newest messages, or those with NAME, or N, today's (today) or all of them", 0,
	history_show},
    {"Talk", "[NAME]", "send messages to one user, a line each, until /end", 3, talk_run},
    {"@NAME", "TEXT", "send one message at once, securely if the user has an identity", 0, talk_send},
    {"r", "TEXT", "the same, to whoever wrote last", 0, talk_reply},
    {"Search", "WORDS", "messages with all the words; -f NAME before them: those with NAME", 0, search_show},
    {"Send", "FILE to NAME", "offer a file to a user or a room: who wants it fetches it", 0, offering_run},
    {"Files", "[NAME|all]", "what is offered to you, where it is, and who has what you offer", 0, filelist_show},
    {"Get", "N|all", "fetch a file that is offered; as NAME behind it: under that name", 1, get_run},
    {"Withdraw", "N", "offer a file no more", 1, get_withdraw},
    {"Auto", "[NAME SIZE|off]", "fetch the files of somebody you know by itself, up to SIZE (16M)", 0, autofetch_set},
    {"Open", "[N]", "a link of the last messages, in the browser", 2, links_open},
    {"Fingerprint", "NAME", "what the two of you compare to know that nobody stands between you", 1, trust_fingerprint},
    {"Verified", "NAME", "remember that you did, and that it was the same", 1, trust_verify},
    {"Trust", "NAME", "look at a changed identity, and accept it or not", 2, trust_accept},
    {"Distrust", "NAME", "forget what is known of somebody", 2, trust_withdraw},
    {"Accept", "NAME|#lab", "let a stranger write to you, and have what waits", 1, people_accept},
    {"Reject", "NAME|#lab", "do not: what waits is shown to nobody", 1, people_reject},
    {"Block", "NAME", "refuse the messages of somebody", 2, people_block},
    {"Unblock", "NAME", "take them again", 1, people_unblock},
    {"Mute", "NAME|#lab", "keep the messages of somebody without a bell", 1, people_mute},
    {"Unmute", "NAME|#lab", "have the bell again", 1, people_unmute},
    {"Strangers", "[WHOM]", "whose messages you take: all, ask or known; and who waits", 0, people_admit},
    {"Rooms", "", "the rooms that you are in, and those that others announce", 0, roomlist_run_show},
    {"Room", "#lab", "what it is, who is in it, and who has not got what you said", 1, roomlist_run_describe},
    {"Create", "#lab", "make a room; it asks, or -p (password), -c N, -d \"TEXT\", -i (invited), NAME...", 5,
	roomsetup_run_create},
    {"Join", "#lab", "be in it; it asks for the password, or makes the room if there is none", 1, join_run},
    {"Leave", "#lab", "be in it no more", 1, room_leave},
    {"Invite", "NAME #lab", "let somebody in", 0, room_invite},
    {"Remove", "NAME #lab", "take somebody out, for good", 0, room_remove},
    {"Promote", "NAME #lab", "make somebody an admin of it", 0, room_promote},
    {"Demote", "NAME #lab", "or an admin no more", 0, room_demote},
    {"Set", "#lab WHAT VALUE", "its name, about, capacity, entry or password", 0, roomsetup_set},
    {"Broadcast", "TEXT", "to everybody who is here and announces an identity, one by one", 0, broadcast_run},
    {"Name", "NEW", "change your own name", 1, people_rename},
    {"Reach", "[ADDRESS]", "announce yourself to an address in another network as well; or show which", 0,
	elsewhere_reach},
    {"Unreach", "ADDRESS", "no more", 0, elsewhere_unreach},
    {"Drop", "NAME", "withdraw what waits to be sent to somebody", 1, waiting_drop},
    {"Passphrase", "", "set, change or remove the passphrase of identity.key", 3, passphrase_run},
    {"Doctor", "[NAME]", "why somebody cannot be seen, or not written to; of NAME, by asking them as well", 1,
	doctor_run},
    {"Help", "", "this list", 0, run_help},
    {"Quit", "", "end (so does Ctrl-D)", 0, NULL},
};

/* What is shown before the purpose: name and arguments. */
#define COMMAND_COLUMNS 20
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

/* What -h and Help have in common: every command, and how to answer. */
static void put_commands(struct console *console)
{
	for (size_t i = 0; i < COMMANDS; i++)
		console_put(console, LAYOUT_MARGIN "%c  %s %-*s%s\n", ' ' + COMMAND_COLUMNS + 3, commands[i].name,
		    COMMAND_COLUMNS - (int)strlen(commands[i].name), commands[i].arguments, commands[i].purpose);
	console_put(console, "%s", hints);
}

/* Those of the specification stand first, and have every beginning. */
#define COMMANDS_SPECIFIED 3

/* Whether word is a command or the beginning of it. The letter of the reply is nothing else's beginning. */
static bool is_called(const struct command *command, const char *word)
{
	if (word[0] == '@' || command->name[0] == '@')
		return word[0] == command->name[0];
	return prompt_begins(command->name, word) && (strcasecmp(word, "r") != 0 || command->run == talk_reply);
}

/* The command that word is, or is the beginning of. NULL, after telling the user, if that is none or several. */
static const struct command *find_command(struct console *console, const char *word)
{
	const struct command *found = NULL;
	size_t count = 0;

	for (size_t i = 0; i < COMMANDS; i++) {
		if (is_called(&commands[i], word)) {
			found = &commands[i];
			count++;
			if (i < COMMANDS_SPECIFIED || strcasecmp(found->name, word) == 0)
				return found;
		}
	}
	if (count == 1)
		return found;
	console_put_styled(console, CONSOLE_WARNING, count == 0 ? "There is no command \"" : "Which do you mean by \"");
	console_put_foreign(console, word, strlen(word));
	console_put(console, count == 0 ? "\"; Help lists them.\n" : "\":");
	for (size_t i = 0; i < COMMANDS && count > 0; i++) {
		if (is_called(&commands[i], word))
			console_put(console, " %s%s", commands[i].name, --count > 0 ? " or" : "?\n");
	}
	return NULL;
}

/* For the prompt: commands, and what completion.h knows. */
static void complete(void *context, enum prompt_wants wants, const char *line, size_t len, struct wordlist *words)
{
	const char *space = memchr(line, ' ', len);

	if (wants == PROMPT_COMMAND && !space && line[0] != '@') {
		for (size_t i = 0; i < COMMANDS; i++) {
			/* Those of one letter or sign take no more to type. */
			if (prompt_begins(commands[i].name, line) && commands[i].run != talk_reply &&
			    commands[i].run != talk_send)
				wordlist_add(words, commands[i].name);
		}
		return;
	}
	completion_offer(context, wants, line, words);
}

/* Runs a command. What a pipe has for it is taken in any case. */
static int run_command(struct desk *desk, const struct command *command, const char *argument)
{
	struct prompt *prompt = &desk->prompt;
	int status;

	prompt_expect(prompt, command->answers - (command->answers > 0 && argument[0] != '\0'));
	status = command->run(desk, argument);
	prompt_settle(prompt);
	desk_show_waiting(desk, NULL);
	console_flush(desk->console);
	return status;
}

/* Asks what to do and does it; *status becomes what that returns if it says more. Returns false if the user wants no more. */
static bool take_turn(struct desk *desk, int *status)
{
	struct prompt *prompt = &desk->prompt;
	const struct command *command;
	struct stat log;
	char word[LINEINPUT_MAX_BYTES + 1], *argument, *line;
	size_t len;

	desk->asked_bytes = stat(CHATLOG_NAME, &log) == 0 ? log.st_size : 0;
	if (!prompt_ask_text(prompt, PROMPT_COMMAND, "Users, Chat or History? ", &line, &len))
		return !prompt->over;
	if (prompt->pasted) {
		desk_refresh(desk);
		*status = desk_worse(*status, talk_send_pasted(desk, line, len, prompt->typed_bytes));
		return !prompt->over;
	}
	if (prompt_trim(&line) == 0) {
		if (prompt->terminal)
			*status = desk_worse(*status, talk_resume(desk));
		return !prompt->over;
	}
	/* The answers to a command's own questions replace this line. */
	memccpy(word, line, '\0', sizeof(word));
	argument = word + (word[0] == '@' ? 1 : strcspn(word, " \t"));
	if (*argument != '\0' && word[0] != '@')
		*argument++ = '\0';
	argument += strspn(argument, " \t");
	desk_refresh(desk);
	command = find_command(desk->console, word);
	if (command && !command->run)
		return false;
	*status = desk_worse(*status, command ? run_command(desk, command, argument) : PROGRAM_FAILED);
	return !prompt->over;
}

/* Delivers what waits from now on; without that the menu does all else. */
static bool start_delivery(struct desk *desk)
{
	int rc = delivery_start(desk->delivery);

	if (rc == EFBIG)
		wording_put_forgotten(desk->console);
	else if (rc != 0 && rc != EINTR)
		console_put_styled(desk->console, CONSOLE_BAD,
		    "cannot follow " CHATLOG_NAME ", so nothing that waits is sent: %s\n", lockedfile_reason(rc));
	desk_show_waiting(desk, NULL);
	return rc != EINTR;
}

/* For Ctrl-C. */
static void stop_fetching(void *context)
{
	get_stop(context);
}

static int run(struct program *program)
{
	struct desk desk;
	char ip[ADDRESS_TEXT_BYTES];
	bool opened;
	int status = PROGRAM_FINE, rc = program->has_address ? address_check_own(program->address) : 0;

	if (rc != 0) {
		console_put(&program->err, "initiator: cannot speak from %s: %s\n",
		    address_format(program->address, ip), strerror(rc));
		return PROGRAM_FAILED;
	}
	if (program->argument_count > 0)
		return script_run(program);
	program_on_sudden_end(editor_abandon);
	opened = desk_open(&desk, program, true) && start_delivery(&desk);
	desk.prompt.complete = complete;
	desk.prompt.complete_context = &desk;
	desk.prompt.interrupt = stop_fetching;
	if (opened)
		autofetch_begin(&desk);
	while (opened && !stop_requested() && take_turn(&desk, &status))
		;
	/* Who sits at a terminal has seen what failed, and whoever ends the program knows that it was not through. */
	if (desk.prompt.refused)
		status = desk_worse(status, PROGRAM_FAILED);
	if (desk.prompt.terminal || stop_requested())
		status = PROGRAM_FINE;
	if (opened)
		get_stop(&desk);
	desk_close(&desk);
	return opened || stop_requested() ? status : PROGRAM_FAILED;
}

static void put_more_usage(struct console *console)
{
	put_commands(console);
	console_put(console, "\nWith a command it does that, asks nothing, and ends with a status that says\n"
			     "what has become of it: 0 done, 1 failed, 2 wrong usage, 3 nobody of that name\n"
			     "or several, 4 not reachable, 5 not confirmed, 6 another identity or none,\n"
			     "7 refused. -j: a JSON object a line. NAME is a whole name or an address.\n\n");
	script_put_commands(console);
}

int main(int argc, char **argv)
{
	struct program program = {
	    .name = "initiator",
	    .usage = usage,
	    .put_more_usage = put_more_usage,
	    .options = "",
	    .takes_strict = true,
	    .takes_arguments = true,
	    .takes_secret = true,
	    .features = {classic_feature(), editor_feature()},
	    .run = run,
	};

	return program_main(&program, argc, argv);
}
