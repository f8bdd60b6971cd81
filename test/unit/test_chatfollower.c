/* chatfollower: the lines of chat.log as they come, whatever becomes of the file. */
#include "support.h"

#include <poll.h>

#include "store/chatfollower.h"
#include "store/chatlog.h"
#include "store/chatreader.h"
#include "store/lockedfile.h"

#define NAME CHATLOG_NAME

static void append(int dir, const char *text, size_t len)
{
	int fd = openat(dir, NAME, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), (ssize_t)len);
	close(fd);
}

static void say(int dir, const char *text)
{
	append(dir, text, strlen(text));
}

static struct chatfollower *follow(int dir, int64_t offset)
{
	struct chatfollower *follower = NULL;

	assert_int_equal(chatfollower_open(dir, offset, &follower), 0);
	return follower;
}

static void expect_line(struct chatfollower *follower, const char *expected, int64_t expected_offset)
{
	const char *line = NULL;
	int64_t offset = -1;
	size_t len = 0;
	int rc = chatfollower_next(follower, &line, &len, &offset);

	CHECK(rc == 0, "error %d and no line \"%s\"", rc, expected);
	CHECK(len == strlen(expected) && memcmp(line, expected, len) == 0, "\"%.*s\" and not \"%s\"",
	    (int)(len < 60 ? len : 60), line, expected);
	CHECK(offset == expected_offset, "%s at %jd", expected, (intmax_t)offset);
}

static bool is_readable(const struct chatfollower *follower)
{
	struct pollfd wait = {.fd = chatfollower_fd(follower), .events = POLLIN};

	return poll(&wait, 1, 0) == 1;
}

/* Nothing is new, and nobody is woken up for that. */
static void expect_quiet(struct chatfollower *follower)
{
	const char *line;
	int64_t offset;
	size_t len;

	assert_int_equal(chatfollower_next(follower, &line, &len, &offset), ENODATA);
	assert_false(is_readable(follower));
}

static void expect_new_line(struct chatfollower *follower, const char *expected, int64_t offset)
{
	assert_true(is_readable(follower));
	expect_line(follower, expected, offset);
	expect_quiet(follower);
}

static void lines_come_as_they_are_appended(void **state)
{
	int dir = workdir_fd(state);
	size_t descriptors = descriptors_open();
	struct chatfollower *follower;

	say(dir, "old\n");
	follower = follow(dir, CHATFOLLOWER_END);
	expect_quiet(follower);
	say(dir, "one\n");
	expect_new_line(follower, "one", 4);
	say(dir, "two\nthree\n");
	assert_true(is_readable(follower));
	expect_line(follower, "two", 8);
	expect_line(follower, "three", 12);
	expect_quiet(follower);
	/* A line in two pieces. */
	say(dir, "fo");
	expect_quiet(follower);
	say(dir, "ur\nx");
	expect_new_line(follower, "four", 18);
	say(dir, "\n");
	expect_new_line(follower, "x", 23);
	chatfollower_free(follower);
	chatfollower_free(NULL);
	assert_int_equal(descriptors_open(), descriptors);
}

static void one_begins_at_an_offset_or_with_the_last_lines(void **state)
{
	static const int64_t offsets[] = {0, 4, 8};
	static const char *const lines[] = {"one", "two", "end"};
	int dir = workdir_fd(state);
	struct chatfollower *follower;

	say(dir, "one\ntwo\nend\ntorn");
	for (size_t i = 0; i < COUNT(offsets); i++) {
		follower = follow(dir, offsets[i]);
		for (size_t k = i; k < COUNT(lines); k++)
			expect_line(follower, lines[k], offsets[k]);
		expect_quiet(follower);
		chatfollower_free(follower);
	}
	for (size_t count = 0; count < 6; count++) {
		assert_int_equal(chatfollower_open_last(dir, count, &follower), 0);
		for (size_t k = count < 3 ? 3 - count : 0; k < 3; k++)
			expect_line(follower, lines[k], offsets[k]);
		expect_quiet(follower);
		chatfollower_free(follower);
	}
	/* A line that is being written belongs to what comes. */
	follower = follow(dir, CHATFOLLOWER_END);
	say(dir, "!\n");
	expect_new_line(follower, "torn!", 12);
	chatfollower_free(follower);
	/* An offset behind the end of the file. */
	follower = follow(dir, 1000);
	expect_quiet(follower);
	say(dir, "new\n");
	expect_new_line(follower, "new", 18);
	chatfollower_free(follower);
}

/* Read still, it begins with the first line at an offset, or behind it, or within the last bytes. */
static void one_that_stands_still_begins_with_the_first_line_behind_an_offset(void **state)
{
	static const char text[] = "first\n\nthird\nlast\ntorn";
	static const int64_t begins[] = {0, 6, 7, 13};
	static const char *const lines[] = {"first", "", "third", "last"};
	const int64_t len = (int64_t)strlen(text);
	int dir = workdir_fd(state);

	say(dir, text);
	for (int64_t offset = 0; offset <= len + 2; offset++) {
		for (int from_end = 0; from_end < 2; from_end++) {
			struct chatfollower *follower;
			const char *line;
			int64_t at;
			size_t line_len;

			if (from_end && offset == 0)
				continue;
			assert_int_equal(chatfollower_open_still(dir, from_end ? -offset : offset, &follower), 0);
			for (size_t i = 0; i < COUNT(lines); i++) {
				if (begins[i] >= (from_end ? len - offset : offset))
					expect_line(follower, lines[i], begins[i]);
			}
			assert_int_equal(chatfollower_next(follower, &line, &line_len, &at), ENODATA);
			chatfollower_free(follower);
		}
	}
}

static void a_file_that_is_made_later_is_followed(void **state)
{
	int dir = workdir_fd(state);

	for (int way = 0; way < 3; way++) {
		struct chatfollower *follower = NULL;

		assert_int_equal(way == 2 ? chatfollower_open_last(dir, 10, &follower)
					  : chatfollower_open(dir, way - 1, &follower),
		    0);
		expect_quiet(follower);
		file_put(dir, "other", "one\n", 4);
		expect_quiet(follower);
		if (way == 0)
			say(dir, "one\n");
		else
			assert_int_equal(renameat(dir, "other", dir, NAME), 0);
		expect_new_line(follower, "one", 0);
		say(dir, "two\n");
		expect_new_line(follower, "two", 4);
		chatfollower_free(follower);
		assert_int_equal(unlinkat(dir, NAME, 0), 0);
	}
}

static void a_file_that_is_moved_away_is_read_to_its_end_and_the_new_one_followed(void **state)
{
	int dir = workdir_fd(state);
	struct chatfollower *follower;

	say(dir, "one\n");
	follower = follow(dir, 0);
	expect_line(follower, "one", 0);
	say(dir, "two\ntorn");
	assert_int_equal(renameat(dir, NAME, dir, "old"), 0);
	expect_new_line(follower, "two", 4);
	say(dir, "three\n");
	expect_new_line(follower, "three", 0);
	/* Both before anybody looks, and then a second time. */
	say(dir, "four\n");
	assert_int_equal(renameat(dir, NAME, dir, "old"), 0);
	say(dir, "five\n");
	assert_true(is_readable(follower));
	expect_line(follower, "four", 6);
	expect_line(follower, "five", 0);
	expect_quiet(follower);
	/* Deleted, as well. */
	assert_int_equal(unlinkat(dir, NAME, 0), 0);
	expect_quiet(follower);
	say(dir, "six\n");
	expect_new_line(follower, "six", 0);
	chatfollower_free(follower);
}

static void a_file_that_is_cut_back_is_followed_from_its_end(void **state)
{
	char *first = support_repeat('f', 100), *part = support_repeat('p', 200000);
	int dir = workdir_fd(state), fd;
	struct chatfollower *follower;

	say(dir, first);
	say(dir, "\n");
	follower = follow(dir, CHATFOLLOWER_END);
	fd = openat(dir, NAME, O_WRONLY | O_CLOEXEC);
	/* A part of a line that its writer takes back, before and after somebody has looked. */
	for (int looked = 0; looked < 2; looked++) {
		say(dir, part);
		if (looked)
			expect_quiet(follower);
		assert_int_equal(ftruncate(fd, 101), 0);
		if (looked)
			expect_quiet(follower);
		say(dir, "one\n");
		expect_line(follower, "one", 101);
		expect_quiet(follower);
		assert_int_equal(ftruncate(fd, 101), 0);
		expect_quiet(follower);
	}
	/* Whole lines. */
	say(dir, "two\nthree\n");
	expect_line(follower, "two", 101);
	expect_line(follower, "three", 105);
	assert_int_equal(ftruncate(fd, 105), 0);
	expect_quiet(follower);
	say(dir, "four\n");
	expect_line(follower, "four", 105);
	expect_quiet(follower);
	/* Emptied, and written anew. */
	assert_int_equal(ftruncate(fd, 0), 0);
	say(dir, "five\nsix\n");
	expect_line(follower, "five", 0);
	expect_line(follower, "six", 5);
	expect_quiet(follower);
	close(fd);
	free(first);
	free(part);
	chatfollower_free(follower);
}

static void long_lines_are_passed_over(void **state)
{
	static const size_t lengths[] = {CHATLOG_LINE_MAX_BYTES - 1, CHATLOG_LINE_MAX_BYTES, CHATLOG_LINE_MAX_BYTES + 1,
	    CHATLOG_LINE_MAX_BYTES + 70000, CHATLOG_LINE_MAX_BYTES + 200000, 5000000};
	int dir = workdir_fd(state);
	struct chatfollower *follower = follow(dir, 0);
	int64_t end = 0;

	for (size_t i = 0; i < COUNT(lengths); i++) {
		char *text = support_repeat('x', lengths[i]);

		append(dir, text, lengths[i]);
		if (i & 1)
			expect_quiet(follower);
		say(dir, "\nafter\n");
		if (lengths[i] <= CHATLOG_LINE_MAX_BYTES)
			expect_line(follower, text, end);
		expect_line(follower, "after", end + (int64_t)lengths[i] + 1);
		expect_quiet(follower);
		end += (int64_t)lengths[i] + 7;
		free(text);
	}
	chatfollower_free(follower);
}

static void a_file_without_lines_is_given_up_quickly(void **state)
{
	int dir = workdir_fd(state), fd;
	struct chatfollower *follower = follow(dir, 0);
	off_t size = (off_t)1 << 40;

	say(dir, "one\n");
	fd = openat(dir, NAME, O_WRONLY | O_CLOEXEC);
	if (ftruncate(fd, size) != 0)
		size = CHATREADER_GIVE_UP_BYTES * 2;
	assert_int_equal(ftruncate(fd, size), 0);
	expect_line(follower, "one", 0);
	expect_quiet(follower);
	say(dir, "\ntwo\n");
	expect_new_line(follower, "two", size + 1);
	close(fd);
	chatfollower_free(follower);
}

static void what_is_no_file_of_ours_is_an_error_until_it_is_one(void **state)
{
	int dir = workdir_fd(state);
	size_t descriptors = descriptors_open();
	struct chatfollower *follower;
	const char *line;
	int64_t offset;
	size_t len;

	assert_int_equal(symlinkat("other", dir, NAME), 0);
	follower = follow(dir, CHATFOLLOWER_END);
	assert_int_equal(chatfollower_next(follower, &line, &len, &offset), ELOOP);
	assert_int_equal(unlinkat(dir, NAME, 0), 0);
	assert_int_equal(mkfifoat(dir, NAME, 0600), 0);
	assert_true(is_readable(follower));
	assert_int_equal(chatfollower_next(follower, &line, &len, &offset), EINVAL);
	assert_int_equal(unlinkat(dir, NAME, 0), 0);
	say(dir, "one\n");
	expect_new_line(follower, "one", 0);
	chatfollower_free(follower);
	assert_int_equal(descriptors_open(), descriptors);
}

#define WRITERS_LINES 3000
#define MOVE_AFTER_LINES 500

/* Another process appends, and moves the file away now and then. */
static int write_lines(void *argument)
{
	int dir = *(int *)argument;
	struct stat status;

	for (int i = 0; i < WRITERS_LINES; i++) {
		struct chatlog *log = chatlog_new(dir, LOCKEDFILE_WAIT_MS);
		char line[32];
		int rc, len = snprintf(line, sizeof(line), "%d\n", i);

		CHILD_CHECK(log);
		CONTEND(rc, chatlog_append(log, line, (size_t)len, 0));
		CHILD_CHECK(rc == 0);
		chatlog_free(log);
		/* Away only once the follower has it, because nobody can follow what came and went unseen. */
		if (i % MOVE_AFTER_LINES == MOVE_AFTER_LINES - 1) {
			CHILD_CHECK(fstatat(dir, NAME, &status, 0) == 0);
			while (!process_has_open(getppid(), &status))
				sleep_a_moment();
			CHILD_CHECK(renameat(dir, NAME, dir, "old") == 0);
		}
	}
	return 0;
}

static void nothing_is_missed_while_another_process_writes_and_moves(void **state)
{
	int dir = workdir_fd(state), expected = 0;
	struct chatfollower *follower = follow(dir, 0);
	pid_t pid = start_child(write_lines, &dir);
	int64_t before = -1;

	while (expected < WRITERS_LINES) {
		struct pollfd wait = {.fd = chatfollower_fd(follower), .events = POLLIN};
		const char *line;
		int64_t offset;
		size_t len;
		int rc = chatfollower_next(follower, &line, &len, &offset);

		if (rc == ENODATA) {
			assert_int_equal(poll(&wait, 1, SUPPORT_DEADLINE_S * 1000), 1);
			continue;
		}
		assert_int_equal(rc, 0);
		assert_int_equal(atoi(line), expected);
		assert_true(offset > before || (offset == 0 && expected % MOVE_AFTER_LINES == 0));
		before = offset;
		expected++;
	}
	await_child(pid);
	chatfollower_free(follower);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    workdir_test(lines_come_as_they_are_appended),
	    workdir_test(one_begins_at_an_offset_or_with_the_last_lines),
	    workdir_test(one_that_stands_still_begins_with_the_first_line_behind_an_offset),
	    workdir_test(a_file_that_is_made_later_is_followed),
	    workdir_test(a_file_that_is_moved_away_is_read_to_its_end_and_the_new_one_followed),
	    workdir_test(a_file_that_is_cut_back_is_followed_from_its_end),
	    workdir_test(long_lines_are_passed_over),
	    workdir_test(a_file_without_lines_is_given_up_quickly),
	    workdir_test(what_is_no_file_of_ours_is_an_error_until_it_is_one),
	    workdir_test(nothing_is_missed_while_another_process_writes_and_moves),
	};

	support_begin();
	return cmocka_run_group_tests_name("chatfollower", tests, NULL, NULL);
}
