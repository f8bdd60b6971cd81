#include "completion.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "lobby.h"
#include "net/address.h"
#include "parcel.h"
#include "talk.h"
#include "trust/candidates.h"

/* Adds a name, or else an address, that begins as typed. Nobody is offered numbers who begins with nothing. */
static void add(struct wordlist *words, const char *typed, const char *name, const struct in_addr *address)
{
	char ip[ADDRESS_TEXT_BYTES];

	if (candidates_begins(name, typed))
		wordlist_add(words, name);
	if (address && typed[0] != '\0' && strncmp(address_format(*address, ip), typed, strlen(typed)) == 0)
		wordlist_add(words, ip);
}

static void add_people(const struct desk *desk, const char *typed, struct wordlist *words)
{
	const struct pins *pins;
	const struct peers *peers;
	int64_t now_ms = clock_wall_ms();

	if (peersfile_read(desk->peers) != 0)
		return;
	pins = peersfile_pins(desk->peers);
	peers = peersfile_peers(desk->peers);
	for (const struct pin *pin = NULL; (pin = pins_next(pins, pin));)
		add(words, typed, pin->username, pin->has_address ? &pin->address : NULL);
	for (const struct peer *claim = NULL; (claim = peers_next(peers, claim));) {
		if (verdict_is_visible(peers, claim, now_ms))
			add(words, typed, claim->username, &claim->address);
	}
}

/* Adds the rooms of these places whose names begin as typed, "#l", as the last word may. */
static void add_rooms(struct desk *desk, const char *typed, unsigned places, struct wordlist *words)
{
	struct lobby lobby;

	if (lobby_read(desk, &lobby)) {
		for (size_t i = 0; i < lobby.count; i++) {
			char name[LOBBY_NAME_BYTES];

			snprintf(name, sizeof(name), "#%s", lobby.list[i].name);
			if (lobby.list[i].places & places)
				add(words, typed, name, NULL);
		}
	}
	lobby_free(&lobby);
}

/* Adds what can be sent of a directory, and what other directories are in it, if it begins as typed. */
static void add_entries(DIR *directory, const char *typed, struct wordlist *words)
{
	const struct dirent *entry;

	while (words->count < WORDLIST_MAX && (entry = readdir(directory))) {
		char word[sizeof(entry->d_name) + 1];
		struct stat status = {.st_mode = DTTOIF(entry->d_type)};
		bool is_hidden = entry->d_name[0] == '.';

		if (strncmp(entry->d_name, typed, strlen(typed)) != 0 || (is_hidden && typed[0] != '.') ||
		    strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if ((entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN) &&
		    fstatat(dirfd(directory), entry->d_name, &status, 0) != 0)
			continue;
		snprintf(word, sizeof(word), "%s%s", entry->d_name, S_ISDIR(status.st_mode) ? "/" : "");
		if (S_ISDIR(status.st_mode) || (S_ISREG(status.st_mode) && !is_hidden))
			wordlist_add(words, word);
	}
}

/* Adds the files that begin as typed, by the last part of their path, which begins in line. */
static void add_files(const char *line, const char *typed, struct wordlist *words)
{
	bool is_quoted = (typed[0] == '"' || typed[0] == '\'') && !strchr(typed + 1, typed[0]);
	const char *path = typed + is_quoted, *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char directory_path[PATH_MAX];
	DIR *directory;

	words->begin = (size_t)(name - line);
	if (!parcel_expand(directory_path, path, (size_t)(name - path)))
		return;
	directory = opendir(name == path ? "." : directory_path);
	if (directory) {
		add_entries(directory, name, words);
		closedir(directory);
	}
}

/* Adds what completes "plan.pdf to Bob", or only a file. */
static void add_parcel(struct desk *desk, const char *line, const char *typed, bool only_file, struct wordlist *words)
{
	size_t len = strlen(typed);
	struct parcel parcel;

	if (parcel_read(&parcel, typed, only_file) && parcel.to && access(parcel.path, F_OK) == 0) {
		words->begin = (size_t)(parcel.to - line);
		if (parcel.to[0] == '#')
			add_rooms(desk, parcel.to, LOBBY_MINE, words);
		else
			add_people(desk, parcel.to, words);
		return;
	}
	add_files(line, typed, words);
	if (words->count > 0 || only_file || len == 0 || typed[len - 1] != ' ')
		return;
	while (len > 0 && typed[len - 1] == ' ')
		len--;
	if (parcel_expand(parcel.path, typed, len) && access(parcel.path, F_OK) == 0) {
		words->begin = strlen(line);
		wordlist_add(words, "to");
	}
}

/* Whether the first word of a line is one of these, or the beginning of one. */
static bool is_one_of(const char *line, const char *const *list)
{
	char word[16];
	size_t len = strcspn(line, " ");

	snprintf(word, sizeof(word), "%.*s", (int)len, line);
	while (*list && !(len > 1 && len < sizeof(word) && prompt_begins(*list, word)))
		list++;
	return *list;
}

void completion_offer(struct desk *desk, enum prompt_wants wants, const char *line, struct wordlist *words)
{
	static const char *const modes[] = {"secure", "unsecure", "plain", NULL};
	static const char *const words_of_talk[] = {TALK_WORDS, NULL};
	static const char *const of_numbers[] = {"Get", "Withdraw", NULL};
	static const char *const of_rooms[] = {"Room", "Join", "Leave", "Set", NULL};
	static const char *const of_members[] = {"Invite", "Remove", "Promote", "Demote", NULL};
	static const char *const of_files[] = {"Send", NULL};
	bool is_addressed = line[0] == '@' && (wants == PROMPT_COMMAND || wants == PROMPT_TALK);
	const char *typed = line, *const * list, *room;

	if (wants == PROMPT_COMMAND || is_addressed) {
		typed = is_addressed ? line + 1 : line + strcspn(line, " ");
		typed += strspn(typed, " ");
	}
	if (wants == PROMPT_FILE || (wants == PROMPT_COMMAND && typed > line && is_one_of(line, of_files)) ||
	    (wants == PROMPT_TALK && strncmp(line, TALK_SEND, strlen(TALK_SEND)) == 0)) {
		typed += wants == PROMPT_TALK ? strlen(TALK_SEND) : 0;
		add_parcel(desk, line, typed, wants != PROMPT_COMMAND, words);
		return;
	}
	/* What is offered has numbers. */
	if (wants == PROMPT_COMMAND && typed > line && is_one_of(line, of_numbers))
		return;
	room = wants == PROMPT_COMMAND && strstr(typed, " #") ? strstr(typed, " #") + 1 : typed;
	if (room[0] == '#' && wants != PROMPT_NOTHING)
		typed = room;
	words->begin = (size_t)(typed - line);
	if (wants == PROMPT_ROOM || (wants == PROMPT_COMMAND && typed[0] == '\0' && is_one_of(line, of_rooms))) {
		add_rooms(desk, typed, LOBBY_MINE | LOBBY_HELD | LOBBY_ANNOUNCED, words);
	} else if (typed[0] == '#' && (is_addressed || wants == PROMPT_COMMAND || wants == PROMPT_NAME)) {
		add_rooms(desk, typed, LOBBY_ALL, words);
	} else if (is_addressed || wants == PROMPT_COMMAND || wants == PROMPT_NAME) {
		add_people(desk, typed, words);
		/* Behind the name stands the room. */
		if (words->count == 0 && wants == PROMPT_COMMAND && is_one_of(line, of_members) &&
		    line[strlen(line) - 1] == ' ') {
			words->begin = strlen(line);
			add_rooms(desk, "", LOBBY_MINE, words);
		}
	} else if (wants == PROMPT_MODE || (wants == PROMPT_TALK && typed[0] == '/')) {
		for (list = wants == PROMPT_MODE ? modes : words_of_talk; *list; list++) {
			if (prompt_begins(*list, typed))
				wordlist_add(words, *list);
		}
	}
}
