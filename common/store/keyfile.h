/*
 * identity.key: the seed of the user's identity, mode 0600: its 32 bytes, or sealed with a passphrase (crypto/sealedkey).
 *
 * It is made when a program starts and none is there, and never later or over another; several programs may start at
 * the same instant and all end up with the same one. A running program keeps what it has loaded, and looks from time to
 * time whether the file is still the same: a changed one is loaded, one that vanished is reported and not replaced. The
 * directory may have come from somebody else: what lockedfile refuses is refused before anything is changed. A program
 * that runs needs no passphrase again: of a sealed file it sees whether that is its own identity.
 */
#ifndef QUARTET_KEYFILE_H
#define QUARTET_KEYFILE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "crypto/sealedkey.h"

#define KEYFILE_NAME "identity.key"

/* What a program has of the file. The first three are for all to read, the rest is for this module. */
struct keyfile {
	bool is_usable;		  /* an identity has been loaded */
	struct identity identity; /* the last one that could be loaded */
	bool is_sealed;		  /* the file has a passphrase */
	int dir;
	bool is_there;
	bool is_ours;	  /* the file has the identity that was loaded */
	struct stat seen; /* the file as it was looked at last */
	uint8_t sealed[SEALEDKEY_BYTES];
	char news[320];
};

/*
 * Loads the identity from directory dir, making it first if there is none; a file that others may read is set to mode 0600.
 * Returns a sentence to tell the user, which lives in *file, or NULL. If there is no identity, that says why, and is_usable
 * is false; if is_sealed, there is none before keyfile_unlock(). End with keyfile_close(), which wipes it. Blocks on the
 * disk, and for LOCKEDFILE_WAIT_MS on a program that is making the file.
 */
const char *keyfile_open(struct keyfile *file, int dir) __attribute__((warn_unused_result));
void keyfile_close(struct keyfile *file);

/* Looks (one stat(2)) whether the file is still the same, and if not, loads what is there. Returns what to tell, or NULL. */
const char *keyfile_refresh(struct keyfile *file) __attribute__((warn_unused_result));

/* Loads the identity of a sealed file. Returns 0; or EACCES if the passphrase is wrong, or ENOMEM, and nothing changes. */
int keyfile_unlock(struct keyfile *file, const char *passphrase, size_t len) __attribute__((warn_unused_result));

/*
 * Replaces the file by one that is sealed with a passphrase, or, if len is 0, is not: at no moment is there none on the
 * disk. Returns 0; or ESTALE, if the file is not there or is not what was loaded, or an errno value, and the old one stands.
 */
int keyfile_seal(struct keyfile *file, const char *passphrase, size_t len) __attribute__((warn_unused_result));

#endif
