/* peersfile: peers.txt, shared by four programs, edited by people, written by whoever likes. */
#include "support.h"

#include <jansson.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "crypto/identity.h"
#include "net/address.h"
#include "shortage.h"
#include "store/peersfile.h"
#include "vectors.h"

#define NAME PEERSFILE_NAME
#define BOB 0xc0a80107 /* 192.168.1.7 */
#define CAN 0xc0a80109 /* 192.168.1.9 */
#define NOW_MS INT64_C(1763625600125)

/* The example of common/PROTOCOL.md. */
#define EXAMPLE                                                                                                        \
	"{\n"                                                                                                          \
	"\"self\": {\"username\": \"Ece\"},\n"                                                                         \
	"\"peers\": {\n"                                                                                               \
	"\"192.168.1.7\": {\"username\": \"Bob\", \"last_seen\": 1763625600.125, \"identity\": "                       \
	"\"" VECTOR_SB_TEXT "\"}\n"                                                                                    \
	"},\n"                                                                                                         \
	"\"known\": {\n"                                                                                               \
	"\"Bob\": {\"identity\": \"" VECTOR_SB_TEXT "\", \"since\": 1763625000}\n"                                     \
	"}\n"                                                                                                          \
	"}\n"

static struct announcement announcement_of(const char *username)
{
	struct announcement announcement = {0};

	snprintf(announcement.username, sizeof(announcement.username), "%s", username);
	return announcement;
}

static void hear(struct peersfile *file, uint32_t address, const char *username, int64_t now_ms)
{
	struct announcement announcement = announcement_of(username);

	assert_true(peers_hear(peersfile_peers(file), support_address(address), &announcement, now_ms) > 0);
}

static struct peer *find(const struct peersfile *file, uint32_t address)
{
	return peers_find(peersfile_peers(file), support_address(address));
}

static size_t count(const struct peersfile *file)
{
	return peers_count(peersfile_peers(file));
}

/* Opens the file for one look or change. */
static struct peersfile *open_fresh(int dir)
{
	struct peersfile *file = peersfile_new(dir);

	assert_non_null(file);
	return file;
}

static struct peersfile *read_fresh(int dir)
{
	struct peersfile *file = open_fresh(dir);

	assert_int_equal(peersfile_read(file), 0);
	return file;
}

/* One change that adds one peer. */
static void add_peer(int dir, uint32_t address, const char *username)
{
	struct peersfile *file = open_fresh(dir);

	assert_int_equal(peersfile_begin(file, NULL), 0);
	hear(file, address, username, NOW_MS);
	assert_int_equal(peersfile_commit(file), 0);
	peersfile_free(file);
}

/* A pin of username, as old as the example. */
static struct pin pin_of(const char *username, const char *identity_hex)
{
	struct pin pin = {.since_s = NOW_MS / 1000};

	snprintf(pin.username, sizeof(pin.username), "%s", username);
	support_unhex(identity_hex, pin.identity, DH_KEY_BYTES);
	return pin;
}

/* One change that pins it. */
static int pin_in_change(struct peersfile *file, const struct pin *pin)
{
	int r;

	assert_int_equal(peersfile_begin(file, NULL), 0);
	r = peersfile_pin(file, pin);
	if (r == 0)
		assert_int_equal(peersfile_commit(file), 0);
	else
		peersfile_abandon(file);
	return r;
}

static int meet(struct peersfile *file, const char *username, const char *identity_hex, uint32_t address)
{
	uint8_t identity[DH_KEY_BYTES];
	const char *set_aside = "before";
	int r;

	support_unhex(identity_hex, identity, DH_KEY_BYTES);
	r = peersfile_meet(file, username, identity, support_address(address), PINS_MAX, &set_aside);
	assert_null(set_aside);
	return r;
}

/* Fails unless username is pinned to the identity. */
static const struct pin *expect_known(const struct peersfile *file, const char *username, const char *identity_hex)
{
	const struct pin *pin = pins_find(peersfile_pins(file), username);
	uint8_t identity[DH_KEY_BYTES];

	CHECK(pin != NULL, "%s is not known", username);
	support_unhex(identity_hex, identity, DH_KEY_BYTES);
	assert_memory_equal(pin->identity, identity, DH_KEY_BYTES);
	return pin;
}

static size_t count_known(const struct peersfile *file)
{
	return pins_count(peersfile_pins(file));
}

/* What lies at the path now. A change makes a new one. */
static ino_t inode(int dir)
{
	struct stat status;

	assert_int_equal(fstatat(dir, NAME, &status, 0), 0);
	return status.st_ino;
}

static void put_text(int dir, const char *text)
{
	file_put(dir, NAME, text, strlen(text));
}

/* What lies on the disk, parsed. */
static json_t *parse_file(int dir)
{
	size_t len;
	char *text = file_take(dir, NAME, &len);
	json_error_t error;
	json_t *document = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);

	CHECK(document != NULL, "%s in %s", error.text, text);
	assert_true(json_is_object(document));
	free(text);
	return document;
}

static void a_file_that_is_missing_or_empty_is_an_empty_dictionary(void **state)
{
	int dir = workdir_fd(state);

	for (int empty = 0; empty < 2; empty++) {
		struct peersfile *file = open_fresh(dir);

		if (empty)
			put_text(dir, "");
		assert_int_equal(count(file), 0);
		assert_null(peersfile_username(file));
		assert_int_equal(peersfile_read(file), 0);
		assert_int_equal(count(file), 0);
		assert_null(peersfile_username(file));
		peersfile_free(file);
	}
	add_peer(dir, BOB, "Bob");
	peersfile_free(read_fresh(dir));
	peersfile_free(NULL);
}

static void the_file_has_the_form_of_the_protocol(void **state)
{
	int dir = workdir_fd(state);
	mode_t mask = umask(0);
	struct peersfile *file = open_fresh(dir);
	struct announcement bob = announcement_of("Bob");
	static const char expected[] =
	    "{\n"
	    "\"self\": {\"username\": \"Ece\"},\n"
	    "\"peers\": {\n"
	    "\"192.168.1.7\": {\"username\": \"Bob\", \"last_seen\": 1763625600.125, \"identity\": "
	    "\"" VECTOR_SB_TEXT "\"}\n"
	    "}\n"
	    "}";
	char *text;
	size_t len;

	support_unhex(VECTOR_SB_PUBLIC, bob.identity, DH_KEY_BYTES);
	bob.has_identity = true;
	assert_int_equal(peersfile_begin(file, NULL), 0);
	assert_int_equal(peersfile_set_username(file, "Ece"), 0);
	assert_int_equal(peers_hear(peersfile_peers(file), support_address(BOB), &bob, NOW_MS), PEERS_INSERTED);
	assert_int_equal(peersfile_commit(file), 0);
	peersfile_free(file);
	assert_int_equal(file_mode(dir, NAME), 0600);
	assert_int_equal(file_count(dir, ""), 1);
	text = file_take(dir, NAME, &len);
	CHECK(strncmp(text, expected, sizeof(expected) - 1) == 0, "%s", text);
	free(text);
	umask(mask);
}

static void a_file_in_the_form_of_the_protocol_comes_out_as_it_was(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file = open_fresh(dir);

	put_text(dir, EXAMPLE);
	assert_int_equal(peersfile_begin(file, NULL), 0);
	assert_string_equal(peersfile_username(file), "Ece");
	assert_int_equal(count(file), 1);
	assert_string_equal(find(file, BOB)->username, "Bob");
	assert_true(find(file, BOB)->has_identity);
	assert_int_equal(peersfile_commit(file), 0);
	peersfile_free(file);
	file_expect(dir, NAME, BYTES(EXAMPLE));
}

static void every_peer_has_a_line_of_its_own(void **state)
{
	static const char *const names[] = {"Bob", "Can, \"the\" {baker}", "\\", "}, {",
	    "\xc3\x87"
	    "a\xc4\x9f"
	    "da\xc5\x9f",
	    "192.168.1.7", "  inner  space"};
	int dir = workdir_fd(state);
	struct peersfile *file = open_fresh(dir);
	char *text;
	size_t len;
	size_t found = 0;

	put_text(dir, "{\"peers\": {\"10.0.0.1\": {\"username\": \"Ece\", \"last_seen\": 1, \"x\": "
		      "{\"y\": [1, \"\\n\"]}}}}");
	assert_int_equal(peersfile_begin(file, NULL), 0);
	for (uint32_t i = 0; i < COUNT(names); i++)
		hear(file, BOB + i, names[i], NOW_MS + i);
	assert_int_equal(peersfile_commit(file), 0);
	peersfile_free(file);
	json_decref(parse_file(dir));

	text = file_take(dir, NAME, &len);
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		size_t line_len = strlen(line);
		char wrapped[1024];
		json_t *object;
		const char *key;
		json_t *peer;

		if (strncmp(line, "\"192.168.1.", 11) != 0 && strncmp(line, "\"10.0.0.1", 9) != 0)
			continue;
		if (line[line_len - 1] == ',')
			line_len--;
		snprintf(wrapped, sizeof(wrapped), "{%.*s}", (int)line_len, line);
		object = json_loads(wrapped, 0, NULL);
		CHECK(object != NULL, "not one peer: %s", line);
		assert_int_equal(json_object_size(object), 1);
		json_object_foreach (object, key, peer) {
			assert_non_null(json_object_get(peer, "username"));
		}
		json_decref(object);
		found++;
	}
	assert_int_equal(found, COUNT(names) + 1);
	free(text);
}

static void peers_come_back_as_they_were(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file = open_fresh(dir);
	struct announcement announcement = announcement_of("Bob");
	struct peersfile *other;

	support_unhex(VECTOR_SA_PUBLIC, announcement.identity, DH_KEY_BYTES);
	assert_int_equal(peersfile_begin(file, NULL), 0);
	/* All combinations, and all milliseconds of a second. */
	for (uint32_t i = 0; i < 1000; i++) {
		announcement.has_identity = i & 1;
		announcement.leaving = false;
		assert_int_equal(peers_hear(peersfile_peers(file), support_address(BOB + i), &announcement, NOW_MS + i),
		    PEERS_INSERTED);
		announcement.leaving = i & 2;
		assert_true(peers_hear(peersfile_peers(file), support_address(BOB + i), &announcement, NOW_MS + i) > 0);
	}
	assert_int_equal(peersfile_commit(file), 0);

	other = read_fresh(dir);
	assert_int_equal(count(other), 1000);
	for (uint32_t i = 0; i < 1000; i++) {
		const struct peer *peer = find(other, BOB + i);

		assert_non_null(peer);
		assert_string_equal(peer->username, "Bob");
		assert_int_equal(peer->has_identity, i & 1);
		if (peer->has_identity)
			assert_memory_equal(peer->identity, announcement.identity, DH_KEY_BYTES);
		assert_int_equal(peer->left, (i & 2) != 0);
		CHECK(peer->last_seen_ms == NOW_MS + i, "%lld and not %lld", (long long)peer->last_seen_ms,
		    (long long)(NOW_MS + i));
		assert_null(peer->extra);
		assert_int_equal(peer->news, 0);
	}
	peersfile_free(other);
	peersfile_free(file);
}

static void peers_are_in_the_order_in_which_they_were_heard(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file;
	const struct peer *peer = NULL;
	static const uint32_t expected[] = {0x0a000004, 0x0a000002, 0x0a000001, 0x0a000003};

	put_text(dir, "{\"peers\": {"
		      "\"10.0.0.1\": {\"username\": \"A\", \"last_seen\": 1763625600.5},"
		      "\"10.0.0.2\": {\"username\": \"B\", \"last_seen\": 1763625600.501},"
		      "\"10.0.0.3\": {\"username\": \"C\", \"last_seen\": 1763625000},"
		      "\"10.0.0.4\": {\"username\": \"D\", \"last_seen\": 1763625601}}}");
	file = read_fresh(dir);
	assert_int_equal(count(file), COUNT(expected));
	for (size_t i = 0; i < COUNT(expected); i++) {
		peer = peers_older(peersfile_peers(file), peer);
		assert_int_equal(ntohl(peer->address.s_addr), expected[i]);
	}
	peersfile_free(file);
}

static void what_is_no_valid_peer_is_left_out(void **state)
{
	static const char *const entries[] = {
	    "\"Bob\": {\"username\": \"Bob\", \"last_seen\": 1763625600}",
	    "\"\": {\"username\": \"Bob\", \"last_seen\": 1763625600}",
	    "\"192.168.1\": {\"username\": \"Bob\", \"last_seen\": 1763625600}",
	    "\"192.168.1.256\": {\"username\": \"Bob\", \"last_seen\": 1763625600}",
	    "\"192.168.01.8\": {\"username\": \"Bob\", \"last_seen\": 1763625600}",
	    "\"192.168.1.8 \": {\"username\": \"Bob\", \"last_seen\": 1763625600}",
	    "\"192.168.1.8:6001\": {\"username\": \"Bob\", \"last_seen\": 1763625600}",
	    "\"::1\": {\"username\": \"Bob\", \"last_seen\": 1763625600}",
	    "\"192.168.1.8\": null",
	    "\"192.168.1.8\": 42",
	    "\"192.168.1.8\": \"Bob\"",
	    "\"192.168.1.8\": [\"Bob\", 1763625600]",
	    "\"192.168.1.8\": {}",
	    "\"192.168.1.8\": {\"username\": \"Bob\"}",
	    "\"192.168.1.8\": {\"last_seen\": 1763625600}",
	    "\"192.168.1.8\": {\"username\": 42, \"last_seen\": 1763625600}",
	    "\"192.168.1.8\": {\"username\": null, \"last_seen\": 1763625600}",
	    "\"192.168.1.8\": {\"username\": \"\", \"last_seen\": 1763625600}",
	    "\"192.168.1.8\": {\"username\": \"  \", \"last_seen\": 1763625600}",
	    "\"192.168.1.8\": {\"username\": \"B\\u001b[2Job\", \"last_seen\": 1763625600}",
	    "\"192.168.1.8\": {\"username\": \"B\\nob\", \"last_seen\": 1763625600}",
	    "\"192.168.1.8\": {\"username\": "
	    "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\", "
	    "\"last_seen\": 1763625600}",
	    "\"192.168.1.8\": {\"username\": \"Bob\", \"last_seen\": null}",
	    "\"192.168.1.8\": {\"username\": \"Bob\", \"last_seen\": \"1763625600\"}",
	    "\"192.168.1.8\": {\"username\": \"Bob\", \"last_seen\": true}",
	    "\"192.168.1.8\": {\"username\": \"Bob\", \"last_seen\": [1763625600]}",
	};
	int dir = workdir_fd(state);

	for (size_t i = 0; i < COUNT(entries); i++) {
		struct peersfile *file;
		char text[1024];

		snprintf(text, sizeof(text),
		    "{\"peers\": {\"192.168.1.7\": {\"username\": \"Bob\", \"last_seen\": "
		    "1763625600}, %s, \"192.168.1.9\": {\"username\": \"Can\", \"last_seen\": "
		    "1763625600.3}}}",
		    entries[i]);
		put_text(dir, text);
		file = read_fresh(dir);
		CHECK(count(file) == 2, "taken: %s", entries[i]);
		assert_string_equal(find(file, BOB)->username, "Bob");
		assert_string_equal(find(file, CAN)->username, "Can");
		assert_true(find(file, CAN)->last_seen_ms == INT64_C(1763625600300));
		peersfile_free(file);
	}
}

static void an_impossible_time_lists_nobody(void **state)
{
	static const char *const times[] = {"0", "-1", "-1763625600", "-1e300", "1e300", "1e18", "9223372036854775807",
	    "-9223372036854775808", "9223372036854775.807", "1e-300", "253402300800"};
	int dir = workdir_fd(state);

	for (size_t i = 0; i < COUNT(times); i++) {
		struct peersfile *file = open_fresh(dir);
		char text[256];

		snprintf(text, sizeof(text),
		    "{\"peers\": {\"192.168.1.7\": {\"username\": \"Bob\", \"last_seen\": %s}}}", times[i]);
		put_text(dir, text);
		assert_int_equal(peersfile_begin(file, NULL), 0);
		if (find(file, BOB) != NULL)
			assert_false(peer_is_listed(find(file, BOB), NOW_MS));
		peers_expire(peersfile_peers(file), NOW_MS);
		hear(file, CAN, "Can", NOW_MS);
		assert_int_equal(peersfile_commit(file), 0);
		json_decref(parse_file(dir));
		peersfile_free(file);
	}
}

static void members_that_are_none_of_ours_do_no_harm(void **state)
{
	static const char *const members[] = {
	    "\"identity\": null",
	    "\"identity\": 42",
	    "\"identity\": \"\"",
	    "\"identity\": \"oX7n\"",
	    "\"left\": null",
	    "\"left\": 1",
	    "\"left\": \"true\"",
	    "\"left\": false",
	};
	int dir = workdir_fd(state);

	for (size_t i = 0; i < COUNT(members); i++) {
		struct peersfile *file;
		char text[256];

		snprintf(text, sizeof(text),
		    "{\"peers\": {\"192.168.1.7\": {\"username\": \"Bob\", \"last_seen\": "
		    "1763625600, %s}}}",
		    members[i]);
		put_text(dir, text);
		file = read_fresh(dir);
		if (find(file, BOB) != NULL) {
			assert_false(find(file, BOB)->has_identity);
			assert_false(find(file, BOB)->left);
		}
		peersfile_free(file);
	}
}

static void unknown_sections_and_members_are_kept(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file = open_fresh(dir);
	json_t *before;
	json_t *after;
	static const char *const paths[][3] = {
	    {"known"},
	    {"rooms"},
	    {"empty"},
	    {"list"},
	    {"number"},
	    {"text"},
	    {"nothing"},
	    {"self", "colour"},
	    {"self", "history"},
	    {"peers", "192.168.1.7", "mood"},
	    {"peers", "192.168.1.7", "likes"},
	    {"peers", "192.168.1.7", "a \"key\"\n"},
	    {"peers", "192.168.1.9", "age"},
	};

	put_text(dir, "{\"known\": {\"Bob\": {\"identity\": \"" VECTOR_SB_TEXT "\", \"since\": 1763625000}},"
		      "\"self\": {\"username\": \"Ece\", \"colour\": \"blue\", \"history\": [{\"a\": 0.1}]},"
		      "\"rooms\": {\"garden\": {\"members\": [\"Bob\", {\"deep\": [[[1e-7, -5, true]]]}]}},"
		      "\"peers\": {\"192.168.1.7\": {\"mood\": \"g\\u00fcn\", \"username\": \"Bob\","
		      "\"last_seen\": 1763625600.125, \"likes\": {\"tea\": [1, 2, null]},"
		      "\"a \\\"key\\\"\\n\": \"\"},"
		      "\"192.168.1.9\": {\"username\": \"Can\", \"last_seen\": 1763625594.300, \"age\": 7}},"
		      "\"empty\": {}, \"list\": [1, {\"x\": [\"\\n\"]}], \"number\": 9007199254740993,"
		      "\"text\": \"\\\"}\\n\", \"nothing\": null}");
	before = parse_file(dir);
	for (int round = 0; round < 3; round++) {
		assert_int_equal(peersfile_begin(file, NULL), 0);
		hear(file, BOB, "Bob the 2nd", NOW_MS + round);
		hear(file, BOB + 20, "Mallory", NOW_MS + round);
		assert_int_equal(peersfile_set_username(file, round == 1 ? "Ece" : "Alice"), 0);
		assert_int_equal(peersfile_commit(file), 0);
		after = parse_file(dir);
		for (size_t i = 0; i < COUNT(paths); i++) {
			json_t *expected = before;
			json_t *kept = after;

			for (size_t j = 0; j < 3 && paths[i][j] != NULL; j++) {
				expected = json_object_get(expected, paths[i][j]);
				kept = json_object_get(kept, paths[i][j]);
			}
			assert_non_null(expected);
			CHECK(kept != NULL && json_equal(kept, expected), "%s is lost or changed",
			    paths[i][paths[i][2] != NULL ? 2 : paths[i][1] != NULL]);
		}
		assert_int_equal(json_object_size(after), json_object_size(before));
		json_decref(after);
		if (round == 1) {
			peersfile_free(file);
			file = open_fresh(dir);
		}
	}
	json_decref(before);
	peersfile_free(file);
}

static void the_name_of_the_user_is_stored(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file = open_fresh(dir);
	struct peersfile *other;

	put_text(dir, EXAMPLE);
	assert_null(peersfile_username(file));
	assert_int_equal(peersfile_begin(file, NULL), 0);
	assert_string_equal(peersfile_username(file), "Ece");
	assert_int_equal(peersfile_set_username(file, "\xc3\x87"
						      "a\xc4\x9f \"x\""),
	    0);
	assert_string_equal(peersfile_username(file), "\xc3\x87"
						      "a\xc4\x9f \"x\"");
	assert_int_equal(peersfile_commit(file), 0);
	assert_string_equal(peersfile_username(file), "\xc3\x87"
						      "a\xc4\x9f \"x\"");
	other = read_fresh(dir);
	assert_string_equal(peersfile_username(other), "\xc3\x87"
						       "a\xc4\x9f \"x\"");
	assert_int_equal(count(other), 1);
	peersfile_free(other);
	peersfile_free(file);
}

static void a_stored_name_that_breaks_the_rules_is_none(void **state)
{
	static const char *const texts[] = {
	    "{\"self\": null}",
	    "{\"self\": \"Ece\"}",
	    "{\"self\": [\"Ece\"]}",
	    "{\"self\": {}}",
	    "{\"self\": {\"username\": null}}",
	    "{\"self\": {\"username\": 42}}",
	    "{\"self\": {\"username\": \"\"}}",
	    "{\"self\": {\"username\": \" \"}}",
	    "{\"self\": {\"username\": \"E\\u001b[2Jce\"}}",
	    ("{\"self\": {\"username\": "
	     "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}}"),
	};
	int dir = workdir_fd(state);

	for (size_t i = 0; i < COUNT(texts); i++) {
		struct peersfile *file;

		put_text(dir, texts[i]);
		file = read_fresh(dir);
		CHECK(peersfile_username(file) == NULL, "taken: %s", texts[i]);
		/* And a good one can be stored in its place. */
		assert_int_equal(peersfile_begin(file, NULL), 0);
		assert_int_equal(peersfile_set_username(file, "Ece"), 0);
		assert_int_equal(peersfile_commit(file), 0);
		peersfile_free(file);
		file = read_fresh(dir);
		assert_string_equal(peersfile_username(file), "Ece");
		peersfile_free(file);
	}
}

static void changes_of_others_are_seen_at_the_next_look(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *reader = read_fresh(dir);

	for (uint32_t i = 0; i < 20; i++) {
		add_peer(dir, BOB + i, "Bob");
		assert_int_equal(peersfile_read(reader), 0);
		assert_int_equal(count(reader), i + 1);
		assert_non_null(find(reader, BOB + i));
		assert_int_equal(peersfile_read(reader), 0);
		assert_int_equal(count(reader), i + 1);
	}
	/* Also that the file is gone. */
	assert_int_equal(unlinkat(dir, NAME, 0), 0);
	assert_int_equal(peersfile_read(reader), 0);
	assert_int_equal(count(reader), 0);
	add_peer(dir, CAN, "Can");
	assert_int_equal(peersfile_begin(reader, NULL), 0);
	assert_int_equal(count(reader), 1);
	peersfile_abandon(reader);
	peersfile_free(reader);
}

static void an_abandoned_change_is_forgotten(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file = open_fresh(dir);
	size_t descriptors = descriptors_open();

	put_text(dir, EXAMPLE);
	assert_int_equal(peersfile_begin(file, NULL), 0);
	assert_false(lock_is_free(dir, NAME, LOCK_SH));
	hear(file, CAN, "Can", NOW_MS);
	hear(file, BOB, "Bob the 2nd", NOW_MS);
	assert_int_equal(peersfile_set_username(file, "Mallory"), 0);
	peersfile_abandon(file);
	assert_true(lock_is_free(dir, NAME, LOCK_EX));
	assert_int_equal(descriptors_open(), descriptors);
	file_expect(dir, NAME, BYTES(EXAMPLE));
	assert_int_equal(peersfile_read(file), 0);
	assert_null(find(file, CAN));
	assert_string_equal(find(file, BOB)->username, "Bob");
	assert_string_equal(peersfile_username(file), "Ece");
	/* A change that is begun instead starts from the file as well. */
	assert_int_equal(peersfile_begin(file, NULL), 0);
	hear(file, CAN, "Can", NOW_MS);
	peersfile_abandon(file);
	assert_int_equal(peersfile_begin(file, NULL), 0);
	assert_null(find(file, CAN));
	assert_int_equal(peersfile_commit(file), 0);
	file_expect(dir, NAME, BYTES(EXAMPLE));
	peersfile_free(file);
}

static void a_change_holds_the_lock_until_it_ends(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file = open_fresh(dir);
	const char *set_aside = "before";
	size_t descriptors = descriptors_open();

	assert_int_equal(peersfile_begin(file, &set_aside), 0);
	assert_null(set_aside);
	assert_true(file_exists(dir, NAME));
	assert_false(lock_is_free(dir, NAME, LOCK_SH));
	assert_int_equal(peersfile_commit(file), 0);
	assert_true(lock_is_free(dir, NAME, LOCK_EX));
	assert_int_equal(descriptors_open(), descriptors);
	/* A peersfile that is freed in the middle lets go, too. */
	assert_int_equal(peersfile_begin(file, NULL), 0);
	peersfile_free(file);
	assert_true(lock_is_free(dir, NAME, LOCK_EX));
	assert_int_equal(descriptors_open(), descriptors);
}

static void a_lock_that_stays_is_given_up(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file;
	struct holder holder;
	size_t descriptors = descriptors_open();

	put_text(dir, EXAMPLE);
	holder = holder_start(dir, NAME, LOCK_EX, NULL);
	file = open_fresh(dir);
	assert_int_equal(peersfile_read(file), ETIMEDOUT);
	assert_int_equal(count(file), 0);
	holder_end(holder);
	assert_int_equal(peersfile_read(file), 0);
	assert_int_equal(count(file), 1);

	holder = holder_start(dir, NAME, LOCK_SH, NULL);
	assert_int_equal(peersfile_read(file), 0);
	assert_int_equal(peersfile_begin(file, NULL), ETIMEDOUT);
	assert_int_equal(count(file), 1);
	assert_string_equal(peersfile_username(file), "Ece");
	holder_end(holder);
	assert_int_equal(descriptors_open(), descriptors);
	assert_int_equal(peersfile_begin(file, NULL), 0);
	assert_int_equal(peersfile_commit(file), 0);
	peersfile_free(file);
	file_expect(dir, NAME, BYTES(EXAMPLE));
}

/* Another program replaces the file while we wait for it. */
static void replace_it(int dir, const char *name)
{
	static const char text[] = "{\"peers\": {\"192.168.1.9\": {\"username\": \"Can\", \"last_seen\": 1763625600}}}";
	int fd = openat(dir, "other", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, text, sizeof(text) - 1) != sizeof(text) - 1 || renameat(dir, "other", dir, name) != 0)
		_exit(1);
}

static void remove_it(int dir, const char *name)
{
	if (unlinkat(dir, name, 0) != 0)
		_exit(1);
}

static void a_file_replaced_during_the_wait_is_not_overwritten_unread(void **state)
{
	int dir = workdir_fd(state);
	struct holder holder;
	struct peersfile *file = open_fresh(dir);

	put_text(dir, EXAMPLE);
	holder = holder_start(dir, NAME, LOCK_EX, replace_it);
	assert_int_equal(peersfile_begin(file, NULL), 0);
	assert_int_equal(count(file), 1);
	assert_non_null(find(file, CAN));
	hear(file, BOB, "Bob", NOW_MS);
	assert_int_equal(peersfile_commit(file), 0);
	holder_end(holder);
	peersfile_free(file);
	file = read_fresh(dir);
	assert_int_equal(count(file), 2);

	holder = holder_start(dir, NAME, LOCK_EX, remove_it);
	assert_int_equal(peersfile_begin(file, NULL), 0);
	assert_int_equal(count(file), 0);
	hear(file, BOB, "Bob", NOW_MS);
	assert_int_equal(peersfile_commit(file), 0);
	holder_end(holder);
	peersfile_free(file);
	file = read_fresh(dir);
	assert_int_equal(count(file), 1);
	peersfile_free(file);
}

static void a_damaged_file_is_set_aside_and_never_overwritten(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} cases[] = {
	    {BYTES("x")},
	    {BYTES("\n")},
	    {BYTES("{")},
	    {BYTES("[]")},
	    {BYTES("null")},
	    {BYTES("42")},
	    {BYTES("{\"peers\": null}")},
	    {BYTES("{\"peers\": []}")},
	    {BYTES("{\"known\": {}, \"peers\": 42}")},
	    {BYTES("{\"peers\": {}} x")},
	    {BYTES("{\"peers\": {}}{\"peers\": {}}")},
	    {BYTES("{\"peers\": {}}\0")},
	    {BYTES("\0\0\0\0")},
	    {BYTES("{\"self\": {\"username\": \"\xff\"}}")},
	    {BYTES("{\"self\": {\"username\": \"\\ud800\"}}")},
	    {EXAMPLE, sizeof(EXAMPLE) / 2},
	};
	int dir = workdir_fd(state);

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct peersfile *file;
		const char *set_aside = NULL;
		char name[64];
		size_t others = file_count(dir, NAME ".damaged-");

		/* A reader says so and keeps what it had. */
		put_text(dir, EXAMPLE);
		file = read_fresh(dir);
		assert_int_equal(unlinkat(dir, NAME, 0), 0);
		file_put(dir, NAME, cases[i].text, cases[i].len);
		CHECK(peersfile_read(file) == EBADMSG, "taken: %s", cases[i].text);
		assert_int_equal(count(file), 1);
		assert_string_equal(peersfile_username(file), "Ece");
		assert_int_equal(peersfile_read(file), EBADMSG);
		file_expect(dir, NAME, cases[i].text, cases[i].len);

		/* A writer puts it where it was. */
		assert_int_equal(peersfile_begin(file, i % 2 == 0 ? &set_aside : NULL), 0);
		snprintf(name, sizeof(name), NAME ".damaged-%zu", i + 1);
		if (i % 2 == 0)
			assert_string_equal(set_aside, name);
		file_expect(dir, name, cases[i].text, cases[i].len);
		assert_int_equal(file_count(dir, NAME ".damaged-"), others + 1);
		assert_int_equal(count(file), 0);
		hear(file, CAN, "Can", NOW_MS);
		assert_int_equal(peersfile_commit(file), 0);
		assert_int_equal(peersfile_begin(file, &set_aside), 0);
		assert_null(set_aside);
		peersfile_abandon(file);
		peersfile_free(file);
		file = read_fresh(dir);
		assert_non_null(find(file, CAN));
		peersfile_free(file);
	}
	/* The first of them is still what it was. */
	file_expect(dir, NAME ".damaged-1", cases[0].text, cases[0].len);
}

static void a_damaged_file_stays_when_it_cannot_be_begun(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file = open_fresh(dir);
	struct holder holder;
	const char *set_aside = "before";

	put_text(dir, "damaged");
	holder = holder_start(dir, NAME, LOCK_SH, NULL);
	assert_int_equal(peersfile_begin(file, &set_aside), ETIMEDOUT);
	assert_null(set_aside);
	holder_end(holder);
	file_expect(dir, NAME, BYTES("damaged"));
	peersfile_free(file);
}

static void a_file_may_have_64_mib_and_no_more(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file = open_fresh(dir);
	char *text = support_repeat(' ', PEERSFILE_MAX_BYTES + 1);
	bool found = false;
	DIR *stream;
	const struct dirent *entry;
	int r;

	memcpy(text, EXAMPLE, sizeof(EXAMPLE) - 1);
	file_put(dir, NAME, text, PEERSFILE_MAX_BYTES);
	assert_int_equal(peersfile_read(file), 0);
	assert_int_equal(count(file), 1);
	file_put(dir, NAME, text, PEERSFILE_MAX_BYTES + 1);
	free(text);
	assert_int_equal(peersfile_read(file), EFBIG);
	assert_int_equal(count(file), 1);

	/* Whether or not a change can begin, those bytes are not lost. */
	r = peersfile_begin(file, NULL);
	if (r == 0) {
		hear(file, CAN, "Can", NOW_MS);
		assert_int_equal(peersfile_commit(file), 0);
	} else {
		assert_int_equal(r, EFBIG);
	}
	stream = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	assert_non_null(stream);
	while ((entry = readdir(stream)) != NULL) {
		struct stat status;

		assert_int_equal(fstatat(dir, entry->d_name, &status, 0), 0);
		found |= status.st_size == PEERSFILE_MAX_BYTES + 1;
	}
	closedir(stream);
	assert_true(found);
	peersfile_free(file);
}

static void what_is_no_file_is_an_error(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file = open_fresh(dir);
	size_t descriptors = descriptors_open();

	assert_int_equal(mkfifoat(dir, NAME, 0600), 0);
	assert_int_equal(peersfile_read(file), EINVAL);
	assert_int_equal(peersfile_begin(file, NULL), EINVAL);
	assert_int_equal(unlinkat(dir, NAME, 0), 0);
	assert_int_equal(mkdirat(dir, NAME, 0700), 0);
	assert_int_equal(peersfile_read(file), EINVAL);
	assert_int_not_equal(peersfile_begin(file, NULL), 0);
	assert_true(file_exists(dir, NAME));
	assert_int_equal(file_count(dir, ""), 1);
	assert_int_equal(descriptors_open(), descriptors);
	peersfile_free(file);
}

static void a_short_disk_leaves_the_old_file(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file = open_fresh(dir);
	size_t descriptors = descriptors_open();
	struct rlimit old;
	int r;

	put_text(dir, EXAMPLE);
	assert_int_equal(peersfile_begin(file, NULL), 0);
	for (uint32_t i = 0; i < 1000; i++)
		hear(file, BOB + 1 + i, "Bob", NOW_MS);
	old = disk_shrink(4096);
	r = peersfile_commit(file);
	disk_restore(old);
	assert_int_equal(r, EFBIG);
	file_expect(dir, NAME, BYTES(EXAMPLE));
	assert_true(lock_is_free(dir, NAME, LOCK_EX));
	assert_int_equal(descriptors_open(), descriptors);
	/* With room again, all goes on. */
	assert_int_equal(peersfile_begin(file, NULL), 0);
	hear(file, CAN, "Can", NOW_MS);
	assert_int_equal(peersfile_commit(file), 0);
	assert_int_equal(file_count(dir, ""), 1);
	peersfile_free(file);
	file = read_fresh(dir);
	assert_non_null(find(file, CAN));
	peersfile_free(file);
}

static void a_short_disk_begins_nothing_where_nothing_was(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file = open_fresh(dir);
	struct rlimit old = disk_shrink(0);
	int r = peersfile_begin(file, NULL);

	if (r == 0) {
		hear(file, CAN, "Can", NOW_MS);
		r = peersfile_commit(file);
	}
	disk_restore(old);
	assert_int_equal(r, EFBIG);
	assert_int_equal(peersfile_read(file), 0);
	assert_int_equal(count(file), 0);
	add_peer(dir, CAN, "Can");
	assert_int_equal(peersfile_read(file), 0);
	assert_int_equal(count(file), 1);
	peersfile_free(file);
}

static void a_scratch_file_of_a_killed_writer_is_no_hindrance(void **state)
{
	int dir = workdir_fd(state);
	char *garbage = support_repeat('g', 5000);

	file_put(dir, NAME ".new", garbage, 5000);
	add_peer(dir, BOB, "Bob");
	file_put(dir, NAME ".new", garbage, 5000);
	add_peer(dir, CAN, "Can");
	/* It was killed when it had just made the file: the scratch name is another one of the file itself. */
	assert_int_equal(linkat(dir, NAME, dir, NAME ".new", 0), 0);
	add_peer(dir, CAN + 1, "Ece");
	json_decref(parse_file(dir));
	assert_int_equal(file_count(dir, ""), 1);
	free(garbage);
}

static void at_most_65536_peers_are_read_and_the_longest_silent_go_first(void **state)
{
	enum { TOO_MANY = PEERS_MAX + 1000 };
	int dir = workdir_fd(state);
	struct peersfile *file;
	struct buffer text = {0};

	assert_int_equal(buffer_printf(&text, "{\"peers\": {\"0.0.0.0\": null"), 0);
	/* In the file they stand from the one heard last to the one silent longest. */
	for (uint32_t i = 0; i < TOO_MANY; i++) {
		char ip[ADDRESS_TEXT_BYTES];

		assert_int_equal(buffer_printf(&text, ",\n\"%s\": {\"username\": \"Bob\", \"last_seen\": %u}",
				     address_format(support_address(BOB + i), ip), 1763625600 - i),
		    0);
	}
	assert_int_equal(buffer_append(&text, "}}", 2), 0);
	file_put(dir, NAME, text.data, text.len);
	buffer_free(&text);
	file = read_fresh(dir);
	assert_int_equal(count(file), PEERS_MAX);
	for (uint32_t i = 0; i < TOO_MANY; i++)
		CHECK((find(file, BOB + i) != NULL) == (i < PEERS_MAX), "peer %u", i);
	/* All of them can be written and read again. */
	assert_int_equal(peersfile_begin(file, NULL), 0);
	hear(file, 1, "Can", NOW_MS);
	assert_int_equal(peersfile_commit(file), 0);
	peersfile_free(file);
	file = read_fresh(dir);
	assert_int_equal(count(file), PEERS_MAX);
	assert_non_null(find(file, 1));
	assert_null(find(file, BOB + PEERS_MAX - 1));
	peersfile_free(file);
}

static void a_flipped_bit_is_refused_or_read(void **state)
{
	int dir = workdir_fd(state);
	char text[] = EXAMPLE;

	for (size_t bit = 0; bit < 8 * (sizeof(text) - 1); bit++) {
		struct peersfile *file = open_fresh(dir);
		int r;

		text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
		file_put(dir, NAME, text, sizeof(text) - 1);
		r = peersfile_read(file);
		assert_true(r == 0 || r == EBADMSG);
		assert_int_equal(unlinkat(dir, NAME, 0), 0);
		for (const struct peer *peer = NULL; (peer = peers_older(peersfile_peers(file), peer)) != NULL;) {
			char name[USERNAME_MAX_BYTES + 1];

			assert_int_equal(username_normalize(peer->username, strlen(peer->username), name), USERNAME_OK);
		}
		assert_true(count_known(file) <= 1);
		peersfile_free(file);
		text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
	}
}

/* One of several programs that change the file at once. */
struct writer {
	int dir;
	uint32_t first;
};

#define WRITES 40

static int write_many(void *argument)
{
	const struct writer *writer = argument;
	struct peersfile *file = peersfile_new(writer->dir);
	struct announcement announcement = announcement_of("Bob");

	CHILD_CHECK(file != NULL);
	for (uint32_t i = 0; i < WRITES; i++) {
		int r;

		CONTEND(r, peersfile_begin(file, NULL));
		CHILD_CHECK(r == 0);
		CHILD_CHECK(peers_hear(peersfile_peers(file), support_address(writer->first + i), &announcement,
				NOW_MS) > 0);
		if (writer->first == 0x0a000000)
			CHILD_CHECK(peersfile_set_username(file, i % 2 == 0 ? "Ece" : "Alice") == 0);
		CHILD_CHECK(peersfile_commit(file) == 0);
	}
	peersfile_free(file);
	return 0;
}

static int read_many(void *argument)
{
	const struct writer *writer = argument;
	struct peersfile *file = peersfile_new(writer->dir);
	size_t before = 0;

	CHILD_CHECK(file != NULL);
	for (int i = 0; i < 500; i++) {
		int r;

		CONTEND(r, peersfile_read(file));
		CHILD_CHECK(r == 0);
		CHILD_CHECK(peers_count(peersfile_peers(file)) >= before);
		before = peers_count(peersfile_peers(file));
	}
	peersfile_free(file);
	return 0;
}

static void no_change_of_several_writers_is_lost(void **state)
{
	int dir = workdir_fd(state);
	struct writer writers[5];
	pid_t pids[COUNT(writers)];
	struct peersfile *file;

	for (size_t i = 0; i < COUNT(writers); i++) {
		writers[i] = (struct writer){dir, 0x0a000000 + (uint32_t)i * 256};
		pids[i] = start_child(i == 0 ? read_many : write_many, &writers[i]);
	}
	for (size_t i = 0; i < COUNT(writers); i++)
		await_child(pids[i]);
	file = read_fresh(dir);
	assert_int_equal(count(file), (COUNT(writers) - 1) * WRITES);
	peersfile_free(file);
	assert_int_equal(file_count(dir, ""), 1);
}

static int write_for_ever(void *argument)
{
	const struct writer *writer = argument;
	struct peersfile *file = peersfile_new(writer->dir);
	struct announcement announcement = announcement_of("Mallory");

	CHILD_CHECK(file != NULL);
	for (uint32_t i = 0;; i++) {
		CHILD_CHECK(peersfile_begin(file, NULL) == 0);
		CHILD_CHECK(peers_hear(peersfile_peers(file), support_address(i % 5000), &announcement, NOW_MS) > 0);
		CHILD_CHECK(peersfile_commit(file) == 0);
	}
	return 0;
}

static void a_writer_killed_at_any_instant_loses_nothing(void **state)
{
	int dir = workdir_fd(state);
	struct writer writer = {.dir = dir};
	uint64_t seed = 5;

	put_text(dir, EXAMPLE);
	for (int i = 0; i < 30; i++) {
		pid_t pid = start_child(write_for_ever, &writer);
		struct peersfile *file;
		int status;

		/* Wherever that is. */
		nanosleep(&(struct timespec){.tv_nsec = support_random(&seed) % 20000000}, NULL);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		json_decref(parse_file(dir));
		add_peer(dir, CAN + (uint32_t)i, "Can");
		file = read_fresh(dir);
		assert_string_equal(peersfile_username(file), "Ece");
		assert_non_null(find(file, BOB));
		for (int j = 0; j <= i; j++)
			assert_non_null(find(file, CAN + (uint32_t)j));
		peersfile_free(file);
		assert_int_equal(file_count(dir, ""), 1);
	}
}

static void whom_the_file_knows_is_read(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file = open_fresh(dir);
	const struct pin *pin;

	put_text(dir, "{\"known\": {\"Bob\": {\"identity\": \"" VECTOR_SB_TEXT "\", \"since\": 1763625000, "
		      "\"address\": \"192.168.1.7\", \"verified\": true}, "
		      "\"Can\": {\"identity\": \"" VECTOR_SA_TEXT "\", \"since\": 1763625001}}}");
	assert_int_equal(count_known(file), 0);
	assert_int_equal(peersfile_read(file), 0);
	assert_int_equal(count_known(file), 2);
	pin = expect_known(file, "Bob", VECTOR_SB_PUBLIC);
	assert_true(pin->since_s == 1763625000);
	assert_true(pin->verified && pin->has_address);
	assert_int_equal(pin->address.s_addr, support_address(BOB).s_addr);
	pin = expect_known(file, "Can", VECTOR_SA_PUBLIC);
	assert_true(pin->since_s == 1763625001);
	assert_false(pin->verified || pin->has_address);
	/* Whom nobody announces is known all the same. */
	assert_int_equal(count(file), 0);
	peersfile_free(file);
}

static void a_pin_has_the_form_of_the_protocol(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file = open_fresh(dir);
	struct pin bob = pin_of("Bob", VECTOR_SB_PUBLIC);
	struct pin can = pin_of("Can, \"the\" {baker}", VECTOR_SA_PUBLIC);
	static const char expected[] =
	    "{\n"
	    "\"self\": {\"username\": \"Ece\"},\n"
	    "\"peers\": {\n"
	    "},\n"
	    "\"known\": {\n"
	    "\"Bob\": {\"identity\": \"" VECTOR_SB_TEXT "\", \"since\": 1763625600, "
	    "\"address\": \"192.168.1.7\", \"verified\": true},\n"
	    "\"Can, \\\"the\\\" {baker}\": {\"identity\": \"" VECTOR_SA_TEXT "\", \"since\": 1763625600}\n"
	    "}\n"
	    "}\n";

	bob.address = support_address(BOB);
	bob.has_address = bob.verified = true;
	assert_int_equal(peersfile_begin(file, NULL), 0);
	assert_int_equal(peersfile_set_username(file, "Ece"), 0);
	assert_int_equal(peersfile_pin(file, &bob), 0);
	assert_int_equal(peersfile_pin(file, &can), 0);
	assert_int_equal(peersfile_commit(file), 0);
	file_expect(dir, NAME, BYTES(expected));
	assert_int_equal(file_mode(dir, NAME), 0600);
	peersfile_free(file);
	file = read_fresh(dir);
	assert_int_equal(count_known(file), 2);
	expect_known(file, "Bob", VECTOR_SB_PUBLIC);
	expect_known(file, "Can, \"the\" {baker}", VECTOR_SA_PUBLIC);
	peersfile_free(file);
}

static void a_section_that_is_no_object_knows_nobody_and_takes_pins(void **state)
{
	static const char *const sections[] = {
	    "null", "42", "true", "\"Bob\"", "[]", "[{\"identity\": \"" VECTOR_SA_TEXT "\"}]", "{}"};
	struct pin bob = pin_of("Bob", VECTOR_SB_PUBLIC);
	int dir = workdir_fd(state);

	for (size_t i = 0; i < COUNT(sections); i++) {
		char text[256];
		struct peersfile *file;
		const char *set_aside = "before";

		snprintf(text, sizeof(text), "{\"self\": {\"username\": \"Ece\"}, \"known\": %s, \"peers\": {}}",
		    sections[i]);
		put_text(dir, text);
		file = read_fresh(dir);
		CHECK(count_known(file) == 0, "%s", text);
		/* It is no reason to set the file aside. */
		assert_int_equal(peersfile_begin(file, &set_aside), 0);
		assert_null(set_aside);
		assert_string_equal(peersfile_username(file), "Ece");
		assert_int_equal(peersfile_unpin(file, "Bob"), 0);
		assert_int_equal(count_known(file), 0);
		assert_int_equal(peersfile_pin(file, &bob), 0);
		assert_int_equal(peersfile_commit(file), 0);
		peersfile_free(file);
		file = read_fresh(dir);
		assert_int_equal(count_known(file), 1);
		expect_known(file, "Bob", VECTOR_SB_PUBLIC);
		assert_string_equal(peersfile_username(file), "Ece");
		peersfile_free(file);
	}
}

static void what_is_no_valid_pin_is_kept_but_not_known(void **state)
{
	static const char members[] = "\"Ece\": {\"identity\": \"short\", \"since\": 1}, \"Can\": 42, \"\": null, "
				      "\" Bob\": {\"identity\": \"" VECTOR_SA_TEXT "\"}, \"Mallory\": [1, {\"x\": 2}]";
	static const char *const names[] = {"Ece", "Can", "", " Bob", "Mallory"};
	int dir = workdir_fd(state);
	struct peersfile *file = open_fresh(dir);
	struct pin bob = pin_of("Bob", VECTOR_SB_PUBLIC);
	struct pin can = pin_of("Can", VECTOR_SA_PUBLIC);
	json_t *before;
	json_t *after;
	char text[512];

	snprintf(text, sizeof(text), "{\"known\": {%s}}", members);
	put_text(dir, text);
	before = parse_file(dir);
	assert_int_equal(peersfile_read(file), 0);
	assert_int_equal(count_known(file), 0);
	assert_int_equal(pin_in_change(file, &bob), 0);
	assert_int_equal(count_known(file), 1);
	after = parse_file(dir);
	for (size_t i = 0; i < COUNT(names); i++)
		CHECK(json_equal(json_object_get(json_object_get(after, "known"), names[i]),
			  json_object_get(json_object_get(before, "known"), names[i])),
		    "%s is lost or changed", names[i]);
	json_decref(before);
	json_decref(after);
	/* A good one takes the place of a bad one. */
	assert_int_equal(pin_in_change(file, &can), 0);
	assert_int_equal(count_known(file), 2);
	expect_known(file, "Can", VECTOR_SA_PUBLIC);
	/* And a bad one can be forgotten. */
	assert_int_equal(peersfile_begin(file, NULL), 0);
	assert_int_equal(peersfile_unpin(file, "Mallory"), 0);
	assert_int_equal(peersfile_commit(file), 0);
	after = parse_file(dir);
	assert_null(json_object_get(json_object_get(after, "known"), "Mallory"));
	assert_non_null(json_object_get(json_object_get(after, "known"), "Ece"));
	json_decref(after);
	peersfile_free(file);
}

static void pinning_again_replaces_what_was_pinned(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file = open_fresh(dir);
	struct pin bob = pin_of("Bob", VECTOR_SB_PUBLIC);
	const struct pin *pin;

	put_text(dir, EXAMPLE);
	bob.address = support_address(BOB);
	bob.has_address = bob.verified = true;
	assert_int_equal(pin_in_change(file, &bob), 0);
	pin = expect_known(file, "Bob", VECTOR_SB_PUBLIC);
	assert_true(pin->verified && pin->has_address);
	assert_true(pin->since_s == NOW_MS / 1000);
	/* What the new pin does not have is gone. */
	bob.verified = bob.has_address = false;
	assert_int_equal(pin_in_change(file, &bob), 0);
	pin = expect_known(file, "Bob", VECTOR_SB_PUBLIC);
	assert_false(pin->verified || pin->has_address);
	/* Another identity. */
	bob = pin_of("Bob", VECTOR_SA_PUBLIC);
	assert_int_equal(pin_in_change(file, &bob), 0);
	expect_known(file, "Bob", VECTOR_SA_PUBLIC);
	assert_int_equal(count_known(file), 1);
	support_unhex(VECTOR_SB_PUBLIC, bob.identity, DH_KEY_BYTES);
	assert_null(pins_find_identity(peersfile_pins(file), bob.identity));
	peersfile_free(file);
	file = read_fresh(dir);
	expect_known(file, "Bob", VECTOR_SA_PUBLIC);
	assert_int_equal(count_known(file), 1);
	assert_int_equal(count(file), 1);
	peersfile_free(file);
}

static void a_pin_of_the_table_can_be_pinned_itself(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file = open_fresh(dir);

	put_text(dir, EXAMPLE);
	assert_int_equal(peersfile_begin(file, NULL), 0);
	/* It lies in memory that pinning gives back. */
	assert_int_equal(peersfile_pin(file, pins_find(peersfile_pins(file), "Bob")), 0);
	assert_int_equal(peersfile_unpin(file, pins_find(peersfile_pins(file), "Bob")->username), 0);
	assert_int_equal(count_known(file), 0);
	peersfile_abandon(file);
	peersfile_free(file);
}

static void unknown_members_of_a_pin_are_kept_for_the_same_identity(void **state)
{
	static const char *const members[] = {"mood", "likes", "a \"key\"\n", "Verified"};
	int dir = workdir_fd(state);
	struct peersfile *file = open_fresh(dir);
	struct pin bob = pin_of("Bob", VECTOR_SB_PUBLIC);
	json_t *before;

	put_text(dir,
	    "{\"known\": {\"Bob\": {\"mood\": \"g\\u00fcn\", \"identity\": \"" VECTOR_SB_TEXT "\", \"since\": 5, "
	    "\"likes\": {\"tea\": [1, 2, null]}, \"a \\\"key\\\"\\n\": \"\", \"verified\": true, "
	    "\"Verified\": true, \"address\": \"192.168.1.7\"}}}");
	before = parse_file(dir);
	for (int round = 0; round < 4; round++) {
		json_t *document;
		json_t *pin;

		switch (round) {
		case 0:
			assert_int_equal(pin_in_change(file, &bob), 0);
			break;
		case 1:
			assert_int_equal(meet(file, "Bob", VECTOR_SB_PUBLIC, CAN), 0);
			break;
		case 2:
			bob.verified = true;
			assert_int_equal(pin_in_change(file, &bob), 0);
			break;
		default:
			/* Another identity is somebody else. */
			support_unhex(VECTOR_SA_PUBLIC, bob.identity, DH_KEY_BYTES);
			bob.verified = false;
			assert_int_equal(pin_in_change(file, &bob), 0);
			break;
		}
		document = parse_file(dir);
		pin = json_object_get(json_object_get(document, "known"), "Bob");
		assert_non_null(pin);
		for (size_t i = 0; i < COUNT(members); i++) {
			json_t *expected =
			    json_object_get(json_object_get(json_object_get(before, "known"), "Bob"), members[i]);
			json_t *kept = json_object_get(pin, members[i]);

			assert_non_null(expected);
			if (round < 3)
				CHECK(kept != NULL && json_equal(kept, expected), "%s is lost in round %d", members[i],
				    round);
			else
				CHECK(kept == NULL, "%s is somebody else's", members[i]);
		}
		assert_int_equal(json_is_true(json_object_get(pin, "verified")), round == 2);
		assert_int_equal(json_object_get(pin, "address") != NULL, round == 1);
		json_decref(document);
	}
	json_decref(before);
	peersfile_free(file);
}

static void a_name_can_be_forgotten(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file = open_fresh(dir);
	struct pin can = pin_of("Can", VECTOR_SA_PUBLIC);

	put_text(dir, EXAMPLE);
	assert_int_equal(pin_in_change(file, &can), 0);
	assert_int_equal(peersfile_begin(file, NULL), 0);
	assert_int_equal(peersfile_unpin(file, "bob"), 0);
	assert_int_equal(count_known(file), 2);
	assert_int_equal(peersfile_unpin(file, "Bob"), 0);
	assert_null(pins_find(peersfile_pins(file), "Bob"));
	assert_null(pins_find_alike(peersfile_pins(file), "bob"));
	/* Once is enough. */
	assert_int_equal(peersfile_unpin(file, "Bob"), 0);
	assert_int_equal(count_known(file), 1);
	assert_int_equal(peersfile_commit(file), 0);
	peersfile_free(file);
	file = read_fresh(dir);
	assert_int_equal(count_known(file), 1);
	expect_known(file, "Can", VECTOR_SA_PUBLIC);
	/* It can be met anew, by another identity. */
	assert_int_equal(meet(file, "Bob", VECTOR_A_PUBLIC, BOB), 0);
	expect_known(file, "Bob", VECTOR_A_PUBLIC);
	/* Down to the last. */
	assert_int_equal(peersfile_begin(file, NULL), 0);
	assert_int_equal(peersfile_unpin(file, "Bob"), 0);
	assert_int_equal(peersfile_unpin(file, "Can"), 0);
	assert_int_equal(peersfile_commit(file), 0);
	assert_int_equal(count_known(file), 0);
	peersfile_free(file);
	file = read_fresh(dir);
	assert_int_equal(count_known(file), 0);
	peersfile_free(file);
}

static void forgetting_needs_no_section(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file = open_fresh(dir);
	json_t *document;

	assert_int_equal(peersfile_begin(file, NULL), 0);
	assert_int_equal(peersfile_unpin(file, "Bob"), 0);
	assert_int_equal(peersfile_commit(file), 0);
	document = parse_file(dir);
	assert_null(json_object_get(document, "known"));
	json_decref(document);
	peersfile_free(file);
}

static void the_version_rises_with_every_change_of_pins(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file = open_fresh(dir);
	struct peersfile *other = open_fresh(dir);
	struct pin bob = pin_of("Bob", VECTOR_SB_PUBLIC);
	unsigned version;

#define EXPECT_RISE(rises, what)                                                                                       \
	do {                                                                                                           \
		unsigned now = peersfile_version(file);                                                                \
                                                                                                                       \
		CHECK((rises) ? now > version : now == version, "%s: from %u to %u", what, version, now);              \
		version = now;                                                                                         \
	} while (0)

	version = peersfile_version(file);
	put_text(dir, EXAMPLE);
	assert_int_equal(peersfile_read(file), 0);
	EXPECT_RISE(true, "the first read");
	assert_int_equal(peersfile_read(file), 0);
	EXPECT_RISE(false, "a read of the same");
	assert_int_equal(peersfile_begin(file, NULL), 0);
	EXPECT_RISE(false, "a change that begins");
	assert_int_equal(peersfile_pin(file, &bob), 0);
	EXPECT_RISE(true, "a pin");
	assert_int_equal(peersfile_unpin(file, "Bob"), 0);
	EXPECT_RISE(true, "a name forgotten");
	assert_int_equal(peersfile_commit(file), 0);
	assert_int_equal(peersfile_read(file), 0);
	EXPECT_RISE(false, "a read of what it wrote");
	assert_int_equal(meet(file, "Bob", VECTOR_SB_PUBLIC, BOB), 0);
	EXPECT_RISE(true, "a first meeting");
	assert_int_equal(meet(file, "Bob", VECTOR_SB_PUBLIC, BOB), 0);
	EXPECT_RISE(false, "the same again");
	assert_int_equal(meet(file, "Bob", VECTOR_SA_PUBLIC, BOB), EEXIST);
	EXPECT_RISE(false, "a meeting with somebody else");
	assert_int_equal(meet(file, "Bob", VECTOR_SB_PUBLIC, CAN), 0);
	EXPECT_RISE(true, "a meeting elsewhere");
	/* What another program changes. */
	assert_int_equal(meet(other, "Can", VECTOR_SA_PUBLIC, CAN), 0);
	EXPECT_RISE(false, "a change of another");
	assert_int_equal(peersfile_read(file), 0);
	EXPECT_RISE(true, "the read of it");
	add_peer(dir, CAN, "Can");
	assert_int_equal(peersfile_read(file), 0);
	EXPECT_RISE(true, "a peer more");
	/* And what is forgotten with a change that is given up. */
	assert_int_equal(peersfile_begin(file, NULL), 0);
	assert_int_equal(peersfile_unpin(file, "Bob"), 0);
	version = peersfile_version(file);
	peersfile_abandon(file);
	assert_int_equal(peersfile_read(file), 0);
	EXPECT_RISE(true, "a change given up");
	peersfile_free(file);
	peersfile_free(other);
}

static void pins_of_a_change_that_is_given_up_are_forgotten(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file = open_fresh(dir);
	struct pin bob = pin_of("Bob", VECTOR_SA_PUBLIC);
	struct pin can = pin_of("Can", VECTOR_SA_PUBLIC);

	put_text(dir, EXAMPLE);
	for (int round = 0; round < 4; round++) {
		assert_int_equal(peersfile_begin(file, NULL), 0);
		if (round % 2 == 0) {
			assert_int_equal(peersfile_pin(file, &bob), 0);
			assert_int_equal(peersfile_pin(file, &can), 0);
			assert_int_equal(count_known(file), 2);
			expect_known(file, "Bob", VECTOR_SA_PUBLIC);
		} else {
			assert_int_equal(peersfile_unpin(file, "Bob"), 0);
			assert_int_equal(count_known(file), 0);
		}
		peersfile_abandon(file);
		assert_true(lock_is_free(dir, NAME, LOCK_EX));
		if (round < 2)
			assert_int_equal(peersfile_read(file), 0);
		else
			assert_int_equal(peersfile_begin(file, NULL), 0);
		assert_int_equal(count_known(file), 1);
		expect_known(file, "Bob", VECTOR_SB_PUBLIC);
		if (round >= 2)
			peersfile_abandon(file);
	}
	file_expect(dir, NAME, BYTES(EXAMPLE));
	peersfile_free(file);
}

/* A file in which so many names are pinned. */
static void put_pins(int dir, size_t how_many)
{
	struct buffer text = {0};

	assert_int_equal(buffer_printf(&text, "{\"known\": {\"no pin\": null"), 0);
	for (size_t i = 0; i < how_many; i++)
		assert_int_equal(buffer_printf(&text,
				     ",\n\"pin %zu\": {\"identity\": \"" VECTOR_SB_TEXT "\", \"since\": %zu}", i, i),
		    0);
	assert_int_equal(buffer_append(&text, "}}", 2), 0);
	file_put(dir, NAME, text.data, text.len);
	buffer_free(&text);
}

static void at_most_4096_names_are_pinned(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file;
	struct pin pin = pin_of("Bob", VECTOR_SB_PUBLIC);
	ino_t before;

	put_pins(dir, PINS_MAX - 1);
	file = read_fresh(dir);
	assert_int_equal(count_known(file), PINS_MAX - 1);
	assert_int_equal(pin_in_change(file, &pin), 0);
	assert_int_equal(count_known(file), PINS_MAX);
	before = inode(dir);
	pin = pin_of("Can", VECTOR_SA_PUBLIC);
	assert_int_equal(pin_in_change(file, &pin), EUSERS);
	assert_int_equal(meet(file, "Can", VECTOR_SA_PUBLIC, CAN), EUSERS);
	assert_true(lock_is_free(dir, NAME, LOCK_EX));
	assert_true(inode(dir) == before);
	assert_null(pins_find(peersfile_pins(file), "Can"));
	/* Whose name is pinned may change, and who is forgotten makes room. */
	pin = pin_of("Bob", VECTOR_SA_PUBLIC);
	assert_int_equal(pin_in_change(file, &pin), 0);
	expect_known(file, "Bob", VECTOR_SA_PUBLIC);
	assert_int_equal(meet(file, "Bob", VECTOR_SA_PUBLIC, BOB), 0);
	assert_int_equal(peersfile_begin(file, NULL), 0);
	assert_int_equal(peersfile_unpin(file, "pin 7"), 0);
	assert_int_equal(peersfile_commit(file), 0);
	assert_int_equal(meet(file, "Can", VECTOR_SA_PUBLIC, CAN), 0);
	assert_int_equal(count_known(file), PINS_MAX);
	peersfile_free(file);
	/* Somebody else put more there. */
	assert_int_equal(unlinkat(dir, NAME, 0), 0);
	put_pins(dir, PINS_MAX + 10);
	file = read_fresh(dir);
	assert_int_equal(count_known(file), PINS_MAX);
	pin = pin_of("Bob", VECTOR_SB_PUBLIC);
	assert_int_equal(pin_in_change(file, &pin), EUSERS);
	peersfile_free(file);
}

static void the_first_meeting_pins_the_name(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file = open_fresh(dir);
	size_t descriptors = descriptors_open();
	int64_t begun_s = clock_wall_ms() / 1000;
	const struct pin *pin;

	/* There need not be a file. */
	assert_int_equal(meet(file, "Bob", VECTOR_SB_PUBLIC, BOB), 0);
	pin = expect_known(file, "Bob", VECTOR_SB_PUBLIC);
	assert_in_range(pin->since_s, begun_s, clock_wall_ms() / 1000);
	assert_true(pin->has_address);
	assert_int_equal(pin->address.s_addr, support_address(BOB).s_addr);
	assert_false(pin->verified);
	assert_int_equal(descriptors_open(), descriptors);
	assert_true(lock_is_free(dir, NAME, LOCK_EX));
	assert_int_equal(file_count(dir, ""), 1);
	assert_int_equal(file_mode(dir, NAME), 0600);
	/* Two names may have one identity, and many names many. */
	assert_int_equal(meet(file, "Can", VECTOR_SB_PUBLIC, CAN), 0);
	assert_int_equal(meet(file, "bob", VECTOR_SA_PUBLIC, CAN), 0);
	peersfile_free(file);
	file = read_fresh(dir);
	assert_int_equal(count_known(file), 3);
	expect_known(file, "Bob", VECTOR_SB_PUBLIC);
	expect_known(file, "Can", VECTOR_SB_PUBLIC);
	expect_known(file, "bob", VECTOR_SA_PUBLIC);
	peersfile_free(file);
}

static void meeting_again_writes_nothing(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file = open_fresh(dir);
	struct peersfile *other;
	struct stat before;
	struct stat after;
	struct rlimit old;
	int r;

	assert_int_equal(meet(file, "Bob", VECTOR_SB_PUBLIC, BOB), 0);
	assert_int_equal(fstatat(dir, NAME, &before, 0), 0);
	other = open_fresh(dir);
	/* Where nothing could be written it does not matter. */
	old = disk_shrink(0);
	r = meet(file, "Bob", VECTOR_SB_PUBLIC, BOB);
	if (r == 0)
		r = meet(other, "Bob", VECTOR_SB_PUBLIC, BOB);
	disk_restore(old);
	assert_int_equal(r, 0);
	assert_int_equal(fstatat(dir, NAME, &after, 0), 0);
	assert_true(before.st_ino == after.st_ino && before.st_size == after.st_size);
	assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof(before.st_mtim));
	assert_true(lock_is_free(dir, NAME, LOCK_EX));
	peersfile_free(other);
	peersfile_free(file);
}

static void meeting_elsewhere_keeps_the_address_and_all_else(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file = open_fresh(dir);
	const struct pin *pin;

	/* Without an address there is one to remember, too. */
	put_text(dir, "{\"known\": {\"Bob\": {\"identity\": \"" VECTOR_SB_TEXT "\", \"since\": 5, \"verified\": true, "
		      "\"mood\": \"fine\"}}}");
	for (uint32_t i = 0; i < 3; i++) {
		json_t *document;

		assert_int_equal(meet(file, "Bob", VECTOR_SB_PUBLIC, BOB + i), 0);
		pin = expect_known(file, "Bob", VECTOR_SB_PUBLIC);
		assert_int_equal(pin->address.s_addr, support_address(BOB + i).s_addr);
		assert_true(pin->verified);
		assert_true(pin->since_s == 5);
		document = parse_file(dir);
		assert_string_equal(json_string_value(json_object_get(
					json_object_get(json_object_get(document, "known"), "Bob"), "mood")),
		    "fine");
		json_decref(document);
	}
	peersfile_free(file);
	file = read_fresh(dir);
	pin = expect_known(file, "Bob", VECTOR_SB_PUBLIC);
	assert_int_equal(pin->address.s_addr, support_address(BOB + 2).s_addr);
	assert_true(pin->verified);
	peersfile_free(file);
}

/* The proof may come through somebody in between, while the one who can prove it sits where it always sat. */
static void meeting_elsewhere_does_not_move_who_is_online(void **state)
{
	static const struct {
		int64_t silence_ms;
		const char *identity;
		bool left, stays;
	} cases[] = {
	    {0, VECTOR_SB_PUBLIC, false, true},
	    {PEERS_ONLINE_MS / 2, VECTOR_SB_PUBLIC, false, true},
	    /* Who is away, gone or somebody else is not there any more. */
	    {PEERS_ONLINE_MS + 1000, VECTOR_SB_PUBLIC, false, false},
	    {0, VECTOR_SB_PUBLIC, true, false},
	    {0, VECTOR_SA_PUBLIC, false, false},
	    {0, NULL, false, false},
	};
	int dir = workdir_fd(state);

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct peersfile *file = open_fresh(dir);
		struct announcement announcement = announcement_of("Bob");
		const struct pin *pin;
		ino_t before;

		assert_int_equal(meet(file, "Bob", VECTOR_SB_PUBLIC, BOB), 0);
		assert_int_equal(peersfile_begin(file, NULL), 0);
		if (cases[i].identity != NULL) {
			support_unhex(cases[i].identity, announcement.identity, DH_KEY_BYTES);
			announcement.has_identity = true;
		}
		assert_true(peers_hear(peersfile_peers(file), support_address(BOB), &announcement,
				clock_wall_ms() - cases[i].silence_ms) > 0);
		find(file, BOB)->left = cases[i].left;
		assert_int_equal(peersfile_commit(file), 0);
		before = inode(dir);
		assert_int_equal(meet(file, "Bob", VECTOR_SB_PUBLIC, CAN), 0);
		pin = expect_known(file, "Bob", VECTOR_SB_PUBLIC);
		CHECK((pin->address.s_addr == support_address(BOB).s_addr) == cases[i].stays, "case %zu", i);
		assert_int_equal(inode(dir) == before, cases[i].stays);
		assert_true(lock_is_free(dir, NAME, LOCK_EX));
		peersfile_free(file);
		assert_int_equal(unlinkat(dir, NAME, 0), 0);
	}
}

static void whoever_else_comes_under_a_pinned_name_changes_nothing(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file = open_fresh(dir);
	size_t descriptors = descriptors_open();
	ino_t before;

	put_text(dir, EXAMPLE);
	before = inode(dir);
	for (int round = 0; round < 3; round++) {
		assert_int_equal(meet(file, "Bob", VECTOR_SA_PUBLIC, BOB), EEXIST);
		assert_int_equal(count_known(file), 1);
		assert_false(expect_known(file, "Bob", VECTOR_SB_PUBLIC)->has_address);
		assert_true(lock_is_free(dir, NAME, LOCK_EX));
		assert_int_equal(descriptors_open(), descriptors);
		file_expect(dir, NAME, BYTES(EXAMPLE));
		assert_true(inode(dir) == before);
		/* Nor where this program has not read the file, or another has pinned the name since. */
		if (round == 1) {
			peersfile_free(file);
			file = open_fresh(dir);
		}
	}
	peersfile_free(file);
}

static void another_program_may_have_met_somebody_first(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file = read_fresh(dir);
	struct peersfile *other = read_fresh(dir);

	assert_int_equal(meet(other, "Bob", VECTOR_SB_PUBLIC, BOB), 0);
	assert_int_equal(count_known(file), 0);
	assert_int_equal(meet(file, "Bob", VECTOR_SA_PUBLIC, CAN), EEXIST);
	expect_known(file, "Bob", VECTOR_SB_PUBLIC);
	assert_int_equal(meet(file, "Bob", VECTOR_SB_PUBLIC, CAN), 0);
	assert_int_equal(peersfile_read(other), 0);
	assert_int_equal(expect_known(other, "Bob", VECTOR_SB_PUBLIC)->address.s_addr, support_address(CAN).s_addr);
	peersfile_free(file);
	peersfile_free(other);
}

static void strangers_are_pinned_up_to_a_count(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file = open_fresh(dir);
	uint8_t identity[DH_KEY_BYTES];
	struct in_addr address = support_address(BOB);
	ino_t before;

	support_unhex(VECTOR_SB_PUBLIC, identity, DH_KEY_BYTES);
	assert_int_equal(peersfile_meet(file, "Bob", identity, address, 0, NULL), EUSERS);
	assert_int_equal(peersfile_meet(file, "Bob", identity, address, 2, NULL), 0);
	assert_int_equal(peersfile_meet(file, "Can", identity, address, 2, NULL), 0);
	before = inode(dir);
	assert_int_equal(peersfile_meet(file, "Ece", identity, address, 2, NULL), EUSERS);
	assert_int_equal(peersfile_meet(file, "Ece", identity, address, 1, NULL), EUSERS);
	assert_null(pins_find(peersfile_pins(file), "Ece"));
	assert_true(lock_is_free(dir, NAME, LOCK_EX));
	assert_true(inode(dir) == before);
	/* Who is pinned already is no stranger. */
	assert_int_equal(peersfile_meet(file, "Bob", identity, support_address(CAN), 0, NULL), 0);
	assert_int_equal(expect_known(file, "Bob", VECTOR_SB_PUBLIC)->address.s_addr, support_address(CAN).s_addr);
	assert_int_equal(peersfile_meet(file, "Ece", identity, address, 3, NULL), 0);
	peersfile_free(file);
	/* No count goes beyond what is kept. */
	assert_int_equal(unlinkat(dir, NAME, 0), 0);
	put_pins(dir, PINS_MAX);
	file = open_fresh(dir);
	assert_int_equal(peersfile_meet(file, "Bob", identity, address, SIZE_MAX, NULL), EUSERS);
	assert_true(lock_is_free(dir, NAME, LOCK_EX));
	assert_int_equal(peersfile_read(file), 0);
	assert_int_equal(count_known(file), PINS_MAX);
	assert_null(pins_find(peersfile_pins(file), "Bob"));
	peersfile_free(file);
	assert_true(PINS_BY_STRANGERS_MAX < PINS_MAX);
}

static void a_meeting_sets_a_damaged_file_aside(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} cases[] = {{BYTES("damaged")}, {BYTES("[]")}, {EXAMPLE, sizeof(EXAMPLE) - 20}};
	int dir = workdir_fd(state);
	uint8_t identity[DH_KEY_BYTES];

	support_unhex(VECTOR_SA_PUBLIC, identity, DH_KEY_BYTES);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct peersfile *file;
		const char *set_aside = NULL;
		char name[64];

		put_text(dir, EXAMPLE);
		file = read_fresh(dir);
		expect_known(file, "Bob", VECTOR_SB_PUBLIC);
		assert_int_equal(unlinkat(dir, NAME, 0), 0);
		file_put(dir, NAME, cases[i].text, cases[i].len);
		assert_int_equal(peersfile_read(file), EBADMSG);
		/* Until then what was known is known. */
		expect_known(file, "Bob", VECTOR_SB_PUBLIC);
		assert_int_equal(peersfile_meet(file, "Can", identity, support_address(CAN), 10, &set_aside), 0);
		snprintf(name, sizeof(name), NAME ".damaged-%zu", i + 1);
		assert_non_null(set_aside);
		assert_string_equal(set_aside, name);
		file_expect(dir, name, cases[i].text, cases[i].len);
		assert_int_equal(count_known(file), 1);
		expect_known(file, "Can", VECTOR_SA_PUBLIC);
		peersfile_free(file);
		file = read_fresh(dir);
		assert_int_equal(count_known(file), 1);
		expect_known(file, "Can", VECTOR_SA_PUBLIC);
		peersfile_free(file);
	}
	/* It is told of, whatever comes after. */
	for (int quiet = 0; quiet < 2; quiet++) {
		struct peersfile *file = open_fresh(dir);
		const char *set_aside = NULL;

		put_text(dir, "damaged");
		assert_int_equal(
		    peersfile_meet(file, "Can", identity, support_address(CAN), 0, quiet ? NULL : &set_aside), EUSERS);
		assert_int_equal(set_aside == NULL, quiet);
		peersfile_free(file);
	}
}

static void a_meeting_gives_up_a_lock_that_stays(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file = open_fresh(dir);
	struct holder holder;
	size_t descriptors = descriptors_open();

	put_text(dir, EXAMPLE);
	holder = holder_start(dir, NAME, LOCK_SH, NULL);
	assert_int_equal(meet(file, "Can", VECTOR_SA_PUBLIC, CAN), ETIMEDOUT);
	holder_end(holder);
	assert_int_equal(descriptors_open(), descriptors);
	file_expect(dir, NAME, BYTES(EXAMPLE));
	assert_int_equal(meet(file, "Can", VECTOR_SA_PUBLIC, CAN), 0);
	peersfile_free(file);
}

static void a_meeting_on_a_short_disk_is_not_remembered(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *file = open_fresh(dir);
	size_t descriptors = descriptors_open();
	struct rlimit old;
	int r;

	put_text(dir, EXAMPLE);
	assert_int_equal(peersfile_read(file), 0);
	old = disk_shrink(sizeof(EXAMPLE));
	r = meet(file, "Can", VECTOR_SA_PUBLIC, CAN);
	disk_restore(old);
	assert_int_equal(r, EFBIG);
	file_expect(dir, NAME, BYTES(EXAMPLE));
	assert_true(lock_is_free(dir, NAME, LOCK_EX));
	assert_int_equal(descriptors_open(), descriptors);
	/* Memory says what the disk says. */
	assert_int_equal(peersfile_read(file), 0);
	assert_int_equal(count_known(file), 1);
	expect_known(file, "Bob", VECTOR_SB_PUBLIC);
	assert_int_equal(meet(file, "Can", VECTOR_SA_PUBLIC, CAN), 0);
	assert_int_equal(count_known(file), 2);
	peersfile_free(file);
}

static void pins_survive_what_discovery_writes(void **state)
{
	int dir = workdir_fd(state);
	struct peersfile *discovery = read_fresh(dir);
	struct peersfile *file = read_fresh(dir);
	json_t *before;
	json_t *after;

	put_text(dir, "{\"known\": {\"Bob\": {\"identity\": \"" VECTOR_SB_TEXT "\", \"since\": 5, \"verified\": true, "
		      "\"mood\": [1]}, \"Ece\": 42}}");
	assert_int_equal(meet(file, "Can", VECTOR_SA_PUBLIC, CAN), 0);
	before = parse_file(dir);
	for (uint32_t i = 0; i < 20; i++) {
		assert_int_equal(peersfile_begin(discovery, NULL), 0);
		hear(discovery, BOB + i, "Bob", NOW_MS + i);
		if (i == 10)
			assert_true(peers_expire(peersfile_peers(discovery), NOW_MS + 2 * PEERS_LISTED_MS) > 0);
		assert_int_equal(peersfile_commit(discovery), 0);
		after = parse_file(dir);
		assert_true(json_equal(json_object_get(after, "known"), json_object_get(before, "known")));
		json_decref(after);
		assert_int_equal(peersfile_read(file), 0);
		assert_int_equal(count_known(file), 2);
	}
	json_decref(before);
	/* And what discovery wrote survives a pin. */
	assert_int_equal(meet(file, "Bob", VECTOR_SB_PUBLIC, BOB), 0);
	assert_int_equal(peersfile_read(discovery), 0);
	assert_int_equal(count(discovery), 9);
	assert_int_equal(pins_count(peersfile_pins(discovery)), 2);
	peersfile_free(discovery);
	peersfile_free(file);
}

/* One of several programs that meet others, while discovery writes. */
static int meet_many(void *argument)
{
	const struct writer *writer = argument;
	struct peersfile *file = peersfile_new(writer->dir);
	uint8_t identity[DH_KEY_BYTES] = {0};

	CHILD_CHECK(file != NULL);
	for (uint32_t i = 0; i < WRITES; i++) {
		struct in_addr address = support_address(writer->first + i);
		char name[ADDRESS_TEXT_BYTES];
		int r;

		identity[0] = (uint8_t)i;
		CONTEND(r, peersfile_meet(file, address_format(address, name), identity, address, PINS_MAX, NULL));
		CHILD_CHECK(r == 0);
		CHILD_CHECK(pins_find(peersfile_pins(file), name) != NULL);
		/* All meet Bob: who comes first is believed. */
		identity[0] = (uint8_t)(writer->first >> 24);
		CONTEND(r, peersfile_meet(file, "Bob", identity, support_address(BOB), PINS_MAX, NULL));
		CHILD_CHECK(r == 0 || r == EEXIST);
	}
	peersfile_free(file);
	return 0;
}

static void no_meeting_of_several_programs_is_lost(void **state)
{
	int dir = workdir_fd(state);
	struct writer writers[] = {{dir, 0x0a000000}, {dir, 0x0b000000}, {dir, 0x0c000000}};
	struct peersfile *file;
	pid_t pids[COUNT(writers)];

	for (size_t i = 0; i < COUNT(writers); i++)
		pids[i] = start_child(i == 0 ? write_many : meet_many, &writers[i]);
	for (size_t i = 0; i < COUNT(writers); i++)
		await_child(pids[i]);
	file = read_fresh(dir);
	assert_int_equal(count(file), WRITES);
	assert_int_equal(count_known(file), 2 * WRITES + 1);
	for (size_t i = 1; i < COUNT(writers); i++)
		for (uint32_t j = 0; j < WRITES; j++) {
			struct in_addr address = support_address(writers[i].first + j);
			char name[ADDRESS_TEXT_BYTES];
			const struct pin *pin = pins_find(peersfile_pins(file), address_format(address, name));

			CHECK(pin != NULL, "%s is lost", name);
			assert_int_equal(pin->identity[0], j);
			assert_int_equal(pin->address.s_addr, address.s_addr);
		}
	assert_non_null(pins_find(peersfile_pins(file), "Bob"));
	assert_int_equal(file_count(dir, ""), 1);
	peersfile_free(file);
}

/* The file before the shortage of each round, whose Bob has a member that is not ours. */
#define BEFORE_SHORTAGE                                                                                                \
	"{\"peers\": {}, \"known\": {\"Bob\": {\"identity\": \"" VECTOR_SB_TEXT                                        \
	"\", \"since\": 5, \"mood\": \"fine\"}}}"

static void where_memory_runs_out_there_is_no_peersfile(void **state)
{
	int dir = workdir_fd(state);
	bool refused = true;

	for (size_t at = 1; refused; at++) {
		struct peersfile *file;

		shortage_begin(at);
		file = peersfile_new(dir);
		refused = shortage_end();
		CHECK(file != NULL || refused, "request %zu", at);
		peersfile_free(file);
		assert_true(at < 100);
	}
}

static void where_memory_runs_out_the_name_is_not_stored(void **state)
{
	int dir = workdir_fd(state);
	bool refused = true;

	for (size_t at = 1; refused; at++) {
		struct peersfile *file = open_fresh(dir);
		int r;

		assert_int_equal(peersfile_begin(file, NULL), 0);
		shortage_begin(at);
		r = peersfile_set_username(file, "Ece");
		refused = shortage_end();
		CHECK(r == 0 || (refused && r == ENOMEM), "%s where request %zu is refused", strerror(r), at);
		if (r != 0)
			assert_null(peersfile_username(file));
		else
			assert_string_equal(peersfile_username(file), "Ece");
		peersfile_abandon(file);
		peersfile_free(file);
		assert_true(at < 100);
	}
}

static void where_memory_runs_out_a_name_is_forgotten_or_not(void **state)
{
	int dir = workdir_fd(state);
	bool refused = true;

	put_text(dir, BEFORE_SHORTAGE);
	for (size_t at = 1; refused; at++) {
		struct peersfile *file = open_fresh(dir);
		int r;

		assert_int_equal(peersfile_begin(file, NULL), 0);
		shortage_begin(at);
		r = peersfile_unpin(file, "Bob");
		refused = shortage_end();
		CHECK(r == 0 || (refused && r == ENOMEM), "%s where request %zu is refused", strerror(r), at);
		peersfile_abandon(file);
		/* It is as it was. */
		assert_int_equal(peersfile_read(file), 0);
		expect_known(file, "Bob", VECTOR_SB_PUBLIC);
		peersfile_free(file);
		assert_true(at < 100);
	}
	file_expect(dir, NAME, BYTES(BEFORE_SHORTAGE));
}

static void where_memory_runs_out_a_pin_is_whole_or_refused(void **state)
{
	int dir = workdir_fd(state);
	struct pin pins[] = {
	    pin_of("Bob", VECTOR_SB_PUBLIC), pin_of("Bob", VECTOR_SA_PUBLIC), pin_of("Can", VECTOR_SA_PUBLIC)};

	pins[0].verified = pins[0].has_address = true;
	for (size_t i = 0; i < COUNT(pins); i++) {
		bool refused = true;

		for (size_t at = 1; refused; at++) {
			struct peersfile *file = open_fresh(dir);
			int r;

			put_text(dir, BEFORE_SHORTAGE);
			assert_int_equal(peersfile_begin(file, NULL), 0);
			shortage_begin(at);
			r = peersfile_pin(file, &pins[i]);
			refused = shortage_end();
			CHECK(r == 0 || (refused && r == ENOMEM), "%s where request %zu is refused", strerror(r), at);
			if (r == 0) {
				json_t *document;
				json_t *bob;

				assert_int_equal(peersfile_commit(file), 0);
				document = parse_file(dir);
				bob = json_object_get(json_object_get(document, "known"), "Bob");
				assert_non_null(bob);
				CHECK((json_object_get(bob, "mood") != NULL) == (i != 1),
				    "the member is lost where request %zu is refused", at);
				json_decref(document);
			} else {
				peersfile_abandon(file);
				file_expect(dir, NAME, BYTES(BEFORE_SHORTAGE));
				/* And with memory again all goes on. */
				assert_int_equal(pin_in_change(file, &pins[i]), 0);
			}
			assert_int_equal(count_known(file), i == 2 ? 2 : 1);
			assert_memory_equal(pins_find(peersfile_pins(file), pins[i].username)->identity,
			    pins[i].identity, DH_KEY_BYTES);
			peersfile_free(file);
			assert_true(at < 1000);
		}
	}
}

static void where_memory_runs_out_a_meeting_leaves_the_file(void **state)
{
	int dir = workdir_fd(state);
	uint8_t identity[DH_KEY_BYTES];
	bool refused = true;

	support_unhex(VECTOR_SA_PUBLIC, identity, DH_KEY_BYTES);
	for (size_t at = 1; refused; at++) {
		struct peersfile *file;
		const char *set_aside = NULL;
		size_t descriptors;
		int r;

		put_text(dir, BEFORE_SHORTAGE);
		descriptors = descriptors_open();
		file = open_fresh(dir);
		shortage_begin(at);
		r = peersfile_meet(file, "Can", identity, support_address(CAN), PINS_MAX, &set_aside);
		refused = shortage_end();
		CHECK(set_aside == NULL, "the file is set aside where request %zu is refused", at);
		CHECK(r == 0 || (refused && r == ENOMEM), "%s where request %zu is refused", strerror(r), at);
		if (r != 0)
			file_expect(dir, NAME, BYTES(BEFORE_SHORTAGE));
		assert_int_equal(descriptors_open(), descriptors);
		assert_int_equal(meet(file, "Can", VECTOR_SA_PUBLIC, CAN), 0);
		assert_int_equal(count_known(file), 2);
		expect_known(file, "Bob", VECTOR_SB_PUBLIC);
		peersfile_free(file);
		assert_int_equal(file_count(dir, ""), 1);
		assert_true(at < 1000);
	}
}

static void every_error_has_a_reason(void **state)
{
	static const int errors[] = {EBADMSG, EFBIG, ETIMEDOUT, EINVAL, ENOSPC, EACCES, EUSERS};

	(void)state;
	for (size_t i = 0; i < COUNT(errors); i++) {
		assert_non_null(peersfile_reason(errors[i]));
		assert_true(strlen(peersfile_reason(errors[i])) > 0);
	}
	assert_string_not_equal(peersfile_reason(EBADMSG), strerror(EBADMSG));
	assert_string_not_equal(peersfile_reason(EUSERS), strerror(EUSERS));
}

/* Fails unless both have the same peers in the same order. */
static void expect_same_peers(const struct peersfile *one, const struct peersfile *other, const char *text)
{
	const struct peer *a = peers_newer(peersfile_peers(one), NULL);
	const struct peer *b = peers_newer(peersfile_peers(other), NULL);

	CHECK(count(one) == count(other), "%zu peers and not %zu in %s", count(one), count(other), text);
	while (a != NULL && b != NULL) {
		CHECK(a->address.s_addr == b->address.s_addr && strcmp(a->username, b->username) == 0 &&
			  a->last_seen_ms == b->last_seen_ms && a->left == b->left &&
			  a->has_identity == b->has_identity && memcmp(a->identity, b->identity, DH_KEY_BYTES) == 0 &&
			  a->news == b->news,
		    "%s and %s in %s", a->username, b->username, text);
		CHECK(a->extra == NULL ? b->extra == NULL : json_equal(a->extra, b->extra), "%s in %s", a->username,
		    text);
		a = peers_newer(peersfile_peers(one), a);
		b = peers_newer(peersfile_peers(other), b);
	}
}

/*
 * Reads the text as it is, perhaps line by line, and behind so many empty lines that it is parsed as JSON; fails where
 * that makes a difference. Returns whether it can be read.
 */
static bool expect_as_json(int dir, const char *text, size_t len)
{
	struct peersfile *as_is = open_fresh(dir);
	struct peersfile *as_json = open_fresh(dir);
	char *with_lines = malloc(len + 5);
	int r;

	assert_non_null(with_lines);
	memset(with_lines, '\n', 4);
	memcpy(with_lines + 4, text, len);
	with_lines[len + 4] = '\0';
	file_put(dir, NAME, with_lines, len + 4);
	r = peersfile_read(as_json);
	file_put(dir, NAME, text, len);
	CHECK(peersfile_read(as_is) == r, "error %d only as JSON: %s", r, with_lines);
	expect_same_peers(as_is, as_json, with_lines);
	if (peersfile_username(as_json) != NULL)
		assert_string_equal(peersfile_username(as_is), peersfile_username(as_json));
	else
		assert_null(peersfile_username(as_is));
	assert_int_equal(count_known(as_is), count_known(as_json));
	peersfile_free(as_is);
	peersfile_free(as_json);
	free(with_lines);
	return r == 0;
}

#define LINE(ip, name) "\"" ip "\": {\"username\": \"" name "\", \"last_seen\": 1763625600.125}"

static void a_file_read_line_by_line_is_read_as_json(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		bool fine;
	} cases[] = {
	    {BYTES(EXAMPLE), true},
	    {BYTES("{\n\"peers\": {\n" LINE("1.1.1.1", "a") "\n}\n}\n"), true},
	    {BYTES("{\n\"peers\": {\n" LINE("1.1.1.1", "a") ",\n" LINE("1.1.1.2", "b") "}}"), true},
	    /* Nobody, and lines that are written in another way, first, last and in between. */
	    {BYTES("{\n\"peers\": {\n}\n}\n"), true},
	    {BYTES("{\n\"peers\": {\n" LINE("1.1.1.1", "a") ",\n" LINE("1.1.1.2", "\\u0062") "\n}\n}\n"), true},
	    {BYTES("{\n\"peers\": {\n" LINE("1.1.1.1", "\\u0062") ",\n" LINE("1.1.1.2", "b") "\n}\n}\n"), true},
	    {BYTES("{\n\"peers\": {\n" LINE("1.1.1.1", "a") ",\n" LINE("1.1.1.2", "") ",\n" LINE("1.1.1.3",
		 "c") "\n}\n}\n"),
		true},
	    {BYTES("{\n\"peers\": {\n" LINE("1.1.1.1", "a") ",\n\"x\": 5\n}\n}\n"), true},
	    {BYTES("{\r\n\"peers\": {\r\n" LINE("1.1.1.1", "a") ",\r\n" LINE("1.1.1.2", "b") "\r\n}\r\n}\r\n"), true},
	    {BYTES("{\n\"peers\": {\n" LINE("1.1.1.1", "a") ",\r\n" LINE("1.1.1.2", "b") "\r\n}\r\n}\r\n"), true},
	    /* An address twice: the last counts. */
	    {BYTES("{\n\"peers\": {\n" LINE("1.1.1.1", "a") ",\n" LINE("1.1.1.1", "b") "\n}\n}\n"), true},
	    {BYTES("{\n\"peers\": {\n" LINE("1.1.1.1", "a") ",\n" LINE("1.1.1.2", "b") ",\n" LINE("1.1.1.1",
		 "c") "\n}\n}\n"),
		true},
	    /* So it does of two sections. */
	    {BYTES("{\n\"peers\": {\n" LINE("1.1.1.1", "a") "\n},\n\"peers\": {}\n}\n"), true},
	    {BYTES("{\n\"peers\": {\n" LINE("1.1.1.1", "a") "\n},\n\"pe\\u0065rs\": {}\n}\n"), true},
	    {BYTES("{\n\"peers\": {\n" LINE("1.1.1.1", "a") "\n},\n\"peers\": {" LINE("1.1.1.2", "b") "}\n}\n"), true},
	    {BYTES("{\n\"peers\": {\n" LINE("1.1.1.1", "a") "\n},\n\"peers\": 5\n}\n"), false},
	    {BYTES("{\"peers\": {" LINE("1.1.1.2", "b") "},\n\"peers\": {\n" LINE("1.1.1.1", "a") "\n}\n}\n"), true},
	    /* The peers of something else. */
	    {BYTES("{\n\"self\": {\n\"peers\": {\n" LINE("1.1.1.1", "a") "\n}\n},\n\"peers\": {}\n}\n"), true},
	    {BYTES("{\n\"self\": {\n\"peers\": {\n" LINE("1.1.1.1", "a") "\n}\n}\n}\n"), true},
	    {BYTES("{\"self\": {\n\"peers\": {\n" LINE("1.1.1.1", "a") "\n}\n}, \"peers\": {\n" LINE("1.1.1.2",
		 "b") "\n}\n}\n"),
		true},
	    {BYTES("{\n\"a\": {\"b\": 5,\n\"peers\": {\n" LINE("1.1.1.1", "a") "\n}},\n\"peers\": {\n}\n}\n"), true},
	    {BYTES("{\n\"a\": [{\n\"peers\": {\n" LINE("1.1.1.1", "a") "\n}}],\n\"peers\": {\n}\n}\n"), true},
	    /* What is no JSON: a comma too many or too few, as after deleting a line. */
	    {BYTES("{\n\"peers\": {\n" LINE("1.1.1.1", "a") ",\n}\n}\n"), false},
	    {BYTES("{\n\"peers\": {\n" LINE("1.1.1.1", "a") ",\n\n}\n}\n"), false},
	    {BYTES("{\n\"peers\": {\n" LINE("1.1.1.1", "a") ",\n,\n" LINE("1.1.1.2", "b") "\n}\n}\n"), false},
	    {BYTES("{\n\"peers\": {\n" LINE("1.1.1.1", "a") ",\n"), false},
	    {BYTES("{\n\"peers\": {\n" LINE("1.1.1.1", "a") "\n" LINE("1.1.1.2", "b") "\n}\n}\n"), false},
	    {BYTES("{\n\"peers\": {\n" LINE("1.1.1.1", "a") "\n\"x\": 5\n}\n}\n"), false},
	    {BYTES("{\n\"peers\": {\n" LINE("1.1.1.1", "a") "\n}\n},\n"), false},
	    {BYTES("{\n\"peers\": {\n" LINE("1.1.1.1", "a") "\n}\n}\nx"), false},
	    {BYTES("{\n\"peers\": {\n" LINE("1.1.1.1", "a") "\n}\n"), false},
	    {BYTES("\"peers\": {\n" LINE("1.1.1.1", "a") "\n}\n"), false},
	    {BYTES("[\n\"peers\": {\n" LINE("1.1.1.1", "a") "\n}\n]\n"), false},
	    {BYTES("\xef\xbb\xbf{\n\"peers\": {\n" LINE("1.1.1.1", "a") "\n}\n}\n"), false},
	    /* Nor is this. */
	    {BYTES("{\n\"peers\": {\n" LINE("1.1.1.1\0", "a") "\n}\n}\n"), false},
	    {BYTES("{\n\"peers\": {\n" LINE("1.1.1.1", "a\0") "\n}\n}\n"), false},
	    {BYTES("{\n\"peers\": {\n" LINE("1.1.1.1", "a\t") "\n}\n}\n"), false},
	    {BYTES("{\n\"peers\": {\n" LINE("1.1.1.1", "\na") "\n}\n}\n"), false},
	    {BYTES("{\n\"peers\": {\n" LINE("1.1.1.1", "a") "\0\n}\n}\n"), false},
	    {BYTES("{\n\"peers\": {\n\"1.1.1.1\": {\"username\": \"a\", \"last_seen\": 01.000}\n}\n}\n"), false},
	    {BYTES("{\n\"peers\": {\n\"1.1.1.1\": {\"username\": \"a\", \"last_seen\": 00.001}\n}\n}\n"), false},
	};
	int dir = workdir_fd(state);

	for (size_t i = 0; i < COUNT(cases); i++)
		CHECK(expect_as_json(dir, cases[i].text, cases[i].len) == cases[i].fine, "case %zu: %s", i,
		    cases[i].text);
}

static void a_file_that_was_spoiled_by_hand_is_read_as_json(void **state)
{
	static const char whole[] =
	    "{\n\"self\": {\"username\": \"Ece\"},\n\"peers\": {\n" LINE("1.1.1.1", "a") ",\n" LINE("1.1.1.2",
		"b") ",\n\"1.1.1.3\": {\"username\": \"c\", \"last_seen\": 1.000, \"identity\": \"" VECTOR_SB_TEXT
		     "\", \"left\": true}\n},\n\"known\": {}\n}\n";
	static const struct {
		const char *bytes;
		size_t len;
	} pieces[] = {
	    {BYTES(",\n")},
	    {BYTES("\n")},
	    {BYTES("\r")},
	    {BYTES(" ")},
	    {BYTES("\t")},
	    {BYTES("\0")},
	    {BYTES("0")},
	    {BYTES("\"")},
	    {BYTES("\\")},
	    {BYTES("{")},
	    {BYTES("}")},
	    {BYTES("\xc3")},
	    {BYTES("\"peers\": {\n")},
	    {BYTES("\"peers\": {},")},
	    {BYTES(LINE("1.1.1.1", "d"))},
	    {BYTES(LINE("1.1.1.4", "e") ",\n")},
	};
	int dir = workdir_fd(state);
	uint64_t seed = 37;
	size_t fine = 0;

	for (int i = 0; i < 4000; i++) {
		char text[1024];
		size_t len = sizeof(whole) - 1;

		memcpy(text, whole, len);
		for (uint32_t changes = 1 + support_random(&seed) % 2; changes > 0; changes--) {
			size_t at = support_random(&seed) % len;
			size_t piece = support_random(&seed) % COUNT(pieces);
			/* Up to a line goes where the piece comes, or nothing. */
			size_t gone = support_random(&seed) % 2 * (support_random(&seed) % 60);

			gone = gone < len - at ? gone : len - at;
			memmove(text + at + pieces[piece].len, text + at + gone, len - at - gone);
			memcpy(text + at, pieces[piece].bytes, pieces[piece].len);
			len = len - gone + pieces[piece].len;
		}
		fine += expect_as_json(dir, text, len);
	}
	/* Neither all nor none. */
	assert_in_range(fine, 100, 3900);
}

static void where_memory_runs_out_lines_are_read_whole_or_not(void **state)
{
	static const char whole[] = "{\n\"self\": {\"username\": \"Ece\"},\n\"peers\": {\n" LINE("1.1.1.1",
	    "a") ",\n" LINE("1.1.1.2", "b") "\n}\n}\n";
	int dir = workdir_fd(state);
	bool refused = true;

	put_text(dir, whole);
	for (size_t at = 1; refused; at++) {
		struct peersfile *file = open_fresh(dir);
		int r;

		shortage_begin(at);
		r = peersfile_read(file);
		refused = shortage_end();
		/* What could not be read by line may still be parsed. */
		CHECK(r == 0 || (r == ENOMEM && refused), "error %d", r);
		assert_int_equal(count(file), r == 0 ? 2 : 0);
		assert_int_equal(peersfile_read(file), 0);
		assert_int_equal(count(file), 2);
		assert_string_equal(peersfile_username(file), "Ece");
		peersfile_free(file);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    workdir_test(a_file_that_is_missing_or_empty_is_an_empty_dictionary),
	    workdir_test(the_file_has_the_form_of_the_protocol),
	    workdir_test(a_file_in_the_form_of_the_protocol_comes_out_as_it_was),
	    workdir_test(every_peer_has_a_line_of_its_own),
	    workdir_test(peers_come_back_as_they_were),
	    workdir_test(peers_are_in_the_order_in_which_they_were_heard),
	    workdir_test(what_is_no_valid_peer_is_left_out),
	    workdir_test(an_impossible_time_lists_nobody),
	    workdir_test(members_that_are_none_of_ours_do_no_harm),
	    workdir_test(unknown_sections_and_members_are_kept),
	    workdir_test(the_name_of_the_user_is_stored),
	    workdir_test(a_stored_name_that_breaks_the_rules_is_none),
	    workdir_test(changes_of_others_are_seen_at_the_next_look),
	    workdir_test(an_abandoned_change_is_forgotten),
	    workdir_test(a_change_holds_the_lock_until_it_ends),
	    workdir_test(a_lock_that_stays_is_given_up),
	    workdir_test(a_file_replaced_during_the_wait_is_not_overwritten_unread),
	    workdir_test(a_damaged_file_is_set_aside_and_never_overwritten),
	    workdir_test(a_damaged_file_stays_when_it_cannot_be_begun),
	    workdir_test(a_file_may_have_64_mib_and_no_more),
	    workdir_test(what_is_no_file_is_an_error),
	    workdir_test(a_short_disk_leaves_the_old_file),
	    workdir_test(a_short_disk_begins_nothing_where_nothing_was),
	    workdir_test(a_scratch_file_of_a_killed_writer_is_no_hindrance),
	    workdir_test(at_most_65536_peers_are_read_and_the_longest_silent_go_first),
	    workdir_test(a_flipped_bit_is_refused_or_read),
	    workdir_test(no_change_of_several_writers_is_lost),
	    workdir_test(a_writer_killed_at_any_instant_loses_nothing),
	    workdir_test(whom_the_file_knows_is_read),
	    workdir_test(a_pin_has_the_form_of_the_protocol),
	    workdir_test(a_section_that_is_no_object_knows_nobody_and_takes_pins),
	    workdir_test(what_is_no_valid_pin_is_kept_but_not_known),
	    workdir_test(pinning_again_replaces_what_was_pinned),
	    workdir_test(a_pin_of_the_table_can_be_pinned_itself),
	    workdir_test(unknown_members_of_a_pin_are_kept_for_the_same_identity),
	    workdir_test(a_name_can_be_forgotten),
	    workdir_test(forgetting_needs_no_section),
	    workdir_test(the_version_rises_with_every_change_of_pins),
	    workdir_test(pins_of_a_change_that_is_given_up_are_forgotten),
	    workdir_test(at_most_4096_names_are_pinned),
	    workdir_test(the_first_meeting_pins_the_name),
	    workdir_test(meeting_again_writes_nothing),
	    workdir_test(meeting_elsewhere_keeps_the_address_and_all_else),
	    workdir_test(meeting_elsewhere_does_not_move_who_is_online),
	    workdir_test(whoever_else_comes_under_a_pinned_name_changes_nothing),
	    workdir_test(another_program_may_have_met_somebody_first),
	    workdir_test(strangers_are_pinned_up_to_a_count),
	    workdir_test(a_meeting_sets_a_damaged_file_aside),
	    workdir_test(a_meeting_gives_up_a_lock_that_stays),
	    workdir_test(a_meeting_on_a_short_disk_is_not_remembered),
	    workdir_test(pins_survive_what_discovery_writes),
	    workdir_test(no_meeting_of_several_programs_is_lost),
	    workdir_test(where_memory_runs_out_there_is_no_peersfile),
	    workdir_test(where_memory_runs_out_the_name_is_not_stored),
	    workdir_test(where_memory_runs_out_a_name_is_forgotten_or_not),
	    workdir_test(where_memory_runs_out_a_pin_is_whole_or_refused),
	    workdir_test(where_memory_runs_out_a_meeting_leaves_the_file),
	    workdir_test(a_file_read_line_by_line_is_read_as_json),
	    workdir_test(a_file_that_was_spoiled_by_hand_is_read_as_json),
	    workdir_test(where_memory_runs_out_lines_are_read_whole_or_not),
	    cmocka_unit_test(every_error_has_a_reason),
	};

	support_begin();
	return cmocka_run_group_tests_name("peersfile", tests, NULL, NULL);
}
