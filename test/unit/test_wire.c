/* wire: the three objects of the chat connection. */
#include "support.h"

#include "vectors.h"
#include "wire/wire.h"

#define TWO_TO_256_LESS_1 "115792089237316195423570985008687907853269984665640564039457584007913129639935"

/* Parses a copy that ends where its allocation ends. */
static int parse(const char *bytes, size_t len, struct wire_object *object, const char **why)
{
	char *text = support_copy(bytes, len);
	int r = wire_parse(text, len, object, why);

	free(text);
	return r;
}

static void the_three_objects_are_read(void **state)
{
	static const struct {
		const char *text;
		enum wire_kind kind;
		const char *value;
		bool key_is_number;
	} cases[] = {
	    {"{\"key\": \"14\"}", WIRE_KEY, "14", false},
	    {"{\"key\":\"14\"}", WIRE_KEY, "14", false},
	    {" {\r\n\t\"key\" :\n\"14\" } ", WIRE_KEY, "14", false},
	    {"{\"key\": \"007\"}", WIRE_KEY, "007", false},
	    {VECTOR_INITIATOR_SENDS, WIRE_KEY, VECTOR_A_DIGITS, false},
	    {VECTOR_RESPONDER_SENDS, WIRE_KEY, VECTOR_B_DIGITS, false},
	    {"{\"k\\u0065y\": \"14\"}", WIRE_KEY, "14", false},
	    {"{\"key\": \"\\u0031\\u0034\"}", WIRE_KEY, "14", false},
	    {"{\"encrypted_message\": \"oF+3D2qkZhM=\"}", WIRE_ENCRYPTED, "oF+3D2qkZhM=", false},
	    {"{\"encryptedmessage\": \"oF+3D2qkZhM=\"}", WIRE_ENCRYPTED, "oF+3D2qkZhM=", false},
	    {"{\"encrypted message\": \"oF+3D2qkZhM=\"}", WIRE_ENCRYPTED, "oF+3D2qkZhM=", false},
	    {"{\"encrypted_message\": \"oF\\/3\"}", WIRE_ENCRYPTED, "oF/3", false},
	    {VECTOR_MESSAGE, WIRE_ENCRYPTED, VECTOR_SEALED, false},
	    {VECTOR_RECEIPT, WIRE_ENCRYPTED, VECTOR_RECEIPT_SEALED, false},
	    {"{\"unencrypted_message\": \"hello\"}", WIRE_UNENCRYPTED, "hello", false},
	    {"{\"unencryptedmessage\": \"hello\"}", WIRE_UNENCRYPTED, "hello", false},
	    {"{\"unencrypted message\": \"hello\"}", WIRE_UNENCRYPTED, "hello", false},
	    {"{\"unencrypted_message\": \"\"}", WIRE_UNENCRYPTED, "", false},
	    {"{\"unencrypted_message\": \"{\\\"key\\\": \\\"14\\\"}\"}", WIRE_UNENCRYPTED, "{\"key\": \"14\"}", false},
	    {"{\"unencrypted_message\": \"a\\nb\\u00e9\\ud83d\\ude00\xc3\xa9\"}", WIRE_UNENCRYPTED,
		"a\nb\xc3\xa9\xf0\x9f\x98\x80\xc3\xa9", false},
	    /* More members, before and after. */
	    {"{\"key\": \"14\", \"p\": 19, \"g\": 2, \"x\": {\"key\": true}}", WIRE_KEY, "14", false},
	    {"{\"username\": \"Bob\", \"unencrypted_message\": \"hello\", \"time\": 1.5}", WIRE_UNENCRYPTED, "hello",
		false},
	    {"{\"x\": [{}, \"\\\"key\\\": 5\"], \"encrypted_message\": \"aGk=\"}", WIRE_ENCRYPTED, "aGk=", false},
	    /* Of several members of ours the first that is usable counts, wherever it stands. */
	    {"{\"unencrypted_message\": \"hi\", \"encrypted_message\": \"aGk=\", \"key\": 14}", WIRE_KEY, "14", true},
	    {"{\"unencrypted_message\": \"hi\", \"encrypted_message\": \"aGk=\"}", WIRE_ENCRYPTED, "aGk=", false},
	    {"{\"key\": 0, \"encrypted_message\": \"aGk=\"}", WIRE_ENCRYPTED, "aGk=", false},
	    {"{\"unencrypted_message\": \"hi\", \"key\": \"0\"}", WIRE_UNENCRYPTED, "hi", false},
	    {"{\"key\": \"000\", \"unencrypted message\": \"hi\"}", WIRE_UNENCRYPTED, "hi", false},
	    {"{\"key\": \"\", \"unencrypted_message\": \"hi\"}", WIRE_UNENCRYPTED, "hi", false},
	    {"{\"key\": null, \"unencrypted_message\": \"hi\"}", WIRE_UNENCRYPTED, "hi", false},
	    {"{\"key\": -1, \"unencrypted_message\": \"hi\"}", WIRE_UNENCRYPTED, "hi", false},
	    {"{\"key\": \"none\", \"unencryptedmessage\": \"hi\"}", WIRE_UNENCRYPTED, "hi", false},
	    {"{\"key\": [14], \"encrypted message\": null, \"unencrypted_message\": \"hi\"}", WIRE_UNENCRYPTED, "hi",
		false},
	    {"{\"encrypted_message\": null, \"unencrypted_message\": \"hi\"}", WIRE_UNENCRYPTED, "hi", false},
	    {"{\"key\": 14, \"encrypted_message\": null, \"unencrypted_message\": null}", WIRE_KEY, "14", true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct wire_object object;
		const char *why = NULL;

		CHECK(parse(cases[i].text, strlen(cases[i].text), &object, &why) == 0, "refused: %s: %s", cases[i].text,
		    why);
		CHECK(object.kind == cases[i].kind, "wrong kind: %s", cases[i].text);
		assert_string_equal(object.value, cases[i].value);
		assert_int_equal(object.value_len, strlen(cases[i].value));
		assert_int_equal(object.key_is_number, cases[i].key_is_number);
		wire_free(&object);
	}
}

static void keys_that_are_numbers_of_63_bits_keep_all_their_digits(void **state)
{
	static const char *const numbers[] = {
	    "5",
	    "14",
	    "9007199254740993",
	    "9223372036854775807",
	};
	static const char *const forms[] = {
	    "{\"key\": %s}",
	    "{\"key\":%s}",
	    "\n{ \"key\"\t:\r\n%s\n}\n",
	    "{\"key\": %s, \"p\": 19}",
	    "{\"p\": 19, \"g\": 2.5, \"key\": %s}",
	    "{\"note\": \"\\\"key\\\": 42, {\", \"key\": %s}",
	    "{\"note\": {\"key\": 42, \"x\": [{\"key\": 43}]}, \"key\": %s}",
	    "{\"keys\": 42, \"ke\": 43, \"key\": %s, \"key2\": 44}",
	    "{\"k\\u0065y\": %s}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(numbers); i++) {
		for (size_t j = 0; j < COUNT(forms); j++) {
			char text[256];
			struct wire_object object;
			const char *why = NULL;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			snprintf(text, sizeof(text), forms[j], numbers[i]);
#pragma GCC diagnostic pop
			CHECK(parse(text, strlen(text), &object, &why) == 0, "refused: %s: %s", text, why);
			assert_int_equal(object.kind, WIRE_KEY);
			assert_string_equal(object.value, numbers[i]);
			assert_int_equal(object.value_len, strlen(numbers[i]));
			assert_true(object.key_is_number);
			wire_free(&object);
		}
	}
}

static void a_key_may_have_white_space_around_it(void **state)
{
	static const char *const keys[] = {" 14", "14 ", "14\\n", "14\\r\\n", "\\t14", "  14  ", "\\u000b14\\u000c"};

	(void)state;
	for (size_t i = 0; i < COUNT(keys); i++) {
		struct wire_object object;
		const char *why = NULL;
		char text[64];

		snprintf(text, sizeof(text), "{\"key\": \"%s\"}", keys[i]);
		CHECK(parse(text, strlen(text), &object, &why) == 0, "refused: %s: %s", text, why);
		assert_int_equal(object.kind, WIRE_KEY);
		assert_int_equal(object.value_len, 2);
		assert_memory_equal(object.value, "14", 2);
		assert_false(object.key_is_number);
		wire_free(&object);
	}
}

static void expect_refusal(const char *text, size_t len)
{
	struct wire_object object;
	struct wire_object before;
	const char *why = NULL;

	memset(&object, 0x5a, sizeof(object));
	memset(&before, 0x5a, sizeof(before));
	CHECK(parse(text, len, &object, &why) == EBADMSG, "taken: %.*s", (int)len, text);
	assert_non_null(why);
	assert_true(strlen(why) > 0);
	assert_memory_equal(&object, &before, sizeof(before));
}

/* jansson's integers have 64 bits with the sign; a longer key comes as a string. */
static void larger_numbers_are_refused_wherever_they_stand(void **state)
{
	static const char *const texts[] = {
	    "{\"key\": 9223372036854775808}",
	    "{\"key\": 18446744073709551616}",
	    "{\"key\": " TWO_TO_256_LESS_1 "}",
	    "{\"key\": \"14\", \"time\": 123456789012345678901234567890}",
	    "{\"x\": [-123456789012345678901234567890], \"key\": \"14\"}",
	    "{\"key\": 1e999, \"unencrypted_message\": \"hi\"}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct wire_object object;
		const char *why = NULL;

		assert_int_equal(parse(texts[i], strlen(texts[i]), &object, &why), EBADMSG);
		assert_string_equal(why, "a number in it is too large");
	}
}

static void the_reason_says_what_is_wrong(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
	    {"{", "it is not JSON"},
	    {"[]", "it is JSON, but no object"},
	    {"{\"x\": 1}", "it has no key and no message"},
	    {"{\"key\": 0}", "its key is no whole number above 0"},
	    {"{\"key\": \"x\"}", "its key is no whole number above 0"},
	    {"{\"unencrypted_message\": 7}", "its message is no string"},
	    {"{\"key\": 0, \"encrypted_message\": 7}", "its message is no string"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct wire_object object;
		const char *why = NULL;

		assert_int_equal(parse(cases[i].text, strlen(cases[i].text), &object, &why), EBADMSG);
		assert_string_equal(why, cases[i].why);
	}
}

static void everything_else_is_refused_with_a_reason(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} cases[] = {
	    {BYTES("")},
	    {BYTES("hello")},
	    {BYTES("14")},
	    {BYTES("\"key\"")},
	    {BYTES("[]")},
	    {BYTES("[\"key\", 14]")},
	    {BYTES("{}")},
	    {BYTES("{\"key\": \"14\"")},
	    {BYTES("{\"key\": \"14\"} x")},
	    {BYTES("{\"key\": \"14\"}{\"key\": \"14\"}")},
	    {BYTES("{\"key\": \"14\"}\0")},
	    {BYTES("{\"message\": \"hello\"}")},
	    {BYTES("{\"Key\": \"14\"}")},
	    {BYTES("{\"encrypted-message\": \"aGk=\"}")},
	    {BYTES("{\"unencrypted  message\": \"hello\"}")},
	    {BYTES("{\"x\": {\"key\": \"14\"}}")},
	    {BYTES("{\"x\": {\"key\": 123456789012345678901234567890}}")},
	    /* A key that is no whole number of digits above 0. */
	    {BYTES("{\"key\": 0}")},
	    {BYTES("{\"key\": \"0\"}")},
	    {BYTES("{\"key\": \" 000 \"}")},
	    {BYTES("{\"key\": \"\"}")},
	    {BYTES("{\"key\": \" \"}")},
	    {BYTES("{\"key\": \" \\n\\t \"}")},
	    {BYTES("{\"key\": \"1 4\"}")},
	    {BYTES("{\"key\": \"- 14\"}")},
	    {BYTES("{\"key\": \"\\u00a014\"}")},
	    {BYTES("{\"key\": \"14\\u3000\"}")},
	    {BYTES("{\"key\": \"14\\u200b\"}")},
	    {BYTES("{\"key\": \"14\\b\"}")},
	    {BYTES("{\"key\": \"-14\"}")},
	    {BYTES("{\"key\": \"+14\"}")},
	    {BYTES("{\"key\": \"1.5\"}")},
	    {BYTES("{\"key\": \"1e5\"}")},
	    {BYTES("{\"key\": \"0x14\"}")},
	    {BYTES("{\"key\": \"hello\"}")},
	    {BYTES("{\"key\": \"\xd9\xa1\"}")},
	    {BYTES("{\"key\": \"14\\u0000\"}")},
	    {BYTES("{\"key\": -14}")},
	    {BYTES("{\"key\": -123456789012345678901234567890}")},
	    {BYTES("{\"key\": 1.5}")},
	    {BYTES("{\"key\": 14.0}")},
	    {BYTES("{\"key\": 1e5}")},
	    {BYTES("{\"key\": 1E5}")},
	    {BYTES("{\"key\": 123456789012345678901234567890.0}")},
	    {BYTES("{\"key\": 123456789012345678901234567890e1}")},
	    {BYTES("{\"key\": 014}")},
	    {BYTES("{\"key\": 00000000000000000000000000000014}")},
	    {BYTES("{\"key\": -00000000000000000000000000000000}")},
	    {BYTES("{\"key\": +14}")},
	    {BYTES("{\"key\": 14x}")},
	    {BYTES("{\"key\": 123456789012345678901234567890x}")},
	    {BYTES("{\"key\": 123456789012345678901234567890 1}")},
	    {BYTES("{\"key\": 123456789012345678901234567890")},
	    {BYTES("{\"key\": 123456789012345678901234567890,}")},
	    {BYTES("{\"key\": }")},
	    /* Values of the wrong type. */
	    {BYTES("{\"key\": null}")},
	    {BYTES("{\"key\": true}")},
	    {BYTES("{\"key\": [14]}")},
	    {BYTES("{\"key\": {\"key\": \"14\"}}")},
	    {BYTES("{\"encrypted_message\": 14}")},
	    {BYTES("{\"encrypted_message\": 123456789012345678901234567890}")},
	    {BYTES("{\"encrypted_message\": null}")},
	    {BYTES("{\"encrypted_message\": [\"aGk=\"]}")},
	    {BYTES("{\"unencrypted_message\": 14}")},
	    {BYTES("{\"unencrypted_message\": 123456789012345678901234567890}")},
	    {BYTES("{\"unencryptedmessage\": -123456789012345678901234567890}")},
	    {BYTES("{\"unencrypted_message\": false}")},
	    {BYTES("{\"unencrypted_message\": {\"text\": \"hello\"}}")},
	    {BYTES("{\"unencrypted_message\": \"hel\\u0000lo\"}")},
	    {BYTES("{\"unencrypted_message\": \"\\ud83d\"}")},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		expect_refusal(cases[i].text, cases[i].len);
}

static void objects_that_are_not_utf8_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(support_bad_utf8); i++) {
		char text[128];
		int len = snprintf(text, sizeof(text), "{\"unencrypted_message\": \"hello%.*s\"}",
		    (int)support_bad_utf8[i].len, support_bad_utf8[i].bytes);

		expect_refusal(text, (size_t)len);
	}
}

static void nesting_of_a_stranger_is_harmless(void **state)
{
	char *text = support_repeat('[', 65536);

	(void)state;
	expect_refusal(text, 65536);
	memcpy(text, "{\"x\":", 5);
	expect_refusal(text, 65536);
	for (size_t i = 0; i + 5 <= 65536; i += 5)
		memcpy(text + i, "{\"a\":", 5);
	expect_refusal(text, 65536);
	free(text);
}

static void a_flipped_bit_never_harms(void **state)
{
	static const char *const texts[] = {
	    "{\"key\": 1234567890123456789, \"x\": [1]}",
	    "{\"x\": \"\\\"key\\\": 5\", \"key\": \"14\"}",
	    "{\"unencrypted_message\": \"h\\u00e9\\\"llo\"}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		size_t len = strlen(texts[i]);

		for (size_t bit = 0; bit < 8 * len; bit++) {
			char *text = support_copy(texts[i], len);
			struct wire_object object;
			const char *why = NULL;

			text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
			if (wire_parse(text, len, &object, &why) != 0) {
				assert_non_null(why);
				free(text);
				continue;
			}
			free(text); /* the value is the object's own */
			assert_int_equal(strlen(object.value), object.value_len);
			if (object.kind == WIRE_KEY)
				assert_int_equal(strspn(object.value, "0123456789"), object.value_len);
			wire_free(&object);
		}
	}
}

static void expect_written(struct buffer *out, const char *expected)
{
	CHECK(out->len == strlen(expected) && memcmp(out->data, expected, out->len) == 0, "%.*s is not %s",
	    (int)out->len, out->data, expected);
	buffer_free(out);
}

static void keys_are_written_in_the_form_of_the_specification(void **state)
{
	struct buffer out = {0};

	(void)state;
	assert_int_equal(wire_format_key(&out, "14", false), 0);
	expect_written(&out, "{\"key\": \"14\"}");
	assert_int_equal(wire_format_key(&out, "14", true), 0);
	expect_written(&out, "{\"key\": 14}");
	assert_int_equal(wire_format_key(&out, VECTOR_A_DIGITS, false), 0);
	expect_written(&out, VECTOR_INITIATOR_SENDS);
	assert_int_equal(wire_format_key(&out, VECTOR_B_DIGITS, false), 0);
	expect_written(&out, VECTOR_RESPONDER_SENDS);
	assert_int_equal(wire_format_key(&out, VECTOR_B_DIGITS, true), 0);
	expect_written(&out, "{\"key\": " VECTOR_B_DIGITS "}");
	/* Appended, not put in the place of what is there. */
	assert_int_equal(wire_format_key(&out, "1", false), 0);
	assert_int_equal(wire_format_key(&out, "2", true), 0);
	expect_written(&out, "{\"key\": \"1\"}{\"key\": 2}");
}

static void messages_are_written_in_the_form_of_the_specification(void **state)
{
	struct buffer out = {0};

	(void)state;
	assert_int_equal(wire_format_message(&out, WIRE_ENCRYPTED, BYTES(VECTOR_SEALED)), 0);
	expect_written(&out, VECTOR_MESSAGE);
	assert_int_equal(wire_format_message(&out, WIRE_ENCRYPTED, BYTES(VECTOR_RECEIPT_SEALED)), 0);
	expect_written(&out, VECTOR_RECEIPT);
	assert_int_equal(wire_format_message(&out, WIRE_UNENCRYPTED, BYTES("hello")), 0);
	expect_written(&out, "{\"unencrypted_message\": \"hello\"}");
	assert_int_equal(wire_format_message(&out, WIRE_UNENCRYPTED, "", 0), 0);
	expect_written(&out, "{\"unencrypted_message\": \"\"}");
	assert_int_equal(wire_format_message(&out, WIRE_UNENCRYPTED, BYTES("a\"}\\\n\xc3\xa9")), 0);
	expect_written(&out, "{\"unencrypted_message\": \"a\\\"}\\\\\\n\xc3\xa9\"}");
}

static void what_is_written_is_read_back(void **state)
{
	char text[4000];
	size_t len = 0;
	struct buffer out = {0};
	struct wire_object object;
	const char *why;

	(void)state;
	for (unsigned c = 1; c < 0x80; c++)
		text[len++] = (char)c;
	for (unsigned c = 0x80; c < 0x800; c++) {
		text[len++] = (char)(0xc0 | c >> 6);
		text[len++] = (char)(0x80 | (c & 0x3f));
	}
	assert_int_equal(wire_format_message(&out, WIRE_UNENCRYPTED, text, len), 0);
	assert_int_equal(parse(out.data, out.len, &object, &why), 0);
	assert_int_equal(object.kind, WIRE_UNENCRYPTED);
	assert_int_equal(object.value_len, len);
	assert_memory_equal(object.value, text, len);
	wire_free(&object);
	buffer_free(&out);
}

static void messages_that_are_not_utf8_are_not_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(support_bad_utf8); i++) {
		struct buffer out = {0};

		assert_int_equal(buffer_append(&out, "before", 6), 0);
		CHECK(wire_format_message(&out, WIRE_UNENCRYPTED, support_bad_utf8[i].bytes, support_bad_utf8[i].len) ==
			  EILSEQ,
		    "%s is written", support_bad_utf8[i].why);
		assert_int_equal(out.len, 6);
		assert_memory_equal(out.data, "before", 6);
		buffer_free(&out);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_three_objects_are_read),
	    cmocka_unit_test(keys_that_are_numbers_of_63_bits_keep_all_their_digits),
	    cmocka_unit_test(a_key_may_have_white_space_around_it),
	    cmocka_unit_test(larger_numbers_are_refused_wherever_they_stand),
	    cmocka_unit_test(the_reason_says_what_is_wrong),
	    cmocka_unit_test(everything_else_is_refused_with_a_reason),
	    cmocka_unit_test(objects_that_are_not_utf8_are_refused),
	    cmocka_unit_test(nesting_of_a_stranger_is_harmless),
	    cmocka_unit_test(a_flipped_bit_never_harms),
	    cmocka_unit_test(keys_are_written_in_the_form_of_the_specification),
	    cmocka_unit_test(messages_are_written_in_the_form_of_the_specification),
	    cmocka_unit_test(what_is_written_is_read_back),
	    cmocka_unit_test(messages_that_are_not_utf8_are_not_written),
	};

	support_begin();
	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
