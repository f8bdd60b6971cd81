/*
 * Senders that open a connection for each message, as the initiator does, as fast as they are answered.
 *
 * usage: sender [-s] -f FROM -k KEYFILE [-n SENDERS] [-t SECONDS] [-u] ADDR
 *
 * Each of the senders is a thread, and sends one message at least. -s sends secure messages and awaits the receipts, -u takes any bytes for receipts.
 * They speak from FROM and the addresses after it. Prints the messages and the seconds they took.
 */
#include <inttypes.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arguments.h"
#include "exchange.h"
#include "line.h"
#include "moment.h"

/* Each sender goes round these, so that the ports suffice although the system keeps them for a minute after use. */
#define ADDRESSES 8
#define SENDERS_MAX 64

struct plan {
	bool secure;
	struct in_addr from, to;
	int64_t until_ns;
	struct exchange exchange;
};

struct sender {
	const struct plan *plan;
	pthread_t thread;
	uint32_t number;
	uint64_t messages;
};

static void send_plain(struct line *line, uint64_t number)
{
	char object[128];
	int len =
	    snprintf(object, sizeof(object), "{\"unencrypted_message\": \"message %" PRIu64 " of many\"}", number);

	line_send(line, object, (size_t)len);
}

static void send_secure(const struct exchange *exchange, struct line *line, struct buffer *sealed, uint64_t number)
{
	struct exchange_keys keys;
	const char *object;
	char text[64];
	size_t len;

	exchange_keys(exchange, line, &keys);
	snprintf(text, sizeof(text), "message %" PRIu64 " of many", number);
	sealed->len = 0;
	exchange_seal(exchange, &keys, text, sealed);
	line_send(line, sealed->data, sealed->len);
	line_receive(line, &object, &len);
	exchange_check(exchange, &keys, object, len);
}

static void *run(void *argument)
{
	struct sender *sender = argument;
	const struct plan *plan = sender->plan;
	struct buffer sealed = {0};
	struct line line;

	do {
		uint32_t address = sender->number * ADDRESSES + (uint32_t)(sender->messages % ADDRESSES);

		line_open(&line, arguments_address_after(plan->from, address), plan->to);
		if (plan->secure)
			send_secure(&plan->exchange, &line, &sealed, sender->messages);
		else
			send_plain(&line, sender->messages);
		line_finish(&line);
		sender->messages++;
	} while (moment_ns() < plan->until_ns);
	buffer_free(&sealed);
	return NULL;
}

int main(int argc, char **argv)
{
	struct plan plan = {0};
	static struct sender senders[SENDERS_MAX];
	const char *key_file = NULL;
	bool unchecked = false;
	size_t count = 2;
	double seconds = 1;
	uint64_t messages = 0;
	int64_t began_ns;
	const struct argument list[] = {
	    {'s', ARGUMENT_FLAG, &plan.secure},
	    {'f', ARGUMENT_ADDRESS, &plan.from},
	    {'k', ARGUMENT_WORD, &key_file},
	    {'n', ARGUMENT_COUNT, &count},
	    {'t', ARGUMENT_NUMBER, &seconds},
	    {'u', ARGUMENT_FLAG, &unchecked},
	    {0},
	};
	char **others = arguments_read(argc, argv, list);

	plan.to = arguments_address(others[0]);
	if (count > SENDERS_MAX || (plan.secure && !key_file) || sodium_init() < 0)
		return 2;
	if (plan.secure)
		exchange_init(&plan.exchange, key_file, unchecked);
	began_ns = moment_ns();
	plan.until_ns = began_ns + (int64_t)(seconds * MOMENT_SECOND_NS);
	for (size_t i = 0; i < count; i++) {
		senders[i] = (struct sender){.plan = &plan, .number = (uint32_t)i};
		if (pthread_create(&senders[i].thread, NULL, run, &senders[i]) != 0)
			arguments_fail("cannot start a thread");
	}
	for (size_t i = 0; i < count; i++) {
		pthread_join(senders[i].thread, NULL);
		messages += senders[i].messages;
	}
	printf("%" PRIu64 " %.9f\n", messages, (double)(moment_ns() - began_ns) / MOMENT_SECOND_NS);
	return 0;
}
