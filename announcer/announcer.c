/*
 * Service_Announcer of the specification (2.1.0): asks for the user's name and broadcasts it every 8 seconds.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/stop.h"
#include "beacon.h"
#include "name.h"
#include "net/address.h"
#include "store/keyfile.h"
#include "store/peersfile.h"
#include "term/console.h"
#include "term/program.h"
#include "wire/announcement.h"

#define PERIOD_MIN_S 0.1
#define PERIOD_MAX_S 3600
#define PERIOD_RANGE PROGRAM_TEXT(PERIOD_MIN_S) " to " PROGRAM_TEXT(PERIOD_MAX_S)

static const char usage[] =
    "usage: announcer [-a ADDR] [-u NAME] [-t ADDR]... [-i SECONDS]\n"
    "\n"
    "Tells the network every 8 seconds that you are here, so that others can chat with you.\n"
    "\n"
    "  -a ADDR     speak only from this IPv4 address of this machine (default: every network)\n"
    "  -u NAME     your username (default: ask for it)\n"
    "  -t ADDR     announce to this IPv4 address as well, a broadcast address or a single host; up to " PROGRAM_TEXT(
	BEACON_TARGETS_MAX) "\n"
			    "  -i SECONDS  announce this often, " PERIOD_RANGE " seconds (default: 8)\n"
			    "  -h, --help     show this help\n"
			    "  -V, --version  show the version\n"
			    "\n"
			    "In the working directory, peers.txt keeps your name and identity.key is your secret.\n"
			    "Ctrl-C ends it and tells the others that you left.\n";

struct settings {
	char name[USERNAME_MAX_BYTES + 1]; /* empty: ask */
	struct in_addr targets[BEACON_TARGETS_MAX];
	size_t target_count;
	int64_t period_ms;
};

static int take_option(struct program *program, int option)
{
	struct settings *settings = program->settings;
	enum username_fault fault;
	double seconds;
	char *end;

	switch (option) {
	case 'u':
		fault = username_normalize(optarg, strlen(optarg), settings->name);
		if (fault != USERNAME_OK)
			return program_refuse(program, "the username", optarg, username_rule(fault));
		break;
	case 't':
		if (settings->target_count == BEACON_TARGETS_MAX)
			return program_refuse(program, "the destination", optarg,
			    "there are " PROGRAM_TEXT(BEACON_TARGETS_MAX) " already");
		if (address_parse(optarg, &settings->targets[settings->target_count]) != 0)
			return program_refuse(program, "the destination", optarg,
			    "it is an IPv4 address, such as 192.168.1.255");
		settings->target_count++;
		break;
	case 'i':
		seconds = strtod(optarg, &end);
		if (end == optarg || *end != '\0' || optarg[strspn(optarg, "0123456789.")] != '\0' ||
		    !(seconds >= PERIOD_MIN_S && seconds <= PERIOD_MAX_S))
			return program_refuse(program, "the period", optarg,
			    "it is a number of seconds from " PERIOD_RANGE);
		settings->period_ms = (int64_t)(seconds * 1000);
		break;
	}
	return PROGRAM_FINE;
}

/* Settles who the user is: from the command line or by asking. False if there is no name. */
static bool settle_name(struct console *out, struct settings *settings)
{
	struct peersfile *file = peersfile_new(AT_FDCWD);
	bool settled = file != NULL;

	if (settled && settings->name[0] == '\0')
		settled = name_ask(out, file, settings->name);
	if (settled)
		name_store(out, file, settings->name);
	peersfile_free(file);
	return settled;
}

/* Puts the public half of the identity, if there is one, into the announcement, and tells what is new about it. */
static void add_identity(struct console *out, const struct keyfile *key, const char *news,
    struct announcement *announcement)
{
	if (news)
		console_put_styled(out, CONSOLE_WARNING, "%s\n", news);
	memcpy(announcement->identity, key->identity.public, sizeof(announcement->identity));
	announcement->has_identity = key->is_usable;
}

/* Announces at once and then at every multiple of the period, so that delays do not add up. */
static void announce(struct beacon *beacon, struct keyfile *key, struct announcement *announcement, int64_t period_ms)
{
	int64_t due_ms = clock_monotonic_ms();

	while (!stop_requested()) {
		int64_t now_ms;
		struct timespec wait;

		add_identity(beacon->console, key, keyfile_refresh(key), announcement);
		beacon_send(beacon, announcement);
		now_ms = clock_monotonic_ms();
		due_ms += ((now_ms - due_ms) / period_ms + 1) * period_ms;
		while (!stop_requested() && now_ms < due_ms) {
			wait.tv_sec = (due_ms - now_ms) / 1000;
			wait.tv_nsec = (due_ms - now_ms) % 1000 * 1000000;
			ppoll(NULL, 0, &wait, stop_wait_mask());
			now_ms = clock_monotonic_ms();
		}
	}
	announcement->leaving = true;
	beacon_send(beacon, announcement);
}

static int run(struct program *program)
{
	struct settings *settings = program->settings;
	struct announcement announcement = {0};
	struct beacon beacon;
	struct keyfile key;
	struct console *out = &program->out;
	int rc = beacon_open(&beacon, program->has_address ? &program->address : NULL, settings->targets,
	    settings->target_count, out);

	if (rc != 0) {
		char ip[ADDRESS_TEXT_BYTES];

		console_put(&program->err, "announcer: cannot speak from %s: %s\n",
		    address_format(program->address, ip), strerror(rc));
		return PROGRAM_FAILED;
	}
	if (!settle_name(out, settings)) {
		if (!stop_requested())
			console_put(&program->err, "announcer: there is no username: the input ended; -u gives one\n");
		beacon_close(&beacon);
		return stop_requested() ? PROGRAM_FINE : PROGRAM_FAILED;
	}
	strcpy(announcement.username, settings->name);
	add_identity(out, &key, keyfile_open(&key, AT_FDCWD), &announcement);
	console_put(out, "You are ");
	console_put_name(out, CONSOLE_STRONG, announcement.username);
	console_put(out, ", announced every %g s.\n", (double)settings->period_ms / 1000);
	announce(&beacon, &key, &announcement, settings->period_ms);
	keyfile_close(&key);
	beacon_close(&beacon);
	return PROGRAM_FINE;
}

int main(int argc, char **argv)
{
	struct settings settings = {.period_ms = ANNOUNCE_PERIOD_MS};
	struct program program = {
	    .name = "announcer",
	    .usage = usage,
	    .options = "u:t:i:",
	    .take_option = take_option,
	    .run = run,
	    .settings = &settings,
	};

	return program_main(&program, argc, argv);
}
