/*
 * Reading chat.log forwards, and following it: the lines that are appended, as they come.
 *
 * For who shows what is said, and who waits for what another process writes. Takes no lock, as chatreader, and waits for
 * nothing but the disk. The file may be missing and made later, be moved away and made anew, and be cut back. Lines longer
 * than CHATLOG_LINE_MAX_BYTES are passed over; where CHATREADER_GIVE_UP_BYTES have no line feed, so is all that is there.
 * Lines that a writer takes back because the disk is full may have been given out.
 */
#ifndef QUARTET_CHATFOLLOWER_H
#define QUARTET_CHATFOLLOWER_H

#include <stddef.h>
#include <stdint.h>

struct chatfollower;

/* Instead of an offset: what is in the file now is passed over. */
#define CHATFOLLOWER_END INT64_C(-1)

/*
 * Follows the chat.log of directory dir (which stays the caller's) from an offset in bytes, which is that of a line, or from
 * the last count lines on. Returns 0 with *follower the caller's to free, ENOMEM, or why there is no further descriptor. What
 * is wrong with the file itself is told by chatfollower_next().
 */
int chatfollower_open(int dir, int64_t offset, struct chatfollower **follower) __attribute__((warn_unused_result));
int chatfollower_open_last(int dir, size_t count, struct chatfollower **follower) __attribute__((warn_unused_result));

/*
 * The same for who asks now and then what is there, from the first line on that begins at an offset, or behind it; a negative
 * one counts from the end of the file. It has no chatfollower_fd().
 */
int chatfollower_open_still(int dir, int64_t offset, struct chatfollower **follower)
    __attribute__((warn_unused_result));
void chatfollower_free(struct chatfollower *follower);

/*
 * Becomes readable when chatfollower_next() may have something new to say after ENODATA; twice a second, if the kernel watches
 * nothing more for this user.
 */
int chatfollower_fd(const struct chatfollower *follower);

/*
 * The next whole line, without its line feed: *line holds until the next call, *offset is that of its first byte in the
 * file. An offset that is no larger than the one before says that the file is another, or was cut back: what was at that
 * offset, or behind it, is there no more. Returns 0, ENODATA if there is none now, or why what is there now cannot be read,
 * for lockedfile_reason(); it may be called again.
 */
int chatfollower_next(struct chatfollower *follower, const char **line, size_t *len, int64_t *offset)
    __attribute__((warn_unused_result));

#endif
