/* outcomes: each message of the log is shown once, with what has become of it. */
#include "support.h"

#include "initiator/outcomes.h"

/* A line of the log: what it is, of which message, of whom. */
struct line {
	char
	    kind; /* Q(UEUED), O(nce queued), S(ENT), R(ECEIVED), H(eld), P(lain, sent), d(elivered), x(dropped), a(ccepted),
		      r(ejected), s(ettled) */
	char id;
	char identity;
};

static struct chatlog_entry entry_of(const struct line *line)
{
	struct chatlog_entry entry = {.mode = CHATLOG_SECURE, .has_id = true, .has_identity = true, .text = ""};

	memset(entry.id, line->id, sizeof(entry.id));
	memset(entry.identity, line->identity, sizeof(entry.identity));
	switch (line->kind) {
	case 'O':
		entry.once = true;
		/* fallthrough */
	case 'Q':
		entry.direction = CHATLOG_QUEUED;
		break;
	case 'P':
		entry.mode = CHATLOG_PLAIN;
		entry.has_id = entry.has_identity = false;
		/* fallthrough */
	case 'S':
		entry.direction = CHATLOG_SENT;
		break;
	case 'H':
		entry.held = true;
		/* fallthrough */
	case 'R':
		entry.direction = CHATLOG_RECEIVED;
		break;
	case 's':
		entry.kind = CHATLOG_SETTLED;
		entry.has_id = entry.has_identity = false;
		break;
	default:
		entry.kind = CHATLOG_STATE;
		entry.state = line->kind == 'd'	  ? CHATLOG_DELIVERED
			      : line->kind == 'x' ? CHATLOG_DROPPED
			      : line->kind == 'a' ? CHATLOG_ACCEPTED
						  : CHATLOG_REJECTED;
	}
	return entry;
}

/* Expects of each line of a log NULL if it is not shown, else what has become of it, "" for nothing. */
static void expect(const struct line *lines, size_t count, const char *const *expected)
{
	struct outcomes *outcomes = outcomes_new();
	struct outcome outcome;

	for (size_t i = count; i-- > 0;) {
		struct chatlog_entry entry = entry_of(&lines[i]);

		CHECK(outcomes_note(outcomes, &entry) == (expected[i] != NULL), "line %zu, read backwards", i);
	}
	for (size_t i = 0; i < count; i++) {
		struct chatlog_entry entry = entry_of(&lines[i]);
		bool shown = outcomes_take(outcomes, &entry, &outcome);

		CHECK(shown == (expected[i] != NULL), "line %zu", i);
		CHECK(!shown || strcmp(outcome.word ? outcome.word : "", expected[i]) == 0, "line %zu: %s", i,
		    outcome.word ? outcome.word : "nothing");
	}
	outcomes_free(outcomes);
}

#define EXPECT(lines, ...)                                                                                             \
	do {                                                                                                           \
		const char *const expected[] = {__VA_ARGS__};                                                          \
		assert_int_equal(COUNT(expected), COUNT(lines));                                                       \
		expect(lines, COUNT(lines), expected);                                                                 \
	} while (0)

static void a_message_of_ones_own_is_shown_once(void **state)
{
	static const struct line delivered[] = {{'Q', 1, 9}, {'S', 1, 9}, {'d', 1, 9}};
	static const struct line on_the_way[] = {{'Q', 1, 9}, {'S', 1, 9}};
	static const struct line waiting[] = {{'Q', 1, 9}, {'s', 0, 0}};
	static const struct line dropped[] = {{'Q', 1, 9}, {'x', 1, 9}};
	static const struct line once[] = {{'O', 1, 9}, {'O', 2, 9}, {'S', 2, 9}};
	static const struct line once_dropped[] = {{'O', 1, 9}, {'x', 1, 9}};

	(void)state;
	EXPECT(delivered, NULL, "delivered", NULL);
	EXPECT(on_the_way, NULL, "sent");
	EXPECT(waiting, "waiting", NULL);
	EXPECT(dropped, "dropped", NULL);
	EXPECT(once, "unknown", NULL, "sent");
	EXPECT(once_dropped, "dropped", NULL);
}

static void what_was_sent_twice_is_shown_once(void **state)
{
	static const struct line lines[] = {
	    {'Q', 1, 9}, {'S', 1, 9}, {'S', 1, 9}, {'d', 1, 9}, {'S', 1, 9}, {'S', 1, 8}};
	struct outcomes *outcomes = outcomes_new();
	size_t noted = 0, taken = 0;
	struct outcome outcome;

	(void)state;
	for (size_t i = COUNT(lines); i-- > 0;) {
		struct chatlog_entry entry = entry_of(&lines[i]);

		noted += outcomes_note(outcomes, &entry);
	}
	for (size_t i = 0; i < COUNT(lines); i++) {
		struct chatlog_entry entry = entry_of(&lines[i]);

		taken += outcomes_take(outcomes, &entry, &outcome);
	}
	/* With the one to somebody else. */
	assert_int_equal(noted, 2);
	assert_int_equal(taken, 2);
	outcomes_free(outcomes);
}

static void messages_are_told_apart(void **state)
{
	static const struct line lines[] = {
	    {'Q', 1, 9}, {'Q', 2, 9}, {'Q', 1, 8}, {'S', 2, 9}, {'d', 1, 8}, {'R', 2, 9}, {'P', 0, 0}, {'P', 0, 0}};

	(void)state;
	EXPECT(lines, "waiting", NULL, "waiting", "sent", NULL, "", "", "");
}

static void what_is_held_is_shown_once_it_is_accepted(void **state)
{
	static const struct line lines[] = {{'H', 1, 9}, {'H', 2, 9}, {'H', 3, 9}, {'a', 1, 9}, {'r', 2, 9}};

	(void)state;
	EXPECT(lines, "accepted", NULL, NULL, NULL, NULL);
}

/* Whoever chooses ids says nothing of messages of others with it. */
static void what_is_said_of_one_of_ours_is_not_said_of_one_of_theirs(void **state)
{
	static const struct line lines[] = {{'R', 1, 9}, {'d', 1, 9}, {'x', 1, 9}};

	(void)state;
	EXPECT(lines, "", NULL, NULL);
}

static void any_number_of_messages_is_kept_apart(void **state)
{
	struct outcomes *outcomes = outcomes_new();
	struct outcome outcome;

	(void)state;
	for (uint32_t i = 0; i < 100000; i++) {
		struct chatlog_entry entry = {.kind = CHATLOG_STATE, .state = CHATLOG_DELIVERED, .has_id = true};

		memcpy(entry.id, &i, sizeof(i));
		if (i % 2 == 0)
			assert_false(outcomes_note(outcomes, &entry));
	}
	for (uint32_t i = 0; i < 100000; i++) {
		struct chatlog_entry entry = {.direction = CHATLOG_SENT, .mode = CHATLOG_SECURE, .has_id = true};

		memcpy(entry.id, &i, sizeof(i));
		assert_true(outcomes_take(outcomes, &entry, &outcome));
		assert_string_equal(outcome.word, i % 2 == 0 ? "delivered" : "sent");
	}
	outcomes_free(outcomes);
}

/* A message in a room is for several. */
static void what_is_said_in_a_room_is_delivered_once_all_have_it(void **state)
{
	uint8_t to[2][IDENTITY_BYTES] = {{1}, {2}};
	struct chatlog_entry said = {
	    .mode = CHATLOG_SECURE,
	    .direction = CHATLOG_QUEUED,
	    .has_id = true,
	    .has_room = true,
	    .to = (const uint8_t(*)[IDENTITY_BYTES])to,
	    .to_count = 2,
	};
	static const struct {
		enum chatlog_state state;
		uint8_t identity;
		const char *word;
		size_t count;
	} steps[] = {
	    {CHATLOG_DELIVERED, 3, "waiting", 0},
	    {CHATLOG_DELIVERED, 2, "waiting", 1},
	    {CHATLOG_DROPPED, 1, "delivered", 1},
	};
	struct outcomes *outcomes = outcomes_new();
	struct outcome outcome;

	(void)state;
	for (size_t i = 0; i < COUNT(steps); i++) {
		struct chatlog_entry line = {.kind = CHATLOG_STATE,
		    .state = steps[i].state,
		    .has_id = true,
		    .has_identity = true,
		    .has_room = true,
		    .identity = {steps[i].identity}};

		assert_false(outcomes_note(outcomes, &line));
		assert_true(outcomes_take(outcomes, &said, &outcome));
		assert_string_equal(outcome.word, steps[i].word);
		assert_int_equal(reach_count(&outcome.reach), steps[i].count);
	}
	said.direction = CHATLOG_SENT;
	assert_true(outcomes_note(outcomes, &said));
	assert_true(outcomes_take(outcomes, &said, &outcome));
	said.direction = CHATLOG_QUEUED;
	assert_false(outcomes_take(outcomes, &said, &outcome));
	outcomes_free(outcomes);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_message_of_ones_own_is_shown_once),
	    cmocka_unit_test(what_was_sent_twice_is_shown_once),
	    cmocka_unit_test(messages_are_told_apart),
	    cmocka_unit_test(what_is_held_is_shown_once_it_is_accepted),
	    cmocka_unit_test(what_is_said_of_one_of_ours_is_not_said_of_one_of_theirs),
	    cmocka_unit_test(any_number_of_messages_is_kept_apart),
	    cmocka_unit_test(what_is_said_in_a_room_is_delivered_once_all_have_it),
	};

	support_begin();
	return cmocka_run_group_tests_name("outcomes", tests, NULL, NULL);
}
