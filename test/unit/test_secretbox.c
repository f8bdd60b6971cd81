/* secretbox: one direction of a secure connection, against whoever is in the middle. */
#include "support.h"

#include <sodium.h>

#include "crypto/secretbox.h"
#include "heap.h"
#include "randomness.h"
#include "vectors.h"

#define BASE64 sodium_base64_VARIANT_ORIGINAL

static int prepare(void **state)
{
	(void)state;
	return sodium_init() < 0 ? -1 : 0;
}

static struct secretbox box_of(const char *key_hex)
{
	struct secretbox box = {.counter = 0};

	support_unhex(key_hex, box.key, sizeof(box.key));
	return box;
}

static struct buffer seal(struct secretbox *box, const void *plaintext, size_t len)
{
	struct buffer out = {0};
	uint64_t before = box->counter;

	assert_int_equal(secretbox_seal(box, plaintext, len, &out), 0);
	assert_true(box->counter == before + 1);
	return out;
}

static void expect_opened(struct secretbox *box, const char *text, size_t text_len, const void *plaintext, size_t len)
{
	char *copy = support_copy(text, text_len);
	struct buffer out = {0};
	uint64_t before = box->counter;

	assert_int_equal(secretbox_open(box, copy, text_len, &out), 0);
	assert_true(box->counter == before + 1);
	assert_int_equal(out.len, len);
	if (len > 0)
		assert_memory_equal(out.data, plaintext, len);
	buffer_wipe(&out);
	free(copy);
}

static void expect_refused(struct secretbox *box, const char *text, size_t text_len)
{
	char *copy = support_copy(text, text_len);
	struct buffer out = {0};
	struct secretbox before = *box;

	assert_int_equal(buffer_append(&out, "before", 6), 0);
	CHECK(secretbox_open(box, copy, text_len, &out) == EBADMSG, "taken: %.*s", (int)text_len, text);
	assert_memory_equal(box, &before, sizeof(before));
	assert_int_equal(out.len, 6);
	assert_memory_equal(out.data, "before", 6);
	buffer_free(&out);
	free(copy);
}

static void the_messages_of_the_vectors_are_made(void **state)
{
	static const struct {
		const char *key, *nonce, *plaintext, *sealed;
	} cases[] = {
	    {VECTOR_TO_RESPONDER, VECTOR_NONCE, VECTOR_PLAINTEXT, VECTOR_SEALED},
	    {VECTOR_TO_INITIATOR, VECTOR_RECEIPT_NONCE, VECTOR_RECEIPT_PLAINTEXT, VECTOR_RECEIPT_SEALED},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct secretbox box = box_of(cases[i].key);
		struct buffer sealed;

		randomness_choose();
		randomness_supply(cases[i].nonce);
		sealed = seal(&box, cases[i].plaintext, strlen(cases[i].plaintext));
		assert_true(randomness_is_used_up());
		assert_int_equal(sealed.len, strlen(cases[i].sealed));
		assert_memory_equal(sealed.data, cases[i].sealed, sealed.len);
		buffer_free(&sealed);
	}
}

static void the_messages_of_the_vectors_are_opened(void **state)
{
	struct secretbox box = box_of(VECTOR_TO_RESPONDER);

	(void)state;
	expect_opened(&box, BYTES(VECTOR_SEALED), BYTES(VECTOR_PLAINTEXT));
	box = box_of(VECTOR_TO_INITIATOR);
	expect_opened(&box, BYTES(VECTOR_RECEIPT_SEALED), BYTES(VECTOR_RECEIPT_PLAINTEXT));
}

static void a_nonce_is_random_for_each_box_and_ends_in_the_counter(void **state)
{
	struct secretbox box = box_of(VECTOR_TO_RESPONDER), other = box_of(VECTOR_TO_RESPONDER);
	static const uint64_t counters[] = {0, 1, 2, 255, 256, 65535, UINT64_C(0x0102030405060708), UINT64_MAX - 1};
	uint8_t nonces[COUNT(counters)][16], bytes[SECRETBOX_OVERHEAD_BYTES + 5];
	struct buffer sealed;
	size_t len = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(counters); i++) {
		uint64_t counter = 0;

		box.counter = counters[i];
		sealed = seal(&box, "hello", 5);
		assert_int_equal(
		    sodium_base642bin(bytes, sizeof(bytes), sealed.data, sealed.len, NULL, &len, NULL, BASE64), 0);
		assert_int_equal(len, sizeof(bytes));
		for (size_t at = 16; at < 24; at++)
			counter = counter << 8 | bytes[at];
		assert_true(counter == counters[i]);
		memcpy(nonces[i], bytes, 16);
		assert_memory_equal(nonces[i], nonces[0], 16);
		/* The other end gets there too. */
		box.counter = counters[i];
		expect_opened(&box, sealed.data, sealed.len, "hello", 5);
		buffer_free(&sealed);
	}
	sealed = seal(&other, "hello", 5);
	assert_int_equal(sodium_base642bin(bytes, sizeof(bytes), sealed.data, sealed.len, NULL, &len, NULL, BASE64), 0);
	assert_memory_not_equal(bytes, nonces[0], 16);
	buffer_free(&sealed);
}

static void messages_of_every_length_come_through_in_order(void **state)
{
	struct secretbox sender = box_of(VECTOR_TO_RESPONDER);
	struct secretbox receiver = box_of(VECTOR_TO_RESPONDER);
	uint8_t plaintext[300];

	(void)state;
	for (size_t i = 0; i < sizeof(plaintext); i++)
		plaintext[i] = (uint8_t)i;
	for (size_t len = 0; len <= sizeof(plaintext); len++) {
		struct buffer sealed = seal(&sender, plaintext, len);

		assert_int_equal(sealed.len, (SECRETBOX_OVERHEAD_BYTES + len + 2) / 3 * 4);
		expect_opened(&receiver, sealed.data, sealed.len, plaintext, len);
		buffer_free(&sealed);
	}
	assert_true(sender.counter == sizeof(plaintext) + 1);
}

static void a_message_of_64_kib_comes_through(void **state)
{
	struct secretbox sender = box_of(VECTOR_TO_RESPONDER);
	struct secretbox receiver = box_of(VECTOR_TO_RESPONDER);
	char *plaintext = support_repeat('x', 65536);
	struct buffer sealed = seal(&sender, plaintext, 65536);

	(void)state;
	expect_opened(&receiver, sealed.data, sealed.len, plaintext, 65536);
	buffer_free(&sealed);
	free(plaintext);
}

static void sealing_and_opening_append(void **state)
{
	struct secretbox sender = box_of(VECTOR_TO_RESPONDER);
	struct secretbox receiver = box_of(VECTOR_TO_RESPONDER);
	struct buffer sealed = {0};
	struct buffer opened = {0};

	(void)state;
	assert_int_equal(buffer_append(&sealed, "{", 1), 0);
	assert_int_equal(buffer_append(&opened, "<", 1), 0);
	assert_int_equal(secretbox_seal(&sender, "hello", 5, &sealed), 0);
	assert_int_equal(sealed.data[0], '{');
	assert_int_equal(sealed.len, 1 + 60);
	assert_int_equal(secretbox_open(&receiver, sealed.data + 1, 60, &opened), 0);
	assert_int_equal(opened.len, 6);
	assert_memory_equal(opened.data, "<hello", 6);
	buffer_free(&sealed);
	buffer_wipe(&opened);
}

static void reader_refuses_a_message_that_is_repeated(void **state)
{
	struct secretbox sender = box_of(VECTOR_TO_RESPONDER);
	struct secretbox receiver = box_of(VECTOR_TO_RESPONDER);
	struct buffer first = seal(&sender, "first", 5);
	struct buffer second = seal(&sender, "second", 6);

	(void)state;
	expect_opened(&receiver, first.data, first.len, "first", 5);
	expect_refused(&receiver, first.data, first.len);
	expect_opened(&receiver, second.data, second.len, "second", 6);
	expect_refused(&receiver, second.data, second.len);
	expect_refused(&receiver, first.data, first.len);
	buffer_free(&first);
	buffer_free(&second);
}

static void reader_refuses_a_message_that_is_out_of_order(void **state)
{
	struct secretbox sender = box_of(VECTOR_TO_RESPONDER);
	struct secretbox receiver = box_of(VECTOR_TO_RESPONDER);
	struct buffer messages[3];

	(void)state;
	for (size_t i = 0; i < COUNT(messages); i++)
		messages[i] = seal(&sender, "hello", 5);
	expect_refused(&receiver, messages[1].data, messages[1].len);
	expect_refused(&receiver, messages[2].data, messages[2].len);
	expect_opened(&receiver, messages[0].data, messages[0].len, "hello", 5);
	expect_refused(&receiver, messages[2].data, messages[2].len);
	expect_opened(&receiver, messages[1].data, messages[1].len, "hello", 5);
	expect_opened(&receiver, messages[2].data, messages[2].len, "hello", 5);
	for (size_t i = 0; i < COUNT(messages); i++)
		buffer_free(&messages[i]);
}

static void reader_refuses_a_message_under_another_key(void **state)
{
	struct secretbox sender = box_of(VECTOR_TO_RESPONDER);
	struct secretbox receiver = box_of(VECTOR_TO_INITIATOR);
	struct buffer sealed = seal(&sender, "hello", 5);

	(void)state;
	/* Also one that is sent back to where it came from. */
	expect_refused(&receiver, sealed.data, sealed.len);
	for (size_t bit = 0; bit < 8 * SECRETBOX_KEY_BYTES; bit++) {
		receiver = box_of(VECTOR_TO_RESPONDER);
		receiver.key[bit / 8] = (uint8_t)(receiver.key[bit / 8] ^ 1 << bit % 8);
		expect_refused(&receiver, sealed.data, sealed.len);
	}
	buffer_free(&sealed);
}

static void reader_refuses_a_message_with_any_bit_flipped(void **state)
{
	struct secretbox receiver = box_of(VECTOR_TO_RESPONDER);
	uint8_t bytes[sizeof(VECTOR_SEALED)];
	size_t len = 0;

	(void)state;
	assert_int_equal(sodium_base642bin(bytes, sizeof(bytes), BYTES(VECTOR_SEALED), NULL, &len, NULL, BASE64), 0);
	for (size_t bit = 0; bit < 8 * len; bit++) {
		char text[sizeof(VECTOR_SEALED) + 8];

		bytes[bit / 8] = (uint8_t)(bytes[bit / 8] ^ 1 << bit % 8);
		sodium_bin2base64(text, sizeof(text), bytes, len, BASE64);
		expect_refused(&receiver, text, strlen(text));
		bytes[bit / 8] = (uint8_t)(bytes[bit / 8] ^ 1 << bit % 8);
	}
	expect_opened(&receiver, BYTES(VECTOR_SEALED), BYTES(VECTOR_PLAINTEXT));
}

static void reader_refuses_a_message_that_is_cut_short_or_lengthened(void **state)
{
	struct secretbox receiver = box_of(VECTOR_TO_RESPONDER);
	uint8_t bytes[sizeof(VECTOR_SEALED)] = {0};
	size_t whole = 0;

	(void)state;
	for (size_t len = 0; len < sizeof(VECTOR_SEALED) - 1; len++)
		expect_refused(&receiver, VECTOR_SEALED, len);
	assert_int_equal(sodium_base642bin(bytes, sizeof(bytes), BYTES(VECTOR_SEALED), NULL, &whole, NULL, BASE64), 0);
	for (size_t len = 0; len <= whole + 1; len++) {
		char text[sizeof(VECTOR_SEALED) + 8];

		sodium_bin2base64(text, sizeof(text), bytes, len, BASE64);
		if (len != whole)
			expect_refused(&receiver, text, strlen(text));
	}
}

static void reader_refuses_text_that_is_not_padded_standard_base64(void **state)
{
	struct secretbox sender = box_of(VECTOR_TO_RESPONDER);
	struct secretbox receiver = box_of(VECTOR_TO_RESPONDER);
	struct buffer sealed;
	char text[80];

	(void)state;
	randomness_choose();
	randomness_supply("fbefbefbefbefbefbefbefbefbefbefb");
	sealed = seal(&sender, "abc", 3);
	assert_int_equal(sealed.len, 60);
	assert_memory_equal(sealed.data, "++++", 4);
	assert_memory_equal(sealed.data + 58, "==", 2);

	expect_refused(&receiver, "", 0);
	expect_refused(&receiver, "====", 4);
	expect_refused(&receiver, sealed.data, 58);
	expect_refused(&receiver, sealed.data, 59);
	memcpy(text, sealed.data, 60);
	memcpy(text + 60, "====", 4);
	expect_refused(&receiver, text, 61);
	expect_refused(&receiver, text, 64);
	/* White space, a NUL, a line end. */
	for (size_t i = 0; i < 4; i++) {
		text[60] = " \n\0\r"[i];
		expect_refused(&receiver, text, 61);
		memcpy(text + 1, sealed.data, 60);
		text[0] = " \n\0\r"[i];
		expect_refused(&receiver, text, 61);
		memcpy(text, sealed.data, 60);
	}
	/* The alphabet for addresses. */
	for (size_t i = 0; i < 60; i++)
		text[i] = (char)(text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i]);
	expect_refused(&receiver, text, 60);
	expect_opened(&receiver, sealed.data, sealed.len, "abc", 3);
	buffer_free(&sealed);
}

static void reader_refuses_any_other_character_in_any_place(void **state)
{
	struct secretbox receiver = box_of(VECTOR_TO_RESPONDER);
	char text[] = VECTOR_SEALED;

	(void)state;
	/* A slash is among them: decoders exist that take bytes beyond ASCII for one. */
	assert_non_null(strchr(text, '/'));
	for (size_t at = 0; at < sizeof(text) - 1; at++) {
		char before = text[at];

		for (int byte = 0; byte < 256; byte++) {
			text[at] = (char)byte;
			if (text[at] != before)
				expect_refused(&receiver, text, sizeof(text) - 1);
		}
		text[at] = before;
	}
	expect_opened(&receiver, BYTES(VECTOR_SEALED), BYTES(VECTOR_PLAINTEXT));
}

static void plaintext_is_not_left_in_freed_memory(void **state)
{
	static const char secret[] = "nobody else may read this, not even in freed memory";
	struct secretbox sender = box_of(VECTOR_TO_RESPONDER);
	struct secretbox receiver = box_of(VECTOR_TO_RESPONDER);
	struct buffer opened = {0};
	struct buffer sealed;

	(void)state;
	if (!heap_is_watched())
		skip();
	heap_watch(BYTES(secret));
	sealed = seal(&sender, BYTES(secret));
	assert_int_equal(secretbox_open(&receiver, sealed.data, sealed.len, &opened), 0);
	buffer_wipe(&opened);
	buffer_free(&sealed);
	assert_int_equal(heap_unwatch(), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(the_messages_of_the_vectors_are_made, randomness_restore),
	    cmocka_unit_test(the_messages_of_the_vectors_are_opened),
	    cmocka_unit_test(a_nonce_is_random_for_each_box_and_ends_in_the_counter),
	    cmocka_unit_test(messages_of_every_length_come_through_in_order),
	    cmocka_unit_test(a_message_of_64_kib_comes_through),
	    cmocka_unit_test(sealing_and_opening_append),
	    cmocka_unit_test(reader_refuses_a_message_that_is_repeated),
	    cmocka_unit_test(reader_refuses_a_message_that_is_out_of_order),
	    cmocka_unit_test(reader_refuses_a_message_under_another_key),
	    cmocka_unit_test(reader_refuses_a_message_with_any_bit_flipped),
	    cmocka_unit_test(reader_refuses_a_message_that_is_cut_short_or_lengthened),
	    cmocka_unit_test_teardown(reader_refuses_text_that_is_not_padded_standard_base64, randomness_restore),
	    cmocka_unit_test(reader_refuses_any_other_character_in_any_place),
	    cmocka_unit_test(plaintext_is_not_left_in_freed_memory),
	};

	support_begin();
	return cmocka_run_group_tests_name("secretbox", tests, prepare, NULL);
}
