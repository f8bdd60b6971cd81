#include "store/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "store/lockedfile.h"

/* The file may be deleted between making and reading it; nobody does that more than a few times. */
#define ATTEMPTS 3

static const char *reason(int error)
{
	switch (error) {
	case EBADMSG:
		return "it is damaged (not " TEXT_OF(IDENTITY_SEED_BYTES) " bytes); move it away to get a new identity";
	case LOCKEDFILE_EXPOSED:
		return "other users may write to it, so it may not be yours; move it away to get a new identity";
	default:
		return lockedfile_reason(error);
	}
}

/* Keeps others from reading the file. */
static int protect(int fd, struct stat *status, bool *exposed)
{
	if (!(status->st_mode & (S_IRWXG | S_IRWXO)))
		return 0;
	*exposed = true;
	return fchmod(fd, S_IRUSR | S_IWUSR) == 0 && fstat(fd, status) == 0 ? 0 : errno;
}

/* Reads the seed; *status describes the file before that, so that a later change is noticed. */
static int read_seed(int dir, uint8_t seed[static IDENTITY_SEED_BYTES], struct stat *status, bool *exposed)
{
	uint8_t content[IDENTITY_SEED_BYTES + 1];
	ssize_t len;
	int fd, rc = lockedfile_open_own(dir, KEYFILE_NAME, O_RDONLY, &fd, status);

	if (rc != 0)
		return rc;
	rc = protect(fd, status, exposed);
	if (rc == 0) {
		len = read(fd, content, sizeof(content));
		if (len < 0)
			rc = errno;
		else if (len != IDENTITY_SEED_BYTES)
			rc = EBADMSG;
		else
			memcpy(seed, content, IDENTITY_SEED_BYTES);
	}
	sodium_memzero(content, sizeof(content));
	close(fd);
	return rc;
}

/* Reads the seed, making the file first if there is none. */
static int make_seed(int dir, uint8_t seed[static IDENTITY_SEED_BYTES], struct stat *status, bool *exposed)
{
	uint8_t fresh[IDENTITY_SEED_BYTES];
	int rc = ENOENT;

	for (int attempt = 0; attempt < ATTEMPTS && rc == ENOENT; attempt++) {
		rc = read_seed(dir, seed, status, exposed);
		if (rc != ENOENT)
			break;
		randombytes_buf(fresh, sizeof(fresh));
		rc = lockedfile_create(dir, KEYFILE_NAME, fresh, sizeof(fresh));
		sodium_memzero(fresh, sizeof(fresh));
		if (rc == 0 || rc == EEXIST)
			rc = read_seed(dir, seed, status, exposed);
	}
	/* A seed that somebody was killed over, or came too late with. */
	if (rc == 0)
		unlinkat(dir, KEYFILE_NAME ".new", 0);
	return rc;
}

/* Takes a seed that was read, and wipes it. Returns whether the identity is another than before. */
static bool take(struct keyfile *file, uint8_t seed[static IDENTITY_SEED_BYTES])
{
	struct identity read;
	bool is_another;

	identity_derive(&read, seed);
	is_another = !file->is_usable || memcmp(read.public, file->identity.public, IDENTITY_BYTES) != 0;
	file->identity = read;
	file->is_usable = true;
	sodium_memzero(&read, sizeof(read));
	sodium_memzero(seed, IDENTITY_SEED_BYTES);
	return is_another;
}

static const char *tell_unusable(struct keyfile *file, int error)
{
	snprintf(file->news, sizeof(file->news), "cannot use " KEYFILE_NAME ": %s; %s", reason(error),
	    file->is_usable ? "the identity that was loaded before goes on" : "there is no secure chat without it");
	return file->news;
}

static const char *tell_exposed(struct keyfile *file, const char *before)
{
	snprintf(file->news, sizeof(file->news),
	    "%s" KEYFILE_NAME " could be read by others on this machine; now only you can (mode 0600)", before);
	return file->news;
}

const char *keyfile_open(struct keyfile *file, int dir)
{
	uint8_t seed[IDENTITY_SEED_BYTES];
	bool exposed = false;
	int rc;

	*file = (struct keyfile){.dir = dir};
	rc = make_seed(dir, seed, &file->seen, &exposed);
	file->is_there = rc == 0 || fstatat(dir, KEYFILE_NAME, &file->seen, AT_SYMLINK_NOFOLLOW) == 0;
	if (rc != 0)
		return tell_unusable(file, rc);
	take(file, seed);
	return exposed ? tell_exposed(file, "") : NULL;
}

const char *keyfile_refresh(struct keyfile *file)
{
	static const char changed[] = KEYFILE_NAME " has changed: you have another identity now";
	uint8_t seed[IDENTITY_SEED_BYTES];
	struct stat now = {0};
	bool was_there = file->is_there, is_another, exposed = false;
	int rc;

	file->is_there = fstatat(file->dir, KEYFILE_NAME, &now, AT_SYMLINK_NOFOLLOW) == 0;
	if (!file->is_there)
		return was_there ? KEYFILE_NAME " is gone; the identity that was loaded goes on until the end" : NULL;
	if (was_there && lockedfile_is_unchanged(&now, &file->seen))
		return NULL;
	file->seen = now;
	rc = read_seed(file->dir, seed, &file->seen, &exposed);
	if (rc != 0)
		return tell_unusable(file, rc);
	is_another = take(file, seed);
	if (exposed)
		return tell_exposed(file, is_another ? "you have another identity now: " : "");
	return is_another ? changed : NULL;
}

void keyfile_close(struct keyfile *file)
{
	sodium_memzero(file, sizeof(*file));
}
