/* lockedfile: files that several programs share, and what others may do to them meanwhile. */
#include "support.h"

#include "store/lockedfile.h"

#define NAME "shared.txt"
#define SCRATCH NAME ".new"

/* For a lock that is not to be had, waiting shorter says the same. */
static int wait_ms(int expected)
{
	return expected == ETIMEDOUT ? 100 : LOCKEDFILE_WAIT_MS;
}

static void lock_held_by(int fd, int dir, int held, int wanted, int expected)
{
	struct holder holder = holder_start(dir, NAME, held, NULL);

	CHECK(lockedfile_lock(fd, wanted, wait_ms(expected)) == expected, "%s while another has %s",
	    wanted == LOCK_EX ? "exclusive" : "shared", held == LOCK_EX ? "exclusive" : "shared");
	assert_int_equal(flock(fd, LOCK_UN), 0);
	holder_end(holder);
}

static void a_lock_is_waited_for_and_given_up(void **state)
{
	int dir = workdir_fd(state);
	int fd;

	file_put(dir, NAME, "", 0);
	fd = openat(dir, NAME, O_RDWR | O_CLOEXEC);
	assert_int_equal(lockedfile_lock(fd, LOCK_EX, LOCKEDFILE_WAIT_MS), 0);
	assert_false(lock_is_free(dir, NAME, LOCK_SH));
	assert_int_equal(lockedfile_lock(fd, LOCK_SH, LOCKEDFILE_WAIT_MS), 0);
	assert_true(lock_is_free(dir, NAME, LOCK_SH));
	assert_false(lock_is_free(dir, NAME, LOCK_EX));
	assert_int_equal(flock(fd, LOCK_UN), 0);

	lock_held_by(fd, dir, LOCK_SH, LOCK_SH, 0);
	lock_held_by(fd, dir, LOCK_EX, LOCK_SH, ETIMEDOUT);
	lock_held_by(fd, dir, LOCK_SH, LOCK_EX, ETIMEDOUT);
	close(fd);
}

static void do_nothing(int dir, const char *name)
{
	(void)dir;
	(void)name;
}

static void a_lock_is_got_when_its_holder_dies(void **state)
{
	int dir = workdir_fd(state);

	for (int operation = 0; operation < 2; operation++) {
		struct holder holder;
		int fd;

		holder = holder_start(dir, NAME, LOCK_EX, do_nothing);
		fd = openat(dir, NAME, O_RDWR | O_CLOEXEC);
		assert_int_equal(lockedfile_lock(fd, operation == 0 ? LOCK_EX : LOCK_SH, LOCKEDFILE_WAIT_MS), 0);
		close(fd);
		holder_end(holder);
	}
}

static void a_descriptor_that_is_none_is_an_error(void **state)
{
	(void)state;
	assert_int_equal(lockedfile_lock(-1, LOCK_EX, LOCKEDFILE_WAIT_MS), EBADF);
}

static void a_file_is_opened_and_locked(void **state)
{
	int dir = workdir_fd(state);
	size_t descriptors = descriptors_open();
	int fd = -1;
	char byte = 0;

	file_put(dir, NAME, "x", 1);
	assert_int_equal(lockedfile_open(dir, NAME, O_RDONLY, LOCK_SH, &fd), 0);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, &byte, 1), 1);
	assert_int_equal(byte, 'x');
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_true(lock_is_free(dir, NAME, LOCK_SH));
	assert_false(lock_is_free(dir, NAME, LOCK_EX));
	close(fd);

	assert_int_equal(lockedfile_open(dir, NAME, O_RDWR, LOCK_EX, &fd), 0);
	assert_false(lock_is_free(dir, NAME, LOCK_SH));
	close(fd);
	assert_true(lock_is_free(dir, NAME, LOCK_EX));
	assert_int_equal(descriptors_open(), descriptors);
}

static void a_file_that_is_missing_is_made_only_on_request(void **state)
{
	int dir = workdir_fd(state);
	mode_t mask = umask(0);
	int fd = -1;

	assert_int_equal(lockedfile_open(dir, NAME, O_RDONLY, LOCK_SH, &fd), ENOENT);
	assert_int_equal(fd, -1);
	assert_false(file_exists(dir, NAME));
	assert_int_equal(lockedfile_open(dir, NAME, O_RDWR | O_CREAT, LOCK_EX, &fd), 0);
	assert_int_equal(file_mode(dir, NAME), 0600);
	file_expect(dir, NAME, "", 0);
	close(fd);
	umask(mask);
}

static void only_a_regular_file_is_opened(void **state)
{
	static const int flags[] = {O_RDONLY, O_RDWR, O_WRONLY, O_RDWR | O_CREAT, O_RDWR | O_CREAT | O_APPEND};
	static const char *const names[] = {"fifo", "directory", "link", "socket"};
	int dir = workdir_fd(state);
	size_t descriptors;

	assert_int_equal(mkfifoat(dir, "fifo", 0600), 0);
	assert_int_equal(mkdirat(dir, "directory", 0700), 0);
	assert_int_equal(symlinkat("/dev/null", dir, "link"), 0);
	assert_int_equal(mknodat(dir, "socket", S_IFSOCK | 0600, 0), 0);
	descriptors = descriptors_open();
	for (size_t i = 0; i < COUNT(names); i++) {
		for (size_t j = 0; j < COUNT(flags); j++) {
			int fd = -1;
			int r = lockedfile_open(dir, names[i], flags[j], LOCK_EX, &fd);

			CHECK(r != 0, "a %s is opened", names[i]);
			if (strcmp(names[i], "link") == 0)
				assert_int_equal(r, ELOOP);
			else if (strcmp(names[i], "socket") != 0 && flags[j] == O_RDONLY)
				assert_int_equal(r, EINVAL);
			assert_int_equal(fd, -1);
		}
	}
	assert_int_equal(descriptors_open(), descriptors);
}

#define STRANGER 65534

/* Gives a file to somebody else, which only the super-user can; else the test is skipped. */
static void give_away(int dir, const char *name)
{
	if (fchownat(dir, name, STRANGER, STRANGER, AT_SYMLINK_NOFOLLOW) != 0)
		skip();
}

static void what_others_may_write_to_is_not_opened(void **state)
{
	static const mode_t modes[] = {0620, 0602, 0666};
	int dir = workdir_fd(state);
	size_t descriptors = descriptors_open();
	int fd = -1;

	file_put(dir, NAME, "kept", 4);
	for (size_t i = 0; i < COUNT(modes); i++) {
		assert_int_equal(fchmodat(dir, NAME, modes[i], 0), 0);
		assert_int_equal(lockedfile_open(dir, NAME, O_RDWR | O_CREAT, LOCK_EX, &fd), LOCKEDFILE_EXPOSED);
		assert_int_equal(file_mode(dir, NAME), modes[i]);
	}
	assert_int_equal(fchmodat(dir, NAME, 0644, 0), 0);
	assert_int_equal(lockedfile_open(dir, NAME, O_RDONLY, LOCK_SH, &fd), 0);
	close(fd);
	assert_int_equal(descriptors_open(), descriptors);
}

static void what_belongs_to_another_user_is_not_opened(void **state)
{
	int dir = workdir_fd(state);
	size_t descriptors = descriptors_open();
	int fd = -1;

	file_put(dir, NAME, "kept", 4);
	give_away(dir, NAME);
	assert_int_equal(lockedfile_open(dir, NAME, O_RDONLY, LOCK_SH, &fd), LOCKEDFILE_FOREIGN);
	assert_int_equal(lockedfile_open(dir, NAME, O_RDWR | O_CREAT, LOCK_EX, &fd), LOCKEDFILE_FOREIGN);
	assert_int_equal(descriptors_open(), descriptors);
}

static void a_file_that_stays_locked_is_given_up(void **state)
{
	int dir = workdir_fd(state);
	struct holder holder = holder_start(dir, NAME, LOCK_EX, NULL);
	size_t descriptors = descriptors_open();
	int fd = -1;

	assert_int_equal(lockedfile_open(dir, NAME, O_RDONLY, LOCK_SH, &fd), ETIMEDOUT);
	assert_int_equal(fd, -1);
	assert_int_equal(descriptors_open(), descriptors);
	holder_end(holder);
}

/* The file gives way to another one, as when a writer replaces it. Returns that one, locked as a writer's is. */
static int put_newer(int dir, const char *name)
{
	int fd = openat(dir, "other", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || flock(fd, LOCK_EX) != 0 || write(fd, "newer", 5) != 5 || renameat(dir, "other", dir, name) != 0)
		_exit(1);
	return fd;
}

static void replace_it(int dir, const char *name)
{
	close(put_newer(dir, name));
}

/* The first one stays locked until the holder ends, or somebody could have it before it gives way to the second. */
static void replace_it_twice(int dir, const char *name)
{
	(void)put_newer(dir, name);
	(void)put_newer(dir, name);
}

static void remove_it(int dir, const char *name)
{
	if (unlinkat(dir, name, 0) != 0)
		_exit(1);
}

static void become_a_directory(int dir, const char *name)
{
	if (unlinkat(dir, name, 0) != 0 || mkdirat(dir, name, 0700) != 0)
		_exit(1);
}

static void expect_opened_is_named(int dir, int fd)
{
	struct stat opened;
	struct stat named;

	assert_int_equal(fstat(fd, &opened), 0);
	assert_int_equal(fstatat(dir, NAME, &named, 0), 0);
	assert_true(opened.st_dev == named.st_dev && opened.st_ino == named.st_ino);
	assert_false(lock_is_free(dir, NAME, LOCK_SH));
}

static void a_file_replaced_during_the_wait_is_the_newer_one(void **state)
{
	static void (*const changes[])(int, const char *) = {replace_it, replace_it_twice};
	int dir = workdir_fd(state);

	for (size_t i = 0; i < COUNT(changes); i++) {
		size_t descriptors = descriptors_open();
		struct holder holder = holder_start(dir, NAME, LOCK_EX, changes[i]);
		char content[6] = "";
		int fd = -1;

		assert_int_equal(lockedfile_open(dir, NAME, O_RDWR, LOCK_EX, &fd), 0);
		expect_opened_is_named(dir, fd);
		assert_int_equal(read(fd, content, 5), 5);
		assert_string_equal(content, "newer");
		close(fd);
		holder_end(holder);
		assert_int_equal(descriptors_open(), descriptors);
	}
}

static void a_file_removed_during_the_wait_is_missing_or_made(void **state)
{
	int dir = workdir_fd(state);
	size_t descriptors = descriptors_open();
	struct holder holder = holder_start(dir, NAME, LOCK_EX, remove_it);
	int fd = -1;

	assert_int_equal(lockedfile_open(dir, NAME, O_RDWR, LOCK_EX, &fd), ENOENT);
	assert_int_equal(fd, -1);
	holder_end(holder);
	assert_int_equal(descriptors_open(), descriptors);

	holder = holder_start(dir, NAME, LOCK_EX, remove_it);
	assert_int_equal(lockedfile_open(dir, NAME, O_RDWR | O_CREAT, LOCK_EX, &fd), 0);
	expect_opened_is_named(dir, fd);
	close(fd);
	holder_end(holder);
}

static void a_file_that_becomes_a_directory_is_an_error(void **state)
{
	int dir = workdir_fd(state);
	size_t descriptors = descriptors_open();
	struct holder holder = holder_start(dir, NAME, LOCK_EX, become_a_directory);
	int fd = -1;

	assert_int_equal(lockedfile_open(dir, NAME, O_RDONLY, LOCK_SH, &fd), EINVAL);
	assert_int_equal(fd, -1);
	holder_end(holder);
	assert_int_equal(descriptors_open(), descriptors);
}

/* Of the descriptor that is kept. */
static struct stat kept_status;

/* Opens or opens again, sees that it is the named file, locked, and described, and unlocks it. */
static void reopen(int dir, int *fd, bool expect_new, off_t expected_size)
{
	struct stat named;
	bool is_new = !expect_new;

	assert_int_equal(lockedfile_reopen(dir, NAME, O_RDWR | O_APPEND | O_CREAT, LOCK_EX, LOCKEDFILE_WAIT_MS, fd,
			     &kept_status, &is_new),
	    0);
	assert_int_equal(is_new, expect_new);
	expect_opened_is_named(dir, *fd);
	assert_int_equal(fstatat(dir, NAME, &named, 0), 0);
	assert_true(kept_status.st_dev == named.st_dev && kept_status.st_ino == named.st_ino);
	assert_int_equal(kept_status.st_size, expected_size);
	assert_true(fcntl(*fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(*fd, F_GETFL) & O_APPEND);
	assert_int_equal(flock(*fd, LOCK_UN), 0);
	assert_true(lock_is_free(dir, NAME, LOCK_EX));
}

static void expect_no_reopening(int dir, int flags, int *fd, int expected)
{
	bool is_new;

	assert_int_equal(lockedfile_reopen(dir, NAME, flags, LOCK_EX, wait_ms(expected), fd, &kept_status, &is_new),
	    expected);
	assert_int_equal(*fd, -1);
}

static void a_kept_descriptor_is_locked_again(void **state)
{
	int dir = workdir_fd(state);
	size_t descriptors = descriptors_open();
	int fd = -1;
	int kept;

	reopen(dir, &fd, true, 0);
	kept = fd;
	reopen(dir, &fd, false, 0);
	assert_int_equal(fd, kept);
	/* Others may write to the file, and into it, meanwhile. */
	file_put(dir, NAME, "longer", 6);
	reopen(dir, &fd, false, 6);
	file_put(dir, NAME, "", 0);
	reopen(dir, &fd, false, 0);
	assert_int_equal(fd, kept);
	assert_int_equal(descriptors_open(), descriptors + 1);
	close(fd);
}

static void a_kept_descriptor_gives_way_to_the_file_of_the_name(void **state)
{
	int dir = workdir_fd(state);
	size_t descriptors = descriptors_open();
	int fd = -1;

	reopen(dir, &fd, true, 0);
	/* Moved away, deleted, and replaced. */
	assert_int_equal(renameat(dir, NAME, dir, "old"), 0);
	reopen(dir, &fd, true, 0);
	assert_int_equal(unlinkat(dir, NAME, 0), 0);
	reopen(dir, &fd, true, 0);
	replace_it(dir, NAME);
	reopen(dir, &fd, true, 5);
	reopen(dir, &fd, false, 5);
	/* Moved away and back. */
	assert_int_equal(renameat(dir, NAME, dir, "link"), 0);
	assert_int_equal(renameat(dir, "link", dir, NAME), 0);
	reopen(dir, &fd, false, 5);
	assert_int_equal(descriptors_open(), descriptors + 1);
	file_expect(dir, "old", "", 0);
	close(fd);
}

static void a_kept_descriptor_of_a_file_that_changes_during_the_wait_gives_way(void **state)
{
	static void (*const changes[])(int, const char *) = {replace_it, replace_it_twice, remove_it};
	int dir = workdir_fd(state);
	size_t descriptors = descriptors_open();
	int fd = -1;

	for (size_t i = 0; i < COUNT(changes); i++) {
		struct holder holder;

		file_put(dir, NAME, "before", 6);
		reopen(dir, &fd, i == 0, 6);
		holder = holder_start(dir, NAME, LOCK_EX, changes[i]);
		reopen(dir, &fd, true, changes[i] == remove_it ? 0 : 5);
		holder_end(holder);
	}
	assert_int_equal(descriptors_open(), descriptors + 1);
	close(fd);
}

static void a_kept_descriptor_is_closed_on_an_error(void **state)
{
	int dir = workdir_fd(state);
	size_t descriptors = descriptors_open();
	struct holder holder;
	int fd = -1;

	/* The lock is another's for long. */
	reopen(dir, &fd, true, 0);
	holder = holder_start(dir, NAME, LOCK_SH, NULL);
	expect_no_reopening(dir, O_RDWR, &fd, ETIMEDOUT);
	expect_no_reopening(dir, O_RDWR, &fd, ETIMEDOUT);
	holder_end(holder);
	assert_int_equal(descriptors_open(), descriptors);
	/* It is gone, and not to be made. */
	reopen(dir, &fd, true, 0);
	assert_int_equal(unlinkat(dir, NAME, 0), 0);
	expect_no_reopening(dir, O_RDWR, &fd, ENOENT);
	expect_no_reopening(dir, O_RDWR, &fd, ENOENT);
	assert_int_equal(descriptors_open(), descriptors);
	/* It is no file any more. */
	reopen(dir, &fd, true, 0);
	assert_int_equal(unlinkat(dir, NAME, 0), 0);
	assert_int_equal(mkfifoat(dir, NAME, 0600), 0);
	expect_no_reopening(dir, O_RDWR | O_CREAT, &fd, EINVAL);
	assert_int_equal(unlinkat(dir, NAME, 0), 0);
	reopen(dir, &fd, true, 0);
	close(fd);
	assert_int_equal(descriptors_open(), descriptors);
}

static void a_lock_on_a_file_that_was_moved_away_is_not_waited_for(void **state)
{
	int dir = workdir_fd(state);
	struct holder holder;
	int fd = -1;

	reopen(dir, &fd, true, 0);
	assert_int_equal(renameat(dir, NAME, dir, "old"), 0);
	/* As by a program that packs old files. */
	holder = holder_start(dir, "old", LOCK_EX, NULL);
	reopen(dir, &fd, true, 0);
	holder_end(holder);
	close(fd);
}

static void a_file_is_created_whole_and_private(void **state)
{
	int dir = workdir_fd(state);
	mode_t mask = umask(0);
	size_t descriptors = descriptors_open();
	char *bytes = support_repeat('s', 100000);

	assert_int_equal(lockedfile_create(dir, NAME, bytes, 100000), 0);
	file_expect(dir, NAME, bytes, 100000);
	assert_int_equal(file_mode(dir, NAME), 0600);
	assert_int_equal(lockedfile_create(dir, "empty", "", 0), 0);
	file_expect(dir, "empty", "", 0);
	umask(0777);
	assert_int_equal(lockedfile_create(dir, "masked", "x", 1), 0);
	assert_int_equal(file_mode(dir, "masked"), 0600);
	umask(mask);
	assert_int_equal(file_count(dir, ""), 3);
	assert_int_equal(descriptors_open(), descriptors);
	free(bytes);
}

static void a_file_that_exists_is_never_overwritten(void **state)
{
	int dir = workdir_fd(state);

	file_put(dir, NAME, "kept", 4);
	assert_int_equal(lockedfile_create(dir, NAME, "other", 5), EEXIST);
	file_expect(dir, NAME, "kept", 4);
	file_put(dir, "empty", "", 0);
	assert_int_equal(lockedfile_create(dir, "empty", "other", 5), EEXIST);
	file_expect(dir, "empty", "", 0);
	assert_int_equal(mkdirat(dir, "directory", 0700), 0);
	assert_int_equal(lockedfile_create(dir, "directory", "other", 5), EEXIST);
	assert_int_equal(mkfifoat(dir, "fifo", 0600), 0);
	assert_int_equal(lockedfile_create(dir, "fifo", "other", 5), EEXIST);
	assert_int_equal(symlinkat("nowhere", dir, "dangling"), 0);
	assert_int_equal(lockedfile_create(dir, "dangling", "other", 5), EEXIST);
	assert_false(file_exists(dir, "nowhere"));
	/* No copy of what was not needed lies about. */
	assert_int_equal(file_count(dir, ""), 5);
}

static void what_a_killed_writer_left_is_no_hindrance(void **state)
{
	int dir = workdir_fd(state);
	char *garbage = support_repeat('g', 5000);
	struct stat placed;

	file_put(dir, SCRATCH, garbage, 5000);
	assert_int_equal(lockedfile_create(dir, NAME, "short", 5), 0);
	file_expect(dir, NAME, "short", 5);
	assert_int_equal(file_count(dir, ""), 1);

	file_put(dir, SCRATCH, garbage, 5000);
	assert_int_equal(fchmodat(dir, SCRATCH, 0666, 0), 0);
	assert_int_equal(lockedfile_replace(dir, NAME, "other", 5, &placed), 0);
	file_expect(dir, NAME, "other", 5);
	assert_int_equal(file_mode(dir, NAME), 0600);
	assert_int_equal(file_count(dir, ""), 1);
	free(garbage);
}

/* Another user's hard link, symbolic link or file under the scratch name must not make us write elsewhere. */
static void nothing_is_written_through_a_scratch_name(void **state)
{
	int dir = workdir_fd(state);
	struct stat placed;
	int kept;
	char bytes[8];

	file_put(dir, NAME, "old", 3);
	for (int i = 0; i < 4; i++) {
		file_put(dir, "notes", "mine", 4);
		if (i == 0)
			assert_int_equal(symlinkat("notes", dir, SCRATCH), 0);
		else if (i == 1)
			assert_int_equal(linkat(dir, "notes", dir, SCRATCH, 0), 0);
		else
			file_put(dir, SCRATCH, "theirs", 6);
		if (i == 3)
			give_away(dir, SCRATCH);
		kept = openat(dir, SCRATCH, O_RDONLY | O_CLOEXEC);
		assert_int_equal(lockedfile_replace(dir, NAME, "new", 3, &placed), 0);
		/* Not even into the file that was there. */
		assert_int_equal(pread(kept, bytes, sizeof(bytes), 0), i < 2 ? 4 : 6);
		assert_memory_equal(bytes, i < 2 ? "mine" : "theirs", 4);
		close(kept);
		file_expect(dir, "notes", "mine", 4);
		file_expect(dir, NAME, "new", 3);
		assert_int_equal(file_count(dir, ""), 2);
	}
}

/*
 * A creator that is killed between giving the file its name and taking away the scratch name leaves one file with both:
 * whoever fills the scratch file then must not fill that.
 */
static void a_scratch_name_of_the_file_itself_does_it_no_harm(void **state)
{
	int dir = workdir_fd(state);
	struct stat placed;
	int fd = -1;

	file_put(dir, NAME, "kept", 4);
	assert_int_equal(linkat(dir, NAME, dir, SCRATCH, 0), 0);
	assert_int_equal(lockedfile_create(dir, NAME, "other", 5), EEXIST);
	file_expect(dir, NAME, "kept", 4);

	if (!file_exists(dir, SCRATCH))
		assert_int_equal(linkat(dir, NAME, dir, SCRATCH, 0), 0);
	assert_int_equal(lockedfile_open(dir, NAME, O_RDWR, LOCK_EX, &fd), 0);
	assert_int_equal(lockedfile_replace(dir, NAME, "newer", 5, &placed), 0);
	close(fd);
	file_expect(dir, NAME, "newer", 5);
	assert_int_equal(file_count(dir, ""), 1);
}

/* What a creator does before it is killed. */
static void make_it_and_die(int dir, const char *name)
{
	int fd = openat(dir, name, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "first", 5) != 5 || linkat(dir, name, dir, NAME, 0) != 0)
		_exit(1);
}

static void a_file_made_during_the_wait_by_one_that_dies_is_kept(void **state)
{
	int dir = workdir_fd(state);
	struct holder holder = holder_start(dir, SCRATCH, LOCK_EX, make_it_and_die);

	assert_int_equal(lockedfile_create(dir, NAME, "second", 6), EEXIST);
	holder_end(holder);
	file_expect(dir, NAME, "first", 5);
}

static void a_scratch_file_that_is_none_is_removed(void **state)
{
	int dir = workdir_fd(state);
	struct stat placed;

	assert_int_equal(mkfifoat(dir, SCRATCH, 0600), 0);
	assert_int_equal(lockedfile_create(dir, NAME, "x", 1), 0);
	assert_int_equal(mkfifoat(dir, SCRATCH, 0600), 0);
	assert_int_equal(lockedfile_replace(dir, NAME, "other", 5, &placed), 0);
	file_expect(dir, NAME, "other", 5);
	assert_int_equal(file_count(dir, ""), 1);
}

static void a_directory_in_the_place_of_the_scratch_file_is_an_error(void **state)
{
	int dir = workdir_fd(state);
	struct stat placed;

	assert_int_equal(mkdirat(dir, SCRATCH, 0700), 0);
	assert_int_not_equal(lockedfile_create(dir, NAME, "x", 1), 0);
	assert_false(file_exists(dir, NAME));
	file_put(dir, NAME, "kept", 4);
	assert_int_not_equal(lockedfile_replace(dir, NAME, "other", 5, &placed), 0);
	file_expect(dir, NAME, "kept", 4);
}

static void creating_waits_for_whoever_creates(void **state)
{
	int dir = workdir_fd(state);
	size_t descriptors;
	struct holder holder = holder_start(dir, SCRATCH, LOCK_EX, NULL);

	descriptors = descriptors_open();
	assert_int_equal(lockedfile_create(dir, NAME, "x", 1), ETIMEDOUT);
	assert_int_equal(descriptors_open(), descriptors);
	assert_false(file_exists(dir, NAME));
	holder_end(holder);
	assert_int_equal(lockedfile_create(dir, NAME, "x", 1), 0);
}

static void a_short_disk_creates_nothing(void **state)
{
	int dir = workdir_fd(state);
	char *bytes = support_repeat('s', 10000);
	size_t descriptors = descriptors_open();
	struct rlimit old = disk_shrink(4096);
	int r = lockedfile_create(dir, NAME, bytes, 10000);

	disk_restore(old);
	assert_int_equal(r, EFBIG);
	assert_false(file_exists(dir, NAME));
	assert_int_equal(descriptors_open(), descriptors);
	assert_int_equal(lockedfile_create(dir, NAME, bytes, 10000), 0);
	file_expect(dir, NAME, bytes, 10000);
	free(bytes);
}

static void a_file_is_replaced_whole_and_private(void **state)
{
	static const char *const contents[] = {"longer than before", "shorter", "", "again"};
	int dir = workdir_fd(state);
	mode_t mask = umask(0);
	size_t descriptors = descriptors_open();

	file_put(dir, NAME, "before", 6);
	assert_int_equal(fchmodat(dir, NAME, 0644, 0), 0);
	for (size_t i = 0; i < COUNT(contents); i++) {
		size_t len = strlen(contents[i]);
		struct stat placed = {0};
		struct stat named;

		assert_int_equal(lockedfile_replace(dir, NAME, contents[i], len, &placed), 0);
		file_expect(dir, NAME, contents[i], len);
		assert_int_equal(file_mode(dir, NAME), 0600);
		assert_int_equal(fstatat(dir, NAME, &named, 0), 0);
		assert_true(placed.st_dev == named.st_dev && placed.st_ino == named.st_ino);
		assert_int_equal(placed.st_size, (off_t)len);
		assert_int_equal(file_count(dir, ""), 1);
	}
	umask(0777);
	assert_int_equal(lockedfile_replace(dir, NAME, "x", 1, &(struct stat){0}), 0);
	assert_int_equal(file_mode(dir, NAME), 0600);
	umask(mask);
	assert_int_equal(descriptors_open(), descriptors);
}

static void whoever_reads_the_old_file_goes_on_reading_it(void **state)
{
	int dir = workdir_fd(state);
	char content[7] = "";
	struct stat placed;
	int fd;

	file_put(dir, NAME, "before", 6);
	fd = openat(dir, NAME, O_RDONLY | O_CLOEXEC);
	assert_int_equal(lockedfile_replace(dir, NAME, "after!!", 7, &placed), 0);
	assert_int_equal(read(fd, content, 6), 6);
	assert_string_equal(content, "before");
	close(fd);
}

static void a_short_disk_leaves_the_old_file(void **state)
{
	int dir = workdir_fd(state);
	char *bytes = support_repeat('s', 10000);
	size_t descriptors = descriptors_open();
	struct stat placed;
	struct stat before;
	struct rlimit old;
	int r;

	memset(&placed, 0x5a, sizeof(placed));
	before = placed;
	file_put(dir, NAME, "kept", 4);
	old = disk_shrink(4096);
	r = lockedfile_replace(dir, NAME, bytes, 10000, &placed);
	disk_restore(old);
	assert_int_equal(r, EFBIG);
	file_expect(dir, NAME, "kept", 4);
	assert_memory_equal(&placed, &before, sizeof(placed));
	assert_int_equal(descriptors_open(), descriptors);
	assert_int_equal(lockedfile_replace(dir, NAME, bytes, 10000, &placed), 0);
	file_expect(dir, NAME, bytes, 10000);
	free(bytes);
}

/* One of many who create the same file at once. */
struct creator {
	int dir;
	int gate; /* opens for all when the other end is closed */
	char content;
};

static int create_at_once(void *argument)
{
	const struct creator *creator = argument;
	char bytes[1000];
	char byte;
	int r;

	memset(bytes, creator->content, sizeof(bytes));
	if (read(creator->gate, &byte, 1) != 0)
		return 200;
	CONTEND(r, lockedfile_create(creator->dir, NAME, bytes, sizeof(bytes)));
	return r == 0 ? 1 : r == EEXIST ? 2 : 201;
}

static void of_many_creators_one_wins(void **state)
{
	int dir = workdir_fd(state);

	for (int round = 0; round < 20; round++) {
		struct creator creators[10];
		pid_t pids[COUNT(creators)];
		int gate[2];
		char winner = 0;
		char *bytes;
		size_t len;

		assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
		for (size_t i = 0; i < COUNT(creators); i++) {
			creators[i] = (struct creator){dir, gate[0], (char)('a' + (int)i)};
			pids[i] = fork();
			assert_true(pids[i] >= 0);
			if (pids[i] == 0) {
				close(gate[1]);
				_exit(create_at_once(&creators[i]));
			}
		}
		close(gate[0]);
		close(gate[1]);
		for (size_t i = 0; i < COUNT(creators); i++) {
			int status;

			assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
			assert_true(WIFEXITED(status));
			assert_in_range(WEXITSTATUS(status), 1, 2);
			if (WEXITSTATUS(status) == 1) {
				assert_int_equal(winner, 0);
				winner = creators[i].content;
			}
		}
		assert_int_not_equal(winner, 0);
		bytes = file_take(dir, NAME, &len);
		assert_int_equal(len, 1000);
		for (size_t i = 0; i < len; i++)
			assert_int_equal(bytes[i], winner);
		free(bytes);
		assert_int_equal(file_count(dir, ""), 1);
		assert_int_equal(unlinkat(dir, NAME, 0), 0);
	}
}

static int replace_many_times(void *argument)
{
	int dir = *(int *)argument;
	char bytes[4096];

	for (int i = 0; i < 50; i++) {
		struct stat placed;
		int fd = -1;
		int r;

		CONTEND(r, lockedfile_open(dir, NAME, O_RDWR | O_CREAT, LOCK_EX, &fd));
		CHILD_CHECK(r == 0);
		CHILD_CHECK(read(fd, bytes, sizeof(bytes)) % 4 == 0);
		memset(bytes, 'a' + i % 26, sizeof(bytes));
		CHILD_CHECK(lockedfile_replace(dir, NAME, bytes, 4 * (size_t)(1 + i), &placed) == 0);
		close(fd);
	}
	return 0;
}

static void readers_see_one_whole_file_or_another(void **state)
{
	int dir = workdir_fd(state);
	pid_t writers[3];

	assert_int_equal(lockedfile_create(dir, NAME, "zzzz", 4), 0);
	for (size_t i = 0; i < COUNT(writers); i++)
		writers[i] = start_child(replace_many_times, &dir);
	for (int i = 0; i < 300; i++) {
		char bytes[8192];
		ssize_t len;
		int fd = -1;
		int r;

		CONTEND(r, lockedfile_open(dir, NAME, O_RDONLY, LOCK_SH, &fd));
		assert_int_equal(r, 0);
		len = read(fd, bytes, sizeof(bytes));
		assert_true(len > 0 && len % 4 == 0);
		for (ssize_t at = 0; at < len; at++)
			assert_int_equal(bytes[at], bytes[0]);
		close(fd);
	}
	for (size_t i = 0; i < COUNT(writers); i++)
		await_child(writers[i]);
	assert_int_equal(file_count(dir, ""), 1);
}

static void every_error_has_a_reason(void **state)
{
	static const int errors[] = {
	    ETIMEDOUT, EINVAL, ELOOP, LOCKEDFILE_FOREIGN, LOCKEDFILE_EXPOSED, ENOENT, EACCES, ENOSPC, EFBIG, EEXIST};

	(void)state;
	for (size_t i = 0; i < COUNT(errors); i++) {
		const char *reason = lockedfile_reason(errors[i]);

		assert_non_null(reason);
		assert_true(strlen(reason) > 0);
		if (i < 5)
			assert_string_not_equal(reason, strerror(errors[i]));
		else
			assert_string_equal(reason, strerror(errors[i]));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    workdir_test(a_lock_is_waited_for_and_given_up),
	    workdir_test(a_lock_is_got_when_its_holder_dies),
	    cmocka_unit_test(a_descriptor_that_is_none_is_an_error),
	    workdir_test(a_file_is_opened_and_locked),
	    workdir_test(a_file_that_is_missing_is_made_only_on_request),
	    workdir_test(only_a_regular_file_is_opened),
	    workdir_test(what_others_may_write_to_is_not_opened),
	    workdir_test(what_belongs_to_another_user_is_not_opened),
	    workdir_test(a_file_that_stays_locked_is_given_up),
	    workdir_test(a_file_replaced_during_the_wait_is_the_newer_one),
	    workdir_test(a_file_removed_during_the_wait_is_missing_or_made),
	    workdir_test(a_file_that_becomes_a_directory_is_an_error),
	    workdir_test(a_kept_descriptor_is_locked_again),
	    workdir_test(a_kept_descriptor_gives_way_to_the_file_of_the_name),
	    workdir_test(a_kept_descriptor_of_a_file_that_changes_during_the_wait_gives_way),
	    workdir_test(a_kept_descriptor_is_closed_on_an_error),
	    workdir_test(a_lock_on_a_file_that_was_moved_away_is_not_waited_for),
	    workdir_test(a_file_is_created_whole_and_private),
	    workdir_test(a_file_that_exists_is_never_overwritten),
	    workdir_test(what_a_killed_writer_left_is_no_hindrance),
	    workdir_test(nothing_is_written_through_a_scratch_name),
	    workdir_test(a_scratch_name_of_the_file_itself_does_it_no_harm),
	    workdir_test(a_file_made_during_the_wait_by_one_that_dies_is_kept),
	    workdir_test(a_scratch_file_that_is_none_is_removed),
	    workdir_test(a_directory_in_the_place_of_the_scratch_file_is_an_error),
	    workdir_test(creating_waits_for_whoever_creates),
	    workdir_test(a_short_disk_creates_nothing),
	    workdir_test(a_file_is_replaced_whole_and_private),
	    workdir_test(whoever_reads_the_old_file_goes_on_reading_it),
	    workdir_test(a_short_disk_leaves_the_old_file),
	    workdir_test(of_many_creators_one_wins),
	    workdir_test(readers_see_one_whole_file_or_another),
	    cmocka_unit_test(every_error_has_a_reason),
	};

	support_begin();
	return cmocka_run_group_tests_name("lockedfile", tests, NULL, NULL);
}
