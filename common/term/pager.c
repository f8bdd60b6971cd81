#include "term/pager.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/launch.h"
#include "term/layout.h"

/* Long listings go out in pieces of about this size. */
#define PIECE_BYTES 65536
#define COMMAND_BYTES 1024
#define WORDS_MAX 32

void pager_begin(struct pager *pager, struct console *console, bool wanted)
{
	const char *term = getenv("TERM");
	bool can_page = term && term[0] != '\0' && strcmp(term, "dumb") != 0;

	*pager = (struct pager){
	    .console = console,
	    .height = wanted && can_page ? console_height(console) : 0,
	    .exit_fd = -1,
	    .pipe = -1,
	};
	console_init_draft(&pager->text, console);
}

struct console *pager_console(struct pager *pager)
{
	return pager->height > 0 ? &pager->text : pager->console;
}

/* Splits a copy of the user's command at spaces; returns whether there is a word. */
static bool read_command(const struct pager *pager, char command[static COMMAND_BYTES],
    const char *words[static WORDS_MAX + 1])
{
	const char *chosen = getenv("PAGER");
	size_t count = 0;
	char *rest;

	if (!memccpy(command, chosen ? chosen : pager->from_end ? "less -R +G" : "less -R", '\0', COMMAND_BYTES))
		return false;
	for (char *word = strtok_r(command, " ", &rest); word && count < WORDS_MAX; word = strtok_r(NULL, " ", &rest))
		words[count++] = word;
	words[count] = NULL;
	return count > 0;
}

/* Starts it; returns 0 or why that is not possible. */
static int start(struct pager *pager, const char *const *words)
{
	int input[2], rc;

	if (pipe2(input, O_CLOEXEC) != 0)
		return errno;
	/* What comes has the sequences of our styles, and no others; and who never saw less is told how to leave it. */
	setenv("LESS", "-R -Psq leaves?e (END).$", 0);
	rc = launch_program(words, NULL, input[0], &pager->pid);
	close(input[0]);
	if (rc != 0) {
		pager->pid = 0;
		close(input[1]);
		return rc;
	}
	fcntl(input[1], F_SETFL, O_NONBLOCK);
	pager->pipe = input[1];
	pager->exit_fd = (int)syscall(SYS_pidfd_open, pager->pid, 0);
	return 0;
}

/* Shows rows without a pager. */
static void show(struct pager *pager)
{
	if (pager->rows.len > 0 &&
	    buffer_append(&pager->console->outlet.backlog, pager->rows.data, pager->rows.len) != 0)
		pager->console->outlet.lost = true;
	buffer_free(&pager->rows);
	console_flush(pager->console);
}

/* Starts the pager if there is more than fits the screen; without one all goes to the console from now on. */
static void start_if_long(struct pager *pager)
{
	char command[COMMAND_BYTES];
	const char *words[WORDS_MAX + 1];
	size_t rows = 0;
	int rc = ENOENT;

	for (size_t i = 0; i < pager->rows.len; i++)
		rows += pager->rows.data[i] == '\n';
	if (rows < pager->height)
		return;
	console_flush(pager->console);
	if (read_command(pager, command, words))
		rc = start(pager, words);
	if (rc == 0)
		return;
	pager->height = 0;
	if (getenv("PAGER") && words[0]) {
		console_put_styled(pager->console, CONSOLE_WARNING, "cannot run ");
		console_put_foreign(pager->console, words[0], strlen(words[0]));
		console_put(pager->console, " of PAGER: %s\n", strerror(rc));
		console_flush(pager->console);
	}
	show(pager);
}

/* Gives the pager all rows, as it takes them. */
static void feed(struct pager *pager)
{
	while (pager->rows.len > 0 && !pager->over) {
		ssize_t written = write(pager->pipe, pager->rows.data, pager->rows.len);

		if (written > 0)
			buffer_consume(&pager->rows, (size_t)written);
		else if (written < 0 && errno == EAGAIN)
			pager->over = pager->wait(pager->wait_context, pager->pipe, true) != 0;
		else if (written < 0 && errno != EINTR)
			pager->over = true;
	}
}

static void hand_on(struct pager *pager)
{
	struct buffer *text = &pager->text.text;

	if (layout_append(&pager->rows, text->data, text->len, console_width(pager->console)) != 0)
		pager->console->outlet.lost = true;
	text->len = 0;
	if (pager->pid == 0)
		start_if_long(pager);
	if (pager->pid != 0)
		feed(pager);
}

bool pager_go_on(struct pager *pager)
{
	if (console_waiting_bytes(pager_console(pager)) >= PIECE_BYTES) {
		if (pager->height > 0)
			hand_on(pager);
		else
			console_flush(pager->console);
	}
	return !pager->over && !pager->console->outlet.broken;
}

void pager_end(struct pager *pager)
{
	if (pager->height > 0 && pager->text.text.len > 0 && !pager->over)
		hand_on(pager);
	if (pager->pid == 0)
		show(pager);
	if (pager->pipe >= 0)
		close(pager->pipe);
	if (pager->pid != 0) {
		if (pager->exit_fd >= 0 && pager->wait(pager->wait_context, pager->exit_fd, false) != 0)
			kill(pager->pid, SIGTERM);
		while (waitpid(pager->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (pager->exit_fd >= 0)
		close(pager->exit_fd);
	buffer_free(&pager->rows);
	console_free(&pager->text);
}
