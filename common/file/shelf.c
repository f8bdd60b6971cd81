#include "file/shelf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/lockedfile.h"

/* So much is left to the disk at once. */
#define WRITE_BACK_BYTES (512 * 1024)
#define NUMBER_MAX 999

/* Whether a directory may be stored in. A sticky one of the super-user, as /tmp, only if the user chose it. */
static int judge(int dir, bool chosen)
{
	struct stat status;

	if (fstat(dir, &status) != 0)
		return errno;
	if (status.st_uid != geteuid() && !(chosen && status.st_uid == 0))
		return LOCKEDFILE_FOREIGN;
	if (status.st_mode & (S_IWGRP | S_IWOTH) && !(chosen && status.st_mode & S_ISVTX))
		return LOCKEDFILE_EXPOSED;
	return 0;
}

static int open_directory(int dir, const char *path, bool chosen, int *shelf)
{
	int opened = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (chosen ? 0 : O_NOFOLLOW));
	int rc = opened < 0 ? errno : judge(opened, chosen);

	if (rc == 0)
		*shelf = opened;
	else if (opened >= 0)
		close(opened);
	return rc;
}

int shelf_open(int dir, int *shelf)
{
	if (mkdirat(dir, SHELF_NAME, S_IRWXU) == 0)
		lockedfile_sync_directory(dir);
	else if (errno != EEXIST)
		return errno;
	return open_directory(dir, SHELF_NAME, false, shelf);
}

int shelf_open_path(const char *path, int *shelf, const char **name)
{
	const char *slash = strrchr(path, '/');
	char *parent = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	int rc = parent ? open_directory(AT_FDCWD, parent, true, shelf) : ENOMEM;

	free(parent);
	if (rc == 0)
		*name = slash ? slash + 1 : path;
	return rc;
}

void shelf_make_tag(const uint8_t by[static IDENTITY_BYTES], const uint8_t id[static ENVELOPE_ID_BYTES],
    uint8_t tag[static SHELF_TAG_BYTES])
{
	uint8_t named[IDENTITY_BYTES + ENVELOPE_ID_BYTES], digest[crypto_generichash_BYTES_MIN];

	memcpy(named, by, IDENTITY_BYTES);
	memcpy(named + IDENTITY_BYTES, id, ENVELOPE_ID_BYTES);
	crypto_generichash(digest, sizeof(digest), named, sizeof(named), NULL, 0);
	memcpy(tag, digest, SHELF_TAG_BYTES);
}

static void format_part(const char *name, const uint8_t *tag, char part[static SHELF_PART_NAME_BYTES])
{
	char hex[FILENAME_PART_DIGITS + 1];

	snprintf(part, SHELF_PART_NAME_BYTES, "%s.%s" FILENAME_PART_SUFFIX, name,
	    sodium_bin2hex(hex, sizeof(hex), tag, SHELF_TAG_BYTES));
}

int64_t shelf_find_part(int dir, const char *name, const uint8_t tag[static SHELF_TAG_BYTES])
{
	char part[SHELF_PART_NAME_BYTES], path[sizeof(SHELF_NAME "/") + sizeof(part)];
	struct stat status;

	format_part(name, tag, part);
	snprintf(path, sizeof(path), SHELF_NAME "/%s", part);
	return fstatat(dir, path, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode) ? status.st_size : 0;
}

int shelf_open_part(int shelf, const char *name, int64_t offered, const uint8_t tag[static SHELF_TAG_BYTES],
    struct shelf_part *part)
{
	struct stat status;
	bool is_new;
	int rc;

	*part = (struct shelf_part){.dir = shelf, .fd = -1, .offered = offered};
	if (filename_fault(name, strlen(name)))
		return EINVAL;
	strcpy(part->name, name);
	format_part(name, tag, part->part_name);
	rc = lockedfile_reopen(shelf, part->part_name, O_RDWR | O_CREAT, LOCK_EX, 0, &part->fd, &status, &is_new);
	if (rc != 0)
		return rc == ETIMEDOUT ? EBUSY : rc;
	part->bytes = status.st_size;
	if (status.st_nlink != 1)
		rc = EMLINK;
	else if (status.st_size > offered)
		rc = shelf_empty(part);
	else if (offered > 0 && status.st_size == offered)
		rc = ftruncate(part->fd, --part->bytes) == 0 ? 0 : errno;
	if (rc != 0) {
		shelf_close_part(part);
		return rc;
	}
	part->begun_back = part->bytes;
	return lockedfile_crowds(part->fd, offered - part->bytes) ? ENOSPC : 0;
}

/*
 * Has the disk begin with what is complete, so that little is left for the end, and waits for what was begun before that: else
 * whatever others write, as chat.log, would wait behind much of it.
 */
static void write_back(struct shelf_part *part)
{
	const unsigned wait = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
	int64_t before = part->begun_back - WRITE_BACK_BYTES;

	if (part->bytes - part->begun_back < WRITE_BACK_BYTES)
		return;
	sync_file_range(part->fd, part->begun_back, part->bytes - part->begun_back, SYNC_FILE_RANGE_WRITE);
	if (before >= 0)
		sync_file_range(part->fd, before, WRITE_BACK_BYTES, wait);
	part->begun_back = part->bytes;
}

int shelf_write(struct shelf_part *part, const void *bytes, size_t len)
{
	int rc;

	if (len > (uint64_t)(part->offered - part->bytes))
		return EFBIG;
	/* Others may have filled the disk since the part was opened. */
	if (lockedfile_crowds(part->fd, (int64_t)len))
		return ENOSPC;
	rc = lockedfile_write(part->fd, bytes, len, part->bytes);
	if (rc != 0)
		return rc;
	part->bytes += (int64_t)len;
	write_back(part);
	return 0;
}

int shelf_empty(struct shelf_part *part)
{
	if (ftruncate(part->fd, 0) != 0)
		return errno;
	part->bytes = part->begun_back = 0;
	return 0;
}

/* The name that is tried after number others: "plan (1).pdf". */
static void format_name(const char *name, unsigned number, char out[static SHELF_NAME_BYTES])
{
	const char *dot = strrchr(name, '.');

	if (!dot)
		dot = name + strlen(name);
	if (number == 0)
		strcpy(out, name);
	else
		snprintf(out, SHELF_NAME_BYTES, "%.*s (%u)%s", (int)(dot - name), name, number, dot);
}

int shelf_place(struct shelf_part *part, bool exactly, char placed[static SHELF_NAME_BYTES])
{
	unsigned number = 0;
	int rc;

	if (part->bytes != part->offered)
		return EINVAL;
	if (fdatasync(part->fd) != 0)
		return errno;
	/* In a directory of the user's choice somebody may have put another in its place. */
	if (!lockedfile_is_in_place(part->dir, part->part_name, part->fd))
		return ESTALE;
	do {
		format_name(part->name, number, placed);
		rc = lockedfile_place_new(part->dir, part->part_name, placed, part->fd);
	} while (rc == EEXIST && !exactly && number++ < NUMBER_MAX);
	if (rc != 0)
		return rc;
	shelf_close_part(part);
	return 0;
}

void shelf_close_part(struct shelf_part *part)
{
	if (part->fd >= 0)
		close(part->fd);
	part->fd = -1;
}

void shelf_discard(struct shelf_part *part)
{
	if (part->fd >= 0 && lockedfile_is_in_place(part->dir, part->part_name, part->fd))
		unlinkat(part->dir, part->part_name, 0);
	shelf_close_part(part);
}

int shelf_hash(int fd, int64_t bytes, crypto_generichash_state *hash, shelf_goes_on *goes_on, void *context)
{
	uint8_t *chunk = malloc(SHELF_HASHED_BYTES);
	int rc = chunk ? 0 : ENOMEM;

	for (int64_t at = 0; rc == 0 && at < bytes;) {
		size_t wanted = bytes - at < SHELF_HASHED_BYTES ? (size_t)(bytes - at) : SHELF_HASHED_BYTES;
		ssize_t got = pread(fd, chunk, wanted, at);

		if (got > 0) {
			crypto_generichash_update(hash, chunk, (size_t)got);
			at += got;
		} else if (got == 0) {
			rc = ENODATA;
		} else if (errno != EINTR) {
			rc = errno;
		}
		if (rc == 0 && goes_on)
			rc = goes_on(context);
	}
	free(chunk);
	return rc;
}
