#include "room/roomdraft.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/jsontext.h"

static void place_lists(struct roomdraft *draft)
{
	draft->state.members = draft->members;
	draft->state.removed = draft->removed;
	draft->state.again = draft->again;
	draft->state.left = draft->left;
	draft->state.again_count = draft->state.left_count = 0;
	draft->state.text = (struct signedtext){0};
}

void roomdraft_begin_room(struct roomdraft *draft, const uint8_t by[static IDENTITY_BYTES], const char *username,
    const char *name)
{
	draft->state = (struct roomstate){.capacity = ROOM_MEMBERS_MAX, .entry = ROOMENTRY_OPEN};
	place_lists(draft);
	randombytes_buf(draft->state.salt, sizeof(draft->state.salt));
	snprintf(draft->state.name, sizeof(draft->state.name), "%s", name);
	memcpy(draft->state.by, by, IDENTITY_BYTES);
	roomdraft_let_in(draft, by, username);
	roomdraft_mark(draft, by, true);
}

void roomdraft_begin(struct roomdraft *draft, const struct roomstate *before, const uint8_t by[static IDENTITY_BYTES])
{
	draft->state = *before;
	place_lists(draft);
	memcpy(draft->members, before->members, before->member_count * sizeof(*before->members));
	memcpy(draft->removed, before->removed, before->removed_count * sizeof(*before->removed));
	memcpy(draft->state.after, before->id, sizeof(before->id));
	memcpy(draft->state.by, by, IDENTITY_BYTES);
	draft->state.n++;
}

/* Takes an identity off the list of the removed, if it stands there. */
static void forgive(struct roomstate *state, const uint8_t identity[static IDENTITY_BYTES])
{
	size_t kept = 0;

	for (size_t i = 0; i < state->removed_count; i++) {
		if (memcmp(state->removed[i], identity, IDENTITY_BYTES) != 0)
			memmove(state->removed[kept++], state->removed[i], IDENTITY_BYTES);
	}
	state->removed_count = kept;
}

bool roomdraft_let_in(struct roomdraft *draft, const uint8_t identity[static IDENTITY_BYTES], const char *username)
{
	struct roomstate *state = &draft->state;
	struct roommember *member = &draft->members[state->member_count];

	if (roomstate_find_member(state, identity) >= 0 || state->member_count == ROOM_MEMBERS_MAX)
		return false;
	*member = (struct roommember){.since = state->n};
	memcpy(member->identity, identity, IDENTITY_BYTES);
	snprintf(member->username, sizeof(member->username), "%s", username);
	state->member_count++;
	forgive(state, identity);
	return true;
}

bool roomdraft_take_out(struct roomdraft *draft, const uint8_t identity[static IDENTITY_BYTES], bool has_left)
{
	struct roomstate *state = &draft->state;
	int place = roomstate_find_member(state, identity);
	uint8_t gone[IDENTITY_BYTES];

	if (place < 0)
		return false;
	memcpy(gone, identity, sizeof(gone));
	state->member_count--;
	memmove(&draft->members[place], &draft->members[place + 1],
	    (state->member_count - (size_t)place) * sizeof(*draft->members));
	if (has_left || memcmp(gone, state->by, sizeof(gone)) == 0)
		return true;
	if (state->removed_count == ROOM_REMOVED_MAX)
		memmove(draft->removed[0], draft->removed[1], --state->removed_count * sizeof(*draft->removed));
	memcpy(draft->removed[state->removed_count++], gone, sizeof(gone));
	return true;
}

bool roomdraft_mark(struct roomdraft *draft, const uint8_t identity[static IDENTITY_BYTES], bool is_admin)
{
	int place = roomstate_find_member(&draft->state, identity);

	if (place < 0 || draft->members[place].is_marked == is_admin)
		return false;
	draft->members[place].is_marked = is_admin;
	return true;
}

/* Appends value to the list, unless one is NULL; else gives the list up, which is then NULL. */
static json_t *append(json_t *list, json_t *value)
{
	if (list && json_array_append_new(list, value) == 0)
		return list;
	json_decref(list);
	return NULL;
}

static json_t *pack_ids(const uint8_t (*ids)[ROOMSTATE_ID_BYTES], size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		list = append(list, jsontext_bytes(ids[i], ROOMSTATE_ID_BYTES));
	return list;
}

static json_t *pack_members(const struct roomstate *state)
{
	json_t *list = json_array();

	for (size_t i = 0; i < state->member_count; i++) {
		const struct roommember *member = &state->members[i];

		list = append(list,
		    json_pack("{s:o, s:s, s:I, s:o*}", "identity", jsontext_bytes(member->identity, IDENTITY_BYTES),
			"username", member->username, "since", (json_int_t)member->since, "admin",
			member->is_marked ? json_true() : NULL));
	}
	return list;
}

/* Appends the text that is signed. Returns 0, EBADMSG if it has a name that is not UTF-8, or ENOMEM. */
static int format(const struct roomstate *state, struct buffer *text)
{
	bool is_first = state->n == 0;
	char time[CLOCK_UTC_BYTES];
	json_t *object;
	int rc;

	clock_format_utc(state->time_ms, time);
	object = json_pack("{s:o*, s:I, s:o*, s:o*, s:s, s:s, s:i, s:s, s:o*, s:o, s:o, s:o*, s:o*, s:o, s:s, s:o}",
	    "room", is_first ? NULL : jsontext_bytes(state->room, ROOM_ID_BYTES), "n", (json_int_t)state->n, "after",
	    is_first ? NULL : jsontext_bytes(state->after, ROOMSTATE_ID_BYTES), "salt",
	    is_first ? jsontext_bytes(state->salt, ROOM_SALT_BYTES) : NULL, "name", state->name, "about", state->about,
	    "capacity", (int)state->capacity, "entry", roomentry_word(state->entry), "lock",
	    state->entry == ROOMENTRY_PASSWORD ? jsontext_bytes(state->lock, ROOM_LOCK_BYTES) : NULL, "members",
	    pack_members(state), "removed", pack_ids(state->removed, state->removed_count), "again",
	    state->again_count ? pack_ids(state->again, state->again_count) : NULL, "left",
	    state->left_count ? pack_ids(state->left, state->left_count) : NULL, "secret",
	    jsontext_bytes(state->secret, ROOM_KEY_BYTES), "time", time, "by",
	    jsontext_bytes(state->by, IDENTITY_BYTES));
	if (!object)
		return EBADMSG;
	rc = jsontext_append(text, object);
	json_decref(object);
	return rc;
}

int roomdraft_sign(const struct roomdraft *draft, const struct identity *identity,
    const uint8_t key[static ROOM_KEY_BYTES], int64_t time_ms, struct roomstate **state)
{
	struct signedtext record;
	struct roomstate said = draft->state;
	struct buffer text = {0};
	int rc;

	roomstate_secret(key, said.secret);
	said.time_ms = time_ms;
	rc = format(&said, &text);
	record = (struct signedtext){.text = text.data, .len = text.len};
	if (rc == 0)
		rc = identity_sign(identity, ROOMSTATE_LABEL, text.data, text.len, record.signature);
	if (rc == 0)
		rc = roomstate_read(&record, state);
	buffer_free(&text);
	return rc;
}
