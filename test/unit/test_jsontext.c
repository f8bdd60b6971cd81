/* jsontext: JSON of strangers in, JSON of ours out. */
#include "support.h"

#include "base/jsontext.h"
#include "heap.h"
#include "shortage.h"

/* Parses a copy that ends where its allocation ends. */
static json_t *parse(const char *bytes, size_t len, const char **why)
{
	char *text = support_copy(bytes, len);
	json_t *object = jsontext_parse(text, len, why);

	free(text);
	return object;
}

static void expect_refusal(const char *bytes, size_t len, const char *label)
{
	const char *why = NULL;

	CHECK(parse(bytes, len, &why) == NULL, "taken: %s", label);
	assert_non_null(why);
	assert_true(strlen(why) > 0);
	assert_null(parse(bytes, len, NULL));
}

static void objects_are_parsed(void **state)
{
	static const struct {
		const char *text;
		size_t members;
	} cases[] = {
	    {"{}", 0},
	    {" \t\r\n{} \t\r\n", 0},
	    {"{\"a\":1}", 1},
	    {"{ \"a\" : 1 , \"b\" : [ ] }", 2},
	    {"{\"a\": {\"b\": {\"c\": [1, 2.5, -3, true, false, null, \"x\"]}}}", 1},
	    {"{\"\": \"\"}", 1},
	    {"{\"a\": 9223372036854775807, \"b\": -9223372036854775808}", 2},
	    {"{\"a\": 1e308, \"b\": -1.5E-10}", 2},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		json_t *object = parse(cases[i].text, strlen(cases[i].text), NULL);

		CHECK(object != NULL, "refused: %s", cases[i].text);
		assert_int_equal(object->refcount, 1);
		assert_int_equal(json_object_size(object), cases[i].members);
		json_decref(object);
	}
}

static void whatever_is_no_object_is_refused_with_a_reason(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} cases[] = {
	    {BYTES("")},
	    {BYTES(" ")},
	    {BYTES("\0")},
	    {BYTES("x")},
	    {BYTES("1")},
	    {BYTES("\"text\"")},
	    {BYTES("true")},
	    {BYTES("null")},
	    {BYTES("[]")},
	    {BYTES("[{}]")},
	    {BYTES("{")},
	    {BYTES("}")},
	    {BYTES("{}}")},
	    {BYTES("{}{}")},
	    {BYTES("{} x")},
	    {BYTES("{},")},
	    {BYTES("{}\0")},
	    {BYTES("{}\v")},
	    {BYTES("\0{}")},
	    {BYTES("\xef\xbb\xbf{}")},
	    {BYTES("{\"a\"}")},
	    {BYTES("{\"a\":}")},
	    {BYTES("{\"a\": 1,}")},
	    {BYTES("{\"a\": 01}")},
	    {BYTES("{\"a\": +1}")},
	    {BYTES("{\"a\": .5}")},
	    {BYTES("{\"a\": NaN}")},
	    {BYTES("{\"a\": Infinity}")},
	    {BYTES("{\"a\": 1e999}")},
	    {BYTES("{\"a\": 'b'}")},
	    {BYTES("{a: 1}")},
	    {BYTES("{1: 1}")},
	    {BYTES("{\"a\": \"b}")},
	    {BYTES("{\"a\": \"\\x\"}")},
	    {BYTES("{\"a\": \"\\u12\"}")},
	    {BYTES("{\"a\": \"b\nc\"}")},
	    {BYTES("{\"a\": \"b\0c\"}")},
	    {BYTES("{\"a\": tru}")},
	    {BYTES("{\"a\": [1, 2}")},
	    {BYTES("{\"a\": 1] ")},
	    {BYTES("{} // comment")},
	    {BYTES("{} /* comment */")},
	    /* U+0000 and lone surrogates, written as escapes. */
	    {BYTES("{\"a\": \"\\u0000\"}")},
	    {BYTES("{\"\\u0000\": \"a\"}")},
	    {BYTES("{\"a\": \"\\ud800\"}")},
	    {BYTES("{\"a\": \"\\udfff\"}")},
	    {BYTES("{\"a\": \"\\ud83dx\"}")},
	    {BYTES("{\"a\": \"\\ud83d\\u0041\"}")},
	    {BYTES("{\"a\": \"\\ude00\\ud83d\"}")},
	    {BYTES("{\"a\": \"\\ud83d\\ud83d\"}")},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		expect_refusal(cases[i].text, cases[i].len, cases[i].text);
}

static void text_that_is_not_utf8_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(support_bad_utf8); i++) {
		const struct bad_utf8 *bad = &support_bad_utf8[i];
		char text[64];
		int len = snprintf(text, sizeof(text), "{\"a\": \"%.*s\"}", (int)bad->len, bad->bytes);

		expect_refusal(text, (size_t)len, bad->why);
		len = snprintf(text, sizeof(text), "{\"%.*s\": 1}", (int)bad->len, bad->bytes);
		expect_refusal(text, (size_t)len, bad->why);
		len = snprintf(text, sizeof(text), "{}%.*s", (int)bad->len, bad->bytes);
		expect_refusal(text, (size_t)len, bad->why);
	}
}

static void nesting_is_bounded(void **state)
{
	static const struct {
		size_t levels;
		bool taken;
	} cases[] = {{2, true}, {2000, true}, {2100, false}, {30000, false}, {1000000, false}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		/* {"a":[[[...]]]} */
		size_t arrays = cases[i].levels - 1;
		size_t len = 2 * arrays + 6;
		char *text = support_repeat('[', len);
		json_t *object;

		memcpy(text, "{\"a\":", 5);
		memset(text + 5 + arrays, ']', arrays);
		text[len - 1] = '}';
		object = parse(text, len, NULL);
		CHECK((object != NULL) == cases[i].taken, "%zu levels", cases[i].levels);
		json_decref(object);
		free(text);
	}
}

static void every_beginning_of_an_object_is_refused(void **state)
{
	static const char whole[] = "{\"a\": [1, {\"b\": \"\\u00e9\\\"\"}], \"c\": null}";
	json_t *object = parse(BYTES(whole), NULL);

	(void)state;
	assert_non_null(object);
	json_decref(object);
	for (size_t len = 0; len < sizeof(whole) - 1; len++)
		expect_refusal(whole, len, "cut short");
}

static void string_members_are_lent(void **state)
{
	json_t *object =
	    parse(BYTES("{\"a\": \"hello\", \"empty\": \"\", \"n\": 1, \"z\": null, \"o\": {\"a\": \"x\"}, "
			"\"t\": true, \"l\": [\"x\"], \"e\": \"\\u00e9\\ud83d\\ude00\\\"\\n\"}"),
		NULL);
	static const char *const others[] = {"n", "z", "o", "t", "l", "A", "", "missing"};
	static const char before[] = "before";
	const char *text = before;
	size_t len = 42;

	(void)state;
	assert_non_null(object);
	assert_true(jsontext_get_string(object, "a", &text, &len));
	assert_int_equal(len, 5);
	assert_string_equal(text, "hello");
	assert_ptr_equal(text, json_string_value(json_object_get(object, "a")));
	assert_true(jsontext_get_string(object, "empty", &text, &len));
	assert_int_equal(len, 0);
	assert_string_equal(text, "");
	assert_true(jsontext_get_string(object, "e", &text, &len));
	assert_int_equal(len, 8);
	assert_string_equal(text, "\xc3\xa9\xf0\x9f\x98\x80\"\n");
	for (size_t i = 0; i < COUNT(others); i++) {
		text = before;
		len = 42;
		CHECK(!jsontext_get_string(object, others[i], &text, &len), "%s", others[i]);
		assert_ptr_equal(text, before);
		assert_int_equal(len, 42);
	}
	json_decref(object);
}

static void bytes_are_members_of_exactly_their_length(void **state)
{
	static const struct {
		const char *json;
		bool taken;
	} cases[] = {
	    {"{\"a\": \"AQID\"}", true},
	    {"{\"a\": \"AQI=\"}", false},
	    {"{\"a\": \"AQIDBA==\"}", false},
	    {"{\"a\": \"AQID\\n\"}", false},
	    {"{\"a\": \"AQ-_\"}", false},
	    {"{\"a\": \"AQI\"}", false},
	    {"{\"a\": \"\"}", false},
	    {"{\"a\": 7}", false},
	    {"{\"b\": \"AQID\"}", false},
	};
	uint8_t bytes[3];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		json_t *object = jsontext_parse(cases[i].json, strlen(cases[i].json), NULL);

		CHECK(jsontext_get_bytes(object, "a", bytes, sizeof(bytes)) == cases[i].taken, "%s", cases[i].json);
		if (cases[i].taken) {
			json_t *written = jsontext_bytes(bytes, sizeof(bytes));

			assert_memory_equal(bytes, "\1\2\3", sizeof(bytes));
			assert_string_equal(json_string_value(written), "AQID");
			json_decref(written);
		}
		json_decref(object);
	}
}

static void values_are_written_as_python_writes_them(void **state)
{
	static const char *const texts[] = {
	    "{}",
	    "{\"b\": 1, \"a\": 2}",
	    "{\"a\": \"g\xc3\xbcn \xf0\x9f\x98\x80\", \"b\": [1, 2, [], {}], \"c\": {\"d\": null}}",
	    "{\"a\": true, \"b\": false, \"c\": -5, \"d\": \"/\\\"\\\\\"}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct buffer buffer = {0};
		json_t *object = parse(texts[i], strlen(texts[i]), NULL);

		assert_non_null(object);
		assert_int_equal(buffer_append(&buffer, "before ", 7), 0);
		assert_int_equal(jsontext_append(&buffer, object), 0);
		assert_int_equal(buffer.len, 7 + strlen(texts[i]));
		assert_memory_equal(buffer.data, "before ", 7);
		assert_memory_equal(buffer.data + 7, texts[i], strlen(texts[i]));
		json_decref(object);
		buffer_free(&buffer);
	}
}

static void strings_are_written_with_quotes_and_escapes(void **state)
{
	static const struct {
		const char *text;
		const char *json;
	} cases[] = {
	    {"", "\"\""},
	    {"hello", "\"hello\""},
	    {"say \"hi\"", "\"say \\\"hi\\\"\""},
	    {"back\\slash", "\"back\\\\slash\""},
	    {"a/b", "\"a/b\""},
	    {"a\nb\tc\rd", "\"a\\nb\\tc\\rd\""},
	    {"g\xc3\xbcn \xf0\x9f\x98\x80", "\"g\xc3\xbcn \xf0\x9f\x98\x80\""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buffer buffer = {0};
		size_t len = strlen(cases[i].text);
		char *text = support_copy(cases[i].text, len);

		assert_int_equal(buffer_append(&buffer, "{", 1), 0);
		assert_int_equal(jsontext_append_string(&buffer, text, len), 0);
		assert_int_equal(buffer.len, 1 + strlen(cases[i].json));
		assert_memory_equal(buffer.data + 1, cases[i].json, buffer.len - 1);
		buffer_free(&buffer);
		free(text);
	}
}

static void every_character_comes_back_from_its_json(void **state)
{
	char all[2000];
	size_t all_len = 0;

	(void)state;
	for (unsigned c = 1; c < 0x80; c++)
		all[all_len++] = (char)c;
	for (unsigned c = 0x80; c < 0x400; c++) {
		all[all_len++] = (char)(0xc0 | c >> 6);
		all[all_len++] = (char)(0x80 | (c & 0x3f));
	}
	for (size_t at = 0, len; at <= all_len; at += len) {
		/* Each character alone; at the end all of them together. */
		const char *text = at < all_len ? all + at : all;
		struct buffer buffer = {0};
		const char *back;
		size_t back_len;
		json_t *object;

		len = at == all_len ? all_len : (all[at] & 0x80) != 0 ? 2 : 1;
		assert_int_equal(buffer_append(&buffer, "{\"a\": ", 6), 0);
		assert_int_equal(jsontext_append_string(&buffer, text, len), 0);
		assert_int_equal(buffer_append(&buffer, "}", 1), 0);
		/* A line of a file must stay one line. */
		assert_null(memchr(buffer.data, '\n', buffer.len));
		object = parse(buffer.data, buffer.len, NULL);
		assert_non_null(object);
		assert_true(jsontext_get_string(object, "a", &back, &back_len));
		assert_int_equal(back_len, len);
		assert_memory_equal(back, text, len);
		json_decref(object);
		buffer_free(&buffer);
	}
}

static void strings_that_are_not_utf8_are_not_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(support_bad_utf8); i++) {
		struct buffer buffer = {0};
		char text[32] = "good ";

		memcpy(text + 5, support_bad_utf8[i].bytes, support_bad_utf8[i].len);
		assert_int_equal(buffer_append(&buffer, "before", 6), 0);
		CHECK(jsontext_append_string(&buffer, text, 5 + support_bad_utf8[i].len) == EILSEQ, "%s is written",
		    support_bad_utf8[i].why);
		assert_int_equal(buffer.len, 6);
		assert_memory_equal(buffer.data, "before", 6);
		buffer_free(&buffer);
	}
}

/* Fails unless the string is written as jansson writes it, or refused if jansson has none such. */
static void expect_as_jansson(const char *text, size_t len)
{
	struct buffer buffer = {0};
	char *copy = support_copy(text, len);
	json_t *value = memchr(text, '\0', len) ? NULL : json_stringn(text, len);
	char *expected = value ? json_dumps(value, JSON_ENCODE_ANY) : NULL;
	int r = jsontext_append_string(&buffer, copy, len);

	assert_int_equal(r, expected ? 0 : EILSEQ);
	assert_int_equal(buffer.len, expected ? strlen(expected) : 0);
	if (expected)
		assert_memory_equal(buffer.data, expected, buffer.len);
	free(expected);
	json_decref(value);
	free(copy);
	buffer_free(&buffer);
}

static void strings_are_written_as_jansson_writes_them(void **state)
{
	static const char *const pieces[] = {"a", "\x7f", "\"", "\\", "/", "\x1f", " ", "\xc2\x80", "\xc3\xbc",
	    "\xe2\x80\xa8", "\xef\xbf\xbf", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf", "\xed\xa0\x80", "\xc3", "\x80"};
	uint64_t seed = 31;

	(void)state;
	for (unsigned one = 0; one < 256; one++) {
		for (unsigned other = 0; other < 256; other++)
			expect_as_jansson((char[]){(char)one, (char)other}, other == 0 ? 1 : 2);
	}
	for (int i = 0; i < 20000; i++) {
		char text[64] = "";

		/* Seldom the last ones, which are none. */
		for (uint32_t n = support_random(&seed) % 9; n > 0; n--)
			strcat(text, pieces[support_random(&seed) % (support_random(&seed) % 16 == 0 ? 16 : 13)]);
		expect_as_jansson(text, strlen(text));
	}
}

/* With strings, which jansson ends with a request, and enough of everything else. */
#define SHORT_TEXT                                                                                                     \
	"{\"text\": \"say \\\"hi\\\" g\xc3\xbcn\", \"list\": [1, 2.5, \"" SIXTY "\", {\"a\": null, \"b\": true}], "    \
	"\"" SIXTY "\": \"" SIXTY SIXTY SIXTY "\"}"
#define SIXTY "012345678901234567890123456789012345678901234567890123456789"

static void a_request_that_is_refused_once_costs_nothing(void **state)
{
	json_t *whole = parse(BYTES(SHORT_TEXT), NULL);
	bool refused = true;
	size_t at;

	(void)state;
	assert_non_null(whole);
	for (at = 1; refused; at++) {
		struct buffer text = {0};
		json_t *object;
		int r;

		shortage_begin(at);
		object = jsontext_parse(BYTES(SHORT_TEXT), NULL);
		r = jsontext_append_string(&text, BYTES("say \"hi\""));
		refused = shortage_end();
		CHECK(json_equal(object, whole), "lost if request %zu is refused", at);
		assert_true(r == 0 || (refused && r == ENOMEM));
		assert_int_equal(text.len, r == 0 ? 12 : 0);
		json_decref(object);
		buffer_free(&text);
	}
	assert_in_range(at, 20, 1000);
	json_decref(whole);
}

#define EXHAUSTED 77

static void exhausted(void)
{
	_exit(EXHAUSTED);
}

static int parse_and_write_in_shortage(void *argument)
{
	json_t *object;
	struct buffer text = {0};

	jsontext_on_exhaustion(exhausted);
	shortage_lasts = true;
	shortage_begin(*(const size_t *)argument);
	object = jsontext_parse(BYTES(SHORT_TEXT), NULL);
	CHILD_CHECK(object != NULL || errno == ENOMEM);
	if (object)
		CHILD_CHECK(jsontext_append(&text, object) == (text.len ? 0 : ENOMEM));
	shortage_end();
	return 0;
}

static void if_memory_is_out_for_good_the_program_ends_or_is_told(void **state)
{
	unsigned ended = 0, told = 0;

	(void)state;
	for (size_t at = 1; at < 60; at++) {
		pid_t pid = start_child(parse_and_write_in_shortage, &at);
		int status;

		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		CHECK(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == EXHAUSTED,
		    "status %d if request %zu is refused", WEXITSTATUS(status), at);
		ended += WEXITSTATUS(status) == EXHAUSTED;
		told += WEXITSTATUS(status) == 0;
	}
	assert_true(ended > 20 && told > 0);
}

static void nothing_that_was_in_it_stays_in_memory(void **state)
{
	static const char secret[] = "the key of the room, in base64";
	struct buffer text = {0};
	char line[200];
	json_t *object;

	(void)state;
	if (!heap_is_watched())
		skip();
	snprintf(line, sizeof(line), "{\"list\": [\"%s\"], \"key\": \"%s\", \"long\": \"%60s\"}", secret, secret,
	    secret);
	heap_watch(secret, strlen(secret));
	object = jsontext_parse(line, strlen(line), NULL);
	assert_non_null(object);
	assert_int_equal(jsontext_append(&text, object), 0);
	json_decref(object);
	buffer_wipe(&text);
	object = json_pack("{s:s}", "key", secret);
	assert_int_equal(json_object_del(object, "key"), 0);
	json_decref(object);
	assert_int_equal(heap_unwatch(), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(objects_are_parsed),
	    cmocka_unit_test(whatever_is_no_object_is_refused_with_a_reason),
	    cmocka_unit_test(text_that_is_not_utf8_is_refused),
	    cmocka_unit_test(nesting_is_bounded),
	    cmocka_unit_test(every_beginning_of_an_object_is_refused),
	    cmocka_unit_test(string_members_are_lent),
	    cmocka_unit_test(bytes_are_members_of_exactly_their_length),
	    cmocka_unit_test(values_are_written_as_python_writes_them),
	    cmocka_unit_test(strings_are_written_with_quotes_and_escapes),
	    cmocka_unit_test(every_character_comes_back_from_its_json),
	    cmocka_unit_test(strings_that_are_not_utf8_are_not_written),
	    cmocka_unit_test(strings_are_written_as_jansson_writes_them),
	    cmocka_unit_test(nothing_that_was_in_it_stays_in_memory),
	    cmocka_unit_test(a_request_that_is_refused_once_costs_nothing),
	    cmocka_unit_test(if_memory_is_out_for_good_the_program_ends_or_is_told),
	};

	support_begin();
	return cmocka_run_group_tests_name("jsontext", tests, NULL, NULL);
}
