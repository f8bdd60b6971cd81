#include "stop.h"

#include <stddef.h>

static volatile sig_atomic_t requested;
static sigset_t wait_mask;

static void on_signal(int number)
{
	(void)number;
	requested = 1;
}

void stop_install(void)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action = {.sa_handler = on_signal};
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigset_t blocked;

	sigemptyset(&blocked);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		sigaction(numbers[i], &action, NULL);
		sigaddset(&blocked, numbers[i]);
	}
	sigaction(SIGPIPE, &ignore, NULL);
	sigaction(SIGXFSZ, &ignore, NULL);
	sigprocmask(SIG_BLOCK, &blocked, &wait_mask);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigdelset(&wait_mask, numbers[i]);
}

bool stop_requested(void)
{
	return requested != 0;
}

const sigset_t *stop_wait_mask(void)
{
	return &wait_mask;
}
