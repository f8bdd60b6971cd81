#include "chat.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/decimal.h"
#include "base/jsontext.h"
#include "base/stop.h"
#include "base/text.h"
#include "connection.h"
#include "crypto/classic.h"
#include "crypto/identity.h"
#include "crypto/session.h"
#include "recipient.h"
#include "store/lockedfile.h"

/* The terminal's own editing passes no longer line (termios(3), canonical mode); what is over is cut off unseen. */
#define TERMINAL_LINE_MAX_BYTES 4095

/* Other implementations read with one recv() of at least this much, and take no more than that came with it. */
#define OTHERS_READ_BYTES 1024

/* A connection on which keys are exchanged, and then a message is sent. */
struct secure_line {
	struct connection connection;
	struct session *session; /* NULL in a classic chat */
	unsigned exponent;	 /* of a classic chat: our private number */
	unsigned secret;	 /* of a classic chat, once the keys are exchanged */
};

/* Who announces an identity is one of ours; everybody else is spoken to in the classic exchange. */
static enum chatlog_mode secure_mode(const struct recipient *to)
{
	return to->peer.has_identity ? CHATLOG_SECURE : CHATLOG_CLASSIC;
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

static void tell_unconnected(const struct chat *chat, const struct recipient *to, int error)
{
	if (stop_requested())
		return;
	console_put_styled(chat->console, CONSOLE_BAD, "cannot connect to");
	recipient_put(to, chat->console);
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

static bool ask_secure(struct chat *chat, bool *secure)
{
	char *answer;

	while (prompt_ask_word(chat->prompt, "secure or unsecure? ", &answer)) {
		*secure = begins("secure", answer);
		if (*secure || begins("unsecure", answer))
			return true;
		console_put_styled(chat->console, CONSOLE_WARNING,
		    "Please say secure (encrypted) or unsecure (anybody can read it); an empty line gives up.\n");
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

/* "To Bob (192.168.1.7)", and what there is to know before the message is typed. */
static void put_heading(const struct chat *chat, const struct recipient *to, enum chatlog_mode mode)
{
	console_put(chat->console, "To");
	recipient_put(to, chat->console);
	if (mode == CHATLOG_CLASSIC)
		console_put_styled(chat->console, CONSOLE_WARNING, "  classic: anybody on the way can read it");
	else if (mode == CHATLOG_SECURE && to->standing == PINS_STRANGER)
		console_put_styled(chat->console, CONSOLE_FAINT, "  not known yet");
	else if (mode == CHATLOG_SECURE && to->pin.verified)
		console_put_styled(chat->console, CONSOLE_GOOD, "  verified");
	console_put(chat->console, "\n");
}

/* Asks until a text can be sent; *text belongs to the prompt. */
static bool ask_text(struct chat *chat, const struct recipient *to, enum chatlog_mode mode, char **text, size_t *len)
{
	while (!chat->prompt->over) {
		const char *fault;

		put_heading(chat, to, mode);
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
static void keep(struct chat *chat, const struct recipient *to, enum chatlog_mode mode, const char *text, size_t len)
{
	struct chatlog_entry entry = {
	    .time_ms = clock_wall_ms(),
	    .sent = true,
	    .mode = mode,
	    .address = to->peer.address,
	    .text = text,
	    .text_len = len,
	};
	struct buffer line = {0};
	int rc;

	strcpy(entry.username, to->peer.username);
	if (mode == CHATLOG_SECURE) {
		entry.has_identity = true;
		memcpy(entry.identity, to->peer.identity, sizeof(entry.identity));
	}
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
	line->exponent = line->secret = 0;
	connection_close(&line->connection);
}

/* What went wrong while waiting for an answer. */
static const char *answer_fault(int error)
{
	switch (error) {
	case ETIMEDOUT:
		return "no answer came in 5 s";
	case ECONNRESET:
	case ENOTCONN:
	case EPIPE:
		return "the connection was closed at the other end";
	case EBADMSG:
	case EPROTO:
		return "the answer is not what it should be";
	default:
		return strerror(error);
	}
}

/* Takes the peer's key: digits_len decimal digits. */
static int take_key(struct secure_line *line, const char *digits, size_t digits_len)
{
	uint8_t number[DECIMAL_BYTES];

	if (line->session)
		return session_complete(line->session, digits, digits_len);
	if (decimal_parse(digits, digits_len, number) != 0 || !decimal_is_small(number))
		return EPROTO;
	return classic_agree(line->exponent, digits, digits_len, &line->secret);
}

/* Offers our key and takes the peer's, on an open connection. */
static int exchange_keys(struct secure_line *line)
{
	struct wire_object answer;
	struct buffer offer = {0};
	char key[CLASSIC_NUMBER_BYTES];
	int rc;

	snprintf(key, sizeof(key), "%u", classic_public(line->exponent));
	rc = wire_format_key(&offer, line->session ? session_key_digits(line->session) : key, false);
	if (rc == 0)
		rc = connection_send(&line->connection, offer.data, offer.len);
	buffer_free(&offer);
	if (rc != 0)
		return rc;
	rc = connection_receive(&line->connection, WIRE_KEY, &answer);
	if (rc != 0)
		return rc;
	rc = take_key(line, answer.value, answer.value_len);
	wire_free(&answer);
	return rc;
}

/* Makes our side of the exchange from the number that the user typed; on false the user has been told why not. */
static bool prepare(struct chat *chat, const struct recipient *to, const char *number, struct secure_line *line)
{
	struct dh_pair identity;
	int rc;

	if (secure_mode(to) == CHATLOG_CLASSIC) {
		line->exponent = classic_exponent(number, strlen(number));
		return true;
	}
	rc = identity_load(AT_FDCWD, &identity, NULL);
	if (rc != 0) {
		console_put_styled(chat->console, CONSOLE_BAD, "no secure chat: cannot use " IDENTITY_FILE ": %s\n",
		    identity_reason(rc));
		return false;
	}
	rc = session_initiate(&line->session, &identity, to->peer.identity, number, strlen(number));
	sodium_memzero(&identity, sizeof(identity));
	if (rc != 0)
		console_put_styled(chat->console, CONSOLE_BAD, "no secure chat: %s\n", strerror(rc));
	return rc == 0;
}

/* Connects and exchanges keys; on false the user has been told why not, and nothing is open. */
static bool call(struct chat *chat, const struct recipient *to, const char *number, struct secure_line *line)
{
	int rc;

	if (!prepare(chat, to, number, line))
		return false;
	rc = connection_open(&line->connection, chat->from, to->peer.address);
	if (rc != 0) {
		tell_unconnected(chat, to, rc);
		hang_up(line);
		return false;
	}
	rc = exchange_keys(line);
	if (rc == 0)
		return true;
	hang_up(line);
	if (!stop_requested()) {
		console_put_styled(chat->console, CONSOLE_BAD, "no secure chat with");
		recipient_put(to, chat->console);
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

/*
 * Remembers that the holder of the announced identity has answered from its address; the first time that pins the name.
 * What there is to tell is told after the delivery.
 */
static void remember(struct chat *chat, const struct recipient *to)
{
	int rc;

	if (recipient_is_proven(to))
		return;
	rc = peersfile_meet(chat->file, to->peer.username, to->peer.identity, to->peer.address, PINS_MAX);
	if (rc == 0 && to->standing == PINS_SAME)
		return;
	if (rc == 0)
		console_put_styled(chat->console, CONSOLE_FAINT, "Known from now on by this identity:");
	else if (rc == EEXIST)
		console_put_styled(chat->console, CONSOLE_BAD, "Known by another identity meanwhile:");
	else
		console_put_styled(chat->console, CONSOLE_BAD,
		    "cannot remember the identity in " PEERSFILE_NAME ": %s:", peersfile_reason(rc));
	recipient_put(to, chat->console);
	console_put(chat->console, "\n");
}

/* Sends a message object. Where that fails the user has been told. */
static bool send_object(struct chat *chat, const struct recipient *to, struct connection *connection,
    enum wire_kind kind, const char *text, size_t len)
{
	struct buffer object = {0};
	int rc = wire_format_message(&object, kind, text, len);

	/* Who announces an identity is one of ours and reads objects of any length that is allowed. */
	if (rc == 0 && object.len > OTHERS_READ_BYTES && !to->peer.has_identity)
		console_put_styled(chat->console, CONSOLE_WARNING,
		    "This message takes %zu bytes, and some other programs read only the first %d.\n", object.len,
		    OTHERS_READ_BYTES);
	if (rc == 0)
		rc = connection_send(connection, object.data, object.len);
	buffer_free(&object);
	if (rc != 0) {
		console_put_styled(chat->console, CONSOLE_BAD, "cannot send to");
		recipient_put(to, chat->console);
		console_put(chat->console, ": %s\n", answer_fault(rc));
	}
	return rc == 0;
}

/* Encrypts a message and sends it. Where that fails the user has been told. */
static bool send_encrypted(struct chat *chat, const struct recipient *to, struct secure_line *line, const char *text,
    size_t len)
{
	struct buffer sealed = {0};
	bool sent = false;
	int rc = line->session ? session_seal_text(line->session, text, len, &sealed)
			       : classic_seal(line->secret, text, len, &sealed);

	if (rc == 0)
		sent = send_object(chat, to, &line->connection, WIRE_ENCRYPTED, sealed.data, sealed.len);
	else
		console_put_styled(chat->console, CONSOLE_BAD, "cannot encrypt the message: %s\n", strerror(rc));
	buffer_free(&sealed);
	if (sent)
		keep(chat, to, secure_mode(to), text, len);
	return sent;
}

/* Waits for the receipt of what was sent, and tells what is known then. */
static void finish_confirmed(struct chat *chat, const struct recipient *to, struct secure_line *line)
{
	int rc = await_receipt(line);

	if (rc != 0) {
		console_put_styled(chat->console, CONSOLE_WARNING, "Sent to");
		recipient_put(to, chat->console);
		console_put(chat->console, ", not confirmed: %s.\n", answer_fault(rc));
		return;
	}
	console_put_styled(chat->console, CONSOLE_GOOD, "Delivered to");
	recipient_put(to, chat->console);
	console_put(chat->console, ".\n");
	remember(chat, to);
	connection_finish(&line->connection);
}

/* The end of a message that nobody confirms. */
static void finish_unconfirmed(struct chat *chat, const struct recipient *to, struct connection *connection,
    const char *kind)
{
	int rc = connection_finish(connection);

	console_put(chat->console, "Sent to");
	recipient_put(to, chat->console);
	if (rc == 0 || rc == ETIMEDOUT)
		console_put(chat->console, ", not confirmed: %s message has no receipt.\n", kind);
	else
		console_put(chat->console, ", but perhaps not received: %s.\n", answer_fault(rc));
}

/* Whether a secure chat can be had, and in which way; else, and where it is worth little, the user is told why. */
static bool check_secure(const struct chat *chat, const struct recipient *to)
{
	if (to->standing == PINS_CHANGED || to->standing == PINS_MISSING) {
		console_put(chat->console,
		    "No secure chat before you accept that: Trust shows both fingerprints and asks. Nothing was sent.\n");
		return false;
	}
	if (to->peer.has_identity)
		return true;
	console_put_styled(chat->console, CONSOLE_WARNING, "The user");
	recipient_put(to, chat->console);
	console_put_styled(chat->console, CONSOLE_WARNING,
	    " announces no identity, so there is no key to encrypt for.\n");
	if (chat->strict || !classic_is_available()) {
		console_put(chat->console,
		    "%s, so a secure chat is not possible. An unsecure one is, and anybody on\n"
		    "the network can read it.\n",
		    chat->strict ? "the classic exchange is refused (--strict)"
				 : "This build leaves out the classic exchange");
		return false;
	}
	console_put_styled(chat->console, CONSOLE_WARNING,
	    "Only the classic exchange (classic: Diffie-Hellman modulo 19) is possible, and it protects nothing: there\n"
	    "are at most eighteen keys, so anybody on the way can read the message, change it, or be the one who answers.\n");
	return true;
}

static void chat_securely(struct chat *chat, const struct recipient *to)
{
	struct secure_line line = {.connection.fd = -1};
	char number[CHAT_NUMBER_MAX_DIGITS + 1];
	char *text;
	size_t len;

	if (!check_secure(chat, to) || !ask_number(chat, number))
		return;
	if (call(chat, to, number, &line) && ask_text(chat, to, secure_mode(to), &text, &len)) {
		/* A person may type for longer than the other end waits. */
		bool ready = connection_is_open(&line.connection);

		if (!ready) {
			hang_up(&line);
			console_put(chat->console, "The connection closed while you typed; calling again.\n");
			ready = call(chat, to, number, &line);
		}
		if (ready && send_encrypted(chat, to, &line, text, len)) {
			if (line.session)
				finish_confirmed(chat, to, &line);
			else
				finish_unconfirmed(chat, to, &line.connection, "a classic");
		}
		sodium_memzero(text, len);
	}
	hang_up(&line);
	sodium_memzero(number, sizeof(number));
}

static void chat_plainly(struct chat *chat, const struct recipient *to)
{
	struct connection connection;
	char *text;
	size_t len;
	int rc;

	if (!ask_text(chat, to, CHATLOG_PLAIN, &text, &len))
		return;
	rc = connection_open(&connection, chat->from, to->peer.address);
	if (rc != 0) {
		tell_unconnected(chat, to, rc);
		return;
	}
	if (send_object(chat, to, &connection, WIRE_UNENCRYPTED, text, len)) {
		keep(chat, to, CHATLOG_PLAIN, text, len);
		finish_unconfirmed(chat, to, &connection, "an unsecure");
	}
	connection_close(&connection);
}

void chat_run(struct chat *chat, const char *name)
{
	struct recipient to;
	bool secure;

	if (!recipient_find(&to, name, false, chat->prompt, chat->file))
		return;
	recipient_put_doubts(&to, chat->console);
	if (!ask_secure(chat, &secure))
		return;
	if (secure)
		chat_securely(chat, &to);
	else
		chat_plainly(chat, &to);
}
