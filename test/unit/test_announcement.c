/* announcement: the presence datagram. */
#include "identities.h"
#include "support.h"

#include <jansson.h>

#include "vectors.h"
#include "wire/announcement.h"

#define FROM 0xc0a80107 /* 192.168.1.7 */
#define NAME_16 "sixteen bytes 16"
#define NAME_64 NAME_16 NAME_16 NAME_16 NAME_16

static struct announcement announcement_of(const char *username)
{
	struct announcement announcement = {.since_s = 1763625600};

	snprintf(announcement.username, sizeof(announcement.username), "%s", username);
	return announcement;
}

static int parse(const char *datagram, size_t len, struct announcement *announcement, const char **why)
{
	return announcement_parse(datagram, len, support_address(FROM), announcement, why);
}

static void expect_datagram(const struct announcement *announcement, uint32_t from, const struct identity *identity,
    const char *expected)
{
	char *datagram = malloc(ANNOUNCEMENT_MAX_BYTES);
	size_t len;

	assert_non_null(datagram);
	len = announcement_format(announcement, support_address(from), identity, datagram);
	CHECK(len == strlen(expected) && memcmp(datagram, expected, len) == 0, "%.*s", (int)len, datagram);
	free(datagram);
}

static void an_announcement_is_as_the_vectors_have_it(void **state)
{
	struct identity ece = identity_of_seed(VECTOR_SA_SEED), other = identity_of_seed(VECTOR_SB_SEED);
	struct announcement announcement = announcement_of("Ece");

	(void)state;
	expect_datagram(&announcement, FROM, NULL, "{\"username\": \"Ece\", \"ip\": \"192.168.1.7\"}");
	expect_datagram(&announcement, FROM, &ece, VECTOR_ANNOUNCEMENT);
	announcement = announcement_of("\xc5\x9eule I\xc5\x9f\xc4\xb1k");
	announcement.since_s++;
	announcement.leaving = true;
	expect_datagram(&announcement, 0xc0a80109, &other, VECTOR_LEAVING);
}

static void a_signature_holds_for_its_text_its_signer_and_its_address(void **state)
{
	static const char text[] = VECTOR_ANNOUNCEMENT;
	struct announcement announcement;
	const char *why;
	size_t len = sizeof(text) - 1;

	(void)state;
	assert_int_equal(parse(text, len, &announcement, &why), 0);
	assert_true(announcement.has_identity && announcement.since_s == 1763625600 && !announcement.leaving);
	assert_true(announcement_verify(text, len, &announcement));
	assert_int_equal(announcement_parse(text, len, support_address(FROM + 1), &announcement, &why), EBADMSG);
	announcement.identity[7] ^= 1;
	assert_false(announcement_verify(text, len, &announcement));
	for (size_t bit = 0; bit < 8 * len; bit++) {
		char *datagram = support_copy(text, len);

		datagram[bit / 8] = (char)(datagram[bit / 8] ^ 1 << bit % 8);
		/* Without its signature it is another, unsigned announcement. */
		if (parse(datagram, len, &announcement, &why) == 0 && announcement.has_identity)
			CHECK(!announcement_verify(datagram, len, &announcement), "bit %zu", bit);
		free(datagram);
	}
}

static void a_signed_announcement_lacks_nothing(void **state)
{
#define SIGNATURE "1pkUrOvj4XcNPl8BSPWBGwAwji5nUkbeonW4B+v6ZKY9xpul77C/V1TxxB7VuKXEi6S0+g56n4zMAsM92QYIBQ=="
	static const char *const cases[] = {
	    "{\"username\": \"Ece\", \"ip\": \"192.168.1.7\", \"since\": 1, \"signature\": \"" SIGNATURE "\"}",
	    "{\"username\": \"Ece\", \"ip\": \"192.168.1.7\", \"identity\": \"" VECTOR_SA_TEXT
	    "\", \"signature\": \"" SIGNATURE "\"}",
	    "{\"username\": \"Ece\", \"identity\": \"" VECTOR_SA_TEXT "\", \"since\": 1, \"signature\": \"" SIGNATURE
	    "\"}",
	    "{\"username\": \"Ece\", \"ip\": \"192.168.1.7\", \"identity\": \"" VECTOR_SA_TEXT
	    "\", \"since\": -1, \"signature\": \"" SIGNATURE "\"}",
	    "{\"username\": \"Ece\", \"ip\": \"192.168.1.7\", \"identity\": \"" VECTOR_SA_TEXT
	    "\", \"since\": 1.5, \"signature\": \"" SIGNATURE "\"}",
	    "{\"username\": \"Ece\", \"ip\": \"192.168.1.7\", \"identity\": \"" VECTOR_SA_TEXT
	    "\", \"since\": 10000000000, \"signature\": \"" SIGNATURE "\"}",
	    /* The signature is not the last, or not written so. */
	    "{\"username\": \"Ece\", \"ip\": \"192.168.1.7\", \"identity\": \"" VECTOR_SA_TEXT
	    "\", \"signature\": \"" SIGNATURE "\", \"since\": 1}",
	    "{\"username\": \"Ece\", \"ip\": \"192.168.1.7\", \"identity\": \"" VECTOR_SA_TEXT
	    "\", \"since\": 1, \"signature\":\"" SIGNATURE "\"}",
	    "{\"username\": \"Ece\", \"ip\": \"192.168.1.7\", \"identity\": \"" VECTOR_SA_TEXT
	    "\", \"since\": 1, \"signature\": \"" SIGNATURE "\"} ",
	    "{\"username\": \"Ece\", \"ip\": \"192.168.1.7\", \"identity\": \"" VECTOR_SA_TEXT
	    "\", \"since\": 1, \"signature\": 7}",
	};
	struct announcement announcement;
	const char *why;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		CHECK(parse(cases[i], strlen(cases[i]), &announcement, &why) == EBADMSG, "%s", cases[i]);
}

static void what_is_written_is_read_back(void **state)
{
	static const char *const names[] = {
	    "E",
	    "Ece",
	    "Bob, \"the builder\" \\o/",
	    "\xc3\x87"
	    "a\xc4\x9f"
	    "da\xc5\x9f \xf0\x9f\x98\x80",
	    NAME_64,
	    ("\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\""
	     "\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(names) * 4; i++) {
		struct identity signer = identity_of_seed(VECTOR_SB_SEED);
		struct announcement announcement = announcement_of(names[i / 4]);
		struct announcement back;
		char datagram[ANNOUNCEMENT_MAX_BYTES];
		const char *why;
		size_t len;
		char *copy;

		announcement.leaving = i & 2;
		len = announcement_format(&announcement, support_address(FROM), i & 1 ? &signer : NULL, datagram);
		assert_in_range(len, 1, ANNOUNCEMENT_MAX_BYTES);
		copy = support_copy(datagram, len);
		assert_int_equal(parse(copy, len, &back, &why), 0);
		assert_int_equal(back.has_identity, i & 1);
		assert_true(!back.has_identity || announcement_verify(copy, len, &back));
		free(copy);
		assert_string_equal(back.username, names[i / 4]);
		assert_int_equal(back.leaving, announcement.leaving);
		if (back.has_identity)
			assert_memory_equal(back.identity, signer.public, IDENTITY_BYTES);
	}
}

/* Room number n; what it says of itself is the longest there can be, in JSON, if is_long. */
static struct announcement_room room_of(unsigned n, bool is_long)
{
	struct announcement_room room = {.id = {(uint8_t)n}, .name = "lab", .members = 1, .capacity = 50};

	if (is_long) {
		memset(room.name, '"', ROOM_NAME_MAX_BYTES);
		room.members = room.capacity = ROOM_MEMBERS_MAX;
		room.has_password = true;
	}
	return room;
}

static void rooms_are_announced_as_far_as_they_fit(void **state)
{
	struct identity signer = identity_of_seed(VECTOR_SB_SEED);

	(void)state;
	for (unsigned i = 0; i < 2 * (ANNOUNCEMENT_ROOMS_MAX + 1); i++) {
		struct announcement announcement = announcement_of("Bob"), back;
		char datagram[ANNOUNCEMENT_MAX_BYTES];
		const char *why;
		size_t len;

		if (i & 1)
			announcement =
			    announcement_of(("\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\""
					     "\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\""));
		announcement.room_count = i / 2;
		for (unsigned n = 0; n < i / 2; n++)
			announcement.rooms[n] = room_of(n, i & 1);
		len = announcement_format(&announcement, support_address(FROM), &signer, datagram);
		assert_in_range(len, 1, ANNOUNCEMENT_MAX_BYTES);
		assert_int_equal(parse(datagram, len, &back, &why), 0);
		assert_true(announcement_verify(datagram, len, &back));
		if (i & 1)
			assert_in_range(back.room_count, i / 2 < 4 ? i / 2 : 4, i / 2);
		else
			assert_int_equal(back.room_count, i / 2);
		assert_memory_equal(back.rooms, announcement.rooms, back.room_count * sizeof(back.rooms[0]));
		/* Who has no identity is in no room. */
		len = announcement_format(&announcement, support_address(FROM), NULL, datagram);
		assert_null(memmem(datagram, len, "rooms", 5));
	}
}

static void what_is_no_room_is_passed_over(void **state)
{
#define ID(c) "\"id\": \"" c "AAAAAAAAAAAAAAAAAAAAA==\""
#define REST "\"members\": 1, \"capacity\": 64, \"entry\": \"open\""
	static const struct {
		const char *rooms;
		const char *names;
	} cases[] = {
	    {"7", ""},
	    {"{}", ""},
	    {"[]", ""},
	    {"[7, {\"name\": \"lab\", " ID("A") ", " REST ", \"x\": []}]", "lab "},
	    {"[{\"name\": \" lab\\n\", " ID("A") ", " REST "}]", "lab "},
	    {"[{\"name\": \"a\\u001b[1m\", " ID("A") ", " REST "}, {\"name\": \"\", " ID("A") ", " REST "}]", ""},
	    {"[{\"name\": \"" NAME_16 NAME_16 "\", " ID("A") ", " REST "}]", NAME_16 NAME_16 " "},
	    {"[{\"name\": \"" NAME_16 NAME_16 "x\", " ID("A") ", " REST "}]", ""},
	    {"[{" ID("A") ", " REST "}, {\"name\": \"lab\", " REST "}]", ""},
	    {"[{\"name\": \"lab\", \"id\": \"AAAA\", " REST "}]", ""},
	    {"[{\"name\": \"lab\", " ID("A") ", \"members\": 65, \"capacity\": 64, \"entry\": \"open\"}]", ""},
	    {"[{\"name\": \"lab\", " ID("A") ", \"members\": 1, \"capacity\": -1, \"entry\": \"open\"}]", ""},
	    {"[{\"name\": \"lab\", " ID("A") ", \"members\": 1, \"capacity\": 257, \"entry\": \"open\"}]", ""},
	    {"[{\"name\": \"lab\", " ID("A") ", \"members\": 1, \"capacity\": 2, \"entry\": \"invited\"}]", ""},
	    /* One room stands there once, and seven do at most. */
	    {"[{\"name\": \"a\", " ID("A") ", " REST "}, {\"name\": \"b\", " ID("A") ", " REST "}]", "a "},
	    {"[{\"name\": \"a\", " ID("A") ", " REST "}, {\"name\": \"b\", " ID(
		 "B") ", " REST
		      "}, {\"name\": \"c\", " ID("C") ", " REST "}, {\"name\": \"d\", " ID(
			  "D") ", " REST
			       "}, {\"name\": \"e\", " ID("E") ", " REST "}, {\"name\": \"f\", " ID(
				   "F") ", " REST
					"}, {\"name\": \"g\", " ID("G") ", " REST
									"}, {\"name\": \"h\", " ID("H") ", " REST "}]",
		"a b c d e f g "},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		json_t *list = json_loads(cases[i].rooms, JSON_DECODE_ANY, NULL);
		struct announcement_room rooms[ANNOUNCEMENT_ROOMS_MAX];
		size_t count = announcement_parse_rooms(list, rooms);
		char names[256] = "";

		for (size_t n = 0; n < count; n++) {
			strcat(names, rooms[n].name);
			strcat(names, " ");
		}
		CHECK(list && strcmp(names, cases[i].names) == 0, "%s: %s", cases[i].rooms, names);
		json_decref(list);
	}
}

static void what_others_send_is_read(void **state)
{
	static const struct {
		const char *datagram;
		const char *username;
		bool has_identity, leaving;
	} cases[] = {
	    {"{\"username\": \"Ece\"}", "Ece", false, false},
	    {"{\"username\":\"Ece\"}", "Ece", false, false},
	    {" \t\r\n{ \"username\" : \"Ece\" } \r\n", "Ece", false, false},
	    {"{\"username\": \"  Ece\\t\\n\"}", "Ece", false, false},
	    {"{\"username\": \" " NAME_64 " \"}", NAME_64, false, false},
	    {"{\"username\": \"\\u00c7a\\u011fda\\u015f \\ud83d\\ude00\"}",
		"\xc3\x87"
		"a\xc4\x9f"
		"da\xc5\x9f \xf0\x9f\x98\x80",
		false, false},
	    {"{\"ip\": \"10.0.0.1\", \"username\": \"Ece\"}", "Ece", false, false},
	    {"{\"username\": \"Ece\", \"ip\": \"not an address\"}", "Ece", false, false},
	    {"{\"username\": \"Ece\", \"ip\": 7}", "Ece", false, false},
	    {"{\"username\": \"Ece\", \"ip\": null, \"port\": 6000, \"x\": [{\"y\": {}}]}", "Ece", false, false},
	    {"{\"username\": \"Ece\", \"identity\": \"" VECTOR_SA_TEXT "\"}", "Ece", false, false},
	    {"{\"username\": \"Ece\", \"leaving\": true}", "Ece", false, true},
	    {"{\"username\": \"Ece\", \"leaving\": true, \"identity\": \"" VECTOR_SA_TEXT "\"}", "Ece", false, true},
	    {"{\"username\": \"Ece\", \"leaving\": false}", "Ece", false, false},
	    {"{\"username\": \"Ece\", \"leaving\": null}", "Ece", false, false},
	    {"{\"username\": \"Ece\", \"leaving\": \"no\"}", "Ece", false, false},
	    {"{\"username\": \"Ece\", \"leaving\": 0}", "Ece", false, false},
	    /* An identity without a signature is none. */
	    {"{\"username\": \"Ece\", \"identity\": \"\"}", "Ece", false, false},
	    {"{\"username\": \"Ece\", \"identity\": 42}", "Ece", false, false},
	    {"{\"username\": \"Ece\", \"identity\": null}", "Ece", false, false},
	    {"{\"username\": \"Ece\", \"identity\": [\"" VECTOR_SA_TEXT "\"]}", "Ece", false, false},
	    {"{\"username\": \"Ece\", \"identity\": \"" VECTOR_SA_TEXT " \"}", "Ece", false, false},
	    {"{\"username\": \"Ece\", \"identity\": \"oX7n\"}", "Ece", false, false},
	    {"{\"username\": \"Ece\", \"identity\": "
	     "\"oX7n9ZiyNndL1FcKCQyY0SPwve7hNoWg8VL9/ds3Nks\"}",
		"Ece", false, false},
	    {"{\"username\": \"Ece\", \"identity\": "
	     "\"oX7n9ZiyNndL1FcKCQyY0SPwve7hNoWg8VL9_ds3Nks=\"}",
		"Ece", false, false},
	    /* Bytes beyond ASCII, which some decoders take for a slash. */
	    {"{\"username\": \"Ece\", \"identity\": \"\xc3\xa9\xc3\xa9"
	     "9ZiyNndL1FcKCQyY0SPwve7hNoWg8VL9/ds3Nks=\"}",
		"Ece", false, false},
	    {"{\"username\": \"Ece\", \"identity\": \"" VECTOR_SA_PUBLIC "\"}", "Ece", false, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t len = strlen(cases[i].datagram);
		char *datagram = support_copy(cases[i].datagram, len);
		struct announcement announcement;
		const char *why;

		memset(&announcement, 0xff, sizeof(announcement));
		CHECK(parse(datagram, len, &announcement, &why) == 0, "%s is refused", cases[i].datagram);
		assert_string_equal(announcement.username, cases[i].username);
		CHECK(announcement.has_identity == cases[i].has_identity, "%s", cases[i].datagram);
		CHECK(announcement.leaving == cases[i].leaving, "%s", cases[i].datagram);
		free(datagram);
	}
}

static void expect_refusal(const char *bytes, size_t len)
{
	char *datagram = support_copy(bytes, len);
	struct announcement announcement;
	struct announcement before;
	const char *why = NULL;

	memset(&announcement, 0x5a, sizeof(announcement));
	memset(&before, 0x5a, sizeof(before));
	CHECK(parse(datagram, len, &announcement, &why) == EBADMSG, "taken: %.*s", (int)len, bytes);
	assert_memory_equal(&announcement, &before, sizeof(before));
	assert_non_null(why);
	assert_true(strlen(why) > 0);
	free(datagram);
}

static void malformed_datagrams_are_refused_with_a_reason(void **state)
{
	static const struct {
		const char *datagram;
		size_t len;
	} cases[] = {
	    {BYTES("")},
	    {BYTES(" ")},
	    {BYTES("\0")},
	    {BYTES("Ece")},
	    {BYTES("\"Ece\"")},
	    {BYTES("{")},
	    {BYTES("{}")},
	    {BYTES("[]")},
	    {BYTES("null")},
	    {BYTES("[{\"username\": \"Ece\"}]")},
	    {BYTES("{\"username\": \"Ece\"")},
	    {BYTES("{\"username\": \"Ece\"}}")},
	    {BYTES("{\"username\": \"Ece\"}{\"username\": \"Ece\"}")},
	    {BYTES("{\"username\": \"Ece\"}\0")},
	    {BYTES("{\"username\": \"Ece\",}")},
	    {BYTES("{'username': 'Ece'}")},
	    {BYTES("{\xe2\x80\x9cusername\xe2\x80\x9d: \xe2\x80\x9c"
		   "Ece\xe2\x80\x9d}")},
	    {BYTES("{\"Username\": \"Ece\"}")},
	    {BYTES("{\"name\": \"Ece\"}")},
	    {BYTES("{\"user\": {\"username\": \"Ece\"}}")},
	    {BYTES("{\"username\": null}")},
	    {BYTES("{\"username\": 42}")},
	    {BYTES("{\"username\": true}")},
	    {BYTES("{\"username\": [\"Ece\"]}")},
	    {BYTES("{\"username\": {\"first\": \"Ece\"}}")},
	    {BYTES("{\"username\": \"\"}")},
	    {BYTES("{\"username\": \" \\t \"}")},
	    {BYTES("{\"username\": \"" NAME_64 "x\"}")},
	    {BYTES("{\"username\": \"E\\u0007ce\"}")},
	    {BYTES("{\"username\": \"E\\nce\"}")},
	    {BYTES("{\"username\": \"E\\u001b[2Jce\"}")},
	    {BYTES("{\"username\": \"E\\u009b2Jce\"}")},
	    {BYTES("{\"username\": \"Ece\\u0000\"}")},
	    {BYTES("{\"username\": \"Ece\\ud83d\"}")},
	    {BYTES("{\"username\": \"Ece\\ude00\\ud83d\"}")},
	    {BYTES("{\"username\": \"E\nce\"}")},
	    {BYTES("\xef\xbb\xbf{\"username\": \"Ece\"}")},
	    {BYTES("{\0\"\0u\0s\0e\0r\0n\0a\0m\0e\0\"\0")},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		expect_refusal(cases[i].datagram, cases[i].len);
}

static void datagrams_that_are_not_utf8_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(support_bad_utf8); i++) {
		char datagram[128];
		int len = snprintf(datagram, sizeof(datagram), "{\"username\": \"Ece%.*s\"}",
		    (int)support_bad_utf8[i].len, support_bad_utf8[i].bytes);

		expect_refusal(datagram, (size_t)len);
		len = snprintf(datagram, sizeof(datagram), "{\"username\": \"Ece\", \"x\": \"%.*s\"}",
		    (int)support_bad_utf8[i].len, support_bad_utf8[i].bytes);
		expect_refusal(datagram, (size_t)len);
	}
}

static void a_datagram_has_at_most_1400_bytes(void **state)
{
	static const char start[] = "{\"username\": \"Ece\", \"x\": \"";

	(void)state;
	for (size_t len = ANNOUNCEMENT_MAX_BYTES - 1; len <= 65507; len += len < 1402 ? 1 : 64105) {
		char *datagram = support_repeat('x', len);
		struct announcement announcement;
		const char *why;

		memcpy(datagram, start, sizeof(start) - 1);
		memcpy(datagram + len - 2, "\"}", 2);
		if (len <= ANNOUNCEMENT_MAX_BYTES)
			assert_int_equal(parse(datagram, len, &announcement, &why), 0);
		else
			expect_refusal(datagram, len);
		free(datagram);
	}
}

static void a_datagram_of_nothing_but_brackets_is_refused(void **state)
{
	char *brackets = support_repeat('[', ANNOUNCEMENT_MAX_BYTES);

	(void)state;
	expect_refusal(brackets, ANNOUNCEMENT_MAX_BYTES);
	for (size_t i = 0; i + 5 <= ANNOUNCEMENT_MAX_BYTES; i += 5)
		memcpy(brackets + i, "{\"a\":", 5);
	expect_refusal(brackets, ANNOUNCEMENT_MAX_BYTES);
	free(brackets);
}

static void every_beginning_of_a_datagram_is_refused(void **state)
{
	static const char whole[] = "{\"username\": \"Ece\", \"ip\": \"192.168.1.7\", \"leaving\": true}";

	(void)state;
	for (size_t len = 0; len < sizeof(whole) - 1; len++)
		expect_refusal(whole, len);
}

static void a_flipped_bit_is_refused_or_leaves_a_good_name(void **state)
{
	static const char whole[] = "{\"username\": \"Ece\", \"ip\": \"192.168.1.7\", "
				    "\"identity\": \"" VECTOR_SA_TEXT "\", \"leaving\": true}";
	size_t len = sizeof(whole) - 1;

	(void)state;
	for (size_t bit = 0; bit < 8 * len; bit++) {
		char *datagram = support_copy(whole, len);
		struct announcement announcement;
		struct announcement before;
		const char *why = NULL;
		char name[USERNAME_MAX_BYTES + 1];

		memset(&announcement, 0x5a, sizeof(announcement));
		memset(&before, 0x5a, sizeof(before));
		datagram[bit / 8] = (char)(datagram[bit / 8] ^ 1 << bit % 8);
		if (parse(datagram, len, &announcement, &why) == 0) {
			assert_int_equal(username_normalize(announcement.username, strlen(announcement.username), name),
			    USERNAME_OK);
			assert_string_equal(name, announcement.username);
		} else {
			assert_non_null(why);
			assert_memory_equal(&announcement, &before, sizeof(before));
		}
		free(datagram);
	}
}

static uint64_t digest_of(const char *datagram, size_t len, const uint8_t *key)
{
	char *copy = support_copy(datagram, len);
	uint64_t digest = announcement_digest(copy, len, key);

	free(copy);
	assert_true(digest != 0);
	return digest;
}

static void a_digest_is_that_of_the_bytes_and_the_key(void **state)
{
	static const char whole[] = "{\"username\": \"Ece\", \"ip\": \"192.168.1.7\", \"leaving\": true}";
	const size_t len = sizeof(whole) - 1;
	uint8_t key[ANNOUNCEMENT_DIGEST_KEY_BYTES] = "fifteen bytes 1";
	uint64_t digest = digest_of(whole, len, key);

	(void)state;
	assert_true(digest_of(whole, len, key) == digest);
	for (size_t i = 0; i < len; i++)
		CHECK(digest_of(whole, i, key) != digest, "%zu bytes have the same digest", i);
	for (size_t bit = 0; bit < 8 * len; bit++) {
		char *datagram = support_copy(whole, len);

		datagram[bit / 8] = (char)(datagram[bit / 8] ^ 1 << bit % 8);
		CHECK(digest_of(datagram, len, key) != digest, "bit %zu makes no difference", bit);
		free(datagram);
	}
	for (size_t bit = 0; bit < 8 * sizeof(key); bit++) {
		key[bit / 8] = (uint8_t)(key[bit / 8] ^ 1 << bit % 8);
		CHECK(digest_of(whole, len, key) != digest, "bit %zu of the key makes no difference", bit);
		key[bit / 8] = (uint8_t)(key[bit / 8] ^ 1 << bit % 8);
	}
	assert_true(digest_of(whole, len, key) == digest);
}

static void a_digest_is_siphash_2_4(void **state)
{
	/* The vectors of its authors: the key 00 01 02 ..., the text 00 01 02 ... */
	static const char *const hex[] = {"310e0edd47db6f72", "fd67dc93c539f874", "5a4fa9d909806c0d"};
	uint8_t key[ANNOUNCEMENT_DIGEST_KEY_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)i;
	for (size_t len = 0; len < COUNT(hex); len++) {
		uint8_t expected[sizeof(uint64_t)];
		uint64_t digest = digest_of("\0\1", len, key);

		support_unhex(hex[len], expected, sizeof(expected));
		assert_memory_equal(&digest, expected, sizeof(expected));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_announcement_is_as_the_vectors_have_it),
	    cmocka_unit_test(a_signature_holds_for_its_text_its_signer_and_its_address),
	    cmocka_unit_test(a_signed_announcement_lacks_nothing),
	    cmocka_unit_test(what_is_written_is_read_back),
	    cmocka_unit_test(rooms_are_announced_as_far_as_they_fit),
	    cmocka_unit_test(what_is_no_room_is_passed_over),
	    cmocka_unit_test(what_others_send_is_read),
	    cmocka_unit_test(malformed_datagrams_are_refused_with_a_reason),
	    cmocka_unit_test(datagrams_that_are_not_utf8_are_refused),
	    cmocka_unit_test(a_datagram_has_at_most_1400_bytes),
	    cmocka_unit_test(a_datagram_of_nothing_but_brackets_is_refused),
	    cmocka_unit_test(every_beginning_of_a_datagram_is_refused),
	    cmocka_unit_test(a_flipped_bit_is_refused_or_leaves_a_good_name),
	    cmocka_unit_test(a_digest_is_that_of_the_bytes_and_the_key),
	    cmocka_unit_test(a_digest_is_siphash_2_4),
	};

	support_begin();
	return cmocka_run_group_tests_name("announcement", tests, NULL, NULL);
}
