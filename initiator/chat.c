#include "chat.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <strings.h>

#include "address.h"
#include "clock.h"
#include "connection.h"
#include "decimal.h"
#include "identity.h"
#include "jsontext.h"
#include "lockedfile.h"
#include "session.h"
#include "stop.h"
#include "text.h"
#include "users.h"

/* The terminal's own editing passes no longer line (termios(3), canonical mode); what is over is cut off unseen. */
#define TERMINAL_LINE_MAX_BYTES 4095

/* Other implementations read with one recv() of at least this much, and take no more than that came with it. */
#define OTHERS_READ_BYTES 1024

/* A connection with the keys exchanged, ready for a message. */
struct secure_line {
	struct connection connection;
	struct session *session;
};

/* Collects " Bob (192.168.1.7)"; the plain space is for line editors, as in users.c. */
static void put_peer(const struct chat *chat, const struct peer *peer)
{
	char ip[ADDRESS_TEXT_BYTES];

	console_put(chat->console, " ");
	console_put_name(chat->console, CONSOLE_NORMAL, peer->username);
	console_put(chat->console, " (%s)", address_format(peer->address, ip));
}

/* What to try where a connection fails, or "". */
static const char *advice(int error)
{
	switch (error) {
	case ECONNREFUSED:
		return "; is the responder running there?";
	case ETIMEDOUT:
	case EHOSTUNREACH:
		return "; is that machine still on the network?";
	case ENETUNREACH:
		return "; is this machine still on the network?";
	default:
		return "";
	}
}

static void tell_unconnected(const struct chat *chat, const struct peer *peer, int error)
{
	if (stop_requested())
		return;
	console_put_styled(chat->console, CONSOLE_BAD, "cannot connect to");
	put_peer(chat, peer);
	if (error == ETIMEDOUT)
		console_put(chat->console, ": timed out after %d s%s\n", CONNECTION_OPEN_MS / 1000, advice(error));
	else
		console_put(chat->console, ": %s%s\n", strerror(error), advice(error));
}

/* Whether the answer is a beginning of word, in any case. */
static bool begins(const char *word, const char *answer)
{
	size_t len = strlen(answer);

	return len > 0 && strncasecmp(word, answer, len) == 0;
}

/* Asks which of several users with one name is meant. */
static bool ask_address(struct chat *chat, struct users *users)
{
	struct prompt *prompt = chat->prompt;
	char *answer;

	console_put(chat->console, "That name is shared:\n");
	users_put(users, chat->file, NULL, chat->console);
	while (prompt_ask_word(prompt, "Address: ", &answer)) {
		struct in_addr address;

		if (address_parse(answer, &address) == 0) {
			for (size_t i = 0; i < users->count; i++) {
				if (users->list[i]->address.s_addr == address.s_addr) {
					users->list[0] = users->list[i];
					return true;
				}
			}
		}
		console_put_styled(chat->console, CONSOLE_WARNING,
		    "That is none of these addresses; an empty line gives up.\n");
	}
	return false;
}

/* Finds the peer that name means, asking where that is not clear. Copies it, because the file may be read again. */
static bool find_peer(struct chat *chat, const char *name, struct peer *peer)
{
	struct users users;
	bool found = false;
	int rc = users_read(chat->file, &users);

	if (rc != 0) {
		console_put_styled(chat->console, CONSOLE_BAD, "cannot read " PEERSFILE_NAME ": %s\n",
		    peersfile_reason(rc));
		return false;
	}
	switch (users_select(&users, name)) {
	case 0:
		console_put_styled(chat->console, CONSOLE_WARNING, "There is no user named");
		console_put(chat->console, " ");
		console_put_foreign(chat->console, name, strlen(name));
		console_put(chat->console, " here now; Users lists who is.\n");
		break;
	case 1:
		found = true;
		break;
	default:
		found = ask_address(chat, &users);
	}
	if (found) {
		*peer = *users.list[0];
		peer->extra = NULL;
	}
	users_free(&users);
	return found;
}

static bool ask_peer(struct chat *chat, const char *name, struct peer *peer)
{
	char *answer;

	if (name[0] != '\0')
		return find_peer(chat, name, peer);
	return prompt_ask_word(chat->prompt, "Name: ", &answer) && find_peer(chat, answer, peer);
}

static bool ask_secure(struct chat *chat, bool *secure)
{
	char *answer;

	while (prompt_ask_word(chat->prompt, "secure or unsecure? ", &answer)) {
		*secure = begins("secure", answer);
		if (*secure || begins("unsecure", answer))
			return true;
		console_put_styled(chat->console, CONSOLE_WARNING,
		    "Please say secure (encrypted, sender proven) or unsecure (anybody can read it); an empty line gives up.\n");
	}
	return false;
}

static bool ask_number(struct chat *chat, char number[static CHAT_NUMBER_MAX_DIGITS + 1])
{
	char *answer;

	while (prompt_ask_word(chat->prompt, "Number: ", &answer)) {
		size_t len = strlen(answer);

		if (len <= CHAT_NUMBER_MAX_DIGITS && decimal_is_number(answer, len)) {
			memcpy(number, answer, len + 1);
			sodium_memzero(answer, len);
			return true;
		}
		console_put_styled(chat->console, CONSOLE_WARNING,
		    "Please type a whole number of at most %d digits, any you like: it stays here and helps to make the\n"
		    "secret key. An empty line gives up.\n",
		    CHAT_NUMBER_MAX_DIGITS);
	}
	return false;
}

/* Why a text cannot be sent, or NULL. */
static const char *text_fault(const struct prompt *prompt, const char *text, size_t len)
{
	const char *cursor = text;
	struct buffer json = {0};
	const char *fault = NULL;

	if (prompt->terminal && len >= TERMINAL_LINE_MAX_BYTES)
		return "is as long as the terminal passes on (4,095 bytes), so its end may be missing; a file can be piped in";
	while (cursor < text + len) {
		uint32_t code_point = text_next(&cursor, text + len);

		if (code_point == UINT32_MAX)
			return "is not UTF-8 text";
		if (text_is_control(code_point) && code_point != '\t')
			return "has control characters in it";
	}
	if (jsontext_append_string(&json, text, len) != 0 || json.len > CHAT_TEXT_MAX_BYTES)
		fault = "has more than 48,000 bytes";
	buffer_free(&json);
	return fault;
}

/* Asks until a text can be sent; *text belongs to the prompt. */
static bool ask_text(struct chat *chat, const struct peer *peer, char **text, size_t *len)
{
	while (!chat->prompt->over) {
		const char *fault;

		console_put(chat->console, "To");
		put_peer(chat, peer);
		console_put(chat->console, "\n");
		if (!prompt_ask(chat->prompt, "Message: ", text, len))
			continue;
		if (*len == 0)
			break;
		fault = text_fault(chat->prompt, *text, *len);
		if (!fault)
			return true;
		console_put_styled(chat->console, CONSOLE_WARNING,
		    "Not sent: that message %s. An empty line gives up.\n", fault);
	}
	console_put(chat->console, "Nothing was sent.\n");
	return false;
}

/* Writes the sent message into chat.log; where that fails the user is told. */
static void keep(struct chat *chat, const struct peer *peer, enum chatlog_mode mode, const char *text, size_t len)
{
	struct chatlog_entry entry = {
	    .time_ms = clock_wall_ms(),
	    .sent = true,
	    .mode = mode,
	    .address = peer->address,
	    .text = text,
	    .text_len = len,
	};
	struct buffer line = {0};
	int rc;

	strcpy(entry.username, peer->username);
	rc = chatlog_format(&line, &entry);
	if (rc == 0)
		rc = chatlog_append(chat->log, line.data, line.len, true);
	if (rc != 0)
		console_put_styled(chat->console, CONSOLE_BAD,
		    "NOT KEPT: the message was sent, but " CHATLOG_NAME " cannot be written: %s\n",
		    lockedfile_reason(rc));
	buffer_free(&line);
}

static void hang_up(struct secure_line *line)
{
	session_free(line->session);
	line->session = NULL;
	connection_close(&line->connection);
}

/* What went wrong while waiting for an answer. */
static const char *answer_fault(int error)
{
	switch (error) {
	case ETIMEDOUT:
		return "no answer came in 5 s";
	case ECONNRESET:
	case EPIPE:
		return "the connection was closed at the other end";
	case EBADMSG:
	case EPROTO:
		return "the answer is not what it should be";
	default:
		return strerror(error);
	}
}

/* Offers our key and takes the peer's, on an open connection. */
static int exchange_keys(struct secure_line *line)
{
	struct wire_object answer;
	struct buffer offer = {0};
	int rc = wire_format_key(&offer, session_key_digits(line->session), false);

	if (rc == 0)
		rc = connection_send(&line->connection, offer.data, offer.len);
	buffer_free(&offer);
	if (rc != 0)
		return rc;
	rc = connection_receive(&line->connection, WIRE_KEY, &answer);
	if (rc != 0)
		return rc;
	rc = session_complete(line->session, answer.value, answer.value_len);
	wire_free(&answer);
	return rc;
}

/* Connects and exchanges keys; on false the user has been told why not, and nothing is open. */
static bool call(struct chat *chat, const struct peer *peer, const char *number, struct secure_line *line)
{
	struct dh_pair identity;
	int rc = identity_load(AT_FDCWD, &identity, NULL);

	if (rc != 0) {
		console_put_styled(chat->console, CONSOLE_BAD, "no secure chat: cannot use " IDENTITY_FILE ": %s\n",
		    identity_reason(rc));
		return false;
	}
	rc = session_initiate(&line->session, &identity, peer->identity, number, strlen(number));
	sodium_memzero(&identity, sizeof(identity));
	if (rc == 0) {
		rc = connection_open(&line->connection, chat->from, peer->address);
		if (rc != 0) {
			tell_unconnected(chat, peer, rc);
			hang_up(line);
			return false;
		}
		rc = exchange_keys(line);
	}
	if (rc == 0)
		return true;
	hang_up(line);
	if (!stop_requested()) {
		console_put_styled(chat->console, CONSOLE_BAD, "no secure chat with");
		put_peer(chat, peer);
		console_put(chat->console, ": %s; nothing was sent\n", answer_fault(rc));
	}
	return false;
}

/* Waits for the receipt of the first message. */
static int await_receipt(struct secure_line *line)
{
	struct wire_object answer;
	uint64_t counter = 0;
	int rc = connection_receive(&line->connection, WIRE_ENCRYPTED, &answer);

	if (rc != 0)
		return rc;
	rc = session_open_receipt(line->session, answer.value, answer.value_len, &counter);
	wire_free(&answer);
	return rc == 0 && counter != 0 ? EPROTO : rc;
}

static void tell_unsent(struct chat *chat, const struct peer *peer, int error)
{
	console_put_styled(chat->console, CONSOLE_BAD, "cannot send to");
	put_peer(chat, peer);
	console_put(chat->console, ": %s\n", answer_fault(error));
}

static void send_secure(struct chat *chat, const struct peer *peer, struct secure_line *line, const char *text,
    size_t len)
{
	struct buffer sealed = {0}, object = {0};
	int rc = session_seal_text(line->session, text, len, &sealed);

	if (rc == 0)
		rc = wire_format_message(&object, WIRE_ENCRYPTED, sealed.data, sealed.len);
	if (rc == 0)
		rc = connection_send(&line->connection, object.data, object.len);
	buffer_free(&sealed);
	buffer_free(&object);
	if (rc != 0) {
		tell_unsent(chat, peer, rc);
		return;
	}
	keep(chat, peer, CHATLOG_SECURE, text, len);
	rc = await_receipt(line);
	console_put_styled(chat->console, rc == 0 ? CONSOLE_GOOD : CONSOLE_WARNING,
	    rc == 0 ? "Delivered to" : "Sent to");
	put_peer(chat, peer);
	if (rc == 0)
		console_put(chat->console, ".\n");
	else
		console_put(chat->console, ", not confirmed: %s.\n", answer_fault(rc));
	if (rc == 0)
		connection_finish(&line->connection);
}

static void chat_securely(struct chat *chat, const struct peer *peer)
{
	struct secure_line line = {.connection.fd = -1};
	char number[CHAT_NUMBER_MAX_DIGITS + 1];
	char *text;
	size_t len;

	if (!peer->has_identity) {
		console_put_styled(chat->console, CONSOLE_WARNING, "The user");
		put_peer(chat, peer);
		console_put_styled(chat->console, CONSOLE_WARNING,
		    " announces no identity, so there is nobody a message could be locked for;\n"
		    "a secure chat is not possible. An unsecure one is, and anybody on the network can read it.\n");
		return;
	}
	if (!ask_number(chat, number))
		return;
	if (call(chat, peer, number, &line) && ask_text(chat, peer, &text, &len)) {
		/* A person may type for longer than the other end waits. */
		bool ready = connection_is_open(&line.connection);

		if (!ready) {
			hang_up(&line);
			console_put(chat->console, "The connection closed while you typed; calling again.\n");
			ready = call(chat, peer, number, &line);
		}
		if (ready)
			send_secure(chat, peer, &line, text, len);
		sodium_memzero(text, len);
	}
	hang_up(&line);
	sodium_memzero(number, sizeof(number));
}

static void chat_plainly(struct chat *chat, const struct peer *peer)
{
	struct connection connection;
	struct buffer object = {0};
	char *text;
	size_t len;
	int rc;

	if (!ask_text(chat, peer, &text, &len))
		return;
	rc = connection_open(&connection, chat->from, peer->address);
	if (rc != 0) {
		tell_unconnected(chat, peer, rc);
		return;
	}
	rc = wire_format_message(&object, WIRE_UNENCRYPTED, text, len);
	/* Who announces an identity is one of ours and reads objects of any length that is allowed. */
	if (rc == 0 && object.len > OTHERS_READ_BYTES && !peer->has_identity)
		console_put_styled(chat->console, CONSOLE_WARNING,
		    "This message takes %zu bytes, and some other programs read only the first %d.\n", object.len,
		    OTHERS_READ_BYTES);
	if (rc == 0)
		rc = connection_send(&connection, object.data, object.len);
	buffer_free(&object);
	if (rc == 0) {
		keep(chat, peer, CHATLOG_PLAIN, text, len);
		rc = connection_finish(&connection);
		console_put(chat->console, "Sent to");
		put_peer(chat, peer);
		if (rc == 0 || rc == ETIMEDOUT)
			console_put(chat->console, ", not confirmed: an unsecure message has no receipt.\n");
		else
			console_put(chat->console, ", but perhaps not received: %s.\n", answer_fault(rc));
	} else {
		tell_unsent(chat, peer, rc);
	}
	connection_close(&connection);
}

void chat_run(struct chat *chat, const char *name)
{
	struct peer peer;
	bool secure;

	if (!ask_peer(chat, name, &peer) || !ask_secure(chat, &secure))
		return;
	if (secure)
		chat_securely(chat, &peer);
	else
		chat_plainly(chat, &peer);
}
