#include "errand.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "room/ask.h"
#include "room/roomacts.h"
#include "room/roomtalk.h"

/* Of what the other side lacks here, or gives, so much is taken in one session. */
#define ANSWERS_MAX ROOMTREE_STATES_MAX
/* So many states are judged and written at once. */
#define BATCH 64
/* So often the user asks to be let into a room again. */
#define ASKS_IN_MAX 3

/* A state to give, or that was given. */
struct errand_state {
	json_t *record; /* or the answer that it is in */
	struct signedtext text;
	bool has_key;
	uint8_t key[ROOM_KEY_BYTES];
};

static struct errand_state *state_at(const struct errand *errand, size_t index)
{
	return (struct errand_state *)errand->states.data + index;
}

static size_t count_states(const struct errand *errand)
{
	return errand->states.len / sizeof(struct errand_state);
}

static void forget_states(struct errand *errand)
{
	for (size_t i = 0; i < count_states(errand); i++)
		json_decref(state_at(errand, i)->record);
	buffer_wipe(&errand->states);
	errand->given = 0;
}

void errand_end(struct errand *errand)
{
	forget_states(errand);
	buffer_free(&errand->known);
	json_decref(errand->record);
	sodium_memzero(errand, sizeof(*errand));
}

/* Whether the other side is a member of the state that was queued, and may have its key. */
static bool is_for(const struct errand *errand, const struct chatlog_entry *entry)
{
	struct roomstate *state;
	bool is_member;

	if (!entry->has_key || roomstate_read(&entry->signed_text, &state) != 0)
		return false;
	is_member = roomstate_find_member(state, errand->to) >= 0;
	roomstate_release(state);
	return is_member;
}

int errand_begin(struct errand *errand, struct rooms *rooms, const struct chatlog_entry *entry,
    const uint8_t room[static ROOM_ID_BYTES], const uint8_t to[static IDENTITY_BYTES], struct in_addr address)
{
	*errand = (struct errand){.step = entry ? ERRAND_TELL : ERRAND_ASK_STATES, .rooms = rooms, .address = address};
	memcpy(errand->to, to, sizeof(errand->to));
	memcpy(errand->room, room, sizeof(errand->room));
	if (!entry)
		return 0;
	errand->is_saying = entry->kind == CHATLOG_MESSAGE;
	errand->has_key = !errand->is_saying && is_for(errand, entry);
	if (errand->has_key)
		memcpy(errand->key, entry->key, sizeof(errand->key));
	errand->record = signedtext_to_json(&entry->signed_text);
	return errand->record ? 0 : ENOMEM;
}

/* The saying under the key that all members have now. */
static int seal(struct errand *errand, struct ask *ask, struct buffer *sealed, const char **why)
{
	const struct room *room = rooms_find(errand->rooms, errand->room);
	const uint8_t *key;

	*why = !room || !room->is_member			   ? "you are not in the room any more"
	       : roomstate_find_member(room->head, errand->to) < 0 ? "not in the room any more"
								   : NULL;
	if (*why)
		return EPERM;
	key = room_key(room, room->head->id);
	if (!key)
		return ENOKEY;
	ask->kind = ASK_SAYING;
	memcpy(ask->head, room->head->id, sizeof(ask->head));
	return saying_seal(errand->record, key, sealed);
}

static void put_state(struct ask *ask, const struct signedtext *text, const uint8_t *key)
{
	ask->kind = ASK_STATE;
	ask->state = *text;
	ask->has_key = key != NULL;
	if (key)
		memcpy(ask->key, key, sizeof(ask->key));
}

static int add_known(struct errand *errand, const uint8_t *id)
{
	return buffer_append(&errand->known, id, ASK_KNOWN_BYTES);
}

/* Names what is known here of states, or of sayings. */
static int put_known(struct errand *errand, struct ask *ask)
{
	bool is_states = errand->step == ERRAND_ASK_STATES;
	struct room *room = rooms_find(errand->rooms, errand->room);
	int rc = 0;

	if (!room)
		return ENOENT;
	if (errand->known.len == 0 && is_states) {
		rc = rooms_load(errand->rooms, room);
		for (size_t i = 0; rc == 0 && i < roomtree_count(room->tree); i++) {
			const struct roomstate *state = roomtree_at(room->tree, i);

			/* A head that came without its key is asked for again. */
			if (state != room->head || room_key(room, state->id))
				rc = add_known(errand, state->id);
		}
	}
	if (!is_states) {
		buffer_free(&errand->known);
		rc = rooms_load_sayings(errand->rooms);
		room = rooms_find(errand->rooms, errand->room);
		for (size_t i = 0; rc == 0 && room && i < room->saying_count; i++)
			rc = add_known(errand, room->sayings[i].id);
	}
	ask->kind = is_states ? ASK_STATES : ASK_SAYINGS;
	ask->known = (uint8_t(*)[ASK_KNOWN_BYTES])errand->known.data;
	ask->known_count = errand->known.len / ASK_KNOWN_BYTES;
	return rc;
}

int errand_next(struct errand *errand, json_t **body, const char **why)
{
	struct ask ask = {0};
	struct buffer sealed = {0};
	struct signedtext text;
	int rc = 0;

	memcpy(ask.room, errand->room, sizeof(ask.room));
	if (errand->step == ERRAND_TELL && errand->is_saying) {
		rc = seal(errand, &ask, &sealed, why);
		ask.sealed = sealed.data;
		ask.sealed_len = sealed.len;
	} else if (errand->step == ERRAND_TELL) {
		if (signedtext_of_json(errand->record, &text))
			put_state(&ask, &text, errand->has_key ? errand->key : NULL);
	} else if (errand->step == ERRAND_GIVE) {
		const struct errand_state *state = state_at(errand, errand->given);

		put_state(&ask, &state->text, state->has_key ? state->key : NULL);
	} else if (errand->step == ERRAND_ASK_IN) {
		ask.kind = ASK_JOIN;
	} else {
		rc = put_known(errand, &ask);
	}
	if (rc == 0) {
		*body = ask_format(&ask);
		rc = *body ? 0 : ENOMEM;
	}
	sodium_memzero(ask.key, sizeof(ask.key));
	buffer_free(&sealed);
	return rc;
}

/* Has a state given to the other side, with its key if it is a member. */
static int add_gift(struct errand *errand, const struct room *room, const struct roomstate *state)
{
	const uint8_t *key = roomstate_find_member(state, errand->to) >= 0 ? room_key(room, state->id) : NULL;
	struct errand_state gift = {.record = signedtext_to_json(&state->text), .has_key = key != NULL};
	int rc;

	if (!gift.record || !signedtext_of_json(gift.record, &gift.text))
		return ENOMEM;
	if (key)
		memcpy(gift.key, key, sizeof(gift.key));
	rc = buffer_append(&errand->states, &gift, sizeof(gift));
	sodium_memzero(gift.key, sizeof(gift.key));
	if (rc != 0)
		json_decref(gift.record);
	return rc;
}

/* Collects the states from that one on, which the other side has, up to the head; if it has none, the head, or all. */
static int collect_gifts(struct errand *errand, const struct room *room, const struct roomstate *theirs, bool all)
{
	const struct roomstate *path[ROOMTREE_STATES_MAX], *state = roomtree_head(room->tree);
	size_t count = 0;
	int rc = 0;

	do {
		path[count++] = state;
		state = roomtree_before(room->tree, state);
	} while (state && (all || (theirs && !roomtree_is_past(room->tree, state, theirs))));
	if (theirs && roomtree_is_past(room->tree, path[0], theirs))
		count = 0;
	while (count > 0 && rc == 0)
		rc = add_gift(errand, room, path[--count]);
	return rc;
}

/*
 * The other side is behind, or this one: plans what is to be done about that before it is told again. Returns false if
 * nothing can be.
 */
static bool catch_up(struct errand *errand, const uint8_t *head, bool may_ask)
{
	struct room *room = rooms_find(errand->rooms, errand->room);
	const struct roomstate *theirs;

	forget_states(errand);
	if (!room || rooms_load(errand->rooms, room) != 0)
		return false;
	theirs = head ? roomtree_find(room->tree, head) : NULL;
	if (head && !theirs) {
		errand->step = ERRAND_ASK_STATES;
		return may_ask;
	}
	if (collect_gifts(errand, room, theirs, false) != 0)
		return false;
	errand->step = count_states(errand) > 0 ? ERRAND_GIVE : ERRAND_TELL;
	return true;
}

/*
 * The other side does not have the user as a member. If all that the user knows begins with the state that let them in, the
 * other side may not have it yet, and is given it; or else it may have fallen away, and the user asks to be let in again, or if
 * that cannot be, is told.
 */
static bool ask_in(struct errand *errand, const struct envelope_receipt *receipt)
{
	struct room *room = rooms_find(errand->rooms, errand->room);

	if (receipt->status != ENVELOPE_NO || !room || !roomacts_is_newcomer(errand->rooms, room))
		return false;
	if (errand->step != ERRAND_ASK_IN && strcmp(receipt->why, ASK_NO_MEMBER) != 0)
		return false;
	if (!errand->is_shown) {
		errand->is_shown = true;
		errand->step = ERRAND_GIVE;
		forget_states(errand);
		return collect_gifts(errand, room, NULL, true) == 0;
	}
	if (errand->step == ERRAND_ASK_IN || room->head->entry != ROOMENTRY_OPEN) {
		/* It is told with the next try otherwise. */
		(void)!roomacts_tell_apart(errand->rooms, room, errand->to);
		return false;
	}
	errand->step = ERRAND_ASK_IN;
	return !errand->is_asked_in && ++room->asks_in <= ASKS_IN_MAX;
}

/* Somebody has let the user in: asks for that state, and all others, which prove that it is needed. */
static bool take_in(struct errand *errand, const struct ask_answer *answer, const struct envelope_receipt *receipt)
{
	if (receipt->status != ENVELOPE_DONE || !answer->state.text)
		return ask_in(errand, receipt);
	crypto_generichash(errand->head, sizeof(errand->head), (const uint8_t *)answer->state.text, answer->state.len,
	    NULL, 0);
	errand->is_asked_in = true;
	errand->step = ERRAND_ASK_STATES;
	return true;
}

static bool take_told(struct errand *errand, const struct ask_answer *answer, const struct envelope_receipt *receipt)
{
	if (receipt->status == ENVELOPE_DONE)
		errand->is_behind = answer->has_head;
	if (receipt->status == ENVELOPE_NO)
		return ask_in(errand, receipt);
	if (receipt->status != ENVELOPE_NOT_NOW || strcmp(receipt->why, ASK_BEHIND) != 0 || errand->is_told_again)
		return false;
	errand->is_told_again = true;
	if (answer->has_head)
		memcpy(errand->head, answer->head, sizeof(errand->head));
	return catch_up(errand, answer->has_head ? answer->head : NULL, true);
}

static bool take_given(struct errand *errand, const struct envelope_receipt *receipt)
{
	if (receipt->status == ENVELOPE_NOT_NOW && strcmp(receipt->why, ASK_BEHIND) != 0)
		return false;
	if (++errand->given == count_states(errand)) {
		forget_states(errand);
		errand->step = errand->record ? ERRAND_TELL : ERRAND_ASK_STATES;
	}
	return true;
}

/* Judges the states that were given, and keeps the good ones. */
static int take_states(struct errand *errand)
{
	struct roomacts_offer offers[BATCH];
	size_t count = count_states(errand);
	int rc;

	for (size_t i = 0; i < count; i++) {
		const struct errand_state *state = state_at(errand, i);

		offers[i] = (struct roomacts_offer){.text = state->text, .key = state->has_key ? state->key : NULL};
	}
	rc = count > 0 ? roomacts_take(errand->rooms, offers, count, ROOMACTS_ANSWERED) : 0;
	forget_states(errand);
	return rc;
}

static bool is_known(const struct errand *errand, const uint8_t *id)
{
	size_t at = 0;

	/* In the order in which they came. */
	while (at < errand->known.len && memcmp(errand->known.data + at, id, ASK_KNOWN_BYTES) != 0)
		at += ASK_KNOWN_BYTES;
	return at < errand->known.len;
}

/* Notes one that was given. Nothing twice, so there is an end. */
static int add_given(struct errand *errand, const json_t *answer, const struct ask_answer *members)
{
	struct errand_state state = {.record = json_incref((json_t *)(uintptr_t)answer), .text = members->state};
	uint8_t id[ROOMSTATE_ID_BYTES];
	int rc = EPROTO;

	crypto_generichash(id, sizeof(id), (const uint8_t *)members->state.text, members->state.len, NULL, 0);
	state.has_key = members->has_key;
	memcpy(state.key, members->key, sizeof(state.key));
	if (errand->known.len < ASK_KNOWN_MAX * ASK_KNOWN_BYTES && !is_known(errand, id))
		rc = add_known(errand, id);
	if (rc == 0)
		rc = buffer_append(&errand->states, &state, sizeof(state));
	if (rc != 0)
		json_decref(state.record);
	sodium_memzero(state.key, sizeof(state.key));
	return rc;
}

static bool take_answered_states(struct errand *errand, const json_t *answer, const struct ask_answer *members,
    const struct envelope_receipt *receipt)
{
	bool has_state = receipt->status == ENVELOPE_DONE && members->state.text;
	struct room *room;

	has_state = has_state && add_given(errand, answer, members) == 0;
	if ((!has_state || !members->more || count_states(errand) == BATCH) && take_states(errand) != 0)
		return false;
	if (receipt->status != ENVELOPE_DONE)
		return ask_in(errand, receipt);
	if (has_state && members->more)
		return ++errand->asked < ANSWERS_MAX;
	if (errand->record)
		return catch_up(errand, errand->head, false);
	errand->step = ERRAND_ASK_SAYINGS;
	room = rooms_find(errand->rooms, errand->room);
	return room && room->is_member;
}

/* Takes what others have said. Returns whether something was new. */
static bool take_sayings(struct errand *errand, const json_t *list)
{
	size_t count = json_array_size(list), taken = 0;
	struct roomtalk_saying *sayings = calloc(count + 1, sizeof(*sayings));
	bool is_new = false;

	for (size_t i = 0; sayings && i < count; i++) {
		sayings[taken].speaker = errand->to;
		sayings[taken].address = errand->address;
		taken += signedtext_of_json(json_array_get(list, i), &sayings[taken].text);
	}
	if (sayings && roomtalk_hear(errand->rooms, sayings, taken) == 0) {
		for (size_t i = 0; i < taken; i++)
			is_new |= sayings[i].hearing == ROOMTALK_LOGGED;
	}
	free(sayings);
	return is_new;
}

static bool take_answer(struct errand *errand, const json_t *answer, const struct ask_answer *members,
    const struct envelope_receipt *receipt)
{
	switch (errand->step) {
	case ERRAND_TELL:
		return take_told(errand, members, receipt);
	case ERRAND_GIVE:
		return take_given(errand, receipt);
	case ERRAND_ASK_STATES:
		return take_answered_states(errand, answer, members, receipt);
	case ERRAND_ASK_SAYINGS:
		return take_sayings(errand, members->sayings) && members->more && ++errand->asked < ANSWERS_MAX;
	case ERRAND_ASK_IN:
		return take_in(errand, members, receipt);
	case ERRAND_IDLE:
		break;
	}
	return false;
}

bool errand_take(struct errand *errand, const json_t *answer, const struct envelope_receipt *receipt,
    enum envelope_status *status)
{
	enum errand_step step = errand->step;
	struct ask_answer members = {0};
	bool goes_on = false;

	*status = receipt->status;
	if (ask_parse_answer(answer, &members) == 0) {
		goes_on = take_answer(errand, answer, &members, receipt);
		ask_free_answer(&members);
	} else {
		*status = ENVELOPE_NOT_NOW;
	}
	/* What was queued has not been told because of that. */
	if (errand->record && step != ERRAND_TELL)
		*status = ENVELOPE_NOT_NOW;
	return goes_on;
}
