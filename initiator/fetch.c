#include "fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "call.h"
#include "file/fileask.h"
#include "file/filesource.h"
#include "file/offers.h"
#include "loop.h"
#include "recipient.h"
#include "store/chatlog.h"
#include "store/lockedfile.h"
#include "trust/verdict.h"

/* Somebody who is busy is asked again after a moment, as long as that is. */
#define BUSY_FIRST_MS 10
#define BUSY_LONGEST_MS 640
/* Who hashes what is here says no more often than this that they still do: at the least 4 MiB a second are. */
#define EMPTY_MAX 6
#define HASHED_BYTES (INT64_C(4) * FILESTREAM_ALIVE_MS / 1000 * 1024 * 1024)

/* A file that is all there, and waits for the others of its batch, so that the disk is waited for once. */
struct whole {
	const struct fetch_job *job;
	const struct fetch_source *source; /* who served it */
	struct shelf_part part;
	char placed[SHELF_NAME_BYTES];
	bool is_told; /* to who served it */
	int error;
};

struct fetch {
	const struct fetch_batch *batch;
	int reports;
	int64_t reported_ms; /* monotonic */
	struct loop *loop;
	struct chatlog *log;
	int shelf; /* or -1 */
	struct whole wholes[FETCH_BATCH_MAX];
	size_t whole_count;
	/* Of the job that goes on: */
	const struct fetch_job *job;
	struct fetch_report report;
	struct shelf_part part;
	crypto_generichash_state hash; /* of what is there */
};

static void tell(struct fetch *fetch, enum fetch_outcome outcome, int error)
{
	struct fetch_report *report = &fetch->report;

	report->outcome = outcome;
	report->error = error;
	report->bytes = fetch->part.bytes;
	fetch->reported_ms = clock_monotonic_ms();
	/* Less than PIPE_BUF: in one piece. Whoever does not read it any more has ended, and so will this process. */
	if (write(fetch->reports, report, sizeof(*report)) < 0)
		return;
}

static void tell_progress(struct fetch *fetch, enum fetch_outcome outcome)
{
	if (outcome != fetch->report.outcome || clock_monotonic_ms() - fetch->reported_ms >= FETCH_REPORT_MS)
		tell(fetch, outcome, 0);
}

static int go_on_checking(void *context)
{
	tell_progress(context, FETCH_CHECKING);
	return 0;
}

static void begin_hash(struct fetch *fetch)
{
	crypto_generichash_init(&fetch->hash, NULL, 0, FILE_HASH_BYTES);
}

/* The hash of all that is there. */
static void get_hash(const struct fetch *fetch, uint8_t hash[static FILE_HASH_BYTES])
{
	crypto_generichash_state copy = fetch->hash;

	crypto_generichash_final(&copy, hash, FILE_HASH_BYTES);
}

static int start_over(struct fetch *fetch)
{
	begin_hash(fetch);
	return shelf_empty(&fetch->part);
}

/* Opens the shelf and the part, and hashes what is there. */
static int open_part(struct fetch *fetch)
{
	const struct fetch_job *job = fetch->job;
	uint8_t tag[SHELF_TAG_BYTES];
	const char *name = job->file.name;
	int rc = 0;

	/* One with a path is alone. */
	if (fetch->shelf < 0)
		rc = job->path ? shelf_open_path(job->path, &fetch->shelf, &name) : shelf_open(AT_FDCWD, &fetch->shelf);
	if (rc != 0)
		return rc;
	shelf_make_tag(job->by, job->id, tag);
	begin_hash(fetch);
	rc = shelf_open_part(fetch->shelf, name, job->file.bytes, tag, &fetch->part);
	if (rc != 0 || fetch->part.bytes == 0)
		return rc;
	rc = shelf_hash(fetch->part.fd, fetch->part.bytes, &fetch->hash, go_on_checking, fetch);
	/* What was there has not come now. */
	tell(fetch, FETCH_CHECKING, 0);
	return rc;
}

static int dial(struct fetch *fetch, struct call *call, struct recipient *to, const struct fetch_source *source)
{
	*to = (struct recipient){.has_identity = true, .has_address = true, .address = source->address};
	memcpy(to->identity, source->identity, sizeof(to->identity));
	call_init(call, fetch->loop, CHATLOG_SECURE, to, fetch->batch->from, NULL, NULL);
	call_open(call, fetch->batch->own, fetch->batch->username, "");
	return call_await(call);
}

static struct fileask ask_of(const struct fetch_job *job, bool is_done)
{
	struct fileask ask = {.is_done = is_done};

	memcpy(ask.id, job->id, sizeof(ask.id));
	return ask;
}

/* What somebody means who does not send it. */
static enum fetch_outcome refusal_of(const struct envelope_receipt *receipt)
{
	if (receipt->status == ENVELOPE_NOT_NOW)
		return FETCH_BUSY;
	return strcmp(receipt->why, FILEASK_CHANGED) == 0 ? FETCH_CHANGED
	       : strcmp(receipt->why, "blocked") == 0	  ? FETCH_BLOCKED
							  : FETCH_GONE;
}

/* Receives the stream behind an answer into the part, up to its end: FETCH_RECEIVING, or what else. */
static enum fetch_outcome receive(struct fetch *fetch, struct call *call, int *error)
{
	enum fetch_outcome outcome = FETCH_RECEIVING;
	struct filestream stream = {0};
	int64_t empty_left = EMPTY_MAX + fetch->part.bytes / HASHED_BYTES;
	bool is_last = false;

	*error = call_begin_stream(call, &stream);
	while (*error == 0 && !is_last) {
		const uint8_t *bytes;
		size_t len;

		outcome = FETCH_RECEIVING;
		*error = filestream_receive(&stream, &bytes, &len, &is_last);
		if (*error == 0 && len == 0 && !is_last && empty_left-- == 0)
			*error = EPROTO;
		if (*error != 0)
			break;
		outcome = FETCH_FAILED;
		*error = shelf_write(&fetch->part, bytes, len);
		if (*error == 0 && fetch->job->file.has_hash)
			crypto_generichash_update(&fetch->hash, bytes, len);
		tell_progress(fetch, FETCH_RECEIVING);
	}
	call_end_stream(call, &stream);
	if (*error == 0)
		return FETCH_RECEIVING;
	return *error == EFBIG ? FETCH_FALSE : outcome == FETCH_FAILED ? FETCH_FAILED : FETCH_BROKEN;
}

/* Asks for what is missing, and again while they are busy. Returns FETCH_RECEIVING if it comes. */
static enum fetch_outcome ask_for_rest(struct fetch *fetch, struct call *call, int *error)
{
	struct fileask question = ask_of(fetch->job, false);
	struct fileask_answer answer;
	int64_t pause_ms = BUSY_FIRST_MS;

	question.from = fetch->part.bytes;
	question.has_prefix = question.from > 0;
	get_hash(fetch, question.prefix);
	for (;; pause_ms *= 2) {
		*error = call_ask(call, fileask_format(&question));
		if (*error != 0)
			return FETCH_BROKEN;
		if (call->receipt.status != ENVELOPE_NOT_NOW || pause_ms > BUSY_LONGEST_MS)
			break;
		loop_pause(fetch->loop, pause_ms);
	}
	if (call->receipt.status == ENVELOPE_NO && strcmp(call->receipt.why, FILEASK_PREFIX) == 0)
		return FETCH_CHECKING;
	if (call->receipt.status != ENVELOPE_DONE)
		return refusal_of(&call->receipt);
	*error = fileask_parse_answer(call->answer, &answer);
	if (*error != 0 || (answer.from != question.from && answer.from != 0))
		return FETCH_BROKEN;
	if (answer.bytes != fetch->job->file.bytes)
		return FETCH_CHANGED;
	if (answer.from != question.from)
		*error = start_over(fetch);
	return *error == 0 ? FETCH_RECEIVING : FETCH_FAILED;
}

/* Whether what came is all that was offered. */
static bool is_genuine(const struct fetch *fetch)
{
	const struct fileoffer *file = &fetch->job->file;
	uint8_t hash[FILE_HASH_BYTES];

	get_hash(fetch, hash);
	return fetch->part.bytes == file->bytes &&
	       (!file->has_hash || sodium_memcmp(hash, file->hash, sizeof(hash)) == 0);
}

/*
 * Asks somebody in a session, and receives what is missing. Returns FETCH_DONE if all is there, and FETCH_CHECKING if what was
 * there is no beginning of it.
 */
static enum fetch_outcome fetch_rest(struct fetch *fetch, struct call *call, int *error)
{
	int64_t before;
	enum fetch_outcome outcome = ask_for_rest(fetch, call, error);

	if (outcome != FETCH_RECEIVING)
		return outcome;
	before = fetch->part.bytes;
	outcome = receive(fetch, call, error);
	if (outcome != FETCH_RECEIVING)
		return outcome;
	if (before > 0 && fetch->part.bytes == before && before < fetch->job->file.bytes)
		return FETCH_CHECKING;
	return is_genuine(fetch) ? FETCH_DONE : FETCH_FALSE;
}

/* Puts the line that says where a file lies. */
static void put_line(const struct fetch *fetch, const struct whole *whole, struct buffer *lines)
{
	char shelf[64], path[PATH_MAX];
	struct chatlog_entry entry = offers_fetched(whole->job->number, whole->job->id, fetch->batch->own->public,
	    fetch->batch->username ? fetch->batch->username : VERDICT_NAMELESS);
	ssize_t len;
	int fd;

	snprintf(shelf, sizeof(shelf), "/proc/self/fd/%d", fetch->shelf);
	len = readlink(shelf, path, sizeof(path));
	fd = openat(fetch->shelf, whole->placed, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0 && len > 0 && (size_t)len + 1 + strlen(whole->placed) < sizeof(path)) {
		sprintf(path + len, "/%s", whole->placed);
		entry.source.path = path;
		entry.has_source = text_is_utf8(path, strlen(path)) && filesource_stat(fd, &entry.source.stamp) == 0;
	}
	if (fd >= 0)
		close(fd);
	(void)!chatlog_format(lines, &entry);
}

/* Puts what is whole in its place, and writes that down. */
static void place_all(struct fetch *fetch)
{
	struct buffer lines = {0};

	for (size_t i = 0; i < fetch->whole_count; i++)
		sync_file_range(fetch->wholes[i].part.fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	for (size_t i = 0; i < fetch->whole_count; i++) {
		struct whole *whole = &fetch->wholes[i];

		whole->error = shelf_place(&whole->part, whole->job->path != NULL, whole->placed);
		shelf_close_part(&whole->part);
		if (whole->error == 0)
			put_line(fetch, whole, &lines);
	}
	if (fetch->whole_count > 0)
		lockedfile_sync_directory(fetch->shelf);
	/* The files are there, whatever is written down. */
	if (lines.len > 0)
		(void)!chatlog_append(fetch->log, lines.data, lines.len, 0);
	buffer_free(&lines);
}

/* Whether somebody who knows of an offer is to be told that the file is here: who served it, and in a room its author. */
static bool is_to_know(const struct whole *whole, const struct fetch_source *source)
{
	if (whole->error != 0)
		return false;
	return source == whole->source ? !whole->is_told
				       : memcmp(source->identity, whole->job->by, IDENTITY_BYTES) == 0;
}

/* Tells somebody of all files that are here, in a session of its own. */
static void tell_done(struct fetch *fetch, const struct fetch_source *source)
{
	struct recipient to;
	struct call call;
	bool is_open = false;

	for (size_t i = 0; i < fetch->whole_count; i++) {
		const struct whole *whole = &fetch->wholes[i];
		struct fileask done = ask_of(whole->job, true);

		if (!is_to_know(whole, source))
			continue;
		if ((!is_open && dial(fetch, &call, &to, source) != 0) || call_ask(&call, fileask_format(&done)) != 0) {
			call_close(&call);
			return;
		}
		is_open = true;
	}
	if (is_open)
		call_close(&call);
}

/* All of a file is there. If it is the only one it is put in its place, and who served it is told in the same session. */
static void hold(struct fetch *fetch, struct call *call, const struct fetch_source *source)
{
	struct whole *whole = &fetch->wholes[fetch->whole_count++];
	struct fileask done = ask_of(fetch->job, true);

	*whole = (struct whole){.job = fetch->job, .source = source, .part = fetch->part};
	fetch->part.fd = -1;
	if (fetch->batch->count == 1) {
		place_all(fetch);
		whole->is_told = whole->error == 0 && call_tell(call, fileask_format(&done)) == 0;
	}
	/* The end of the connection is the answer. */
	call_finish(call);
	(void)!call_await(call);
}

/* Fetches from somebody what is missing. */
static enum fetch_outcome fetch_from(struct fetch *fetch, const struct fetch_source *source, int *error)
{
	enum fetch_outcome outcome = FETCH_CHECKING;
	struct recipient to;
	struct call call;

	memcpy(fetch->report.from, source->identity, sizeof(fetch->report.from));
	for (int i = 0; i < 2 && outcome == FETCH_CHECKING; i++) {
		/* What was there is no beginning of what they have. */
		*error = i > 0 ? start_over(fetch) : 0;
		if (*error != 0)
			return FETCH_FAILED;
		*error = dial(fetch, &call, &to, source);
		outcome = *error == 0 ? fetch_rest(fetch, &call, error) : FETCH_UNREACHABLE;
		if (outcome == FETCH_DONE)
			hold(fetch, &call, source);
		call_close(&call);
	}
	if (outcome == FETCH_CHECKING)
		outcome = FETCH_FALSE;
	if (outcome == FETCH_FALSE)
		*error = start_over(fetch);
	return outcome;
}

/* Whether somebody else may have it, or they later. */
static bool is_final(enum fetch_outcome outcome)
{
	return outcome == FETCH_DONE || outcome == FETCH_FAILED;
}

static bool is_for_later(enum fetch_outcome outcome)
{
	return outcome == FETCH_UNREACHABLE || outcome == FETCH_BROKEN || outcome == FETCH_BUSY;
}

/*
 * Asks one after the other, the offerer first. What they may have later counts more than that they do not have it. The report
 * is from whom the outcome is.
 */
static enum fetch_outcome fetch_from_any(struct fetch *fetch, int *error)
{
	const struct fetch_batch *batch = fetch->batch;
	enum fetch_outcome outcome = FETCH_UNREACHABLE;
	const uint8_t *from = fetch->job->by; /* of a room nobody may be there */
	bool is_first = true;

	*error = 0;
	for (int turn = 0; turn < 2 && !is_final(outcome); turn++) {
		for (size_t i = 0; i < batch->source_count && !is_final(outcome); i++) {
			const struct fetch_source *source = &batch->sources[i];
			enum fetch_outcome next;
			int next_error = 0;

			if ((memcmp(source->identity, fetch->job->by, IDENTITY_BYTES) == 0) != (turn == 0))
				continue;
			next = fetch_from(fetch, source, &next_error);
			if (is_first || is_final(next) || (is_for_later(next) && !is_for_later(outcome))) {
				outcome = next;
				*error = next_error;
				from = source->identity;
			}
			is_first = false;
		}
	}
	memcpy(fetch->report.from, from, sizeof(fetch->report.from));
	return outcome;
}

/* Fetches a file, and tells what has become of it unless it is whole. */
static enum fetch_outcome fetch_job(struct fetch *fetch)
{
	enum fetch_outcome outcome;
	int error;

	fetch->part = (struct shelf_part){.fd = -1};
	error = open_part(fetch);
	if (error == 0)
		outcome = fetch_from_any(fetch, &error);
	else
		outcome = error == EBUSY ? FETCH_ELSEWHERE : FETCH_FAILED;
	/* An empty one is of no use. */
	if (fetch->part.fd >= 0 && (outcome == FETCH_CHANGED || fetch->part.bytes == 0))
		shelf_discard(&fetch->part);
	shelf_close_part(&fetch->part);
	/* Whoever hears the last of it may end, and so end this process. */
	if (outcome != FETCH_DONE)
		tell(fetch, outcome, error);
	return outcome;
}

/* Ends with what is whole. */
static void conclude(struct fetch *fetch)
{
	const struct fetch_batch *batch = fetch->batch;

	if (batch->count > 1)
		place_all(fetch);
	for (size_t i = 0; i < batch->source_count; i++)
		tell_done(fetch, &batch->sources[i]);
	for (size_t i = 0; i < fetch->whole_count; i++) {
		const struct whole *whole = &fetch->wholes[i];

		fetch->report.job = (size_t)(whole->job - batch->jobs);
		fetch->part.bytes = whole->part.bytes;
		strcpy(fetch->report.placed, whole->placed);
		memcpy(fetch->report.from, whole->source->identity, sizeof(fetch->report.from));
		tell(fetch, whole->error == 0 ? FETCH_DONE : FETCH_FAILED, whole->error);
	}
}

void fetch_run(const struct fetch_batch *batch, int reports)
{
	struct fetch fetch = {
	    .batch = batch,
	    .reports = reports,
	    .loop = loop_new(),
	    .log = chatlog_new(AT_FDCWD, LOCKEDFILE_WAIT_MS),
	    .shelf = -1,
	};
	bool goes_on = fetch.loop && fetch.log;

	for (size_t i = 0; goes_on && i < batch->count; i++) {
		fetch.job = &batch->jobs[i];
		fetch.report.job = i;
		goes_on = !is_for_later(fetch_job(&fetch));
	}
	conclude(&fetch);
	if (fetch.shelf >= 0)
		close(fetch.shelf);
	chatlog_free(fetch.log);
	loop_free(fetch.loop);
}
