/* admission: who is let in, and who gives way. */
#include "support.h"

#include "responder/admission.h"

static struct admission admission;
static struct admission_place places[ADMISSION_PLACES_MAX];

static struct in_addr address(unsigned number)
{
	return support_address(0xc0a80000 + number);
}

/* What a row of the table does: a newcomer comes from an address, or the holder of a place does something. */
struct step {
	enum { COMES, SPEAKS, ENDS, LEAVES } what;
	unsigned which;	  /* the address of a newcomer, else the place, counted from 0 in the order of coming */
	const char *gets; /* of a newcomer: "free", "full", or the place of who must leave */
};

struct row {
	const char *promise;
	size_t limit;
	struct step steps[16];
};

/* Addresses are numbered from 1, so that a row ends with an address 0. */
static const struct row rows[] = {
    {"whoever comes first is let in", 2, {{COMES, 1, "free"}, {COMES, 2, "free"}}},
    {"who has been silent longest gives way", 2,
	{{COMES, 1, "free"}, {COMES, 2, "free"}, {COMES, 3, "0"}, {COMES, 4, "1"}, {COMES, 5, "2"}}},
    {"who has spoken does not give way", 2,
	{{COMES, 1, "free"}, {SPEAKS, 0, NULL}, {COMES, 2, "free"}, {COMES, 3, "1"}, {COMES, 4, "2"}}},
    {"among equals that have spoken nobody gives way", 2,
	{{COMES, 1, "free"}, {COMES, 2, "free"}, {SPEAKS, 0, NULL}, {SPEAKS, 1, NULL}, {COMES, 3, "full"},
	    {COMES, 1, "full"}}},
    {"who has ended gives way, after who did already", 3,
	{{COMES, 1, "free"}, {SPEAKS, 0, NULL}, {COMES, 2, "free"}, {COMES, 3, "free"}, {ENDS, 0, NULL},
	    {COMES, 4, "1"}, {COMES, 4, "2"}, {COMES, 4, "0"}}},
    {"who has ended twice has ended once", 2,
	{{COMES, 1, "free"}, {COMES, 2, "free"}, {ENDS, 0, NULL}, {ENDS, 0, NULL}, {COMES, 3, "0"}}},
    {"a place that was left is free", 1,
	{{COMES, 1, "free"}, {SPEAKS, 0, NULL}, {LEAVES, 0, NULL}, {COMES, 2, "free"}}},
    {"the address with most gives one up: what was heard longest ago", 4,
	{{COMES, 1, "free"}, {COMES, 2, "free"}, {COMES, 2, "free"}, {COMES, 2, "free"}, {SPEAKS, 1, NULL},
	    {SPEAKS, 2, NULL}, {SPEAKS, 3, NULL}, {SPEAKS, 0, NULL}, {SPEAKS, 1, NULL}, {COMES, 3, "2"}}},
    {"but not to an address that will hold as many", 4,
	{{COMES, 1, "free"}, {COMES, 1, "free"}, {COMES, 2, "free"}, {COMES, 2, "free"}, {SPEAKS, 0, NULL},
	    {SPEAKS, 1, NULL}, {SPEAKS, 2, NULL}, {SPEAKS, 3, NULL}, {COMES, 1, "full"}, {COMES, 2, "full"}}},
    {"an address without a place gets one of two", 4,
	{{COMES, 1, "free"}, {COMES, 1, "free"}, {COMES, 2, "free"}, {COMES, 2, "free"}, {SPEAKS, 0, NULL},
	    {SPEAKS, 1, NULL}, {SPEAKS, 2, NULL}, {SPEAKS, 3, NULL}, {COMES, 3, "0"}}},
    {"whoever gives way goes before any surplus", 4,
	{{COMES, 1, "free"}, {COMES, 1, "free"}, {COMES, 1, "free"}, {COMES, 2, "free"}, {SPEAKS, 0, NULL},
	    {SPEAKS, 1, NULL}, {SPEAKS, 2, NULL}, {COMES, 3, "3"}}},
};

static void run(const struct row *row)
{
	size_t entered = 0;

	admission_init(&admission, row->limit);
	for (const struct step *step = row->steps; step->gets || step->what != COMES; step++) {
		struct admission_place *leaver = NULL;
		enum admission_answer answer;
		const char *got = "free";
		char place[24];

		if (step->what == SPEAKS)
			admission_hear(&admission, &places[step->which]);
		else if (step->what == ENDS)
			admission_dismiss(&admission, &places[step->which]);
		else if (step->what == LEAVES)
			admission_leave(&admission, &places[step->which]);
		if (step->what != COMES)
			continue;
		answer = admission_ask(&admission, address(step->which), &leaver);
		if (answer == ADMISSION_FULL)
			got = "full";
		if (answer == ADMISSION_IN_TURN) {
			snprintf(place, sizeof(place), "%td", leaver - places);
			got = place;
			admission_leave(&admission, leaver);
			assert_int_equal(admission_ask(&admission, address(step->which), &leaver), ADMISSION_FREE);
		}
		CHECK(strcmp(got, step->gets) == 0, "%s: step %td is %s", row->promise, step - row->steps, got);
		if (answer != ADMISSION_FULL)
			admission_enter(&admission, &places[entered++], address(step->which));
	}
}

static void every_row_of_the_table_holds(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		run(&rows[i]);
}

/* Lets in one from an address that must find a free place. */
static void enter(size_t place, unsigned number)
{
	struct admission_place *leaver;

	assert_int_equal(admission_ask(&admission, address(number), &leaver), ADMISSION_FREE);
	admission_enter(&admission, &places[place], address(number));
}

static void an_address_has_64_places_and_gives_up_only_its_own(void **state)
{
	struct admission_place *leaver = NULL;

	(void)state;
	admission_init(&admission, ADMISSION_PLACES_MAX);
	enter(0, 1);
	for (size_t i = 1; i <= ADMISSION_PER_ADDRESS_MAX; i++)
		enter(i, 2);
	/* The one at the other address has been silent for longer. */
	assert_int_equal(admission_ask(&admission, address(2), &leaver), ADMISSION_IN_TURN);
	assert_ptr_equal(leaver, &places[1]);
	admission_hear(&admission, &places[1]);
	assert_int_equal(admission_ask(&admission, address(2), &leaver), ADMISSION_IN_TURN);
	assert_ptr_equal(leaver, &places[2]);
	for (size_t i = 1; i <= ADMISSION_PER_ADDRESS_MAX; i++)
		admission_hear(&admission, &places[i]);
	assert_int_equal(admission_ask(&admission, address(2), &leaver), ADMISSION_FULL);
	assert_int_equal(admission_ask(&admission, address(3), &leaver), ADMISSION_FREE);
	/* One of them ends, and is the only one that makes room. */
	admission_dismiss(&admission, &places[7]);
	assert_int_equal(admission_ask(&admission, address(2), &leaver), ADMISSION_IN_TURN);
	assert_ptr_equal(leaver, &places[7]);
}

static void sixteen_addresses_do_not_keep_a_seventeenth_out(void **state)
{
	struct admission_place *leaver = NULL;
	size_t entered = 0;

	(void)state;
	admission_init(&admission, ADMISSION_PLACES_MAX);
	for (size_t i = 0; i < ADMISSION_PLACES_MAX; i++) {
		enter(i, 1 + (unsigned)(i / ADMISSION_PER_ADDRESS_MAX));
		admission_hear(&admission, &places[i]);
	}
	assert_null(admission_first_giving_way(&admission));
	/* It comes again and again, until it holds as many as the others. */
	while (admission_ask(&admission, address(99), &leaver) == ADMISSION_IN_TURN) {
		admission_leave(&admission, leaver);
		admission_enter(&admission, leaver, address(99));
		admission_hear(&admission, leaver);
		entered++;
	}
	assert_int_equal(entered, ADMISSION_PLACES_MAX / 17);
}

/* What admission must answer, found the slow way: by looking at every place. */
static struct model {
	bool is_held, gives_way;
	unsigned address;
	unsigned since; /* of the last change */
} model[ADMISSION_PLACES_MAX];

#define LIMIT 100
#define ADDRESSES 12

static unsigned held_by(unsigned number)
{
	unsigned held = 0;

	for (size_t i = 0; i < LIMIT; i++)
		held += model[i].is_held && model[i].address == number;
	return held;
}

static unsigned most_held(void)
{
	unsigned most = 0;

	for (unsigned number = 1; number <= ADDRESSES; number++)
		most = held_by(number) > most ? held_by(number) : most;
	return most;
}

/* Who has given way for longest, of one address or, for 0, of all; LIMIT if nobody does. */
static size_t longest(unsigned number)
{
	size_t found = LIMIT;

	for (size_t i = 0; i < LIMIT; i++)
		if (model[i].is_held && model[i].gives_way && (number == 0 || model[i].address == number) &&
		    (found == LIMIT || model[i].since < model[found].since))
			found = i;
	return found;
}

static void expect_answer(unsigned number, size_t held)
{
	struct admission_place *leaver = NULL;
	enum admission_answer answer = admission_ask(&admission, address(number), &leaver);
	size_t first = held_by(number) >= ADMISSION_PER_ADDRESS_MAX ? longest(number) : longest(0);
	size_t left;

	if (held < LIMIT && held_by(number) < ADMISSION_PER_ADDRESS_MAX) {
		assert_int_equal(answer, ADMISSION_FREE);
		return;
	}
	if (first < LIMIT) {
		assert_int_equal(answer, ADMISSION_IN_TURN);
		assert_ptr_equal(leaver, &places[first]);
		return;
	}
	if (held_by(number) >= ADMISSION_PER_ADDRESS_MAX || most_held() <= held_by(number) + 1) {
		assert_int_equal(answer, ADMISSION_FULL);
		return;
	}
	assert_int_equal(answer, ADMISSION_IN_TURN);
	left = (size_t)(leaver - places);
	assert_int_equal(held_by(model[left].address), most_held());
	for (size_t i = 0; i < LIMIT; i++)
		assert_false(model[i].is_held && model[i].address == model[left].address &&
			     model[i].since < model[left].since);
}

static void any_order_of_events_gives_the_answers_of_the_rules(void **state)
{
	uint32_t random = 1;
	size_t held = 0;

	(void)state;
	admission_init(&admission, LIMIT);
	for (unsigned now = 1; now < 100000; now++) {
		random = random * 1664525u + 1013904223u;
		size_t place = (random >> 8) % LIMIT;
		/* One address comes as often as all others together, so that it reaches its own limit. */
		unsigned number = random >> 31 ? 1 : 1 + (random >> 16) % ADDRESSES;
		/* For a while most of them come or speak, and then most of them leave. */
		bool is_busy = now / 1000 % 2 == 0;

		if (!model[place].is_held) {
			expect_answer(number, held);
			if (held_by(number) >= ADMISSION_PER_ADDRESS_MAX)
				continue;
			admission_enter(&admission, &places[place], address(number));
			model[place] = (struct model){true, true, number, now};
			held++;
		} else if ((random >> 4) % 8 == 0) {
			admission_dismiss(&admission, &places[place]);
			if (!model[place].gives_way)
				model[place] = (struct model){true, true, model[place].address, now};
		} else if (is_busy || (random >> 4) % 8 == 1) {
			admission_hear(&admission, &places[place]);
			model[place] = (struct model){true, false, model[place].address, now};
		} else {
			admission_leave(&admission, &places[place]);
			model[place].is_held = false;
			held--;
		}
		expect_answer(number, held);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_row_of_the_table_holds),
	    cmocka_unit_test(an_address_has_64_places_and_gives_up_only_its_own),
	    cmocka_unit_test(sixteen_addresses_do_not_keep_a_seventeenth_out),
	    cmocka_unit_test(any_order_of_events_gives_the_answers_of_the_rules),
	};

	support_begin();
	return cmocka_run_group_tests_name("admission", tests, NULL, NULL);
}
