#include "room/rooms.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/jsontext.h"
#include "room/roomrecord.h"
#include "room/saying.h"

/* How far back chat.log is read for states that are not in peers.txt yet, and for sayings. */
#define READ_MAX_BYTES (INT64_C(16) * 1024 * 1024)
#define READ_SAYINGS_MAX_BYTES (INT64_C(64) * 1024 * 1024)
#define BY_TEXT_LEN (sodium_base64_ENCODED_LEN(IDENTITY_BYTES, BASE64_VARIANT) - 1)

struct room_key {
	uint8_t state[ROOMSTATE_ID_BYTES];
	uint8_t key[ROOM_KEY_BYTES];
};

static bool is_same_id(const uint8_t *one, const uint8_t *other)
{
	return memcmp(one, other, ROOMSTATE_ID_BYTES) == 0;
}

/* The tree and the head share states; whoever keeps one of the tree holds it. */
static struct roomstate *hold(const struct roomstate *state)
{
	return roomstate_hold((struct roomstate *)(uintptr_t)state);
}

struct room *rooms_next(const struct rooms *rooms, const struct room *room)
{
	return room ? LIST_NEXT(room, others) : LIST_FIRST(&rooms->list);
}

struct room *rooms_find(const struct rooms *rooms, const uint8_t id[static ROOM_ID_BYTES])
{
	struct room *room = NULL;

	while ((room = rooms_next(rooms, room)) && memcmp(room->id, id, ROOM_ID_BYTES) != 0)
		;
	return room;
}

const uint8_t *room_key(const struct room *room, const uint8_t state[static ROOMSTATE_ID_BYTES])
{
	const struct room_key *keys = (const struct room_key *)room->keys.data;

	for (size_t i = 0; i < room->keys.len / sizeof(*keys); i++) {
		if (is_same_id(keys[i].state, state))
			return keys[i].key;
	}
	return NULL;
}

int room_add_key(struct room *room, const struct roomstate *state, const uint8_t *key)
{
	struct room_key added;
	uint8_t secret[ROOM_KEY_BYTES];
	int rc;

	if (!key || room_key(room, state->id))
		return 0;
	roomstate_secret(key, secret);
	if (memcmp(secret, state->secret, sizeof(secret)) != 0)
		return EBADMSG;
	memcpy(added.state, state->id, sizeof(added.state));
	memcpy(added.key, key, sizeof(added.key));
	rc = buffer_append(&room->keys, &added, sizeof(added));
	sodium_memzero(&added, sizeof(added));
	return rc;
}

bool room_has_said(const struct room *room, const uint8_t id[static ENVELOPE_ID_BYTES],
    const uint8_t by[static IDENTITY_BYTES])
{
	for (size_t i = room->saying_count; i-- > 0;) {
		const struct room_saying *said = &room->sayings[i];

		if (memcmp(said->id, id, ENVELOPE_ID_BYTES) == 0 && memcmp(said->by, by, sizeof(said->by)) == 0)
			return true;
	}
	return false;
}

void room_unload(struct room *room)
{
	const uint8_t *key = room->head ? room_key(room, room->head->id) : NULL;
	struct buffer kept = {0};

	/* If there is no memory for it, it is read again with the tree. */
	if (key)
		(void)!buffer_append(&kept, key - ROOMSTATE_ID_BYTES, sizeof(struct room_key));
	buffer_wipe(&room->keys);
	room->keys = kept;
	roomtree_free(room->tree);
	room->tree = NULL;
}

void rooms_drop(struct rooms *rooms, struct room *room)
{
	room_unload(room);
	buffer_wipe(&room->keys);
	roomstate_release(room->head);
	free(room->sayings);
	LIST_REMOVE(room, others);
	rooms->count--;
	free(room);
}

void rooms_free(struct rooms *rooms)
{
	if (!rooms)
		return;
	while (!LIST_EMPTY(&rooms->list))
		rooms_drop(rooms, LIST_FIRST(&rooms->list));
	chatfollower_free(rooms->follower);
	free(rooms);
}

void room_set_head(const struct rooms *rooms, struct room *room, const struct roomstate *head)
{
	struct roomstate *before = room->head;

	room->head = hold(head);
	room->is_member = roomstate_find_member(head, rooms->own->public) >= 0;
	roomstate_release(before);
}

struct room *rooms_add(struct rooms *rooms, const struct roomstate *head)
{
	struct room *room = NULL;

	if (rooms->count == ROOMS_MAX) {
		while ((room = rooms_next(rooms, room)) && room->is_member)
			;
		if (!room)
			return NULL;
		rooms->gives_up = true;
		memcpy(rooms->given_up, room->id, sizeof(room->id));
		rooms_drop(rooms, room);
	}
	room = calloc(1, sizeof(*room));
	if (!room)
		return NULL;
	memcpy(room->id, head->room, sizeof(room->id));
	room->line = -1;
	room_set_head(rooms, room, head);
	LIST_INSERT_HEAD(&rooms->list, room, others);
	rooms->count++;
	return room;
}

/* Reads the state of the room whose line begins at an offset of chat.log; EBADMSG if there is none. */
static int read_state_at(const struct rooms *rooms, struct room *room, int64_t offset, struct roomstate **state,
    int64_t *taken_ms, int64_t *before)
{
	struct chatlog_entry entry;
	int rc = chatlog_read_at(rooms->dir, offset, &entry);

	if (rc != 0)
		return rc == ENOENT ? EBADMSG : rc;
	rc = EBADMSG;
	if (entry.kind == CHATLOG_ROOM && memcmp(entry.room, room->id, sizeof(room->id)) == 0)
		rc = roomstate_parse(&entry.signed_text, state);
	if (rc == 0 && memcmp((*state)->room, room->id, sizeof(room->id)) != 0) {
		roomstate_release(*state);
		rc = EBADMSG;
	}
	/* A wrong key is none. */
	if (rc == 0 && entry.has_key && room_add_key(room, *state, entry.key) == ENOMEM) {
		roomstate_release(*state);
		rc = ENOMEM;
	}
	*taken_ms = entry.time_ms;
	*before = entry.before;
	chatlog_entry_free(&entry);
	return rc;
}

/* The states of a room that chat.log has, filled from the end: the newest are read first. */
struct chain {
	struct roomstate *states[ROOMTREE_STATES_MAX];
	int64_t taken_ms[ROOMTREE_STATES_MAX];
	size_t begin;
};

/* Reads them, until one in the past of the head is as old as any that are kept. */
static int read_chain(const struct rooms *rooms, struct room *room, struct chain *chain)
{
	const uint8_t *wanted = room->head->id;
	int64_t offset = room->line, before, kept_ms = clock_wall_ms() - ROOMTREE_KEEP_MS;

	while (offset >= 0 && chain->begin > 0) {
		struct roomstate **state = &chain->states[chain->begin - 1];
		int64_t *taken_ms = &chain->taken_ms[chain->begin - 1];
		int rc = read_state_at(rooms, room, offset, state, taken_ms, &before);

		/* The newest may be in another file, or no state at all: then the one that peers.txt knows is the newest. */
		if (rc == EBADMSG && offset == room->line) {
			offset = room->line = room->written_line < offset ? room->written_line : -1;
			continue;
		}
		if (rc != 0)
			return rc == EBADMSG ? 0 : rc;
		chain->begin--;
		if (is_same_id((*state)->id, wanted)) {
			if (*taken_ms < kept_ms)
				break;
			wanted = (*state)->after;
		}
		offset = before < offset ? before : -1;
	}
	return 0;
}

/* Makes the tree of a chain, or if there is none, of the head. The room may have begun anew with states that follow no other. */
static struct roomtree *make_tree(const struct room *room, const struct chain *chain)
{
	size_t count = ROOMTREE_STATES_MAX - chain->begin;
	struct roomstate *const *states = &chain->states[chain->begin];
	size_t head = count;

	while (head > 0 && !is_same_id(states[head - 1]->id, room->head->id))
		head--;
	if (count == 0)
		return roomtree_new(room->head, clock_wall_ms());
	return roomtree_load(states, &chain->taken_ms[chain->begin], count, states[head > 0 ? head - 1 : 0]->id);
}

int rooms_load(struct rooms *rooms, struct room *room)
{
	struct chain *chain;
	int rc;

	if (room->tree && !room->is_stale) {
		/* A leave that is dropped may have decided which state is the head. */
		if (roomtree_trim(room->tree, clock_wall_ms()))
			room_set_head(rooms, room, roomtree_head(room->tree));
		return 0;
	}
	/* One tree at a time: that of a room in which much happens takes megabytes. */
	for (struct room *other = NULL; (other = rooms_next(rooms, other));)
		room_unload(other);
	chain = calloc(1, sizeof(*chain));
	if (!chain)
		return ENOMEM;
	chain->begin = ROOMTREE_STATES_MAX;
	rc = read_chain(rooms, room, chain);
	if (rc == 0)
		room->tree = make_tree(room, chain);
	if (rc == 0 && !room->tree)
		rc = ENOMEM;
	if (rc == 0) {
		roomtree_trim(room->tree, clock_wall_ms());
		room_set_head(rooms, room, roomtree_head(room->tree));
		room->is_stale = false;
	}
	for (size_t i = chain->begin; i < ROOMTREE_STATES_MAX; i++)
		roomstate_release(chain->states[i]);
	free(chain);
	return rc;
}

/* Takes over what a record says of a room: all, if it is not known yet, else what the user wants of it. */
static int take_record(struct rooms *rooms, const struct roomrecord *record, const struct roomstate *head,
    uint64_t digest)
{
	struct room *room = rooms_find(rooms, record->room);
	bool is_gone = rooms->gives_up && memcmp(record->room, rooms->given_up, ROOM_ID_BYTES) == 0;
	int rc = 0;

	if (!room && (is_gone || rooms->count == ROOMS_MAX))
		return 0;
	if (!room) {
		room = rooms_add(rooms, head);
		if (!room)
			return ENOMEM;
		/* The log may have been moved away. */
		room->line = record->line < rooms->seen.st_size ? record->line : -1;
	}
	/* That of a state that was known without it stands here only. */
	rc = room_add_key(room, head, record->has_key ? record->key : NULL);
	room->digest = digest;
	room->is_muted = record->is_muted;
	room->is_held = record->is_held;
	room->written_line = record->line;
	memcpy(room->written, head->id, sizeof(room->written));
	return rc == EBADMSG ? 0 : rc;
}

/* Takes over those records that have changed. */
static int take_records(struct rooms *rooms)
{
	size_t cursor = 0, len;
	const char *line;
	int rc = 0;

	if (rooms->readings == peersfile_readings(rooms->file))
		return 0;
	while (rc == 0 && peersfile_next_room(rooms->file, &cursor, &line, &len)) {
		struct room *room = NULL;
		struct roomrecord record;
		struct roomstate *head;
		uint64_t digest;

		crypto_shorthash((uint8_t *)&digest, (const uint8_t *)line, len, rooms->hash_key);
		while ((room = rooms_next(rooms, room)) && room->digest != digest)
			;
		if (room || !roomrecord_read(line, len, &record))
			continue;
		head = roomrecord_head(&record);
		if (head)
			rc = take_record(rooms, &record, head, digest);
		roomstate_release(head);
		roomrecord_free(&record);
	}
	rooms->readings = rc == 0 ? peersfile_readings(rooms->file) : 0;
	return rc;
}

/* Notes that chat.log has a state of a room, which may be new. */
static int take_state_line(struct rooms *rooms, const struct chatlog_entry *entry, int64_t offset)
{
	struct room *room = rooms_find(rooms, entry->room);
	struct roomstate *state;
	int rc;

	if (room && offset <= room->line)
		return 0;
	if (!room) {
		rc = roomstate_parse(&entry->signed_text, &state);
		if (rc != 0 || memcmp(state->room, entry->room, sizeof(entry->room)) != 0) {
			roomstate_release(rc == 0 ? state : NULL);
			return rc == ENOMEM ? ENOMEM : 0;
		}
		room = rooms_add(rooms, state);
		roomstate_release(state);
		if (!room)
			return 0;
	}
	room->line = offset;
	room->is_stale = true;
	room->is_held = entry->held;
	return 0;
}

static int add_saying(struct room *room, const struct saying *saying, int64_t offset)
{
	struct room_saying *said;

	if (room->saying_count == ROOMS_SAYINGS_MAX)
		memmove(room->sayings, room->sayings + 1, --room->saying_count * sizeof(*room->sayings));
	if (room->saying_count == room->saying_room) {
		size_t more = room->saying_count ? 2 * room->saying_count : 16;
		struct room_saying *sayings = realloc(room->sayings, more * sizeof(*sayings));

		if (!sayings)
			return ENOMEM;
		room->sayings = sayings;
		room->saying_room = more;
	}
	said = &room->sayings[room->saying_count++];
	memcpy(said->id, saying->id, sizeof(said->id));
	memcpy(said->by, saying->by, sizeof(said->by));
	memcpy(said->state, saying->state, sizeof(said->state));
	said->offset = offset;
	return 0;
}

/* Notes that chat.log has a saying. */
static int take_saying_line(struct rooms *rooms, const struct chatlog_entry *entry, int64_t offset)
{
	struct room *room = rooms_find(rooms, entry->room);
	struct saying saying;
	int rc;

	if (!room || saying_read(&entry->signed_text, &saying) != 0)
		return 0;
	rc = room_has_said(room, saying.id, saying.by) ? 0 : add_saying(room, &saying, offset);
	saying_free(&saying);
	return rc;
}

/* Goes on behind a text, and bytes in base64 that follow it; false if there is something else. */
static bool scan(const char **at, const char *end, const char *text, uint8_t *bytes, size_t size)
{
	size_t text_len = strlen(text), len = sodium_base64_encoded_len(size, BASE64_VARIANT) - 1;
	const char *base64 = *at + text_len;

	*at = base64 + len;
	return *at <= end && memcmp(base64 - text_len, text, text_len) == 0 &&
	       base64_decode(base64, len, bytes, size, &size);
}

/*
 * Finds the saying that a line is about without parsing it, if it is written as our programs do: there may be 64 MiB of them.
 * A quotation mark without a backslash before it ends a text.
 */
static bool scan_saying(const char *line, size_t len, struct saying *saying)
{
	static const char begin[] = "\"signed\": \"{", by[] = "\\\"by\\\": \\\"", after[] = "\\\"}\", \"signature\": ";
	const char *end = line + len, *at = memmem(line, len, begin, strlen(begin)), *last;

	if (!at)
		return false;
	last = memmem(at, (size_t)(end - at), after, strlen(after));
	at += strlen(begin);
	return last && scan(&at, last, "\\\"room\\\": \\\"", saying->room, sizeof(saying->room)) &&
	       scan(&at, last, "\\\", \\\"state\\\": \\\"", saying->state, sizeof(saying->state)) &&
	       scan(&at, last, "\\\", \\\"id\\\": \\\"", saying->id, sizeof(saying->id)) &&
	       (at = last - BY_TEXT_LEN - strlen(by)) > line && scan(&at, last, by, saying->by, sizeof(saying->by)) &&
	       at == last;
}

static int take_line(struct rooms *rooms, const char *line, size_t len, int64_t offset)
{
	struct chatlog_entry entry;
	struct saying saying;
	struct room *room;
	int rc = 0;

	if (rooms->has_sayings && scan_saying(line, len, &saying)) {
		room = rooms_find(rooms, saying.room);
		/* What was received was not known before. */
		if (room && (chatlog_is_received(line, len) || !room_has_said(room, saying.id, saying.by)))
			rc = add_saying(room, &saying, offset);
		return rc;
	}
	/* Most lines need not be parsed for this. */
	if (!memmem(line, len, "\"room\"", 6) || (!rooms->has_sayings && !memmem(line, len, "\"state\": {", 10)) ||
	    chatlog_parse(line, len, &entry) != 0)
		return 0;
	if (entry.kind == CHATLOG_ROOM)
		rc = take_state_line(rooms, &entry, offset);
	else if (entry.kind == CHATLOG_MESSAGE && entry.has_room && rooms->has_sayings)
		rc = take_saying_line(rooms, &entry, offset);
	chatlog_entry_free(&entry);
	return rc;
}

/* What was in chat.log from an offset on is not there any more. */
static void forget_lines(struct rooms *rooms, int64_t from)
{
	for (struct room *room = NULL; (room = rooms_next(rooms, room));) {
		while (room->saying_count > 0 && room->sayings[room->saying_count - 1].offset >= from)
			room->saying_count--;
		if (room->line < from)
			continue;
		room_unload(room);
		room->line = room->written_line < from ? room->written_line : -1;
		room->is_stale = room->line >= 0;
	}
}

/* Whether chat.log is the file that it was, if there was one; *size is how long it is now. */
static bool is_same_file(struct rooms *rooms, int64_t *size)
{
	struct stat status = {0};
	bool is_same;

	if (fstatat(rooms->dir, CHATLOG_NAME, &status, AT_SYMLINK_NOFOLLOW) != 0)
		status = (struct stat){0};
	is_same =
	    rooms->seen.st_ino == 0 || (status.st_ino == rooms->seen.st_ino && status.st_dev == rooms->seen.st_dev);
	rooms->seen = status;
	*size = status.st_size;
	return is_same;
}

/* Reads what was appended to chat.log, or to the file in its place. */
static int read_lines(struct rooms *rooms)
{
	int64_t offset, size;
	const char *line;
	size_t len;
	int rc;

	while ((rc = chatfollower_next(rooms->follower, &line, &len, &offset)) == 0) {
		if (offset <= rooms->last)
			forget_lines(rooms, is_same_file(rooms, &size) ? offset : 0);
		rooms->last = offset;
		rc = take_line(rooms, line, len, offset);
		if (rc != 0)
			return rc;
	}
	/* There need be no line in it yet. */
	if (rc == ENODATA)
		forget_lines(rooms, is_same_file(rooms, &size) ? size : 0);
	return rc == ENODATA ? 0 : rc;
}

int rooms_follow(struct rooms *rooms)
{
	struct room *room, *next;
	int rc = peersfile_read_content(rooms->file);

	if (rc == 0)
		rc = take_records(rooms);
	if (rc == 0)
		rc = read_lines(rooms);
	for (room = rooms_next(rooms, NULL); rc == 0 && room; room = next) {
		next = rooms_next(rooms, room);
		if (room->is_stale)
			rc = rooms_load(rooms, room);
		/* A room that gave way to another has lines still. */
		if (rc == 0 && !room->is_member && room->digest == 0)
			rooms_drop(rooms, room);
	}
	return rc;
}

/* Reads chat.log from so far back, but from no line on that is before an offset. */
static int open_log(struct rooms *rooms, int64_t bytes, int64_t offset)
{
	int64_t size;

	chatfollower_free(rooms->follower);
	rooms->follower = NULL;
	rooms->last = -1;
	is_same_file(rooms, &size);
	return chatfollower_open_still(rooms->dir, size - bytes > offset ? -bytes : offset, &rooms->follower);
}

int rooms_load_sayings(struct rooms *rooms)
{
	int rc;

	if (rooms->has_sayings)
		return rooms_follow(rooms);
	rc = open_log(rooms, READ_SAYINGS_MAX_BYTES, 0);
	rooms->has_sayings = rc == 0;
	return rc ? rc : rooms_follow(rooms);
}

static bool is_unwritten(const struct room *room)
{
	return room->written_line != room->line || !is_same_id(room->written, room->head->id);
}

static json_t *format_record(const struct room *room)
{
	const uint8_t *key = room_key(room, room->head->id);
	struct roomrecord record = {
	    .is_muted = room->is_muted,
	    .is_held = room->is_held,
	    .has_left = !room->is_member,
	    .has_key = key != NULL,
	    .line = room->line,
	};
	json_t *object;

	memcpy(record.room, room->id, sizeof(record.room));
	if (key)
		memcpy(record.key, key, sizeof(record.key));
	object = roomrecord_format(&record, room->head);
	roomrecord_free(&record);
	return object;
}

/* Puts the record of a room, which is NULL if it is to go. */
static int put_record(struct rooms *rooms, const uint8_t *room, json_t *record)
{
	char id[PEERSCONTENT_ROOM_LEN + 1];

	sodium_bin2base64(id, sizeof(id), room, ROOM_ID_BYTES, BASE64_VARIANT);
	return peersfile_set_room(rooms->file, id, record);
}

/* Writes the heads to peers.txt that are not there yet; with the lock held, so that they are the newest. */
static int write_heads(struct rooms *rooms)
{
	struct room *room = NULL;
	int rc;

	while ((room = rooms_next(rooms, room)) && !is_unwritten(room))
		;
	rc = room ? peersfile_begin(rooms->file) : 0;
	if (!room || rc != 0)
		return rc;
	/* What the user wants of them may be new. */
	rc = take_records(rooms);
	if (rc == 0 && rooms->gives_up)
		rc = put_record(rooms, rooms->given_up, NULL);
	for (room = NULL; rc == 0 && (room = rooms_next(rooms, room));) {
		if (is_unwritten(room))
			rc = put_record(rooms, room->id, format_record(room));
	}
	rc = peersfile_commit(rooms->file, rc);
	rooms->gives_up &= rc != 0;
	for (room = NULL; rc == 0 && (room = rooms_next(rooms, room));) {
		room->written_line = room->line;
		memcpy(room->written, room->head->id, sizeof(room->written));
		/* Until its line is read. */
		room->digest = room->digest ? room->digest : 1;
	}
	return rc;
}

int rooms_begin(struct rooms *rooms)
{
	int rc = chatlog_lock(rooms->log);

	if (rc != 0)
		return rc;
	rc = rooms_follow(rooms);
	if (rc != 0)
		chatlog_unlock(rooms->log);
	return rc;
}

int rooms_end(struct rooms *rooms, int error)
{
	if (error == 0)
		(void)!write_heads(rooms);
	chatlog_unlock(rooms->log);
	return error;
}

int rooms_open(int dir, struct chatlog *log, struct peersfile *file, const struct identity *own, struct rooms **rooms)
{
	struct rooms *opened = calloc(1, sizeof(*opened));
	bool unwritten = false;
	int64_t newest = 0;
	int rc;

	if (!opened)
		return ENOMEM;
	*opened = (struct rooms){.dir = dir, .log = log, .file = file, .own = own};
	LIST_INIT(&opened->list);
	crypto_shorthash_keygen(opened->hash_key);
	is_same_file(opened, &newest);
	newest = 0;
	rc = peersfile_read_content(file);
	if (rc == 0)
		rc = take_records(opened);
	/* Whoever writes one head to peers.txt writes all, so what it lacks comes after the newest. */
	for (struct room *room = NULL; (room = rooms_next(opened, room));)
		newest = room->line > newest ? room->line : newest;
	if (rc == 0)
		rc = open_log(opened, READ_MAX_BYTES, newest);
	if (rc == 0)
		rc = rooms_follow(opened);
	if (rc != 0) {
		rooms_free(opened);
		return rc;
	}
	/* Somebody was killed before that. */
	for (struct room *room = NULL; (room = rooms_next(opened, room));)
		unwritten |= is_unwritten(room);
	if (unwritten && rooms_begin(opened) == 0)
		(void)!rooms_end(opened, 0);
	*rooms = opened;
	return 0;
}

/* Marks a name that nobody vouches for. */
static void doubt(char name[static USERNAME_MAX_BYTES + 1])
{
	size_t len = strlen(name);

	/* A character that does not fit beside the mark goes whole. */
	while (len > 0 && (len == USERNAME_MAX_BYTES || ((unsigned char)name[len] & 0xc0) == 0x80))
		len--;
	strcpy(name + len, "?");
}

void rooms_name_other(const struct peersfile *file, const struct roomstate *state,
    const uint8_t identity[static IDENTITY_BYTES], char name[static USERNAME_MAX_BYTES + 1])
{
	const struct pins *pins = peersfile_pins(file);
	const struct pin *pin = pins_find_identity(pins, identity);
	const struct peer *peer = peers_next_of(peersfile_peers(file), identity, NULL);
	const char *own = peersfile_username(file);
	int place = state ? roomstate_find_member(state, identity) : -1;

	if (pin) {
		strcpy(name, pin->username);
	} else {
		strcpy(name, peer ? peer->username : place >= 0 ? state->members[place].username : "unknown");
		/* Somebody may announce the name of another. */
		if (!peer || pins_find(pins, name) || pins_find_alike(pins, name) || (own && strcmp(own, name) == 0))
			doubt(name);
	}
}

void rooms_name(const struct rooms *rooms, const struct roomstate *state, const uint8_t identity[static IDENTITY_BYTES],
    char name[static USERNAME_MAX_BYTES + 1])
{
	const char *own = peersfile_username(rooms->file);

	if (own && memcmp(identity, rooms->own->public, IDENTITY_BYTES) == 0)
		strcpy(name, own);
	else
		rooms_name_other(rooms->file, state, identity, name);
}

int rooms_begin_in(struct rooms *rooms, struct room **room)
{
	uint8_t id[ROOM_ID_BYTES];
	int rc;

	memcpy(id, (*room)->id, sizeof(id));
	rc = rooms_begin(rooms);
	if (rc != 0)
		return rc;
	*room = rooms_find(rooms, id);
	return *room ? 0 : rooms_end(rooms, ENOENT);
}

int rooms_set(struct rooms *rooms, struct room *room, bool is_muted, bool is_held)
{
	int rc = rooms_begin_in(rooms, &room);

	if (rc != 0)
		return rc;
	rc = peersfile_begin(rooms->file);
	if (rc == 0) {
		room->is_muted = is_muted;
		room->is_held = is_held;
		/* Until its line is read again, which says what is so. */
		room->digest = 1;
		rc = peersfile_commit(rooms->file, put_record(rooms, room->id, format_record(room)));
	}
	return rooms_end(rooms, rc);
}

void room_add_recipients(const struct rooms *rooms, struct room_recipients *to, const struct roomstate *state,
    const uint8_t *but)
{
	for (size_t i = 0; i < state->member_count; i++) {
		const uint8_t *identity = state->members[i].identity;
		size_t same = 0;

		while (same < to->count && memcmp(to->list[same], identity, IDENTITY_BYTES) != 0)
			same++;
		if (same == to->count && to->count < CHATLOG_TO_MAX &&
		    memcmp(identity, rooms->own->public, IDENTITY_BYTES) != 0 &&
		    (!but || memcmp(identity, but, IDENTITY_BYTES) != 0))
			memcpy(to->list[to->count++], identity, IDENTITY_BYTES);
	}
}
