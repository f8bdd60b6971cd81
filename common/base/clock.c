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

/* Writes number with len digits and then end; every line of chat.log has such a time, so this is not printf(3). */
static char *put_number(char *text, int number, int len, char end)
{
	for (int i = len - 1; i >= 0; i--) {
		text[i] = (char)('0' + number % 10);
		number /= 10;
	}
	text[len] = end;
	return text + len + 1;
}

void clock_format_utc(int64_t wall_ms, char text[static CLOCK_UTC_BYTES])
{
	static const int64_t year_zero_ms = -62167219200000, year_ten_thousand_ms = 253402300800000;
	struct tm utc;
	time_t seconds;

	if (wall_ms < year_zero_ms)
		wall_ms = year_zero_ms;
	if (wall_ms >= year_ten_thousand_ms)
		wall_ms = year_ten_thousand_ms - 1;
	seconds = (time_t)((wall_ms - year_zero_ms) / 1000 + year_zero_ms / 1000);
	gmtime_r(&seconds, &utc);
	text = put_number(text, utc.tm_year + 1900, 4, '-');
	text = put_number(text, utc.tm_mon + 1, 2, '-');
	text = put_number(text, utc.tm_mday, 2, 'T');
	text = put_number(text, utc.tm_hour, 2, ':');
	text = put_number(text, utc.tm_min, 2, ':');
	text = put_number(text, utc.tm_sec, 2, '.');
	text = put_number(text, (int)((wall_ms - year_zero_ms) % 1000), 3, 'Z');
	*text = '\0';
}

/* Reads len digits as a number; false where one is no digit. */
static bool read_digits(const char *text, size_t len, int *number)
{
	*number = 0;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		*number = *number * 10 + (text[i] - '0');
	}
	return true;
}

bool clock_parse_utc(const char *text, size_t len, int64_t *wall_ms)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd.dddZ";
	struct tm utc = {0};
	int year, month, milliseconds;
	int64_t parsed;
	char back[CLOCK_UTC_BYTES];

	if (len != sizeof(form) - 1)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (form[i] != 'd' && text[i] != form[i])
			return false;
	}
	if (!read_digits(text, 4, &year) || !read_digits(text + 5, 2, &month) ||
	    !read_digits(text + 8, 2, &utc.tm_mday) || !read_digits(text + 11, 2, &utc.tm_hour) ||
	    !read_digits(text + 14, 2, &utc.tm_min) || !read_digits(text + 17, 2, &utc.tm_sec) ||
	    !read_digits(text + 20, 3, &milliseconds))
		return false;
	utc.tm_year = year - 1900;
	utc.tm_mon = month - 1;
	parsed = (int64_t)timegm(&utc) * 1000 + milliseconds;
	/* timegm() carries over what is out of range (31 February); such a time does not come back as it was. */
	clock_format_utc(parsed, back);
	if (memcmp(back, text, len) != 0)
		return false;
	*wall_ms = parsed;
	return true;
}

void clock_format_local(int64_t wall_ms, bool with_date, char text[static CLOCK_LOCAL_BYTES])
{
	time_t seconds = (time_t)(wall_ms / 1000 - (wall_ms % 1000 < 0));
	struct tm local;

	if (!localtime_r(&seconds, &local) ||
	    strftime(text, CLOCK_LOCAL_BYTES, with_date ? "%Y-%m-%d %H:%M:%S" : "%H:%M:%S", &local) == 0)
		snprintf(text, CLOCK_LOCAL_BYTES, "?");
}
