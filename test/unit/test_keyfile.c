/* keyfile: the seed in identity.key, made once, looked at again and again. */
#include "support.h"

#include <sodium.h>

#include "identities.h"
#include "store/keyfile.h"
#include "vectors.h"

static int prepare(void **state)
{
	(void)state;
	return sodium_init() < 0 ? -1 : 0;
}

/* Puts the file of a seed there, with this mode. */
static void put_seed(int dir, const char *seed_hex, mode_t mode)
{
	uint8_t seed[IDENTITY_SEED_BYTES];

	support_unhex(seed_hex, seed, sizeof(seed));
	unlinkat(dir, KEYFILE_NAME, 0);
	file_put(dir, KEYFILE_NAME, seed, sizeof(seed));
	assert_int_equal(fchmodat(dir, KEYFILE_NAME, mode, 0), 0);
}

/* Opens what can be opened without a word. */
static struct keyfile open_quietly(int dir)
{
	struct keyfile file;

	assert_null(keyfile_open(&file, dir));
	assert_true(file.is_usable);
	return file;
}

static void expect_seed(const struct keyfile *file, const char *seed_hex)
{
	struct identity expected = identity_of_seed(seed_hex);

	assert_true(file->is_usable);
	assert_memory_equal(&file->identity, &expected, sizeof(expected));
}

/* The seed stands at the beginning of the secret. */
static void expect_in_file(int dir, const struct keyfile *file)
{
	struct identity expected;

	file_expect(dir, KEYFILE_NAME, file->identity.secret, IDENTITY_SEED_BYTES);
	identity_derive(&expected, file->identity.secret);
	assert_memory_equal(&file->identity, &expected, sizeof(expected));
}

static void expect_failure(int dir, const char *why)
{
	struct keyfile file;
	size_t descriptors = descriptors_open();
	const char *news = keyfile_open(&file, dir);

	assert_non_null(news);
	CHECK(strstr(news, KEYFILE_NAME) && strstr(news, why), "%s", news);
	assert_false(file.is_usable);
	/* Told once. */
	assert_null(keyfile_refresh(&file));
	assert_false(file.is_usable);
	keyfile_close(&file);
	assert_int_equal(descriptors_open(), descriptors);
}

static void the_first_start_makes_the_file_and_later_ones_find_it(void **state)
{
	int dir = workdir_fd(state);
	mode_t mask = umask(0);
	size_t descriptors = descriptors_open();
	struct keyfile first = open_quietly(dir);

	assert_int_equal(file_mode(dir, KEYFILE_NAME), 0600);
	expect_in_file(dir, &first);
	for (int i = 0; i < 3; i++) {
		struct keyfile again = open_quietly(dir);

		assert_memory_equal(&again.identity, &first.identity, sizeof(first.identity));
		assert_null(keyfile_refresh(&again));
		keyfile_close(&again);
	}
	assert_int_equal(file_count(dir, ""), 1);
	assert_int_equal(descriptors_open(), descriptors);
	umask(mask);
}

static void two_directories_have_two_identities(void **state)
{
	int dir = workdir_fd(state);
	struct keyfile files[2];

	for (int i = 0; i < 2; i++) {
		const char *name = i == 0 ? "alice" : "bob";
		int inner;

		assert_int_equal(mkdirat(dir, name, 0700), 0);
		inner = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		files[i] = open_quietly(inner);
		close(inner);
	}
	assert_memory_not_equal(files[0].identity.public, files[1].identity.public, IDENTITY_BYTES);
}

static void the_identity_is_that_of_the_seed(void **state)
{
	int dir = workdir_fd(state);
	struct keyfile file;

	put_seed(dir, VECTOR_SA_SEED, 0600);
	file = open_quietly(dir);
	expect_seed(&file, VECTOR_SA_SEED);
	/* Nothing of it stays. */
	keyfile_close(&file);
	assert_true(sodium_is_zero((const unsigned char *)&file, sizeof(file)));
}

static void a_file_that_others_may_read_is_closed_and_reported_once(void **state)
{
	static const mode_t modes[] = {0644, 0640, 0604, 0440, 0444, 0755, 0710};
	int dir = workdir_fd(state);

	for (size_t i = 0; i < COUNT(modes); i++) {
		struct keyfile file;
		const char *news;

		put_seed(dir, VECTOR_SA_SEED, modes[i]);
		news = keyfile_open(&file, dir);
		CHECK(news && strstr(news, "0600"), "mode %04o", (unsigned)modes[i]);
		expect_seed(&file, VECTOR_SA_SEED);
		assert_int_equal(file_mode(dir, KEYFILE_NAME), 0600);
		assert_null(keyfile_refresh(&file));
		/* Opened to others while a program runs. */
		assert_int_equal(fchmodat(dir, KEYFILE_NAME, modes[i], 0), 0);
		news = keyfile_refresh(&file);
		CHECK(news && strstr(news, "0600"), "mode %04o", (unsigned)modes[i]);
		assert_int_equal(file_mode(dir, KEYFILE_NAME), 0600);
		assert_null(keyfile_refresh(&file));
		expect_seed(&file, VECTOR_SA_SEED);
	}
	put_seed(dir, VECTOR_SA_SEED, 0400);
	open_quietly(dir);
	assert_int_equal(file_mode(dir, KEYFILE_NAME), 0400);
}

static void a_file_that_others_may_write_to_is_refused_and_left_alone(void **state)
{
	static const mode_t modes[] = {0620, 0602, 0666, 0664, 0777, 0622};
	int dir = workdir_fd(state);

	for (size_t i = 0; i < COUNT(modes); i++) {
		put_seed(dir, VECTOR_SA_SEED, modes[i]);
		expect_failure(dir, "other users may write to it");
		assert_int_equal(file_mode(dir, KEYFILE_NAME), modes[i]);
	}
}

static void a_file_of_another_user_is_refused_and_left_alone(void **state)
{
	int dir = workdir_fd(state);

	/* Only root can give a file away. */
	if (geteuid() != 0)
		skip();
	put_seed(dir, VECTOR_SA_SEED, 0644);
	assert_int_equal(fchownat(dir, KEYFILE_NAME, 65534, 65534, 0), 0);
	expect_failure(dir, "belongs to another user");
	assert_int_equal(file_mode(dir, KEYFILE_NAME), 0644);
}

static void a_symbolic_link_is_refused_and_its_target_left_alone(void **state)
{
	int dir = workdir_fd(state);

	put_seed(dir, VECTOR_SA_SEED, 0644);
	assert_int_equal(renameat(dir, KEYFILE_NAME, dir, "target"), 0);
	assert_int_equal(symlinkat("target", dir, KEYFILE_NAME), 0);
	expect_failure(dir, "symbolic link");
	assert_int_equal(file_mode(dir, "target"), 0644);
	/* Nor is anything made through one that leads nowhere. */
	assert_int_equal(unlinkat(dir, "target", 0), 0);
	expect_failure(dir, "symbolic link");
	assert_false(file_exists(dir, "target"));
}

static void a_file_of_any_other_length_is_refused_and_kept(void **state)
{
	static const size_t lengths[] = {0, 1, 31, 33, 64, 65, 10000};
	int dir = workdir_fd(state);
	char *bytes = support_repeat('k', 10000);

	for (size_t i = 0; i < COUNT(lengths); i++) {
		file_put(dir, KEYFILE_NAME, bytes, lengths[i]);
		assert_int_equal(fchmodat(dir, KEYFILE_NAME, 0600, 0), 0);
		expect_failure(dir, "damaged");
		file_expect(dir, KEYFILE_NAME, bytes, lengths[i]);
	}
	free(bytes);
}

static void what_is_no_file_is_refused(void **state)
{
	int dir = workdir_fd(state);

	assert_int_equal(mkfifoat(dir, KEYFILE_NAME, 0600), 0);
	expect_failure(dir, "no regular file");
	assert_int_equal(unlinkat(dir, KEYFILE_NAME, 0), 0);
	assert_int_equal(mkdirat(dir, KEYFILE_NAME, 0700), 0);
	expect_failure(dir, "no regular file");
}

static void a_directory_that_is_gone_is_an_error(void **state)
{
	int dir = workdir_fd(state);
	int inner;

	assert_int_equal(mkdirat(dir, "inner", 0700), 0);
	inner = openat(dir, "inner", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(unlinkat(dir, "inner", AT_REMOVEDIR), 0);
	expect_failure(inner, strerror(ENOENT));
	close(inner);
	expect_failure(-1, strerror(EBADF));
}

static void a_short_disk_makes_no_file(void **state)
{
	int dir = workdir_fd(state);
	struct rlimit old = disk_shrink(16);
	struct keyfile file;
	const char *news = keyfile_open(&file, dir);

	disk_restore(old);
	assert_non_null(news);
	assert_non_null(strstr(news, strerror(EFBIG)));
	assert_false(file.is_usable);
	assert_false(file_exists(dir, KEYFILE_NAME));
	/* And no half of it is in the way afterwards. */
	file = open_quietly(dir);
	expect_in_file(dir, &file);
}

static void a_half_made_file_of_a_killed_program_is_no_hindrance(void **state)
{
	int dir = workdir_fd(state);
	struct keyfile file;

	file_put(dir, KEYFILE_NAME ".new", "seventeen bytes..", 17);
	file = open_quietly(dir);
	expect_in_file(dir, &file);
	assert_int_equal(file_count(dir, ""), 1);
}

static void a_file_that_another_is_making_for_long_is_given_up(void **state)
{
	int dir = workdir_fd(state);
	struct holder holder = holder_start(dir, KEYFILE_NAME ".new", LOCK_EX, NULL);

	expect_failure(dir, "another program holds its lock");
	holder_end(holder);
}

/* The other program finishes its own while we wait. */
static void finish_it(int dir, const char *name)
{
	uint8_t seed[IDENTITY_SEED_BYTES];
	int fd = openat(dir, name, O_WRONLY | O_TRUNC | O_CLOEXEC);

	for (size_t i = 0; i < sizeof(seed); i++)
		sscanf(&VECTOR_SA_SEED[2 * i], "%2hhx", &seed[i]);
	if (fd < 0 || fchmod(fd, 0600) != 0 || write(fd, seed, sizeof(seed)) != sizeof(seed) ||
	    linkat(dir, name, dir, KEYFILE_NAME, 0) != 0 || unlinkat(dir, name, 0) != 0)
		_exit(1);
}

/* The same, but it is killed before it can take away the scratch name. */
static void finish_it_and_die(int dir, const char *name)
{
	finish_it(dir, name);
	if (linkat(dir, KEYFILE_NAME, dir, name, 0) != 0)
		_exit(1);
}

static void an_identity_that_another_makes_meanwhile_is_ours_too(void **state)
{
	static void (*const endings[])(int, const char *) = {finish_it, finish_it_and_die};
	int dir = workdir_fd(state);

	for (size_t i = 0; i < COUNT(endings); i++) {
		struct holder holder = holder_start(dir, KEYFILE_NAME ".new", LOCK_EX, endings[i]);
		struct keyfile file;

		file = open_quietly(dir);
		holder_end(holder);
		expect_seed(&file, VECTOR_SA_SEED);
		/* And it stays so. */
		file = open_quietly(dir);
		expect_seed(&file, VECTOR_SA_SEED);
		assert_int_equal(unlinkat(dir, KEYFILE_NAME, 0), 0);
	}
}

/* One of many programs that are started at once. */
struct starter {
	int dir;
	int gate; /* opens for all when the other end is closed */
	int report;
};

static int open_at_once(void *argument)
{
	const struct starter *starter = argument;
	struct keyfile file;
	const char *news;
	char byte;

	CHILD_CHECK(read(starter->gate, &byte, 1) == 0);
	/* As CONTEND: if the disk is slow, one of many may not get the lock for seconds. */
	while ((news = keyfile_open(&file, starter->dir)) && strstr(news, "another program holds its lock"))
		;
	CHILD_CHECK(news == NULL);
	CHILD_CHECK(write(starter->report, file.identity.public, IDENTITY_BYTES) == IDENTITY_BYTES);
	return 0;
}

static void many_programs_at_once_end_up_with_one_identity(void **state)
{
	int dir = workdir_fd(state);

	for (int round = 0; round < 20; round++) {
		struct starter starter = {.dir = dir};
		struct keyfile file;
		pid_t pids[12];
		int gate[2];
		int report[2];

		assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
		assert_int_equal(pipe2(report, O_CLOEXEC), 0);
		starter.gate = gate[0];
		starter.report = report[1];
		for (size_t i = 0; i < COUNT(pids); i++) {
			pids[i] = fork();
			assert_true(pids[i] >= 0);
			if (pids[i] == 0) {
				close(gate[1]);
				_exit(open_at_once(&starter));
			}
		}
		close(gate[0]);
		close(gate[1]);
		close(report[1]);
		for (size_t i = 0; i < COUNT(pids); i++)
			await_child(pids[i]);
		file = open_quietly(dir);
		expect_in_file(dir, &file);
		for (size_t i = 0; i < COUNT(pids); i++) {
			uint8_t public[IDENTITY_BYTES];

			assert_int_equal(read(report[0], public, sizeof(public)), sizeof(public));
			assert_memory_equal(public, file.identity.public, sizeof(public));
		}
		close(report[0]);
		assert_int_equal(file_count(dir, ""), 1);
		assert_int_equal(unlinkat(dir, KEYFILE_NAME, 0), 0);
	}
}

static void a_file_that_changes_is_loaded_and_told_of_once(void **state)
{
	int dir = workdir_fd(state);
	struct keyfile file;
	size_t descriptors;

	put_seed(dir, VECTOR_SA_SEED, 0600);
	file = open_quietly(dir);
	descriptors = descriptors_open();
	/* Replaced by another. */
	put_seed(dir, VECTOR_SB_SEED, 0600);
	assert_non_null(strstr(keyfile_refresh(&file), "another identity"));
	expect_seed(&file, VECTOR_SB_SEED);
	assert_null(keyfile_refresh(&file));
	/* By the same: nothing to tell. */
	put_seed(dir, VECTOR_SB_SEED, 0600);
	assert_null(keyfile_refresh(&file));
	expect_seed(&file, VECTOR_SB_SEED);
	/* Written over in place, with the size it had. */
	for (unsigned i = 0; i < 50; i++) {
		uint8_t seed[IDENTITY_SEED_BYTES] = {(uint8_t)i};
		struct timespec times[2] = {{.tv_sec = 1000 + i}, {.tv_sec = 1000 + i}};

		file_put(dir, KEYFILE_NAME, seed, sizeof(seed));
		assert_int_equal(utimensat(dir, KEYFILE_NAME, times, 0), 0);
		assert_non_null(keyfile_refresh(&file));
		assert_memory_equal(file.identity.secret, seed, sizeof(seed));
		assert_null(keyfile_refresh(&file));
	}
	assert_int_equal(descriptors_open(), descriptors);
}

static void a_file_that_vanishes_is_reported_once_and_not_replaced(void **state)
{
	int dir = workdir_fd(state);
	struct keyfile file;

	put_seed(dir, VECTOR_SA_SEED, 0600);
	file = open_quietly(dir);
	assert_int_equal(unlinkat(dir, KEYFILE_NAME, 0), 0);
	assert_non_null(strstr(keyfile_refresh(&file), "is gone"));
	for (int i = 0; i < 3; i++)
		assert_null(keyfile_refresh(&file));
	expect_seed(&file, VECTOR_SA_SEED);
	assert_int_equal(file_count(dir, ""), 0);
	/* It comes back. */
	put_seed(dir, VECTOR_SA_SEED, 0600);
	assert_null(keyfile_refresh(&file));
	assert_int_equal(unlinkat(dir, KEYFILE_NAME, 0), 0);
	assert_non_null(keyfile_refresh(&file));
	put_seed(dir, VECTOR_SB_SEED, 0600);
	assert_non_null(keyfile_refresh(&file));
	expect_seed(&file, VECTOR_SB_SEED);
}

static void a_file_that_becomes_useless_does_not_take_away_the_identity(void **state)
{
	int dir = workdir_fd(state);
	struct keyfile file;

	put_seed(dir, VECTOR_SA_SEED, 0600);
	file = open_quietly(dir);
	put_seed(dir, VECTOR_SB_SEED, 0666);
	assert_non_null(strstr(keyfile_refresh(&file), "may write"));
	assert_null(keyfile_refresh(&file));
	expect_seed(&file, VECTOR_SA_SEED);
	assert_int_equal(unlinkat(dir, KEYFILE_NAME, 0), 0);
	assert_int_equal(symlinkat("elsewhere", dir, KEYFILE_NAME), 0);
	assert_non_null(strstr(keyfile_refresh(&file), "symbolic link"));
	expect_seed(&file, VECTOR_SA_SEED);
	/* Mended. */
	put_seed(dir, VECTOR_SB_SEED, 0600);
	assert_non_null(keyfile_refresh(&file));
	expect_seed(&file, VECTOR_SB_SEED);
}

static void a_file_that_could_not_be_used_can_be_mended(void **state)
{
	int dir = workdir_fd(state);
	struct keyfile file;

	file_put(dir, KEYFILE_NAME, "short", 5);
	assert_int_equal(fchmodat(dir, KEYFILE_NAME, 0600, 0), 0);
	assert_non_null(keyfile_open(&file, dir));
	assert_false(file.is_usable);
	put_seed(dir, VECTOR_SA_SEED, 0600);
	assert_non_null(keyfile_refresh(&file));
	expect_seed(&file, VECTOR_SA_SEED);
}

/* Puts the file of a sealed seed there. */
static void put_sealed(int dir, const char *seed_hex, const char *passphrase)
{
	uint8_t seed[IDENTITY_SEED_BYTES], sealed[SEALEDKEY_BYTES];

	support_unhex(seed_hex, seed, sizeof(seed));
	assert_int_equal(sealedkey_seal(seed, passphrase, strlen(passphrase), sealed), 0);
	unlinkat(dir, KEYFILE_NAME, 0);
	file_put(dir, KEYFILE_NAME, sealed, sizeof(sealed));
}

static void a_sealed_file_is_usable_once_its_passphrase_was_given(void **state)
{
	int dir = workdir_fd(state);
	struct keyfile file;

	put_sealed(dir, VECTOR_SA_SEED, "correct horse");
	assert_null(keyfile_open(&file, dir));
	assert_true(file.is_sealed);
	assert_false(file.is_usable);
	assert_null(keyfile_refresh(&file));
	assert_int_equal(keyfile_unlock(&file, BYTES("correct horsf")), EACCES);
	assert_false(file.is_usable);
	assert_int_equal(keyfile_unlock(&file, BYTES("correct horse")), 0);
	expect_seed(&file, VECTOR_SA_SEED);
	assert_null(keyfile_refresh(&file));
	keyfile_close(&file);
	assert_true(sodium_is_zero((const unsigned char *)&file, sizeof(file)));
}

static void sealing_and_removing_keep_the_identity_and_leave_one_file(void **state)
{
	int dir = workdir_fd(state);
	struct keyfile file = open_quietly(dir), again;
	struct identity identity = file.identity;

	assert_int_equal(keyfile_seal(&file, BYTES("correct horse")), 0);
	assert_true(file.is_sealed);
	assert_null(keyfile_refresh(&file));
	assert_int_equal(file_mode(dir, KEYFILE_NAME), 0600);
	assert_int_equal(file_count(dir, ""), 1);
	assert_null(keyfile_open(&again, dir));
	assert_int_equal(keyfile_unlock(&again, BYTES("correct horse")), 0);
	assert_memory_equal(&again.identity, &identity, sizeof(identity));
	/* Changed, by the other one. */
	assert_int_equal(keyfile_seal(&again, BYTES("battery staple")), 0);
	assert_int_equal(keyfile_seal(&file, BYTES("correct horse")), ESTALE);
	assert_null(keyfile_refresh(&file));
	assert_int_equal(keyfile_unlock(&file, BYTES("correct horse")), EACCES);
	assert_int_equal(keyfile_unlock(&file, BYTES("battery staple")), 0);
	/* And removed. */
	assert_int_equal(keyfile_seal(&file, NULL, 0), 0);
	assert_false(file.is_sealed);
	expect_in_file(dir, &file);
	assert_null(keyfile_refresh(&again));
	assert_false(again.is_sealed);
	assert_memory_equal(&again.identity, &identity, sizeof(identity));
	assert_int_equal(file_count(dir, ""), 1);
}

static void a_file_that_is_gone_or_another_is_not_written_over(void **state)
{
	int dir = workdir_fd(state);
	struct keyfile file;

	put_seed(dir, VECTOR_SA_SEED, 0600);
	file = open_quietly(dir);
	put_sealed(dir, VECTOR_SB_SEED, "correct horse");
	assert_int_equal(keyfile_seal(&file, BYTES("battery staple")), ESTALE);
	assert_non_null(keyfile_refresh(&file));
	assert_int_equal(keyfile_seal(&file, BYTES("battery staple")), ESTALE);
	assert_int_equal(unlinkat(dir, KEYFILE_NAME, 0), 0);
	assert_int_equal(keyfile_seal(&file, BYTES("battery staple")), ESTALE);
	assert_non_null(keyfile_refresh(&file));
	assert_int_equal(keyfile_seal(&file, NULL, 0), ESTALE);
	assert_int_equal(file_count(dir, ""), 0);
}

static void a_short_disk_keeps_the_old_file(void **state)
{
	int dir = workdir_fd(state);
	struct keyfile file = open_quietly(dir);
	struct rlimit old = disk_shrink(40);
	int rc = keyfile_seal(&file, BYTES("correct horse"));

	disk_restore(old);
	assert_int_equal(rc, EFBIG);
	assert_false(file.is_sealed);
	expect_in_file(dir, &file);
	assert_int_equal(file_count(dir, ""), 1);
}

static void a_passphrase_that_another_program_sets_is_no_news(void **state)
{
	int dir = workdir_fd(state);
	struct keyfile file;

	put_seed(dir, VECTOR_SA_SEED, 0600);
	file = open_quietly(dir);
	put_sealed(dir, VECTOR_SA_SEED, "correct horse");
	assert_null(keyfile_refresh(&file));
	assert_true(file.is_sealed);
	expect_seed(&file, VECTOR_SA_SEED);
	put_sealed(dir, VECTOR_SA_SEED, "battery staple");
	assert_null(keyfile_refresh(&file));
	put_seed(dir, VECTOR_SA_SEED, 0600);
	assert_null(keyfile_refresh(&file));
	assert_false(file.is_sealed);
	expect_seed(&file, VECTOR_SA_SEED);
}

static void a_sealed_file_of_somebody_else_is_told_of_once(void **state)
{
	int dir = workdir_fd(state);
	struct keyfile file;

	put_seed(dir, VECTOR_SA_SEED, 0600);
	file = open_quietly(dir);
	put_sealed(dir, VECTOR_SB_SEED, "correct horse");
	assert_non_null(strstr(keyfile_refresh(&file), "has a passphrase"));
	assert_null(keyfile_refresh(&file));
	expect_seed(&file, VECTOR_SA_SEED);
}

/* What is killed in the middle of the write leaves the old file, or the new one. */
static int seal_again_and_again(void *argument)
{
	const int *dir = argument;
	struct keyfile file;

	CHILD_CHECK(keyfile_open(&file, *dir) == NULL);
	for (;;) {
		int rc = keyfile_seal(&file, file.is_sealed ? NULL : "correct horse", file.is_sealed ? 0 : 13);

		CHILD_CHECK(rc == 0);
	}
}

static void whoever_is_killed_while_sealing_loses_no_key(void **state)
{
	int dir = workdir_fd(state);

	put_seed(dir, VECTOR_SA_SEED, 0600);
	for (int round = 0; round < 20; round++) {
		struct keyfile file;
		int status;
		pid_t pid = start_child(seal_again_and_again, &dir);

		nanosleep(&(struct timespec){.tv_nsec = 1000000 * (20 + 13 * round % 100)}, NULL);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		assert_null(keyfile_open(&file, dir));
		if (file.is_sealed) {
			assert_int_equal(keyfile_unlock(&file, BYTES("correct horse")), 0);
			/* So that the next child can open it. */
			assert_int_equal(keyfile_seal(&file, NULL, 0), 0);
		}
		expect_seed(&file, VECTOR_SA_SEED);
	}
	assert_int_equal(file_count(dir, ""), 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    workdir_test(the_first_start_makes_the_file_and_later_ones_find_it),
	    workdir_test(two_directories_have_two_identities),
	    workdir_test(the_identity_is_that_of_the_seed),
	    workdir_test(a_file_that_others_may_read_is_closed_and_reported_once),
	    workdir_test(a_file_that_others_may_write_to_is_refused_and_left_alone),
	    workdir_test(a_file_of_another_user_is_refused_and_left_alone),
	    workdir_test(a_symbolic_link_is_refused_and_its_target_left_alone),
	    workdir_test(a_file_of_any_other_length_is_refused_and_kept),
	    workdir_test(what_is_no_file_is_refused),
	    workdir_test(a_directory_that_is_gone_is_an_error),
	    workdir_test(a_short_disk_makes_no_file),
	    workdir_test(a_half_made_file_of_a_killed_program_is_no_hindrance),
	    workdir_test(a_file_that_another_is_making_for_long_is_given_up),
	    workdir_test(an_identity_that_another_makes_meanwhile_is_ours_too),
	    workdir_test(many_programs_at_once_end_up_with_one_identity),
	    workdir_test(a_file_that_changes_is_loaded_and_told_of_once),
	    workdir_test(a_file_that_vanishes_is_reported_once_and_not_replaced),
	    workdir_test(a_file_that_becomes_useless_does_not_take_away_the_identity),
	    workdir_test(a_file_that_could_not_be_used_can_be_mended),
	    workdir_test(a_sealed_file_is_usable_once_its_passphrase_was_given),
	    workdir_test(sealing_and_removing_keep_the_identity_and_leave_one_file),
	    workdir_test(a_file_that_is_gone_or_another_is_not_written_over),
	    workdir_test(a_short_disk_keeps_the_old_file),
	    workdir_test(a_passphrase_that_another_program_sets_is_no_news),
	    workdir_test(a_sealed_file_of_somebody_else_is_told_of_once),
	    workdir_test(whoever_is_killed_while_sealing_loses_no_key),
	};

	support_begin();
	return cmocka_run_group_tests_name("keyfile", tests, prepare, NULL);
}
