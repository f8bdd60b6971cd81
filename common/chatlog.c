#include "chatlog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "address.h"
#include "clock.h"
#include "jsontext.h"
#include "lockedfile.h"

#define RESERVE_MAX_BYTES (64 * 1024 * 1024)
#define RESERVE_PART 100

static const char *const mode_words[] = {
    [CHATLOG_PLAIN] = "plain",
    [CHATLOG_CLASSIC] = "classic",
    [CHATLOG_SECURE] = "secure",
    [CHATLOG_CHANGED] = "changed",
};

#define MODES (sizeof(mode_words) / sizeof(mode_words[0]))

const char *chatlog_mode_word(enum chatlog_mode mode)
{
	return mode_words[mode];
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
		rc = buffer_printf(batch,
		    ", \"ip\": \"%s\", \"mode\": \"%s\", \"text\": ", address_format(entry->address, ip),
		    mode_words[entry->mode]);
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
	if (!read_mode(object, &parsed.mode))
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
	bool for_strangers;
};

struct chatlog *chatlog_new(int dir, bool for_strangers)
{
	struct chatlog *log = malloc(sizeof(*log));

	if (log)
		*log = (struct chatlog){.dir = dir, .for_strangers = for_strangers};
	return log;
}

void chatlog_free(struct chatlog *log)
{
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
 * Appends to the locked file, after closing off a torn last line; all of it or, with an errno value, nothing. *begun tells
 * whether the file was empty.
 */
static int append_locked(int fd, const char *lines, size_t len, bool durable, bool *begun)
{
	struct iovec pieces[2] = {{.iov_base = (char[]){'\n'}, .iov_len = 0}, {.iov_len = len}};
	struct stat status;
	char last = '\n';
	ssize_t written;
	int rc = 0;

	if (fstat(fd, &status) != 0)
		return errno;
	if (status.st_size > 0 && pread(fd, &last, 1, status.st_size - 1) != 1)
		return EIO;
	*begun = status.st_size == 0;
	pieces[0].iov_len = last != '\n';
	/* writev(2) does not write through the pointer; the cast only drops the const that iovec cannot express. */
	pieces[1].iov_base = (void *)(uintptr_t)lines;
	written = writev(fd, pieces, 2);
	if (written < 0)
		rc = errno;
	else if ((size_t)written != pieces[0].iov_len + len)
		rc = ENOSPC;
	else if (durable && fdatasync(fd) != 0)
		rc = errno;
	if (rc != 0 && written > 0 && ftruncate(fd, status.st_size) != 0)
		rc = errno;
	return rc;
}

int chatlog_append(struct chatlog *log, const char *lines, size_t len, bool durable)
{
	bool begun = false;
	int fd, rc;

	rc = lockedfile_open(log->dir, CHATLOG_NAME, O_RDWR | O_APPEND | O_CREAT, LOCK_EX, &fd);
	if (rc != 0)
		return rc;
	if (log->for_strangers && would_crowd(fd, len))
		rc = ENOSPC;
	else
		rc = append_locked(fd, lines, len, durable, &begun);
	close(fd);
	if (rc == 0 && begun && durable)
		lockedfile_sync_directory(log->dir);
	return rc;
}
