/*
 * How long a plain message takes from its sender to the log: each says when it was sent, and the log is watched for
 * it.
 *
 * usage: courier -f FROM -l LOG [-n SENDERS] [-r RATE] [-t SECONDS] ADDR
 *
 * RATE messages a second are sent evenly. A single sender looks out for each message itself, without sleeping, before
 * it sends the next. Where there are more, they only send, and a thread looks every 20 us, as it must leave the
 * processors to those who are measured. Prints the microseconds, a line a message, sorted.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arguments.h"
#include "line.h"
#include "moment.h"

#define SENDERS_MAX 16
#define LOOK_NS 20000
/* Who takes this much longer than planned sends at another rate; some delay a busy machine makes up for. */
#define SLACK_FACTOR 2
/* What has not arrived after this never will. */
#define PATIENCE_NS (5 * MOMENT_SECOND_NS)
#define ADDRESSES 8

static const char mark[] = "sent at ";

struct courier {
	struct in_addr from, to;
	int log;
	off_t read_to; /* in the log */
	char rest[64 * 1024];
	size_t rest_len;
	int64_t *latencies_ns;
	size_t wanted, arrived;
	double rate;
	size_t senders;
	int64_t began_ns;
};

struct sender {
	struct courier *courier;
	pthread_t thread;
	size_t number;
};

static int compare(const void *left, const void *right)
{
	const int64_t *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

static void send_one(const struct courier *courier, size_t number)
{
	struct line line;
	char object[128];
	int64_t now_ns = moment_ns();
	int len = snprintf(object, sizeof(object), "{\"unencrypted_message\": \"%s%020" PRId64 "\"}", mark, now_ns);

	line_open(&line, arguments_address_after(courier->from, (uint32_t)(number % ADDRESSES)), courier->to);
	line_send(&line, object, (size_t)len);
	line_finish(&line);
}

/* Takes the marks out of what is read, and keeps the end, where a mark may have begun. */
static void take_marks(struct courier *courier, int64_t now_ns)
{
	char *cursor = courier->rest, *end = courier->rest + courier->rest_len, *found;
	const size_t whole = strlen(mark) + 20;

	while ((found = memmem(cursor, (size_t)(end - cursor), mark, strlen(mark))) && (size_t)(end - found) >= whole) {
		if (courier->arrived < courier->wanted)
			courier->latencies_ns[courier->arrived++] = now_ns - strtoll(found + strlen(mark), NULL, 10);
		cursor = found + whole;
	}
	if (!found && (size_t)(end - cursor) > whole)
		cursor = end - whole;
	if (found)
		cursor = found;
	courier->rest_len = (size_t)(end - cursor);
	memmove(courier->rest, cursor, courier->rest_len);
}

/* Reads what the log has grown by. */
static void look(struct courier *courier)
{
	struct stat status;
	int64_t now_ns;

	if (fstat(courier->log, &status) != 0)
		arguments_fail("cannot look at the log");
	now_ns = moment_ns();
	while (courier->read_to < status.st_size) {
		ssize_t got = pread(courier->log, courier->rest + courier->rest_len,
		    sizeof(courier->rest) - courier->rest_len - 1, courier->read_to);

		if (got <= 0)
			arguments_fail("cannot read the log");
		courier->rest_len += (size_t)got;
		courier->rest[courier->rest_len] = '\0';
		courier->read_to += got;
		take_marks(courier, now_ns);
	}
}

static void *watch(void *argument)
{
	struct courier *courier = argument;
	int64_t changed_ns = moment_ns();

	while (courier->arrived < courier->wanted && moment_ns() < changed_ns + PATIENCE_NS) {
		size_t before = courier->arrived;

		look(courier);
		if (courier->arrived > before)
			changed_ns = moment_ns();
		moment_await(moment_ns() + LOOK_NS);
	}
	return NULL;
}

/* Sends one, and looks for it until it is there. */
static void send_and_await(struct courier *courier, size_t number)
{
	int64_t began_ns = moment_ns();
	size_t before = courier->arrived;

	send_one(courier, number);
	while (courier->arrived == before && moment_ns() < began_ns + PATIENCE_NS)
		look(courier);
}

/* Sends this sender's share, each message at its time. */
static void *run(void *argument)
{
	const struct sender *sender = argument;
	struct courier *courier = sender->courier;

	for (size_t i = sender->number; i < courier->wanted; i += courier->senders) {
		moment_await(courier->began_ns + (int64_t)((double)i / courier->rate * MOMENT_SECOND_NS));
		if (courier->senders == 1)
			send_and_await(courier, i);
		else
			send_one(courier, i);
	}
	return NULL;
}

static void start(pthread_t *thread, void *(*function)(void *), void *argument)
{
	errno = pthread_create(thread, NULL, function, argument);
	if (errno != 0)
		arguments_fail("cannot start a thread");
}

/* Sends them all and awaits their arrival. */
static void deliver(struct courier *courier)
{
	struct sender senders[SENDERS_MAX];
	double planned_ns = (double)courier->wanted / courier->rate * MOMENT_SECOND_NS;
	pthread_t watcher;

	if (courier->senders > 1)
		start(&watcher, watch, courier);
	courier->began_ns = moment_ns();
	for (size_t i = 0; i < courier->senders; i++) {
		senders[i] = (struct sender){.courier = courier, .number = i};
		start(&senders[i].thread, run, &senders[i]);
	}
	for (size_t i = 0; i < courier->senders; i++)
		pthread_join(senders[i].thread, NULL);
	errno = 0;
	if ((double)(moment_ns() - courier->began_ns) > planned_ns * SLACK_FACTOR + MOMENT_SECOND_NS / 10)
		arguments_fail("cannot send that many a second");
	if (courier->senders > 1)
		pthread_join(watcher, NULL);
	if (courier->arrived < courier->wanted)
		arguments_fail("some messages never reached the log");
}

int main(int argc, char **argv)
{
	static struct courier courier = {.rate = 10, .senders = 1};
	const char *log = NULL;
	double seconds = 1;
	const struct argument list[] = {
	    {'f', ARGUMENT_ADDRESS, &courier.from},
	    {'l', ARGUMENT_WORD, &log},
	    {'n', ARGUMENT_COUNT, &courier.senders},
	    {'r', ARGUMENT_NUMBER, &courier.rate},
	    {'t', ARGUMENT_NUMBER, &seconds},
	    {0},
	};
	char **others = arguments_read(argc, argv, list);

	if (courier.senders > SENDERS_MAX)
		return 2;
	courier.to = arguments_address(others[0]);
	courier.log = log ? open(log, O_RDONLY | O_CLOEXEC) : -1;
	if (courier.log < 0)
		arguments_fail("cannot open the log");
	courier.read_to = lseek(courier.log, 0, SEEK_END);
	courier.wanted = (size_t)(courier.rate * seconds);
	courier.latencies_ns = calloc(courier.wanted + 1, sizeof(*courier.latencies_ns));
	if (!courier.latencies_ns)
		arguments_fail("out of memory");
	moment_sharpen();
	deliver(&courier);
	qsort(courier.latencies_ns, courier.arrived, sizeof(*courier.latencies_ns), compare);
	for (size_t i = 0; i < courier.arrived; i++)
		printf("%.3f\n", (double)courier.latencies_ns[i] / 1000);
	free(courier.latencies_ns);
	close(courier.log);
	return 0;
}
