#include "room/roomredo.h"

#include <string.h>

/* What an act can be about. */
enum thing {
	THING_MEMBERSHIP, /* of somebody: whether, and since when */
	THING_ROLE,	  /* of somebody */
	THING_NAME,
	THING_ABOUT,
	THING_CAPACITY,
	THING_ENTRY,
};

/* Where an act of one's own is to be done again. */
struct scene {
	const struct roomtree *tree;
	const struct roomstate *act, *before; /* and the state that it followed */
	const struct roomstate *fork, *head;  /* where its branch was left, and what came of the other */
	int me;				      /* the place in the head */
	struct roomdraft *draft;
	bool differs; /* something is done again */
};

/* Members by the places that they have in one state. */
struct trail {
	uint64_t tainted; /* let in by somebody who should not have been there, or that one */
	struct roommember thrown[ROOM_MEMBERS_MAX];
	size_t thrown_count; /* by those, and not back yet */
	bool is_settled;     /* somebody else took that one out */
};

static bool is_same_identity(const uint8_t *one, const uint8_t *other)
{
	return memcmp(one, other, IDENTITY_BYTES) == 0;
}

static const struct roommember *find_member(const struct roomstate *state, const uint8_t *identity)
{
	int place = roomstate_find_member(state, identity);

	return place >= 0 ? &state->members[place] : NULL;
}

/* The place of the same membership, or -1. */
static int find_membership(const struct roomstate *state, const struct roommember *member)
{
	int place = roomstate_find_member(state, member->identity);

	return place >= 0 && state->members[place].since == member->since ? place : -1;
}

static bool has_tainted(const struct trail *trail, int place)
{
	return place >= 0 && (trail->tainted & UINT64_C(1) << place);
}

/* Whether a thing, of somebody if it is one of members, is the same in two states. */
static bool is_same_thing(enum thing thing, const uint8_t *who, const struct roomstate *one,
    const struct roomstate *other)
{
	const struct roommember *member = who ? find_member(one, who) : NULL,
				*other_member = who ? find_member(other, who) : NULL;

	switch (thing) {
	case THING_MEMBERSHIP:
		if (member && other_member)
			return member->since == other_member->since;
		return !member && !other_member && roomstate_is_removed(one, who) == roomstate_is_removed(other, who);
	case THING_ROLE:
		return (member && member->is_marked) == (other_member && other_member->is_marked);
	case THING_NAME:
		return strcmp(one->name, other->name) == 0;
	case THING_ABOUT:
		return strcmp(one->about, other->about) == 0;
	case THING_CAPACITY:
		return one->capacity == other->capacity;
	case THING_ENTRY:
		break;
	}
	return one->entry == other->entry && memcmp(one->lock, other->lock, ROOM_LOCK_BYTES) == 0;
}

bool roomredo_is_fallen(const struct roomtree *tree, const struct roomstate *act)
{
	if (roomtree_is_past(tree, act, roomtree_head(tree)))
		return false;
	for (const struct roomstate *state = roomtree_head(tree); state; state = roomtree_before(tree, state)) {
		for (size_t i = 0; i < state->again_count; i++) {
			if (memcmp(state->again[i], act->id, ROOMSTATE_ID_BYTES) == 0 &&
			    is_same_identity(state->by, act->by))
				return false;
		}
	}
	return true;
}

/* Whether somebody has left, by a state that was not known where an act followed. */
static bool has_left_since(const struct scene *scene, const uint8_t *who)
{
	for (size_t i = 0; i < roomtree_count(scene->tree); i++) {
		const struct roomstate *state = roomtree_at(scene->tree, i);

		if (roomtree_leaver(scene->tree, state) && is_same_identity(state->by, who) &&
		    !roomtree_is_past(scene->tree, state, scene->before))
			return true;
	}
	return false;
}

/* Whether a later act of the same author was about the same thing. */
static bool is_overtaken(const struct scene *scene, enum thing thing, const uint8_t *who)
{
	bool is_later = false;

	for (size_t i = 0; i < roomtree_count(scene->tree); i++) {
		const struct roomstate *state = roomtree_at(scene->tree, i);

		if (is_later && is_same_identity(state->by, scene->act->by) &&
		    !is_same_thing(thing, who, roomtree_before(scene->tree, state), state))
			return true;
		is_later |= state == scene->act;
	}
	return false;
}

/* Whether the act changed that thing, and nobody has done so since. */
static bool is_open(const struct scene *scene, enum thing thing, const uint8_t *who)
{
	return !is_same_thing(thing, who, scene->before, scene->act) &&
	       is_same_thing(thing, who, scene->fork, scene->head) && !is_overtaken(scene, thing, who);
}

/* Whether I may do something to a member of the head: they are no admin who was there before me. */
static bool is_below(const struct roomstate *head, int me, const uint8_t *who)
{
	int place = roomstate_find_member(head, who);

	return place >= me || !roomstate_is_admin(head, place);
}

/* Follows those who are tainted by one step, from a state to the next. */
static void follow(struct trail *trail, const struct roommember *first, const struct roomstate *before,
    const struct roomstate *next)
{
	int author = roomstate_find_member(before, next->by);
	bool by_tainted = has_tainted(trail, author);
	uint64_t tainted = 0;
	size_t kept = 0;

	for (size_t i = 0; i < before->member_count; i++) {
		const struct roommember *member = &before->members[i];

		if (find_membership(next, member) >= 0 || (int)i == author ||
		    !roomstate_is_removed(next, member->identity))
			continue;
		if (by_tainted && !has_tainted(trail, (int)i) && trail->thrown_count < ROOM_MEMBERS_MAX)
			trail->thrown[trail->thrown_count++] = *member;
		if (!by_tainted && find_membership(before, first) == (int)i)
			trail->is_settled = true;
	}
	for (size_t i = 0; i < next->member_count; i++) {
		int place = find_membership(before, &next->members[i]);

		if (place >= 0 ? has_tainted(trail, place) : by_tainted)
			tainted |= UINT64_C(1) << i;
	}
	trail->tainted = tainted;
	for (size_t i = 0; i < trail->thrown_count; i++) {
		if (!find_member(next, trail->thrown[i].identity))
			trail->thrown[kept++] = trail->thrown[i];
	}
	trail->thrown_count = kept;
}

/* Finds out what somebody who should not have been there any more did from a state on until the head. */
static void follow_all(const struct roomtree *tree, const struct roomstate *from, const struct roommember *first,
    struct trail *trail)
{
	const struct roomstate *path[ROOMTREE_STATES_MAX];
	size_t len = 0;
	int place;

	*trail = (struct trail){0};
	for (const struct roomstate *state = roomtree_head(tree); state != from; state = roomtree_before(tree, state))
		path[len++] = state;
	while (true) {
		place = find_membership(from, first);
		if (place >= 0)
			trail->tainted |= UINT64_C(1) << place;
		if (len == 0)
			break;
		follow(trail, first, from, path[--len]);
		from = path[len];
	}
}

/* Takes out of the draft, which is still as the head, whom the trail leads to, and takes back whom they threw out. */
static bool clean_up(struct roomdraft *draft, const struct roomstate *head, int me, const struct trail *trail,
    const struct roommember *first, bool has_left)
{
	bool differs = false;

	for (int i = 0; i < (int)head->member_count; i++) {
		const struct roommember *member = &head->members[i];
		bool leaves = has_left && find_membership(head, first) == i;

		if (i != me && has_tainted(trail, i) && (leaves || is_below(head, me, member->identity)))
			differs |= roomdraft_take_out(draft, member->identity, leaves);
	}
	for (size_t i = 0; i < trail->thrown_count && draft->state.member_count < draft->state.capacity; i++)
		differs |= roomdraft_let_in(draft, trail->thrown[i].identity, trail->thrown[i].username);
	return differs;
}

static void remove_again(struct scene *scene, const struct roommember *member)
{
	const struct roommember *there = find_member(scene->fork, member->identity);
	struct trail trail;

	if (!there || find_membership(scene->before, there) < 0 ||
	    !is_below(scene->head, scene->me, member->identity) ||
	    is_overtaken(scene, THING_MEMBERSHIP, member->identity))
		return;
	follow_all(scene->tree, scene->fork, there, &trail);
	if (!trail.is_settled)
		scene->differs |= clean_up(scene->draft, scene->head, scene->me, &trail, there, false);
}

static void mark_again(struct scene *scene, const struct roommember *member)
{
	if (is_open(scene, THING_ROLE, member->identity) && is_below(scene->head, scene->me, member->identity) &&
	    (roomstate_find_member(scene->head, member->identity) >= scene->me || !member->is_marked))
		scene->differs |= roomdraft_mark(scene->draft, member->identity, member->is_marked);
}

static void set_again(struct scene *scene)
{
	const struct roomstate *act = scene->act;
	struct roomstate *state = &scene->draft->state;

	if (is_open(scene, THING_NAME, NULL)) {
		memcpy(state->name, act->name, sizeof(state->name));
		scene->differs = true;
	}
	if (is_open(scene, THING_ABOUT, NULL)) {
		memcpy(state->about, act->about, sizeof(state->about));
		scene->differs = true;
	}
	if (is_open(scene, THING_CAPACITY, NULL) && act->capacity >= state->member_count) {
		state->capacity = act->capacity;
		scene->differs = true;
	}
	if (is_open(scene, THING_ENTRY, NULL)) {
		state->entry = act->entry;
		memcpy(state->lock, act->lock, sizeof(state->lock));
		scene->differs = true;
	}
}

static void let_in_again(struct scene *scene, const struct roommember *member)
{
	if (is_open(scene, THING_MEMBERSHIP, member->identity) && !has_left_since(scene, member->identity) &&
	    scene->draft->state.member_count < scene->draft->state.capacity)
		scene->differs |= roomdraft_let_in(scene->draft, member->identity, member->username);
}

/* The part of an act that an admin does again: everything. */
static void do_as_admin(struct scene *scene)
{
	const struct roomstate *act = scene->act, *before = scene->before;

	for (size_t i = 0; i < before->member_count; i++) {
		if (!find_member(act, before->members[i].identity) &&
		    roomstate_is_removed(act, before->members[i].identity))
			remove_again(scene, &before->members[i]);
	}
	for (size_t i = 0; i < act->member_count; i++) {
		if (find_member(before, act->members[i].identity))
			mark_again(scene, &act->members[i]);
		else
			let_in_again(scene, &act->members[i]);
	}
	set_again(scene);
}

/* And what other members do: let one person in. */
static void do_as_member(struct scene *scene)
{
	const struct roomstate *act = scene->act;

	for (size_t i = 0; i < act->member_count && !scene->differs; i++) {
		if (!find_member(scene->before, act->members[i].identity))
			let_in_again(scene, &act->members[i]);
	}
}

static void name(uint8_t (*ids)[ROOMSTATE_ID_BYTES], size_t *count, const uint8_t *id)
{
	if (*count < ROOMSTATE_NAMED_MAX)
		memcpy(ids[(*count)++], id, ROOMSTATE_ID_BYTES);
}

/* Whether the membership in which an act was signed was given up. */
static bool has_quit(const struct roomtree *tree, const struct roomstate *act, const struct roomstate *before)
{
	const struct roommember *author = find_member(before, act->by);

	for (size_t i = 0; i < roomtree_count(tree); i++) {
		const struct roommember *leaver = roomtree_leaver(tree, roomtree_at(tree, i));

		if (leaver && is_same_identity(leaver->identity, act->by) && author && leaver->since == author->since)
			return true;
	}
	return false;
}

static bool is_allowed(const struct roomtree *tree, const struct roomdraft *draft)
{
	enum roomrule rule;

	return roomtree_judge(tree, &draft->state, &rule) == ROOMTREE_TAKEN;
}

/* Does an act of the member at that place of the head again. */
static bool redo_own(const struct roomtree *tree, const struct roomstate *act, int me, struct roomdraft *draft)
{
	const struct roomstate *head = roomtree_head(tree);
	struct scene scene = {
	    .tree = tree, .act = act, .before = roomtree_before(tree, act), .head = head, .me = me, .draft = draft};

	if (!scene.before || !roomredo_is_fallen(tree, act) || has_quit(tree, act, scene.before))
		return false;
	scene.fork = roomtree_fork(tree, act, head);
	roomdraft_begin(draft, head, act->by);
	if (roomstate_is_admin(head, me))
		do_as_admin(&scene);
	else
		do_as_member(&scene);
	if (!scene.differs)
		return false;
	name(draft->again, &draft->state.again_count, act->id);
	for (size_t i = act->again_count; i-- > 0;)
		name(draft->again, &draft->state.again_count, act->again[i]);
	return is_allowed(tree, draft);
}

/* How many members of the head come before one at doing something for everybody, without somebody who is going. */
static unsigned count_before(const struct roomstate *head, int me, const uint8_t *without)
{
	int going = roomstate_find_member(head, without), rank = roomstate_rank(head, me);

	return (unsigned)(rank - (going >= 0 && roomstate_rank(head, going) < rank));
}

/* Whether somebody has left by a state in the past of the head that they signed themselves. */
static bool is_gone(const struct roomtree *tree, const struct roommember *leaver)
{
	for (const struct roomstate *state = roomtree_head(tree); state; state = roomtree_before(tree, state)) {
		const struct roommember *other = roomtree_leaver(tree, state);

		if (other && is_same_identity(other->identity, leaver->identity) && other->since == leaver->since)
			return true;
	}
	return false;
}

/* Sees to it that somebody who left is out, and as an admin cleans up behind them. */
static bool redo_leave(const struct roomtree *tree, const struct roomstate *leave, int me, struct roomdraft *draft,
    unsigned *turn)
{
	const struct roomstate *head = roomtree_head(tree);
	const struct roommember *leaver = roomtree_leaver(tree, leave), *self = &head->members[me];
	bool is_own = leaver && is_same_identity(leaver->identity, self->identity), is_in, differs;

	if (!leaver || is_gone(tree, leaver))
		return false;
	is_in = find_membership(head, leaver) >= 0;
	roomdraft_begin(draft, head, self->identity);
	if (is_in)
		name(draft->left, &draft->state.left_count, leave->id);
	if (is_own)
		name(draft->again, &draft->state.again_count, leave->id);
	if (!is_own && roomstate_is_admin(head, me)) {
		struct trail trail;

		follow_all(tree, roomtree_fork(tree, leave, head), leaver, &trail);
		differs = !trail.is_settled && clean_up(draft, head, me, &trail, leaver, true);
	} else {
		differs = is_in && roomdraft_take_out(draft, leaver->identity, true);
	}
	*turn = is_own ? 0 : count_before(head, me, leaver->identity) + (is_in ? 1 : 0);
	return differs && is_allowed(tree, draft);
}

bool roomredo_next(const struct roomtree *tree, const uint8_t me[static IDENTITY_BYTES], struct roomdraft *draft,
    struct roomredo *redo)
{
	int place = roomstate_find_member(roomtree_head(tree), me);

	for (size_t i = 0; place >= 0 && i < roomtree_count(tree); i++) {
		redo->act = roomtree_at(tree, i);
		redo->turn = 0;
		if (is_same_identity(redo->act->by, me) && redo_own(tree, redo->act, place, draft))
			return true;
	}
	for (size_t i = 0; place >= 0 && i < roomtree_count(tree); i++) {
		redo->act = roomtree_at(tree, i);
		if (redo_leave(tree, redo->act, place, draft, &redo->turn))
			return true;
	}
	return false;
}
