/* buffer: bytes that grow, and are wiped. */
#include "support.h"

#include "base/buffer.h"
#include "heap.h"

/* A request that cannot be met comes back as NULL, as from the allocator of the system. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static void a_zeroed_buffer_is_empty(void **state)
{
	struct buffer buffer = {0};

	(void)state;
	buffer_consume(&buffer, 0);
	buffer_consume(&buffer, 10);
	assert_int_equal(buffer.len, 0);
	assert_null(buffer.data);
	buffer_free(&buffer);
	buffer_wipe(&buffer);
	assert_int_equal(buffer.len, 0);
}

static void appended_bytes_stand_in_their_order(void **state)
{
	struct buffer buffer = {0};
	uint8_t all[256];

	(void)state;
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (uint8_t)i;
	for (size_t i = 0; i < 1000; i++) {
		assert_int_equal(buffer_append(&buffer, all, i % 257), 0);
		assert_true(buffer.capacity >= buffer.len);
	}
	for (size_t i = 0, at = 0; i < 1000; at += i++ % 257)
		assert_int_equal(memcmp(buffer.data + at, all, i % 257), 0);
	buffer_free(&buffer);
}

static void nothing_appended_changes_nothing(void **state)
{
	struct buffer buffer = {0};

	(void)state;
	assert_int_equal(buffer_append(&buffer, "", 0), 0);
	assert_int_equal(buffer.len, 0);
	assert_int_equal(buffer_append(&buffer, "ab", 2), 0);
	assert_int_equal(buffer_append(&buffer, "", 0), 0);
	assert_int_equal(buffer_printf(&buffer, "%s", ""), 0);
	assert_int_equal(buffer.len, 2);
	buffer_free(&buffer);
}

static void formatted_text_comes_without_its_nul(void **state)
{
	struct buffer buffer = {0};
	char *long_text = support_repeat('x', 100000);

	(void)state;
	assert_int_equal(buffer_printf(&buffer, "%s has %d", "Ece", 42), 0);
	assert_int_equal(buffer.len, 10);
	assert_memory_equal(buffer.data, "Ece has 42", 10);
	assert_int_equal(buffer_append(&buffer, "!", 1), 0);
	assert_memory_equal(buffer.data, "Ece has 42!", 11);
	assert_int_equal(buffer_printf(&buffer, "<%s>", long_text), 0);
	assert_int_equal(buffer.len, 11 + 100002);
	assert_int_equal(buffer.data[11], '<');
	assert_memory_equal(buffer.data + 12, long_text, 100000);
	assert_int_equal(buffer.data[100012], '>');
	buffer_free(&buffer);
	free(long_text);
}

static void formatted_text_of_every_length_fits(void **state)
{
	(void)state;
	for (int len = 0; len < 600; len++) {
		struct buffer buffer = {0};

		assert_int_equal(buffer_append(&buffer, "ab", 2), 0);
		assert_int_equal(buffer_printf(&buffer, "%*s", len, ""), 0);
		assert_int_equal(buffer.len, 2 + (size_t)len);
		assert_memory_equal(buffer.data, "ab", 2);
		for (size_t i = 2; i < buffer.len; i++)
			assert_int_equal(buffer.data[i], ' ');
		buffer_free(&buffer);
	}
}

static void consumed_bytes_leave_from_the_front(void **state)
{
	static const struct {
		size_t consumed;
		const char *rest;
	} cases[] = {{0, "abcdef"}, {1, "bcdef"}, {5, "f"}, {6, ""}, {7, ""}, {SIZE_MAX, ""}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buffer buffer = {0};

		assert_int_equal(buffer_append(&buffer, "abcdef", 6), 0);
		buffer_consume(&buffer, cases[i].consumed);
		assert_int_equal(buffer.len, strlen(cases[i].rest));
		assert_int_equal(memcmp(buffer.data, cases[i].rest, buffer.len), 0);
		assert_int_equal(buffer_append(&buffer, "xyz", 3), 0);
		assert_memory_equal(buffer.data + buffer.len - 3, "xyz", 3);
		buffer_free(&buffer);
	}
}

static void a_freed_buffer_is_usable_again(void **state)
{
	void (*const releases[])(struct buffer *) = {buffer_free, buffer_wipe};

	(void)state;
	for (size_t i = 0; i < COUNT(releases); i++) {
		struct buffer buffer = {0};

		assert_int_equal(buffer_append(&buffer, "abc", 3), 0);
		releases[i](&buffer);
		assert_null(buffer.data);
		assert_int_equal(buffer.len, 0);
		assert_int_equal(buffer.capacity, 0);
		assert_int_equal(buffer_append(&buffer, "xy", 2), 0);
		assert_int_equal(buffer.len, 2);
		assert_memory_equal(buffer.data, "xy", 2);
		releases[i](&buffer);
		releases[i](&buffer);
	}
}

static void impossible_lengths_are_refused_and_change_nothing(void **state)
{
	static const size_t lengths[] = {
	    SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 2, SIZE_MAX - 3, SIZE_MAX / 2, SIZE_MAX / 2 + 2};

	(void)state;
	for (size_t i = 0; i < COUNT(lengths); i++) {
		struct buffer buffer = {0};
		struct buffer before;

		assert_int_equal(buffer_append(&buffer, "abc", 3), 0);
		before = buffer;
		assert_int_equal(buffer_append(&buffer, "x", lengths[i]), ENOMEM);
		assert_ptr_equal(buffer.data, before.data);
		assert_int_equal(buffer.len, before.len);
		assert_int_equal(buffer.capacity, before.capacity);
		assert_memory_equal(buffer.data, "abc", 3);
		buffer_free(&buffer);
	}
}

static void wiping_reaches_consumed_bytes_too(void **state)
{
	static const char secret[] = "the long secret of Alice";
	struct buffer buffer = {0};

	(void)state;
	if (!heap_is_watched())
		skip();
	heap_watch(BYTES(secret));
	assert_int_equal(buffer_append(&buffer, BYTES(secret)), 0);
	buffer_wipe(&buffer);
	assert_int_equal(heap_unwatch(), 0);

	/* What is consumed moves the rest to the front and leaves its old place as it was. */
	assert_int_equal(buffer_append(&buffer, "0123456789012345678901234567890123456789", 40), 0);
	assert_int_equal(buffer_append(&buffer, BYTES(secret)), 0);
	heap_watch(secret + 8, sizeof(secret) - 9);
	buffer_consume(&buffer, buffer.len);
	buffer_wipe(&buffer);
	assert_int_equal(heap_unwatch(), 0);
}

static void growing_leaves_no_copy_behind(void **state)
{
	static const char secret[] = "the long secret of Alice";
	struct buffer buffer = {0};

	(void)state;
	if (!heap_is_watched())
		skip();
	heap_watch(BYTES(secret));
	assert_int_equal(buffer_append(&buffer, BYTES(secret)), 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(buffer_append(&buffer, BYTES("and more of what is none")), 0);
	buffer_wipe(&buffer);
	assert_int_equal(heap_unwatch(), 0);
}

static void the_watch_sees_a_buffer_that_is_not_wiped(void **state)
{
	static const char secret[] = "the long secret of Alice";
	struct buffer buffer = {0};

	(void)state;
	if (!heap_is_watched())
		skip();
	heap_watch(BYTES(secret));
	assert_int_equal(buffer_append(&buffer, BYTES(secret)), 0);
	buffer_free(&buffer);
	assert_int_equal(heap_unwatch(), 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_zeroed_buffer_is_empty),
	    cmocka_unit_test(appended_bytes_stand_in_their_order),
	    cmocka_unit_test(nothing_appended_changes_nothing),
	    cmocka_unit_test(formatted_text_comes_without_its_nul),
	    cmocka_unit_test(formatted_text_of_every_length_fits),
	    cmocka_unit_test(consumed_bytes_leave_from_the_front),
	    cmocka_unit_test(a_freed_buffer_is_usable_again),
	    cmocka_unit_test(impossible_lengths_are_refused_and_change_nothing),
	    cmocka_unit_test(wiping_reaches_consumed_bytes_too),
	    cmocka_unit_test(growing_leaves_no_copy_behind),
	    cmocka_unit_test(the_watch_sees_a_buffer_that_is_not_wiped),
	};

	support_begin();
	return cmocka_run_group_tests_name("buffer", tests, NULL, NULL);
}
