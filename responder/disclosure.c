#include "disclosure.h"

#include <string.h>

const char *disclosure_refuse_newcomer(const struct roomstate *head, const uint8_t identity[static IDENTITY_BYTES],
    const char *username)
{
	if (roomstate_is_removed(head, identity))
		return ASK_REMOVED;
	if (head->entry == ROOMENTRY_INVITED)
		return ASK_INVITED;
	if (head->member_count >= head->capacity || head->member_count >= ROOM_MEMBERS_MAX)
		return ASK_FULL;
	return username ? NULL : ASK_USERNAME;
}

/*
 * The state with which what somebody can use begins, who is a member of last: the first that they name, or where that left the
 * past of last, so that they see why it fell away; or else the one that let them in.
 */
static const struct roomstate *find_first(const struct roomtree *tree, const struct ask *ask,
    const struct roomstate *last, const uint8_t *asker)
{
	const struct roomstate *first = NULL;

	for (size_t i = 0; i < roomtree_count(tree); i++) {
		const struct roomstate *state = roomtree_at(tree, i);

		if (ask_is_known(ask, state->id) && (!first || state->n < first->n))
			first = state;
	}
	return first ? roomtree_fork(tree, first, last) : roomtree_find_beginning(tree, last, asker);
}

const struct roomstate *disclosure_find_state(const struct roomtree *tree, const struct ask *ask,
    const uint8_t asker[static IDENTITY_BYTES], bool *more, bool *is_outsider)
{
	const struct roomstate *in = roomtree_head(tree), *out = NULL, *first, *found = NULL;

	*more = false;
	while (in && roomstate_find_member(in, asker) < 0) {
		out = in;
		in = roomtree_before(tree, in);
	}
	*is_outsider = !in;
	if (!in)
		return NULL;
	first = find_first(tree, ask, in, asker);
	for (size_t i = 0; i < roomtree_count(tree); i++) {
		const struct roomstate *state = roomtree_at(tree, i);

		if (ask_is_known(ask, state->id) || !roomtree_is_past(tree, first, state) ||
		    (out && !roomtree_is_past(tree, state, out)))
			continue;
		*more = found != NULL;
		if (!found || state->n < found->n ||
		    (state->n == found->n && memcmp(state->id, found->id, sizeof(state->id)) < 0))
			found = state;
	}
	return found;
}

/* Whether it was said in a state that is known here, and not from before somebody was in. *last was the state of another. */
static bool is_theirs(const struct roomtree *tree, const struct room_saying *saying, uint32_t since,
    const struct roomstate **last)
{
	for (size_t i = 0; !*last || memcmp((*last)->id, saying->state, sizeof(saying->state)) != 0; i++) {
		if (i == roomtree_count(tree))
			return false;
		*last = roomtree_at(tree, i);
	}
	return (*last)->n >= since;
}

size_t disclosure_find_saying(const struct room *room, const struct ask *ask,
    const uint8_t asker[static IDENTITY_BYTES], size_t from)
{
	uint32_t since = room->head->members[roomstate_find_member(room->head, asker)].since;
	const struct roomstate *last = NULL;

	while (from < room->saying_count && (ask_is_known(ask, room->sayings[from].id) ||
						!is_theirs(room->tree, &room->sayings[from], since, &last)))
		from++;
	return from;
}
