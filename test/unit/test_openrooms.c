/* openrooms: which rooms are announced. */
#include "identities.h"
#include "support.h"

#include "announcer/openrooms.h"
#include "base/base64.h"
#include "base/jsontext.h"
#include "room/roomdraft.h"
#include "room/signedtext.h"
#include "store/peerscontent.h"
#include "vectors.h"

/* The line of a room that maker has made, and into which newcomer was let. */
static void add_room(struct buffer *text, const struct identity *maker, const struct identity *newcomer,
    const char *name, enum roomentry entry, const char *further)
{
	static const uint8_t key[ROOM_KEY_BYTES];
	struct roomdraft *draft = malloc(sizeof(*draft));
	struct roomstate *first, *state;
	char id[PEERSCONTENT_ROOM_LEN + 1];
	json_t *object;

	assert_non_null(draft);
	roomdraft_begin_room(draft, maker->public, "Alice", name);
	assert_int_equal(roomdraft_sign(draft, maker, key, 0, &first), 0);
	roomdraft_begin(draft, first, maker->public);
	draft->state.entry = entry;
	draft->state.capacity = 7;
	assert_true(roomdraft_let_in(draft, newcomer->public, "Bob"));
	assert_int_equal(roomdraft_sign(draft, maker, key, 0, &state), 0);
	sodium_bin2base64(id, sizeof(id), state->room, sizeof(state->room), BASE64_VARIANT);
	object = signedtext_to_json(&state->text);
	assert_int_equal(buffer_printf(text, "{\"room\": \"%s\"%s, \"state\": ", id, further), 0);
	assert_int_equal(jsontext_append(text, object), 0);
	assert_int_equal(buffer_append(text, "}\n", 2), 0);
	json_decref(object);
	roomstate_release(first);
	roomstate_release(state);
	free(draft);
}

static void expect_rooms(int dir, const struct identity *own, const char *names)
{
	struct peersfile *file = peersfile_new(dir);
	struct announcement_room rooms[ANNOUNCEMENT_ROOMS_MAX];
	char found[512] = "";
	size_t count;

	assert_int_equal(peersfile_read(file), 0);
	count = openrooms_list(file, own->public, rooms);
	for (size_t i = 0; i < count; i++) {
		strcat(found, rooms[i].name);
		strcat(found, rooms[i].has_password ? "* " : " ");
		assert_int_equal(rooms[i].members, 2);
		assert_int_equal(rooms[i].capacity, 7);
	}
	CHECK(strcmp(found, names) == 0, "%s, not %s", found, names);
	peersfile_free(file);
}

static void rooms_that_others_may_join_are_announced(void **state)
{
	struct identity alice = identity_of_seed(VECTOR_SA_SEED), bob = identity_of_seed(VECTOR_SB_SEED), can;
	int dir = workdir_fd(state);
	struct buffer text = {0};

	identity_derive(&can, (const uint8_t[IDENTITY_SEED_BYTES]){7});
	add_room(&text, &alice, &bob, "lab", ROOMENTRY_OPEN, "");
	add_room(&text, &bob, &alice, "yard", ROOMENTRY_PASSWORD, "");
	add_room(&text, &bob, &alice, "cellar", ROOMENTRY_INVITED, "");
	add_room(&text, &bob, &alice, "trap", ROOMENTRY_OPEN, ", \"held\": true");
	add_room(&text, &alice, &can, "hers", ROOMENTRY_OPEN, "");
	assert_int_equal(buffer_printf(&text, "{\"room\": \"AAAAAAAAAAAAAAAAAAAAAA==\", \"state\": {\"signed\": 7}}\n"),
	    0);
	file_put(dir, PEERSFILE_NAME, text.data, text.len);
	/* Those that one is an admin of come first. */
	expect_rooms(dir, &bob, "yard* lab ");
	expect_rooms(dir, &alice, "lab hers yard* ");
	expect_rooms(dir, &can, "hers ");
	buffer_free(&text);
}

static void seven_are_announced_those_one_is_admin_of_first(void **state)
{
	struct identity alice = identity_of_seed(VECTOR_SA_SEED), bob = identity_of_seed(VECTOR_SB_SEED);
	int dir = workdir_fd(state);
	struct buffer text = {0};
	char name[8];

	for (unsigned i = 0; i < 2 * ANNOUNCEMENT_ROOMS_MAX; i++) {
		snprintf(name, sizeof(name), "r%u", i);
		add_room(&text, i % 3 == 2 ? &alice : &bob, i % 3 == 2 ? &bob : &alice, name, ROOMENTRY_OPEN, "");
	}
	file_put(dir, PEERSFILE_NAME, text.data, text.len);
	expect_rooms(dir, &alice, "r2 r5 r8 r11 r0 r1 r3 ");
	expect_rooms(dir, &bob, "r0 r1 r3 r4 r6 r7 r9 ");
	buffer_free(&text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    workdir_test(rooms_that_others_may_join_are_announced),
	    workdir_test(seven_are_announced_those_one_is_admin_of_first),
	};

	support_begin();
	return cmocka_run_group_tests_name("openrooms", tests, NULL, NULL);
}
