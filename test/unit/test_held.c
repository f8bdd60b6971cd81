/* held: which messages of strangers wait for the user. */
#include "support.h"

#include "cast.h"
#include "store/held.h"

/* A line of the log: what is held, or what was decided, by a letter for the id and one for the identity or 0 and an address. */
static struct chatlog_entry entry_of(char id, char identity, uint8_t at)
{
	struct chatlog_entry entry = {
	    .kind = CHATLOG_MESSAGE,
	    .direction = CHATLOG_RECEIVED,
	    .held = true,
	    .time_ms = NOW_MS,
	    .mode = identity ? CHATLOG_SECURE : CHATLOG_PLAIN,
	    .username = "Zoe",
	    .address = cast_address(at),
	    .has_id = true,
	    .has_identity = identity != 0,
	    .text = "hello",
	    .text_len = 5,
	};

	memset(entry.id, id, sizeof(entry.id));
	if (identity)
		cast_identity(identity, entry.identity);
	return entry;
}

static struct chatlog_entry decision_of(char id, char identity, enum chatlog_state state)
{
	struct chatlog_entry entry = entry_of(id, identity, 0);

	entry.kind = CHATLOG_STATE;
	entry.state = state;
	return entry;
}

/* Tells the view as "x:ab -@9:c". */
static void expect(const struct held *held, const char *expected)
{
	char told[512] = "";
	size_t used = 0;

	for (size_t i = 0; i < held->count; i++) {
		const struct held_stranger *one = &held->list[i];

		used += (size_t)snprintf(told + used, sizeof(told) - used, i > 0 ? " " : "");
		if (one->has_identity)
			used += (size_t)snprintf(told + used, sizeof(told) - used, "%c:", one->identity[0]);
		else
			used += (size_t)snprintf(told + used, sizeof(told) - used,
			    "@%u:", ntohl(one->address.s_addr) & 255);
		for (size_t k = 0; k < one->count; k++)
			used += (size_t)snprintf(told + used, sizeof(told) - used, "%c", one->messages[k].id[0]);
	}
	CHECK(strcmp(told, expected) == 0, "%s, not %s", told, expected);
}

static void what_is_held_waits_for_each_stranger_until_it_is_decided(void **state)
{
	struct held held = {0};
	struct chatlog_entry entries[] = {
	    entry_of('a', 'x', 7), entry_of('b', 0, 7), entry_of('c', 'x', 8), /* elsewhere, but the same */
	    entry_of('d', 0, 8), entry_of('a', 'x', 7),			       /* again */
	};
	struct chatlog_entry decision = decision_of('b', 0, CHATLOG_ACCEPTED), shown = entry_of('e', 'x', 7);

	(void)state;
	for (size_t i = 0; i < COUNT(entries); i++)
		held_take(&held, &entries[i], (int64_t)i);
	expect(&held, "x:ac @7:b @8:d");
	assert_ptr_equal(held_find(&held, entries[0].identity, cast_address(9)), &held.list[0]);
	assert_ptr_equal(held_find(&held, NULL, cast_address(8)), &held.list[2]);
	assert_null(held_find(&held, NULL, cast_address(9)));
	assert_int_equal(held_find_message(&held, &entries[2])->offset, 2);
	assert_int_equal(held_find_message(&held, &entries[0])->offset, 4);
	assert_null(held_find_message(&held, &shown));
	held_take(&held, &decision, 9);
	expect(&held, "x:ac @8:d");
	decision = decision_of('a', 'y', CHATLOG_REJECTED);
	held_take(&held, &decision, 9);
	decision = decision_of('a', 'x', CHATLOG_DELIVERED);
	held_take(&held, &decision, 9);
	shown.held = false;
	held_take(&held, &shown, 9);
	expect(&held, "x:ac @8:d");
	decision = decision_of('a', 'x', CHATLOG_REJECTED);
	held_take(&held, &decision, 9);
	expect(&held, "x:c @8:d");
	held_free(&held);
	expect(&held, "");
}

static void what_is_not_in_the_log_any_more_is_forgotten(void **state)
{
	struct held held = {0};
	struct chatlog_entry entries[] = {entry_of('a', 'x', 7), entry_of('b', 0, 7), entry_of('c', 'x', 7),
	    entry_of('d', 'y', 7), entry_of('e', 'y', 7), entry_of('f', 'x', 7)};

	(void)state;
	for (size_t i = 0; i < COUNT(entries); i++)
		held_take(&held, &entries[i], (int64_t)i * 10);
	held_forget(&held, 60);
	expect(&held, "x:acf @7:b y:de");
	held_forget(&held, 20);
	expect(&held, "x:a @7:b");
	held_forget(&held, 0);
	expect(&held, "");
	held_free(&held);
}

static void there_is_room_for_so_many_of_one_and_for_so_many(void **state)
{
	struct held held = {0};

	(void)state;
	for (unsigned i = 0; i < HELD_STRANGERS_MAX + 5; i++) {
		for (char id = 'a'; id < 'a' + HELD_OF_ONE_MAX + 2; id++) {
			struct chatlog_entry entry = entry_of(id, 0, 0);

			entry.address = support_address(0x0a010000 + i);
			assert_int_equal(held_add(&held, &entry, 7),
			    i < HELD_STRANGERS_MAX && id < 'a' + HELD_OF_ONE_MAX);
		}
	}
	assert_int_equal(held.count, HELD_STRANGERS_MAX);
	held_free(&held);
}

static void the_view_is_read_back_from_the_log(void **state)
{
	struct chatlog_entry entries[] = {
	    entry_of('a', 'x', 7),
	    entry_of('b', 'x', 7),
	    entry_of('c', 0, 7),
	    decision_of('a', 'x', CHATLOG_REJECTED),
	    decision_of('c', 0, CHATLOG_ACCEPTED),
	    entry_of('d', 0, 8),
	};
	struct buffer text = {0};
	struct held held = {0};

	assert_int_equal(held_read(&held, workdir_fd(state)), 0);
	expect(&held, "");
	for (size_t i = 0; i < COUNT(entries); i++)
		assert_int_equal(chatlog_format(&text, &entries[i]), 0);
	assert_int_equal(buffer_printf(&text, "{\"held\": true}\n{\"state\": \"accepted\"}\nheld\n"), 0);
	file_put(workdir_fd(state), CHATLOG_NAME, text.data, text.len);
	assert_int_equal(held_read(&held, workdir_fd(state)), 0);
	expect(&held, "@8:d x:b");
	held_free(&held);
	buffer_free(&text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_held_waits_for_each_stranger_until_it_is_decided),
	    cmocka_unit_test(what_is_not_in_the_log_any_more_is_forgotten),
	    cmocka_unit_test(there_is_room_for_so_many_of_one_and_for_so_many),
	    workdir_test(the_view_is_read_back_from_the_log),
	};

	support_begin();
	return cmocka_run_group_tests_name("held", tests, NULL, NULL);
}
