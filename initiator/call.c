#include "call.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>

#include "base/clock.h"

static void take_time(void *context);

void call_init(struct call *call, struct loop *loop, enum chatlog_mode mode, const struct recipient *to,
    const struct in_addr *from, void (*callback)(void *context), void *context)
{
	*call = (struct call){
	    .mode = mode,
	    .to = to,
	    .from = from,
	    .loop = loop,
	    .timer = {.callback = take_time, .context = call},
	    .callback = callback,
	    .context = context,
	    .connection.fd = -1,
	};
	randombytes_buf(call->id, sizeof(call->id));
}

/* Ends the step. That is told at the end of the round, so that no callback is called by what began the step. */
static void settle(struct call *call, int result)
{
	loop_forget(call->loop, call->connection.fd);
	call->is_busy = call->is_over = true;
	call->result = result;
	loop_set(call->loop, &call->timer, 0);
}

static int receive_key(struct call *call)
{
	struct wire_object answer;
	int rc = connection_receive(&call->connection, WIRE_KEY, &answer);

	if (rc != 0)
		return rc;
	rc = exchange_take(&call->exchange, &answer);
	wire_free(&answer);
	return rc;
}

static int receive_receipt(struct call *call)
{
	struct wire_object answer;
	int rc = connection_receive(&call->connection, WIRE_ENCRYPTED, &answer);

	if (rc != 0)
		return rc;
	rc = exchange_open_receipt(&call->exchange, &answer, &call->receipt, &call->answer);
	wire_free(&answer);
	return rc;
}

/* Does what can be done now for the stage that is waited for: 0 if that is all, EAGAIN, or what went wrong. */
static int try_stage(struct call *call)
{
	struct connection *connection = &call->connection;

	switch (call->stage) {
	case CALL_CONNECT:
		return connection_opened(connection);
	case CALL_OFFER:
	case CALL_SEND:
		return connection_send(connection, call->object.data, call->object.len);
	case CALL_AGREE:
		return receive_key(call);
	case CALL_CONFIRM:
		return receive_receipt(call);
	case CALL_FINISH:
		return connection_finish(connection, call->mode == CHATLOG_PLAIN ? &call->reply : NULL);
	case CALL_PREPARE:
	case CALL_PACK:
		break;
	}
	return 0;
}

static void go_on(void *context, uint32_t events);

/* Waits until the connection is ready for a stage, for so long. */
static void begin(struct call *call, enum call_stage stage, uint32_t events, int limit_ms)
{
	int rc;

	call->stage = stage;
	call->is_busy = true;
	call->is_over = false;
	loop_set(call->loop, &call->timer, clock_monotonic_ms() + limit_ms);
	rc = loop_watch(call->loop, call->connection.fd, events, go_on, call);
	if (rc != 0)
		settle(call, rc);
}

/* Something has come for the stage that is waited for. */
static void go_on(void *context, uint32_t events)
{
	struct call *call = context;
	int rc = try_stage(call);

	(void)events;
	if (rc == EAGAIN)
		return;
	if (rc == 0 && call->stage == CALL_CONNECT && call->mode != CHATLOG_PLAIN)
		begin(call, CALL_OFFER, EPOLLOUT, CALL_SEND_MS);
	else if (rc == 0 && call->stage == CALL_OFFER)
		begin(call, CALL_AGREE, EPOLLIN, CALL_ANSWER_MS);
	else
		settle(call, rc);
}

/* The timer: the step has taken too long, or its end is to be told. */
static void take_time(void *context)
{
	struct call *call = context;

	if (!call->is_over) {
		/* Who keeps the connection open has read as much as who closed it. */
		settle(call, call->stage == CALL_FINISH ? 0 : ETIMEDOUT);
		loop_set(call->loop, &call->timer, LOOP_NEVER);
	}
	call->is_busy = false;
	if (call->callback)
		call->callback(call->context);
}

/* Makes our side of the exchange, and the object with our key. */
static int prepare(struct call *call, const struct identity *identity, const char *number)
{
	const uint8_t *peer = call->mode == CHATLOG_SECURE ? call->to->identity : NULL;

	call->stage = CALL_PREPARE;
	return call->mode == CHATLOG_PLAIN ? 0 : exchange_offer(&call->exchange, identity, peer, number, &call->object);
}

void call_open(struct call *call, const struct identity *identity, const char *username, const char *number)
{
	int rc;

	snprintf(call->username, sizeof(call->username), "%s", username ? username : "");
	rc = prepare(call, identity, number);
	if (rc == 0) {
		call->stage = CALL_CONNECT;
		rc = connection_open(&call->connection, call->from, call->to->address);
	}
	if (rc == 0)
		begin(call, CALL_CONNECT, EPOLLOUT, CALL_CONNECT_MS);
	else
		settle(call, rc);
}

bool call_is_open(const struct call *call)
{
	return connection_is_open(&call->connection);
}

/* Lets go of what was sent before, and of its receipt. */
static void begin_packing(struct call *call)
{
	call->stage = CALL_PACK;
	buffer_free(&call->object);
	json_decref(call->answer);
	call->answer = NULL;
}

int call_pack(struct call *call, const char *text, size_t len)
{
	begin_packing(call);
	if (call->mode == CHATLOG_PLAIN)
		return wire_format_message(&call->object, WIRE_UNENCRYPTED, text, len);
	return exchange_seal(&call->exchange, call->username, call->id, text, len, &call->object);
}

int call_pack_body(struct call *call, json_t *body)
{
	begin_packing(call);
	return exchange_seal_body(&call->exchange, call->username, body, &call->object);
}

void call_send(struct call *call)
{
	begin(call, CALL_SEND, EPOLLOUT, CALL_SEND_MS);
}

void call_confirm(struct call *call)
{
	begin(call, CALL_CONFIRM, EPOLLIN, CALL_ANSWER_MS);
}

void call_finish(struct call *call)
{
	if (call->connection.fd < 0 || call->connection.finished) {
		settle(call, 0);
		return;
	}
	begin(call, CALL_FINISH, EPOLLIN, CALL_LINGER_MS);
	if (!call->is_over)
		go_on(call, 0);
}

int call_result(const struct call *call)
{
	return call->result;
}

static bool is_idle(void *context)
{
	const struct call *call = context;

	return !call->is_busy;
}

int call_await(struct call *call)
{
	int rc = loop_run_until(call->loop, is_idle, call);

	return rc == 0 ? call->result : rc;
}

void call_close(struct call *call)
{
	loop_forget(call->loop, call->connection.fd);
	loop_set(call->loop, &call->timer, LOOP_NEVER);
	call->is_busy = false;
	exchange_end(&call->exchange);
	buffer_wipe(&call->object);
	wire_free(&call->reply);
	json_decref(call->answer);
	call->answer = NULL;
	connection_close(&call->connection);
}
