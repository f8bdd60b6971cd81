/*
 * Rooms for tests: members with a letter each, acts in short, and states that nobody has signed, with ids that mean
 * nothing; the tree and what stands on it never look at a text.
 */
#ifndef QUARTET_TEST_ROOMS_H
#define QUARTET_TEST_ROOMS_H

#include "support.h"

#include "room/roomredo.h"

static inline const uint8_t *rooms_identity(char letter)
{
	static uint8_t identities[128][IDENTITY_BYTES];
	uint8_t *identity = identities[letter & 127];

	memset(identity, letter, IDENTITY_BYTES);
	return identity;
}

/* The state of a draft, as if it had been signed and read. */
static inline struct roomstate *rooms_state(const struct roomdraft *draft, uint64_t *seed)
{
	const struct roomstate *said = &draft->state;
	size_t members = said->member_count * sizeof(*said->members), removed = said->removed_count * IDENTITY_BYTES,
	       again = said->again_count * ROOMSTATE_ID_BYTES, left = said->left_count * ROOMSTATE_ID_BYTES;
	struct roomstate *state = malloc(sizeof(*state) + members + removed + again + left);

	assert_non_null(state);
	*state = *said;
	state->holders = 1;
	state->text.text = "";
	for (size_t i = 0; i < sizeof(state->id); i++)
		state->id[i] = (uint8_t)support_random(seed);
	state->members = (struct roommember *)(state + 1);
	state->removed = (uint8_t(*)[IDENTITY_BYTES])((char *)state->members + members);
	state->again = (uint8_t(*)[ROOMSTATE_ID_BYTES])((char *)state->removed + removed);
	state->left = (uint8_t(*)[ROOMSTATE_ID_BYTES])((char *)state->again + again);
	memcpy(state->members, said->members, members);
	memcpy(state->removed, said->removed, removed);
	memcpy(state->again, said->again, again);
	memcpy(state->left, said->left, left);
	return state;
}

/* An open room with these members, the oldest first: "A* B C*", a star for those who are marked as admins. */
static inline struct roomstate *rooms_first(const char *members, uint64_t *seed)
{
	struct roomdraft *draft = malloc(sizeof(*draft));
	struct roomstate *state;

	assert_non_null(draft);
	roomdraft_begin_room(draft, rooms_identity(*members), (char[]){*members, '\0'}, "lab");
	for (const char *letter = members + 1; *letter; letter++) {
		if (*letter != ' ' && *letter != '*') {
			draft->state.n++;
			roomdraft_let_in(draft, rooms_identity(*letter), (char[]){*letter, '\0'});
		}
		if (*letter == '*')
			roomdraft_mark(draft, rooms_identity(letter[-1]), true);
	}
	state = rooms_state(draft, seed);
	free(draft);
	return state;
}

/* The members of a state in that form, with a star for each admin. Static storage. */
static inline const char *rooms_members(const struct roomstate *state)
{
	static char text[4 * ROOM_MEMBERS_MAX];
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < state->member_count; i++) {
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s%s", i ? " " : "",
		    state->members[i].username, roomstate_is_admin(state, (int)i) ? "*" : "");
	}
	return text;
}

/*
 * Drafts an act after a state: "A:-B" takes out (oneself: leaves), "A:~B" takes out who left by the state leave, "A:+B" lets
 * in, "A:^B" makes an admin, "A:vB" makes none, "A:=b" renames, "A:#4" sets the capacity, "A:!i" (p, o) the entry.
 */
static inline void rooms_draft(struct roomdraft *draft, const struct roomstate *before, const char *act,
    const struct roomstate *leave)
{
	const uint8_t *who = rooms_identity(act[3]);

	roomdraft_begin(draft, before, rooms_identity(act[0]));
	switch (act[2]) {
	case '-':
		roomdraft_take_out(draft, who, false);
		break;
	case '~':
		roomdraft_take_out(draft, who, true);
		if (leave)
			memcpy(draft->left[draft->state.left_count++], leave->id, ROOMSTATE_ID_BYTES);
		break;
	case '+':
		roomdraft_let_in(draft, who, (char[]){act[3], '\0'});
		break;
	case '^':
	case 'v':
		roomdraft_mark(draft, who, act[2] == '^');
		break;
	case '=':
		snprintf(draft->state.name, sizeof(draft->state.name), "%c", act[3]);
		break;
	case '#':
		draft->state.capacity = (unsigned)(act[3] - '0');
		break;
	default:
		draft->state.entry = act[3] == 'i'   ? ROOMENTRY_INVITED
				     : act[3] == 'p' ? ROOMENTRY_PASSWORD
						     : ROOMENTRY_OPEN;
	}
}

static inline struct roomstate *rooms_act(const struct roomstate *before, const char *act,
    const struct roomstate *leave, uint64_t *seed)
{
	struct roomdraft *draft = malloc(sizeof(*draft));
	struct roomstate *state;

	assert_non_null(draft);
	rooms_draft(draft, before, act, leave);
	state = rooms_state(draft, seed);
	free(draft);
	return state;
}

#endif
