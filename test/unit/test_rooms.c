/* rooms: what both files say of the rooms, and what is written there, by several programs, killed at any moment. */
#include "support.h"

#include "base/clock.h"
#include "base/jsontext.h"
#include "room/roomacts.h"
#include "room/roomtalk.h"
#include "store/lockedfile.h"

#define FROM support_address(0xc0a80107)
#define DAY_MS INT64_C(86400000)

/* Somebody with a directory. */
struct user {
	int dir;
	struct identity *own;
	struct chatlog *log;
	struct peersfile *file;
	struct rooms *rooms;
};

/* One of the user's programs starts, or another one. */
static void start(struct user *user)
{
	int rc;

	user->log = chatlog_new(user->dir, LOCKEDFILE_WAIT_MS);
	user->file = peersfile_new(user->dir);
	CONTEND(rc, rooms_open(user->dir, user->log, user->file, user->own, &user->rooms));
	assert_int_equal(rc, 0);
}

static void stop(struct user *user)
{
	rooms_free(user->rooms);
	peersfile_free(user->file);
	chatlog_free(user->log);
}

static void restart(struct user *user)
{
	stop(user);
	start(user);
}

static struct user user_of(void **state, const char *name)
{
	static struct identity identities[64];
	static size_t count;
	struct user user = {.own = &identities[count++]};
	uint8_t seed[IDENTITY_SEED_BYTES] = {0};
	char self[64];

	assert_int_equal(mkdirat(workdir_fd(state), name, 0700), 0);
	user.dir = openat(workdir_fd(state), name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(user.dir >= 0);
	memcpy(seed, name, strlen(name));
	identity_derive(user.own, seed);
	snprintf(self, sizeof(self), "{\"self\": \"%s\"}\n", name);
	file_put(user.dir, PEERSFILE_NAME, self, strlen(self));
	start(&user);
	return user;
}

static void leave(struct user *user)
{
	stop(user);
	close(user->dir);
}

static struct room *only_room(const struct user *user)
{
	struct room *room = rooms_next(user->rooms, NULL);

	assert_non_null(room);
	assert_null(rooms_next(user->rooms, room));
	return room;
}

static struct room *make_room(struct user *user, const char *name)
{
	struct room *room;

	assert_int_equal(roomacts_create(user->rooms, name, NULL, NULL, &room), 0);
	return room;
}

static int rename_to(const struct room *room, struct roomdraft *draft, void *name)
{
	(void)room;
	strcpy(draft->state.name, name);
	return 0;
}

static int let_in(const struct room *room, struct roomdraft *draft, void *who)
{
	(void)room;
	return roomdraft_let_in(draft, ((struct user *)who)->own->public, "Newcomer") ? 0 : EEXIST;
}

static int take_out(const struct room *room, struct roomdraft *draft, void *who)
{
	(void)room;
	return roomdraft_take_out(draft, ((struct user *)who)->own->public, false) ? 0 : ENOENT;
}

static void change(struct user *user, int (*edit)(const struct room *, struct roomdraft *, void *), void *context)
{
	const char *why;

	assert_int_equal(roomacts_change(user->rooms, only_room(user), edit, context, &why), 0);
}

static void set_name(struct user *user, const char *name)
{
	char copy[ROOM_NAME_MAX_BYTES + 1];

	snprintf(copy, sizeof(copy), "%s", name);
	change(user, rename_to, copy);
}

/* The head of somebody's room, for somebody else. */
static struct roomacts_offer offer_of(const struct room *room)
{
	struct roomacts_offer offer = {
	    .text = room->head->text,
	    .key = room_key(room, room->head->id),
	};

	return offer;
}

static enum roomtree_verdict offer(struct user *to, const struct room *room, enum roomacts_source source)
{
	struct roomacts_offer one = offer_of(room);

	assert_int_equal(roomacts_take(to->rooms, &one, 1, source), 0);
	return one.verdict;
}

/* Alice's room with Bob, which both have. */
static void share_room(struct user *alice, struct user *bob)
{
	make_room(alice, "lab");
	change(alice, let_in, bob);
	assert_int_equal(offer(bob, only_room(alice), ROOMACTS_TOLD), ROOMTREE_TAKEN);
}

/* What chat.log says has happened, each event followed by a blank: "joined(Bob by alice) " */
static char *events(const struct user *user)
{
	static char told[4096];
	struct buffer text = {0};
	size_t len;
	char *log = file_take(user->dir, CHATLOG_NAME, &len), *rest = log, *line;

	while ((line = strsep(&rest, "\n"))) {
		struct chatlog_entry entry;

		if (chatlog_parse(line, strlen(line), &entry) != 0)
			continue;
		if (entry.kind == CHATLOG_EVENT)
			assert_int_equal(buffer_printf(&text, "%s(%s by %s%s%s) ", chatlog_event_word(entry.event),
					     entry.username, entry.by, entry.value ? ": " : "",
					     entry.value ? entry.value : ""),
			    0);
		chatlog_entry_free(&entry);
	}
	snprintf(told, sizeof(told), "%.*s", (int)text.len, text.data ? text.data : "");
	buffer_free(&text);
	free(log);
	return told;
}

/* The last line of chat.log that is of a kind. */
static struct chatlog_entry last_line(const struct user *user, enum chatlog_kind kind)
{
	struct chatlog_entry last = {0}, entry;
	size_t len;
	char *log = file_take(user->dir, CHATLOG_NAME, &len), *rest = log, *line;

	while ((line = strsep(&rest, "\n"))) {
		if (chatlog_parse(line, strlen(line), &entry) != 0)
			continue;
		if (entry.kind == kind) {
			chatlog_entry_free(&last);
			last = entry;
		} else {
			chatlog_entry_free(&entry);
		}
	}
	free(log);
	assert_int_equal(last.kind, kind);
	return last;
}

static void a_room_is_made_and_changed_and_found_again(void **state)
{
	struct user alice = user_of(state, "alice"), bob = user_of(state, "bob");
	struct chatlog_entry line;
	struct room *room;
	const char *why = NULL;

	assert_null(rooms_next(alice.rooms, NULL));
	room = make_room(&alice, "lab");
	assert_true(room->is_member && !room->is_held && !room->is_muted);
	set_name(&alice, "kitchen");
	change(&alice, let_in, &bob);
	change(&alice, take_out, &bob);
	/* Who was taken out is shown that. */
	line = last_line(&alice, CHATLOG_ROOM);
	assert_int_equal(line.to_count, 1);
	assert_memory_equal(line.to[0], bob.own->public, IDENTITY_BYTES);
	chatlog_entry_free(&line);
	assert_string_equal(events(&alice), "created(alice by alice) name( by alice: kitchen) "
					    "joined(Newcomer? by alice) removed(Newcomer? by alice) ");
	for (int i = 0; i < 2; i++) {
		room = only_room(&alice);
		assert_int_equal(room->head->n, 3);
		assert_string_equal(room->head->name, "kitchen");
		assert_non_null(room_key(room, room->head->id));
		assert_int_equal(rooms_load(alice.rooms, room), 0);
		assert_int_equal(roomtree_count(room->tree), 4);
		for (size_t n = 0; n < 4; n++)
			assert_non_null(room_key(room, roomtree_at(room->tree, n)->id));
		restart(&alice);
	}
	/* What the rules forbid, and what does not fit, changes nothing. */
	assert_int_equal(roomacts_change(alice.rooms, only_room(&alice), rename_to, (char[]){""}, &why), EINVAL);
	assert_int_equal(roomacts_change(alice.rooms, only_room(&alice), take_out, &bob, &why), ENOENT);
	assert_int_equal(only_room(&alice)->head->n, 3);
	leave(&alice);
	leave(&bob);
}

static void who_is_killed_before_peers_txt_is_written_loses_nothing(void **state)
{
	struct user alice = user_of(state, "alice"), other;
	char *before;
	size_t len;

	make_room(&alice, "lab");
	before = file_take(alice.dir, PEERSFILE_NAME, &len);
	set_name(&alice, "kitchen");
	file_put(alice.dir, PEERSFILE_NAME, before, len);
	restart(&alice);
	assert_string_equal(only_room(&alice)->head->name, "kitchen");
	/* And the announcer reads it. */
	free(before);
	before = file_take(alice.dir, PEERSFILE_NAME, &len);
	assert_non_null(strstr(before, "\"name\": \"kitchen\""));
	free(before);
	/* The room itself. */
	assert_int_equal(unlinkat(alice.dir, PEERSFILE_NAME, 0), 0);
	restart(&alice);
	assert_string_equal(only_room(&alice)->head->name, "kitchen");
	assert_non_null(room_key(only_room(&alice), only_room(&alice)->head->id));
	/* Another program that runs finds what is new when it asks. */
	other = alice;
	start(&other);
	set_name(&alice, "yard");
	assert_string_equal(only_room(&other)->head->name, "kitchen");
	assert_int_equal(rooms_follow(other.rooms), 0);
	assert_string_equal(only_room(&other)->head->name, "yard");
	stop(&other);
	leave(&alice);
}

static int change_for_ever(void *argument)
{
	struct user *alice = argument;

	start(alice);
	for (unsigned i = 0;; i++) {
		char name[16];
		const char *why;

		snprintf(name, sizeof(name), "r%u", i);
		CHILD_CHECK(roomacts_change(alice->rooms, only_room(alice), rename_to, name, &why) == 0);
	}
}

static void expect_a_chain(struct user *user)
{
	struct room *room = only_room(user);

	assert_int_equal(rooms_load(user->rooms, room), 0);
	for (size_t i = 1; i < roomtree_count(room->tree); i++)
		assert_ptr_equal(roomtree_before(room->tree, roomtree_at(room->tree, i)),
		    roomtree_at(room->tree, i - 1));
}

static void who_is_killed_at_any_moment_goes_on_from_what_was_logged(void **state)
{
	struct user alice = user_of(state, "alice"), child = alice;
	uint64_t seed = 5;
	uint32_t n = 0;

	make_room(&alice, "lab");
	for (int i = 0; i < 10; i++) {
		pid_t pid = start_child(change_for_ever, &child);
		int status;

		nanosleep(&(struct timespec){.tv_nsec = 5000000 + support_random(&seed) % 20000000}, NULL);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		restart(&alice);
		assert_true(only_room(&alice)->head->n >= n);
		n = only_room(&alice)->head->n + 1;
		set_name(&alice, "kept");
		assert_int_equal(only_room(&alice)->head->n, n);
	}
	expect_a_chain(&alice);
	leave(&alice);
}

#define CHANGES 25

static int change_often(void *argument)
{
	struct user *alice = argument;

	start(alice);
	for (unsigned i = 0; i < CHANGES; i++) {
		char name[32];
		const char *why;
		int rc;

		snprintf(name, sizeof(name), "%d/%u", getpid(), i);
		CONTEND(rc, roomacts_change(alice->rooms, only_room(alice), rename_to, name, &why));
		CHILD_CHECK(rc == 0);
	}
	stop(alice);
	return 0;
}

static void two_programs_never_sign_two_states_after_one(void **state)
{
	struct user alice = user_of(state, "alice"), child = alice;
	pid_t pids[2];

	make_room(&alice, "lab");
	for (size_t i = 0; i < COUNT(pids); i++)
		pids[i] = start_child(change_often, &child);
	for (size_t i = 0; i < COUNT(pids); i++)
		await_child(pids[i]);
	assert_int_equal(rooms_follow(alice.rooms), 0);
	assert_int_equal(only_room(&alice)->head->n, COUNT(pids) * CHANGES);
	expect_a_chain(&alice);
	restart(&alice);
	assert_int_equal(only_room(&alice)->head->n, COUNT(pids) * CHANGES);
	leave(&alice);
}

static void a_program_that_was_there_before_chat_log_knows_all_that_it_says(void **state)
{
	struct user alice = user_of(state, "alice"), other = alice;

	start(&other);
	make_room(&alice, "lab");
	set_name(&alice, "kitchen");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(rooms_follow(other.rooms), 0);
		assert_int_equal(rooms_load(other.rooms, only_room(&other)), 0);
		assert_int_equal(roomtree_count(only_room(&other)->tree), 2);
	}
	set_name(&other, "yard");
	expect_a_chain(&alice);
	stop(&other);
	leave(&alice);
}

static void of_a_log_that_was_moved_away_the_heads_are_known(void **state)
{
	struct user alice = user_of(state, "alice");

	make_room(&alice, "lab");
	set_name(&alice, "kitchen");
	assert_int_equal(renameat(alice.dir, CHATLOG_NAME, alice.dir, "old"), 0);
	/* While the program runs, and before the next one starts. */
	for (uint32_t n = 2; n < 6; n++) {
		if (n == 4) {
			assert_int_equal(unlinkat(alice.dir, CHATLOG_NAME, 0), 0);
			restart(&alice);
			assert_int_equal(only_room(&alice)->head->n, 3);
		}
		set_name(&alice, "yard");
		assert_int_equal(only_room(&alice)->head->n, n);
		/* Its line alone is enough, whatever peers.txt says. */
		stop(&alice);
		assert_int_equal(unlinkat(alice.dir, PEERSFILE_NAME, 0), 0);
		start(&alice);
		assert_int_equal(only_room(&alice)->head->n, n);
		assert_non_null(room_key(only_room(&alice), only_room(&alice)->head->id));
		expect_a_chain(&alice);
	}
	/* One that was cut back. */
	file_put(alice.dir, CHATLOG_NAME, "", 0);
	set_name(&alice, "shed");
	restart(&alice);
	assert_int_equal(only_room(&alice)->head->n, 6);
	leave(&alice);
}

/* Appends a line to chat.log without any of its rules. */
static void put_line(const struct user *user, const char *line, size_t len)
{
	struct buffer copy = {0};

	assert_int_equal(buffer_printf(&copy, "%.*s\n", (int)len, line), 0);
	assert_int_equal(chatlog_append(user->log, copy.data, copy.len, 0), 0);
	buffer_free(&copy);
}

static void lines_that_lie_change_nothing(void **state)
{
	struct user alice = user_of(state, "alice"), mallory = user_of(state, "mallory");
	struct chatlog_entry line;
	struct buffer text = {0};
	char *peers, *at;
	size_t len;
	uint64_t seed = 3;

	make_room(&alice, "lab");
	set_name(&alice, "kitchen");
	make_room(&mallory, "trap");
	/* Somebody's states under the name of this room, states that nobody signed, offsets that lead nowhere or in circles. */
	line = last_line(&mallory, CHATLOG_ROOM);
	memcpy(line.room, only_room(&alice)->id, sizeof(line.room));
	assert_int_equal(chatlog_format(&text, &line), 0);
	put_line(&alice, text.data, text.len - 1);
	chatlog_entry_free(&line);
	line = last_line(&alice, CHATLOG_ROOM);
	for (int64_t before = 0; before < 2000; before += 97) {
		line.before = before;
		line.signed_text.signature[before % 64] ^= 1;
		text.len = 0;
		assert_int_equal(chatlog_format(&text, &line), 0);
		put_line(&alice, text.data, text.len - 1);
	}
	chatlog_entry_free(&line);
	assert_int_equal(rooms_follow(alice.rooms), 0);
	assert_string_equal(only_room(&alice)->head->name, "kitchen");
	restart(&alice);
	assert_string_equal(only_room(&alice)->head->name, "kitchen");
	assert_int_equal(rooms_load(alice.rooms, only_room(&alice)), 0);
	assert_int_equal(roomtree_count(only_room(&alice)->tree), 2);
	/* And it goes on. */
	set_name(&alice, "yard");
	restart(&alice);
	assert_string_equal(only_room(&alice)->head->name, "yard");
	/* A damaged record is no room, or the same one. */
	peers = file_take(alice.dir, PEERSFILE_NAME, &len);
	for (unsigned i = 0; i < 200; i++) {
		at = peers + support_random(&seed) % len;
		*at = (char)(*at ^ 1 << support_random(&seed) % 7);
		file_put(alice.dir, PEERSFILE_NAME, peers, len);
		restart(&alice);
		assert_string_equal(only_room(&alice)->head->name, "yard");
	}
	free(peers);
	buffer_free(&text);
	leave(&alice);
	leave(&mallory);
}

static void a_state_that_somebody_hands_over_is_taken_by_the_rules(void **state)
{
	struct user alice = user_of(state, "alice"), bob = user_of(state, "bob"), can = user_of(state, "can");
	struct roomacts_offer two[2], wrong;
	struct chatlog_entry line;
	uint8_t other_key[ROOM_KEY_BYTES] = {0};

	make_room(&alice, "lab");
	/* Bob is no member. */
	assert_int_equal(offer(&bob, only_room(&alice), ROOMACTS_TOLD), ROOMTREE_REFUSED);
	change(&alice, let_in, &bob);
	/* A state without its key, with another, and changed on the way. */
	wrong = offer_of(only_room(&alice));
	wrong.key = NULL;
	assert_int_equal(roomacts_take(bob.rooms, &wrong, 1, ROOMACTS_TOLD), 0);
	assert_int_equal(wrong.verdict, ROOMTREE_REFUSED);
	wrong.key = other_key;
	assert_int_equal(roomacts_take(bob.rooms, &wrong, 1, ROOMACTS_TOLD), 0);
	assert_int_equal(wrong.verdict, ROOMTREE_REFUSED);
	wrong = offer_of(only_room(&alice));
	wrong.text.signature[3] ^= 1;
	assert_int_equal(roomacts_take(bob.rooms, &wrong, 1, ROOMACTS_TOLD), 0);
	assert_int_equal(wrong.verdict, ROOMTREE_REFUSED);
	assert_null(rooms_next(bob.rooms, NULL));
	/* It is handed on by who joined, but not to who answered. */
	assert_int_equal(offer(&bob, only_room(&alice), ROOMACTS_JOINED), ROOMTREE_TAKEN);
	assert_int_equal(offer(&bob, only_room(&alice), ROOMACTS_JOINED), ROOMTREE_KNOWN);
	line = last_line(&bob, CHATLOG_ROOM);
	assert_int_equal(line.to_count, 0);
	chatlog_entry_free(&line);
	assert_string_equal(events(&bob), "joined(bob by alice?) ");
	/* Two at once, the later first. */
	set_name(&alice, "kitchen");
	two[1] = offer_of(only_room(&alice));
	two[1].text.text = support_copy(two[1].text.text, two[1].text.len);
	two[1].key = (uint8_t *)support_copy(two[1].key, ROOM_KEY_BYTES);
	change(&alice, let_in, &can);
	two[0] = offer_of(only_room(&alice));
	assert_int_equal(roomacts_take(bob.rooms, two, 2, ROOMACTS_TOLD), 0);
	assert_int_equal(two[0].verdict, ROOMTREE_WAITS);
	assert_int_equal(two[1].verdict, ROOMTREE_TAKEN);
	restart(&bob);
	assert_memory_equal(only_room(&bob)->head->id, only_room(&alice)->head->id, ROOMSTATE_ID_BYTES);
	assert_non_null(room_key(only_room(&bob), only_room(&bob)->head->id));
	assert_int_equal(rooms_load(bob.rooms, only_room(&bob)), 0);
	assert_int_equal(roomtree_count(only_room(&bob)->tree), 3);
	/* Who joined hands on to those who did not answer. */
	assert_int_equal(offer(&can, only_room(&alice), ROOMACTS_JOINED), ROOMTREE_TAKEN);
	line = last_line(&can, CHATLOG_ROOM);
	assert_int_equal(line.to_count, 1);
	assert_memory_equal(line.to[0], bob.own->public, IDENTITY_BYTES);
	chatlog_entry_free(&line);
	/* Who is taken out learns that, and may be let in again later without what happened meanwhile. */
	change(&alice, take_out, &bob);
	assert_int_equal(offer(&bob, only_room(&alice), ROOMACTS_TOLD), ROOMTREE_TAKEN);
	assert_false(only_room(&bob)->is_member);
	set_name(&alice, "yard");
	change(&alice, let_in, &bob);
	assert_int_equal(offer(&bob, only_room(&alice), ROOMACTS_TOLD), ROOMTREE_TAKEN);
	assert_true(only_room(&bob)->is_member);
	restart(&bob);
	assert_true(only_room(&bob)->is_member);
	assert_string_equal(only_room(&bob)->head->name, "yard");
	free((void *)(uintptr_t)two[1].text.text);
	free((void *)(uintptr_t)two[1].key);
	leave(&alice);
	leave(&bob);
	leave(&can);
}

static void rooms_that_strangers_begin_are_held_and_bounded(void **state)
{
	struct user mallory = user_of(state, "mallory"), bob = user_of(state, "bob");
	const struct room *room = NULL;
	const char *why;
	size_t held = 0;

	for (int i = 0; i < ROOMACTS_HELD_MAX + 2; i++) {
		struct room *made = make_room(&mallory, "trap");

		assert_int_equal(roomacts_change(mallory.rooms, made, let_in, &bob, &why), 0);
		assert_int_equal(offer(&bob, rooms_next(mallory.rooms, NULL), ROOMACTS_TOLD_BY_STRANGER),
		    i < ROOMACTS_HELD_MAX ? ROOMTREE_TAKEN : ROOMTREE_FULL);
	}
	restart(&bob);
	while ((room = rooms_next(bob.rooms, room)))
		held += room->is_held;
	assert_int_equal(held, ROOMACTS_HELD_MAX);
	/* The user decides. */
	assert_int_equal(rooms_set(bob.rooms, rooms_next(bob.rooms, NULL), true, false), 0);
	restart(&bob);
	for (held = 0, room = NULL; (room = rooms_next(bob.rooms, room));) {
		held += room->is_held;
		assert_true(room->is_held || room->is_muted);
	}
	assert_int_equal(held, ROOMACTS_HELD_MAX - 1);
	assert_int_equal(offer(&bob, rooms_next(mallory.rooms, NULL), ROOMACTS_TOLD_BY_STRANGER), ROOMTREE_TAKEN);
	leave(&mallory);
	leave(&bob);
}

static void a_room_that_one_has_left_is_held_if_a_stranger_lets_one_in_again(void **state)
{
	struct user mallory = user_of(state, "mallory"), bob = user_of(state, "bob");

	share_room(&mallory, &bob);
	assert_false(only_room(&bob)->is_held);
	change(&mallory, take_out, &bob);
	assert_int_equal(offer(&bob, only_room(&mallory), ROOMACTS_TOLD_BY_STRANGER), ROOMTREE_TAKEN);
	assert_false(only_room(&bob)->is_held);
	change(&mallory, let_in, &bob);
	assert_int_equal(offer(&bob, only_room(&mallory), ROOMACTS_TOLD_BY_STRANGER), ROOMTREE_TAKEN);
	restart(&bob);
	assert_true(only_room(&bob)->is_member && only_room(&bob)->is_held);
	/* Unless one has asked for it. */
	assert_int_equal(offer(&bob, only_room(&mallory), ROOMACTS_JOINED), ROOMTREE_KNOWN);
	restart(&bob);
	assert_true(only_room(&bob)->is_member && !only_room(&bob)->is_held);
	leave(&mallory);
	leave(&bob);
}

/* What somebody who has a state keeps of it. */
struct copy {
	char *text;
	size_t len;
	uint8_t signature[IDENTITY_SIGNATURE_BYTES], key[ROOM_KEY_BYTES];
};

static struct copy copy_of(const struct roomstate *state, const uint8_t *key)
{
	struct copy copy = {.text = support_copy(state->text.text, state->text.len), .len = state->text.len};

	memcpy(copy.signature, state->text.signature, sizeof(copy.signature));
	memcpy(copy.key, key, sizeof(copy.key));
	return copy;
}

static struct copy copy_head(const struct user *user)
{
	return copy_of(only_room(user)->head, room_key(only_room(user), only_room(user)->head->id));
}

static enum roomtree_verdict hand(struct user *to, const struct copy *copy, bool with_key, enum roomacts_source source)
{
	struct roomacts_offer one = {
	    .text = {.text = copy->text, .len = copy->len}, .key = with_key ? copy->key : NULL};

	memcpy(one.text.signature, copy->signature, sizeof(one.text.signature));
	assert_int_equal(roomacts_take(to->rooms, &one, 1, source), 0);
	return one.verdict;
}

/* A state that follows nothing known, as somebody makes it who follows no rule: themselves and somebody let in. */
static struct copy forge_state(const struct user *by, const struct user *victim, const struct room *room, uint32_t n)
{
	struct roomdraft *draft = malloc(sizeof(*draft));
	uint8_t key[ROOM_KEY_BYTES] = {1};
	struct roomstate *state;
	struct copy copy;

	assert_non_null(draft);
	roomdraft_begin_room(draft, by->own->public, "Forger", "lab");
	draft->state.n = n;
	memset(draft->state.room, 9, sizeof(draft->state.room));
	if (room)
		memcpy(draft->state.room, room->id, sizeof(draft->state.room));
	memset(draft->state.after, 8, sizeof(draft->state.after));
	assert_true(roomdraft_let_in(draft, victim->own->public, "Victim"));
	assert_int_equal(roomdraft_sign(draft, by->own, key, clock_wall_ms(), &state), 0);
	copy = copy_of(state, key);
	roomstate_release(state);
	free(draft);
	return copy;
}

static void a_state_that_came_without_its_key_gets_it_later(void **state)
{
	struct user alice = user_of(state, "alice"), bob = user_of(state, "bob"), other;
	struct copy renamed;

	share_room(&alice, &bob);
	other = bob;
	start(&other);
	set_name(&alice, "kitchen");
	renamed = copy_head(&alice);
	assert_int_equal(hand(&bob, &renamed, false, ROOMACTS_TOLD), ROOMTREE_TAKEN);
	assert_null(room_key(only_room(&bob), only_room(&bob)->head->id));
	assert_int_equal(rooms_follow(other.rooms), 0);
	assert_int_equal(hand(&bob, &renamed, true, ROOMACTS_TOLD), ROOMTREE_KNOWN);
	assert_non_null(room_key(only_room(&bob), only_room(&bob)->head->id));
	assert_int_equal(rooms_follow(other.rooms), 0);
	assert_non_null(room_key(only_room(&other), only_room(&other)->head->id));
	restart(&bob);
	assert_string_equal(only_room(&bob)->head->name, "kitchen");
	assert_non_null(room_key(only_room(&bob), only_room(&bob)->head->id));
	free(renamed.text);
	stop(&other);
	leave(&alice);
	leave(&bob);
}

static void states_of_a_membership_that_has_ended_bring_nobody_back(void **state)
{
	struct user alice = user_of(state, "alice"), bob = user_of(state, "bob");
	struct copy old, fresh;

	share_room(&alice, &bob);
	set_name(&alice, "kitchen");
	old = copy_head(&alice);
	assert_int_equal(hand(&bob, &old, true, ROOMACTS_TOLD), ROOMTREE_TAKEN);
	change(&bob, take_out, &bob);
	assert_int_equal(offer(&alice, only_room(&bob), ROOMACTS_TOLD), ROOMTREE_TAKEN);
	/* What is older than the head is known no more. */
	assert_int_equal(unlinkat(bob.dir, CHATLOG_NAME, 0), 0);
	restart(&bob);
	assert_int_equal(hand(&bob, &old, true, ROOMACTS_TOLD), ROOMTREE_APART);
	assert_false(only_room(&bob)->is_member);
	/* But who lets Bob in again does. */
	set_name(&alice, "yard");
	change(&alice, let_in, &bob);
	fresh = copy_head(&alice);
	assert_int_equal(hand(&bob, &fresh, true, ROOMACTS_TOLD), ROOMTREE_TAKEN);
	assert_true(only_room(&bob)->is_member);
	free(old.text);
	free(fresh.text);
	leave(&alice);
	leave(&bob);
}

static void a_room_that_is_held_is_so_after_a_kill(void **state)
{
	struct user mallory = user_of(state, "mallory"), bob = user_of(state, "bob"), other;
	char *before;
	size_t len;

	make_room(&mallory, "trap");
	change(&mallory, let_in, &bob);
	before = file_take(bob.dir, PEERSFILE_NAME, &len);
	other = bob;
	start(&other);
	assert_int_equal(offer(&bob, only_room(&mallory), ROOMACTS_TOLD_BY_STRANGER), ROOMTREE_TAKEN);
	file_put(bob.dir, PEERSFILE_NAME, before, len);
	restart(&bob);
	assert_true(only_room(&bob)->is_held);
	assert_int_equal(rooms_follow(other.rooms), 0);
	assert_true(only_room(&other)->is_held);
	/* One that the user has decided about is not. */
	assert_int_equal(rooms_set(bob.rooms, only_room(&bob), false, false), 0);
	assert_int_equal(rooms_follow(other.rooms), 0);
	assert_false(only_room(&other)->is_held);
	restart(&bob);
	assert_false(only_room(&bob)->is_held);
	/* One that was left while it waited stays rejected, whatever comes that does not let Bob in. */
	assert_int_equal(rooms_set(bob.rooms, only_room(&bob), false, true), 0);
	change(&bob, take_out, &bob);
	assert_int_equal(offer(&mallory, only_room(&bob), ROOMACTS_TOLD), ROOMTREE_TAKEN);
	set_name(&mallory, "yard");
	assert_int_equal(offer(&bob, only_room(&mallory), ROOMACTS_TOLD), ROOMTREE_TAKEN);
	assert_int_equal(rooms_follow(other.rooms), 0);
	assert_true(only_room(&other)->is_held && !only_room(&other)->is_member);
	restart(&bob);
	assert_true(only_room(&bob)->is_held && !only_room(&bob)->is_member);
	free(before);
	stop(&other);
	leave(&mallory);
	leave(&bob);
}

static void who_is_put_into_rooms_and_out_again_is_not_kept_from_others(void **state)
{
	struct user mallory = user_of(state, "mallory"), bob = user_of(state, "bob"), can = user_of(state, "can");
	const char *why;

	for (int i = 0; i < ROOMACTS_HELD_MAX; i++) {
		struct room *made = make_room(&mallory, "trap");
		uint8_t id[ROOM_ID_BYTES];

		memcpy(id, made->id, sizeof(id));
		assert_int_equal(roomacts_change(mallory.rooms, made, let_in, &bob, &why), 0);
		assert_int_equal(offer(&bob, rooms_find(mallory.rooms, id), ROOMACTS_TOLD_BY_STRANGER), ROOMTREE_TAKEN);
		assert_true(rooms_find(bob.rooms, id)->is_held);
		assert_int_equal(roomacts_change(mallory.rooms, rooms_find(mallory.rooms, id), take_out, &bob, &why),
		    0);
		assert_int_equal(offer(&bob, rooms_find(mallory.rooms, id), ROOMACTS_TOLD_BY_STRANGER), ROOMTREE_TAKEN);
	}
	make_room(&can, "lab");
	change(&can, let_in, &bob);
	assert_int_equal(offer(&bob, only_room(&can), ROOMACTS_TOLD_BY_STRANGER), ROOMTREE_TAKEN);
	leave(&mallory);
	leave(&bob);
	leave(&can);
}

static void who_joins_a_known_room_hands_that_on_and_need_not_accept_it(void **state)
{
	struct user alice = user_of(state, "alice"), bob = user_of(state, "bob"), can = user_of(state, "can");
	struct user mallory = user_of(state, "mallory");
	struct chatlog_entry line;
	struct copy forged;

	share_room(&alice, &bob);
	change(&alice, let_in, &can);
	assert_int_equal(offer(&bob, only_room(&alice), ROOMACTS_TOLD), ROOMTREE_TAKEN);
	change(&bob, take_out, &bob);
	assert_int_equal(offer(&alice, only_room(&bob), ROOMACTS_TOLD), ROOMTREE_TAKEN);
	change(&alice, let_in, &bob);
	assert_int_equal(offer(&bob, only_room(&alice), ROOMACTS_JOINED), ROOMTREE_TAKEN);
	line = last_line(&bob, CHATLOG_ROOM);
	assert_int_equal(line.to_count, 1);
	assert_memory_equal(line.to[0], can.own->public, IDENTITY_BYTES);
	chatlog_entry_free(&line);
	/* A room of a stranger that has the id of another is in the way of nobody who joins that. */
	forged = forge_state(&mallory, &can, only_room(&alice), 1000);
	assert_int_equal(hand(&can, &forged, true, ROOMACTS_TOLD_BY_STRANGER), ROOMTREE_TAKEN);
	assert_true(only_room(&can)->is_held);
	assert_int_equal(offer(&can, only_room(&alice), ROOMACTS_JOINED), ROOMTREE_TAKEN);
	restart(&can);
	assert_false(only_room(&can)->is_held);
	assert_memory_equal(only_room(&can)->head->id, only_room(&alice)->head->id, ROOMSTATE_ID_BYTES);
	free(forged.text);
	leave(&alice);
	leave(&bob);
	leave(&can);
	leave(&mallory);
}

static void who_is_asked_what_is_new_puts_nobody_into_a_room(void **state)
{
	struct user mallory = user_of(state, "mallory"), bob = user_of(state, "bob");
	struct copy trap;

	share_room(&mallory, &bob);
	trap = forge_state(&mallory, &bob, NULL, 5);
	assert_int_equal(hand(&bob, &trap, true, ROOMACTS_ANSWERED), ROOMTREE_REFUSED);
	assert_true(only_room(&bob)->is_member);
	set_name(&mallory, "yard");
	assert_int_equal(offer(&bob, only_room(&mallory), ROOMACTS_ANSWERED), ROOMTREE_TAKEN);
	free(trap.text);
	leave(&mallory);
	leave(&bob);
}

static void a_room_that_could_not_be_left_is_not_entered(void **state)
{
	struct user mallory = user_of(state, "mallory"), bob = user_of(state, "bob");
	struct copy last = forge_state(&mallory, &bob, NULL, ROOM_NUMBER_MAX);

	assert_int_equal(hand(&bob, &last, true, ROOMACTS_TOLD), ROOMTREE_REFUSED);
	assert_null(rooms_next(bob.rooms, NULL));
	free(last.text);
	leave(&mallory);
	leave(&bob);
}

static void only_members_say_that_others_went_separate_ways(void **state)
{
	struct user alice = user_of(state, "alice"), bob = user_of(state, "bob"), mallory = user_of(state, "mallory");
	struct copy lie, apart;

	share_room(&alice, &bob);
	lie = forge_state(&mallory, &bob, only_room(&bob), 1);
	apart = forge_state(&alice, &bob, only_room(&bob), 1);
	assert_int_equal(hand(&bob, &lie, true, ROOMACTS_TOLD), ROOMTREE_APART);
	assert_null(strstr(events(&bob), "apart("));
	assert_int_equal(hand(&bob, &apart, true, ROOMACTS_TOLD), ROOMTREE_APART);
	assert_non_null(strstr(events(&bob), "apart("));
	free(lie.text);
	free(apart.text);
	leave(&alice);
	leave(&bob);
	leave(&mallory);
}

static void there_are_so_many_rooms_and_those_one_has_left_give_way(void **state)
{
	struct user alice = user_of(state, "alice");
	struct room *room;
	const char *why;
	char *records, *at;
	size_t count = 0, len;

	for (int i = 0; i < ROOMS_MAX; i++)
		make_room(&alice, "lab");
	assert_int_equal(roomacts_create(alice.rooms, "lab", NULL, NULL, &room), EUSERS);
	room = rooms_next(alice.rooms, NULL);
	assert_int_equal(roomacts_change(alice.rooms, room, take_out, &alice, &why), 0);
	make_room(&alice, "yard");
	records = file_take(alice.dir, PEERSFILE_NAME, &len);
	assert_non_null(strstr(records, "\"yard\""));
	for (at = records; (at = strstr(at, "{\"room\": \"")); at++)
		count++;
	assert_int_equal(count, ROOMS_MAX);
	free(records);
	/* What gave way stays away, whatever chat.log says. */
	restart(&alice);
	for (count = 0, room = NULL; (room = rooms_next(alice.rooms, room)); count++)
		assert_true(room->is_member);
	assert_int_equal(count, ROOMS_MAX);
	leave(&alice);
}

static int say_text(struct rooms *rooms, struct room *room, const char *text, size_t len, uint8_t *id)
{
	return roomtalk_say(rooms, room, &(struct envelope_content){.text = text, .text_len = len}, id);
}

/* Takes what somebody has queued in their only room, as it goes to others. */
static struct roomtalk_saying said(struct user *user, const char *text, struct chatlog_entry *line)
{
	uint8_t id[ENVELOPE_ID_BYTES];

	assert_int_equal(say_text(user->rooms, only_room(user), text, strlen(text), id), 0);
	*line = last_line(user, CHATLOG_MESSAGE);
	assert_string_equal(line->text, text);
	assert_memory_equal(line->id, id, sizeof(id));
	return (struct roomtalk_saying){.text = line->signed_text};
}

static enum roomtalk_hearing hear(struct user *user, struct roomtalk_saying saying, const struct user *speaker)
{
	saying.speaker = speaker->own->public;
	saying.address = FROM;
	assert_int_equal(roomtalk_hear(user->rooms, &saying, 1), 0);
	return saying.hearing;
}

static void what_is_offered_has_a_number_for_each_and_the_author_knows_where_it_lies(void **state)
{
	struct user alice = user_of(state, "alice"), bob = user_of(state, "bob");
	struct fileoffer file = {.name = "plan.pdf", .bytes = 5, .has_hash = true, .hash = {7}};
	const struct filesource source = {.path = "/home/alice/plan.pdf", .stamp = {.bytes = 5, .mtime_ns = 9}};
	const struct envelope_content content = {.file = &file, .source = &source};
	struct roomtalk_saying saying = {0};
	uint8_t id[ENVELOPE_ID_BYTES];
	struct chatlog_entry line;

	share_room(&alice, &bob);
	for (uint64_t number = 1; number <= 2; number++) {
		assert_int_equal(roomtalk_say(alice.rooms, only_room(&alice), &content, id), 0);
		line = last_line(&alice, CHATLOG_MESSAGE);
		assert_true(line.has_file && line.file.has_hash && line.has_source);
		assert_string_equal(line.file.name, "plan.pdf");
		assert_string_equal(line.source.path, source.path);
		assert_int_equal(line.source.stamp.mtime_ns, 9);
		assert_int_equal(line.number, number);
		saying.text = line.signed_text;
		assert_int_equal(hear(&bob, saying, &alice), ROOMTALK_LOGGED);
		assert_int_equal(hear(&bob, saying, &alice), ROOMTALK_KNOWN);
		chatlog_entry_free(&line);
		line = last_line(&bob, CHATLOG_MESSAGE);
		assert_true(line.has_file && line.file.hash[0] == 7 && !line.has_source);
		assert_int_equal(line.number, number);
		assert_string_equal(line.text, "");
		chatlog_entry_free(&line);
	}
	leave(&alice);
	leave(&bob);
}

static void what_is_said_is_logged_once_and_only_from_members(void **state)
{
	struct user alice = user_of(state, "alice"), bob = user_of(state, "bob"), can = user_of(state, "can"), other;
	struct roomtalk_saying saying, twice[2];
	struct chatlog_entry line, own;
	uint8_t id[ENVELOPE_ID_BYTES];

	make_room(&alice, "lab");
	/* Nobody waits for it. */
	said(&alice, "echo", &own);
	assert_int_equal(own.direction, CHATLOG_SENT);
	chatlog_entry_free(&own);
	change(&alice, let_in, &bob);
	assert_int_equal(offer(&bob, only_room(&alice), ROOMACTS_TOLD), ROOMTREE_TAKEN);
	saying = said(&alice, "hello all", &own);
	assert_int_equal(own.direction, CHATLOG_QUEUED);
	assert_string_equal(own.username, "#lab");
	assert_int_equal(own.to_count, 1);
	assert_memory_equal(own.to[0], bob.own->public, IDENTITY_BYTES);

	/* Only members speak, and what was changed on the way is nothing. */
	assert_int_equal(hear(&bob, saying, &can), ROOMTALK_NO_MEMBER);
	assert_int_equal(hear(&can, saying, &alice), ROOMTALK_BEHIND);
	saying.text.signature[5] ^= 1;
	assert_int_equal(hear(&bob, saying, &alice), ROOMTALK_NO_SAYING);
	saying.text.signature[5] ^= 1;
	/* Twice in one, by two programs, and after a start. */
	other = bob;
	start(&other);
	saying.speaker = alice.own->public;
	saying.address = FROM;
	twice[0] = twice[1] = saying;
	assert_int_equal(roomtalk_hear(bob.rooms, twice, 2), 0);
	assert_int_equal(twice[0].hearing, ROOMTALK_LOGGED);
	assert_int_equal(twice[1].hearing, ROOMTALK_KNOWN);
	line = last_line(&bob, CHATLOG_MESSAGE);
	assert_int_equal(line.direction, CHATLOG_RECEIVED);
	assert_string_equal(line.text, "hello all");
	assert_memory_equal(line.identity, alice.own->public, IDENTITY_BYTES);
	chatlog_entry_free(&line);
	assert_int_equal(hear(&other, saying, &alice), ROOMTALK_KNOWN);
	stop(&other);
	restart(&bob);
	assert_int_equal(hear(&bob, saying, &alice), ROOMTALK_KNOWN);
	assert_true(room_has_said(only_room(&bob), own.id, alice.own->public));
	/* What the user said is known to be so. */
	assert_int_equal(hear(&alice, saying, &bob), ROOMTALK_KNOWN);
	assert_int_equal(rooms_load_sayings(alice.rooms), 0);
	assert_int_equal(only_room(&alice)->saying_count, 2);
	chatlog_entry_free(&own);

	/* Who was a member when it was said has said it, but the removed do not speak, nor does the user. */
	saying = said(&bob, "last words", &own);
	change(&alice, let_in, &can);
	change(&alice, take_out, &bob);
	assert_int_equal(offer(&bob, only_room(&alice), ROOMACTS_TOLD), ROOMTREE_WAITS);
	assert_int_equal(hear(&alice, saying, &bob), ROOMTALK_NO_MEMBER);
	assert_int_equal(hear(&alice, saying, &can), ROOMTALK_LOGGED);
	chatlog_entry_free(&own);
	change(&alice, take_out, &alice);
	assert_int_equal(say_text(alice.rooms, only_room(&alice), "x", 1, id), EPERM);
	leave(&alice);
	leave(&bob);
	leave(&can);
}

/* A saying with that id by somebody, in the head of somebody's only room; *record is what it lives in. */
static struct roomtalk_saying forge(const struct user *by, const struct user *with, uint8_t id, const char *text,
    json_t **record)
{
	struct saying saying = {.text = text, .text_len = strlen(text), .time_ms = clock_wall_ms(), .id = {id}};
	struct roomtalk_saying said = {0};

	memcpy(saying.room, only_room(with)->id, sizeof(saying.room));
	memcpy(saying.state, only_room(with)->head->id, sizeof(saying.state));
	assert_int_equal(saying_sign(&saying, by->own, record), 0);
	assert_true(signedtext_of_json(*record, &said.text));
	return said;
}

static void nobody_keeps_others_from_being_heard_by_using_their_ids(void **state)
{
	struct user alice = user_of(state, "alice"), bob = user_of(state, "bob"), mallory = user_of(state, "mallory");
	struct roomtalk_saying both[2];
	json_t *records[4];

	make_room(&alice, "lab");
	change(&alice, let_in, &bob);
	change(&alice, let_in, &mallory);
	assert_int_equal(hear(&alice, forge(&mallory, &alice, 7, "mine", &records[0]), &mallory), ROOMTALK_LOGGED);
	assert_int_equal(hear(&alice, forge(&bob, &alice, 7, "honest", &records[1]), &bob), ROOMTALK_LOGGED);
	both[0] = forge(&mallory, &alice, 8, "mine", &records[2]);
	both[1] = forge(&bob, &alice, 8, "honest", &records[3]);
	both[0].speaker = both[1].speaker = mallory.own->public;
	assert_int_equal(roomtalk_hear(alice.rooms, both, 2), 0);
	assert_int_equal(both[0].hearing, ROOMTALK_LOGGED);
	assert_int_equal(both[1].hearing, ROOMTALK_LOGGED);
	restart(&alice);
	assert_int_equal(hear(&alice, both[1], &bob), ROOMTALK_KNOWN);
	assert_int_equal(only_room(&alice)->saying_count, 4);
	for (size_t i = 0; i < COUNT(records); i++)
		json_decref(records[i]);
	leave(&alice);
	leave(&bob);
	leave(&mallory);
}

/* Two bytes less than a name may have. */
#define LONG "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd"

static void nobody_is_called_as_somebody_else_is(void **state)
{
	_Static_assert(sizeof(LONG) + 1 == USERNAME_MAX_BYTES, "the last names are as long as can be");
	static const struct {
		const char *announced, *said, *shown;
	} rows[] = {
	    {"Ece", "Mallory", "Ece"},
	    {NULL, "Ece", "Ece?"},
	    {"Bob", "Mallory", "Bob?"},
	    {"B\u043eb", "Mallory", "B\u043eb?"},
	    {"alice", "Mallory", "alice?"},
	    {NULL, LONG "ef", LONG "e?"},
	    {NULL, LONG "\u00e9", LONG "?"},
	    {"Bob", NULL, "Bob?"},
	    {NULL, NULL, "unknown?"},
	};
	struct user alice = user_of(state, "alice"), bob = user_of(state, "bob"), who = user_of(state, "who");
	struct roommember member = {0};
	struct roomstate room = {.members = &member};
	char pinned[IDENTITY_TEXT_BYTES], identity[IDENTITY_TEXT_BYTES], name[USERNAME_MAX_BYTES + 1];

	identity_format(bob.own->public, pinned);
	identity_format(who.own->public, identity);
	memcpy(member.identity, who.own->public, IDENTITY_BYTES);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buffer text = {0};

		buffer_put(&text, "{\"self\": \"alice\"}\n{\"known\": \"Bob\", \"identity\": \"%s\", \"pinned\": 7}\n",
		    pinned);
		if (rows[i].announced)
			buffer_put(&text,
			    "{\"peer\": \"192.168.1.9\", \"last_seen\": 1763625600.125, \"username\": \"%s\", "
			    "\"identity\": \"%s\", \"since\": 1763620000}\n",
			    rows[i].announced, identity);
		file_put(alice.dir, PEERSFILE_NAME, text.data, text.len);
		buffer_free(&text);
		room.member_count = rows[i].said != NULL;
		strcpy(member.username, rows[i].said ? rows[i].said : "");
		restart(&alice);
		rooms_name(alice.rooms, &room, who.own->public, name);
		CHECK(strcmp(name, rows[i].shown) == 0, "row %zu: %s", i, name);
		rooms_name(alice.rooms, &room, bob.own->public, name);
		assert_string_equal(name, "Bob");
	}
	leave(&alice);
	leave(&bob);
	leave(&who);
}

static void a_saying_of_any_size_is_said_whole_or_refused(void **state)
{
	struct user alice = user_of(state, "alice"), bob = user_of(state, "bob");
	struct chatlog_entry own;
	uint8_t id[ENVELOPE_ID_BYTES];
	char *text = support_repeat('\x01', SAYING_MAX_BYTES);

	share_room(&alice, &bob);
	assert_int_equal(say_text(alice.rooms, only_room(&alice), text, SAYING_MAX_BYTES, id), EMSGSIZE);
	assert_int_equal(say_text(alice.rooms, only_room(&alice), "\xff", 1, id), EILSEQ);
	text[4000] = '\0';
	assert_int_equal(hear(&bob, said(&alice, text, &own), &alice), ROOMTALK_LOGGED);
	chatlog_entry_free(&own);
	own = last_line(&bob, CHATLOG_MESSAGE);
	assert_string_equal(own.text, text);
	chatlog_entry_free(&own);
	free(text);
	leave(&alice);
	leave(&bob);
}

static void what_others_pass_on_is_not_too_old(void **state)
{
	static const struct {
		int64_t age_ms;
		enum roomtalk_hearing own, passed_on;
	} rows[] = {
	    {0, ROOMTALK_LOGGED, ROOMTALK_LOGGED},
	    {13 * DAY_MS, ROOMTALK_LOGGED, ROOMTALK_LOGGED},
	    {-13 * DAY_MS, ROOMTALK_LOGGED, ROOMTALK_LOGGED},
	    {15 * DAY_MS, ROOMTALK_LOGGED, ROOMTALK_TOO_OLD},
	    {-15 * DAY_MS, ROOMTALK_LOGGED, ROOMTALK_TOO_OLD},
	};
	struct user alice = user_of(state, "alice"), bob = user_of(state, "bob"), can = user_of(state, "can");

	make_room(&alice, "lab");
	change(&alice, let_in, &bob);
	change(&alice, let_in, &can);
	assert_int_equal(offer(&can, only_room(&alice), ROOMACTS_TOLD), ROOMTREE_TAKEN);
	for (size_t i = 0; i < 2 * COUNT(rows); i++) {
		struct saying saying = {.text = "x", .text_len = 1, .time_ms = clock_wall_ms() - rows[i / 2].age_ms};
		struct roomtalk_saying heard = {0};
		json_t *record;

		saying.id[0] = (uint8_t)i;
		memcpy(saying.room, only_room(&alice)->id, sizeof(saying.room));
		memcpy(saying.state, only_room(&alice)->head->id, sizeof(saying.state));
		assert_int_equal(saying_sign(&saying, bob.own, &record), 0);
		assert_true(signedtext_of_json(record, &heard.text));
		CHECK(hear(&can, heard, i & 1 ? &alice : &bob) == (i & 1 ? rows[i / 2].passed_on : rows[i / 2].own),
		    "row %zu", i);
		json_decref(record);
	}
	leave(&alice);
	leave(&bob);
	leave(&can);
}

static int promote(const struct room *room, struct roomdraft *draft, void *who)
{
	(void)room;
	return roomdraft_mark(draft, ((struct user *)who)->own->public, true) ? 0 : ENOENT;
}

static void what_crosses_is_told_and_so_is_who_signs_twice(void **state)
{
	struct user alice = user_of(state, "alice"), bob = user_of(state, "bob"), can = user_of(state, "can"), twin;
	size_t len;
	char *log, *peers;

	make_room(&alice, "lab");
	change(&alice, let_in, &bob);
	change(&alice, promote, &bob);
	assert_int_equal(offer(&bob, only_room(&alice), ROOMACTS_TOLD), ROOMTREE_TAKEN);
	/* A copy of Bob's directory, which has his identity. */
	twin = user_of(state, "twin");
	stop(&twin);
	twin.own = bob.own;
	log = file_take(bob.dir, CHATLOG_NAME, &len);
	file_put(twin.dir, CHATLOG_NAME, log, len);
	free(log);
	peers = file_take(bob.dir, PEERSFILE_NAME, &len);
	file_put(twin.dir, PEERSFILE_NAME, peers, len);
	free(peers);
	start(&twin);

	change(&bob, let_in, &can);
	set_name(&twin, "twice");
	assert_int_equal(offer(&alice, only_room(&bob), ROOMACTS_TOLD), ROOMTREE_TAKEN);
	assert_null(strstr(events(&alice), "twice("));
	assert_int_equal(offer(&alice, only_room(&twin), ROOMACTS_TOLD), ROOMTREE_TAKEN);
	assert_non_null(strstr(events(&alice), "twice(Newcomer? by"));
	/* What Bob did falls away when Alice, who is older, did something else meanwhile. */
	assert_int_equal(roomacts_change(alice.rooms, only_room(&alice), take_out, &bob, &(const char *){NULL}), 0);
	restart(&bob);
	assert_string_equal(only_room(&bob)->head->name, "lab");
	leave(&alice);
	leave(&bob);
	leave(&can);
	leave(&twin);
}

static void an_act_that_falls_away_is_told(void **state)
{
	struct user alice = user_of(state, "alice"), bob = user_of(state, "bob"), can = user_of(state, "can");

	make_room(&alice, "lab");
	change(&alice, let_in, &bob);
	change(&alice, promote, &bob);
	assert_int_equal(offer(&bob, only_room(&alice), ROOMACTS_TOLD), ROOMTREE_TAKEN);
	change(&bob, let_in, &can);
	set_name(&alice, "kitchen");
	assert_int_equal(offer(&bob, only_room(&alice), ROOMACTS_TOLD), ROOMTREE_TAKEN);
	assert_string_equal(only_room(&bob)->head->name, "kitchen");
	assert_string_equal(events(&bob), "joined(bob by alice?) joined(Newcomer? by bob) removed(Newcomer? by alice?) "
					  "name( by alice?: kitchen) fell(Newcomer? by bob: joined) ");
	leave(&alice);
	leave(&bob);
	leave(&can);
}

/* Hands over several states at once, as the answer to a question. */
static void answer(struct user *to, const struct copy *copies, size_t count)
{
	struct roomacts_offer offers[8];

	for (size_t i = 0; i < count; i++) {
		offers[i] = (struct roomacts_offer){
		    .text = {.text = copies[i].text, .len = copies[i].len}, .key = copies[i].key};
		memcpy(offers[i].text.signature, copies[i].signature, sizeof(copies[i].signature));
	}
	assert_int_equal(roomacts_take(to->rooms, offers, count, ROOMACTS_ANSWERED), 0);
}

/* Alice lets Can in when she has promoted Dan, and Bob, who is in for longer, sets the name meanwhile. */
static void who_was_let_in_by_a_state_that_fell_begins_anew_once_that_is_proven(void **state)
{
	struct user bob = user_of(state, "bob"), alice = user_of(state, "alice"), can = user_of(state, "can"),
		    dan = user_of(state, "dan");
	struct copy copies[5], forged;

	make_room(&bob, "lab");
	change(&bob, let_in, &alice);
	change(&bob, promote, &alice);
	copies[0] = copy_head(&bob);
	assert_int_equal(offer(&alice, only_room(&bob), ROOMACTS_TOLD), ROOMTREE_TAKEN);
	change(&alice, let_in, &dan);
	copies[1] = copy_head(&alice);
	change(&alice, let_in, &can);
	assert_int_equal(offer(&can, only_room(&alice), ROOMACTS_TOLD), ROOMTREE_TAKEN);
	set_name(&bob, "yard");
	copies[2] = copy_head(&bob);
	change(&bob, let_in, &can);
	copies[3] = copy_head(&bob);
	set_name(&bob, "kitchen");
	copies[4] = copy_head(&bob);

	/* Nobody's word is enough, nor is a part of it. */
	forged = forge_state(&bob, &can, only_room(&bob), 2);
	answer(&can, &forged, 1);
	answer(&can, copies + 2, 3);
	answer(&can, copies + 1, 4);
	assert_string_equal(only_room(&can)->head->name, "lab");
	answer(&can, copies, 5);
	assert_memory_equal(only_room(&can)->head->id, only_room(&bob)->head->id, ROOMSTATE_ID_BYTES);
	assert_true(only_room(&can)->is_member);
	assert_non_null(room_key(only_room(&can), only_room(&can)->head->id));
	restart(&can);
	assert_memory_equal(only_room(&can)->head->id, only_room(&bob)->head->id, ROOMSTATE_ID_BYTES);
	/* And it goes on from there. */
	set_name(&bob, "cellar");
	assert_int_equal(offer(&can, only_room(&bob), ROOMACTS_TOLD), ROOMTREE_TAKEN);
	assert_string_equal(only_room(&can)->head->name, "cellar");
	for (size_t i = 0; i < COUNT(copies); i++)
		free(copies[i].text);
	free(forged.text);
	leave(&bob);
	leave(&alice);
	leave(&can);
	leave(&dan);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    workdir_test(a_room_is_made_and_changed_and_found_again),
	    workdir_test(who_is_killed_before_peers_txt_is_written_loses_nothing),
	    workdir_test(who_is_killed_at_any_moment_goes_on_from_what_was_logged),
	    workdir_test(two_programs_never_sign_two_states_after_one),
	    workdir_test(a_program_that_was_there_before_chat_log_knows_all_that_it_says),
	    workdir_test(of_a_log_that_was_moved_away_the_heads_are_known),
	    workdir_test(lines_that_lie_change_nothing),
	    workdir_test(a_state_that_somebody_hands_over_is_taken_by_the_rules),
	    workdir_test(rooms_that_strangers_begin_are_held_and_bounded),
	    workdir_test(a_room_that_one_has_left_is_held_if_a_stranger_lets_one_in_again),
	    workdir_test(a_state_that_came_without_its_key_gets_it_later),
	    workdir_test(states_of_a_membership_that_has_ended_bring_nobody_back),
	    workdir_test(a_room_that_is_held_is_so_after_a_kill),
	    workdir_test(who_is_put_into_rooms_and_out_again_is_not_kept_from_others),
	    workdir_test(who_joins_a_known_room_hands_that_on_and_need_not_accept_it),
	    workdir_test(who_is_asked_what_is_new_puts_nobody_into_a_room),
	    workdir_test(a_room_that_could_not_be_left_is_not_entered),
	    workdir_test(only_members_say_that_others_went_separate_ways),
	    workdir_test(there_are_so_many_rooms_and_those_one_has_left_give_way),
	    workdir_test(what_is_said_is_logged_once_and_only_from_members),
	    workdir_test(what_is_offered_has_a_number_for_each_and_the_author_knows_where_it_lies),
	    workdir_test(nobody_keeps_others_from_being_heard_by_using_their_ids),
	    workdir_test(nobody_is_called_as_somebody_else_is),
	    workdir_test(a_saying_of_any_size_is_said_whole_or_refused),
	    workdir_test(what_others_pass_on_is_not_too_old),
	    workdir_test(what_crosses_is_told_and_so_is_who_signs_twice),
	    workdir_test(an_act_that_falls_away_is_told),
	    workdir_test(who_was_let_in_by_a_state_that_fell_begins_anew_once_that_is_proven),
	};

	support_begin();
	return cmocka_run_group_tests_name("rooms", tests, NULL, NULL);
}
