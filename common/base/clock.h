/*
 * Time in milliseconds: the wall clock (UTC, since the Unix epoch; it may jump) for what people read, the monotonic clock,
 * which means nothing outside this boot, for every deadline.
 */
#ifndef QUARTET_CLOCK_H
#define QUARTET_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "2026-11-20T08:00:00.123Z" and its NUL. */
#define CLOCK_UTC_BYTES 25
/* "2026-11-20 08:00:00" or "08:00:00" and its NUL, with room for any year. */
#define CLOCK_LOCAL_BYTES 40

int64_t clock_wall_ms(void);
int64_t clock_monotonic_ms(void);

/* Monotonic as well, and counts while the machine sleeps. */
int64_t clock_boot_ms(void);

/* Writes wall_ms as RFC 3339 in UTC with milliseconds. Years outside 0 to 9999 are clamped. */
void clock_format_utc(int64_t wall_ms, char text[static CLOCK_UTC_BYTES]);

/* Reads exactly that form. Returns false, and leaves *wall_ms alone, for anything else. */
bool clock_parse_utc(const char *text, size_t len, int64_t *wall_ms) __attribute__((warn_unused_result));

/* Writes wall_ms in local time: the time of day, with the date before it if with_date. */
void clock_format_local(int64_t wall_ms, bool with_date, char text[static CLOCK_LOCAL_BYTES]);

#endif
