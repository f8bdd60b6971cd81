#include "base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Less than what people wait for, as in setpriority(2), and in turns so long that any of that comes before their end. */
#define NICENESS 10
#define TURN_NS 100000000

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

static void give_way(void)
{
	struct sched_attr wanted = {
	    .size = sizeof(wanted),
	    .sched_policy = SCHED_BATCH,
	    .sched_nice = NICENESS,
	    .sched_runtime = TURN_NS,
	};

	syscall(SYS_sched_setattr, 0, &wanted, 0);
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
	give_way();
	return 0;
}
