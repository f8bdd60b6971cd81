#include "talk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/stop.h"
#include "base/text.h"
#include "chat.h"
#include "delivery.h"
#include "history.h"
#include "message.h"
#include "net/address.h"
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

/* Has a text delivered while the next is typed; what becomes of it is told by the desk. */
static int queue_text(const struct talk *talk, const char *text, size_t len)
{
	uint8_t id[ENVELOPE_ID_BYTES];
	int rc = delivery_queue(talk->desk->delivery, &talk->way.to, text, len, 0, id);

	if (rc != 0)
		wording_put_unqueued(talk->desk->console, &talk->way.to, rc);
	return rc == 0 ? PROGRAM_FINE : PROGRAM_FAILED;
}

/* Sends a text, and keeps it for /retry if that fails. The first goes with the number that was typed. */
static int send_checked(struct talk *talk, const char *text, size_t len)
{
	bool is_next = talk->way.mode == CHATLOG_SECURE && talk->desk->prompt.terminal && talk->desk->talks_with &&
		       talk->way.number[0] == '\0';
	int status = is_next ? queue_text(talk, text, len) : chat_send(talk->desk, &talk->way, text, len);

	buffer_wipe(&talk->failed);
	/* What is secure waits by itself. */
	if (talk->way.mode == CHATLOG_SECURE)
		return status;
	if (status != PROGRAM_FINE && buffer_append(&talk->failed, text, len) != 0)
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

/* What is done between messages. */

static int run_help(struct talk *talk, char *argument)
{
	(void)argument;
	console_put(talk->desk->console, "Every line is a message. Besides:\n"
					 "  /end             back to the menu (so does Ctrl-D)\n"
					 "  /users           who is there\n"
					 "  /history [N]     what was said with this user\n"
					 "  /search WORDS    of that, the messages with all the words\n"
					 "  /retry           send again what could not be sent last\n"
					 "  //TEXT           a message that begins with a slash\n");
	return PROGRAM_FINE;
}

static int run_users(struct talk *talk, char *argument)
{
	return users_show(talk->desk, argument);
}

static int run_history(struct talk *talk, char *argument)
{
	char whom[USERNAME_MAX_BYTES + 32];

	snprintf(whom, sizeof(whom), "%s%s%.20s", talk->way.to.username, argument[0] != '\0' ? " " : "", argument);
	return history_show(talk->desk, whom);
}

static int run_search(struct talk *talk, char *argument)
{
	if (argument[0] != '\0')
		return search_with(talk->desk, talk->way.to.username, argument);
	console_put_styled(talk->desk->console, CONSOLE_WARNING, "Search for what? /search WORDS\n");
	return PROGRAM_FAILED;
}

static int run_retry(struct talk *talk, char *argument)
{
	struct buffer text = talk->failed;
	int status;

	(void)argument;
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

static const struct {
	const char *name;
	int (*run)(struct talk *talk, char *argument);
} words_between[] = {
    {"/help", run_help},
    {"/users", run_users},
    {"/history", run_history},
    {"/search", run_search},
    {"/retry", run_retry},
};

/* Runs a line that begins with a slash. Returns false if it is the end. */
static bool run_word(struct talk *talk, char *line)
{
	struct console *console = talk->desk->console;
	char *argument = line + strcspn(line, " ");

	if (*argument != '\0')
		*argument++ = '\0';
	argument += strspn(argument, " ");
	if (strcmp(line, "/end") == 0)
		return false;
	for (size_t i = 0; i < sizeof(words_between) / sizeof(words_between[0]); i++) {
		if (strcmp(line, words_between[i].name) == 0) {
			talk->status = desk_worse(talk->status, words_between[i].run(talk, argument));
			return true;
		}
	}
	console_put_styled(console, CONSOLE_WARNING, "Not sent: there is no ");
	console_put_foreign(console, line, strlen(line));
	console_put(console, "; /help lists what there is. A message that begins with a slash takes two.\n");
	talk->status = desk_worse(talk->status, PROGRAM_FAILED);
	return true;
}

/* Takes one line. Returns false if it was the last. */
static bool take_line(struct talk *talk, const char *question)
{
	struct prompt *prompt = &talk->desk->prompt;
	struct buffer text = {0};
	bool goes_on = true;
	char *line;
	size_t len;

	if (!prompt_ask_text(prompt, PROMPT_TALK, question, &line, &len))
		return !prompt->over;
	if (len == 0)
		return true;
	/* The answers to other questions replace this line. */
	if (buffer_append(&text, line, len + 1) != 0)
		return true;
	desk_refresh(talk->desk);
	if (prompt->pasted || text.data[0] != '/')
		talk->status = desk_worse(talk->status, send_text(talk, text.data, len));
	else if (text.data[1] == '/')
		talk->status = desk_worse(talk->status, send_text(talk, text.data + 1, len - 1));
	else
		goes_on = run_word(talk, text.data);
	buffer_wipe(&text);
	return goes_on;
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

/* Sends a text to whom it is for, or talks to them if there is none. */
static int send_or_talk(struct talk *talk, const char *text, size_t len)
{
	int status = choose(talk);

	if (status == PROGRAM_FINE)
		status = len > 0 ? send_text(talk, text, len) : converse(talk);
	return finish(talk, status);
}

/* A pipe has lines for a talk up to its end, and if it cannot begin none may be taken for something else. */
static void skip_talk(struct desk *desk)
{
	if (desk->prompt.terminal || desk->prompt.over)
		return;
	console_put(desk->console, "The rest of the input is left alone.\n");
	desk->prompt.over = true;
}

int talk_run(struct desk *desk, const char *name)
{
	struct talk talk = {.desk = desk};
	int status = recipient_find(&talk.way.to, name, false, desk);

	if (status == PROGRAM_FINE)
		status = chat_choose(desk, &talk.way, true);
	if (status == PROGRAM_FINE)
		status = converse(&talk);
	else
		skip_talk(desk);
	return finish(&talk, status);
}

/* "@all" means everybody, which there is not here; nobody is meant by it because their name begins so. */
static bool is_everybody(struct desk *desk, const char *name)
{
	return strcasecmp(name, "all") == 0 && recipient_count(desk, name, true) == 0;
}

/* Finds whom @NAME means; the name has len bytes. */
static int find_addressed(struct recipient *recipient, const char *typed, size_t len, struct desk *desk)
{
	struct buffer name = {0};
	int status = PROGRAM_FAILED;

	if (len == 0)
		console_put_styled(desk->console, CONSOLE_WARNING, "To whom? @NAME TEXT sends a message to NAME.\n");
	else if (buffer_printf(&name, "%.*s%c", (int)len, typed, '\0') == 0)
		status = recipient_find(recipient, is_everybody(desk, name.data) ? "@all" : name.data, false, desk);
	buffer_free(&name);
	return status;
}

int talk_send(struct desk *desk, const char *typed)
{
	struct talk talk = {.desk = desk};
	size_t len = recipient_name_bytes(desk, typed);
	const char *text = typed + len + strspn(typed + len, " ");
	int status = find_addressed(&talk.way.to, typed, len, desk);

	return status == PROGRAM_FINE ? send_or_talk(&talk, text, strlen(text)) : status;
}

/* Whether the user wants to hear less of who sent a message, as peers.txt was read last. */
static bool is_unwanted(const struct desk *desk, const struct chatlog_entry *entry)
{
	const uint8_t *identity = entry->has_identity ? entry->identity : NULL;

	return pins_wishes(peersfile_pins(desk->peers), identity, entry->address) & (PINS_MUTED | PINS_BLOCKED);
}

/*
 * Finds the last message of chat.log, or the last that was received, and its offset there. Returns 0, ENODATA if there is
 * none, or an error.
 */
static int find_last(const struct desk *desk, bool only_received, struct chatlog_entry *entry, int64_t *offset)
{
	struct chatreader *reader = NULL;
	bool found = false;
	const char *line;
	size_t len;
	int rc = chatreader_open(AT_FDCWD, &reader);

	while (rc == 0 && !found && !stop_requested() && (rc = chatreader_line(reader, &line, &len)) == 0) {
		if (chatlog_parse(line, len, entry) != 0)
			continue;
		/* What is held was not seen. */
		found = entry->kind == CHATLOG_MESSAGE && !entry->held &&
			(entry->direction == CHATLOG_RECEIVED ? !is_unwanted(desk, entry) : !only_received);
		if (!found)
			chatlog_entry_free(entry);
		else
			*offset = chatreader_offset(reader);
	}
	chatreader_free(reader);
	return found ? 0 : rc == 0 || rc == ENOENT ? ENODATA : rc;
}

/* Finds whom that was said with, and where in chat.log. */
static int find_last_recipient(bool only_received, struct recipient *recipient, int64_t *offset, struct desk *desk)
{
	struct chatlog_entry entry;
	char ip[ADDRESS_TEXT_BYTES];
	int rc, status;

	if (!desk_read_peers(desk))
		return PROGRAM_FAILED;
	rc = find_last(desk, only_received, &entry, offset);
	if (rc == ENODATA)
		return DESK_NOBODY;
	if (rc != 0)
		return desk_check_file(desk, "read", CHATLOG_NAME, rc);
	status = entry.has_identity
		     ? recipient_find_identity(recipient, entry.identity, entry.username, entry.address, desk)
		     : recipient_find(recipient, address_format(entry.address, ip), false, desk);
	chatlog_entry_free(&entry);
	return status;
}

/* Finds who wrote last. A pipe cannot be asked, so that has to be somebody known. */
static int find_writer(struct talk *talk)
{
	struct desk *desk = talk->desk;
	int64_t offset = 0;
	int status = find_last_recipient(true, &talk->way.to, &offset, desk);
	bool certain;

	if (status == DESK_NOBODY)
		console_put_styled(desk->console, CONSOLE_WARNING, "Nobody has written to you yet.\n");
	if (status != PROGRAM_FINE)
		return status;
	certain = standing_is_certain(talk->way.to.standing);
	talk->is_doubtful = desk->prompt.terminal && (!certain || offset >= desk->asked_bytes);
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
		skip_talk(desk);
	return status == PROGRAM_FINE ? send_or_talk(&talk, text, strlen(text)) : status;
}

int talk_resume(struct desk *desk)
{
	struct talk talk = {.desk = desk};
	struct prompt *prompt = &desk->prompt;
	int64_t offset;
	int status = find_last_recipient(false, &talk.way.to, &offset, desk);
	char *answer;

	if (status != PROGRAM_FINE)
		return status == DESK_NOBODY ? PROGRAM_FINE : status;
	recipient_put(&talk.way.to, desk->console, CONSOLE_NORMAL, "The last conversation was with", ".\n");
	if (prompt_ask_word(prompt, "Go on with it? [Y/n] ", &answer) ? !prompt_begins("yes", answer)
								      : prompt->over || prompt->cancelled)
		return PROGRAM_FINE;
	return send_or_talk(&talk, "", 0);
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
	*bytes = 0;
	if (end == word || *end != ' ')
		return recipient_find(&talk->way.to, "", false, talk->desk);
	*bytes = (size_t)(end - head) + strspn(end, " ");
	return word[0] == '@' ? find_addressed(&talk->way.to, word + 1, len, talk->desk) : find_writer(talk);
}

int talk_send_pasted(struct desk *desk, const char *text, size_t len, size_t typed_bytes)
{
	struct talk talk = {.desk = desk};
	struct buffer kept = {0}, head = {0};
	size_t begin = 0;
	int status = PROGRAM_FAILED;

	/* The answers to other questions replace this text. */
	if (buffer_append(&kept, text, len) == 0 && buffer_append(&head, text, typed_bytes) == 0 &&
	    buffer_append(&head, "", 1) == 0)
		status = find_for_paste(&talk, head.data, &begin);
	if (status == PROGRAM_FINE)
		status = choose(&talk);
	/* Of a changed identity, or one that was not meant, the user was told so. */
	if (status != PROGRAM_FINE && status != DESK_CHANGED)
		console_put(desk->console, "Nothing was sent.\n");
	if (status == PROGRAM_FINE)
		status = send_text(&talk, kept.data + begin, kept.len - begin);
	buffer_wipe(&head);
	buffer_wipe(&kept);
	return finish(&talk, status);
}
