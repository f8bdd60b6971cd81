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
#include "store/peerrecord.h"

/* The file may vanish between making and locking it; nobody deletes it more often than this. */
#define BEGIN_ATTEMPTS 8
/* Lines that mean nothing to this version and are kept. */
#define UNKNOWN_LINES_MAX 100
/* A file with so few lines that do not count is not worth replacing. */
#define SPARE_LINES 16

struct peersfile {
	int dir;
	int fd;	  /* locked between begin and commit, else -1 */
	int seen; /* what the content was read from, held open so that no other file gets its inode; or -1 */
	struct peers *peers;
	struct pins *known;
	json_t *self;	      /* the record of the user's own name, an empty object if there is none */
	json_t *pins;	      /* the records of the pins, by name */
	struct buffer others; /* all lines that are no peers, as they stand in the file */
	struct buffer text;   /* between begin and commit: the file with the records that were changed */
	struct stat origin;   /* of the file that the content was read from */
	size_t lines;	      /* of addresses in it, those included that do not count any more */
	bool is_untidy;	      /* its last line does not end, or more lines mean nothing than are kept */
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
	file->fd = file->seen = -1;
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

static void hold(struct peersfile *file, int fd)
{
	if (file->seen >= 0)
		close(file->seen);
	file->seen = fd;
}

void peersfile_free(struct peersfile *file)
{
	if (!file)
		return;
	if (file->fd >= 0)
		close(file->fd);
	hold(file, -1);
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

/* The same, but for what an overwritten time changes. */
static bool same_content(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size;
}

/* The members of a pin that this version writes. */
static const char *const pin_members[] = {"known", "identity", "pinned", "address", "verified", NULL};

static bool is_member(const char *name, const char *const *members)
{
	while (*members && strcmp(*members, name) != 0)
		members++;
	return *members != NULL;
}

/* A claim as it stands in the file. */
struct entry {
	struct peer peer;
	size_t line, index;
	int64_t newest_ms; /* when anybody was heard last from the address */
};

static int compare_addresses(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;

	if (a->peer.address.s_addr != b->peer.address.s_addr)
		return a->peer.address.s_addr < b->peer.address.s_addr ? -1 : 1;
	if (a->line != b->line)
		return a->line > b->line ? -1 : 1;
	return (a->index > b->index) - (a->index < b->index);
}

static int compare_times(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;

	if (a->newest_ms != b->newest_ms)
		return a->newest_ms < b->newest_ms ? -1 : 1;
	return compare_addresses(left, right);
}

/* What the lines of a file say. */
struct content {
	struct entry *list; /* the claims of all lines */
	size_t count, room;
	size_t lines;
	json_t *self, *pins;
	struct buffer others;
	size_t unknown;
};

static void free_content(struct content *content)
{
	for (size_t i = 0; i < content->count; i++)
		json_decref(content->list[i].peer.extra);
	free(content->list);
	json_decref(content->self);
	json_decref(content->pins);
	buffer_free(&content->others);
}

/* Leaves, of the lines about one address, the last, and puts who was heard last at the end. */
static void arrange(struct content *content)
{
	struct entry *list = content->list;
	size_t kept = 0;

	if (content->count == 0)
		return;
	qsort(list, content->count, sizeof(*list), compare_addresses);
	for (size_t i = 0; i < content->count;) {
		in_addr_t address = list[i].peer.address.s_addr;
		size_t first = kept, line = list[i].line;
		int64_t newest_ms = 0;

		for (; i < content->count && list[i].peer.address.s_addr == address; i++) {
			if (list[i].line != line) {
				json_decref(list[i].peer.extra);
				continue;
			}
			if (list[i].peer.last_seen_ms > newest_ms)
				newest_ms = list[i].peer.last_seen_ms;
			list[kept++] = list[i];
		}
		for (size_t j = first; j < kept; j++)
			list[j].newest_ms = newest_ms;
	}
	content->count = kept;
	qsort(list, kept, sizeof(*list), compare_times);
}

/* Makes the dictionary of the claims, which it empties. NULL if out of memory. */
static struct peers *make_peers(struct content *content, const struct pins *known)
{
	struct peers *peers = peers_new();
	size_t taken = 0;

	arrange(content);
	for (; taken < content->count && peers; taken++) {
		struct peer *peer = &content->list[taken].peer;

		peer->is_pinned = peer->has_identity && pins_find_identity(known, peer->identity);
		if (!peers_put(peers, peer) && errno != 0) {
			peers_free(peers);
			peers = NULL;
		}
	}
	content->count = peers ? 0 : content->count;
	return peers;
}

/* Notes where the times of a line that begins at offset stand, if it is just as we write it. */
static void find_offsets(const char *line, size_t len, size_t offset, struct peer *claims, size_t count)
{
	struct buffer text = {0};
	struct peer *written[PEERS_CLAIMS_MAX];
	size_t offsets[PEERS_CLAIMS_MAX];

	for (size_t i = 0; i < count; i++)
		written[i] = &claims[i];
	if (peerrecord_format(&text, written, count, offsets) == 0 && text.len == len + 1 &&
	    memcmp(text.data, line, len) == 0) {
		for (size_t i = 0; i < count; i++)
			claims[i].offset = (uint32_t)(offset + offsets[i]);
	}
	buffer_free(&text);
}

/* Takes a record that is one of an address; false if it is none, with errno 0 or ENOMEM. */
static bool take_peer(struct content *content, json_t *object, const char *line, size_t len, size_t offset)
{
	struct peer claims[PEERS_CLAIMS_MAX];
	size_t count = peerrecord_parse(object, claims);

	errno = 0;
	if (count == 0)
		return false;
	if (content->count + count > content->room) {
		size_t room = content->room * 2 + 64;
		struct entry *list = realloc(content->list, room * sizeof(*list));

		if (!list) {
			for (size_t i = 0; i < count; i++)
				json_decref(claims[i].extra);
			errno = ENOMEM;
			return false;
		}
		content->list = list;
		content->room = room;
	}
	find_offsets(line, len, offset, claims, count);
	content->lines++;
	for (size_t i = 0; i < count; i++)
		content->list[content->count++] = (struct entry){claims[i], content->lines, i, 0};
	return true;
}

/* Takes one line, its line feed not included. A line that means nothing is kept as it is, up to a limit. */
static int take_line(struct content *content, const char *line, size_t len, size_t offset)
{
	json_t *object = jsontext_parse(line, len, NULL);
	const char *name;
	size_t name_len;
	int rc = 0;

	if (!object && errno == ENOMEM)
		return ENOMEM;
	errno = 0;
	if (object && (take_peer(content, object, line, len, offset) || errno != 0)) {
		json_decref(object);
		return errno;
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
	struct content content = {.self = json_object(), .pins = json_object()};
	const char *cursor = text, *end = text + len, *line;
	struct peers *peers = NULL;
	size_t line_len;
	int rc = content.self && content.pins ? 0 : ENOMEM;

	while (rc == 0 && next_line(&cursor, end, &line, &line_len))
		rc = take_line(&content, line, line_len, (size_t)(line - text));
	/* The pins seldom change, and their table takes a while if there are many. */
	if (rc == 0 && !json_equal(content.pins, file->pins))
		rc = take_known(file, content.pins);
	if (rc == 0) {
		peers = make_peers(&content, file->known);
		rc = peers ? 0 : ENOMEM;
	}
	if (rc == 0) {
		struct content before = {.self = file->self, .pins = file->pins, .others = file->others};

		peers_free(file->peers);
		file->peers = peers;
		file->self = content.self;
		file->pins = content.pins;
		file->others = content.others;
		file->lines = content.lines;
		file->is_untidy = (len > 0 && end[-1] != '\n') || content.unknown > UNKNOWN_LINES_MAX;
		file->version++;
		free(content.list);
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

static int look(struct peersfile *file, bool (*same)(const struct stat *, const struct stat *))
{
	struct stat status;
	int fd, rc;

	if (file->current && fstatat(file->dir, PEERSFILE_NAME, &status, 0) == 0 && same(&status, &file->origin))
		return 0;
	rc = lockedfile_open(file->dir, PEERSFILE_NAME, O_RDONLY, LOCK_SH, &fd);
	if (rc == ENOENT) {
		file->current = false;
		return take_content(file, "", 0);
	}
	if (rc != 0)
		return rc;
	rc = load(file, fd);
	if (rc != 0) {
		close(fd);
		return rc;
	}
	flock(fd, LOCK_UN);
	hold(file, fd);
	return 0;
}

int peersfile_read(struct peersfile *file)
{
	return look(file, same_file);
}

int peersfile_read_content(struct peersfile *file)
{
	return look(file, file->seen >= 0 ? same_content : same_file);
}

int peersfile_lock(struct peersfile *file)
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
	if (rc != 0)
		file->fd = -1;
	return rc;
}

int peersfile_load(struct peersfile *file)
{
	int rc = load(file, file->fd);

	if (rc != 0)
		peersfile_abandon(file);
	return rc;
}

int peersfile_begin(struct peersfile *file)
{
	int rc = peersfile_lock(file);

	return rc ? rc : peersfile_load(file);
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
	hold(file, -1);
	file->fd = -1;
	file->edited = false;
	buffer_free(&file->text);
}

int peersfile_commit(struct peersfile *file)
{
	struct stat placed;
	int rc = 0;

	if (file->edited)
		rc = lockedfile_replace(file->dir, PEERSFILE_NAME, file->text.data, file->text.len, &placed);
	if (file->edited && rc == 0)
		lockedfile_sync_directory(file->dir);
	peersfile_abandon(file);
	return rc;
}

struct peers *peersfile_take_peers(struct peersfile *file)
{
	struct peers *taken = file->peers;

	file->peers = NULL;
	return taken;
}

bool peersfile_is_replaceable(const struct peersfile *file, size_t more_lines, size_t addresses)
{
	size_t lines = file->lines + more_lines;

	return file->is_untidy || lines > 2 * addresses + SPARE_LINES || lines > PEERS_MAX;
}

const struct buffer *peersfile_others(const struct peersfile *file)
{
	return &file->others;
}

size_t peersfile_size(const struct peersfile *file)
{
	return (size_t)file->origin.st_size;
}

/* Writes bytes at an offset of the locked file. */
static int write_at(const struct peersfile *file, const char *bytes, size_t len, size_t offset)
{
	while (len > 0) {
		ssize_t written = pwrite(file->fd, bytes, len, (off_t)offset);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return errno;
		bytes += written;
		offset += (size_t)written;
		len -= (size_t)written;
	}
	return 0;
}

int peersfile_write_time(const struct peersfile *file, size_t offset, int64_t time_ms)
{
	char text[PEERRECORD_TIME_BYTES + 1];

	peerrecord_format_time(time_ms, text);
	return write_at(file, text, PEERRECORD_TIME_BYTES, offset);
}

int peersfile_append(struct peersfile *file, const struct buffer *text, size_t lines)
{
	int rc = write_at(file, text->data, text->len, peersfile_size(file));

	if (rc == 0 && fdatasync(file->fd) != 0)
		rc = errno;
	/* Half of a line is of use to nobody. */
	if (rc != 0 && ftruncate(file->fd, file->origin.st_size) != 0)
		return rc;
	file->lines += lines;
	return rc;
}

int peersfile_replace(struct peersfile *file, const struct buffer *text, size_t lines)
{
	file->lines = lines;
	file->is_untidy = false;
	return lockedfile_replace(file->dir, PEERSFILE_NAME, text->data, text->len, &file->origin);
}

int peersfile_end(struct peersfile *file, bool replaced, int error)
{
	/* What was written is known without reading it. What failed may have been written in part. */
	if (error == 0 && !replaced && fstat(file->fd, &file->origin) != 0)
		error = errno;
	unlock(file);
	file->current = error == 0;
	return error;
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

int64_t peersfile_since(const struct peersfile *file)
{
	int64_t since_s = json_integer_value(json_object_get(file->self, "since"));

	return since_s > 0 && since_s < ANNOUNCEMENT_SINCE_MAX_S ? since_s : 0;
}

int peersfile_set_self(struct peersfile *file, const char *username, int64_t since_s)
{
	if (json_object_set_new(file->self, "self", json_string(username)) != 0 ||
	    json_object_set_new(file->self, "since", json_integer(since_s)) != 0)
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
	if (before && memcmp(before->identity, pin->identity, IDENTITY_BYTES) == 0) {
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
