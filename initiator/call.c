#include "call.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "crypto/classic.h"

enum chatlog_mode call_mode(const struct peer *to, bool secure)
{
	if (!secure)
		return CHATLOG_PLAIN;
	return to->has_identity ? CHATLOG_SECURE : CHATLOG_CLASSIC;
}

void call_init(struct call *call, enum chatlog_mode mode, const struct peer *to, const struct in_addr *from)
{
	*call = (struct call){.mode = mode, .to = to, .from = from, .connection.fd = -1};
}

/* Makes our side of the exchange. */
static int prepare(struct call *call, const struct identity *identity, const char *number)
{
	call->stage = CALL_PREPARE;
	if (call->mode == CHATLOG_SECURE)
		return session_initiate(&call->session, identity, call->to->identity, number, strlen(number));
	if (call->mode == CHATLOG_CLASSIC)
		call->exponent = classic_exponent(number, strlen(number));
	return 0;
}

/* Sends our key. */
static int offer_key(struct call *call)
{
	struct buffer offer = {0};
	char key[CLASSIC_NUMBER_BYTES];
	int rc;

	snprintf(key, sizeof(key), "%u", classic_public(call->exponent));
	rc = wire_format_key(&offer, call->session ? session_key_digits(call->session) : key, false);
	if (rc == 0)
		rc = connection_send(&call->connection, offer.data, offer.len);
	buffer_free(&offer);
	return rc;
}

/* Takes the peer's key: len decimal digits. */
static int take_key(struct call *call, const char *digits, size_t len)
{
	uint8_t number[DECIMAL_BYTES];

	if (call->session)
		return session_complete(call->session, digits, len);
	if (decimal_parse(digits, len, number) != 0 || !decimal_is_small(number))
		return EPROTO;
	return classic_agree(call->exponent, digits, len, &call->secret);
}

static int agree(struct call *call)
{
	struct wire_object answer;
	int rc;

	call->stage = CALL_AGREE;
	rc = offer_key(call);
	if (rc == 0)
		rc = connection_receive(&call->connection, WIRE_KEY, &answer);
	if (rc != 0)
		return rc;
	rc = take_key(call, answer.value, answer.value_len);
	wire_free(&answer);
	return rc;
}

int call_open(struct call *call, const struct identity *identity, const char *number)
{
	int rc = prepare(call, identity, number);

	if (rc == 0) {
		call->stage = CALL_CONNECT;
		rc = connection_open(&call->connection, call->from, call->to->address);
	}
	if (rc == 0 && call->mode != CHATLOG_PLAIN)
		rc = agree(call);
	if (rc != 0)
		call_close(call);
	return rc;
}

bool call_is_open(const struct call *call)
{
	return connection_is_open(&call->connection);
}

int call_pack(struct call *call, const char *text, size_t len)
{
	struct buffer sealed = {0};
	int rc;

	call->stage = CALL_PACK;
	buffer_free(&call->object);
	if (call->mode == CHATLOG_PLAIN)
		return wire_format_message(&call->object, WIRE_UNENCRYPTED, text, len);
	rc = call->session ? session_seal_text(call->session, text, len, &sealed)
			   : classic_seal(call->secret, text, len, &sealed);
	if (rc == 0)
		rc = wire_format_message(&call->object, WIRE_ENCRYPTED, sealed.data, sealed.len);
	buffer_free(&sealed);
	return rc;
}

int call_send(struct call *call)
{
	call->stage = CALL_SEND;
	return connection_send(&call->connection, call->object.data, call->object.len);
}

int call_confirm(struct call *call)
{
	struct wire_object answer;
	uint64_t counter = 0;
	int rc;

	call->stage = CALL_CONFIRM;
	rc = connection_receive(&call->connection, WIRE_ENCRYPTED, &answer);
	if (rc != 0)
		return rc;
	rc = session_open_receipt(call->session, answer.value, answer.value_len, &counter);
	wire_free(&answer);
	if (rc != 0 || counter != 0)
		return EPROTO;
	(void)connection_finish(&call->connection, NULL);
	return 0;
}

int call_finish(struct call *call, struct wire_object *reply)
{
	int rc;

	reply->document = NULL;
	call->stage = CALL_CONFIRM;
	rc = connection_finish(&call->connection, call->mode == CHATLOG_PLAIN ? reply : NULL);
	/* Who keeps the connection open has read as much as who closed it. */
	return rc == ETIMEDOUT ? 0 : rc;
}

void call_close(struct call *call)
{
	session_free(call->session);
	call->session = NULL;
	call->exponent = call->secret = 0;
	buffer_wipe(&call->object);
	connection_close(&call->connection);
}
