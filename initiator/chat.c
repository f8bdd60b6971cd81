#include "chat.h"

#include <sodium.h>
#include <string.h>

#include "base/clock.h"
#include "base/decimal.h"
#include "base/stop.h"
#include "call.h"
#include "crypto/classic.h"
#include "heard.h"
#include "message.h"
#include "recipient.h"
#include "wording.h"

/* A chat under way, and what was answered so far. */
struct chat {
	struct desk *desk;
	struct recipient to;
	struct call call;
	char number[CHAT_NUMBER_MAX_DIGITS + 1];
	struct buffer text; /* of the message */
};

static bool ask_secure(struct desk *desk, bool *secure)
{
	struct prompt *prompt = &desk->prompt;
	char *answer;

	while (prompt_ask_for(prompt, PROMPT_MODE, "secure or unsecure? ", &answer)) {
		*secure = prompt_begins("secure", answer);
		if (*secure || prompt_begins("unsecure", answer) || prompt_begins("plain", answer))
			return true;
		console_put_styled(desk->console, CONSOLE_WARNING,
		    "Please say secure (encrypted) or unsecure (anybody can read it); an empty line gives up.\n");
		if (!prompt->terminal)
			break;
	}
	if (prompt->terminal || prompt->over)
		return false;
	/* What follows in a pipe depends on this answer, and none of it may be taken for something else. */
	console_put(desk->console, "The rest of the input is left alone.\n");
	prompt->over = true;
	return false;
}

/* Makes a number for a user who does not care. */
static void draw_number(char number[static CHAT_NUMBER_MAX_DIGITS + 1])
{
	for (size_t i = 0; i < CHAT_DRAWN_DIGITS; i++)
		number[i] = (char)('0' + randombytes_uniform(10));
	number[CHAT_DRAWN_DIGITS] = '\0';
}

static bool ask_number(struct chat *chat)
{
	struct prompt *prompt = &chat->desk->prompt;
	const char *question = prompt->terminal ? "Number (any; Enter draws one): " : "Number: ";
	char *answer;

	while (prompt_ask_word(prompt, question, &answer)) {
		size_t len = strlen(answer);

		if (len <= CHAT_NUMBER_MAX_DIGITS && decimal_is_number(answer, len)) {
			memcpy(chat->number, answer, len + 1);
			sodium_memzero(answer, len);
			return true;
		}
		console_put_styled(chat->desk->console, CONSOLE_WARNING,
		    "Please type a whole number of at most %d digits, any you like. It stays here and is mixed into the "
		    "secret key. %s\n",
		    CHAT_NUMBER_MAX_DIGITS, prompt->terminal ? "Enter draws one." : "An empty line gives up.");
		if (!prompt->terminal)
			break;
	}
	if (!prompt->terminal || prompt->cancelled || prompt->over || prompt->too_long)
		return false;
	draw_number(chat->number);
	return true;
}

/* What a failure before the message was sent means for the command. */
static int status_of(const struct call *call, int rc)
{
	bool was_ours = call->stage == CALL_PREPARE || call->stage == CALL_PACK;

	return rc == 0 ? PROGRAM_FINE : was_ours ? PROGRAM_FAILED : DESK_UNREACHABLE;
}

/* Tells of what went wrong before the message was sent, unless the user wanted an end. */
static int conclude(const struct chat *chat, int rc)
{
	if (rc != 0 && !stop_requested())
		wording_put_failure(chat->desk->console, &chat->call, rc);
	return status_of(&chat->call, rc);
}

/*
 * Readies the text for sending. If it is longer than some read, a terminal is asked first; in a pipe the next line is not
 * the answer to that. Returns false if the user wants to write another.
 */
static bool pack_text(struct chat *chat)
{
	struct desk *desk = chat->desk;
	int rc = call_pack(&chat->call, chat->text.data, chat->text.len);

	/* Who announces an identity is one of ours and reads objects of any length that is allowed. */
	if (rc != 0 || chat->call.object.len <= MESSAGE_OTHERS_READ_BYTES || chat->to.has_identity)
		return conclude(chat, rc) == PROGRAM_FINE;
	wording_put_length(desk->console, chat->call.object.len);
	return !desk->prompt.terminal || prompt_ask_yes(&desk->prompt, "Send it anyway, yes or no? ");
}

/* Asks until there is a text that can be sent, and is packed. */
static bool ask_text(struct chat *chat)
{
	struct prompt *prompt = &chat->desk->prompt;

	do {
		const char *fault;
		char *line;
		size_t len;

		wording_put_heading(chat->desk->console, &chat->to, chat->call.mode);
		if (!prompt_ask_text(prompt, PROMPT_NOTHING, "Message: ", &line, &len))
			continue;
		if (len == 0)
			break;
		fault = message_fault(line, len, prompt->plain, prompt->pasted);
		if (fault) {
			wording_put_unfit(chat->desk->console, fault);
			continue;
		}
		buffer_wipe(&chat->text);
		if (buffer_append(&chat->text, line, len) == 0 && pack_text(chat))
			return true;
	} while (prompt->terminal && !prompt->over);
	console_put(chat->desk->console, "Nothing was sent.\n");
	return false;
}

/* Finds out whether a secure chat can be had, in one way or the other; else the user is told why not. */
static int check_secure(const struct chat *chat)
{
	const struct desk *desk = chat->desk;
	const char *why_not = NULL;

	if (chat->call.mode == CHATLOG_SECURE)
		return PROGRAM_FINE;
	if (chat->to.downgraded) {
		wording_put_refusal(desk->console, &chat->to);
		return DESK_CHANGED;
	}
	if (desk->strict)
		why_not = "The classic exchange is refused (--strict)";
	else if (!classic_is_available())
		why_not = "This build leaves out the classic exchange";
	wording_put_classic(desk->console, &chat->to, why_not);
	return why_not ? PROGRAM_FAILED : PROGRAM_FINE;
}

static int open_call(struct chat *chat)
{
	const struct keyfile *key = &chat->desk->key;

	if (chat->call.mode == CHATLOG_SECURE && !key->is_usable) {
		console_put_styled(chat->desk->console, CONSOLE_BAD,
		    "no secure chat: " KEYFILE_NAME " cannot be used\n");
		return PROGRAM_FAILED;
	}
	call_open(&chat->call, &key->identity, peersfile_username(chat->desk->peers), chat->number);
	return conclude(chat, call_await(&chat->call));
}

/* The call, open: a person may type for longer than the other end waits. */
static int reopen_call(struct chat *chat)
{
	int status;

	if (call_is_open(&chat->call))
		return PROGRAM_FINE;
	if (chat->call.mode == CHATLOG_PLAIN)
		return open_call(chat);
	call_close(&chat->call);
	console_put(chat->desk->console, "The connection closed while you typed; calling again.\n");
	status = open_call(chat);
	if (status == PROGRAM_FINE)
		status = conclude(chat, call_pack(&chat->call, chat->text.data, chat->text.len));
	return status;
}

/* Writes a message into chat.log, sent unless it is from somebody; if that fails the user is told. */
static int keep(const struct chat *chat, const struct verdict *from, const char *text, size_t len)
{
	struct chatlog_entry entry = {
	    .time_ms = clock_wall_ms(),
	    .direction = from ? CHATLOG_RECEIVED : CHATLOG_SENT,
	    .mode = chat->call.mode,
	    .address = chat->to.address,
	    .standing = from && from->standing != STANDING_UNKNOWN ? standing_word(from->standing) : NULL,
	    .text = text,
	    .text_len = len,
	};
	struct buffer line = {0};
	int rc;

	strcpy(entry.username, from ? from->username : chat->to.username);
	if (entry.mode == CHATLOG_SECURE) {
		entry.has_id = entry.has_identity = true;
		memcpy(entry.id, chat->call.id, sizeof(entry.id));
		memcpy(entry.identity, chat->call.exchange.peer, sizeof(entry.identity));
	}
	rc = chatlog_format(&line, &entry);
	if (rc == 0)
		rc = chatlog_append(chat->desk->log, line.data, line.len, CHATLOG_DURABLE);
	buffer_wipe(&line);
	if (rc != 0)
		wording_put_unkept(chat->desk->console, !from, rc);
	return rc == 0 ? PROGRAM_FINE : PROGRAM_FAILED;
}

/*
 * Remembers that the holder of the identity has answered; the first time that pins the name. Only who was written to by the
 * name that they give themselves becomes known by it; who is known already may be called otherwise meanwhile.
 */
static int take_receipt(struct chat *chat)
{
	const struct envelope_receipt *receipt = &chat->call.receipt;
	char pinned[USERNAME_MAX_BYTES + 1];
	int rc;

	if (receipt->status != ENVELOPE_DONE)
		return DESK_REFUSED;
	if (!chat->to.has_pin && strcmp(receipt->username, chat->to.username) != 0) {
		wording_put_other_name(chat->desk->console, &chat->to, receipt->username);
		return receipt->username[0] == '\0' ? PROGRAM_FINE : PROGRAM_FAILED;
	}
	rc = recipient_pin(&chat->to, chat->desk->peers, pinned);
	if (rc != 0 || pinned[0] != '\0')
		wording_put_meeting(chat->desk->console, rc == 0 ? pinned : chat->to.username, rc);
	return rc == 0 ? PROGRAM_FINE : PROGRAM_FAILED;
}

/* Waits for what the other side says to a secure message. */
static int finish_secure(struct chat *chat)
{
	int rc;

	call_confirm(&chat->call);
	rc = call_await(&chat->call);
	if (chat->desk->is_talking && rc == 0 && chat->call.receipt.status == ENVELOPE_DONE)
		console_put_styled(chat->desk->console, CONSOLE_GOOD, "✓\n");
	else
		wording_put_end(chat->desk->console, &chat->call, rc);
	return rc == 0 ? take_receipt(chat) : DESK_UNCONFIRMED;
}

/* Keeps and shows a reply, which proves as little as any message in the clear that comes from there. */
static int take_reply(struct chat *chat, const struct wire_object *reply)
{
	const struct desk *desk = chat->desk;
	struct verdict from;

	verdict_of_address(&from, peersfile_pins(desk->peers), peersfile_peers(desk->peers), chat->to.address,
	    clock_wall_ms());
	wording_put_reply(desk->console, &from, chat->to.address, reply->value, reply->value_len);
	return keep(chat, &from, reply->value, reply->value_len);
}

/* The same for one that nobody confirms; a reply is kept and shown. */
static int finish_other(struct chat *chat)
{
	int rc, status;

	call_finish(&chat->call);
	rc = call_await(&chat->call);
	wording_put_end(chat->desk->console, &chat->call, rc);
	status = rc == 0 ? PROGRAM_FINE : DESK_UNCONFIRMED;
	return chat->call.reply.document ? desk_worse(status, take_reply(chat, &chat->call.reply)) : status;
}

static int send_text(struct chat *chat)
{
	int status, kept;

	call_send(&chat->call);
	status = conclude(chat, call_await(&chat->call));
	if (status != PROGRAM_FINE)
		return status;
	kept = keep(chat, NULL, chat->text.data, chat->text.len);
	status = chat->call.mode == CHATLOG_SECURE ? finish_secure(chat) : finish_other(chat);
	return desk_worse(status, kept);
}

/* Everything after "secure or unsecure?". */
static int converse(struct chat *chat)
{
	int status = PROGRAM_FINE;

	if (chat->call.mode != CHATLOG_PLAIN)
		status = check_secure(chat);
	if (status == PROGRAM_FINE && chat->call.mode != CHATLOG_PLAIN)
		status = ask_number(chat) ? open_call(chat) : PROGRAM_FAILED;
	if (status == PROGRAM_FINE)
		status = ask_text(chat) ? reopen_call(chat) : PROGRAM_FAILED;
	return status == PROGRAM_FINE ? send_text(chat) : status;
}

int chat_run(struct desk *desk, const char *name)
{
	struct chat chat = {.desk = desk};
	enum chatlog_mode mode = CHATLOG_PLAIN;
	bool secure;
	int status = recipient_find(&chat.to, name, false, desk);

	if (status == PROGRAM_FINE) {
		heard_put(desk, true);
		recipient_put_doubts(&chat.to, desk->console);
	}
	/* What a pipe says to this tells how many lines are meant for a chat, even if there is nobody to chat with. */
	if ((status != PROGRAM_FINE && desk->prompt.terminal) || !ask_secure(desk, &secure))
		return desk_worse(status, PROGRAM_FAILED);
	prompt_expect(&desk->prompt, secure);
	if (status != PROGRAM_FINE)
		return status;
	if (secure)
		mode = chat.to.has_identity ? CHATLOG_SECURE : CHATLOG_CLASSIC;
	call_init(&chat.call, desk->loop, mode, &chat.to, desk->from, NULL, NULL);
	status = converse(&chat);
	/* Whatever it says of the end: it is over. */
	call_finish(&chat.call);
	call_await(&chat.call);
	call_close(&chat.call);
	buffer_wipe(&chat.text);
	sodium_memzero(chat.number, sizeof(chat.number));
	return status;
}

int chat_choose(struct desk *desk, struct chat_way *way, bool asks_all)
{
	struct chat chat = {.desk = desk, .to = way->to};
	bool secure = way->to.has_identity;
	int status;

	heard_put(desk, true);
	recipient_put_doubts(&way->to, desk->console);
	way->mode = CHATLOG_PLAIN;
	way->number[0] = '\0';
	if (!secure && !asks_all && !desk->prompt.terminal) {
		recipient_put(&way->to, desk->console, CONSOLE_WARNING,
		    "Not sent:", " announces no identity; Chat asks how.\n");
		return DESK_CHANGED;
	}
	if ((asks_all || !secure) && !ask_secure(desk, &secure))
		return PROGRAM_FAILED;
	if (!secure)
		return PROGRAM_FINE;
	way->mode = way->to.has_identity ? CHATLOG_SECURE : CHATLOG_CLASSIC;
	call_init(&chat.call, desk->loop, way->mode, &chat.to, desk->from, NULL, NULL);
	status = check_secure(&chat);
	if (status == PROGRAM_FINE && asks_all && !ask_number(&chat))
		status = PROGRAM_FAILED;
	call_close(&chat.call);
	strcpy(way->number, chat.number);
	sodium_memzero(chat.number, sizeof(chat.number));
	return status;
}

int chat_send(struct desk *desk, struct chat_way *way, const char *text, size_t len)
{
	struct chat chat = {.desk = desk, .to = way->to};
	int status = buffer_append(&chat.text, text, len) == 0 ? PROGRAM_FINE : PROGRAM_FAILED;

	call_init(&chat.call, desk->loop, way->mode, &chat.to, desk->from, NULL, NULL);
	strcpy(chat.number, way->number);
	if (chat.number[0] == '\0')
		draw_number(chat.number);
	if (status == PROGRAM_FINE)
		status = open_call(&chat);
	if (status == PROGRAM_FINE)
		status = pack_text(&chat) ? send_text(&chat) : PROGRAM_FAILED;
	call_close(&chat.call);
	buffer_wipe(&chat.text);
	sodium_memzero(chat.number, sizeof(chat.number));
	sodium_memzero(way->number, sizeof(way->number));
	return status;
}
