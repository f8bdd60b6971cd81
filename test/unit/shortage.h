/*
 * Memory that runs out when a test says so: one request of malloc(), calloc() or realloc() comes back
 * as NULL, or all from one on.
 *
 * Stands before AddressSanitizer's allocator, or that of the C library in a build without it. Include
 * it in one file of a program.
 */
#ifndef QUARTET_TEST_SHORTAGE_H
#define QUARTET_TEST_SHORTAGE_H

#include "support.h"

/* volatile: the compiler takes it that malloc() reads nothing of ours. */
static volatile size_t shortage_at;    /* which request is refused, counted from 1; 0 for none */
static volatile size_t shortage_count; /* requests since shortage_begin() */
static volatile bool shortage_lasts;   /* those that follow are refused, too */

void *__interceptor_malloc(size_t len) __attribute__((weak));
void *__interceptor_calloc(size_t count, size_t len) __attribute__((weak));
void *__interceptor_realloc(void *block, size_t len) __attribute__((weak));
void *__libc_malloc(size_t len);
void *__libc_calloc(size_t count, size_t len);
void *__libc_realloc(void *block, size_t len);

static inline bool shortage_refuses(void)
{
	if (shortage_at == 0)
		return false;
	++shortage_count;
	return shortage_lasts ? shortage_count >= shortage_at : shortage_count == shortage_at;
}

void *malloc(size_t len)
{
	if (shortage_refuses())
		return NULL;
	return __interceptor_malloc ? __interceptor_malloc(len) : __libc_malloc(len);
}

void *calloc(size_t count, size_t len)
{
	if (shortage_refuses())
		return NULL;
	return __interceptor_calloc ? __interceptor_calloc(count, len) : __libc_calloc(count, len);
}

void *realloc(void *block, size_t len)
{
	if (shortage_refuses())
		return NULL;
	return __interceptor_realloc ? __interceptor_realloc(block, len) : __libc_realloc(block, len);
}

/* From here on the request of that number, counted from 1, is refused. */
static inline void shortage_begin(size_t at)
{
	shortage_count = 0;
	shortage_at = at;
}

/* Ends that. Returns whether a request was refused; if none was, there were fewer. */
static inline bool shortage_end(void)
{
	bool refused = shortage_count >= shortage_at;

	shortage_at = 0;
	return refused;
}

#endif
