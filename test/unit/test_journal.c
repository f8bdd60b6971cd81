/* journal: how little of peers.txt is written. */
#include "support.h"

#include "base/clock.h"
#include "discovery/journal.h"
#include "vectors.h"

#define NAME PEERSFILE_NAME
#define BOB 0xc0a80107 /* 192.168.1.7 */
#define CAN 0xc0a80109 /* 192.168.1.9 */
#define NOW_MS INT64_C(1763625600125)
#define MUCH (1024 * 1024)

#define SELF_LINE "{\"self\": \"Ece\"}\n"
#define PIN_LINE "{\"known\": \"Bob\", \"identity\": \"" VECTOR_SB_TEXT "\", \"pinned\": 1763625000}\n"
#define CAN_LINE "{\"peer\": \"192.168.1.9\", \"last_seen\": 1763625600.125, \"username\": \"Can\"}\n"

static void hear(struct peers *peers, uint32_t address, const char *username, int64_t now_ms)
{
	struct announcement announcement = {0};

	snprintf(announcement.username, sizeof(announcement.username), "%s", username);
	assert_true(peers_hear(peers, support_address(address), &announcement, false, now_ms) > 0);
}

static void hear_signed(struct peers *peers, uint32_t address, const char *username, const char *identity_hex)
{
	struct announcement announcement = {.has_identity = true, .since_s = 1763620000};

	snprintf(announcement.username, sizeof(announcement.username), "%s", username);
	support_unhex(identity_hex, announcement.identity, IDENTITY_BYTES);
	assert_true(peers_hear(peers, support_address(address), &announcement, false, NOW_MS) > 0);
}

/* One turn, as the keeper does it. What was written is in *journal, but for its memory. */
static struct journal turn(struct peers *peers, struct peersfile *file, size_t allowance)
{
	struct journal journal = {0}, done;

	assert_int_equal(peersfile_lock(file), 0);
	assert_int_equal(peersfile_load(file), 0);
	journal_merge(peers, file, NOW_MS);
	assert_int_equal(journal_plan(&journal, peers, file, allowance), 0);
	assert_int_equal(journal_write(&journal, file), 0);
	done = journal;
	journal_free(&journal);
	return done;
}

/* As the keeper does after each turn. */
static void take_all_news(struct peers *peers)
{
	for (struct peer *peer = NULL; (peer = peers_next(peers, peer));)
		peer->news = 0;
}

static void expect_text(int dir, const char *text)
{
	size_t len;
	char *found = file_take(dir, NAME, &len);

	CHECK(len == strlen(text) && memcmp(found, text, len) == 0, "%.*s", (int)len, found);
	free(found);
}

static ino_t inode(int dir)
{
	struct stat status;

	assert_int_equal(fstatat(dir, NAME, &status, 0), 0);
	return status.st_ino;
}

static void newcomers_are_appended_and_times_overwritten(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file = peersfile_new(dir), *reader = peersfile_new(dir);
	struct peers *peers = peers_new();
	struct journal done;
	ino_t before;

	file_put(dir, NAME, SELF_LINE PIN_LINE, strlen(SELF_LINE PIN_LINE));
	before = inode(dir);
	hear(peers, CAN, "Can", NOW_MS);
	done = turn(peers, file, MUCH);
	assert_int_equal(done.lines, 1);
	assert_int_equal(done.time_count, 0);
	expect_text(dir, SELF_LINE PIN_LINE CAN_LINE);
	assert_int_equal(peersfile_read(reader), 0);
	hear(peers, CAN, "Can", NOW_MS + 1000);
	done = turn(peers, file, 0);
	assert_int_equal(done.text.len, 0);
	assert_int_equal(done.time_count, 1);
	expect_text(dir,
	    SELF_LINE PIN_LINE "{\"peer\": \"192.168.1.9\", \"last_seen\": 1763625601.125, \"username\": \"Can\"}\n");
	assert_true(inode(dir) == before);
	/* Who asks who is who need not read it again; who asks since when does. */
	assert_int_equal(peersfile_read_content(reader), 0);
	assert_true(peers_find(peersfile_peers(reader), support_address(CAN))->last_seen_ms == NOW_MS);
	assert_int_equal(peersfile_read(reader), 0);
	assert_true(peers_find(peersfile_peers(reader), support_address(CAN))->last_seen_ms == NOW_MS + 1000);
	/* Nothing new is nothing to write. */
	done = turn(peers, file, MUCH);
	assert_true(done.text.len == 0 && done.time_count == 0);
	peers_free(peers);
	peersfile_free(reader);
	peersfile_free(file);
}

static void claims_of_an_address_share_a_line(void **state)
{
	static const char both[] =
	    PIN_LINE "{\"peer\": \"192.168.1.7\", \"last_seen\": 1763625600.125, \"username\": \"Bob\", "
		     "\"identity\": \"" VECTOR_SB_TEXT "\", \"since\": 1763620000, \"back\": 1763625600, \"also\": ["
		     "{\"last_seen\": 1763625600.125, \"username\": \"Zoe\"}]}\n";
	int dir = workdir_fd(state);
	struct peersfile *file = peersfile_new(dir), *reader = peersfile_new(dir);
	struct peers *peers = peers_new();
	struct peer *claims[PEERS_CLAIMS_MAX];
	struct journal done;

	file_put(dir, NAME, PIN_LINE, strlen(PIN_LINE));
	hear(peers, BOB, "Zoe", NOW_MS);
	hear_signed(peers, BOB, "Bob", VECTOR_SB_PUBLIC);
	done = turn(peers, file, MUCH);
	assert_int_equal(done.lines, 1);
	expect_text(dir, both);
	assert_int_equal(peersfile_read(reader), 0);
	assert_int_equal(peers_list(peersfile_peers(reader), support_address(BOB), claims), 2);
	assert_true(claims[0]->has_identity && claims[0]->is_pinned && claims[0]->since_s == 1763620000);
	assert_string_equal(claims[1]->username, "Zoe");
	/* Each has a time of its own. */
	hear(peers, BOB, "Zoe", NOW_MS + 875);
	done = turn(peers, file, 0);
	assert_int_equal(done.time_count, 1);
	assert_int_equal(peersfile_read(reader), 0);
	assert_int_equal(peers_list(peersfile_peers(reader), support_address(BOB), claims), 2);
	assert_true(claims[0]->last_seen_ms == NOW_MS && claims[1]->last_seen_ms == NOW_MS + 875);
	peers_free(peers);
	peersfile_free(reader);
	peersfile_free(file);
}

static void rooms_of_others_are_written_without_a_sync(void **state)
{
	static const char expected[] =
	    "{\"peer\": \"192.168.1.7\", \"last_seen\": 1763625600.125, \"username\": \"Bob\", "
	    "\"identity\": \"" VECTOR_SB_TEXT "\", \"since\": 1763620000, \"back\": 1763625600}\n"
	    "{\"peer\": \"192.168.1.7\", \"last_seen\": 1763625600.125, \"username\": \"Bob\", "
	    "\"identity\": \"" VECTOR_SB_TEXT "\", \"since\": 1763620001, \"back\": 1763625600, \"rooms\": ["
	    "{\"id\": \"AQAAAAAAAAAAAAAAAAAAAA==\", \"name\": \"lab\", \"members\": 2, "
	    "\"capacity\": 50, \"entry\": \"open\"}]}\n";
	int dir = workdir_fd(state);
	struct peersfile *file = peersfile_new(dir), *reader = peersfile_new(dir);
	struct peers *peers = peers_new();
	struct announcement announcement = {.username = "Bob", .has_identity = true, .since_s = 1763620001};
	const struct peer *found;

	support_unhex(VECTOR_SB_PUBLIC, announcement.identity, IDENTITY_BYTES);
	file_put(dir, NAME, "", 0);
	hear_signed(peers, BOB, "Bob", VECTOR_SB_PUBLIC);
	assert_true(turn(peers, file, MUCH).is_durable);
	take_all_news(peers);
	announcement.rooms[0] = (struct announcement_room){.id = {1}, .name = "lab", .members = 2, .capacity = 50};
	announcement.room_count = 1;
	assert_int_equal(peers_hear(peers, support_address(BOB), &announcement, false, NOW_MS),
	    PEERS_ROOMS | PEERS_RENEWED);
	assert_false(turn(peers, file, MUCH).is_durable);
	take_all_news(peers);
	expect_text(dir, expected);
	assert_int_equal(peersfile_read(reader), 0);
	found = peers_find(peersfile_peers(reader), support_address(BOB));
	assert_int_equal(found->room_count, 1);
	assert_memory_equal(found->rooms, announcement.rooms, sizeof(announcement.rooms[0]));
	/* If more is new it is synced, and a claim that is found in the file has its rooms. */
	announcement.room_count = 0;
	announcement.since_s++;
	strcpy(announcement.username, "Rob");
	assert_true(peers_hear(peers, support_address(BOB), &announcement, false, NOW_MS) & PEERS_ROOMS);
	assert_true(turn(peers, file, MUCH).is_durable);
	assert_int_equal(peersfile_read(reader), 0);
	assert_int_equal(peers_find(peersfile_peers(reader), support_address(BOB))->room_count, 0);
	peers_free(peers);
	peersfile_free(reader);
	peersfile_free(file);
}

static void the_file_is_replaced_when_most_of_it_is_dead(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file = peersfile_new(dir);
	struct peers *peers = peers_new();
	int replaced = 0;

	file_put(dir, NAME, SELF_LINE "hello\n" PIN_LINE, strlen(SELF_LINE "hello\n" PIN_LINE));
	for (int i = 0; i < 100; i++) {
		hear(peers, CAN, i % 2 ? "Can" : "Cem", NOW_MS + i);
		replaced += turn(peers, file, MUCH).is_whole;
	}
	CHECK(replaced >= 3 && replaced <= 10, "%d times", replaced);
	hear(peers, CAN, "Can", NOW_MS);
	assert_int_equal(peersfile_begin(file), 0);
	peersfile_abandon(file);
	/* A line that somebody did not end is closed off by that. */
	file_put(dir, NAME, SELF_LINE "hello\n" PIN_LINE "{\"peer\": \"192", strlen(SELF_LINE "hello\n" PIN_LINE) + 13);
	turn(peers, file, MUCH);
	expect_text(dir, SELF_LINE "hello\n" PIN_LINE "{\"peer\": \"192\n" CAN_LINE);
	peers_free(peers);
	peersfile_free(file);
}

static void what_exceeds_the_allowance_waits(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file = peersfile_new(dir);
	struct peers *peers = peers_new();
	struct journal done;

	for (uint32_t i = 0; i < 10; i++)
		hear(peers, CAN + i, "Can", NOW_MS);
	done = turn(peers, file, 100);
	assert_int_equal(done.lines, 2);
	assert_true(done.is_short);
	done = turn(peers, file, 0);
	assert_int_equal(done.lines, 0);
	assert_true(done.is_short);
	done = turn(peers, file, MUCH);
	assert_int_equal(done.lines, 8);
	assert_false(done.is_short);
	peers_free(peers);
	peersfile_free(file);
}

/* The initiator pins somebody, and a user takes a line out, while discovery knows better who is there. */
static void what_others_change_meanwhile_is_taken_over(void **state)
{
	static const char edited[] = PIN_LINE
	    "{\"peer\": \"192.168.1.8\", \"last_seen\": 1763625600, \"username\": \"Ann\", \"mood\": 7}\n"
	    "{\"peer\": \"192.168.1.9\", \"last_seen\": 1763625500.000, \"username\": \"Can\", \"shoe\": 44}\n";
	int dir = workdir_fd(state);
	struct peersfile *file = peersfile_new(dir);
	struct peers *peers = peers_new();

	hear_signed(peers, BOB, "Bob", VECTOR_SB_PUBLIC);
	hear(peers, CAN, "Can", NOW_MS);
	turn(peers, file, MUCH);
	file_put(dir, NAME, edited, strlen(edited));
	turn(peers, file, MUCH);
	assert_int_equal(peers_count(peers), 3);
	assert_true(peers_find(peers, support_address(BOB))->is_pinned);
	expect_text(dir,
	    PIN_LINE "{\"peer\": \"192.168.1.8\", \"last_seen\": 1763625600, \"username\": \"Ann\", \"mood\": 7}\n"
		     "{\"peer\": \"192.168.1.9\", \"last_seen\": 1763625600.125, \"username\": \"Can\", \"shoe\": 44}\n"
		     "{\"peer\": \"192.168.1.8\", \"last_seen\": 1763625600.000, \"username\": \"Ann\", \"mood\": 7}\n"
		     "{\"peer\": \"192.168.1.7\", \"last_seen\": 1763625600.125, \"username\": \"Bob\", \"identity\": "
		     "\"" VECTOR_SB_TEXT "\", \"since\": 1763620000, \"back\": 1763625600}\n");
	peers_free(peers);
	peersfile_free(file);
}

static void a_write_that_fails_leaves_whole_lines(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file = peersfile_new(dir);
	struct peers *peers = peers_new();
	struct journal journal = {0};
	struct rlimit before;

	hear(peers, CAN, "Can", NOW_MS);
	turn(peers, file, MUCH);
	hear(peers, BOB, "Bob", NOW_MS);
	assert_int_equal(peersfile_begin(file), 0);
	assert_int_equal(journal_plan(&journal, peers, file, MUCH), 0);
	before = disk_shrink(strlen(CAN_LINE) + 10);
	assert_int_equal(journal_write(&journal, file), EFBIG);
	disk_restore(before);
	journal_free(&journal);
	expect_text(dir, CAN_LINE);
	assert_true(lock_is_free(dir, NAME, LOCK_EX));
	/* It is not forgotten. */
	assert_int_equal(turn(peers, file, MUCH).lines, 1);
	peers_free(peers);
	peersfile_free(file);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(newcomers_are_appended_and_times_overwritten, workdir_make, workdir_remove),
	    cmocka_unit_test_setup_teardown(claims_of_an_address_share_a_line, workdir_make, workdir_remove),
	    cmocka_unit_test_setup_teardown(rooms_of_others_are_written_without_a_sync, workdir_make, workdir_remove),
	    cmocka_unit_test_setup_teardown(the_file_is_replaced_when_most_of_it_is_dead, workdir_make, workdir_remove),
	    cmocka_unit_test_setup_teardown(what_exceeds_the_allowance_waits, workdir_make, workdir_remove),
	    cmocka_unit_test_setup_teardown(what_others_change_meanwhile_is_taken_over, workdir_make, workdir_remove),
	    cmocka_unit_test_setup_teardown(a_write_that_fails_leaves_whole_lines, workdir_make, workdir_remove),
	};

	support_begin();
	return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
