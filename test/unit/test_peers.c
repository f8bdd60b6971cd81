/* peers: claims side by side, and a dictionary that strangers try to fill. */
#include "support.h"

#include "store/peers.h"

#define BOB 0xc0a80107
#define CAN 0xc0a80109
#define NOW_MS INT64_C(1763625600125)

static struct announcement said(const char *username, int identity, int64_t since_s)
{
	struct announcement announcement = {.has_identity = identity != 0, .since_s = since_s};

	snprintf(announcement.username, sizeof(announcement.username), "%s", username);
	memset(announcement.identity, identity, sizeof(announcement.identity));
	return announcement;
}

/* An announcement of username, signed by the identity of that number unless it is 0. */
static int hear(struct peers *peers, uint32_t address, const char *username, int identity, int64_t since_s,
    int64_t now_ms)
{
	struct announcement announcement = said(username, identity, since_s);

	return peers_hear(peers, support_address(address), &announcement, false, now_ms);
}

static int hear_leaving(struct peers *peers, uint32_t address, const char *username, int identity, int64_t since_s)
{
	struct announcement announcement = said(username, identity, since_s);

	announcement.leaving = true;
	return peers_hear(peers, support_address(address), &announcement, false, NOW_MS);
}

/* The names at an address, the best claim first: "Bob Zoe". */
static const char *names(const struct peers *peers, uint32_t address)
{
	static char text[PEERS_CLAIMS_MAX * (USERNAME_MAX_BYTES + 1) + 1];
	struct peer *claims[PEERS_CLAIMS_MAX];
	size_t count = peers_list(peers, support_address(address), claims);

	text[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		strcat(text, i ? " " : "");
		strcat(text, claims[i]->username);
	}
	return text;
}

static void an_unsigned_address_is_as_the_specification_has_it(void **state)
{
	struct peers *peers = peers_new();

	(void)state;
	assert_int_equal(hear(peers, BOB, "Bob", 0, 0, NOW_MS), PEERS_INSERTED);
	assert_int_equal(hear(peers, BOB, "Bob", 0, 0, NOW_MS + 1), PEERS_REFRESHED);
	assert_int_equal(hear(peers, BOB, "Rob", 0, 0, NOW_MS + 2), PEERS_RENAMED);
	assert_string_equal(peers_find(peers, support_address(BOB))->was, "Bob");
	assert_int_equal(hear_leaving(peers, BOB, "Rob", 0, 0), PEERS_DEPARTED);
	assert_int_equal(hear(peers, BOB, "Rob", 0, 0, NOW_MS + 3), PEERS_RETURNED);
	assert_int_equal(hear(peers, BOB, "Rob", 0, 0, NOW_MS + 4 + PEERS_LISTED_MS), PEERS_INSERTED);
	assert_int_equal(hear_leaving(peers, CAN, "Can", 0, 0), 0);
	assert_int_equal(peers_count(peers), 1);
	peers_free(peers);
}

static void no_other_claim_changes_a_signed_one(void **state)
{
	struct peers *peers = peers_new();
	struct peer *bob;

	(void)state;
	assert_int_equal(hear(peers, BOB, "Bob", 1, 7, NOW_MS), PEERS_INSERTED);
	/* A foreign name, a foreign identity, none, and leaving. */
	assert_int_equal(hear(peers, BOB, "Zoe", 0, 0, NOW_MS), PEERS_INSERTED);
	assert_int_equal(hear(peers, BOB, "Bob", 2, 9, NOW_MS), PEERS_INSERTED);
	assert_int_equal(hear(peers, BOB, "Bob", 0, 0, NOW_MS), 0);
	assert_int_equal(hear_leaving(peers, BOB, "Bob", 0, 0), 0);
	assert_int_equal(hear_leaving(peers, BOB, "Zoe", 0, 0), PEERS_DEPARTED);
	bob = peers_find(peers, support_address(BOB));
	assert_string_equal(bob->username, "Bob");
	assert_int_equal(bob->identity[0], 1);
	assert_false(bob->left);
	assert_true(bob->last_seen_ms == NOW_MS && bob->since_s == 7);
	assert_string_equal(names(peers, BOB), "Bob Zoe Bob");
	/* The unsigned one stays itself. */
	assert_int_equal(hear(peers, BOB, "Ann", 0, 0, NOW_MS), PEERS_RENAMED | PEERS_RETURNED);
	assert_string_equal(names(peers, BOB), "Bob Ann Bob");
	peers_free(peers);
}

static void the_best_claim_is_pinned_then_signed_then_longest_there(void **state)
{
	struct peers *peers = peers_new();
	struct announcement known = said("Can", 3, 1);

	(void)state;
	assert_true(hear(peers, BOB, "first", 0, 0, NOW_MS) > 0);
	assert_true(hear(peers, BOB, "Bob", 1, 1, NOW_MS) > 0);
	assert_true(hear(peers, BOB, "Rob", 2, 1, NOW_MS) > 0);
	assert_string_equal(names(peers, BOB), "Bob first Rob");
	assert_true(peers_hear(peers, support_address(BOB), &known, true, NOW_MS) > 0);
	assert_string_equal(names(peers, BOB), "Can first Bob Rob");
	peers_set_pinned(peers, peers_find(peers, support_address(BOB)), false);
	assert_string_equal(names(peers, BOB), "Bob first Rob Can");
	peers_free(peers);
}

static void an_unsigned_claim_gives_way_to_a_signed_one_of_its_name(void **state)
{
	struct peers *peers = peers_new();

	(void)state;
	assert_true(hear(peers, BOB, "Bob", 0, 0, NOW_MS) > 0);
	assert_true(hear(peers, BOB, "Bob", 1, 1, NOW_MS) > 0);
	assert_int_equal(peers_count(peers), 1);
	assert_int_equal(hear(peers, BOB, "Bob", 0, 0, NOW_MS + PEERS_LISTED_MS), 0);
	/* While that one lives. */
	assert_int_equal(hear(peers, BOB, "Bob", 0, 0, NOW_MS + PEERS_LISTED_MS + 1), PEERS_INSERTED);
	assert_int_equal(hear(peers, BOB, "Bob", 1, 1, NOW_MS + PEERS_LISTED_MS + 2), PEERS_INSERTED | PEERS_BACK);
	assert_int_equal(peers_count(peers), 1);
	/* By a clock that was set back. */
	assert_int_equal(hear_leaving(peers, BOB, "Bob", 1, 2), PEERS_DEPARTED | PEERS_RENEWED | PEERS_BACK);
	assert_int_equal(hear(peers, BOB, "Bob", 0, 0, NOW_MS), PEERS_INSERTED);
	peers_free(peers);
}

static void a_newer_announcement_drops_the_older_claims_of_its_identity(void **state)
{
	uint8_t identity[IDENTITY_BYTES];
	struct peers *peers = peers_new();

	(void)state;
	memset(identity, 1, sizeof(identity));
	assert_true(hear(peers, BOB, "Bob", 1, 7, NOW_MS) > 0);
	assert_true(hear(peers, CAN, "Bob", 1, 7, NOW_MS) > 0);
	assert_true(hear(peers, CAN, "Can", 2, 1, NOW_MS) > 0);
	assert_int_equal(peers_count(peers), 3);
	/* An older one changes nothing, wherever it comes from. */
	assert_int_equal(hear(peers, BOB, "Rob", 1, 6, NOW_MS + 1), 0);
	assert_int_equal(hear(peers, BOB + 1, "Rob", 1, 6, NOW_MS + 1), 0);
	assert_int_equal(hear_leaving(peers, BOB, "Bob", 1, 6), 0);
	assert_string_equal(names(peers, BOB), "Bob");
	assert_int_equal(hear(peers, BOB, "Rob", 1, 8, NOW_MS), PEERS_RENAMED | PEERS_RENEWED);
	assert_string_equal(names(peers, BOB), "Rob");
	assert_string_equal(names(peers, CAN), "Can");
	assert_true(peers_since(peers, identity) == 8);
	/* Who moves is at the new address only. */
	assert_int_equal(hear(peers, BOB + 1, "Rob", 1, 9, NOW_MS), PEERS_INSERTED);
	assert_string_equal(names(peers, BOB), "");
	peers_free(peers);
}

static void an_address_has_at_most_five_claims(void **state)
{
	struct peers *peers = peers_new();

	(void)state;
	for (int round = 0; round < 2; round++)
		assert_true(hear(peers, BOB, "Bob", 1, 1, NOW_MS + round) > 0);
	assert_true(hear(peers, BOB, "Zoe", 0, 0, NOW_MS) > 0);
	for (int identity = 2; identity < 200; identity++) {
		char name[16];

		snprintf(name, sizeof(name), "%d", identity);
		assert_true(hear(peers, BOB, name, identity, 1, NOW_MS + 10 + identity) >= 0);
	}
	assert_int_equal(peers_count(peers), PEERS_CLAIMS_MAX);
	assert_string_equal(names(peers, BOB), "Bob 196 197 198 199");
	/* Those worth more stay while they are listed. */
	for (int round = 0; round < 2; round++) {
		for (int identity = 196; identity < 200; identity++)
			assert_true(hear(peers, BOB, "again", identity, 1, NOW_MS + 1000) > 0);
	}
	assert_int_equal(hear(peers, BOB, "late", 200, 1, NOW_MS + 1001), 0);
	assert_int_equal(hear(peers, BOB, "late", 200, 1, NOW_MS + 2 + PEERS_LISTED_MS), PEERS_INSERTED);
	assert_string_equal(names(peers, BOB), "again again again again late");
	peers_free(peers);
}

static void invented_addresses_push_nobody_out(void **state)
{
	struct peers *peers = peers_new();
	struct announcement known = said("known", 3, 1);
	int64_t now_ms = NOW_MS;

	(void)state;
	assert_true(peers_hear(peers, support_address(1), &known, true, now_ms) > 0);
	assert_true(hear(peers, 2, "signed", 1, 1, now_ms) > 0);
	for (int round = 0; round < 2; round++)
		assert_true(hear(peers, 3, "again", 0, 0, now_ms++) > 0);
	assert_true(hear(peers, 4, "once", 0, 0, now_ms++) > 0);
	for (uint32_t i = 0; i < 10 * PEERS_MAX; i++)
		assert_int_equal(hear(peers, BOB + i, "Mallory", 0, 0, now_ms++), PEERS_INSERTED);
	assert_int_equal(peers_count(peers), PEERS_MAX);
	assert_string_equal(names(peers, 1), "known");
	assert_string_equal(names(peers, 2), "signed");
	assert_string_equal(names(peers, 3), "again");
	assert_string_equal(names(peers, 4), "");
	/* Invented identities do not push out who is pinned, nor who was heard again. */
	for (uint32_t i = 0; i < 2 * PEERS_MAX; i++) {
		struct announcement announcement = said("Mallory", 9, 1);

		memcpy(announcement.identity, &i, sizeof(i));
		assert_true(peers_hear(peers, support_address(BOB + i), &announcement, false, now_ms++) > 0);
	}
	assert_string_equal(names(peers, 1), "known");
	assert_string_equal(names(peers, 3), "again");
	/* Of those worth the same, the one silent longest goes. */
	assert_string_equal(names(peers, BOB), "");
	assert_string_equal(names(peers, BOB + 2 * PEERS_MAX - 1), "Mallory");
	peers_free(peers);
}

static void whoever_was_silent_longest_goes_first_in_whatever_order_they_came(void **state)
{
	struct peers *peers = peers_new();

	(void)state;
	for (uint32_t i = 0; i < PEERS_MAX; i++) {
		struct peer can = {.address = support_address(BOB + i), .username = "Can", .last_seen_ms = NOW_MS - i};

		assert_non_null(peers_put(peers, &can));
	}
	assert_int_equal(peers_sort(peers), 0);
	assert_int_equal(hear(peers, 1, "Bob", 0, 0, NOW_MS), PEERS_INSERTED);
	assert_string_equal(names(peers, 1), "Bob");
	assert_string_equal(names(peers, BOB), "Can");
	assert_string_equal(names(peers, BOB + PEERS_MAX - 2), "Can");
	assert_string_equal(names(peers, BOB + PEERS_MAX - 1), "");
	peers_free(peers);
}

static void who_says_the_same_again_is_refreshed_by_the_digest(void **state)
{
	struct peers *peers = peers_new();
	struct announcement bob = said("Bob", 1, 7), zoe = said("Zoe", 0, 0);
	struct peer *claim;

	(void)state;
	bob.digest = 5;
	zoe.digest = 6;
	assert_true(peers_hear(peers, support_address(BOB), &bob, false, NOW_MS) > 0);
	assert_true(peers_hear(peers, support_address(BOB), &zoe, false, NOW_MS) > 0);
	assert_false(peers_refresh(peers, support_address(BOB), 7, NOW_MS + 1));
	assert_false(peers_refresh(peers, support_address(BOB), 0, NOW_MS + 1));
	assert_false(peers_refresh(peers, support_address(CAN), 5, NOW_MS + 1));
	assert_true(peers_refresh(peers, support_address(BOB), 5, NOW_MS + 1));
	claim = peers_find_claim(peers, support_address(BOB), bob.identity);
	assert_int_equal(claim->last_seen_ms, NOW_MS + 1);
	assert_true(claim->heard_again && claim->is_stale && claim->news & PEERS_REFRESHED);
	claim = peers_find_claim(peers, support_address(BOB), NULL);
	assert_int_equal(claim->last_seen_ms, NOW_MS);
	/* Who was silent for too long is a newcomer. */
	assert_false(peers_refresh(peers, support_address(BOB), 6, NOW_MS + PEERS_LISTED_MS + 1));
	assert_int_equal(claim->last_seen_ms, NOW_MS);
	peers_free(peers);
}

static void rooms_of_strangers_are_bounded(void **state)
{
	struct announcement_room room = {.id = {1}, .name = "lab", .members = 1, .capacity = 2};
	struct peers *peers = peers_new();
	size_t with_rooms = 0;

	(void)state;
	for (unsigned i = 0; i < PEERS_WITH_ROOMS_MAX + 9; i++) {
		struct announcement announcement = said("Bob", 1, 1);

		memcpy(announcement.identity, &i, sizeof(i));
		announcement.rooms[0] = room;
		announcement.room_count = 1;
		/* The last of them is known. */
		assert_true(peers_hear(peers, support_address(BOB + i), &announcement, i == PEERS_WITH_ROOMS_MAX + 8,
				NOW_MS) > 0);
		with_rooms += peers_find(peers, support_address(BOB + i))->room_count;
	}
	assert_int_equal(with_rooms, PEERS_WITH_ROOMS_MAX + 1);
	assert_int_equal(peers_find(peers, support_address(BOB + PEERS_WITH_ROOMS_MAX + 8))->room_count, 1);
	/* Who has none any more makes room. */
	for (unsigned i = 0; i < 2; i++)
		peers_drop(peers, peers_find(peers, support_address(BOB + i)));
	for (unsigned i = 0; i < 2; i++) {
		struct announcement announcement = said("Can", 1, 2);

		announcement.identity[9] = (uint8_t)(2 + i);
		announcement.rooms[0] = room;
		announcement.room_count = 1;
		assert_true(peers_hear(peers, support_address(BOB + i), &announcement, false, NOW_MS) > 0);
		assert_int_equal(peers_find(peers, support_address(BOB + i))->room_count, i == 0);
	}
	peers_free(peers);
}

static void what_is_put_keeps_the_order_of_the_claims(void **state)
{
	struct peers *peers = peers_new();

	(void)state;
	for (int identity = 1; identity <= 300; identity++) {
		struct peer peer = {.address = support_address(BOB + (uint32_t)identity % 60),
		    .has_identity = true,
		    .last_seen_ms = NOW_MS,
		    .heard_again = true,
		    .since_s = 1};

		memcpy(peer.identity, &identity, sizeof(identity));
		snprintf(peer.username, sizeof(peer.username), "%d", identity);
		assert_non_null(peers_put(peers, &peer));
		assert_non_null(peers_put(peers, &peer));
	}
	assert_int_equal(peers_count(peers), 300);
	assert_string_equal(names(peers, BOB + 7), "7 67 127 187 247");
	peers_free(peers);
}

static void whoever_is_silent_beyond_the_bound_is_dropped(void **state)
{
	struct peers *peers = peers_new();

	(void)state;
	assert_true(hear(peers, BOB, "Bob", 1, 1, NOW_MS) > 0);
	assert_true(hear(peers, CAN, "Can", 0, 0, NOW_MS + 1) > 0);
	peers_expire(peers, NOW_MS + PEERS_LISTED_MS);
	assert_int_equal(peers_count(peers), 2);
	peers_expire(peers, NOW_MS + PEERS_LISTED_MS + 1);
	assert_string_equal(names(peers, CAN), "Can");
	/* The future is no better. */
	peers_expire(peers, NOW_MS - PEERS_ONLINE_MS);
	assert_int_equal(peers_count(peers), 0);
	peers_free(peers);
}

static void online_and_listed_have_inclusive_bounds(void **state)
{
	static const struct {
		int64_t silence_ms;
		bool online, listed;
	} cases[] = {
	    {0, true, true},
	    {PEERS_ONLINE_MS, true, true},
	    {PEERS_ONLINE_MS + 1, false, true},
	    {PEERS_LISTED_MS, false, true},
	    {PEERS_LISTED_MS + 1, false, false},
	    {-PEERS_ONLINE_MS, true, true},
	    {-PEERS_ONLINE_MS - 1, false, false},
	    {INT64_MAX - NOW_MS, false, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct peer peer = {.last_seen_ms = NOW_MS};

		CHECK(peer_is_online(&peer, NOW_MS + cases[i].silence_ms) == cases[i].online &&
			  peer_is_listed(&peer, NOW_MS + cases[i].silence_ms) == cases[i].listed,
		    "case %zu", i);
		peer.left = true;
		assert_false(peer_is_online(&peer, NOW_MS + cases[i].silence_ms));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_unsigned_address_is_as_the_specification_has_it),
	    cmocka_unit_test(no_other_claim_changes_a_signed_one),
	    cmocka_unit_test(the_best_claim_is_pinned_then_signed_then_longest_there),
	    cmocka_unit_test(an_unsigned_claim_gives_way_to_a_signed_one_of_its_name),
	    cmocka_unit_test(a_newer_announcement_drops_the_older_claims_of_its_identity),
	    cmocka_unit_test(an_address_has_at_most_five_claims),
	    cmocka_unit_test(invented_addresses_push_nobody_out),
	    cmocka_unit_test(whoever_was_silent_longest_goes_first_in_whatever_order_they_came),
	    cmocka_unit_test(who_says_the_same_again_is_refreshed_by_the_digest),
	    cmocka_unit_test(rooms_of_strangers_are_bounded),
	    cmocka_unit_test(what_is_put_keeps_the_order_of_the_claims),
	    cmocka_unit_test(whoever_is_silent_beyond_the_bound_is_dropped),
	    cmocka_unit_test(online_and_listed_have_inclusive_bounds),
	};

	support_begin();
	return cmocka_run_group_tests_name("peers", tests, NULL, NULL);
}
