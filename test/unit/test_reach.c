/* reach: who has what was said in a room. */
#include "support.h"

#include "store/reach.h"

static void who_has_it_is_counted_once_and_nobody_else_is(void **state)
{
	uint8_t to[CHATLOG_TO_MAX][IDENTITY_BYTES] = {{1}, {2}, {3}};
	struct chatlog_entry message = {.to = (const uint8_t(*)[IDENTITY_BYTES])to, .to_count = 3};
	struct chatlog_entry line = {.kind = CHATLOG_STATE, .state = CHATLOG_DELIVERED, .has_identity = true};
	struct reach reach = {0};

	(void)state;
	for (uint8_t who = 4; who-- > 2;) {
		line.identity[0] = who;
		reach_note(&reach, &message, &line);
		reach_note(&reach, &message, &line);
	}
	assert_int_equal(reach_count(&reach), 2);
	assert_true(reach_waits_for(&reach, 0) && !reach_waits_for(&reach, 1) && reach_waits(&reach, &message));
	line.identity[0] = 1;
	line.state = CHATLOG_DROPPED;
	reach_note(&reach, &message, &line);
	assert_int_equal(reach_count(&reach), 2);
	assert_false(reach_waits(&reach, &message));
	/* A line of the log may name more than there are in a room. */
	message.to_count = CHATLOG_TO_MAX;
	line.state = CHATLOG_DELIVERED;
	to[CHATLOG_TO_MAX - 1][0] = line.identity[0] = 9;
	reach_note(&reach, &message, &line);
	assert_int_equal(reach_count(&reach), 2);
	assert_true(reach_waits_for(&reach, CHATLOG_TO_MAX - 1));
}

static void the_latest_messages_are_remembered(void **state)
{
	static struct reach_list list;
	struct chatlog_entry message = {.has_id = true};

	(void)state;
	for (int i = 0; i <= REACH_MAX; i++) {
		memcpy(message.id, &i, sizeof(i));
		reach_add(&list, &message, i);
	}
	assert_int_equal(reach_find(&list, message.id)->offset, REACH_MAX);
	memset(message.id, 0, sizeof(message.id));
	assert_null(reach_find(&list, message.id));
	message.id[0] = 1;
	assert_int_equal(reach_find(&list, message.id)->offset, 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(who_has_it_is_counted_once_and_nobody_else_is),
	    cmocka_unit_test(the_latest_messages_are_remembered),
	};

	support_begin();
	return cmocka_run_group_tests_name("reach", tests, NULL, NULL);
}
