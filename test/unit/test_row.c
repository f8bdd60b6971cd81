/* row: what a message looks like in the transcript. */
#include "support.h"

#include "base/buffer.h"
#include "responder/row.h"
#include "term/layout.h"

/* A console as on a terminal, whose text is looked at. */
static struct console make_console(bool coloured)
{
	struct console console = {.outlet = {.fd = -1}, .terminal = true, .coloured = coloured};

	return console;
}

static struct chatlog_entry entry_of(const char *username, const char *text)
{
	struct chatlog_entry entry = {
	    .time_ms = INT64_C(1763625600125), /* 08:00 UTC */
	    .mode = CHATLOG_SECURE,
	    .has_identity = true,
	    .address = support_address(0xc0a80109),
	    .text = text,
	    .text_len = strlen(text),
	};

	snprintf(entry.username, sizeof(entry.username), "%s", username);
	return entry;
}

static struct chatlog_entry offer_of(const char *username, const char *name)
{
	struct chatlog_entry entry = entry_of(username, "");

	entry.has_file = true;
	entry.number = 3;
	entry.file.bytes = 2100000;
	snprintf(entry.file.name, sizeof(entry.file.name), "%s", name);
	return entry;
}

/* Expects what was collected, in rows of 60 columns. */
static void expect_rows(struct console *console, const char *expected)
{
	struct buffer rows = {0};

	assert_int_equal(layout_append(&rows, console->text.data, console->text.len, 60), 0);
	assert_int_equal(buffer_append(&rows, "", 1), 0);
	CHECK(strcmp(rows.data, expected) == 0, "\"%s\" and not \"%s\"", rows.data, expected);
	buffer_free(&rows);
	buffer_free(&console->text);
}

static void expect(struct chatlog_entry entry, enum row_fate fate, const char *expected)
{
	struct console console = make_console(false);

	row_put_message(&console, &entry, fate, false, NULL, NULL);
	expect_rows(&console, expected);
}

static void names_are_aligned_at_the_text(void **state)
{
	(void)state;
	expect(entry_of("Bob", "hello"), ROW_RECEIVED, "08:00        Bob  hello\n");
	expect(entry_of("Bob", "hello"), ROW_SENT, "08:00      → Bob  hello\n");
	expect(entry_of("Christophe", "hello"), ROW_RECEIVED, "08:00 Christophe  hello\n");
	expect(entry_of("Christop", "hello"), ROW_DELIVERED, "08:00 → Christop  hello ✓\n");
	expect(entry_of("小明", "hello"), ROW_RECEIVED, "08:00       小明  hello\n");
	expect(entry_of("Bob", "hello"), ROW_WAITS, "08:00      → Bob  hello (waits)\n");
	expect(entry_of("Bob", "hello"), ROW_DROPPED, "08:00      → Bob  hello ✗ (dropped)\n");
}

static void a_name_that_is_too_long_has_a_row_to_itself(void **state)
{
	(void)state;
	expect(entry_of("Christopher", "hello"), ROW_RECEIVED, "08:00 Christopher \n                  hello\n");
	expect(entry_of("Christophe", "hello"), ROW_SENT, "08:00 → Christophe \n                  hello\n");
	expect(entry_of("somebody with a name as long as there may be one, is it not now", "hello"), ROW_RECEIVED,
	    "08:00 somebody with a name as long as there may be one, is\n"
	    "                  it not now \n                  hello\n");
}

static void no_text_begins_left_of_its_column(void **state)
{
	(void)state;
	expect(entry_of("Bob", "one\n08:00        Ece  two\n\nthree and four and five and six and seven and eight"),
	    ROW_RECEIVED,
	    "08:00        Bob  one\n"
	    "                  08:00        Ece  two\n"
	    "                  \n"
	    "                  three and four and five and six and seven\n"
	    "                  and eight\n");
	expect(entry_of("Bob", "\v!\f\rx"), ROW_RECEIVED, "08:00        Bob  <U+000B>!<U+000C><U+000D>x\n");
}

static void a_sign_stands_behind_the_name(void **state)
{
	struct chatlog_entry entry = entry_of("Bob", "hello");

	(void)state;
	entry.standing = "changed";
	expect(entry, ROW_RECEIVED, "08:00        Bob! hello\n");
	entry = entry_of("unknown", "hello");
	entry.mode = CHATLOG_PLAIN;
	entry.has_identity = false;
	/* Who has no name is shown by address. */
	expect(entry, ROW_RECEIVED, "08:00 192.168.1.9~\n                  hello\n");
}

static void what_became_of_a_message_begins_where_no_text_does(void **state)
{
	struct chatlog_entry entry = entry_of("Bob", "");
	struct console console = make_console(false);

	(void)state;
	entry.standing = "changed";
	row_put_state(&console, &entry, true, "08:00 delivered: ", "hello");
	row_put_state(&console, &entry, false, "dropped: ", "no\033");
	expect_rows(&console, "08:00      ✓ Bob  08:00 delivered: hello\n08:00      ✗ Bob  dropped: no<U+001B>\n");
}

static void an_offer_begins_where_no_text_does(void **state)
{
	struct chatlog_entry entry = offer_of("Bob", "plan.pdf");

	(void)state;
	expect(entry, ROW_RECEIVED, "08:00  Bob offers plan.pdf (2.1 MB): Get 3\n");
	entry.standing = "changed";
	expect(entry, ROW_RECEIVED, "08:00  Bob! offers plan.pdf (2.1 MB): Get 3\n");
	entry = offer_of("Bob offers x", "a (2.1 MB): Get 4");
	expect(entry, ROW_RECEIVED, "08:00  Bob offers x offers \"a (2.1 MB): Get 4\" (2.1 MB): Get\n       3\n");
	entry = offer_of("Bob", "plan.pdf");
	entry.direction = CHATLOG_SENT;
	expect(entry, ROW_DELIVERED, "08:00      → Bob  offers plan.pdf (2.1 MB) ✓\n");
}

static void who_has_a_file_is_named_or_counted(void **state)
{
	struct roomview rooms = {.count = 1, .rooms = {{.name = "lab"}}};
	struct row_fetched fetched = {.time_ms = INT64_C(1763625600125), .count = 1, .username = "Can", .holders = 3};
	struct chatlog_entry entry = offer_of("Bob", "plan.pdf");
	struct console console = make_console(false);

	(void)state;
	row_put_fetched(&console, &entry, &fetched, &rooms);
	expect_rows(&console, "08:00  Can has plan.pdf ✓\n");
	entry.has_room = true;
	entry.to_count = 5;
	row_put_fetched(&console, &entry, &fetched, &rooms);
	expect_rows(&console, "08:00  #lab Can has plan.pdf ✓ 3 of 5\n");
	fetched.count = 2;
	row_put_fetched(&console, &entry, &fetched, &rooms);
	expect_rows(&console, "08:00  #lab 3 of 5 have plan.pdf ✓\n");
}

static void the_beginning_of_a_message_is_its_first_line_in_whole_characters(void **state)
{
	static const char text[] = "12345678901234567890123456789012345678901234567890123456789é1";
	char beginning[ROW_BEGINNING_BYTES];
	struct chatlog_entry entry;

	(void)state;
	entry = entry_of("Bob", "hello");
	row_copy_beginning(beginning, &entry);
	assert_string_equal(beginning, "hello");
	entry = entry_of("Bob", "one\ntwo");
	row_copy_beginning(beginning, &entry);
	assert_string_equal(beginning, "one…");
	entry = offer_of("Bob", "plan.pdf");
	row_copy_beginning(beginning, &entry);
	assert_string_equal(beginning, "plan.pdf");
	entry = entry_of("Bob", text);
	row_copy_beginning(beginning, &entry);
	assert_string_equal(beginning, "12345678901234567890123456789012345678901234567890123456789…");
}

static void a_name_has_its_colour_and_what_waits_has_none(void **state)
{
	struct chatlog_entry entry = entry_of("Bob", "*hello*");
	struct console console = make_console(true);

	(void)state;
	row_put_message(&console, &entry, ROW_RECEIVED, false, NULL, NULL);
	expect_rows(&console, "\033[2m08:00        \033[0m\033[38;5;130mBob\033[0m  "
			      "\033[0;1;2m*\033[0m\033[0;1mhello\033[0m\033[0;1;2m*\033[0m\n");
	row_put_message(&console, &entry, ROW_WAITS, false, NULL, NULL);
	expect_rows(&console,
	    "\033[2m08:00      → \033[0m\033[2mBob\033[0m  "
	    "\033[0;2;1;2m*\033[0m\033[0;2;1mhello\033[0m\033[0;2;1;2m*\033[0m\033[2m (waits)\033[0m\n");
}

static void a_day_is_that_of_the_clock_on_the_wall(void **state)
{
	struct console console = make_console(false);

	(void)state;
	assert_true(row_is_same_day(INT64_C(1763596800000), INT64_C(1763683199999)));
	assert_false(row_is_same_day(INT64_C(1763596799999), INT64_C(1763596800000)));
	/* A year later it is another. */
	assert_false(row_is_same_day(INT64_C(1763596800000), INT64_C(1763596800000) + INT64_C(31536000000)));
	row_put_day(&console, INT64_C(1763596800000));
	expect_rows(&console, "──── Thursday, 2025-11-20 ────\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_are_aligned_at_the_text),
	    cmocka_unit_test(a_name_that_is_too_long_has_a_row_to_itself),
	    cmocka_unit_test(no_text_begins_left_of_its_column),
	    cmocka_unit_test(a_sign_stands_behind_the_name),
	    cmocka_unit_test(what_became_of_a_message_begins_where_no_text_does),
	    cmocka_unit_test(an_offer_begins_where_no_text_does),
	    cmocka_unit_test(who_has_a_file_is_named_or_counted),
	    cmocka_unit_test(the_beginning_of_a_message_is_its_first_line_in_whole_characters),
	    cmocka_unit_test(a_name_has_its_colour_and_what_waits_has_none),
	    cmocka_unit_test(a_day_is_that_of_the_clock_on_the_wall),
	};

	support_begin();
	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests_name("row", tests, NULL, NULL);
}
