#include "prompt.h"

#include <string.h>
#include <strings.h>
#include <unistd.h>

void prompt_init(struct prompt *prompt, struct console *console)
{
	*prompt = (struct prompt){.console = console, .terminal = isatty(STDIN_FILENO)};
	lineinput_init(&prompt->input, STDIN_FILENO);
}

void prompt_close(struct prompt *prompt)
{
	prompt->over = true;
	prompt->terminal = false;
}

void prompt_free(struct prompt *prompt)
{
	lineinput_free(&prompt->input);
}

/* Reads the line that is meant for this question. */
static enum lineinput_result read_answer(struct prompt *prompt, char **answer, size_t *len)
{
	enum lineinput_result result = lineinput_read(&prompt->input, answer, len);

	for (; prompt->late > 0 && (result == LINEINPUT_LINE || result == LINEINPUT_TOO_LONG); prompt->late--)
		result = lineinput_read(&prompt->input, answer, len);
	if (prompt->owed > 0)
		prompt->owed--;
	return result;
}

bool prompt_ask(struct prompt *prompt, const char *question, char **answer, size_t *len)
{
	if (prompt->over)
		return false;
	console_put_styled(prompt->console, CONSOLE_NORMAL, "%s%s", question, prompt->terminal ? "" : "\n");
	console_flush(prompt->console);
	switch (read_answer(prompt, answer, len)) {
	case LINEINPUT_LINE:
		return true;
	case LINEINPUT_TOO_LONG:
		console_put_styled(prompt->console, CONSOLE_WARNING,
		    "That line has more than %d bytes; it was thrown away.\n", LINEINPUT_MAX_BYTES);
		prompt->refused = true;
		return false;
	case LINEINPUT_END:
	case LINEINPUT_STOPPED:
		break;
	}
	if (prompt->terminal)
		console_put(prompt->console, "\n");
	prompt->over = true;
	return false;
}

bool prompt_ask_word(struct prompt *prompt, const char *question, char **answer)
{
	static const char space[] = " \t\v\f\r";
	size_t len;

	if (!prompt_ask(prompt, question, answer, &len))
		return false;
	/* A NUL in the input ends the word: no command, name or number has one. */
	*answer += strspn(*answer, space);
	len = strlen(*answer);
	while (len > 0 && strchr(space, (*answer)[len - 1]))
		len--;
	(*answer)[len] = '\0';
	return len > 0;
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

void prompt_expect(struct prompt *prompt, unsigned count)
{
	prompt->owed += count;
}

void prompt_settle(struct prompt *prompt)
{
	prompt->late = prompt->terminal ? 0 : prompt->owed;
	prompt->owed = 0;
}
