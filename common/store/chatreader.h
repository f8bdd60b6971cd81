/*
 * Reading chat.log line by line from its end, and forwards again from there, in memory that does not grow with the file.
 *
 * Takes no lock: the file only grows, and what follows the last line feed is not a line yet. Lines longer than
 * CHATLOG_LINE_MAX_BYTES are passed over, up to CHATREADER_GIVE_UP_BYTES of them at a time: a file with more than that and
 * no line feed is no chat.log.
 */
#ifndef QUARTET_CHATREADER_H
#define QUARTET_CHATREADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHATREADER_GIVE_UP_BYTES (64 * 1024 * 1024)

struct chatreader;

/*
 * Opens the chat.log of directory dir at its last line. Returns 0 with *reader the caller's to free, or an errno value;
 * ENOENT if nothing was ever said. Lines appended later are not seen.
 */
int chatreader_open(int dir, struct chatreader **reader) __attribute__((warn_unused_result));
void chatreader_free(struct chatreader *reader);

/*
 * The next line in the direction of reading, without its line feed: *line holds until the next call. Returns 0, ENODATA
 * after the last one, EFBIG if CHATREADER_GIVE_UP_BYTES were passed over, or the errno value of what failed. Blocks on
 * the disk.
 */
int chatreader_line(struct chatreader *reader, const char **line, size_t *len) __attribute__((warn_unused_result));

/* Has it read forwards from now on, first the line that was read last, up to where it began. */
void chatreader_turn(struct chatreader *reader);

/* The same from the first line on that begins in the last bytes of the file. Returns 0, or as chatreader_line(). */
int chatreader_turn_within(struct chatreader *reader, int64_t bytes) __attribute__((warn_unused_result));

/*
 * Before that: the offset in the file, in bytes, of the line that was read last; at first that of what follows
 * the last whole line.
 */
int64_t chatreader_offset(const struct chatreader *reader);

#endif
