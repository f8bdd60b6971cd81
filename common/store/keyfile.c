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
		return "it is damaged; move it away to get a new identity";
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

/* Reads the seed, or the sealed one; file->seen describes the file before that, so that a later change is noticed. */
static int read_seed(struct keyfile *file, uint8_t seed[static IDENTITY_SEED_BYTES], bool *exposed)
{
	uint8_t content[SEALEDKEY_BYTES + 1];
	ssize_t len;
	int fd, rc = lockedfile_open_own(file->dir, KEYFILE_NAME, O_RDONLY, &fd, &file->seen);

	if (rc != 0)
		return rc;
	rc = protect(fd, &file->seen, exposed);
	if (rc == 0) {
		len = read(fd, content, sizeof(content));
		file->is_sealed = len >= 0 && sealedkey_is_one(content, (size_t)len);
		if (len < 0)
			rc = errno;
		else if (file->is_sealed)
			memcpy(file->sealed, content, SEALEDKEY_BYTES);
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
static int make_seed(struct keyfile *file, uint8_t seed[static IDENTITY_SEED_BYTES], bool *exposed)
{
	uint8_t fresh[IDENTITY_SEED_BYTES];
	int rc = ENOENT;

	for (int attempt = 0; attempt < ATTEMPTS && rc == ENOENT; attempt++) {
		rc = read_seed(file, seed, exposed);
		if (rc != ENOENT)
			break;
		randombytes_buf(fresh, sizeof(fresh));
		rc = lockedfile_create(file->dir, KEYFILE_NAME, fresh, sizeof(fresh));
		sodium_memzero(fresh, sizeof(fresh));
		if (rc == 0 || rc == EEXIST)
			rc = read_seed(file, seed, exposed);
	}
	/* A seed that somebody was killed over, or came too late with. */
	if (rc == 0)
		unlinkat(file->dir, KEYFILE_NAME ".new", 0);
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
	file->is_usable = file->is_ours = true;
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

/* Whether the sealed file has the identity that was loaded, whose seed stands at the beginning of its secret. */
static bool is_own(struct keyfile *file)
{
	file->is_ours = file->is_usable && sealedkey_is_of(file->sealed, file->identity.secret);
	return file->is_ours;
}

static const char *tell_sealed(struct keyfile *file)
{
	snprintf(file->news, sizeof(file->news), KEYFILE_NAME " has changed and has a passphrase; %s",
	    file->is_usable ? "the identity that was loaded before goes on until the end" : "start again to type it");
	return file->news;
}

const char *keyfile_open(struct keyfile *file, int dir)
{
	uint8_t seed[IDENTITY_SEED_BYTES];
	bool exposed = false;
	int rc;

	*file = (struct keyfile){.dir = dir};
	rc = make_seed(file, seed, &exposed);
	file->is_there = rc == 0 || fstatat(dir, KEYFILE_NAME, &file->seen, AT_SYMLINK_NOFOLLOW) == 0;
	if (rc != 0)
		return tell_unusable(file, rc);
	if (!file->is_sealed)
		take(file, seed);
	return exposed ? tell_exposed(file, "") : NULL;
}

const char *keyfile_refresh(struct keyfile *file)
{
	static const char changed[] = KEYFILE_NAME " has changed: you have another identity now";
	uint8_t seed[IDENTITY_SEED_BYTES];
	struct stat now = {0};
	bool was_there = file->is_there, is_another = false, exposed = false;
	int rc;

	file->is_there = fstatat(file->dir, KEYFILE_NAME, &now, AT_SYMLINK_NOFOLLOW) == 0;
	if (!file->is_there)
		return was_there ? KEYFILE_NAME " is gone; the identity that was loaded goes on until the end" : NULL;
	if (was_there && lockedfile_is_unchanged(&now, &file->seen))
		return NULL;
	file->seen = now;
	file->is_ours = false;
	rc = read_seed(file, seed, &exposed);
	if (rc != 0)
		return tell_unusable(file, rc);
	if (!file->is_sealed)
		is_another = take(file, seed);
	else if (!is_own(file))
		return tell_sealed(file);
	if (exposed)
		return tell_exposed(file, is_another ? "you have another identity now: " : "");
	return is_another ? changed : NULL;
}

int keyfile_unlock(struct keyfile *file, const char *passphrase, size_t len)
{
	uint8_t seed[IDENTITY_SEED_BYTES];
	int rc = sealedkey_open(file->sealed, passphrase, len, seed);

	if (rc == 0)
		take(file, seed);
	return rc;
}

/* Whether the file is still the one that has the loaded identity. */
static bool is_in_place(const struct keyfile *file)
{
	struct stat now;

	return file->is_ours && fstatat(file->dir, KEYFILE_NAME, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
	       lockedfile_is_unchanged(&now, &file->seen);
}

int keyfile_seal(struct keyfile *file, const char *passphrase, size_t len)
{
	const uint8_t *seed = file->identity.secret, *content = seed;
	uint8_t sealed[SEALEDKEY_BYTES];
	struct stat placed;
	int rc = 0;

	if (len > 0) {
		rc = sealedkey_seal(seed, passphrase, len, sealed);
		content = sealed;
	}
	/* A program that starts meanwhile may take the scratch file for one that was left behind. */
	for (int attempt = 0; rc == 0 || (rc == ENOENT && attempt < ATTEMPTS); attempt++) {
		if (!is_in_place(file))
			return ESTALE;
		rc = lockedfile_replace(file->dir, KEYFILE_NAME, content,
		    len > 0 ? SEALEDKEY_BYTES : IDENTITY_SEED_BYTES, &placed);
		if (rc == 0)
			break;
	}
	if (rc != 0)
		return rc;
	lockedfile_sync_directory(file->dir);
	file->seen = placed;
	file->is_sealed = len > 0;
	if (file->is_sealed)
		memcpy(file->sealed, sealed, sizeof(sealed));
	return 0;
}

void keyfile_close(struct keyfile *file)
{
	sodium_memzero(file, sizeof(*file));
}
