#include "conversation.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "crypto/classic.h"
#include "wire/wire.h"

void conversation_begin(struct conversation *conversation, struct in_addr peer, const struct keyfile *key, bool strict,
    int64_t now_ms)
{
	*conversation = (struct conversation){.peer = peer, .key = key, .strict = strict, .heard_ms = now_ms};
}

static const char no_memory[] = "out of memory";

/* Why a key cannot be answered, or NULL. */
static const char *key_fault(const struct conversation *conversation, enum exchange_kind kind)
{
	if (conversation->closed)
		return "its key came after it was told that nothing would be answered";
	if (kind == EXCHANGE_NONE)
		return "its key is larger than any that can be exchanged here";
	if (kind == EXCHANGE_CLASSIC && conversation->strict)
		return "its key belongs to the classic exchange (below 2^64), which is refused here (--strict)";
	if (kind == EXCHANGE_CLASSIC && !classic_is_available())
		return "its key belongs to the classic exchange (below 2^64), which this build leaves out";
	if (kind == EXCHANGE_SECURE && !conversation->key->is_usable)
		return "there is no identity here to answer with";
	return NULL;
}

/* Answers a key with ours, in the exchange that its size says. */
static const char *take_key(struct conversation *conversation, const struct wire_object *object, struct inbox *inbox)
{
	const char *fault = key_fault(conversation, exchange_kind_of(object));
	int rc;

	if (fault)
		return fault;
	if (++conversation->keys > CONVERSATION_KEYS_MAX)
		return "it exchanges keys again and again without a message";
	conversation->keyed = true;
	if (conversation->exchange.kind == EXCHANGE_SECURE) {
		/* Receipts that are owed under the keys before go out under them, or not at all. */
		inbox_commit(inbox);
		inbox_forget(inbox, conversation);
	}
	rc = exchange_answer(&conversation->exchange, &conversation->key->identity, object, &conversation->outgoing);
	if (rc == EPROTO)
		return "its key is not one to exchange secrets with";
	return rc == 0 ? NULL : no_memory;
}

static const char *message_fault(enum exchange_kind kind, int error)
{
	if (error == ENOMEM)
		return no_memory;
	if (kind == EXCHANGE_NONE)
		return "its encrypted message came before a key";
	return kind == EXCHANGE_SECURE ? "its message does not decrypt, or does not prove its sender"
				       : "its message does not decrypt";
}

static const char *take_encrypted(struct conversation *conversation, const struct wire_object *object,
    struct inbox *inbox)
{
	struct exchange *exchange = &conversation->exchange;
	bool is_secure = exchange->kind == EXCHANGE_SECURE;
	struct exchange_message opened;
	int rc = exchange_open(exchange, object, &opened);
	const char *why = NULL;

	if (rc != 0)
		return message_fault(exchange->kind, rc);
	/* An answer may be long. */
	if (opened.body && conversation->outgoing.len > 0)
		why = "it asks again before it has read the answer";
	else
		why = inbox_add(inbox, &(struct message){
					   .address = conversation->peer,
					   .mode = is_secure ? CHATLOG_SECURE : CHATLOG_CLASSIC,
					   .sender = is_secure ? exchange->peer : NULL,
					   .username = exchange->username[0] != '\0' ? exchange->username : NULL,
					   .id = opened.id,
					   .text = opened.text,
					   .text_len = opened.text_len,
					   .file = opened.file,
					   .body = opened.body,
					   .exchange = exchange,
					   .conversation = is_secure ? conversation : NULL,
					   .counter = opened.counter,
				       });
	/* Asks leave nothing behind that is counted, so keys might be exchanged between them without end. */
	if (!why && !opened.body)
		conversation->keys = 0;
	exchange_message_free(&opened);
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
		if (conversation->is_handed_over)
			return NULL;
	}
	if (rc == EMSGSIZE)
		return "it sent an object of more than " TEXT_OF(FRAMING_MAX_BYTES) " bytes";
	if (rc != EAGAIN)
		return "it sent something between JSON objects";
	if (framer_is_partial(&conversation->framer) && conversation->begun_ms == 0)
		conversation->begun_ms = now_ms;
	return NULL;
}

void conversation_acknowledge(struct conversation *conversation, const struct envelope_receipt *receipt,
    json_t *members)
{
	/* Out of memory there is no receipt, and the sender says "not confirmed", as it should. */
	(void)!exchange_seal_receipt(&conversation->exchange, receipt, members, &conversation->outgoing);
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

void conversation_end(struct conversation *conversation)
{
	framer_free(&conversation->framer);
	exchange_end(&conversation->exchange);
	buffer_free(&conversation->outgoing);
}
