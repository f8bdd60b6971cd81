/* welcome: what becomes of a message, each row of the table in common/PROTOCOL.md, section 4. */
#include "support.h"

#include "responder/welcome.h"

static const struct {
	bool stranger, blocked;
	enum welcome all, ask, known;
} rows[] = {
    {false, false, WELCOME_TAKEN, WELCOME_TAKEN, WELCOME_TAKEN},
    {true, false, WELCOME_TAKEN, WELCOME_HELD, WELCOME_UNKNOWN},
    {false, true, WELCOME_BLOCKED, WELCOME_BLOCKED, WELCOME_BLOCKED},
    {true, true, WELCOME_BLOCKED, WELCOME_BLOCKED, WELCOME_BLOCKED},
};

static void what_becomes_of_a_message_follows_from_who_sent_it_and_whose_are_wanted(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct caller caller = {.stranger = rows[i].stranger, .blocked = rows[i].blocked};

		assert_int_equal(welcome_judge(&caller, PINS_ACCEPT_ALL), rows[i].all);
		assert_int_equal(welcome_judge(&caller, PINS_ACCEPT_ASK), rows[i].ask);
		assert_int_equal(welcome_judge(&caller, PINS_ACCEPT_KNOWN), rows[i].known);
	}
}

static void each_answer_fits_into_a_receipt(void **state)
{
	(void)state;
	for (enum welcome welcome = WELCOME_TAKEN; welcome <= WELCOME_REJECTED; welcome++) {
		enum envelope_status status = welcome_answers[welcome].status;

		assert_true(strlen(welcome_answers[welcome].why) <= ENVELOPE_WHY_MAX_BYTES);
		assert_int_equal(status == ENVELOPE_DONE, welcome == WELCOME_TAKEN);
		assert_int_equal(status == ENVELOPE_NOT_NOW, welcome == WELCOME_HELD || welcome == WELCOME_FULL);
	}
	/* Who is blocked has no line. */
	assert_null(welcome_answers[WELCOME_BLOCKED].refusal);
	assert_non_null(welcome_answers[WELCOME_FULL].refusal);
	assert_non_null(welcome_answers[WELCOME_UNKNOWN].refusal);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_becomes_of_a_message_follows_from_who_sent_it_and_whose_are_wanted),
	    cmocka_unit_test(each_answer_fits_into_a_receipt),
	};

	support_begin();
	return cmocka_run_group_tests_name("welcome", tests, NULL, NULL);
}
