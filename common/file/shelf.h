/*
 * Files that are fetched: a directory for them, and what lies in it, whole or in part.
 *
 * common/PROTOCOL.md, section 8. Names come from others: what filename_fault() refuses is refused here too, so nothing leads
 * out of the directory, which is opened once and never looked up again. While a file is fetched it is a part, NAME.<16 hex
 * digits>.part, which the process that fetches has locked; what lies there and is a link, has another name besides, is no
 * regular file or belongs to somebody else is neither read nor changed. A file gets its name when all of it is on the disk, and
 * never one that is taken. Functions return 0 or an errno value for lockedfile_reason(), and block on the disk.
 */
#ifndef QUARTET_SHELF_H
#define QUARTET_SHELF_H

#include <sodium.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/identity.h"
#include "file/filename.h"
#include "wire/envelope.h"

#define SHELF_NAME "files"
#define SHELF_TAG_BYTES (FILENAME_PART_DIGITS / 2)
/* Of a name that was made from another because that was taken, and its NUL: "plan (999).pdf". */
#define SHELF_NAME_BYTES (FILENAME_MAX_BYTES + sizeof(" (999)"))
#define SHELF_PART_NAME_BYTES (FILENAME_MAX_BYTES + 1 + FILENAME_PART_DIGITS + sizeof(FILENAME_PART_SUFFIX))

/* Begins with bytes of it that are there. */
struct shelf_part {
	int dir; /* the shelf, which must stay open */
	int fd;
	int64_t bytes, offered;
	int64_t begun_back; /* up to there the disk has been asked to write */
	char name[FILENAME_MAX_BYTES + 1];
	char part_name[SHELF_PART_NAME_BYTES];
};

/*
 * Opens files/ in a directory, which is made, 0700, if it is missing. ENOTDIR if it is something else, or a symbolic link;
 * LOCKEDFILE_FOREIGN if it belongs to another user, LOCKEDFILE_EXPOSED if others may write to it. *shelf is the caller's to close.
 */
int shelf_open(int dir, int *shelf) __attribute__((warn_unused_result));

/*
 * Opens the directory of a path that the user gave, wherever it is, and points *name to the path's last component. The same
 * errors, but for directories of the super-user, and those in which nobody can remove what is another's (the sticky bit).
 */
int shelf_open_path(const char *path, int *shelf, const char **name) __attribute__((warn_unused_result));

/*
 * Opens and locks the part of a file offered with so many bytes, with what is there already. One that is larger is emptied, and
 * of one that is complete the last byte given up, so that there is always something to ask for. tag tells offers of the same
 * name apart. EINVAL for a name that cannot be stored; EBUSY if another process fetches it; EMLINK if it has other names;
 * ENOSPC, with the part open all the same, if the rest would not leave lockedfile_crowds() its reserve.
 */
int shelf_open_part(int shelf, const char *name, int64_t offered, const uint8_t tag[static SHELF_TAG_BYTES],
    struct shelf_part *part) __attribute__((warn_unused_result));

/* The tag of the offer with that id that somebody made. */
void shelf_make_tag(const uint8_t by[static IDENTITY_BYTES], const uint8_t id[static ENVELOPE_ID_BYTES],
    uint8_t tag[static SHELF_TAG_BYTES]);

/* How many bytes of it are in files/ of a directory; 0 if there is no part. */
int64_t shelf_find_part(int dir, const char *name, const uint8_t tag[static SHELF_TAG_BYTES]);

/* Appends to it; EFBIG if that is more than was offered, ENOSPC if it would not leave the reserve. What is there stays. */
int shelf_write(struct shelf_part *part, const void *bytes, size_t len) __attribute__((warn_unused_result));

/* Empties it. */
int shelf_empty(struct shelf_part *part) __attribute__((warn_unused_result));

/*
 * Puts a file that is whole (else EINVAL) on the disk and in its place: under its name or, if that is taken, "plan (1).pdf" and
 * so on; EEXIST if all are, or it must have that name exactly. placed receives the name, and the part is closed; on an error it
 * stays as it is. The name survives a power
 * cut after lockedfile_sync_directory(), once for several.
 */
int shelf_place(struct shelf_part *part, bool exactly, char placed[static SHELF_NAME_BYTES])
    __attribute__((warn_unused_result));

/* Closes it and keeps it for the next time, or throws it away. Harmless if it is closed. */
void shelf_close_part(struct shelf_part *part);
void shelf_discard(struct shelf_part *part);

/* Called after so many bytes, and at the end; hashing ends with its result unless that is 0. */
#define SHELF_HASHED_BYTES (256 * 1024)
typedef int shelf_goes_on(void *context);

/*
 * Has hash, a BLAKE2b, updated with bytes of fd from its beginning; ENODATA if there are fewer. goes_on may be NULL.
 */
int shelf_hash(int fd, int64_t bytes, crypto_generichash_state *hash, shelf_goes_on *goes_on, void *context)
    __attribute__((warn_unused_result));

#endif
