/* received: which messages came already, whoever sends how many. */
#include "support.h"

#include "responder/received.h"

static const uint8_t *identity_of(uint32_t number)
{
	static uint8_t identity[IDENTITY_BYTES];

	memcpy(identity, &number, sizeof(number));
	return identity;
}

static const uint8_t *id_of(uint32_t number)
{
	static uint8_t id[ENVELOPE_ID_BYTES];

	memcpy(id + 3, &number, sizeof(number));
	return id;
}

static bool has(struct received *received, uint32_t identity, uint32_t id)
{
	return received_find(received, identity_of(identity), id_of(id)) != RECEIVED_NOT;
}

static void add(struct received *received, uint32_t identity, uint32_t from, uint32_t count)
{
	for (uint32_t id = from; id < from + count; id++)
		received_add(received, identity_of(identity), id_of(id), RECEIVED_KEPT);
}

/* How many of the ids from 0 are remembered. */
static unsigned count_of(struct received *received, uint32_t identity, uint32_t ids)
{
	unsigned count = 0;

	for (uint32_t id = 0; id < ids; id++)
		count += has(received, identity, id);
	return count;
}

static void an_id_is_remembered_for_its_identity(void **state)
{
	struct received *received = received_new();

	(void)state;
	assert_false(has(received, 1, 1));
	add(received, 1, 1, 1);
	assert_true(has(received, 1, 1));
	assert_false(has(received, 1, 2));
	assert_false(has(received, 2, 1));
	received_settle(received, identity_of(2), id_of(1), RECEIVED_NOT);
	received_settle(received, identity_of(1), id_of(2), RECEIVED_NOT);
	assert_true(has(received, 1, 1));
	add(received, 1, 2, 1);
	received_settle(received, identity_of(1), id_of(1), RECEIVED_NOT);
	assert_false(has(received, 1, 1));
	assert_true(has(received, 1, 2));
	received_settle(received, identity_of(1), id_of(2), RECEIVED_NOT);
	assert_false(has(received, 1, 2));
	received_free(received);
	received_free(NULL);
}

static void the_oldest_is_forgotten_first(void **state)
{
	struct received *received = received_new();

	(void)state;
	add(received, 1, 0, 4 * RECEIVED_MAX);
	/* How many share a group is chance, so there is no sharp end. */
	assert_in_range(count_of(received, 1, RECEIVED_MAX), 0, 10);
	assert_in_range(count_of(received, 1, 4 * RECEIVED_MAX), RECEIVED_MAX - 10, RECEIVED_MAX);
	for (uint32_t id = 4 * RECEIVED_MAX - 1000; id < 4 * RECEIVED_MAX; id++)
		assert_true(has(received, 1, id));
	received_free(received);
}

static void whoever_holds_most_gives_up_first(void **state)
{
	struct received *received = received_new();

	(void)state;
	/* Alice and Bob wrote something, and then others fill it all. */
	add(received, 1000, 0, 3);
	add(received, 1001, 0, 100);
	for (uint32_t identity = 0; identity < 4; identity++)
		add(received, identity, 0, 4 * RECEIVED_MAX);
	assert_int_equal(count_of(received, 1000, 3), 3);
	assert_int_equal(count_of(received, 1001, 100), 100);
	add(received, 1000, 3, 1);
	assert_int_equal(count_of(received, 1000, 4), 4);
	received_free(received);
}

static void what_is_recalled_is_older_than_all_and_displaces_nothing(void **state)
{
	struct received *received = received_new();
	uint32_t count = 1;

	(void)state;
	add(received, 1, 0, 5);
	/* The newest first, as from the end of a file. */
	while (received_recall(received, identity_of(2), id_of(count), RECEIVED_KEPT))
		count++;
	assert_int_equal(count, RECEIVED_MAX);
	assert_int_equal(count_of(received, 1, 5), 5);
	for (uint32_t id = 1; id < 1000; id++)
		assert_true(has(received, 2, id));
	/* Of the group that another one comes to, it is the oldest that goes. */
	add(received, 2, RECEIVED_MAX + 1, 1);
	assert_true(has(received, 2, 1));
	received_free(received);
	/* Twice in the file is once here. */
	received = received_new();
	assert_true(received_recall(received, identity_of(2), id_of(1), RECEIVED_KEPT));
	assert_true(received_recall(received, identity_of(2), id_of(1), RECEIVED_KEPT));
	received_settle(received, identity_of(2), id_of(1), RECEIVED_NOT);
	assert_false(has(received, 2, 1));
	received_free(received);
}

static void what_has_become_of_a_message_is_remembered(void **state)
{
	struct received *received = received_new();

	(void)state;
	received_add(received, identity_of(1), id_of(1), RECEIVED_HELD);
	received_settle(received, identity_of(1), id_of(2), RECEIVED_KEPT);
	assert_int_equal(received_find(received, identity_of(1), id_of(1)), RECEIVED_HELD);
	assert_int_equal(received_find(received, identity_of(1), id_of(2)), RECEIVED_NOT);
	received_settle(received, identity_of(1), id_of(1), RECEIVED_REJECTED);
	assert_int_equal(received_find(received, identity_of(1), id_of(1)), RECEIVED_REJECTED);
	/* From the end of the log what has become of it comes first. */
	assert_true(received_recall(received, identity_of(2), id_of(1), RECEIVED_REJECTED));
	assert_true(received_recall(received, identity_of(2), id_of(1), RECEIVED_HELD));
	assert_int_equal(received_find(received, identity_of(2), id_of(1)), RECEIVED_REJECTED);
	received_free(received);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_id_is_remembered_for_its_identity),
	    cmocka_unit_test(the_oldest_is_forgotten_first),
	    cmocka_unit_test(whoever_holds_most_gives_up_first),
	    cmocka_unit_test(what_is_recalled_is_older_than_all_and_displaces_nothing),
	    cmocka_unit_test(what_has_become_of_a_message_is_remembered),
	};

	support_begin();
	return cmocka_run_group_tests_name("received", tests, NULL, NULL);
}
