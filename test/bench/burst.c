/*
 * How fast a listener takes what waits for it: announcements are sent while it is stopped, then the time is taken in
 * which it empties its queue.
 *
 * usage: burst -f FROM -p PID [-n COUNT] [-m DATAGRAMS] [-c ROUNDS] ADDR
 *
 * A sender that runs beside the listener is no faster than the listener and takes processor time from it; so they
 * take turns here. Each round DATAGRAMS are sent to ADDR, by COUNT users in turn from FROM and the addresses after
 * it, while the process PID is stopped. Prints for each round how many the kernel kept, how many it dropped, the
 * seconds until the last of them was taken, and when the process was let go on (wall clock).
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arguments.h"
#include "moment.h"
#include "net/address.h"
#include "speakers.h"

#define PATIENCE_NS (5 * MOMENT_SECOND_NS)
/* Between two rounds. */
#define REST_NS (MOMENT_SECOND_NS / 10)
/* Between two looks at the queue, so that looking takes little from the listener. */
#define LOOK_NS 200000

struct queue {
	unsigned long bytes; /* that wait */
	unsigned long drops; /* since the socket was opened */
};

/* Looks at the socket for port 6000 that hears what is sent to address: one bound to it, or to all. */
static struct queue look(struct in_addr address)
{
	FILE *table = fopen("/proc/self/net/udp", "r");
	struct queue queue = {0};
	char row[256];
	bool exact = false;

	if (!table)
		arguments_fail("cannot look at the sockets");
	while (!exact && fgets(row, sizeof(row), table)) {
		unsigned bound, port;
		unsigned long waiting;
		const char *last = strrchr(row, ' ');

		/* The drops are the last column; the row ends in spaces. */
		while (last && last > row && strspn(last, " \n") == strlen(last)) {
			row[last - row] = '\0';
			last = strrchr(row, ' ');
		}
		if (!last || sscanf(row, " %*d: %x:%x %*x:%*x %*x %*x:%lx", &bound, &port, &waiting) != 3 ||
		    port != PRESENCE_PORT || (bound != 0 && bound != address.s_addr))
			continue;
		exact = bound == address.s_addr;
		queue = (struct queue){.bytes = waiting, .drops = strtoul(last, NULL, 10)};
	}
	fclose(table);
	return queue;
}

static bool is_stopped(pid_t pid)
{
	char path[64], state = ' ';
	DIR *tasks;
	const struct dirent *task;
	bool stopped = true;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	if (!tasks)
		arguments_fail("the listener is not there");
	while ((task = readdir(tasks))) {
		char stat_path[sizeof(path) + sizeof(task->d_name) + 8];
		FILE *stat;

		if (task->d_name[0] == '.')
			continue;
		snprintf(stat_path, sizeof(stat_path), "%s/%s/stat", path, task->d_name);
		stat = fopen(stat_path, "r");
		if (stat && fscanf(stat, "%*d (%*[^)]) %c", &state) == 1)
			stopped &= state == 'T';
		if (stat)
			fclose(stat);
	}
	closedir(tasks);
	return stopped;
}

static void stop(pid_t pid)
{
	if (kill(pid, SIGSTOP) != 0)
		arguments_fail("cannot stop the listener");
	while (!is_stopped(pid))
		moment_await(moment_ns() + MOMENT_SECOND_NS / 10000);
}

static void measure(struct speakers *speakers, pid_t pid, struct in_addr to, size_t datagrams)
{
	unsigned long drops = look(to).drops;
	int64_t began_ns, now_ns, wall_ns;

	stop(pid);
	speakers_send(speakers, datagrams);
	drops = look(to).drops - drops;
	wall_ns = moment_wall_ns();
	began_ns = moment_ns();
	kill(pid, SIGCONT);
	do {
		moment_await(moment_ns() + LOOK_NS);
		now_ns = moment_ns();
		errno = 0;
		if (now_ns > began_ns + PATIENCE_NS)
			arguments_fail("the listener does not empty its queue");
	} while (look(to).bytes > 0);
	printf("%zu %lu %.9f %.6f\n", datagrams - drops, drops, (double)(now_ns - began_ns) / MOMENT_SECOND_NS,
	    (double)wall_ns / MOMENT_SECOND_NS);
}

int main(int argc, char **argv)
{
	struct speakers speakers;
	struct in_addr from = {0}, to;
	size_t count = 1, datagrams = 1, rounds = 1, pid = 0;
	const struct argument list[] = {
	    {'f', ARGUMENT_ADDRESS, &from},
	    {'n', ARGUMENT_COUNT, &count},
	    {'m', ARGUMENT_COUNT, &datagrams},
	    {'c', ARGUMENT_COUNT, &rounds},
	    {'p', ARGUMENT_COUNT, &pid},
	    {0},
	};
	char **others = arguments_read(argc, argv, list);

	to = arguments_address(others[0]);
	if (pid == 0 || sodium_init() < 0)
		return 2;
	speakers_init(&speakers, from, count);
	speakers_add_destination(&speakers, to);
	for (size_t i = 0; i < rounds; i++) {
		moment_await(moment_ns() + REST_NS);
		measure(&speakers, (pid_t)pid, to, datagrams);
	}
	speakers_free(&speakers);
	return 0;
}
