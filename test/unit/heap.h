/*
 * Looks over the allocator's shoulder: is a secret still in memory that is given back, how much is
 * taken at once?
 *
 * AddressSanitizer calls the two hooks. In a build without it heap_is_watched() is false and such
 * tests are skipped. Include it in one file of a program.
 */
#ifndef QUARTET_TEST_HEAP_H
#define QUARTET_TEST_HEAP_H

#include <malloc.h>

#include "support.h"

static const void *volatile heap_secret; /* NULL while nobody looks */
static volatile size_t heap_secret_len;
/* volatile: the compiler takes it that malloc() and free() call nothing of ours. */
static volatile unsigned heap_leaks;  /* blocks given back with the secret in them */
static volatile size_t heap_largest;  /* bytes, of what was taken at once */
static volatile unsigned heap_events; /* calls of the hooks */

void __sanitizer_malloc_hook(const volatile void *block, size_t len);
void __sanitizer_free_hook(const volatile void *block);

void __sanitizer_malloc_hook(const volatile void *block, size_t len)
{
	(void)block;
	heap_events++;
	if (len > heap_largest)
		heap_largest = len;
}

void __sanitizer_free_hook(const volatile void *block)
{
	void *bytes = (void *)(uintptr_t)block;

	heap_events++;
	if (heap_secret != NULL && block != NULL &&
	    memmem(bytes, malloc_usable_size(bytes), heap_secret, heap_secret_len) != NULL)
		heap_leaks++;
}

static inline bool heap_is_watched(void)
{
	unsigned before = heap_events;
	char *volatile block = malloc(1);

	free(block);
	return heap_events != before;
}

/* From here on counts the blocks that are given back with these bytes in them, which stay the
 * caller's. */
static inline void heap_watch(const void *secret, size_t len)
{
	heap_leaks = 0;
	heap_secret_len = len;
	heap_secret = secret;
}

/* Ends that, and says how many there were. */
static inline unsigned heap_unwatch(void)
{
	heap_secret = NULL;
	return heap_leaks;
}

#endif
