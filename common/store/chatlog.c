#include "store/chatlog.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/jsontext.h"
#include "net/address.h"
#include "store/lockedfile.h"
#include "store/numbering.h"
#include "store/syncer.h"

/* What is read at once of a line at an offset. */
#define READ_BYTES 4096

static const char *const mode_words[] = {
    [CHATLOG_PLAIN] = "plain",
    [CHATLOG_CLASSIC] = "classic",
    [CHATLOG_SECURE] = "secure",
};

static const char *const direction_words[] = {
    [CHATLOG_RECEIVED] = "RECEIVED",
    [CHATLOG_SENT] = "SENT",
    [CHATLOG_QUEUED] = "QUEUED",
};

static const char *const state_words[] = {
    [CHATLOG_DELIVERED] = "delivered",
    [CHATLOG_DROPPED] = "dropped",
    [CHATLOG_ACCEPTED] = "accepted",
    [CHATLOG_REJECTED] = "rejected",
    [CHATLOG_FETCHED] = "fetched",
    [CHATLOG_WITHDRAWN] = "withdrawn",
};

static const char *const event_words[] = {
    [CHATLOG_CREATED] = "created",
    [CHATLOG_JOINED] = "joined",
    [CHATLOG_LEFT] = "left",
    [CHATLOG_REMOVED] = "removed",
    [CHATLOG_ADMIN] = "admin",
    [CHATLOG_NO_ADMIN] = "no admin",
    [CHATLOG_NAMED] = "name",
    [CHATLOG_ABOUT] = "about",
    [CHATLOG_CAPACITY] = "capacity",
    [CHATLOG_ENTRY] = "entry",
    [CHATLOG_PASSWORD] = "password",
    [CHATLOG_FELL] = "fell",
    [CHATLOG_TWICE] = "twice",
    [CHATLOG_APART] = "apart",
};

/* base64 of a signature, the longest there is, with the NUL. */
#define BYTES_TEXT_BYTES sodium_base64_ENCODED_LEN(IDENTITY_SIGNATURE_BYTES, BASE64_VARIANT)

/* The number at the end of a line, with spaces before it, so that a place can be filled in. */
#define NUMBER_NAME ", \"number\": "
#define NUMBER_MAX UINT64_C(9999999999)
/* Any number, and its NUL. */
#define DIGITS_BYTES 21

#define COUNT(words) (sizeof(words) / sizeof((words)[0]))

const char *chatlog_mode_word(enum chatlog_mode mode)
{
	return mode_words[mode];
}

const char *chatlog_direction_word(enum chatlog_direction direction)
{
	return direction_words[direction];
}

const char *chatlog_event_word(enum chatlog_event event)
{
	return event_words[event];
}

/* As buffer_put() of these three, at a fraction of what printf takes of all that a message costs. */
static void put_three(struct buffer *line, const char *one, const char *two, const char *three)
{
	const char *const pieces[] = {one, two, three};

	for (size_t i = 0; i < COUNT(pieces) && line->error == 0; i++)
		line->error = buffer_append(line, pieces[i], strlen(pieces[i]));
}

static void put_string(struct buffer *line, const char *name, const char *text, size_t len)
{
	put_three(line, ", \"", name, "\": ");
	jsontext_put_string(line, text, len);
}

/* A word of ours, which needs no escaping. */
static void put_word(struct buffer *line, const char *name, const char *word)
{
	put_three(line, ", \"", name, "\": ");
	put_three(line, "\"", word, "\"");
}

static void put_flag(struct buffer *line, bool has, const char *name)
{
	if (has)
		buffer_put(line, ", \"%s\": true", name);
}

/* The same of what may be missing. */
static void put_text(struct buffer *line, const char *name, const char *text)
{
	if (text)
		put_string(line, name, text, strlen(text));
}

static void put_bytes(struct buffer *line, bool has, const char *name, const uint8_t *bytes, size_t len)
{
	char text[BYTES_TEXT_BYTES];

	if (!has)
		return;
	sodium_bin2base64(text, sizeof(text), bytes, len, BASE64_VARIANT);
	put_word(line, name, text);
}

static void put_id(struct buffer *line, const struct chatlog_entry *entry)
{
	put_bytes(line, entry->has_id, "id", entry->id, sizeof(entry->id));
}

static void put_identity(struct buffer *line, const struct chatlog_entry *entry)
{
	put_bytes(line, entry->has_identity, "identity", entry->identity, sizeof(entry->identity));
}

static void put_room(struct buffer *line, const struct chatlog_entry *entry)
{
	put_bytes(line, entry->has_room, "room", entry->room, sizeof(entry->room));
}

/* Such a message has neither an address nor an identity. */
static bool is_own_in_room(const struct chatlog_entry *entry)
{
	return entry->has_room && entry->direction != CHATLOG_RECEIVED;
}

/* Puts what is signed and its signature, the first of them without what separates it. */
static void put_signed(struct buffer *line, const struct chatlog_entry *entry)
{
	buffer_put(line, "\"signed\": ");
	jsontext_put_string(line, entry->signed_text.text, entry->signed_text.len);
	put_bytes(line, true, "signature", entry->signed_text.signature, IDENTITY_SIGNATURE_BYTES);
}

static void put_to(struct buffer *line, const struct chatlog_entry *entry)
{
	char text[IDENTITY_TEXT_BYTES];

	if (!entry->to)
		return;
	buffer_put(line, ", \"to\": [");
	for (size_t i = 0; i < entry->to_count; i++) {
		identity_format(entry->to[i], text);
		buffer_put(line, "%s\"%s\"", i > 0 ? ", " : "", text);
	}
	buffer_put(line, "]");
}

static void put_json(struct buffer *line, const char *name, json_t *value)
{
	buffer_put(line, ", \"%s\": ", name);
	if (value)
		jsontext_put(line, value);
	else if (line->error == 0)
		line->error = EILSEQ;
	json_decref(value);
}

/* Puts what an offer, and what became of it, has at its end, so that a number can be found there, and given. */
static void put_ending(struct buffer *line, const struct chatlog_entry *entry)
{
	const struct filestamp *stamp = &entry->source.stamp;
	char number[DIGITS_BYTES] = "";

	if (entry->has_source)
		put_json(line, "source",
		    json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "path", entry->source.path, "device",
			(json_int_t)stamp->device, "inode", (json_int_t)stamp->inode, "bytes", (json_int_t)stamp->bytes,
			"mtime", (json_int_t)stamp->mtime_ns, "ctime", (json_int_t)stamp->ctime_ns));
	if (entry->number == 0)
		return;
	if (entry->number != CHATLOG_NUMBER_NEXT)
		snprintf(number, sizeof(number), "%" PRIu64, entry->number);
	buffer_put(line, NUMBER_NAME "%*s", CHATLOG_NUMBER_DIGITS, number);
}

static void put_message(struct buffer *line, const struct chatlog_entry *entry)
{
	char ip[ADDRESS_TEXT_BYTES];

	put_word(line, "direction", direction_words[entry->direction]);
	put_text(line, "username", entry->username);
	if (!is_own_in_room(entry))
		put_word(line, "ip", address_format(entry->address, ip));
	put_word(line, "mode", mode_words[entry->mode]);
	put_text(line, "standing", entry->standing);
	put_flag(line, entry->once, "once");
	put_flag(line, entry->held, "held");
	put_id(line, entry);
	put_identity(line, entry);
	put_room(line, entry);
	put_to(line, entry);
	if (entry->has_room) {
		buffer_put(line, ", ");
		put_signed(line, entry);
	} else if (entry->has_file) {
		put_json(line, "file", fileoffer_to_json(&entry->file));
	} else {
		put_string(line, "text", entry->text, entry->text_len);
	}
	put_ending(line, entry);
}

static void put_state(struct buffer *line, const struct chatlog_entry *entry)
{
	put_id(line, entry);
	put_word(line, "state", state_words[entry->state]);
	put_text(line, "username", entry->username);
	put_identity(line, entry);
	put_room(line, entry);
	put_text(line, "why", entry->why);
	put_ending(line, entry);
}

static void put_room_state(struct buffer *line, const struct chatlog_entry *entry)
{
	put_id(line, entry);
	put_room(line, entry);
	buffer_put(line, ", \"state\": {");
	put_signed(line, entry);
	buffer_put(line, "}");
	put_bytes(line, entry->has_key, "key", entry->key, sizeof(entry->key));
	put_flag(line, entry->held, "held");
	put_to(line, entry);
	if (entry->before >= 0)
		buffer_put(line, ", \"before\": %" PRId64, entry->before);
}

static void put_event(struct buffer *line, const struct chatlog_entry *entry)
{
	put_room(line, entry);
	buffer_put(line, ", \"event\": \"%s\"", event_words[entry->event]);
	put_text(line, "username", entry->username[0] != '\0' ? entry->username : NULL);
	put_identity(line, entry);
	put_text(line, "by", entry->by);
	put_text(line, "value", entry->value);
}

static void put_settled(struct buffer *line, const struct chatlog_entry *entry)
{
	buffer_put(line, ", \"settled\": %" PRId64, entry->settled);
}

int chatlog_format(struct buffer *batch, const struct chatlog_entry *entry)
{
	static void (*const put[])(struct buffer *, const struct chatlog_entry *) = {
	    [CHATLOG_MESSAGE] = put_message,
	    [CHATLOG_STATE] = put_state,
	    [CHATLOG_SETTLED] = put_settled,
	    [CHATLOG_ROOM] = put_room_state,
	    [CHATLOG_EVENT] = put_event,
	};
	char utc[CLOCK_UTC_BYTES];
	size_t before = batch->len;
	int rc;

	clock_format_utc(entry->time_ms, utc);
	buffer_put(batch, "{\"time\": \"%s\"", utc);
	put[entry->kind](batch, entry);
	buffer_put(batch, "}\n");
	rc = batch->error;
	batch->error = 0;
	if (rc != 0)
		batch->len = before;
	return rc;
}

/* Reads the member name, which is one of count words; false if it is something else, or missing. */
static bool read_word(const json_t *object, const char *name, const char *const *words, size_t count, unsigned *found)
{
	const char *word;
	size_t len;

	if (!jsontext_get_string(object, name, &word, &len))
		return false;
	for (unsigned i = 0; i < count; i++) {
		if (strcmp(word, words[i]) == 0) {
			*found = i;
			return true;
		}
	}
	return false;
}

/* Reads the word under standing; false if there is something else. */
static bool read_standing(const json_t *object, const char **standing)
{
	size_t len;

	if (!json_object_get(object, "standing"))
		return true;
	if (!jsontext_get_string(object, "standing", standing, &len))
		return false;
	return len > 0 && len <= CHATLOG_STANDING_MAX_BYTES && strspn(*standing, "abcdefghijklmnopqrstuvwxyz") == len;
}

/* Reads a member of len bytes in base64, if there is one; false if there is something else. */
static bool read_bytes(const json_t *object, const char *name, uint8_t *bytes, size_t len, bool *has)
{
	*has = jsontext_get_bytes(object, name, bytes, len);
	return *has || !json_object_get(object, name);
}

/* Reads a flag, which is true or not there. */
static bool read_flag(const json_t *object, const char *name, bool *flag)
{
	const json_t *value = json_object_get(object, name);

	*flag = json_is_true(value);
	return !value || *flag;
}

static bool read_username(const json_t *object, struct chatlog_entry *entry)
{
	const char *text;
	size_t len;

	return jsontext_get_string(object, "username", &text, &len) &&
	       username_normalize(text, len, entry->username) == USERNAME_OK;
}

static bool read_who(const json_t *object, struct chatlog_entry *entry)
{
	return read_username(object, entry) && read_bytes(object, "id", entry->id, sizeof(entry->id), &entry->has_id) &&
	       read_bytes(object, "identity", entry->identity, sizeof(entry->identity), &entry->has_identity);
}

/* Reads a text of at most max_len bytes, if there is one; false if there is something else. */
static bool read_text(const json_t *object, const char *name, size_t max_len, const char **text)
{
	size_t len;

	return !json_object_get(object, name) || (jsontext_get_string(object, name, text, &len) && len <= max_len);
}

static bool read_room(const json_t *object, struct chatlog_entry *entry)
{
	return read_bytes(object, "room", entry->room, sizeof(entry->room), &entry->has_room);
}

static bool read_signed(const json_t *object, struct chatlog_entry *entry)
{
	return signedtext_of_json(object, &entry->signed_text);
}

/* Finds the text, or the offer, in what is signed, which then is a member of the line as it is of others. */
static bool find_text(json_t *object, const struct chatlog_entry *entry)
{
	json_t *said = jsontext_parse(entry->signed_text.text, entry->signed_text.len, NULL);
	const char *name = json_object_get(said, "text") ? "text" : "file";
	bool found = said && json_object_set(object, name, json_object_get(said, name)) == 0;

	json_decref(said);
	return found;
}

static bool read_text_or_file(const json_t *object, struct chatlog_entry *entry)
{
	if (jsontext_get_string(object, "text", &entry->text, &entry->text_len))
		return true;
	entry->text = "";
	entry->has_file = fileoffer_of_json(json_object_get(object, "file"), &entry->file);
	return entry->has_file && !filename_fault(entry->file.name, strlen(entry->file.name));
}

/* Reads where a file lies, if it says so; false if there is something else. */
static bool read_source(const json_t *object, struct chatlog_entry *entry)
{
	const json_t *source = json_object_get(object, "source");
	json_int_t device, inode, bytes, mtime_ns, ctime_ns;
	size_t len;

	if (!source)
		return true;
	if (!jsontext_get_string(source, "path", &entry->source.path, &len) || len > CHATLOG_PATH_MAX_BYTES ||
	    json_unpack((json_t *)(uintptr_t)source, "{s:I, s:I, s:I, s:I, s:I}", "device", &device, "inode", &inode,
		"bytes", &bytes, "mtime", &mtime_ns, "ctime", &ctime_ns) != 0)
		return false;
	entry->has_source = true;
	entry->source.stamp = (struct filestamp){(uint64_t)device, (uint64_t)inode, bytes, mtime_ns, ctime_ns};
	return true;
}

/* Reads what may stand at the end of an offer, and of what became of it. */
static bool read_ending(const json_t *object, struct chatlog_entry *entry)
{
	const json_t *number = json_object_get(object, "number");

	entry->number = (uint64_t)json_integer_value(number);
	return (!number || (entry->number > 0 && entry->number <= NUMBER_MAX)) && read_source(object, entry);
}

/* Reads for whom it is, if it says so. */
static bool read_to(const json_t *object, struct chatlog_entry *entry)
{
	const json_t *list = json_object_get(object, "to"), *one;
	uint8_t(*to)[IDENTITY_BYTES];
	bool is_valid = json_is_array(list) && json_array_size(list) <= CHATLOG_TO_MAX;
	size_t i;

	if (!list)
		return true;
	to = is_valid ? malloc((json_array_size(list) + 1) * sizeof(*to)) : NULL;
	if (!to)
		return false;
	json_array_foreach(list, i, one)
	{
		is_valid = is_valid && json_is_string(one) &&
			   identity_parse(json_string_value(one), json_string_length(one), to[i]);
	}
	entry->to = to;
	entry->to_count = json_array_size(list);
	return is_valid;
}

static bool read_message(json_t *object, struct chatlog_entry *entry)
{
	unsigned direction, mode;
	const char *ip;
	size_t len;

	if (!read_word(object, "direction", direction_words, COUNT(direction_words), &direction) ||
	    !read_word(object, "mode", mode_words, COUNT(mode_words), &mode) || !read_who(object, entry) ||
	    !read_standing(object, &entry->standing) || !read_flag(object, "once", &entry->once) ||
	    !read_flag(object, "held", &entry->held) || !read_room(object, entry) ||
	    (entry->has_room &&
		(!read_signed(object, entry) || !find_text(object, entry) || !read_to(object, entry))) ||
	    !read_text_or_file(object, entry) || !read_ending(object, entry))
		return false;
	entry->direction = (enum chatlog_direction)direction;
	entry->mode = (enum chatlog_mode)mode;
	if (is_own_in_room(entry))
		return entry->has_id && (entry->to || entry->direction != CHATLOG_QUEUED);
	return jsontext_get_string(object, "ip", &ip, &len) && address_parse(ip, &entry->address) == 0 &&
	       ((entry->has_id && entry->has_identity) || !(entry->has_room || entry->direction == CHATLOG_QUEUED));
}

static bool read_state(json_t *object, struct chatlog_entry *entry)
{
	unsigned state;

	if (!read_word(object, "state", state_words, COUNT(state_words), &state) || !read_who(object, entry) ||
	    !entry->has_id || !read_room(object, entry))
		return false;
	entry->kind = CHATLOG_STATE;
	entry->state = (enum chatlog_state)state;
	return read_text(object, "why", CHATLOG_WHY_MAX_BYTES, &entry->why) && read_ending(object, entry);
}

/* Reads an offset that is 0 at least; false if there is something else, or nothing. */
static bool read_offset(const json_t *object, const char *name, int64_t *offset)
{
	const json_t *value = json_object_get(object, name);

	*offset = json_integer_value(value);
	return json_is_integer(value) && *offset >= 0;
}

static bool read_settled(json_t *object, struct chatlog_entry *entry)
{
	entry->kind = CHATLOG_SETTLED;
	return read_offset(object, "settled", &entry->settled);
}

static bool read_room_state(json_t *object, struct chatlog_entry *entry)
{
	entry->kind = CHATLOG_ROOM;
	entry->before = -1;
	return read_bytes(object, "id", entry->id, sizeof(entry->id), &entry->has_id) && entry->has_id &&
	       read_room(object, entry) && entry->has_room && read_signed(json_object_get(object, "state"), entry) &&
	       read_bytes(object, "key", entry->key, sizeof(entry->key), &entry->has_key) &&
	       read_flag(object, "held", &entry->held) && read_to(object, entry) &&
	       (!json_object_get(object, "before") || read_offset(object, "before", &entry->before));
}

static bool read_event(json_t *object, struct chatlog_entry *entry)
{
	unsigned event;

	if (!read_word(object, "event", event_words, COUNT(event_words), &event) || !read_room(object, entry) ||
	    !entry->has_room || (json_object_get(object, "username") && !read_username(object, entry)))
		return false;
	entry->kind = CHATLOG_EVENT;
	entry->event = (enum chatlog_event)event;
	return read_bytes(object, "identity", entry->identity, sizeof(entry->identity), &entry->has_identity) &&
	       read_text(object, "by", CHATLOG_WHY_MAX_BYTES, &entry->by) &&
	       read_text(object, "value", CHATLOG_WHY_MAX_BYTES, &entry->value);
}

int chatlog_parse(const char *line, size_t len, struct chatlog_entry *entry)
{
	struct chatlog_entry parsed = {.document = jsontext_parse(line, len, NULL)};
	json_t *object = parsed.document;
	const char *text;
	size_t text_len;
	bool is_valid;

	if (!object)
		return EBADMSG;
	if (json_object_get(object, "direction"))
		is_valid = read_message(object, &parsed);
	else if (json_object_get(object, "event"))
		is_valid = read_event(object, &parsed);
	else if (json_is_object(json_object_get(object, "state")))
		is_valid = read_room_state(object, &parsed);
	else
		is_valid =
		    json_object_get(object, "state") ? read_state(object, &parsed) : read_settled(object, &parsed);
	if (!is_valid || !jsontext_get_string(object, "time", &text, &text_len) ||
	    !clock_parse_utc(text, text_len, &parsed.time_ms)) {
		chatlog_entry_free(&parsed);
		return EBADMSG;
	}
	*entry = parsed;
	return 0;
}

uint64_t chatlog_number(const char *line, size_t len)
{
	static const char name[] = NUMBER_NAME;
	const size_t ending = sizeof(name) - 1 + CHATLOG_NUMBER_DIGITS + 1;
	const char *at;
	uint64_t number = 0;
	int i = 0;

	if (len < ending || line[len - 1] != '}' || memcmp(line + len - ending, name, sizeof(name) - 1) != 0)
		return 0;
	at = line + len - CHATLOG_NUMBER_DIGITS - 1;
	while (i < CHATLOG_NUMBER_DIGITS && at[i] == ' ')
		i++;
	if (i == CHATLOG_NUMBER_DIGITS)
		return CHATLOG_NUMBER_NEXT;
	for (; i < CHATLOG_NUMBER_DIGITS && at[i] >= '0' && at[i] <= '9'; i++)
		number = number * 10 + (uint64_t)(at[i] - '0');
	return i == CHATLOG_NUMBER_DIGITS ? number : 0;
}

bool chatlog_is_received(const char *line, size_t len)
{
	static const char begin[] = "{\"time\": \"", direction[] = "\", \"direction\": \"RECEIVED\"";
	const size_t at = sizeof(begin) - 1 + CLOCK_UTC_BYTES - 1;

	return len > at + sizeof(direction) && memcmp(line, begin, sizeof(begin) - 1) == 0 &&
	       memcmp(line + at, direction, sizeof(direction) - 1) == 0;
}

void chatlog_entry_free(struct chatlog_entry *entry)
{
	/* Casts away the const of what chatlog_parse() has allocated. */
	if (entry->document)
		free((void *)(uintptr_t)entry->to);
	json_decref(entry->document);
	*entry = (struct chatlog_entry){0};
}

struct chatlog {
	int dir;
	int wait_ms;
	int fd;		    /* kept open between appends, not locked; or -1 */
	struct stat status; /* of it, as it was before the last lines */
	struct numbering numbering;
	bool placed;	  /* its name is on the disk, too */
	off_t end;	  /* of the last line that was appended here; 0: unknown */
	off_t begin;	  /* of the first line that was appended last */
	bool is_locked;	  /* until chatlog_unlock() */
	bool is_deferred; /* until chatlog_finish() */
	bool can_defer;	  /* there is a: */
	struct syncer syncer;
};

struct chatlog *chatlog_new(int dir, int wait_ms)
{
	struct chatlog *log = malloc(sizeof(*log));

	if (log)
		*log = (struct chatlog){.dir = dir, .wait_ms = wait_ms, .fd = -1};
	return log;
}

int chatlog_defer(struct chatlog *log)
{
	log->can_defer = syncer_open(&log->syncer) == 0;
	return log->can_defer ? log->syncer.ready : -1;
}

void chatlog_free(struct chatlog *log)
{
	if (log && log->can_defer)
		syncer_close(&log->syncer);
	if (log && log->fd >= 0)
		close(log->fd);
	free(log);
}

/* Appends to the locked file, after closing off a torn last line; all of it or, with an errno value, nothing. */
static int append_locked(struct chatlog *log, char *lines, size_t len)
{
	off_t size = log->status.st_size;
	struct iovec pieces[2] = {{.iov_base = (char[]){'\n'}, .iov_len = 1}, {.iov_len = len}};
	char last = '\n';
	ssize_t written;
	int rc = 0, whole;

	/* If nobody has written since, the end is that of a whole line. */
	if (size > 0 && size != log->end && pread(log->fd, &last, 1, size - 1) != 1)
		return EIO;
	whole = last == '\n';
	pieces[1].iov_base = lines;
	written = writev(log->fd, pieces + whole, 2 - whole);
	if (written < 0)
		rc = errno;
	else if ((size_t)written != len + !whole)
		rc = ENOSPC;
	log->end = written < 0 ? 0 : size + written;
	if (rc == 0)
		log->begin = log->end - (off_t)len;
	return rc;
}

/* Ends what was begun with the lock: takes back what failed with an error, which is returned, and unlocks. */
static int conclude(struct chatlog *log, int error, bool durable)
{
	if (error != 0 && log->end > log->status.st_size && ftruncate(log->fd, log->status.st_size) != 0)
		error = errno;
	if (error != 0)
		log->end = 0;
	else
		log->status.st_size = log->end;
	if (!log->is_locked)
		flock(log->fd, LOCK_UN);
	/* Whoever made the file may not have waited for that. */
	if (error == 0 && durable && !log->placed) {
		lockedfile_sync_directory(log->dir);
		log->placed = true;
	}
	return error;
}

static int lock(struct chatlog *log)
{
	bool is_new;
	int rc = lockedfile_reopen(log->dir, CHATLOG_NAME, O_RDWR | O_APPEND | O_CREAT, LOCK_EX, log->wait_ms, &log->fd,
	    &log->status, &is_new);

	if (rc != 0 || !is_new)
		return rc;
	log->placed = false;
	log->end = 0;
	log->numbering = (struct numbering){0};
	if (log->status.st_mode & (S_IRWXG | S_IRWXO) && fchmod(log->fd, S_IRUSR | S_IWUSR) != 0)
		rc = conclude(log, errno, false);
	return rc;
}

int chatlog_lock(struct chatlog *log)
{
	int rc = log->is_deferred ? EBUSY : lock(log);

	log->is_locked = rc == 0;
	return rc;
}

void chatlog_unlock(struct chatlog *log)
{
	log->is_locked = false;
	flock(log->fd, LOCK_UN);
}

int chatlog_append(struct chatlog *log, char *lines, size_t len, unsigned how)
{
	bool durable = how & CHATLOG_DURABLE;
	int rc = log->is_locked ? 0 : lock(log);

	if (rc != 0)
		return rc;
	if (how & CHATLOG_FOR_STRANGERS && lockedfile_crowds(log->fd, (int64_t)len))
		rc = ENOSPC;
	if (rc == 0)
		rc = numbering_stamp(&log->numbering, log->fd, log->status.st_size, lines, len);
	if (rc == 0)
		rc = append_locked(log, lines, len);
	if (rc == 0 && durable && how & CHATLOG_DEFERRED && log->can_defer) {
		syncer_begin(&log->syncer, log->fd);
		log->is_deferred = true;
		return EINPROGRESS;
	}
	if (rc == 0 && durable && fdatasync(log->fd) != 0)
		rc = errno;
	return conclude(log, rc, durable);
}

int chatlog_finish(struct chatlog *log, bool wait)
{
	int rc = syncer_end(&log->syncer, wait);

	if (rc == EAGAIN)
		return EAGAIN;
	log->is_deferred = false;
	return conclude(log, rc, true);
}

int64_t chatlog_appended(const struct chatlog *log)
{
	return log->begin;
}

/* Reads on from an offset until there is a line feed: most lines need one step, and none more than fit a line. */
static int read_line(int fd, off_t offset, struct buffer *line)
{
	char block[READ_BYTES];
	const char *feed = NULL;
	int rc = 0;

	while (rc == 0 && !feed) {
		ssize_t got = pread(fd, block, sizeof(block), offset + (off_t)line->len);

		if (got < 0)
			return errno;
		if (got == 0 || line->len > CHATLOG_LINE_MAX_BYTES)
			return EBADMSG;
		feed = memchr(block, '\n', (size_t)got);
		rc = buffer_append(line, block, feed ? (size_t)(feed - block) : (size_t)got);
	}
	return rc;
}

int chatlog_read_at(int dir, int64_t offset, struct chatlog_entry *entry)
{
	struct buffer line = {0};
	struct stat status;
	int fd, rc = lockedfile_open_own(dir, CHATLOG_NAME, O_RDONLY, &fd, &status);

	if (rc != 0)
		return rc;
	rc = read_line(fd, offset, &line);
	if (rc == 0)
		rc = chatlog_parse(line.data, line.len, entry);
	close(fd);
	buffer_wipe(&line);
	return rc;
}
