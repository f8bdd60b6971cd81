/*
 * Reading chat.log line by line back from its end, in memory that does not grow with the file; chatfollower reads forwards.
 *
 * Takes no lock: the file only grows, and what follows the last line feed is not a line yet. Lines longer than
 * CHATLOG_LINE_MAX_BYTES are passed over, up to CHATREADER_GIVE_UP_BYTES of them at a time: a file with more than that and
 * no line feed is no chat.log. Blocks on the disk.
 */
#ifndef QUARTET_CHATREADER_H
#define QUARTET_CHATREADER_H

#include <stddef.h>
#include <stdint.h>

#define CHATREADER_GIVE_UP_BYTES (64 * 1024 * 1024)

struct chatreader;

/*
 * Opens the chat.log of directory dir at its end. Returns 0 with *reader the caller's to free, or an errno value; ENOENT if
 * nothing was ever said. Lines appended later are not seen.
 */
int chatreader_open(int dir, struct chatreader **reader) __attribute__((warn_unused_result));
void chatreader_free(struct chatreader *reader);

/*
 * The line before, without its line feed: *line holds until the next call. Returns 0, ENODATA after the first one of the
 * file, EFBIG if CHATREADER_GIVE_UP_BYTES were passed over, or the errno value of what failed.
 */
int chatreader_line(struct chatreader *reader, const char **line, size_t *len) __attribute__((warn_unused_result));

/* The offset in the file, in bytes, of the line that was read last; at first that of what follows the last whole line. */
int64_t chatreader_offset(const struct chatreader *reader);

#endif
