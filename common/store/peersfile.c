#include "store/peersfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "crypto/identity.h"
#include "net/address.h"
#include "store/lockedfile.h"
#include "store/peerscontent.h"

/* A file with so few lines that do not count is not worth replacing. */
#define SPARE_LINES 16

struct peersfile {
	int dir;
	int fd;	  /* locked between begin and commit, else -1 */
	int seen; /* what the content was read from, held open so that no other file gets its inode; or -1 */
	struct peerscontent *content;
	struct peersfile *beside; /* of the same file, and either takes what the other has read; or NULL */
	struct buffer text;	  /* between begin and commit: the file with the records that were changed */
	struct stat origin;	  /* of the file that the content was read from */
	bool current;		  /* origin is of use: the content is that of a file */
	bool edited;		  /* text is to be written */
	unsigned readings;
};

static void release(struct peerscontent *content)
{
	if (!content || --content->holders > 0)
		return;
	peerscontent_free(content);
	free(content);
}

/* Replaces the content by what the text says; out of memory the content stays. */
static int take_content(struct peersfile *file, const char *text, size_t len)
{
	struct peerscontent *content = malloc(sizeof(*content));
	int rc = content ? peerscontent_read(content, text, len) : ENOMEM;

	if (rc != 0) {
		free(content);
		return rc;
	}
	content->holders = 1;
	release(file->content);
	file->content = content;
	file->readings++;
	return 0;
}

struct peersfile *peersfile_new(int dir)
{
	struct peersfile *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	file->dir = dir;
	file->fd = file->seen = -1;
	if (take_content(file, "", 0) != 0) {
		free(file);
		return NULL;
	}
	return file;
}

struct peersfile *peersfile_new_beside(struct peersfile *other)
{
	struct peersfile *file = peersfile_new(other->dir);

	if (file) {
		file->beside = other;
		other->beside = file;
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
	if (file->beside)
		file->beside->beside = NULL;
	release(file->content);
	buffer_free(&file->text);
	free(file);
}

/* Whether two looks saw the same file, with nothing in it changed but a time that was overwritten. */
static bool same_content(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size;
}

/* Takes what was read beside it, if that is the file with that status. */
static bool take_beside(struct peersfile *file, const struct stat *status,
    bool (*same)(const struct stat *, const struct stat *))
{
	const struct peersfile *other = file->beside;
	int seen =
	    other && other->current && same(status, &other->origin) ? fcntl(other->seen, F_DUPFD_CLOEXEC, 0) : -1;

	if (seen < 0)
		return false;
	hold(file, seen);
	other->content->holders++;
	release(file->content);
	file->content = other->content;
	file->origin = other->origin;
	file->current = true;
	file->readings++;
	return true;
}

/* Reads the whole of an open file; *text is the caller's to free. */
static int slurp(int fd, struct buffer *text, struct stat *status)
{
	char chunk[16384];

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
	if (file->current && lockedfile_is_unchanged(&status, &file->origin))
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

	if (fstatat(file->dir, PEERSFILE_NAME, &status, 0) == 0 &&
	    ((file->current && same(&status, &file->origin)) || take_beside(file, &status, same)))
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
	return look(file, lockedfile_is_unchanged);
}

int peersfile_read_content(struct peersfile *file)
{
	return look(file, file->seen >= 0 ? same_content : lockedfile_is_unchanged);
}

int peersfile_lock(struct peersfile *file)
{
	return lockedfile_open(file->dir, PEERSFILE_NAME, O_RDWR | O_CREAT, LOCK_EX, &file->fd);
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
		return "it is larger than " TEXT_OF(PEERSFILE_MAX_MIB) " MiB";
	case EUSERS:
		return "it has " TEXT_OF(PINS_MAX) " known names or strangers, as many as it may have";
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

int peersfile_commit(struct peersfile *file, int error)
{
	struct stat placed;

	if (error == 0 && file->edited)
		error = lockedfile_replace(file->dir, PEERSFILE_NAME, file->text.data, file->text.len, &placed);
	if (error == 0 && file->edited)
		lockedfile_sync_directory(file->dir);
	peersfile_abandon(file);
	return error;
}

struct peers *peersfile_take_peers(struct peersfile *file)
{
	struct peers *taken = file->content->peers;

	file->content->peers = NULL;
	return taken;
}

bool peersfile_is_replaceable(const struct peersfile *file, size_t more_lines, size_t addresses)
{
	size_t lines = file->content->lines + more_lines;

	return file->content->is_untidy || lines > 2 * addresses + SPARE_LINES || lines > PEERS_MAX ||
	       peersfile_size(file) > PEERSFILE_MAX_BYTES / 4 * 3;
}

const struct buffer *peersfile_others(const struct peersfile *file)
{
	return &file->content->others;
}

size_t peersfile_size(const struct peersfile *file)
{
	return (size_t)file->origin.st_size;
}

int peersfile_write_time(const struct peersfile *file, size_t offset, int64_t time_ms)
{
	char text[PEERSCONTENT_TIME_BYTES + 1];

	peerscontent_format_time(time_ms, text);
	return lockedfile_write(file->fd, text, PEERSCONTENT_TIME_BYTES, (off_t)offset);
}

int peersfile_append(struct peersfile *file, const struct buffer *text, size_t lines, bool durable)
{
	int rc = lockedfile_write(file->fd, text->data, text->len, file->origin.st_size);

	if (rc == 0 && durable && fdatasync(file->fd) != 0)
		rc = errno;
	/* Whoever waits for what is new, and not for times, is woken up by this. */
	if (rc == 0 && fchmod(file->fd, file->origin.st_mode & 07777) != 0)
		rc = errno;
	/* Half of a line is of use to nobody. */
	if (rc != 0 && ftruncate(file->fd, file->origin.st_size) != 0)
		return rc;
	file->content->lines += lines;
	return rc;
}

int peersfile_replace(struct peersfile *file, const struct buffer *text, size_t lines)
{
	file->content->lines = lines;
	file->content->is_untidy = false;
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

struct peers *peersfile_peers(const struct peersfile *file)
{
	return file->content->peers;
}

const char *peersfile_username(const struct peersfile *file)
{
	return file->content->username[0] != '\0' ? file->content->username : NULL;
}

enum pins_accept peersfile_accept(const struct peersfile *file)
{
	return file->content->accept;
}

const struct in_addr *peersfile_reach(const struct peersfile *file, size_t *count)
{
	*count = file->content->reach_count;
	return file->content->reach;
}

int64_t peersfile_since(const struct peersfile *file)
{
	return file->content->since_s;
}

const struct pins *peersfile_pins(const struct peersfile *file)
{
	return file->content->pins;
}

/* Changes a record of the text, which is read before the first change; takes record over. */
static int put(struct peersfile *file, const char *kind, const char *key, const char *value, json_t *record)
{
	struct stat status;
	int rc = file->edited ? 0 : slurp(file->fd, &file->text, &status);

	file->edited |= rc == 0;
	if (rc == 0)
		rc = peerscontent_put(&file->text, kind, key, value, record);
	json_decref(record);
	return rc;
}

static int put_self(struct peersfile *file, const char *username, int64_t since_s, enum pins_accept accept,
    const struct in_addr *reach, size_t reach_count)
{
	json_t *record = json_pack("{s:s, s:I}", "self", username, "since", (json_int_t)since_s);
	json_t *list = json_array();
	char ip[ADDRESS_TEXT_BYTES];

	if (accept != PINS_ACCEPT_ALL)
		json_object_set_new(record, "accept", json_string(pins_accept_word(accept)));
	for (size_t i = 0; i < reach_count; i++)
		json_array_append_new(list, json_string(address_format(reach[i], ip)));
	if (reach_count > 0)
		json_object_set(record, "reach", list);
	json_decref(list);
	return put(file, "self", NULL, NULL, record);
}

int peersfile_set_self(struct peersfile *file, const char *username, int64_t since_s)
{
	const struct peerscontent *old = file->content;

	return put_self(file, username, since_s, old->accept, old->reach, old->reach_count);
}

int peersfile_set_accept(struct peersfile *file, enum pins_accept accept)
{
	const struct peerscontent *old = file->content;

	return put_self(file, old->username, old->since_s, accept, old->reach, old->reach_count);
}

int peersfile_set_reach(struct peersfile *file, const struct in_addr *list, size_t count)
{
	const struct peerscontent *old = file->content;

	return put_self(file, old->username, old->since_s, old->accept, list, count);
}

/* Puts the record of a stranger, or removes it if nothing is wanted of them. */
static int put_stranger(struct peersfile *file, const struct stranger *stranger)
{
	const struct pins *pins = file->content->pins;
	const uint8_t *identity = stranger->has_identity ? stranger->identity : NULL;
	const char *key = identity ? "identity" : "address";
	json_t *record;
	int rc;

	if (stranger->wishes && !pins_wishes(pins, identity, stranger->address) &&
	    pins_count_strangers(pins) >= PINS_MAX)
		return EUSERS;
	record = pins_format_stranger(stranger);
	rc = put(file, "stranger", key, json_string_value(json_object_get(record, key)),
	    stranger->wishes ? json_incref(record) : NULL);
	json_decref(record);
	return rc;
}

int peersfile_wish(struct peersfile *file, const struct stranger *who)
{
	struct stranger stranger = *who;
	int rc = 0;

	for (const struct pin *pin = NULL; rc == 0 && (pin = pins_next(file->content->pins, pin));) {
		struct pin changed = *pin;

		if (!who->has_identity || memcmp(pin->identity, who->identity, IDENTITY_BYTES) != 0)
			continue;
		changed.wishes = who->wishes & ~(unsigned)PINS_ACCEPTED;
		stranger.wishes = 0;
		rc = peersfile_pin(file, &changed);
	}
	return rc ? rc : put_stranger(file, &stranger);
}

int peersfile_pin(struct peersfile *file, const struct pin *pin)
{
	if (!pins_find(file->content->pins, pin->username) && pins_count(file->content->pins) >= PINS_MAX)
		return EUSERS;
	return put(file, "known", "known", pin->username, pins_format(pin));
}

int peersfile_unpin(struct peersfile *file, const char *username)
{
	const struct pin *pin = pins_find(file->content->pins, username);
	struct stranger stranger = {.has_identity = true};
	int rc = put(file, "known", "known", username, NULL);

	if (rc != 0 || !pin || pin->wishes == 0)
		return rc;
	strcpy(stranger.username, pin->username);
	memcpy(stranger.identity, pin->identity, IDENTITY_BYTES);
	stranger.wishes = pin->wishes;
	return put_stranger(file, &stranger);
}

bool peersfile_next_room(const struct peersfile *file, size_t *cursor, const char **line, size_t *len)
{
	const struct peerscontent *content = file->content;
	const struct peerscontent_room *room = &content->rooms[*cursor];

	if (*cursor == content->room_count)
		return false;
	*line = content->others.data + room->offset;
	*len = room->len;
	++*cursor;
	return true;
}

unsigned peersfile_readings(const struct peersfile *file)
{
	return file->readings;
}

int peersfile_set_room(struct peersfile *file, const char *id, json_t *record)
{
	return put(file, "room", "room", id, record);
}
