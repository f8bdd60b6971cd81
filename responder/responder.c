/*
 * Chat_Responder of the specification (2.4.0): listens on TCP port 6001, shows and logs the messages that arrive.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "alert.h"
#include "answerer.h"
#include "base/stop.h"
#include "conversation.h"
#include "crypto/classic.h"
#include "fileserver.h"
#include "inbox.h"
#include "net/address.h"
#include "roster.h"
#include "server.h"
#include "store/chatlog.h"
#include "store/keyfile.h"
#include "store/lockedfile.h"
#include "store/peersfile.h"
#include "term/console.h"
#include "term/program.h"
#include "term/quietkeys.h"
#include "term/secret.h"
#include "transcript.h"
#include "trust/mark.h"

static const char usage[] =
    "usage: responder [-a ADDR] [-C DIR] [-n CMD | -q] [-s] [--passphrase-fd N]\n"
    "\n"
    "Listens on TCP port 6001 for messages from others, keeps them in chat.log and shows them; on a terminal, what you\n"
    "send, too.\n"
    "\n"
    "  -a ADDR        listen only on this IPv4 address of this machine (default: all)\n"
    "  -C DIR         work in this directory (default: the one it is started in)\n"
    "  -n CMD         run this program for every message, with QUARTET_FROM, QUARTET_ROOM, QUARTET_MODE,\n"
    "                 QUARTET_STANDING, QUARTET_IP, QUARTET_TEXT and QUARTET_FILE in its environment\n"
    "  -q             be quiet: ring no bell, run nothing\n"
    "  -s, --strict   no secure messages from programs that know only the classic exchange, which protects nothing\n"
    "  --passphrase-fd N\n"
    "                 read the passphrase of identity.key from this descriptor, a line (default: ask for it)\n"
    "  -h, --help     show this help\n"
    "  -V, --version  show the version\n"
    "\n"
    "What a message is marked with if the output is no terminal:\n"
    "\n"
    "  [secure]     encrypted for you, and the sender has proven who it is\n"
    "  [plain]      anybody on the way can read and forge it\n"
    "  [classic]    the same: the classic exchange protects nothing\n"
    "  [verified]   you compared the fingerprint of the sender\n"
    "  [unknown]    you have not written to the sender in a secure chat yet\n"
    "  [changed]    the sender has not proven to be the one you know by that name\n"
    "  [unproven]   the sender could have proven who it is, and did not\n"
    "  [lookalike]  the name looks like one that you know, and is another\n"
    "\n"
    "In the working directory, peers.txt has the names and whom you know, identity.key is your secret. Ctrl-C ends it.\n"
    "\n"
    "On a terminal a sign stands behind the name if there is something to know:\n"
    "\n";

static void put_marks(struct console *console)
{
	for (size_t i = 0; i < MARK_KINDS; i++)
		console_put(console, "  %c  %s\n", mark_kinds[i].sign, mark_kinds[i].meaning);
}

struct settings {
	const char *command; /* or NULL */
	bool quiet;
};

static int take_option(struct program *program, int option)
{
	struct settings *settings = program->settings;

	if (option == 'n')
		settings->command = optarg;
	else
		settings->quiet = true;
	return PROGRAM_FINE;
}

/* Has the terminal show what is in the log, and the user be told of messages. Without that, messages are shown as they come. */
static struct transcript *begin_transcript(struct program *program, struct server *server, struct inbox *inbox,
    struct roster *roster, struct alert *alert, const struct keyfile *key)
{
	const struct settings *settings = program->settings;
	struct transcript *transcript = NULL;
	struct console *out = &program->out;
	int rc;

	alert_init(alert, out, settings->quiet ? NULL : settings->command, !settings->quiet);
	rc = transcript_open(AT_FDCWD, out, roster, alert, key->is_usable ? key->identity.public : NULL, &transcript);
	if (rc == 0)
		rc = server_watch(server, transcript_fd(transcript), transcript_work, transcript);
	if (rc == 0) {
		inbox->unshown = out->terminal;
		return transcript;
	}
	console_put_styled(out, CONSOLE_WARNING,
	    "cannot follow " CHATLOG_NAME ", so only what is received is shown: %s\n", strerror(rc));
	transcript_free(transcript);
	return NULL;
}

static int run(struct program *program)
{
	struct peersfile *file = peersfile_new(AT_FDCWD);
	struct roster roster;
	struct chatlog *log = chatlog_new(AT_FDCWD, INBOX_LOCK_WAIT_MS);
	struct server *server = NULL;
	struct inbox inbox;
	struct transcript *transcript = NULL;
	struct alert alert;
	struct keyfile key = {0};
	struct console *out = &program->out;
	char ip[ADDRESS_TEXT_BYTES];
	int rc, status = PROGRAM_FAILED;

	roster_init(&roster, file);
	rc = inbox_init(&inbox, log, &roster, out, server_acknowledge);
	if (!file || !log || rc != 0) {
		console_put(&program->err, "responder: out of memory\n");
		goto out;
	}
	rc = received_read(inbox.received, AT_FDCWD);
	if (rc != 0)
		console_put_styled(out, CONSOLE_WARNING,
		    "cannot read " CHATLOG_NAME ", so a repeated message may be shown twice: %s\n",
		    lockedfile_reason(rc));
	/* So that the first message need not wait for it. What is wrong is told when somebody is looked for. */
	(void)!peersfile_read_content(file);
	/* Before anybody can connect. */
	if (!secret_open_key(program, out, true, &key)) {
		status = stop_requested() ? PROGRAM_FINE : PROGRAM_FAILED;
		goto out;
	}
	inbox.answerer = answerer_new(&inbox, AT_FDCWD, &key);
	inbox.fileserver = fileserver_new(&inbox, AT_FDCWD, &key, server_fork);
	if (!inbox.answerer || !inbox.fileserver) {
		console_put(&program->err, "responder: out of memory\n");
		goto out;
	}
	rc = key.is_usable ? answerer_open(inbox.answerer) : 0;
	if (rc != 0)
		console_put_styled(out, CONSOLE_WARNING,
		    "cannot open your rooms, so others wait with what is said there: %s\n", lockedfile_reason(rc));
	address_format(program->address, ip);
	rc = server_open(&server, program->address, program->strict, &key, &inbox);
	if (rc != 0) {
		console_put(&program->err, "responder: cannot listen on %s:%d: %s%s\n", ip, CHAT_PORT, strerror(rc),
		    rc == EADDRINUSE ? "; is a responder running already?" : "");
		goto out;
	}
	quietkeys_begin();
	transcript = begin_transcript(program, server, &inbox, &roster, &alert, &key);
	console_set_title(out, "responder");
	console_put(out, "Listening for messages on %s:%d\n", ip, CHAT_PORT);
	console_flush_ready(out);
	rc = server_run(server);
	if (rc != 0)
		console_put(&program->err, "responder: cannot wait for messages: %s\n", strerror(rc));
	else
		status = PROGRAM_FINE;
	inbox_finish(&inbox);
	if (transcript) {
		transcript_finish(transcript);
		alert_free(&alert);
	}
	quietkeys_end();
	server_close(server);
out:
	fileserver_free(inbox.fileserver);
	answerer_free(inbox.answerer);
	keyfile_close(&key);
	inbox_free(&inbox);
	chatlog_free(log);
	peersfile_free(file);
	return status;
}

int main(int argc, char **argv)
{
	struct settings settings = {0};
	struct program program = {
	    .name = "responder",
	    .usage = usage,
	    .put_more_usage = put_marks,
	    .options = "n:q",
	    .take_option = take_option,
	    .takes_strict = true,
	    .takes_secret = true,
	    .features = {classic_feature()},
	    .run = run,
	    .settings = &settings,
	};

	return program_main(&program, argc, argv);
}
