/*
 * identity.key: the seed of the user's identity, 32 bytes, mode 0600.
 *
 * It is made when a program starts and none is there, and never later or over another; several programs may start at
 * the same instant and all end up with the same one. A running program keeps what it has loaded, and looks from time to
 * time whether the file is still the same: a changed one is loaded, one that vanished is reported and not replaced. The
 * directory may have come from somebody else: a symbolic link, and a file that belongs to another user or that others
 * may write to, are refused before anything is changed.
 */
#ifndef QUARTET_KEYFILE_H
#define QUARTET_KEYFILE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "crypto/identity.h"

#define KEYFILE_NAME "identity.key"

/* What a program has of the file. is_usable and identity are for all to read, the rest is for this module. */
struct keyfile {
	bool is_usable;		  /* an identity has been loaded */
	struct identity identity; /* the last one that could be loaded */
	int dir;
	bool is_there;
	struct stat seen; /* the file as it was looked at last */
	char news[320];
};

/*
 * Loads the identity from directory dir (an open descriptor or AT_FDCWD, which must outlive *file), making it first if
 * there is none. A file that others may read is set to mode 0600. Returns a sentence to tell the user, which lives in
 * *file, or NULL if there is nothing to tell. If there is no identity, that says why, and file->is_usable is false.
 * End with keyfile_close(). Blocks on the disk, and for LOCKEDFILE_WAIT_MS on a program that is making the file.
 */
const char *keyfile_open(struct keyfile *file, int dir) __attribute__((warn_unused_result));

/*
 * Looks (one stat(2)) whether the file is still the same, and if not, loads what is there now. If that cannot be used,
 * or the file is gone, what was loaded before stays. Returns a sentence about that for the user, once, or NULL.
 */
const char *keyfile_refresh(struct keyfile *file) __attribute__((warn_unused_result));

/* Wipes the identity. */
void keyfile_close(struct keyfile *file);

#endif
