/*
 * Service_Announcer of the specification (2.1.0): asks for the user's name and broadcasts it every 8 seconds.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/stop.h"
#include "base/text.h"
#include "beacon.h"
#include "farther.h"
#include "name.h"
#include "net/address.h"
#include "notices.h"
#include "openrooms.h"
#include "store/keyfile.h"
#include "store/peersfile.h"
#include "term/console.h"
#include "term/program.h"
#include "term/quietkeys.h"
#include "term/secret.h"
#include "trust/ownname.h"
#include "wire/announcement.h"

#define PERIOD_MIN_S 0.1
#define PERIOD_MAX_S 3600
#define PERIOD TEXT_OF(ANNOUNCE_PERIOD_S)
#define PERIOD_RANGE TEXT_OF(PERIOD_MIN_S) " to " TEXT_OF(PERIOD_MAX_S)
/* Other rooms are announced at once the first time, and then this often at most. */
#define ROOMS_PERIOD_MS 60000
#define TARGETS TEXT_OF(FARTHER_ASKED_MAX)

static const char usage[] =
    "usage: announcer [-a ADDR] [-C DIR] [-u NAME] [-t ADDR]... [-i SECONDS] [--passphrase-fd N]\n"
    "\n"
    "Tells the network every " PERIOD " seconds that you are here, so that others can chat with you.\n"
    "\n"
    "  -a ADDR        speak only from this IPv4 address of this machine (default: every network)\n"
    "  -C DIR         work in this directory (default: the one it is started in)\n"
    "  -u NAME        your username (default: ask for it)\n"
    "  -t ADDR        announce to this IPv4 address as well, a broadcast address or a single host; up to " TARGETS "\n"
    "  -i SECONDS     announce this often, " PERIOD_RANGE " seconds (default: " PERIOD ")\n"
    "  --passphrase-fd N\n"
    "                 read the passphrase of identity.key from this descriptor, a line (default: ask for it)\n"
    "  -h, --help     show this help\n"
    "  -V, --version  show the version\n"
    "\n"
    "In the working directory, peers.txt keeps your name and identity.key is your secret.\n"
    "Ctrl-C ends it and tells the others that you left.\n";

struct settings {
	char name[USERNAME_MAX_BYTES + 1]; /* empty: ask */
	struct in_addr targets[FARTHER_ASKED_MAX];
	size_t target_count;
	int64_t period_ms;
};

static int take_option(struct program *program, int option)
{
	struct settings *settings = program->settings;
	enum username_fault fault;
	const char *rule;
	double seconds;
	char *end;

	switch (option) {
	case 'u':
		fault = username_normalize(optarg, strlen(optarg), settings->name);
		rule = fault == USERNAME_OK ? ownname_rule(settings->name) : username_rule(fault);
		if (rule)
			return program_refuse(program, "the username", optarg, rule);
		break;
	case 't':
		if (settings->target_count == FARTHER_ASKED_MAX)
			return program_refuse(program, "the destination", optarg, "there are " TARGETS " already");
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

/* The user as announced. */
struct self {
	struct console *out;
	struct peersfile *file;
	struct keyfile key;
	struct announcement announcement;
	bool is_stored;	 /* the name is in the file, or another that somebody has put in its place since */
	bool is_doubled; /* the identity was found elsewhere, and the user knows */
	struct notices notices;
	bool is_unlooked; /* peers.txt may have other rooms than are announced */
	int64_t rooms_ms; /* monotonic: when other rooms were announced last, or 0 */
	struct beacon beacon;
	const struct settings *settings;
	struct beacon_target targets[BEACON_TARGETS_MAX]; /* besides this machine's networks, the last time */
	size_t target_count;
};

static const struct identity *identity_of(const struct self *self)
{
	return self->key.is_usable ? &self->key.identity : NULL;
}

static void say_name(const struct self *self, const char *before, const char *after)
{
	console_put(self->out, "%s ", before);
	console_put_name(self->out, CONSOLE_STRONG, self->announcement.username);
	console_put(self->out, "%s\n", after);
	console_set_title(self->out, "announcer: %s", self->announcement.username);
}

/* Begins a new text of the announcement. */
static void renew(struct self *self)
{
	struct announcement *announcement = &self->announcement;
	char before[USERNAME_MAX_BYTES + 1];

	strcpy(before, announcement->username);
	memcpy(announcement->identity, self->key.identity.public, sizeof(announcement->identity));
	announcement->has_identity = self->key.is_usable;
	self->is_stored =
	    name_store(self->out, self->file, self->is_stored, announcement->username, &announcement->since_s);
	if (strcmp(before, announcement->username) != 0)
		say_name(self, "From now on you are", ".");
}

/* Announces another name that the user has taken in the initiator. */
static void check_name(struct self *self)
{
	const char *stored;

	if (!self->is_stored || peersfile_read_content(self->file) != 0)
		return;
	stored = peersfile_username(self->file);
	if (!stored || strcmp(stored, self->announcement.username) != 0)
		renew(self);
}

/* Takes over which rooms there are by now. Returns whether these are others than are announced. */
static bool take_rooms(struct self *self)
{
	struct announcement *announcement = &self->announcement;
	struct announcement_room rooms[ANNOUNCEMENT_ROOMS_MAX];
	size_t count;

	if (!self->key.is_usable || peersfile_read_content(self->file) != 0)
		return false;
	self->is_unlooked = self->notices.files < 0;
	count = openrooms_list(self->file, self->key.identity.public, rooms);
	if (count == announcement->room_count && memcmp(rooms, announcement->rooms, sizeof(rooms)) == 0)
		return false;
	announcement->room_count = count;
	memcpy(announcement->rooms, rooms, sizeof(rooms));
	return true;
}

/* Announces other rooms, unless that was done a moment ago: then later. Returns whether there is something to announce. */
static bool check_rooms(struct self *self)
{
	int64_t now_ms = clock_monotonic_ms();

	if (!self->is_unlooked || (self->rooms_ms != 0 && now_ms - self->rooms_ms < ROOMS_PERIOD_MS) ||
	    !take_rooms(self))
		return false;
	self->rooms_ms = now_ms;
	renew(self);
	return true;
}

/* How many of the targets the user wants, and not only those who announce from there. */
static size_t count_wanted(const struct self *self)
{
	size_t count = 0;

	while (count < self->target_count && !self->targets[count].is_answer)
		count++;
	return count;
}

/* Takes over where to announce to besides this machine's networks. Returns whether the user wants it to be elsewhere by now. */
static bool take_targets(struct self *self)
{
	const struct settings *settings = self->settings;
	struct interface networks[INTERFACES_MAX];
	struct beacon_target before[BEACON_TARGETS_MAX];
	size_t count = count_wanted(self);
	bool is_new;

	memcpy(before, self->targets, sizeof(before));
	self->target_count = farther_list(settings->targets, settings->target_count, self->file, networks,
	    interfaces_list(self->beacon.only, networks), clock_wall_ms(), self->targets);
	is_new = count_wanted(self) != count;
	for (size_t i = 0; i < count && !is_new; i++)
		is_new = before[i].to.s_addr != self->targets[i].to.s_addr;
	return is_new;
}

/* Waits until due_ms, or until the user stops it; or there is something to announce before. */
static void await_turn(struct self *self, int64_t due_ms)
{
	while (!stop_requested() && clock_monotonic_ms() < due_ms) {
		unsigned kinds = notices_await(&self->notices, quietkeys_fd(), due_ms);

		if (kinds & NOTICES_OTHER && quietkeys_discard()) {
			console_put_styled(self->out, CONSOLE_FAINT, QUIETKEYS_ANSWER);
			console_flush_ready(self->out);
		}
		self->is_unlooked |= (kinds & NOTICES_FILES) != 0;
		if ((kinds & NOTICES_NETWORKS && beacon_is_elsewhere(&self->beacon)) ||
		    (kinds & NOTICES_FILES && (check_rooms(self) || take_targets(self))))
			return;
	}
}

/* Tells what is new about the identity; another one is announced as such. */
static void check_identity(struct self *self)
{
	const char *news = keyfile_refresh(&self->key);
	const struct announcement *announcement = &self->announcement;

	if (news)
		console_put_styled(self->out, CONSOLE_WARNING, "%s\n", news);
	if (self->key.is_usable != announcement->has_identity ||
	    memcmp(self->key.identity.public, announcement->identity, sizeof(announcement->identity)) != 0) {
		take_rooms(self);
		renew(self);
	}
}

/* Tells once if somebody else's announcements have the identity: then each of the two takes the other's place. */
static void check_double(struct self *self)
{
	const struct announcement *own = &self->announcement;
	int64_t now_ms = clock_wall_ms();
	char ip[ADDRESS_TEXT_BYTES];

	/* What cannot be read is told by those who need it. */
	if (self->is_doubled || !own->has_identity || peersfile_read_content(self->file) != 0)
		return;
	for (const struct peer *peer = NULL;
	     (peer = peers_next_of(peersfile_peers(self->file), own->identity, peer));) {
		if (peer->since_s == own->since_s || peer->left || !peer_is_online(peer, now_ms) ||
		    address_check_own(peer->address) == 0)
			continue;
		console_put_styled(self->out, CONSOLE_WARNING,
		    "your identity is announced from %s as well: a copy of " KEYFILE_NAME
		    " is in use there, and only the newest is seen\n",
		    address_format(peer->address, ip));
		self->is_doubled = true;
		return;
	}
}

/* Sends the announcement everywhere once; returns as beacon_send(). */
static bool send_everywhere(struct self *self)
{
	take_targets(self);
	return beacon_send(&self->beacon, &self->announcement, identity_of(self), self->targets, self->target_count);
}

/* Announces at once and then at every multiple of the period, so that delays do not add up. */
static void announce(struct self *self)
{
	int64_t due_ms = clock_monotonic_ms(), period_ms = self->settings->period_ms;

	while (!stop_requested()) {
		int64_t now_ms;

		check_identity(self);
		check_name(self);
		check_rooms(self);
		check_double(self);
		/* So that whoever has an address next cannot repeat there what was announced from it. */
		if (send_everywhere(self)) {
			renew(self);
			send_everywhere(self);
		}
		now_ms = clock_monotonic_ms();
		/* Not if something was announced before that time. */
		if (now_ms >= due_ms)
			due_ms += ((now_ms - due_ms) / period_ms + 1) * period_ms;
		await_turn(self, due_ms);
	}
	self->announcement.leaving = true;
	renew(self);
	send_everywhere(self);
}

/* Has a name; announces it, and the identity if there is one, until stopped. Returns false if there is no name. */
static bool announce_self(struct self *self, struct settings *settings)
{
	const uint8_t *own = self->key.is_usable ? self->key.identity.public : NULL;
	char period[64];

	if (settings->name[0] == '\0' ? !name_ask(self->out, self->file, own, settings->name)
				      : name_is_taken(self->out, self->file, own, settings->name))
		return false;
	strcpy(self->announcement.username, settings->name);
	notices_open(&self->notices);
	take_rooms(self);
	renew(self);
	snprintf(period, sizeof(period), ", announced every %g s.", (double)settings->period_ms / 1000);
	say_name(self, "You are", period);
	quietkeys_begin();
	announce(self);
	quietkeys_end();
	notices_close(&self->notices);
	return true;
}

static int run(struct program *program)
{
	struct settings *settings = program->settings;
	struct self self = {.out = &program->out, .file = peersfile_new(AT_FDCWD), .settings = settings};
	bool opened, announced;
	int rc =
	    self.file ? beacon_open(&self.beacon, program->has_address ? &program->address : NULL, self.out) : ENOMEM;

	if (rc != 0) {
		char ip[ADDRESS_TEXT_BYTES];

		console_put(&program->err, "announcer: cannot speak from %s: %s\n",
		    address_format(program->address, ip), strerror(rc));
		peersfile_free(self.file);
		return PROGRAM_FAILED;
	}
	console_set_title(self.out, "announcer");
	opened = secret_open_key(program, self.out, true, &self.key);
	announced = opened && announce_self(&self, settings);
	keyfile_close(&self.key);
	beacon_close(&self.beacon);
	peersfile_free(self.file);
	if (announced || stop_requested())
		return PROGRAM_FINE;
	if (opened)
		console_put(&program->err, "announcer: there is no username: %s\n",
		    settings->name[0] == '\0' ? "the input ended; -u gives one" : "somebody else has that one");
	return PROGRAM_FAILED;
}

int main(int argc, char **argv)
{
	struct settings settings = {.period_ms = ANNOUNCE_PERIOD_S * 1000};
	struct program program = {
	    .name = "announcer",
	    .usage = usage,
	    .options = "u:t:i:",
	    .takes_secret = true,
	    .take_option = take_option,
	    .run = run,
	    .settings = &settings,
	};

	return program_main(&program, argc, argv);
}
