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

	*known = (struct known){.states = {rooms_begin(fork->before, seed)}, .count = 1};
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
			assert_null(roomtree_missing(tree, 0));
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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_head_of_a_fork_is_the_same_in_every_order_and_with_all_ids),
	    cmocka_unit_test(what_fell_away_is_done_again),
	};

	support_begin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
