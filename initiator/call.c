#include "call.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>

void call_init(struct call *call, enum chatlog_mode mode, const struct recipient *to, const struct in_addr *from)
{
	*call = (struct call){.mode = mode, .to = to, .from = from, .connection.fd = -1};
	randombytes_buf(call->id, sizeof(call->id));
}

/* Makes our side of the exchange, and the object with our key. */
static int prepare(struct call *call, const struct identity *identity, const char *number)
{
	const uint8_t *peer = call->mode == CHATLOG_SECURE ? call->to->identity : NULL;

	call->stage = CALL_PREPARE;
	return call->mode == CHATLOG_PLAIN ? 0 : exchange_offer(&call->exchange, identity, peer, number, &call->object);
}

static int agree(struct call *call)
{
	struct wire_object answer;
	int rc;

	call->stage = CALL_AGREE;
	rc = connection_send(&call->connection, call->object.data, call->object.len);
	if (rc == 0)
		rc = connection_receive(&call->connection, WIRE_KEY, &answer);
	if (rc != 0)
		return rc;
	rc = exchange_take(&call->exchange, &answer);
	wire_free(&answer);
	return rc;
}

int call_open(struct call *call, const struct identity *identity, const char *username, const char *number)
{
	int rc;

	snprintf(call->username, sizeof(call->username), "%s", username ? username : "");
	rc = prepare(call, identity, number);
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
	call->stage = CALL_PACK;
	buffer_free(&call->object);
	if (call->mode == CHATLOG_PLAIN)
		return wire_format_message(&call->object, WIRE_UNENCRYPTED, text, len);
	return exchange_seal(&call->exchange, call->username, call->id, text, len, &call->object);
}

int call_send(struct call *call)
{
	call->stage = CALL_SEND;
	return connection_send(&call->connection, call->object.data, call->object.len);
}

int call_confirm(struct call *call)
{
	struct wire_object answer;
	int rc;

	call->stage = CALL_CONFIRM;
	rc = connection_receive(&call->connection, WIRE_ENCRYPTED, &answer);
	if (rc != 0)
		return rc;
	rc = exchange_open_receipt(&call->exchange, &answer, &call->receipt);
	wire_free(&answer);
	if (rc != 0)
		return rc;
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
	exchange_end(&call->exchange);
	buffer_wipe(&call->object);
	connection_close(&call->connection);
}
