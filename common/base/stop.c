#include "base/stop.h"

#include <stdatomic.h>
#include <stddef.h>
#include <time.h>

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

#define SIGNALS (sizeof(signals) / sizeof(signals[0]))

/* Also read by other threads than the one that is interrupted. */
static atomic_bool requested;
static volatile sig_atomic_t interruptible, interrupted;
static sigset_t wait_mask;

static void on_signal(int number)
{
	if (number == SIGINT && interruptible)
		interrupted = true;
	else
		requested = true;
}

void stop_install(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigset_t blocked;

	sigemptyset(&blocked);
	for (size_t i = 0; i < SIGNALS; i++) {
		sigaction(signals[i], &action, NULL);
		sigaddset(&blocked, signals[i]);
	}
	sigaction(SIGPIPE, &ignore, NULL);
	sigaction(SIGXFSZ, &ignore, NULL);
	sigaddset(&blocked, SIGCHLD);
	sigprocmask(SIG_BLOCK, &blocked, &wait_mask);
	sigdelset(&wait_mask, SIGCHLD);
	for (size_t i = 0; i < SIGNALS; i++)
		sigdelset(&wait_mask, signals[i]);
}

bool stop_requested(void)
{
	sigset_t pending;

	/* One that is blocked, because no wait has come since, counts too: a long computation can be ended. */
	if (requested || sigpending(&pending) != 0)
		return requested;
	for (size_t i = 0; i < SIGNALS; i++)
		if (sigismember(&pending, signals[i]) == 1 && !(signals[i] == SIGINT && interruptible))
			requested = true;
	return requested;
}

/* Takes a SIGINT that is blocked; returns whether there was one. */
static bool take_interrupt(void)
{
	static const struct timespec at_once = {0};
	sigset_t interrupt;

	sigemptyset(&interrupt);
	sigaddset(&interrupt, SIGINT);
	return sigtimedwait(&interrupt, NULL, &at_once) == SIGINT;
}

void stop_set_interruptible(bool on)
{
	/* One from before still ends the program. */
	if (!interruptible && stop_requested())
		return;
	if (interruptible)
		take_interrupt();
	interruptible = on;
	interrupted = false;
}

bool stop_interrupted(void)
{
	if (interruptible && take_interrupt())
		interrupted = true;
	return interrupted || stop_requested();
}

const sigset_t *stop_wait_mask(void)
{
	return &wait_mask;
}
