/* peersfile: peers.txt, shared by four programs, edited by people, written by whoever likes. */
#include "support.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/jsontext.h"
#include "net/address.h"
#include "store/peerscontent.h"
#include "store/peersfile.h"
#include "vectors.h"

#define NAME PEERSFILE_NAME
#define BOB 0xc0a80107 /* 192.168.1.7 */
#define CAN 0xc0a80109 /* 192.168.1.9 */
#define NOW_MS INT64_C(1763625600125)

#define SELF_LINE "{\"self\": \"Ece\", \"mood\": \"fine\"}\n"
#define BOB_LINE                                                                                                       \
	"{\"peer\": \"192.168.1.7\", \"last_seen\": 1763625600.125, \"username\": \"Bob\", \"identity\": "             \
	"\"" VECTOR_SB_TEXT "\"}\n"
#define PIN_LINE "{\"known\": \"Bob\", \"identity\": \"" VECTOR_SB_TEXT "\", \"pinned\": 1763625000, \"mood\": 7}\n"
#define EXAMPLE SELF_LINE BOB_LINE PIN_LINE

static struct peersfile *open_fresh(int dir)
{
	struct peersfile *file = peersfile_new(dir);

	assert_non_null(file);
	return file;
}

static struct peersfile *read_text(int dir, const char *text)
{
	struct peersfile *file = open_fresh(dir);

	file_put(dir, NAME, text, strlen(text));
	assert_int_equal(peersfile_read(file), 0);
	return file;
}

static struct peer *find(const struct peersfile *file, uint32_t address)
{
	return peers_find(peersfile_peers(file), support_address(address));
}

static struct pin pin_of(const char *username, const char *identity_hex)
{
	struct pin pin = {.since_s = NOW_MS / 1000};

	snprintf(pin.username, sizeof(pin.username), "%s", username);
	support_unhex(identity_hex, pin.identity, DH_KEY_BYTES);
	return pin;
}

static void expect_text(int dir, const char *text)
{
	size_t len;
	char *found = file_take(dir, NAME, &len);

	CHECK(len == strlen(text) && memcmp(found, text, len) == 0, "%.*s", (int)len, found);
	free(found);
}

static void a_file_that_is_missing_or_empty_is_an_empty_dictionary(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file = open_fresh(dir);

	assert_int_equal(peersfile_read(file), 0);
	assert_int_equal(peers_count(peersfile_peers(file)), 0);
	peersfile_free(file);
	file = read_text(dir, "");
	assert_int_equal(peers_count(peersfile_peers(file)), 0);
	assert_null(peersfile_username(file));
	peersfile_free(file);
}

static void every_record_is_read(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file = read_text(dir, EXAMPLE);
	const struct pin *pin = pins_find(peersfile_pins(file), "Bob");
	struct peer *bob = find(file, BOB);

	assert_non_null(bob);
	assert_string_equal(bob->username, "Bob");
	assert_true(bob->has_identity && bob->last_seen_ms == NOW_MS);
	assert_non_null(pin);
	assert_true(pin->since_s == 1763625000);
	assert_string_equal(peersfile_username(file), "Ece");
	peersfile_free(file);
}

static void of_two_lines_about_one_thing_the_last_counts(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file =
	    read_text(dir, EXAMPLE "{\"self\": \"Alice\"}\n"
				   "{\"peer\": \"192.168.1.7\", \"last_seen\": 1763625601.000, \"username\": \"Can\"}\n"
				   "{\"known\": \"Bob\", \"identity\": \"" VECTOR_SA_TEXT "\", \"pinned\": 7}\n");

	assert_string_equal(peersfile_username(file), "Alice");
	assert_int_equal(peers_count(peersfile_peers(file)), 1);
	assert_string_equal(find(file, BOB)->username, "Can");
	assert_false(find(file, BOB)->has_identity);
	assert_int_equal(pins_count(peersfile_pins(file)), 1);
	assert_true(pins_find(peersfile_pins(file), "Bob")->since_s == 7);
	peersfile_free(file);
}

static void a_damaged_line_costs_itself_only_and_stays(void **state)
{
	static const char *const lines[] = {
	    "hello",
	    "{",
	    "[]",
	    "null",
	    "7",
	    "{}",
	    "\xff\xfe",
	    "{\"peer\": 7}",
	    "{\"peer\": \"192.168.1\"}",
	    "{\"peer\": \"192.168.1.8\", \"username\": \"Bad\"}",
	    "{\"peer\": \"192.168.1.8\", \"last_seen\": -1, \"username\": \"Bad\"}",
	    "{\"peer\": \"192.168.1.8\", \"last_seen\": 10000000000, \"username\": \"Bad\"}",
	    "{\"peer\": \"192.168.1.8\", \"last_seen\": 1763625600, \"username\": \"\"}",
	    "{\"room\": \"attic\",  \"name\" : \"lab\"}",
	    "{\"self\": 7}",
	    "{\"known\": []}",
	    "{\"peer\": \"192.168.1.8\", \"last_seen\": 1763625600.000, \"username\": \"Ba",
	};

	for (size_t i = 0; i < COUNT(lines); i++) {
		int dir = workdir_fd(state);
		char text[2048];
		struct peersfile *file;
		struct pin pin = pin_of("Can", VECTOR_SA_PUBLIC);

		/* The last line lacks its line feed, as after a power cut. */
		snprintf(text, sizeof(text), "%s" EXAMPLE "%s", i % 2 ? "" : "\n", lines[i]);
		file = read_text(dir, text);
		CHECK(peers_count(peersfile_peers(file)) == 1 && pins_count(peersfile_pins(file)) == 1, "%s", lines[i]);
		assert_string_equal(peersfile_username(file), "Ece");
		assert_int_equal(peersfile_begin(file), 0);
		assert_int_equal(peersfile_pin(file, &pin), 0);
		assert_int_equal(peersfile_commit(file, 0), 0);
		snprintf(text, sizeof(text),
		    "%s" EXAMPLE "%s\n{\"known\": \"Can\", \"identity\": \"" VECTOR_SA_TEXT
		    "\", \"pinned\": 1763625600}\n",
		    i % 2 ? "" : "\n", lines[i]);
		expect_text(dir, text);
		peersfile_free(file);
	}
}

static void a_change_leaves_all_other_lines_byte_for_byte(void **state)
{
	static const char odd[] =
	    " { \"peer\":\"192.168.1.9\",\"username\":\"Can\" , \"last_seen\":1763625600, \"x\":[ ]} \n";
	int dir = workdir_fd(state);
	char text[1024];
	struct peersfile *file;

	snprintf(text, sizeof(text), "%s" EXAMPLE, odd);
	file = read_text(dir, text);
	assert_int_equal(peersfile_begin(file), 0);
	assert_int_equal(peersfile_set_self(file, "Alice", 1763625600), 0);
	assert_int_equal(peersfile_unpin(file, "Bob"), 0);
	assert_int_equal(peersfile_unpin(file, "nobody"), 0);
	assert_int_equal(peersfile_commit(file, 0), 0);
	snprintf(text, sizeof(text), "%s" BOB_LINE "{\"self\": \"Alice\", \"since\": 1763625600, \"mood\": \"fine\"}\n",
	    odd);
	expect_text(dir, text);
	assert_int_equal(peersfile_read(file), 0);
	assert_int_equal(pins_count(peersfile_pins(file)), 0);
	assert_string_equal(peersfile_username(file), "Alice");
	assert_int_equal(file_mode(dir, NAME), 0600);
	peersfile_free(file);
}

static void a_pin_keeps_unknown_members_for_the_same_identity_only(void **state)
{
	int dir = workdir_fd(state);

	for (int same = 0; same < 2; same++) {
		struct peersfile *file = read_text(dir, EXAMPLE);
		struct pin pin = pin_of("Bob", same ? VECTOR_SB_PUBLIC : VECTOR_SA_PUBLIC);
		char text[1024];

		assert_int_equal(peersfile_begin(file), 0);
		assert_int_equal(peersfile_pin(file, &pin), 0);
		assert_int_equal(peersfile_commit(file, 0), 0);
		snprintf(text, sizeof(text),
		    SELF_LINE BOB_LINE "{\"known\": \"Bob\", \"identity\": \"%s\", \"pinned\": 1763625600%s}\n",
		    same ? VECTOR_SB_TEXT : VECTOR_SA_TEXT, same ? ", \"mood\": 7" : "");
		expect_text(dir, text);
		peersfile_free(file);
	}
}

static void whose_messages_are_wanted_stands_beside_the_name(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file = read_text(dir, EXAMPLE);

	assert_int_equal(peersfile_accept(file), PINS_ACCEPT_ALL);
	assert_int_equal(peersfile_begin(file), 0);
	assert_int_equal(peersfile_commit(file, peersfile_set_accept(file, PINS_ACCEPT_KNOWN)), 0);
	assert_int_equal(peersfile_begin(file), 0);
	assert_int_equal(peersfile_accept(file), PINS_ACCEPT_KNOWN);
	assert_int_equal(peersfile_commit(file, peersfile_set_self(file, "Alice", 7)), 0);
	expect_text(dir,
	    BOB_LINE PIN_LINE "{\"self\": \"Alice\", \"since\": 7, \"accept\": \"known\", \"mood\": \"fine\"}\n");
	peersfile_free(file);
	/* Before there is a name, and if it says something else. */
	file = read_text(dir, "");
	assert_int_equal(peersfile_begin(file), 0);
	assert_int_equal(peersfile_commit(file, peersfile_set_accept(file, PINS_ACCEPT_ASK)), 0);
	assert_int_equal(peersfile_read(file), 0);
	assert_int_equal(peersfile_accept(file), PINS_ACCEPT_ASK);
	assert_null(peersfile_username(file));
	peersfile_free(file);
	file = read_text(dir, "{\"self\": \"Ece\", \"accept\": \"ask\"}\n{\"self\": \"Ece\", \"accept\": \"none\"}\n");
	assert_int_equal(peersfile_accept(file), PINS_ACCEPT_ALL);
	peersfile_free(file);
}

static void wish(struct peersfile *file, const struct stranger *who)
{
	assert_int_equal(peersfile_begin(file), 0);
	assert_int_equal(peersfile_commit(file, peersfile_wish(file, who)), 0);
	assert_int_equal(peersfile_read(file), 0);
}

static void what_is_wanted_of_somebody_stands_with_their_pins_or_in_a_record_of_a_stranger(void **state)
{
	static const char first[] =
	    "{\"stranger\": \"Can\", \"identity\": \"" VECTOR_SA_TEXT "\", \"accepted\": true}\n";
	static const char second[] = "{\"stranger\": \"Can\", \"address\": \"192.168.1.9\", \"muted\": true}\n";
	int dir = workdir_fd(state);
	struct peersfile *file = read_text(dir, EXAMPLE);
	struct stranger can = {.username = "Can", .has_identity = true, .wishes = PINS_ACCEPTED};
	struct stranger bob = {.username = "Robert", .has_identity = true, .wishes = PINS_BLOCKED | PINS_ACCEPTED};
	char text[2048];

	support_unhex(VECTOR_SA_PUBLIC, can.identity, IDENTITY_BYTES);
	support_unhex(VECTOR_SB_PUBLIC, bob.identity, IDENTITY_BYTES);
	wish(file, &can);
	assert_int_equal(pins_wishes(peersfile_pins(file), can.identity, support_address(CAN)), PINS_ACCEPTED);
	assert_int_equal(pins_wishes(peersfile_pins(file), NULL, support_address(CAN)), 0);
	can.has_identity = false;
	can.address = support_address(CAN);
	can.wishes = PINS_MUTED;
	wish(file, &can);
	assert_int_equal(pins_wishes(peersfile_pins(file), can.identity, support_address(BOB)), PINS_ACCEPTED);
	assert_int_equal(pins_wishes(peersfile_pins(file), NULL, support_address(CAN)), PINS_MUTED);
	wish(file, &bob);
	assert_int_equal(pins_wishes(peersfile_pins(file), bob.identity, support_address(BOB)), PINS_BLOCKED);
	snprintf(text, sizeof(text),
	    SELF_LINE BOB_LINE "%s%s{\"known\": \"Bob\", \"identity\": \"" VECTOR_SB_TEXT
			       "\", \"pinned\": 1763625000, \"blocked\": true, \"mood\": 7}\n",
	    first, second);
	expect_text(dir, text);
	/* Who is forgotten stays blocked. */
	assert_int_equal(peersfile_begin(file), 0);
	assert_int_equal(peersfile_commit(file, peersfile_unpin(file, "Bob")), 0);
	assert_int_equal(peersfile_read(file), 0);
	assert_int_equal(pins_wishes(peersfile_pins(file), bob.identity, support_address(BOB)), PINS_BLOCKED);
	bob.wishes = can.wishes = 0;
	wish(file, &bob);
	wish(file, &can);
	snprintf(text, sizeof(text), SELF_LINE BOB_LINE "%s", first);
	expect_text(dir, text);
	peersfile_free(file);
}

static void what_is_no_valid_stranger_wants_nothing(void **state)
{
	static const char *const lines[] = {
	    "{\"stranger\": 7, \"address\": \"192.168.1.9\", \"muted\": true}",
	    "{\"stranger\": \"\", \"address\": \"192.168.1.9\", \"muted\": true}",
	    "{\"stranger\": \"Can\", \"address\": \"192.168.1\", \"muted\": true}",
	    "{\"stranger\": \"Can\", \"address\": \"192.168.1.9\", \"muted\": 1}",
	    "{\"stranger\": \"Can\", \"address\": \"192.168.1.9\"}",
	    "{\"stranger\": \"Can\", \"identity\": \"AAAA\", \"address\": \"192.168.1.9\", \"muted\": true}",
	    "{\"stranger\": \"Can\", \"muted\": true}",
	};

	for (size_t i = 0; i < COUNT(lines); i++) {
		struct peersfile *file = read_text(workdir_fd(state), lines[i]);

		CHECK(pins_count_strangers(peersfile_pins(file)) == 0, "%s", lines[i]);
		assert_int_equal(pins_wishes(peersfile_pins(file), NULL, support_address(CAN)), 0);
		peersfile_free(file);
	}
}

static void strangers_are_bounded(void **state)
{
	struct buffer text = {0};
	struct peersfile *file = open_fresh(workdir_fd(state));
	struct stranger can = {.username = "Can", .address = support_address(CAN), .wishes = PINS_MUTED};

	for (unsigned i = 0; i < PINS_MAX + 10; i++)
		assert_int_equal(buffer_printf(&text,
				     "{\"stranger\": \"Z\", \"address\": \"10.1.%u.%u\", \"muted\": true}\n", i / 256,
				     i % 256),
		    0);
	file_put(workdir_fd(state), NAME, text.data, text.len);
	assert_int_equal(peersfile_begin(file), 0);
	assert_int_equal(pins_count_strangers(peersfile_pins(file)), PINS_MAX);
	assert_int_equal(peersfile_wish(file, &can), EUSERS);
	can.address = support_address(0x0a010101);
	can.wishes = 0;
	assert_int_equal(peersfile_commit(file, peersfile_wish(file, &can)), 0);
	assert_int_equal(peersfile_read(file), 0);
	assert_int_equal(pins_wishes(peersfile_pins(file), NULL, can.address), 0);
	buffer_free(&text);
	peersfile_free(file);
}

#define ROOM_ID "+paKN+u70bHe5Hno7/ulRg=="
#define ROOM_LINE "{\"room\": \"" ROOM_ID "\", \"name\": \"lab\", \"line\": 7, \"mood\": \"fine\"}\n"

static json_t *room_of(const char *id, const char *name)
{
	return json_pack("{s:s, s:s, s:i}", "room", id, "name", name, "line", 8);
}

/* The names of the rooms that are read, each followed by a blank. */
static void expect_rooms(struct peersfile *file, const char *names)
{
	struct buffer found = {0};
	size_t cursor = 0, len;
	const char *line;

	while (peersfile_next_room(file, &cursor, &line, &len)) {
		json_t *record = jsontext_parse(line, len, NULL);

		if (!record)
			continue;
		assert_int_equal(buffer_printf(&found, "%s ", json_string_value(json_object_get(record, "name"))), 0);
		json_decref(record);
	}
	CHECK(found.len == strlen(names) && memcmp(found.data, names, found.len) == 0, "%.*s", (int)found.len,
	    found.data);
	buffer_free(&found);
}

static void a_room_is_read_when_asked_for_and_kept_byte_for_byte(void **state)
{
	static const char odd[] = "{ \"name\":\"cooks\",\"room\":\"AAAAAAAAAAAAAAAAAAAAAA==\"}\n";
	static const char damaged[] = "{\"room\": \"BAAAAAAAAAAAAAAAAAAAAA==\", \"name\"\n";
	int dir = workdir_fd(state);
	char text[2048];
	struct peersfile *file;

	snprintf(text, sizeof(text), ROOM_LINE "%s%s" EXAMPLE "{\"room\": \"lab\"}\n", odd, damaged);
	file = read_text(dir, text);
	expect_rooms(file, "lab cooks ");
	/* A change of another record, a room that is new, one that changes, and one that goes. */
	assert_int_equal(peersfile_begin(file), 0);
	assert_int_equal(peersfile_unpin(file, "Bob"), 0);
	assert_int_equal(
	    peersfile_set_room(file, "CAAAAAAAAAAAAAAAAAAAAA==", room_of("CAAAAAAAAAAAAAAAAAAAAA==", "new")), 0);
	assert_int_equal(peersfile_set_room(file, ROOM_ID, room_of(ROOM_ID, "kitchen")), 0);
	assert_int_equal(peersfile_set_room(file, "AAAAAAAAAAAAAAAAAAAAAA==", NULL), 0);
	assert_int_equal(peersfile_commit(file, 0), 0);
	assert_int_equal(peersfile_read(file), 0);
	expect_rooms(file, "new kitchen ");
	snprintf(text, sizeof(text),
	    "%s" SELF_LINE BOB_LINE "{\"room\": \"lab\"}\n"
	    "{\"room\": \"CAAAAAAAAAAAAAAAAAAAAA==\", \"name\": \"new\", \"line\": 8}\n"
	    "{\"room\": \"" ROOM_ID "\", \"name\": \"kitchen\", \"line\": 8, \"mood\": \"fine\"}\n",
	    damaged);
	expect_text(dir, text);
	peersfile_free(file);

	/* Of two lines about one room the last counts. */
	file = read_text(dir, ROOM_LINE "{\"room\": \"" ROOM_ID "\", \"name\": \"later\"}\n");
	expect_rooms(file, "later ");
	peersfile_free(file);
}

static void rooms_are_bounded(void **state)
{
	int dir = workdir_fd(state);
	struct buffer text = {0};
	size_t cursor = 0, count = 0, len;
	const char *line;
	struct peersfile *file;

	for (unsigned i = 0; i < PEERSCONTENT_ROOMS_MAX + 5; i++)
		assert_int_equal(buffer_printf(&text, "{\"room\": \"%022u==\", \"name\": \"lab\"}\n", i), 0);
	assert_int_equal(buffer_append(&text, "", 1), 0);
	file = read_text(dir, text.data);
	while (peersfile_next_room(file, &cursor, &line, &len))
		count++;
	assert_int_equal(count, PEERSCONTENT_ROOMS_MAX);
	peersfile_free(file);
	buffer_free(&text);
}

static void a_file_too_large_is_refused_and_left_alone(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file = open_fresh(dir);
	int fd;

	file_put(dir, NAME, EXAMPLE, strlen(EXAMPLE));
	fd = openat(dir, NAME, O_WRONLY);
	assert_int_equal(ftruncate(fd, PEERSFILE_MAX_BYTES + 1), 0);
	close(fd);
	assert_int_equal(peersfile_read(file), EFBIG);
	assert_int_equal(peersfile_begin(file), EFBIG);
	assert_true(lock_is_free(dir, NAME, LOCK_EX));
	assert_non_null(strstr(peersfile_reason(EFBIG), "20 MiB"));
	peersfile_free(file);
}

static void what_was_read_is_read_once_for_both_and_lives_as_long_as_either_holds_it(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file = read_text(dir, EXAMPLE), *beside = peersfile_new_beside(file);
	const struct peers *before;
	struct pin pin = pin_of("Can", VECTOR_SA_PUBLIC);

	assert_non_null(beside);
	assert_int_equal(peers_count(peersfile_peers(beside)), 0);
	assert_int_equal(peersfile_read(beside), 0);
	assert_ptr_equal(peersfile_peers(beside), peersfile_peers(file));
	/* What one has read anew, the other sees when it reads. */
	assert_int_equal(peersfile_begin(beside), 0);
	assert_int_equal(peersfile_pin(beside, &pin), 0);
	assert_int_equal(peersfile_commit(beside, 0), 0);
	before = peersfile_peers(file);
	assert_int_equal(peersfile_read(beside), 0);
	assert_non_null(pins_find(peersfile_pins(beside), "Can"));
	assert_ptr_equal(peersfile_peers(file), before);
	assert_null(pins_find(peersfile_pins(file), "Can"));
	assert_string_equal(find(file, BOB)->username, "Bob");
	assert_int_equal(peersfile_read(file), 0);
	assert_ptr_equal(peersfile_peers(file), peersfile_peers(beside));
	peersfile_free(file);
	assert_string_equal(find(beside, BOB)->username, "Bob");
	file_put(dir, NAME, BYTES(SELF_LINE));
	assert_int_equal(peersfile_read(beside), 0);
	assert_int_equal(peers_count(peersfile_peers(beside)), 0);
	peersfile_free(beside);
}

static void a_change_waits_for_the_lock_but_not_for_ever(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file = read_text(dir, EXAMPLE);
	struct holder holder = holder_start(dir, NAME, LOCK_EX, NULL);

	assert_int_equal(peersfile_begin(file), ETIMEDOUT);
	holder_end(holder);
	assert_int_equal(peersfile_begin(file), 0);
	peersfile_abandon(file);
	assert_true(lock_is_free(dir, NAME, LOCK_EX));
	expect_text(dir, EXAMPLE);
	peersfile_free(file);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_file_that_is_missing_or_empty_is_an_empty_dictionary, workdir_make,
		workdir_remove),
	    cmocka_unit_test_setup_teardown(every_record_is_read, workdir_make, workdir_remove),
	    cmocka_unit_test_setup_teardown(of_two_lines_about_one_thing_the_last_counts, workdir_make, workdir_remove),
	    cmocka_unit_test_setup_teardown(a_damaged_line_costs_itself_only_and_stays, workdir_make, workdir_remove),
	    cmocka_unit_test_setup_teardown(a_change_leaves_all_other_lines_byte_for_byte, workdir_make,
		workdir_remove),
	    cmocka_unit_test_setup_teardown(a_pin_keeps_unknown_members_for_the_same_identity_only, workdir_make,
		workdir_remove),
	    workdir_test(whose_messages_are_wanted_stands_beside_the_name),
	    workdir_test(what_is_wanted_of_somebody_stands_with_their_pins_or_in_a_record_of_a_stranger),
	    workdir_test(what_is_no_valid_stranger_wants_nothing),
	    workdir_test(strangers_are_bounded),
	    cmocka_unit_test_setup_teardown(a_room_is_read_when_asked_for_and_kept_byte_for_byte, workdir_make,
		workdir_remove),
	    cmocka_unit_test_setup_teardown(rooms_are_bounded, workdir_make, workdir_remove),
	    cmocka_unit_test_setup_teardown(a_file_too_large_is_refused_and_left_alone, workdir_make, workdir_remove),
	    cmocka_unit_test_setup_teardown(what_was_read_is_read_once_for_both_and_lives_as_long_as_either_holds_it,
		workdir_make, workdir_remove),
	    cmocka_unit_test_setup_teardown(a_change_waits_for_the_lock_but_not_for_ever, workdir_make, workdir_remove),
	};

	support_begin();
	return cmocka_run_group_tests_name("peersfile", tests, NULL, NULL);
}
