/*
 * Chat_Responder of the specification (2.4.0): listens on TCP port 6001, shows and logs the messages that arrive.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/stop.h"
#include "conversation.h"
#include "crypto/classic.h"
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
#include "term/secret.h"

static const char usage[] =
    "usage: responder [-a ADDR] [-C DIR] [-s] [--passphrase-fd N]\n"
    "\n"
    "Listens on TCP port 6001 for messages from others, shows them and keeps them in chat.log.\n"
    "\n"
    "  -a ADDR        listen only on this IPv4 address of this machine (default: all)\n"
    "  -C DIR         work in this directory (default: the one it is started in)\n"
    "  -s, --strict   no secure messages from programs that know only the classic exchange, which protects nothing\n"
    "  --passphrase-fd N\n"
    "                 read the passphrase of identity.key from this descriptor, a line (default: ask for it)\n"
    "  -h, --help     show this help\n"
    "  -V, --version  show the version\n"
    "\n"
    "What a message is marked with:\n"
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
    "In the working directory, peers.txt has the names and whom you know, identity.key is your secret. Ctrl-C ends it.\n";

static int run(struct program *program)
{
	struct peersfile *file = peersfile_new(AT_FDCWD);
	struct roster roster;
	struct chatlog *log = chatlog_new(AT_FDCWD, INBOX_LOCK_WAIT_MS);
	struct server *server = NULL;
	struct inbox inbox;
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
	rc = inbox_recall(&inbox, AT_FDCWD);
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
	address_format(program->address, ip);
	rc = server_open(&server, program->address, program->strict, &key, &inbox, &roster, out);
	if (rc != 0) {
		console_put(&program->err, "responder: cannot listen on %s:%d: %s%s\n", ip, CHAT_PORT, strerror(rc),
		    rc == EADDRINUSE ? "; is a responder running already?" : "");
		goto out;
	}
	console_set_title(out, "responder");
	console_put(out, "Listening for messages on %s:%d\n", ip, CHAT_PORT);
	console_flush_ready(out);
	rc = server_run(server);
	if (rc != 0)
		console_put(&program->err, "responder: cannot wait for messages: %s\n", strerror(rc));
	else
		status = PROGRAM_FINE;
	inbox_finish(&inbox);
	server_close(server);
out:
	keyfile_close(&key);
	inbox_free(&inbox);
	roster_free(&roster);
	chatlog_free(log);
	peersfile_free(file);
	return status;
}

int main(int argc, char **argv)
{
	struct program program = {
	    .name = "responder",
	    .usage = usage,
	    .options = "",
	    .takes_strict = true,
	    .takes_secret = true,
	    .features = {classic_feature()},
	    .run = run,
	};

	return program_main(&program, argc, argv);
}
