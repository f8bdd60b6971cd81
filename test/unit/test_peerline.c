/* peerline: a peer of peers.txt as one line, written and read without a JSON parser. */
#include "support.h"

#include <jansson.h>

#include "net/address.h"
#include "shortage.h"
#include "store/peerline.h"
#include "vectors.h"

#define BOB 0xc0a80107 /* 192.168.1.7 */
#define SEEN_MS INT64_C(1763625600125)
#define NAME_16 "sixteen bytes 16"
#define NAME_64 NAME_16 NAME_16 NAME_16 NAME_16

#define KEY "\"192.168.1.7\": "
#define PLAIN KEY "{\"username\": \"Bob\", \"last_seen\": 1763625600.125}"
#define WHOLE                                                                                                          \
	KEY "{\"username\": \"Bob\", \"last_seen\": 1763625600.125, \"identity\": \"" VECTOR_SB_TEXT                   \
	    "\", \"left\": true}"

static struct peer peer_of(const char *username)
{
	struct peer peer = {.address = support_address(BOB), .last_seen_ms = SEEN_MS};

	snprintf(peer.username, sizeof(peer.username), "%s", username);
	return peer;
}

static void identify(struct peer *peer)
{
	peer->has_identity = true;
	support_unhex(VECTOR_SB_PUBLIC, peer->identity, DH_KEY_BYTES);
}

static void expect_line(const struct peer *peer, const char *expected)
{
	struct buffer line = {0};

	assert_int_equal(buffer_append(&line, "before ", 7), 0);
	assert_int_equal(peerline_format(&line, peer), 0);
	CHECK(line.len == 7 + strlen(expected) && memcmp(line.data, "before ", 7) == 0 &&
		  memcmp(line.data + 7, expected, strlen(expected)) == 0,
	    "%.*s", (int)line.len, line.data);
	buffer_free(&line);
}

/* Reads from text that ends where its memory ends. Returns how much was read; 0, with the cursor left alone, for none. */
static size_t read_some(const char *text, size_t len, struct peer *peer)
{
	char *copy = support_copy(text, len);
	const char *cursor = copy;
	bool read = peerline_parse(&cursor, copy + len, peer);
	size_t moved = (size_t)(cursor - copy);

	free(copy);
	CHECK(read == (moved > 0) && moved <= len, "the cursor moved by %zu of %zu", moved, len);
	return moved;
}

/* Whether the text is a line and nothing more. */
static bool parse(const char *text, size_t len, struct peer *peer)
{
	size_t read = read_some(text, len, peer);

	CHECK(read == 0 || read == len, "only %zu bytes are read of %.*s", read, (int)len, text);
	return read > 0;
}

static void expect_peer(const struct peer *peer, const struct peer *expected)
{
	assert_int_equal(peer->address.s_addr, expected->address.s_addr);
	assert_string_equal(peer->username, expected->username);
	assert_true(peer->last_seen_ms == expected->last_seen_ms);
	assert_int_equal(peer->has_identity, expected->has_identity);
	if (expected->has_identity)
		assert_memory_equal(peer->identity, expected->identity, DH_KEY_BYTES);
	assert_int_equal(peer->left, expected->left);
	assert_int_equal(peer->news, 0);
	assert_true(peer->digest == 0);
	assert_null(peer->extra);
}

static void a_line_has_the_form_of_the_protocol(void **state)
{
	struct peer peer = peer_of("Bob");

	(void)state;
	expect_line(&peer, PLAIN);
	peer.last_seen_ms = 1000;
	expect_line(&peer, KEY "{\"username\": \"Bob\", \"last_seen\": 1.000}");
	peer.last_seen_ms = SEEN_MS;
	identify(&peer);
	peer.left = true;
	expect_line(&peer, WHOLE);
	peer = peer_of("say \"hi\\\"");
	expect_line(&peer, KEY "{\"username\": \"say \\\"hi\\\\\\\"\", \"last_seen\": 1763625600.125}");
}

static void members_that_are_none_of_ours_are_written_last(void **state)
{
	struct peer peer = peer_of("Bob");
	json_t *extra = json_pack("{s:i, s:{s:[i]}}", "a\"", 1, "b", "c", 2);

	(void)state;
	peer.left = true;
	peer.extra = extra;
	expect_line(&peer, KEY "{\"username\": \"Bob\", \"last_seen\": 1763625600.125, \"left\": true, \"a\\\"\": 1, "
			       "\"b\": {\"c\": [2]}}");
	json_decref(extra);
}

static void what_is_written_is_read_back(void **state)
{
	static const char *const names[] = {"a", "Bob", NAME_64, "g\xc3\xbcn \xf0\x9f\x98\x80", "}, {", "a/b: ',"};
	static const int64_t times_ms[] = {
	    1, 999, 1000, SEEN_MS, SEEN_MS + 1, INT64_C(253402300799999), INT64_C(999999999999999)};
	static const uint32_t addresses[] = {0, 0x01010101, BOB, 0xffffffff};

	(void)state;
	for (size_t i = 0; i < COUNT(names) * COUNT(times_ms) * COUNT(addresses) * 4; i++) {
		struct peer peer = peer_of(names[i / 4 % COUNT(names)]);
		struct buffer line = {0};
		struct peer back;

		peer.last_seen_ms = times_ms[i / 4 / COUNT(names) % COUNT(times_ms)];
		peer.address = support_address(addresses[i / 4 / COUNT(names) / COUNT(times_ms)]);
		peer.left = i & 1;
		if (i & 2)
			identify(&peer);
		assert_int_equal(peerline_format(&line, &peer), 0);
		CHECK(parse(line.data, line.len, &back), "not read: %.*s", (int)line.len, line.data);
		expect_peer(&back, &peer);
		buffer_free(&line);
	}
}

static void reading_ends_behind_the_line(void **state)
{
	static const char *const rests[] = {",\n" PLAIN, "\n}\n}\n", "}", ", \"left\": true}", "x"};

	(void)state;
	for (size_t i = 0; i < COUNT(rests); i++) {
		char text[512];
		const char *cursor = text;
		struct peer peer, expected = peer_of("Bob");

		snprintf(text, sizeof(text), "%s%s", PLAIN, rests[i]);
		assert_true(peerline_parse(&cursor, text + strlen(text), &peer));
		assert_ptr_equal(cursor, text + strlen(PLAIN));
		expect_peer(&peer, &expected);
	}
}

static void white_space_around_a_name_is_taken_off(void **state)
{
	struct peer peer, expected = peer_of("Bob");

	(void)state;
	assert_true(parse(BYTES(KEY "{\"username\": \"  Bob \", \"last_seen\": 1763625600.125}"), &peer));
	expect_peer(&peer, &expected);
}

static void no_line_is_shorter_than_the_shortest(void **state)
{
	struct peer peer = peer_of("a");
	struct buffer line = {0};

	(void)state;
	peer.address = support_address(0x01010101);
	peer.last_seen_ms = 1;
	assert_int_equal(peerline_format(&line, &peer), 0);
	/* With what stands between two of them. */
	assert_int_equal(line.len + strlen(",\n"), PEERLINE_MIN_BYTES);
	assert_true(parse(line.data, line.len, &peer));
	buffer_free(&line);
}

static void every_beginning_of_a_line_is_none(void **state)
{
	struct peer peer;

	(void)state;
	for (size_t len = 0; len < strlen(WHOLE); len++)
		assert_false(parse(WHOLE, len, &peer));
	assert_true(parse(BYTES(WHOLE), &peer));
}

#define NAMED(name) KEY "{\"username\": \"" name "\", \"last_seen\": 1763625600.125}"
#define SEEN(time) KEY "{\"username\": \"Bob\", \"last_seen\": " time "}"
#define KEYED(ip) "\"" ip "\": {\"username\": \"Bob\", \"last_seen\": 1763625600.125}"
#define MORE(members) KEY "{\"username\": \"Bob\", \"last_seen\": 1763625600.125" members "}"

static void anything_else_is_left_to_json(void **state)
{
	static const struct {
		const char *line;
		size_t len;
	} cases[] = {
	    {BYTES("")},
	    {BYTES("{}")},
	    /* No address, or not as we write it. */
	    {BYTES(KEYED(""))},
	    {BYTES(KEYED("192.168.1"))},
	    {BYTES(KEYED("192.168.1.256"))},
	    {BYTES(KEYED("192.168.1.07"))},
	    {BYTES(KEYED(" 192.168.1.7"))},
	    {BYTES(KEYED("192.168.1.7 "))},
	    {BYTES(KEYED("\\u0031.2.3.4"))},
	    {BYTES(KEYED("192.168.1.7.192.168.1.7.192.168.1.7"))},
	    {BYTES(KEYED("1.1.1.1\0"))},
	    {BYTES(KEYED("1.1.1.1\0 and"))},
	    /* Names that break the rules, and what JSON does not allow in a string or writes in another way. */
	    {BYTES(NAMED(""))},
	    {BYTES(NAMED(" "))},
	    {BYTES(NAMED(NAME_64 "5"))},
	    {BYTES(NAMED("B\\u006fb"))},
	    {BYTES(NAMED("Bob\\\""))},
	    {BYTES(NAMED("Bob\\"))},
	    {BYTES(NAMED("B\tb"))},
	    {BYTES(NAMED("Bob\t"))},
	    {BYTES(NAMED("\nBob"))},
	    {BYTES(NAMED("Bob\r"))},
	    {BYTES(NAMED("\v\fBob"))},
	    {BYTES(NAMED("Bob\0"))},
	    {BYTES(NAMED("\0"))},
	    {BYTES(NAMED("Bob\x7f"))},
	    {BYTES(NAMED("Bob\xc2\x9b"))},
	    {BYTES(KEY "{\"username\": Bob, \"last_seen\": 1763625600.125}")},
	    {BYTES(KEY "{\"username\": null, \"last_seen\": 1763625600.125}")},
	    /* Times. */
	    {BYTES(SEEN(""))},
	    {BYTES(SEEN("0.000"))},
	    {BYTES(SEEN("1763625600"))},
	    {BYTES(SEEN("1763625600."))},
	    {BYTES(SEEN("1763625600.1"))},
	    {BYTES(SEEN("1763625600.12"))},
	    {BYTES(SEEN("1763625600.1250"))},
	    {BYTES(SEEN(".125"))},
	    {BYTES(SEEN("-1.000"))},
	    {BYTES(SEEN("+1.000"))},
	    {BYTES(SEEN("1.000e3"))},
	    {BYTES(SEEN("1e3"))},
	    {BYTES(SEEN("1:000"))},
	    {BYTES(SEEN("1763625600.125 "))},
	    {BYTES(SEEN("\"1763625600.125\""))},
	    {BYTES(SEEN("1000000000000.000"))},
	    {BYTES(SEEN("99999999999999999999999999.000"))},
	    /* No JSON number at all. */
	    {BYTES(SEEN("01.000"))},
	    {BYTES(SEEN("00.001"))},
	    {BYTES(SEEN("01763625600.125"))},
	    /* Identities. */
	    {BYTES(MORE(", \"identity\": \"\""))},
	    {BYTES(MORE(", \"identity\": \"AAAA\""))},
	    {BYTES(MORE(", \"identity\": \"AAewx7gkJtWaWRRVTQVCO2dSIR+qEwtpA+A//k1+Czs\""))},
	    {BYTES(MORE(", \"identity\": \"AAewx7gkJtWaWRRVTQVCO2dSIR+qEwtpA+A//k1+Czt=\""))},
	    {BYTES(MORE(", \"identity\": \"AAewx7gkJtWaWRRVTQVCO2dSIR+qEwtpA+A\\//k1+Czs=\""))},
	    {BYTES(MORE(", \"identity\": \"AAewx7gkJtWaWRRVTQVCO2dSIR+qEwtpA+A\0/k1+Czs=\""))},
	    {BYTES(MORE(", \"identity\": null"))},
	    /* Other members, another order, other white space. */
	    {BYTES(MORE(", \"left\": false"))},
	    {BYTES(MORE(", \"left\": 1"))},
	    {BYTES(MORE(", \"left\": true, \"left\": false"))},
	    {BYTES(MORE(", \"left\": true, \"identity\": \"" VECTOR_SB_TEXT "\""))},
	    {BYTES(MORE(", \"x\": 1"))},
	    {BYTES(MORE(", \"username\": \"Can\""))},
	    {BYTES(MORE(","))},
	    {BYTES(MORE(" "))},
	    {BYTES(KEY "{\"last_seen\": 1763625600.125, \"username\": \"Bob\"}")},
	    {BYTES(KEY "{\"username\": \"Bob\"}")},
	    {BYTES(KEY "{\"username\":\"Bob\", \"last_seen\": 1763625600.125}")},
	    {BYTES(KEY "{\"username\": \"Bob\",\"last_seen\": 1763625600.125}")},
	    {BYTES(KEY "{\"username\": \"Bob\", \"last_seen\":1763625600.125}")},
	    {BYTES(KEY "{\"username\": \"Bob\",\n\"last_seen\": 1763625600.125}")},
	    {BYTES(" " PLAIN)},
	    {BYTES("\n" PLAIN)},
	};
	struct peer peer;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		CHECK(!parse(cases[i].line, cases[i].len, &peer), "case %zu is read: %s", i, cases[i].line);
	for (size_t i = 0; i < COUNT(support_bad_utf8); i++) {
		char line[256];
		int len = snprintf(line, sizeof(line), KEY "{\"username\": \"Bob%.*s\", \"last_seen\": 1763625600.125}",
		    (int)support_bad_utf8[i].len, support_bad_utf8[i].bytes);

		CHECK(!parse(line, (size_t)len, &peer), "%s is read", support_bad_utf8[i].why);
	}
}

/* Fails unless JSON says the same of the line as peer does. */
static void expect_json(const char *line, size_t len, const struct peer *peer)
{
	char text[512], ip[ADDRESS_TEXT_BYTES];
	int text_len = snprintf(text, sizeof(text), "{%.*s}", (int)len, line);
	json_t *object = json_loadb(text, (size_t)text_len, JSON_REJECT_DUPLICATES, NULL);
	json_t *member = json_object_get(object, address_format(peer->address, ip));
	const char *name = json_string_value(json_object_get(member, "username"));
	double seconds = json_number_value(json_object_get(member, "last_seen"));

	CHECK(member != NULL && name != NULL, "read, but no JSON: %s", text);
	assert_non_null(strstr(name, peer->username));
	CHECK((int64_t)(seconds * 1000 + 0.5) == peer->last_seen_ms, "%lld ms from %s", (long long)peer->last_seen_ms,
	    text);
	assert_int_equal(json_is_true(json_object_get(member, "left")), peer->left);
	assert_int_equal(json_is_string(json_object_get(member, "identity")), peer->has_identity);
	json_decref(object);
}

static void whatever_is_read_is_what_json_reads(void **state)
{
	static const char bytes[] = "\0\t\n \"\\019.,:{}eE-+\x7f\x80\xc3\xbc";
	size_t read = 0;

	(void)state;
	for (size_t at = 0; at < strlen(WHOLE); at++) {
		for (unsigned change = 0; change < 8 + 2 * sizeof(bytes) + 1; change++) {
			char line[sizeof(WHOLE) + 1] = WHOLE;
			size_t len = strlen(WHOLE);
			struct peer peer;

			if (change < 8) {
				line[at] = (char)(line[at] ^ 1 << change);
			} else if (change < 8 + sizeof(bytes)) {
				line[at] = bytes[change - 8];
			} else if (change < 8 + 2 * sizeof(bytes)) {
				memmove(line + at + 1, line + at, len - at);
				line[at] = bytes[change - 8 - sizeof(bytes)];
				len++;
			} else {
				memmove(line + at, line + at + 1, len - at - 1);
				len--;
			}
			len = read_some(line, len, &peer);
			if (len > 0)
				expect_json(line, len, &peer);
			read += len > 0;
		}
	}
	/* Other letters of the name, other digits, and some more. */
	assert_true(read > 100);
}

static void where_memory_runs_out_a_line_is_not_written(void **state)
{
	struct peer peer = peer_of("say \"hi\"");
	bool refused = true;
	json_t *extra = json_pack("{s:s}", "a", NAME_64);

	(void)state;
	assert_non_null(extra);
	peer.extra = extra;
	for (size_t at = 1; refused; at++) {
		struct buffer line = {0};
		int r;

		shortage_begin(at);
		r = peerline_format(&line, &peer);
		refused = shortage_end();
		assert_true(r == 0 || (refused && r == ENOMEM));
		buffer_free(&line);
	}
	json_decref(extra);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_line_has_the_form_of_the_protocol),
	    cmocka_unit_test(members_that_are_none_of_ours_are_written_last),
	    cmocka_unit_test(what_is_written_is_read_back),
	    cmocka_unit_test(reading_ends_behind_the_line),
	    cmocka_unit_test(white_space_around_a_name_is_taken_off),
	    cmocka_unit_test(no_line_is_shorter_than_the_shortest),
	    cmocka_unit_test(every_beginning_of_a_line_is_none),
	    cmocka_unit_test(anything_else_is_left_to_json),
	    cmocka_unit_test(whatever_is_read_is_what_json_reads),
	    cmocka_unit_test(where_memory_runs_out_a_line_is_not_written),
	};

	support_begin();
	return cmocka_run_group_tests_name("peerline", tests, NULL, NULL);
}
