/* peers: the dictionary of who was heard. */
#include "announcements.h"
#include "support.h"

#include "store/peers.h"
#include "vectors.h"

#define BOB 0xc0a80107
#define CAN 0xc0a80109
#define ECE 0xc0a8010b
#define NOW_MS INT64_C(1795161600123)

static int hear(struct peers *peers, uint32_t address, const char *username, int64_t now_ms)
{
	struct announcement announcement = announcement_of(username, NULL);

	return peers_hear(peers, support_address(address), &announcement, now_ms);
}

static int hear_leaving(struct peers *peers, uint32_t address, const char *username, int64_t now_ms)
{
	struct announcement announcement = announcement_of(username, NULL);

	announcement.leaving = true;
	return peers_hear(peers, support_address(address), &announcement, now_ms);
}

static struct peer *find(const struct peers *peers, uint32_t address)
{
	return peers_find(peers, support_address(address));
}

/* Fails unless these are the peers, from the one heard last on, in both directions. */
static void expect_order(const struct peers *peers, const uint32_t *addresses, size_t count)
{
	const struct peer *peer = NULL;

	assert_int_equal(peers_count(peers), count);
	for (size_t i = 0; i < count; i++) {
		peer = peers_older(peers, peer);
		assert_non_null(peer);
		assert_int_equal(ntohl(peer->address.s_addr), addresses[i]);
		assert_ptr_equal(find(peers, addresses[i]), peer);
	}
	assert_null(peers_older(peers, peer));
	peer = NULL;
	for (size_t i = count; i-- > 0;) {
		peer = peers_newer(peers, peer);
		assert_non_null(peer);
		assert_int_equal(ntohl(peer->address.s_addr), addresses[i]);
	}
	assert_null(peers_newer(peers, peer));
}

static void a_new_dictionary_is_empty(void **state)
{
	struct peers *peers = peers_new();

	(void)state;
	assert_non_null(peers);
	expect_order(peers, NULL, 0);
	assert_null(find(peers, BOB));
	assert_null(find(peers, 0));
	assert_int_equal(peers_expire(peers, NOW_MS), 0);
	peers_free(peers);
}

static void whoever_is_heard_is_inserted_with_all_it_said(void **state)
{
	struct peers *peers = peers_new();
	struct announcement announcement = announcement_of("Bob", VECTOR_SB_PUBLIC);
	struct peer *peer;

	(void)state;
	assert_int_equal(peers_hear(peers, support_address(BOB), &announcement, NOW_MS), PEERS_INSERTED);
	peer = find(peers, BOB);
	assert_non_null(peer);
	assert_int_equal(peer->address.s_addr, htonl(BOB));
	assert_string_equal(peer->username, "Bob");
	assert_true(peer->has_identity);
	assert_memory_equal(peer->identity, announcement.identity, DH_KEY_BYTES);
	assert_false(peer->left);
	assert_true(peer->last_seen_ms == NOW_MS);
	assert_int_equal(peer->news, PEERS_INSERTED);
	assert_null(peer->extra);
	assert_null(find(peers, CAN));
	/* The smallest and the largest key. */
	assert_int_equal(hear(peers, 0, "Can", NOW_MS), PEERS_INSERTED);
	assert_int_equal(hear(peers, 0xffffffff, "Ece", NOW_MS), PEERS_INSERTED);
	expect_order(peers, (uint32_t[]){0xffffffff, 0, BOB}, 3);
	peers_free(peers);
}

static void whoever_is_heard_again_is_refreshed(void **state)
{
	struct peers *peers = peers_new();

	(void)state;
	assert_int_equal(hear(peers, BOB, "Bob", NOW_MS), PEERS_INSERTED);
	assert_int_equal(hear(peers, BOB, "Bob", NOW_MS + 8000), PEERS_REFRESHED);
	assert_int_equal(peers_count(peers), 1);
	assert_true(find(peers, BOB)->last_seen_ms == NOW_MS + 8000);
	/* Also within the same millisecond, and when the clock goes back a little. */
	assert_int_equal(hear(peers, BOB, "Bob", NOW_MS + 8000), PEERS_REFRESHED);
	assert_int_equal(hear(peers, BOB, "Bob", NOW_MS + 3000), PEERS_REFRESHED);
	assert_true(find(peers, BOB)->last_seen_ms == NOW_MS + 3000);
	peers_free(peers);
}

static void names_are_news_when_they_change(void **state)
{
	struct peers *peers = peers_new();

	(void)state;
	assert_int_equal(hear(peers, BOB, "Bob", NOW_MS), PEERS_INSERTED);
	assert_int_equal(hear(peers, BOB, "Bob the 2nd", NOW_MS + 1), PEERS_RENAMED);
	assert_string_equal(find(peers, BOB)->username, "Bob the 2nd");
	assert_int_equal(hear(peers, BOB, "Bob", NOW_MS + 2), PEERS_RENAMED);
	assert_int_equal(hear(peers, BOB, "bob", NOW_MS + 3), PEERS_RENAMED);
	assert_int_equal(hear(peers, BOB, "bob", NOW_MS + 4), PEERS_REFRESHED);
	/* Two addresses may share one. */
	assert_int_equal(hear(peers, CAN, "bob", NOW_MS + 5), PEERS_INSERTED);
	assert_string_equal(find(peers, CAN)->username, "bob");
	assert_int_equal(peers_count(peers), 2);
	peers_free(peers);
}

static void identities_are_news_when_they_change(void **state)
{
	struct peers *peers = peers_new();
	struct announcement with = announcement_of("Bob", VECTOR_SB_PUBLIC);
	struct announcement other = announcement_of("Bob", VECTOR_SA_PUBLIC);
	struct announcement without = announcement_of("Bob", NULL);
	struct in_addr address = support_address(BOB);

	(void)state;
	assert_int_equal(peers_hear(peers, address, &with, NOW_MS), PEERS_INSERTED);
	assert_int_equal(peers_hear(peers, address, &with, NOW_MS + 1), PEERS_REFRESHED);
	assert_int_equal(peers_hear(peers, address, &other, NOW_MS + 2), PEERS_REKEYED);
	assert_memory_equal(find(peers, BOB)->identity, other.identity, DH_KEY_BYTES);
	assert_int_equal(peers_hear(peers, address, &without, NOW_MS + 3), PEERS_REKEYED);
	assert_false(find(peers, BOB)->has_identity);
	assert_int_equal(peers_hear(peers, address, &without, NOW_MS + 4), PEERS_REFRESHED);
	/* Without one, what lies in its place does not count. */
	memset(without.identity, 0x5a, DH_KEY_BYTES);
	assert_int_equal(peers_hear(peers, address, &without, NOW_MS + 5), PEERS_REFRESHED);
	assert_int_equal(peers_hear(peers, address, &with, NOW_MS + 6), PEERS_REKEYED);
	assert_true(find(peers, BOB)->has_identity);
	assert_memory_equal(find(peers, BOB)->identity, with.identity, DH_KEY_BYTES);
	/* Both at once. */
	snprintf(other.username, sizeof(other.username), "Bob the 2nd");
	assert_int_equal(peers_hear(peers, address, &other, NOW_MS + 7), PEERS_RENAMED | PEERS_REKEYED);
	peers_free(peers);
}

static void whoever_leaves_is_away_until_it_is_heard_again(void **state)
{
	struct peers *peers = peers_new();
	const struct peer *peer;

	(void)state;
	assert_int_equal(hear(peers, BOB, "Bob", NOW_MS), PEERS_INSERTED);
	peer = find(peers, BOB);
	assert_true(peer_is_online(peer, NOW_MS + 1000));
	assert_int_equal(hear_leaving(peers, BOB, "Bob", NOW_MS + 1000), PEERS_DEPARTED);
	peer = find(peers, BOB);
	assert_true(peer->left);
	assert_false(peer_is_online(peer, NOW_MS + 1000));
	assert_true(peer_is_listed(peer, NOW_MS + 1000));
	assert_int_equal(hear(peers, BOB, "Bob", NOW_MS + 2000), PEERS_RETURNED);
	peer = find(peers, BOB);
	assert_false(peer->left);
	assert_true(peer_is_online(peer, NOW_MS + 2000));
	assert_int_equal(hear(peers, BOB, "Bob", NOW_MS + 3000), PEERS_REFRESHED);
	/* It comes back under another name. */
	assert_int_equal(hear_leaving(peers, BOB, "Bob", NOW_MS + 4000), PEERS_DEPARTED);
	assert_int_equal(hear(peers, BOB, "Bob the 2nd", NOW_MS + 5000), PEERS_RETURNED | PEERS_RENAMED);
	peers_free(peers);
}

static void a_stranger_who_only_leaves_is_not_inserted(void **state)
{
	struct peers *peers = peers_new();

	(void)state;
	assert_int_equal(hear_leaving(peers, BOB, "Bob", NOW_MS), 0);
	assert_int_equal(peers_count(peers), 0);
	assert_null(find(peers, BOB));
	peers_free(peers);
}

static void whoever_was_silent_for_long_is_inserted_anew(void **state)
{
	struct peers *peers = peers_new();

	(void)state;
	assert_int_equal(hear(peers, BOB, "Bob", NOW_MS), PEERS_INSERTED);
	assert_int_equal(hear(peers, BOB, "Bob", NOW_MS + PEERS_LISTED_MS), PEERS_REFRESHED);
	assert_true(hear(peers, BOB, "Bob", NOW_MS + 2 * PEERS_LISTED_MS + 1) & PEERS_INSERTED);
	assert_int_equal(peers_count(peers), 1);
	peers_free(peers);
}

static void news_gather_until_they_are_cleared(void **state)
{
	struct peers *peers = peers_new();

	(void)state;
	assert_int_equal(hear(peers, BOB, "Bob", NOW_MS), PEERS_INSERTED);
	assert_int_equal(hear(peers, BOB, "Bob", NOW_MS + 1), PEERS_REFRESHED);
	assert_int_equal(hear(peers, BOB, "Bob the 2nd", NOW_MS + 2), PEERS_RENAMED);
	assert_int_equal(hear_leaving(peers, BOB, "Bob the 2nd", NOW_MS + 3), PEERS_DEPARTED);
	assert_int_equal(find(peers, BOB)->news, PEERS_INSERTED | PEERS_REFRESHED | PEERS_RENAMED | PEERS_DEPARTED);
	find(peers, BOB)->news = 0;
	assert_int_equal(hear(peers, BOB, "Bob the 2nd", NOW_MS + 4), PEERS_RETURNED);
	assert_int_equal(find(peers, BOB)->news, PEERS_RETURNED);
	peers_free(peers);
}

static void peers_stand_in_the_order_in_which_they_were_heard(void **state)
{
	struct peers *peers = peers_new();

	(void)state;
	assert_int_equal(hear(peers, BOB, "Bob", NOW_MS), PEERS_INSERTED);
	assert_int_equal(hear(peers, CAN, "Can", NOW_MS + 1), PEERS_INSERTED);
	assert_int_equal(hear(peers, ECE, "Ece", NOW_MS + 2), PEERS_INSERTED);
	expect_order(peers, (uint32_t[]){ECE, CAN, BOB}, 3);
	/* From the end, from the middle, and from the front. */
	assert_int_equal(hear(peers, BOB, "Bob", NOW_MS + 3), PEERS_REFRESHED);
	expect_order(peers, (uint32_t[]){BOB, ECE, CAN}, 3);
	assert_int_equal(hear(peers, ECE, "Ece", NOW_MS + 4), PEERS_REFRESHED);
	expect_order(peers, (uint32_t[]){ECE, BOB, CAN}, 3);
	assert_int_equal(hear(peers, ECE, "Ece", NOW_MS + 5), PEERS_REFRESHED);
	expect_order(peers, (uint32_t[]){ECE, BOB, CAN}, 3);
	peers_free(peers);
}

static void a_peer_is_put_as_the_one_heard_last(void **state)
{
	struct peers *peers = peers_new();
	json_t *foreign = json_object();
	struct peer peer = {
	    .address = support_address(CAN),
	    .username = "Can",
	    .left = true,
	    .news = PEERS_RENAMED,
	    .last_seen_ms = NOW_MS - 100000,
	    .extra = foreign,
	};
	struct peer *put;
	json_t *extra;

	(void)state;
	support_unhex(VECTOR_SA_PUBLIC, peer.identity, DH_KEY_BYTES);
	peer.has_identity = true;
	assert_int_equal(hear(peers, BOB, "Bob", NOW_MS), PEERS_INSERTED);
	put = peers_put(peers, &peer);
	assert_non_null(put);
	assert_ptr_equal(put, find(peers, CAN));
	assert_string_equal(put->username, "Can");
	assert_true(put->left);
	assert_true(put->has_identity);
	assert_memory_equal(put->identity, peer.identity, DH_KEY_BYTES);
	assert_true(put->last_seen_ms == NOW_MS - 100000);
	assert_int_equal(put->news, PEERS_RENAMED);
	assert_null(put->extra);
	assert_int_equal(foreign->refcount, 1);
	expect_order(peers, (uint32_t[]){CAN, BOB}, 2);

	/* What an entry had of unknown members stays with it. */
	extra = json_object();
	put->extra = extra;
	assert_int_equal(hear(peers, BOB, "Bob", NOW_MS + 1), PEERS_REFRESHED);
	assert_int_equal(hear(peers, CAN, "Can", NOW_MS + 2), PEERS_REKEYED | PEERS_RETURNED);
	assert_ptr_equal(find(peers, CAN)->extra, extra);
	assert_int_equal(hear(peers, BOB, "Bob", NOW_MS + 3), PEERS_REFRESHED);
	snprintf(peer.username, sizeof(peer.username), "Can the 2nd");
	put = peers_put(peers, &peer);
	assert_ptr_equal(put, find(peers, CAN));
	assert_string_equal(put->username, "Can the 2nd");
	assert_ptr_equal(put->extra, extra);
	assert_int_equal(extra->refcount, 1);
	expect_order(peers, (uint32_t[]){CAN, BOB}, 2);
	json_decref(foreign);
	peers_free(peers);
}

static void a_full_dictionary_drops_the_one_silent_longest(void **state)
{
	struct peers *peers = peers_new();
	const struct peer *oldest;

	(void)state;
	for (uint32_t i = 0; i < PEERS_MAX; i++)
		assert_int_equal(hear(peers, BOB + i, "Bob", NOW_MS + i), PEERS_INSERTED);
	assert_int_equal(peers_count(peers), PEERS_MAX);
	find(peers, BOB + 1)->extra = json_object();
	/* The first is heard again, so the second goes. */
	assert_int_equal(hear(peers, BOB, "Bob", NOW_MS + PEERS_MAX), PEERS_REFRESHED);
	assert_int_equal(hear(peers, 1, "Can", NOW_MS + PEERS_MAX + 1), PEERS_INSERTED);
	assert_int_equal(peers_count(peers), PEERS_MAX);
	assert_null(find(peers, BOB + 1));
	assert_non_null(find(peers, BOB));
	assert_non_null(find(peers, BOB + 2));
	assert_string_equal(find(peers, 1)->username, "Can");
	/* A stranger who only leaves displaces nobody. */
	assert_int_equal(hear_leaving(peers, 2, "Ece", NOW_MS + PEERS_MAX + 2), 0);
	assert_int_equal(peers_count(peers), PEERS_MAX);
	assert_non_null(find(peers, BOB + 2));
	/* Neither does somebody who is known. */
	assert_int_equal(hear(peers, BOB + 7, "Bob", NOW_MS + PEERS_MAX + 3), PEERS_REFRESHED);
	assert_non_null(find(peers, BOB + 2));
	/* A put newcomer displaces too. */
	assert_non_null(peers_put(peers, &(struct peer){.address = support_address(3), .username = "Ece"}));
	assert_int_equal(peers_count(peers), PEERS_MAX);
	assert_null(find(peers, BOB + 2));
	oldest = peers_newer(peers, NULL);
	assert_int_equal(ntohl(oldest->address.s_addr), BOB + 3);
	peers_free(peers);
}

static void invented_addresses_take_no_more_memory(void **state)
{
	struct peers *peers = peers_new();
	uint64_t seed = 11;

	(void)state;
	for (uint32_t i = 0; i < 5 * PEERS_MAX; i++)
		assert_true(hear(peers, support_random(&seed), "Mallory", NOW_MS + i) > 0);
	assert_int_equal(peers_count(peers), PEERS_MAX);
	/* All of them are there, once, from both ends, and can be found. */
	{
		size_t count = 0;
		const struct peer *newer = NULL;

		for (const struct peer *peer = NULL; (peer = peers_older(peers, peer)) != NULL; count++) {
			assert_true(newer == NULL || newer->last_seen_ms >= peer->last_seen_ms);
			assert_ptr_equal(peers_find(peers, peer->address), peer);
			newer = peer;
		}
		assert_int_equal(count, PEERS_MAX);
	}
	assert_int_equal(peers_expire(peers, NOW_MS + 5 * (int64_t)PEERS_MAX + PEERS_LISTED_MS), PEERS_MAX);
	assert_int_equal(peers_count(peers), 0);
	assert_null(peers_older(peers, NULL));
	peers_free(peers);
}

static void whoever_is_silent_beyond_the_bound_is_dropped(void **state)
{
	struct peers *peers = peers_new();

	(void)state;
	assert_int_equal(hear(peers, BOB, "Bob", NOW_MS), PEERS_INSERTED);
	assert_int_equal(hear(peers, CAN, "Can", NOW_MS + 1), PEERS_INSERTED);
	assert_int_equal(hear(peers, ECE, "Ece", NOW_MS + 2), PEERS_INSERTED);
	find(peers, BOB)->extra = json_object();
	assert_int_equal(peers_expire(peers, NOW_MS + PEERS_LISTED_MS), 0);
	assert_int_equal(peers_count(peers), 3);
	assert_int_equal(peers_expire(peers, NOW_MS + PEERS_LISTED_MS + 1), 1);
	expect_order(peers, (uint32_t[]){ECE, CAN}, 2);
	assert_null(find(peers, BOB));
	assert_int_equal(peers_expire(peers, NOW_MS + PEERS_LISTED_MS + 10), 2);
	expect_order(peers, NULL, 0);
	assert_int_equal(hear(peers, BOB, "Bob", NOW_MS + PEERS_LISTED_MS + 11), PEERS_INSERTED);
	peers_free(peers);
}

static void a_clock_that_was_set_back_hides_nobody_from_expiry(void **state)
{
	struct peers *peers = peers_new();

	(void)state;
	/* Bob was heard last, by a clock that was slow then. */
	assert_int_equal(hear(peers, CAN, "Can", NOW_MS), PEERS_INSERTED);
	assert_int_equal(hear(peers, BOB, "Bob", NOW_MS - 500000), PEERS_INSERTED);
	assert_int_equal(hear(peers, ECE, "Ece", NOW_MS), PEERS_INSERTED);
	assert_int_equal(peers_expire(peers, NOW_MS + 400001), 1);
	assert_null(find(peers, BOB));
	expect_order(peers, (uint32_t[]){ECE, CAN}, 2);
	peers_free(peers);
}

static void online_and_listed_have_inclusive_bounds(void **state)
{
	static const struct {
		int64_t silence_ms;
		bool online, listed;
	} cases[] = {
	    {0, true, true},
	    {1, true, true},
	    {8000, true, true},
	    {9999, true, true},
	    {10000, true, true},
	    {10001, false, true},
	    {899999, false, true},
	    {900000, false, true},
	    {900001, false, false},
	    {INT64_C(86400000) * 365, false, false},
	    {NOW_MS, false, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct peer peer = {.last_seen_ms = NOW_MS - cases[i].silence_ms};

		assert_true(peer_silence_ms(&peer, NOW_MS) == cases[i].silence_ms);
		CHECK(peer_is_online(&peer, NOW_MS) == cases[i].online, "silent for %lld ms",
		    (long long)cases[i].silence_ms);
		CHECK(peer_is_listed(&peer, NOW_MS) == cases[i].listed, "silent for %lld ms",
		    (long long)cases[i].silence_ms);
		/* Whoever has left is listed, and not online. */
		peer.left = true;
		assert_false(peer_is_online(&peer, NOW_MS));
		assert_int_equal(peer_is_listed(&peer, NOW_MS), cases[i].listed);
	}
}

static void a_clock_set_back_a_little_does_not_matter(void **state)
{
	static const struct {
		int64_t ahead_ms;
		bool fine;
	} cases[] = {{1, true}, {5000, true}, {9999, true}, {10000, true}, {10001, false}, {900000, false},
	    {INT64_C(1) << 45, false}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct peer peer = {.last_seen_ms = NOW_MS + cases[i].ahead_ms};

		CHECK(peer_is_online(&peer, NOW_MS) == cases[i].fine, "%lld ms ahead", (long long)cases[i].ahead_ms);
		CHECK(peer_is_listed(&peer, NOW_MS) == cases[i].fine, "%lld ms ahead", (long long)cases[i].ahead_ms);
		if (cases[i].fine)
			assert_true(peer_silence_ms(&peer, NOW_MS) == 0);
		else
			assert_true(peer_silence_ms(&peer, NOW_MS) < 0);
	}
}

static void times_from_the_ends_of_the_world_are_harmless(void **state)
{
	static const int64_t times_ms[] = {
	    INT64_MIN, INT64_MIN + 1, INT64_MIN / 2, -1, 0, 1, INT64_MAX / 2, INT64_MAX - 1, INT64_MAX};

	(void)state;
	for (size_t i = 0; i < COUNT(times_ms); i++) {
		for (size_t j = 0; j < COUNT(times_ms); j++) {
			struct peer peer = {.last_seen_ms = times_ms[i]};
			bool near =
			    i == j || (i >= 3 && i <= 5 && j >= 3 && j <= 5) || (i < 2 && j < 2) || (i > 6 && j > 6);
			struct peers *peers = peers_new();

			CHECK(peer_is_online(&peer, times_ms[j]) == near, "heard at %lld, asked at %lld",
			    (long long)times_ms[i], (long long)times_ms[j]);
			CHECK(peer_is_listed(&peer, times_ms[j]) == near, "heard at %lld, asked at %lld",
			    (long long)times_ms[i], (long long)times_ms[j]);
			assert_int_equal(hear(peers, BOB, "Bob", times_ms[i]), PEERS_INSERTED);
			assert_true(hear(peers, BOB, "Bob", times_ms[j]) > 0);
			peers_expire(peers, times_ms[i]);
			peers_free(peers);
		}
	}
}

static int hear_digest(struct peers *peers, uint32_t address, const char *username, bool leaving, uint64_t digest)
{
	struct announcement announcement = announcement_of(username, username[0] == 'B' ? VECTOR_SB_PUBLIC : NULL);

	announcement.leaving = leaving;
	announcement.digest = digest;
	return peers_hear(peers, support_address(address), &announcement, NOW_MS);
}

static void expect_recall(const struct peers *peers, uint32_t address, uint64_t digest, const char *username,
    bool leaving)
{
	struct announcement expected = announcement_of(username, username[0] == 'B' ? VECTOR_SB_PUBLIC : NULL);
	struct announcement announcement;

	memset(&announcement, 0x5a, sizeof(announcement));
	assert_true(peers_recall(peers, support_address(address), digest, &announcement));
	assert_string_equal(announcement.username, expected.username);
	assert_int_equal(announcement.has_identity, expected.has_identity);
	if (expected.has_identity)
		assert_memory_equal(announcement.identity, expected.identity, DH_KEY_BYTES);
	assert_int_equal(announcement.leaving, leaving);
	assert_true(announcement.digest == digest);
}

static void expect_no_recall(const struct peers *peers, uint32_t address, uint64_t digest)
{
	struct announcement announcement;
	struct announcement before;

	memset(&announcement, 0x5a, sizeof(announcement));
	memset(&before, 0x5a, sizeof(before));
	assert_false(peers_recall(peers, support_address(address), digest, &announcement));
	assert_memory_equal(&announcement, &before, sizeof(before));
}

static void what_a_peer_announced_last_is_recalled_by_its_digest(void **state)
{
	struct peers *peers = peers_new();

	(void)state;
	expect_no_recall(peers, BOB, 7);
	assert_int_equal(hear_digest(peers, BOB, "Bob", false, 7), PEERS_INSERTED);
	assert_int_equal(hear_digest(peers, CAN, "Can", false, 8), PEERS_INSERTED);
	expect_recall(peers, BOB, 7, "Bob", false);
	expect_recall(peers, CAN, 8, "Can", false);
	/* Another datagram, and what another address said. */
	expect_no_recall(peers, BOB, 8);
	expect_no_recall(peers, CAN, 7);
	expect_no_recall(peers, ECE, 7);
	expect_no_recall(peers, BOB, 0);
	/* Looking changes nothing. */
	expect_order(peers, (uint32_t[]){CAN, BOB}, 2);
	assert_int_equal(find(peers, BOB)->news, PEERS_INSERTED);

	/* Another name, and none of it any more. */
	assert_int_equal(hear_digest(peers, BOB, "Bobby", false, 9), PEERS_RENAMED);
	expect_no_recall(peers, BOB, 7);
	expect_recall(peers, BOB, 9, "Bobby", false);
	/* Heard without a digest there is nothing to go by. */
	assert_int_equal(hear_digest(peers, BOB, "Bobby", false, 0), PEERS_REFRESHED);
	expect_no_recall(peers, BOB, 9);
	expect_no_recall(peers, BOB, 0);
	peers_free(peers);
}

static void leaving_is_recalled_as_leaving(void **state)
{
	struct peers *peers = peers_new();
	struct announcement there, leaving;

	(void)state;
	assert_int_equal(hear_digest(peers, BOB, "Bob", false, 7), PEERS_INSERTED);
	assert_int_equal(hear_digest(peers, BOB, "Bob", true, 8), PEERS_DEPARTED);
	expect_no_recall(peers, BOB, 7);
	expect_recall(peers, BOB, 8, "Bob", true);
	assert_true(peers_recall(peers, support_address(BOB), 8, &leaving));
	assert_int_equal(peers_hear(peers, support_address(BOB), &leaving, NOW_MS), PEERS_REFRESHED);
	assert_int_equal(hear_digest(peers, BOB, "Bob", false, 7), PEERS_RETURNED);

	/* Recalled before it is heard that they leave, as in one batch: they are back all the same. */
	assert_true(peers_recall(peers, support_address(BOB), 7, &there));
	assert_int_equal(hear_digest(peers, BOB, "Bob", true, 8), PEERS_DEPARTED);
	assert_int_equal(peers_hear(peers, support_address(BOB), &there, NOW_MS), PEERS_RETURNED);
	expect_recall(peers, BOB, 7, "Bob", false);
	assert_false(find(peers, BOB)->left);

	/* And gone meanwhile: as if they had never been there. */
	assert_int_equal(hear_digest(peers, BOB, "Bob", true, 8), PEERS_DEPARTED);
	assert_true(peers_recall(peers, support_address(BOB), 8, &leaving));
	assert_int_equal(peers_expire(peers, NOW_MS + PEERS_LISTED_MS + 1), 1);
	assert_int_equal(peers_hear(peers, support_address(BOB), &leaving, NOW_MS), 0);
	assert_int_equal(peers_hear(peers, support_address(BOB), &there, NOW_MS), PEERS_INSERTED);
	peers_free(peers);
}

static void who_is_gone_is_not_recalled(void **state)
{
	struct peers *peers = peers_new();
	struct peer put = {.address = support_address(BOB), .username = "Bob", .last_seen_ms = NOW_MS};

	(void)state;
	assert_int_equal(hear_digest(peers, BOB, "Bob", false, 7), PEERS_INSERTED);
	assert_int_equal(peers_expire(peers, NOW_MS + PEERS_LISTED_MS + 1), 1);
	expect_no_recall(peers, BOB, 7);
	/* Nor by who takes the place. */
	assert_int_equal(hear_digest(peers, CAN, "Can", false, 0), PEERS_INSERTED);
	expect_no_recall(peers, CAN, 7);
	/* What comes from a file was announced in we know not what bytes. */
	assert_int_equal(hear_digest(peers, BOB, "Bob", false, 7), PEERS_INSERTED);
	assert_non_null(peers_put(peers, &put));
	expect_no_recall(peers, BOB, 7);
	peers_free(peers);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_new_dictionary_is_empty),
	    cmocka_unit_test(whoever_is_heard_is_inserted_with_all_it_said),
	    cmocka_unit_test(whoever_is_heard_again_is_refreshed),
	    cmocka_unit_test(names_are_news_when_they_change),
	    cmocka_unit_test(identities_are_news_when_they_change),
	    cmocka_unit_test(whoever_leaves_is_away_until_it_is_heard_again),
	    cmocka_unit_test(a_stranger_who_only_leaves_is_not_inserted),
	    cmocka_unit_test(whoever_was_silent_for_long_is_inserted_anew),
	    cmocka_unit_test(news_gather_until_they_are_cleared),
	    cmocka_unit_test(peers_stand_in_the_order_in_which_they_were_heard),
	    cmocka_unit_test(a_peer_is_put_as_the_one_heard_last),
	    cmocka_unit_test(a_full_dictionary_drops_the_one_silent_longest),
	    cmocka_unit_test(invented_addresses_take_no_more_memory),
	    cmocka_unit_test(whoever_is_silent_beyond_the_bound_is_dropped),
	    cmocka_unit_test(a_clock_that_was_set_back_hides_nobody_from_expiry),
	    cmocka_unit_test(online_and_listed_have_inclusive_bounds),
	    cmocka_unit_test(a_clock_set_back_a_little_does_not_matter),
	    cmocka_unit_test(times_from_the_ends_of_the_world_are_harmless),
	    cmocka_unit_test(what_a_peer_announced_last_is_recalled_by_its_digest),
	    cmocka_unit_test(leaving_is_recalled_as_leaving),
	    cmocka_unit_test(who_is_gone_is_not_recalled),
	};

	support_begin();
	return cmocka_run_group_tests_name("peers", tests, NULL, NULL);
}
