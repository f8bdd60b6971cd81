/* conversation: bytes in, bytes out; the inbox is a list of what it was given. */
#include "support.h"

#include <sodium.h>

#include "crypto/classic.h"
#include "identities.h"
#include "randomness.h"
#include "responder/conversation.h"
#include "vectors.h"

#define NOW_MS 1000000
#define OBJECT_MS (CONVERSATION_OBJECT_S * 1000)
#define PLAIN "{\"unencrypted_message\": \"hello\"}"
/* 2^64, the least key of the secure exchange, and one larger than any. */
#define LARGE_KEY "{\"key\": \"18446744073709551616\"}"
#define HUGE_KEY                                                                                                       \
	"{\"key\": \"99999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999\"}"

static struct keyfile key; /* without an identity */
static struct conversation conversation;
static char delivered[256]; /* "plain:hello;" */
static struct message last; /* what it was given last, but for what it points to */
static char last_username[USERNAME_MAX_BYTES + 1];
static uint8_t last_id[ENVELOPE_ID_BYTES];
static const char *full; /* why the inbox takes nothing */

/* In place of responder/inbox. */
const char *inbox_add(struct inbox *inbox, const struct message *message)
{
	size_t len = strlen(delivered);

	(void)inbox;
	if (full)
		return full;
	last = *message;
	snprintf(last_username, sizeof(last_username), "%s", message->username ? message->username : "");
	if (message->id)
		memcpy(last_id, message->id, sizeof(last_id));
	snprintf(delivered + len, sizeof(delivered) - len, "%s:%.*s;", chatlog_mode_word(message->mode),
	    (int)message->text_len, message->text);
	return NULL;
}

void inbox_commit(struct inbox *inbox)
{
	(void)inbox;
}

void inbox_forget(struct inbox *inbox, const void *of)
{
	(void)inbox;
	(void)of;
}

static int begin(void **state)
{
	(void)state;
	delivered[0] = '\0';
	full = NULL;
	conversation_begin(&conversation, support_address(0xc0a80107), &key, false, NOW_MS);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	conversation_end(&conversation);
	return 0;
}

static const char *receive_at(const char *bytes, int64_t now_ms)
{
	char *copy = support_copy(bytes, strlen(bytes));
	const char *why = conversation_receive(&conversation, copy, strlen(bytes), NULL, now_ms);

	free(copy);
	return why;
}

static const char *receive(const char *bytes)
{
	return receive_at(bytes, NOW_MS);
}

/* The key that was answered last, which ends `outgoing`; the form of the object is that of format. */
static unsigned answered_key(const char *format)
{
	char expected[64];
	unsigned answer = 0;

	assert_true(conversation.outgoing.len < sizeof(expected));
	for (answer = 1; answer < 19; answer++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		int len = snprintf(expected, sizeof(expected), format, answer);
#pragma GCC diagnostic pop
		if ((size_t)len == conversation.outgoing.len &&
		    memcmp(expected, conversation.outgoing.data, (size_t)len) == 0)
			break;
	}
	CHECK(answer < 19, "answered: %.*s", (int)conversation.outgoing.len, conversation.outgoing.data);
	buffer_consume(&conversation.outgoing, conversation.outgoing.len);
	return answer;
}

static void each_row_ends_with_its_reason(void **state)
{
	static const struct {
		const char *bytes, *why, *delivered;
	} rows[] = {
	    {PLAIN, NULL, "plain:hello;"},
	    {PLAIN " \r\n\t" PLAIN, NULL, "plain:hello;plain:hello;"},
	    {PLAIN "{\"unencrypted_mess", NULL, "plain:hello;"},
	    {"{\"key\": 0, \"unencrypted_message\": \"hi\"}", NULL, "plain:hi;"},
	    {PLAIN "x", "it sent something between JSON objects", "plain:hello;"},
	    {"[]", "it sent something between JSON objects", ""},
	    {PLAIN "{x}" PLAIN, "it is not JSON", "plain:hello;"},
	    {"{}", "it has no key and no message", ""},
	    {"{\"key\": 0}", "its key is no whole number above 0", ""},
	    {"{\"encrypted_message\": \"aGk=\"}", "its encrypted message came before a key", ""},
	    {HUGE_KEY, "its key is larger than any that can be exchanged here", ""},
	    {LARGE_KEY, "there is no identity here to answer with", ""},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *why;

		begin(state);
		why = receive(rows[i].bytes);
		CHECK(why == rows[i].why || (why && rows[i].why && strcmp(why, rows[i].why) == 0), "%s: %s",
		    rows[i].bytes, why ? why : "taken");
		assert_string_equal(delivered, rows[i].delivered);
		assert_int_equal(conversation.outgoing.len, 0);
		if (i + 1 < COUNT(rows))
			finish(state);
	}
}

static void bytes_may_come_one_by_one(void **state)
{
	(void)state;
	for (const char *byte = PLAIN " " PLAIN; *byte; byte++)
		assert_null(receive((char[]){*byte, '\0'}));
	assert_string_equal(delivered, "plain:hello;plain:hello;");
}

static void an_object_that_never_ends_is_refused(void **state)
{
	char *text = support_repeat(' ', FRAMING_MAX_BYTES + 2);

	(void)state;
	text[0] = '{';
	assert_string_equal(conversation_receive(&conversation, text, FRAMING_MAX_BYTES + 1, NULL, NOW_MS),
	    "it sent an object of more than 65536 bytes");
	free(text);
}

static void what_the_inbox_does_not_take_ends_it(void **state)
{
	(void)state;
	full = "the reason of the inbox";
	assert_string_equal(receive(PLAIN), full);
}

static void a_classic_key_is_answered_in_the_kind_received(void **state)
{
	(void)state;
	if (!classic_is_available())
		skip();
	assert_null(receive("{\"key\": \"8\"}"));
	answered_key("{\"key\": \"%u\"}");
	assert_null(receive("{\"key\": 8}"));
	answered_key("{\"key\": %u}");
}

static void a_classic_message_is_opened(void **state)
{
	struct buffer sealed = {0}, object = {0};
	unsigned secret;

	(void)state;
	if (!classic_is_available())
		skip();
	/* The exponent is 1, so the key is 2, and the secret the other key. */
	assert_null(receive("{\"key\": \"2\"}"));
	secret = answered_key("{\"key\": \"%u\"}");
	assert_int_equal(classic_seal(secret, "hello", 5, &sealed), 0);
	assert_int_equal(buffer_printf(&object, "{\"encrypted_message\": \"%.*s\"}%c", (int)sealed.len, sealed.data, 0),
	    0);
	assert_null(receive(object.data));
	assert_string_equal(delivered, "classic:hello;");
	assert_string_equal(receive("{\"encrypted_message\": \"aGk=\"}"), "its message does not decrypt");
	buffer_free(&sealed);
	buffer_free(&object);
}

static void expect_outgoing(const char *expected)
{
	assert_int_equal(conversation.outgoing.len, strlen(expected));
	assert_memory_equal(conversation.outgoing.data, expected, strlen(expected));
	buffer_consume(&conversation.outgoing, conversation.outgoing.len);
}

static void a_secure_message_is_delivered_with_who_sent_it_and_confirmed(void **state)
{
	struct envelope_receipt receipt = {.username = "Bob", .status = ENVELOPE_DONE};
	struct identity ece = identity_of_seed(VECTOR_SA_SEED);
	struct keyfile bobs = {.is_usable = true, .identity = identity_of_seed(VECTOR_SB_SEED)};
	uint8_t id[ENVELOPE_ID_BYTES];
	size_t id_len;

	(void)state;
	conversation.key = &bobs;
	randomness_choose();
	randomness_supply(VECTOR_B_SECRET);
	assert_null(receive(VECTOR_INITIATOR_SENDS));
	expect_outgoing(VECTOR_RESPONDER_SENDS);
	assert_null(receive(VECTOR_MESSAGE));
	assert_string_equal(delivered, "secure:hello;");
	assert_memory_equal(last.sender, ece.public, IDENTITY_BYTES);
	assert_string_equal(last_username, "Ece");
	assert_int_equal(sodium_base642bin(id, sizeof(id), BYTES(VECTOR_ID), NULL, &id_len, NULL,
			     sodium_base64_VARIANT_ORIGINAL),
	    0);
	assert_memory_equal(last_id, id, sizeof(id));
	randomness_supply(VECTOR_RECEIPT_NONCE);
	receipt.received = last.counter;
	conversation_acknowledge(last.conversation, &receipt, NULL);
	expect_outgoing(VECTOR_RECEIPT);
	/* The same again is refused. */
	assert_non_null(receive(VECTOR_MESSAGE));
	randomness_restore(NULL);
}

static void keys_that_cannot_be_answered_are_refused(void **state)
{
	(void)state;
	if (!classic_is_available())
		skip();
	assert_string_equal(receive("{\"key\": \"19\"}"), "its key is not one to exchange secrets with");
	finish(state);
	conversation_begin(&conversation, support_address(0xc0a80107), &key, true, NOW_MS);
	assert_non_null(strstr(receive("{\"key\": \"8\"}"), "--strict"));
}

static void a_fourth_key_in_a_row_is_refused(void **state)
{
	(void)state;
	if (!classic_is_available())
		skip();
	for (int i = 0; i < CONVERSATION_KEYS_MAX; i++)
		assert_null(receive("{\"key\": 8}"));
	assert_string_equal(receive("{\"key\": 8}"), "it exchanges keys again and again without a message");
}

static void who_has_begun_nothing_may_type_for_15_minutes(void **state)
{
	(void)state;
	assert_int_equal(conversation_deadline_ms(&conversation), NOW_MS + 15 * 60 * 1000);
	assert_null(receive_at(" \n", NOW_MS + 60000));
	assert_int_equal(conversation_deadline_ms(&conversation), NOW_MS + 15 * 60 * 1000);
	assert_null(receive_at(PLAIN, NOW_MS + 70000));
	assert_int_equal(conversation_deadline_ms(&conversation), NOW_MS + 70000 + 15 * 60 * 1000);
}

static void what_has_begun_must_end_in_30_seconds(void **state)
{
	(void)state;
	assert_null(receive_at("{", NOW_MS + 5000));
	assert_int_equal(conversation_deadline_ms(&conversation), NOW_MS + 5000 + OBJECT_MS);
	/* A byte now and then wins no time. */
	assert_null(receive_at("\"unencrypted_message\"", NOW_MS + 34000));
	assert_int_equal(conversation_deadline_ms(&conversation), NOW_MS + 5000 + OBJECT_MS);
	/* Its end does, and what begins in the same bytes has time of its own. */
	assert_null(receive_at(": \"hello\"} {", NOW_MS + 34500));
	assert_int_equal(conversation_deadline_ms(&conversation), NOW_MS + 34500 + OBJECT_MS);
	assert_string_equal(delivered, "plain:hello;");
}

static void who_was_only_in_the_clear_and_is_quiet_gets_the_end(void **state)
{
	(void)state;
	assert_true(conversation_close_ms(&conversation) == INT64_MAX);
	assert_null(receive(PLAIN));
	assert_int_equal(conversation_close_ms(&conversation), NOW_MS + CONVERSATION_QUIET_MS);
	assert_null(receive("{"));
	assert_true(conversation_close_ms(&conversation) == INT64_MAX);
	assert_null(receive_at("\"unencrypted_message\": \"x\"}", NOW_MS + 100));
	assert_int_equal(conversation_close_ms(&conversation), NOW_MS + 100 + CONVERSATION_QUIET_MS);
	conversation.closed = true;
	assert_true(conversation_close_ms(&conversation) == INT64_MAX);
	assert_int_equal(conversation_deadline_ms(&conversation), NOW_MS + 100 + OBJECT_MS);
	assert_null(receive_at(PLAIN, NOW_MS + 200));
	assert_string_equal(receive("{\"key\": 8}"), "its key came after it was told that nothing would be answered");
}

static void who_sent_a_key_gets_no_end(void **state)
{
	(void)state;
	if (!classic_is_available())
		skip();
	assert_null(receive(PLAIN "{\"key\": 8}"));
	assert_true(conversation_close_ms(&conversation) == INT64_MAX);
	assert_int_equal(conversation_deadline_ms(&conversation), NOW_MS + CONVERSATION_TYPING_MS);
}

#define conversation_test(f) cmocka_unit_test_setup_teardown(f, begin, finish)

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    conversation_test(each_row_ends_with_its_reason),
	    conversation_test(bytes_may_come_one_by_one),
	    conversation_test(an_object_that_never_ends_is_refused),
	    conversation_test(what_the_inbox_does_not_take_ends_it),
	    conversation_test(a_classic_key_is_answered_in_the_kind_received),
	    conversation_test(a_classic_message_is_opened),
	    conversation_test(a_secure_message_is_delivered_with_who_sent_it_and_confirmed),
	    conversation_test(keys_that_cannot_be_answered_are_refused),
	    conversation_test(a_fourth_key_in_a_row_is_refused),
	    conversation_test(who_has_begun_nothing_may_type_for_15_minutes),
	    conversation_test(what_has_begun_must_end_in_30_seconds),
	    conversation_test(who_was_only_in_the_clear_and_is_quiet_gets_the_end),
	    conversation_test(who_sent_a_key_gets_no_end),
	};

	support_begin();
	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("conversation", tests, NULL, NULL);
}
