/* exchange: both ends of a connection, secure and classic, object by object. */
#include "support.h"

#include <sodium.h>

#include "crypto/classic.h"
#include "crypto/secretbox.h"
#include "identities.h"
#include "randomness.h"
#include "vectors.h"
#include "wire/exchange.h"
#include "wire/framing.h"

static struct identity alice, bob;
static const uint8_t id[ENVELOPE_ID_BYTES] = {
    0x18, 0x40, 0x0a, 0x9b, 0xef, 0x06, 0x1a, 0x4e, 0xae, 0xab, 0xe4, 0x91, 0xe6, 0x11, 0x0c, 0x31};

static int prepare(void **state)
{
	(void)state;
	alice = identity_of_seed(VECTOR_SA_SEED);
	bob = identity_of_seed(VECTOR_SB_SEED);
	return sodium_init() < 0 ? -1 : 0;
}

struct ends {
	struct exchange initiator, responder;
};

/* Takes what was written as the other end reads it. */
static struct wire_object object_of(struct buffer *out)
{
	struct wire_object object;
	const char *why;

	assert_int_equal(wire_parse(out->data, out->len, &object, &why), 0);
	buffer_free(out);
	return object;
}

static struct ends ends_meet(const uint8_t *peer, const struct identity *responder)
{
	struct ends ends = {{0}, {0}};
	struct buffer out = {0};
	struct wire_object key;

	assert_int_equal(exchange_offer(&ends.initiator, &alice, peer, "7", &out), 0);
	key = object_of(&out);
	assert_int_equal(exchange_answer(&ends.responder, responder, &key, &out), 0);
	wire_free(&key);
	key = object_of(&out);
	assert_int_equal(exchange_take(&ends.initiator, &key), 0);
	wire_free(&key);
	return ends;
}

static void ends_part(struct ends *ends)
{
	exchange_end(&ends->initiator);
	exchange_end(&ends->responder);
}

static void expect_out(struct buffer *out, const char *expected)
{
	assert_int_equal(out->len, strlen(expected));
	assert_memory_equal(out->data, expected, out->len);
}

/* The same as in the vectors, with what travels compared. */
static struct ends ends_meet_as_in_the_vectors(void)
{
	struct ends ends = {{0}, {0}};
	struct buffer out = {0};
	struct wire_object key;

	randomness_choose();
	randomness_supply(VECTOR_FRESH);
	randomness_supply(VECTOR_B_SECRET);
	assert_int_equal(exchange_offer(&ends.initiator, &alice, bob.public, VECTOR_NUMBER, &out), 0);
	expect_out(&out, VECTOR_INITIATOR_SENDS);
	key = object_of(&out);
	assert_int_equal(exchange_answer(&ends.responder, &bob, &key, &out), 0);
	wire_free(&key);
	expect_out(&out, VECTOR_RESPONDER_SENDS);
	key = object_of(&out);
	assert_int_equal(exchange_take(&ends.initiator, &key), 0);
	wire_free(&key);
	assert_true(randomness_is_used_up());
	return ends;
}

static void a_secure_exchange_has_the_bytes_of_the_vectors(void **state)
{
	struct ends ends = ends_meet_as_in_the_vectors();
	struct envelope_receipt receipt = {.username = "Bob", .status = ENVELOPE_DONE};
	uint8_t binding[EXCHANGE_BINDING_BYTES], expected[EXCHANGE_BINDING_BYTES];
	struct exchange_message message;
	struct buffer out = {0};
	struct wire_object object;

	(void)state;
	randomness_supply(VECTOR_NONCE);
	assert_int_equal(exchange_seal(&ends.initiator, "Ece", id, BYTES(VECTOR_TEXT), &out), 0);
	expect_out(&out, VECTOR_MESSAGE);
	object = object_of(&out);
	assert_int_equal(exchange_open(&ends.responder, &object, &message), 0);
	wire_free(&object);
	assert_string_equal(message.text, VECTOR_TEXT);
	assert_int_equal(message.text_len, strlen(VECTOR_TEXT));
	assert_memory_equal(message.id, id, sizeof(id));
	assert_true(message.counter == 0);
	exchange_message_free(&message);
	assert_memory_equal(ends.responder.peer, alice.public, IDENTITY_BYTES);
	assert_string_equal(ends.responder.username, "Ece");
	support_unhex(VECTOR_SA_PUBLIC VECTOR_SB_PUBLIC VECTOR_A_PUBLIC VECTOR_B_PUBLIC, expected, sizeof(expected));
	exchange_bind(&ends.initiator, binding);
	assert_memory_equal(binding, expected, sizeof(expected));
	exchange_bind(&ends.responder, binding);
	assert_memory_equal(binding, expected, sizeof(expected));
	randomness_supply(VECTOR_RECEIPT_NONCE);
	assert_int_equal(exchange_seal_receipt(&ends.responder, &receipt, NULL, &out), 0);
	expect_out(&out, VECTOR_RECEIPT);
	object = object_of(&out);
	memset(&receipt, 0x5a, sizeof(receipt));
	assert_int_equal(exchange_open_receipt(&ends.initiator, &object, &receipt, NULL), 0);
	wire_free(&object);
	assert_int_equal(receipt.status, ENVELOPE_DONE);
	assert_string_equal(receipt.username, "Bob");
	assert_true(randomness_is_used_up());
	ends_part(&ends);
}

static void a_classic_exchange_has_the_bytes_of_the_vectors(void **state)
{
	struct ends ends = {{0}, {0}};
	struct exchange_message message;
	struct buffer out = {0};
	struct wire_object object;
	unsigned secret;

	(void)state;
	if (!classic_is_available())
		skip();
	assert_int_equal(exchange_offer(&ends.initiator, NULL, NULL, VECTOR_COURSE_A, &out), 0);
	expect_out(&out, VECTOR_COURSE_INITIATOR_SENDS);
	object = object_of(&out);
	/* The responder's number is its own. */
	assert_int_equal(exchange_answer(&ends.responder, NULL, &object, &out), 0);
	wire_free(&object);
	object = object_of(&out);
	assert_int_equal(exchange_take(&ends.initiator, &object), 0);
	wire_free(&object);
	secret = ends.initiator.secret;
	assert_int_equal(ends.responder.secret, secret);
	/* With that of the vectors the bytes are theirs. */
	ends.initiator.secret = ends.responder.secret = VECTOR_COURSE_SECRET;
	assert_int_equal(exchange_seal(&ends.initiator, NULL, id, BYTES(VECTOR_TEXT), &out), 0);
	expect_out(&out, VECTOR_COURSE_MESSAGE);
	object = object_of(&out);
	assert_int_equal(exchange_open(&ends.responder, &object, &message), 0);
	wire_free(&object);
	assert_int_equal(message.text_len, strlen(VECTOR_TEXT));
	assert_memory_equal(message.text, VECTOR_TEXT, message.text_len);
	assert_null(message.id);
	exchange_message_free(&message);
	assert_int_equal(exchange_seal_receipt(&ends.responder, &(struct envelope_receipt){.status = 200}, NULL, &out),
	    EPROTO);
	ends_part(&ends);
}

static void a_key_is_answered_in_the_kind_it_came_in(void **state)
{
	static const struct {
		const char *key;
		enum exchange_kind kind;
		char first;
	} cases[] = {
	    {"{\"key\": 14}", EXCHANGE_CLASSIC, '1'},
	    {"{\"key\": \"14\"}", EXCHANGE_CLASSIC, '"'},
	    {"{\"key\": \"" VECTOR_A_DIGITS "\"}", EXCHANGE_SECURE, '"'},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct exchange exchange = {0};
		struct buffer out = {0};
		struct wire_object key;
		const char *why;

		if (cases[i].kind == EXCHANGE_CLASSIC && !classic_is_available())
			continue;
		assert_int_equal(wire_parse(cases[i].key, strlen(cases[i].key), &key, &why), 0);
		assert_int_equal(exchange_kind_of(&key), cases[i].kind);
		assert_int_equal(exchange_answer(&exchange, &bob, &key, &out), 0);
		assert_int_equal(exchange.kind, cases[i].kind);
		assert_int_equal(out.data[8] == '"', cases[i].first == '"');
		wire_free(&key);
		buffer_free(&out);
		exchange_end(&exchange);
	}
}

static void a_key_of_the_other_exchange_is_not_taken(void **state)
{
	static const char
	    small[] = "{\"key\": \"13\"}",
	    large[] = "{\"key\": \"" VECTOR_B_DIGITS "\"}",
	    larger[] = "{\"key\": \"1157920892373161954235709850086879078532699846656405640394575840079131296399360\"}";
	static const char *const not_for_secure[] = {small, larger}, *const not_for_classic[] = {large, larger};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		const char *text = i < 2 ? not_for_secure[i] : not_for_classic[i - 2], *why;
		struct exchange exchange = {0};
		struct buffer out = {0};
		struct wire_object key;

		assert_int_equal(exchange_offer(&exchange, &alice, i < 2 ? bob.public : NULL, "7", &out), 0);
		assert_int_equal(wire_parse(text, strlen(text), &key, &why), 0);
		assert_int_equal(exchange_take(&exchange, &key), EPROTO);
		exchange_end(&exchange);
		/* Nor is any taken by who offered none. */
		assert_int_equal(exchange_take(&exchange, &key), EPROTO);
		wire_free(&key);
		buffer_free(&out);
	}
}

static void send_text(struct ends *ends, const char *username, const char *text, size_t len)
{
	struct buffer out = {0};
	struct exchange_message message;
	struct wire_object object;

	assert_int_equal(exchange_seal(&ends->initiator, username, id, text, len, &out), 0);
	object = object_of(&out);
	assert_int_equal(exchange_open(&ends->responder, &object, &message), 0);
	wire_free(&object);
	assert_int_equal(message.text_len, len);
	assert_memory_equal(message.text, text, len);
	exchange_message_free(&message);
}

static void texts_of_every_kind_come_through(void **state)
{
	char *long_text = support_repeat('x', 40000);
	const struct {
		const char *text;
		size_t len;
	} cases[] = {
	    {BYTES("hello")},
	    {BYTES("")},
	    {BYTES("two\nlines\tand \"quotes\" \\ {}")},
	    {BYTES("\x01\x1b[31m\x7f\xc2\x9b")},
	    {BYTES("g\xc3\xbcnayd\xc4\xb1n \xe2\x82\xac \xf0\x9f\x98\x80")},
	    {long_text, 40000},
	};
	struct ends ends = ends_meet(bob.public, &bob);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		/* The name that was said first stays. */
		send_text(&ends, i == 0 ? "Alice" : "Mallory", cases[i].text, cases[i].len);
		assert_string_equal(ends.responder.username, "Alice");
	}
	ends_part(&ends);
	ends = ends_meet(bob.public, &bob);
	send_text(&ends, NULL, BYTES("hello"));
	assert_string_equal(ends.responder.username, "");
	ends_part(&ends);
	free(long_text);
}

static void an_ask_of_the_largest_size_is_answered_with_as_much(void **state)
{
	char *text = support_repeat('x', ENVELOPE_MAX_BYTES - 200);
	json_t *body = json_pack("{s:s, s:s}", "ask", "states", "known", text), *answer = NULL;
	struct envelope_receipt receipt = {.received = 1, .status = ENVELOPE_NOT_NOW};
	struct ends ends = ends_meet(bob.public, &bob);
	struct exchange_message message;
	struct buffer out = {0};
	struct wire_object object;

	(void)state;
	send_text(&ends, "Alice", BYTES("hello"));
	assert_int_equal(exchange_seal_body(&ends.initiator, "Alice", body, &out), 0);
	assert_true(out.len <= FRAMING_MAX_BYTES);
	object = object_of(&out);
	assert_int_equal(exchange_open(&ends.responder, &object, &message), 0);
	wire_free(&object);
	assert_null(message.text);
	assert_null(message.id);
	assert_true(message.counter == 1);
	assert_true(json_equal(message.body, body));
	exchange_message_free(&message);
	assert_int_equal(exchange_seal_receipt(&ends.responder, &receipt, body, &out), 0);
	assert_true(out.len <= FRAMING_MAX_BYTES);
	object = object_of(&out);
	assert_int_equal(exchange_open_receipt(&ends.initiator, &object, &receipt, &answer), 0);
	wire_free(&object);
	assert_string_equal(json_string_value(json_object_get(answer, "known")), text);
	json_decref(answer);
	json_object_set_new(body, "more", json_string(text));
	assert_int_equal(exchange_seal_body(&ends.initiator, "Alice", body, &out), EMSGSIZE);
	assert_int_equal(out.len, 0);
	json_decref(body);
	free(text);
	ends_part(&ends);
}

static void a_file_is_offered_and_both_ends_have_a_key_for_it(void **state)
{
	const struct fileoffer file = {.name = "plan.pdf", .bytes = 2100000};
	struct ends ends = ends_meet(bob.public, &bob), others = ends_meet(bob.public, &bob);
	uint8_t key[CHANNEL_FILE_KEY_BYTES], same[CHANNEL_FILE_KEY_BYTES], other[CHANNEL_FILE_KEY_BYTES];
	struct exchange_message message;
	struct wire_object object;
	struct buffer out = {0};

	(void)state;
	assert_int_equal(exchange_seal_offer(&ends.responder, NULL, id, &file, &out), EPROTO);
	assert_int_equal(exchange_seal_offer(&ends.initiator, "Alice", id, &file, &out), 0);
	object = object_of(&out);
	assert_int_equal(exchange_open(&ends.responder, &object, &message), 0);
	wire_free(&object);
	assert_null(message.text);
	assert_null(message.body);
	assert_string_equal(message.file->name, "plan.pdf");
	assert_int_equal(message.file->bytes, 2100000);
	assert_memory_equal(message.id, id, sizeof(id));
	exchange_message_free(&message);
	exchange_file_key(&ends.initiator, key);
	exchange_file_key(&ends.responder, same);
	exchange_file_key(&others.responder, other);
	assert_memory_equal(key, same, sizeof(key));
	assert_memory_not_equal(key, other, sizeof(key));
	ends_part(&ends);
	ends_part(&others);
}

static void a_receipt_is_for_the_message_that_was_sealed_last(void **state)
{
	static const struct {
		unsigned sealed;
		uint64_t received;
		int rc;
	} cases[] = {
	    {1, 0, 0}, {2, 1, 0}, {0, 0, EPROTO}, {1, 1, EPROTO}, {2, 0, EPROTO}, {1, UINT64_MAX >> 1, EPROTO}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ends ends = ends_meet(bob.public, &bob);
		struct envelope_receipt receipt = {.received = cases[i].received, .status = ENVELOPE_NO}, read;
		struct buffer out = {0};
		struct wire_object object;

		for (unsigned k = 0; k < cases[i].sealed; k++)
			send_text(&ends, NULL, BYTES("hello"));
		assert_int_equal(exchange_seal_receipt(&ends.responder, &receipt, NULL, &out), 0);
		object = object_of(&out);
		assert_int_equal(exchange_open_receipt(&ends.initiator, &object, &read, NULL), cases[i].rc);
		if (cases[i].rc == 0)
			assert_int_equal(read.status, ENVELOPE_NO);
		/* And good once. */
		assert_int_equal(exchange_open_receipt(&ends.initiator, &object, &read, NULL), EPROTO);
		wire_free(&object);
		ends_part(&ends);
	}
}

static void nobody_speaks_out_of_turn(void **state)
{
	struct envelope_receipt receipt = {.status = ENVELOPE_DONE};
	struct exchange nothing = {0};
	struct exchange_message message;
	struct buffer out = {0}, sealed = {0};
	struct wire_object object;
	struct ends ends = ends_meet(bob.public, &bob);

	(void)state;
	assert_int_equal(exchange_seal(&ends.initiator, NULL, id, BYTES("hello"), &sealed), 0);
	object = object_of(&sealed);
	/* Before there are keys. */
	assert_int_equal(exchange_open(&nothing, &object, &message), EPROTO);
	assert_int_equal(exchange_seal(&nothing, NULL, id, BYTES("hello"), &out), EPROTO);
	assert_int_equal(exchange_seal_receipt(&nothing, &receipt, NULL, &out), EPROTO);
	assert_int_equal(exchange_open_receipt(&nothing, &object, &receipt, NULL), EPROTO);
	/* Before both are there. */
	assert_int_equal(exchange_offer(&nothing, &alice, bob.public, "7", &sealed), 0);
	assert_int_equal(exchange_seal(&nothing, NULL, id, BYTES("hello"), &out), EPROTO);
	exchange_end(&nothing);
	/* One in the place of the other. */
	assert_int_equal(exchange_open(&ends.initiator, &object, &message), EPROTO);
	assert_int_equal(exchange_seal(&ends.responder, NULL, id, BYTES("hello"), &out), EPROTO);
	assert_int_equal(exchange_seal_receipt(&ends.initiator, &receipt, NULL, &out), EPROTO);
	assert_int_equal(exchange_open_receipt(&ends.responder, &object, &receipt, NULL), EPROTO);
	assert_int_equal(out.len, 0);
	wire_free(&object);
	buffer_free(&sealed);
	ends_part(&ends);
}

/* An object with this plaintext under the keys of the vectors: what the other side could say if it wanted. */
static struct wire_object forge(const char *key_hex, uint64_t counter, const char *plaintext, size_t len)
{
	struct secretbox box = {.counter = counter};
	struct buffer sealed = {0}, out = {0};

	support_unhex(key_hex, box.key, sizeof(box.key));
	randomness_supply(VECTOR_NONCE);
	assert_int_equal(secretbox_seal(&box, plaintext, len, &sealed), 0);
	assert_int_equal(wire_format_message(&out, WIRE_ENCRYPTED, sealed.data, sealed.len), 0);
	buffer_free(&sealed);
	return object_of(&out);
}

#define REST ", \"id\": \"" VECTOR_ID "\", \"text\": \"hello\"}"

static void a_first_message_without_a_proof_that_holds_is_refused(void **state)
{
	static const struct {
		uint64_t counter;
		const char *plaintext;
	} cases[] = {
	    {0, "{\"id\": \"" VECTOR_ID "\", \"text\": \"hello\"}"},
	    {0, "{\"identity\": \"" VECTOR_SA_TEXT "\", \"proof\": \"" VECTOR_SA_TEXT "\"" REST},
	    {0, "{\"identity\": \"" VECTOR_SB_TEXT "\", \"proof\": \"" VECTOR_PROOF_TEXT "\"" REST},
	    {0, "{\"identity\": \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\", \"proof\": \"" VECTOR_PROOF_TEXT
		"\"" REST},
	    /* The proof in the second message does not make up for the first. */
	    {1, VECTOR_PLAINTEXT},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ends ends = ends_meet_as_in_the_vectors();
		struct wire_object object =
		    forge(VECTOR_TO_RESPONDER, cases[i].counter, cases[i].plaintext, strlen(cases[i].plaintext));
		struct exchange_message message;

		CHECK(exchange_open(&ends.responder, &object, &message) == EPROTO, "taken: %s", cases[i].plaintext);
		assert_null(message.text);
		assert_string_equal(ends.responder.username, "");
		wire_free(&object);
		ends_part(&ends);
	}
}

static void later_messages_are_of_the_one_who_proved_itself(void **state)
{
	struct ends ends = ends_meet_as_in_the_vectors();
	struct exchange_message message;
	struct wire_object object = forge(VECTOR_TO_RESPONDER, 0, BYTES(VECTOR_PLAINTEXT));

	(void)state;
	assert_int_equal(exchange_open(&ends.responder, &object, &message), 0);
	exchange_message_free(&message);
	wire_free(&object);
	object = forge(VECTOR_TO_RESPONDER, 1,
	    BYTES("{\"identity\": \"" VECTOR_SB_TEXT "\", \"username\": \"Mallory\", \"id\": \"" VECTOR_ID
		  "\", \"text\": \"again\"}"));
	assert_int_equal(exchange_open(&ends.responder, &object, &message), 0);
	assert_string_equal(message.text, "again");
	assert_true(message.counter == 1);
	exchange_message_free(&message);
	wire_free(&object);
	assert_memory_equal(ends.responder.peer, alice.public, IDENTITY_BYTES);
	assert_string_equal(ends.responder.username, "Ece");
	object = forge(VECTOR_TO_RESPONDER, 2, BYTES("{\"text\": \"without an id\"}"));
	assert_int_equal(exchange_open(&ends.responder, &object, &message), EPROTO);
	wire_free(&object);
	ends_part(&ends);
}

static void mallory_in_bobs_place_reads_nothing_and_confirms_nothing(void **state)
{
	struct identity mallory = identity_of_seed(VECTOR_FRESH);
	struct ends ends = ends_meet(bob.public, &mallory);
	struct envelope_receipt receipt = {.username = "Bob", .status = ENVELOPE_DONE};
	struct exchange_message message;
	struct buffer out = {0};
	struct wire_object object;

	(void)state;
	assert_int_equal(exchange_seal(&ends.initiator, "Alice", id, BYTES("hello"), &out), 0);
	object = object_of(&out);
	assert_int_equal(exchange_open(&ends.responder, &object, &message), EPROTO);
	wire_free(&object);
	assert_int_equal(exchange_seal_receipt(&ends.responder, &receipt, NULL, &out), 0);
	object = object_of(&out);
	assert_int_equal(exchange_open_receipt(&ends.initiator, &object, &receipt, NULL), EPROTO);
	assert_string_equal(ends.initiator.username, "");
	wire_free(&object);
	ends_part(&ends);
}

static void text_that_is_not_utf8_is_not_sealed(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(support_bad_utf8); i++) {
		struct ends ends = ends_meet(bob.public, &bob);
		struct buffer out = {0};

		assert_int_equal(buffer_append(&out, "before", 6), 0);
		CHECK(exchange_seal(&ends.initiator, NULL, id, support_bad_utf8[i].bytes, support_bad_utf8[i].len,
			  &out) == EILSEQ,
		    "%s is sealed", support_bad_utf8[i].why);
		assert_int_equal(out.len, 6);
		buffer_free(&out);
		ends_part(&ends);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(a_secure_exchange_has_the_bytes_of_the_vectors, randomness_restore),
	    cmocka_unit_test(a_classic_exchange_has_the_bytes_of_the_vectors),
	    cmocka_unit_test(a_key_is_answered_in_the_kind_it_came_in),
	    cmocka_unit_test(a_key_of_the_other_exchange_is_not_taken),
	    cmocka_unit_test(texts_of_every_kind_come_through),
	    cmocka_unit_test(an_ask_of_the_largest_size_is_answered_with_as_much),
	    cmocka_unit_test(a_file_is_offered_and_both_ends_have_a_key_for_it),
	    cmocka_unit_test(a_receipt_is_for_the_message_that_was_sealed_last),
	    cmocka_unit_test(nobody_speaks_out_of_turn),
	    cmocka_unit_test_teardown(a_first_message_without_a_proof_that_holds_is_refused, randomness_restore),
	    cmocka_unit_test_teardown(later_messages_are_of_the_one_who_proved_itself, randomness_restore),
	    cmocka_unit_test(mallory_in_bobs_place_reads_nothing_and_confirms_nothing),
	    cmocka_unit_test(text_that_is_not_utf8_is_not_sealed),
	};

	support_begin();
	return cmocka_run_group_tests_name("exchange", tests, prepare, NULL);
}
