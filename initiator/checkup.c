#include "checkup.h"

#include <fcntl.h>
#include <ifaddrs.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/jsontext.h"
#include "base/text.h"
#include "net/address.h"
#include "net/interfaces.h"
#include "outbox.h"
#include "processes.h"
#include "store/chatfollower.h"
#include "store/chatreader.h"
#include "store/lockedfile.h"
#include "wire/announcement.h"

/* Of chat.log, so much of its end is looked at for damage. */
#define READ_MAX_BYTES (16 * 1024 * 1024)
/* Somebody's clock that is ahead by this is worth telling. */
#define AHEAD_S 60
#define HEARD_LATELY_MS 60000
/* However many networks there are, there is room for so many findings about all else. */
#define OTHERS_MAX 32

void checkup_add(struct checkup *checkup, const char *check, enum checkup_level level, const char *advice,
    const char *format, ...)
{
	struct checkup_finding *finding = &checkup->list[checkup->count];
	va_list arguments;

	if (checkup->count == CHECKUP_MAX ||
	    (checkup->count >= CHECKUP_MAX - OTHERS_MAX && strcmp(check, "network") == 0))
		return;
	checkup->count++;
	*finding = (struct checkup_finding){.check = check, .level = level, .advice = advice};
	va_start(arguments, format);
	vsnprintf(finding->text, sizeof(finding->text), format, arguments);
	va_end(arguments);
	/* Programs and interfaces may be called anything, and what was cut may end anywhere. */
	if (text_is_utf8(finding->text, strlen(finding->text)))
		return;
	for (char *at = finding->text; *at != '\0'; at++) {
		if (*at & 0x80)
			*at = '?';
	}
}

/* Which programs run here, and if one does not, whether another has its port. */
static void look_at_programs(struct checkup *checkup)
{
	static const struct {
		const char *name, *loss;
		int type;
		in_port_t port;
	} programs[] = {
	    {"announcer", "nobody hears of you", 0, 0},
	    {"discovery", "nobody is seen", SOCK_DGRAM, PRESENCE_PORT},
	    {"responder", "nobody can write to you", SOCK_STREAM, CHAT_PORT},
	};
	const struct in_addr *from = checkup->desk->from;
	struct process process;

	checkup->is_announcing = true;
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		const char *name = programs[i].name;

		if (processes_find(name, &process)) {
			checkup_add(checkup, name, CHECKUP_OK, NULL, "%s runs (process %d)", name, (int)process.pid);
			continue;
		}
		checkup->is_announcing &= programs[i].port == CHAT_PORT;
		checkup_add(checkup, name, CHECKUP_BAD, "start it again in its pane, or with scripts/start.sh",
		    "%s does not run in this directory: %s", name, programs[i].loss);
		if (programs[i].port != 0 &&
		    processes_find_listener(programs[i].type,
			from ? *from : (struct in_addr){.s_addr = htonl(INADDR_LOOPBACK)}, programs[i].port, &process))
			checkup_add(checkup, name, CHECKUP_BAD, "end that one, or give each user an address with -a",
			    "%s port %d is held by %s (process %d)", programs[i].type == SOCK_STREAM ? "TCP" : "UDP",
			    programs[i].port, process.pid ? process.name : "somebody else's program", (int)process.pid);
	}
}

const struct interface *checkup_network_of(struct in_addr address)
{
	static struct interface networks[INTERFACES_MAX];
	size_t count = interfaces_list(NULL, networks);

	for (size_t i = 0; i < count; i++) {
		if (interface_reaches(&networks[i], address))
			return &networks[i];
	}
	return NULL;
}

/* How many others were heard lately from a network. */
static size_t count_others(const struct checkup *checkup, const struct interface *network)
{
	const uint8_t *own = desk_identity(checkup->desk);
	int64_t now_ms = clock_wall_ms();
	size_t count = 0;

	for (const struct peer *peer = NULL; (peer = peers_next(peersfile_peers(checkup->desk->peers), peer));) {
		int64_t silence_ms = peer_silence_ms(peer, now_ms);

		count += interface_reaches(network, peer->address) && silence_ms >= 0 &&
			 silence_ms <= HEARD_LATELY_MS && !(own && peer_announces(peer, own));
	}
	return count;
}

/* Whether one's own announcement has come back from an address of ours. */
static bool is_heard_back(const struct checkup *checkup, struct in_addr address)
{
	const struct peer *claim =
	    peers_find_claim(peersfile_peers(checkup->desk->peers), address, desk_identity(checkup->desk));

	return claim && !claim->left && peer_is_online(claim, clock_wall_ms());
}

static void look_at_network(struct checkup *checkup, const struct interface *network)
{
	char ip[ADDRESS_TEXT_BYTES];
	size_t others = count_others(checkup, network);

	address_format(network->address, ip);
	if (is_heard_back(checkup, network->address))
		checkup_add(checkup, "network", CHECKUP_OK, NULL, "%s on %s: you hear yourself, and %zu other%s", ip,
		    network->name, others, others == 1 ? "" : "s");
	else if (checkup->is_announcing)
		checkup_add(checkup, "network", CHECKUP_BAD, "a firewall may drop UDP 6000: ufw allow 6000/udp",
		    "%s on %s: your own announcement does not come back; others heard: %zu", ip, network->name, others);
	else
		checkup_add(checkup, "network", CHECKUP_OK, NULL, "%s on %s; others heard: %zu", ip, network->name,
		    others);
}

/* Networks of this machine that nobody can be announced in. */
static void look_for_mute_networks(struct checkup *checkup, const struct interface *networks, size_t count)
{
	struct ifaddrs *entries;

	if (getifaddrs(&entries) != 0)
		return;
	for (const struct ifaddrs *entry = entries; entry; entry = entry->ifa_next) {
		struct sockaddr_in local;
		char ip[ADDRESS_TEXT_BYTES];
		size_t i = 0;

		if (!entry->ifa_addr || entry->ifa_addr->sa_family != AF_INET || entry->ifa_flags & IFF_LOOPBACK ||
		    !(entry->ifa_flags & IFF_UP))
			continue;
		memcpy(&local, entry->ifa_addr, sizeof(local));
		while (i < count && strcmp(networks[i].name, entry->ifa_name) != 0)
			i++;
		if (i == count)
			checkup_add(checkup, "network", CHECKUP_WARN,
			    "say Reach ADDRESS with that of somebody there: that is enough for both",
			    "%s on %s: nothing can be broadcast there, so nobody appears by themselves",
			    address_format(local.sin_addr, ip), entry->ifa_name);
	}
	freeifaddrs(entries);
}

static void look_at_networks(struct checkup *checkup)
{
	struct interface networks[INTERFACES_MAX];
	size_t count = interfaces_list(checkup->desk->from, networks);

	if (count == 0 || (networks[0].loopback && !checkup->desk->from))
		checkup_add(checkup, "network", CHECKUP_WARN,
		    "connect this machine to a network (ip -br addr shows its addresses)",
		    "there is no network but loopback: only programs of this machine hear you");
	for (size_t i = 0; i < count; i++) {
		look_at_network(checkup, &networks[i]);
		for (size_t k = 0; k < i; k++) {
			if (interface_reaches(&networks[i], networks[k].address))
				checkup_add(checkup, "network", CHECKUP_WARN,
				    "unplug one, or speak from one address with -a",
				    "%s and %s are in the same network: others may see you twice", networks[k].name,
				    networks[i].name);
		}
	}
	if (!checkup->desk->from)
		look_for_mute_networks(checkup, networks, count);
}

/* The lines of peers.txt that are no JSON; of a large file that takes a moment. */
static size_t count_damaged_peers(int fd)
{
	FILE *file = fdopen(dup(fd), "re");
	char *line = NULL;
	size_t size = 0, damaged = 0;
	ssize_t len;

	while (file && (len = getline(&line, &size, file)) > 0 && len < PEERSFILE_MAX_BYTES) {
		json_t *object = jsontext_parse(line, (size_t)len, NULL);

		damaged += object == NULL;
		json_decref(object);
	}
	free(line);
	if (file)
		fclose(file);
	return damaged;
}

/* The lines at the end of chat.log that say nothing. */
static size_t count_damaged_lines(void)
{
	struct chatreader *reader;
	struct chatlog_entry entry;
	const char *line;
	size_t len, damaged = 0;
	int64_t end;

	if (chatreader_open(AT_FDCWD, &reader) != 0)
		return 0;
	end = chatreader_offset(reader);
	while (end - chatreader_offset(reader) < READ_MAX_BYTES && chatreader_line(reader, &line, &len) == 0) {
		if (chatlog_parse(line, len, &entry) == 0)
			chatlog_entry_free(&entry);
		else
			damaged++;
	}
	chatreader_free(reader);
	return damaged;
}

static void look_at_lock(struct checkup *checkup, const char *name, int fd, const struct stat *status)
{
	struct process process;

	/* Who writes holds it for a moment. */
	if (lockedfile_lock(fd, LOCK_SH, LOCKEDFILE_WAIT_MS) == 0) {
		flock(fd, LOCK_UN);
		return;
	}
	if (processes_find_locker(status, &process))
		checkup_add(checkup, name, CHECKUP_BAD, "it holds all four programs up: end it, if it is none of them",
		    "%s is locked by %s (process %d)", name, process.name, (int)process.pid);
}

/* What is wrong with a file, or that nothing is. A missing one is made when it is needed. */
static void look_at_file(struct checkup *checkup, const char *name, size_t (*count_damaged)(int fd))
{
	struct stat status;
	size_t damaged, before = checkup->count;
	int fd, rc = lockedfile_open_own(AT_FDCWD, name, O_RDONLY, &fd, &status);

	if (rc != 0) {
		checkup_add(checkup, name, rc == ENOENT ? CHECKUP_OK : CHECKUP_BAD,
		    rc == ENOENT ? NULL : "look at it with ls -l; a directory of your own is safest", "%s: %s", name,
		    rc == ENOENT ? "there is none yet" : lockedfile_reason(rc));
		return;
	}
	look_at_lock(checkup, name, fd, &status);
	damaged = count_damaged ? count_damaged(fd) : count_damaged_lines();
	if (damaged > 0)
		checkup_add(checkup, name, CHECKUP_WARN, "they are passed over; nothing else is lost",
		    "%s has %zu damaged line%s", name, damaged, damaged == 1 ? "" : "s");
	if (status.st_mode & 077)
		checkup_add(checkup, name, CHECKUP_WARN, "chmod 600 makes it yours alone",
		    "others of this machine may read %s", name);
	if (checkup->count == before)
		checkup_add(checkup, name, CHECKUP_OK, NULL, "%s is yours, whole, and not locked", name);
	close(fd);
}

static void look_at_files(struct checkup *checkup)
{
	int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	look_at_file(checkup, PEERSFILE_NAME, count_damaged_peers);
	look_at_file(checkup, CHATLOG_NAME, NULL);
	if (!checkup->desk->key.is_usable)
		checkup_add(checkup, KEYFILE_NAME, CHECKUP_BAD,
		    "look at it with ls -l; what is wrong was told at the start",
		    KEYFILE_NAME " cannot be used, so nothing can be sent securely");
	if (fd >= 0 && lockedfile_crowds(fd, 0))
		checkup_add(checkup, "disk", CHECKUP_BAD, "make room: what strangers write is refused, and soon all is",
		    "the disk is nearly full");
	if (fd >= 0)
		close(fd);
}

static void look_at_outbox(struct checkup *checkup)
{
	struct outbox *outbox = outbox_new();
	struct chatfollower *follower = NULL;
	const struct outbox_recipient *who = NULL;
	const char *line;
	int64_t offset = 0;
	size_t len, total, people = 0;

	if (outbox && outbox_begin(AT_FDCWD, &offset) == 0 &&
	    chatfollower_open_still(AT_FDCWD, offset, &follower) == 0) {
		while (chatfollower_next(follower, &line, &len, &offset) == 0 &&
		       outbox_take(outbox, line, len, offset) == 0)
			;
		total = outbox_count_messages(outbox, NULL, NULL);
		while ((who = outbox_recipient(outbox, who)))
			people++;
		if (total == 0)
			checkup_add(checkup, "outbox", CHECKUP_OK, NULL, "nothing waits to be delivered");
		else
			checkup_add(checkup, "outbox", CHECKUP_WARN,
			    "they go while the menu or initiator deliver runs, as soon as the others are back",
			    "%zu message%s for %zu %s", total, total == 1 ? " waits" : "s wait", people,
			    people == 1 ? "person" : "people");
	}
	chatfollower_free(follower);
	outbox_free(outbox);
}

/* Announcements say since when: nobody's can begin in the future. */
static void look_at_clock(struct checkup *checkup)
{
	int64_t now_s = clock_wall_ms() / 1000, most_s = 0;
	const struct peer *first = NULL;
	size_t signing = 0;

	for (const struct peer *peer = NULL; (peer = peers_next(peersfile_peers(checkup->desk->peers), peer));) {
		signing += peer->has_identity && peer_is_online(peer, now_s * 1000);
		if (peer->has_identity && peer->since_s - now_s > most_s) {
			most_s = peer->since_s - now_s;
			first = peer;
		}
	}
	if (most_s > AHEAD_S)
		checkup_add(checkup, "clock", CHECKUP_WARN,
		    "compare the clocks (date); nothing is lost, but messages stand at odd times",
		    "%s began %lld s from now: their clock is ahead, or yours is behind", first->username,
		    (long long)most_s);
	else if (signing > 1)
		checkup_add(checkup, "clock", CHECKUP_OK, NULL, "nobody's clock is seen to be ahead of yours");
}

void checkup_glance(struct checkup *checkup)
{
	int rc = peersfile_read(checkup->desk->peers);

	if (rc != 0)
		checkup_add(checkup, PEERSFILE_NAME, CHECKUP_BAD, "without it nobody is known to be there",
		    PEERSFILE_NAME " cannot be read: %s", peersfile_reason(rc));
	else if (!peersfile_username(checkup->desk->peers))
		checkup_add(checkup, "name", CHECKUP_BAD, "the announcer asks for it in its pane",
		    "you have no name yet");
	look_at_programs(checkup);
	look_at_networks(checkup);
}

void checkup_look(struct checkup *checkup)
{
	checkup_glance(checkup);
	look_at_files(checkup);
	look_at_outbox(checkup);
	look_at_clock(checkup);
}
