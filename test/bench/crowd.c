/*
 * A crowd at once: many secure connections, each of which sends its next message when the receipt for the last one
 * came.
 *
 * usage: crowd -f FROM -k KEYFILE [-n COUNT] [-t SECONDS] [-u] [-q] [-c] ADDR
 *
 * One thread serves them all, so that it costs as little as possible. With -t 0 the connections are held, silent,
 * until standard input ends; -q exchanges no keys on them either; "held" is printed once they are all open. With -c
 * they are silent, and opened anew all the time, one after the other, until standard input ends. -u takes any bytes for
 * receipts. The connections come from FROM and the addresses after it. Prints the messages and the seconds they took.
 */
#include <inttypes.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "arguments.h"
#include "exchange.h"
#include "line.h"
#include "moment.h"

#define EVENTS_MAX 64

struct member {
	struct line line;
	struct exchange_keys keys;
};

struct crowd {
	struct exchange exchange;
	struct member *members;
	size_t count;
	bool quiet;
	int epoll;
	uint64_t messages; /* receipts that came */
	struct buffer sealed;
};

static void gather(struct crowd *crowd, struct in_addr from, struct in_addr to)
{
	crowd->members = calloc(crowd->count, sizeof(*crowd->members));
	crowd->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!crowd->members || crowd->epoll < 0)
		arguments_fail("cannot begin");
	for (size_t i = 0; i < crowd->count; i++) {
		struct member *member = &crowd->members[i];
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = member};

		line_open(&member->line, arguments_address_after(from, (uint32_t)i), to);
		if (!crowd->quiet)
			exchange_keys(&crowd->exchange, &member->line, &member->keys);
		if (epoll_ctl(crowd->epoll, EPOLL_CTL_ADD, member->line.fd, &event) != 0)
			arguments_fail("cannot watch a connection");
	}
}

static void speak(struct crowd *crowd, struct member *member)
{
	char text[64];

	snprintf(text, sizeof(text), "message %" PRIu64 " of many", crowd->messages);
	crowd->sealed.len = 0;
	exchange_seal(&crowd->exchange, &member->keys, text, &crowd->sealed);
	line_send(&member->line, crowd->sealed.data, crowd->sealed.len);
}

/* Sends messages for so many seconds; what is under way then is awaited and counted. Returns the seconds it took. */
static double talk(struct crowd *crowd, double seconds)
{
	int64_t began_ns = moment_ns(), until_ns = began_ns + (int64_t)(seconds * MOMENT_SECOND_NS);
	size_t waiting = crowd->count;
	struct epoll_event events[EVENTS_MAX];

	for (size_t i = 0; i < crowd->count; i++)
		speak(crowd, &crowd->members[i]);
	while (waiting > 0) {
		int ready = epoll_wait(crowd->epoll, events, EVENTS_MAX, -1);
		bool over = moment_ns() >= until_ns;

		for (int i = 0; i < ready; i++) {
			struct member *member = events[i].data.ptr;
			const char *object;
			size_t len;

			line_receive(&member->line, &object, &len);
			exchange_check(&crowd->exchange, &member->keys, object, len);
			crowd->messages++;
			if (over)
				waiting--;
			else
				speak(crowd, member);
		}
	}
	return (double)(moment_ns() - began_ns) / MOMENT_SECOND_NS;
}

static void say_held(void)
{
	printf("held\n");
	fflush(stdout);
}

/* Opens one connection after the other anew. Whether the other end has closed it by now does not matter. */
static void push(struct crowd *crowd, struct in_addr from, struct in_addr to)
{
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};

	say_held();
	for (size_t i = 0; poll(&input, 1, 0) == 0; i = (i + 1) % crowd->count) {
		close(crowd->members[i].line.fd);
		line_open(&crowd->members[i].line, arguments_address_after(from, (uint32_t)i), to);
	}
}

static void hold(void)
{
	char byte;

	say_held();
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
}

int main(int argc, char **argv)
{
	struct crowd crowd = {.count = 64};
	struct in_addr from = {0}, to;
	const char *key_file = NULL;
	bool unchecked = false, pushing = false;
	double seconds = 1;
	const struct argument list[] = {
	    {'f', ARGUMENT_ADDRESS, &from},
	    {'k', ARGUMENT_WORD, &key_file},
	    {'n', ARGUMENT_COUNT, &crowd.count},
	    {'t', ARGUMENT_NUMBER, &seconds},
	    {'u', ARGUMENT_FLAG, &unchecked},
	    {'q', ARGUMENT_FLAG, &crowd.quiet},
	    {'c', ARGUMENT_FLAG, &pushing},
	    {0},
	};
	char **others = arguments_read(argc, argv, list);

	to = arguments_address(others[0]);
	crowd.quiet |= pushing;
	if (!key_file || sodium_init() < 0)
		return 2;
	exchange_init(&crowd.exchange, key_file, unchecked);
	gather(&crowd, from, to);
	if (pushing)
		push(&crowd, from, to);
	else if (seconds > 0)
		seconds = talk(&crowd, seconds);
	else
		hold();
	for (size_t i = 0; i < crowd.count && !pushing; i++)
		line_finish(&crowd.members[i].line);
	printf("%" PRIu64 " %.9f\n", crowd.messages, seconds);
	buffer_free(&crowd.sealed);
	close(crowd.epoll);
	free(crowd.members);
	return 0;
}
