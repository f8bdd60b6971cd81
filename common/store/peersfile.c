#include "store/peersfile.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/jsontext.h"
#include "crypto/identity.h"
#include "net/address.h"
#include "store/lockedfile.h"
#include "store/peerline.h"

#define EMPTY_FILE "{\n\"peers\": {\n}\n}\n"
#define SET_ASIDE_ATTEMPTS 1000
/* The file may vanish between making and locking it; nobody deletes it more often than this. */
#define BEGIN_ATTEMPTS 8
/* Random bytes of the mark that stands for the peers while the rest is parsed. */
#define MARK_BYTES 16
/* The largest time whose milliseconds a double holds exactly. */
#define LAST_SEEN_MAX_S 9e12

struct peersfile {
	int dir;
	int fd; /* locked between begin and commit, else -1 */
	struct peers *peers;
	json_t *sections; /* the whole document but "peers" */
	struct pins *known;
	struct stat origin; /* of the file that the content was read from */
	unsigned version;
	bool current;				     /* origin is of use: the content is that of a file */
	char set_aside[sizeof(PEERSFILE_NAME) + 32]; /* the name the last damaged file got */
};

struct peersfile *peersfile_new(int dir)
{
	struct peersfile *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	file->dir = dir;
	file->fd = -1;
	file->peers = peers_new();
	file->sections = json_object();
	file->known = pins_new(NULL);
	if (!file->peers || !file->sections || !file->known) {
		peersfile_free(file);
		return NULL;
	}
	return file;
}

void peersfile_free(struct peersfile *file)
{
	if (!file)
		return;
	if (file->fd >= 0)
		close(file->fd);
	peers_free(file->peers);
	json_decref(file->sections);
	pins_free(file->known);
	free(file);
}

/* Whether two looks at the path saw the same file, unchanged. Every change makes a new file, so this suffices. */
static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* The members of a peer and of a pin that this version writes. */
static const char *const peer_members[] = {"username", "last_seen", "identity", "left", NULL};
static const char *const pin_members[] = {"identity", "since", "address", "verified", NULL};

static bool is_member(const char *name, const char *const *members)
{
	while (*members && strcmp(*members, name) != 0)
		members++;
	return *members != NULL;
}

/* The members of a peer that this version does not know, as a new reference; NULL where there are none. */
static json_t *collect_extra(json_t *object)
{
	json_t *extra = NULL, *value;
	const char *name;

	json_object_foreach (object, name, value) {
		if (is_member(name, peer_members))
			continue;
		if (!extra)
			extra = json_object();
		json_object_set(extra, name, value);
	}
	return extra;
}

/* Reads one member of "peers"; false where it is no valid peer. peer->extra is a new reference. */
static bool read_peer(const char *ip, json_t *object, struct peer *peer)
{
	const char *text;
	size_t len;
	double seconds;

	*peer = (struct peer){0};
	if (address_parse(ip, &peer->address) != 0)
		return false;
	if (!jsontext_get_string(object, "username", &text, &len) ||
	    username_normalize(text, len, peer->username) != USERNAME_OK)
		return false;
	seconds = json_number_value(json_object_get(object, "last_seen"));
	if (!(seconds > 0 && seconds < LAST_SEEN_MAX_S))
		return false;
	peer->last_seen_ms = (int64_t)(seconds * 1000 + 0.5);
	if (jsontext_get_string(object, "identity", &text, &len))
		peer->has_identity = identity_parse(text, len, peer->identity);
	peer->left = json_is_true(json_object_get(object, "left"));
	peer->extra = collect_extra(object);
	return true;
}

static int compare_last_seen(const void *left, const void *right)
{
	const struct peer *a = left, *b = right;

	return (a->last_seen_ms > b->last_seen_ms) - (a->last_seen_ms < b->last_seen_ms);
}

/*
 * Makes a dictionary of count peers, the longest silent first, as the dictionary keeps them. Takes over their extra
 * members, and frees the list.
 */
static struct peers *make_peers(struct peer *list, size_t count)
{
	struct peers *peers = peers_new();
	bool sorted = true;
	size_t filled = 0;

	for (size_t i = 1; i < count && sorted; i++)
		sorted = list[i - 1].last_seen_ms <= list[i].last_seen_ms;
	if (!sorted)
		qsort(list, count, sizeof(*list), compare_last_seen);
	for (; filled < count && peers; filled++) {
		struct peer *entry = peers_put(peers, &list[filled]);

		if (!entry)
			break;
		json_decref(entry->extra);
		entry->extra = list[filled].extra;
	}
	if (filled < count) {
		peers_free(peers);
		peers = NULL;
	}
	for (; filled < count; filled++)
		json_decref(list[filled].extra);
	free(list);
	return peers;
}

/* The dictionary of the "peers" section, or NULL where memory is out. */
static struct peers *read_peers(json_t *section)
{
	struct peer *list = calloc(json_object_size(section) + 1, sizeof(*list));
	size_t count = 0;
	const char *ip;
	json_t *object;

	if (!list)
		return NULL;
	json_object_foreach (section, ip, object) {
		if (read_peer(ip, object, &list[count]))
			count++;
	}
	return make_peers(list, count);
}

/*
 * Where the peers begin in a file that is as append_document() writes it: after the line that opens them. NULL
 * elsewhere.
 */
static const char *find_lines(const char *text, size_t len)
{
	static const char opening[] = "\"peers\": {\n";
	const char *end = text + len, *at = text, *feed;

	/* "{", perhaps the line of "self", and that one. */
	for (int line = 0; line < 3; line++) {
		feed = memchr(at, '\n', (size_t)(end - at));
		if (!feed)
			return NULL;
		if ((size_t)(feed + 1 - at) == sizeof(opening) - 1 && memcmp(at, opening, sizeof(opening) - 1) == 0)
			return feed + 1;
		at = feed + 1;
	}
	return NULL;
}

/*
 * Parses the text without what is from begin to end, in whose place a mark is put that nobody can know before. Returns
 * NULL where that does not come out as all that is in "peers": then those were not the peers.
 */
static json_t *parse_rest(const char *text, size_t len, const char *begin, const char *end)
{
	char mark[2 * MARK_BYTES + 1], random[MARK_BYTES];
	struct buffer rest = {0};
	json_t *document = NULL, *section;
	const char *found;
	size_t found_len;

	randombytes_buf(random, sizeof(random));
	sodium_bin2hex(mark, sizeof(mark), (const unsigned char *)random, sizeof(random));
	if (buffer_append(&rest, text, (size_t)(begin - text)) == 0 &&
	    buffer_printf(&rest, "\"mark\": \"%s\"", mark) == 0 &&
	    buffer_append(&rest, end, (size_t)(text + len - end)) == 0)
		document = jsontext_parse(rest.data, rest.len, NULL);
	buffer_free(&rest);
	section = json_object_get(document, "peers");
	if (json_object_size(section) == 1 && jsontext_get_string(section, "mark", &found, &found_len) &&
	    strcmp(found, mark) == 0)
		return document;
	json_decref(document);
	return NULL;
}

/*
 * Reads a file that is as we write it, the peers line by line. Returns false where it is not, or memory is out: then it
 * is to be parsed as JSON.
 */
static bool read_lines(const char *text, size_t len, json_t **document, struct peers **peers)
{
	const char *begin = find_lines(text, len), *at = begin, *end = text + len;
	size_t count = 0, room = len / PEERLINE_MIN_BYTES < PEERS_MAX ? len / PEERLINE_MIN_BYTES + 1 : PEERS_MAX;
	struct peer *list = begin ? malloc(room * sizeof(*list)) : NULL;
	struct peers *made;
	json_t *rest;

	if (!list)
		return false;
	for (const char *next = begin; count < room && peerline_parse(&next, end, &list[count]); next += 2) {
		at = next;
		count++;
		if (end - at < 2 || memcmp(at, ",\n", 2) != 0)
			break;
	}
	rest = count > 0 ? parse_rest(text, len, begin, at) : NULL;
	if (!rest) {
		free(list);
		return false;
	}
	made = make_peers(list, count);
	/* Fewer: an address stands there twice, and which one counts is for JSON to say. */
	if (!made || peers_count(made) != count) {
		peers_free(made);
		json_decref(rest);
		return false;
	}
	*document = rest;
	*peers = made;
	return true;
}

/* Makes the table of pins anew from sections; on an error it stays. */
static int take_known(struct peersfile *file, json_t *sections)
{
	struct pins *known = pins_new(json_object_get(sections, "known"));

	if (!known)
		return ENOMEM;
	pins_free(file->known);
	file->known = known;
	file->version++;
	return 0;
}

/* Whether both have the same pins: they seldom change, and a table takes a while where there are many. */
static bool same_known(json_t *one, json_t *other)
{
	json_t *a = json_object_get(one, "known"), *b = json_object_get(other, "known");

	return a == b || (a && b && json_equal(a, b));
}

/* Parses the text as JSON. */
static int parse(const char *text, size_t len, json_t **document, struct peers **peers)
{
	json_t *parsed = len == 0 ? json_object() : jsontext_parse(text, len, NULL), *section;

	if (!parsed)
		return len == 0 ? ENOMEM : errno;
	section = json_object_get(parsed, "peers");
	if (section && !json_is_object(section)) {
		json_decref(parsed);
		return EBADMSG;
	}
	*peers = read_peers(section);
	if (!*peers) {
		json_decref(parsed);
		return ENOMEM;
	}
	*document = parsed;
	return 0;
}

/* Replaces the content by what the text says; on an error the content stays. */
static int take_content(struct peersfile *file, const char *text, size_t len)
{
	struct peers *peers = NULL;
	json_t *document = NULL;

	if (len == 0 || !read_lines(text, len, &document, &peers)) {
		int rc = parse(text, len, &document, &peers);

		if (rc != 0)
			return rc;
	}
	json_object_del(document, "peers");
	if (!same_known(file->sections, document) && take_known(file, document) != 0) {
		peers_free(peers);
		json_decref(document);
		return ENOMEM;
	}
	peers_free(file->peers);
	json_decref(file->sections);
	file->peers = peers;
	file->sections = document;
	file->version++;
	return 0;
}

/* Brings the content up to date from the locked descriptor. */
static int load(struct peersfile *file, int fd)
{
	struct stat status;
	char *text = NULL;
	size_t len = 0, size;
	int rc = 0;

	if (fstat(fd, &status) != 0)
		return errno;
	if (file->current && same_file(&status, &file->origin))
		return 0;
	if (status.st_size > PEERSFILE_MAX_BYTES)
		return EFBIG;
	size = (size_t)status.st_size;
	text = malloc(size + 1);
	if (!text)
		return ENOMEM;
	while (len < size) {
		ssize_t got = pread(fd, text + len, size - len, (off_t)len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			rc = errno;
		if (got <= 0)
			break;
		len += (size_t)got;
	}
	if (rc == 0)
		rc = take_content(file, text, len);
	if (rc == 0) {
		file->origin = status;
		file->current = true;
	}
	free(text);
	return rc;
}

int peersfile_read(struct peersfile *file)
{
	struct stat status;
	int fd, rc;

	if (file->current && fstatat(file->dir, PEERSFILE_NAME, &status, 0) == 0 && same_file(&status, &file->origin))
		return 0;
	rc = lockedfile_open(file->dir, PEERSFILE_NAME, O_RDONLY, LOCK_SH, &fd);
	if (rc == ENOENT) {
		file->current = false;
		return take_content(file, NULL, 0);
	}
	if (rc != 0)
		return rc;
	rc = load(file, fd);
	close(fd);
	return rc;
}

/* Moves the damaged file to a name that is free. The lock on it is held, so no other program moves it too. */
static int set_aside(struct peersfile *file)
{
	for (int i = 1; i <= SET_ASIDE_ATTEMPTS; i++) {
		snprintf(file->set_aside, sizeof(file->set_aside), PEERSFILE_NAME ".damaged-%d", i);
		if (linkat(file->dir, PEERSFILE_NAME, file->dir, file->set_aside, 0) == 0)
			return unlinkat(file->dir, PEERSFILE_NAME, 0) == 0 ? 0 : errno;
		if (errno != EEXIST)
			return errno;
	}
	return EEXIST;
}

/* One try at locking and loading; ENOENT where there is no file and, with *moved set, where there is none any more. */
static int try_begin(struct peersfile *file, bool *moved)
{
	int rc = lockedfile_open(file->dir, PEERSFILE_NAME, O_RDWR, LOCK_EX, &file->fd);

	if (rc != 0) {
		file->fd = -1;
		return rc;
	}
	rc = load(file, file->fd);
	if (rc == EBADMSG || rc == EFBIG) {
		rc = set_aside(file);
		if (rc == 0) {
			*moved = true;
			rc = ENOENT;
		}
	}
	if (rc != 0)
		peersfile_abandon(file);
	return rc;
}

int peersfile_begin(struct peersfile *file, const char **set_aside_as)
{
	bool moved = false;
	int rc = ENOENT;

	for (int attempt = 0; attempt < BEGIN_ATTEMPTS && rc == ENOENT; attempt++) {
		rc = try_begin(file, &moved);
		if (rc != ENOENT)
			break;
		rc = lockedfile_create(file->dir, PEERSFILE_NAME, EMPTY_FILE, strlen(EMPTY_FILE));
		if (rc == 0 || rc == EEXIST)
			rc = ENOENT;
	}
	if (set_aside_as)
		*set_aside_as = moved ? file->set_aside : NULL;
	return rc;
}

const char *peersfile_reason(int error)
{
	switch (error) {
	case EBADMSG:
		return "it is damaged (not the JSON it should be)";
	case EFBIG:
		return "it is larger than 20 MiB";
	case EUSERS:
		return "it has as many known names as it may have";
	default:
		return lockedfile_reason(error);
	}
}

/* A section on its own lines: one line where all its members are plain values, else a line for each member. */
static int append_section(struct buffer *out, const char *name, json_t *section)
{
	const char *member;
	const char *separator = "{\n";
	json_t *value;
	bool nested = false;
	int rc = jsontext_append_string(out, name, strlen(name));

	if (rc == 0)
		rc = buffer_append(out, ": ", 2);
	json_object_foreach (section, member, value)
		nested |= json_is_object(value) || json_is_array(value);
	if (!nested)
		return rc ? rc : jsontext_append(out, section);
	json_object_foreach (section, member, value) {
		if (rc == 0)
			rc = buffer_printf(out, "%s", separator);
		if (rc == 0)
			rc = jsontext_append_string(out, member, strlen(member));
		if (rc == 0)
			rc = buffer_append(out, ": ", 2);
		if (rc == 0)
			rc = jsontext_append(out, value);
		separator = ",\n";
	}
	return rc ? rc : buffer_append(out, "\n}", 2);
}

static int append_document(struct buffer *out, const struct peersfile *file)
{
	json_t *self = json_object_get(file->sections, "self"), *section;
	const char *name;
	bool first = true;
	int rc = buffer_append(out, "{\n", 2);

	if (rc == 0 && self) {
		rc = append_section(out, "self", self);
		if (rc == 0)
			rc = buffer_append(out, ",\n", 2);
	}
	if (rc == 0)
		rc = buffer_printf(out, "\"peers\": {\n");
	for (const struct peer *peer = peers_newer(file->peers, NULL); peer && rc == 0;
	     peer = peers_newer(file->peers, peer)) {
		if (!first)
			rc = buffer_append(out, ",\n", 2);
		if (rc == 0)
			rc = peerline_format(out, peer);
		first = false;
	}
	if (rc == 0)
		rc = buffer_printf(out, "%s}", first ? "" : "\n");
	json_object_foreach (file->sections, name, section) {
		if (section == self)
			continue;
		if (rc == 0)
			rc = buffer_append(out, ",\n", 2);
		if (rc == 0)
			rc = append_section(out, name, section);
	}
	return rc ? rc : buffer_append(out, "\n}\n", 3);
}

static void unlock(struct peersfile *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}

int peersfile_commit(struct peersfile *file)
{
	struct buffer text = {0};
	int rc = append_document(&text, file);

	if (rc == 0)
		rc = lockedfile_replace(file->dir, PEERSFILE_NAME, text.data, text.len, &file->origin);
	buffer_free(&text);
	unlock(file);
	/* What memory holds and the disk does not is read anew. */
	file->current = rc == 0;
	return rc;
}

void peersfile_abandon(struct peersfile *file)
{
	unlock(file);
	file->current = false;
}

unsigned peersfile_version(const struct peersfile *file)
{
	return file->version;
}

struct peers *peersfile_peers(const struct peersfile *file)
{
	return file->peers;
}

const char *peersfile_username(const struct peersfile *file)
{
	const json_t *self = json_object_get(file->sections, "self");
	char name[USERNAME_MAX_BYTES + 1];
	const char *text;
	size_t len;

	if (!jsontext_get_string(self, "username", &text, &len) || username_normalize(text, len, name) != USERNAME_OK)
		return NULL;
	/* Only a name that is already as it should be: the caller gets the document's own string. */
	return strcmp(name, text) == 0 ? text : NULL;
}

int peersfile_set_username(struct peersfile *file, const char *username)
{
	json_t *self = json_object_get(file->sections, "self");

	if (!json_is_object(self)) {
		if (json_object_set_new(file->sections, "self", json_object()) != 0)
			return ENOMEM;
		self = json_object_get(file->sections, "self");
	}
	return json_object_set_new(self, "username", json_string(username)) == 0 ? 0 : ENOMEM;
}

const struct pins *peersfile_pins(const struct peersfile *file)
{
	return file->known;
}

/* The section of pins, made where there is none; NULL where memory is out. */
static json_t *known_section(struct peersfile *file)
{
	json_t *section = json_object_get(file->sections, "known");

	if (json_is_object(section))
		return section;
	if (json_object_set_new(file->sections, "known", json_object()) != 0)
		return NULL;
	return json_object_get(file->sections, "known");
}

int peersfile_pin(struct peersfile *file, const struct pin *pin)
{
	const struct pin *before = pins_find(file->known, pin->username);
	json_t *section = known_section(file), *member, *old, *value;
	const char *name;
	int failed = 0;

	if (!before && pins_count(file->known) >= PINS_MAX)
		return EUSERS;
	member = pins_format(pin);
	old = json_object_get(section, pin->username);
	if (before && memcmp(before->identity, pin->identity, DH_KEY_BYTES) == 0) {
		json_object_foreach (old, name, value) {
			if (!is_member(name, pin_members))
				failed |= json_object_set(member, name, value);
		}
	}
	if (failed != 0) {
		json_decref(member);
		return ENOMEM;
	}
	if (json_object_set_new(section, pin->username, member) != 0)
		return ENOMEM;
	return take_known(file, file->sections);
}

int peersfile_unpin(struct peersfile *file, const char *username)
{
	/* That there is none such is as well. */
	(void)json_object_del(json_object_get(file->sections, "known"), username);
	return take_known(file, file->sections);
}

/*
 * Whether the identity of a pin is announced now at the address where it was proven. A proof can be relayed by whoever
 * stands in between, and must not move the pin to them.
 */
static bool is_announced(const struct peersfile *file, const struct pin *pin)
{
	const struct peer *peer = peers_find(file->peers, pin->address);

	return peer && peer_is_online(peer, clock_wall_ms()) && peer_announces(peer, pin->identity);
}

/* The part of peersfile_meet() between begin and commit; *changed tells whether there is something to write. */
static int meet(struct peersfile *file, const char *username, const uint8_t *identity, struct in_addr address,
    size_t at_most, bool *changed)
{
	const struct pin *before = pins_find(file->known, username);
	struct pin pin = {.since_s = clock_wall_ms() / 1000};

	*changed = false;
	if (before) {
		if (memcmp(before->identity, identity, DH_KEY_BYTES) != 0)
			return EEXIST;
		if (pin_is_proven_at(before, address) || (before->has_address && is_announced(file, before)))
			return 0;
		pin = *before;
	} else {
		if (pins_count(file->known) >= at_most)
			return EUSERS;
		strcpy(pin.username, username);
		memcpy(pin.identity, identity, DH_KEY_BYTES);
	}
	pin.address = address;
	pin.has_address = true;
	*changed = true;
	return peersfile_pin(file, &pin);
}

int peersfile_meet(struct peersfile *file, const char *username, const uint8_t identity[static DH_KEY_BYTES],
    struct in_addr address, size_t at_most, const char **set_aside_as)
{
	bool changed;
	int rc = peersfile_begin(file, set_aside_as);

	if (rc != 0)
		return rc;
	rc = meet(file, username, identity, address, at_most, &changed);
	if (rc == 0 && changed)
		return peersfile_commit(file);
	if (changed)
		peersfile_abandon(file);
	else
		unlock(file);
	return rc;
}
