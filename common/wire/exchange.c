#include "wire/exchange.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "crypto/classic.h"

/* Appends the object with our key. */
static int append_key(const struct exchange *exchange, bool as_number, struct buffer *out)
{
	char small[CLASSIC_NUMBER_BYTES];

	if (exchange->kind == EXCHANGE_SECURE)
		return wire_format_key(out, channel_key_digits(exchange->channel), as_number);
	snprintf(small, sizeof(small), "%u", classic_public(exchange->exponent));
	return wire_format_key(out, small, as_number);
}

int exchange_offer(struct exchange *exchange, const struct identity *own, const uint8_t *peer, const char *number,
    struct buffer *out)
{
	int rc = 0;

	exchange_end(exchange);
	exchange->is_initiator = true;
	if (peer) {
		rc = channel_initiate(&exchange->channel, own, peer, number);
		if (rc != 0)
			return rc;
		exchange->kind = EXCHANGE_SECURE;
		memcpy(exchange->own, own->public, IDENTITY_BYTES);
		memcpy(exchange->peer, peer, IDENTITY_BYTES);
	} else {
		exchange->kind = EXCHANGE_CLASSIC;
		exchange->exponent = classic_exponent(number, strlen(number));
	}
	return append_key(exchange, false, out);
}

enum exchange_kind exchange_kind_of(const struct wire_object *key)
{
	uint8_t number[DECIMAL_BYTES];

	if (decimal_parse(key->value, key->value_len, number) != 0)
		return EXCHANGE_NONE;
	return decimal_is_small(number) ? EXCHANGE_CLASSIC : EXCHANGE_SECURE;
}

int exchange_take(struct exchange *exchange, const struct wire_object *key)
{
	if (!exchange->is_initiator || exchange_kind_of(key) != exchange->kind)
		return EPROTO;
	if (exchange->kind == EXCHANGE_SECURE)
		return channel_complete(exchange->channel, key->value, key->value_len);
	return classic_agree(exchange->exponent, key->value, key->value_len, &exchange->secret);
}

int exchange_answer(struct exchange *exchange, const struct identity *own, const struct wire_object *key,
    struct buffer *out)
{
	int rc = EPROTO;

	exchange_end(exchange);
	exchange->kind = exchange_kind_of(key);
	switch (exchange->kind) {
	case EXCHANGE_SECURE:
		memcpy(exchange->own, own->public, IDENTITY_BYTES);
		rc = channel_respond(&exchange->channel, own, key->value, key->value_len);
		break;
	case EXCHANGE_CLASSIC:
		exchange->exponent = classic_random_exponent();
		rc = classic_is_available()
			 ? classic_agree(exchange->exponent, key->value, key->value_len, &exchange->secret)
			 : ENOTSUP;
		break;
	case EXCHANGE_NONE:
		break;
	}
	if (rc == 0)
		rc = append_key(exchange, key->key_is_number, out);
	if (rc != 0)
		exchange_end(exchange);
	return rc;
}

/* Seals a text, and appends the object with it. */
static int append_sealed(const struct exchange *exchange, const char *text, size_t len, struct buffer *out)
{
	struct buffer sealed = {0};
	int rc = exchange->kind == EXCHANGE_SECURE ? channel_seal(exchange->channel, text, len, &sealed)
						   : classic_seal(exchange->secret, text, len, &sealed);

	if (rc == 0)
		rc = wire_format_message(out, WIRE_ENCRYPTED, sealed.data, sealed.len);
	buffer_free(&sealed);
	return rc;
}

/* Seals what has its text or its body already; the first one says and proves who speaks. */
static int seal_envelope(struct exchange *exchange, const char *username, struct envelope *envelope, struct buffer *out)
{
	struct buffer json = {0};
	int rc = 0;

	envelope->is_first = channel_count_sealed(exchange->channel) == 0;
	memcpy(envelope->identity, exchange->own, IDENTITY_BYTES);
	if (username)
		snprintf(envelope->username, sizeof(envelope->username), "%s", username);
	if (envelope->is_first)
		rc = channel_prove(exchange->channel, envelope->proof);
	if (rc == 0)
		rc = envelope_format(&json, envelope);
	if (rc == 0 && envelope->body && json.len > ENVELOPE_MAX_BYTES)
		rc = EMSGSIZE;
	if (rc == 0)
		rc = append_sealed(exchange, json.data, json.len, out);
	buffer_wipe(&json);
	return rc;
}

int exchange_seal(struct exchange *exchange, const char *username, const uint8_t id[static ENVELOPE_ID_BYTES],
    const char *text, size_t len, struct buffer *out)
{
	struct envelope envelope = {.text = text, .text_len = len};

	if (!exchange->is_initiator)
		return EPROTO;
	memcpy(envelope.id, id, ENVELOPE_ID_BYTES);
	if (exchange->kind == EXCHANGE_SECURE)
		return seal_envelope(exchange, username, &envelope, out);
	return exchange->secret != 0 ? append_sealed(exchange, text, len, out) : EPROTO;
}

int exchange_seal_offer(struct exchange *exchange, const char *username, const uint8_t id[static ENVELOPE_ID_BYTES],
    const struct fileoffer *file, struct buffer *out)
{
	struct envelope envelope = {.has_file = true, .file = *file};

	if (!exchange->is_initiator || exchange->kind != EXCHANGE_SECURE)
		return EPROTO;
	memcpy(envelope.id, id, ENVELOPE_ID_BYTES);
	return seal_envelope(exchange, username, &envelope, out);
}

int exchange_seal_body(struct exchange *exchange, const char *username, json_t *body, struct buffer *out)
{
	if (!exchange->is_initiator || exchange->kind != EXCHANGE_SECURE)
		return EPROTO;
	return seal_envelope(exchange, username, &(struct envelope){.body = body}, out);
}

/* The first message says and proves who speaks. */
static int take_sender(struct exchange *exchange, const struct envelope *envelope)
{
	int rc = channel_check_proof(exchange->channel, envelope->identity, envelope->proof);

	if (rc == 0) {
		memcpy(exchange->peer, envelope->identity, IDENTITY_BYTES);
		memcpy(exchange->username, envelope->username, sizeof(exchange->username));
	}
	return rc;
}

static int open_securely(struct exchange *exchange, const struct wire_object *sealed, struct exchange_message *message)
{
	struct envelope *envelope = &message->envelope;
	int rc;

	message->counter = channel_count_opened(exchange->channel);
	rc = channel_open(exchange->channel, sealed->value, sealed->value_len, &message->plaintext);
	if (rc == 0)
		rc = envelope_parse(message->plaintext.data, message->plaintext.len, message->counter == 0, envelope);
	if (rc == 0 && envelope->is_first)
		rc = take_sender(exchange, envelope);
	message->id = envelope->body ? NULL : envelope->id;
	message->file = envelope->has_file ? &envelope->file : NULL;
	message->text = envelope->text;
	message->text_len = envelope->text_len;
	message->body = envelope->body;
	return rc;
}

static int open_classically(const struct exchange *exchange, const struct wire_object *sealed,
    struct exchange_message *message)
{
	int rc = classic_open(exchange->secret, sealed->value, sealed->value_len, &message->plaintext);

	message->text = message->plaintext.data;
	message->text_len = message->plaintext.len;
	return rc == EBADMSG ? EPROTO : rc;
}

int exchange_open(struct exchange *exchange, const struct wire_object *sealed, struct exchange_message *message)
{
	int rc = EPROTO;

	*message = (struct exchange_message){0};
	if (exchange->is_initiator)
		return EPROTO;
	if (exchange->kind == EXCHANGE_SECURE)
		rc = open_securely(exchange, sealed, message);
	else if (exchange->secret != 0)
		rc = open_classically(exchange, sealed, message);
	if (rc != 0)
		exchange_message_free(message);
	return rc;
}

int exchange_seal_receipt(struct exchange *exchange, const struct envelope_receipt *receipt, json_t *members,
    struct buffer *out)
{
	struct buffer json = {0};
	int rc = EPROTO;

	if (!exchange->is_initiator && exchange->kind == EXCHANGE_SECURE)
		rc = envelope_format_receipt(&json, receipt, members);
	if (rc == 0)
		rc = append_sealed(exchange, json.data, json.len, out);
	buffer_wipe(&json);
	return rc;
}

int exchange_open_receipt(struct exchange *exchange, const struct wire_object *sealed, struct envelope_receipt *receipt,
    json_t **answer)
{
	struct buffer json = {0};
	json_t *members = NULL;
	struct envelope_receipt read;
	int rc = EPROTO;

	if (exchange->is_initiator && exchange->kind == EXCHANGE_SECURE)
		rc = channel_open(exchange->channel, sealed->value, sealed->value_len, &json);
	if (rc == 0)
		rc = envelope_parse_receipt(json.data, json.len, &read, &members);
	if (rc == 0 && read.received + 1 != channel_count_sealed(exchange->channel))
		rc = EPROTO;
	if (rc == 0) {
		*receipt = read;
		memcpy(exchange->username, read.username, sizeof(exchange->username));
		if (answer)
			*answer = json_incref(members);
	}
	json_decref(members);
	buffer_wipe(&json);
	return rc;
}

void exchange_bind(const struct exchange *exchange, uint8_t binding[static EXCHANGE_BINDING_BYTES])
{
	memcpy(binding, exchange->is_initiator ? exchange->own : exchange->peer, IDENTITY_BYTES);
	memcpy(binding + IDENTITY_BYTES, exchange->is_initiator ? exchange->peer : exchange->own, IDENTITY_BYTES);
	channel_keys(exchange->channel, binding + 2 * IDENTITY_BYTES);
}

void exchange_file_key(const struct exchange *exchange, uint8_t key[static CHANNEL_FILE_KEY_BYTES])
{
	channel_file_key(exchange->channel, key);
}

void exchange_message_free(struct exchange_message *message)
{
	envelope_free(&message->envelope);
	buffer_wipe(&message->plaintext);
	*message = (struct exchange_message){0};
}

void exchange_end(struct exchange *exchange)
{
	channel_free(exchange->channel);
	sodium_memzero(exchange, sizeof(*exchange));
}
