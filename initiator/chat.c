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
#include "doctor.h"
#include "heard.h"
#include "message.h"
#include "net/address.h"
#include "recipient.h"
#include "room.h"
#include "store/lockedfile.h"
#include "wording.h"

/* A chat under way, once it is known how. */
struct chat {
	struct desk *desk;
	struct chat_way *way;
	struct call call;   /* unless it is secure: that goes through the outbox */
	bool is_late;	    /* the recipient cannot be reached now: the message is kept */
	bool is_behind;	    /* others wait already: they are tried again with it, and nobody waits for that */
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
	/* What follows in a pipe depends on this answer. */
	prompt_leave_rest(prompt);
	return false;
}

/* Makes a number for a user who does not care. */
static void draw_number(char number[static CHAT_NUMBER_MAX_DIGITS + 1])
{
	for (size_t i = 0; i < CHAT_DRAWN_DIGITS; i++)
		number[i] = (char)('0' + randombytes_uniform(10));
	number[CHAT_DRAWN_DIGITS] = '\0';
}

static bool ask_number(struct desk *desk, char number[static CHAT_NUMBER_MAX_DIGITS + 1])
{
	struct prompt *prompt = &desk->prompt;
	const char *question = prompt->terminal ? "Number (any; Enter draws one): " : "Number: ";
	char *answer;

	while (prompt_ask_word(prompt, question, &answer)) {
		size_t len = strlen(answer);

		if (len <= CHAT_NUMBER_MAX_DIGITS && decimal_is_number(answer, len)) {
			memcpy(number, answer, len + 1);
			sodium_memzero(answer, len);
			return true;
		}
		console_put_styled(desk->console, CONSOLE_WARNING,
		    "Please type a whole number of at most %d digits, any you like. It stays here and is mixed into the "
		    "secret key. %s\n",
		    CHAT_NUMBER_MAX_DIGITS, prompt->terminal ? "Enter draws one." : "An empty line gives up.");
		if (!prompt->terminal)
			break;
	}
	if (!prompt->terminal || prompt->cancelled || prompt->over || prompt->too_long)
		return false;
	draw_number(number);
	return true;
}

/* What follows the answer to "secure or unsecure?", up to the message; the user is told why a secure chat cannot be had. */
static int choose_mode(struct desk *desk, struct chat_way *way, bool secure, bool asks_number)
{
	const char *why_not = NULL;

	way->mode = !secure ? CHATLOG_PLAIN : way->to.has_identity ? CHATLOG_SECURE : CHATLOG_CLASSIC;
	way->number[0] = '\0';
	if (way->mode == CHATLOG_CLASSIC) {
		if (way->to.downgraded) {
			wording_put_refusal(desk->console, &way->to);
			return DESK_CHANGED;
		}
		if (desk->strict)
			why_not = "The classic exchange is refused (--strict)";
		else if (!classic_is_available())
			why_not = "This build leaves out the classic exchange";
		wording_put_classic(desk->console, &way->to, why_not);
	}
	return why_not || (secure && asks_number && !ask_number(desk, way->number)) ? PROGRAM_FAILED : PROGRAM_FINE;
}

/* Tells of what went wrong before the message was sent, unless the user wanted an end; returns what that means. */
static int conclude(const struct chat *chat, int rc)
{
	enum call_stage stage = chat->call.stage;

	if (rc != 0 && !stop_requested())
		wording_put_failure(chat->desk->console, &chat->way->to, stage, rc);
	if (rc != 0 && stage == CALL_CONNECT && !stop_requested())
		doctor_put_hint(chat->desk, &chat->way->to);
	return rc == 0 ? PROGRAM_FINE : stage == CALL_PREPARE || stage == CALL_PACK ? PROGRAM_FAILED : DESK_UNREACHABLE;
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
	if (rc != 0 || chat->call.object.len <= MESSAGE_OTHERS_READ_BYTES || chat->way->to.has_identity)
		return conclude(chat, rc) == PROGRAM_FINE;
	console_put_styled(desk->console, CONSOLE_WARNING,
	    "This message takes %zu bytes, and some other programs read only the first %d.\n", chat->call.object.len,
	    MESSAGE_OTHERS_READ_BYTES);
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

		wording_put_heading(chat->desk->console, &chat->way->to, chat->call.mode);
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

/* Opens a session. Somebody who cannot be reached can be written to all the same, if it is secure. */
static int open_session(struct chat *chat)
{
	bool is_secure = chat->way->mode == CHATLOG_SECURE;
	int rc, status;

	if (is_secure) {
		rc = delivery_open(chat->desk->delivery, &chat->way->to, chat->way->number, &chat->call.stage);
	} else {
		call_open(&chat->call, NULL, NULL, chat->way->number);
		rc = call_await(&chat->call);
	}
	status = conclude(chat, rc);
	/* If somebody answers there, but not as they should, trying again would not help. */
	chat->is_late = is_secure && status == DESK_UNREACHABLE && rc != EBADMSG && rc != EPROTO && !stop_requested();
	return chat->is_late ? PROGRAM_FINE : status;
}

/* Has the call open: a person may type for longer than the other end waits. */
static int reopen_call(struct chat *chat)
{
	int status;

	if (call_is_open(&chat->call))
		return PROGRAM_FINE;
	if (chat->call.mode == CHATLOG_PLAIN)
		return open_session(chat);
	call_close(&chat->call);
	console_put(chat->desk->console, "The connection closed while you typed; calling again.\n");
	status = open_session(chat);
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
	    .address = chat->way->to.address,
	    .standing = from && from->standing != STANDING_UNKNOWN ? standing_word(from->standing) : NULL,
	    .text = text,
	    .text_len = len,
	};
	struct buffer line = {0};
	int rc;

	strcpy(entry.username, from ? from->username : chat->way->to.username);
	rc = chatlog_format(&line, &entry);
	if (rc == 0)
		rc = chatlog_append(chat->desk->log, line.data, line.len, CHATLOG_DURABLE);
	buffer_wipe(&line);
	if (rc != 0)
		console_put_styled(chat->desk->console, CONSOLE_BAD,
		    "NOT KEPT: the %s, but " CHATLOG_NAME " cannot be written: %s\n",
		    from ? "reply was received" : "message was sent", lockedfile_reason(rc));
	return rc == 0 ? PROGRAM_FINE : PROGRAM_FAILED;
}

/* Queues the message, on the disk before its first byte leaves, and waits until it is known what becomes of it now. */
static int send_secure(struct chat *chat)
{
	struct desk *desk = chat->desk;
	struct delivery_notice notice;
	unsigned how = chat->is_late ? DELIVERY_LATER : chat->is_behind ? DELIVERY_QUIETLY : 0;
	bool is_kept = how != 0;
	int rc, status;

	if (!is_kept && !delivery_is_open(desk->delivery, &chat->way->to))
		console_put(desk->console, "The connection closed while you typed; calling again.\n");
	rc = delivery_queue(desk->delivery, &chat->way->to,
	    &(struct envelope_content){.text = chat->text.data, .text_len = chat->text.len}, how,
	    is_kept ? NULL : &notice);
	if (rc != 0) {
		if (!stop_requested())
			wording_put_unqueued(desk->console, &chat->way->to, rc);
		return PROGRAM_FAILED;
	}
	status = is_kept ? DESK_UNREACHABLE : desk_status(&notice);
	if (!is_kept)
		desk_put_news(desk, &notice);
	desk_show_waiting(desk, &chat->way->to);
	return status;
}

/* Keeps and shows a reply, which proves as little as any message in the clear that comes from there. */
static int take_reply(struct chat *chat, const struct wire_object *reply)
{
	const struct desk *desk = chat->desk;
	struct console *console = desk->console;
	char ip[ADDRESS_TEXT_BYTES];
	struct verdict from;

	verdict_of_address(&from, peersfile_pins(desk->peers), peersfile_peers(desk->peers), chat->way->to.address,
	    clock_wall_ms());
	console_put(console, "Reply from ");
	console_put_name(console, CONSOLE_NORMAL, from.username);
	console_put(console, " (%s) [%s]", address_format(chat->way->to.address, ip), chatlog_mode_word(CHATLOG_PLAIN));
	if (from.standing != STANDING_UNKNOWN)
		console_put_styled(console, CONSOLE_BAD, " [%s]", standing_word(from.standing));
	console_put(console, ": ");
	console_put_message(console, reply->value, reply->value_len);
	console_put(console, "\n");
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

static int transmit(struct chat *chat)
{
	int status, kept;

	if (chat->way->mode == CHATLOG_SECURE)
		return send_secure(chat);
	call_send(&chat->call);
	status = conclude(chat, call_await(&chat->call));
	if (status != PROGRAM_FINE)
		return status;
	kept = keep(chat, NULL, chat->text.data, chat->text.len);
	return desk_worse(finish(chat), kept);
}

static void begin(struct chat *chat, struct desk *desk, struct chat_way *way)
{
	*chat = (struct chat){.desk = desk, .way = way};
	call_init(&chat->call, desk->loop, way->mode, &way->to, desk->from, NULL, NULL);
}

static int end(struct chat *chat, int status)
{
	if (chat->way->mode == CHATLOG_SECURE)
		delivery_close(chat->desk->delivery, &chat->way->to);
	/* Whatever it says of the end: it is over. */
	call_finish(&chat->call);
	call_await(&chat->call);
	call_close(&chat->call);
	buffer_wipe(&chat->text);
	sodium_memzero(chat->way->number, sizeof(chat->way->number));
	return status;
}

/* Asks for the message and sends it. What is in the clear needs a connection only then. */
static int converse(struct chat *chat)
{
	int status = chat->way->mode == CHATLOG_PLAIN ? PROGRAM_FINE : open_session(chat);

	if (status == PROGRAM_FINE && !ask_text(chat))
		status = chat->is_late ? DESK_UNREACHABLE : PROGRAM_FAILED;
	if (status == PROGRAM_FINE && chat->way->mode != CHATLOG_SECURE)
		status = reopen_call(chat);
	return status == PROGRAM_FINE ? transmit(chat) : status;
}

int chat_choose(struct desk *desk, struct chat_way *way, bool asks_all)
{
	bool secure = way->to.has_identity;

	if (way->to.is_room) {
		way->mode = CHATLOG_SECURE;
		return PROGRAM_FINE;
	}
	/* A question may have stood open for long; what was read before is the best there is. */
	(void)!peersfile_read(desk->peers);
	heard_put(desk, true);
	recipient_put_doubts(&way->to, desk->console);
	if (!secure && !asks_all && !desk->prompt.terminal) {
		recipient_put(&way->to, desk->console, CONSOLE_WARNING,
		    "Not sent:", " announces no identity; Chat asks how.\n");
		return DESK_CHANGED;
	}
	if ((asks_all || !secure) && !ask_secure(desk, &secure))
		return PROGRAM_FAILED;
	if (asks_all)
		prompt_expect(&desk->prompt, secure);
	return choose_mode(desk, way, secure, asks_all);
}

/* A room has no mode to choose and no session to open before. A pipe has the same lines as for a person. */
static int chat_with_room(struct desk *desk, struct chat_way *way)
{
	struct prompt *prompt = &desk->prompt;
	const char *fault;
	bool secure = true;
	char *line;
	size_t len;

	if (!prompt->terminal && !ask_secure(desk, &secure))
		return PROGRAM_FAILED;
	if (!secure) {
		console_put_styled(desk->console, CONSOLE_WARNING, "Not sent: in a room everything is secure.\n");
		return PROGRAM_FAILED;
	}
	prompt_expect(prompt, !prompt->terminal);
	if (!prompt->terminal && !ask_number(desk, way->number))
		return PROGRAM_FAILED;
	if (!prompt_ask_text(prompt, PROMPT_NOTHING, "Message: ", &line, &len) || len == 0) {
		console_put(desk->console, "Nothing was sent.\n");
		return PROGRAM_FAILED;
	}
	fault = message_fault(line, len, prompt->plain, prompt->pasted);
	if (fault)
		wording_put_unfit(desk->console, fault);
	return fault ? PROGRAM_FAILED
		     : room_say(desk, &way->to, &(struct envelope_content){.text = line, .text_len = len}, NULL);
}

int chat_run(struct desk *desk, const char *name)
{
	struct chat_way way = {0};
	struct chat chat;
	bool secure;
	int status = recipient_find_among(&way.to, name, &(struct recipient_search){.even_room = true}, desk);

	if (status == PROGRAM_FINE && way.to.is_room)
		return chat_with_room(desk, &way);
	if (status == PROGRAM_FINE) {
		desk_show_waiting(desk, &way.to);
		status = chat_choose(desk, &way, true);
	} else if (!desk->prompt.terminal && ask_secure(desk, &secure)) {
		/* What a pipe says to this tells how many lines are meant for a chat, though there is nobody to chat with. */
		prompt_expect(&desk->prompt, secure);
	}
	if (status != PROGRAM_FINE)
		return status;
	begin(&chat, desk, &way);
	return end(&chat, converse(&chat));
}

int chat_send(struct desk *desk, struct chat_way *way, const char *text, size_t len)
{
	struct chat chat;
	int status;

	begin(&chat, desk, way);
	status = buffer_append(&chat.text, text, len) == 0 ? PROGRAM_FINE : PROGRAM_FAILED;
	if (way->number[0] == '\0')
		draw_number(way->number);
	chat.is_behind =
	    way->mode == CHATLOG_SECURE && outbox_count(delivery_outbox(desk->delivery), way->to.identity) > 0;
	if (status == PROGRAM_FINE && !chat.is_behind)
		status = open_session(&chat);
	if (status == PROGRAM_FINE && !pack_text(&chat))
		status = PROGRAM_FAILED;
	if (status == PROGRAM_FINE)
		status = transmit(&chat);
	return end(&chat, status);
}
