/* received: which messages came already, whoever sends how many. */
#include "support.h"

#include "responder/received.h"
#include "shortage.h"

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

static bool has(const struct received *received, uint32_t identity, uint32_t id)
{
	return received_find(received, identity_of(identity), id_of(id)) != RECEIVED_NOT;
}

static void add(struct received *received, uint32_t identity, uint32_t from, uint32_t count)
{
	for (uint32_t id = from; id < from + count; id++)
		received_add(received, identity_of(identity), id_of(id), RECEIVED_KEPT);
}

/* How many of the ids from 0 are remembered. */
static unsigned count_of(const struct received *received, uint32_t identity, uint32_t ids)
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
	received_forget(received, identity_of(2), id_of(1));
	received_forget(received, identity_of(1), id_of(2));
	assert_true(has(received, 1, 1));
	add(received, 1, 2, 1);
	received_forget(received, identity_of(1), id_of(1));
	assert_false(has(received, 1, 1));
	assert_true(has(received, 1, 2));
	received_forget(received, identity_of(1), id_of(2));
	assert_false(has(received, 1, 2));
	received_free(received);
	received_free(NULL);
}

static void of_one_identity_the_oldest_is_forgotten_first(void **state)
{
	struct received *received = received_new();

	(void)state;
	add(received, 2, 7, 1);
	for (uint32_t id = 0; id < 3 * RECEIVED_OF_ONE_MAX; id++) {
		add(received, 1, id, 1);
		assert_true(has(received, 1, id));
		if (id < RECEIVED_OF_ONE_MAX) {
			assert_true(has(received, 1, 0));
		} else {
			assert_false(has(received, 1, id - RECEIVED_OF_ONE_MAX));
			assert_true(has(received, 1, id - RECEIVED_OF_ONE_MAX + 1));
		}
	}
	assert_true(has(received, 2, 7));
	received_free(received);
}

static void whoever_holds_most_gives_up_first(void **state)
{
	struct received *received = received_new();
	const uint32_t full = RECEIVED_MAX / RECEIVED_OF_ONE_MAX;

	(void)state;
	/* Alice and Bob wrote something, and then others fill it all. */
	add(received, 1000, 0, 3);
	add(received, 1001, 0, 100);
	for (uint32_t identity = 0; identity < full; identity++)
		add(received, identity, 0, RECEIVED_OF_ONE_MAX);
	assert_int_equal(count_of(received, 1000, 3), 3);
	assert_int_equal(count_of(received, 1001, 100), 100);
	/* Those who came with many identities take from one another, down to what the honest have. */
	for (uint32_t identity = 2000; identity < 2000 + 600; identity++)
		add(received, identity, 0, RECEIVED_OF_ONE_MAX);
	assert_int_equal(count_of(received, 1000, 3), 3);
	assert_int_equal(count_of(received, 1001, 100), 100);
	add(received, 1000, 3, 1);
	assert_int_equal(count_of(received, 1000, 4), 4);
	received_free(received);
}

static void there_are_never_more_than_so_many(void **state)
{
	struct received *received = received_new();
	unsigned count = 0;

	(void)state;
	for (uint32_t identity = 0; identity < RECEIVED_MAX + 1000; identity++)
		add(received, identity, 0, 1);
	for (uint32_t identity = 0; identity < RECEIVED_MAX + 1000; identity++)
		count += has(received, identity, 0);
	assert_int_equal(count, RECEIVED_MAX);
	/* With the same number each, whoever came first gives up first. */
	assert_false(has(received, 999, 0));
	assert_true(has(received, 1000, 0));
	received_free(received);
}

static void what_is_recalled_is_older_than_all_and_displaces_nothing(void **state)
{
	struct received *received = received_new();
	uint32_t identity = 1;

	(void)state;
	/* The newest first, as from the end of a file. */
	for (uint32_t id = 5000; id-- > 0;)
		assert_true(received_recall(received, identity_of(1), id_of(id), RECEIVED_KEPT));
	assert_int_equal(count_of(received, 1, 5000), RECEIVED_OF_ONE_MAX);
	assert_true(has(received, 1, 4999));
	assert_true(has(received, 1, 5000 - RECEIVED_OF_ONE_MAX));
	/* Twice in the file is once here. */
	assert_true(received_recall(received, identity_of(2), id_of(1), RECEIVED_KEPT));
	assert_true(received_recall(received, identity_of(2), id_of(1), RECEIVED_KEPT));
	received_forget(received, identity_of(2), id_of(1));
	assert_false(has(received, 2, 1));
	add(received, 1, 5000, 1);
	assert_false(has(received, 1, 5000 - RECEIVED_OF_ONE_MAX));
	assert_true(has(received, 1, 4999));
	/* There is an end to it. */
	for (uint32_t id = 0; received_recall(received, identity_of(identity), id_of(id), RECEIVED_KEPT); id++)
		identity += id % RECEIVED_OF_ONE_MAX == 0;
	assert_int_equal(identity, RECEIVED_MAX / RECEIVED_OF_ONE_MAX + 1);
	assert_true(has(received, 1, 5000));
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

static void out_of_memory_it_forgets_and_goes_on(void **state)
{
	bool refused = true;

	(void)state;
	for (size_t at = 1; refused; at++) {
		struct received *received;

		shortage_begin(at);
		received = received_new();
		for (uint32_t id = 0; id < 10 && received; id++) {
			add(received, 1, id, 1);
			add(received, id, id, 1);
		}
		refused = shortage_end();
		if (received) {
			assert_true(count_of(received, 1, 10) >= (refused ? 9 : 10));
			add(received, 1, 10, 1);
			assert_true(has(received, 1, 10));
		}
		received_free(received);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_id_is_remembered_for_its_identity),
	    cmocka_unit_test(of_one_identity_the_oldest_is_forgotten_first),
	    cmocka_unit_test(whoever_holds_most_gives_up_first),
	    cmocka_unit_test(there_are_never_more_than_so_many),
	    cmocka_unit_test(what_is_recalled_is_older_than_all_and_displaces_nothing),
	    cmocka_unit_test(what_has_become_of_a_message_is_remembered),
	    cmocka_unit_test(out_of_memory_it_forgets_and_goes_on),
	};

	support_begin();
	return cmocka_run_group_tests_name("received", tests, NULL, NULL);
}
