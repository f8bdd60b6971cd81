/* envelope: what is said in a sealed channel, member by member. */
#include "support.h"

#include <sodium.h>

#include "vectors.h"
#include "wire/envelope.h"

#define ID_HEX "18400a9bef061a4eaeabe491e6110c31"
#define ID "\"id\": \"" VECTOR_ID "\""
#define IDENTITY "\"identity\": \"" VECTOR_SA_TEXT "\""
#define PROOF "\"proof\": \"" VECTOR_PROOF_TEXT "\""
#define SENDER IDENTITY ", " PROOF
#define TEXT "\"text\": \"hello\""

static int prepare(void **state)
{
	(void)state;
	return sodium_init() < 0 ? -1 : 0;
}

/* The first message of the vectors. */
static struct envelope first_message(void)
{
	struct envelope envelope = {.is_first = true, .username = "Ece", .text = "hello", .text_len = 5};

	support_unhex(VECTOR_SA_PUBLIC, envelope.identity, sizeof(envelope.identity));
	support_unhex(VECTOR_PROOF, envelope.proof, sizeof(envelope.proof));
	support_unhex(ID_HEX, envelope.id, sizeof(envelope.id));
	return envelope;
}

static void expect_json(const struct envelope *envelope, const char *json)
{
	struct buffer out = {0};

	assert_int_equal(buffer_append(&out, "before", 6), 0);
	assert_int_equal(envelope_format(&out, envelope), 0);
	assert_int_equal(out.len, 6 + strlen(json));
	assert_memory_equal(out.data + 6, json, strlen(json));
	buffer_free(&out);
}

static void messages_have_the_bytes_of_the_vectors(void **state)
{
	struct envelope envelope = first_message();

	(void)state;
	expect_json(&envelope, VECTOR_PLAINTEXT);
	envelope.username[0] = '\0';
	expect_json(&envelope, "{" SENDER ", " ID ", " TEXT "}");
	envelope.is_first = false;
	strcpy(envelope.username, "Ece");
	expect_json(&envelope, "{" ID ", " TEXT "}");
	envelope.text = "a \"b\"\n\xc3\xbc";
	envelope.text_len = strlen(envelope.text);
	expect_json(&envelope, "{" ID ", \"text\": \"a \\\"b\\\"\\n\xc3\xbc\"}");
}

static void text_that_is_not_utf8_is_not_written(void **state)
{
	struct buffer out = {0};

	(void)state;
	assert_int_equal(buffer_append(&out, "before", 6), 0);
	for (size_t i = 0; i < COUNT(support_bad_utf8); i++) {
		struct envelope envelope = first_message();

		envelope.text = support_bad_utf8[i].bytes;
		envelope.text_len = support_bad_utf8[i].len;
		CHECK(envelope_format(&out, &envelope) == EILSEQ, "%s is written", support_bad_utf8[i].why);
		assert_int_equal(out.len, 6);
	}
	buffer_free(&out);
}

static void a_first_message_comes_back(void **state)
{
	static const struct {
		const char *json, *username;
	} cases[] = {
	    {VECTOR_PLAINTEXT, "Ece"},
	    {"{" SENDER ", " ID ", " TEXT "}", ""},
	    {"{" TEXT "," ID ",\"username\": \" \xc5\x9eule I\xc5\x9f\xc4\xb1k \", " PROOF ", " IDENTITY
	     ", \"more\": [{}]}",
		"\xc5\x9eule I\xc5\x9f\xc4\xb1k"},
	};
	struct envelope expected = first_message();

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t len = strlen(cases[i].json);
		char *copy = support_copy(cases[i].json, len);
		struct envelope envelope;

		assert_int_equal(envelope_parse(copy, len, true, &envelope), 0);
		free(copy);
		assert_true(envelope.is_first);
		assert_memory_equal(envelope.identity, expected.identity, IDENTITY_BYTES);
		assert_memory_equal(envelope.proof, expected.proof, DH_PROOF_BYTES);
		assert_memory_equal(envelope.id, expected.id, ENVELOPE_ID_BYTES);
		assert_string_equal(envelope.username, cases[i].username);
		assert_string_equal(envelope.text, "hello");
		assert_int_equal(envelope.text_len, 5);
		envelope_free(&envelope);
		envelope_free(&envelope);
	}
}

static void later_messages_say_no_more_who_speaks(void **state)
{
	static const char *const cases[] = {
	    "{" ID ", " TEXT "}",
	    /* Whoever says it again says nothing by it, right or wrong. */
	    VECTOR_PLAINTEXT,
	    "{\"identity\": 7, \"proof\": 7, \"username\": 7, " ID ", " TEXT "}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct envelope envelope;

		assert_int_equal(envelope_parse(cases[i], strlen(cases[i]), false, &envelope), 0);
		assert_false(envelope.is_first);
		assert_string_equal(envelope.username, "");
		assert_string_equal(envelope.text, "hello");
		envelope_free(&envelope);
	}
}

#define NAME_65 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void what_is_no_first_message_is_refused(void **state)
{
	static const struct {
		const char *json;
		size_t len;
	} cases[] = {
	    {BYTES("")},
	    {BYTES("hello")},
	    {BYTES("\"hello\"")},
	    {BYTES("[]")},
	    {BYTES("{}")},
	    {BYTES("{" ID ", " TEXT "}")},
	    {BYTES("{" IDENTITY ", " ID ", " TEXT "}")},
	    {BYTES("{" PROOF ", " ID ", " TEXT "}")},
	    {BYTES("{" SENDER ", " TEXT "}")},
	    {BYTES("{" SENDER ", " ID "}")},
	    {BYTES("{" SENDER ", " ID ", \"text\": null}")},
	    {BYTES("{" SENDER ", " ID ", \"text\": 42}")},
	    {BYTES("{" SENDER ", " ID ", \"text\": [\"hello\"]}")},
	    {BYTES("{" SENDER ", " ID ", \"text\": \"\\u0000\"}")},
	    {BYTES("{" SENDER ", " ID ", \"text\": \"\\ud83d\"}")},
	    {BYTES("{" SENDER ", " ID ", \"text\": \"\xff\"}")},
	    {BYTES("{" SENDER ", " ID ", \"text\": \"\xc0\xaf\"}")},
	    {BYTES("{" SENDER ", " ID ", " TEXT)},
	    {BYTES("{" SENDER ", " ID ", " TEXT "}x")},
	    {BYTES("{" SENDER ", " ID ", " TEXT "}\0")},
	    {BYTES("{\"identity\": 42, " PROOF ", " ID ", " TEXT "}")},
	    {BYTES("{\"identity\": \"\", " PROOF ", " ID ", " TEXT "}")},
	    {BYTES("{\"identity\": \"" VECTOR_SA_PUBLIC "\", " PROOF ", " ID ", " TEXT "}")},
	    {BYTES("{" IDENTITY ", \"proof\": 42, " ID ", " TEXT "}")},
	    {BYTES("{" IDENTITY ", \"proof\": \"jicoVnHJgFfGYg==\", " ID ", " TEXT "}")},
	    /* An id has 16 bytes. */
	    {BYTES("{" SENDER ", \"id\": \"\", " TEXT "}")},
	    {BYTES("{" SENDER ", \"id\": 7, " TEXT "}")},
	    {BYTES("{" SENDER ", \"id\": \"GEAKm+8GGk6uq+SR5hEM\", " TEXT "}")},
	    {BYTES("{" SENDER ", \"id\": \"GEAKm+8GGk6uq+SR5hEMMTE=\", " TEXT "}")},
	    {BYTES("{" SENDER ", \"id\": \"GEAKm+8GGk6uq+SR5hEMMQ\", " TEXT "}")},
	    {BYTES("{" SENDER ", \"id\": \"GEAKm+8GGk6uq+SR5hEMMQ==\\n\", " TEXT "}")},
	    {BYTES("{" SENDER ", \"id\": \"" ID_HEX "\", " TEXT "}")},
	    /* A username that is there keeps the rules. */
	    {BYTES("{" SENDER ", \"username\": null, " ID ", " TEXT "}")},
	    {BYTES("{" SENDER ", \"username\": 7, " ID ", " TEXT "}")},
	    {BYTES("{" SENDER ", \"username\": \"\", " ID ", " TEXT "}")},
	    {BYTES("{" SENDER ", \"username\": \" \", " ID ", " TEXT "}")},
	    {BYTES("{" SENDER ", \"username\": \"" NAME_65 "\", " ID ", " TEXT "}")},
	    {BYTES("{" SENDER ", \"username\": \"E\\u001bce\", " ID ", " TEXT "}")},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *copy = support_copy(cases[i].json, cases[i].len);
		struct envelope envelope, before;

		memset(&envelope, 0x5a, sizeof(envelope));
		before = envelope;
		CHECK(envelope_parse(copy, cases[i].len, true, &envelope) == EPROTO, "taken: %s", cases[i].json);
		assert_memory_equal(&envelope, &before, sizeof(envelope));
		free(copy);
	}
}

static void what_is_no_later_message_is_refused(void **state)
{
	static const char *const cases[] = {"{}", "{" TEXT "}", "{" ID "}", "{\"id\": \"AAAA\", " TEXT "}",
	    "{" ID ", \"text\": 7}", "[" ID ", " TEXT "]"};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct envelope envelope;

		CHECK(envelope_parse(cases[i], strlen(cases[i]), false, &envelope) == EPROTO, "taken: %s", cases[i]);
	}
}

static void an_ask_or_a_saying_stands_in_place_of_a_text(void **state)
{
	static const struct {
		const char *json;
		bool is_first;
	} cases[] = {
	    {"{" SENDER ", \"username\": \"Ece\", \"ask\": \"states\", \"room\": \"...\"}", true},
	    {"{\"ask\": \"states\", \"room\": \"...\"}", false},
	    {"{\"room\": \"...\", \"state\": \"...\", \"sealed\": \"...\"}", false},
	};
	json_t *body = json_pack("{s:s, s:s}", "ask", "states", "room", "...");
	struct envelope envelope = first_message();

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct envelope read;

		assert_int_equal(envelope_parse(cases[i].json, strlen(cases[i].json), cases[i].is_first, &read), 0);
		assert_null(read.text);
		assert_string_equal(json_string_value(json_object_get(read.body, "room")), "...");
		envelope_free(&read);
	}
	envelope.text = NULL;
	envelope.body = body;
	expect_json(&envelope, cases[0].json);
	envelope.is_first = false;
	expect_json(&envelope, cases[1].json);
	json_decref(body);
}

#define FILE_TEXT "\"file\": {\"name\": \"plan.pdf\", \"bytes\": 2100000}"

static void an_offer_stands_in_place_of_a_text(void **state)
{
	struct envelope envelope = {.has_file = true, .file = {.name = "plan.pdf", .bytes = 2100000}}, read;

	(void)state;
	support_unhex(ID_HEX, envelope.id, sizeof(envelope.id));
	expect_json(&envelope, "{" ID ", " FILE_TEXT "}");
	assert_int_equal(envelope_parse(BYTES("{" ID ", " FILE_TEXT "}"), false, &read), 0);
	assert_true(read.has_file);
	assert_string_equal(read.file.name, "plan.pdf");
	assert_int_equal(read.file.bytes, 2100000);
	assert_memory_equal(read.id, envelope.id, sizeof(read.id));
	assert_null(read.text);
	assert_null(read.body);
	envelope_free(&read);
	/* Who says a text offers nothing; an offer has an id and a form. */
	assert_int_equal(envelope_parse(BYTES("{" ID ", " TEXT ", " FILE_TEXT "}"), false, &read), 0);
	assert_false(read.has_file);
	envelope_free(&read);
	assert_int_equal(envelope_parse(BYTES("{" FILE_TEXT "}"), false, &read), EPROTO);
	assert_int_equal(envelope_parse(BYTES("{" ID ", \"file\": {\"name\": \"a\"}}"), false, &read), EPROTO);
}

static void who_says_a_text_asks_nothing(void **state)
{
	static const char json[] = "{" ID ", " TEXT ", \"ask\": \"states\", \"sealed\": \"...\"}";
	struct envelope envelope;

	(void)state;
	assert_int_equal(envelope_parse(json, strlen(json), false, &envelope), 0);
	assert_string_equal(envelope.text, "hello");
	assert_null(envelope.body);
	envelope_free(&envelope);
}

static void an_answer_is_a_receipt_with_further_members(void **state)
{
	static const char json[] =
	    "{\"received\": 1, \"username\": \"Bob\", \"status\": 300, \"why\": \"behind\", \"head\": \"...\"}";
	struct envelope_receipt receipt = {1, "Bob", ENVELOPE_NOT_NOW, "behind"}, read;
	json_t *members = json_pack("{s:s}", "head", "..."), *answer = NULL;
	struct buffer out = {0};

	(void)state;
	assert_int_equal(envelope_format_receipt(&out, &receipt, members), 0);
	assert_int_equal(out.len, strlen(json));
	assert_memory_equal(out.data, json, out.len);
	assert_int_equal(envelope_parse_receipt(out.data, out.len, &read, &answer), 0);
	assert_string_equal(read.why, "behind");
	assert_string_equal(json_string_value(json_object_get(answer, "head")), "...");
	json_decref(answer);
	json_decref(members);
	buffer_free(&out);
}

static void receipts_are_written_and_read(void **state)
{
	static const struct {
		struct envelope_receipt receipt;
		const char *json;
	} cases[] = {
	    {{0, "Bob", ENVELOPE_DONE, ""}, VECTOR_RECEIPT_PLAINTEXT},
	    {{7, "", ENVELOPE_DONE, ""}, "{\"received\": 7, \"status\": 200}"},
	    {{1, "B \"b\"", ENVELOPE_NOT_NOW, "full"},
		"{\"received\": 1, \"username\": \"B \\\"b\\\"\", \"status\": 300, \"why\": \"full\"}"},
	    {{9223372036854775807, "", ENVELOPE_NO, "not a member"},
		"{\"received\": 9223372036854775807, \"status\": 404, \"why\": \"not a member\"}"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct envelope_receipt *expected = &cases[i].receipt;
		struct envelope_receipt receipt;
		struct buffer out = {0};

		assert_int_equal(envelope_format_receipt(&out, expected, NULL), 0);
		assert_int_equal(out.len, strlen(cases[i].json));
		assert_memory_equal(out.data, cases[i].json, out.len);
		memset(&receipt, 0x5a, sizeof(receipt));
		assert_int_equal(envelope_parse_receipt(out.data, out.len, &receipt, NULL), 0);
		assert_true(receipt.received == expected->received);
		assert_string_equal(receipt.username, expected->username);
		assert_int_equal(receipt.status, expected->status);
		assert_string_equal(receipt.why, expected->why);
		buffer_free(&out);
	}
}

static void what_is_no_receipt_is_refused(void **state)
{
	static const char *const cases[] = {
	    "",
	    "0",
	    "[0]",
	    "{}",
	    "{\"text\": \"hello\"}",
	    "{\"received\": 0}",
	    "{\"status\": 200}",
	    "{\"received\": null, \"status\": 200}",
	    "{\"received\": true, \"status\": 200}",
	    "{\"received\": \"0\", \"status\": 200}",
	    "{\"received\": [0], \"status\": 200}",
	    "{\"received\": -1, \"status\": 200}",
	    "{\"received\": 0.0, \"status\": 200}",
	    "{\"received\": 123456789012345678901234567890, \"status\": 200}",
	    "{\"received\": 0, \"status\": 200}x",
	    "{\"received\": 0, \"status\": 200",
	    "{\"received\": 0, \"status\": \"200\"}",
	    "{\"received\": 0, \"status\": 200.0}",
	    "{\"received\": 0, \"status\": 0}",
	    "{\"received\": 0, \"status\": 500}",
	    "{\"received\": 0, \"status\": 4294967496}",
	    "{\"received\": 0, \"status\": 200, \"username\": \"\"}",
	    "{\"received\": 0, \"status\": 200, \"username\": \"" NAME_65 "\"}",
	    "{\"received\": 0, \"status\": 200, \"username\": [\"Bob\"]}",
	    "{\"received\": 0, \"status\": 404, \"why\": 7}",
	    "{\"received\": 0, \"status\": 404, \"why\": \"" NAME_65 "\"}",
	    "{\"received\": 0, \"status\": 404, \"why\": \"\\u001b[31m\"}",
	    "{\"received\": 0, \"status\": 404, \"why\": \"\\n\"}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t len = strlen(cases[i]);
		char *copy = support_copy(cases[i], len);
		struct envelope_receipt receipt, before;

		memset(&receipt, 0x5a, sizeof(receipt));
		before = receipt;
		CHECK(envelope_parse_receipt(copy, len, &receipt, NULL) == EPROTO, "taken: %s", cases[i]);
		assert_memory_equal(&receipt, &before, sizeof(receipt));
		free(copy);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(messages_have_the_bytes_of_the_vectors),
	    cmocka_unit_test(text_that_is_not_utf8_is_not_written),
	    cmocka_unit_test(a_first_message_comes_back),
	    cmocka_unit_test(later_messages_say_no_more_who_speaks),
	    cmocka_unit_test(what_is_no_first_message_is_refused),
	    cmocka_unit_test(what_is_no_later_message_is_refused),
	    cmocka_unit_test(an_ask_or_a_saying_stands_in_place_of_a_text),
	    cmocka_unit_test(an_offer_stands_in_place_of_a_text),
	    cmocka_unit_test(who_says_a_text_asks_nothing),
	    cmocka_unit_test(an_answer_is_a_receipt_with_further_members),
	    cmocka_unit_test(receipts_are_written_and_read),
	    cmocka_unit_test(what_is_no_receipt_is_refused),
	};

	support_begin();
	return cmocka_run_group_tests_name("envelope", tests, prepare, NULL);
}
