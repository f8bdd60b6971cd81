/*
 * Announcements from many addresses of this machine.
 *
 * usage: flood -f FROM [-n COUNT] [-t SECONDS] [-r RATE] ADDR...
 *
 * COUNT users announce themselves in turn, from FROM and the addresses after it, to each ADDR; for SECONDS, or just
 * once round with -t 0; as fast as can be, or RATE of them a second, evenly. Prints how many datagrams were sent (to
 * each ADDR), the seconds that took, when it began (wall clock), and the longest delay of a datagram against its
 * time.
 */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

#include "arguments.h"
#include "moment.h"
#include "speakers.h"

/* So many between two looks at the clock. */
#define UNPACED_BATCH 64

static void send_unpaced(struct speakers *speakers, double seconds)
{
	int64_t until_ns = moment_ns() + (int64_t)(seconds * MOMENT_SECOND_NS);

	if (seconds <= 0)
		speakers_send(speakers, speakers->count);
	else
		while (moment_ns() < until_ns)
			speakers_send(speakers, UNPACED_BATCH);
}

/* Returns the longest delay of one of them. */
static int64_t send_paced(struct speakers *speakers, double seconds, double rate, int64_t began_ns)
{
	uint64_t total = seconds > 0 ? (uint64_t)(seconds * rate) : speakers->count;
	int64_t latest_ns = 0;

	while (speakers->sent < total) {
		int64_t due_ns = began_ns + (int64_t)((double)speakers->sent / rate * MOMENT_SECOND_NS);
		int64_t late_ns;

		moment_await(due_ns);
		late_ns = moment_ns() - due_ns;
		latest_ns = late_ns > latest_ns ? late_ns : latest_ns;
		speakers_send(speakers, 1);
	}
	return latest_ns;
}

int main(int argc, char **argv)
{
	struct speakers speakers;
	struct in_addr from = {0};
	size_t count = 1;
	double seconds = 0, rate = 0;
	int64_t began_ns, wall_ns, late_ns = 0;
	const struct argument list[] = {
	    {'f', ARGUMENT_ADDRESS, &from},
	    {'n', ARGUMENT_COUNT, &count},
	    {'t', ARGUMENT_NUMBER, &seconds},
	    {'r', ARGUMENT_NUMBER, &rate},
	    {0},
	};
	char **others = arguments_read(argc, argv, list);

	if (sodium_init() < 0)
		return 1;
	speakers_init(&speakers, from, count);
	for (; *others; others++)
		speakers_add_destination(&speakers, arguments_address(*others));
	moment_sharpen();
	wall_ns = moment_wall_ns();
	began_ns = moment_ns();
	if (rate > 0)
		late_ns = send_paced(&speakers, seconds, rate, began_ns);
	else
		send_unpaced(&speakers, seconds);
	printf("%" PRIu64 " %.9f %.6f %.6f\n", speakers.sent, (double)(moment_ns() - began_ns) / MOMENT_SECOND_NS,
	    (double)wall_ns / MOMENT_SECOND_NS, (double)late_ns / MOMENT_SECOND_NS);
	speakers_free(&speakers);
	return 0;
}
