#include "prompt.h"

#include <string.h>
#include <unistd.h>

void prompt_init(struct prompt *prompt, struct console *console)
{
	*prompt = (struct prompt){.console = console, .terminal = isatty(STDIN_FILENO)};
	lineinput_init(&prompt->input, STDIN_FILENO);
}

void prompt_free(struct prompt *prompt)
{
	lineinput_free(&prompt->input);
}

bool prompt_ask(struct prompt *prompt, const char *question, char **answer, size_t *len)
{
	console_put_styled(prompt->console, CONSOLE_NORMAL, "%s%s", question, prompt->terminal ? "" : "\n");
	console_flush(prompt->console);
	switch (lineinput_read(&prompt->input, answer, len)) {
	case LINEINPUT_LINE:
		return true;
	case LINEINPUT_TOO_LONG:
		console_put_styled(prompt->console, CONSOLE_WARNING,
		    "That line has more than %d bytes; it was thrown away.\n", LINEINPUT_MAX_BYTES);
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
