#include "room/roomstate.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/jsontext.h"
#include "base/text.h"

static const char *const entry_words[] = {
    [ROOMENTRY_OPEN] = "open",
    [ROOMENTRY_PASSWORD] = "password",
    [ROOMENTRY_INVITED] = "invited",
};

const char *roomentry_word(enum roomentry entry)
{
	return entry_words[entry];
}

bool roomentry_parse(const char *word, enum roomentry *entry)
{
	for (enum roomentry i = ROOMENTRY_OPEN; i <= ROOMENTRY_INVITED; i++) {
		if (strcmp(word, entry_words[i]) == 0) {
			*entry = i;
			return true;
		}
	}
	return false;
}

static bool read_number(const json_t *value, uint32_t max, uint32_t *number)
{
	json_int_t integer = json_integer_value(value);

	if (!json_is_integer(value) || integer < 0 || integer > max)
		return false;
	*number = (uint32_t)integer;
	return true;
}

/* Reads a name that is as it would be written. */
static bool read_name(const json_t *value, size_t max_len, char *name)
{
	char normalized[USERNAME_MAX_BYTES + 1];
	size_t len = json_string_length(value);

	if (!json_is_string(value) || len > max_len ||
	    username_normalize(json_string_value(value), len, normalized) != USERNAME_OK || strlen(normalized) != len)
		return false;
	memcpy(name, normalized, len + 1);
	return true;
}

static bool read_about(const json_t *value, char about[static ROOM_ABOUT_MAX_BYTES + 1])
{
	size_t len = json_string_length(value);

	if (!json_is_string(value) || len > ROOM_ABOUT_MAX_BYTES)
		return false;
	memcpy(about, json_string_value(value), len + 1);
	for (const char *text = about, *end = about + len; text < end;) {
		if (text_is_control(text_next(&text, end)))
			return false;
	}
	return true;
}

static bool has(const json_t *object, const char *name)
{
	return json_object_get(object, name) != NULL;
}

/* What only a later state has, or only the first. */
static bool read_place(const json_t *object, struct roomstate *state)
{
	if (!read_number(json_object_get(object, "n"), ROOM_NUMBER_MAX, &state->n))
		return false;
	if (state->n > 0)
		return !has(object, "salt") && jsontext_get_bytes(object, "room", state->room, sizeof(state->room)) &&
		       jsontext_get_bytes(object, "after", state->after, sizeof(state->after));
	memcpy(state->room, state->id, sizeof(state->room));
	return !has(object, "room") && !has(object, "after") &&
	       jsontext_get_bytes(object, "salt", state->salt, sizeof(state->salt));
}

static bool read_entry(const json_t *object, struct roomstate *state)
{
	const char *word = json_string_value(json_object_get(object, "entry"));

	if (!word || !roomentry_parse(word, &state->entry))
		return false;
	return state->entry == ROOMENTRY_PASSWORD ? jsontext_get_bytes(object, "lock", state->lock, sizeof(state->lock))
						  : !has(object, "lock");
}

static bool read_settings(const json_t *object, struct roomstate *state)
{
	const json_t *time = json_object_get(object, "time");
	uint32_t capacity = 0;
	bool good =
	    read_place(object, state) && read_name(json_object_get(object, "name"), ROOM_NAME_MAX_BYTES, state->name) &&
	    read_about(json_object_get(object, "about"), state->about) &&
	    read_number(json_object_get(object, "capacity"), ROOM_MEMBERS_MAX, &capacity) && capacity > 0 &&
	    read_entry(object, state) && jsontext_get_bytes(object, "secret", state->secret, sizeof(state->secret)) &&
	    jsontext_get_bytes(object, "by", state->by, sizeof(state->by)) && json_is_string(time) &&
	    clock_parse_utc(json_string_value(time), json_string_length(time), &state->time_ms);

	state->capacity = capacity;
	return good;
}

static bool read_member(const json_t *object, struct roommember *member)
{
	const json_t *admin = json_object_get(object, "admin");

	member->is_marked = admin != NULL;
	return jsontext_get_bytes(object, "identity", member->identity, sizeof(member->identity)) &&
	       read_name(json_object_get(object, "username"), USERNAME_MAX_BYTES, member->username) &&
	       read_number(json_object_get(object, "since"), ROOM_NUMBER_MAX, &member->since) &&
	       (!admin || json_is_true(admin));
}

static bool read_members(const json_t *list, struct roomstate *state)
{
	uint32_t since = 0;

	for (size_t i = 0; i < state->member_count; i++) {
		struct roommember *member = &state->members[i];

		/* In the order in which they came, and nobody twice. */
		if (!read_member(json_array_get(list, i), member) || member->since < since ||
		    member->since > state->n || roomstate_find_member(state, member->identity) < (int)i)
			return false;
		since = member->since;
	}
	return state->member_count <= state->capacity &&
	       (state->n > 0 || (state->member_count == 1 && state->removed_count == 0 &&
				    memcmp(state->members[0].identity, state->by, IDENTITY_BYTES) == 0));
}

static bool read_ids(const json_t *list, uint8_t (*ids)[ROOMSTATE_ID_BYTES], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const json_t *id = json_array_get(list, i);
		size_t len;

		if (!json_is_string(id) ||
		    !base64_decode(json_string_value(id), json_string_length(id), ids[i], ROOMSTATE_ID_BYTES, &len) ||
		    len != ROOMSTATE_ID_BYTES)
			return false;
	}
	return true;
}

static bool read_removed(const json_t *list, struct roomstate *state)
{
	if (!read_ids(list, state->removed, state->removed_count))
		return false;
	for (size_t i = 0; i < state->removed_count; i++) {
		if (roomstate_find_member(state, state->removed[i]) >= 0)
			return false;
		for (size_t k = 0; k < i; k++) {
			if (memcmp(state->removed[i], state->removed[k], IDENTITY_BYTES) == 0)
				return false;
		}
	}
	return true;
}

_Static_assert(IDENTITY_BYTES == ROOMSTATE_ID_BYTES, "one function reads lists of both");
_Static_assert(sizeof(struct roomstate) % _Alignof(struct roommember) == 0, "the members stand behind the state");

/* A state with its lists and its text in one piece of memory, all zeros; NULL if out of memory. */
static struct roomstate *make(size_t members, size_t removed, size_t again, size_t left, size_t text_len)
{
	struct roomstate *state = calloc(1, sizeof(*state) + members * sizeof(struct roommember) +
						(removed + again + left) * ROOMSTATE_ID_BYTES + text_len);

	if (!state)
		return NULL;
	state->holders = 1;
	state->members = (struct roommember *)(state + 1);
	state->removed = (uint8_t(*)[IDENTITY_BYTES])(state->members + members);
	state->again = state->removed + removed;
	state->left = state->again + again;
	state->text.text = (const char *)(state->left + left);
	state->member_count = members;
	state->removed_count = removed;
	state->again_count = again;
	state->left_count = left;
	state->text.len = text_len;
	return state;
}

static bool is_list(const json_t *list, size_t max)
{
	return json_is_array(list) && json_array_size(list) <= max;
}

/* Reads all of an object. Returns 0, EBADMSG or ENOMEM. */
static int read_object(const json_t *object, const struct signedtext *text, struct roomstate **state)
{
	const json_t *members = json_object_get(object, "members"), *removed = json_object_get(object, "removed"),
		     *again = json_object_get(object, "again"), *left = json_object_get(object, "left");
	struct roomstate *made;

	if (!is_list(members, ROOM_MEMBERS_MAX) || !is_list(removed, ROOM_REMOVED_MAX) ||
	    (again && !is_list(again, ROOMSTATE_NAMED_MAX)) || (left && !is_list(left, ROOMSTATE_NAMED_MAX)))
		return EBADMSG;
	made = make(json_array_size(members), json_array_size(removed), json_array_size(again), json_array_size(left),
	    text->len);
	if (!made)
		return ENOMEM;
	memcpy((char *)made + (made->text.text - (char *)made), text->text, text->len);
	memcpy(made->text.signature, text->signature, sizeof(text->signature));
	crypto_generichash(made->id, sizeof(made->id), (const uint8_t *)text->text, text->len, NULL, 0);
	if (!read_settings(object, made) || !read_members(members, made) || !read_removed(removed, made) ||
	    !read_ids(again, made->again, made->again_count) || !read_ids(left, made->left, made->left_count)) {
		roomstate_release(made);
		return EBADMSG;
	}
	*state = made;
	return 0;
}

int roomstate_read(const struct signedtext *text, struct roomstate **state)
{
	json_t *object;
	int rc;

	if (text->len > ROOMSTATE_TEXT_MAX_BYTES)
		return EBADMSG;
	object = jsontext_parse_strictly(text->text, text->len);
	if (!object)
		return errno;
	rc = read_object(object, text, state);
	json_decref(object);
	return rc;
}

int roomstate_parse(const struct signedtext *text, struct roomstate **state)
{
	struct roomstate *made;
	int rc = roomstate_read(text, &made);

	if (rc != 0)
		return rc;
	if (!identity_verify(made->by, ROOMSTATE_LABEL, text->text, text->len, text->signature)) {
		roomstate_release(made);
		return EBADMSG;
	}
	*state = made;
	return 0;
}

struct roomstate *roomstate_hold(struct roomstate *state)
{
	state->holders++;
	return state;
}

void roomstate_release(struct roomstate *state)
{
	if (state && --state->holders == 0)
		free(state);
}

int roomstate_find_member(const struct roomstate *state, const uint8_t identity[static IDENTITY_BYTES])
{
	for (size_t i = 0; i < state->member_count; i++) {
		if (memcmp(state->members[i].identity, identity, IDENTITY_BYTES) == 0)
			return (int)i;
	}
	return -1;
}

bool roomstate_is_admin(const struct roomstate *state, int place)
{
	return place == 0 || (place > 0 && state->members[place].is_marked);
}

int roomstate_rank(const struct roomstate *state, int place)
{
	bool is_admin = roomstate_is_admin(state, place);
	int rank = 0;

	for (int i = 0; i < (int)state->member_count; i++)
		rank += roomstate_is_admin(state, i) == is_admin ? i < place : !is_admin;
	return rank;
}

bool roomstate_is_removed(const struct roomstate *state, const uint8_t identity[static IDENTITY_BYTES])
{
	for (size_t i = 0; i < state->removed_count; i++) {
		if (memcmp(state->removed[i], identity, IDENTITY_BYTES) == 0)
			return true;
	}
	return false;
}

void roomstate_secret(const uint8_t key[static ROOM_KEY_BYTES], uint8_t secret[static ROOM_KEY_BYTES])
{
	static const char label[] = "quartet room secret";
	crypto_generichash_state hash;

	crypto_generichash_init(&hash, NULL, 0, ROOM_KEY_BYTES);
	crypto_generichash_update(&hash, (const uint8_t *)label, sizeof(label) - 1);
	crypto_generichash_update(&hash, key, ROOM_KEY_BYTES);
	crypto_generichash_final(&hash, secret, ROOM_KEY_BYTES);
	sodium_memzero(&hash, sizeof(hash));
}
