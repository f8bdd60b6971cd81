#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t read_ms(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_wall_ms(void)
{
	return read_ms(CLOCK_REALTIME);
}

int64_t clock_monotonic_ms(void)
{
	return read_ms(CLOCK_MONOTONIC);
}

int64_t clock_boot_ms(void)
{
	return read_ms(CLOCK_BOOTTIME);
}

/* Writes "2000-01-01T00:00:00". */
static void format_second(time_t seconds, char text[static sizeof("2000-01-01T00:00:00")])
{
	struct tm utc;

	gmtime_r(&seconds, &utc);
	/* Not %Y, which writes the first years with fewer digits. */
	snprintf(text, sizeof("2000-01-01T00:00:00"), "%04u", (unsigned)(utc.tm_year + 1900) % 10000);
	strftime(text + 4, sizeof("-01-01T00:00:00"), "-%m-%dT%H:%M:%S", &utc);
}

void clock_format_utc(int64_t wall_ms, char text[static CLOCK_UTC_BYTES])
{
	static const int64_t year_zero_ms = -62167219200000, year_ten_thousand_ms = 253402300800000;
	/* Most come in the same second as the one before. */
	static _Thread_local char day_and_time[sizeof("2000-01-01T00:00:00")];
	static _Thread_local int64_t formatted = INT64_MIN;
	int64_t seconds;

	if (wall_ms < year_zero_ms)
		wall_ms = year_zero_ms;
	if (wall_ms >= year_ten_thousand_ms)
		wall_ms = year_ten_thousand_ms - 1;
	seconds = (wall_ms - year_zero_ms) / 1000 + year_zero_ms / 1000;
	if (seconds != formatted)
		format_second((time_t)seconds, day_and_time);
	formatted = seconds;
	snprintf(text, CLOCK_UTC_BYTES, "%s.%03uZ", day_and_time, (unsigned)((wall_ms - year_zero_ms) % 1000));
}

bool clock_parse_utc(const char *text, size_t len, int64_t *wall_ms)
{
	char copy[CLOCK_UTC_BYTES] = "", back[CLOCK_UTC_BYTES];
	struct tm utc = {0};
	int milliseconds;
	int64_t parsed;

	if (len != sizeof(copy) - 1)
		return false;
	memcpy(copy, text, len);
	if (sscanf(copy, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ", &utc.tm_year, &utc.tm_mon, &utc.tm_mday, &utc.tm_hour,
		&utc.tm_min, &utc.tm_sec, &milliseconds) != 7)
		return false;
	utc.tm_year -= 1900;
	utc.tm_mon -= 1;
	parsed = (int64_t)timegm(&utc) * 1000 + milliseconds;
	/* What is written in another way, or out of range (31 February), does not come back as it was. */
	clock_format_utc(parsed, back);
	if (memcmp(back, copy, len) != 0)
		return false;
	*wall_ms = parsed;
	return true;
}

void clock_format_local(int64_t wall_ms, bool with_date, char text[static CLOCK_LOCAL_BYTES])
{
	static _Thread_local char formatted[CLOCK_LOCAL_BYTES];
	static _Thread_local time_t formatted_s;
	static _Thread_local bool had_date;
	time_t seconds = (time_t)(wall_ms / 1000 - (wall_ms % 1000 < 0));
	struct tm local;

	if (formatted[0] == '\0' || seconds != formatted_s || with_date != had_date) {
		if (!localtime_r(&seconds, &local) ||
		    strftime(formatted, sizeof(formatted), with_date ? "%Y-%m-%d %H:%M:%S" : "%H:%M:%S", &local) == 0)
			strcpy(formatted, "?");
		formatted_s = seconds;
		had_date = with_date;
	}
	strcpy(text, formatted);
}
