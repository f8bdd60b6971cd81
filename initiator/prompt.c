#include "prompt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/stop.h"
#include "term/layout.h"

/* As many of the lines that were pasted are shown before they are sent. */
#define PASTE_SHOWN_LINES 6

struct key_wait {
	struct prompt *prompt;
	bool is_ready;
};

static void note_ready(void *context)
{
	((struct key_wait *)context)->is_ready = true;
}

static bool is_due(void *context)
{
	const struct key_wait *wait = context;

	return wait->is_ready || wait->prompt->woken || editor_is_resized();
}

/* Shows the question, and before it what was collected. */
static void show(struct prompt *prompt)
{
	console_put_styled(prompt->console, CONSOLE_NORMAL, "%s%s", prompt->question, prompt->terminal ? "" : "\n");
	console_flush(prompt->console);
}

/* Without an editor, what has come goes to lines of its own. */
static void show_news(struct prompt *prompt)
{
	if (!prompt->terminal) {
		console_flush(prompt->console);
		return;
	}
	/* The cursor is behind the question, and what was typed after it. */
	if (buffer_append(&prompt->console->outlet.backlog, "\n", 1) == 0)
		show(prompt);
}

/* For lineinput: waits for a key while everything else goes on. */
static int wait_for_key(void *context, int fd)
{
	struct prompt *prompt = context;
	struct key_wait wait = {.prompt = prompt};
	int rc = 0;

	while (rc == 0 && !wait.is_ready) {
		rc = loop_watch(prompt->loop, fd, EPOLLIN, note_ready, &wait);
		/* A file is always ready. */
		if (rc == EPERM)
			return loop_wait(prompt->loop, fd, EPOLLIN);
		if (rc == 0)
			rc = loop_run_until(prompt->loop, is_due, &wait);
		loop_forget(prompt->loop, fd);
		if (rc == 0 && !wait.is_ready && prompt->editor)
			rc = EAGAIN;
		else if (rc == 0 && prompt->woken)
			show_news(prompt);
		prompt->woken = false;
	}
	return rc;
}

void prompt_wake(struct prompt *prompt)
{
	prompt->woken = prompt->question != NULL;
}

void prompt_show_status(struct prompt *prompt, const char *status)
{
	if (strcmp(prompt->status ? prompt->status : "", status) == 0)
		return;
	free(prompt->status);
	prompt->status = strdup(status);
	if (prompt->editor)
		prompt_wake(prompt);
}

void prompt_init(struct prompt *prompt, struct console *console, struct loop *loop)
{
	*prompt = (struct prompt){.console = console, .loop = loop, .terminal = isatty(STDIN_FILENO)};
	lineinput_init(&prompt->input, STDIN_FILENO);
	prompt->input.wait = wait_for_key;
	prompt->input.wait_context = prompt;
}

void prompt_close(struct prompt *prompt)
{
	prompt->over = true;
	prompt->terminal = false;
}

void prompt_free(struct prompt *prompt)
{
	editor_free(prompt->editor);
	free(prompt->status);
	buffer_wipe(&prompt->kept);
	lineinput_free(&prompt->input);
}

/* For the editor: the words that complete the answer to this question. */
static void offer_words(void *context, const char *line, size_t len, struct wordlist *words)
{
	const struct prompt *prompt = context;

	if (prompt->complete)
		prompt->complete(prompt->complete_context, prompt->wants, line, len, words);
}

/* Reads one line, or several that were pasted. */
static enum lineinput_result read_line(struct prompt *prompt, enum editor_kind kind, char **line, size_t *len)
{
	if (!prompt->began && prompt->terminal)
		prompt->editor = editor_new(&prompt->input, prompt->console, offer_words, prompt);
	prompt->began = true;
	prompt->plain = prompt->terminal && !prompt->editor;
	if (!prompt->editor) {
		enum lineinput_result result;

		/* Before the question, so that it holds for all that answers it. */
		lineinput_keep_interrupt(&prompt->input, true);
		show(prompt);
		result = lineinput_read(&prompt->input, line, len);
		lineinput_keep_interrupt(&prompt->input, false);
		if (result == LINEINPUT_EMPTIED)
			console_put(prompt->console, "\n");
		return result;
	}
	console_flush(prompt->console);
	return editor_read(prompt->editor, &prompt->status, prompt->question, kind, line, len);
}

/* Reads the line that is meant for this question. */
static enum lineinput_result read_answer(struct prompt *prompt, const char *question, enum editor_kind kind,
    char **answer, size_t *len)
{
	enum lineinput_result result;

	prompt->question = question;
	result = read_line(prompt, kind, answer, len);
	for (; prompt->late > 0 && (result == LINEINPUT_LINE || result == LINEINPUT_TOO_LONG); prompt->late--)
		result = lineinput_read(&prompt->input, answer, len);
	if (prompt->owed > 0)
		prompt->owed--;
	prompt->question = NULL;
	return result;
}

/* Asks until there is an answer. LINEINPUT_LINE or LINEINPUT_PASTE is one; of another the user was told. */
static enum lineinput_result ask(struct prompt *prompt, const char *question, enum editor_kind kind, char **answer,
    size_t *len)
{
	enum lineinput_result result;

	if (prompt->over)
		return LINEINPUT_END;
	do {
		result = read_answer(prompt, question, kind, answer, len);
		if (result == LINEINPUT_EMPTIED && *len == 0 && kind == EDITOR_COMMAND && prompt->interrupt)
			prompt->interrupt(prompt->complete_context);
	} while (result == LINEINPUT_EMPTIED && (*len > 0 || kind == EDITOR_COMMAND));
	prompt->cancelled = result == LINEINPUT_EMPTIED;
	prompt->too_long = result == LINEINPUT_TOO_LONG;
	switch (result) {
	case LINEINPUT_EMPTIED:
		**answer = '\0';
		return LINEINPUT_LINE;
	case LINEINPUT_TOO_LONG:
		console_put_styled(prompt->console, CONSOLE_WARNING,
		    "That line has more than %d bytes; it was thrown away.\n", LINEINPUT_MAX_BYTES);
		prompt->refused = true;
		break;
	case LINEINPUT_END:
	case LINEINPUT_STOPPED:
		if (prompt->terminal)
			console_put(prompt->console, "\n");
		prompt->over = true;
		break;
	case LINEINPUT_LINE:
	case LINEINPUT_PASTE:
		break;
	}
	return result;
}

static size_t count_lines(const char *text, size_t len)
{
	size_t count = 1;

	for (const char *at = text; (at = memchr(at, '\n', len - (size_t)(at - text))); at++)
		count++;
	return count;
}

bool prompt_ask(struct prompt *prompt, const char *question, char **answer, size_t *len)
{
	enum lineinput_result result;

	while ((result = ask(prompt, question, EDITOR_ANSWER, answer, len)) == LINEINPUT_PASTE)
		console_put_styled(prompt->console, CONSOLE_WARNING,
		    "Those were %zu lines, and this wants one. None of them was taken.\n", count_lines(*answer, *len));
	return result == LINEINPUT_LINE;
}

/* Shows the beginning of what was pasted. A terminal that edits lines itself has shown it. */
static void put_paste(struct prompt *prompt, size_t lines)
{
	const char *text = prompt->kept.data, *end = text + prompt->kept.len, *shown = text, *feed = text;

	if (prompt->plain)
		return;
	for (size_t i = 0; i < PASTE_SHOWN_LINES && feed; i++) {
		feed = memchr(shown, '\n', (size_t)(end - shown));
		shown = feed ? feed + 1 : end;
	}
	console_put(prompt->console, LAYOUT_BAR);
	console_put_message(prompt->console, text, (size_t)((feed ? feed : end) - text));
	console_put(prompt->console, "\n");
	if (lines > PASTE_SHOWN_LINES)
		console_put_styled(prompt->console, CONSOLE_FAINT, LAYOUT_BAR "(and %zu more)\n",
		    lines - PASTE_SHOWN_LINES);
}

/* Asks whether what was pasted is one message. */
static bool confirm_paste(struct prompt *prompt, char **answer, size_t *len)
{
	size_t lines = count_lines(*answer, *len);
	char question[80], *word;
	bool agreed;

	buffer_wipe(&prompt->kept);
	if (buffer_append(&prompt->kept, *answer, *len) != 0)
		return false;
	put_paste(prompt, lines);
	snprintf(question, sizeof(question), "%zu lines: send as one message? [Y/n] ", lines);
	lineinput_forget(&prompt->input);
	agreed =
	    prompt_ask_word(prompt, question, &word) ? prompt_begins("yes", word) : !prompt->over && !prompt->cancelled;
	if (!agreed) {
		console_put(prompt->console, "Nothing was sent.\n");
		return false;
	}
	*len = prompt->kept.len;
	if (buffer_append(&prompt->kept, "", 1) != 0)
		return false;
	*answer = prompt->kept.data;
	return true;
}

bool prompt_ask_text(struct prompt *prompt, enum prompt_wants wants, const char *question, char **answer, size_t *len)
{
	enum lineinput_result result;

	prompt->wants = wants;
	result = ask(prompt, question, wants == PROMPT_COMMAND ? EDITOR_COMMAND : EDITOR_MESSAGE, answer, len);
	prompt->wants = PROMPT_NOTHING;
	/* Confirming reads another line. */
	prompt->typed_bytes = prompt->editor ? editor_typed_bytes(prompt->editor) : 0;
	prompt->pasted = result == LINEINPUT_PASTE && confirm_paste(prompt, answer, len);
	return prompt->pasted || result == LINEINPUT_LINE;
}

size_t prompt_trim(char **answer)
{
	static const char space[] = " \t\v\f\r";
	size_t len;

	/* A NUL in the input ends the word: no command, name or number has one. */
	*answer += strspn(*answer, space);
	len = strlen(*answer);
	while (len > 0 && strchr(space, (*answer)[len - 1]))
		len--;
	(*answer)[len] = '\0';
	return len;
}

bool prompt_ask_for(struct prompt *prompt, enum prompt_wants wants, const char *question, char **answer)
{
	bool answered;
	size_t len;

	prompt->wants = wants;
	answered = prompt_ask(prompt, question, answer, &len) && prompt_trim(answer) > 0;
	prompt->wants = PROMPT_NOTHING;
	return answered;
}

bool prompt_ask_word(struct prompt *prompt, const char *question, char **answer)
{
	return prompt_ask_for(prompt, PROMPT_NOTHING, question, answer);
}

bool prompt_begins(const char *word, const char *answer)
{
	return strncasecmp(word, answer, strlen(answer)) == 0;
}

bool prompt_ask_yes(struct prompt *prompt, const char *question)
{
	char *answer;

	return prompt_ask_word(prompt, question, &answer) && prompt_begins("yes", answer);
}

bool prompt_ask_decision(struct prompt *prompt, const char *question)
{
	char *answer;

	if (!prompt->terminal)
		return prompt_ask_yes(prompt, question);
	do {
		console_flush(prompt->console);
		lineinput_forget(&prompt->input);
		if (!prompt_ask_word(prompt, question, &answer))
			return false;
		question = "The whole word, please: yes or no? ";
	} while (prompt_begins("yes", answer) && strcasecmp(answer, "yes") != 0);
	return strcasecmp(answer, "yes") == 0;
}

void prompt_resume(struct prompt *prompt)
{
	if (!prompt->terminal || stop_requested())
		return;
	prompt->over = false;
	prompt->input.ended = false;
}

void prompt_leave_rest(struct prompt *prompt)
{
	if (prompt->terminal || prompt->over)
		return;
	console_put(prompt->console, "The rest of the input is left alone.\n");
	prompt->over = true;
}

void prompt_expect(struct prompt *prompt, unsigned count)
{
	prompt->owed += count;
}

void prompt_settle(struct prompt *prompt)
{
	prompt->late = prompt->terminal ? 0 : prompt->owed;
	prompt->owed = 0;
}
