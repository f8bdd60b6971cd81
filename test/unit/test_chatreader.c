/* chatreader: the lines of chat.log back from its end. */
#include "support.h"

#include "base/buffer.h"
#include "heap.h"
#include "store/chatfollower.h"
#include "store/chatlog.h"
#include "store/chatreader.h"

#define NAME CHATLOG_NAME
#define MAX CHATLOG_LINE_MAX_BYTES

static struct chatreader *open_reader(int dir)
{
	struct chatreader *reader = NULL;

	assert_int_equal(chatreader_open(dir, &reader), 0);
	assert_non_null(reader);
	return reader;
}

static void expect_line(struct chatreader *reader, const char *expected, size_t expected_len)
{
	const char *line = NULL;
	size_t len = 0;
	int r = chatreader_line(reader, &line, &len);

	CHECK(r == 0, "error %d and no line \"%.*s\"", r, (int)(expected_len < 60 ? expected_len : 60), expected);
	CHECK(len == expected_len && memcmp(line, expected, len) == 0, "%zu bytes \"%.*s\" and not %zu bytes \"%.*s\"",
	    len, (int)(len < 60 ? len : 60), line, expected_len, (int)(expected_len < 60 ? expected_len : 60),
	    expected);
}

static void expect_end(struct chatreader *reader)
{
	static const char before[] = "before";
	const char *line = before;
	size_t len = 42;

	for (int i = 0; i < 2; i++) {
		int r = chatreader_line(reader, &line, &len);

		CHECK(r == ENODATA, "result %d and no end", r);
	}
}

/* Reads the file backwards, and forwards as it stands, and compares with the lines that text has but those too long. */
static void expect_lines_of(int dir, const char *text, size_t text_len)
{
	const char *end = memrchr(text, '\n', text_len);
	struct chatreader *reader = open_reader(dir);
	struct chatfollower *forwards;
	const char *line;
	int64_t offset;
	size_t len;

	while (end != NULL) {
		const char *before = memrchr(text, '\n', (size_t)(end - text));
		const char *expected = before != NULL ? before + 1 : text;

		if (end - expected <= MAX) {
			expect_line(reader, expected, (size_t)(end - expected));
			assert_int_equal(chatreader_offset(reader), expected - text);
		}
		end = before;
	}
	expect_end(reader);
	chatreader_free(reader);

	end = memrchr(text, '\n', text_len);
	assert_int_equal(chatfollower_open_still(dir, 0, &forwards), 0);
	for (const char *expected = text; end != NULL && expected <= end;) {
		const char *feed = memchr(expected, '\n', (size_t)(end - expected) + 1);

		if (feed - expected <= MAX) {
			assert_int_equal(chatfollower_next(forwards, &line, &len, &offset), 0);
			assert_int_equal(offset, expected - text);
			assert_int_equal(len, feed - expected);
			assert_memory_equal(line, expected, len);
		}
		expected = feed + 1;
	}
	assert_int_equal(chatfollower_next(forwards, &line, &len, &offset), ENODATA);
	chatfollower_free(forwards);
}

static void put_and_expect_lines(int dir, const char *text, size_t len)
{
	file_put(dir, NAME, text, len);
	expect_lines_of(dir, text, len);
}

static void a_file_that_is_missing_is_reported(void **state)
{
	struct chatreader *reader = NULL;
	int dir = workdir_fd(state);

	assert_int_equal(chatreader_open(dir, &reader), ENOENT);
	assert_null(reader);
	assert_false(file_exists(dir, NAME));
	chatreader_free(NULL);
}

static void what_is_no_file_is_an_error(void **state)
{
	struct chatreader *reader = NULL;
	int dir = workdir_fd(state);
	size_t descriptors = descriptors_open();

	assert_int_equal(mkfifoat(dir, NAME, 0600), 0);
	assert_int_not_equal(chatreader_open(dir, &reader), 0);
	assert_int_equal(unlinkat(dir, NAME, 0), 0);
	assert_int_equal(mkdirat(dir, NAME, 0700), 0);
	assert_int_not_equal(chatreader_open(dir, &reader), 0);
	assert_int_equal(unlinkat(dir, NAME, AT_REMOVEDIR), 0);
	assert_int_equal(symlinkat("/dev/zero", dir, NAME), 0);
	assert_int_not_equal(chatreader_open(dir, &reader), 0);
	assert_int_equal(unlinkat(dir, NAME, 0), 0);
	assert_null(reader);
	assert_int_equal(descriptors_open(), descriptors);
}

static void whole_lines_are_read_from_both_ends(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} cases[] = {
	    {BYTES("")},
	    {BYTES("\n")},
	    {BYTES("\n\n\n")},
	    {BYTES("a\n")},
	    {BYTES("a\nb\n")},
	    {BYTES("first\nsecond\nthird\n")},
	    {BYTES("\na\n\nb\n\n")},
	    {BYTES("a\r\nb\r\n")},
	    {BYTES("a\0b\n\0\n")},
	    {BYTES("\xff\xfe\n\x80\n")},
	    /* What follows the last line feed is no line yet. */
	    {BYTES("torn")},
	    {BYTES("\0")},
	    {BYTES("\ntorn")},
	    {BYTES("a\ntorn")},
	    {BYTES("a\nb\n\ntorn")},
	    {BYTES("a\n ")},
	};
	int dir = workdir_fd(state);
	size_t descriptors = descriptors_open();

	for (size_t i = 0; i < COUNT(cases); i++)
		put_and_expect_lines(dir, cases[i].text, cases[i].len);
	assert_int_equal(descriptors_open(), descriptors);
}

static void lines_are_read_across_any_boundary(void **state)
{
	int dir = workdir_fd(state);
	uint64_t seed = 23;

	for (int round = 0; round < 60; round++) {
		struct buffer text = {0};
		uint32_t longest = (uint32_t[]){3, 100, 5000, 70000, 700000}[round % 5];
		int lines = longest > 100000 ? 6 : longest > 10000 ? 20 : 400;

		for (int i = 0; i < lines; i++) {
			size_t len = support_random(&seed) % longest;
			char *line = support_repeat((char)('a' + i % 26), len + 1);

			line[len] = '\n';
			assert_int_equal(buffer_append(&text, line, len + 1), 0);
			free(line);
		}
		/* Every third ends in a torn line. */
		put_and_expect_lines(dir, text.data, text.len - (round % 3 == 0));
		buffer_free(&text);
	}
}

static void lines_around_the_size_of_a_block_are_read(void **state)
{
	static const size_t sizes[] = {1023, 1024, 1025, 4095, 4096, 4097, 8191, 8192, 8193, 32767, 32768, 65534, 65535,
	    65536, 65537, 131071, 131072, 262143, 262144};
	int dir = workdir_fd(state);

	for (size_t i = 0; i < COUNT(sizes); i++) {
		for (size_t j = 0; j < 4; j++) {
			/* Two lines of that size, behind and before shorter ones. */
			struct buffer text = {0};
			char *line = support_repeat('x', sizes[i] + 1);

			line[sizes[i]] = '\n';
			assert_int_equal(buffer_append(&text, "aa\n", j), 0);
			assert_int_equal(buffer_append(&text, line, sizes[i] + 1), 0);
			assert_int_equal(buffer_append(&text, line, sizes[i] + 1), 0);
			assert_int_equal(buffer_append(&text, "bb\n", 3 - j), 0);
			put_and_expect_lines(dir, text.data, text.len);
			buffer_free(&text);
			free(line);
		}
	}
}

static void longer_lines_than_the_limit_are_passed_over(void **state)
{
	static const size_t sizes[] = {
	    MAX - 1, MAX, MAX + 1, MAX + 2, MAX + 65535, MAX + 65536, MAX + 65537, 2 * MAX, 3 * MAX + 12345};
	static const struct {
		const char *before, *after;
	} places[] = {{"", ""}, {"a\n", ""}, {"", "b\n"}, {"a\n", "b\n"}, {"\n", "\n"}, {"a\nc\n", "d\nb\n"}};
	int dir = workdir_fd(state);

	for (size_t i = 0; i < COUNT(sizes); i++) {
		char *line = support_repeat('x', sizes[i] + 1);

		line[sizes[i]] = '\n';
		for (size_t j = 0; j < COUNT(places); j++) {
			for (int twice = 0; twice < 2; twice++) {
				struct buffer text = {0};

				assert_int_equal(buffer_printf(&text, "%s", places[j].before), 0);
				assert_int_equal(buffer_append(&text, line, sizes[i] + 1), 0);
				if (twice)
					assert_int_equal(buffer_append(&text, line, sizes[i] + 1), 0);
				assert_int_equal(buffer_printf(&text, "%s", places[j].after), 0);
				put_and_expect_lines(dir, text.data, text.len);
				buffer_free(&text);
			}
		}
		free(line);
	}
}

static void a_torn_line_of_any_length_hides_no_other(void **state)
{
	static const size_t sizes[] = {1, 1000, 65535, 65536, 65537, MAX - 1, MAX, MAX + 1, MAX + 65536, 2 * MAX + 1};
	int dir = workdir_fd(state);

	for (size_t i = 0; i < COUNT(sizes); i++) {
		char *torn = support_repeat('t', sizes[i]);
		struct buffer text = {0};

		assert_int_equal(buffer_append(&text, "first\nlast\n", 11), 0);
		assert_int_equal(buffer_append(&text, torn, sizes[i]), 0);
		put_and_expect_lines(dir, text.data, text.len);
		/* Nothing but the torn line. */
		put_and_expect_lines(dir, torn, sizes[i]);
		buffer_free(&text);
		free(torn);
	}
}

static void lines_appended_later_are_not_seen(void **state)
{
	int dir = workdir_fd(state), fd;
	struct chatreader *reader;

	file_put(dir, NAME, "one\ntwo\ntorn", 12);
	reader = open_reader(dir);
	fd = openat(dir, NAME, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_int_equal(write(fd, "\nthree\n", 7), 7);
	expect_line(reader, "two", 3);
	assert_int_equal(write(fd, "four\n", 5), 5);
	expect_line(reader, "one", 3);
	expect_end(reader);
	close(fd);
	chatreader_free(reader);

	/* An empty file at first. */
	file_put(dir, NAME, "", 0);
	reader = open_reader(dir);
	file_put(dir, NAME, "one\n", 4);
	expect_end(reader);
	chatreader_free(reader);
}

static void a_file_moved_away_is_read_to_its_end(void **state)
{
	int dir = workdir_fd(state);
	struct chatreader *reader;

	file_put(dir, NAME, "one\ntwo\n", 8);
	reader = open_reader(dir);
	assert_int_equal(unlinkat(dir, NAME, 0), 0);
	expect_line(reader, "two", 3);
	expect_line(reader, "one", 3);
	expect_end(reader);
	chatreader_free(reader);
}

static void a_file_that_shrinks_ends_the_reading(void **state)
{
	int dir = workdir_fd(state);
	struct chatreader *reader;
	char *text = support_repeat('x', 1000000);
	const char *line;
	size_t len;
	unsigned lines = 0;

	for (size_t at = 99; at < 1000000; at += 100)
		text[at] = '\n';
	file_put(dir, NAME, text, 1000000);
	reader = open_reader(dir);
	assert_int_equal(chatreader_line(reader, &line, &len), 0);
	file_put(dir, NAME, text, 150);
	while (chatreader_line(reader, &line, &len) == 0) {
		assert_int_equal(len, 99);
		assert_memory_equal(line, text, 99);
		assert_true(++lines < 10000);
	}
	chatreader_free(reader);
	free(text);
}

static void a_lock_of_a_writer_is_no_hindrance(void **state)
{
	int dir = workdir_fd(state);
	struct holder holder;

	file_put(dir, NAME, "one\ntwo\n", 8);
	holder = holder_start(dir, NAME, LOCK_EX, NULL);
	expect_lines_of(dir, "one\ntwo\n", 8);
	holder_end(holder);
}

static void a_huge_file_opens_in_little_memory(void **state)
{
	int dir = workdir_fd(state);
	off_t size = (off_t)1 << 32;
	struct chatreader *reader;
	int fd;

	if (!heap_is_watched())
		skip();
	/* Four gigabytes, of which the disk holds a hole and two lines at the ends. */
	file_put(dir, NAME, "first\nsecond\n", 13);
	fd = openat(dir, NAME, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "\nlast but one\nlast\n", 19, size), 19);
	close(fd);
	heap_largest = 0;
	reader = open_reader(dir);
	expect_line(reader, BYTES("last"));
	expect_line(reader, BYTES("last but one"));
	chatreader_free(reader);
	/* A line, and as much again for reading it in pieces. */
	assert_in_range(heap_largest, 1, 2 * MAX);
}

static void a_long_hole_is_passed_over_in_little_memory(void **state)
{
	int dir = workdir_fd(state);
	off_t size = CHATREADER_GIVE_UP_BYTES / 2;
	struct chatreader *reader;
	int fd;

	if (!heap_is_watched())
		skip();
	file_put(dir, NAME, "first\n", 6);
	fd = openat(dir, NAME, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "\nlast\n", 6, size), 6);
	close(fd);
	heap_largest = 0;
	reader = open_reader(dir);
	expect_line(reader, "last", 4);
	expect_line(reader, "first", 5);
	expect_end(reader);
	chatreader_free(reader);
	assert_in_range(heap_largest, 1, 2 * MAX);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    workdir_test(a_file_that_is_missing_is_reported),
	    workdir_test(what_is_no_file_is_an_error),
	    workdir_test(whole_lines_are_read_from_both_ends),
	    workdir_test(lines_are_read_across_any_boundary),
	    workdir_test(lines_around_the_size_of_a_block_are_read),
	    workdir_test(longer_lines_than_the_limit_are_passed_over),
	    workdir_test(a_torn_line_of_any_length_hides_no_other),
	    workdir_test(lines_appended_later_are_not_seen),
	    workdir_test(a_file_moved_away_is_read_to_its_end),
	    workdir_test(a_file_that_shrinks_ends_the_reading),
	    workdir_test(a_lock_of_a_writer_is_no_hindrance),
	    workdir_test(a_huge_file_opens_in_little_memory),
	    workdir_test(a_long_hole_is_passed_over_in_little_memory),
	};

	support_begin();
	return cmocka_run_group_tests_name("chatreader", tests, NULL, NULL);
}
