#include "term/quietkeys.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <termios.h>
#include <unistd.h>

static struct termios before;			/* how the terminal was */
static volatile sig_atomic_t watching, changed; /* it is to be, or has been, changed */
static bool told, gone;

/* Whether the terminal is this program's now: another's must not be touched. */
static bool has_terminal(void)
{
	return tcgetpgrp(STDIN_FILENO) == getpgrp();
}

static void change(void)
{
	struct termios quiet;

	if (!watching || !has_terminal() || tcgetattr(STDIN_FILENO, &quiet) != 0)
		return;
	if (!changed)
		before = quiet;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ICANON);
	quiet.c_cc[VMIN] = quiet.c_cc[VTIME] = 0;
	changed = tcsetattr(STDIN_FILENO, TCSANOW, &quiet) == 0;
}

static void restore(void)
{
	if (changed && has_terminal())
		tcsetattr(STDIN_FILENO, TCSANOW, &before);
	changed = 0;
}

static void on_signal(int number);

static void begin(void)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

	sigaction(SIGCONT, &action, NULL);
	action.sa_flags |= SA_RESETHAND | SA_NODEFER;
	sigaction(SIGTSTP, &action, NULL);
	change();
}

/* Stops as if nobody had handled the signal: if no shell is there to continue the program, the system does not stop it. */
static void on_signal(int number)
{
	int error = errno;

	if (number == SIGTSTP) {
		restore();
		raise(number);
	}
	begin();
	errno = error;
}

void quietkeys_begin(void)
{
	watching = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	if (watching)
		begin();
}

int quietkeys_fd(void)
{
	return changed && !gone && has_terminal() ? STDIN_FILENO : -1;
}

bool quietkeys_discard(void)
{
	char keys[256];
	ssize_t got;
	bool any = false;

	if (quietkeys_fd() < 0)
		return false;
	while ((got = read(STDIN_FILENO, keys, sizeof(keys))) > 0)
		any = true;
	/* Nothing more will come from a terminal that is gone. */
	gone = !any;
	any = any && !told;
	told |= any;
	return any;
}

void quietkeys_end(void)
{
	watching = 0;
	restore();
}
