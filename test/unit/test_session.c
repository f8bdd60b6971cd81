/* session: the secure conversation of section 3.1 of common/PROTOCOL.md, and who must not take
 * part. */
#include "support.h"

#include <sodium.h>

#include "base/decimal.h"
#include "crypto/secretbox.h"
#include "crypto/session.h"
#include "heap.h"
#include "identities.h"
#include "randomness.h"
#include "vectors.h"

#define BASE64 sodium_base64_VARIANT_ORIGINAL

static struct identity alice;
static struct identity bob;

static int prepare(void **state)
{
	(void)state;
	alice = identity_of_seed(VECTOR_SA_SEED);
	bob = identity_of_seed(VECTOR_SB_SEED);
	return sodium_init() < 0 ? -1 : 0;
}

/* The two ends of a conversation of Alice with Bob. */
struct ends {
	struct session *initiator;
	struct session *responder;
};

static struct ends ends_meet(const struct identity *initiator, const struct identity *responder)
{
	struct ends ends = {0};
	const char *digits;

	assert_int_equal(session_initiate(&ends.initiator, initiator, bob.public, "42", 2), 0);
	digits = session_key_digits(ends.initiator);
	assert_int_equal(session_respond(&ends.responder, responder, digits, strlen(digits)), 0);
	digits = session_key_digits(ends.responder);
	assert_int_equal(session_complete(ends.initiator, digits, strlen(digits)), 0);
	return ends;
}

/* The same with the ephemeral pairs, and so the keys, of the vectors. */
static struct ends ends_meet_as_in_the_vectors(void)
{
	struct ends ends = {0};

	randomness_choose();
	randomness_supply(VECTOR_FRESH);
	randomness_supply(VECTOR_B_SECRET);
	assert_int_equal(session_initiate(&ends.initiator, &alice, bob.public, BYTES(VECTOR_NUMBER)), 0);
	assert_string_equal(session_key_digits(ends.initiator), VECTOR_A_DIGITS);
	assert_int_equal(session_respond(&ends.responder, &bob, BYTES(VECTOR_A_DIGITS)), 0);
	assert_string_equal(session_key_digits(ends.responder), VECTOR_B_DIGITS);
	assert_true(randomness_is_used_up());
	assert_int_equal(session_complete(ends.initiator, BYTES(VECTOR_B_DIGITS)), 0);
	return ends;
}

static void ends_part(struct ends *ends)
{
	session_free(ends->initiator);
	session_free(ends->responder);
}

static void expect_text_opened(struct ends *ends, const struct buffer *sealed, const char *text, size_t len,
    uint64_t counter)
{
	char *copy = support_copy(sealed->data, sealed->len);
	struct session_text opened = {0};

	assert_int_equal(session_open_text(ends->responder, copy, sealed->len, &opened), 0);
	free(copy);
	assert_int_equal(opened.text_len, len);
	assert_memory_equal(opened.text, text, len + 1);
	assert_true(opened.counter == counter);
	assert_memory_equal(opened.sender, alice.public, DH_KEY_BYTES);
	session_text_free(&opened);
}

static void expect_text_refused(struct session *session, const char *base64, size_t len)
{
	char *copy = support_copy(base64, len);
	struct session_text opened = {0};
	struct session_text before = {0};

	CHECK(session_open_text(session, copy, len, &opened) == EPROTO, "taken: %.*s", (int)len, base64);
	assert_memory_equal(&opened, &before, sizeof(before));
	free(copy);
}

static void expect_receipt_refused(struct session *session, const char *base64, size_t len)
{
	char *copy = support_copy(base64, len);
	uint64_t counter = 42;

	CHECK(session_open_receipt(session, copy, len, &counter) == EPROTO, "taken: %.*s", (int)len, base64);
	assert_true(counter == 42);
	free(copy);
}

static void a_conversation_has_the_bytes_of_the_vectors(void **state)
{
	struct ends ends = ends_meet_as_in_the_vectors();
	struct session_text opened = {0};
	uint64_t counter = 42;

	(void)state;
	assert_int_equal(session_open_text(ends.responder, BYTES(VECTOR_SEALED), &opened), 0);
	assert_int_equal(opened.plaintext.len, sizeof(VECTOR_PLAINTEXT) - 1);
	assert_memory_equal(opened.plaintext.data, VECTOR_PLAINTEXT, opened.plaintext.len);
	assert_string_equal(opened.text, VECTOR_TEXT);
	assert_int_equal(opened.text_len, sizeof(VECTOR_TEXT) - 1);
	assert_true(opened.counter == 0);
	assert_memory_equal(opened.sender, alice.public, DH_KEY_BYTES);
	session_text_free(&opened);
	assert_int_equal(session_open_receipt(ends.initiator, BYTES(VECTOR_RECEIPT_SEALED), &counter), 0);
	assert_true(counter == 0);
	ends_part(&ends);
}

static void texts_of_every_kind_come_through_and_are_confirmed(void **state)
{
	struct ends ends = ends_meet(&alice, &bob);
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

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buffer sealed = {0};
		uint64_t counter = 42;

		assert_int_equal(session_seal_text(ends.initiator, cases[i].text, cases[i].len, &sealed), 0);
		expect_text_opened(&ends, &sealed, cases[i].text, cases[i].len, i);
		buffer_free(&sealed);
		assert_int_equal(session_seal_receipt(ends.responder, i, &sealed), 0);
		assert_int_equal(session_open_receipt(ends.initiator, sealed.data, sealed.len, &counter), 0);
		assert_true(counter == i);
		buffer_free(&sealed);
	}
	free(long_text);
	ends_part(&ends);
}

static void only_the_first_text_carries_identity_and_proof(void **state)
{
	static const char *const texts[] = {"hello", "again", ""};
	struct ends ends = ends_meet(&alice, &bob);

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct buffer sealed = {0};
		struct session_text opened = {0};
		char expected[64];
		size_t len;

		len = (size_t)snprintf(expected, sizeof(expected), "{\"text\": \"%s\"}", texts[i]);
		assert_int_equal(session_seal_text(ends.initiator, texts[i], strlen(texts[i]), &sealed), 0);
		assert_int_equal(session_open_text(ends.responder, sealed.data, sealed.len, &opened), 0);
		if (i == 0) {
			assert_non_null(memmem(opened.plaintext.data, opened.plaintext.len, BYTES("\"proof\"")));
		} else {
			assert_int_equal(opened.plaintext.len, len);
			assert_memory_equal(opened.plaintext.data, expected, len);
		}
		session_text_free(&opened);
		buffer_free(&sealed);
	}
	ends_part(&ends);
}

static void sealing_appends(void **state)
{
	struct ends ends = ends_meet(&alice, &bob);
	struct buffer sealed = {0};

	(void)state;
	assert_int_equal(buffer_append(&sealed, "before", 6), 0);
	assert_int_equal(session_seal_text(ends.initiator, BYTES("hello"), &sealed), 0);
	assert_memory_equal(sealed.data, "before", 6);
	buffer_consume(&sealed, 6);
	expect_text_opened(&ends, &sealed, BYTES("hello"), 0);
	buffer_free(&sealed);
	assert_int_equal(buffer_append(&sealed, "before", 6), 0);
	assert_int_equal(session_seal_receipt(ends.responder, 0, &sealed), 0);
	assert_memory_equal(sealed.data, "before", 6);
	buffer_free(&sealed);
	ends_part(&ends);
}

static void a_weak_number_makes_no_two_sessions_alike(void **state)
{
	struct session *sessions[20];

	(void)state;
	for (size_t i = 0; i < COUNT(sessions); i++) {
		assert_int_equal(session_initiate(&sessions[i], &alice, bob.public, "1", 1), 0);
		assert_true(decimal_is_number(session_key_digits(sessions[i]),
		    strlen(session_key_digits(sessions[i]))));
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(session_key_digits(sessions[i]), session_key_digits(sessions[j]));
	}
	for (size_t i = 0; i < COUNT(sessions); i++)
		session_free(sessions[i]);
}

static void a_number_may_be_long(void **state)
{
	char *digits = support_repeat('9', 60000);
	struct session *session = NULL;

	(void)state;
	assert_int_equal(session_initiate(&session, &alice, bob.public, digits, 60000), 0);
	free(digits);
	session_free(session);
}

static void text_that_is_not_utf8_is_not_sealed(void **state)
{
	struct ends ends = ends_meet(&alice, &bob);
	struct buffer sealed = {0};

	(void)state;
	assert_int_equal(buffer_append(&sealed, "before", 6), 0);
	for (size_t i = 0; i < COUNT(support_bad_utf8); i++) {
		CHECK(session_seal_text(ends.initiator, support_bad_utf8[i].bytes, support_bad_utf8[i].len, &sealed) ==
			  EILSEQ,
		    "%s is sealed", support_bad_utf8[i].why);
		assert_int_equal(sealed.len, 6);
	}
	buffer_free(&sealed);
	/* The session is as good as before. */
	assert_int_equal(session_seal_text(ends.initiator, BYTES("hello"), &sealed), 0);
	expect_text_opened(&ends, &sealed, BYTES("hello"), 0);
	buffer_free(&sealed);
	ends_part(&ends);
}

/* The digits of a point in little-endian hexadecimal. */
static void digits_of(const char *hex, char digits[static DECIMAL_MAX_DIGITS + 1])
{
	uint8_t bytes[DECIMAL_BYTES];

	support_unhex(hex, bytes, sizeof(bytes));
	decimal_format(bytes, digits);
}

static void keys_that_are_none_are_refused_by_both(void **state)
{
	char *nines = support_repeat('9', 65000);
	char low_order[5][DECIMAL_MAX_DIGITS + 1];
	const char *cases[] = {
	    "",
	    "x",
	    "-1",
	    "+1",
	    " 1",
	    "1 ",
	    "1.5",
	    VECTOR_B_DIGITS "x",
	    /* 2^256 */
	    "115792089237316195423570985008687907853269984665640564039457584007913129639936",
	    nines,
	    /* Points of low order. */
	    "0",
	    low_order[0],
	    low_order[1],
	    low_order[2],
	    low_order[3],
	    low_order[4],
	};

	(void)state;
	digits_of("0100000000000000000000000000000000000000000000000000000000000000", low_order[0]);
	digits_of("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800", low_order[1]);
	digits_of("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157", low_order[2]);
	digits_of("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", low_order[3]);
	digits_of("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", low_order[4]);
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t len = strlen(cases[i]);
		char *digits = support_copy(cases[i], len);
		struct session *session = NULL;

		CHECK(session_respond(&session, &bob, digits, len) == EPROTO, "\"%.80s\" is taken", cases[i]);
		assert_null(session);
		assert_int_equal(session_initiate(&session, &alice, bob.public, "42", 2), 0);
		CHECK(session_complete(session, digits, len) == EPROTO, "\"%.80s\" is taken", cases[i]);
		session_free(session);
		free(digits);
	}
	free(nines);
}

static void a_key_below_2_to_64_belongs_to_the_exchange_of_the_classic(void **state)
{
	static const struct {
		const char *digits;
		bool ours;
	} cases[] = {
	    {"2", false},
	    {"14", false},
	    {"00000000000000000000000000000000000000014", false},
	    {"18446744073709551615", false},
	    {"18446744073709551616", true},
	    {"018446744073709551616", true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t len = strlen(cases[i].digits);
		int expected = cases[i].ours ? 0 : EPROTO;
		struct session *session = NULL;

		CHECK(session_respond(&session, &bob, cases[i].digits, len) == expected, "%s", cases[i].digits);
		assert_int_equal(session != NULL, cases[i].ours);
		session_free(session);
		assert_int_equal(session_initiate(&session, &alice, bob.public, "42", 2), 0);
		CHECK(session_complete(session, cases[i].digits, len) == expected, "%s", cases[i].digits);
		session_free(session);
	}
}

static void an_identity_of_low_order_makes_no_session(void **state)
{
	static const char *const points[] = {
	    "0000000000000000000000000000000000000000000000000000000000000000",
	    "0100000000000000000000000000000000000000000000000000000000000000",
	    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(points); i++) {
		uint8_t point[DH_KEY_BYTES];
		struct session *session = NULL;
		int r;

		support_unhex(points[i], point, sizeof(point));
		r = session_initiate(&session, &alice, point, "42", 2);
		if (r == 0)
			r = session_complete(session, BYTES(VECTOR_B_DIGITS));
		assert_int_equal(r, EPROTO);
		session_free(session);
	}
}

static void nobody_speaks_out_of_turn(void **state)
{
	struct ends ends;
	struct session *begun = NULL;
	struct buffer sealed = {0};
	struct buffer out = {0};

	(void)state;
	ends = ends_meet(&alice, &bob);
	assert_int_equal(session_seal_text(ends.initiator, BYTES("hello"), &sealed), 0);
	/* Before the keys are exchanged. */
	assert_int_equal(session_initiate(&begun, &alice, bob.public, "42", 2), 0);
	assert_int_equal(session_seal_text(begun, BYTES("hello"), &out), EPROTO);
	session_free(begun);
	assert_int_equal(session_initiate(&begun, &alice, bob.public, "42", 2), 0);
	expect_receipt_refused(begun, sealed.data, sealed.len);
	session_free(begun);
	/* The initiator in the place of the responder. */
	expect_text_refused(ends.initiator, sealed.data, sealed.len);
	ends_part(&ends);
	ends = ends_meet(&alice, &bob);
	assert_int_equal(session_seal_receipt(ends.initiator, 0, &out), EPROTO);
	ends_part(&ends);
	/* The responder in the place of the initiator. */
	ends = ends_meet(&alice, &bob);
	assert_int_equal(session_seal_text(ends.responder, BYTES("hello"), &out), EPROTO);
	ends_part(&ends);
	ends = ends_meet(&alice, &bob);
	expect_receipt_refused(ends.responder, sealed.data, sealed.len);
	ends_part(&ends);
	ends = ends_meet(&alice, &bob);
	assert_int_equal(session_complete(ends.responder, BYTES(VECTOR_B_DIGITS)), EPROTO);
	ends_part(&ends);
	/* A second key for one session. */
	ends = ends_meet(&alice, &bob);
	assert_int_equal(session_complete(ends.initiator, BYTES(VECTOR_B_DIGITS)), EPROTO);
	ends_part(&ends);
	assert_int_equal(out.len, 0);
	buffer_free(&sealed);
	buffer_free(&out);
}

static void responder_refuses_texts_repeated_left_out_or_out_of_order(void **state)
{
	static const size_t orders[][3] = {{0, 0, 9}, {1, 9, 9}, {0, 2, 9}, {0, 1, 1}, {0, 1, 0}};

	(void)state;
	for (size_t i = 0; i < COUNT(orders); i++) {
		struct ends ends = ends_meet(&alice, &bob);
		struct buffer sealed[3] = {{0}, {0}, {0}};

		for (size_t j = 0; j < COUNT(sealed); j++)
			assert_int_equal(session_seal_text(ends.initiator, "hello", 5, &sealed[j]), 0);
		for (size_t j = 0; j < 3 && orders[i][j] < 3; j++) {
			const struct buffer *message = &sealed[orders[i][j]];

			if (orders[i][j] == j)
				expect_text_opened(&ends, message, BYTES("hello"), j);
			else
				expect_text_refused(ends.responder, message->data, message->len);
		}
		for (size_t j = 0; j < COUNT(sealed); j++)
			buffer_free(&sealed[j]);
		ends_part(&ends);
	}
}

static void a_text_is_good_for_its_own_session_only(void **state)
{
	struct ends ends = ends_meet(&alice, &bob);
	struct ends others = ends_meet(&alice, &bob);
	struct buffer sealed = {0};
	struct buffer receipt = {0};

	(void)state;
	assert_int_equal(session_seal_text(ends.initiator, BYTES("hello"), &sealed), 0);
	expect_text_refused(others.responder, sealed.data, sealed.len);
	expect_text_opened(&ends, &sealed, BYTES("hello"), 0);
	assert_int_equal(session_seal_receipt(ends.responder, 0, &receipt), 0);
	assert_int_equal(session_seal_text(others.initiator, BYTES("hello"), &sealed), 0);
	expect_receipt_refused(others.initiator, receipt.data, receipt.len);
	/* One's own text sent back is no receipt. */
	buffer_free(&sealed);
	assert_int_equal(session_seal_text(ends.initiator, BYTES("again"), &sealed), 0);
	expect_receipt_refused(ends.initiator, sealed.data, sealed.len);
	buffer_free(&sealed);
	buffer_free(&receipt);
	ends_part(&ends);
	ends_part(&others);
}

static void mallory_reads_nothing_and_confirms_nothing(void **state)
{
	struct identity mallory;
	struct ends ends;
	struct buffer sealed = {0};

	(void)state;
	/* She answers in the place of Bob, who is meant. */
	mallory = identity_of_seed(VECTOR_FRESH);
	ends = ends_meet(&alice, &mallory);
	assert_int_equal(session_seal_text(ends.initiator, BYTES("hello"), &sealed), 0);
	expect_text_refused(ends.responder, sealed.data, sealed.len);
	ends_part(&ends);
	buffer_free(&sealed);
	ends = ends_meet(&alice, &mallory);
	assert_int_equal(session_seal_text(ends.initiator, BYTES("hello"), &sealed), 0);
	buffer_free(&sealed);
	if (session_seal_receipt(ends.responder, 0, &sealed) == 0)
		expect_receipt_refused(ends.initiator, sealed.data, sealed.len);
	buffer_free(&sealed);
	ends_part(&ends);
}

static void messages_with_any_bit_flipped_are_refused(void **state)
{
	static const struct {
		const char *sealed;
		bool receipt;
	} cases[] = {{VECTOR_SEALED, false}, {VECTOR_RECEIPT_SEALED, true}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint8_t bytes[sizeof(VECTOR_SEALED)];
		size_t len = 0;

		assert_int_equal(sodium_base642bin(bytes, sizeof(bytes), cases[i].sealed, strlen(cases[i].sealed), NULL,
				     &len, NULL, BASE64),
		    0);
		for (size_t bit = 0; bit < 8 * len; bit++) {
			struct ends ends = ends_meet_as_in_the_vectors();
			struct buffer sent = {0};
			char text[sizeof(VECTOR_SEALED) + 8];

			randomness_supply(VECTOR_NONCE);
			assert_int_equal(session_seal_text(ends.initiator, BYTES(VECTOR_TEXT), &sent), 0);
			buffer_free(&sent);
			bytes[bit / 8] = (uint8_t)(bytes[bit / 8] ^ 1 << bit % 8);
			sodium_bin2base64(text, sizeof(text), bytes, len, BASE64);
			if (cases[i].receipt)
				expect_receipt_refused(ends.initiator, text, strlen(text));
			else
				expect_text_refused(ends.responder, text, strlen(text));
			bytes[bit / 8] = (uint8_t)(bytes[bit / 8] ^ 1 << bit % 8);
			ends_part(&ends);
		}
	}
}

static void messages_cut_short_are_refused(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof(VECTOR_SEALED) - 1; len++) {
		struct ends ends = ends_meet_as_in_the_vectors();

		expect_text_refused(ends.responder, VECTOR_SEALED, len);
		if (len < sizeof(VECTOR_RECEIPT_SEALED) - 1)
			expect_receipt_refused(ends.initiator, VECTOR_RECEIPT_SEALED, len);
		ends_part(&ends);
	}
}

/* A message with this plaintext under the key of the vectors: what the other side could say if it
 * wanted. */
static struct buffer forge(const char *key_hex, uint64_t counter, const char *plaintext, size_t len)
{
	struct secretbox box = {.counter = counter};
	struct buffer sealed = {0};

	support_unhex(key_hex, box.key, sizeof(box.key));
	randomness_supply(VECTOR_NONCE);
	assert_int_equal(secretbox_seal(&box, plaintext, len, &sealed), 0);
	return sealed;
}

#define IDENTITY "\"identity\": \"" VECTOR_SA_TEXT "\""
#define PROOF "\"proof\": \"" VECTOR_PROOF_TEXT "\""

static void a_first_text_without_a_proof_that_holds_is_refused(void **state)
{
	static const struct {
		const char *plaintext;
		size_t len;
	} cases[] = {
	    {BYTES("")},
	    {BYTES("hello")},
	    {BYTES("\"hello\"")},
	    {BYTES("[]")},
	    {BYTES("{}")},
	    {BYTES("{\"text\": \"hello\"}")},
	    {BYTES("{" IDENTITY ", \"text\": \"hello\"}")},
	    {BYTES("{" PROOF ", \"text\": \"hello\"}")},
	    {BYTES("{" IDENTITY ", " PROOF "}")},
	    {BYTES("{" IDENTITY ", " PROOF ", \"text\": null}")},
	    {BYTES("{" IDENTITY ", " PROOF ", \"text\": 42}")},
	    {BYTES("{" IDENTITY ", " PROOF ", \"text\": [\"hello\"]}")},
	    {BYTES("{" IDENTITY ", " PROOF ", \"text\": \"\\u0000\"}")},
	    {BYTES("{" IDENTITY ", " PROOF ", \"text\": \"\\ud83d\"}")},
	    {BYTES("{" IDENTITY ", " PROOF ", \"text\": \"\xff\"}")},
	    {BYTES("{" IDENTITY ", " PROOF ", \"text\": \"\xc0\xaf\"}")},
	    {BYTES("{" IDENTITY ", " PROOF ", \"text\": \"hello\"")},
	    {BYTES("{" IDENTITY ", " PROOF ", \"text\": \"hello\"}x")},
	    {BYTES("{" IDENTITY ", " PROOF ", \"text\": \"hello\"}\0")},
	    {BYTES("{\"identity\": 42, " PROOF ", \"text\": \"hello\"}")},
	    {BYTES("{\"identity\": \"\", " PROOF ", \"text\": \"hello\"}")},
	    {BYTES("{\"identity\": \"" VECTOR_SA_PUBLIC "\", " PROOF ", \"text\": \"hello\"}")},
	    {BYTES("{" IDENTITY ", \"proof\": 42, \"text\": \"hello\"}")},
	    {BYTES("{" IDENTITY ", \"proof\": \"\", \"text\": \"hello\"}")},
	    {BYTES("{" IDENTITY ", \"proof\": \"jicoVnHJgFfGYg==\", \"text\": \"hello\"}")},
	    {BYTES("{" IDENTITY ", \"proof\": \"jicoVnHJgFfGYglrZ/DQj4Bn5uy8xv7wliRDzFprg1s\", "
		   "\"text\": \"hello\"}")},
	    {BYTES("{" IDENTITY ", \"proof\": \"" VECTOR_SA_TEXT "\", \"text\": \"hello\"}")},
	    {BYTES("{" IDENTITY ", \"proof\": \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\", "
		   "\"text\": \"hello\"}")},
	    /* One bit of the identity or of the proof. */
	    {BYTES("{\"identity\": \"oX7n9ZiyNndL1FcKCQyY0SPwve7hNoWg8VL9/ds3Nko=\", " PROOF ", \"text\": \"hello\"}")},
	    {BYTES("{" IDENTITY ", \"proof\": \"jicoVnHJgFfGYglrZ/DQj4Bn5uy8xv7wliRDzFprg1o=\", "
		   "\"text\": \"hello\"}")},
	    /* An identity of low order, whose proofs anybody can make. */
	    {BYTES("{\"identity\": \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\", " PROOF ", \"text\": \"hello\"}")},
	};
	struct ends ends;
	struct buffer sealed;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *copy;
		struct session_text opened = {0};

		ends = ends_meet_as_in_the_vectors();
		sealed = forge(VECTOR_TO_RESPONDER, 0, cases[i].plaintext, cases[i].len);
		copy = support_copy(sealed.data, sealed.len);
		CHECK(session_open_text(ends.responder, copy, sealed.len, &opened) == EPROTO, "taken: %s",
		    cases[i].plaintext);
		assert_null(opened.text);
		assert_null(opened.plaintext.data);
		free(copy);
		buffer_free(&sealed);
		ends_part(&ends);
	}
	/* And this is what they all miss. */
	ends = ends_meet_as_in_the_vectors();
	sealed = forge(VECTOR_TO_RESPONDER, 0, BYTES("{\"text\":\"hello\"," PROOF "," IDENTITY "}"));
	expect_text_opened(&ends, &sealed, BYTES("hello"), 0);
	buffer_free(&sealed);
	ends_part(&ends);
}

static void later_texts_are_of_the_one_who_proved_itself(void **state)
{
	struct ends ends = ends_meet_as_in_the_vectors();
	struct buffer sealed = forge(VECTOR_TO_RESPONDER, 0, BYTES(VECTOR_PLAINTEXT));

	(void)state;
	expect_text_opened(&ends, &sealed, BYTES("hello"), 0);
	buffer_free(&sealed);
	sealed = forge(VECTOR_TO_RESPONDER, 1, BYTES("{\"text\": \"again\"}"));
	expect_text_opened(&ends, &sealed, BYTES("again"), 1);
	buffer_free(&sealed);
	sealed = forge(VECTOR_TO_RESPONDER, 2, BYTES("{}"));
	expect_text_refused(ends.responder, sealed.data, sealed.len);
	buffer_free(&sealed);
	ends_part(&ends);
}

static void a_text_does_not_come_before_the_proof(void **state)
{
	/* The proof in the second message does not make up for the first. */
	struct ends ends = ends_meet_as_in_the_vectors();
	struct buffer sealed = forge(VECTOR_TO_RESPONDER, 1, BYTES(VECTOR_PLAINTEXT));

	(void)state;
	expect_text_refused(ends.responder, sealed.data, sealed.len);
	buffer_free(&sealed);
	ends_part(&ends);
}

static void a_receipt_names_the_counter_of_a_message(void **state)
{
	static const struct {
		const char *plaintext;
		size_t len;
	} cases[] = {
	    {BYTES("")},
	    {BYTES("0")},
	    {BYTES("[0]")},
	    {BYTES("{}")},
	    {BYTES("{\"text\": \"hello\"}")},
	    {BYTES("{\"received\": null}")},
	    {BYTES("{\"received\": true}")},
	    {BYTES("{\"received\": \"0\"}")},
	    {BYTES("{\"received\": [0]}")},
	    {BYTES("{\"received\": -1}")},
	    {BYTES("{\"received\": 0.0}")},
	    {BYTES("{\"received\": 1e0}")},
	    {BYTES("{\"received\": 123456789012345678901234567890}")},
	    {BYTES("{\"received\": 0}x")},
	    {BYTES("{\"received\": 0")},
	};

	(void)state;
	for (size_t i = 0; i <= COUNT(cases); i++) {
		struct ends ends = ends_meet_as_in_the_vectors();
		struct buffer sealed = {0};
		uint64_t counter = 42;

		randomness_supply(VECTOR_NONCE);
		assert_int_equal(session_seal_text(ends.initiator, BYTES(VECTOR_TEXT), &sealed), 0);
		buffer_free(&sealed);
		if (i < COUNT(cases)) {
			sealed = forge(VECTOR_TO_INITIATOR, 0, cases[i].plaintext, cases[i].len);
			expect_receipt_refused(ends.initiator, sealed.data, sealed.len);
		} else {
			sealed = forge(VECTOR_TO_INITIATOR, 0, BYTES("{\"received\":0}"));
			assert_int_equal(session_open_receipt(ends.initiator, sealed.data, sealed.len, &counter), 0);
			assert_true(counter == 0);
		}
		buffer_free(&sealed);
		ends_part(&ends);
	}
}

static void a_receipt_is_good_once(void **state)
{
	struct ends ends = ends_meet(&alice, &bob);
	struct buffer sealed = {0};
	struct buffer receipt = {0};
	uint64_t counter = 42;

	(void)state;
	assert_int_equal(session_seal_text(ends.initiator, BYTES("hello"), &sealed), 0);
	expect_text_opened(&ends, &sealed, BYTES("hello"), 0);
	assert_int_equal(session_seal_receipt(ends.responder, 0, &receipt), 0);
	assert_int_equal(session_open_receipt(ends.initiator, receipt.data, receipt.len, &counter), 0);
	expect_receipt_refused(ends.initiator, receipt.data, receipt.len);
	buffer_free(&sealed);
	buffer_free(&receipt);
	ends_part(&ends);
}

static void freeing_wipes_every_secret(void **state)
{
	static const char *const secrets[] = {
	    VECTOR_A_SECRET,
	    VECTOR_B_SECRET,
	    VECTOR_SA_SEED,
	    VECTOR_SB_SEED,
	    VECTOR_SA_EXCHANGE_SECRET,
	    VECTOR_SB_EXCHANGE_SECRET,
	    VECTOR_EE,
	    VECTOR_ES,
	    VECTOR_SE,
	    VECTOR_TO_RESPONDER,
	    VECTOR_TO_INITIATOR,
	};

	(void)state;
	if (!heap_is_watched())
		skip();
	for (size_t i = 0; i < COUNT(secrets); i++) {
		uint8_t secret[DH_KEY_BYTES];
		struct ends ends;
		struct buffer sealed = {0};
		struct buffer receipt = {0};

		support_unhex(secrets[i], secret, sizeof(secret));
		heap_watch(secret, sizeof(secret));
		ends = ends_meet_as_in_the_vectors();
		randomness_supply(VECTOR_NONCE);
		randomness_supply(VECTOR_RECEIPT_NONCE);
		assert_int_equal(session_seal_text(ends.initiator, BYTES("hello"), &sealed), 0);
		expect_text_opened(&ends, &sealed, BYTES("hello"), 0);
		assert_int_equal(session_seal_receipt(ends.responder, 0, &receipt), 0);
		ends_part(&ends);
		CHECK(heap_unwatch() == 0, "secret %s is in freed memory", secrets[i]);
		buffer_free(&sealed);
		buffer_free(&receipt);
	}
}

static void freeing_a_text_wipes_it(void **state)
{
	static const char text[] = "nobody else may read this, not even in freed memory";
	struct ends ends = ends_meet(&alice, &bob);
	struct buffer sealed = {0};
	struct session_text opened = {0};

	(void)state;
	assert_int_equal(session_seal_text(ends.initiator, BYTES(text), &sealed), 0);
	assert_int_equal(session_open_text(ends.responder, sealed.data, sealed.len, &opened), 0);
	assert_string_equal(opened.text, text);
	heap_watch(BYTES(text));
	session_text_free(&opened);
	assert_int_equal(heap_unwatch(), 0);
	buffer_free(&sealed);
	ends_part(&ends);
}

static void freeing_nothing_is_harmless(void **state)
{
	struct session_text text = {0};

	(void)state;
	session_free(NULL);
	session_text_free(&text);
	session_text_free(&text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(a_conversation_has_the_bytes_of_the_vectors, randomness_restore),
	    cmocka_unit_test(texts_of_every_kind_come_through_and_are_confirmed),
	    cmocka_unit_test(only_the_first_text_carries_identity_and_proof),
	    cmocka_unit_test(sealing_appends),
	    cmocka_unit_test(a_weak_number_makes_no_two_sessions_alike),
	    cmocka_unit_test(a_number_may_be_long),
	    cmocka_unit_test(text_that_is_not_utf8_is_not_sealed),
	    cmocka_unit_test(keys_that_are_none_are_refused_by_both),
	    cmocka_unit_test(a_key_below_2_to_64_belongs_to_the_exchange_of_the_classic),
	    cmocka_unit_test(an_identity_of_low_order_makes_no_session),
	    cmocka_unit_test(nobody_speaks_out_of_turn),
	    cmocka_unit_test(responder_refuses_texts_repeated_left_out_or_out_of_order),
	    cmocka_unit_test(a_text_is_good_for_its_own_session_only),
	    cmocka_unit_test(mallory_reads_nothing_and_confirms_nothing),
	    cmocka_unit_test_teardown(messages_with_any_bit_flipped_are_refused, randomness_restore),
	    cmocka_unit_test_teardown(messages_cut_short_are_refused, randomness_restore),
	    cmocka_unit_test_teardown(a_first_text_without_a_proof_that_holds_is_refused, randomness_restore),
	    cmocka_unit_test_teardown(later_texts_are_of_the_one_who_proved_itself, randomness_restore),
	    cmocka_unit_test_teardown(a_text_does_not_come_before_the_proof, randomness_restore),
	    cmocka_unit_test_teardown(a_receipt_names_the_counter_of_a_message, randomness_restore),
	    cmocka_unit_test(a_receipt_is_good_once),
	    cmocka_unit_test_teardown(freeing_wipes_every_secret, randomness_restore),
	    cmocka_unit_test(freeing_a_text_wipes_it),
	    cmocka_unit_test(freeing_nothing_is_harmless),
	};

	support_begin();
	return cmocka_run_group_tests_name("session", tests, prepare, NULL);
}
