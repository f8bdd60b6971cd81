#include "room/roomacts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "room/roomevents.h"
#include "room/roomredo.h"

/* Appends the line for what somebody did in a room; who is a member of a state, or NULL if it happened to nobody. */
static int add_event(const struct rooms *rooms, const struct room *room, enum chatlog_event event,
    const struct roomstate *done, const struct roomstate *state, const uint8_t *who, const char *value,
    struct buffer *lines)
{
	char by[USERNAME_MAX_BYTES + 1];
	struct chatlog_entry entry = {
	    .kind = CHATLOG_EVENT,
	    .time_ms = clock_wall_ms(),
	    .has_room = true,
	    .event = event,
	    .by = by,
	    .value = value,
	    .has_identity = who != NULL,
	};

	memcpy(entry.room, room->id, sizeof(entry.room));
	rooms_name(rooms, done, done->by, by);
	if (who) {
		memcpy(entry.identity, who, IDENTITY_BYTES);
		rooms_name(rooms, state, who, entry.username);
	}
	return chatlog_format(lines, &entry);
}

/* Appends the lines for what is different in after. */
static int add_differences(const struct rooms *rooms, const struct room *room, const struct roomstate *before,
    const struct roomstate *after, struct buffer *lines)
{
	struct roomevent events[ROOMEVENTS_MAX];
	size_t count = roomevents_list(before, after, events);
	const struct roomstate *fork = before ? roomtree_fork(room->tree, before, after) : NULL;
	int rc = 0;

	for (size_t i = 0; i < count && rc == 0; i++) {
		const struct roomevent *event = &events[i];
		const uint8_t *who = event->who ? event->who->identity : before ? NULL : rooms->own->public;
		bool is_gone = event->event == CHATLOG_LEFT || event->event == CHATLOG_REMOVED;
		/* Who was let in beside what goes on did not go away. */
		bool fell = event->event == CHATLOG_LEFT && event->who->since > fork->n;

		rc = add_event(rooms, room, fell ? CHATLOG_REMOVED : event->event, after, is_gone ? before : after, who,
		    event->value[0] ? event->value : NULL, lines);
	}
	return rc;
}

/* Appends the lines for those who signed twice, among the states from an index on. */
static int add_twins(const struct rooms *rooms, const struct room *room, size_t from, struct buffer *lines)
{
	int rc = 0;

	for (size_t i = from; i < roomtree_count(room->tree) && rc == 0; i++) {
		const struct roomstate *state = roomtree_at(room->tree, i);

		if (roomtree_twin(room->tree, state))
			rc = add_event(rooms, room, CHATLOG_TWICE, state, roomtree_before(room->tree, state), state->by,
			    NULL, lines);
	}
	return rc;
}

/* Appends the lines for what the user did that was in the past of the head before, and does not count any more. */
static int add_fallen(const struct rooms *rooms, const struct room *room, const struct roomstate *before,
    struct buffer *lines)
{
	const struct roomtree *tree = room->tree;
	int rc = 0;

	for (size_t i = 1; i < roomtree_count(tree) && rc == 0; i++) {
		const struct roomstate *act = roomtree_at(tree, i);
		struct roomevent events[ROOMEVENTS_MAX];

		if (memcmp(act->by, rooms->own->public, IDENTITY_BYTES) != 0 || !roomtree_is_past(tree, act, before) ||
		    !roomredo_is_fallen(tree, act) || roomevents_list(roomtree_before(tree, act), act, events) == 0)
			continue;
		rc = add_event(rooms, room, CHATLOG_FELL, act, act, events[0].who ? events[0].who->identity : NULL,
		    chatlog_event_word(events[0].event), lines);
	}
	return rc;
}

/* Appends the line of a state, and further lines with it, to chat.log. */
static int log_state(struct rooms *rooms, struct room *room, const struct roomstate *state, int64_t before,
    const struct room_recipients *to, const struct buffer *further)
{
	const uint8_t *key = room_key(room, state->id), *own = rooms->own->public;
	/* A held room that the user leaves is rejected; one that others take the user out of is not. */
	bool is_removal =
	    room->is_member && roomstate_find_member(state, own) < 0 && memcmp(state->by, own, IDENTITY_BYTES) != 0;
	struct chatlog_entry entry = {
	    .kind = CHATLOG_ROOM,
	    .time_ms = clock_wall_ms(),
	    .has_id = true,
	    .has_room = true,
	    .signed_text = state->text,
	    .to = to && to->count > 0 ? to->list : NULL,
	    .to_count = to ? to->count : 0,
	    .has_key = key != NULL,
	    .held = room->is_held && !is_removal,
	    .before = before,
	};
	struct buffer lines = {0};
	int rc;

	memcpy(entry.id, state->id, sizeof(entry.id));
	memcpy(entry.room, room->id, sizeof(entry.room));
	if (key)
		memcpy(entry.key, key, sizeof(entry.key));
	rc = chatlog_format(&lines, &entry);
	if (rc == 0 && further)
		rc = buffer_append(&lines, further->data, further->len);
	/* One sync is enough for all that comes before it. */
	if (rc == 0)
		rc = chatlog_append(rooms->log, lines.data, lines.len, further ? CHATLOG_DURABLE : 0);
	if (rc == 0)
		room->line = chatlog_appended(rooms->log);
	sodium_memzero(entry.key, sizeof(entry.key));
	buffer_wipe(&lines);
	return rc;
}

/* The tree has what was not logged. */
static void give_up(struct room *room)
{
	room_unload(room);
	room->is_stale = room->line >= 0;
}

/*
 * Logs the states of the tree from an index on, for these recipients, with what happened by them since a head, which is NULL
 * if the room begins; then that is its head. If that fails, the tree is given up.
 */
static int log_states(struct rooms *rooms, struct room *room, size_t from, const struct roomstate *before,
    const struct room_recipients *to)
{
	size_t count = roomtree_count(room->tree);
	const struct roomstate *head = roomtree_head(room->tree);
	struct buffer events = {0};
	int rc = 0;

	/* In a file that has none of its states, those that follow are of no use without this one. */
	if (before && room->line < 0)
		rc = log_state(rooms, room, before, -1, NULL, NULL);
	if (rc == 0 && (!before || memcmp(before->id, head->id, sizeof(head->id)) != 0))
		rc = add_differences(rooms, room, before, head, &events);
	if (rc == 0)
		rc = add_twins(rooms, room, from, &events);
	if (rc == 0 && before && !roomtree_is_past(room->tree, before, head))
		rc = add_fallen(rooms, room, before, &events);
	for (size_t i = from; i < count && rc == 0; i++)
		rc = log_state(rooms, room, roomtree_at(room->tree, i), before || i > 0 ? room->line : -1, to,
		    i == count - 1 ? &events : NULL);
	buffer_free(&events);
	if (rc == 0)
		room_set_head(rooms, room, head);
	else
		give_up(room);
	return rc;
}

/* Signs a draft with a new key; EINVAL if it is beyond the limits. */
static int sign(const struct rooms *rooms, const struct roomdraft *draft, uint8_t key[static ROOM_KEY_BYTES],
    struct roomstate **state)
{
	int rc;

	randombytes_buf(key, ROOM_KEY_BYTES);
	rc = roomdraft_sign(draft, rooms->own, key, clock_wall_ms(), state);
	return rc == EBADMSG ? EINVAL : rc;
}

/* Begins a room that is new here with a state, or begins it anew; *room is NULL if it is new. */
static int begin_room(struct rooms *rooms, struct room **room, struct roomstate *state, const uint8_t *key,
    const struct room_recipients *to, bool is_held)
{
	struct roomtree *tree = roomtree_new(state, clock_wall_ms());
	bool is_new = !*room;
	int rc;

	if (tree && is_new)
		*room = rooms_add(rooms, state);
	if (!tree || !*room) {
		roomtree_free(tree);
		return tree ? EUSERS : ENOMEM;
	}
	for (struct room *other = NULL; (other = rooms_next(rooms, other));)
		room_unload(other);
	(*room)->tree = tree;
	(*room)->is_held = is_held;
	(*room)->is_apart = false;
	rc = room_add_key(*room, state, key);
	if (rc == 0)
		rc = log_states(rooms, *room, 0, NULL, to);
	else
		give_up(*room);
	if (rc != 0 && is_new) {
		rooms_drop(rooms, *room);
		*room = NULL;
	}
	return rc;
}

int roomacts_create(struct rooms *rooms, const char *name, int (*edit)(struct roomdraft *draft, void *context),
    void *context, struct room **room)
{
	struct roomdraft *draft = malloc(sizeof(*draft));
	const char *username = peersfile_username(rooms->file);
	struct roomstate *state = NULL;
	uint8_t key[ROOM_KEY_BYTES];
	struct room *made = NULL;
	int rc;

	if (!draft)
		return ENOMEM;
	roomdraft_begin_room(draft, rooms->own->public, username ? username : "unknown", name);
	rc = edit ? edit(draft, context) : 0;
	if (rc == 0)
		rc = sign(rooms, draft, key, &state);
	if (rc == 0)
		rc = rooms_begin(rooms);
	if (rc == 0)
		rc = rooms_end(rooms, begin_room(rooms, &made, state, key, NULL, false));
	if (rc == 0)
		*room = made;
	roomstate_release(state);
	sodium_memzero(key, sizeof(key));
	free(draft);
	return rc;
}

/* Makes the next state of a room whose tree is loaded, by the rules. */
static int make_next(struct rooms *rooms, struct room *room,
    int (*edit)(const struct room *room, struct roomdraft *draft, void *context), void *context,
    struct roomstate **state, const char **why)
{
	struct roomdraft *draft = malloc(sizeof(*draft));
	uint8_t key[ROOM_KEY_BYTES];
	enum roomrule rule = ROOMRULE_NONE;
	int rc;

	if (!draft)
		return ENOMEM;
	roomdraft_begin(draft, room->head, rooms->own->public);
	rc = edit(room, draft, context);
	if (rc == 0 && roomtree_judge(room->tree, &draft->state, &rule) != ROOMTREE_TAKEN) {
		*why = rule == ROOMRULE_NONE ? "too much has happened in the room" : roomrule_words(rule);
		rc = EPERM;
	}
	if (rc == 0)
		rc = sign(rooms, draft, key, state);
	if (rc == 0 && (rc = room_add_key(room, *state, key)) != 0)
		roomstate_release(*state);
	sodium_memzero(key, sizeof(key));
	free(draft);
	return rc;
}

static int change(struct rooms *rooms, struct room *room,
    int (*edit)(const struct room *room, struct roomdraft *draft, void *context), void *context, const char **why)
{
	struct room_recipients to = {0};
	struct roomstate *state, *before = NULL;
	enum roomrule rule;
	size_t from;
	int rc = rooms_load(rooms, room);

	if (rc == 0)
		rc = make_next(rooms, room, edit, context, &state, why);
	if (rc != 0)
		return rc;
	before = roomstate_hold(room->head);
	from = roomtree_count(room->tree);
	room_add_recipients(rooms, &to, before, NULL);
	room_add_recipients(rooms, &to, state, NULL);
	if (roomtree_add(room->tree, state, clock_wall_ms(), &rule) == ROOMTREE_TAKEN)
		rc = log_states(rooms, room, from, before, &to);
	else
		rc = ENOMEM;
	roomstate_release(before);
	roomstate_release(state);
	return rc;
}

int roomacts_change(struct rooms *rooms, struct room *room,
    int (*edit)(const struct room *room, struct roomdraft *draft, void *context), void *context, const char **why)
{
	int rc = rooms_begin_in(rooms, &room);

	return rc ? rc : rooms_end(rooms, change(rooms, room, edit, context, why));
}

static size_t count_held(const struct rooms *rooms)
{
	size_t held = 0;

	for (const struct room *room = NULL; (room = rooms_next(rooms, room));)
		held += room->is_held && room->is_member;
	return held;
}

/* Who has joined hands a state on to the members but the one who let them in. */
static void add_others(const struct rooms *rooms, struct room_recipients *to, const struct roomstate *state,
    enum roomacts_source source)
{
	if (source == ROOMACTS_JOINED)
		room_add_recipients(rooms, to, state, state->by);
}

/* Takes a room that is new here, or begins anew. */
static int take_root(struct rooms *rooms, struct room *room, struct roomstate *state, struct roomacts_offer *offer,
    enum roomacts_source source)
{
	struct room_recipients to = {0};
	int rc;

	/* Nobody could leave one with a higher number. */
	if (!offer->key || state->n > ROOM_NUMBER_MAX / 2)
		return 0;
	add_others(rooms, &to, state, source);
	rc = begin_room(rooms, &room, state, offer->key, &to, source == ROOMACTS_TOLD_BY_STRANGER);
	offer->verdict = rc == EUSERS ? ROOMTREE_FULL : ROOMTREE_TAKEN;
	return rc == EUSERS ? 0 : rc;
}

/* Tells that somebody has states which follow nothing that is known here. */
static int tell_apart(struct rooms *rooms, struct room *room, const uint8_t *who)
{
	char by[USERNAME_MAX_BYTES + 1];
	struct chatlog_entry entry = {
	    .kind = CHATLOG_EVENT, .time_ms = clock_wall_ms(), .has_room = true, .event = CHATLOG_APART, .by = by};
	struct buffer line = {0};
	int rc;

	memcpy(entry.room, room->id, sizeof(entry.room));
	rooms_name(rooms, room->head, who, by);
	rc = chatlog_format(&line, &entry);
	if (rc == 0)
		rc = chatlog_append(rooms->log, line.data, line.len, 0);
	room->is_apart = true;
	buffer_free(&line);
	return rc;
}

int roomacts_tell_apart(struct rooms *rooms, struct room *room, const uint8_t member[static IDENTITY_BYTES])
{
	int rc = room->is_apart ? EALREADY : rooms_begin_in(rooms, &room);

	if (rc != 0)
		return rc == EALREADY ? 0 : rc;
	return rooms_end(rooms, tell_apart(rooms, room, member));
}

/* Whether the user is to be told of a state that follows nothing that is known here. */
static bool is_news(const struct room *room, const struct roomstate *state)
{
	const struct roomstate *root = roomtree_at(room->tree, 0);

	/* What is older may be known no more, and be in the past all the same. Anybody can sign something. */
	return !room->is_apart && state->n == root->n &&
	       (roomstate_find_member(root, state->by) >= 0 || roomstate_find_member(room->head, state->by) >= 0);
}

/* Adds a state to the room that it is of. */
static int take_next(struct rooms *rooms, struct room *room, struct roomstate *state, struct roomacts_offer *offer,
    enum roomacts_source source)
{
	struct roomstate *before = roomstate_hold(room->head);
	bool had_key = room_key(room, before->id);
	size_t from = roomtree_count(room->tree);
	enum roomrule rule;
	struct room_recipients to = {0};
	int rc = 0;

	add_others(rooms, &to, state, source);
	offer->verdict = roomtree_add(room->tree, state, clock_wall_ms(), &rule);
	/* Somebody may have handed it over without the key before. */
	if (offer->verdict == ROOMTREE_TAKEN || offer->verdict == ROOMTREE_WAITS || offer->verdict == ROOMTREE_KNOWN)
		rc = room_add_key(room, state, offer->key);
	if (!had_key && room_key(room, before->id))
		room->written_line = -1;
	if (rc != 0)
		give_up(room);
	else if (offer->verdict == ROOMTREE_TAKEN)
		rc = log_states(rooms, room, from, before, &to);
	else if (offer->verdict == ROOMTREE_APART && is_news(room, state))
		rc = tell_apart(rooms, room, state->by);
	roomstate_release(before);
	return rc;
}

/* Judges a state of a room, which is NULL if it is unknown, and takes it. */
static int take_by_rules(struct rooms *rooms, struct room *room, struct roomstate *state, struct roomacts_offer *offer,
    enum roomacts_source source)
{
	int place = roomstate_find_member(state, rooms->own->public);
	enum roomtree_verdict verdict;
	uint8_t secret[ROOM_KEY_BYTES];
	enum roomrule rule;
	int rc = room ? rooms_load(rooms, room) : 0;

	if (rc != 0)
		return rc;
	if (offer->key)
		roomstate_secret(offer->key, secret);
	if ((offer->key && memcmp(secret, state->secret, sizeof(secret)) != 0) || (!room && place < 0))
		return 0;
	verdict = room ? roomtree_judge(room->tree, state, &rule) : ROOMTREE_APART;
	/* States of a membership that has ended bring nobody back. */
	if ((verdict == ROOMTREE_APART || verdict == ROOMTREE_WAITS) && place >= 0 &&
	    (!room || source == ROOMACTS_JOINED || source == ROOMACTS_INVITED ||
		(!room->is_member && state->members[place].since > room->head->n)))
		return take_root(rooms, room, state, offer, source);
	return take_next(rooms, room, state, offer, source);
}

static int take_state(struct rooms *rooms, struct roomstate *state, struct roomacts_offer *offer,
    enum roomacts_source source)
{
	struct room *room = rooms_find(rooms, state->room);
	bool was_in = room && room->is_member, is_rejected = room && room->is_held && !room->is_member;
	int rc;

	/* The user may have accepted it meanwhile. */
	if (source == ROOMACTS_INVITED && !(room && room->is_held))
		source = ROOMACTS_TOLD;
	if (!was_in && source == ROOMACTS_ANSWERED)
		return 0;
	if (!was_in && source == ROOMACTS_TOLD_BY_STRANGER && count_held(rooms) >= ROOMACTS_HELD_MAX) {
		offer->verdict = ROOMTREE_FULL;
		return 0;
	}
	/* Of a room that the user is let into again, which stands in the line of that. */
	if (room && !was_in && roomstate_find_member(state, rooms->own->public) >= 0)
		room->is_held = source == ROOMACTS_TOLD_BY_STRANGER;
	rc = take_by_rules(rooms, room, state, offer, source);
	room = rooms_find(rooms, state->room);
	if (room && !room->is_member)
		room->is_held = is_rejected;
	/* Who asks to be let in, or is by somebody known, need not decide about a room into which a stranger puts them. */
	if (room && room->is_held && room->is_member && (source == ROOMACTS_JOINED || source == ROOMACTS_INVITED) &&
	    (offer->verdict == ROOMTREE_TAKEN || offer->verdict == ROOMTREE_KNOWN))
		room->is_held = was_in = false;
	/* So that it is written. */
	if (room && room->is_member && !was_in)
		room->written_line = -1;
	return rc;
}

bool roomacts_is_newcomer(struct rooms *rooms, struct room *room)
{
	const struct roomstate *root =
	    room->is_member && rooms_load(rooms, room) == 0 ? roomtree_at(room->tree, 0) : NULL;
	int place = root ? roomstate_find_member(root, rooms->own->public) : -1;

	return place >= 0 && root->n > 0 && root->members[place].since == root->n;
}

/*
 * Begins a room anew if the state with which it began here fell away: states from before that show it, each of which is named
 * by the one after it. What is in the past of the new beginning, or beside it, is taken from the list.
 */
static int begin_anew(struct rooms *rooms, struct roomstate **states, const struct roomacts_offer *offers, size_t count)
{
	struct room *room = count > 0 && states[0] ? rooms_find(rooms, states[0]->room) : NULL;
	const struct roomstate *first = NULL, *root, *head;
	struct roomtree *tree;
	enum roomrule rule;
	int rc = 0;

	if (!room || !roomacts_is_newcomer(rooms, room) || states[0]->n >= (root = roomtree_at(room->tree, 0))->n)
		return 0;
	tree = roomtree_new(states[0], clock_wall_ms());
	if (!tree)
		return ENOMEM;
	for (size_t i = 1; i < count; i++) {
		if (states[i])
			roomtree_add(tree, states[i], clock_wall_ms(), &rule);
	}
	for (size_t i = 0; i < roomtree_count(room->tree); i++)
		roomtree_add(tree, (struct roomstate *)(uintptr_t)roomtree_at(room->tree, i), clock_wall_ms(), &rule);
	head = roomtree_head(tree);
	if (roomtree_find(tree, root->id) && !roomtree_is_past(tree, root, head))
		first = roomtree_find_beginning(tree, head, rooms->own->public);
	for (size_t i = 0; i < count && first; i++) {
		const struct roomstate *state = states[i] ? roomtree_find(tree, states[i]->id) : NULL;

		if (state == first && offers[i].key)
			rc = begin_room(rooms, &room, states[i], offers[i].key, NULL, false);
		if (state && (state == first || !roomtree_is_past(tree, first, state))) {
			roomstate_release(states[i]);
			states[i] = NULL;
		}
	}
	roomtree_free(tree);
	return rc;
}

int roomacts_take(struct rooms *rooms, struct roomacts_offer *offers, size_t count, enum roomacts_source source)
{
	struct roomstate **states = calloc(count + 1, sizeof(*states));
	int rc = states ? 0 : ENOMEM;

	for (size_t i = 0; i < count && rc == 0; i++) {
		offers[i].verdict = ROOMTREE_REFUSED;
		if (roomstate_parse(&offers[i].text, &states[i]) == ENOMEM)
			rc = ENOMEM;
	}
	if (rc == 0)
		rc = rooms_begin(rooms);
	if (rc == 0) {
		rc = source == ROOMACTS_ANSWERED ? begin_anew(rooms, states, offers, count) : 0;
		for (size_t i = 0; i < count && rc == 0; i++) {
			if (states[i])
				rc = take_state(rooms, states[i], &offers[i], source);
		}
		rc = rooms_end(rooms, rc);
	}
	for (size_t i = 0; i < count && states; i++)
		roomstate_release(states[i]);
	free(states);
	return rc;
}
