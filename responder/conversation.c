#include "conversation.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>

#include "decimal.h"
#include "identity.h"
#include "wire.h"

void conversation_begin(struct conversation *conversation, struct in_addr peer, int64_t now_ms)
{
	*conversation = (struct conversation){.peer = peer, .heard_ms = now_ms};
}

/* Answers a key with ours. */
static const char *take_key(struct conversation *conversation, const struct wire_object *object, struct inbox *inbox)
{
	uint8_t number[DECIMAL_BYTES];
	struct dh_pair identity;
	const char *why = NULL;
	int rc;

	if (decimal_parse(object->value, object->value_len, number) != 0)
		return "its key is larger than any that can be exchanged here";
	if (decimal_is_small(number))
		return "its key belongs to the course's exchange (below 2^64), which this version does not speak";
	if (++conversation->keys > CONVERSATION_KEYS_MAX)
		return "it exchanges keys again and again without a message";
	/* Read afresh, so that the secret is in memory no longer than needed and a new identity counts at once. */
	rc = identity_load(AT_FDCWD, &identity, NULL);
	if (rc != 0)
		return identity_reason(rc);
	if (conversation->session) {
		/* Receipts that are owed under the old keys go out under them. */
		inbox_commit(inbox);
		session_free(conversation->session);
		conversation->session = NULL;
	}
	rc = session_respond(&conversation->session, &identity, object->value, object->value_len);
	sodium_memzero(&identity, sizeof(identity));
	if (rc == 0)
		rc = wire_format_key(&conversation->outgoing, session_key_digits(conversation->session),
		    object->key_is_number);
	if (rc == EPROTO)
		why = "its key is not one to exchange secrets with";
	else if (rc != 0)
		why = "there is no memory for it";
	return why;
}

static const char too_much[] = "it sends more than is kept for one sender";

static const char *take_encrypted(struct conversation *conversation, const struct wire_object *object,
    struct inbox *inbox)
{
	struct session_text text;
	bool added;
	int rc;

	if (!conversation->session)
		return "its encrypted message came before a key";
	rc = session_open_text(conversation->session, object->value, object->value_len, &text);
	if (rc != 0)
		return rc == ENOMEM ? "there is no memory for it"
				    : "its message does not decrypt, or does not prove its sender";
	conversation->keys = 0;
	added = inbox_add(inbox, &(struct message){
				     .address = conversation->peer,
				     .mode = CHATLOG_SECURE,
				     .sender = text.sender,
				     .text = text.text,
				     .text_len = text.text_len,
				     .conversation = conversation,
				     .counter = text.counter,
				 });
	session_text_free(&text);
	return added ? NULL : too_much;
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
		if (!inbox_add(inbox, &(struct message){
					  .address = conversation->peer,
					  .mode = CHATLOG_PLAIN,
					  .text = object.value,
					  .text_len = object.value_len,
				      }))
			why = too_much;
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
		return "there is no memory for it";
	while ((rc = framer_next(&conversation->framer, &object, &object_len)) == 0) {
		why = take_object(conversation, object, object_len, inbox);
		if (why)
			return why;
		conversation->spoken = true;
		conversation->heard_ms = now_ms;
		conversation->begun_ms = 0;
	}
	if (rc == EMSGSIZE)
		return "it sent an object of more than 64 KiB";
	if (rc != EAGAIN)
		return "it sent something between JSON objects";
	if (framer_is_partial(&conversation->framer) && conversation->begun_ms == 0)
		conversation->begun_ms = now_ms;
	return NULL;
}

void conversation_acknowledge(void *argument, uint64_t counter)
{
	struct conversation *conversation = argument;
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
	int64_t deadline_ms = conversation->heard_ms;

	deadline_ms += conversation->session ? CONVERSATION_TYPING_MS : CONVERSATION_SILENT_MS;
	if (conversation->begun_ms != 0 && conversation->begun_ms + CONVERSATION_SILENT_MS < deadline_ms)
		deadline_ms = conversation->begun_ms + CONVERSATION_SILENT_MS;
	return deadline_ms;
}

void conversation_end(struct conversation *conversation)
{
	framer_free(&conversation->framer);
	session_free(conversation->session);
	buffer_free(&conversation->outgoing);
	conversation->session = NULL;
}
