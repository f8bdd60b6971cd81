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

static const char *read_settings(const json_t *object, struct roomstate *state)
{
	const json_t *time = json_object_get(object, "time");
	uint32_t capacity;

	if (!read_place(object, state))
		return "its place among the states of a room is not as it should be";
	if (!read_name(json_object_get(object, "name"), ROOM_NAME_MAX_BYTES, state->name))
		return "the name of the room is none";
	if (!read_about(json_object_get(object, "about"), state->about))
		return "the description of the room is none";
	if (!read_number(json_object_get(object, "capacity"), ROOM_MEMBERS_MAX, &capacity) || capacity == 0)
		return "the room is for 1 to " TEXT_OF(ROOM_MEMBERS_MAX) " members";
	state->capacity = capacity;
	if (!read_entry(object, state))
		return "it does not say who may enter";
	if (!jsontext_get_bytes(object, "secret", state->secret, sizeof(state->secret)) ||
	    !jsontext_get_bytes(object, "by", state->by, sizeof(state->by)))
		return "its author or its secret is none";
	if (!json_is_string(time) ||
	    !clock_parse_utc(json_string_value(time), json_string_length(time), &state->time_ms))
		return "its time is none";
	return NULL;
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

static const char *read_members(const json_t *list, struct roomstate *state)
{
	uint32_t since = 0;

	for (size_t i = 0; i < state->member_count; i++) {
		struct roommember *member = &state->members[i];

		if (!read_member(json_array_get(list, i), member))
			return "a member is not as it should be";
		for (size_t k = 0; k < i; k++) {
			if (memcmp(member->identity, state->members[k].identity, IDENTITY_BYTES) == 0)
				return "a member is listed twice";
		}
		if (member->since < since || member->since > state->n)
			return "the members are not in order";
		since = member->since;
	}
	if (state->member_count > state->capacity)
		return "it has more members than it is for";
	if (state->n == 0 && (state->member_count != 1 || state->removed_count > 0 ||
				 memcmp(state->members[0].identity, state->by, IDENTITY_BYTES) != 0))
		return "the first member is not its author alone";
	return NULL;
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

static const char *read_removed(const json_t *list, struct roomstate *state)
{
	if (!read_ids(list, state->removed, state->removed_count))
		return "somebody removed is not as they should be";
	for (size_t i = 0; i < state->removed_count; i++) {
		if (roomstate_find_member(state, state->removed[i]) >= 0)
			return "a member is listed as removed";
		for (size_t k = 0; k < i; k++) {
			if (memcmp(state->removed[i], state->removed[k], IDENTITY_BYTES) == 0)
				return "somebody is listed as removed twice";
		}
	}
	return NULL;
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
	state->text = (const char *)(state->left + left);
	state->member_count = members;
	state->removed_count = removed;
	state->again_count = again;
	state->left_count = left;
	state->text_len = text_len;
	return state;
}

/* Reads all of an object; the reason if it is no state, else NULL. Sets *state to NULL if out of memory. */
static const char *read_object(const json_t *object, const char *text, size_t len, struct roomstate **state)
{
	const json_t *members = json_object_get(object, "members"), *removed = json_object_get(object, "removed"),
		     *again = json_object_get(object, "again"), *left = json_object_get(object, "left");
	struct roomstate *made;
	const char *wrong;

	if (!json_is_array(members) || json_array_size(members) > ROOM_MEMBERS_MAX)
		return "it has no list of at most " TEXT_OF(ROOM_MEMBERS_MAX) " members";
	if (!json_is_array(removed) || json_array_size(removed) > ROOM_REMOVED_MAX)
		return "it has no list of at most " TEXT_OF(ROOM_REMOVED_MAX) " who were removed";
	if ((again && !json_is_array(again)) || json_array_size(again) > ROOMSTATE_NAMED_MAX ||
	    (left && !json_is_array(left)) || json_array_size(left) > ROOMSTATE_NAMED_MAX)
		return "it names too many states, or none";
	made = make(json_array_size(members), json_array_size(removed), json_array_size(again), json_array_size(left),
	    len);
	if (!made) {
		*state = NULL;
		return "out of memory";
	}
	memcpy((char *)made + (made->text - (char *)made), text, len);
	crypto_generichash(made->id, sizeof(made->id), (const uint8_t *)text, len, NULL, 0);
	wrong = read_settings(object, made);
	if (!wrong)
		wrong = read_members(members, made);
	if (!wrong)
		wrong = read_removed(removed, made);
	if (!wrong &&
	    (!read_ids(again, made->again, made->again_count) || !read_ids(left, made->left, made->left_count)))
		wrong = "a state that it names is none";
	if (wrong)
		roomstate_release(made);
	else
		*state = made;
	return wrong;
}

int roomstate_read(const char *text, size_t len, const uint8_t signature[static IDENTITY_SIGNATURE_BYTES],
    struct roomstate **state, const char **why)
{
	struct roomstate *made = NULL;
	const char *wrong;
	json_t *object;

	if (len > ROOMSTATE_TEXT_MAX_BYTES) {
		*why = "it is longer than " TEXT_OF(ROOMSTATE_TEXT_MAX_BYTES) " bytes";
		return EBADMSG;
	}
	object = jsontext_parse_strictly(text, len, why);
	if (!object)
		return errno;
	wrong = read_object(object, text, len, &made);
	json_decref(object);
	if (wrong) {
		*why = wrong;
		return EBADMSG;
	}
	memcpy(made->signature, signature, IDENTITY_SIGNATURE_BYTES);
	*state = made;
	return 0;
}

int roomstate_parse(const char *text, size_t len, const uint8_t signature[static IDENTITY_SIGNATURE_BYTES],
    struct roomstate **state, const char **why)
{
	struct roomstate *made;
	int rc = roomstate_read(text, len, signature, &made, why);

	if (rc != 0)
		return rc;
	if (!identity_verify(made->by, ROOMSTATE_LABEL, text, len, signature)) {
		roomstate_release(made);
		*why = "its signature does not hold";
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
