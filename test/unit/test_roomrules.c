/* roomrules: who may change what in a room. */
#include "rooms.h"

#define SETUPS 3

static uint64_t seed = 7;

/* A room after what its members did, one more act, and the rule that it breaks. */
static const struct {
	const char *members, *setup[SETUPS], *act;
	enum roomrule rule;
} acts[] = {
    /* Admins: anything, but to those who are older and admins. */
    {"A* B* C", {NULL}, "A:-B", ROOMRULE_NONE},
    {"A* B* C", {NULL}, "B:-C", ROOMRULE_NONE},
    {"A* B* C", {NULL}, "B:-A", ROOMRULE_ELDER},
    {"A B* C", {NULL}, "B:-A", ROOMRULE_ELDER},
    {"A* B C*", {NULL}, "C:-B", ROOMRULE_NONE},
    {"A* B C*", {NULL}, "C:^B", ROOMRULE_ELDER_ROLE},
    {"A* B C*", {NULL}, "A:^B", ROOMRULE_NONE},
    {"A* B* C*", {NULL}, "C:vB", ROOMRULE_ELDER},
    {"A* B* C*", {NULL}, "B:vC", ROOMRULE_NONE},
    {"A* B* C*", {NULL}, "B:vB", ROOMRULE_NONE},
    {"A* B* C", {NULL}, "B:^C", ROOMRULE_NONE},
    {"A* B*", {NULL}, "B:=x", ROOMRULE_NONE},
    {"A* B*", {NULL}, "B:!i", ROOMRULE_NONE},
    {"A* B*", {"A:!i"}, "B:+C", ROOMRULE_NONE},
    {"A* B* C", {"A:-C"}, "B:+C", ROOMRULE_NONE},
    {"A* B*", {"A:#2"}, "B:+C", ROOMRULE_FULL},
    {"A* B* C", {NULL}, "B:#2", ROOMRULE_FULL},
    {"A* B* C", {NULL}, "B:#3", ROOMRULE_NONE},
    {"A* B*", {NULL}, "B:=l", ROOMRULE_NONE},
    /* The oldest is an admin, whatever the mark says. */
    {"A* B", {"A:-A"}, "B:=x", ROOMRULE_NONE},
    {"A* B C", {"A:-A"}, "C:=x", ROOMRULE_NO_ADMIN},
    {"A* B*", {"A:vA"}, "B:-A", ROOMRULE_ELDER},
    {"A* B*", {"A:vA"}, "B:^A", ROOMRULE_ELDER_ROLE},
    /* The others: let one person in, or leave. */
    {"A* B", {NULL}, "B:+C", ROOMRULE_NONE},
    {"A* B", {"A:!p"}, "B:+C", ROOMRULE_NONE},
    {"A* B", {"A:!i"}, "B:+C", ROOMRULE_INVITED},
    {"A* B", {"A:#2"}, "B:+C", ROOMRULE_FULL},
    {"A* B C", {"A:-C"}, "B:+C", ROOMRULE_REMOVED},
    {"A* B C", {"C:-C"}, "B:+C", ROOMRULE_NONE},
    {"A* B C", {NULL}, "B:-B", ROOMRULE_NONE},
    {"A* B C", {"A:!i"}, "B:-B", ROOMRULE_NONE},
    {"A* B C", {NULL}, "B:-C", ROOMRULE_NO_ADMIN},
    {"A* B C", {NULL}, "B:-A", ROOMRULE_NO_ADMIN},
    {"A* B C", {NULL}, "B:^C", ROOMRULE_NO_ADMIN},
    {"A* B C", {NULL}, "B:^B", ROOMRULE_NO_ADMIN},
    {"A* B C", {NULL}, "B:vA", ROOMRULE_NO_ADMIN},
    {"A* B C", {NULL}, "B:=x", ROOMRULE_NO_ADMIN},
    {"A* B C", {NULL}, "B:#9", ROOMRULE_NO_ADMIN},
    {"A* B C", {NULL}, "B:!i", ROOMRULE_NO_ADMIN},
    {"A* B C", {NULL}, "B:+C", ROOMRULE_NO_ADMIN}, /* which is nothing at all */
    /* Strangers, and those who are in no more: nothing. */
    {"A* B", {NULL}, "C:+D", ROOMRULE_NO_MEMBER},
    {"A* B", {NULL}, "C:+C", ROOMRULE_NO_MEMBER},
    {"A* B", {"B:-B"}, "B:+B", ROOMRULE_NO_MEMBER},
    {"A* B*", {"A:-B"}, "B:+C", ROOMRULE_NO_MEMBER},
    {"A*", {"A:-A"}, "A:+B", ROOMRULE_NO_MEMBER},
};

static struct roomstate *step(struct roomstate *before, const char *act)
{
	struct roomstate *next = rooms_act(before, act, NULL, &seed);

	roomstate_release(before);
	return next;
}

static void members_do_what_their_role_and_age_allow(void **state)
{
	struct roomdraft *draft = malloc(sizeof(*draft));

	(void)state;
	assert_non_null(draft);
	for (size_t i = 0; i < COUNT(acts); i++) {
		struct roomstate *before = rooms_first(acts[i].members, &seed);
		enum roomrule rule;

		for (size_t k = 0; k < SETUPS && acts[i].setup[k]; k++)
			before = step(before, acts[i].setup[k]);
		rooms_draft(draft, before, acts[i].act, NULL);
		rule = roomrules_judge(before, &draft->state, NULL);
		CHECK(rule == acts[i].rule, "%s: %s: %s", acts[i].members, acts[i].act, roomrule_words(rule));
		roomstate_release(before);
	}
	free(draft);
}

/* The rule that a draft breaks once something was done to it that no program of ours does. */
static void expect_forged(void (*forge)(struct roomdraft *draft), const char *act, enum roomrule expected)
{
	struct roomstate *before = step(rooms_first("A* B* C D", &seed), "A:-D");
	struct roomdraft *draft = malloc(sizeof(*draft));
	enum roomrule rule;

	assert_non_null(draft);
	rooms_draft(draft, before, act, NULL);
	forge(draft);
	rule = roomrules_judge(before, &draft->state, NULL);
	CHECK(rule == expected, "%s: %s", act, roomrule_words(rule));
	roomstate_release(before);
	free(draft);
}

static void be_of_another_room(struct roomdraft *draft)
{
	draft->state.room[3] ^= 1;
}

static void skip_a_number(struct roomdraft *draft)
{
	draft->state.n++;
}

static void follow_another(struct roomdraft *draft)
{
	draft->state.after[31] ^= 1;
}

static void swap_members(struct roomdraft *draft)
{
	struct roommember first = draft->members[1];

	draft->members[1] = draft->members[2];
	draft->members[2] = first;
}

static void make_older(struct roomdraft *draft)
{
	draft->members[2].since--;
}

/* The last one on the list: somebody new. */
static void mark_newcomer(struct roomdraft *draft)
{
	draft->members[draft->state.member_count - 1].is_marked = true;
}

static void backdate_newcomer(struct roomdraft *draft)
{
	draft->members[draft->state.member_count - 1].since = 0;
}

static void put_newcomer_first(struct roomdraft *draft)
{
	struct roommember newcomer = draft->members[draft->state.member_count - 1];

	memmove(&draft->members[1], &draft->members[0], (draft->state.member_count - 1) * sizeof(newcomer));
	draft->members[0] = newcomer;
}

static void let_in_another(struct roomdraft *draft)
{
	roomdraft_let_in(draft, rooms_identity('F'), "F");
}

static void come_back_at_once(struct roomdraft *draft)
{
	roomdraft_let_in(draft, rooms_identity('C'), "C");
}

static void forgive(struct roomdraft *draft)
{
	draft->state.removed_count--;
}

static void rename_room(struct roomdraft *draft)
{
	strcpy(draft->state.name, "x");
}

static void a_state_that_no_program_of_ours_makes_is_refused(void **state)
{
	(void)state;
	expect_forged(be_of_another_room, "A:=x", ROOMRULE_OTHER_ROOM);
	expect_forged(skip_a_number, "A:=x", ROOMRULE_NUMBER);
	expect_forged(follow_another, "A:=x", ROOMRULE_NUMBER);
	expect_forged(swap_members, "A:=x", ROOMRULE_ORDER);
	expect_forged(make_older, "A:=x", ROOMRULE_ORDER);
	expect_forged(mark_newcomer, "A:+E", ROOMRULE_NEWCOMER);
	expect_forged(backdate_newcomer, "A:+E", ROOMRULE_NEWCOMER);
	expect_forged(put_newcomer_first, "A:+E", ROOMRULE_ORDER);
	expect_forged(come_back_at_once, "A:-C", ROOMRULE_ORDER);
	expect_forged(forgive, "A:-C", ROOMRULE_UNRECORDED);
	/* What admins may do together, and others one by one, or not at all. */
	expect_forged(let_in_another, "A:+E", ROOMRULE_NONE);
	expect_forged(let_in_another, "C:+E", ROOMRULE_NO_ADMIN);
	expect_forged(let_in_another, "C:-C", ROOMRULE_NO_ADMIN);
	expect_forged(forgive, "A:=x", ROOMRULE_NONE);
	expect_forged(forgive, "C:+E", ROOMRULE_NO_ADMIN);
	expect_forged(rename_room, "C:+E", ROOMRULE_NO_ADMIN);
	expect_forged(rename_room, "C:-C", ROOMRULE_NO_ADMIN);
	expect_forged(rename_room, "B:-C", ROOMRULE_NONE);
}

static void whoever_left_is_taken_out_by_anybody(void **state)
{
	struct roomstate *before = rooms_first("A* B C D", &seed), *other = rooms_first("A* B C", &seed);
	struct roommember again = before->members[0];
	const struct roommember *leavers[] = {&before->members[0]};
	struct roomdraft *draft = malloc(sizeof(*draft));

	(void)state;
	assert_non_null(draft);
	rooms_draft(draft, before, "C:~A", other);
	assert_int_equal(roomrules_judge(before, &draft->state, leavers), ROOMRULE_NONE);
	/* By the leave of somebody else, or of another membership of the same one, nobody is taken out. */
	leavers[0] = &before->members[1];
	assert_int_equal(roomrules_judge(before, &draft->state, leavers), ROOMRULE_LEFT);
	again.since = 9;
	leavers[0] = &again;
	assert_int_equal(roomrules_judge(before, &draft->state, leavers), ROOMRULE_LEFT);
	/* Nor is somebody named who stays. */
	roomdraft_begin(draft, before, rooms_identity('A'));
	draft->state.left_count = 1;
	leavers[0] = &before->members[1];
	assert_int_equal(roomrules_judge(before, &draft->state, leavers), ROOMRULE_LEFT);
	free(draft);
	roomstate_release(before);
	roomstate_release(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(members_do_what_their_role_and_age_allow),
	    cmocka_unit_test(a_state_that_no_program_of_ours_makes_is_refused),
	    cmocka_unit_test(whoever_left_is_taken_out_by_anybody),
	};

	support_begin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
