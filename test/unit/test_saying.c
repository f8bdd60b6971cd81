/* saying: signed, read, sealed and opened. */
#include "support.h"

#include "base/base64.h"
#include "identities.h"
#include "randomness.h"
#include "room/saying.h"
#include "vectors.h"

static struct identity ece, bob;
static uint8_t key[ROOM_KEY_BYTES];

static int prepare(void **state)
{
	(void)state;
	ece = identity_of_seed(VECTOR_SA_SEED);
	bob = identity_of_seed(VECTOR_SB_SEED);
	support_unhex(VECTOR_ROOM_KEY, key, sizeof(key));
	return sodium_init() < 0 ? -1 : 0;
}

static struct signedtext signed_saying(void)
{
	struct signedtext record = {.text = VECTOR_SAYING_SIGNED, .len = strlen(VECTOR_SAYING_SIGNED)};
	size_t len;

	assert_true(base64_decode(BYTES(VECTOR_SAYING_SIGNATURE), record.signature, sizeof(record.signature), &len));
	return record;
}

static void a_saying_has_the_bytes_of_the_vectors(void **state)
{
	struct signedtext expected = signed_saying(), record;
	struct saying saying, again;
	struct buffer sealed = {0};
	json_t *made, *opened;

	(void)state;
	assert_int_equal(saying_parse(&expected, &saying), 0);
	assert_string_equal(saying.text, "hello all");
	assert_int_equal(saying.text_len, strlen(saying.text));
	assert_memory_equal(saying.by, bob.public, IDENTITY_BYTES);
	assert_true(saying.time_ms == 1795161720000);
	assert_int_equal(saying_sign(&saying, &bob, &made), 0);
	assert_true(signedtext_of_json(made, &record));
	assert_int_equal(record.len, expected.len);
	assert_memory_equal(record.text, expected.text, expected.len);
	assert_memory_equal(record.signature, expected.signature, sizeof(record.signature));
	randomness_choose();
	randomness_supply(VECTOR_SAYING_NONCE);
	assert_int_equal(saying_seal(made, key, &sealed), 0);
	assert_int_equal(sealed.len, strlen(VECTOR_SAYING_SEALED));
	assert_memory_equal(sealed.data, VECTOR_SAYING_SEALED, sealed.len);
	assert_int_equal(saying_open(sealed.data, sealed.len, key, &opened), 0);
	assert_true(json_equal(opened, made));
	assert_true(signedtext_of_json(opened, &record));
	assert_int_equal(saying_parse(&record, &again), 0);
	assert_memory_equal(again.id, saying.id, sizeof(again.id));
	saying_free(&again);
	saying_free(&saying);
	json_decref(opened);
	json_decref(made);
	buffer_free(&sealed);
}

static void what_its_author_did_not_sign_is_refused(void **state)
{
	struct signedtext record = signed_saying();
	struct saying saying;
	char *text = support_copy(record.text, record.len);
	json_t *made;

	(void)state;
	record.text = text;
	for (size_t i = 0; i < record.len; i++) {
		text[i] ^= 1;
		assert_int_equal(saying_parse(&record, &saying), EPROTO);
		text[i] ^= 1;
	}
	for (size_t i = 0; i < sizeof(record.signature); i++) {
		record.signature[i] ^= 1;
		assert_int_equal(saying_parse(&record, &saying), EPROTO);
		record.signature[i] ^= 1;
	}
	assert_int_equal(saying_parse(&record, &saying), 0);
	/* By somebody else, under the name of its author. */
	assert_int_equal(identity_sign(&ece, "quartet saying", record.text, record.len, record.signature), 0);
	saying_free(&saying);
	assert_int_equal(saying_parse(&record, &saying), EPROTO);
	assert_int_equal(saying_read(&record, &saying), 0);
	/* Whoever signs it anew says that it is theirs. */
	assert_int_equal(saying_sign(&saying, &ece, &made), 0);
	saying_free(&saying);
	assert_true(signedtext_of_json(made, &record));
	assert_int_equal(saying_parse(&record, &saying), 0);
	assert_memory_equal(saying.by, ece.public, IDENTITY_BYTES);
	saying_free(&saying);
	json_decref(made);
	free(text);
}

#define ROOM "\"room\": \"+paKN+u70bHe5Hno7/ulRg==\""
#define STATE "\"state\": \"/ojMDpbQ4exL87ijJG037hbXyNY2NlRpzFJbJCg6S/o=\""
#define ID "\"id\": \"SGC3HaXNdf3TpAN2329ecQ==\""
#define TEXT "\"text\": \"hello all\""
#define TIME "\"time\": \"2026-11-20T08:02:00.000Z\""
#define BY "\"by\": \"" VECTOR_SB_TEXT "\""

static void what_is_no_saying_is_refused(void **state)
{
	static const char *const cases[] = {
	    "",
	    "hello",
	    "[]",
	    "{}",
	    "{" STATE ", " ID ", " TEXT ", " TIME ", " BY "}",
	    "{" ROOM ", " STATE ", " ID ", " TEXT ", \"text\": \"other\", " TIME ", " BY "}",
	    "{" ROOM ", " ID ", " TEXT ", " TIME ", " BY "}",
	    "{" ROOM ", " STATE ", " TEXT ", " TIME ", " BY "}",
	    "{" ROOM ", " STATE ", " ID ", " TIME ", " BY "}",
	    "{" ROOM ", " STATE ", " ID ", " TEXT ", " BY "}",
	    "{" ROOM ", " STATE ", " ID ", " TEXT ", " TIME "}",
	    "{\"room\": \"" VECTOR_SB_TEXT "\", " STATE ", " ID ", " TEXT ", " TIME ", " BY "}",
	    "{" ROOM ", " STATE ", " ID ", \"text\": 7, " TIME ", " BY "}",
	    /* Everybody who has it may serve it, so it has a hash. */
	    "{" ROOM ", " STATE ", " ID ", \"file\": {\"name\": \"a\", \"bytes\": 1}, " TIME ", " BY "}",
	    "{" ROOM ", " STATE ", " ID ", " TEXT ", \"time\": \"2026-11-20 08:02:00\", " BY "}",
	    "{" ROOM ", " STATE ", " ID ", " TEXT ", \"time\": 1795161720, " BY "}",
	    "{" ROOM ", " STATE ", " ID ", " TEXT ", " TIME ", \"by\": \"Bob\"}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t len = strlen(cases[i]);
		char *copy = support_copy(cases[i], len);
		struct signedtext record = {.text = copy, .len = len};
		struct saying saying;

		assert_int_equal(identity_sign(&bob, "quartet saying", copy, len, record.signature), 0);
		CHECK(saying_parse(&record, &saying) == EPROTO, "taken: %s", cases[i]);
		free(copy);
	}
}

/* The longest text of one character that can be said. */
static size_t longest(const char *character)
{
	size_t size = strlen(character), low = 0, high = SAYING_MAX_BYTES / size;
	struct saying saying = {0};
	char *text = malloc(high * size);

	assert_non_null(text);
	for (size_t i = 0; i < high; i++)
		memcpy(text + i * size, character, size);
	saying.text = text;
	while (low < high) {
		size_t middle = (low + high + 1) / 2;
		json_t *made = NULL;

		saying.text_len = middle * size;
		if (saying_sign(&saying, &bob, &made) == 0) {
			struct buffer sealed = {0};
			json_t *opened;

			low = middle;
			assert_int_equal(saying_seal(made, key, &sealed), 0);
			assert_int_equal(saying_open(sealed.data, sealed.len, key, &opened), 0);
			assert_true(json_equal(opened, made));
			json_decref(opened);
			buffer_free(&sealed);
		} else {
			high = middle - 1;
		}
		json_decref(made);
	}
	free(text);
	return low;
}

static void a_saying_of_the_largest_size_comes_through_whatever_is_in_it(void **state)
{
	struct saying saying = {.text = "\xff", .text_len = 1};
	json_t *made;

	(void)state;
	assert_in_range(longest("x"), 35000, SAYING_MAX_BYTES);
	assert_in_range(longest("\""), 8000, 9000);
	assert_in_range(longest("\x01"), 5000, 6000);
	assert_in_range(longest("\xf0\x9f\x98\x80"), 8000, 9000);
	assert_int_equal(saying_sign(&saying, &bob, &made), EILSEQ);
}

static void what_was_not_sealed_under_the_key_is_refused(void **state)
{
	char *sealed = support_copy(BYTES(VECTOR_SAYING_SEALED));
	size_t len = strlen(VECTOR_SAYING_SEALED);
	char *too_long = support_repeat('x', SAYING_MAX_BYTES - 1);
	struct buffer out = {0};
	json_t *opened, *object = json_pack("{s:s}", "x", too_long);
	uint8_t other[ROOM_KEY_BYTES] = {0};

	(void)state;
	assert_int_equal(saying_open(sealed, len, other, &opened), EPROTO);
	assert_int_equal(saying_open(sealed, len - 4, key, &opened), EPROTO);
	assert_int_equal(saying_open("", 0, key, &opened), EPROTO);
	for (size_t i = 0; i < len; i += 50) {
		sealed[i] = sealed[i] == 'A' ? 'B' : 'A';
		assert_int_equal(saying_open(sealed, len, key, &opened), EPROTO);
		memcpy(sealed, VECTOR_SAYING_SEALED, len);
	}
	/* What another member sealed, but is too long, or no object. */
	assert_int_equal(saying_seal(object, key, &out), 0);
	assert_int_equal(saying_open(out.data, out.len, key, &opened), EPROTO);
	buffer_free(&out);
	assert_int_equal(saying_seal(json_object_get(object, "x"), key, &out), 0);
	assert_int_equal(saying_open(out.data, out.len, key, &opened), EPROTO);
	buffer_free(&out);
	json_decref(object);
	free(too_long);
	free(sealed);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(a_saying_has_the_bytes_of_the_vectors, randomness_restore),
	    cmocka_unit_test(what_its_author_did_not_sign_is_refused),
	    cmocka_unit_test(what_is_no_saying_is_refused),
	    cmocka_unit_test(a_saying_of_the_largest_size_comes_through_whatever_is_in_it),
	    cmocka_unit_test(what_was_not_sealed_under_the_key_is_refused),
	};

	support_begin();
	return cmocka_run_group_tests_name("saying", tests, prepare, NULL);
}
