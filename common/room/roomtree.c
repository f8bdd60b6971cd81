#include "room/roomtree.h"

#include <stdlib.h>
#include <string.h>

/* Places in the table of ids: twice as many as states, a power of two. */
#define SLOTS (2 * ROOMTREE_STATES_MAX)
#define NONE (-1)

/* States are meant by their index in the order in which they were taken; what follows a state has a higher one. */
struct node {
	struct roomstate *state;
	int64_t taken_ms;
	const struct roommember *leaver; /* see roomtree_leaver() */
	uint32_t since;			 /* of its author's membership */
	int before;
	int author;	    /* the first state with the same one */
	int child, sibling; /* the last that follows it; the one that follows the same state, and came before */
	int next;	    /* of those that follow it, the one that goes on */
	bool counts;	    /* as something that its author signed */
	bool is_marked;	    /* while a past is walked through */
	/* Of the first state of an author: the author's bit in the order of members of the state ranked. */
	int ranked;
	uint64_t bit;
};

struct waiting {
	struct roomstate *state;
	int64_t taken_ms;
	uint8_t missing[ROOMSTATE_ID_BYTES];
};

struct roomtree {
	struct node nodes[ROOMTREE_STATES_MAX]; /* of which only those that are used cost memory */
	int count;
	int head;
	struct waiting waiting[ROOMTREE_WAITING_MAX]; /* the first to come first */
	size_t waiting_count;
	int16_t slots[SLOTS]; /* states by id, each plus one */
};

static bool is_same_id(const uint8_t *one, const uint8_t *other)
{
	return memcmp(one, other, ROOMSTATE_ID_BYTES) == 0;
}

/* The slot of a state, or the empty one in which it would be. */
static size_t find_slot(const struct roomtree *tree, const uint8_t id[static ROOMSTATE_ID_BYTES])
{
	size_t slot = (id[0] | (size_t)id[1] << 8) % SLOTS;

	while (tree->slots[slot] && !is_same_id(tree->nodes[tree->slots[slot] - 1].state->id, id))
		slot = (slot + 1) % SLOTS;
	return slot;
}

static int find(const struct roomtree *tree, const uint8_t id[static ROOMSTATE_ID_BYTES])
{
	return tree->slots[find_slot(tree, id)] - 1;
}

static int find_author(const struct roomtree *tree, const uint8_t by[static IDENTITY_BYTES])
{
	int author = 0;

	while (author < tree->count && memcmp(tree->nodes[author].state->by, by, IDENTITY_BYTES) != 0)
		author++;
	return author;
}

/* Puts a state into the tree, which becomes a holder; there must be room. */
static void place(struct roomtree *tree, struct roomstate *state, int64_t taken_ms, int before)
{
	struct node *node = &tree->nodes[tree->count];

	*node = (struct node){.state = roomstate_hold(state),
	    .taken_ms = taken_ms,
	    .before = before,
	    .author = find_author(tree, state->by),
	    .child = NONE,
	    .sibling = NONE};
	if (before != NONE) {
		struct node *parent = &tree->nodes[before];
		int author = roomstate_find_member(parent->state, state->by);

		node->sibling = parent->child;
		parent->child = tree->count;
		node->since = author >= 0 ? parent->state->members[author].since : 0;
		if (author >= 0 && roomstate_find_member(state, state->by) < 0)
			node->leaver = &parent->state->members[author];
	}
	tree->slots[find_slot(tree, state->id)] = (int16_t)(tree->count + 1);
	tree->count++;
}

/* Whatever the author of a leave signed as the same member outside its past does not count. */
static void discount(struct roomtree *tree, int leave)
{
	const struct node *left = &tree->nodes[leave];

	for (int i = leave; i != NONE; i = tree->nodes[i].before)
		tree->nodes[i].is_marked = true;
	for (int i = 0; i < tree->count; i++) {
		struct node *node = &tree->nodes[i];

		if (node->author == left->author && node->since == left->since && !node->is_marked)
			node->counts = false;
	}
	for (int i = leave; i != NONE; i = tree->nodes[i].before)
		tree->nodes[i].is_marked = false;
}

/* The bit of somebody who signed, in the order of the members of a state, the first the highest. */
static uint64_t find_bit(const struct roomstate *state, const uint8_t identity[static IDENTITY_BYTES])
{
	int member = roomstate_find_member(state, identity);

	return member < 0 ? 0 : UINT64_C(1) << (ROOM_MEMBERS_MAX - 1 - roomstate_rank(state, member));
}

/* What a branch is worth at a fork: those who signed in it, and those who left in it. */
struct worth {
	uint64_t signers, leaves;
};

/* The worth of a branch that begins with a state, among the members of the one that it follows. */
static struct worth weigh(struct roomtree *tree, int first)
{
	struct worth worth = {0};
	int fork = tree->nodes[first].before;

	for (int i = first; i != NONE; i = tree->nodes[i].next) {
		const struct node *node = &tree->nodes[i];
		struct node *author = &tree->nodes[node->author];

		if (author->ranked != fork) {
			author->ranked = fork;
			author->bit = find_bit(tree->nodes[fork].state, author->state->by);
		}
		if (node->leaver)
			worth.leaves |= author->bit;
		else if (node->counts)
			worth.signers |= author->bit;
	}
	return worth;
}

static bool is_before(const struct roomtree *tree, int one, struct worth worth, int other, struct worth other_worth)
{
	if (worth.signers != other_worth.signers)
		return worth.signers > other_worth.signers;
	if (worth.leaves != other_worth.leaves)
		return worth.leaves > other_worth.leaves;
	return memcmp(tree->nodes[one].state->id, tree->nodes[other].state->id, ROOMSTATE_ID_BYTES) < 0;
}

/* Which of the states that follow one goes on; all forks after it are settled. */
static int choose(struct roomtree *tree, int fork)
{
	int best = tree->nodes[fork].child;
	struct worth best_worth;

	if (best == NONE || tree->nodes[best].sibling == NONE)
		return best;
	best_worth = weigh(tree, best);
	for (int i = tree->nodes[best].sibling; i != NONE; i = tree->nodes[i].sibling) {
		struct worth worth = weigh(tree, i);

		if (is_before(tree, i, worth, best, best_worth)) {
			best = i;
			best_worth = worth;
		}
	}
	return best;
}

/* Finds the head. */
static void settle(struct roomtree *tree)
{
	for (int i = 0; i < tree->count; i++) {
		tree->nodes[i].counts = true;
		tree->nodes[i].ranked = NONE;
	}
	for (int i = 0; i < tree->count; i++) {
		if (tree->nodes[i].leaver)
			discount(tree, i);
	}
	for (int i = tree->count - 1; i >= 0; i--)
		tree->nodes[i].next = choose(tree, i);
	tree->head = 0;
	while (tree->nodes[tree->head].next != NONE)
		tree->head = tree->nodes[tree->head].next;
}

struct roomtree *roomtree_new(struct roomstate *root, int64_t taken_ms)
{
	struct roomtree *tree = calloc(1, sizeof(*tree));

	if (!tree)
		return NULL;
	place(tree, root, taken_ms, NONE);
	settle(tree);
	return tree;
}

void roomtree_free(struct roomtree *tree)
{
	if (!tree)
		return;
	for (int i = 0; i < tree->count; i++)
		roomstate_release(tree->nodes[i].state);
	for (size_t i = 0; i < tree->waiting_count; i++)
		roomstate_release(tree->waiting[i].state);
	free(tree);
}

static bool is_past(const struct roomtree *tree, int state, int of)
{
	while (of > state)
		of = tree->nodes[of].before;
	return of == state;
}

static int find_fork(const struct roomtree *tree, int one, int other)
{
	while (one != other) {
		if (one > other)
			one = tree->nodes[one].before;
		else
			other = tree->nodes[other].before;
	}
	return one;
}

/*
 * Whom a state after another is put down to: its author if that was a member where the branch left the past of the head, or
 * else whoever let the author in, or let them in.
 */
static const uint8_t *find_sponsor(const struct roomtree *tree, int before, const uint8_t *who)
{
	uint32_t forked = tree->nodes[find_fork(tree, before, tree->head)].state->n;

	for (;;) {
		const struct roomstate *state = tree->nodes[before].state;
		uint32_t since = state->members[roomstate_find_member(state, who)].since;

		if (since <= forked)
			return who;
		while (tree->nodes[before].state->n > since)
			before = tree->nodes[before].before;
		who = tree->nodes[before].state->by;
		before = tree->nodes[before].before;
	}
}

/* Whether somebody who is in the room no more has added enough, with those whom they let in. */
static bool is_too_much(const struct roomtree *tree, int before, const uint8_t *author)
{
	const struct roomstate *head = tree->nodes[tree->head].state;
	const uint8_t *sponsor;
	size_t added = 0;

	if (roomstate_find_member(head, author) >= 0)
		return false;
	sponsor = find_sponsor(tree, before, author);
	for (int i = 1; i < tree->count; i++) {
		const struct node *node = &tree->nodes[i];

		if (roomstate_find_member(head, node->state->by) < 0 && !is_past(tree, i, tree->head) &&
		    memcmp(find_sponsor(tree, node->before, node->state->by), sponsor, IDENTITY_BYTES) == 0)
			added++;
	}
	return added >= ROOMTREE_OUTSIDER_MAX;
}

/* Judges a state by its place and the rules alone; sets *missing to the id that it waits for, *before to what it follows. */
static enum roomtree_verdict judge(const struct roomtree *tree, const struct roomstate *state, enum roomrule *rule,
    const uint8_t **missing, int *before)
{
	const struct roommember *leavers[ROOMSTATE_NAMED_MAX];
	const struct roomstate *root = tree->nodes[0].state;

	*rule = ROOMRULE_NONE;
	if (memcmp(state->room, root->room, ROOM_ID_BYTES) != 0) {
		*rule = ROOMRULE_OTHER_ROOM;
		return ROOMTREE_REFUSED;
	}
	if (state->text.text && find(tree, state->id) >= 0)
		return ROOMTREE_KNOWN;
	if (state->n <= root->n)
		return ROOMTREE_APART;
	*before = find(tree, *missing = state->after);
	if (*before < 0)
		return ROOMTREE_WAITS;
	for (size_t i = 0; i < state->left_count; i++) {
		int leave = find(tree, *missing = state->left[i]);

		if (leave < 0)
			return ROOMTREE_WAITS;
		leavers[i] = tree->nodes[leave].leaver;
		if (!leavers[i])
			*rule = ROOMRULE_LEFT;
	}
	if (*rule == ROOMRULE_NONE)
		*rule = roomrules_judge(tree->nodes[*before].state, state, leavers);
	return *rule == ROOMRULE_NONE ? ROOMTREE_TAKEN : ROOMTREE_REFUSED;
}

/* Whether a state has what the tree relies on. */
static bool is_next(const struct roomtree *tree, int before, const struct roomstate *state)
{
	const struct roomstate *parent = tree->nodes[before].state;

	return state->n == parent->n + 1 && roomstate_find_member(parent, state->by) >= 0;
}

struct roomtree *roomtree_load(struct roomstate *const *states, const int64_t *taken_ms, size_t count,
    const uint8_t head[static ROOMSTATE_ID_BYTES])
{
	struct roomtree *tree;
	size_t root = count;

	/* From the head down; what a state follows was taken before it. */
	for (size_t i = count; i-- > 0;) {
		if (is_same_id(states[i]->id, root == count ? head : states[root]->after))
			root = i;
	}
	tree = root < count ? roomtree_new(states[root], taken_ms[root]) : NULL;
	for (size_t i = root + 1; tree && i < count && tree->count < ROOMTREE_STATES_MAX; i++) {
		const uint8_t *missing;
		enum roomrule rule;
		int before;
		enum roomtree_verdict verdict = judge(tree, states[i], &rule, &missing, &before);

		/* It was judged when it was taken; the leaves that it names may have been dropped since. */
		if (verdict == ROOMTREE_WAITS && missing != states[i]->after && is_next(tree, before, states[i]))
			verdict = ROOMTREE_TAKEN;
		if (verdict == ROOMTREE_TAKEN)
			place(tree, states[i], taken_ms[i], before);
	}
	if (tree)
		settle(tree);
	return tree;
}

/* The same, and whether there is a place for it. */
static enum roomtree_verdict admit(const struct roomtree *tree, const struct roomstate *state, enum roomrule *rule,
    const uint8_t **missing, int *before)
{
	enum roomtree_verdict verdict = judge(tree, state, rule, missing, before);

	if (verdict == ROOMTREE_TAKEN && (tree->count == ROOMTREE_STATES_MAX || is_too_much(tree, *before, state->by)))
		return ROOMTREE_FULL;
	return verdict;
}

enum roomtree_verdict roomtree_judge(const struct roomtree *tree, const struct roomstate *state, enum roomrule *rule)
{
	const uint8_t *missing;
	int before;

	return admit(tree, state, rule, &missing, &before);
}

/* Gives up a state that waits, which goes on being held. */
static struct waiting stop_waiting(struct roomtree *tree, size_t index)
{
	struct waiting waiting = tree->waiting[index];

	tree->waiting_count--;
	memmove(&tree->waiting[index], &tree->waiting[index + 1],
	    (tree->waiting_count - index) * sizeof(*tree->waiting));
	return waiting;
}

static void wait_for(struct roomtree *tree, struct roomstate *state, int64_t taken_ms, const uint8_t *missing)
{
	struct waiting *waiting;

	for (size_t i = 0; i < tree->waiting_count; i++) {
		if (is_same_id(tree->waiting[i].state->id, state->id))
			return;
	}
	if (tree->waiting_count == ROOMTREE_WAITING_MAX)
		roomstate_release(stop_waiting(tree, 0).state);
	waiting = &tree->waiting[tree->waiting_count++];
	*waiting = (struct waiting){.state = roomstate_hold(state), .taken_ms = taken_ms};
	memcpy(waiting->missing, missing, sizeof(waiting->missing));
}

/* Adds a state, and not yet those that waited for it. */
static enum roomtree_verdict add(struct roomtree *tree, struct roomstate *state, int64_t taken_ms, enum roomrule *rule)
{
	const uint8_t *missing;
	int before;
	enum roomtree_verdict verdict = admit(tree, state, rule, &missing, &before);

	if (verdict == ROOMTREE_WAITS)
		wait_for(tree, state, taken_ms, missing);
	if (verdict != ROOMTREE_TAKEN)
		return verdict;
	place(tree, state, taken_ms, before);
	settle(tree);
	return ROOMTREE_TAKEN;
}

enum roomtree_verdict roomtree_add(struct roomtree *tree, struct roomstate *state, int64_t taken_ms,
    enum roomrule *rule)
{
	int added = tree->count;
	enum roomtree_verdict verdict = add(tree, state, taken_ms, rule);

	for (; added < tree->count; added++) {
		for (size_t i = 0; i < tree->waiting_count;) {
			struct waiting waiting;
			enum roomrule ignored;

			if (!is_same_id(tree->waiting[i].missing, tree->nodes[added].state->id)) {
				i++;
				continue;
			}
			waiting = stop_waiting(tree, i);
			add(tree, waiting.state, waiting.taken_ms, &ignored);
			roomstate_release(waiting.state);
		}
	}
	return verdict;
}

size_t roomtree_count(const struct roomtree *tree)
{
	return (size_t)tree->count;
}

const struct roomstate *roomtree_at(const struct roomtree *tree, size_t index)
{
	return tree->nodes[index].state;
}

const struct roomstate *roomtree_head(const struct roomtree *tree)
{
	return tree->nodes[tree->head].state;
}

const struct roomstate *roomtree_find(const struct roomtree *tree, const uint8_t id[static ROOMSTATE_ID_BYTES])
{
	int index = find(tree, id);

	return index >= 0 ? tree->nodes[index].state : NULL;
}

const struct roomstate *roomtree_before(const struct roomtree *tree, const struct roomstate *state)
{
	int before = tree->nodes[find(tree, state->id)].before;

	return before != NONE ? tree->nodes[before].state : NULL;
}

bool roomtree_is_past(const struct roomtree *tree, const struct roomstate *state, const struct roomstate *of)
{
	return is_past(tree, find(tree, state->id), find(tree, of->id));
}

const struct roomstate *roomtree_fork(const struct roomtree *tree, const struct roomstate *one,
    const struct roomstate *other)
{
	return tree->nodes[find_fork(tree, find(tree, one->id), find(tree, other->id))].state;
}

const struct roomstate *roomtree_find_beginning(const struct roomtree *tree, const struct roomstate *state,
    const uint8_t member[static IDENTITY_BYTES])
{
	int place = roomstate_find_member(state, member);
	const struct roomstate *before;

	while (place >= 0 && state->n > state->members[place].since && (before = roomtree_before(tree, state))) {
		state = before;
		place = roomstate_find_member(state, member);
	}
	return place >= 0 ? state : NULL;
}

const struct roomstate *roomtree_twin(const struct roomtree *tree, const struct roomstate *state)
{
	const struct node *node = &tree->nodes[find(tree, state->id)];

	for (int i = node->before != NONE ? tree->nodes[node->before].child : NONE; i != NONE;
	     i = tree->nodes[i].sibling) {
		if (tree->nodes[i].author == node->author && tree->nodes[i].state != node->state)
			return tree->nodes[i].state;
	}
	return NULL;
}

const struct roommember *roomtree_leaver(const struct roomtree *tree, const struct roomstate *state)
{
	return tree->nodes[find(tree, state->id)].leaver;
}

/* Whether one more step towards the head can, or has to, be dropped. */
static bool is_over(const struct roomtree *tree, int root, int64_t now_ms)
{
	int next = tree->nodes[root].next, kept = 0;

	if (next == NONE)
		return false;
	if (tree->nodes[next].taken_ms <= now_ms - ROOMTREE_KEEP_MS)
		return true;
	for (int i = root; i < tree->count; i++)
		kept += is_past(tree, root, i);
	return kept > ROOMTREE_STATES_MAX / 4 * 3;
}

bool roomtree_trim(struct roomtree *tree, int64_t now_ms)
{
	struct node *nodes = tree->nodes;
	int count = tree->count, root = 0;

	while (is_over(tree, root, now_ms))
		root = nodes[root].next;
	if (root == 0)
		return false;
	/* What is kept moves to the front, and is placed anew; what it follows is there already. */
	tree->count = 0;
	memset(tree->slots, 0, sizeof(tree->slots));
	for (int i = 0; i < count; i++) {
		struct roomstate *state = nodes[i].state;
		int before = i == root ? NONE : find(tree, state->after);

		if (i == root || before >= 0)
			place(tree, state, nodes[i].taken_ms, before);
		roomstate_release(state);
	}
	settle(tree);
	return true;
}
