/* ask: what is asked and answered of rooms, member by member. */
#include "support.h"

#include <sodium.h>

#include "base/base64.h"
#include "base/jsontext.h"
#include "room/ask.h"
#include "room/saying.h"
#include "vectors.h"
#include "wire/envelope.h"

#define ROOM "\"room\": \"+paKN+u70bHe5Hno7/ulRg==\""
#define STATE_ID "\"/ojMDpbQ4exL87ijJG037hbXyNY2NlRpzFJbJCg6S/o=\""
#define RECORD "{\"signed\": \"s\", \"signature\": \"" VECTOR_SAYING_SIGNATURE "\"}"
#define KEY "\"yRY0OqexseMjHMFriIxyhFZdF5yk+pQI81WprUoFxjE=\""
#define CONFIRMATION "\"" VECTOR_SAYING_SIGNATURE "\""

static json_t *parse(const char *json)
{
	json_t *object = jsontext_parse(json, strlen(json), NULL);

	CHECK(object != NULL, "no JSON: %s", json);
	return object;
}

static void each_ask_comes_back_as_it_was_written(void **state)
{
	static const struct {
		enum ask_kind kind;
		const char *json;
	} cases[] = {
	    {ASK_SAYING, "{" ROOM ", \"state\": " STATE_ID ", \"sealed\": \"" VECTOR_SAYING_SEALED "\"}"},
	    {ASK_STATE, "{\"ask\": \"state\", " ROOM ", \"state\": " RECORD ", \"key\": " KEY "}"},
	    {ASK_STATE, "{\"ask\": \"state\", " ROOM ", \"state\": " RECORD "}"},
	    {ASK_STATES, "{\"ask\": \"states\", " ROOM ", \"known\": \"\"}"},
	    {ASK_STATES, "{\"ask\": \"states\", " ROOM ", \"known\": \"AAAAAAAAAAEAAAAAAAAAAg==\"}"},
	    {ASK_SAYINGS, "{\"ask\": \"sayings\", " ROOM ", \"known\": \"AAAAAAAAAAE=\"}"},
	    {ASK_JOIN, "{\"ask\": \"join\", " ROOM "}"},
	    {ASK_JOIN, "{\"ask\": \"join\", " ROOM ", \"share\": " KEY "}"},
	    {ASK_JOIN, "{\"ask\": \"join\", " ROOM ", \"confirmation\": " CONFIRMATION "}"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		json_t *object = parse(cases[i].json), *written;
		struct buffer out = {0};
		struct ask ask;

		CHECK(ask_parse(object, &ask) == 0, "refused: %s", cases[i].json);
		assert_int_equal(ask.kind, cases[i].kind);
		written = ask_format(&ask);
		assert_int_equal(jsontext_append(&out, written), 0);
		assert_int_equal(out.len, strlen(cases[i].json));
		assert_memory_equal(out.data, cases[i].json, out.len);
		buffer_free(&out);
		json_decref(written);
		ask_free(&ask);
		json_decref(object);
	}
}

static void what_is_no_ask_is_refused(void **state)
{
	static const char *const cases[] = {
	    "{}",
	    "{\"ask\": \"join\"}",
	    "{\"ask\": \"join\", \"room\": 7}",
	    "{\"ask\": \"join\", \"room\": " KEY "}",
	    "{\"ask\": \"weather\", " ROOM "}",
	    "{\"ask\": \"\", " ROOM "}",
	    "{\"ask\": null, " ROOM ", \"state\": " STATE_ID ", \"sealed\": \"\"}",
	    "{\"ask\": \"join\", " ROOM ", \"share\": \"\"}",
	    "{\"ask\": \"join\", " ROOM ", \"share\": null}",
	    "{\"ask\": \"join\", " ROOM ", \"share\": " CONFIRMATION "}",
	    "{\"ask\": \"join\", " ROOM ", \"confirmation\": " KEY "}",
	    "{\"ask\": \"state\", " ROOM "}",
	    "{\"ask\": \"state\", " ROOM ", \"state\": {}}",
	    "{\"ask\": \"state\", " ROOM ", \"state\": \"s\"}",
	    "{\"ask\": \"state\", " ROOM ", \"state\": {\"signed\": 7, \"signature\": " CONFIRMATION "}}",
	    "{\"ask\": \"state\", " ROOM ", \"state\": {\"signed\": \"s\", \"signature\": " KEY "}}",
	    "{\"ask\": \"state\", " ROOM ", \"state\": " RECORD ", \"key\": " CONFIRMATION "}",
	    "{\"ask\": \"states\", " ROOM "}",
	    "{\"ask\": \"states\", " ROOM ", \"known\": []}",
	    "{\"ask\": \"states\", " ROOM ", \"known\": \"AAAA\"}",
	    "{\"ask\": \"sayings\", " ROOM ", \"known\": \"?\"}",
	    "{" ROOM ", \"state\": " STATE_ID "}",
	    "{" ROOM ", \"sealed\": \"\"}",
	    "{\"state\": " STATE_ID ", \"sealed\": \"\"}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		json_t *object = parse(cases[i]);
		struct ask ask;

		CHECK(ask_parse(object, &ask) == EPROTO, "taken: %s", cases[i]);
		json_decref(object);
	}
}

static void what_is_known_is_found_again_and_bounded(void **state)
{
	static uint8_t known[ASK_KNOWN_MAX + 1][ASK_KNOWN_BYTES];
	struct ask ask = {.kind = ASK_SAYINGS, .known = known, .known_count = ASK_KNOWN_MAX}, read;
	uint8_t id[ENVELOPE_ID_BYTES] = {0};
	json_t *object;

	(void)state;
	randombytes_buf(known, sizeof(known));
	object = ask_format(&ask);
	assert_true(json_dumpb(object, NULL, 0, 0) < ENVELOPE_MAX_BYTES - 400);
	assert_int_equal(ask_parse(object, &read), 0);
	assert_int_equal(read.known_count, ASK_KNOWN_MAX);
	for (size_t i = 0; i < ASK_KNOWN_MAX; i++)
		assert_true(ask_is_known(&read, known[i]));
	memcpy(id, known[7], ASK_KNOWN_BYTES);
	assert_true(ask_is_known(&read, id));
	assert_false(ask_is_known(&read, known[ASK_KNOWN_MAX]));
	ask_free(&read);
	assert_false(ask_is_known(&read, known[0]));
	json_decref(object);
	ask.known_count++;
	object = ask_format(&ask);
	assert_int_equal(ask_parse(object, &read), EPROTO);
	json_decref(object);
}

static void each_answer_comes_back_as_it_was_written(void **state)
{
	static const char *const cases[] = {
	    "{}",
	    "{\"head\": " STATE_ID "}",
	    "{\"state\": " RECORD ", \"key\": " KEY "}",
	    "{\"state\": " RECORD ", \"more\": true}",
	    "{\"sayings\": [" RECORD ", " RECORD "], \"more\": true}",
	    "{\"share\": " KEY ", \"confirmation\": " CONFIRMATION "}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		json_t *object = parse(cases[i]), *written;
		struct buffer out = {0};
		struct ask_answer answer;

		CHECK(ask_parse_answer(object, &answer) == 0, "refused: %s", cases[i]);
		written = ask_format_answer(&answer);
		assert_int_equal(jsontext_append(&out, written), 0);
		assert_int_equal(out.len, strlen(cases[i]));
		assert_memory_equal(out.data, cases[i], out.len);
		buffer_free(&out);
		json_decref(written);
		ask_free_answer(&answer);
		json_decref(object);
	}
}

static void what_is_no_answer_is_refused(void **state)
{
	static const char *const cases[] = {
	    "{\"head\": " CONFIRMATION "}",
	    "{\"head\": null}",
	    "{\"state\": 7}",
	    "{\"state\": {\"signed\": \"s\"}}",
	    "{\"key\": \"\"}",
	    "{\"sayings\": {}}",
	    "{\"share\": " CONFIRMATION "}",
	    "{\"confirmation\": 7}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		json_t *object = parse(cases[i]);
		struct ask_answer answer;

		CHECK(ask_parse_answer(object, &answer) == EPROTO, "taken: %s", cases[i]);
		json_decref(object);
	}
}

/* The receipt with as many of these sayings as fit. */
static size_t fill(const struct signedtext *record, json_t **receipt)
{
	struct ask_answer answer = {.has_head = true, .more = true};
	json_t *members;
	size_t count = 0;
	int rc;

	while ((rc = ask_add_saying(&answer, record)) == 0)
		count++;
	assert_int_equal(rc, EMSGSIZE);
	*receipt = json_pack("{s:I, s:s, s:i, s:s}", "received", INT64_MAX, "username",
	    "\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\""
	    "\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"",
	    "status", 200, "why", "0123456789012345678901234567890123456789012345678901234567890123");
	members = ask_format_answer(&answer);
	assert_int_equal(json_object_update(*receipt, members), 0);
	json_decref(members);
	ask_free_answer(&answer);
	return count;
}

static void an_answer_holds_as_many_sayings_as_fit_and_always_one(void **state)
{
	struct signedtext record = {.text = VECTOR_SAYING_SIGNED, .len = strlen(VECTOR_SAYING_SIGNED)};
	char *text = support_repeat('x', SAYING_MAX_BYTES - 130);
	struct ask_answer answer;
	json_t *receipt;
	size_t count;

	(void)state;
	count = fill(&record, &receipt);
	assert_in_range(count, 90, 150);
	assert_true(json_dumpb(receipt, NULL, 0, 0) <= ENVELOPE_MAX_BYTES);
	assert_int_equal(ask_parse_answer(receipt, &answer), 0);
	assert_int_equal(json_array_size(answer.sayings), count);
	ask_free_answer(&answer);
	json_decref(receipt);
	record.text = text;
	record.len = strlen(text);
	assert_int_equal(fill(&record, &receipt), 1);
	assert_true(json_dumpb(receipt, NULL, 0, 0) <= ENVELOPE_MAX_BYTES);
	json_decref(receipt);
	free(text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_ask_comes_back_as_it_was_written),
	    cmocka_unit_test(what_is_no_ask_is_refused),
	    cmocka_unit_test(what_is_known_is_found_again_and_bounded),
	    cmocka_unit_test(each_answer_comes_back_as_it_was_written),
	    cmocka_unit_test(what_is_no_answer_is_refused),
	    cmocka_unit_test(an_answer_holds_as_many_sayings_as_fit_and_always_one),
	};

	support_begin();
	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("ask", tests, NULL, NULL);
}
