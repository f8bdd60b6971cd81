/*
 * Peer_Discovery of the specification (2.2.0): listens for announcements and keeps the dictionary of peers.
 */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#include "base/clock.h"
#include "base/ratelimit.h"
#include "base/stop.h"
#include "keeper.h"
#include "listener.h"
#include "net/address.h"
#include "term/console.h"
#include "term/program.h"
#include "term/quietkeys.h"
#include "wire/announcement.h"

/* A malformed announcement is mentioned at most once a minute per sender, and some per second of all of them. */
#define REFUSAL_PERIOD_MS 60000
#define ALL_REFUSALS_BURST 20
#define ALL_REFUSALS_PERIOD_MS 3000

static const char usage[] =
    "usage: discovery [-a ADDR] [-C DIR]\n"
    "\n"
    "Listens on UDP port 6000 for announcements, says who is online, and keeps them in peers.txt.\n"
    "\n"
    "  -a ADDR        listen only on the network of this IPv4 address of this machine (default: all)\n"
    "  -C DIR         work in this directory (default: the one it is started in)\n"
    "  -h, --help     show this help\n"
    "  -V, --version  show the version\n"
    "\n"
    "In the working directory, peers.txt keeps who was heard. Ctrl-C ends it.\n";

/* After so many signatures in a second that did not hold, each address has one verification a second. */
#define FORGERIES_MAX 1000

/* What strangers may make us do. */
struct limits {
	struct ratelimit refusals;	/* lines on the screen */
	struct ratelimit verifications; /* after too many forgeries */
	int64_t second;			/* monotonic: in which the forgeries were counted */
	unsigned forgeries;
};

static void refuse(struct keeper *keeper, struct limits *limits, struct in_addr sender, const char *why)
{
	if (ratelimit_allow(&limits->refusals, sender, clock_monotonic_ms()))
		keeper_refuse(keeper, sender, why);
}

/* Whether to verify one more signature, which costs more than anything else that a datagram can cause. */
static bool may_verify(struct limits *limits, struct in_addr sender)
{
	int64_t now_ms = clock_monotonic_ms();

	if (limits->second != now_ms / 1000) {
		limits->second = now_ms / 1000;
		limits->forgeries = 0;
	}
	return limits->forgeries < FORGERIES_MAX || ratelimit_allow(&limits->verifications, sender, now_ms);
}

/* Reads an announcement; false if it is none, which is told. */
static bool read_announcement(struct keeper *keeper, struct limits *limits, const struct datagram *datagram,
    struct announcement *announcement)
{
	uint64_t digest = announcement->digest;
	const char *why = "it comes from port 0";

	if (datagram->sender.sin_port == 0 ||
	    announcement_parse(datagram->data, datagram->len, datagram->sender.sin_addr, announcement, &why) != 0) {
		refuse(keeper, limits, datagram->sender.sin_addr, why);
		return false;
	}
	announcement->digest = digest;
	return true;
}

/* Verifies a signed announcement whose text was not accepted before; what is wrong with it is told. */
static bool verify(struct keeper *keeper, struct limits *limits, const struct datagram *datagram,
    const struct sighting *sighting)
{
	const char *why = "somebody newer has announced that identity";

	if (!sighting->announcement.has_identity)
		return true;
	if (sighting->announcement.since_s >= sighting->since_s) {
		if (!may_verify(limits, sighting->address))
			return false;
		if (announcement_verify(datagram->data, datagram->len, &sighting->announcement))
			return true;
		limits->forgeries++;
		why = "its signature does not hold";
	}
	refuse(keeper, limits, sighting->address, why);
	return false;
}

/*
 * Hands what a batch of datagrams says to the keeper. Most say what their senders said before, and are not parsed, nor
 * their signatures verified.
 */
static void take_batch(struct keeper *keeper, struct limits *limits, const struct datagram *datagrams, size_t count,
    const uint8_t *digest_key)
{
	static struct sighting sightings[LISTENER_BATCH];
	int64_t now_ms = clock_wall_ms();
	size_t new_count, read_count = 0, valid_count = 0;

	for (size_t i = 0; i < count; i++) {
		sightings[i].address = datagrams[i].sender.sin_addr;
		sightings[i].datagram = i;
		/* What comes from port 0 is not taken, even if it was said before. */
		sightings[i].announcement.digest =
		    datagrams[i].sender.sin_port == 0
			? 0
			: announcement_digest(datagrams[i].data, datagrams[i].len, digest_key);
	}
	new_count = keeper_refresh(keeper, sightings, count, now_ms);
	for (size_t i = 0; i < new_count; i++) {
		if (read_announcement(keeper, limits, &datagrams[sightings[i].datagram], &sightings[i].announcement))
			sightings[read_count++] = sightings[i];
	}
	keeper_date(keeper, sightings, read_count);
	for (size_t i = 0; i < read_count; i++) {
		if (verify(keeper, limits, &datagrams[sightings[i].datagram], &sightings[i]))
			sightings[valid_count++] = sightings[i];
	}
	keeper_note(keeper, sightings, valid_count, now_ms);
}

/* Returns 0 when the user stops it, or why it cannot go on. */
static int listen_until_stopped(const struct listener *listener, struct keeper *keeper)
{
	static struct datagram datagrams[LISTENER_BATCH];
	static struct limits limits;
	uint8_t digest_key[ANNOUNCEMENT_DIGEST_KEY_BYTES];
	bool more = false, pressed = false;

	randombytes_buf(digest_key, sizeof(digest_key));
	ratelimit_init(&limits.refusals, 1, REFUSAL_PERIOD_MS);
	ratelimit_limit_all(&limits.refusals, ALL_REFUSALS_BURST, ALL_REFUSALS_PERIOD_MS);
	ratelimit_init(&limits.verifications, 1, 1000);
	while (!stop_requested()) {
		int rc = more ? 0 : listener_wait(listener, quietkeys_fd(), &pressed);

		if (rc == EINTR)
			continue;
		if (rc != 0)
			return rc;
		if (pressed && quietkeys_discard())
			keeper_answer_key(keeper);
		more = false;
		for (size_t i = 0; i < listener->count; i++) {
			size_t count = listener_read(listener, i, datagrams);

			more |= count == LISTENER_BATCH;
			if (count > 0)
				take_batch(keeper, &limits, datagrams, count, digest_key);
		}
	}
	return 0;
}

static int run(struct program *program)
{
	struct listener listener;
	struct keeper *keeper;
	struct in_addr address = program->address;
	char ip[ADDRESS_TEXT_BYTES];
	int rc = listener_open(&listener, program->has_address ? &address : NULL);

	address_format(address, ip);
	if (rc != 0) {
		console_put(&program->err, "discovery: cannot listen on %s:%d: %s%s\n", ip, PRESENCE_PORT, strerror(rc),
		    rc == EADDRINUSE ? "; another program has the port for itself" : "");
		return PROGRAM_FAILED;
	}
	console_set_title(&program->out, "discovery");
	console_put(&program->out, "Listening for users on %s:%d\n", ip, PRESENCE_PORT);
	console_flush(&program->out);
	rc = keeper_start(&keeper, AT_FDCWD, &program->out);
	if (rc != 0) {
		console_put(&program->err, "discovery: cannot start: %s\n", strerror(rc));
		listener_close(&listener);
		return PROGRAM_FAILED;
	}
	quietkeys_begin();
	rc = listen_until_stopped(&listener, keeper);
	quietkeys_end();
	if (rc != 0)
		console_put(&program->err, "discovery: cannot wait for announcements: %s\n", strerror(rc));
	keeper_stop(keeper);
	listener_close(&listener);
	return rc == 0 ? PROGRAM_FINE : PROGRAM_FAILED;
}

int main(int argc, char **argv)
{
	struct program program = {.name = "discovery", .usage = usage, .options = "", .run = run};

	return program_main(&program, argc, argv);
}
