/* verdict: who somebody is, each row of the table in common/PROTOCOL.md, section 4. */
#include "support.h"

#include "cast.h"
#include "trust/verdict.h"

/* Bob was compared; Can wrote back; so did a Bob of another spelling, and one person under two names. */
static const struct known known[] = {
    {"Bob", 'b', 7, true, 0},
    {"Can", 'c', 8, false, 0},
    {"Böb", 'o', 0, false, 0},
    {"Ece", 'e', 0, false, 0},
    {"Ece at work", 'e', 0, false, 0},
    {0},
};

/* An identity or none, and the name that is announced or said; who that is, and who else is concerned. */
static const struct row {
	char identity;
	const char *username;
	enum standing standing;
	const char *called, *other;
} rows[] = {
    /* The holder of a pinned identity is that one, whatever the name. */
    {'b', "Bob", STANDING_VERIFIED, "Bob", NULL},
    {'c', "Can", STANDING_PINNED, "Can", NULL},
    {'c', "Canan", STANDING_PINNED, "Can", NULL},
    {'c', "can", STANDING_PINNED, "Can", NULL},
    {'c', "Bob", STANDING_PINNED, "Can", "Bob"},
    {'b', "Can", STANDING_VERIFIED, "Bob", "Can"},
    {'e', "Ece", STANDING_PINNED, "Ece", NULL},
    {'e', "Ece at work", STANDING_PINNED, "Ece at work", NULL},
    {'e', "Zoe", STANDING_PINNED, "Ece", NULL},
    /* But known by a name that looks like that of somebody with the better claim. */
    {'o', "Böb", STANDING_LOOKALIKE, "Böb", "Bob"},
    {'o', "Oz", STANDING_LOOKALIKE, "Böb", "Bob"},
    {'o', "Can", STANDING_LOOKALIKE, "Böb", "Bob"},
    /* An identity that is not pinned. */
    {'x', "Bob", STANDING_CHANGED, "Bob", "Bob"},
    {'x', "B0b", STANDING_LOOKALIKE, "B0b", "Bob"},
    {'x', "BOB", STANDING_LOOKALIKE, "BOB", "Bob"},
    {'x', "Zoe", STANDING_UNKNOWN, "Zoe", NULL},
    /* No identity. */
    {0, "Bob", STANDING_MISSING, "Bob", "Bob"},
    {0, "Can", STANDING_MISSING, "Can", "Can"},
    {0, "C4n", STANDING_UNKNOWN, "C4n", NULL},
    {0, "CAN", STANDING_LOOKALIKE, "CAN", "Can"},
    {0, "Zoe", STANDING_UNKNOWN, "Zoe", NULL},
};

static void expect(const struct verdict *verdict, const struct row *row)
{
	CHECK(verdict->standing == row->standing, "%c %s: %s", row->identity ? row->identity : '-', row->username,
	    standing_word(verdict->standing));
	assert_string_equal(verdict->username, row->called);
	if (row->other)
		assert_string_equal(verdict->other->username, row->other);
	else
		assert_null(verdict->other);
}

static void test_a_claim_is_judged_by_its_identity_and_else_by_its_name(void **state)
{
	struct pins *pins = cast_pins(known);

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct peers *peers =
		    cast_peers(pins, (struct heard[]){{9, rows[i].username, rows[i].identity, 0, false}, {0}});
		const struct peer *claim = peers_find(peers, cast_address(9));
		struct verdict verdict;

		verdict_of_claim(&verdict, pins, claim);
		expect(&verdict, &rows[i]);
		assert_ptr_equal(verdict.claim, claim);
		peers_free(peers);
	}
	pins_free(pins);
}

static void test_who_proved_an_identity_is_judged_alike(void **state)
{
	struct pins *pins = cast_pins(known);

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t identity[IDENTITY_BYTES];
		struct verdict verdict;

		if (!rows[i].identity)
			continue;
		cast_identity(rows[i].identity, identity);
		verdict_of_proof(&verdict, pins, identity, rows[i].username);
		expect(&verdict, &rows[i]);
		assert_null(verdict.claim);
	}
	pins_free(pins);
}

static void test_who_says_no_name_is_named_by_the_pin_or_not_at_all(void **state)
{
	struct pins *pins = cast_pins(known);
	uint8_t identity[IDENTITY_BYTES];
	struct verdict verdict;

	(void)state;
	cast_identity('c', identity);
	verdict_of_proof(&verdict, pins, identity, NULL);
	expect(&verdict, &(struct row){'c', "nothing", STANDING_PINNED, "Can", NULL});
	cast_identity('x', identity);
	verdict_of_proof(&verdict, pins, identity, NULL);
	expect(&verdict, &(struct row){'x', "nothing", STANDING_UNKNOWN, VERDICT_NAMELESS, NULL});
	pins_free(pins);
}

/* What is announced at the address of somebody who proved nothing. */
static const struct {
	struct heard heard[4];
	enum standing standing;
	const char *called;
} unproven[] = {
    /* Nothing, or nothing lately. */
    {{{0}}, STANDING_UNKNOWN, VERDICT_NAMELESS},
    {{{8, "Zoe", 0, 0, false}}, STANDING_UNKNOWN, VERDICT_NAMELESS},
    {{{9, "Zoe", 0, 901, false}}, STANDING_UNKNOWN, VERDICT_NAMELESS},
    {{{9, "Bob", 'b', 901, false}}, STANDING_UNKNOWN, VERDICT_NAMELESS},
    /* A name alone. */
    {{{9, "Zoe", 0, 0, false}}, STANDING_UNKNOWN, "Zoe"},
    {{{9, "Zoe", 0, 900, false}}, STANDING_UNKNOWN, "Zoe"},
    /* Somebody who could have proven it. */
    {{{9, "Zoe", 'x', 0, false}}, STANDING_UNPROVEN, "Zoe"},
    {{{9, "Bob", 'b', 0, false}}, STANDING_UNPROVEN, "Bob"},
    {{{7, "Bob", 'b', 0, false}, {9, "Robert", 'b', 0, false}}, STANDING_UNPROVEN, "Bob"},
    {{{9, "Bob", 'b', 0, true}}, STANDING_UNPROVEN, "Bob"},
    /* A pinned name, and nothing that shows its holder. */
    {{{9, "Bob", 0, 0, false}}, STANDING_CHANGED, "Bob"},
    {{{9, "Bob", 'x', 0, false}}, STANDING_CHANGED, "Bob"},
    {{{7, "Bob", 'b', 0, false}, {9, "Bob", 0, 0, false}}, STANDING_CHANGED, "Bob"},
    /* Of several the best: one that has not left, a pinned one, a signed one, the one longest there. */
    {{{9, "Zoe", 0, 0, false}, {9, "Bob", 'b', 0, false}}, STANDING_UNPROVEN, "Bob"},
    {{{9, "Zoe", 'x', 0, false}, {9, "Can", 'c', 60, false}}, STANDING_UNPROVEN, "Can"},
    {{{9, "Zoe", 0, 0, false}, {9, "Canan", 'x', 60, false}}, STANDING_UNPROVEN, "Canan"},
    {{{9, "Zoe", 'x', 60, false}, {9, "Canan", 'y', 0, false}}, STANDING_UNPROVEN, "Zoe"},
    {{{9, "Bob", 'b', 0, true}, {9, "Zoe", 0, 60, false}}, STANDING_UNKNOWN, "Zoe"},
    {{{9, "Bob", 'b', 901, false}, {9, "Zoe", 0, 60, false}}, STANDING_UNKNOWN, "Zoe"},
    /* A name that looks like a pinned one. */
    {{{9, "B0b", 0, 0, false}}, STANDING_LOOKALIKE, "B0b"},
    {{{9, "B0b", 'x', 0, false}}, STANDING_LOOKALIKE, "B0b"},
};

static void test_who_proved_nothing_is_judged_by_the_best_claim_of_the_address(void **state)
{
	struct pins *pins = cast_pins(known);

	(void)state;
	for (size_t i = 0; i < COUNT(unproven); i++) {
		struct peers *peers = cast_peers(pins, unproven[i].heard);
		struct verdict verdict;

		verdict_of_address(&verdict, pins, peers, cast_address(9), NOW_MS);
		CHECK(verdict.standing == unproven[i].standing, "row %zu: %s", i, standing_word(verdict.standing));
		assert_string_equal(verdict.username, unproven[i].called);
		peers_free(peers);
	}
	pins_free(pins);
}

/* Another claim, and whether the unsigned one of Zoe at 9 is visible beside it. */
static const struct {
	struct heard other;
	bool visible;
} neighbours[] = {
    {{9, "Zoe", 'x', 0, false}, false},
    {{9, "Zoe", 'x', 900, false}, false},
    {{9, "Zoe", 'x', 901, false}, true},
    {{9, "Zoe", 'x', 0, true}, true},
    {{9, "zoe", 'x', 0, false}, true},
    {{8, "Zoe", 'x', 0, false}, true},
};

static void test_an_unsigned_claim_does_not_stand_beside_a_signed_one_of_its_name(void **state)
{
	struct pins *pins = cast_pins(known);

	(void)state;
	for (size_t i = 0; i < COUNT(neighbours); i++) {
		struct peers *peers =
		    cast_peers(pins, (struct heard[]){{9, "Zoe", 0, 0, false}, neighbours[i].other, {0}});
		const struct peer *claim = peers_find_claim(peers, cast_address(9), NULL);

		assert_non_null(claim);
		CHECK(verdict_is_visible(peers, claim, NOW_MS) == neighbours[i].visible, "neighbour %zu", i);
		assert_false(verdict_is_visible(peers, claim, NOW_MS + PEERS_LISTED_MS + 1));
		peers_free(peers);
	}
	pins_free(pins);
}

/* What is wanted of the holders of identities and of whoever is at an address; b and c are pinned. */
static const struct known wanted_pins[] = {
    {"Bob", 'b', 7, true, PINS_MUTED},
    {"Can", 'c', 8, false, PINS_BLOCKED},
    {"Ece", 'e', 0, false, 0},
    {0},
};
static const struct noted wanted_strangers[] = {
    {'x', 0, PINS_BLOCKED},
    {'y', 0, PINS_ACCEPTED | PINS_MUTED},
    {'e', 0, PINS_MUTED},
    {0, 9, PINS_BLOCKED},
    {0, 10, PINS_ACCEPTED},
    {0},
};

/* Who announces what, and what is wanted: of the claim; of who proved that identity; of who proved nothing there. */
static const struct wanted {
	struct heard heard;
	const char *claim, *proof, *address;
} wanted[] = {
    {{7, "Bob", 'b', 0, false}, "muted", "muted", "muted"},
    {{10, "Bob", 'b', 0, false}, "muted", "muted", "muted accepted"},
    {{7, "Robert", 'b', 0, false}, "muted", "muted", "muted"},
    {{7, "Bob", 'z', 0, false}, "", "", ""},
    {{7, "Bob", 0, 0, false}, "", NULL, ""},
    {{8, "Can", 'c', 0, false}, "blocked", "blocked", "blocked"},
    {{8, "Ece", 'e', 0, false}, "muted", "muted", "muted"},
    {{8, "Zoe", 'x', 0, false}, "blocked", "blocked", "blocked"},
    {{8, "Zoe", 'y', 0, false}, "muted accepted", "muted accepted", "muted"},
    {{9, "Zoe", 'y', 0, false}, "muted accepted", "muted accepted", "muted blocked"},
    {{9, "Zoe", 'z', 0, false}, "", "", "blocked"},
    {{9, "Zoe", 0, 0, false}, "blocked", NULL, "blocked"},
    {{9, "Zoe", 0, 901, false}, "blocked", NULL, "blocked"},
    {{10, "Zoe", 0, 0, false}, "accepted", NULL, "accepted"},
    {{11, "Zoe", 0, 0, false}, "", NULL, ""},
};

static void expect_wishes(const struct verdict *verdict, const char *expected, const char *what, size_t row)
{
	char told[64];

	snprintf(told, sizeof(told), "%s%s%s", verdict->muted ? " muted" : "", verdict->blocked ? " blocked" : "",
	    verdict->accepted ? " accepted" : "");
	CHECK(strcmp(told + (told[0] == ' '), expected) == 0, "row %zu, %s:%s", row, what, told);
}

static void test_what_the_user_wants_follows_the_identity_and_without_one_the_address(void **state)
{
	struct pins *pins = cast_people(wanted_pins, wanted_strangers);

	(void)state;
	for (size_t i = 0; i < COUNT(wanted); i++) {
		const struct heard *heard = &wanted[i].heard;
		struct peers *peers = cast_peers(pins, (struct heard[]){*heard, {0}});
		uint8_t identity[IDENTITY_BYTES];
		struct verdict verdict;

		verdict_of_claim(&verdict, pins, peers_next(peers, NULL));
		expect_wishes(&verdict, wanted[i].claim, "claim", i);
		cast_identity(heard->identity, identity);
		verdict_of_proof(&verdict, pins, identity, heard->username);
		expect_wishes(&verdict, wanted[i].proof ? wanted[i].proof : "", "proof", i);
		verdict_of_address(&verdict, pins, peers, cast_address(heard->at), NOW_MS);
		expect_wishes(&verdict, wanted[i].address, "address", i);
		peers_free(peers);
	}
	pins_free(pins);
}

static void test_only_who_is_shown_to_be_there_is_certain(void **state)
{
	(void)state;
	for (enum standing standing = STANDING_UNKNOWN; standing <= STANDING_UNPROVEN; standing++)
		assert_int_equal(standing_is_certain(standing),
		    standing == STANDING_PINNED || standing == STANDING_VERIFIED);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_claim_is_judged_by_its_identity_and_else_by_its_name),
	    cmocka_unit_test(test_who_proved_an_identity_is_judged_alike),
	    cmocka_unit_test(test_who_says_no_name_is_named_by_the_pin_or_not_at_all),
	    cmocka_unit_test(test_who_proved_nothing_is_judged_by_the_best_claim_of_the_address),
	    cmocka_unit_test(test_an_unsigned_claim_does_not_stand_beside_a_signed_one_of_its_name),
	    cmocka_unit_test(test_what_the_user_wants_follows_the_identity_and_without_one_the_address),
	    cmocka_unit_test(test_only_who_is_shown_to_be_there_is_certain),
	};

	support_begin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
