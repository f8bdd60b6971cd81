#include "store/chatlog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/jsontext.h"
#include "net/address.h"
#include "store/lockedfile.h"

#define RESERVE_MAX_BYTES (64 * 1024 * 1024)
#define RESERVE_PART 100

static const char *const mode_words[] = {
    [CHATLOG_PLAIN] = "plain",
    [CHATLOG_CLASSIC] = "classic",
    [CHATLOG_SECURE] = "secure",
};

/* base64 of an identity, the longest there is, with the NUL. */
#define BYTES_TEXT_BYTES sodium_base64_ENCODED_LEN(IDENTITY_BYTES, BASE64_VARIANT)

#define MODES (sizeof(mode_words) / sizeof(mode_words[0]))

const char *chatlog_mode_word(enum chatlog_mode mode)
{
	return mode_words[mode];
}

/* Appends a member of len bytes, and what separates it from the next. */
static int append_bytes(struct buffer *batch, const char *name, const uint8_t *bytes, size_t len)
{
	char text[BYTES_TEXT_BYTES];

	sodium_bin2base64(text, sizeof(text), bytes, len, BASE64_VARIANT);
	return buffer_printf(batch, "\"%s\": \"%s\", ", name, text);
}

int chatlog_format(struct buffer *batch, const struct chatlog_entry *entry)
{
	char utc[CLOCK_UTC_BYTES], ip[ADDRESS_TEXT_BYTES];
	size_t before = batch->len;
	int rc;

	clock_format_utc(entry->time_ms, utc);
	rc = buffer_printf(batch, "{\"time\": \"%s\", \"direction\": \"%s\", \"username\": ", utc,
	    entry->sent ? "SENT" : "RECEIVED");
	if (rc == 0)
		rc = jsontext_append_string(batch, entry->username, strlen(entry->username));
	if (rc == 0)
		rc = buffer_printf(batch, ", \"ip\": \"%s\", \"mode\": \"%s\", ", address_format(entry->address, ip),
		    mode_words[entry->mode]);
	if (rc == 0 && entry->standing)
		rc = buffer_printf(batch, "\"standing\": \"%s\", ", entry->standing);
	if (rc == 0 && entry->has_id)
		rc = append_bytes(batch, "id", entry->id, sizeof(entry->id));
	if (rc == 0 && entry->has_identity)
		rc = append_bytes(batch, "identity", entry->identity, sizeof(entry->identity));
	if (rc == 0)
		rc = buffer_append(batch, "\"text\": ", 8);
	if (rc == 0)
		rc = jsontext_append_string(batch, entry->text, entry->text_len);
	if (rc == 0)
		rc = buffer_append(batch, "}\n", 2);
	if (rc != 0)
		batch->len = before;
	return rc;
}

static bool read_mode(const json_t *object, enum chatlog_mode *mode)
{
	const char *word;
	size_t len;

	if (!jsontext_get_string(object, "mode", &word, &len))
		return false;
	for (size_t i = 0; i < MODES; i++) {
		if (strcmp(word, mode_words[i]) == 0) {
			*mode = (enum chatlog_mode)i;
			return true;
		}
	}
	return false;
}

/* Reads the word under standing; false if there is something else. */
static bool read_standing(const json_t *object, const char **standing)
{
	size_t len;

	if (!json_object_get(object, "standing"))
		return true;
	if (!jsontext_get_string(object, "standing", standing, &len))
		return false;
	return len > 0 && len <= CHATLOG_STANDING_MAX_BYTES && strspn(*standing, "abcdefghijklmnopqrstuvwxyz") == len;
}

/* Reads a member of len bytes in base64, if there is one; false if there is something else. */
static bool read_bytes(const json_t *object, const char *name, uint8_t *bytes, size_t len, bool *has)
{
	const char *text;
	size_t text_len, decoded_len;

	if (!json_object_get(object, name))
		return true;
	*has = jsontext_get_string(object, name, &text, &text_len) &&
	       base64_decode(text, text_len, bytes, len, &decoded_len) && decoded_len == len;
	return *has;
}

int chatlog_parse(const char *line, size_t len, struct chatlog_entry *entry)
{
	struct chatlog_entry parsed = {0};
	json_t *object = jsontext_parse(line, len, NULL);
	const char *text;
	size_t text_len;

	if (!object)
		return EBADMSG;
	if (!jsontext_get_string(object, "time", &text, &text_len) || !clock_parse_utc(text, text_len, &parsed.time_ms))
		goto refuse;
	if (!jsontext_get_string(object, "direction", &text, &text_len))
		goto refuse;
	parsed.sent = strcmp(text, "SENT") == 0;
	if (!parsed.sent && strcmp(text, "RECEIVED") != 0)
		goto refuse;
	if (!jsontext_get_string(object, "username", &text, &text_len) ||
	    username_normalize(text, text_len, parsed.username) != USERNAME_OK)
		goto refuse;
	if (!jsontext_get_string(object, "ip", &text, &text_len) || address_parse(text, &parsed.address) != 0)
		goto refuse;
	if (!read_mode(object, &parsed.mode) || !read_standing(object, &parsed.standing))
		goto refuse;
	if (!read_bytes(object, "id", parsed.id, sizeof(parsed.id), &parsed.has_id) ||
	    !read_bytes(object, "identity", parsed.identity, sizeof(parsed.identity), &parsed.has_identity))
		goto refuse;
	if (!jsontext_get_string(object, "text", &parsed.text, &parsed.text_len))
		goto refuse;
	parsed.document = object;
	*entry = parsed;
	return 0;
refuse:
	json_decref(object);
	return EBADMSG;
}

void chatlog_entry_free(struct chatlog_entry *entry)
{
	json_decref(entry->document);
	*entry = (struct chatlog_entry){0};
}

struct chatlog {
	int dir;
	int wait_ms;
	int fd;	     /* kept open between appends, not locked; or -1 */
	bool placed; /* its name is on the disk, too */
	off_t end;   /* of the last line that was appended here; 0: unknown */
};

struct chatlog *chatlog_new(int dir, int wait_ms)
{
	struct chatlog *log = malloc(sizeof(*log));

	if (log)
		*log = (struct chatlog){.dir = dir, .wait_ms = wait_ms, .fd = -1};
	return log;
}

void chatlog_free(struct chatlog *log)
{
	if (log && log->fd >= 0)
		close(log->fd);
	free(log);
}

/* Whether len bytes more would eat into what strangers must leave free. */
static bool would_crowd(int fd, size_t len)
{
	struct statvfs disk;
	unsigned long long reserve, available;

	if (fstatvfs(fd, &disk) != 0)
		return false;
	reserve = (unsigned long long)disk.f_blocks * disk.f_frsize / RESERVE_PART;
	if (reserve > RESERVE_MAX_BYTES)
		reserve = RESERVE_MAX_BYTES;
	available = (unsigned long long)disk.f_bavail * disk.f_frsize;
	return available < reserve + len;
}

/*
 * Appends to the locked file of that size, after closing off a torn last line; all of it or, with an errno value,
 * nothing.
 */
static int append_locked(struct chatlog *log, off_t size, const char *lines, size_t len, bool durable)
{
	struct iovec pieces[2] = {{.iov_base = (char[]){'\n'}, .iov_len = 0}, {.iov_len = len}};
	char last = '\n';
	ssize_t written;
	int rc = 0;

	/* If nobody has written since, the end is that of a whole line. */
	if (size > 0 && size != log->end && pread(log->fd, &last, 1, size - 1) != 1)
		return EIO;
	pieces[0].iov_len = last != '\n';
	/* writev(2) does not write through the pointer; the cast only drops the const that iovec cannot express. */
	pieces[1].iov_base = (void *)(uintptr_t)lines;
	written = writev(log->fd, pieces, 2);
	if (written < 0)
		rc = errno;
	else if ((size_t)written != pieces[0].iov_len + len)
		rc = ENOSPC;
	else if (durable && fdatasync(log->fd) != 0)
		rc = errno;
	if (rc != 0 && written > 0 && ftruncate(log->fd, size) != 0)
		rc = errno;
	log->end = rc == 0 ? size + written : 0;
	return rc;
}

int chatlog_append(struct chatlog *log, const char *lines, size_t len, unsigned how)
{
	struct stat status;
	bool is_new;
	int rc = lockedfile_reopen(log->dir, CHATLOG_NAME, O_RDWR | O_APPEND | O_CREAT, LOCK_EX, log->wait_ms, &log->fd,
	    &status, &is_new);

	if (rc != 0)
		return rc;
	if (is_new) {
		log->placed = false;
		log->end = 0;
		if (status.st_mode & (S_IRWXG | S_IRWXO) && fchmod(log->fd, S_IRUSR | S_IWUSR) != 0)
			rc = errno;
	}
	if (rc == 0 && how & CHATLOG_FOR_STRANGERS && would_crowd(log->fd, len))
		rc = ENOSPC;
	if (rc == 0)
		rc = append_locked(log, status.st_size, lines, len, how & CHATLOG_DURABLE);
	flock(log->fd, LOCK_UN);
	/* Whoever made the file may not have waited for that. */
	if (rc == 0 && how & CHATLOG_DURABLE && !log->placed) {
		lockedfile_sync_directory(log->dir);
		log->placed = true;
	}
	return rc;
}
