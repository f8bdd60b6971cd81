/* identity: the pair in identity.key, its public half as text, and what two people compare. */
#include "support.h"

#include <sodium.h>

#include "crypto/identity.h"
#include "vectors.h"

static int prepare(void **state)
{
	(void)state;
	return sodium_init() < 0 ? -1 : 0;
}

/* Puts the file of the vectors there, with this mode. */
static void put_key(int dir, mode_t mode)
{
	uint8_t secret[DH_KEY_BYTES];

	support_unhex(VECTOR_SA_SECRET, secret, sizeof(secret));
	if (file_exists(dir, IDENTITY_FILE))
		assert_int_equal(unlinkat(dir, IDENTITY_FILE, 0), 0);
	file_put(dir, IDENTITY_FILE, secret, sizeof(secret));
	assert_int_equal(fchmodat(dir, IDENTITY_FILE, mode, 0), 0);
}

static void expect_vector(const struct dh_pair *pair)
{
	struct dh_pair expected;

	support_unhex(VECTOR_SA_SECRET, expected.secret, DH_KEY_BYTES);
	support_unhex(VECTOR_SA_PUBLIC, expected.public, DH_KEY_BYTES);
	assert_memory_equal(pair, &expected, sizeof(expected));
}

static void expect_failure(int dir, int expected)
{
	struct dh_pair pair;
	struct dh_pair before;
	size_t descriptors = descriptors_open();
	bool exposed = false;
	int r;

	memset(&pair, 0x5a, sizeof(pair));
	memset(&before, 0x5a, sizeof(before));
	r = identity_load(dir, &pair, &exposed);
	if (expected != 0)
		assert_int_equal(r, expected);
	else
		assert_int_not_equal(r, 0);
	assert_memory_equal(&pair, &before, sizeof(pair));
	assert_int_equal(descriptors_open(), descriptors);
	assert_non_null(identity_reason(r));
	assert_true(strlen(identity_reason(r)) > 0);
}

static void the_first_load_makes_the_pair_and_later_ones_find_it(void **state)
{
	int dir = workdir_fd(state);
	mode_t mask = umask(0);
	size_t descriptors = descriptors_open();
	struct dh_pair first;
	struct dh_pair again;
	bool exposed = true;

	assert_int_equal(identity_load(dir, &first, &exposed), 0);
	assert_false(exposed);
	assert_int_equal(file_mode(dir, IDENTITY_FILE), 0600);
	file_expect(dir, IDENTITY_FILE, first.secret, DH_KEY_BYTES);
	again = first;
	dh_derive_public(&again);
	assert_memory_equal(&again, &first, sizeof(first));
	for (int i = 0; i < 3; i++) {
		memset(&again, 0, sizeof(again));
		assert_int_equal(identity_load(dir, &again, i % 2 == 0 ? NULL : &exposed), 0);
		assert_memory_equal(&again, &first, sizeof(first));
	}
	assert_false(exposed);
	assert_int_equal(file_count(dir, ""), 1);
	assert_int_equal(descriptors_open(), descriptors);
	umask(mask);
}

static void two_directories_have_two_pairs(void **state)
{
	int dir = workdir_fd(state);
	struct dh_pair pairs[2];

	for (int i = 0; i < 2; i++) {
		const char *name = i == 0 ? "alice" : "bob";
		int inner;

		assert_int_equal(mkdirat(dir, name, 0700), 0);
		inner = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_int_equal(identity_load(inner, &pairs[i], NULL), 0);
		close(inner);
	}
	assert_memory_not_equal(pairs[0].secret, pairs[1].secret, DH_KEY_BYTES);
}

static void a_secret_gives_its_public_half(void **state)
{
	int dir = workdir_fd(state);
	struct dh_pair pair;

	put_key(dir, 0600);
	assert_int_equal(identity_load(dir, &pair, NULL), 0);
	expect_vector(&pair);
}

static void a_file_that_others_may_read_is_closed_and_reported(void **state)
{
	static const struct {
		mode_t mode;
		bool exposed;
	} cases[] = {{0600, false}, {0400, false}, {0644, true}, {0640, true}, {0604, true}, {0440, true}, {0444, true},
	    {0666, true}, {0777, true}};
	int dir = workdir_fd(state);

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct dh_pair pair;
		bool exposed = !cases[i].exposed;

		put_key(dir, cases[i].mode);
		assert_int_equal(identity_load(dir, &pair, &exposed), 0);
		expect_vector(&pair);
		CHECK(exposed == cases[i].exposed, "mode %04o", (unsigned)cases[i].mode);
		if (exposed)
			assert_int_equal(file_mode(dir, IDENTITY_FILE), 0600);
		/* Said once. */
		assert_int_equal(identity_load(dir, &pair, &exposed), 0);
		assert_false(exposed);
		put_key(dir, cases[i].mode);
		assert_int_equal(identity_load(dir, &pair, NULL), 0);
		assert_int_equal(file_mode(dir, IDENTITY_FILE) & 0077, 0);
		assert_int_equal(unlinkat(dir, IDENTITY_FILE, 0), 0);
	}
}

static void a_file_of_any_other_length_is_refused_and_kept(void **state)
{
	static const size_t lengths[] = {0, 1, 31, 33, 64, 65, 10000};
	int dir = workdir_fd(state);
	char *bytes = support_repeat('k', 10000);

	for (size_t i = 0; i < COUNT(lengths); i++) {
		file_put(dir, IDENTITY_FILE, bytes, lengths[i]);
		expect_failure(dir, EBADMSG);
		file_expect(dir, IDENTITY_FILE, bytes, lengths[i]);
	}
	free(bytes);
}

static void what_is_no_file_is_refused(void **state)
{
	int dir = workdir_fd(state);

	assert_int_equal(mkfifoat(dir, IDENTITY_FILE, 0600), 0);
	expect_failure(dir, 0);
	assert_int_equal(unlinkat(dir, IDENTITY_FILE, 0), 0);
	assert_int_equal(mkdirat(dir, IDENTITY_FILE, 0700), 0);
	expect_failure(dir, 0);
	assert_int_equal(unlinkat(dir, IDENTITY_FILE, AT_REMOVEDIR), 0);
	/* Endless zeros are 32 bytes and more. */
	assert_int_equal(symlinkat("/dev/zero", dir, IDENTITY_FILE), 0);
	expect_failure(dir, EBADMSG);
}

static void a_directory_that_is_gone_is_an_error(void **state)
{
	int dir = workdir_fd(state);
	int inner;

	assert_int_equal(mkdirat(dir, "inner", 0700), 0);
	inner = openat(dir, "inner", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(unlinkat(dir, "inner", AT_REMOVEDIR), 0);
	expect_failure(inner, ENOENT);
	close(inner);
	expect_failure(-1, EBADF);
}

static void a_short_disk_makes_no_pair(void **state)
{
	int dir = workdir_fd(state);
	struct dh_pair pair;
	struct rlimit old = disk_shrink(16);
	int r = identity_load(dir, &pair, NULL);

	disk_restore(old);
	assert_int_equal(r, EFBIG);
	assert_false(file_exists(dir, IDENTITY_FILE));
	/* And no half of it is in the way afterwards. */
	assert_int_equal(identity_load(dir, &pair, NULL), 0);
	file_expect(dir, IDENTITY_FILE, pair.secret, DH_KEY_BYTES);
}

static void a_half_made_file_of_a_killed_program_is_no_hindrance(void **state)
{
	int dir = workdir_fd(state);
	struct dh_pair pair;

	file_put(dir, IDENTITY_FILE ".new", "seventeen bytes..", 17);
	assert_int_equal(identity_load(dir, &pair, NULL), 0);
	file_expect(dir, IDENTITY_FILE, pair.secret, DH_KEY_BYTES);
	assert_int_equal(file_count(dir, ""), 1);
}

static void a_file_that_another_is_making_for_long_is_given_up(void **state)
{
	int dir = workdir_fd(state);
	struct holder holder = holder_start(dir, IDENTITY_FILE ".new", LOCK_EX, NULL);

	expect_failure(dir, ETIMEDOUT);
	holder_end(holder);
}

/* The other program finishes its own while we wait. */
static void finish_it(int dir, const char *name)
{
	uint8_t secret[DH_KEY_BYTES];
	int fd = openat(dir, name, O_WRONLY | O_TRUNC | O_CLOEXEC);

	for (size_t i = 0; i < sizeof(secret); i++)
		sscanf(&VECTOR_SA_SECRET[2 * i], "%2hhx", &secret[i]);
	if (fd < 0 || write(fd, secret, sizeof(secret)) != sizeof(secret) ||
	    linkat(dir, name, dir, IDENTITY_FILE, 0) != 0 || unlinkat(dir, name, 0) != 0)
		_exit(1);
}

/* The same, but it is killed before it can take away the scratch name. */
static void finish_it_and_die(int dir, const char *name)
{
	finish_it(dir, name);
	if (linkat(dir, IDENTITY_FILE, dir, name, 0) != 0)
		_exit(1);
}

static void a_pair_that_another_makes_meanwhile_is_ours_too(void **state)
{
	static void (*const endings[])(int, const char *) = {finish_it, finish_it_and_die};
	int dir = workdir_fd(state);

	for (size_t i = 0; i < COUNT(endings); i++) {
		struct holder holder = holder_start(dir, IDENTITY_FILE ".new", LOCK_EX, endings[i]);
		struct dh_pair pair;

		assert_int_equal(identity_load(dir, &pair, NULL), 0);
		holder_end(holder);
		expect_vector(&pair);
		/* And it stays so. */
		assert_int_equal(identity_load(dir, &pair, NULL), 0);
		expect_vector(&pair);
		assert_int_equal(unlinkat(dir, IDENTITY_FILE, 0), 0);
	}
}

/* One of many programs that are started at once. */
struct starter {
	int dir;
	int gate; /* opens for all when the other end is closed */
	int report;
};

static int load_at_once(void *argument)
{
	const struct starter *starter = argument;
	struct dh_pair pair;
	char byte;
	int r;

	CHILD_CHECK(read(starter->gate, &byte, 1) == 0);
	CONTEND(r, identity_load(starter->dir, &pair, NULL));
	CHILD_CHECK(r == 0);
	CHILD_CHECK(write(starter->report, &pair, sizeof(pair)) == (ssize_t)sizeof(pair));
	return 0;
}

static void many_programs_at_once_end_up_with_one_pair(void **state)
{
	int dir = workdir_fd(state);

	for (int round = 0; round < 20; round++) {
		struct starter starter = {.dir = dir};
		pid_t pids[12];
		int gate[2];
		int report[2];
		struct dh_pair first;

		assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
		assert_int_equal(pipe2(report, O_CLOEXEC), 0);
		starter.gate = gate[0];
		starter.report = report[1];
		for (size_t i = 0; i < COUNT(pids); i++) {
			pids[i] = fork();
			assert_true(pids[i] >= 0);
			if (pids[i] == 0) {
				close(gate[1]);
				_exit(load_at_once(&starter));
			}
		}
		close(gate[0]);
		close(gate[1]);
		close(report[1]);
		for (size_t i = 0; i < COUNT(pids); i++) {
			struct dh_pair pair;

			assert_int_equal(read(report[0], &pair, sizeof(pair)), sizeof(pair));
			if (i == 0)
				first = pair;
			assert_memory_equal(&pair, &first, sizeof(pair));
		}
		for (size_t i = 0; i < COUNT(pids); i++)
			await_child(pids[i]);
		close(report[0]);
		file_expect(dir, IDENTITY_FILE, first.secret, DH_KEY_BYTES);
		assert_int_equal(file_count(dir, ""), 1);
		assert_int_equal(unlinkat(dir, IDENTITY_FILE, 0), 0);
	}
}

static void public_keys_are_written_as_base64(void **state)
{
	uint8_t public[DH_KEY_BYTES];
	char *text = malloc(IDENTITY_TEXT_BYTES);

	(void)state;
	assert_non_null(text);
	support_unhex(VECTOR_SA_PUBLIC, public, sizeof(public));
	identity_format(public, text);
	assert_string_equal(text, VECTOR_SA_TEXT);
	memset(public, 0, sizeof(public));
	identity_format(public, text);
	assert_string_equal(text, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
	memset(public, 0xff, sizeof(public));
	identity_format(public, text);
	assert_string_equal(text, "//////////////////////////////////////////8=");
	free(text);
}

static void public_keys_come_back_from_their_text(void **state)
{
	uint64_t seed = 3;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		uint8_t public[DH_KEY_BYTES];
		uint8_t back[DH_KEY_BYTES] = {0};
		char text[IDENTITY_TEXT_BYTES];
		char *copy;

		for (size_t at = 0; at < sizeof(public); at++)
		public[at] = (uint8_t)support_random(&seed);
		identity_format(public, text);
		copy = support_copy(text, IDENTITY_TEXT_BYTES - 1);
		assert_true(identity_parse(copy, IDENTITY_TEXT_BYTES - 1, back));
		assert_memory_equal(back, public, sizeof(public));
		free(copy);
	}
}

static void expect_no_identity(const char *text, size_t len)
{
	char *copy = support_copy(text, len);
	uint8_t public[DH_KEY_BYTES];
	uint8_t before[DH_KEY_BYTES];

	memset(public, 0x5a, sizeof(public));
	memset(before, 0x5a, sizeof(before));
	CHECK(!identity_parse(copy, len, public), "\"%.*s\" is read", (int)len, text);
	assert_memory_equal(public, before, sizeof(public));
	free(copy);
}

static void nothing_else_is_an_identity(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} cases[] = {
	    {BYTES("")},
	    {BYTES("=")},
	    {BYTES("oX7n9ZiyNndL1FcKCQyY0SPwve7hNoWg8VL9/ds3Nks")},
	    {BYTES("oX7n9ZiyNndL1FcKCQyY0SPwve7hNoWg8VL9/ds3Nks==")},
	    {BYTES("oX7n9ZiyNndL1FcKCQyY0SPwve7hNoWg8VL9/ds3Nk==")},
	    {BYTES("oX7n9ZiyNndL1FcKCQyY0SPwve7hNoWg8VL9/ds3Nks=\n")},
	    {BYTES("oX7n9ZiyNndL1FcKCQyY0SPwve7hNoWg8VL9/ds3Nks=\0")},
	    {BYTES(" oX7n9ZiyNndL1FcKCQyY0SPwve7hNoWg8VL9/ds3Nks=")},
	    {BYTES("oX7n9ZiyNndL1FcKCQyY0SPwve7hNoWg8VL9_ds3Nks=")},
	    {BYTES("oX7n9ZiyNndL1FcKCQyY0SPwve7hNoWg8VL9/ds3NksA")},
	    {BYTES("oX7n9ZiyNndL1FcKCQyY0SPwve7hNoWg8VL9/ds3NksAAAA=")},
	    {BYTES(VECTOR_SA_PUBLIC)},
	    {BYTES(VECTOR_SA_TEXT VECTOR_SA_TEXT)},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		expect_no_identity(cases[i].text, cases[i].len);
	for (size_t len = 0; len < IDENTITY_TEXT_BYTES - 1; len++)
		expect_no_identity(VECTOR_SA_TEXT, len);
}

static void a_text_that_is_read_is_the_text_that_is_written(void **state)
{
	(void)state;
	for (size_t at = 0; at < IDENTITY_TEXT_BYTES - 1; at++) {
		for (int byte = 0; byte < 256; byte++) {
			char text[] = VECTOR_SA_TEXT;
			uint8_t public[DH_KEY_BYTES];
			char written[IDENTITY_TEXT_BYTES];

			text[at] = (char)byte;
			if (!identity_parse(text, IDENTITY_TEXT_BYTES - 1, public))
				continue;
			identity_format(public, written);
			assert_string_equal(written, text);
		}
	}
}

/* Writes the fingerprint where one byte more would be seen. */
static void fingerprint_of(const uint8_t one[static DH_KEY_BYTES], const uint8_t other[static DH_KEY_BYTES],
    char text[static IDENTITY_FINGERPRINT_BYTES])
{
	char *room = malloc(IDENTITY_FINGERPRINT_BYTES);

	assert_non_null(room);
	identity_fingerprint(one, other, room);
	memcpy(text, room, IDENTITY_FINGERPRINT_BYTES);
	free(room);
}

/* In hexadecimal, from the first byte; zeros follow. */
static void identity_of(const char *hex, uint8_t identity[static DH_KEY_BYTES])
{
	memset(identity, 0, DH_KEY_BYTES);
	support_unhex(hex, identity, strlen(hex) / 2);
}

static void a_fingerprint_is_that_of_the_protocol(void **state)
{
	static const struct {
		const char *one, *other, *fingerprint;
	} cases[] = {
	    {VECTOR_SA_PUBLIC, VECTOR_SB_PUBLIC, VECTOR_FINGERPRINT},
	    /* Groups keep the zeros in front, up to all five. */
	    {"", "0000000000000000000000000000000000000000000000000000000000000ffc",
		"00000 04160 23530 75682 70316 24139"},
	    {"", "000000000000000000000000000000000000000000000000000000000001a0e2",
		"71345 03507 02148 00315 00456 09132"},
	    {"", "0000000000000000000000000000000000000000000000000000000000050844",
		"00005 02960 82374 51365 00237 48507"},
	    {"", "00000000000000000000000000000000000000000000000000000000000007b5",
		"02415 00081 64509 00001 73680 41323"},
	    /* Which is lower is a matter of bytes without sign. */
	    {"7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f", "80",
		"97930 17201 06781 31343 35129 68560"},
	    {"000000000000000000000000000000000000000000000000000000000000007f",
		"0000000000000000000000000000000000000000000000000000000000000080",
		"44117 65241 44900 99189 23618 76430"},
	    /* The extremes. */
	    {"", "", "66123 51521 87726 13945 02493 15055"},
	    {"", "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"79763 18856 75570 88859 11853 03852"},
	};

	(void)state;
	assert_int_equal(strlen(VECTOR_FINGERPRINT), IDENTITY_FINGERPRINT_BYTES - 1);
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint8_t one[DH_KEY_BYTES];
		uint8_t other[DH_KEY_BYTES];
		char text[IDENTITY_FINGERPRINT_BYTES];

		identity_of(cases[i].one, one);
		identity_of(cases[i].other, other);
		fingerprint_of(one, other, text);
		assert_string_equal(text, cases[i].fingerprint);
		/* The other user sees the same. */
		fingerprint_of(other, one, text);
		assert_string_equal(text, cases[i].fingerprint);
	}
}

static void a_fingerprint_has_six_groups_of_five_digits(void **state)
{
	uint64_t seed = 29;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		uint8_t keys[2][DH_KEY_BYTES];
		char text[IDENTITY_FINGERPRINT_BYTES];
		char swapped[IDENTITY_FINGERPRINT_BYTES];

		for (size_t at = 0; at < sizeof(keys); at++)
			keys[at / DH_KEY_BYTES][at % DH_KEY_BYTES] = (uint8_t)support_random(&seed);
		fingerprint_of(keys[0], keys[1], text);
		fingerprint_of(keys[1], keys[0], swapped);
		assert_string_equal(text, swapped);
		assert_int_equal(strlen(text), IDENTITY_FINGERPRINT_BYTES - 1);
		for (size_t at = 0; text[at] != '\0'; at++)
			CHECK(at % 6 == 5 ? text[at] == ' ' : text[at] >= '0' && text[at] <= '9', "%s", text);
	}
}

static void a_bit_more_is_another_fingerprint(void **state)
{
	uint8_t keys[2][DH_KEY_BYTES];
	char text[IDENTITY_FINGERPRINT_BYTES];

	(void)state;
	support_unhex(VECTOR_SA_PUBLIC, keys[0], DH_KEY_BYTES);
	support_unhex(VECTOR_SB_PUBLIC, keys[1], DH_KEY_BYTES);
	for (size_t bit = 0; bit < 8 * sizeof(keys); bit++) {
		uint8_t *byte = &keys[bit / 8 / DH_KEY_BYTES][bit / 8 % DH_KEY_BYTES];

		*byte = (uint8_t)(*byte ^ 1 << bit % 8);
		fingerprint_of(keys[0], keys[1], text);
		assert_string_not_equal(text, VECTOR_FINGERPRINT);
		*byte = (uint8_t)(*byte ^ 1 << bit % 8);
	}
	fingerprint_of(keys[0], keys[1], text);
	assert_string_equal(text, VECTOR_FINGERPRINT);
}

static void an_identity_is_loaded_again_as_it_is_then(void **state)
{
	int dir = workdir_fd(state);
	size_t descriptors = descriptors_open();
	struct identity_memory memory = {0};
	struct dh_pair first, pair, expected;

	/* Missing: made, as at the first load. */
	assert_int_equal(identity_load_again(dir, &memory, &first), 0);
	file_expect(dir, IDENTITY_FILE, first.secret, DH_KEY_BYTES);
	for (int i = 0; i < 3; i++) {
		memset(&pair, 0x5a, sizeof(pair));
		assert_int_equal(identity_load_again(dir, &memory, &pair), 0);
		assert_memory_equal(&pair, &first, sizeof(pair));
	}
	/* Replaced by another file. */
	put_key(dir, 0600);
	assert_int_equal(identity_load_again(dir, &memory, &pair), 0);
	expect_vector(&pair);
	/* Written over in place, again and again. */
	for (unsigned i = 0; i < 300; i++) {
		memset(expected.secret, 0, DH_KEY_BYTES);
		expected.secret[0] = (uint8_t)i;
		expected.secret[1] = (uint8_t)(i >> 8);
		dh_derive_public(&expected);
		file_put(dir, IDENTITY_FILE, expected.secret, DH_KEY_BYTES);
		assert_int_equal(identity_load_again(dir, &memory, &pair), 0);
		assert_memory_equal(&pair, &expected, sizeof(pair));
	}
	/* Deleted, and made anew. */
	assert_int_equal(unlinkat(dir, IDENTITY_FILE, 0), 0);
	assert_int_equal(identity_load_again(dir, &memory, &pair), 0);
	assert_memory_not_equal(pair.secret, expected.secret, DH_KEY_BYTES);
	expected = pair;
	dh_derive_public(&expected);
	assert_memory_equal(&pair, &expected, sizeof(pair));
	assert_int_equal(descriptors_open(), descriptors);
}

static void the_public_half_of_the_same_identity_is_taken_from_memory(void **state)
{
	int dir = workdir_fd(state);
	struct identity_memory memory = {0};
	struct dh_pair pair;

	put_key(dir, 0600);
	assert_int_equal(identity_load_again(dir, &memory, &pair), 0);
	assert_memory_equal(memory.public, pair.public, DH_KEY_BYTES);
	/* A mark, to see where it comes from. */
	memory.public[0] ^= 1;
	assert_int_equal(identity_load_again(dir, &memory, &pair), 0);
	assert_memory_equal(memory.public, pair.public, DH_KEY_BYTES);
	/* The secret never stays there. */
	assert_null(memmem(&memory, sizeof(memory), pair.secret, DH_KEY_BYTES));
	memory = (struct identity_memory){0};
	assert_int_equal(identity_load_again(dir, &memory, &pair), 0);
	expect_vector(&pair);
}

static void what_cannot_be_loaded_cannot_be_loaded_again(void **state)
{
	int dir = workdir_fd(state);
	struct identity_memory memory = {0};
	struct dh_pair pair, before;
	size_t descriptors;

	put_key(dir, 0600);
	assert_int_equal(identity_load_again(dir, &memory, &pair), 0);
	before = pair;
	descriptors = descriptors_open();
	file_put(dir, IDENTITY_FILE, pair.secret, DH_KEY_BYTES - 1);
	assert_int_equal(identity_load_again(dir, &memory, &pair), EBADMSG);
	assert_int_equal(unlinkat(dir, IDENTITY_FILE, 0), 0);
	assert_int_equal(mkfifoat(dir, IDENTITY_FILE, 0600), 0);
	assert_int_equal(identity_load_again(dir, &memory, &pair), EBADMSG);
	assert_memory_equal(&pair, &before, sizeof(pair));
	assert_int_equal(unlinkat(dir, IDENTITY_FILE, 0), 0);
	/* What others may read is closed here, too. */
	put_key(dir, 0644);
	assert_int_equal(identity_load_again(dir, &memory, &pair), 0);
	expect_vector(&pair);
	assert_int_equal(file_mode(dir, IDENTITY_FILE), 0600);
	assert_int_equal(descriptors_open(), descriptors);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    workdir_test(the_first_load_makes_the_pair_and_later_ones_find_it),
	    workdir_test(two_directories_have_two_pairs),
	    workdir_test(a_secret_gives_its_public_half),
	    workdir_test(a_file_that_others_may_read_is_closed_and_reported),
	    workdir_test(a_file_of_any_other_length_is_refused_and_kept),
	    workdir_test(what_is_no_file_is_refused),
	    workdir_test(a_directory_that_is_gone_is_an_error),
	    workdir_test(a_short_disk_makes_no_pair),
	    workdir_test(a_half_made_file_of_a_killed_program_is_no_hindrance),
	    workdir_test(a_file_that_another_is_making_for_long_is_given_up),
	    workdir_test(a_pair_that_another_makes_meanwhile_is_ours_too),
	    workdir_test(many_programs_at_once_end_up_with_one_pair),
	    workdir_test(an_identity_is_loaded_again_as_it_is_then),
	    workdir_test(the_public_half_of_the_same_identity_is_taken_from_memory),
	    workdir_test(what_cannot_be_loaded_cannot_be_loaded_again),
	    cmocka_unit_test(public_keys_are_written_as_base64),
	    cmocka_unit_test(public_keys_come_back_from_their_text),
	    cmocka_unit_test(nothing_else_is_an_identity),
	    cmocka_unit_test(a_text_that_is_read_is_the_text_that_is_written),
	    cmocka_unit_test(a_fingerprint_is_that_of_the_protocol),
	    cmocka_unit_test(a_fingerprint_has_six_groups_of_five_digits),
	    cmocka_unit_test(a_bit_more_is_another_fingerprint),
	};

	support_begin();
	return cmocka_run_group_tests_name("identity", tests, prepare, NULL);
}
