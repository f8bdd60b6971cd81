/*
 * What is written into peers.txt, and how: as little as will do.
 *
 * A refreshed time is overwritten in place, 14 bytes and no sync. What is new or changed is appended as a further line of
 * its address, synced unless it is only which rooms somebody is in. When most lines do not count any more, or somebody else's line does not end, the file is replaced.
 * Planning needs the dictionary, which others may want meanwhile, and no disk; writing needs the disk alone.
 */
#ifndef QUARTET_JOURNAL_H
#define QUARTET_JOURNAL_H

#include "base/buffer.h"
#include "store/peersfile.h"

/* What one turn writes. A zeroed one is nothing. */
struct journal {
	struct journal_time {
		uint32_t offset;
		int64_t time_ms;
	} * times;
	size_t time_count;
	struct buffer text; /* lines to append, or the whole file */
	size_t lines;
	bool is_whole;
	bool is_durable; /* lines to append say more than which rooms somebody is in, and are synced */
	bool is_short;	 /* something had to be left for another time */
};

/* After peersfile_load(): adds to peers whom only the file has, and takes over whom the user knows. Else peers counts. */
void journal_merge(struct peers *peers, struct peersfile *file, int64_t now_ms);

/*
 * Plans to write what the file does not have, no more lines than begin within allowance_bytes, and notes in peers that it
 * is written. Returns 0, or ENOMEM with *journal to be freed all the same.
 */
int journal_plan(struct journal *journal, struct peers *peers, const struct peersfile *file, size_t allowance_bytes)
    __attribute__((warn_unused_result));

/* Writes it and unlocks the file. Returns 0, or why that failed; then the file is read again the next time. */
int journal_write(const struct journal *journal, struct peersfile *file) __attribute__((warn_unused_result));

void journal_free(struct journal *journal);

#endif
