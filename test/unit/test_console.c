/* console: what reaches the user's terminal, and what does not. */
#include "support.h"

#include <sys/ioctl.h>
#include <termios.h>

#include "base/stop.h"
#include "base/text.h"
#include "term/console.h"
#include "trust/username.h"

/* A console on one end of a pipe, and what comes out at the other. */
struct stage {
	struct console console;
	int out; /* the reading end, which does not block */
	int in;
};

static struct stage stage_open(void)
{
	struct stage stage;
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	stage.out = ends[0];
	stage.in = ends[1];
	console_init(&stage.console, stage.in);
	return stage;
}

static void stage_close(struct stage *stage)
{
	close(stage->out);
	console_free(&stage->console);
	close(stage->in);
}

/* Appends what can be read now. */
static void drain(int fd, struct buffer *text)
{
	char chunk[4096];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		assert_int_equal(buffer_append(text, chunk, (size_t)n), 0);
}

static void expect_shown(struct stage *stage, const char *expected, size_t len)
{
	struct buffer text = {0};

	drain(stage->out, &text);
	CHECK(text.len == len && (len == 0 || memcmp(text.data, expected, len) == 0), "\"%.*s\" and not \"%.*s\"",
	    (int)text.len, text.data, (int)len, expected);
	buffer_free(&text);
}

static void text_is_collected_and_written_in_one_go(void **state)
{
	struct stage stage = stage_open();

	(void)state;
	assert_false(stage.console.coloured);
	console_flush(&stage.console);
	expect_shown(&stage, "", 0);
	console_put(&stage.console, "%s is %d", "seven", 7);
	console_put(&stage.console, "\n");
	expect_shown(&stage, "", 0);
	console_flush(&stage.console);
	expect_shown(&stage, BYTES("seven is 7\n"));
	console_flush(&stage.console);
	expect_shown(&stage, "", 0);
	console_put(&stage.console, "again\n");
	console_flush_ready(&stage.console);
	expect_shown(&stage, BYTES("again\n"));
	stage_close(&stage);
}

static void freeing_flushes(void **state)
{
	struct stage stage = stage_open();

	(void)state;
	console_put(&stage.console, "last words");
	console_free(&stage.console);
	expect_shown(&stage, BYTES("last words"));
	/* The descriptor stays the caller's. */
	assert_int_equal(write(stage.in, "x", 1), 1);
	close(stage.in);
	close(stage.out);
}

static void foreign_text_is_escaped_on_its_way_in(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *shown;
	} cases[] = {
	    {BYTES(""), ""},
	    {BYTES("hello"), "hello"},
	    {BYTES("g\xc3\xbcn %s %n \xf0\x9f\x98\x80"), "g\xc3\xbcn %s %n \xf0\x9f\x98\x80"},
	    {BYTES("a\nb\r\tc"), "a<U+000A>b<U+000D><U+0009>c"},
	    {BYTES("\x1b]0;x\x07\x1b[2J"), "<U+001B>]0;x<U+0007><U+001B>[2J"},
	    {BYTES("\xc2\x9b"
		   "2J"),
		"<U+009B>2J"},
	    {BYTES("\xe2\x80\xae"
		   "evil"),
		"<U+202E>evil"},
	    {BYTES("\0\x7f\xff"), "<U+0000><U+007F><FF>"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct stage stage = stage_open();
		char *text = support_copy(cases[i].text, cases[i].len);

		console_put_foreign(&stage.console, text, cases[i].len);
		console_flush(&stage.console);
		expect_shown(&stage, cases[i].shown, strlen(cases[i].shown));
		free(text);
		stage_close(&stage);
	}
}

static void no_name_passes_for_more_than_a_name(void **state)
{
	static const struct {
		const char *name, *shown;
	} cases[] = {
	    {"", ""},
	    {"Bob", "Bob"},
	    {"Alice B", "Alice B"},
	    {"g\xc3\xbcn %s %n \xf0\x9f\x98\x80", "g\xc3\xbcn %s %n \xf0\x9f\x98\x80"},
	    {"Can {baker}, <b> & 'c'", "Can {baker}, <b> & 'c'"},
	    /* Letters that nobody writes together: the "o" is Cyrillic. */
	    {"B\u043eb", "B\u043eb [mixed scripts]"},
	    {"\u5c0f\u660e Bob", "\u5c0f\u660e Bob"},
	    /* What stands around names in lines of ours. */
	    {"Ece [verified]", "\"Ece [verified]\""},
	    {"[verified] Ece", "\"[verified] Ece\""},
	    {"Ece]", "\"Ece]\""},
	    {"Bob (192.168.1.7)", "\"Bob (192.168.1.7)\""},
	    {"Bob)", "\"Bob)\""},
	    {"Bob: hello", "\"Bob: hello\""},
	    {"| Bob", "\"| Bob\""},
	    /* What looks like that. */
	    {"Bob\xea\x9e\x89 hi", "\"Bob\xea\x9e\x89 hi\""},
	    {"\xe2\x9f\xa6verified\xe2\x9f\xa7 Bob", "\"\xe2\x9f\xa6verified\xe2\x9f\xa7 Bob\""},
	    {"\xef\xbc\xbbverified\xef\xbc\xbd", "\"\xef\xbc\xbbverified\xef\xbc\xbd\""},
	    {"12:31:07 [secure] Ece", "\"12:31:07 [secure] Ece\""},
	    /* A name cannot end its quotation marks, or have some of its own. */
	    {"\"Bob\"", "<U+0022>Bob<U+0022>"},
	    {"Bob\" [verified]", "\"Bob<U+0022> [verified]\""},
	    {"Bob  [verified]", "\"Bob <U+0020>[verified]\""},
	    {"Bob\xc2\xa0verified", "Bob<U+00A0>verified"},
	    {"Bob\xe2\x80\x8b", "Bob<U+200B>"},
	    {"B\nob", "B<U+000A>ob"},
	    {"\x1b]0;x\x07\x1b[2J", "\"<U+001B>]0;x<U+0007><U+001B>[2J\""},
	    {"\xe2\x80\xae"
	     "boB",
		"<U+202E>boB"},
	    {"\x7f\xff", "<U+007F><FF>"},
	};

	(void)state;
	/* A pipe shows all styles alike. */
	for (size_t i = 0; i < COUNT(cases); i++)
		for (int style = CONSOLE_NORMAL; style <= CONSOLE_BAD; style++) {
			struct stage stage = stage_open();
			char *name = support_copy(cases[i].name, strlen(cases[i].name) + 1);

			console_put_name(&stage.console, (enum console_style)style, name);
			console_flush(&stage.console);
			expect_shown(&stage, cases[i].shown, strlen(cases[i].shown));
			free(name);
			stage_close(&stage);
		}
}

static void a_name_as_long_as_names_may_be_is_shown_whole(void **state)
{
	static const char *const letters[] = {"x", "\x1b", "\"", "[", "\xc3\xa9", "\xe2\x80\x8b", "\xf0\x9f\x98\x80"};

	(void)state;
	for (size_t i = 0; i < COUNT(letters); i++) {
		struct stage stage = stage_open();
		char name[USERNAME_MAX_BYTES + 1] = "";
		char escaped[TEXT_ESCAPE_FACTOR * USERNAME_MAX_BYTES + 1];
		char shown[sizeof(escaped) + 2];
		const char *quote = letters[i][0] == '[' ? "\"" : "";

		while (strlen(name) + strlen(letters[i]) <= USERNAME_MAX_BYTES)
			strcat(name, letters[i]);
		text_escape_name(escaped, sizeof(escaped), name, strlen(name));
		snprintf(shown, sizeof(shown), "%s%s%s", quote, escaped, quote);
		console_put_name(&stage.console, CONSOLE_NORMAL, name);
		console_flush(&stage.console);
		expect_shown(&stage, shown, strlen(shown));
		stage_close(&stage);
	}
}

static void long_foreign_text_is_cut_nowhere(void **state)
{
	static const char *const pieces[] = {
	    "x", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xe2\x80\xae", "\x1b", "\x80", "\xff", "\xf0\x9f"};

	(void)state;
	for (size_t i = 0; i < COUNT(pieces); i++) {
		for (size_t shift = 0; shift < 5; shift++) {
			struct stage stage = stage_open();
			struct buffer text = {0};
			char *expected;
			size_t len;

			assert_int_equal(buffer_append(&text, "abcde", shift), 0);
			while (text.len < 3000)
				assert_int_equal(buffer_printf(&text, "%s", pieces[i]), 0);
			expected = malloc(TEXT_ESCAPE_FACTOR * text.len + 1);
			assert_non_null(expected);
			len = text_escape(expected, TEXT_ESCAPE_FACTOR * text.len + 1, text.data, text.len);
			console_put_foreign(&stage.console, text.data, text.len);
			console_flush(&stage.console);
			expect_shown(&stage, expected, len);
			free(expected);
			buffer_free(&text);
			stage_close(&stage);
		}
	}
}

static void lines_of_a_message_stand_behind_a_bar(void **state)
{
	static const struct {
		const char *text;
		const char *shown;
	} cases[] = {
	    {"", ""},
	    {"hello", "hello"},
	    {"one\ntwo", "one\n    | two"},
	    {"one\ntwo\nthree", "one\n    | two\n    | three"},
	    {"\nBob: hello", "\n    | Bob: hello"},
	    {"one\r\ntwo", "one<U+000D>\n    | two"},
	    {"\tone\t\ttwo\n\t", "    one        two\n    |     "},
	    {"one\vtwo\ftwo", "one<U+000B>two<U+000C>two"},
	    {"one\xe2\x80\xa8two\xe2\x80\xa9three\xc2\x85"
	     "four",
		"one<U+2028>two<U+2029>three<U+0085>four"},
	    {"\x1b[1Aup\n\x1b[1Aup", "<U+001B>[1Aup\n    | <U+001B>[1Aup"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct stage stage = stage_open();
		char *text = support_copy(cases[i].text, strlen(cases[i].text));

		console_put_message(&stage.console, text, strlen(cases[i].text));
		console_flush(&stage.console);
		expect_shown(&stage, cases[i].shown, strlen(cases[i].shown));
		free(text);
		stage_close(&stage);
	}
}

static void no_line_of_a_message_passes_for_one_of_ours(void **state)
{
	uint64_t seed = 31;

	(void)state;
	for (int i = 0; i < 500; i++) {
		struct stage stage = stage_open();
		struct buffer shown = {0};
		char text[200];

		for (size_t at = 0; at < sizeof(text); at++)
			text[at] = support_random(&seed) % 8 == 0 ? '\n' : (char)support_random(&seed);
		console_put_message(&stage.console, text, sizeof(text));
		console_flush(&stage.console);
		drain(stage.out, &shown);
		assert_true(text_is_utf8(shown.data, shown.len));
		for (size_t at = 0; at < shown.len; at++) {
			if (shown.data[at] != '\n') {
				assert_true((unsigned char)shown.data[at] >= ' ');
				continue;
			}
			assert_true(shown.len - at > 6);
			assert_memory_equal(shown.data + at + 1, "    | ", 6);
		}
		buffer_free(&shown);
		stage_close(&stage);
	}
}

static void a_draft_moves_to_the_end_of_a_collection(void **state)
{
	struct stage stage = stage_open();
	struct console draft;

	(void)state;
	console_init_draft(&draft, &stage.console);
	console_put(&stage.console, "one ");
	console_put(&draft, "two ");
	console_put_all(&stage.console, &draft);
	console_put_all(&stage.console, &draft);
	console_put(&stage.console, "three");
	console_put(&draft, "four");
	console_flush(&stage.console);
	expect_shown(&stage, BYTES("one two three"));
	console_free(&draft);
	stage_close(&stage);
}

/* What serves may be asked to write in the middle of a line, and could not break it well then. */
static void a_server_writes_whole_lines(void **state)
{
	struct stage stage = stage_open();

	(void)state;
	console_put(&stage.console, "one\ntwo ");
	console_flush_ready(&stage.console);
	expect_shown(&stage, BYTES("one\n"));
	assert_int_equal(console_waiting_bytes(&stage.console), 4);
	console_put(&stage.console, "three\n");
	console_flush_ready(&stage.console);
	expect_shown(&stage, BYTES("two three\n"));
	assert_int_equal(console_waiting_bytes(&stage.console), 0);
	stage_close(&stage);
}

/* A terminal: what is written to tty comes out at the returned descriptor. */
static int terminal_open(int *tty)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	struct termios modes;

	if (master < 0)
		return -1;
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	*tty = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(*tty >= 0);
	assert_int_equal(tcgetattr(*tty, &modes), 0);
	cfmakeraw(&modes);
	assert_int_equal(tcsetattr(*tty, TCSANOW, &modes), 0);
	return master;
}

static void set_columns(int master, unsigned short columns)
{
	struct winsize size = {.ws_row = 24, .ws_col = columns};

	assert_int_equal(ioctl(master, TIOCSWINSZ, &size), 0);
}

static void expect_on_terminal(int master, const char *expected)
{
	struct buffer shown = {0};

	drain(master, &shown);
	assert_int_equal(buffer_append(&shown, "", 1), 0);
	assert_string_equal(shown.data, expected);
	buffer_free(&shown);
}

static void lines_are_as_wide_as_the_terminal_is_by_then(void **state)
{
	static const char text[] = "one two three four five six seven\teight";
	struct console console, draft;
	int tty;
	int master = terminal_open(&tty);

	(void)state;
	if (master < 0)
		skip();
	console_init(&console, tty);
	console_init_draft(&draft, &console);
	console.coloured = draft.coloured = false;
	for (int i = 0; i < 2; i++) {
		set_columns(master, 20);
		console_put(&draft, "Ece: ");
		console_put_message(&draft, BYTES(text));
		console_put(&draft, "\n");
		console_put_all(&console, &draft);
		/* What counts is the width when it is written. */
		set_columns(master, i == 0 ? 30 : 0);
		if (i == 0)
			console_flush(&console);
		else
			console_flush_ready(&console);
		expect_on_terminal(master, i == 0 ? "Ece: one two three four five\n    | six seven    eight\n"
						  : "Ece: one two three four five six seven    eight\n");
	}
	console_free(&draft);
	console_free(&console);
	close(tty);
	close(master);
}

static void text_from_right_to_left_moves_nothing_beside_it(void **state)
{
	static const char salaam[] = "\u0633\u0644\u0627\u0645";
	struct stage stage = stage_open();
	struct console console;
	int tty;
	int master = terminal_open(&tty);

	(void)state;
	if (master < 0)
		skip();
	console_init(&console, tty);
	console.coloured = false;
	console_put_name(&console, CONSOLE_STRONG, salaam);
	console_put_name(&console, CONSOLE_STRONG, "\u0633]");
	console_put_name(&console, CONSOLE_STRONG, "Ece");
	console_put(&console, ": ");
	console_put_message(&console, BYTES("\u0633\nhello\n\t\u0644"));
	console_put_foreign(&console, salaam, strlen(salaam));
	console_put(&console, "\n");
	console_flush(&console);
	expect_on_terminal(master,
	    "\"\u2068\u0633\u0644\u0627\u0645\u2069\"\"\u2068\u0633]\u2069\"Ece: \u2068\u0633\u2069\n"
	    "    | hello\n    | \u2068    \u0644\u2069"
	    "\u2068\u0633\u0644\u0627\u0645\u2069\n");
	console_free(&console);
	close(tty);
	close(master);
	/* A file keeps what was said, and nothing else. */
	console_put_name(&stage.console, CONSOLE_STRONG, salaam);
	console_put_foreign(&stage.console, salaam, strlen(salaam));
	console_put_message(&stage.console, salaam, strlen(salaam));
	console_flush(&stage.console);
	expect_shown(&stage, BYTES("\u0633\u0644\u0627\u0645\u0633\u0644\u0627\u0645\u0633\u0644\u0627\u0645"));
	stage_close(&stage);
}

static void set_environment(const char *name, const char *value)
{
	if (value != NULL)
		assert_int_equal(setenv(name, value, 1), 0);
	else
		assert_int_equal(unsetenv(name), 0);
}

static void colour_is_for_terminals_that_want_it(void **state)
{
	static const struct {
		const char *term, *no_color;
		bool coloured;
	} cases[] = {
	    {"xterm", NULL, true},
	    {"xterm-256color", NULL, true},
	    {"dumb", NULL, false},
	    {"xterm", "1", false},
	    {"dumb", "1", false},
	};
	const char *term = getenv("TERM");
	const char *no_color = getenv("NO_COLOR");
	char *term_before = term != NULL ? strdup(term) : NULL;
	char *no_color_before = no_color != NULL ? strdup(no_color) : NULL;
	int tty;
	int master = terminal_open(&tty);

	(void)state;
	if (master < 0)
		skip();
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct console console;
		struct stage stage;
		struct buffer shown = {0};

		set_environment("TERM", cases[i].term);
		set_environment("NO_COLOR", cases[i].no_color);
		console_init(&console, tty);
		assert_int_equal(console.coloured, cases[i].coloured);
		console_put_styled(&console, CONSOLE_BAD, "%s!", "red");
		console_put_name(&console, CONSOLE_STRONG, "B\x1b[31mob");
		console_flush(&console);
		drain(master, &shown);
		assert_int_equal(buffer_append(&shown, "", 1), 0);
		if (cases[i].coloured) {
			const char *reset;

			assert_int_equal(shown.data[0], '\x1b');
			assert_non_null(strstr(shown.data, "mred!\x1b["));
			assert_non_null(strstr(shown.data, "m\"B<U+001B>[31mob\"\x1b["));
			/* Nothing stays coloured. */
			reset = shown.data + shown.len - 5;
			assert_string_equal(reset, "\x1b[0m");
		} else {
			assert_string_equal(shown.data, "red!\"B<U+001B>[31mob\"");
		}
		console_free(&console);
		buffer_free(&shown);

		/* A pipe is never coloured. */
		stage = stage_open();
		assert_false(stage.console.coloured);
		console_put_styled(&stage.console, CONSOLE_GOOD, "plain %d", 1);
		console_flush(&stage.console);
		expect_shown(&stage, BYTES("plain 1"));
		stage_close(&stage);
	}
	set_environment("TERM", term_before);
	set_environment("NO_COLOR", no_color_before);
	free(term_before);
	free(no_color_before);
	close(tty);
	close(master);
}

static void a_reader_who_went_away_ends_nothing(void **state)
{
	struct stage stage = stage_open();

	(void)state;
	close(stage.out);
	console_put(&stage.console, "to nobody\n");
	console_flush_ready(&stage.console);
	assert_true(stage.console.outlet.broken);
	/* Who waits to offer the rest again would wait for ever. */
	assert_int_equal(console_waiting_bytes(&stage.console), 0);
	console_put(&stage.console, "to nobody\n");
	console_flush(&stage.console);
	for (int i = 0; i < 100000; i++) {
		console_put(&stage.console, "still to nobody, and at some length\n");
		console_put_foreign(&stage.console, BYTES("\x1b[31m"));
	}
	assert_true(console_waiting_bytes(&stage.console) < 1000);
	console_flush(&stage.console);
	console_flush_ready(&stage.console);
	console_free(&stage.console);
	close(stage.in);
}

static void a_device_that_takes_nothing_ends_nothing(void **state)
{
	static const char *const devices[] = {"/dev/full", "/dev/null"};

	(void)state;
	for (size_t i = 0; i < COUNT(devices); i++) {
		int fd = open(devices[i], O_WRONLY | O_CLOEXEC);
		struct console console;

		assert_true(fd >= 0);
		console_init(&console, fd);
		console_put(&console, "words\n");
		console_flush(&console);
		assert_int_equal(console_waiting_bytes(&console), 0);
		console_put(&console, "words\n");
		console_flush_ready(&console);
		console_free(&console);
		close(fd);
	}
}

static void a_file_takes_everything(void **state)
{
	int dir = workdir_fd(state);
	int fd = openat(dir, "screen", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	char *text = support_repeat('x', 500000);
	struct console console;

	console_init(&console, fd);
	assert_false(console.coloured);
	console_put(&console, "%s", text);
	console_flush(&console);
	file_expect(dir, "screen", text, 500000);
	console_put(&console, "%s", text);
	console_flush_ready(&console);
	console_free(&console);
	close(fd);
	assert_int_equal(file_count(dir, ""), 1);
	free(text);
}

/* Text in which every byte has its place: numbers of seven digits, a line each. */
#define NUMBER_BYTES 8

static void put_numbers(struct console *console, unsigned first, unsigned count)
{
	for (unsigned i = first; i < first + count; i++)
		console_put(console, "%07u\n", i);
}

static char number_byte(size_t at)
{
	char number[32];

	snprintf(number, sizeof(number), "%07zu\n", at / NUMBER_BYTES);
	return number[at % NUMBER_BYTES];
}

/* How many numbers the text begins with. */
static size_t count_numbers(const struct buffer *text)
{
	size_t at = 0;

	while (at < text->len && text->data[at] == number_byte(at))
		at++;
	return at / NUMBER_BYTES;
}

static int read_slowly(void *argument)
{
	int fd = *(int *)argument;
	size_t total = 0;
	char chunk[4096];
	ssize_t n;

	CHILD_CHECK(fcntl(fd, F_SETFL, 0) == 0);
	while ((n = read(fd, chunk, sizeof(chunk))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			CHILD_CHECK(chunk[i] == number_byte(total++));
		sleep_a_moment();
	}
	CHILD_CHECK(total == NUMBER_BYTES * 100000);
	return 0;
}

static void flushing_waits_for_a_slow_reader(void **state)
{
	(void)state;
	for (int nonblocking = 0; nonblocking < 2; nonblocking++) {
		struct stage stage = stage_open();
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			/* The console may write through a descriptor of its own. */
			close(stage.in);
			close(stage.console.outlet.fd);
			_exit(read_slowly(&stage.out));
		}
		if (nonblocking)
			assert_int_equal(fcntl(stage.in, F_SETFL, O_NONBLOCK), 0);
		put_numbers(&stage.console, 0, 100000);
		console_flush(&stage.console);
		assert_int_equal(console_waiting_bytes(&stage.console), 0);
		assert_false(stage.console.outlet.broken);
		stage_close(&stage);
		await_child(pid);
	}
}

static void a_server_never_waits_for_a_reader(void **state)
{
	struct stage stage = stage_open();
	struct buffer shown = {0};

	(void)state;
	put_numbers(&stage.console, 0, 50000);
	console_flush_ready(&stage.console);
	/* The pipe is full, and the rest is kept. */
	assert_in_range(console_waiting_bytes(&stage.console), 1, 8 * 50000 - 1);
	console_flush_ready(&stage.console);
	put_numbers(&stage.console, 50000, 1000);
	for (int i = 0; i < 1000 && shown.len < 8 * 51000; i++) {
		drain(stage.out, &shown);
		console_flush_ready(&stage.console);
	}
	assert_int_equal(shown.len, 8 * 51000);
	assert_int_equal(count_numbers(&shown), 51000);
	assert_int_equal(console_waiting_bytes(&stage.console), 0);
	assert_false(stage.console.outlet.lost);
	buffer_free(&shown);
	stage_close(&stage);
}

static void what_nobody_reads_is_bounded_and_its_loss_is_said(void **state)
{
	struct stage stage = stage_open();
	struct buffer shown = {0};
	char loss[64];
	size_t numbers;

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		put_numbers(&stage.console, i * 1000, 1000);
		console_flush_ready(&stage.console);
		assert_true(console_waiting_bytes(&stage.console) <= OUTLET_BACKLOG_MAX_BYTES + 8);
	}
	assert_true(stage.console.outlet.lost);
	for (int i = 0; i < 10000 && (console_waiting_bytes(&stage.console) > 0 || i < 3); i++) {
		drain(stage.out, &shown);
		console_flush_ready(&stage.console);
	}
	drain(stage.out, &shown);
	numbers = count_numbers(&shown);
	assert_in_range(numbers, OUTLET_BACKLOG_MAX_BYTES / 8, 1000 * 1000 - 1);
	/* Behind the numbers that came, words say how many others did not. */
	snprintf(loss, sizeof(loss), "\n(%zu lines were not shown here)\n", 1000 * 1000 - numbers);
	CHECK(shown.len == 8 * numbers + strlen(loss) && memcmp(shown.data + 8 * numbers, loss, strlen(loss)) == 0,
	    "not %s", loss);
	buffer_free(&shown);
	/* And then it goes on. */
	console_put(&stage.console, "again\n");
	console_flush_ready(&stage.console);
	expect_shown(&stage, BYTES("again\n"));
	assert_false(stage.console.outlet.lost);
	stage_close(&stage);
}

static int stop_while_flushing(void *argument)
{
	struct stage *stage = argument;
	char chunk[65536];

	stop_install();
	put_numbers(&stage->console, 0, 50000);
	CHILD_CHECK(!stop_requested());
	/* Blocked outside of waits, and yet it counts. */
	CHILD_CHECK(raise(SIGTERM) == 0);
	CHILD_CHECK(stop_requested());
	console_flush(&stage->console);
	CHILD_CHECK(stop_requested());
	CHILD_CHECK(console_waiting_bytes(&stage->console) == 0);
	/* The last words still come out if there is room. */
	while (read(stage->out, chunk, sizeof(chunk)) > 0)
		;
	console_put(&stage->console, "Bye.\n");
	console_flush(&stage->console);
	while (read(stage->out, chunk, sizeof(chunk)) > 0)
		CHILD_CHECK(memmem(chunk, sizeof(chunk), "Bye.\n", 5) != NULL);
	CHILD_CHECK(console_waiting_bytes(&stage->console) == 0);
	return 0;
}

static void stopping_ends_the_wait_for_a_reader(void **state)
{
	struct stage stage = stage_open();

	(void)state;
	await_child(start_child(stop_while_flushing, &stage));
	stage_close(&stage);
}

static void titles_are_escaped_and_written_once(void **state)
{
	char longest[CONSOLE_TITLE_BYTES + 1];
	struct console console;
	int tty;
	int master = terminal_open(&tty);

	(void)state;
	if (master < 0)
		skip();
	set_environment("TERM", "xterm");
	console_init(&console, tty);
	console_set_title(&console, "discovery: %s +%d", "B\033]2;ob\007", 3);
	console_put(&console, "hello\n");
	console_flush_ready(&console);
	expect_on_terminal(master, "hello\n\033]2;discovery: B<U+001B>]2;ob<U+0007> +3\033\\");
	console_set_title(&console, "discovery: %s +%d", "B\033]2;ob\007", 3);
	console_flush(&console);
	expect_on_terminal(master, "");
	/* It is cut, and of several only the last is shown. */
	memset(longest, 'x', sizeof(longest));
	longest[CONSOLE_TITLE_BYTES] = '\0';
	console_set_title(&console, "%s", longest);
	assert_int_equal(strlen(console.title), CONSOLE_TITLE_BYTES - 1);
	console_set_title(&console, "responder");
	console_ring(&console);
	console_ring(&console);
	assert_int_not_equal(console_waiting_bytes(&console), 0);
	console_flush(&console);
	expect_on_terminal(master, "\033]2;responder\033\\\a");
	assert_int_equal(console_waiting_bytes(&console), 0);
	console_free(&console);
	/* Not for every terminal. */
	set_environment("TERM", "dumb");
	console_init(&console, tty);
	console_set_title(&console, "responder");
	console_ring(&console);
	console_flush(&console);
	expect_on_terminal(master, "");
	console_free(&console);
	close(tty);
	close(master);
}

/* The relative luminance of one of the 216 colours of the cube, as WCAG 2 has it. */
static double luminance_of(int colour)
{
	static const double levels[] = {0, 0.1144, 0.2423, 0.4287, 0.6795, 1};

	colour -= 16;
	return 0.2126 * levels[colour / 36] + 0.7152 * levels[colour / 6 % 6] + 0.0722 * levels[colour % 6];
}

static void colours_of_names_are_readable_on_light_and_dark(void **state)
{
	uint8_t identity[32] = {0};
	bool seen[CONSOLE_NAME_COLOURS] = {false};
	int tty;
	int master = terminal_open(&tty);

	(void)state;
	if (master < 0)
		skip();
	for (identity[0] = 0; identity[0] < 60; identity[0]++) {
		enum console_style style = console_name_style("Bob", identity);
		struct buffer shown = {0};
		struct console console;
		double luminance;
		int colour;

		assert_in_range(style, CONSOLE_FIRST_OF_NAMES, CONSOLE_FIRST_OF_NAMES + CONSOLE_NAME_COLOURS - 1);
		seen[style - CONSOLE_FIRST_OF_NAMES] = true;
		/* The name does not matter if the identity is certain, and nothing else if it is not. */
		assert_int_equal(style, console_name_style("Ece", identity));
		assert_int_equal(console_name_style("Bob", NULL), console_name_style("Bob", NULL));
		console_init(&console, tty);
		console.coloured = true;
		console_put_name(&console, style, "Bob");
		console_free(&console);
		drain(master, &shown);
		assert_int_equal(buffer_append(&shown, "", 1), 0);
		assert_int_equal(sscanf(shown.data, "\033[38;5;%dmBob\033[0m", &colour), 1);
		luminance = luminance_of(colour);
		CHECK((luminance + 0.05) / 0.05 >= 4 && 1.05 / (luminance + 0.05) >= 4, "%d is hard to read", colour);
		buffer_free(&shown);
	}
	for (size_t i = 0; i < CONSOLE_NAME_COLOURS; i++)
		assert_true(seen[i]);
	close(tty);
	close(master);
}

static void what_was_searched_for_is_marked(void **state)
{
	static const char text[] = "a \x1b*b* c\n\td";
	static const struct console_mark marks[] = {{3, 8}, {3, 6}, {9, 11}};
	struct stage stage = stage_open();

	(void)state;
	console_put_marked(&stage.console, text, strlen(text), marks, COUNT(marks));
	stage.console.coloured = true;
	console_put_marked(&stage.console, text, strlen(text), marks, COUNT(marks));
	console_flush(&stage.console);
	expect_shown(&stage, BYTES("a <U+001B>*b* c\n    |     d"
				   "a <U+001B>\033[7m*b* c\033[0m\n    | \033[7m    d\033[0m"));
	stage_close(&stage);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(text_is_collected_and_written_in_one_go),
	    cmocka_unit_test(freeing_flushes),
	    cmocka_unit_test(foreign_text_is_escaped_on_its_way_in),
	    cmocka_unit_test(no_name_passes_for_more_than_a_name),
	    cmocka_unit_test(a_name_as_long_as_names_may_be_is_shown_whole),
	    cmocka_unit_test(long_foreign_text_is_cut_nowhere),
	    cmocka_unit_test(lines_of_a_message_stand_behind_a_bar),
	    cmocka_unit_test(no_line_of_a_message_passes_for_one_of_ours),
	    cmocka_unit_test(a_draft_moves_to_the_end_of_a_collection),
	    cmocka_unit_test(a_server_writes_whole_lines),
	    cmocka_unit_test(lines_are_as_wide_as_the_terminal_is_by_then),
	    cmocka_unit_test(what_was_searched_for_is_marked),
	    cmocka_unit_test(text_from_right_to_left_moves_nothing_beside_it),
	    cmocka_unit_test(colour_is_for_terminals_that_want_it),
	    cmocka_unit_test(a_reader_who_went_away_ends_nothing),
	    cmocka_unit_test(a_device_that_takes_nothing_ends_nothing),
	    workdir_test(a_file_takes_everything),
	    cmocka_unit_test(flushing_waits_for_a_slow_reader),
	    cmocka_unit_test(a_server_never_waits_for_a_reader),
	    cmocka_unit_test(what_nobody_reads_is_bounded_and_its_loss_is_said),
	    cmocka_unit_test(titles_are_escaped_and_written_once),
	    cmocka_unit_test(colours_of_names_are_readable_on_light_and_dark),
	    cmocka_unit_test(stopping_ends_the_wait_for_a_reader),
	};

	support_begin();
	/* As stop_install() does for the programs. */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return 1;
	return cmocka_run_group_tests_name("console", tests, NULL, NULL);
}
