/* candidates: whom a name or an address means for writing, each row of the table in common/PROTOCOL.md, section 4. */
#include "support.h"

#include "cast.h"
#include "trust/candidates.h"

#define TOLD_BYTES 512

/* Ömer has no address; Bob's name is also that of two others, spelt otherwise. */
static const struct known known[] = {
    {"Bob", 'b', 7, true, 0},
    {"Can", 'c', 8, false, 0},
    {"CAN", 'k', 8, false, 0},
    {"Ömer", 'o', 0, false, 0},
    {0},
};

/* Tells candidates as "Bob b@7 verified, Zoe -@9 unknown downgraded". */
static void tell(const struct candidates *candidates, char told[static TOLD_BYTES])
{
	size_t used = 0;

	told[0] = '\0';
	for (size_t i = 0; i < candidates->count; i++) {
		const struct candidate *one = &candidates->list[i];
		char at[16] = "nowhere";

		if (one->has_address)
			snprintf(at, sizeof(at), "%u", ntohl(one->address.s_addr) & 255);
		used += (size_t)snprintf(told + used, TOLD_BYTES - used, "%s%s %c@%s %s%s", i > 0 ? ", " : "",
		    one->verdict.username, one->identity ? one->identity[0] : '-', at,
		    standing_word(one->verdict.standing),
		    candidates_is_downgraded(candidates, one) ? " downgraded" : "");
		assert_true(used < TOLD_BYTES);
	}
}

static const struct {
	const char *typed;
	struct heard heard[5];
	const char *means;
} rows[] = {
    /* A pinned name is its holder, wherever that is, and nobody else. */
    {"Bob", {{7, "Bob", 'b', 0, false}}, "Bob b@7 verified"},
    {"Bob", {{9, "Bob", 'b', 0, false}}, "Bob b@9 verified"},
    {"Bob", {{9, "Robert", 'b', 0, false}}, "Bob b@9 verified"},
    {"Bob", {{9, "Bob", 'b', 0, false}, {10, "Bob", 'b', 60, false}}, "Bob b@9 verified"},
    {"Bob", {{9, "Bob", 'b', 0, true}, {10, "Bob", 'b', 1, false}}, "Bob b@10 verified"},
    {"Bob", {{7, "Bob", 'b', 2, false}, {10, "Bob", 'b', 1, false}}, "Bob b@7 verified"},
    {"Bob", {{7, "Bob", 'b', 60, false}, {10, "Bob", 'b', 1, false}}, "Bob b@10 verified"},
    {"Bob", {{0}}, "Bob b@7 verified"},
    {"Bob", {{9, "Bob", 'b', 901, false}}, "Bob b@7 verified"},
    {"Bob", {{7, "Bob", 'x', 0, false}, {9, "Bob", 0, 0, false}}, "Bob b@7 verified"},
    {"Bob", {{7, "Zoe", 0, 0, false}}, "Bob b@7 verified"},
    {"Ömer", {{0}}, "Ömer o@nowhere pinned"},
    {"Ömer", {{9, "Ömer", 0, 0, false}}, "Ömer o@nowhere pinned"},
    /* Regardless of case, but not of whom else it could be. */
    {"bob", {{9, "bob", 'x', 0, false}}, "Bob b@7 verified"},
    {"ömer", {{9, "Ömer", 'o', 0, false}}, "Ömer o@9 pinned"},
    {"O\xcc\x88MER", {{0}}, "Ömer o@nowhere pinned"},
    {"Can", {{0}}, "Can c@8 pinned"},
    {"can", {{0}}, "Can c@8 pinned, CAN k@8 lookalike"},
    /* A name that is not pinned. */
    {"Zoe", {{9, "Zoe", 0, 0, false}}, "Zoe -@9 unknown"},
    {"Zoe", {{9, "Zoe", 'z', 0, false}}, "Zoe z@9 unknown"},
    {"Zoe", {{9, "Zoe", 'z', 0, false}, {10, "Zoe", 'z', 60, false}}, "Zoe z@9 unknown"},
    {"Zoe", {{9, "Zoe", 'z', 0, true}, {10, "Zoe", 'z', 60, false}, {11, "Zoe", 'z', 1, false}}, "Zoe z@11 unknown"},
    {"Zoe", {{9, "Zoe", 0, 0, false}, {10, "zoe", 0, 0, false}}, "Zoe -@9 unknown"},
    {"ZOE", {{9, "Zoe", 0, 0, false}, {10, "zoë", 0, 0, false}}, "Zoe -@9 unknown"},
    {"ZOE", {{9, "Zoe", 0, 60, false}, {10, "zoe", 0, 0, false}}, "zoe -@10 unknown, Zoe -@9 unknown"},
    {"Robert", {{9, "Robert", 'b', 0, false}}, "Bob b@9 verified"},
    {"Zoe", {{9, "Zoe", 0, 901, false}}, ""},
    {"Nobody", {{9, "Zoe", 0, 0, false}}, ""},
    /* Who announces an identity comes first and is not the only one; the other gets nothing classic. */
    {"Zoe", {{9, "Zoe", 0, 0, false}, {10, "Zoe", 'z', 60, false}}, "Zoe z@10 unknown, Zoe -@9 unknown downgraded"},
    {"Zoe", {{9, "Zoe", 0, 0, false}, {10, "ZOE", 'z', 60, true}}, "ZOE z@10 unknown, Zoe -@9 unknown downgraded"},
    {"zoe", {{9, "Zoe", 'z', 0, false}, {9, "zoe", 0, 0, false}, {10, "zoe", 0, 1, false}, {11, "ZOE", 0, 0, false}},
	"Zoe z@9 unknown, zoe -@9 unknown downgraded, zoe -@10 unknown downgraded"},
    {"zoe", {{9, "Zoe", 'z', 0, false}, {10, "zoe", 'y', 0, false}}, "zoe y@10 unknown"},
    {"Zoe", {{9, "Zoe", 0, 0, false}, {9, "Zoe", 'z', 60, false}}, "Zoe z@9 unknown"},
    {"Zoe", {{9, "Zoe", 0, 0, false}, {9, "Zoe", 'z', 0, true}}, "Zoe z@9 unknown, Zoe -@9 unknown downgraded"},
    /* Beginnings. */
    {"zo", {{9, "Zoe", 0, 0, false}}, "Zoe -@9 unknown"},
    {"bo", {{9, "Bob", 'b', 0, false}}, "Bob b@9 verified"},
    {"bo", {{9, "Bobby", 'x', 0, false}}, "Bob b@7 verified, Bobby x@9 unknown"},
    {"rob", {{9, "Robert", 'b', 0, false}, {10, "Robin", 0, 0, false}}, "Bob b@9 verified, Robin -@10 unknown"},
    {"", {{9, "Zoe", 0, 0, false}}, ""},
    {"\xff", {{9, "Zoe", 0, 0, false}}, ""},
    /* What means something else. */
    {"#lab", {{9, "#lab", 'x', 0, false}}, ""},
    {"-w", {{9, "-w", 'x', 0, false}}, ""},
    {"@all", {{9, "@all", 'x', 0, false}}, ""},
    {"@al", {{9, "@all", 'x', 0, false}}, "@all x@9 unknown"},
    {"192.168.1.9", {{9, "#lab", 'x', 0, false}}, "#lab x@9 unknown"},
    /* An address. */
    {"192.168.1.9", {{9, "Zoe", 0, 0, false}}, "Zoe -@9 unknown"},
    {"192.168.1.9", {{9, "192.168.1.7", 0, 0, false}}, "192.168.1.7 -@9 unknown"},
    {"192.168.1.9", {{9, "Bob", 'x', 0, false}}, "Bob x@9 changed"},
    {"192.168.1.9", {{9, "Bob", 'b', 60, false}, {10, "Bob", 'b', 0, false}}, "Bob b@9 verified"},
    {"192.168.1.9", {{9, "Bob", 0, 0, false}}, "Bob -@9 missing downgraded"},
    {"192.168.1.9", {{9, "bob", 0, 0, false}}, "bob -@9 lookalike downgraded"},
    {"192.168.1.9", {{9, "Zoe", 0, 0, false}, {10, "zoe", 'z', 900, true}}, "Zoe -@9 unknown downgraded"},
    {"192.168.1.9", {{9, "Zoe", 0, 0, false}, {10, "zoe", 'z', 901, true}}, "Zoe -@9 unknown"},
    {"192.168.1.7", {{7, "Zoe", 0, 0, false}}, "Zoe -@7 unknown"},
    {"192.168.1.7", {{0}}, "Bob b@7 verified"},
    {"192.168.1.7", {{9, "Bob", 'b', 0, false}}, "unknown -@7 unknown"},
    {"192.168.1.8", {{0}}, "Can c@8 pinned, CAN k@8 lookalike"},
    {"192.168.1.9", {{9, "Zoe", 0, 0, false}, {9, "Canan", 'x', 60, false}}, "Canan x@9 unknown"},
    {"192.168.1.9", {{9, "Zoe", 'z', 0, true}, {9, "Canan", 0, 60, false}}, "Canan -@9 unknown downgraded"},
    {"192.168.1.20", {{9, "Zoe", 0, 0, false}}, "unknown -@20 unknown"},
};

static void test_whom_a_name_or_an_address_means(void **state)
{
	struct pins *pins = cast_pins(known);

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct peers *peers = cast_peers(pins, rows[i].heard);
		struct candidates candidates = {.pins = pins, .peers = peers, .now_ms = NOW_MS};
		char told[TOLD_BYTES];

		candidates_find(&candidates, rows[i].typed);
		tell(&candidates, told);
		CHECK(strcmp(told, rows[i].means) == 0, "row %zu, %s: %s", i, rows[i].typed, told);
		assert_false(candidates.more);
		peers_free(peers);
	}
	pins_free(pins);
}

static void test_others_come_after_who_is_pinned_and_before_who_is_only_announced(void **state)
{
	static const struct {
		const char *typed;
		struct heard heard[3];
		const char *means;
	} others[] = {
	    {"zoe", {{9, "Zoe", 'x', 0, false}}, "Zoe z@12 unknown, Zoe -@20 unknown"},
	    {"zoe", {{9, "Zoe", 'z', 0, false}}, "Zoe z@9 unknown, Zoe -@20 unknown"},
	    {"Bob", {{9, "Bob", 'x', 0, false}}, "Bob b@7 verified"},
	    {"zo", {{9, "Zoltan", 'x', 0, false}}, "Zoe z@12 unknown, Zoey y@21 unknown, Zoe -@20 unknown"},
	    {"zol", {{9, "Zoltan", 'x', 0, false}}, "Zoltan x@9 unknown"},
	    {"192.168.1.21", {{21, "Can", 'x', 0, false}}, "Zoey y@21 unknown, Bob w@21 changed"},
	    {"192.168.1.20", {{0}}, "Zoe -@20 unknown"},
	    {"192.168.1.9", {{9, "Zoe", 'z', 0, false}}, "Zoe z@9 unknown"},
	};
	struct pins *pins =
	    cast_people(known, (const struct noted[]){{0, 20, PINS_MUTED}, {'q', 0, PINS_BLOCKED}, {0}});
	struct stranger list[] = {
	    {.username = "Zoe", .has_identity = true, .address = cast_address(12)},
	    {.username = "Zoey", .has_identity = true, .address = cast_address(21)},
	    {.username = "Bob", .has_identity = true, .address = cast_address(21)},
	    {.username = "Zoe", .address = cast_address(20)},
	};

	(void)state;
	cast_identity('z', list[0].identity);
	cast_identity('y', list[1].identity);
	cast_identity('w', list[2].identity);
	for (size_t i = 0; i < COUNT(others); i++) {
		struct peers *peers = cast_peers(pins, others[i].heard);
		struct candidates candidates = {
		    .pins = pins, .peers = peers, .now_ms = NOW_MS, .others = list, .other_count = COUNT(list)};
		char told[TOLD_BYTES];

		candidates_find(&candidates, others[i].typed);
		tell(&candidates, told);
		CHECK(strcmp(told, others[i].means) == 0, "row %zu, %s: %s", i, others[i].typed, told);
		/* Strangers of whom something is wanted may be meant if that is asked for. */
		candidates = (struct candidates){.pins = pins, .peers = peers, .now_ms = NOW_MS, .noted = PINS_MUTED};
		candidates_find(&candidates, "Stranger");
		tell(&candidates, told);
		assert_string_equal(told, "Stranger -@20 unknown");
		peers_free(peers);
	}
	pins_free(pins);
}

static void test_of_many_candidates_those_with_an_identity_are_kept(void **state)
{
	struct pins *pins = cast_pins(known);
	struct peers *peers = peers_new();
	struct candidates candidates = {.pins = pins, .peers = peers, .now_ms = NOW_MS};

	(void)state;
	for (uint8_t at = 1; at <= 200; at++) {
		struct peer peer = {.address = cast_address(at), .last_seen_ms = NOW_MS, .has_identity = at % 10 == 0};

		snprintf(peer.username, sizeof(peer.username), "Zoe %d", at);
		cast_identity((char)at, peer.identity);
		assert_non_null(peers_put(peers, &peer));
	}
	candidates_find(&candidates, "zoe");
	assert_true(candidates.more);
	assert_int_equal(candidates.count, CANDIDATES_MAX);
	for (size_t i = 0; i < CANDIDATES_MAX; i++)
		assert_non_null(candidates.list[i].identity);
	peers_free(peers);
	pins_free(pins);
}

static void test_a_claim_means_who_makes_it_where_it_is_made(void **state)
{
	struct pins *pins = cast_pins(known);
	struct peers *peers = cast_peers(pins,
	    (struct heard[]){{9, "Bob", 'b', 60, false}, {10, "Bob", 'b', 0, false}, {11, "Bob", 0, 0, false}, {0}});
	static const struct {
		uint8_t at;
		const char *means;
	} claims[] = {{9, "Bob b@9 verified"}, {10, "Bob b@10 verified"}, {11, "Bob -@11 missing downgraded"}};

	(void)state;
	for (size_t i = 0; i < COUNT(claims); i++) {
		struct candidates candidates = {.pins = pins, .peers = peers, .now_ms = NOW_MS};
		char told[TOLD_BYTES];

		candidates_add_claim(&candidates, peers_find(peers, cast_address(claims[i].at)));
		tell(&candidates, told);
		assert_string_equal(told, claims[i].means);
	}
	peers_free(peers);
	pins_free(pins);
}

static void test_rivals_are_who_announces_a_pinned_name_with_another_identity_or_else_none(void **state)
{
	struct pins *pins = cast_pins(known);
	static const struct {
		struct heard heard[4];
		const char *rivals;
	} cases[] = {
	    {{{7, "Bob", 'b', 0, false}, {9, "bob", 'x', 0, false}}, ""},
	    {{{7, "Bob", 'b', 0, false}, {9, "Bob", 'x', 0, false}}, "Bob x@9 changed"},
	    {{{8, "Bob", 0, 0, false}, {9, "Bob", 'x', 0, false}}, "Bob x@9 changed"},
	    {{{8, "Bob", 'y', 60, false}, {9, "Bob", 'x', 0, false}}, "Bob x@9 changed, Bob y@8 changed"},
	    {{{9, "Bob", 0, 0, false}}, "Bob -@9 missing downgraded"},
	    {{{9, "Bob", 'c', 0, false}}, ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct peers *peers = cast_peers(pins, cases[i].heard);
		struct candidates candidates = {.pins = pins, .peers = peers, .now_ms = NOW_MS};
		char told[TOLD_BYTES];

		candidates_find_rivals(&candidates, pins_find(pins, "Bob"));
		tell(&candidates, told);
		CHECK(strcmp(told, cases[i].rivals) == 0, "row %zu: %s", i, told);
		peers_free(peers);
	}
	pins_free(pins);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_whom_a_name_or_an_address_means),
	    cmocka_unit_test(test_others_come_after_who_is_pinned_and_before_who_is_only_announced),
	    cmocka_unit_test(test_of_many_candidates_those_with_an_identity_are_kept),
	    cmocka_unit_test(test_a_claim_means_who_makes_it_where_it_is_made),
	    cmocka_unit_test(test_rivals_are_who_announces_a_pinned_name_with_another_identity_or_else_none),
	};

	support_begin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
