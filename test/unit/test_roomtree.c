/* roomtree, roomredo: the forks of a room, and what comes of them. */
#include "rooms.h"

#define BRANCHES 4
#define ACTS 8
#define STATES 64
#define ORDERS 40

/* A state with these members, the branches that follow it (an act with "?" before it is refused), and what comes of it. */
struct forked {
	const char *before;
	const char *branches[BRANCHES][ACTS];
	const char *head, *name;
	const char
	    *redone; /* the members once everybody's program did what fell away again; NULL: nobody's does anything */
};

static const struct forked forks[] = {
    {"A* B* C", {{"A:-B"}, {"B:+Z"}}, "A* C", "lab", NULL},
    {"A* F S* H", {{"S:-F"}, {"H:+N", "F:+Z"}}, "A* S* H", "lab", "A* S* H N"},
    {"A* B* M", {{"M:+N", "A:=a", "B:=b"}, {"M:-M"}}, "A* B* M N", "b", "A* B* N"},
    {"A* B M G*", {{"M:+N", "A:=a", "A:+K"}, {"G:-M"}}, "A* B M G* N K", "a", "A* B G* K"},
    {"A* S* F* H C", {{"C:+N", "S:-F", "A:=a"}, {"H:+M", "F:-C"}}, "A* S* H C N", "a", "A* S* H C N M"},
    {"A* T S* G*", {{"S:-G", "S:-T"}, {"?G:^T", "?T:-S"}}, "A* S*", "lab", NULL},
    {"A* T F* Q*", {{"?Q:^T", "?T:-F"}, {"F:-Q"}}, "A* T F*", "lab", NULL},
    {"A* K* L* M* B C D", {{"C:+x", "K:-B"}, {"B:+y", "L:-D"}, {"D:+z"}, {"M:-C"}}, "A* K* L* M* C D x", "lab",
	"A* K* L* M*"},
    {"A* B* C*", {{"B:-C"}, {"C:+Z", "C:^Z", "?C:-B"}}, "A* B*", "lab", NULL},
    {"A* B C", {{"A:-A", "B:-C"}, {"C:+N"}}, "B*", "lab", NULL},
    {"A* B C", {{"A:-A", "B:=b"}, {"A:+Z", "A:^Z", "A:-B"}}, "B* C", "b", NULL},
    {"A* B C", {{"A:-A"}, {"A:+Z", "A:^Z"}}, "B* C", "lab", NULL},
    {"A* B C", {{"A:-A", "B:=b"}, {"A:+Z", "A:^Z", "A:-A"}}, "B* C", "b", NULL},
    {"A* G* M", {{"G:-M"}, {"M:+Z", "A:=a"}}, "A* G* M Z", "a", "A* G*"},
    {"A* B G*", {{"G:-B"}, {"A:+N", "A:-A"}}, "B* G* N", "lab", NULL},
    {"A* L* C", {{"L:-L"}, {"A:=a", "?C:-L", "C:~L"}}, "A* C", "a", NULL},
    {"A* B* C", {{"A:vB", "A:=a"}, {"B:-C", "B:+Z", "B:^Z"}}, "A* B C", "a", "A* B C Z"},
    {"A* B C", {{"A:=a"}, {"B:+1", "B:+2", "B:+3", "B:+4", "B:+5", "B:+6"}}, "A* B C", "a", "A* B C 1 2 3 4 5 6"},
    {"A* F S*", {{"S:-F"}, {"F:+Z"}}, "A* S*", "lab", NULL},
    {"A* H* Q* b T*", {{"H:=h", "T:-b"}, {"Q:^b", "b:-T"}}, "A* H* Q* T*", "h", NULL},
    {"A* B* C", {{"A:+N", "B:=b", "C:+K"}, {"A:-A"}}, "A* B* C N K", "b", "B* C N K"},
    /* Not done again: letting in who has left since, removing whom somebody else removed, acts of who has left,
       what somebody else did otherwise, what one undid oneself. */
    {"A* B", {{"B:+C", "C:-C"}, {"A:=a"}}, "A* B", "a", NULL},
    {"A* B* M", {{"M:+N", "A:-M"}, {"B:-M"}}, "A* B* N", "lab", NULL},
    {"A* B C", {{"B:+N", "B:-B"}, {"A:=a"}}, "A* B C", "a", "A* C"},
    {"A* B* C", {{"B:=b"}, {"A:=a"}}, "A* B* C", "a", NULL},
    {"A* B* C", {{"B:#8"}, {"A:=a"}}, "A* B* C", "a", "A* B* C"},
    {"A* B*", {{"B:+N", "B:-N"}, {"A:=a"}}, "A* B*", "a", NULL},
    /* Back come those whom somebody removed threw out meanwhile. */
    {"A* B* C* D", {{"C:-D", "A:=a"}, {"B:-C"}}, "A* B* C*", "a", "A* B* D"},
};

/* All states of a fork, each after the one that it follows. */
struct known {
	struct roomstate *states[STATES];
	size_t count;
};

static enum roomtree_verdict add(struct roomtree *tree, struct roomstate *state)
{
	enum roomrule rule;

	return roomtree_add(tree, state, 0, &rule);
}

static const struct roomstate *find_leave(const struct roomtree *tree, const uint8_t *who)
{
	for (size_t i = 1; i < roomtree_count(tree); i++) {
		const struct roommember *leaver = roomtree_leaver(tree, roomtree_at(tree, i));

		if (leaver && memcmp(leaver->identity, who, IDENTITY_BYTES) == 0)
			return roomtree_at(tree, i);
	}
	return NULL;
}

/* Plays a fork, and keeps all its states. */
static struct roomtree *play(const struct forked *fork, struct known *known, uint64_t *seed)
{
	struct roomtree *tree;

	*known = (struct known){.states = {rooms_first(fork->before, seed)}, .count = 1};
	tree = roomtree_new(known->states[0], 0);
	assert_non_null(tree);
	for (size_t branch = 0; branch < BRANCHES; branch++) {
		const struct roomstate *tip = known->states[0];

		for (const char *const *act = fork->branches[branch]; act < fork->branches[branch] + ACTS && *act;
		     act++) {
			bool is_refused = **act == '?';
			const char *what = *act + is_refused;
			struct roomstate *state = rooms_act(tip, what, find_leave(tree, rooms_identity(what[3])), seed);
			enum roomtree_verdict verdict = add(tree, state);

			CHECK(verdict == (is_refused ? ROOMTREE_REFUSED : ROOMTREE_TAKEN), "%s: %s: %d", fork->before,
			    *act, (int)verdict);
			if (is_refused) {
				roomstate_release(state);
				continue;
			}
			known->states[known->count++] = state;
			tip = state;
		}
	}
	return tree;
}

static void forget(struct known *known)
{
	while (known->count > 0)
		roomstate_release(known->states[--known->count]);
}

static void shuffle(struct known *known, size_t from, uint64_t *seed)
{
	for (size_t i = known->count; i-- > from + 1;) {
		size_t other = from + support_random(seed) % (i - from + 1);
		struct roomstate *state = known->states[i];

		known->states[i] = known->states[other];
		known->states[other] = state;
	}
}

static void expect_head(const struct roomtree *tree, const struct forked *fork)
{
	const struct roomstate *head = roomtree_head(tree);

	CHECK(strcmp(rooms_members(head), fork->head) == 0, "%s: %s and not %s", fork->before, rooms_members(head),
	    fork->head);
	CHECK(strcmp(head->name, fork->name) == 0, "%s: %s", fork->before, head->name);
}

static void the_head_of_a_fork_is_the_same_in_every_order_and_with_all_ids(void **state)
{
	uint64_t seed = 10;

	(void)state;
	for (size_t i = 0; i < COUNT(forks); i++) {
		for (size_t round = 0; round < ORDERS; round++) {
			struct known known;
			struct roomtree *tree = play(&forks[i], &known, &seed);

			expect_head(tree, &forks[i]);
			roomtree_free(tree);
			shuffle(&known, 1, &seed);
			tree = roomtree_new(known.states[0], 0);
			for (size_t k = 1; k < known.count; k++)
				assert_true(add(tree, known.states[k]) <= ROOMTREE_WAITS);
			assert_int_equal(roomtree_count(tree), known.count);
			expect_head(tree, &forks[i]);
			roomtree_free(tree);
			forget(&known);
		}
	}
}

/* Lets everybody's program do what it has to, those first who come first; returns how many states that gave. */
static size_t redo_all(struct roomtree *tree, uint64_t *seed)
{
	struct roomdraft *draft = malloc(sizeof(*draft));
	size_t before = roomtree_count(tree);

	assert_non_null(draft);
	for (unsigned turn = 0; turn < 4; turn++) {
		for (char who = '0'; who <= 'z'; who++) {
			struct roomredo redo;

			while (roomredo_next(tree, rooms_identity(who), draft, &redo) && redo.turn <= turn) {
				struct roomstate *made = rooms_state(draft, seed);

				assert_int_equal(add(tree, made), ROOMTREE_TAKEN);
				assert_ptr_equal(roomtree_head(tree), made);
				assert_true(redo.turn > 0 || !roomredo_is_fallen(tree, redo.act));
				roomstate_release(made);
				CHECK(roomtree_count(tree) < before + 50, "it never rests");
			}
		}
	}
	free(draft);
	return roomtree_count(tree) - before;
}

static void what_fell_away_is_done_again(void **state)
{
	uint64_t seed = 11;

	(void)state;
	for (size_t i = 0; i < COUNT(forks); i++) {
		struct known known;
		struct roomtree *tree = play(&forks[i], &known, &seed);
		size_t redone = redo_all(tree, &seed);
		const char *members = rooms_members(roomtree_head(tree));

		CHECK((redone > 0) == (forks[i].redone != NULL), "%s: %zu redone: %s", forks[i].before, redone,
		    members);
		CHECK(strcmp(members, forks[i].redone ? forks[i].redone : forks[i].head) == 0, "%s: redone: %s",
		    forks[i].before, members);
		roomtree_free(tree);
		forget(&known);
	}
}

/* A line of states after one, each an act. */
static struct roomstate *extend(struct roomtree *tree, struct known *known, const struct roomstate *tip,
    const char *act, int64_t taken_ms, uint64_t *seed)
{
	struct roomstate *state = rooms_act(tip, act, find_leave(tree, rooms_identity(act[3])), seed);
	enum roomrule rule;

	known->states[known->count++] = state;
	assert_int_equal(roomtree_add(tree, state, taken_ms, &rule), ROOMTREE_TAKEN);
	return state;
}

static void a_state_waits_for_what_it_follows_and_for_the_leaves_that_it_names(void **state)
{
	struct known known = {0};
	uint64_t seed = 12;
	struct roomstate *root = rooms_first("A* B C", &seed), *left, *renamed, *out, *after;
	struct roomtree *tree = roomtree_new(root, 0), *other = roomtree_new(root, 0);

	(void)state;
	left = extend(tree, &known, root, "A:-A", 0, &seed);
	renamed = extend(tree, &known, root, "A:=a", 0, &seed);
	out = extend(tree, &known, renamed, "C:~A", 0, &seed);
	after = extend(tree, &known, out, "B:=b", 0, &seed);
	assert_int_equal(add(other, after), ROOMTREE_WAITS);
	assert_int_equal(add(other, out), ROOMTREE_WAITS);
	assert_int_equal(add(other, out), ROOMTREE_WAITS);
	assert_int_equal(add(other, renamed), ROOMTREE_TAKEN);
	assert_ptr_equal(roomtree_head(other), renamed);
	assert_int_equal(add(other, left), ROOMTREE_TAKEN);
	assert_int_equal(roomtree_count(other), 5);
	assert_ptr_equal(roomtree_head(other), roomtree_head(tree));
	assert_int_equal(add(other, after), ROOMTREE_KNOWN);
	/* The author of both signed twice after the same state. */
	assert_ptr_equal(roomtree_twin(other, left), renamed);
	assert_ptr_equal(roomtree_twin(other, renamed), left);
	assert_null(roomtree_twin(other, out));
	assert_null(roomtree_twin(other, root));
	assert_ptr_equal(roomtree_fork(other, left, after), root);
	assert_ptr_equal(roomtree_before(other, after), out);
	assert_null(roomtree_before(other, root));
	assert_ptr_equal(roomtree_find(other, out->id), out);
	roomtree_free(tree);
	roomtree_free(other);
	roomstate_release(root);
	forget(&known);
}

static void of_those_that_wait_forever_only_the_latest_are_kept(void **state)
{
	uint64_t seed = 13;
	struct roomstate *root = rooms_first("A* B C", &seed);
	struct roomtree *tree = roomtree_new(root, 0);
	struct roomstate *first[2];

	(void)state;
	for (size_t i = 0; i <= ROOMTREE_WAITING_MAX; i++) {
		struct roomstate *unknown = rooms_act(root, "A:=a", NULL, &seed),
				 *waiting = rooms_act(unknown, "A:=b", NULL, &seed);

		assert_int_equal(add(tree, waiting), ROOMTREE_WAITS);
		if (i < COUNT(first))
			first[i] = roomstate_hold(unknown);
		roomstate_release(unknown);
		roomstate_release(waiting);
	}
	/* The first has been given up, and nothing else. */
	for (size_t i = 0; i < COUNT(first); i++) {
		size_t count = roomtree_count(tree);

		assert_int_equal(add(tree, first[i]), ROOMTREE_TAKEN);
		assert_int_equal(roomtree_count(tree), count + 1 + i);
		roomstate_release(first[i]);
	}
	roomtree_free(tree);
	roomstate_release(root);
}

static void who_is_in_no_more_adds_little_beside_the_head(void **state)
{
	struct known known = {0};
	uint64_t seed = 14;
	struct roomstate *root = rooms_first("A* B C", &seed), *tip;
	struct roomtree *tree = roomtree_new(root, 0);
	size_t taken = 0;

	(void)state;
	extend(tree, &known, root, "A:-C", 0, &seed);
	/* The removed one and a puppet that was let in have one measure together. */
	tip = extend(tree, &known, root, "C:+Z", 0, &seed);
	for (size_t i = 0; i < 2 * ROOMTREE_OUTSIDER_MAX; i++) {
		struct roomstate *forged = rooms_act(i % 2 ? tip : root, i % 2 ? "Z:+Y" : "C:+X", NULL, &seed);
		enum roomtree_verdict verdict = add(tree, forged);

		taken += verdict == ROOMTREE_TAKEN;
		assert_true(verdict == ROOMTREE_TAKEN || verdict == ROOMTREE_FULL);
		roomstate_release(forged);
	}
	assert_int_equal(taken, ROOMTREE_OUTSIDER_MAX - 1);
	/* Others are not in their way. */
	tip = extend(tree, &known, roomtree_head(tree), "B:-B", 0, &seed);
	extend(tree, &known, root, "B:+V", 0, &seed);
	assert_ptr_equal(roomtree_head(tree), tip);
	roomtree_free(tree);
	roomstate_release(root);
	forget(&known);
}

static void what_was_followed_long_ago_is_dropped_with_its_forks(void **state)
{
	struct known known = {0};
	uint64_t seed = 15;
	struct roomstate *root = rooms_first("A* B C", &seed), *first, *second, *third, *late;
	struct roomtree *tree = roomtree_new(root, 0), *read;
	int64_t taken_ms[4] = {0};

	(void)state;
	first = extend(tree, &known, root, "A:=a", 10, &seed);
	extend(tree, &known, root, "B:+N", 20, &seed);
	second = extend(tree, &known, first, "A:=b", 30, &seed);
	third = extend(tree, &known, second, "A:-C", 40, &seed);
	late = rooms_act(root, "C:+M", NULL, &seed);
	assert_false(roomtree_trim(tree, ROOMTREE_KEEP_MS + 9));
	assert_int_equal(roomtree_count(tree), 5);
	assert_true(roomtree_trim(tree, ROOMTREE_KEEP_MS + 30));
	/* The last one that was followed so long ago is kept: what follows it may still come. */
	assert_int_equal(roomtree_count(tree), 2);
	assert_ptr_equal(roomtree_at(tree, 0), second);
	assert_ptr_equal(roomtree_head(tree), third);
	assert_null(roomtree_before(tree, second));
	assert_null(roomtree_find(tree, first->id));
	assert_int_equal(add(tree, late), ROOMTREE_APART);
	assert_int_equal(add(tree, first), ROOMTREE_APART);
	roomstate_release(late);
	/* The head stays, however old. */
	assert_true(roomtree_trim(tree, 100 * ROOMTREE_KEEP_MS));
	assert_int_equal(roomtree_count(tree), 1);
	assert_ptr_equal(roomtree_head(tree), third);
	assert_false(roomtree_trim(tree, 200 * ROOMTREE_KEEP_MS));
	/* What was kept is read back from the oldest that leads to the head, whatever lies before it. */
	read = roomtree_load((struct roomstate *[]){known.states[1], first, second, third}, taken_ms, 4, third->id);
	assert_non_null(read);
	assert_int_equal(roomtree_count(read), 3);
	assert_ptr_equal(roomtree_at(read, 0), first);
	assert_ptr_equal(roomtree_head(read), third);
	roomtree_free(read);
	assert_null(roomtree_load(&first, taken_ms, 1, third->id));
	roomtree_free(tree);
	roomstate_release(root);
	forget(&known);
}

static void a_tree_that_is_full_gives_up_its_oldest_states(void **state)
{
	uint64_t seed = 16;
	struct roomstate *tip = rooms_first("A* B C", &seed), *next;
	struct roomtree *tree = roomtree_new(tip, 0);

	(void)state;
	for (size_t i = 1; i <= ROOMTREE_STATES_MAX; i++) {
		next = rooms_act(tip, "A:=a", NULL, &seed);
		roomstate_release(tip);
		tip = next;
		if (i < ROOMTREE_STATES_MAX)
			assert_int_equal(add(tree, tip), ROOMTREE_TAKEN);
	}
	assert_int_equal(add(tree, tip), ROOMTREE_FULL);
	assert_true(roomtree_trim(tree, 1));
	assert_int_equal(roomtree_count(tree), ROOMTREE_STATES_MAX / 4 * 3);
	assert_int_equal(add(tree, tip), ROOMTREE_TAKEN);
	assert_ptr_equal(roomtree_head(tree), tip);
	roomtree_free(tree);
	roomstate_release(tip);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_head_of_a_fork_is_the_same_in_every_order_and_with_all_ids),
	    cmocka_unit_test(what_fell_away_is_done_again),
	    cmocka_unit_test(a_state_waits_for_what_it_follows_and_for_the_leaves_that_it_names),
	    cmocka_unit_test(of_those_that_wait_forever_only_the_latest_are_kept),
	    cmocka_unit_test(who_is_in_no_more_adds_little_beside_the_head),
	    cmocka_unit_test(what_was_followed_long_ago_is_dropped_with_its_forks),
	    cmocka_unit_test(a_tree_that_is_full_gives_up_its_oldest_states),
	};

	support_begin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
