/* catchup: who is asked what else there is in a room. */
#include "support.h"

#include "initiator/catchup.h"
#include "initiator/patience.h"

#define NOW_MS INT64_C(1763625600000)
#define MEMBERS 4

/* A room of Alice, Bob, Can, who is an admin, and Ece, whose identities are 1 to 4; Alice is the user. */
struct scene {
	struct rooms rooms;
	struct room room;
	struct roomstate head;
	struct roommember members[MEMBERS];
	struct peers *peers;
	struct catchup *catchup;
};

static void begin(struct scene *scene)
{
	*scene = (struct scene){.peers = peers_new(), .catchup = catchup_new()};
	for (uint8_t i = 0; i < MEMBERS; i++)
		scene->members[i] = (struct roommember){.identity = {(uint8_t)(i + 1)}, .is_marked = i == 2};
	scene->head = (struct roomstate){.id = {1}, .members = scene->members, .member_count = MEMBERS};
	scene->room = (struct room){.id = {7}, .head = &scene->head, .is_member = true};
	LIST_INIT(&scene->rooms.list);
	LIST_INSERT_HEAD(&scene->rooms.list, &scene->room, others);
}

static void end(struct scene *scene)
{
	catchup_free(scene->catchup);
	peers_free(scene->peers);
}

static void hear(struct scene *scene, uint8_t who, int64_t now_ms)
{
	struct announcement announcement = {
	    .username = "Somebody", .has_identity = true, .identity = {who}, .since_s = 1763620000};

	assert_true(peers_hear(scene->peers, support_address(0xc0a80100U + who), &announcement, false, now_ms) > 0);
}

static void look(struct scene *scene, int64_t now_ms)
{
	static const uint8_t alice[IDENTITY_BYTES] = {1};

	catchup_look(scene->catchup, &scene->rooms, scene->peers, alice, now_ms, now_ms);
}

/* The first byte of the identity of whoever is to be asked; 0 if nobody is. */
static int next(struct scene *scene, int64_t now_ms)
{
	uint8_t room[ROOM_ID_BYTES], identity[IDENTITY_BYTES];

	return catchup_next(scene->catchup, now_ms, room, identity) ? identity[0] : 0;
}

static void answer(struct scene *scene, uint8_t who, enum envelope_status status, int64_t now_ms)
{
	catchup_end(scene->catchup, (const uint8_t[IDENTITY_BYTES]){who}, status, now_ms);
}

static void two_of_those_who_are_there_are_enough_and_admins_come_first(void **state)
{
	struct scene scene;

	(void)state;
	begin(&scene);
	for (uint8_t who = 1; who <= MEMBERS; who++)
		hear(&scene, who, NOW_MS);
	look(&scene, NOW_MS);
	assert_true(catchup_is_behind(scene.catchup, scene.room.id));
	assert_int_equal(next(&scene, NOW_MS), 3);
	assert_int_equal(next(&scene, NOW_MS), 0);
	answer(&scene, 3, ENVELOPE_DONE, NOW_MS);
	assert_false(catchup_is_behind(scene.catchup, scene.room.id));
	/* Later a second one, who may know what the first hides. */
	assert_int_equal(next(&scene, NOW_MS + 59999), 0);
	assert_int_equal(next(&scene, NOW_MS + 60000), 2);
	answer(&scene, 2, ENVELOPE_DONE, NOW_MS + 60000);
	assert_int_equal(next(&scene, NOW_MS + 300000), 0);
	/* Who comes back is asked; nobody else. */
	hear(&scene, 4, NOW_MS + PEERS_BACK_MS + 1000);
	look(&scene, NOW_MS + PEERS_BACK_MS + 1000);
	assert_int_equal(next(&scene, NOW_MS + PEERS_BACK_MS + 1000), 4);
	end(&scene);
}

static void who_does_not_answer_is_asked_again_after_others(void **state)
{
	struct scene scene;

	(void)state;
	begin(&scene);
	hear(&scene, 2, NOW_MS);
	hear(&scene, 3, NOW_MS);
	look(&scene, NOW_MS);
	assert_int_equal(next(&scene, NOW_MS), 3);
	answer(&scene, 3, ENVELOPE_NOT_NOW, NOW_MS);
	assert_false(catchup_is_behind(scene.catchup, scene.room.id));
	assert_int_equal(next(&scene, NOW_MS), 2);
	answer(&scene, 2, ENVELOPE_NO, NOW_MS);
	assert_int_equal(next(&scene, NOW_MS), 0);
	assert_int_equal(next(&scene, NOW_MS + PATIENCE_FIRST_MS), 3);
	end(&scene);
}

static void who_was_just_let_in_knows_nothing_else(void **state)
{
	struct scene scene;

	(void)state;
	begin(&scene);
	scene.head.member_count = 1;
	look(&scene, NOW_MS);
	hear(&scene, 2, NOW_MS);
	scene.head.member_count = 2;
	scene.head.id[0]++;
	look(&scene, NOW_MS);
	assert_int_equal(next(&scene, NOW_MS), 0);
	catchup_want(scene.catchup, scene.room.id, scene.members[1].identity);
	assert_int_equal(next(&scene, NOW_MS), 2);
	/* A room that is no more is nothing to ask about. */
	scene.room.is_member = false;
	look(&scene, NOW_MS);
	assert_int_equal(next(&scene, NOW_MS), 0);
	end(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(two_of_those_who_are_there_are_enough_and_admins_come_first),
	    cmocka_unit_test(who_does_not_answer_is_asked_again_after_others),
	    cmocka_unit_test(who_was_just_let_in_knows_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
