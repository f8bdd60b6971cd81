/*
 * peers.txt: the dictionary of peers on disk, and what else the programs share there.
 *
 * Discovery writes the peers, the announcer its user's name, the initiator whom the user knows, everybody reads; what the
 * lines say is for peerscontent. All is written under the lock, so a reader never sees half of it, and a killed writer
 * loses nothing but what it wrote. A struct peersfile remembers what it read and reads again only if the file has changed.
 *
 * Functions that return int return 0 or an errno value: EFBIG for a file larger than PEERSFILE_MAX_BYTES, which is left
 * alone, ETIMEDOUT if another program holds the lock for LOCKEDFILE_WAIT_MS. They block on that lock and on the disk. What
 * is returned belongs to the peersfile and holds until the content changes; before the first read it is empty.
 */
#ifndef QUARTET_PEERSFILE_H
#define QUARTET_PEERSFILE_H

#include "store/peers.h"
#include "trust/pins.h"

#define PEERSFILE_NAME "peers.txt"
/* PEERS_MAX peers with the longest names take less. */
#define PEERSFILE_MAX_MIB 20
#define PEERSFILE_MAX_BYTES (PEERSFILE_MAX_MIB * 1024 * 1024)

struct peersfile;

/* For the peers.txt in directory dir (an open descriptor or AT_FDCWD). NULL if out of memory. Opens nothing yet. */
struct peersfile *peersfile_new(int dir);

/*
 * For the same file as another, to be read while what the other gave out is held: what either has read, and is as it was, the
 * other takes without reading it again. Of one other there is one at most, neither is discovery's, and both may end first.
 */
struct peersfile *peersfile_new_beside(struct peersfile *other);
void peersfile_free(struct peersfile *file);

/* Brings the content up to date under a shared lock; a missing file is an empty one. On an error the content stays. */
int peersfile_read(struct peersfile *file) __attribute__((warn_unused_result));

/*
 * The same for who needs to know who is who, but not since when: a file in which only times were overwritten is not read
 * again. If somebody then seems to be silent for too long to be listed, peersfile_read() tells.
 */
int peersfile_read_content(struct peersfile *file) __attribute__((warn_unused_result));

/* Why one of these functions failed, as lockedfile_reason(). */
const char *peersfile_reason(int error);

struct peers *peersfile_peers(const struct peersfile *file);
const struct pins *peersfile_pins(const struct peersfile *file);

/* The name that the announcer stored of its user, or NULL; the "since" of its announcement, or 0; whose messages are wanted. */
const char *peersfile_username(const struct peersfile *file);
int64_t peersfile_since(const struct peersfile *file);
enum pins_accept peersfile_accept(const struct peersfile *file);

/* The addresses in other networks that are to be announced to: *count of them. */
const struct in_addr *peersfile_reach(const struct peersfile *file, size_t *count);

/*
 * The line of the room after *cursor, which begins with 0, unread: *line lives as long as the content. False after the last.
 * What it says is as hostile as the file; whose rooms these are, room/rooms knows.
 */
bool peersfile_next_room(const struct peersfile *file, size_t *cursor, const char **line, size_t *len);

/* How often the content was read: if that is the same, so is the content. */
unsigned peersfile_readings(const struct peersfile *file);

/*
 * Begins a change: makes the file if it is missing, takes the exclusive lock and brings the content up to date. After 0,
 * end with peersfile_commit() or peersfile_abandon(). What is changed in between shows in the content when it is read next.
 */
int peersfile_begin(struct peersfile *file) __attribute__((warn_unused_result));

/*
 * Ends a change, and unlocks. If error, which is that of the functions below, is 0, replaces the file by one with the
 * records that they changed, all other lines byte for byte, synced with the directory. Returns the first error; then the
 * old file stands.
 */
int peersfile_commit(struct peersfile *file, int error) __attribute__((warn_unused_result));
void peersfile_abandon(struct peersfile *file);

/* Stores the name with the "since" of its announcement; whose messages the user wants; whom to announce to as well. */
int peersfile_set_self(struct peersfile *file, const char *username, int64_t since_s)
    __attribute__((warn_unused_result));
int peersfile_set_accept(struct peersfile *file, enum pins_accept accept) __attribute__((warn_unused_result));
int peersfile_set_reach(struct peersfile *file, const struct in_addr *list, size_t count)
    __attribute__((warn_unused_result));

/* Pins an identity to a name, in the place of another. Returns EUSERS if the name is new and PINS_MAX names are pinned. */
int peersfile_pin(struct peersfile *file, const struct pin *pin) __attribute__((warn_unused_result));

/* Forgets the pin of username, if there is one. Its holder stays muted or blocked. */
int peersfile_unpin(struct peersfile *file, const char *username) __attribute__((warn_unused_result));

/*
 * Stores all that the user wants of somebody, with all pins of the identity if there are any. Returns EUSERS if PINS_MAX
 * strangers are stored.
 */
int peersfile_wish(struct peersfile *file, const struct stranger *who) __attribute__((warn_unused_result));

/* Stores a record under the room's id, base64, or forgets the room if it is NULL; the record is taken over. */
int peersfile_set_room(struct peersfile *file, const char *id, json_t *record) __attribute__((warn_unused_result));

/*
 * What follows is for discovery, which alone writes the addresses, and keeps the dictionary itself. The first two are the
 * halves of peersfile_begin(), for who must not wait for the lock while changing the content. After both returned 0 any
 * number of writes may follow, and then peersfile_end().
 */
int peersfile_lock(struct peersfile *file) __attribute__((warn_unused_result));
int peersfile_load(struct peersfile *file) __attribute__((warn_unused_result));

/* The dictionary, if it was read anew since the last call, else NULL; the caller frees it. Offsets are those in the file. */
struct peers *peersfile_take_peers(struct peersfile *file);

/*
 * Whether the file is to be replaced rather than get so many more lines: most lines would say nothing any more of so many
 * addresses, or be more than may be kept; the last one does not end; or more of them mean nothing than are kept.
 */
bool peersfile_is_replaceable(const struct peersfile *file, size_t more_lines, size_t addresses);

/* All lines that are no addresses, and the size of the file. */
const struct buffer *peersfile_others(const struct peersfile *file);
size_t peersfile_size(const struct peersfile *file);

/* Overwrites a time, without a sync; appends lines, synced if durable; or replaces the file, synced before it appears, as the last write. */
int peersfile_write_time(const struct peersfile *file, size_t offset, int64_t time_ms)
    __attribute__((warn_unused_result));
int peersfile_append(struct peersfile *file, const struct buffer *text, size_t lines, bool durable)
    __attribute__((warn_unused_result));
int peersfile_replace(struct peersfile *file, const struct buffer *text, size_t lines)
    __attribute__((warn_unused_result));

/* Unlocks. error is that of the writes, or 0; if there is one, the file is read again the next time. Returns it. */
int peersfile_end(struct peersfile *file, bool replaced, int error);

#endif
