#include "offering.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/stop.h"
#include "base/text.h"
#include "chat.h"
#include "delivery.h"
#include "outbox.h"
#include "parcel.h"
#include "room.h"
#include "store/lockedfile.h"
#include "talk.h"
#include "wording.h"

#define CHUNK_BYTES 65536
/* While a file is hashed the loop has a turn this often; after so long a row says how far it is, and is drawn anew so often. */
#define TURN_MS 20
#define SILENCE_MS 1000
#define ROW_MS 250

/* Tells why a file cannot be sent. */
static int refuse(const struct desk *desk, const char *path, const char *why, const char *hint)
{
	console_put_styled(desk->console, CONSOLE_WARNING, "Not sent:");
	console_put(desk->console, " ");
	console_put_foreign(desk->console, path, strlen(path));
	console_put(desk->console, ": %s%s.\n", why, hint);
	return PROGRAM_FAILED;
}

int offering_refuse(const struct desk *desk, const struct recipient *to)
{
	recipient_put(to, desk->console, CONSOLE_BAD,
	    "Not sent:", " announces no identity, and a file needs a secure session.\n");
	return DESK_CHANGED;
}

/* Has the offer say what the open file is. */
static int describe(struct offering *offering, const struct desk *desk, const char *path, const char *name)
{
	const char *slash = strrchr(path, '/'), *shown = name ? name : slash ? slash + 1 : path;
	const char *fault = filename_fault(shown, strlen(shown));
	char why[128];

	if (fault) {
		snprintf(why, sizeof(why), "the name %s, so nobody could store it", fault);
		return refuse(desk, shown, why, "");
	}
	if (!text_is_utf8(offering->path, strlen(offering->path)))
		return refuse(desk, path, "the path is not UTF-8", "");
	strcpy(offering->file.name, shown);
	offering->file.bytes = offering->source.stamp.bytes;
	offering->source.path = offering->path;
	return PROGRAM_FINE;
}

int offering_open(struct offering *offering, struct desk *desk, const char *path, const char *name)
{
	int rc;

	*offering = (struct offering){.fd = -1, .shelf = -1};
	rc = filesource_open(path, &offering->fd, &offering->source.stamp);
	if (rc == 0 && !realpath(path, offering->path))
		rc = errno;
	if (rc != 0)
		return refuse(desk, path, filesource_reason(rc), rc == EISDIR ? "; tar makes one file of it" : "");
	return describe(offering, desk, path, name);
}

/* Copies standard input to its end. */
static int copy_input(struct loop *loop, struct shelf_part *part)
{
	char chunk[CHUNK_BYTES];
	size_t len = 0;
	int rc;

	do {
		rc = loop_read(loop, STDIN_FILENO, chunk, sizeof(chunk), &len);
		if (rc == 0)
			rc = shelf_write(part, chunk, len);
	} while (rc == 0 && len != 0);
	explicit_bzero(chunk, sizeof(chunk));
	return rc;
}

/* Stores standard input as a file, which nobody can take for one that is fetched. */
static int store_input(struct offering *offering, struct loop *loop, const char *name)
{
	uint8_t tag[SHELF_TAG_BYTES];
	struct shelf_part part;
	int rc = shelf_open(AT_FDCWD, &offering->shelf);

	if (rc != 0)
		return rc;
	randombytes_buf(tag, sizeof(tag));
	rc = shelf_open_part(offering->shelf, name, 0, tag, &part);
	part.offered = INT64_MAX;
	if (rc == 0)
		rc = copy_input(loop, &part);
	part.offered = part.bytes;
	if (rc == 0)
		rc = shelf_place(&part, false, offering->placed);
	if (rc == 0)
		lockedfile_sync_directory(offering->shelf);
	else
		shelf_discard(&part);
	return rc;
}

int offering_receive(struct offering *offering, struct desk *desk, const char *name)
{
	const char *fault = filename_fault(name, strlen(name));
	char path[sizeof(SHELF_NAME "/") + SHELF_NAME_BYTES];
	int rc;

	*offering = (struct offering){.fd = -1, .shelf = -1};
	/* Before anything is read. */
	if (fault)
		return describe(offering, desk, "", name);
	rc = store_input(offering, desk->loop, name);
	snprintf(path, sizeof(path), SHELF_NAME "/%s", offering->placed);
	if (rc == 0)
		rc = filesource_open(path, &offering->fd, &offering->source.stamp);
	if (rc == 0 && !realpath(path, offering->path))
		rc = errno;
	if (rc != 0)
		return stop_requested()
			   ? PROGRAM_FAILED
			   : refuse(desk, name, "it cannot be kept in " SHELF_NAME "/: ", lockedfile_reason(rc));
	return describe(offering, desk, path, name);
}

void offering_close(struct offering *offering, bool is_vain)
{
	if (offering->fd >= 0)
		close(offering->fd);
	if (is_vain && offering->placed[0] != '\0')
		unlinkat(offering->shelf, offering->placed, 0);
	if (offering->shelf >= 0)
		close(offering->shelf);
	offering->fd = offering->shelf = -1;
}

struct envelope_content offering_content(const struct offering *offering)
{
	return (struct envelope_content){.file = &offering->file, .source = &offering->source};
}

struct hashing {
	struct desk *desk;
	const struct offering *offering;
	int64_t hashed;			       /* bytes */
	int64_t turned_ms, drawn_ms, began_ms; /* monotonic */
	bool has_row;
};

/* Draws the row for how far it is, or clears it. */
static void draw_row(struct hashing *hashing, bool is_over)
{
	struct console *console = hashing->desk->console;
	int64_t bytes = hashing->offering->file.bytes;
	int percent = bytes > 0 ? (int)((double)hashing->hashed * 100 / (double)bytes) : 100;
	int rc;

	console_flush(console);
	rc = is_over ? buffer_printf(&console->outlet.backlog, "\r\033[K")
		     : buffer_printf(&console->outlet.backlog, "\rHashing it for the room: %d %% (Ctrl-C gives up)",
			   percent);
	if (rc == 0)
		outlet_flush(&console->outlet);
	hashing->has_row = !is_over;
}

static int keep_hashing(void *context)
{
	struct hashing *hashing = context;
	struct desk *desk = hashing->desk;
	int64_t now_ms = clock_monotonic_ms();

	hashing->hashed += SHELF_HASHED_BYTES;
	if (now_ms >= hashing->turned_ms + TURN_MS) {
		loop_pause(desk->loop, 1);
		hashing->turned_ms = clock_monotonic_ms();
	}
	if (desk->console->terminal && now_ms >= hashing->began_ms + SILENCE_MS &&
	    now_ms >= hashing->drawn_ms + ROW_MS) {
		draw_row(hashing, false);
		hashing->drawn_ms = now_ms;
	}
	return stop_interrupted() ? EINTR : 0;
}

int offering_hash(struct offering *offering, struct desk *desk)
{
	int64_t now_ms = clock_monotonic_ms();
	struct hashing hashing = {.desk = desk, .offering = offering, .turned_ms = now_ms, .began_ms = now_ms};
	crypto_generichash_state hash;
	int rc;

	stop_set_interruptible(desk->prompt.terminal);
	crypto_generichash_init(&hash, NULL, 0, sizeof(offering->file.hash));
	rc = shelf_hash(offering->fd, offering->file.bytes, &hash, keep_hashing, &hashing);
	crypto_generichash_final(&hash, offering->file.hash, sizeof(offering->file.hash));
	stop_set_interruptible(false);
	offering->file.has_hash = true;
	if (hashing.has_row)
		draw_row(&hashing, true);
	if (rc == 0 || rc == ENODATA)
		rc = filesource_check(offering->fd, &offering->source.stamp);
	if (rc == EINTR)
		console_put(desk->console, "Nothing was sent.\n");
	else if (rc != 0)
		refuse(desk, offering->file.name, rc == ESTALE ? "it changed while it was hashed" : strerror(rc), "");
	return rc == 0 ? PROGRAM_FINE : PROGRAM_FAILED;
}

/* Collects "plan.pdf, 2.1 MB, offered to Bob (verified)." */
static void put_offered(const struct offering *offering, const struct recipient *to, struct console *console)
{
	char size[FILEOFFER_SIZE_BYTES];

	console_put_filename(console, CONSOLE_STRONG, offering->file.name);
	console_put(console, ", %s, offered to ", fileoffer_format_size(offering->file.bytes, size));
	console_put_name(console, CONSOLE_NORMAL, to->username);
	if (!to->is_room && !to->has_pin)
		console_put_styled(console, CONSOLE_FAINT, " (not known yet)");
	else if (!to->is_room && to->pin.verified)
		console_put_styled(console, CONSOLE_GOOD, " (verified)");
	console_put(console, ".\n");
}

/* Offers it to somebody: at a terminal what becomes of that is told by the desk, else it is waited for. */
static int offer(struct desk *desk, const struct recipient *to, const struct offering *offering)
{
	struct envelope_content content = offering_content(offering);
	struct delivery_notice notice;
	bool waits = !desk->prompt.terminal;
	int rc = delivery_queue(desk->delivery, to, &content, 0, waits ? &notice : NULL);

	if (rc != 0) {
		if (!stop_requested())
			wording_put_unqueued(desk->console, to, rc);
		return PROGRAM_FAILED;
	}
	put_offered(offering, to, desk->console);
	if (!waits)
		return PROGRAM_FINE;
	desk_put_news(desk, &notice);
	desk_show_waiting(desk, to);
	return desk_status(&notice);
}

static int offer_in_room(struct desk *desk, const struct recipient *to, struct offering *offering)
{
	struct envelope_content content = offering_content(offering);
	int status = offering_hash(offering, desk);

	if (status != PROGRAM_FINE)
		return status;
	put_offered(offering, to, desk->console);
	return room_say(desk, to, &content, NULL);
}

/* Offers the file of a path, once it is known to whom. */
static int send_file(struct desk *desk, const struct recipient *to, const char *path)
{
	struct offering offering;
	int status = offering_open(&offering, desk, path, NULL);

	if (status == PROGRAM_FINE)
		status = to->is_room ? offer_in_room(desk, to, &offering) : offer(desk, to, &offering);
	offering_close(&offering, false);
	return status;
}

/* Reads what is to be sent, asking for the file at a terminal; what is missing otherwise is told. */
static bool read_parcel(struct parcel *parcel, struct desk *desk, const char **typed, bool only_file)
{
	bool asks = desk->prompt.terminal;
	char *answer;

	if ((*typed)[0] == '\0' && asks && prompt_ask_for(&desk->prompt, PROMPT_FILE, "File: ", &answer))
		*typed = answer;
	else if ((*typed)[0] == '\0' && asks)
		return false;
	if (parcel_read(parcel, *typed, only_file) && parcel->path[0] != '\0' && (only_file || asks || parcel->to))
		return true;
	console_put_styled(desk->console, CONSOLE_WARNING, "Which file%s\n",
	    only_file ? "? " TALK_SEND "FILE" : ", and to whom? Send FILE to NAME");
	return false;
}

int offering_run(struct desk *desk, const char *typed)
{
	struct chat_way way = {0};
	struct parcel parcel;
	struct offering offering;
	char *name;
	int status;

	if (!read_parcel(&parcel, desk, &typed, false))
		return PROGRAM_FAILED;
	name = strdup(parcel.to ? parcel.to : "");
	if (!name)
		return desk_check_file(desk, "read", parcel.path, ENOMEM);
	/* What is wrong with it is told before anything is asked. */
	status = offering_open(&offering, desk, parcel.path, NULL);
	offering_close(&offering, false);
	if (status != PROGRAM_FINE && !parcel.to)
		console_put(desk->console, "Send takes a file and a name: Send FILE to NAME\n");
	if (status == PROGRAM_FINE)
		status = recipient_find_among(&way.to, name, &(struct recipient_search){.even_room = true}, desk);
	free(name);
	if (status == PROGRAM_FINE && !way.to.is_room && !way.to.has_identity)
		return offering_refuse(desk, &way.to);
	if (status == PROGRAM_FINE)
		status = chat_choose(desk, &way, false);
	return status == PROGRAM_FINE ? send_file(desk, &way.to, parcel.path) : status;
}

int offering_send(struct desk *desk, const struct recipient *to, const char *typed)
{
	struct parcel parcel;

	if (!to->is_room && !to->has_identity)
		return offering_refuse(desk, to);
	return read_parcel(&parcel, desk, &typed, true) ? send_file(desk, to, parcel.path) : PROGRAM_FAILED;
}
