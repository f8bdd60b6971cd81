/*
 * Launches a program again and again, and takes the time.
 *
 * usage: launch [-c COUNT] [-i INPUT] [-r READY] PROGRAM [ARGUMENT]...
 *
 * INPUT is what the program reads from a pipe. With -r the time is that until READY stands in what it writes, after
 * which it is ended by SIGTERM; without, until it has ended. Prints for each launch the microseconds and, as the
 * kernel says it, the most memory it took in KiB and the microseconds of processor time, its children included. This is a
 * program and no script, because a child begins with the memory figure of its parent.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arguments.h"
#include "moment.h"

extern char **environ;

#define CHUNK_BYTES 65536

struct launch {
	const char *input, *ready;
	char **command;
	pid_t pid;
	int in, out; /* our ends of its pipes */
};

static void spawn(struct launch *launch)
{
	posix_spawn_file_actions_t actions;
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
		arguments_fail("cannot make a pipe");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
	errno = posix_spawnp(&launch->pid, launch->command[0], &actions, NULL, launch->command, environ);
	if (errno != 0)
		arguments_fail("cannot launch it");
	posix_spawn_file_actions_destroy(&actions);
	close(in[0]);
	close(out[1]);
	launch->in = in[1];
	launch->out = out[0];
	if (launch->input && write(launch->in, launch->input, strlen(launch->input)) < 0)
		arguments_fail("it does not read");
}

/* Reads until the words are there or, where they are NULL, until the end. Returns when that was. */
static int64_t read_until(const struct launch *launch, const char *words)
{
	static char chunk[CHUNK_BYTES];
	size_t len = 0;
	ssize_t got;

	while ((got = read(launch->out, chunk + len, sizeof(chunk) - len)) > 0) {
		if (!words)
			continue;
		len += (size_t)got;
		if (memmem(chunk, len, words, strlen(words)))
			return moment_ns();
	}
	errno = 0;
	if (words)
		arguments_fail("it did not say that it is ready");
	return moment_ns();
}

int main(int argc, char **argv)
{
	struct launch launch = {0};
	struct rusage usage;
	size_t count = 1;
	int status;
	const struct argument list[] = {
	    {'c', ARGUMENT_COUNT, &count},
	    {'i', ARGUMENT_WORD, &launch.input},
	    {'r', ARGUMENT_WORD, &launch.ready},
	    {0},
	};
	char **others = arguments_read(argc, argv, list);

	launch.command = others;
	if (!others[0])
		return 2;
	for (size_t i = 0; i < count; i++) {
		int64_t began_ns = moment_ns(), ended_ns;

		spawn(&launch);
		ended_ns = read_until(&launch, launch.ready);
		if (launch.ready)
			kill(launch.pid, SIGTERM);
		close(launch.in);
		if (launch.ready)
			read_until(&launch, NULL);
		wait4(launch.pid, &status, 0, &usage);
		if (!launch.ready)
			ended_ns = moment_ns();
		close(launch.out);
		errno = 0;
		if (!launch.ready && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
			arguments_fail("it failed");
		printf("%.3f %ld %.0f\n", (double)(ended_ns - began_ns) / 1000, usage.ru_maxrss,
		    (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
			(double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec));
	}
	return 0;
}
