/* disclosure: what of a room is told to whom, on trees of states that nobody has signed. */
#include "rooms.h"

#include "responder/disclosure.h"

static uint64_t seed = 7;

/* A tree that begins with two members, and the states that were added to it. */
struct scene {
	struct roomstate *states[8];
	size_t count;
	struct roomtree *tree;
};

static void begin(struct scene *scene)
{
	*scene = (struct scene){.states = {rooms_first("A* B", &seed)}, .count = 1};
	scene->tree = roomtree_new(scene->states[0], 0);
	assert_non_null(scene->tree);
}

/* Adds what somebody does after a state, and returns its index. */
static size_t add(struct scene *scene, size_t after, const char *act)
{
	enum roomrule rule;

	scene->states[scene->count] = rooms_act(scene->states[after], act, NULL, &seed);
	CHECK(roomtree_add(scene->tree, scene->states[scene->count], 0, &rule) == ROOMTREE_TAKEN, "%s: %s", act,
	    roomrule_words(rule));
	return scene->count++;
}

static void end(struct scene *scene)
{
	roomtree_free(scene->tree);
	while (scene->count > 0)
		roomstate_release(scene->states[--scene->count]);
}

/* The states in the order in which somebody gets them who has those in known: "12", or "no" for who never was a member. */
static const char *given(const struct scene *scene, char letter, const char *known)
{
	static char text[16];
	uint8_t ids[8][ASK_KNOWN_BYTES];
	struct ask ask = {.known = ids};
	size_t used = 0;
	bool more = true, is_outsider = false;

	for (; *known; known++)
		memcpy(ids[ask.known_count++], scene->states[*known - '0']->id, ASK_KNOWN_BYTES);
	while (more) {
		const struct roomstate *state;
		size_t index = 0;

		/* As ask_parse() sorts them. */
		for (size_t i = 1; i < ask.known_count; i++) {
			uint8_t id[ASK_KNOWN_BYTES];
			size_t k = i;

			memcpy(id, ids[i], sizeof(id));
			for (; k > 0 && memcmp(ids[k - 1], id, sizeof(id)) > 0; k--)
				memcpy(ids[k], ids[k - 1], sizeof(id));
			memcpy(ids[k], id, sizeof(id));
		}
		state = disclosure_find_state(scene->tree, &ask, rooms_identity(letter), &more, &is_outsider);
		if (is_outsider || !state)
			break;
		while (scene->states[index] != state)
			index++;
		text[used++] = (char)('0' + index);
		memcpy(ids[ask.known_count++], state->id, ASK_KNOWN_BYTES);
	}
	text[used] = '\0';
	return is_outsider ? "no" : text;
}

static void states_are_given_from_where_the_asker_is_to_where_they_went(void **state)
{
	struct scene scene;

	(void)state;
	begin(&scene);
	assert_int_equal(add(&scene, 0, "A:+C"), 1);
	assert_int_equal(add(&scene, 1, "A:=x"), 2);
	assert_int_equal(add(&scene, 1, "B:+D"), 3); /* crosses, and falls away */
	assert_int_equal(add(&scene, 2, "A:-C"), 4);
	assert_int_equal(add(&scene, 4, "A:=y"), 5);
	assert_ptr_equal(roomtree_head(scene.tree), scene.states[5]);

	assert_string_equal(given(&scene, 'B', "01245"), "3");
	assert_string_equal(given(&scene, 'B', "012345"), "");
	/* Who has none gets all that they can use, the states of one number in the order of their ids. */
	assert_int_equal(strlen(given(&scene, 'A', "")), 6);
	assert_memory_equal(given(&scene, 'A', ""), "01", 2);
	assert_string_equal(given(&scene, 'A', "") + 4, "45");
	/* Nothing from before what the asker begins with. */
	assert_string_equal(given(&scene, 'B', "2"), "45");
	/* Who was taken out gets that, from where they came in or from what they name. */
	assert_string_equal(given(&scene, 'C', ""), "124");
	assert_string_equal(given(&scene, 'C', "12"), "4");
	assert_string_equal(given(&scene, 'C', "124"), "");
	/* Who was in a branch that fell away, and in none other, was never there. */
	assert_string_equal(given(&scene, 'D', ""), "no");
	assert_string_equal(given(&scene, 'E', "1"), "no");
	/* Who comes again gets what they missed, if they know that they were there. */
	assert_int_equal(add(&scene, 5, "A:+C"), 6);
	assert_string_equal(given(&scene, 'C', ""), "6");
	assert_string_equal(given(&scene, 'C', "2"), "456");
	/* Who was let in by what fell away, and then again, gets that it did. */
	assert_int_equal(add(&scene, 6, "A:+D"), 7);
	assert_string_equal(given(&scene, 'D', "3"), "124567");
	assert_string_equal(given(&scene, 'D', "03"), "124567");
	end(&scene);
}

/* The sayings that somebody gets, by their places: "02". */
static const char *heard(const struct room *room, char letter, const struct ask *ask)
{
	static char text[16];
	size_t used = 0;

	for (size_t i = 0; (i = disclosure_find_saying(room, ask, rooms_identity(letter), i)) < room->saying_count; i++)
		text[used++] = (char)('0' + i);
	text[used] = '\0';
	return text;
}

static void sayings_are_given_from_when_the_asker_was_in(void **state)
{
	struct scene scene;
	struct room_saying sayings[6] = {0};
	struct room room = {.sayings = sayings, .saying_count = COUNT(sayings)};
	/* In the order of time: what was said in the first state, in the second, on a branch, and in one that is unknown. */
	static const int said_in[] = {0, 0, 1, 2, 1, -1};
	uint8_t known[1][ASK_KNOWN_BYTES] = {{0x22, 2}};
	struct ask ask = {.known = known};

	(void)state;
	begin(&scene);
	add(&scene, 0, "A:+C");
	add(&scene, 0, "B:+D");
	for (size_t i = 0; i < COUNT(sayings); i++) {
		memset(sayings[i].id, 0x22, sizeof(sayings[i].id));
		memset(sayings[i].id + 1, (int)i, sizeof(sayings[i].id) - 1);
		if (said_in[i] >= 0)
			memcpy(sayings[i].state, scene.states[said_in[i]]->id, sizeof(sayings[i].state));
	}
	memset(known[0] + 1, 2, sizeof(known[0]) - 1);
	room.tree = scene.tree;
	room.head = scene.states[1];
	assert_ptr_equal(roomtree_head(scene.tree), room.head);
	assert_string_equal(heard(&room, 'A', &ask), "01234");
	assert_string_equal(heard(&room, 'C', &ask), "234");
	ask.known_count = 1;
	assert_string_equal(heard(&room, 'C', &ask), "34");
	end(&scene);
}

static void who_may_not_come_in_is_told_why(void **state)
{
	static const struct {
		const char *act, *username, *why;
		char who;
	} cases[] = {
	    {"A:=x", "C", NULL, 'C'},
	    {"A:!p", "C", NULL, 'C'},
	    {"A:#2", "C", "full", 'C'},
	    {"A:#3", "C", NULL, 'C'},
	    {"A:!i", "C", "invited", 'C'},
	    {"A:-B", "B", "removed", 'B'},
	    {"B:-B", "B", NULL, 'B'},
	    {"A:=x", NULL, "username", 'C'},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct scene scene;
		const char *why;

		begin(&scene);
		why = disclosure_refuse_newcomer(scene.states[add(&scene, 0, cases[i].act)],
		    rooms_identity(cases[i].who), cases[i].username);
		CHECK(why == cases[i].why || (why && cases[i].why && strcmp(why, cases[i].why) == 0), "%s: %s",
		    cases[i].act, why ? why : "may");
		end(&scene);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(states_are_given_from_where_the_asker_is_to_where_they_went),
	    cmocka_unit_test(sayings_are_given_from_when_the_asker_was_in),
	    cmocka_unit_test(who_may_not_come_in_is_told_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
