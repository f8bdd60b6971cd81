#include "base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* Of setpriority(2): less than what people wait for. */
#define NICENESS 10

static void reset_signals(void)
{
	static const int defaults[] = {SIGTERM, SIGHUP, SIGCHLD, SIGWINCH, SIGTSTP};
	struct sigaction action = {.sa_handler = SIG_IGN};
	sigset_t none;

	sigaction(SIGINT, &action, NULL);
	action.sa_handler = SIG_DFL;
	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
		sigaction(defaults[i], &action, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Closes all but standard error and what is kept, one gap after the other. */
static void close_others(const int *keep, size_t count)
{
	unsigned from = STDERR_FILENO + 1;
	bool found;

	do {
		unsigned next = UINT_MAX;

		found = false;
		for (size_t i = 0; i < count; i++) {
			if (keep[i] >= (int)from && (unsigned)keep[i] < next) {
				next = (unsigned)keep[i];
				found = true;
			}
		}
		if (!found || next > from)
			close_range(from, found ? next - 1 : UINT_MAX, 0);
		from = next + 1;
	} while (found);
}

pid_t child_fork(const int *keep, size_t count)
{
	const pid_t parent = getpid();
	pid_t child = fork();
	int null;

	if (child != 0)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* It may have ended before. */
	if (getppid() != parent)
		_exit(1);
	reset_signals();
	close_others(keep, count);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
		_exit(1);
	close(null);
	setpriority(PRIO_PROCESS, 0, NICENESS);
	sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0});
	return 0;
}
