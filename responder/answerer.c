#include "answerer.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "caller.h"
#include "disclosure.h"
#include "gate.h"
#include "room/roomacts.h"
#include "room/roomtalk.h"
#include "store/lockedfile.h"
#include "welcome.h"
#include "wire/seen.h"

/* After the rooms could not be read, nobody is kept waiting for that again within this. */
#define FAILURE_PAUSE_MS 1000

static const char no_memory[] = "out of memory";

/* A saying, a state, or a join that waits to be done. */
struct task {
	STAILQ_ENTRY(task) others;
	enum ask_kind kind;
	void *conversation; /* NULL: it has ended */
	uint64_t counter;
	uint8_t speaker[IDENTITY_BYTES];
	struct in_addr address;
	enum roomacts_source source; /* of a state */
	char username[USERNAME_MAX_BYTES + 1];
	uint8_t room[ROOM_ID_BYTES];
	uint8_t head[ROOMSTATE_ID_BYTES]; /* of a saying: the speaker's */
	json_t *record;			  /* of a saying or state: */
	struct signedtext text;		  /* is in it */
	size_t bytes;
	bool has_key;
	uint8_t key[ROOM_KEY_BYTES];   /* of a state */
	uint8_t lock[ROOM_LOCK_BYTES]; /* of a join: what the password was proven for; zeros if there is none */
};

STAILQ_HEAD(tasks, task);

struct answerer {
	struct inbox *inbox;
	int dir;
	const struct keyfile *key;
	struct rooms *rooms; /* NULL: they could not be opened so far */
	int64_t read_ms;     /* monotonic: when they may be read again */
	struct gate gate;
	struct tasks tasks;
	size_t waiting_bytes;
	int64_t retry_ms;   /* monotonic: another program has a lock, and the next try comes then; or 0 */
	int64_t give_up_ms; /* monotonic: what waits is answered then all the same; or 0 */
};

struct answerer *answerer_new(struct inbox *inbox, int dir, const struct keyfile *key)
{
	struct answerer *answerer = calloc(1, sizeof(*answerer));

	if (!answerer)
		return NULL;
	*answerer = (struct answerer){.inbox = inbox, .dir = dir, .key = key};
	STAILQ_INIT(&answerer->tasks);
	gate_init(&answerer->gate);
	return answerer;
}

int answerer_open(struct answerer *answerer)
{
	struct inbox *inbox = answerer->inbox;
	int rc;

	if (answerer->rooms)
		return 0;
	rc = rooms_open(answerer->dir, inbox->log, inbox->roster->file, &answerer->key->identity, &answerer->rooms);
	/* Who is in no room needs no ids of sayings. */
	if (rc == 0 && rooms_next(answerer->rooms, NULL))
		rc = rooms_load_sayings(answerer->rooms);
	return rc;
}

static void free_task(struct answerer *answerer, struct task *task)
{
	STAILQ_REMOVE(&answerer->tasks, task, task, others);
	answerer->waiting_bytes -= task->bytes;
	json_decref(task->record);
	sodium_memzero(task, sizeof(*task));
	free(task);
}

void answerer_free(struct answerer *answerer)
{
	if (!answerer)
		return;
	while (!STAILQ_EMPTY(&answerer->tasks))
		free_task(answerer, STAILQ_FIRST(&answerer->tasks));
	gate_free(&answerer->gate);
	rooms_free(answerer->rooms);
	free(answerer);
}

bool answerer_owes(const struct answerer *answerer, const void *conversation)
{
	const struct task *task = STAILQ_FIRST(&answerer->tasks);

	while (task && task->conversation != conversation)
		task = STAILQ_NEXT(task, others);
	return task != NULL;
}

void answerer_forget(struct answerer *answerer, const void *conversation)
{
	struct task *task, *next;

	gate_free_proof(gate_end_proof(&answerer->gate, conversation));
	for (task = STAILQ_FIRST(&answerer->tasks); task; task = next) {
		next = STAILQ_NEXT(task, others);
		if (task->conversation != conversation)
			continue;
		task->conversation = NULL;
		if (task->kind == ASK_JOIN)
			free_task(answerer, task);
	}
}

/* Sends an answer with further members, unless that is NULL. */
static void answer_with(const struct answerer *answerer, void *conversation, uint64_t counter,
    enum envelope_status status, const char *why, const struct ask_answer *answer)
{
	struct envelope_receipt receipt = {.received = counter, .status = status};
	const char *own_name = peersfile_username(answerer->inbox->roster->file);
	json_t *members = answer ? ask_format_answer(answer) : NULL;

	if (own_name)
		strcpy(receipt.username, own_name);
	strcpy(receipt.why, why);
	/* Out of memory there is none, as for receipts. */
	if (conversation && (members || !answer))
		answerer->inbox->acknowledge(conversation, &receipt, members);
	json_decref(members);
}

static void answer(const struct answerer *answerer, const struct message *message, enum envelope_status status,
    const char *why)
{
	answer_with(answerer, message->conversation, message->counter, status, why, NULL);
}

/* What says that the asker has another head. */
static struct ask_answer own_head(const struct room *room)
{
	struct ask_answer answer = {.has_head = room != NULL};

	if (room)
		memcpy(answer.head, room->head->id, sizeof(answer.head));
	return answer;
}

static struct ask_answer state_for(const struct room *room, const struct roomstate *state, const uint8_t *asker)
{
	struct ask_answer answer = {.state = state->text};
	const uint8_t *key = roomstate_find_member(state, asker) >= 0 ? room_key(room, state->id) : NULL;

	answer.has_key = key != NULL;
	if (key)
		memcpy(answer.key, key, sizeof(answer.key));
	return answer;
}

/* Has something wait to be done; NULL if too much does, or no memory. */
static struct task *add_task(struct answerer *answerer, const struct message *message, const struct ask *ask,
    json_t *record, size_t bytes)
{
	struct task *task = NULL;

	if (answerer->waiting_bytes + bytes <= ANSWERER_WAITING_MAX_BYTES)
		task = calloc(1, sizeof(*task));
	if (!task) {
		answer(answerer, message, ENVELOPE_NOT_NOW, ASK_BUSY);
		return NULL;
	}
	task->kind = ask->kind;
	task->conversation = message->conversation;
	task->counter = message->counter;
	memcpy(task->speaker, message->sender, sizeof(task->speaker));
	task->address = message->address;
	memcpy(task->room, ask->room, sizeof(task->room));
	memcpy(task->head, ask->head, sizeof(task->head));
	task->record = json_incref(record);
	task->bytes = bytes;
	answerer->waiting_bytes += bytes;
	STAILQ_INSERT_TAIL(&answerer->tasks, task, others);
	return task;
}

/* Loads the tree of a room, if the asker may have that done; false if not. */
static bool load(struct answerer *answerer, const struct message *message, struct room *room)
{
	return ((room->tree && !room->is_stale) || gate_allows_reading(&answerer->gate, message)) &&
	       rooms_load(answerer->rooms, room) == 0;
}

/* Whether a saying, opened, is one of the room. */
static bool is_of_room(const json_t *record, const struct room *room)
{
	struct signedtext text;
	struct saying saying;
	bool is_of;

	if (!signedtext_of_json(record, &text) || saying_read(&text, &saying) != 0)
		return false;
	is_of = memcmp(saying.room, room->id, sizeof(room->id)) == 0;
	saying_free(&saying);
	return is_of;
}

/* Opens a saying under the key of a state, and has it wait to be logged. */
static void open_saying(struct answerer *answerer, const struct message *message, const struct ask *ask,
    const struct room *room, const uint8_t *key)
{
	struct in_addr sender;
	json_t *record = NULL;
	struct task *task = NULL;

	memcpy(&sender, message->sender, sizeof(sender));
	if (saying_open(ask->sealed, ask->sealed_len, key, &record) != 0 || !is_of_room(record, room))
		answer(answerer, message, ENVELOPE_NO, ASK_NOT_VALID);
	else if (!ratelimit_spend(&answerer->inbox->known, sender, (unsigned)ask->sealed_len, clock_monotonic_ms()))
		answer(answerer, message, ENVELOPE_NOT_NOW, ASK_FULL);
	else
		task = add_task(answerer, message, ask, record, ask->sealed_len);
	if (task)
		(void)!signedtext_of_json(record, &task->text);
	json_decref(record);
}

static void take_saying(struct answerer *answerer, const struct message *message, const struct ask *ask,
    struct room *room)
{
	const uint8_t *key = room ? room_key(room, ask->head) : NULL;
	struct ask_answer head;

	if (room && !room->is_member) {
		answer(answerer, message, ENVELOPE_NO, ASK_NO_MEMBER);
		return;
	}
	if (room && !key && memcmp(ask->head, room->head->id, sizeof(ask->head)) != 0) {
		if (!load(answerer, message, room)) {
			answer(answerer, message, ENVELOPE_NOT_NOW, ASK_BUSY);
			return;
		}
		key = room_key(room, ask->head);
	}
	head = own_head(room);
	if (!key)
		answer_with(answerer, message->conversation, message->counter, ENVELOPE_NOT_NOW, ASK_BEHIND, &head);
	else if (roomstate_find_member(room->head, message->sender) < 0)
		answer(answerer, message, ENVELOPE_NO, ASK_NO_MEMBER);
	else
		open_saying(answerer, message, ask, room, key);
}

/* Answers what is said of a room that waits for the user to decide, or that they left instead, and want none of. */
static void answer_held(struct answerer *answerer, const struct message *message, const struct room *room)
{
	enum welcome welcome = room->is_member ? WELCOME_HELD : WELCOME_REJECTED;

	answer(answerer, message, welcome_answers[welcome].status, welcome_answers[welcome].why);
}

/*
 * Whether a state, not yet proven to be anybody's, is one of the room that the ask names; *invites, if it is the speaker who
 * lets the user in by it.
 */
static bool is_of_asked(const struct answerer *answerer, const struct message *message, const struct ask *ask,
    bool *invites)
{
	struct roomstate *state;
	bool is_of;
	int place;

	*invites = false;
	if (roomstate_read(&ask->state, &state) != 0)
		return false;
	is_of = memcmp(state->room, ask->room, sizeof(state->room)) == 0;
	place = roomstate_find_member(state, answerer->key->identity.public);
	*invites = is_of && place >= 0 && state->members[place].since == state->n &&
		   memcmp(state->by, message->sender, sizeof(state->by)) == 0;
	roomstate_release(state);
	return is_of;
}

static void take_state(struct answerer *answerer, const struct message *message, const struct ask *ask,
    const struct room *room, bool is_stranger)
{
	bool invites, is_held = room && room->is_held;
	struct task *task;

	if (!is_of_asked(answerer, message, ask, &invites)) {
		answer(answerer, message, ENVELOPE_NO, ASK_NOT_VALID);
		return;
	}
	/* What a stranger has made of the room keeps nobody out whom the user knows. */
	if (is_held && (is_stranger || !invites)) {
		answer_held(answerer, message, room);
		return;
	}
	if (!gate_allows_state(&answerer->gate, message, room)) {
		answer(answerer, message, ENVELOPE_NOT_NOW, ASK_FULL);
		return;
	}
	task = add_task(answerer, message, ask, json_object_get(message->body, "state"), ask->state.len);
	if (!task)
		return;
	task->source = is_stranger ? ROOMACTS_TOLD_BY_STRANGER : is_held ? ROOMACTS_INVITED : ROOMACTS_TOLD;
	task->text = ask->state;
	task->has_key = ask->has_key;
	memcpy(task->key, ask->key, sizeof(task->key));
}

static void give_state(struct answerer *answerer, const struct message *message, const struct ask *ask,
    struct room *room)
{
	struct ask_answer given = {0};
	const struct roomstate *state;
	bool is_outsider, more;

	if (!load(answerer, message, room)) {
		answer(answerer, message, ENVELOPE_NOT_NOW, ASK_BUSY);
		return;
	}
	state = disclosure_find_state(room->tree, ask, message->sender, &more, &is_outsider);
	if (is_outsider) {
		answer(answerer, message, ENVELOPE_NO, ASK_NO_MEMBER);
		return;
	}
	if (state)
		given = state_for(room, state, message->sender);
	given.more = more;
	answer_with(answerer, message->conversation, message->counter, ENVELOPE_DONE, "", &given);
	ask_free_answer(&given);
}

/* Adds the saying that stands in chat.log there. Returns 0, also if it does not stand there any more, or an errno value. */
static int add_saying(const struct answerer *answerer, const struct room *room, const struct room_saying *saying,
    struct ask_answer *given)
{
	struct chatlog_entry entry;
	int rc = chatlog_read_at(answerer->dir, saying->offset, &entry);

	if (rc != 0)
		return rc == ENOMEM ? ENOMEM : 0;
	if (entry.kind == CHATLOG_MESSAGE && entry.has_room && memcmp(entry.room, room->id, sizeof(room->id)) == 0)
		rc = ask_add_saying(given, &entry.signed_text);
	chatlog_entry_free(&entry);
	return rc;
}

static void give_sayings(struct answerer *answerer, const struct message *message, const struct ask *ask,
    struct room *room)
{
	uint8_t id[ROOM_ID_BYTES];
	struct ask_answer given = {0};
	int rc = 0;

	memcpy(id, room->id, sizeof(id));
	if (roomstate_find_member(room->head, message->sender) < 0) {
		answer(answerer, message, ENVELOPE_NO, ASK_NO_MEMBER);
		return;
	}
	if (rooms_load_sayings(answerer->rooms) != 0 || !(room = rooms_find(answerer->rooms, id)) ||
	    roomstate_find_member(room->head, message->sender) < 0 || !load(answerer, message, room)) {
		answer(answerer, message, ENVELOPE_NOT_NOW, ASK_BUSY);
		return;
	}
	for (size_t i = 0; rc == 0; i++) {
		i = disclosure_find_saying(room, ask, message->sender, i);
		if (i == room->saying_count)
			break;
		rc = add_saying(answerer, room, &room->sayings[i], &given);
	}
	given.more = rc == EMSGSIZE;
	if (rc == ENOMEM)
		answer(answerer, message, ENVELOPE_NOT_NOW, ASK_BUSY);
	else
		answer_with(answerer, message->conversation, message->counter, ENVELOPE_DONE, "", &given);
	ask_free_answer(&given);
}

/* Answers the first half of the proof of a password with ours. */
static void begin_proof(struct answerer *answerer, const struct message *message, const struct ask *ask,
    const struct room *room)
{
	struct ask_answer half = {0};

	switch (gate_begin_proof(&answerer->gate, message, ask, room, &half)) {
	case 0:
		answer_with(answerer, message->conversation, message->counter, ENVELOPE_NOT_NOW, ASK_CONFIRM, &half);
		break;
	case EAGAIN:
		answer(answerer, message, ENVELOPE_NOT_NOW, ASK_TRIES);
		break;
	case EPROTO:
		answer(answerer, message, ENVELOPE_NO, ASK_PASSWORD);
		break;
	default:
		answer(answerer, message, ENVELOPE_NOT_NOW, ASK_BUSY);
	}
}

/* Answers who is in already: with the head. */
static void let_in(struct answerer *answerer, void *conversation, uint64_t counter, const struct room *room,
    const uint8_t *asker)
{
	struct ask_answer given = state_for(room, room->head, asker);

	if (given.has_key)
		answer_with(answerer, conversation, counter, ENVELOPE_DONE, "", &given);
	else
		answer_with(answerer, conversation, counter, ENVELOPE_NOT_NOW, ASK_BUSY, NULL);
	ask_free_answer(&given);
}

/* proof is the half that the asker has shown in the ask before, or NULL. */
static void take_join(struct answerer *answerer, const struct message *message, const struct ask *ask,
    const struct room *room, const struct gate_proof *proof)
{
	const char *why = disclosure_refuse_newcomer(room->head, message->sender, message->username);
	uint8_t lock[ROOM_LOCK_BYTES] = {0};
	bool is_proven = gate_is_proven(proof, ask, room, lock);
	struct task *task;

	if (roomstate_find_member(room->head, message->sender) >= 0) {
		let_in(answerer, message->conversation, message->counter, room, message->sender);
	} else if (why) {
		answer(answerer, message, ENVELOPE_NO, why);
	} else if (room->head->entry == ROOMENTRY_PASSWORD && ask->has_share) {
		begin_proof(answerer, message, ask, room);
	} else if (room->head->entry == ROOMENTRY_PASSWORD && !is_proven) {
		answer(answerer, message, ENVELOPE_NO, ASK_PASSWORD);
	} else if (!gate_allows_state(&answerer->gate, message, room)) {
		answer(answerer, message, ENVELOPE_NOT_NOW, ASK_FULL);
	} else if ((task = add_task(answerer, message, ask, NULL, 0))) {
		strcpy(task->username, message->username);
		memcpy(task->lock, lock, sizeof(task->lock));
	}
	sodium_memzero(lock, sizeof(lock));
}

const struct rooms *answerer_follow(struct answerer *answerer)
{
	int rc = clock_monotonic_ms() < answerer->read_ms ? EAGAIN : answerer_open(answerer);

	if (rc == 0)
		rc = rooms_follow(answerer->rooms);
	if (rc != 0 && rc != EAGAIN)
		answerer->read_ms = clock_monotonic_ms() + FAILURE_PAUSE_MS;
	return rc == 0 ? answerer->rooms : NULL;
}

/* Answers an ask by what is known of the speaker and the room, which is NULL if it is unknown. */
static void take(struct answerer *answerer, const struct message *message, const struct ask *ask,
    const struct caller *caller, const struct gate_proof *proof)
{
	struct room *room = rooms_find(answerer->rooms, ask->room);
	bool is_member = room && room->is_member;
	bool puts_in = !is_member && (ask->kind == ASK_STATE || (ask->kind == ASK_SAYING && !room));
	enum welcome welcome = welcome_judge(caller, peersfile_accept(answerer->inbox->roster->file));

	/* Whether strangers may write to the user says nothing of members, and of those who want to be one. */
	if (welcome == WELCOME_BLOCKED || (welcome == WELCOME_UNKNOWN && puts_in))
		answer(answerer, message, ENVELOPE_NO, welcome_answers[welcome].why);
	else if (ask->kind == ASK_STATE)
		take_state(answerer, message, ask, room, caller->stranger);
	else if (room && room->is_held)
		answer_held(answerer, message, room);
	else if (ask->kind == ASK_SAYING)
		take_saying(answerer, message, ask, room);
	else if (!is_member)
		answer(answerer, message, ENVELOPE_NO, ASK_NO_ROOM);
	else if (ask->kind == ASK_STATES)
		give_state(answerer, message, ask, room);
	else if (ask->kind == ASK_SAYINGS)
		give_sayings(answerer, message, ask, room);
	else
		take_join(answerer, message, ask, room, proof);
}

/* Says when the asker was heard last, whoever they are, and what the clock says. */
static void take_seen(const struct answerer *answerer, const struct message *message)
{
	struct envelope_receipt receipt = {.received = message->counter, .status = ENVELOPE_DONE};
	int64_t now_ms = clock_wall_ms();
	struct seen_answer seen = {.clock_s = now_ms / 1000};
	struct peersfile *file = answerer->inbox->roster->file;
	json_t *members;

	/* The times in the file, too. What cannot be read was told. */
	(void)!peersfile_read(file);
	for (const struct peer *peer = NULL; (peer = peers_next_of(peersfile_peers(file), message->sender, peer));) {
		int64_t silence_s = peer_silence_ms(peer, now_ms) / 1000;

		if (!peer_is_listed(peer, now_ms) || (seen.is_seen && seen.silence_s <= silence_s))
			continue;
		seen.is_seen = true;
		seen.silence_s = silence_s;
	}
	if (peersfile_username(file))
		strcpy(receipt.username, peersfile_username(file));
	members = seen_format_answer(&seen);
	if (members)
		answerer->inbox->acknowledge(message->conversation, &receipt, members);
	json_decref(members);
}

const char *answerer_add(struct answerer *answerer, const struct message *message)
{
	struct inbox *inbox = answerer->inbox;
	struct gate_proof *proof;
	struct caller caller;
	struct ask ask = {0};
	int rc = ask_parse(message->body, &ask);

	if (answerer_owes(answerer, message->conversation)) {
		ask_free(&ask);
		return "it asks again before it was answered";
	}
	proof = gate_end_proof(&answerer->gate, message->conversation);
	if (!gate_allows_ask(&answerer->gate, message)) {
		answer(answerer, message, ENVELOPE_NOT_NOW, ASK_BUSY);
	} else if (seen_is_ask(message->body)) {
		roster_find(inbox->roster, message->address, message->sender, message->username, &caller);
		if (welcome_judge(&caller, peersfile_accept(inbox->roster->file)) == WELCOME_BLOCKED)
			answer(answerer, message, ENVELOPE_NO, welcome_answers[WELCOME_BLOCKED].why);
		else if (!gate_allows_reading(&answerer->gate, message))
			answer(answerer, message, ENVELOPE_NOT_NOW, ASK_BUSY);
		else
			take_seen(answerer, message);
	} else if (rc == EPROTO) {
		answer(answerer, message, ENVELOPE_NO, "no such ask");
	} else if (rc == 0) {
		caller_put_trouble(roster_find(inbox->roster, message->address, message->sender, message->username,
				       &caller),
		    inbox->console);
		if (!answerer_follow(answerer))
			answer(answerer, message, ENVELOPE_NOT_NOW, ASK_BUSY);
		else
			take(answerer, message, &ask, &caller, proof);
	}
	gate_free_proof(proof);
	ask_free(&ask);
	return rc == ENOMEM ? no_memory : NULL;
}

/* Answers a task, with what is added to it, and is done with it. */
static void conclude(struct answerer *answerer, struct task *task, enum envelope_status status, const char *why,
    const struct ask_answer *added)
{
	answer_with(answerer, task->conversation, task->counter, status, why, added);
	free_task(answerer, task);
}

static bool is_locked(int error)
{
	return error == ETIMEDOUT || error == EBUSY;
}

/* Tells the user that something cannot be kept; its sender says it again. */
static void conclude_failed(struct answerer *answerer, struct task *task, int error)
{
	if (!is_locked(error) && ratelimit_allow(&answerer->inbox->notes, task->address, clock_monotonic_ms()))
		console_put_styled(answerer->inbox->console, CONSOLE_BAD,
		    "cannot keep what comes for a room, which its sender keeps: %s\n", lockedfile_reason(error));
	conclude(answerer, task, ENVELOPE_NOT_NOW, ASK_BUSY, NULL);
}

/* What is answered when it is known what came of something; with the own head, if that may help. */
struct outcome {
	enum envelope_status status;
	const char *why;
	bool has_head;
};

static void conclude_saying(struct answerer *answerer, struct task *task, enum roomtalk_hearing hearing)
{
	static const struct outcome outcomes[] = {
	    [ROOMTALK_LOGGED] = {ENVELOPE_DONE, "", true},
	    [ROOMTALK_KNOWN] = {ENVELOPE_DONE, "", true},
	    [ROOMTALK_BEHIND] = {ENVELOPE_NOT_NOW, ASK_BEHIND, true},
	    [ROOMTALK_NO_MEMBER] = {ENVELOPE_NO, ASK_NO_MEMBER, false},
	    [ROOMTALK_TOO_OLD] = {ENVELOPE_NO, "too old", false},
	    [ROOMTALK_NO_SAYING] = {ENVELOPE_NO, ASK_NOT_VALID, false},
	    [ROOMTALK_NO_SPACE] = {ENVELOPE_NOT_NOW, ASK_BUSY, false},
	    [ROOMTALK_NO_NAME] = {ENVELOPE_NO, FILEOFFER_NO_NAME, false},
	};
	const struct room *room = rooms_find(answerer->rooms, task->room);
	struct ask_answer head = own_head(room);
	bool is_level = !room || memcmp(head.head, task->head, sizeof(head.head)) == 0;
	const struct outcome *outcome = &outcomes[hearing];

	if (hearing == ROOMTALK_NO_SPACE)
		conclude_failed(answerer, task, ENOSPC);
	else
		conclude(answerer, task, outcome->status, outcome->why,
		    outcome->has_head && !(is_level && outcome->status == ENVELOPE_DONE) ? &head : NULL);
}

/* Logs all sayings that wait, at once. Returns 0, or why they still wait. */
static int log_sayings(struct answerer *answerer)
{
	struct roomtalk_saying *sayings;
	struct task *task, *next;
	size_t count = 0, i = 0;
	int rc;

	STAILQ_FOREACH(task, &answerer->tasks, others)
	count += task->kind == ASK_SAYING;
	if (count == 0)
		return 0;
	sayings = calloc(count, sizeof(*sayings));
	STAILQ_FOREACH(task, &answerer->tasks, others)
	{
		if (sayings && task->kind == ASK_SAYING)
			sayings[i++] = (struct roomtalk_saying){
			    .text = task->text, .speaker = task->speaker, .address = task->address};
	}
	rc = sayings ? roomtalk_hear(answerer->rooms, sayings, count) : ENOMEM;
	i = 0;
	for (task = STAILQ_FIRST(&answerer->tasks); task && !is_locked(rc); task = next) {
		next = STAILQ_NEXT(task, others);
		if (task->kind == ASK_SAYING && rc == 0)
			conclude_saying(answerer, task, sayings[i++].hearing);
		else if (task->kind == ASK_SAYING)
			conclude_failed(answerer, task, rc);
	}
	free(sayings);
	return is_locked(rc) ? rc : 0;
}

static void conclude_state(struct answerer *answerer, struct task *task, enum roomtree_verdict verdict)
{
	static const struct outcome outcomes[] = {
	    [ROOMTREE_TAKEN] = {ENVELOPE_DONE, "", false},
	    [ROOMTREE_KNOWN] = {ENVELOPE_DONE, "", false},
	    [ROOMTREE_WAITS] = {ENVELOPE_NOT_NOW, ASK_BEHIND, true},
	    [ROOMTREE_REFUSED] = {ENVELOPE_NO, ASK_NOT_VALID, false},
	    [ROOMTREE_APART] = {ENVELOPE_NO, "apart", false},
	    [ROOMTREE_FULL] = {ENVELOPE_NOT_NOW, ASK_FULL, false},
	};
	const struct room *room = rooms_find(answerer->rooms, task->room);
	struct ask_answer head = own_head(room);
	const struct outcome *outcome = &outcomes[verdict];

	if (outcome->status == ENVELOPE_DONE && room && room->is_held)
		conclude(answerer, task, ENVELOPE_NOT_NOW, welcome_answers[WELCOME_HELD].why, NULL);
	else
		conclude(answerer, task, outcome->status, outcome->why, outcome->has_head ? &head : NULL);
}

/* The edit of roomacts_change(): the head may have changed since the ask was judged. */
static int add_newcomer(const struct room *room, struct roomdraft *draft, void *context)
{
	const struct task *task = context;
	const struct roomstate *head = room->head;

	if (roomstate_find_member(head, task->speaker) >= 0)
		return EALREADY;
	if (disclosure_refuse_newcomer(head, task->speaker, task->username) ||
	    (head->entry == ROOMENTRY_PASSWORD && memcmp(head->lock, task->lock, sizeof(task->lock)) != 0))
		return ECANCELED;
	return roomdraft_let_in(draft, task->speaker, task->username) ? 0 : EPERM;
}

/* Does what a task is to do; returns 0, or why it still waits. */
static int do_task(struct answerer *answerer, struct task *task)
{
	struct room *room = rooms_find(answerer->rooms, task->room);
	struct roomacts_offer offer = {.text = task->text, .key = task->has_key ? task->key : NULL};
	const char *why;
	int rc;

	if (task->kind == ASK_STATE)
		rc = roomacts_take(answerer->rooms, &offer, 1, task->source);
	else
		rc = room ? roomacts_change(answerer->rooms, room, add_newcomer, task, &why) : ENOENT;
	if (is_locked(rc))
		return rc;
	room = rooms_find(answerer->rooms, task->room);
	if (rc == 0 && task->kind == ASK_STATE) {
		conclude_state(answerer, task, offer.verdict);
	} else if ((rc == 0 || rc == EALREADY) && room) {
		let_in(answerer, task->conversation, task->counter, room, task->speaker);
		free_task(answerer, task);
	} else if (rc == ECANCELED && room) {
		why = disclosure_refuse_newcomer(room->head, task->speaker, task->username);
		conclude(answerer, task, ENVELOPE_NO, why ? why : ASK_PASSWORD, NULL);
	} else if (rc == ENOENT || (rc == 0 && !room)) {
		conclude(answerer, task, ENVELOPE_NO, ASK_NO_ROOM, NULL);
	} else if (rc == EPERM || rc == EINVAL) {
		conclude(answerer, task, ENVELOPE_NOT_NOW, ASK_FULL, NULL);
	} else {
		conclude_failed(answerer, task, rc);
	}
	return 0;
}

void answerer_commit(struct answerer *answerer)
{
	int64_t now_ms = clock_monotonic_ms();
	struct task *task, *next;
	int rc;

	if (!answerer_is_ready(answerer))
		return;
	rc = log_sayings(answerer);
	for (task = STAILQ_FIRST(&answerer->tasks); task && rc == 0; task = next) {
		next = STAILQ_NEXT(task, others);
		rc = do_task(answerer, task);
	}
	if (rc != 0 && answerer->give_up_ms == 0)
		answerer->give_up_ms = now_ms + LOCKEDFILE_WAIT_MS;
	while (rc != 0 && now_ms >= answerer->give_up_ms && (task = STAILQ_FIRST(&answerer->tasks)))
		conclude_failed(answerer, task, rc);
	answerer->retry_ms = STAILQ_EMPTY(&answerer->tasks) ? 0 : now_ms + INBOX_RETRY_MS;
	if (answerer->retry_ms == 0)
		answerer->give_up_ms = 0;
}

bool answerer_is_ready(const struct answerer *answerer)
{
	return !STAILQ_EMPTY(&answerer->tasks) && clock_monotonic_ms() >= answerer->retry_ms;
}

int64_t answerer_due_ms(const struct answerer *answerer)
{
	return answerer->retry_ms != 0 ? answerer->retry_ms : INT64_MAX;
}
