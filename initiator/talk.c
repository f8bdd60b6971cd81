#include "talk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/stop.h"
#include "base/text.h"
#include "chat.h"
#include "delivery.h"
#include "history.h"
#include "message.h"
#include "net/address.h"
#include "offering.h"
#include "room.h"
#include "search.h"
#include "store/chatreader.h"
#include "users.h"
#include "wording.h"

/* A name in quotation marks. */
#define QUOTED_BYTES (USERNAME_MAX_BYTES * TEXT_ESCAPE_FACTOR + sizeof("\"\""))

struct talk {
	struct desk *desk;
	struct chat_way way;
	bool is_doubtful;     /* the user is to be asked whether that is who they mean */
	struct buffer failed; /* the last message that was not sent */
	int status;	      /* the worst so far */
};

/* Sends a text, and keeps it for /retry if that fails. What is secure waits by itself, but for the first text of a talk. */
static int send_checked(struct talk *talk, const char *text, size_t len)
{
	struct desk *desk = talk->desk;
	struct envelope_content content = {.text = text, .text_len = len};
	bool is_secure = talk->way.mode == CHATLOG_SECURE;
	int rc, status;

	buffer_wipe(&talk->failed);
	if (talk->way.to.is_room)
		return room_say(desk, &talk->way.to, &content, NULL);
	if (is_secure && desk->prompt.terminal && desk->talks_with && talk->way.number[0] == '\0') {
		/* While the next is typed; what becomes of it is told by the desk. */
		rc = delivery_queue(desk->delivery, &talk->way.to, &content, 0, NULL);
		if (rc != 0)
			wording_put_unqueued(desk->console, &talk->way.to, rc);
		return rc == 0 ? PROGRAM_FINE : PROGRAM_FAILED;
	}
	status = chat_send(desk, &talk->way, text, len);
	if (!is_secure && status != PROGRAM_FINE && buffer_append(&talk->failed, text, len) != 0)
		return PROGRAM_FAILED;
	return status;
}

/* The same, if it can be a message. */
static int send_text(struct talk *talk, const char *text, size_t len)
{
	const struct prompt *prompt = &talk->desk->prompt;
	const char *fault = message_fault(text, len, prompt->plain, prompt->pasted);

	if (!fault)
		return send_checked(talk, text, len);
	wording_put_unfit(talk->desk->console, fault);
	return PROGRAM_FAILED;
}

static const char help[] = "Every line is a message. Besides:\n"
			   "  /end             back to the menu (so does Ctrl-D)\n"
			   "  /users           who is there\n"
			   "  /history [N]     what was said with this user\n"
			   "  /search WORDS    of that, the messages with all the words\n"
			   "  /send FILE       offer a file\n"
			   "  /retry           send again what could not be sent last\n"
			   "  @NAME TEXT       one message to somebody else\n"
			   "  //TEXT, @@TEXT   a message that begins with / or @ (a space first does, too)\n";

static int run_retry(struct talk *talk)
{
	struct buffer text = talk->failed;
	int status;

	if (outbox_count(delivery_outbox(talk->desk->delivery), talk->way.to.identity) > 0) {
		delivery_retry(talk->desk->delivery, talk->way.to.identity);
		desk_show_waiting(talk->desk, &talk->way.to);
		return PROGRAM_FINE;
	}
	if (text.len == 0) {
		console_put(talk->desk->console, "There is nothing to send again.\n");
		return PROGRAM_FINE;
	}
	talk->failed = (struct buffer){0};
	status = send_checked(talk, text.data, text.len);
	buffer_wipe(&text);
	return status;
}

/* Runs what is done between messages, a line that begins with a slash. */
static int run_word(struct talk *talk, char *line)
{
	struct console *console = talk->desk->console;
	const char *partner = talk->way.to.username;
	char whom[USERNAME_MAX_BYTES + 32], *argument = line + strcspn(line, " ");

	if (*argument != '\0')
		*argument++ = '\0';
	argument += strspn(argument, " ");
	if (strcmp(line, "/users") == 0)
		return users_show(talk->desk, argument);
	if (strcmp(line, "/history") == 0) {
		snprintf(whom, sizeof(whom), "%s%s%.20s", partner, argument[0] != '\0' ? " " : "", argument);
		return history_show(talk->desk, whom);
	}
	if (strcmp(line, "/search") == 0 && argument[0] != '\0')
		return search_with(talk->desk, partner, argument);
	if (strcmp(line, "/search") == 0) {
		console_put_styled(console, CONSOLE_WARNING, "Search for what? /search WORDS\n");
		return PROGRAM_FAILED;
	}
	if (strcmp(line, "/send") == 0)
		return offering_send(talk->desk, &talk->way.to, argument);
	if (strcmp(line, "/retry") == 0)
		return run_retry(talk);
	if (strcmp(line, "/help") == 0) {
		console_put(console, "%s", help);
		return PROGRAM_FINE;
	}
	console_put_styled(console, CONSOLE_WARNING, "Not sent: there is no ");
	console_put_foreign(console, line, strlen(line));
	console_put(console, "; /help lists what there is. A message that begins with a slash takes two.\n");
	return PROGRAM_FAILED;
}

/* Takes a line, or lines that were pasted, before which typed_bytes were typed. Text comes back to be wiped. */
static int run_line(struct talk *talk, char *line, size_t len, bool pasted, size_t typed_bytes)
{
	bool has_sign = line[0] == '/' || line[0] == '@', is_doubled = has_sign && line[1] == line[0];

	if (pasted && line[0] == '@' && !is_doubled && typed_bytes > 0)
		return talk_send_pasted(talk->desk, line, len, typed_bytes);
	if (pasted || !has_sign)
		return send_text(talk, line, len);
	if (is_doubled)
		return send_text(talk, line + 1, len - 1);
	return line[0] == '/' ? run_word(talk, line) : talk_send(talk->desk, line + 1);
}

/* Asks for the next line and takes it. Returns false if it was the last. */
static bool take_line(struct talk *talk, const char *question)
{
	struct prompt *prompt = &talk->desk->prompt;
	struct buffer text = {0};
	bool is_end;
	char *line;
	size_t len;

	if (!prompt_ask_text(prompt, PROMPT_TALK, question, &line, &len))
		return !prompt->over;
	/* The answers to other questions replace this line. */
	if (len == 0 || buffer_append(&text, line, len + 1) != 0)
		return true;
	desk_refresh(talk->desk);
	is_end = !prompt->pasted && strncmp(line, "/end", 4) == 0 && (line[4] == '\0' || line[4] == ' ');
	if (!is_end)
		talk->status =
		    desk_worse(talk->status, run_line(talk, text.data, len, prompt->pasted, prompt->typed_bytes));
	buffer_wipe(&text);
	return !is_end;
}

/* The name as it is asked about: told from what stands around it. */
static void quote_name(char quoted[static QUOTED_BYTES], const char *username)
{
	char name[USERNAME_MAX_BYTES * TEXT_ESCAPE_FACTOR + 1];
	const char *mark = text_has_punctuation(username, strlen(username)) ? "\"" : "";

	text_escape_name(name, sizeof(name), username, strlen(username));
	snprintf(quoted, QUOTED_BYTES, "%s%s%s", mark, name, mark);
}

/* Has the whole conversation. */
static int converse(struct talk *talk)
{
	char name[QUOTED_BYTES], question[sizeof(name) + sizeof("> ")];
	struct desk *desk = talk->desk;

	quote_name(name, talk->way.to.username);
	snprintf(question, sizeof(question), "%s> ", name);
	wording_put_heading(desk->console, &talk->way.to, talk->way.mode);
	console_put_styled(desk->console, CONSOLE_FAINT,
	    "Every line is sent; /end ends, /help lists what else there is.\n");
	desk->talks_with = &talk->way.to;
	while (!stop_requested() && take_line(talk, question))
		console_flush(desk->console);
	desk->talks_with = NULL;
	prompt_resume(&desk->prompt);
	return talk->status;
}

static int finish(struct talk *talk, int status)
{
	buffer_wipe(&talk->failed);
	explicit_bzero(talk->way.number, sizeof(talk->way.number));
	return status;
}

/*
 * Chooses how to send, asking only what it must. Whoever writes in the instant before Enter, or under the name of another,
 * is not to have what was typed for somebody else.
 */
static int choose(struct talk *talk)
{
	const struct recipient *to = &talk->way.to;
	char name[QUOTED_BYTES], ip[ADDRESS_TEXT_BYTES];
	char question[sizeof(name) + sizeof(ip) + sizeof("To  (), yes or no? ")];
	int status = chat_choose(talk->desk, &talk->way, false);

	if (status != PROGRAM_FINE || !talk->is_doubtful)
		return status;
	quote_name(name, to->username);
	snprintf(question, sizeof(question), "To %s (%s), yes or no? ", name, address_format(to->address, ip));
	if (prompt_ask_decision(&talk->desk->prompt, question))
		return PROGRAM_FINE;
	console_put(talk->desk->console, "Not sent.\n");
	return DESK_CHANGED;
}

/* Sends a text to whom it is for, or talks to them if there is none, and no talk goes on. */
static int send_or_talk(struct talk *talk, const char *text)
{
	bool is_talk = text[0] == '\0';
	int status;

	if (is_talk && talk->desk->talks_with) {
		console_put_styled(talk->desk->console, CONSOLE_WARNING,
		    "Not sent: there is no text. A message that begins with an @ takes two.\n");
		return PROGRAM_FAILED;
	}
	status = choose(talk);
	if (status == PROGRAM_FINE)
		status = is_talk ? converse(talk) : send_text(talk, text, strlen(text));
	return finish(talk, status);
}

int talk_run(struct desk *desk, const char *name)
{
	struct talk talk = {.desk = desk};
	int status = recipient_find_among(&talk.way.to, name, &(struct recipient_search){.even_room = true}, desk);

	if (status == PROGRAM_FINE)
		status = chat_choose(desk, &talk.way, true);
	if (status == PROGRAM_FINE)
		status = converse(&talk);
	else
		/* A pipe has lines for a talk up to its end, and none may be taken for something else. */
		prompt_leave_rest(&desk->prompt);
	return finish(&talk, status);
}

/*
 * Finds whom @NAME means; the name has len bytes. "@all" means everybody, which there is not here; nobody is meant by it
 * because their name begins so.
 */
static int find_addressed(struct recipient *recipient, const char *typed, size_t len, struct desk *desk)
{
	char *name;
	int status;

	if (len == 0) {
		console_put_styled(desk->console, CONSOLE_WARNING, "To whom? @NAME TEXT sends a message to NAME.\n");
		return PROGRAM_FAILED;
	}
	name = strndup(typed, len);
	if (!name)
		return PROGRAM_FAILED;
	status = recipient_find_among(recipient,
	    strcasecmp(name, "all") == 0 && recipient_count(desk, name, true) == 0 ? "@all" : name,
	    &(struct recipient_search){.even_room = true}, desk);
	free(name);
	return status;
}

int talk_send(struct desk *desk, const char *typed)
{
	struct talk talk = {.desk = desk};
	size_t len = recipient_name_bytes(desk, typed);
	const char *text = typed + len + strspn(typed + len, " ");
	int status = find_addressed(&talk.way.to, typed, len, desk);

	if (status != PROGRAM_FINE && desk->talks_with)
		console_put(desk->console, "Not sent. A message that begins with an @ takes two.\n");
	return status == PROGRAM_FINE ? send_or_talk(&talk, text) : status;
}

/* Reads back to the next message that the user has seen and wants to. Returns as chatreader_line(). */
static int read_seen(const struct desk *desk, struct chatreader *reader, struct chatlog_entry *entry)
{
	const char *line;
	size_t len;
	int rc;

	while ((rc = stop_requested() ? EINTR : chatreader_line(reader, &line, &len)) == 0) {
		const uint8_t *identity = entry->identity;
		bool received;

		if (chatlog_parse(line, len, entry) != 0)
			continue;
		received = entry->direction == CHATLOG_RECEIVED;
		if (entry->kind == CHATLOG_MESSAGE && !entry->held && !entry->has_room &&
		    !(received && pins_wishes(peersfile_pins(desk->peers), entry->has_identity ? identity : NULL,
				      entry->address) &
				      (PINS_MUTED | PINS_BLOCKED)))
			break;
		chatlog_entry_free(entry);
	}
	return rc;
}

static bool is_same_writer(const struct chatlog_entry *a, const struct chatlog_entry *b)
{
	if (a->has_identity || b->has_identity)
		return a->has_identity && b->has_identity && memcmp(a->identity, b->identity, IDENTITY_BYTES) == 0;
	return a->address.s_addr == b->address.s_addr;
}

/*
 * Whether the user can mean nobody but the writer of the message that was read last: it was there when the menu asked, or
 * nobody else has written since then, nor last before that without a message of one's own after it.
 */
static bool is_only_writer(const struct desk *desk, struct chatreader *reader, const struct chatlog_entry *writer)
{
	bool is_same = true, is_answer = false;
	struct chatlog_entry entry;

	while (is_same && !is_answer && chatreader_offset(reader) >= desk->asked_bytes &&
	       read_seen(desk, reader, &entry) == 0) {
		/* What waited may have left at any time. */
		is_answer = entry.direction == CHATLOG_QUEUED ||
			    (entry.direction == CHATLOG_SENT && entry.mode != CHATLOG_SECURE);
		is_same = entry.direction != CHATLOG_RECEIVED || is_same_writer(&entry, writer);
		chatlog_entry_free(&entry);
	}
	return is_same;
}

/*
 * Finds whom the last message of chat.log was said with, or the last that was received; is_only becomes whether nobody else
 * can be meant. DESK_NOBODY if there is none.
 */
static int find_last(bool only_received, struct recipient *recipient, bool *is_only, struct desk *desk)
{
	struct chatreader *reader = NULL;
	struct chatlog_entry entry;
	char ip[ADDRESS_TEXT_BYTES];
	int rc, status = PROGRAM_FINE;

	if (!desk_read_peers(desk))
		return PROGRAM_FAILED;
	rc = chatreader_open(AT_FDCWD, &reader);
	while (rc == 0 && (rc = read_seen(desk, reader, &entry)) == 0 && only_received &&
	       entry.direction != CHATLOG_RECEIVED)
		chatlog_entry_free(&entry);
	*is_only = rc == 0 && is_only_writer(desk, reader, &entry);
	chatreader_free(reader);
	if (rc == ENODATA || rc == ENOENT || rc == EINTR)
		return DESK_NOBODY;
	if (rc != 0)
		return desk_check_file(desk, "read", CHATLOG_NAME, rc);
	if (entry.has_identity)
		recipient_know(recipient, desk->peers, entry.identity, entry.username, entry.address);
	else
		status = recipient_find(recipient, address_format(entry.address, ip), false, desk);
	chatlog_entry_free(&entry);
	return status;
}

/* Finds who wrote last. A pipe cannot be asked, so that has to be somebody known. */
static int find_writer(struct talk *talk)
{
	struct desk *desk = talk->desk;
	bool certain, is_only;
	int status = find_last(true, &talk->way.to, &is_only, desk);

	if (status == DESK_NOBODY)
		console_put_styled(desk->console, CONSOLE_WARNING, "Nobody has written to you yet.\n");
	if (status != PROGRAM_FINE)
		return status;
	certain = standing_is_certain(talk->way.to.standing);
	talk->is_doubtful = desk->prompt.terminal && !(certain && is_only);
	if (certain || desk->prompt.terminal)
		return PROGRAM_FINE;
	recipient_put(&talk->way.to, desk->console, CONSOLE_WARNING, "Not sent: the last message is from",
	    ", who is not known to you; @NAME TEXT says whom you mean.\n");
	return DESK_CHANGED;
}

int talk_reply(struct desk *desk, const char *text)
{
	struct talk talk = {.desk = desk};
	int status = find_writer(&talk);

	if (status != PROGRAM_FINE && text[0] == '\0')
		prompt_leave_rest(&desk->prompt);
	return status == PROGRAM_FINE ? send_or_talk(&talk, text) : status;
}

int talk_resume(struct desk *desk)
{
	struct talk talk = {.desk = desk};
	struct prompt *prompt = &desk->prompt;
	bool is_only;
	int status = find_last(false, &talk.way.to, &is_only, desk);
	char *answer;

	if (status != PROGRAM_FINE)
		return status == DESK_NOBODY ? PROGRAM_FINE : status;
	recipient_put(&talk.way.to, desk->console, CONSOLE_NORMAL, "The last conversation was with", ".\n");
	if (prompt_ask_word(prompt, "Go on with it? [Y/n] ", &answer) ? !prompt_begins("yes", answer)
								      : prompt->over || prompt->cancelled)
		return PROGRAM_FINE;
	return send_or_talk(&talk, "");
}

/* Finds for whom a paste is, before which head was typed; *bytes becomes how much of that is not part of it. */
static int find_for_paste(struct talk *talk, const char *head, size_t *bytes)
{
	const char *word = head + strspn(head, " \t"), *end = word;
	size_t len = 0;

	if (word[0] == '@') {
		len = recipient_name_bytes(talk->desk, word + 1);
		end = word + 1 + len;
	} else if (word[0] == 'r' || word[0] == 'R') {
		end = word + 1;
	}
	if (end == word || *end != ' ')
		return recipient_find(&talk->way.to, "", false, talk->desk);
	*bytes = (size_t)(end - head) + strspn(end, " ");
	return word[0] == '@' ? find_addressed(&talk->way.to, word + 1, len, talk->desk) : find_writer(talk);
}

int talk_send_pasted(struct desk *desk, const char *text, size_t len, size_t typed_bytes)
{
	struct talk talk = {.desk = desk};
	struct buffer head = {0};
	size_t begin = 0;
	int status = PROGRAM_FAILED;

	if (buffer_append(&head, text, typed_bytes) == 0 && buffer_append(&head, "", 1) == 0)
		status = find_for_paste(&talk, head.data, &begin);
	buffer_wipe(&head);
	if (status == PROGRAM_FINE)
		status = choose(&talk);
	if (status == PROGRAM_FINE)
		status = send_text(&talk, text + begin, len - begin);
	/* Of a changed identity, or one that was not meant, the user was told so. */
	else if (status != DESK_CHANGED)
		console_put(desk->console, "Nothing was sent.\n");
	return finish(&talk, status);
}
