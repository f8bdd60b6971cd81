/* known: whom the user knows, from a section of a file that anybody may have edited. */
#include "support.h"

#include <jansson.h>
#include <strings.h>

#include "crypto/identity.h"
#include "heap.h"
#include "shortage.h"
#include "trust/pins.h"
#include "vectors.h"

#define BOB 0xc0a80107 /* 192.168.1.7 */
#define SINCE INT64_C(1763625000)
#define SINCE_MAX INT64_C(253402300799) /* the end of the year 9999 */

/* The value of a member that is a valid pin, and what it needs at least. */
#define GOOD "{\"identity\": \"" VECTOR_SB_TEXT "\", \"pinned\": 1763625000}"
#define SB "\"identity\": \"" VECTOR_SB_TEXT "\""

#define LONGEST_NAME "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static json_t *parse(const char *text)
{
	json_error_t error;
	json_t *section = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);

	CHECK(section != NULL, "%s in %s", error.text, text);
	return section;
}

/* The table of a section in text, which is gone when this returns. */
static struct pins *known_of(const char *text)
{
	json_t *section = parse(text);
	struct pins *known = pins_new(section, NULL);

	assert_non_null(known);
	json_decref(section);
	return known;
}

/* An identity of its own for each number, in no order. */
static void identity_of(uint32_t number, uint8_t identity[static DH_KEY_BYTES])
{
	for (size_t i = 0; i < DH_KEY_BYTES; i++) {
		number = number * 1664525 + 1013904223;
		identity[i] = (uint8_t)(number >> 24);
	}
}

static void add_pin(json_t *section, const char *name, const uint8_t identity[static DH_KEY_BYTES], int64_t since_s)
{
	char text[IDENTITY_TEXT_BYTES];

	identity_format(identity, text);
	assert_int_equal(json_object_set_new(section, name,
			     json_pack("{s:s, s:I}", "identity", text, "pinned", (json_int_t)since_s)),
	    0);
}

/* A table of so many names, each with an identity of its own. */
static struct pins *known_of_many(uint32_t count)
{
	json_t *section = json_object();
	struct pins *known;

	assert_non_null(section);
	for (uint32_t i = 0; i < count; i++) {
		uint8_t identity[DH_KEY_BYTES];
		char name[32];

		/* They come in no order. */
		snprintf(name, sizeof(name), "%u of many", i * 7919 % count);
		identity_of(i * 7919 % count, identity);
		add_pin(section, name, identity, i);
	}
	known = pins_new(section, NULL);
	assert_non_null(known);
	json_decref(section);
	return known;
}

static struct peer peer_of(const char *username, const char *identity_hex)
{
	struct peer peer = {.address = support_address(BOB)};

	snprintf(peer.username, sizeof(peer.username), "%s", username);
	if (identity_hex != NULL) {
		support_unhex(identity_hex, peer.identity, DH_KEY_BYTES);
		peer.has_identity = true;
	}
	return peer;
}

/* Fails unless the table knows Bob by SB and Can by SA and nobody else. */
static void expect_bob_and_can(const struct pins *known, const char *why)
{
	uint8_t identity[DH_KEY_BYTES];

	CHECK(pins_count(known) == 2, "%zu are known: %s", pins_count(known), why);
	assert_non_null(pins_find(known, "Bob"));
	assert_non_null(pins_find(known, "Can"));
	support_unhex(VECTOR_SB_PUBLIC, identity, DH_KEY_BYTES);
	assert_ptr_equal(pins_find_identity(known, identity), pins_find(known, "Bob"));
	support_unhex(VECTOR_SA_PUBLIC, identity, DH_KEY_BYTES);
	assert_ptr_equal(pins_find_identity(known, identity), pins_find(known, "Can"));
}

static void what_is_no_section_knows_nobody(void **state)
{
	static const char *const sections[] = {"{}", "null", "42", "\"Bob\"", "true", "[]",
	    "[{\"identity\": \"" VECTOR_SB_TEXT "\"}]",
	    "{\"identity\": \"" VECTOR_SB_TEXT "\", \"pinned\": 1763625000}"};

	(void)state;
	for (size_t i = 0; i <= COUNT(sections); i++) {
		struct pins *known = i < COUNT(sections) ? known_of(sections[i]) : pins_new(NULL, NULL);
		uint8_t nothing[DH_KEY_BYTES] = {0};
		struct peer bob = peer_of("Bob", VECTOR_SB_PUBLIC);

		assert_non_null(known);
		assert_int_equal(pins_count(known), 0);
		assert_null(pins_next(known, NULL));
		assert_null(pins_find(known, "Bob"));
		assert_null(pins_find(known, ""));
		assert_null(pins_find_identity(known, bob.identity));
		assert_null(pins_find_identity(known, nothing));
		assert_null(pins_find_alike(known, "Bob"));
		assert_null(pins_find_alike(known, "\u200b"));
		pins_free(known);
	}
	pins_free(NULL);
}

static void a_pin_is_read_as_it_stands(void **state)
{
	struct pins *known = known_of("{\"Bob\": {\"identity\": \"" VECTOR_SB_TEXT "\", \"pinned\": 1763625000,"
				      " \"address\": \"192.168.1.7\", \"verified\": true},"
				      " \"Can\": {\"identity\": \"" VECTOR_SA_TEXT "\", \"pinned\": 1763625001}}");
	uint8_t identity[DH_KEY_BYTES];
	const struct pin *pin;

	(void)state;
	expect_bob_and_can(known, "");
	pin = pins_find(known, "Bob");
	support_unhex(VECTOR_SB_PUBLIC, identity, DH_KEY_BYTES);
	assert_string_equal(pin->username, "Bob");
	assert_memory_equal(pin->identity, identity, DH_KEY_BYTES);
	assert_true(pin->since_s == SINCE);
	assert_true(pin->has_address);
	assert_int_equal(pin->address.s_addr, support_address(BOB).s_addr);
	assert_true(pin->verified);
	pin = pins_find(known, "Can");
	support_unhex(VECTOR_SA_PUBLIC, identity, DH_KEY_BYTES);
	assert_string_equal(pin->username, "Can");
	assert_memory_equal(pin->identity, identity, DH_KEY_BYTES);
	assert_true(pin->since_s == SINCE + 1);
	assert_false(pin->has_address);
	assert_false(pin->verified);
	pins_free(known);
}

static void what_is_no_valid_pin_is_left_out(void **state)
{

	static const char *const members[] = {
	    /* Names that break the rules, or are not as the rules would have them. */
	    "\"\": " GOOD,
	    "\" \": " GOOD,
	    "\" Bob\": " GOOD,
	    "\"Bob \": " GOOD,
	    "\"Bob\\t\": " GOOD,
	    "\"B\\nob\": " GOOD,
	    "\"B\\u001b[2Job\": " GOOD,
	    "\"B\\u007fob\": " GOOD,
	    "\"B\\u009bob\": " GOOD,
	    "\"" LONGEST_NAME "x\": " GOOD,
	    /* What stands for the identity. */
	    "\"Ece\": {\"pinned\": 1763625000}",
	    "\"Ece\": {\"identity\": null, \"pinned\": 1763625000}",
	    "\"Ece\": {\"identity\": 42, \"pinned\": 1763625000}",
	    "\"Ece\": {\"identity\": [\"" VECTOR_SB_TEXT "\"], \"pinned\": 1763625000}",
	    "\"Ece\": {\"identity\": \"\", \"pinned\": 1763625000}",
	    "\"Ece\": {\"identity\": \"" VECTOR_SB_PUBLIC "\", \"pinned\": 1763625000}",
	    "\"Ece\": {\"identity\": \"AAewx7gkJtWaWRRVTQVCO2dSIR+qEwtpA+A//k1+Czs\"}",
	    "\"Ece\": {\"identity\": \"AAewx7gkJtWaWRRVTQVCO2dSIR-qEwtpA-A__k1-Czs=\"}",
	    "\"Ece\": {\"identity\": \"AAewx7gkJtWaWRRVTQVCO2dSIR+qEwtpA+A//k1+Czs=\\n\"}",
	    "\"Ece\": {\"identity\": \" AAewx7gkJtWaWRRVTQVCO2dSIR+qEwtpA+A//k1+Czs=\"}",
	    "\"Ece\": {\"identity\": \"AAewx7gkJtWaWRRVTQVCO2dSIR+qEwtpA+A//k1+Czt=\"}",
	    "\"Ece\": {\"identity\": \"" VECTOR_SB_TEXT VECTOR_SB_TEXT "\"}",
	    "\"Ece\": {\"Identity\": \"" VECTOR_SB_TEXT "\"}",
	    /* What stands for all of it. */
	    "\"Ece\": null",
	    "\"Ece\": true",
	    "\"Ece\": 42",
	    "\"Ece\": \"" VECTOR_SB_TEXT "\"",
	    "\"Ece\": [\"" VECTOR_SB_TEXT "\", 1763625000]",
	    "\"Ece\": {}",
	    "\"Ece\": {\"Ece\": " GOOD "}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(members); i++) {
		char text[1024];
		struct pins *known;

		snprintf(text, sizeof(text),
		    "{\"Bob\": {\"identity\": \"" VECTOR_SB_TEXT "\", \"pinned\": 1763625000}, %s, "
		    "\"Can\": {\"identity\": \"" VECTOR_SA_TEXT "\", \"pinned\": 1763625001}}",
		    members[i]);
		known = known_of(text);
		expect_bob_and_can(known, members[i]);
		pins_free(known);
	}
}

static void a_name_that_is_not_utf8_is_left_out(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(support_bad_utf8); i++) {
		json_t *section = parse("{\"Bob\": {\"identity\": \"" VECTOR_SB_TEXT "\"}, "
					"\"Can\": {\"identity\": \"" VECTOR_SA_TEXT "\"}}");
		struct pins *known;
		char name[16];

		memcpy(name, support_bad_utf8[i].bytes, support_bad_utf8[i].len);
		name[support_bad_utf8[i].len] = '\0';
		assert_int_equal(json_object_set_new_nocheck(section, name, parse(GOOD)), 0);
		assert_int_equal(json_object_size(section), 3);
		known = pins_new(section, NULL);
		assert_non_null(known);
		expect_bob_and_can(known, support_bad_utf8[i].why);
		assert_null(pins_find(known, name));
		pins_free(known);
		json_decref(section);
	}
}

static void odd_members_of_a_pin_count_as_absent(void **state)
{
	static const struct {
		const char *members;
		int64_t since_s;
		bool has_address, verified;
	} cases[] = {
	    {"", 0, false, false},
	    {", \"pinned\": 0", 0, false, false},
	    {", \"pinned\": 1", 1, false, false},
	    {", \"pinned\": 253402300799", SINCE_MAX, false, false},
	    {", \"pinned\": 253402300800", 0, false, false},
	    {", \"pinned\": 9223372036854775807", 0, false, false},
	    {", \"pinned\": -1", 0, false, false},
	    {", \"pinned\": -9223372036854775808", 0, false, false},
	    {", \"pinned\": 1763625000.5", 0, false, false},
	    {", \"pinned\": null", 0, false, false},
	    {", \"pinned\": \"1763625000\"", 0, false, false},
	    {", \"pinned\": [1763625000]", 0, false, false},
	    {", \"pinned\": true", 0, false, false},
	    {", \"address\": \"192.168.1.7\"", 0, true, false},
	    {", \"address\": null", 0, false, false},
	    {", \"address\": 3232235783", 0, false, false},
	    {", \"address\": \"\"", 0, false, false},
	    {", \"address\": \"192.168.1\"", 0, false, false},
	    {", \"address\": \"192.168.1.256\"", 0, false, false},
	    {", \"address\": \" 192.168.1.7\"", 0, false, false},
	    {", \"address\": \"192.168.1.7:6001\"", 0, false, false},
	    {", \"address\": \"::1\"", 0, false, false},
	    {", \"address\": [\"192.168.1.7\"]", 0, false, false},
	    {", \"verified\": true", 0, false, true},
	    {", \"verified\": false", 0, false, false},
	    {", \"verified\": null", 0, false, false},
	    {", \"verified\": 1", 0, false, false},
	    {", \"verified\": \"true\"", 0, false, false},
	    {", \"verified\": {}", 0, false, false},
	    {", \"mood\": \"fine\", \"pinned\": 7, \"verified\": true", 7, false, true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[256];
		struct pins *known;
		const struct pin *pin;

		snprintf(text, sizeof(text), "{\"Bob\": {\"identity\": \"" VECTOR_SB_TEXT "\"%s}}", cases[i].members);
		known = known_of(text);
		pin = pins_find(known, "Bob");
		CHECK(pin != NULL, "left out: %s", text);
		CHECK(pin->since_s == cases[i].since_s && pin->has_address == cases[i].has_address &&
			  pin->verified == cases[i].verified,
		    "%s", text);
		if (pin->has_address)
			assert_int_equal(pin->address.s_addr, support_address(BOB).s_addr);
		pins_free(known);
	}
}

static void a_pin_is_found_by_exactly_its_name(void **state)
{
	static const char *const others[] = {"", "B", "Bo", "bob", "BOB", "Bobb", "Bob ", " Bob", "Böb", "Bo\u0308b",
	    "Bоb", "Bob\u200b", "Rob", "A", "C", "\x7f", "\xff", LONGEST_NAME};
	struct pins *known = known_of("{\"Bob\": " GOOD "}");
	struct pins *longest = known_of("{\"" LONGEST_NAME "\": " GOOD "}");
	char name[] = LONGEST_NAME;

	(void)state;
	assert_non_null(pins_find(known, "Bob"));
	for (size_t i = 0; i < COUNT(others); i++)
		CHECK(pins_find(known, others[i]) == NULL, "found: %s", others[i]);
	assert_int_equal(strlen(LONGEST_NAME), USERNAME_MAX_BYTES);
	assert_non_null(pins_find(longest, name));
	name[USERNAME_MAX_BYTES - 1] = 'x';
	assert_null(pins_find(longest, name));
	name[USERNAME_MAX_BYTES - 1] = '\0';
	assert_null(pins_find(longest, name));
	pins_free(known);
	pins_free(longest);
}

static void every_pin_of_many_is_found(void **state)
{
	static const uint32_t counts[] = {1, 2, 3, 4, 5, 7, 8, 9, 100, 1000};

	(void)state;
	for (size_t i = 0; i < COUNT(counts); i++) {
		struct pins *known = known_of_many(counts[i]);
		uint8_t identity[DH_KEY_BYTES];

		assert_int_equal(pins_count(known), counts[i]);
		for (uint32_t j = 0; j < counts[i]; j++) {
			const struct pin *pin;
			char name[32];

			snprintf(name, sizeof(name), "%u of many", j);
			identity_of(j, identity);
			pin = pins_find(known, name);
			assert_non_null(pin);
			assert_string_equal(pin->username, name);
			assert_memory_equal(pin->identity, identity, DH_KEY_BYTES);
			assert_ptr_equal(pins_find_identity(known, identity), pin);
			snprintf(name, sizeof(name), "%u OF MANY", j);
			assert_null(pins_find(known, name));
			pin = pins_find_alike(known, name);
			assert_non_null(pin);
			assert_int_equal(strcasecmp(pin->username, name), 0);
		}
		identity_of(counts[i], identity);
		assert_null(pins_find_identity(known, identity));
		memset(identity, 0, sizeof(identity));
		assert_null(pins_find_identity(known, identity));
		memset(identity, 0xff, sizeof(identity));
		assert_null(pins_find_identity(known, identity));
		pins_free(known);
	}
}

static void of_several_with_one_identity_the_oldest_is_found(void **state)
{
	/* In the order of the file, and of the alphabet. */
	static const struct {
		const char *name;
		int64_t since_s;
	} pins[] = {{"Can", 30}, {"Ece", 10}, {"Alice", 20}, {"Bob", 10000}, {"Mallory", 40}};
	static const int64_t extremes[] = {0, 9, 11, SINCE_MAX};
	uint8_t identity[DH_KEY_BYTES];
	uint8_t other[DH_KEY_BYTES];
	json_t *section = json_object();
	struct pins *known;

	(void)state;
	support_unhex(VECTOR_SB_PUBLIC, identity, DH_KEY_BYTES);
	support_unhex(VECTOR_SA_PUBLIC, other, DH_KEY_BYTES);
	for (size_t i = 0; i < COUNT(pins); i++)
		add_pin(section, pins[i].name, identity, pins[i].since_s);
	add_pin(section, "older, but somebody else", other, 1);
	known = pins_new(section, NULL);
	assert_non_null(known);
	assert_string_equal(pins_find_identity(known, identity)->username, "Ece");
	assert_string_equal(pins_find_identity(known, other)->username, "older, but somebody else");
	pins_free(known);
	/* However far they are apart. */
	for (size_t i = 0; i < COUNT(extremes); i++) {
		add_pin(section, "extreme", identity, extremes[i]);
		known = pins_new(section, NULL);
		assert_non_null(known);
		assert_string_equal(pins_find_identity(known, identity)->username,
		    extremes[i] < 10 ? "extreme" : "Ece");
		pins_free(known);
	}
	json_decref(section);
}

static void identities_that_differ_in_a_bit_are_others(void **state)
{
	struct pins *known = known_of("{\"Bob\": " GOOD "}");
	uint8_t identity[DH_KEY_BYTES];

	(void)state;
	support_unhex(VECTOR_SB_PUBLIC, identity, DH_KEY_BYTES);
	for (size_t bit = 0; bit < 8 * DH_KEY_BYTES; bit++) {
		identity[bit / 8] = (uint8_t)(identity[bit / 8] ^ 1 << bit % 8);
		assert_null(pins_find_identity(known, identity));
		identity[bit / 8] = (uint8_t)(identity[bit / 8] ^ 1 << bit % 8);
	}
	assert_non_null(pins_find_identity(known, identity));
	pins_free(known);
}

static void a_pin_is_found_by_a_name_that_looks_like_its_own(void **state)
{
	static const struct {
		const char *name, *alike;
	} cases[] = {
	    {"bob", "Bob"},
	    {"BOB", "Bob"},
	    {"B0b", "Bob"},
	    {"Böb", "Bob"},
	    {"Bо\u0308b", "Bob"},
	    {"Воb", "Bob"},
	    {"Βοb", "Bob"},
	    {"Ｂｏｂ", "Bob"},
	    {"𝐁𝐨𝐛", "Bob"},
	    {"B o b", "Bob"},
	    {"Bob\u200b", "Bob"},
	    {"\u202eBob", "Bob"},
	    {"Can", "Çan"},
	    {"can", "Çan"},
	    {"Саn", "Çan"},
	    {"C\u0327an", "Çan"},
	    {"rnallory", "Mallory"},
	    {"Ma11ory", "Mallory"},
	    {"ipek", "İpek"},
	    {"\u660e 小", "明小"},
	    /* Itself, and other names. */
	    {"Bob", NULL},
	    {"Çan", NULL},
	    {"Mallory", NULL},
	    {"Rob", NULL},
	    {"Bo", NULL},
	    {"Bobb", NULL},
	    {"Ece", NULL},
	    {"小明", NULL},
	    {"小红", NULL},
	    {"", NULL},
	    {"\u200b", NULL},
	    {"\xff", NULL},
	    {LONGEST_NAME, NULL},
	};
	struct pins *known = known_of("{\"Mallory\": " GOOD ", \"Çan\": " GOOD ", \"明小\": " GOOD ", \"Bob\": " GOOD
				      ", \"İpek\": " GOOD "}");

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct pin *pin = pins_find_alike(known, cases[i].name);

		if (cases[i].alike == NULL)
			CHECK(pin == NULL, "%s looks like %s", cases[i].name, pin->username);
		else
			CHECK(pin != NULL && strcmp(pin->username, cases[i].alike) == 0, "%s looks like %s and not %s",
			    cases[i].name, pin == NULL ? "nobody" : pin->username, cases[i].alike);
	}
	pins_free(known);
}

static void of_several_alike_the_verified_or_else_the_oldest_counts(void **state)
{
	static const struct {
		const char *section;
		/* Whom these could be taken for. */
		const char *zero, *name, *capitals, *small;
	} cases[] = {
	    {"{\"Bob\": {" SB ", \"pinned\": 2}, \"B0b\": {" SB ", \"pinned\": 1}, \"BOB\": {" SB ", \"pinned\": 3}}",
		NULL, "B0b", "B0b", "B0b"},
	    {"{\"BOB\": {" SB ", \"pinned\": 3}, \"B0b\": {" SB ", \"pinned\": 2}, \"Bob\": {" SB ", \"pinned\": 1}}",
		"Bob", NULL, "Bob", "Bob"},
	    /* Who is verified comes first. */
	    {"{\"Bob\": {" SB ", \"pinned\": 2, \"verified\": true}, \"B0b\": {" SB ", \"pinned\": 1}, "
	     "\"BOB\": {" SB ", \"pinned\": 3}}",
		"Bob", NULL, "Bob", "Bob"},
	    {"{\"Bob\": {" SB ", \"pinned\": 2}, \"B0b\": {" SB ", \"pinned\": 1}, "
	     "\"BOB\": {" SB ", \"pinned\": 3, \"verified\": true}}",
		"BOB", "BOB", NULL, "BOB"},
	    /* And is taken for nobody else. */
	    {"{\"Bob\": {" SB ", \"pinned\": 2, \"verified\": true}, \"B0b\": {" SB ", \"pinned\": 1}, "
	     "\"BOB\": {" SB ", \"pinned\": 3, \"verified\": true}}",
		"Bob", NULL, NULL, "Bob"},
	    {"{\"Bob\": {" SB ", \"pinned\": 3, \"verified\": true}, \"B0b\": {" SB ", \"pinned\": 1}, "
	     "\"BOB\": {" SB ", \"pinned\": 2, \"verified\": true}}",
		"BOB", NULL, NULL, "BOB"},
	    /* One alone. */
	    {"{\"B0b\": {" SB ", \"pinned\": 1}}", NULL, "B0b", "B0b", "B0b"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct pins *known = known_of(cases[i].section);
		const char *const names[] = {"B0b", "Bob", "BOB", "bob"};
		const char *const expected[] = {cases[i].zero, cases[i].name, cases[i].capitals, cases[i].small};

		for (size_t j = 0; j < COUNT(names); j++) {
			const struct pin *pin = pins_find_alike(known, names[j]);
			const char *found = pin == NULL ? "nobody" : pin->username;

			CHECK(strcmp(found, expected[j] == NULL ? "nobody" : expected[j]) == 0,
			    "%s could be taken for %s in %s", names[j], found, cases[i].section);
		}
		pins_free(known);
	}
}

static void of_two_that_are_equal_one_counts(void **state)
{
	struct pins *known = known_of("{\"Bob\": " GOOD ", \"B0b\": " GOOD "}");
	const struct pin *first = pins_find_alike(known, "BOB");
	const struct pin *second;

	(void)state;
	assert_non_null(first);
	second = pins_find(known, strcmp(first->username, "Bob") == 0 ? "B0b" : "Bob");
	assert_null(pins_find_alike(known, first->username));
	assert_ptr_equal(pins_find_alike(known, second->username), first);
	pins_free(known);
}

static void a_name_that_is_pinned_gets_a_number(void **state)
{
	static const struct {
		const char *username, *free;
	} cases[] = {
	    {"Ece", "Ece"},
	    {"bob", "bob"},
	    {"Bob", "Bob 3"},
	    {"Bob 2", "Bob 2 2"},
	    {LONGEST_NAME, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd 2"},
	    {"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abc\u20ac",
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abc 2"},
	};
	struct pins *known =
	    known_of("{\"Bob\": " GOOD ", \"Bob 2\": " GOOD ", \"" LONGEST_NAME "\": " GOOD
		     ", \"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abc\u20ac\": " GOOD "}");

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char name[USERNAME_MAX_BYTES + 1];

		pins_free_name(known, cases[i].username, name);
		assert_string_equal(name, cases[i].free);
	}
	pins_free(known);
}

static void a_pin_is_written_as_in_the_protocol(void **state)
{
	static const struct {
		bool has_address, verified;
		const char *text;
	} cases[] = {
	    {false, false, "{\"known\": \"Bob\", \"identity\": \"" VECTOR_SB_TEXT "\", \"pinned\": 1763625000}"},
	    {true, false,
		"{\"known\": \"Bob\", \"identity\": \"" VECTOR_SB_TEXT
		"\", \"pinned\": 1763625000, \"address\": \"192.168.1.7\"}"},
	    {false, true,
		"{\"known\": \"Bob\", \"identity\": \"" VECTOR_SB_TEXT
		"\", \"pinned\": 1763625000, \"verified\": true}"},
	    {true, true,
		"{\"known\": \"Bob\", \"identity\": \"" VECTOR_SB_TEXT
		"\", \"pinned\": 1763625000, \"address\": \"192.168.1.7\", \"verified\": true}"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct pin pin = {
		    .username = "Bob",
		    .since_s = SINCE,
		    .address = support_address(BOB),
		    .has_address = cases[i].has_address,
		    .verified = cases[i].verified,
		};
		json_t *object;
		char *text;

		support_unhex(VECTOR_SB_PUBLIC, pin.identity, DH_KEY_BYTES);
		object = pins_format(&pin);
		assert_non_null(object);
		text = json_dumps(object, 0);
		assert_string_equal(text, cases[i].text);
		free(text);
		json_decref(object);
	}
}

static void a_pin_that_is_written_is_read_back(void **state)
{
	static const int64_t times[] = {0, 1, SINCE, SINCE_MAX};
	static const char *const names[] = {
	    "Bob", "\"", "\\", "{}", "İpek Çağ", "小明", "😀", "Bob\u200b", LONGEST_NAME};

	(void)state;
	for (size_t i = 0; i < COUNT(times) * COUNT(names) * 4; i++) {
		struct pin pin = {
		    .since_s = times[i % COUNT(times)],
		    .has_address = i / COUNT(times) % 2,
		    .verified = i / COUNT(times) / 2 % 2,
		    .auto_bytes = i % 3 * 16000000,
		};
		json_t *section = json_object();
		const struct pin *read;
		struct pins *known;
		char *text;

		snprintf(pin.username, sizeof(pin.username), "%s", names[i / COUNT(times) / 4]);
		identity_of((uint32_t)i, pin.identity);
		if (pin.has_address)
			pin.address = support_address((uint32_t)i * 99991);
		assert_int_equal(json_object_set_new(section, pin.username, pins_format(&pin)), 0);
		text = json_dumps(section, 0);
		known = known_of(text);
		read = pins_find(known, pin.username);
		CHECK(read != NULL, "%s", text);
		assert_string_equal(read->username, pin.username);
		assert_memory_equal(read->identity, pin.identity, DH_KEY_BYTES);
		assert_true(read->since_s == pin.since_s);
		assert_int_equal(read->has_address, pin.has_address);
		if (read->has_address)
			assert_int_equal(read->address.s_addr, pin.address.s_addr);
		assert_int_equal(read->verified, pin.verified);
		assert_true(read->auto_bytes == pin.auto_bytes);
		pins_free(known);
		free(text);
		json_decref(section);
	}
}

static void at_most_4096_are_known(void **state)
{
	enum { TOO_MANY = PINS_MAX + 500 };
	json_t *section = json_object();
	struct pins *known;

	(void)state;
	for (uint32_t i = 0; i < TOO_MANY; i++) {
		uint8_t identity[DH_KEY_BYTES];
		char name[32];

		/* What is no pin takes no place. */
		snprintf(name, sizeof(name), "no pin %u", i);
		assert_int_equal(json_object_set_new(section, name, json_null()), 0);
		snprintf(name, sizeof(name), "pin %u", i);
		identity_of(i, identity);
		add_pin(section, name, identity, i);
	}
	known = pins_new(section, NULL);
	assert_non_null(known);
	json_decref(section);
	assert_int_equal(pins_count(known), PINS_MAX);
	/* The first of the file are among them, whatever comes behind. */
	for (uint32_t i = 0; i < TOO_MANY; i++) {
		uint8_t identity[DH_KEY_BYTES];
		char name[32];

		snprintf(name, sizeof(name), "pin %u", i);
		identity_of(i, identity);
		assert_int_equal(pins_find(known, name) != NULL, i < PINS_MAX);
		assert_ptr_equal(pins_find_identity(known, identity), pins_find(known, name));
		snprintf(name, sizeof(name), "PIN %u", i);
		if (i < PINS_MAX)
			assert_non_null(pins_find_alike(known, name));
	}
	pins_free(known);
}

/* What is kept is bounded, and so is what it takes. */
static void a_section_of_any_size_takes_little_memory(void **state)
{
	json_t *section;
	struct pins *known;

	(void)state;
	if (!heap_is_watched())
		skip();
	section = json_object();
	for (uint32_t i = 0; i < 200000; i++) {
		char name[32];

		snprintf(name, sizeof(name), "%u", i);
		assert_int_equal(json_object_set_new_nocheck(section, name, json_null()), 0);
	}
	heap_largest = 0;
	known = pins_new(section, NULL);
	assert_non_null(known);
	assert_int_equal(pins_count(known), 0);
	pins_free(known);
	json_decref(section);
	assert_in_range(heap_largest, 1, (PINS_MAX + 1) * 256);
}

static void a_section_is_only_read(void **state)
{
	json_t *section = parse("{\"Bob\": {\"identity\": \"" VECTOR_SB_TEXT "\", \"mood\": \"fine\"}, \"Can\": 42}");
	json_t *before = json_deep_copy(section);
	struct pins *known = pins_new(section, NULL);

	(void)state;
	assert_non_null(known);
	assert_true(json_equal(section, before));
	/* And is not needed any more. */
	json_decref(section);
	json_decref(before);
	assert_string_equal(pins_find(known, "Bob")->username, "Bob");
	assert_non_null(pins_find_alike(known, "bob"));
	pins_free(known);
}

static void if_memory_runs_out_there_is_no_table(void **state)
{
	json_t *section = parse("{\"Bob\": " GOOD ", \"Can\": " GOOD ", \"Ece\": {}}");
	bool refused = true;

	(void)state;
	for (size_t at = 1; refused; at++) {
		struct pins *known;

		shortage_begin(at);
		known = pins_new(section, NULL);
		refused = shortage_end();
		CHECK(known != NULL || refused, "request %zu", at);
		if (known != NULL)
			assert_int_equal(pins_count(known), 2);
		pins_free(known);
		assert_true(at < 100);
	}
	json_decref(section);
}

static void if_memory_runs_out_no_pin_is_written_in_part(void **state)
{
	struct pin pin = {.username = "Bob",
	    .since_s = SINCE,
	    .address = support_address(BOB),
	    .has_address = true,
	    .verified = true,
	    .auto_bytes = 16000000};
	bool refused = true;

	(void)state;
	for (size_t at = 1; refused; at++) {
		json_t *object;

		shortage_begin(at);
		object = pins_format(&pin);
		refused = shortage_end();
		CHECK(object != NULL || refused, "request %zu", at);
		if (object != NULL)
			assert_int_equal(json_object_size(object), 6);
		json_decref(object);
		assert_true(at < 100);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_no_section_knows_nobody),
	    cmocka_unit_test(a_pin_is_read_as_it_stands),
	    cmocka_unit_test(what_is_no_valid_pin_is_left_out),
	    cmocka_unit_test(a_name_that_is_not_utf8_is_left_out),
	    cmocka_unit_test(odd_members_of_a_pin_count_as_absent),
	    cmocka_unit_test(a_pin_is_found_by_exactly_its_name),
	    cmocka_unit_test(every_pin_of_many_is_found),
	    cmocka_unit_test(of_several_with_one_identity_the_oldest_is_found),
	    cmocka_unit_test(identities_that_differ_in_a_bit_are_others),
	    cmocka_unit_test(a_pin_is_found_by_a_name_that_looks_like_its_own),
	    cmocka_unit_test(of_several_alike_the_verified_or_else_the_oldest_counts),
	    cmocka_unit_test(of_two_that_are_equal_one_counts),
	    cmocka_unit_test(a_name_that_is_pinned_gets_a_number),
	    cmocka_unit_test(a_pin_is_written_as_in_the_protocol),
	    cmocka_unit_test(a_pin_that_is_written_is_read_back),
	    cmocka_unit_test(at_most_4096_are_known),
	    cmocka_unit_test(a_section_of_any_size_takes_little_memory),
	    cmocka_unit_test(a_section_is_only_read),
	    cmocka_unit_test(if_memory_runs_out_there_is_no_table),
	    cmocka_unit_test(if_memory_runs_out_no_pin_is_written_in_part),
	};

	support_begin();
	return cmocka_run_group_tests_name("known", tests, NULL, NULL);
}
