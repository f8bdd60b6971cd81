#include "chat.h"

#include <sodium.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/decimal.h"
#include "base/stop.h"
#include "call.h"
#include "crypto/classic.h"
#include "recipient.h"
#include "wording.h"

/* A chat under way, and what was answered so far. */
struct chat {
	struct desk *desk;
	struct recipient to;
	struct call call;
	char number[CHAT_NUMBER_MAX_DIGITS + 1];
	char *text; /* the message; it is the prompt's */
	size_t len;
};

/* Whether the answer is a beginning of word, in any case. */
static bool begins(const char *word, const char *answer)
{
	size_t len = strlen(answer);

	return len > 0 && strncasecmp(word, answer, len) == 0;
}

static bool ask_secure(struct desk *desk, bool *secure)
{
	char *answer;

	while (prompt_ask_word(&desk->prompt, "secure or unsecure? ", &answer)) {
		*secure = begins("secure", answer);
		if (*secure || begins("unsecure", answer))
			return true;
		console_put_styled(desk->console, CONSOLE_WARNING,
		    "Please say secure (encrypted) or unsecure (anybody can read it); an empty line gives up.\n");
	}
	return false;
}

static bool ask_number(struct chat *chat)
{
	char *answer;

	while (prompt_ask_word(&chat->desk->prompt, "Number: ", &answer)) {
		size_t len = strlen(answer);

		if (len <= CHAT_NUMBER_MAX_DIGITS && decimal_is_number(answer, len)) {
			memcpy(chat->number, answer, len + 1);
			sodium_memzero(answer, len);
			return true;
		}
		console_put_styled(chat->desk->console, CONSOLE_WARNING,
		    "Please type a whole number of at most %d digits, any you like: it stays here and helps to make the\n"
		    "secret key. An empty line gives up.\n",
		    CHAT_NUMBER_MAX_DIGITS);
	}
	return false;
}

/* Asks until a text can be sent. */
static bool ask_text(struct chat *chat)
{
	struct prompt *prompt = &chat->desk->prompt;

	while (!prompt->over) {
		enum message_fault fault;

		wording_put_heading(chat->desk->console, &chat->to, chat->call.mode);
		if (!prompt_ask(prompt, "Message: ", &chat->text, &chat->len))
			continue;
		if (chat->len == 0)
			break;
		fault = message_check(chat->text, chat->len, prompt->terminal);
		if (fault == MESSAGE_FINE)
			return true;
		wording_put_unfit(chat->desk->console, fault);
	}
	console_put(chat->desk->console, "Nothing was sent.\n");
	return false;
}

/* Whether a secure chat can be had, in one way or the other; else the user is told why not. */
static bool check_secure(const struct chat *chat)
{
	const struct desk *desk = chat->desk;
	const char *why_not = NULL;

	if (chat->to.standing == PINS_CHANGED || chat->to.standing == PINS_MISSING) {
		wording_put_refusal(desk->console);
		return false;
	}
	if (chat->call.mode == CHATLOG_SECURE)
		return true;
	if (desk->strict)
		why_not = "the classic exchange is refused (--strict)";
	else if (!classic_is_available())
		why_not = "This build leaves out the classic exchange";
	wording_put_classic(desk->console, &chat->to, why_not);
	return !why_not;
}

/* Tells of what went wrong before the message was sent, unless the user wanted an end; returns whether nothing did. */
static bool went_well(const struct chat *chat, int rc)
{
	if (rc != 0 && !stop_requested())
		wording_put_failure(chat->desk->console, &chat->to, &chat->call, rc);
	return rc == 0;
}

static bool open_call(struct chat *chat)
{
	const struct keyfile *key = &chat->desk->key;

	if (chat->call.mode == CHATLOG_SECURE && !key->is_usable) {
		console_put_styled(chat->desk->console, CONSOLE_BAD,
		    "no secure chat: " KEYFILE_NAME " cannot be used\n");
		return false;
	}
	return went_well(chat, call_open(&chat->call, &key->identity, chat->number));
}

/* A person may type for longer than the other end waits. */
static bool open_call_again(struct chat *chat)
{
	if (call_is_open(&chat->call))
		return true;
	if (chat->call.mode != CHATLOG_PLAIN) {
		call_close(&chat->call);
		console_put(chat->desk->console, "The connection closed while you typed; calling again.\n");
	}
	return open_call(chat);
}

/* Writes the sent message into chat.log. */
static int keep(const struct chat *chat)
{
	struct chatlog_entry entry = {
	    .time_ms = clock_wall_ms(),
	    .sent = true,
	    .mode = chat->call.mode,
	    .address = chat->to.peer.address,
	    .text = chat->text,
	    .text_len = chat->len,
	};
	struct buffer line = {0};
	int rc;

	strcpy(entry.username, chat->to.peer.username);
	rc = chatlog_format(&line, &entry);
	if (rc == 0)
		rc = chatlog_append(chat->desk->log, line.data, line.len, CHATLOG_DURABLE);
	buffer_wipe(&line);
	return rc;
}

static bool send_text(struct chat *chat)
{
	int rc = call_pack(&chat->call, chat->text, chat->len);

	/* Who announces an identity is one of ours and reads objects of any length that is allowed. */
	if (rc == 0 && chat->call.object.len > MESSAGE_OTHERS_READ_BYTES && !chat->to.peer.has_identity)
		wording_put_length(chat->desk->console, chat->call.object.len);
	if (rc == 0)
		rc = call_send(&chat->call);
	if (!went_well(chat, rc))
		return false;
	rc = keep(chat);
	if (rc != 0)
		wording_put_unkept(chat->desk->console, rc);
	return true;
}

/*
 * Remembers that the holder of the announced identity has answered from its address; the first time that pins the name.
 */
static void meet(struct chat *chat)
{
	const struct recipient *to = &chat->to;
	int rc;

	if (recipient_is_proven(to))
		return;
	rc = peersfile_meet(chat->desk->peers, to->peer.username, to->peer.identity, to->peer.address, PINS_MAX);
	if (rc != 0 || to->standing != PINS_SAME)
		wording_put_meeting(chat->desk->console, to, rc);
}

/* Tells what is known of what was sent. */
static void finish(struct chat *chat)
{
	bool is_secure = chat->call.mode == CHATLOG_SECURE;
	int rc = is_secure ? call_confirm(&chat->call) : call_finish(&chat->call);

	wording_put_end(chat->desk->console, &chat->to, &chat->call, rc);
	if (is_secure && rc == 0)
		meet(chat);
}

void chat_run(struct desk *desk, const char *name)
{
	struct chat chat = {.desk = desk};
	bool secure;

	if (!recipient_find(&chat.to, name, false, &desk->prompt, desk->peers))
		return;
	recipient_put_doubts(&chat.to, desk->console);
	if (!ask_secure(desk, &secure))
		return;
	call_init(&chat.call, call_mode(&chat.to.peer, secure), &chat.to.peer, desk->from);
	if (secure && !(check_secure(&chat) && ask_number(&chat) && open_call(&chat)))
		goto out;
	if (ask_text(&chat)) {
		if (open_call_again(&chat) && send_text(&chat))
			finish(&chat);
		sodium_memzero(chat.text, chat.len);
	}
out:
	call_close(&chat.call);
	sodium_memzero(chat.number, sizeof(chat.number));
}
