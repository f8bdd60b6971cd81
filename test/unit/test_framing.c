/* framing: whole objects out of a stream that comes in any pieces. */
#include "support.h"

#include "heap.h"
#include "wire/framing.h"

/* Pushes a copy that is gone when it was taken. */
static void push(struct framer *framer, const char *bytes, size_t len)
{
	char *copy = support_copy(bytes, len);

	assert_int_equal(framer_push(framer, copy, len), 0);
	free(copy);
}

static void expect_object(struct framer *framer, const char *expected, size_t expected_len)
{
	const char *object = NULL;
	size_t len = 0;
	int r = framer_next(framer, &object, &len);

	CHECK(r == 0, "no object but error %d where \"%.*s\" ends", r, (int)expected_len, expected);
	CHECK(len == expected_len && memcmp(object, expected, len) == 0, "\"%.*s\" and not \"%.*s\"", (int)len, object,
	    (int)expected_len, expected);
}

static void expect_error(struct framer *framer, int expected)
{
	static const char before[] = "before";
	const char *object = before;
	size_t len = 42;
	int r = framer_next(framer, &object, &len);

	CHECK(r == expected, "error %d and not %d", r, expected);
	assert_ptr_equal(object, before);
	assert_int_equal(len, 42);
}

/* Objects with everything in them that looks like an end and is none. */
static const char *const objects[] = {
    "{}",
    "{\"key\": \"14\"}",
    "{\"unencrypted_message\": \"hello\"}",
    "{\"a\": \"}\"}",
    "{\"a\": \"{\"}",
    "{\"a\": \"]}{[\"}",
    "{\"a\": \"\\\"}\"}",
    "{\"a\": \"\\\\\"}",
    "{\"a\": \"\\\\\\\"}\"}",
    "{\"}\": 1}",
    "{\"a\\\"}\": {\"b\": {\"c\": [{}, [], [{\"d\": \"]}\"}]]}}}",
    "{\n\t\"a\" : 1 ,\r\n \"b\" : [ 1 , 2 ]\n}",
    "{\"a\": \"\xc3\xa9\xf0\x9f\x98\x80\"}",
    "{\"a\": \"\xff\xfe\"}",
};

static void whole_objects_are_handed_out(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(objects); i++) {
		struct framer framer = {0};

		push(&framer, objects[i], strlen(objects[i]));
		expect_object(&framer, objects[i], strlen(objects[i]));
		expect_error(&framer, EAGAIN);
		assert_false(framer_is_partial(&framer));
		framer_free(&framer);
	}
}

static void an_object_may_be_split_at_every_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(objects); i++) {
		size_t len = strlen(objects[i]);

		for (size_t first = 1; first < len; first++) {
			struct framer framer = {0};

			push(&framer, objects[i], first);
			expect_error(&framer, EAGAIN);
			assert_true(framer_is_partial(&framer));
			push(&framer, objects[i] + first, len - first);
			expect_object(&framer, objects[i], len);
			expect_error(&framer, EAGAIN);
			assert_false(framer_is_partial(&framer));
			framer_free(&framer);
		}
	}
}

static void an_object_may_come_a_byte_at_a_time(void **state)
{
	/* Asked after every byte, or only at the end. */
	for (int ask = 0; ask < 2; ask++) {
		struct framer framer = {0};

		for (size_t i = 0; i < COUNT(objects); i++) {
			size_t len = strlen(objects[i]);

			for (size_t at = 0; at < len; at++) {
				push(&framer, objects[i] + at, 1);
				if (ask && at + 1 < len)
					expect_error(&framer, EAGAIN);
			}
			expect_object(&framer, objects[i], len);
		}
		expect_error(&framer, EAGAIN);
		framer_free(&framer);
	}
	(void)state;
}

static void several_objects_may_come_at_once(void **state)
{
	static const char *const between[] = {"", " ", "\n", "\r\n", " \t\r\n \t\r\n "};

	(void)state;
	for (size_t i = 0; i < COUNT(between); i++) {
		struct buffer stream = {0};

		assert_int_equal(buffer_printf(&stream, "%s", between[i]), 0);
		for (size_t j = 0; j < COUNT(objects); j++)
			assert_int_equal(buffer_printf(&stream, "%s%s", objects[j], between[i]), 0);
		/* In two pieces, wherever the cut falls. */
		for (size_t first = 0; first <= stream.len; first++) {
			struct framer framer = {0};
			size_t got = 0;
			const char *object;
			size_t len;

			push(&framer, stream.data, first);
			while (framer_next(&framer, &object, &len) == 0) {
				assert_int_equal(len, strlen(objects[got]));
				assert_memory_equal(object, objects[got], len);
				got++;
			}
			push(&framer, stream.data + first, stream.len - first);
			for (; got < COUNT(objects); got++)
				expect_object(&framer, objects[got], strlen(objects[got]));
			expect_error(&framer, EAGAIN);
			assert_false(framer_is_partial(&framer));
			framer_free(&framer);
		}
		buffer_free(&stream);
	}
}

static void only_white_space_may_stand_between_objects(void **state)
{
	(void)state;
	for (int byte = 0; byte < 256; byte++) {
		bool white = byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
		struct framer framer = {0};
		char after[] = "{\"a\": 1}?";

		if (byte == '{')
			continue;
		push(&framer, &(char){(char)byte}, 1);
		expect_error(&framer, white ? EAGAIN : EBADMSG);
		framer_free(&framer);

		/* The object before it counts. */
		after[8] = (char)byte;
		push(&framer, after, 9);
		expect_object(&framer, after, 8);
		expect_error(&framer, white ? EAGAIN : EBADMSG);
		framer_free(&framer);
	}
}

static void every_byte_but_quote_and_backslash_is_inert_in_a_string(void **state)
{
	(void)state;
	for (int byte = 0; byte < 256; byte++) {
		struct framer framer = {0};
		char object[] = "{\"a\": \"?\"}";

		object[7] = (char)byte;
		push(&framer, object, 10);
		if (byte == '"' || byte == '\\')
			expect_error(&framer, EAGAIN);
		else
			expect_object(&framer, object, 10);
		framer_free(&framer);

		/* Behind a backslash all of them are. */
		push(&framer, BYTES("{\"a\": \"\\"));
		push(&framer, &object[7], 1);
		expect_error(&framer, EAGAIN);
		push(&framer, BYTES("\"}"));
		assert_true(framer_is_partial(&framer));
		{
			const char *whole;
			size_t len;

			assert_int_equal(framer_next(&framer, &whole, &len), 0);
			assert_int_equal(len, 11);
		}
		framer_free(&framer);
	}
}

static void what_comes_behind_an_object_can_be_had_as_it_is(void **state)
{
	static const char bytes[] = "{\"a\": 1}\0\0\0\x18} {";
	struct framer framer = {0};
	const char *rest;
	size_t len;

	(void)state;
	framer_rest(&framer, &len);
	assert_int_equal(len, 0);
	push(&framer, bytes, sizeof(bytes) - 1);
	expect_object(&framer, BYTES("{\"a\": 1}"));
	rest = framer_rest(&framer, &len);
	assert_int_equal(len, 7);
	assert_memory_equal(rest, bytes + 8, 7);
	framer_free(&framer);
}

static void partial_means_begun_and_not_ended(void **state)
{
	struct framer framer = {0};

	(void)state;
	assert_false(framer_is_partial(&framer));
	expect_error(&framer, EAGAIN);
	assert_false(framer_is_partial(&framer));
	push(&framer, BYTES(" \n"));
	expect_error(&framer, EAGAIN);
	assert_false(framer_is_partial(&framer));
	push(&framer, BYTES("{"));
	expect_error(&framer, EAGAIN);
	assert_true(framer_is_partial(&framer));
	push(&framer, BYTES("} {\"a\""));
	expect_object(&framer, BYTES("{}"));
	expect_error(&framer, EAGAIN);
	assert_true(framer_is_partial(&framer));
	push(&framer, BYTES(": 1}"));
	expect_object(&framer, BYTES("{\"a\": 1}"));
	expect_error(&framer, EAGAIN);
	assert_false(framer_is_partial(&framer));
	framer_free(&framer);
}

/* An object of len bytes. */
static char *object_of(size_t len)
{
	char *object = support_repeat('x', len);

	memcpy(object, "{\"a\": \"", 7);
	memcpy(object + len - 2, "\"}", 2);
	return object;
}

static void an_object_has_at_most_64_kib(void **state)
{
	static const size_t pieces[] = {1, 2, 1000, 4096, 65535, 65536, 65537, 200000};

	(void)state;
	for (size_t i = 0; i < COUNT(pieces); i++) {
		for (size_t len = FRAMING_MAX_BYTES - 1; len <= FRAMING_MAX_BYTES + 1; len++) {
			struct framer framer = {0};
			char *whole = object_of(len);
			bool fits = len <= FRAMING_MAX_BYTES;
			const char *object = NULL;
			size_t got = 0;
			int r = EAGAIN;

			for (size_t at = 0, n; at < len && r == EAGAIN; at += n) {
				n = pieces[i] < len - at ? pieces[i] : len - at;
				push(&framer, whole + at, n);
				r = framer_next(&framer, &object, &got);
			}
			CHECK(r == (fits ? 0 : EMSGSIZE), "%zu bytes in pieces of %zu: error %d", len, pieces[i], r);
			if (fits) {
				assert_int_equal(got, len);
				assert_memory_equal(object, whole, len);
			}
			framer_free(&framer);
			free(whole);
		}
	}
}

static void an_object_without_an_end_is_refused_when_it_is_too_long(void **state)
{
	static const char *const starts[] = {"{\"a\": \"", "{\"a\": [", "{", "{\"a\": \"\\\\"};

	(void)state;
	for (size_t i = 0; i < COUNT(starts); i++) {
		struct framer framer = {0};
		size_t total = strlen(starts[i]);

		push(&framer, starts[i], total);
		for (; total < FRAMING_MAX_BYTES - 1; total++) {
			push(&framer, "[", 1);
			expect_error(&framer, EAGAIN);
		}
		push(&framer, "[[", 2);
		expect_error(&framer, EMSGSIZE);
		framer_free(&framer);
	}
}

static void objects_before_one_that_is_too_long_are_handed_out(void **state)
{
	struct framer framer = {0};
	char *whole = object_of(FRAMING_MAX_BYTES);
	char *too_long = object_of(FRAMING_MAX_BYTES + 1);

	(void)state;
	push(&framer, BYTES("{\"key\": \"14\"}"));
	push(&framer, whole, FRAMING_MAX_BYTES);
	push(&framer, BYTES("\n{\"b\": 2}"));
	push(&framer, too_long, FRAMING_MAX_BYTES + 1);
	expect_object(&framer, BYTES("{\"key\": \"14\"}"));
	expect_object(&framer, whole, FRAMING_MAX_BYTES);
	expect_object(&framer, BYTES("{\"b\": 2}"));
	expect_error(&framer, EMSGSIZE);
	framer_free(&framer);
	free(whole);
	free(too_long);
}

static void white_space_is_neither_counted_nor_kept(void **state)
{
	struct framer framer = {0};
	char *spaces = support_repeat(' ', 1000);
	char *whole = object_of(FRAMING_MAX_BYTES);

	(void)state;
	for (int i = 0; i < 10000; i++) {
		push(&framer, spaces, 1000);
		expect_error(&framer, EAGAIN);
		assert_true(framer.pending.capacity <= 2 * FRAMING_MAX_BYTES);
	}
	push(&framer, whole, FRAMING_MAX_BYTES);
	expect_object(&framer, whole, FRAMING_MAX_BYTES);
	framer_free(&framer);
	free(spaces);
	free(whole);
}

static void what_was_handed_out_is_not_kept(void **state)
{
	struct framer framer = {0};
	char *whole = object_of(1000);

	(void)state;
	for (int i = 0; i < 10000; i++) {
		push(&framer, whole, 1000);
		expect_object(&framer, whole, 1000);
		assert_true(framer.pending.capacity <= 2 * FRAMING_MAX_BYTES);
	}
	framer_free(&framer);
	free(whole);
}

static void a_freed_framer_is_ready_again(void **state)
{
	struct framer framer = {0};

	(void)state;
	framer_free(&framer);
	push(&framer, BYTES("{\"a\": \"\\"));
	expect_error(&framer, EAGAIN);
	framer_free(&framer);
	assert_false(framer_is_partial(&framer));
	push(&framer, BYTES("{}"));
	expect_object(&framer, BYTES("{}"));
	/* Freed with an object handed out. */
	framer_free(&framer);
	push(&framer, BYTES("{\"b\": 2}"));
	expect_object(&framer, BYTES("{\"b\": 2}"));
	framer_free(&framer);
}

static void freeing_wipes_what_was_held(void **state)
{
	static const char secret[] = "a text that was typed";
	struct framer framer = {0};

	(void)state;
	if (!heap_is_watched())
		skip();
	assert_int_equal(framer_push(&framer, BYTES("{\"a\": \"a text that was typed\"}{")), 0);
	expect_object(&framer, BYTES("{\"a\": \"a text that was typed\"}"));
	heap_watch(BYTES(secret));
	framer_free(&framer);
	assert_int_equal(heap_unwatch(), 0);
}

static void random_streams_never_harm(void **state)
{
	static const char alphabet[] = "{}[]\"\\ \n,:a0";
	uint64_t seed = 7;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		struct framer framer = {0};
		int r = EAGAIN;

		for (int piece = 0; piece < 20 && (r == EAGAIN || r == 0); piece++) {
			char bytes[16] = "{";
			size_t len = 1 + support_random(&seed) % (sizeof(bytes) - 1);
			const char *object;
			size_t object_len;

			for (size_t at = piece == 0; at < len; at++)
				bytes[at] = alphabet[support_random(&seed) % (sizeof(alphabet) - 1)];
			push(&framer, bytes, len);
			while ((r = framer_next(&framer, &object, &object_len)) == 0) {
				assert_in_range(object_len, 2, FRAMING_MAX_BYTES);
				assert_int_equal(object[0], '{');
			}
			assert_true(r == EAGAIN || r == EBADMSG);
		}
		framer_free(&framer);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(whole_objects_are_handed_out),
	    cmocka_unit_test(an_object_may_be_split_at_every_byte),
	    cmocka_unit_test(an_object_may_come_a_byte_at_a_time),
	    cmocka_unit_test(several_objects_may_come_at_once),
	    cmocka_unit_test(only_white_space_may_stand_between_objects),
	    cmocka_unit_test(every_byte_but_quote_and_backslash_is_inert_in_a_string),
	    cmocka_unit_test(what_comes_behind_an_object_can_be_had_as_it_is),
	    cmocka_unit_test(partial_means_begun_and_not_ended),
	    cmocka_unit_test(an_object_has_at_most_64_kib),
	    cmocka_unit_test(an_object_without_an_end_is_refused_when_it_is_too_long),
	    cmocka_unit_test(objects_before_one_that_is_too_long_are_handed_out),
	    cmocka_unit_test(white_space_is_neither_counted_nor_kept),
	    cmocka_unit_test(what_was_handed_out_is_not_kept),
	    cmocka_unit_test(a_freed_framer_is_ready_again),
	    cmocka_unit_test(freeing_wipes_what_was_held),
	    cmocka_unit_test(random_streams_never_harm),
	};

	support_begin();
	return cmocka_run_group_tests_name("framing", tests, NULL, NULL);
}
