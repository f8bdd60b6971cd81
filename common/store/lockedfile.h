/*
 * The files that the four programs share: opened, locked with flock(2), replaced whole.
 *
 * Any of the programs may be killed at any instant, and the files may have been deleted, replaced or locked by
 * something else. The directory may be shared, or come out of somebody's archive: what is a symbolic link, belongs to
 * another user (to the super-user, too, that is another user) or may be written to by others is neither read nor changed.
 * Waits for a lock are bounded. File names are relative to an open directory, or to the working directory if it is
 * AT_FDCWD. All functions return 0 or an errno value. The kernel releases a lock with its descriptor.
 */
#ifndef QUARTET_LOCKEDFILE_H
#define QUARTET_LOCKEDFILE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* How long to wait for a lock, in milliseconds. */
#define LOCKEDFILE_WAIT_MS 2000

/* Errors besides those of the system: the file belongs to another user; group or others may write to it. */
#define LOCKEDFILE_FOREIGN EREMOTE
#define LOCKEDFILE_EXPOSED EREMOTEIO

/*
 * Opens the regular file name with open_flags (plus O_CLOEXEC, O_NOFOLLOW and, against FIFOs, O_NONBLOCK; 0600 if it
 * creates), without a lock. Returns ELOOP for a symbolic link, EINVAL for what is no regular file, one of the errors above,
 * or that of open(2).
 */
int lockedfile_open_own(int dir, const char *name, int open_flags, int *fd, struct stat *status)
    __attribute__((warn_unused_result));

/* Locks fd with operation (LOCK_SH or LOCK_EX). Returns ETIMEDOUT if another program holds the lock for wait_ms. */
int lockedfile_lock(int fd, int operation, int wait_ms) __attribute__((warn_unused_result));

/* Opens and locks, waiting for LOCKEDFILE_WAIT_MS. When this returns, the path still names the file that is locked. */
int lockedfile_open(int dir, const char *name, int open_flags, int operation, int *fd)
    __attribute__((warn_unused_result));

/*
 * The same, waiting for wait_ms, with the descriptor *fd kept from an earlier call, or -1: if the path still names its
 * file, which is the one of *status, that one is locked, else it is closed, *fd becomes another and *is_new true. *status
 * describes the file then. On an error *fd is closed and -1. The caller unlocks with flock(2), and may keep the descriptor.
 */
int lockedfile_reopen(int dir, const char *name, int open_flags, int operation, int wait_ms, int *fd,
    struct stat *status, bool *is_new) __attribute__((warn_unused_result));

/* Whether a path still leads to an open file; whether two looks at a path saw the same file, unchanged. */
bool lockedfile_is_in_place(int dir, const char *name, int fd);
bool lockedfile_is_unchanged(const struct stat *a, const struct stat *b);

/* Writes all of len bytes at an offset of the file, or part of them on an error. */
int lockedfile_write(int fd, const char *bytes, size_t len, off_t offset) __attribute__((warn_unused_result));

/*
 * Creates name, mode 0600, only if nothing of that name is there (else EEXIST): the file appears whole and synced, or not
 * at all. Goes through the scratch file "<name>.new", which is made anew, and locked meanwhile.
 */
int lockedfile_create(int dir, const char *name, const void *bytes, size_t len) __attribute__((warn_unused_result));

/*
 * Replaces name in the same way; the caller holds the exclusive lock on the file that is replaced, which stands on an
 * error. *placed describes the new file; its directory is not synced yet.
 */
int lockedfile_replace(int dir, const char *name, const void *bytes, size_t len, struct stat *placed)
    __attribute__((warn_unused_result));

/*
 * Gives the scratch file, open as fd, the name, unless that is taken: EEXIST. Neither its bytes nor its directory are synced.
 */
int lockedfile_place_new(int dir, const char *scratch, const char *name, int fd) __attribute__((warn_unused_result));

/* Whether len bytes more would leave less than 64 MiB, or a hundredth of the disk, free on the disk of fd. */
bool lockedfile_crowds(int fd, int64_t len);

/* Makes the entries of the directory survive a power cut. Not every file system can; nothing is lost by trying. */
void lockedfile_sync_directory(int dir);

/* Why one of these failed, in words that follow the file's name and a colon. The storage is that of strerror(). */
const char *lockedfile_reason(int error);

#endif
