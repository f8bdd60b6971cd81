/*
 * Fetching files that were offered, one after the other, in a process that does nothing else (base/child): it dials, asks, receives
 * into files/, and says what becomes of it in a pipe.
 *
 * common/PROTOCOL.md, section 8. What is there of a file already is hashed, and the rest asked for; if it turns out to be no
 * beginning of the file, it begins anew, once. In a room the author is asked first, then the others in turn, and the whole is
 * compared with the hash that was offered. What comes may be anything: it is bounded by file/filestream and file/shelf. Blocks,
 * on the network for as long as call and filestream allow.
 */
#ifndef QUARTET_FETCH_H
#define QUARTET_FETCH_H

#include <netinet/in.h>

#include "crypto/identity.h"
#include "file/fileoffer.h"
#include "file/shelf.h"
#include "room/roomstate.h"
#include "wire/envelope.h"

/* What has become of a file; the first two: so far. */
enum fetch_outcome {
	FETCH_CHECKING, /* what is there already */
	FETCH_RECEIVING,
	FETCH_DONE,
	FETCH_UNREACHABLE, /* nobody who has it; what came before is kept, in this and all that follow unless they say otherwise */
	FETCH_BROKEN,	 /* the connection, or what came is not to be understood: error says why */
	FETCH_BUSY,	 /* with as many files as they serve at once */
	FETCH_ELSEWHERE, /* another process fetches it */
	FETCH_GONE,	 /* they say that there is no such file */
	FETCH_CHANGED,	 /* since it was offered; what came before is thrown away */
	FETCH_BLOCKED,	 /* they refuse this user */
	FETCH_FALSE,	 /* what came is not what was offered, and was thrown away */
	FETCH_FAILED,	 /* here: error says why */
};

/* Somebody who may have it. */
struct fetch_source {
	uint8_t identity[IDENTITY_BYTES];
	struct in_addr address;
};

struct fetch_job {
	uint64_t number;
	uint8_t id[ENVELOPE_ID_BYTES];
	uint8_t by[IDENTITY_BYTES];
	struct fileoffer file; /* with the name under which it is to be stored */
	char *path;	       /* where exactly; NULL: in files/, under that name or one made from it */
};

#define FETCH_BATCH_MAX 32

/* Jobs, of which one with a path is alone, and those who are asked. */
struct fetch_batch {
	const struct identity *own;
	const char *username;	    /* one's own, or NULL */
	const struct in_addr *from; /* the address to speak from, or NULL */
	const struct fetch_job *jobs;
	size_t count;
	const struct fetch_source *sources;
	size_t source_count;
};

struct fetch_report {
	size_t job; /* its place */
	enum fetch_outcome outcome;
	int error;
	int64_t bytes;		       /* that are there */
	uint8_t from[IDENTITY_BYTES];  /* who was asked last */
	char placed[SHELF_NAME_BYTES]; /* of one that is done: its name */
};

/*
 * Fetches the files of a batch, has all that are whole put in their places together, and writes a struct fetch_report to a pipe with each outcome, and meanwhile every FETCH_REPORT_MS. If
 * nobody can be reached, or is busy, the rest is not tried.
 */
#define FETCH_REPORT_MS 250
void fetch_run(const struct fetch_batch *batch, int reports);

#endif
