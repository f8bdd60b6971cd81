#include "conversation.h"

#include <errno.h>
#include <stdio.h>

#include "base/decimal.h"
#include "base/text.h"
#include "crypto/classic.h"
#include "wire/wire.h"

void conversation_begin(struct conversation *conversation, struct in_addr peer, const struct keyfile *key, bool strict,
    int64_t now_ms)
{
	*conversation = (struct conversation){.peer = peer, .key = key, .strict = strict, .heard_ms = now_ms};
}

static const char no_key[] = "its key is not one to exchange secrets with";
static const char no_memory[] = "out of memory";

/* Ends what the keys before had agreed on. */
static void forget_keys(struct conversation *conversation, struct inbox *inbox)
{
	if (conversation->session) {
		/* Receipts that are owed under the old keys go out under them, or not at all. */
		inbox_commit(inbox);
		inbox_forget(inbox, conversation);
		session_free(conversation->session);
		conversation->session = NULL;
	}
	conversation->classic_secret = 0;
}

/* Answers a key of the classic exchange with ours. */
static const char *take_small_key(struct conversation *conversation, const struct wire_object *object,
    struct inbox *inbox)
{
	unsigned exponent = classic_random_exponent();
	char key[CLASSIC_NUMBER_BYTES];

	if (conversation->strict)
		return "its key belongs to the classic exchange (below 2^64), which is refused here (--strict)";
	if (!classic_is_available())
		return "its key belongs to the classic exchange (below 2^64), which this build leaves out";
	forget_keys(conversation, inbox);
	if (classic_agree(exponent, object->value, object->value_len, &conversation->classic_secret) != 0)
		return no_key;
	snprintf(key, sizeof(key), "%u", classic_public(exponent));
	return wire_format_key(&conversation->outgoing, key, object->key_is_number) == 0 ? NULL : no_memory;
}

/* Answers a key of our exchange with ours. */
static const char *take_large_key(struct conversation *conversation, const struct wire_object *object,
    struct inbox *inbox)
{
	int rc;

	if (!conversation->key->is_usable)
		return "there is no identity here to answer with";
	forget_keys(conversation, inbox);
	rc = session_respond(&conversation->session, &conversation->key->identity, object->value, object->value_len);
	if (rc == 0)
		rc = wire_format_key(&conversation->outgoing, session_key_digits(conversation->session),
		    object->key_is_number);
	if (rc == EPROTO)
		return no_key;
	return rc == 0 ? NULL : no_memory;
}

/* Answers a key with ours, in the exchange that its size says. */
static const char *take_key(struct conversation *conversation, const struct wire_object *object, struct inbox *inbox)
{
	uint8_t number[DECIMAL_BYTES];

	if (conversation->closed)
		return "its key came after it was told that nothing would be answered";
	if (decimal_parse(object->value, object->value_len, number) != 0)
		return "its key is larger than any that can be exchanged here";
	if (++conversation->keys > CONVERSATION_KEYS_MAX)
		return "it exchanges keys again and again without a message";
	conversation->keyed = true;
	if (decimal_is_small(number))
		return take_small_key(conversation, object, inbox);
	return take_large_key(conversation, object, inbox);
}

static const char *take_classic(const struct conversation *conversation, const struct wire_object *object,
    struct inbox *inbox)
{
	struct buffer text = {0};
	int rc = classic_open(conversation->classic_secret, object->value, object->value_len, &text);
	const char *why = NULL;

	if (rc != 0)
		why = rc == ENOMEM ? no_memory : "its message does not decrypt";
	else
		why = inbox_add(inbox, &(struct message){
					   .address = conversation->peer,
					   .mode = CHATLOG_CLASSIC,
					   .text = text.data,
					   .text_len = text.len,
				       });
	buffer_wipe(&text);
	return why;
}

static const char *take_secure(struct conversation *conversation, const struct wire_object *object, struct inbox *inbox)
{
	struct session_text text;
	const char *why;
	int rc;

	rc = session_open_text(conversation->session, object->value, object->value_len, &text);
	if (rc != 0)
		return rc == ENOMEM ? no_memory : "its message does not decrypt, or does not prove its sender";
	why = inbox_add(inbox, &(struct message){
				   .address = conversation->peer,
				   .mode = CHATLOG_SECURE,
				   .sender = text.sender,
				   .text = text.text,
				   .text_len = text.text_len,
				   .conversation = conversation,
				   .counter = text.counter,
			       });
	session_text_free(&text);
	return why;
}

static const char *take_encrypted(struct conversation *conversation, const struct wire_object *object,
    struct inbox *inbox)
{
	const char *why;

	if (conversation->session)
		why = take_secure(conversation, object, inbox);
	else if (conversation->classic_secret != 0)
		why = take_classic(conversation, object, inbox);
	else
		why = "its encrypted message came before a key";
	if (!why)
		conversation->keys = 0;
	return why;
}

static const char *take_object(struct conversation *conversation, const char *text, size_t len, struct inbox *inbox)
{
	struct wire_object object;
	const char *why = NULL;

	if (wire_parse(text, len, &object, &why) != 0)
		return why;
	switch (object.kind) {
	case WIRE_KEY:
		why = take_key(conversation, &object, inbox);
		break;
	case WIRE_ENCRYPTED:
		why = take_encrypted(conversation, &object, inbox);
		break;
	case WIRE_UNENCRYPTED:
		why = inbox_add(inbox, &(struct message){
					   .address = conversation->peer,
					   .mode = CHATLOG_PLAIN,
					   .text = object.value,
					   .text_len = object.value_len,
				       });
		break;
	}
	wire_free(&object);
	return why;
}

const char *conversation_receive(struct conversation *conversation, const char *bytes, size_t len, struct inbox *inbox,
    int64_t now_ms)
{
	const char *object, *why;
	size_t object_len;
	int rc;

	if (framer_push(&conversation->framer, bytes, len) != 0)
		return no_memory;
	while ((rc = framer_next(&conversation->framer, &object, &object_len)) == 0) {
		why = take_object(conversation, object, object_len, inbox);
		if (why)
			return why;
		conversation->spoken = true;
		conversation->heard_ms = now_ms;
		conversation->begun_ms = 0;
	}
	if (rc == EMSGSIZE)
		return "it sent an object of more than " TEXT_OF(FRAMING_MAX_BYTES) " bytes";
	if (rc != EAGAIN)
		return "it sent something between JSON objects";
	if (framer_is_partial(&conversation->framer) && conversation->begun_ms == 0)
		conversation->begun_ms = now_ms;
	return NULL;
}

void conversation_acknowledge(struct conversation *conversation, uint64_t counter)
{
	struct buffer receipt = {0};
	int rc = session_seal_receipt(conversation->session, counter, &receipt);

	if (rc == 0)
		rc = wire_format_message(&conversation->outgoing, WIRE_ENCRYPTED, receipt.data, receipt.len);
	buffer_free(&receipt);
	/* Without memory there is no receipt, and the sender says "not confirmed", as it should. */
	(void)rc;
}

int64_t conversation_deadline_ms(const struct conversation *conversation)
{
	int64_t object_ms = CONVERSATION_OBJECT_S * INT64_C(1000);
	int64_t deadline_ms = conversation->heard_ms + (conversation->closed ? object_ms : CONVERSATION_TYPING_MS);

	if (conversation->begun_ms != 0 && conversation->begun_ms + object_ms < deadline_ms)
		deadline_ms = conversation->begun_ms + object_ms;
	return deadline_ms;
}

int64_t conversation_close_ms(const struct conversation *conversation)
{
	if (!conversation->spoken || conversation->keyed || conversation->closed || conversation->begun_ms != 0)
		return INT64_MAX;
	return conversation->heard_ms + CONVERSATION_QUIET_MS;
}

void conversation_close(struct conversation *conversation)
{
	conversation->closed = true;
}

void conversation_end(struct conversation *conversation)
{
	framer_free(&conversation->framer);
	session_free(conversation->session);
	buffer_free(&conversation->outgoing);
	conversation->session = NULL;
}
