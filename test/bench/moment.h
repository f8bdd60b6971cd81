/*
 * Time for measurements: nanoseconds that never jump, and waiting for a moment without oversleeping it.
 */
#ifndef QUARTET_BENCH_MOMENT_H
#define QUARTET_BENCH_MOMENT_H

#include <stdint.h>

#define MOMENT_SECOND_NS INT64_C(1000000000)

/* Now on the monotonic clock, which all processes share. */
int64_t moment_ns(void);

/* Now on the wall clock, since 1970. */
int64_t moment_wall_ns(void);

/* Sleeps until then_ns (monotonic); returns at once where that is past. */
void moment_await(int64_t then_ns);

/* Lets this process's sleeps end when they should and not up to 50 us later (prctl(2), PR_SET_TIMERSLACK). */
void moment_sharpen(void);

#endif
