#include "chat.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "base/clock.h"
#include "base/decimal.h"
#include "base/stop.h"
#include "call.h"
#include "crypto/classic.h"
#include "delivery.h"
#include "heard.h"
#include "message.h"
#include "recipient.h"
#include "wording.h"

/* A chat under way, and what was answered so far. */
struct chat {
	struct desk *desk;
	struct recipient to;
	struct call call; /* unless it is secure: that goes through the outbox */
	bool is_late;	  /* the recipient cannot be reached now: the message is kept */
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
static int status_of(enum call_stage stage, int rc)
{
	bool was_ours = stage == CALL_PREPARE || stage == CALL_PACK;

	return rc == 0 ? PROGRAM_FINE : was_ours ? PROGRAM_FAILED : DESK_UNREACHABLE;
}

/* Tells of what went wrong before the message was sent, unless the user wanted an end. */
static int conclude(const struct chat *chat, int rc)
{
	if (rc != 0 && !stop_requested())
		wording_put_failure(chat->desk->console, &chat->to, chat->call.stage, rc);
	return status_of(chat->call.stage, rc);
}

/*
 * Readies the text for sending. If it is longer than some read, a terminal is asked first; in a pipe the next line is not
 * the answer to that. Returns false if the user wants to write another.
 */
static bool pack_text(struct chat *chat)
{
	struct desk *desk = chat->desk;
	int rc;

	if (chat->call.mode == CHATLOG_SECURE)
		return true;
	rc = call_pack(&chat->call, chat->text.data, chat->text.len);
	/* Who announces an identity is one of ours and reads objects of any length that is allowed. */
	if (rc != 0 || chat->call.object.len <= MESSAGE_OTHERS_READ_BYTES || chat->to.has_identity)
		return conclude(chat, rc) == PROGRAM_FINE;
	wording_put_length(desk->console, chat->call.object.len);
	return !desk->prompt.terminal || prompt_ask_yes(&desk->prompt, "Send it anyway, yes or no? ");
}

/* Asks until there is a text that can be sent, and is packed. */
static bool ask_text(struct chat *chat)
{
	const char *question = chat->is_late ? "Message, kept until he is back (Enter: none): " : "Message: ";
	struct prompt *prompt = &chat->desk->prompt;

	do {
		const char *fault;
		char *line;
		size_t len;

		wording_put_heading(chat->desk->console, &chat->to, chat->call.mode);
		if (!prompt_ask_text(prompt, PROMPT_NOTHING, question, &line, &len))
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
	call_open(&chat->call, NULL, NULL, chat->number);
	return conclude(chat, call_await(&chat->call));
}

/* Opens a secure session. Somebody who cannot be reached can be written to all the same. */
static int open_session(struct chat *chat)
{
	int rc = delivery_open(chat->desk->delivery, &chat->to, chat->number, &chat->call.stage);

	int status = conclude(chat, rc);

	/* If somebody answers there, but not as they should, trying again would not help. */
	chat->is_late =
	    rc != 0 && rc != EBADMSG && rc != EPROTO && chat->call.stage != CALL_PREPARE && !stop_requested();
	return chat->is_late ? PROGRAM_FINE : status;
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
	rc = chatlog_format(&line, &entry);
	if (rc == 0)
		rc = chatlog_append(chat->desk->log, line.data, line.len, CHATLOG_DURABLE);
	buffer_wipe(&line);
	if (rc != 0)
		wording_put_unkept(chat->desk->console, !from, rc);
	return rc == 0 ? PROGRAM_FINE : PROGRAM_FAILED;
}

/* Queues the message, on the disk before its first byte leaves, and waits until it is known what becomes of it now. */
static int send_secure(struct chat *chat)
{
	struct desk *desk = chat->desk;
	struct delivery_notice notice;
	uint8_t id[ENVELOPE_ID_BYTES];
	int rc, status;

	if (!chat->is_late && !delivery_is_open(desk->delivery, &chat->to))
		console_put(desk->console, "The connection closed while you typed; calling again.\n");
	rc = delivery_queue(desk->delivery, &chat->to, chat->text.data, chat->text.len,
	    chat->is_late ? DELIVERY_LATER : 0, id);
	if (rc != 0) {
		wording_put_unqueued(desk->console, &chat->to, rc);
		return PROGRAM_FAILED;
	}
	if (!chat->is_late && delivery_await(desk->delivery, id, &notice) != 0)
		return PROGRAM_FAILED;
	status = chat->is_late ? DESK_UNREACHABLE : desk_status(&notice);
	if (!chat->is_late)
		desk_put_news(desk, &notice);
	desk_show_waiting(desk, &chat->to);
	return status;
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

/* Waits for the end of a session in which nobody confirms anything; a reply is kept and shown. */
static int finish(struct chat *chat)
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
	status = finish(chat);
	return desk_worse(status, kept);
}

/* Everything after "secure or unsecure?". */
static int converse(struct chat *chat)
{
	bool is_secure = chat->call.mode == CHATLOG_SECURE;
	int status = PROGRAM_FINE;

	if (chat->call.mode != CHATLOG_PLAIN)
		status = check_secure(chat);
	if (status == PROGRAM_FINE && chat->call.mode != CHATLOG_PLAIN && !ask_number(chat))
		status = PROGRAM_FAILED;
	if (status == PROGRAM_FINE && chat->call.mode != CHATLOG_PLAIN)
		status = is_secure ? open_session(chat) : open_call(chat);
	if (status == PROGRAM_FINE && !ask_text(chat))
		status = chat->is_late ? DESK_UNREACHABLE : PROGRAM_FAILED;
	else if (status == PROGRAM_FINE && is_secure)
		return send_secure(chat);
	if (status == PROGRAM_FINE)
		status = reopen_call(chat);
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
		desk_show_waiting(desk, &chat.to);
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
	if (mode == CHATLOG_SECURE)
		delivery_close(desk->delivery, &chat.to);
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

/* Sends a secure message that is written already. Whoever could not be reached a moment ago is not waited for again. */
static int send_now(struct chat *chat)
{
	int status = PROGRAM_FINE;

	if (outbox_count(delivery_outbox(chat->desk->delivery), chat->to.identity) == 0)
		status = open_session(chat);
	else
		chat->is_late = true;
	if (status == PROGRAM_FINE)
		status = send_secure(chat);
	delivery_close(chat->desk->delivery, &chat->to);
	return status;
}

/* The same, in the clear or classic. */
static int send_openly(struct chat *chat)
{
	int status = open_call(chat);

	if (status == PROGRAM_FINE)
		status = pack_text(chat) ? send_text(chat) : PROGRAM_FAILED;
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
	if (status == PROGRAM_FINE && way->mode == CHATLOG_SECURE)
		status = send_now(&chat);
	else if (status == PROGRAM_FINE)
		status = send_openly(&chat);
	call_close(&chat.call);
	buffer_wipe(&chat.text);
	sodium_memzero(chat.number, sizeof(chat.number));
	sodium_memzero(way->number, sizeof(way->number));
	return status;
}
