/* lineinput: the user's answers, a line at a time. */
#include "support.h"

#include <poll.h>
#include <pty.h>

#include "base/stop.h"
#include "heap.h"
#include "term/lineinput.h"

#define MAX LINEINPUT_MAX_BYTES

/* An input that reads one end of a pipe, and the other end. */
struct feed {
	struct lineinput input;
	int out;
	int in; /* -1 once it is closed */
};

static struct feed feed_open(void)
{
	struct feed feed;
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	feed.out = ends[0];
	feed.in = ends[1];
	lineinput_init(&feed.input, feed.out);
	return feed;
}

static void feed_write(struct feed *feed, const char *bytes, size_t len)
{
	assert_int_equal(write(feed->in, bytes, len), (ssize_t)len);
}

static void feed_end(struct feed *feed)
{
	close(feed->in);
	feed->in = -1;
}

static void feed_close(struct feed *feed)
{
	lineinput_free(&feed->input);
	close(feed->out);
	if (feed->in >= 0)
		close(feed->in);
}

static void expect_line(struct lineinput *input, const char *expected, size_t expected_len)
{
	char *line = NULL;
	size_t len = 0;

	assert_int_equal(lineinput_read(input, &line, &len), LINEINPUT_LINE);
	CHECK(len == expected_len && memcmp(line, expected, len) == 0,
	    "%zu bytes \"%.60s\" and not %zu bytes \"%.60s\"", len, line, expected_len, expected);
	assert_int_equal(line[len], '\0');
}

static void expect_result(struct lineinput *input, enum lineinput_result expected)
{
	static char before[] = "before";
	char *line = before;
	size_t len = 42;

	assert_int_equal(lineinput_read(input, &line, &len), expected);
}

/* A process that writes the bytes in pieces, and ends. For what a pipe does not hold. */
struct writer {
	struct feed *feed;
	const char *bytes;
	size_t len;
	size_t piece;
};

static int write_pieces(void *argument)
{
	const struct writer *writer = argument;

	for (size_t at = 0; at < writer->len;) {
		size_t n = writer->len - at < writer->piece ? writer->len - at : writer->piece;
		ssize_t done = write(writer->feed->in, writer->bytes + at, n);

		CHILD_CHECK(done > 0);
		at += (size_t)done;
	}
	return 0;
}

/* Has them written by such a process, after which the input ends. */
static pid_t feed_from_child(struct feed *feed, const char *bytes, size_t len, size_t piece)
{
	struct writer writer = {feed, bytes, len, piece};
	pid_t pid = start_child(write_pieces, &writer);

	feed_end(feed);
	return pid;
}

static void lines_come_without_their_ends(void **state)
{
	struct feed feed = feed_open();

	(void)state;
	feed_write(&feed, BYTES("Chat\nBob\r\n\n\r\n  two words \t\na\rb\nlast one"));
	feed_end(&feed);
	expect_line(&feed.input, BYTES("Chat"));
	expect_line(&feed.input, BYTES("Bob"));
	expect_line(&feed.input, "", 0);
	expect_line(&feed.input, "", 0);
	expect_line(&feed.input, BYTES("  two words \t"));
	expect_line(&feed.input, BYTES("a\rb"));
	/* The last line counts without a line end. */
	expect_line(&feed.input, BYTES("last one"));
	expect_result(&feed.input, LINEINPUT_END);
	expect_result(&feed.input, LINEINPUT_END);
	feed_close(&feed);
}

static void the_end_after_a_line_end_is_no_line(void **state)
{
	struct feed feed = feed_open();

	(void)state;
	feed_write(&feed, BYTES("Quit\n"));
	feed_end(&feed);
	expect_line(&feed.input, BYTES("Quit"));
	expect_result(&feed.input, LINEINPUT_END);
	feed_close(&feed);

	feed = feed_open();
	feed_end(&feed);
	expect_result(&feed.input, LINEINPUT_END);
	expect_result(&feed.input, LINEINPUT_END);
	feed_close(&feed);
}

static void every_byte_but_the_line_feed_is_passed_on(void **state)
{
	struct feed feed = feed_open();

	(void)state;
	for (int byte = 0; byte < 256; byte++) {
		char text[] = "a?b\n";

		if (byte == '\n')
			continue;
		text[1] = (char)byte;
		feed_write(&feed, text, 4);
		expect_line(&feed.input, text, 3);
	}
	feed_write(&feed, BYTES("\0\0\n\xff\xfe\xc0\x80\n\0"));
	feed_end(&feed);
	expect_line(&feed.input, BYTES("\0\0"));
	expect_line(&feed.input, BYTES("\xff\xfe\xc0\x80"));
	expect_line(&feed.input, BYTES("\0"));
	expect_result(&feed.input, LINEINPUT_END);
	feed_close(&feed);
}

static void a_line_holds_until_the_next_call_and_may_be_changed(void **state)
{
	struct feed feed = feed_open();
	char *line;
	size_t len;

	(void)state;
	feed_write(&feed, BYTES("first\nsecond\n"));
	assert_int_equal(lineinput_read(&feed.input, &line, &len), LINEINPUT_LINE);
	feed_write(&feed, BYTES("third\n"));
	assert_string_equal(line, "first");
	memset(line, 'x', len + 1);
	expect_line(&feed.input, BYTES("second"));
	expect_line(&feed.input, BYTES("third"));
	feed_close(&feed);
}

static void lines_may_come_in_any_pieces(void **state)
{
	static const char text[] = "Chat Bob\r\nsecure\n\n7\nhello\r\nlast";
	static const char *const lines[] = {"Chat Bob", "secure", "", "7", "hello", "last"};

	(void)state;
	for (size_t piece = 1; piece < sizeof(text); piece++) {
		struct feed feed = feed_open();
		pid_t pid = feed_from_child(&feed, BYTES(text), piece);

		for (size_t i = 0; i < COUNT(lines); i++)
			expect_line(&feed.input, lines[i], strlen(lines[i]));
		expect_result(&feed.input, LINEINPUT_END);
		await_child(pid);
		feed_close(&feed);
	}
}

static void a_line_split_at_any_byte_is_one_line(void **state)
{
	static const char text[] = "hello\r\n";

	(void)state;
	for (size_t first = 1; first < sizeof(text) - 1; first++) {
		struct feed feed = feed_open();
		pid_t pid;

		/* The rest comes while it is waited for. */
		feed_write(&feed, text, first);
		pid = feed_from_child(&feed, text + first, sizeof(text) - 1 - first, 100);
		expect_line(&feed.input, BYTES("hello"));
		expect_result(&feed.input, LINEINPUT_END);
		await_child(pid);
		feed_close(&feed);
	}
}

static void a_line_has_at_most_64_kib(void **state)
{
	static const size_t lengths[] = {
	    MAX - 1, MAX, MAX + 1, MAX + 2, MAX + 3, MAX + 4095, MAX + 4096, MAX + 4097, 3 * MAX};
	static const char *const ends[] = {"\n", "\r\n", ""};
	static const size_t pieces[] = {1000, 4096, 65536, 1000000};

	(void)state;
	for (size_t i = 0; i < COUNT(lengths); i++) {
		for (size_t j = 0; j < COUNT(ends); j++) {
			struct feed feed = feed_open();
			bool at_end = ends[j][0] == '\0';
			char *text = support_repeat('x', lengths[i] + 64);
			size_t len = lengths[i] + 6;
			pid_t pid;

			memcpy(text, "before", 6);
			text[5] = '\n';
			/* before (5), line feed, the line, its end, and another one */
			len = 6 + lengths[i];
			memcpy(text + len, ends[j], strlen(ends[j]));
			len += strlen(ends[j]);
			if (!at_end) {
				memcpy(text + len, "after\n", 6);
				len += 6;
			}
			pid = feed_from_child(&feed, text, len, pieces[(i + j) % COUNT(pieces)]);
			expect_line(&feed.input, BYTES("befor"));
			if (lengths[i] <= MAX)
				expect_line(&feed.input, text + 6, lengths[i]);
			else
				expect_result(&feed.input, LINEINPUT_TOO_LONG);
			if (!at_end)
				expect_line(&feed.input, BYTES("after"));
			expect_result(&feed.input, LINEINPUT_END);
			await_child(pid);
			feed_close(&feed);
			free(text);
		}
	}
}

static void several_lines_that_are_too_long_are_refused_one_by_one(void **state)
{
	struct feed feed = feed_open();
	size_t len = 3 * (2 * MAX + 1);
	char *text = support_repeat('x', len + 3);
	pid_t pid;

	(void)state;
	text[2 * MAX] = text[4 * MAX + 1] = text[6 * MAX + 2] = '\n';
	memcpy(text + len, "ok\n", 3);
	pid = feed_from_child(&feed, text, len + 3, 5000);
	for (int i = 0; i < 3; i++)
		expect_result(&feed.input, LINEINPUT_TOO_LONG);
	expect_line(&feed.input, BYTES("ok"));
	expect_result(&feed.input, LINEINPUT_END);
	await_child(pid);
	feed_close(&feed);
	free(text);
}

static void a_line_without_end_takes_little_memory(void **state)
{
	struct feed feed = feed_open();
	size_t len = 20000000;
	char *text = support_repeat('x', len);
	pid_t pid;

	(void)state;
	if (!heap_is_watched())
		skip();
	heap_largest = 0;
	pid = feed_from_child(&feed, text, len, 65536);
	expect_result(&feed.input, LINEINPUT_TOO_LONG);
	expect_result(&feed.input, LINEINPUT_END);
	assert_in_range(heap_largest, 1, 4 * MAX);
	await_child(pid);
	feed_close(&feed);
	free(text);
}

static void many_lines_take_little_memory(void **state)
{
	struct feed feed = feed_open();
	size_t len = 1000000;
	char *text = support_repeat('\n', len);
	pid_t pid;

	(void)state;
	if (!heap_is_watched())
		skip();
	heap_largest = 0;
	pid = feed_from_child(&feed, text, len, 65536);
	for (size_t i = 0; i < len; i++)
		expect_line(&feed.input, "", 0);
	expect_result(&feed.input, LINEINPUT_END);
	assert_in_range(heap_largest, 1, 4 * MAX);
	await_child(pid);
	feed_close(&feed);
	free(text);
}

static void what_cannot_be_read_is_the_end(void **state)
{
	struct lineinput input;
	int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	lineinput_init(&input, fd);
	expect_result(&input, LINEINPUT_END);
	expect_result(&input, LINEINPUT_END);
	lineinput_free(&input);
	/* The descriptor stays the caller's. */
	assert_int_equal(close(fd), 0);
	lineinput_init(&input, fd);
	expect_result(&input, LINEINPUT_END);
	expect_result(&input, LINEINPUT_END);
	lineinput_free(&input);
}

static void a_descriptor_that_does_not_block_is_waited_for(void **state)
{
	struct feed feed = feed_open();
	pid_t pid;

	(void)state;
	assert_int_equal(fcntl(feed.out, F_SETFL, O_NONBLOCK), 0);
	pid = feed_from_child(&feed, BYTES("one\ntwo"), 1);
	expect_line(&feed.input, BYTES("one"));
	expect_line(&feed.input, BYTES("two"));
	expect_result(&feed.input, LINEINPUT_END);
	await_child(pid);
	feed_close(&feed);
}

static void freeing_wipes_what_is_held(void **state)
{
	static const char secret[] = "a number that nobody else may know";
	struct feed feed = feed_open();

	(void)state;
	if (!heap_is_watched())
		skip();
	heap_watch(BYTES(secret));
	feed_write(&feed, BYTES(secret));
	feed_write(&feed, "\nmore", 5);
	expect_line(&feed.input, BYTES(secret));
	lineinput_free(&feed.input);
	assert_int_equal(heap_unwatch(), 0);

	/* It was handed out before, and another line after it. */
	lineinput_init(&feed.input, feed.out);
	heap_watch(BYTES(secret));
	feed_write(&feed, "\n", 1);
	feed_write(&feed, BYTES(secret));
	feed_write(&feed, "\nx\n", 3);
	expect_line(&feed.input, "", 0);
	expect_line(&feed.input, BYTES(secret));
	expect_line(&feed.input, BYTES("x"));
	lineinput_free(&feed.input);
	assert_int_equal(heap_unwatch(), 0);
	feed_close(&feed);
}

static int stop_while_reading(void *argument)
{
	struct feed *feed = argument;
	char *line;
	size_t len;

	stop_install();
	CHILD_CHECK(write(feed->in, "one\ntw", 6) == 6);
	CHILD_CHECK(lineinput_read(&feed->input, &line, &len) == LINEINPUT_LINE);
	CHILD_CHECK(strcmp(line, "one") == 0);
	/* Blocked until the wait, which it ends. */
	CHILD_CHECK(raise(SIGINT) == 0);
	CHILD_CHECK(lineinput_read(&feed->input, &line, &len) == LINEINPUT_STOPPED);
	CHILD_CHECK(stop_requested());
	CHILD_CHECK(lineinput_read(&feed->input, &line, &len) == LINEINPUT_STOPPED);
	return 0;
}

static void stopping_ends_the_wait_for_a_line(void **state)
{
	struct feed feed = feed_open();

	(void)state;
	await_child(start_child(stop_while_reading, &feed));
	feed_close(&feed);
}

/* A terminal that edits lines itself: what is written to one end is typed at the other. */
static struct feed feed_open_terminal(void)
{
	struct feed feed;

	assert_int_equal(openpty(&feed.in, &feed.out, NULL, NULL, NULL), 0);
	lineinput_init(&feed.input, feed.out);
	assert_true(feed.input.terminal);
	return feed;
}

static void expect_paste(struct lineinput *input, const char *expected)
{
	char *line = NULL;
	size_t len = 0;

	assert_int_equal(lineinput_read(input, &line, &len), LINEINPUT_PASTE);
	assert_string_equal(line, expected);
	assert_int_equal(len, strlen(expected));
}

/* With the last, which the terminal would keep until it is ended. */
static void lines_of_a_terminal_that_arrive_together_stay_together(void **state)
{
	struct feed feed = feed_open_terminal();

	(void)state;
	feed_write(&feed, BYTES("one\r\ttwo\nthree"));
	expect_paste(&feed.input, "one\n\ttwo\nthree");
	feed_close(&feed);
}

static void a_line_of_a_terminal_is_a_line(void **state)
{
	struct feed feed = feed_open_terminal();

	(void)state;
	feed_write(&feed, BYTES("one\r"));
	expect_line(&feed.input, BYTES("one"));
	/* Nobody means anything by pressing Enter twice. */
	feed_write(&feed, BYTES("two\r\r\r"));
	expect_line(&feed.input, BYTES("two"));
	feed_close(&feed);
}

static void what_was_typed_before_can_be_forgotten(void **state)
{
	struct feed feed = feed_open_terminal();
	struct pollfd typed = {.fd = feed.out, .events = POLLIN};

	(void)state;
	feed_write(&feed, BYTES("y\r"));
	assert_int_equal(poll(&typed, 1, -1), 1);
	lineinput_forget(&feed.input);
	feed_write(&feed, BYTES("n\r"));
	expect_line(&feed.input, BYTES("n"));
	feed_close(&feed);

	/* What a pipe has was not typed by anybody who could not know. */
	feed = feed_open();
	feed_write(&feed, BYTES("y\n"));
	lineinput_forget(&feed.input);
	expect_line(&feed.input, BYTES("y"));
	feed_close(&feed);
}

static void the_line_ends_of_a_paste_are_line_feeds(void **state)
{
	static const struct {
		const char *pasted, *settled;
		bool several;
	} cases[] = {
	    {"", "", false},
	    {"one", "one", false},
	    {"one\r", "one", false},
	    {"\r\n\r\n", "", false},
	    {"one\rtwo", "one\ntwo", true},
	    {"one\r\n\r\ntwo\r\n", "one\n\ntwo", true},
	    {"\none", "\none", true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buffer pasted = {0};

		assert_int_equal(buffer_append(&pasted, cases[i].pasted, strlen(cases[i].pasted)), 0);
		assert_int_equal(lineinput_settle(&pasted), cases[i].several);
		assert_int_equal(pasted.len, strlen(cases[i].settled));
		assert_memory_equal(pasted.data ? pasted.data : "", cases[i].settled, pasted.len);
		buffer_free(&pasted);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines_come_without_their_ends),
	    cmocka_unit_test(the_end_after_a_line_end_is_no_line),
	    cmocka_unit_test(every_byte_but_the_line_feed_is_passed_on),
	    cmocka_unit_test(a_line_holds_until_the_next_call_and_may_be_changed),
	    cmocka_unit_test(lines_may_come_in_any_pieces),
	    cmocka_unit_test(a_line_split_at_any_byte_is_one_line),
	    cmocka_unit_test(a_line_has_at_most_64_kib),
	    cmocka_unit_test(several_lines_that_are_too_long_are_refused_one_by_one),
	    cmocka_unit_test(a_line_without_end_takes_little_memory),
	    cmocka_unit_test(many_lines_take_little_memory),
	    cmocka_unit_test(what_cannot_be_read_is_the_end),
	    cmocka_unit_test(a_descriptor_that_does_not_block_is_waited_for),
	    cmocka_unit_test(freeing_wipes_what_is_held),
	    cmocka_unit_test(stopping_ends_the_wait_for_a_line),
	    cmocka_unit_test(lines_of_a_terminal_that_arrive_together_stay_together),
	    cmocka_unit_test(a_line_of_a_terminal_is_a_line),
	    cmocka_unit_test(what_was_typed_before_can_be_forgotten),
	    cmocka_unit_test(the_line_ends_of_a_paste_are_line_feeds),
	};

	support_begin();
	return cmocka_run_group_tests_name("lineinput", tests, NULL, NULL);
}
