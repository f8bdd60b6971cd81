/* roomstate, roomdraft: what members sign, and what strangers say they signed. */
#include "identities.h"
#include "support.h"

#include "base/base64.h"
#include "base/clock.h"
#include "room/roomdraft.h"
#include "room/signedtext.h"
#include "vectors.h"
#include "wire/envelope.h"

static void expect_base64(const uint8_t *bytes, size_t len, const char *expected)
{
	char text[128];

	sodium_bin2base64(text, sizeof(text), bytes, len, BASE64_VARIANT);
	assert_string_equal(text, expected);
}

static void signature_of(const char *text, uint8_t signature[static IDENTITY_SIGNATURE_BYTES])
{
	size_t len;

	assert_true(base64_decode(text, strlen(text), signature, IDENTITY_SIGNATURE_BYTES, &len));
}

static struct roomstate *parse(const char *text, const char *signature_text)
{
	struct signedtext record = {.text = text, .len = strlen(text)};
	struct roomstate *state;

	signature_of(signature_text, record.signature);
	assert_int_equal(roomstate_parse(&record, &state), 0);
	return state;
}

static struct roomstate *sign(const struct roomdraft *draft, const struct identity *identity, const char *key_hex,
    const char *time)
{
	uint8_t key[ROOM_KEY_BYTES];
	struct roomstate *state;
	int64_t time_ms;

	support_unhex(key_hex, key, sizeof(key));
	assert_true(clock_parse_utc(time, strlen(time), &time_ms));
	assert_int_equal(roomdraft_sign(draft, identity, key, time_ms, &state), 0);
	return state;
}

static void expect_state(const struct roomstate *state, const char *text, const char *signature, const char *id)
{
	CHECK(state->text.len == strlen(text) && memcmp(state->text.text, text, state->text.len) == 0, "%.*s",
	    (int)state->text.len, state->text.text);
	expect_base64(state->text.signature, sizeof(state->text.signature), signature);
	expect_base64(state->id, sizeof(state->id), id);
	expect_base64(state->room, sizeof(state->room), VECTOR_ROOM);
}

static void states_are_as_the_vectors_have_them(void **ignored)
{
	struct identity ece = identity_of_seed(VECTOR_SA_SEED), bob = identity_of_seed(VECTOR_SB_SEED);
	struct roomdraft *draft = malloc(sizeof(*draft));
	struct roomstate *first, *second, *read;
	size_t len;

	(void)ignored;
	assert_non_null(draft);
	roomdraft_begin_room(draft, ece.public, "Ece", "lab");
	snprintf(draft->state.about, sizeof(draft->state.about), "who cooks");
	draft->state.capacity = 50;
	assert_true(base64_decode("o7lQDoh+wodEKRrj/cRg/Q==", 24, draft->state.salt, ROOM_SALT_BYTES, &len));
	first = sign(draft, &ece, VECTOR_ROOM_KEY_0, "2026-11-20T08:00:00.123Z");
	expect_state(first, VECTOR_ROOM_STATE_0, VECTOR_ROOM_SIGNATURE_0, VECTOR_ROOM_ID_0);
	roomdraft_begin(draft, first, ece.public);
	assert_true(roomdraft_let_in(draft, bob.public, "Bob"));
	second = sign(draft, &ece, VECTOR_ROOM_KEY, "2026-11-20T08:01:00.000Z");
	expect_state(second, VECTOR_ROOM_STATE_SIGNED, VECTOR_ROOM_STATE_SIGNATURE, VECTOR_ROOM_ID_1);
	read = parse(VECTOR_ROOM_STATE_SIGNED, VECTOR_ROOM_STATE_SIGNATURE);
	expect_state(read, VECTOR_ROOM_STATE_SIGNED, VECTOR_ROOM_STATE_SIGNATURE, VECTOR_ROOM_ID_1);
	assert_memory_equal(read->after, first->id, sizeof(first->id));
	assert_int_equal(read->n, 1);
	assert_string_equal(read->name, "lab");
	assert_string_equal(read->about, "who cooks");
	assert_int_equal(read->capacity, 50);
	assert_int_equal(read->entry, ROOMENTRY_OPEN);
	assert_int_equal(roomstate_find_member(read, bob.public), 1);
	assert_int_equal(read->members[1].since, 1);
	assert_string_equal(read->members[1].username, "Bob");
	assert_true(roomstate_is_admin(read, 0) && !roomstate_is_admin(read, 1) && !roomstate_is_admin(read, -1));
	roomstate_release(first);
	roomstate_release(second);
	roomstate_release(read);
	free(draft);
}

static void a_signature_holds_for_its_text_and_its_author(void **ignored)
{
	static const char text[] = VECTOR_ROOM_STATE_SIGNED;
	struct signedtext record = {.len = sizeof(text) - 1};
	struct roomstate *state;
	char *copy;

	(void)ignored;
	signature_of(VECTOR_ROOM_STATE_SIGNATURE, record.signature);
	for (size_t bit = 0; bit < 8 * (sizeof(text) - 1); bit += 3) {
		copy = support_copy(text, sizeof(text) - 1);
		copy[bit / 8] = (char)(copy[bit / 8] ^ 1 << bit % 8);
		record.text = copy;
		assert_int_equal(roomstate_parse(&record, &state), EBADMSG);
		free(copy);
	}
	record.text = text;
	assert_int_equal(roomstate_parse(&record, &state), 0);
	roomstate_release(state);
	record.signature[7] ^= 1;
	assert_int_equal(roomstate_parse(&record, &state), EBADMSG);
}

#define I "\"IlSyhGS/4ohAapEtVDuQ+SQ5dMjCtpZolnGVWyZLb/c=\""
#define J "\"yRY0OqexseMjHMFriIxyhFZdF5yk+pQI81WprUoFxjE=\""
#define ID "\"+paKN+u70bHe5Hno7/ulRpqnFOa10muk9ANmNOOyJCc=\""
#define ECE "{\"identity\": " I ", \"username\": \"Ece\", \"since\": 0, \"admin\": true}"
#define BOB(since) "{\"identity\": " J ", \"username\": \"Bob\", \"since\": " since "}"
#define LATER "\"room\": \"" VECTOR_ROOM "\", \"n\": 4, \"after\": " ID ", "
#define NAMED "\"name\": \"lab\", \"about\": \"\", "
#define OPEN "\"capacity\": 9, \"entry\": \"open\", "
#define MEMBERS "\"members\": [" ECE ", " BOB("2") "], "
#define REMOVED "\"removed\": [], "
#define END "\"secret\": " ID ", \"time\": \"2026-11-20T08:00:00.123Z\", \"by\": " I "}"

static void what_is_no_state_is_refused(void **ignored)
{
	/* The first of these are states. */
	enum { STATES = 5 };
	static const char *const texts[] = {
	    "{" LATER NAMED OPEN MEMBERS REMOVED END,
	    "{" LATER NAMED OPEN MEMBERS REMOVED "\"again\": [" ID "], \"left\": [" ID "], \"further\": 1, " END,
	    "{" LATER NAMED OPEN "\"members\": [], " REMOVED END,
	    "{" LATER NAMED "\"capacity\": 2, \"entry\": \"password\", \"lock\": " ID ", " MEMBERS REMOVED END,
	    "{" LATER NAMED OPEN "\"members\": [" ECE "], \"removed\": [" J "], " END,
	    "[]",
	    "{",
	    "{" LATER "\"n\": 4, " NAMED OPEN MEMBERS REMOVED END,
	    "{" LATER NAMED OPEN REMOVED END,
	    "{" LATER NAMED OPEN MEMBERS END,
	    "{" LATER NAMED OPEN MEMBERS REMOVED "\"left\": 1, " END,
	    "{" LATER NAMED OPEN MEMBERS REMOVED "\"again\": [\"\"], " END,
	    "{" LATER NAMED OPEN MEMBERS REMOVED "\"salt\": \"o7lQDoh+wodEKRrj/cRg/Q==\", " END,
	    "{\"n\": 1, " NAMED OPEN MEMBERS REMOVED END,
	    "{\"n\": 0, " NAMED OPEN MEMBERS REMOVED END,
	    "{\"n\": -1, " NAMED OPEN MEMBERS REMOVED END,
	    "{" LATER "\"name\": \"\", \"about\": \"\", " OPEN MEMBERS REMOVED END,
	    "{" LATER "\"name\": \" lab\", \"about\": \"\", " OPEN MEMBERS REMOVED END,
	    "{" LATER "\"name\": \"0123456789abcdef0123456789abcdef+\", \"about\": \"\", " OPEN MEMBERS REMOVED END,
	    "{" LATER "\"name\": \"lab\", \"about\": \"\\u001b[2J\", " OPEN MEMBERS REMOVED END,
	    "{" LATER NAMED "\"capacity\": 65, \"entry\": \"open\", " MEMBERS REMOVED END,
	    "{" LATER NAMED "\"capacity\": 0, \"entry\": \"open\", " MEMBERS REMOVED END,
	    "{" LATER NAMED "\"capacity\": 1, \"entry\": \"open\", " MEMBERS REMOVED END,
	    "{" LATER NAMED "\"capacity\": 9, \"entry\": \"shut\", " MEMBERS REMOVED END,
	    "{" LATER NAMED "\"capacity\": 9, \"entry\": \"password\", " MEMBERS REMOVED END,
	    "{" LATER NAMED OPEN "\"lock\": " ID ", " MEMBERS REMOVED END,
	    "{" LATER NAMED OPEN MEMBERS REMOVED "\"secret\": \"\", \"time\": \"2026-11-20T08:00:00.123Z\", \"by\": " I
	    "}",
	    "{" LATER NAMED OPEN MEMBERS REMOVED "\"secret\": " ID ", \"time\": \"now\", \"by\": " I "}",
	    "{" LATER NAMED OPEN "\"members\": [1], " REMOVED END,
	    "{" LATER NAMED OPEN "\"members\": [{\"identity\": " I
	    ", \"username\": \"\\n\", \"since\": 0}], " REMOVED END,
	    "{" LATER NAMED OPEN "\"members\": [{\"identity\": " I
	    ", \"username\": \"Ece\", \"since\": 0, \"admin\": 1}], " REMOVED END,
	    "{" LATER NAMED OPEN "\"members\": [" ECE ", " ECE "], " REMOVED END,
	    "{" LATER NAMED OPEN "\"members\": [" BOB("2") ", " ECE "], " REMOVED END,
	    "{" LATER NAMED OPEN "\"members\": [" ECE ", " BOB("5") "], " REMOVED END,
	    "{" LATER NAMED OPEN MEMBERS "\"removed\": [" J "], " END,
	    "{" LATER NAMED OPEN "\"members\": [], \"removed\": [" J ", " J "], " END,
	    "{" LATER NAMED OPEN MEMBERS "\"removed\": [7], " END,
	    "{\"n\": 0, \"salt\": \"o7lQDoh+wodEKRrj/cRg/Q==\", " NAMED OPEN MEMBERS REMOVED END,
	    "{\"n\": 0, \"salt\": \"o7lQDoh+wodEKRrj/cRg/Q==\", " NAMED OPEN
	    "\"members\": [" BOB("0") "], " REMOVED END,
	};

	(void)ignored;
	for (size_t i = 0; i < COUNT(texts); i++) {
		char *copy = support_copy(texts[i], strlen(texts[i]));
		struct roomstate *state = NULL;
		int rc = roomstate_read(&(struct signedtext){.text = copy, .len = strlen(texts[i])}, &state);

		CHECK(rc == (i < STATES ? 0 : EBADMSG), "%s", texts[i]);
		roomstate_release(state);
		free(copy);
	}
}

/* The name that takes most bytes once it is in a text. */
static const char *longest_name(void)
{
	static char name[USERNAME_MAX_BYTES + 1];

	memset(name, '"', USERNAME_MAX_BYTES);
	return name;
}

/* A draft with all that a state may have. */
static void fill(struct roomdraft *draft, const struct identity *author)
{
	uint64_t seed = 5;

	roomdraft_begin_room(draft, author->public, longest_name(), "0123456789abcdef0123456789abcde\"");
	draft->state.n = ROOM_NUMBER_MAX;
	memset(draft->state.about, '"', ROOM_ABOUT_MAX_BYTES);
	draft->state.entry = ROOMENTRY_PASSWORD;
	for (size_t i = 1; i < ROOM_MEMBERS_MAX + ROOM_REMOVED_MAX; i++) {
		uint8_t *identity =
		    i < ROOM_MEMBERS_MAX ? draft->members[i].identity : draft->removed[i - ROOM_MEMBERS_MAX];
		struct roommember member = {.is_marked = true, .since = ROOM_NUMBER_MAX};

		memcpy(member.username, longest_name(), sizeof(member.username));
		if (i < ROOM_MEMBERS_MAX)
			draft->members[i] = member;
		for (size_t k = 0; k < IDENTITY_BYTES; k++)
			identity[k] = (uint8_t)support_random(&seed);
	}
	draft->state.member_count = ROOM_MEMBERS_MAX;
	draft->state.removed_count = ROOM_REMOVED_MAX;
	draft->state.again_count = draft->state.left_count = ROOMSTATE_NAMED_MAX;
}

static void a_state_with_all_there_can_be_is_not_too_long(void **ignored)
{
	struct identity ece = identity_of_seed(VECTOR_SA_SEED);
	struct roomdraft *draft = calloc(1, sizeof(*draft));
	struct roomstate *state, *read;
	json_t *record;

	(void)ignored;
	assert_non_null(draft);
	fill(draft, &ece);
	state = sign(draft, &ece, VECTOR_ROOM_KEY_0, "2026-11-20T08:00:00.123Z");
	assert_int_equal(roomstate_parse(&state->text, &read), 0);
	assert_int_equal(read->member_count, ROOM_MEMBERS_MAX);
	assert_int_equal(read->removed_count, ROOM_REMOVED_MAX);
	assert_memory_equal(read->members, draft->members, sizeof(draft->members));
	assert_memory_equal(read->removed, draft->removed, sizeof(draft->removed));
	assert_int_equal(read->left_count, ROOMSTATE_NAMED_MAX);
	CHECK(state->text.len > ROOMSTATE_TEXT_MAX_BYTES * 9 / 10, "%zu", state->text.len);
	/* With its key and all else it fits into an object on the wire, quotation marks escaped. */
	record = signedtext_to_json(&state->text);
	assert_non_null(record);
	assert_in_range(json_dumpb(record, NULL, 0, 0), 1, ENVELOPE_MAX_BYTES - 1000);
	json_decref(record);
	roomstate_release(read);
	roomstate_release(state);
	free(draft);
}

static void a_draft_beyond_the_limits_is_not_signed(void **ignored)
{
	struct identity ece = identity_of_seed(VECTOR_SA_SEED);
	struct roomdraft *draft = malloc(sizeof(*draft));
	uint8_t key[ROOM_KEY_BYTES] = {0};
	struct roomstate *state;

	(void)ignored;
	assert_non_null(draft);
	roomdraft_begin_room(draft, ece.public, "Ece", "");
	assert_int_equal(roomdraft_sign(draft, &ece, key, 0, &state), EBADMSG);
	roomdraft_begin_room(draft, ece.public, "\xff", "lab");
	assert_int_equal(roomdraft_sign(draft, &ece, key, 0, &state), EBADMSG);
	free(draft);
}

static void drafts_keep_who_is_in_and_who_was_removed(void **ignored)
{
	struct roomdraft *draft = malloc(sizeof(*draft));
	uint8_t people[ROOM_REMOVED_MAX + 2][IDENTITY_BYTES] = {{0}};

	(void)ignored;
	assert_non_null(draft);
	for (size_t i = 0; i < COUNT(people); i++)
		people[i][0] = (uint8_t)i;
	roomdraft_begin_room(draft, people[0], "Ece", "lab");
	assert_false(roomdraft_let_in(draft, people[0], "Ece"));
	assert_false(roomdraft_take_out(draft, people[1], false));
	assert_false(roomdraft_mark(draft, people[0], true) || roomdraft_mark(draft, people[1], true));
	for (size_t i = 1; i < ROOM_MEMBERS_MAX; i++)
		assert_true(roomdraft_let_in(draft, people[i], "Bob"));
	assert_false(roomdraft_let_in(draft, people[ROOM_MEMBERS_MAX], "Can"));
	for (size_t i = 1; i < COUNT(people); i++) {
		roomdraft_let_in(draft, people[i], "Bob");
		assert_true(roomdraft_take_out(draft, people[i], false));
	}
	/* Of too many who were removed, the oldest is forgotten. */
	assert_int_equal(draft->state.removed_count, ROOM_REMOVED_MAX);
	assert_false(roomstate_is_removed(&draft->state, people[1]));
	assert_true(roomstate_is_removed(&draft->state, people[2]));
	assert_true(roomdraft_let_in(draft, people[2], "Bob"));
	assert_false(roomstate_is_removed(&draft->state, people[2]));
	assert_true(roomdraft_take_out(draft, people[2], true));
	assert_false(roomstate_is_removed(&draft->state, people[2]));
	assert_true(roomdraft_take_out(draft, people[0], false));
	assert_false(roomstate_is_removed(&draft->state, people[0]));
	assert_int_equal(draft->state.member_count, 0);
	free(draft);
}

static void the_words_for_entries_are_read_again(void **ignored)
{
	enum roomentry entry;

	(void)ignored;
	for (enum roomentry i = ROOMENTRY_OPEN; i <= ROOMENTRY_INVITED; i++) {
		assert_true(roomentry_parse(roomentry_word(i), &entry));
		assert_int_equal(entry, i);
	}
	assert_false(roomentry_parse("shut", &entry));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(states_are_as_the_vectors_have_them),
	    cmocka_unit_test(a_signature_holds_for_its_text_and_its_author),
	    cmocka_unit_test(what_is_no_state_is_refused),
	    cmocka_unit_test(a_state_with_all_there_can_be_is_not_too_long),
	    cmocka_unit_test(a_draft_beyond_the_limits_is_not_signed),
	    cmocka_unit_test(drafts_keep_who_is_in_and_who_was_removed),
	    cmocka_unit_test(the_words_for_entries_are_read_again),
	};

	support_begin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
