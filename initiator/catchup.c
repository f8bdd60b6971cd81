#include "catchup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "patience.h"
#include "room/roomacts.h"
#include "room/roomredo.h"

/* So much later a second one is asked of those who were there at the beginning: one alone could hide something. */
#define SECOND_MS 60000

/* A member of a room. */
struct companion {
	uint8_t identity[IDENTITY_BYTES];
	bool is_admin;
	bool is_new; /* was let in just now, and knows nothing else */
	/* What was announced when that was looked at last. */
	bool is_present;
	struct in_addr address;
	int64_t since_s, back_s;
	bool is_wanted; /* to be asked */
	bool is_first;	/* was there when this program began: two of those are enough */
	bool is_asked;	/* now */
	struct patience patience;
};

struct watched_room {
	uint8_t id[ROOM_ID_BYTES];
	uint8_t head[ROOMSTATE_ID_BYTES];
	int64_t changed_ms; /* monotonic: when the head was another for the last time */
	int64_t redo_ms;    /* when to look what is to be done again; INT64_MAX for not before the head changes */
	bool is_begun;	    /* its members were looked at */
	bool is_heard;	    /* somebody was asked, since there was somebody to ask */
	bool is_there;
	struct companion *companions; /* as in the head */
	size_t count;
	LIST_ENTRY(watched_room) others;
};

struct catchup {
	LIST_HEAD(watched_list, watched_room) rooms;
	size_t visits;
};

struct catchup *catchup_new(void)
{
	struct catchup *catchup = calloc(1, sizeof(*catchup));

	if (catchup)
		LIST_INIT(&catchup->rooms);
	return catchup;
}

static void forget(struct catchup *catchup, struct watched_room *room)
{
	for (size_t i = 0; i < room->count; i++)
		catchup->visits -= room->companions[i].is_asked;
	LIST_REMOVE(room, others);
	free(room->companions);
	free(room);
}

void catchup_free(struct catchup *catchup)
{
	while (catchup && !LIST_EMPTY(&catchup->rooms))
		forget(catchup, LIST_FIRST(&catchup->rooms));
	free(catchup);
}

static struct watched_room *find(const struct catchup *catchup, const uint8_t *id)
{
	struct watched_room *room = LIST_FIRST(&catchup->rooms);

	while (room && memcmp(room->id, id, sizeof(room->id)) != 0)
		room = LIST_NEXT(room, others);
	return room;
}

static struct companion *find_companion(const struct watched_room *room, const uint8_t *identity)
{
	for (size_t i = 0; i < room->count; i++) {
		if (memcmp(room->companions[i].identity, identity, IDENTITY_BYTES) == 0)
			return &room->companions[i];
	}
	return NULL;
}

/* The head is another: takes over who is in. */
static bool take_head(struct catchup *catchup, struct watched_room *room, const struct roomstate *head, int64_t now_ms)
{
	struct companion *companions = calloc(head->member_count + 1, sizeof(*companions));
	struct watched_room before = *room;

	if (!companions)
		return false;
	for (size_t i = 0; i < head->member_count; i++) {
		struct companion *old = find_companion(&before, head->members[i].identity);

		if (old) {
			companions[i] = *old;
			old->is_asked = false;
		}
		companions[i].is_new = !old && room->is_begun;
		memcpy(companions[i].identity, head->members[i].identity, IDENTITY_BYTES);
		companions[i].is_admin = roomstate_is_admin(head, (int)i);
	}
	for (size_t i = 0; i < before.count; i++)
		catchup->visits -= before.companions[i].is_asked;
	free(before.companions);
	room->companions = companions;
	room->count = head->member_count;
	memcpy(room->head, head->id, sizeof(room->head));
	room->changed_ms = room->redo_ms = now_ms;
	return true;
}

/* The claim of an identity that was heard last. */
static const struct peer *find_claim(const struct peers *peers, const uint8_t *identity)
{
	const struct peer *latest = NULL;

	for (const struct peer *peer = NULL; (peer = peers_next_of(peers, identity, peer));) {
		if (!latest || peer->last_seen_ms > latest->last_seen_ms)
			latest = peer;
	}
	return latest;
}

/* Notes what somebody announces. Returns whether they have come back. */
static bool look_at(struct companion *companion, const struct peer *claim, int64_t wall_ms)
{
	bool was_present = companion->is_present;
	bool is_back;

	companion->is_present = claim && !claim->left && peer_silence_ms(claim, wall_ms) <= PEERS_BACK_MS;
	if (!companion->is_present)
		return false;
	is_back = !was_present || claim->address.s_addr != companion->address.s_addr ||
		  claim->since_s != companion->since_s || claim->back_s != companion->back_s;
	companion->address = claim->address;
	companion->since_s = claim->since_s;
	companion->back_s = claim->back_s;
	return is_back;
}

static bool is_waited_for(const struct watched_room *room)
{
	for (size_t i = 0; i < room->count; i++) {
		if (room->companions[i].is_asked || (room->companions[i].is_wanted && room->companions[i].is_present))
			return true;
	}
	return false;
}

static void look_at_all(struct watched_room *room, const struct peers *peers, const uint8_t *own, int64_t wall_ms)
{
	bool was_waited_for = is_waited_for(room);

	for (size_t i = 0; i < room->count; i++) {
		struct companion *companion = &room->companions[i];

		if (memcmp(companion->identity, own, IDENTITY_BYTES) == 0 ||
		    !look_at(companion, find_claim(peers, companion->identity), wall_ms) || companion->is_new) {
			companion->is_new = false;
			continue;
		}
		companion->is_wanted = true;
		companion->is_first = !room->is_begun;
		companion->patience = (struct patience){0};
	}
	room->is_begun = true;
	if (!was_waited_for)
		room->is_heard = false;
}

void catchup_look(struct catchup *catchup, const struct rooms *rooms, const struct peers *peers,
    const uint8_t own[static IDENTITY_BYTES], int64_t wall_ms, int64_t monotonic_ms)
{
	struct watched_room *watched, *next;

	for (watched = LIST_FIRST(&catchup->rooms); watched; watched = LIST_NEXT(watched, others))
		watched->is_there = false;
	for (const struct room *room = NULL; (room = rooms_next(rooms, room));) {
		if (!room->is_member || room->is_held)
			continue;
		watched = find(catchup, room->id);
		if (!watched && (watched = calloc(1, sizeof(*watched)))) {
			memcpy(watched->id, room->id, sizeof(watched->id));
			LIST_INSERT_HEAD(&catchup->rooms, watched, others);
		}
		if (!watched)
			return;
		watched->is_there = true;
		if (memcmp(watched->head, room->head->id, sizeof(watched->head)) == 0 ||
		    take_head(catchup, watched, room->head, monotonic_ms))
			look_at_all(watched, peers, own, wall_ms);
	}
	for (watched = LIST_FIRST(&catchup->rooms); watched; watched = next) {
		next = LIST_NEXT(watched, others);
		if (!watched->is_there)
			forget(catchup, watched);
	}
}

/* Whether somebody is asked now, in whatever room. */
static bool is_asked(const struct catchup *catchup, const uint8_t *identity)
{
	const struct watched_room *room;
	const struct companion *companion;

	for (room = LIST_FIRST(&catchup->rooms); room; room = LIST_NEXT(room, others)) {
		companion = find_companion(room, identity);
		if (companion && companion->is_asked)
			return true;
	}
	return false;
}

/* Whoever is to be asked next in a room: admins come before others, and who is in for longer. NULL if there is nobody now. */
static struct companion *choose(const struct watched_room *room, int64_t now_ms)
{
	struct companion *other = NULL;

	for (size_t i = 0; i < room->count; i++) {
		struct companion *companion = &room->companions[i];

		if (companion->is_asked)
			return NULL;
		if (!companion->is_wanted || !companion->is_present || companion->patience.due_ms > now_ms)
			continue;
		if (companion->is_admin)
			return companion;
		if (!other)
			other = companion;
	}
	return other;
}

bool catchup_next(struct catchup *catchup, int64_t monotonic_ms, uint8_t room[static ROOM_ID_BYTES],
    uint8_t identity[static IDENTITY_BYTES])
{
	struct watched_room *watched;

	if (catchup->visits == CATCHUP_VISITS_MAX)
		return false;
	for (watched = LIST_FIRST(&catchup->rooms); watched; watched = LIST_NEXT(watched, others)) {
		struct companion *companion = choose(watched, monotonic_ms);

		if (!companion || is_asked(catchup, companion->identity))
			continue;
		companion->is_asked = true;
		catchup->visits++;
		memcpy(room, watched->id, ROOM_ID_BYTES);
		memcpy(identity, companion->identity, IDENTITY_BYTES);
		return true;
	}
	return false;
}

/* One of those who were there all the time has answered: the others know the same. */
static void want_second(struct watched_room *room, int64_t now_ms)
{
	struct companion *second = choose(room, now_ms);

	for (size_t i = 0; i < room->count; i++)
		room->companions[i].is_wanted &= !room->companions[i].is_first;
	if (second && second->is_first) {
		second->is_wanted = true;
		second->is_first = false;
		second->patience.due_ms = now_ms + SECOND_MS;
	}
}

void catchup_end(struct catchup *catchup, const uint8_t identity[static IDENTITY_BYTES], enum envelope_status status,
    int64_t monotonic_ms)
{
	struct watched_room *room;

	for (room = LIST_FIRST(&catchup->rooms); room; room = LIST_NEXT(room, others)) {
		struct companion *asked = find_companion(room, identity);

		if (!asked || !asked->is_asked)
			continue;
		asked->is_asked = false;
		catchup->visits--;
		room->is_heard = true;
		if (status == ENVELOPE_NOT_NOW) {
			patience_fail(&asked->patience, monotonic_ms);
			return;
		}
		asked->is_wanted = false;
		if (status == ENVELOPE_DONE && asked->is_first)
			want_second(room, monotonic_ms);
		return;
	}
}

void catchup_want(struct catchup *catchup, const uint8_t room[static ROOM_ID_BYTES],
    const uint8_t identity[static IDENTITY_BYTES])
{
	struct watched_room *watched = find(catchup, room);
	struct companion *companion = watched ? find_companion(watched, identity) : NULL;

	if (companion) {
		companion->is_wanted = companion->is_present = true;
		companion->is_first = false;
		companion->patience = (struct patience){0};
	}
}

bool catchup_is_behind(const struct catchup *catchup, const uint8_t room[static ROOM_ID_BYTES])
{
	const struct watched_room *watched = find(catchup, room);

	return watched && !watched->is_heard && is_waited_for(watched);
}

/* What to do again in a room, if anything. */
static int find_redo(const struct room *room, struct roomdraft *draft, void *context)
{
	const struct identity *own = context;
	struct roomredo redo;

	return roomredo_next(room->tree, own->public, draft, &redo) ? 0 : ECANCELED;
}

static bool redo_in(struct watched_room *watched, struct rooms *rooms, const struct identity *own, int64_t now_ms)
{
	struct room *room = rooms_find(rooms, watched->id);
	struct roomdraft *draft = malloc(sizeof(*draft));
	struct roomredo redo;
	const char *why;
	int64_t due_ms = INT64_MAX;
	bool is_done = false;

	if (room && draft && rooms_load(rooms, room) == 0 && roomredo_next(room->tree, own->public, draft, &redo)) {
		due_ms = watched->changed_ms + INT64_C(1000) * ROOMREDO_TURN_S * redo.turn;
		is_done =
		    due_ms <= now_ms && roomacts_change(rooms, room, find_redo, (void *)(uintptr_t)own, &why) == 0;
		/* It could not be written, or not any more be done. */
		if (!is_done && due_ms <= now_ms)
			due_ms = now_ms + INT64_C(1000) * ROOMREDO_TURN_S;
	}
	watched->redo_ms = due_ms;
	free(draft);
	return is_done;
}

bool catchup_redo(struct catchup *catchup, struct rooms *rooms, const struct identity *own, int64_t monotonic_ms)
{
	struct watched_room *room;
	bool is_done = false;

	for (room = LIST_FIRST(&catchup->rooms); room; room = LIST_NEXT(room, others)) {
		if (room->redo_ms <= monotonic_ms)
			is_done |= redo_in(room, rooms, own, monotonic_ms);
	}
	return is_done;
}

/* When somebody is to be asked in a room. */
static int64_t question_due(const struct watched_room *room)
{
	int64_t due_ms = INT64_MAX;

	for (size_t i = 0; i < room->count; i++) {
		const struct companion *companion = &room->companions[i];

		if (companion->is_asked)
			return INT64_MAX;
		if (companion->is_wanted && companion->is_present && companion->patience.due_ms < due_ms)
			due_ms = companion->patience.due_ms;
	}
	return due_ms;
}

int64_t catchup_due(const struct catchup *catchup)
{
	const struct watched_room *room;
	int64_t due_ms = INT64_MAX;

	for (room = LIST_FIRST(&catchup->rooms); room; room = LIST_NEXT(room, others)) {
		int64_t question_ms = question_due(room),
			room_ms = room->redo_ms < question_ms ? room->redo_ms : question_ms;

		due_ms = room_ms < due_ms ? room_ms : due_ms;
	}
	return due_ms;
}
