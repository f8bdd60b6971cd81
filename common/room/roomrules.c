#include "room/roomrules.h"

#include <string.h>

static const char *const words[] = {
    [ROOMRULE_NONE] = "nothing speaks against it",
    [ROOMRULE_OTHER_ROOM] = "it is of another room",
    [ROOMRULE_NUMBER] = "it does not follow the state that it names",
    [ROOMRULE_NO_MEMBER] = "only members change a room",
    [ROOMRULE_ORDER] = "the members are not in the order in which they came",
    [ROOMRULE_NEWCOMER] = "whoever is let in is not an admin at once",
    [ROOMRULE_FULL] = "the room is full",
    [ROOMRULE_NO_ADMIN] = "only admins may do that",
    [ROOMRULE_INVITED] = "the room is for those whom an admin invites",
    [ROOMRULE_REMOVED] = "they were removed, and only admins let them in again",
    [ROOMRULE_ELDER] = "an admin who is in the room for longer keeps place and role",
    [ROOMRULE_ELDER_ROLE] = "only an admin who is in the room for longer than they can make them admin",
    [ROOMRULE_UNRECORDED] = "whoever is taken out has to be listed as removed",
    [ROOMRULE_LEFT] = "they did not leave",
};

_Static_assert(ROOM_MEMBERS_MAX <= 64, "members are bits");

/* What a state changes of the one before it. */
struct change {
	uint64_t out;	   /* by place before: they are in no more */
	uint64_t promoted; /* they are marked, and were not */
	uint64_t demoted;  /* the other way round */
	size_t newcomers;  /* so many, at the end of the list */
};

const char *roomrule_words(enum roomrule rule)
{
	return words[rule];
}

static uint64_t bit_of(int place)
{
	return UINT64_C(1) << place;
}

/* Finds out what happened to the members. */
static enum roomrule compare_members(const struct roomstate *before, const struct roomstate *next,
    struct change *change)
{
	int stood = 0;

	*change = (struct change){0};
	for (size_t i = 0; i < next->member_count; i++) {
		const struct roommember *member = &next->members[i];
		int place = roomstate_find_member(before, member->identity);

		if (place < 0) {
			if (member->since != next->n || member->is_marked)
				return ROOMRULE_NEWCOMER;
			change->newcomers++;
			continue;
		}
		if (place < stood || change->newcomers > 0 || member->since != before->members[place].since)
			return ROOMRULE_ORDER;
		while (stood < place)
			change->out |= bit_of(stood++);
		if (member->is_marked != before->members[place].is_marked)
			*(member->is_marked ? &change->promoted : &change->demoted) |= bit_of(place);
		stood++;
	}
	while (stood < (int)before->member_count)
		change->out |= bit_of(stood++);
	return ROOMRULE_NONE;
}

/* Those of before who are named as having left, each of whom has to be out. */
static enum roomrule find_leavers(const struct roomstate *before, const struct roomstate *next,
    const struct roommember *const *leavers, const struct change *change, uint64_t *left)
{
	*left = 0;
	for (size_t i = 0; i < next->left_count; i++) {
		int place = roomstate_find_member(before, leavers[i]->identity);

		if (place < 0 || before->members[place].since != leavers[i]->since || !(change->out & bit_of(place)))
			return ROOMRULE_LEFT;
		*left |= bit_of(place);
	}
	return ROOMRULE_NONE;
}

/* Whether everything is the same but members, and what each state has of its own. */
static bool keeps_settings(const struct roomstate *before, const struct roomstate *next)
{
	return strcmp(before->name, next->name) == 0 && strcmp(before->about, next->about) == 0 &&
	       before->capacity == next->capacity && before->entry == next->entry &&
	       memcmp(before->lock, next->lock, ROOM_LOCK_BYTES) == 0 && before->removed_count == next->removed_count &&
	       memcmp(before->removed, next->removed, before->removed_count * IDENTITY_BYTES) == 0;
}

/* taken are those who are out, and neither left nor are the author. */
static enum roomrule judge_admin(const struct roomstate *before, const struct roomstate *next, int author,
    const struct change *change, uint64_t taken)
{
	for (int place = 0; place < author; place++) {
		bool is_admin = roomstate_is_admin(before, place);

		if (is_admin && ((taken | change->demoted) & bit_of(place)))
			return ROOMRULE_ELDER;
		if (change->promoted & bit_of(place))
			return ROOMRULE_ELDER_ROLE;
	}
	for (int place = 0; place < (int)before->member_count; place++) {
		if ((taken & bit_of(place)) && !roomstate_is_removed(next, before->members[place].identity))
			return ROOMRULE_UNRECORDED;
	}
	return next->member_count > next->capacity ? ROOMRULE_FULL : ROOMRULE_NONE;
}

static enum roomrule judge_member(const struct roomstate *before, const struct roomstate *next,
    const struct change *change, uint64_t taken)
{
	if (change->newcomers > 0) {
		if (before->entry == ROOMENTRY_INVITED)
			return ROOMRULE_INVITED;
		for (size_t i = next->member_count - change->newcomers; i < next->member_count; i++) {
			if (roomstate_is_removed(before, next->members[i].identity))
				return ROOMRULE_REMOVED;
		}
		if (next->member_count > before->capacity)
			return ROOMRULE_FULL;
	}
	if (taken || change->promoted || change->demoted || !keeps_settings(before, next))
		return ROOMRULE_NO_ADMIN;
	/* One act a state: somebody comes, or some go. */
	return change->newcomers == (change->out ? 0 : 1) ? ROOMRULE_NONE : ROOMRULE_NO_ADMIN;
}

enum roomrule roomrules_judge(const struct roomstate *before, const struct roomstate *next,
    const struct roommember *const *leavers)
{
	int author = roomstate_find_member(before, next->by);
	struct change change;
	enum roomrule rule;
	uint64_t left, taken;

	if (memcmp(before->room, next->room, ROOM_ID_BYTES) != 0)
		return ROOMRULE_OTHER_ROOM;
	if (next->n != before->n + 1 || memcmp(next->after, before->id, ROOMSTATE_ID_BYTES) != 0)
		return ROOMRULE_NUMBER;
	if (author < 0)
		return ROOMRULE_NO_MEMBER;
	rule = compare_members(before, next, &change);
	if (rule == ROOMRULE_NONE)
		rule = find_leavers(before, next, leavers, &change, &left);
	if (rule != ROOMRULE_NONE)
		return rule;
	taken = change.out & ~left & ~bit_of(author);
	return roomstate_is_admin(before, author) ? judge_admin(before, next, author, &change, taken)
						  : judge_member(before, next, &change, taken);
}
