/*
 * The two files that the four programs share: opened, locked with flock(2), replaced whole.
 *
 * Any of the programs may be killed at any instant, and the files may have been deleted, replaced or locked by
 * something else. Waits for a lock are bounded. File names are relative to an open directory, or to the working
 * directory where it is AT_FDCWD. All functions return 0 or an errno value. The kernel releases a lock with its
 * descriptor.
 */
#ifndef QUARTET_LOCKEDFILE_H
#define QUARTET_LOCKEDFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* How long to wait for a lock, in milliseconds. */
#define LOCKEDFILE_WAIT_MS 2000

/*
 * Locks fd with operation (LOCK_SH or LOCK_EX). Returns ETIMEDOUT where another program holds it for
 * LOCKEDFILE_WAIT_MS.
 */
int lockedfile_lock(int fd, int operation) __attribute__((warn_unused_result));

/*
 * Opens the regular file name with open_flags (plus O_CLOEXEC and, against FIFOs, O_NONBLOCK; 0600 where it creates)
 * and locks it. When this returns, the path still names the file that is locked: where it was replaced during the wait,
 * the newer one is opened. *fd is the caller's to close. Errors: ETIMEDOUT as above, EINVAL for what is no regular
 * file, or that of open(2).
 */
int lockedfile_open(int dir, const char *name, int open_flags, int operation, int *fd)
    __attribute__((warn_unused_result));

/*
 * The same with a descriptor kept from an earlier call, or -1: where the path still names its file, that one is locked,
 * else it is closed, *fd becomes another and *is_new true. *status describes the file. On an error *fd is closed and
 * -1. The caller unlocks with flock(2), and may keep the descriptor for the next time.
 */
int lockedfile_reopen(int dir, const char *name, int open_flags, int operation, int *fd, struct stat *status,
    bool *is_new) __attribute__((warn_unused_result));

/*
 * Creates name, mode 0600, with len bytes, only where nothing of that name is there (else EEXIST): the file appears
 * whole and synced, or not at all. Goes through the scratch file "<name>.new", which is locked meanwhile.
 */
int lockedfile_create(int dir, const char *name, const void *bytes, size_t len) __attribute__((warn_unused_result));

/*
 * Replaces name, mode 0600, with len bytes, synced before it appears. The caller holds the exclusive lock on the file
 * that is replaced. Goes through the same scratch file. On success *placed describes the new file; on an error the old
 * one stands.
 */
int lockedfile_replace(int dir, const char *name, const void *bytes, size_t len, struct stat *placed)
    __attribute__((warn_unused_result));

/*
 * Makes the entries of the directory survive a power cut. Not every file system can; nothing is lost by trying. Blocks
 * on the disk.
 */
void lockedfile_sync_directory(int dir);

/*
 * Why one of these functions failed, in words that follow the file's name and a colon: strerror(3), but for ETIMEDOUT
 * and EINVAL, which mean something of their own here. The storage is that of strerror().
 */
const char *lockedfile_reason(int error);

#endif
