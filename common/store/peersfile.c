#include "store/peersfile.h"

#include <errno.h>
#include <fcntl.h>
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

/* The file may vanish between making and locking it; nobody deletes it more often than this. */
#define BEGIN_ATTEMPTS 8
/* Unix time with ten digits before the point: last_seen always takes as many bytes. */
#define LAST_SEEN_MAX_S 9999999999
/* Lines that mean nothing to this version and are kept. */
#define UNKNOWN_LINES_MAX 100

struct peersfile {
	int dir;
	int fd; /* locked between begin and commit, else -1 */
	struct peers *peers;
	struct pins *known;
	json_t *self;	      /* the record of the user's own name, an empty object if there is none */
	json_t *pins;	      /* the records of the pins, by name */
	struct buffer others; /* all lines that are no peers, as they stand in the file */
	struct buffer text;   /* between begin and commit: the file with the records that were changed */
	struct stat origin;   /* of the file that the content was read from */
	unsigned version;
	bool current; /* origin is of use: the content is that of a file */
	bool edited;  /* text is to be written */
};

struct peersfile *peersfile_new(int dir)
{
	struct peersfile *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	file->dir = dir;
	file->fd = -1;
	file->peers = peers_new();
	file->self = json_object();
	file->pins = json_object();
	file->known = pins_new(NULL);
	if (!file->peers || !file->self || !file->pins || !file->known) {
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
	pins_free(file->known);
	json_decref(file->self);
	json_decref(file->pins);
	buffer_free(&file->others);
	buffer_free(&file->text);
	free(file);
}

/* Whether two looks at the path saw the same file, unchanged. */
static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* The members of a peer and of a pin that this version writes. */
static const char *const peer_members[] = {"peer", "last_seen", "username", "identity", "left", NULL};
static const char *const pin_members[] = {"known", "identity", "pinned", "address", "verified", NULL};

static bool is_member(const char *name, const char *const *members)
{
	while (*members && strcmp(*members, name) != 0)
		members++;
	return *members != NULL;
}

/* The members of a peer that this version does not know, as a new reference; NULL if there are none. */
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

/* Reads the record of a peer; false if it is not one. peer->extra is a new reference. */
static bool read_peer(json_t *object, struct peer *peer)
{
	const char *text;
	size_t len;
	double seconds;

	*peer = (struct peer){0};
	if (!jsontext_get_string(object, "peer", &text, &len) || address_parse(text, &peer->address) != 0)
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

/* Appends {"peer": "192.168.1.7", "last_seen": 1763625600.125, "username": "Bob", ...} and a line feed. */
static int append_peer(struct buffer *out, const struct peer *peer)
{
	char ip[ADDRESS_TEXT_BYTES], identity[IDENTITY_TEXT_BYTES];
	const char *name;
	json_t *value;
	int rc = buffer_printf(out,
	    "{\"peer\": \"%s\", \"last_seen\": %10lld.%03d, \"username\": ", address_format(peer->address, ip),
	    (long long)(peer->last_seen_ms / 1000), (int)(peer->last_seen_ms % 1000));

	if (rc == 0)
		rc = jsontext_append_string(out, peer->username, strlen(peer->username));
	identity_format(peer->identity, identity);
	if (rc == 0 && peer->has_identity)
		rc = buffer_printf(out, ", \"identity\": \"%s\"", identity);
	if (rc == 0 && peer->left)
		rc = buffer_printf(out, ", \"left\": true");
	json_object_foreach (peer->extra, name, value) {
		if (rc == 0)
			rc = buffer_append(out, ", ", 2);
		if (rc == 0)
			rc = jsontext_append_string(out, name, strlen(name));
		if (rc == 0)
			rc = buffer_append(out, ": ", 2);
		if (rc == 0)
			rc = jsontext_append(out, value);
	}
	return rc ? rc : buffer_append(out, "}\n", 2);
}

static int compare_last_seen(const void *left, const void *right)
{
	const struct peer *a = *(const struct peer *const *)left, *b = *(const struct peer *const *)right;

	return (a->last_seen_ms > b->last_seen_ms) - (a->last_seen_ms < b->last_seen_ms);
}

/* Moves the peer heard last in front, and so on: the order in which a dictionary keeps them. */
static struct peers *in_order(struct peers *peers)
{
	size_t count = peers_count(peers), filled = 0;
	struct peer **list = calloc(count + 1, sizeof(struct peer *));
	struct peers *ordered = peers_new();

	for (struct peer *peer = peers_newer(peers, NULL); list && peer; peer = peers_newer(peers, peer))
		list[filled++] = peer;
	if (list)
		qsort(list, count, sizeof(struct peer *), compare_last_seen);
	for (size_t i = 0; i < filled && ordered; i++) {
		struct peer *entry = peers_put(ordered, list[i]);

		if (!entry) {
			peers_free(ordered);
			ordered = NULL;
			break;
		}
		entry->extra = json_incref(list[i]->extra);
	}
	free(list);
	peers_free(peers);
	return ordered;
}

/* What the lines of a file say. */
struct content {
	struct peers *peers;
	json_t *self, *pins;
	struct buffer others;
	size_t unknown;
};

static void free_content(struct content *content)
{
	peers_free(content->peers);
	json_decref(content->self);
	json_decref(content->pins);
	buffer_free(&content->others);
}

/* Takes a record that is a peer into the dictionary; of two lines about one address the later counts. */
static int take_peer(struct content *content, const struct peer *peer)
{
	struct peer *entry = peers_put(content->peers, peer);

	if (!entry)
		return ENOMEM;
	json_decref(entry->extra);
	entry->extra = peer->extra;
	return 0;
}

/* Takes one line, its line feed not included. A line that means nothing is kept as it is, up to a limit. */
static int take_line(struct content *content, const char *line, size_t len)
{
	json_t *object = jsontext_parse(line, len, NULL);
	const char *name;
	size_t name_len;
	struct peer peer;
	int rc = 0;

	if (!object && errno == ENOMEM)
		return ENOMEM;
	if (object && read_peer(object, &peer)) {
		rc = take_peer(content, &peer);
		json_decref(object);
		return rc;
	}
	if (jsontext_get_string(object, "self", &name, &name_len)) {
		json_decref(content->self);
		content->self = json_incref(object);
	} else if (jsontext_get_string(object, "known", &name, &name_len)) {
		rc = json_object_set(content->pins, name, object) == 0 ? 0 : ENOMEM;
	} else if (len == 0 || content->unknown++ >= UNKNOWN_LINES_MAX) {
		json_decref(object);
		return 0;
	}
	json_decref(object);
	if (rc == 0)
		rc = buffer_append(&content->others, line, len);
	return rc ? rc : buffer_append(&content->others, "\n", 1);
}

/* The next line at *cursor, without its line feed, which the last one may lack; false at the end. */
static bool next_line(const char **cursor, const char *end, const char **line, size_t *len)
{
	const char *feed;

	if (*cursor == end)
		return false;
	feed = memchr(*cursor, '\n', (size_t)(end - *cursor));
	*line = *cursor;
	*len = (size_t)((feed ? feed : end) - *line);
	*cursor = feed ? feed + 1 : end;
	return true;
}

/* Makes the table of pins anew; on an error it stays. */
static int take_known(struct peersfile *file, json_t *pins)
{
	struct pins *known = pins_new(pins);

	if (!known)
		return ENOMEM;
	pins_free(file->known);
	file->known = known;
	file->version++;
	return 0;
}

/* Replaces the content by what the text says; on an error the content stays. */
static int take_content(struct peersfile *file, const char *text, size_t len)
{
	struct content content = {.peers = peers_new(), .self = json_object(), .pins = json_object()};
	const char *cursor = text, *end = text + len, *line;
	size_t line_len;
	int rc = content.peers && content.self && content.pins ? 0 : ENOMEM;

	while (rc == 0 && next_line(&cursor, end, &line, &line_len))
		rc = take_line(&content, line, line_len);
	if (rc == 0) {
		content.peers = in_order(content.peers);
		rc = content.peers ? 0 : ENOMEM;
	}
	/* The pins seldom change, and their table takes a while if there are many. */
	if (rc == 0 && !json_equal(content.pins, file->pins))
		rc = take_known(file, content.pins);
	if (rc == 0) {
		struct content before = {file->peers, file->self, file->pins, file->others, 0};

		file->peers = content.peers;
		file->self = content.self;
		file->pins = content.pins;
		file->others = content.others;
		file->version++;
		content = before;
	}
	free_content(&content);
	return rc;
}

/* Reads the whole of an open file; *text is the caller's to free. */
static int slurp(int fd, struct buffer *text, struct stat *status)
{
	char chunk[65536];

	text->len = 0;
	if (fstat(fd, status) != 0)
		return errno;
	for (;;) {
		ssize_t got = pread(fd, chunk, sizeof(chunk), (off_t)text->len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno;
		if (got == 0)
			return 0;
		if (text->len + (size_t)got > PEERSFILE_MAX_BYTES)
			return EFBIG;
		if (buffer_append(text, chunk, (size_t)got) != 0)
			return ENOMEM;
	}
}

/* Brings the content up to date from the locked descriptor. */
static int load(struct peersfile *file, int fd)
{
	struct buffer text = {0};
	struct stat status;
	int rc;

	if (fstat(fd, &status) != 0)
		return errno;
	if (file->current && same_file(&status, &file->origin))
		return 0;
	rc = slurp(fd, &text, &status);
	if (rc == 0)
		rc = take_content(file, text.data, text.len);
	if (rc == 0) {
		file->origin = status;
		file->current = true;
	}
	buffer_free(&text);
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
		return take_content(file, "", 0);
	}
	if (rc != 0)
		return rc;
	rc = load(file, fd);
	close(fd);
	return rc;
}

int peersfile_begin(struct peersfile *file)
{
	int rc = ENOENT;

	for (int attempt = 0; attempt < BEGIN_ATTEMPTS && rc == ENOENT; attempt++) {
		rc = lockedfile_open(file->dir, PEERSFILE_NAME, O_RDWR, LOCK_EX, &file->fd);
		if (rc != ENOENT)
			break;
		rc = lockedfile_create(file->dir, PEERSFILE_NAME, "", 0);
		if (rc == 0 || rc == EEXIST)
			rc = ENOENT;
	}
	if (rc != 0) {
		file->fd = -1;
		return rc;
	}
	rc = load(file, file->fd);
	if (rc != 0)
		peersfile_abandon(file);
	return rc;
}

const char *peersfile_reason(int error)
{
	switch (error) {
	case EFBIG:
		return "it is larger than 20 MiB";
	case EUSERS:
		return "it has as many known names as it may have";
	default:
		return lockedfile_reason(error);
	}
}

static void unlock(struct peersfile *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
	file->edited = false;
	buffer_free(&file->text);
}

/* Puts a text in the file's place and unlocks. */
static int replace(struct peersfile *file, const struct buffer *text)
{
	int rc = lockedfile_replace(file->dir, PEERSFILE_NAME, text->data, text->len, &file->origin);

	unlock(file);
	/* What memory holds and the disk does not is read anew. */
	file->current = rc == 0;
	return rc;
}

int peersfile_commit(struct peersfile *file)
{
	int rc = file->edited ? replace(file, &file->text) : 0;

	peersfile_abandon(file);
	return rc;
}

int peersfile_commit_peers(struct peersfile *file)
{
	struct buffer text = {0};
	int rc = buffer_append(&text, file->others.data, file->others.len);

	for (const struct peer *peer = peers_newer(file->peers, NULL); peer && rc == 0;
	     peer = peers_newer(file->peers, peer))
		rc = append_peer(&text, peer);
	if (rc == 0)
		rc = replace(file, &text);
	else
		peersfile_abandon(file);
	buffer_free(&text);
	return rc;
}

void peersfile_abandon(struct peersfile *file)
{
	unlock(file);
	file->current = false;
}

/* Whether a line is the record of that kind, and about that name unless it is NULL. */
static bool is_record(const char *line, size_t len, const char *kind, const char *name)
{
	const char *found;
	size_t found_len;
	json_t *object;
	bool is;

	/* Most lines are peers, and not worth the parsing. */
	if (!memmem(line, len, kind, strlen(kind)))
		return false;
	object = jsontext_parse(line, len, NULL);
	is = jsontext_get_string(object, kind, &found, &found_len) && (!name || strcmp(found, name) == 0);
	json_decref(object);
	return is;
}

/* Puts record, unless it is NULL, in the place of those of its kind and name; all other lines stay byte for byte. */
static int put_record(struct peersfile *file, const char *kind, const char *name, const json_t *record)
{
	struct buffer text = {0};
	const char *cursor, *end, *line;
	struct stat status;
	size_t len;
	int rc = file->edited ? 0 : slurp(file->fd, &file->text, &status);

	cursor = file->text.data;
	end = cursor + file->text.len;
	while (rc == 0 && file->text.len > 0 && next_line(&cursor, end, &line, &len)) {
		if (is_record(line, len, kind, name))
			continue;
		rc = buffer_append(&text, line, len);
		if (rc == 0)
			rc = buffer_append(&text, "\n", 1);
	}
	if (rc == 0 && record)
		rc = jsontext_append(&text, record);
	if (rc == 0 && record)
		rc = buffer_append(&text, "\n", 1);
	if (rc != 0) {
		buffer_free(&text);
		return rc;
	}
	buffer_free(&file->text);
	file->text = text;
	file->edited = true;
	return 0;
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
	char name[USERNAME_MAX_BYTES + 1];
	const char *text;
	size_t len;

	if (!jsontext_get_string(file->self, "self", &text, &len) || username_normalize(text, len, name) != USERNAME_OK)
		return NULL;
	/* Only a name that is already as it should be: the caller gets the record's own string. */
	return strcmp(name, text) == 0 ? text : NULL;
}

int peersfile_set_username(struct peersfile *file, const char *username)
{
	if (json_object_set_new(file->self, "self", json_string(username)) != 0)
		return ENOMEM;
	return put_record(file, "self", NULL, file->self);
}

const struct pins *peersfile_pins(const struct peersfile *file)
{
	return file->known;
}

int peersfile_pin(struct peersfile *file, const struct pin *pin)
{
	const struct pin *before = pins_find(file->known, pin->username);
	json_t *record, *old, *value;
	const char *name;
	int rc = 0;

	if (!before && pins_count(file->known) >= PINS_MAX)
		return EUSERS;
	record = pins_format(pin);
	if (!record)
		return ENOMEM;
	old = json_object_get(file->pins, pin->username);
	if (before && memcmp(before->identity, pin->identity, DH_KEY_BYTES) == 0) {
		json_object_foreach (old, name, value) {
			if (!is_member(name, pin_members) && json_object_set(record, name, value) != 0)
				rc = ENOMEM;
		}
	}
	if (rc == 0)
		rc = put_record(file, "known", pin->username, record);
	if (rc == 0 && json_object_set(file->pins, pin->username, record) != 0)
		rc = ENOMEM;
	json_decref(record);
	return rc ? rc : take_known(file, file->pins);
}

int peersfile_unpin(struct peersfile *file, const char *username)
{
	int rc = put_record(file, "known", username, NULL);

	/* That there is none such is as well. */
	(void)json_object_del(file->pins, username);
	return rc ? rc : take_known(file, file->pins);
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
    struct in_addr address, size_t at_most)
{
	bool changed;
	int rc = peersfile_begin(file);

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
