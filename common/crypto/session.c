#include "crypto/session.h"

#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "base/jsontext.h"
#include "base/text.h"
#include "crypto/identity.h"
#include "crypto/secretbox.h"

#define PROOF_TEXT_BYTES IDENTITY_TEXT_BYTES

struct session {
	struct dh_pair ephemeral;
	struct identity identity;
	uint8_t peer_ephemeral[DH_KEY_BYTES];
	uint8_t peer_identity[DH_KEY_BYTES];
	bool initiator;
	bool established;
	bool peer_proven; /* the responder knows who speaks */
	struct secretbox to_responder;
	struct secretbox to_initiator;
	char digits[DECIMAL_MAX_DIGITS + 1]; /* our own public key */
};

static struct session *new_session(bool initiator, const struct identity *identity)
{
	struct session *session = calloc(1, sizeof(*session));

	if (session) {
		session->initiator = initiator;
		session->identity = *identity;
	}
	return session;
}

/* Wipes what the identity is no longer needed for; its public half stays. */
static void forget_secret(struct session *session)
{
	sodium_memzero(session->identity.secret, sizeof(session->identity.secret));
	sodium_memzero(&session->identity.exchange, sizeof(session->identity.exchange));
}

static void establish(struct session *session, struct dh_keys *keys)
{
	memcpy(session->to_responder.key, keys->to_responder, DH_KEY_BYTES);
	memcpy(session->to_initiator.key, keys->to_initiator, DH_KEY_BYTES);
	sodium_memzero(keys, sizeof(*keys));
	session->established = true;
}

/* A key below 2^64 belongs to the classic exchange, whatever it would be on the curve. */
static int read_peer_key(struct session *session, const char *digits, size_t digits_len)
{
	if (decimal_parse(digits, digits_len, session->peer_ephemeral) != 0 ||
	    decimal_is_small(session->peer_ephemeral))
		return EPROTO;
	return 0;
}

int session_initiate(struct session **session, const struct identity *identity,
    const uint8_t peer_identity[static DH_KEY_BYTES], const char *number, size_t digits_len)
{
	struct session *begun = new_session(true, identity);
	uint8_t fresh[DH_FRESH_BYTES];

	if (!begun)
		return ENOMEM;
	memcpy(begun->peer_identity, peer_identity, DH_KEY_BYTES);
	randombytes_buf(fresh, sizeof(fresh));
	dh_generate_from_number(&begun->ephemeral, number, digits_len, fresh);
	sodium_memzero(fresh, sizeof(fresh));
	decimal_format(begun->ephemeral.public, begun->digits);
	*session = begun;
	return 0;
}

int session_complete(struct session *session, const char *digits, size_t digits_len)
{
	struct dh_keys keys;
	int rc = EPROTO;

	if (session->initiator && !session->established)
		rc = read_peer_key(session, digits, digits_len);
	if (rc == 0)
		rc = dh_initiator_keys(&session->ephemeral, session->peer_ephemeral, session->peer_identity, &keys);
	if (rc == 0)
		establish(session, &keys);
	return rc;
}

int session_respond(struct session **session, const struct identity *identity, const char *digits, size_t digits_len)
{
	struct session *begun = new_session(false, identity);
	struct dh_keys keys;
	int rc;

	if (!begun)
		return ENOMEM;
	rc = read_peer_key(begun, digits, digits_len);
	if (rc == 0) {
		dh_generate(&begun->ephemeral);
		rc = dh_responder_keys(&begun->ephemeral, identity, begun->peer_ephemeral, &keys);
	}
	if (rc != 0) {
		session_free(begun);
		return rc;
	}
	establish(begun, &keys);
	/* It has done its part; the public half is still needed to check the proof. */
	forget_secret(begun);
	decimal_format(begun->ephemeral.public, begun->digits);
	*session = begun;
	return 0;
}

const char *session_key_digits(const struct session *session)
{
	return session->digits;
}

/* Adds who is speaking and the proof of it, before the text. */
static int add_proof(const struct session *session, json_t *object)
{
	uint8_t proof[DH_PROOF_BYTES];
	char identity_text[IDENTITY_TEXT_BYTES], proof_text[PROOF_TEXT_BYTES];
	int rc = dh_prove(&session->identity, session->ephemeral.public, session->peer_ephemeral,
	    session->peer_identity, proof);

	if (rc != 0)
		return rc;
	identity_format(session->identity.public, identity_text);
	identity_format(proof, proof_text);
	if (json_object_set_new(object, "identity", json_string(identity_text)) != 0 ||
	    json_object_set_new(object, "proof", json_string(proof_text)) != 0)
		rc = ENOMEM;
	return rc;
}

int session_seal_text(struct session *session, const char *text, size_t len, struct buffer *out)
{
	struct buffer plaintext = {0};
	json_t *object;
	int rc = 0;

	if (!session->initiator || !session->established)
		return EPROTO;
	if (!text_is_utf8(text, len))
		return EILSEQ;
	object = json_object();
	if (session->to_responder.counter == 0)
		rc = add_proof(session, object);
	if (rc == 0 && json_object_set_new(object, "text", json_stringn(text, len)) != 0)
		rc = ENOMEM;
	if (rc == 0)
		rc = jsontext_append(&plaintext, object);
	if (rc == 0)
		rc = secretbox_seal(&session->to_responder, plaintext.data, plaintext.len, out);
	/* The proof is given once. */
	if (rc == 0)
		forget_secret(session);
	json_decref(object);
	buffer_wipe(&plaintext);
	return rc;
}

/* The first message of a connection must say who speaks and prove it. */
static int check_proof(struct session *session, const json_t *object)
{
	uint8_t identity[DH_KEY_BYTES], proof[DH_PROOF_BYTES];
	const char *text;
	size_t len;
	int rc;

	if (!jsontext_get_string(object, "identity", &text, &len) || !identity_parse(text, len, identity))
		return EPROTO;
	if (!jsontext_get_string(object, "proof", &text, &len) || !identity_parse(text, len, proof))
		return EPROTO;
	rc = dh_check_proof(&session->ephemeral, session->identity.public, session->peer_ephemeral, identity, proof);
	if (rc == 0) {
		memcpy(session->peer_identity, identity, DH_KEY_BYTES);
		session->peer_proven = true;
	}
	return rc;
}

int session_open_text(struct session *session, const char *base64, size_t len, struct session_text *text)
{
	struct session_text opened = {0};
	json_t *object = NULL;
	const char *content;
	int rc;

	if (session->initiator || !session->established)
		return EPROTO;
	opened.counter = session->to_responder.counter;
	rc = secretbox_open(&session->to_responder, base64, len, &opened.plaintext);
	if (rc != 0)
		return rc == ENOMEM ? ENOMEM : EPROTO;
	rc = EPROTO;
	object = jsontext_parse(opened.plaintext.data, opened.plaintext.len, NULL);
	if (!object)
		goto out;
	if (!session->peer_proven && check_proof(session, object) != 0)
		goto out;
	if (!jsontext_get_string(object, "text", &content, &opened.text_len))
		goto out;
	opened.text = malloc(opened.text_len + 1);
	if (!opened.text) {
		rc = ENOMEM;
		goto out;
	}
	memcpy(opened.text, content, opened.text_len + 1);
	memcpy(opened.sender, session->peer_identity, DH_KEY_BYTES);
	rc = 0;
out:
	json_decref(object);
	if (rc == 0)
		*text = opened;
	else
		session_text_free(&opened);
	return rc;
}

int session_seal_receipt(struct session *session, uint64_t counter, struct buffer *out)
{
	struct buffer plaintext = {0};
	int rc;

	if (session->initiator || !session->established)
		return EPROTO;
	rc = buffer_printf(&plaintext, "{\"received\": %llu}", (unsigned long long)counter);
	if (rc == 0)
		rc = secretbox_seal(&session->to_initiator, plaintext.data, plaintext.len, out);
	buffer_free(&plaintext);
	return rc;
}

int session_open_receipt(struct session *session, const char *base64, size_t len, uint64_t *counter)
{
	struct buffer plaintext = {0};
	json_t *object = NULL;
	const json_t *received;
	int rc;

	if (!session->initiator || !session->established)
		return EPROTO;
	rc = secretbox_open(&session->to_initiator, base64, len, &plaintext);
	if (rc == EBADMSG)
		rc = EPROTO;
	if (rc == 0) {
		object = jsontext_parse(plaintext.data, plaintext.len, NULL);
		received = json_object_get(object, "received");
		if (json_is_integer(received) && json_integer_value(received) >= 0)
			*counter = (uint64_t)json_integer_value(received);
		else
			rc = EPROTO;
	}
	json_decref(object);
	buffer_free(&plaintext);
	return rc;
}

void session_text_free(struct session_text *text)
{
	buffer_wipe(&text->plaintext);
	if (text->text)
		sodium_memzero(text->text, text->text_len);
	free(text->text);
	*text = (struct session_text){0};
}

void session_free(struct session *session)
{
	if (session)
		sodium_memzero(session, sizeof(*session));
	free(session);
}
