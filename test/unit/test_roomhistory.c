/*
 * roomtree, roomredo: many rooms with random histories, in which members act apart from each other, meet, and, in every other
 * history, some of them forge what they can. How many may be given as an argument.
 */
#include "rooms.h"

#define HISTORIES 2000
#define AGENTS 12
#define STATES 512
#define STEPS 90
/* Until nobody does anything again, with a turn for those who wait for others. */
#define ROUNDS_MAX (2 * AGENTS)

struct agent {
	char letter;
	bool is_hostile;
	struct roomtree *tree;
	bool knows[STATES];
};

/* What somebody meant, and which must be so in the end. */
struct intention {
	const struct roomstate *act;
	const struct roommember *by;
	struct roommember who; /* taken out by the act, or its author who left by it */
	bool is_leave;
};

struct world {
	uint64_t seed;
	struct roomstate *states[STATES];
	size_t state_count;
	struct agent agents[AGENTS];
	size_t agent_count;
	struct intention intentions[STATES];
	size_t intention_count;
	char puppets[64]; /* those who do what the hostile ones want, they included */
	size_t puppet_count;
	unsigned newcomers;
	struct roomdraft draft;
};

static uint32_t pick(struct world *world, size_t count)
{
	return support_random(&world->seed) % (uint32_t)count;
}

static size_t publish(struct world *world, struct roomstate *state)
{
	assert_true(world->state_count < STATES);
	world->states[world->state_count] = state;
	return world->state_count++;
}

static void tell(struct agent *agent, const struct world *world, size_t index)
{
	enum roomrule rule;

	agent->knows[index] = true;
	assert_true(roomtree_add(agent->tree, world->states[index], 0, &rule) <= ROOMTREE_REFUSED);
}

/* One learns in any order all that another knows, or by chance a part of it. */
static void meet(struct world *world, struct agent *agent, const struct agent *other, bool all)
{
	size_t news[STATES], count = 0;

	for (size_t i = 0; i < world->state_count; i++) {
		if (other->knows[i] && !agent->knows[i] && (all || pick(world, 4) > 0))
			news[count++] = i;
	}
	while (count > 0) {
		size_t chosen = pick(world, count);

		tell(agent, world, news[chosen]);
		news[chosen] = news[--count];
	}
}

static struct agent *join(struct world *world, char letter, const struct agent *by)
{
	struct agent *agent = &world->agents[world->agent_count++];

	*agent = (struct agent){.letter = letter, .tree = roomtree_new(world->states[0], 0)};
	assert_non_null(agent->tree);
	agent->knows[0] = true;
	if (by)
		meet(world, agent, by, true);
	return agent;
}

static struct agent *find_agent(struct world *world, char letter)
{
	for (size_t i = 0; i < world->agent_count; i++) {
		if (world->agents[i].letter == letter)
			return &world->agents[i];
	}
	return NULL;
}

static bool is_controlled(const struct world *world, const uint8_t *identity)
{
	return memchr(world->puppets, identity[0], world->puppet_count) != NULL;
}

/* A random act of a member after a state; newcomer is whom it may let in. */
static void draft_act(struct world *world, const struct roomstate *before, char author, char newcomer)
{
	static const char kinds[] = "+++--^v=#!";
	char kind = kinds[pick(world, sizeof(kinds) - 1)];
	const struct roommember *member = &before->members[pick(world, before->member_count)];
	char act[5] = {author, ':', kind, (char)member->identity[0], '\0'};

	if (kind == '+')
		act[3] = before->removed_count > 0 && pick(world, 4) == 0 ? (char)before->removed[0][0] : newcomer;
	else if (kind == '=')
		act[3] = (char)('a' + pick(world, 26));
	else if (kind == '#')
		act[3] = (char)('6' + pick(world, 4));
	else if (kind == '!')
		act[3] = "oooi"[pick(world, 4)];
	/* Few leave. */
	if (kind == '-' && act[3] == author && pick(world, 3) > 0)
		act[2] = '=';
	rooms_draft(&world->draft, before, act, NULL);
}

/* Remembers what a state of somebody honest was to do. */
static void intend(struct world *world, const struct roomstate *before, const struct roomstate *act)
{
	for (size_t i = 0; i < before->member_count; i++) {
		const struct roommember *member = &before->members[i];
		bool is_leave = memcmp(member->identity, act->by, IDENTITY_BYTES) == 0;

		if (roomstate_find_member(act, member->identity) < 0 &&
		    (is_leave || roomstate_is_removed(act, member->identity)))
			world->intentions[world->intention_count++] = (struct intention){.act = act,
			    .by = &before->members[roomstate_find_member(before, act->by)],
			    .who = *member,
			    .is_leave = is_leave};
	}
}

static void sign_honestly(struct world *world, struct agent *agent)
{
	const struct roomstate *head = roomtree_head(agent->tree);
	struct roomstate *state = rooms_state(&world->draft, &world->seed);

	tell(agent, world, publish(world, state));
	assert_ptr_equal(roomtree_head(agent->tree), state);
	intend(world, head, state);
}

static void act_honestly(struct world *world, struct agent *agent)
{
	const struct roomstate *head = roomtree_head(agent->tree);
	char newcomer = (char)('N' + world->newcomers % 13);
	enum roomrule rule;

	if (roomstate_find_member(head, rooms_identity(agent->letter)) < 0)
		return;
	draft_act(world, head, agent->letter, newcomer);
	if (roomtree_judge(agent->tree, &world->draft.state, &rule) != ROOMTREE_TAKEN)
		return;
	sign_honestly(world, agent);
	if (roomstate_find_member(&world->draft.state, rooms_identity(newcomer)) >= 0 && !find_agent(world, newcomer)) {
		world->newcomers++;
		if (world->agent_count < AGENTS)
			join(world, newcomer, agent);
	}
}

static void act_in_bad_faith(struct world *world, struct agent *agent)
{
	const struct roomstate *before = roomtree_at(agent->tree, pick(world, roomtree_count(agent->tree)));
	char author = world->puppets[pick(world, world->puppet_count)];
	char newcomer = (char)('a' + world->puppet_count % 26);
	struct roomstate *state;

	if (roomstate_find_member(before, rooms_identity(author)) < 0)
		return;
	draft_act(world, before, author, newcomer);
	if (roomstate_find_member(&world->draft.state, rooms_identity(newcomer)) >= 0 &&
	    !is_controlled(world, rooms_identity(newcomer)))
		world->puppets[world->puppet_count++] = newcomer;
	state = rooms_state(&world->draft, &world->seed);
	tell(agent, world, publish(world, state));
}

/* Does again what fell away, as far as it is somebody's turn; returns whether there is anything to do. */
static bool redo(struct world *world, struct agent *agent, unsigned turn)
{
	struct roomredo redo;
	bool any = false;

	while (!agent->is_hostile && roomredo_next(agent->tree, rooms_identity(agent->letter), &world->draft, &redo)) {
		any = true;
		if (redo.turn > turn)
			break;
		sign_honestly(world, agent);
	}
	return any;
}

static struct agent *pick_agent(struct world *world)
{
	return &world->agents[pick(world, world->agent_count)];
}

static void live(struct world *world, bool is_hostile)
{
	static const char *const rooms[] = {"A* B", "A* B C", "A* B* C", "A* B C* D", "A* B* C* D E"};
	const char *members = rooms[pick(world, COUNT(rooms))];

	publish(world, rooms_first(members, &world->seed));
	for (; *members; members++) {
		if (*members >= 'A')
			join(world, *members, NULL);
	}
	for (size_t left = is_hostile ? 1 + pick(world, 2) : 0; left > 0; left--) {
		struct agent *agent = pick_agent(world);

		agent->is_hostile = true;
		if (!is_controlled(world, rooms_identity(agent->letter)))
			world->puppets[world->puppet_count++] = agent->letter;
	}
	for (size_t i = 0; i < STEPS; i++) {
		struct agent *agent = pick_agent(world);

		if (pick(world, 3) == 0) {
			meet(world, agent, pick_agent(world), pick(world, 2) == 0);
			if (pick(world, 3) == 0)
				redo(world, agent, 0);
		} else if (agent->is_hostile) {
			act_in_bad_faith(world, agent);
		} else {
			act_honestly(world, agent);
		}
	}
}

/* Everybody learns everything, and has the same room then. */
static const struct roomtree *meet_all(struct world *world)
{
	const struct roomstate *head = NULL;

	for (size_t i = 0; i < world->agent_count; i++) {
		struct agent *agent = &world->agents[i];

		for (size_t k = 0; k < world->agent_count; k++)
			meet(world, agent, &world->agents[k], true);
		if (!head)
			head = roomtree_head(agent->tree);
		assert_ptr_equal(roomtree_head(agent->tree), head);
	}
	return world->agents[0].tree;
}

static int find_membership(const struct roomstate *state, const struct roommember *member)
{
	int place = roomstate_find_member(state, member->identity);

	return place >= 0 && state->members[place].since == member->since ? place : -1;
}

static bool stands_for(const struct roomstate *state, const struct roomstate *act)
{
	for (size_t i = 0; i < state->again_count; i++) {
		if (memcmp(state->again[i], act->id, ROOMSTATE_ID_BYTES) == 0)
			return true;
	}
	return false;
}

/* Whether its author did something later that was about the same person, and not the same again. */
static bool is_overtaken(const struct world *world, const struct roomtree *tree, const struct intention *intention)
{
	bool is_later = false;

	for (size_t i = 1; i < world->state_count; i++) {
		const struct roomstate *state = world->states[i], *before = roomtree_find(tree, state->after);

		if (is_later && before && !stands_for(state, intention->act) &&
		    memcmp(state->by, intention->act->by, IDENTITY_BYTES) == 0 &&
		    (roomstate_find_member(before, intention->who.identity) < 0) !=
			(roomstate_find_member(state, intention->who.identity) < 0))
			return true;
		is_later |= state == intention->act;
	}
	return false;
}

/* Whether a member is an admin whom another cannot take out. */
static bool is_elder(const struct roomstate *state, int author, const struct roommember *member)
{
	int place = find_membership(state, member);

	return place >= 0 && place < author && roomstate_is_admin(state, place);
}

/* Whoever left is out, and so is whoever was removed, as long as the remover has the right to it. */
static void expect_intentions(const struct world *world, const struct roomtree *tree)
{
	const struct roomstate *head = roomtree_head(tree);

	for (size_t i = 0; i < world->intention_count; i++) {
		const struct intention *intention = &world->intentions[i];
		int author = find_membership(head, intention->by);

		if (find_membership(head, &intention->who) < 0)
			continue;
		assert_false(intention->is_leave);
		/* The branch that won let them in itself, and happens to have had the same number then. */
		if (find_membership(roomtree_fork(tree, intention->act, head), &intention->who) < 0)
			continue;
		if (author >= 0 && roomstate_is_admin(head, author) && !is_overtaken(world, tree, intention))
			CHECK(is_elder(head, author, &intention->who), "%c removed %c in vain: %s",
			    intention->act->by[0], intention->who.identity[0], rooms_members(head));
	}
}

/* How many members come before one in the order of a fork: the admins by age, then the others. */
static int rank_of(const struct roomstate *fork, const uint8_t *identity)
{
	int place = roomstate_find_member(fork, identity), rank = 0;

	for (int i = 0; i < (int)fork->member_count; i++) {
		bool is_admin = roomstate_is_admin(fork, i);

		rank += is_admin == roomstate_is_admin(fork, place) ? i < place : is_admin;
	}
	return place >= 0 ? rank : INT_MAX;
}

static bool has_left(const struct roomtree *tree, const uint8_t *identity)
{
	for (size_t i = 1; i < roomtree_count(tree); i++) {
		const struct roommember *leaver = roomtree_leaver(tree, roomtree_at(tree, i));

		if (leaver && memcmp(leaver->identity, identity, IDENTITY_BYTES) == 0)
			return true;
	}
	return false;
}

/* A removal fell away only because the remover, or somebody who stands before them, signed what won. */
static void expect_seniority(const struct world *world, const struct roomtree *tree)
{
	for (size_t i = 0; i < world->intention_count; i++) {
		const struct intention *intention = &world->intentions[i];
		const struct roomstate *head = roomtree_head(tree), *fork = roomtree_fork(tree, intention->act, head);
		int rank = rank_of(fork, intention->by->identity);
		bool is_senior = fork == intention->act || intention->act->again_count > 0 ||
				 has_left(tree, intention->by->identity);

		for (const struct roomstate *state = head; state != fork; state = roomtree_before(tree, state))
			is_senior |= rank_of(fork, state->by) <= rank;
		CHECK(is_senior, "%c removed %c, and nobody older was against it: %s", intention->by->identity[0],
		    intention->who.identity[0], rooms_members(head));
	}
}

/* Nobody is in whom somebody removed let in after that, or whom those let in, and so on, if the remover can help it. */
static void expect_no_puppets(const struct world *world, const struct roomtree *tree)
{
	const struct roomstate *head = roomtree_head(tree), *path[STATES];

	for (size_t i = 0; i < world->intention_count; i++) {
		const struct intention *intention = &world->intentions[i];
		const struct roomstate *from = roomtree_fork(tree, intention->act, head);
		struct roommember tainted[STATES];
		size_t count = 1, len = 0;
		int author = find_membership(head, intention->by);
		bool is_settled = intention->is_leave || find_membership(from, &intention->who) < 0 || author < 0 ||
				  !roomstate_is_admin(head, author) || is_overtaken(world, tree, intention);

		tainted[0] = intention->who;
		for (const struct roomstate *state = head; state != from; state = roomtree_before(tree, state))
			path[len++] = state;
		while (len > 0 && !is_settled) {
			const struct roomstate *next = path[--len];
			bool by_tainted = false;

			for (size_t k = 0; k < count; k++) {
				int place = find_membership(from, &tainted[k]);

				by_tainted |= place >= 0 && memcmp(tainted[k].identity, next->by, IDENTITY_BYTES) == 0;
			}
			for (size_t k = 0; by_tainted && k < next->member_count; k++) {
				if (roomstate_find_member(from, next->members[k].identity) < 0)
					tainted[count++] = next->members[k];
			}
			is_settled = !by_tainted && roomstate_find_member(next, intention->who.identity) < 0 &&
				     find_membership(from, &intention->who) >= 0 && !stands_for(next, intention->act);
			from = next;
		}
		/* Who became an elder admin meanwhile is right to stay, and to let others in. */
		is_settled |= is_elder(head, author, &intention->who);
		for (size_t k = 0; k < count && !is_settled; k++) {
			CHECK(find_membership(head, &tainted[k]) < 0 || is_elder(head, author, &tainted[k]),
			    "%c removed %c, whose friend %c is in: %s", intention->act->by[0],
			    intention->who.identity[0], tainted[k].identity[0], rooms_members(head));
		}
	}
}

/* A tree that is read back has the same head. */
static void expect_same_when_read_back(const struct world *world, const struct roomtree *tree)
{
	struct roomstate *states[STATES];
	int64_t taken_ms[STATES] = {0};
	struct roomtree *loaded;
	size_t count = 0;

	for (size_t i = 0; i < roomtree_count(tree); i++) {
		for (size_t k = 0; k < world->state_count; k++) {
			if (world->states[k] == roomtree_at(tree, i))
				states[count++] = world->states[k];
		}
	}
	loaded = roomtree_load(states, taken_ms, count, roomtree_head(tree)->id);
	assert_non_null(loaded);
	assert_int_equal(roomtree_count(loaded), count);
	assert_ptr_equal(roomtree_head(loaded), roomtree_head(tree));
	roomtree_free(loaded);
}

static void play(uint64_t number, struct world *world)
{
	const struct roomtree *tree;
	unsigned round = 0;
	bool goes_on;

	*world = (struct world){.seed = 0x9e3779b97f4a7c15 * (number + 1)};
	live(world, number % 2 == 1);
	tree = meet_all(world);
	expect_seniority(world, tree);
	do {
		assert_true(round < ROUNDS_MAX);
		goes_on = false;
		for (size_t i = 0; i < world->agent_count; i++)
			goes_on |= redo(world, &world->agents[i], round);
		tree = meet_all(world);
		round++;
	} while (goes_on);
	expect_same_when_read_back(world, tree);
	expect_intentions(world, tree);
	expect_no_puppets(world, tree);
	for (size_t i = 0; i < world->agent_count; i++)
		roomtree_free(world->agents[i].tree);
	for (size_t i = 0; i < world->state_count; i++)
		roomstate_release(world->states[i]);
}

static uint64_t histories = HISTORIES;

static void whatever_happens_everybody_comes_to_the_same_room(void **state)
{
	struct world *world = malloc(sizeof(*world));

	(void)state;
	assert_non_null(world);
	for (uint64_t i = 0; i < histories; i++)
		play(i, world);
	free(world);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(whatever_happens_everybody_comes_to_the_same_room),
	};

	support_begin();
	if (argc > 1)
		histories = strtoull(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
