/* clock: times as people and files write them. */
#include "support.h"

#include "base/clock.h"

#define MOMENT_MS INT64_C(1795161600123) /* 2026-11-20T08:00:00.123Z */
#define YEAR_0_MS INT64_C(-62167219200000)
#define YEAR_9999_END_MS INT64_C(253402300799999)

static const struct {
	int64_t wall_ms;
	const char *text;
} moments[] = {
    {0, "1970-01-01T00:00:00.000Z"},
    {1, "1970-01-01T00:00:00.001Z"},
    {-1, "1969-12-31T23:59:59.999Z"},
    {-1000, "1969-12-31T23:59:59.000Z"},
    {-1001, "1969-12-31T23:59:58.999Z"},
    {MOMENT_MS, "2026-11-20T08:00:00.123Z"},
    {INT64_C(1709210096007), "2024-02-29T12:34:56.007Z"},
    {INT64_C(951782400000), "2000-02-29T00:00:00.000Z"},
    {INT64_C(-2203891200000), "1900-03-01T00:00:00.000Z"},
    {INT64_C(-2203891200001), "1900-02-28T23:59:59.999Z"},
    {INT64_C(2147483647999), "2038-01-19T03:14:07.999Z"},
    {INT64_C(2147483648000), "2038-01-19T03:14:08.000Z"},
    {YEAR_0_MS, "0000-01-01T00:00:00.000Z"},
    {YEAR_9999_END_MS, "9999-12-31T23:59:59.999Z"},
};

static void the_clocks_go(void **state)
{
	int64_t before = (int64_t)time(NULL);
	int64_t wall_ms = clock_wall_ms();
	int64_t after = (int64_t)time(NULL);
	int64_t monotonic_ms = clock_monotonic_ms();

	(void)state;
	/* time() may lag a tick behind clock_gettime(). */
	assert_true(wall_ms >= before * 1000 && wall_ms < (after + 2) * 1000);
	for (int i = 0; i < 1000; i++) {
		int64_t next_ms = clock_monotonic_ms();

		assert_true(next_ms >= monotonic_ms);
		monotonic_ms = next_ms;
	}
	/* It is in milliseconds, so after a millisecond's sleep it is another one. */
	sleep_a_moment();
	assert_true(clock_monotonic_ms() > monotonic_ms);
}

static void moments_are_written_in_utc(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(moments); i++) {
		char *text = malloc(CLOCK_UTC_BYTES);

		assert_non_null(text);
		clock_format_utc(moments[i].wall_ms, text);
		assert_string_equal(text, moments[i].text);
		free(text);
	}
}

static void moments_are_read_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(moments); i++) {
		char *text = support_copy(moments[i].text, CLOCK_UTC_BYTES - 1);
		int64_t wall_ms = 42;

		CHECK(clock_parse_utc(text, CLOCK_UTC_BYTES - 1, &wall_ms), "%s is not read", moments[i].text);
		assert_true(wall_ms == moments[i].wall_ms);
		free(text);
	}
}

static void years_beyond_four_digits_are_clamped(void **state)
{
	static const int64_t low[] = {YEAR_0_MS - 1, YEAR_0_MS - 86400000, INT64_MIN / 2, INT64_MIN};
	static const int64_t high[] = {YEAR_9999_END_MS + 1, YEAR_9999_END_MS + 86400000, INT64_MAX / 2, INT64_MAX};
	char text[CLOCK_UTC_BYTES];
	int64_t wall_ms;

	(void)state;
	for (size_t i = 0; i < COUNT(low); i++) {
		clock_format_utc(low[i], text);
		assert_memory_equal(text, "0000-", 5);
		assert_true(clock_parse_utc(text, strlen(text), &wall_ms));
	}
	for (size_t i = 0; i < COUNT(high); i++) {
		clock_format_utc(high[i], text);
		assert_memory_equal(text, "9999-", 5);
		assert_true(clock_parse_utc(text, strlen(text), &wall_ms));
	}
}

static void every_moment_comes_back_from_its_text(void **state)
{
	uint64_t seed = 20261120;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		uint64_t random = (uint64_t)support_random(&seed) << 32 | support_random(&seed);
		int64_t wall_ms = YEAR_0_MS + (int64_t)(random % (uint64_t)(YEAR_9999_END_MS - YEAR_0_MS + 1));
		char text[CLOCK_UTC_BYTES];
		int64_t back = 0;

		clock_format_utc(wall_ms, text);
		CHECK(clock_parse_utc(text, CLOCK_UTC_BYTES - 1, &back) && back == wall_ms, "%s does not come back",
		    text);
	}
}

static void every_day_of_four_centuries_comes_after_the_one_before(void **state)
{
	static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int64_t expected_ms = INT64_C(-11676096000000); /* 1600-01-01 */

	(void)state;
	for (int year = 1600; year < 2000; year++) {
		bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

		for (int month = 1; month <= 12; month++) {
			int days = month_days[month - 1] + (month == 2 && leap);

			for (int day = 0; day <= 32; day++) {
				char text[64];
				int64_t wall_ms = 42;
				bool exists = day >= 1 && day <= days;

				snprintf(text, sizeof(text), "%04d-%02d-%02dT00:00:00.000Z", year, month, day);
				CHECK(clock_parse_utc(text, CLOCK_UTC_BYTES - 1, &wall_ms) == exists, "%s", text);
				CHECK(wall_ms == (exists ? expected_ms : 42), "%s", text);
				expected_ms += exists ? 86400000 : 0;
			}
		}
	}
}

static void nothing_else_is_read(void **state)
{
	static const char *const cases[] = {
	    "",
	    "2026-11-20",
	    "2026-11-20T08:00:00Z",
	    "2026-11-20T08:00:00.1Z",
	    "2026-11-20T08:00:00.12Z",
	    "2026-11-20T08:00:00.1234Z",
	    "2026-11-20T08:00:00.123",
	    "2026-11-20T08:00:00,123Z",
	    "2026-11-20 08:00:00.123Z",
	    "2026-11-20t08:00:00.123Z",
	    "2026-11-20T08:00:00.123z",
	    "2026-11-20T08:00:00.123+00:00",
	    "2026-11-20T08:00:00.123ZZ",
	    " 2026-11-20T08:00:00.123Z",
	    "2026-11-20T08:00:00.123Z ",
	    "2026-00-20T08:00:00.123Z",
	    "2026-13-20T08:00:00.123Z",
	    "2026-11-00T08:00:00.123Z",
	    "2026-11-31T08:00:00.123Z",
	    "2026-12-32T08:00:00.123Z",
	    "2023-02-29T08:00:00.123Z",
	    "1900-02-29T08:00:00.123Z",
	    "2024-02-30T08:00:00.123Z",
	    "2026-11-20T24:00:00.000Z",
	    "2026-11-20T25:00:00.123Z",
	    "2026-11-20T08:60:00.123Z",
	    "2026-11-20T08:00:60.123Z",
	    "2026-11-20T08:00:61.123Z",
	    "-026-11-20T08:00:00.123Z",
	    "+026-11-20T08:00:00.123Z",
	    "2026--1-20T08:00:00.123Z",
	    "2026-11-20T +8:00:00.123",
	    "2026-11-20T 8:00:00.123Z",
	    "2026-11-20T08:00:00.-23Z",
	    "2026-11-20T08:00:00. 23Z",
	    "2026/11/20T08:00:00.123Z",
	    "0x26-11-20T08:00:00.123Z",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *text = support_copy(cases[i], strlen(cases[i]));
		int64_t wall_ms = 42;

		CHECK(!clock_parse_utc(text, strlen(cases[i]), &wall_ms), "\"%s\" is read", cases[i]);
		assert_true(wall_ms == 42);
		free(text);
	}
}

static void a_text_that_is_read_is_the_text_that_is_written(void **state)
{
	static const char *const starts[] = {
	    "2026-11-20T08:00:00.123Z", "2024-02-29T23:59:59.999Z", "9999-12-31T23:59:59.999Z"};

	(void)state;
	for (size_t i = 0; i < COUNT(starts); i++) {
		for (size_t at = 0; at < CLOCK_UTC_BYTES - 1; at++) {
			for (int byte = 0; byte < 256; byte++) {
				char *text = support_copy(starts[i], CLOCK_UTC_BYTES - 1);
				char written[CLOCK_UTC_BYTES];
				int64_t wall_ms = 42;

				text[at] = (char)byte;
				if (clock_parse_utc(text, CLOCK_UTC_BYTES - 1, &wall_ms)) {
					clock_format_utc(wall_ms, written);
					CHECK(memcmp(written, text, CLOCK_UTC_BYTES - 1) == 0, "%.24s is read as %s",
					    text, written);
				} else {
					assert_true(wall_ms == 42);
				}
				free(text);
			}
		}
	}
}

static void every_shorter_or_longer_text_is_refused(void **state)
{
	static const char text[] = "2026-11-20T08:00:00.123Z\0\0\0";

	(void)state;
	for (size_t len = 0; len < sizeof(text); len++) {
		char *copy = support_copy(text, len);
		int64_t wall_ms = 42;

		assert_int_equal(clock_parse_utc(copy, len, &wall_ms), len == CLOCK_UTC_BYTES - 1);
		free(copy);
	}
}

static void local_times_follow_the_time_zone(void **state)
{
	static const struct {
		const char *zone;
		int64_t wall_ms;
		const char *with_date;
		const char *without;
	} cases[] = {
	    {"UTC0", MOMENT_MS, "2026-11-20 08:00:00", "08:00:00"},
	    {"EAST-3", MOMENT_MS, "2026-11-20 11:00:00", "11:00:00"},
	    {"EAST-14", MOMENT_MS + 7199000, "2026-11-20 23:59:59", "23:59:59"},
	    {"EAST-14", MOMENT_MS + 2 * 3600000, "2026-11-21 00:00:00", "00:00:00"},
	    {"WEST8:30", MOMENT_MS, "2026-11-19 23:30:00", "23:30:00"},
	    {"UTC0", -1, "1969-12-31 23:59:59", "23:59:59"},
	    {"UTC0", 0, "1970-01-01 00:00:00", "00:00:00"},
	};
	const char *zone_now = getenv("TZ");
	char *zone_before = zone_now != NULL ? strdup(zone_now) : NULL;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *text = malloc(CLOCK_LOCAL_BYTES);

		assert_non_null(text);
		assert_int_equal(setenv("TZ", cases[i].zone, 1), 0);
		tzset();
		clock_format_local(cases[i].wall_ms, true, text);
		assert_string_equal(text, cases[i].with_date);
		clock_format_local(cases[i].wall_ms, false, text);
		assert_string_equal(text, cases[i].without);
		free(text);
	}
	if (zone_before != NULL)
		assert_int_equal(setenv("TZ", zone_before, 1), 0);
	else
		assert_int_equal(unsetenv("TZ"), 0);
	tzset();
	free(zone_before);
}

static void any_year_fits_in_a_local_time(void **state)
{
	static const int64_t moments_ms[] = {
	    INT64_MIN, INT64_MIN / 1000, YEAR_0_MS - 1, YEAR_9999_END_MS + 86400000, INT64_MAX / 1000, INT64_MAX};

	(void)state;
	for (size_t i = 0; i < COUNT(moments_ms); i++) {
		for (int with_date = 0; with_date < 2; with_date++) {
			char *text = malloc(CLOCK_LOCAL_BYTES);

			assert_non_null(text);
			memset(text, 'x', CLOCK_LOCAL_BYTES);
			clock_format_local(moments_ms[i], with_date, text);
			assert_non_null(memchr(text, '\0', CLOCK_LOCAL_BYTES));
			free(text);
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_clocks_go),
	    cmocka_unit_test(moments_are_written_in_utc),
	    cmocka_unit_test(moments_are_read_back),
	    cmocka_unit_test(years_beyond_four_digits_are_clamped),
	    cmocka_unit_test(every_moment_comes_back_from_its_text),
	    cmocka_unit_test(every_day_of_four_centuries_comes_after_the_one_before),
	    cmocka_unit_test(nothing_else_is_read),
	    cmocka_unit_test(a_text_that_is_read_is_the_text_that_is_written),
	    cmocka_unit_test(every_shorter_or_longer_text_is_refused),
	    cmocka_unit_test(local_times_follow_the_time_zone),
	    cmocka_unit_test(any_year_fits_in_a_local_time),
	};

	support_begin();
	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
