#include "room/roomtalk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define KEEP_MS (INT64_C(86400000) * ROOMTALK_DAYS)

/* Appends the line of a saying in a room: what the user said is not received, and waits for those in to. */
static int format_saying(const struct rooms *rooms, const struct room *room, const struct saying *saying,
    const struct filesource *source, const struct signedtext *text, struct in_addr address,
    const struct room_recipients *to, struct buffer *lines)
{
	bool is_own = memcmp(saying->by, rooms->own->public, IDENTITY_BYTES) == 0;
	struct chatlog_entry entry = {
	    .time_ms = clock_wall_ms(),
	    .direction = !is_own	 ? CHATLOG_RECEIVED
			 : to->count > 0 ? CHATLOG_QUEUED
					 : CHATLOG_SENT,
	    .mode = CHATLOG_SECURE,
	    .address = address,
	    .has_id = true,
	    .has_identity = !is_own,
	    .has_room = true,
	    .signed_text = *text,
	    .to = to->count > 0 ? to->list : NULL,
	    .to_count = to->count,
	    .number = saying->has_file ? CHATLOG_NUMBER_NEXT : 0,
	    .has_source = source != NULL,
	};

	memcpy(entry.id, saying->id, sizeof(entry.id));
	memcpy(entry.identity, saying->by, sizeof(entry.identity));
	memcpy(entry.room, saying->room, sizeof(entry.room));
	if (source)
		entry.source = *source;
	if (is_own)
		snprintf(entry.username, sizeof(entry.username), "#%s", room->head->name);
	else
		rooms_name(rooms, room->head, saying->by, entry.username);
	return chatlog_format(lines, &entry);
}

/* Logs what the user says, for all other members: nothing waits if nobody else is there. */
static int log_own(struct rooms *rooms, struct room *room, const struct saying *saying, const struct filesource *source,
    const json_t *record)
{
	struct room_recipients to = {0};
	struct signedtext text;
	struct buffer line = {0};
	int rc = signedtext_of_json(record, &text) ? 0 : ENOMEM;

	room_add_recipients(rooms, &to, room->head, NULL);
	if (rc == 0)
		rc = format_saying(rooms, room, saying, source, &text, (struct in_addr){0}, &to, &line);
	if (rc == 0)
		rc = chatlog_append(rooms->log, line.data, line.len, CHATLOG_DURABLE);
	buffer_wipe(&line);
	return rc;
}

int roomtalk_say(struct rooms *rooms, struct room *room, const struct envelope_content *content,
    uint8_t id[static ENVELOPE_ID_BYTES])
{
	struct saying saying = {
	    .text = content->text,
	    .text_len = content->text_len,
	    .has_file = content->file != NULL,
	    .time_ms = clock_wall_ms(),
	};
	json_t *record = NULL;
	int rc;

	memcpy(saying.room, room->id, sizeof(saying.room));
	memcpy(saying.by, rooms->own->public, sizeof(saying.by));
	randombytes_buf(saying.id, sizeof(saying.id));
	if (content->file)
		saying.file = *content->file;
	rc = rooms_begin(rooms);
	if (rc != 0)
		return rc;
	room = rooms_find(rooms, saying.room);
	if (!room || !room->is_member)
		rc = EPERM;
	else if (!room_key(room, room->head->id))
		rc = ENOKEY;
	if (rc == 0) {
		memcpy(saying.state, room->head->id, sizeof(saying.state));
		rc = saying_sign(&saying, rooms->own, &record);
	}
	if (rc == 0)
		rc = log_own(rooms, room, &saying, content->source, record);
	if (rc == 0)
		memcpy(id, saying.id, sizeof(saying.id));
	json_decref(record);
	return rooms_end(rooms, rc);
}

/* Whether so many are known of a room, all from after a saying, that nobody can tell whether it was known, too. */
static bool is_forgotten(const struct rooms *rooms, const struct room *room, const struct saying *saying)
{
	struct chatlog_entry entry;
	struct saying oldest;
	bool is_older = false;

	if (room->saying_count < ROOMS_SAYINGS_MAX || chatlog_read_at(rooms->dir, room->sayings[0].offset, &entry) != 0)
		return false;
	if (entry.signed_text.text && saying_read(&entry.signed_text, &oldest) == 0) {
		/* Its author may have said anything of the time. */
		is_older = saying->time_ms <= oldest.time_ms && saying->time_ms <= entry.time_ms;
		saying_free(&oldest);
	}
	chatlog_entry_free(&entry);
	return is_older;
}

/* Whether what somebody says, or passes on, is taken, by the rules. */
static int judge_saying(struct rooms *rooms, const struct saying *saying, const uint8_t *speaker,
    enum roomtalk_hearing *hearing)
{
	struct room *room = rooms_find(rooms, saying->room);
	bool is_own_word = memcmp(speaker, saying->by, IDENTITY_BYTES) == 0;
	int64_t age_ms = clock_wall_ms() - saying->time_ms;
	const struct roomstate *state;
	int rc = 0;

	*hearing = ROOMTALK_LOGGED;
	if (!room)
		*hearing = ROOMTALK_BEHIND;
	else if (room_has_said(room, saying->id, saying->by))
		*hearing = ROOMTALK_KNOWN;
	else if (!room->is_member || roomstate_find_member(room->head, speaker) < 0)
		*hearing = ROOMTALK_NO_MEMBER;
	else if (!is_own_word && (age_ms > KEEP_MS || age_ms < -KEEP_MS || is_forgotten(rooms, room, saying)))
		*hearing = ROOMTALK_TOO_OLD;
	else if (saying->has_file && filename_fault(saying->file.name, strlen(saying->file.name)))
		*hearing = ROOMTALK_NO_NAME;
	else if (roomstate_find_member(room->head, saying->by) < 0) {
		rc = rooms_load(rooms, room);
		state = rc == 0 ? roomtree_find(room->tree, saying->state) : NULL;
		if (!state)
			*hearing = ROOMTALK_BEHIND;
		else if (roomstate_find_member(state, saying->by) < 0)
			*hearing = ROOMTALK_NO_MEMBER;
	}
	return rc;
}

static bool is_stranger(const struct rooms *rooms, const struct roomtalk_saying *heard)
{
	return memcmp(heard->by, rooms->own->public, IDENTITY_BYTES) != 0 &&
	       !pins_find_identity(peersfile_pins(rooms->file), heard->by);
}

/* Judges the last of some, and appends its line to those that are to be logged, which are of those who are known or not. */
static int hear_last(struct rooms *rooms, struct roomtalk_saying *all, size_t count, struct buffer lines[static 2])
{
	static const struct room_recipients nobody;
	struct roomtalk_saying *heard = &all[count - 1];
	struct saying saying;
	int rc = saying_parse(&heard->text, &saying);

	heard->hearing = ROOMTALK_NO_SAYING;
	if (rc != 0)
		return rc == EPROTO ? 0 : rc;
	memcpy(heard->id, saying.id, sizeof(heard->id));
	memcpy(heard->by, saying.by, sizeof(heard->by));
	memcpy(heard->room, saying.room, sizeof(heard->room));
	rc = judge_saying(rooms, &saying, heard->speaker, &heard->hearing);
	for (size_t i = 0; i + 1 < count && heard->hearing == ROOMTALK_LOGGED; i++) {
		if (all[i].hearing == ROOMTALK_LOGGED && memcmp(all[i].id, heard->id, sizeof(heard->id)) == 0 &&
		    memcmp(all[i].by, heard->by, sizeof(heard->by)) == 0 &&
		    memcmp(all[i].room, heard->room, sizeof(heard->room)) == 0)
			heard->hearing = ROOMTALK_KNOWN;
	}
	if (rc == 0 && heard->hearing == ROOMTALK_LOGGED)
		rc = format_saying(rooms, rooms_find(rooms, saying.room), &saying, NULL, &heard->text, heard->address,
		    &nobody, &lines[is_stranger(rooms, heard)]);
	saying_free(&saying);
	return rc;
}

int roomtalk_hear(struct rooms *rooms, struct roomtalk_saying *sayings, size_t count)
{
	struct buffer lines[2] = {{0}};
	int rc = chatlog_lock(rooms->log);

	if (rc != 0)
		return rc;
	rc = rooms_load_sayings(rooms);
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = hear_last(rooms, sayings, i + 1, lines);
	/* One sync is enough for both. */
	if (rc == 0 && lines[1].len > 0)
		rc = chatlog_append(rooms->log, lines[1].data, lines[1].len,
		    CHATLOG_FOR_STRANGERS | (lines[0].len > 0 ? 0 : CHATLOG_DURABLE));
	for (size_t i = 0; i < count && rc == ENOSPC; i++) {
		if (sayings[i].hearing == ROOMTALK_LOGGED && is_stranger(rooms, &sayings[i]))
			sayings[i].hearing = ROOMTALK_NO_SPACE;
	}
	if ((rc == 0 || rc == ENOSPC) && lines[0].len > 0)
		rc = chatlog_append(rooms->log, lines[0].data, lines[0].len, CHATLOG_DURABLE);
	else if (rc == ENOSPC)
		rc = 0;
	buffer_wipe(&lines[0]);
	buffer_wipe(&lines[1]);
	return rooms_end(rooms, rc);
}
