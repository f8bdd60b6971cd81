#include "call.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/address.h"

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
	    .fd = -1,
	};
	randombytes_buf(call->id, sizeof(call->id));
}

/* Ends the step. That is told at the end of the round, so that no callback is called by what began the step. */
static void settle(struct call *call, int result)
{
	loop_forget(call->loop, call->fd);
	call->is_busy = call->is_over = true;
	call->result = result;
	loop_set(call->loop, &call->timer, 0);
}

#define CHUNK_BYTES 4096

/* The connection never blocks: what can be done now is done. 0 if that is all, EAGAIN, or what went wrong. */

static int start_connecting(struct call *call)
{
	struct sockaddr_in local, remote = address_socket(call->to->address, CHAT_PORT);
	int error = 0;

	call->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (call->fd < 0)
		return errno;
	if (call->from) {
		local = address_socket(*call->from, 0);
		if (bind(call->fd, (const struct sockaddr *)&local, sizeof(local)) != 0)
			error = errno;
	}
	/* No address is what nobody has; the kernel would take it for our own. */
	if (error == 0 && call->to->address.s_addr == htonl(INADDR_ANY))
		error = EHOSTUNREACH;
	if (error == 0 && connect(call->fd, (const struct sockaddr *)&remote, sizeof(remote)) != 0)
		error = errno;
	if (error == 0 || error == EINPROGRESS)
		return 0;
	close(call->fd);
	call->fd = -1;
	return error;
}

static int check_connected(const struct call *call)
{
	socklen_t len = sizeof(int);
	int error;

	return getsockopt(call->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 ? error : errno;
}

/* Sends the object, in one write if the kernel takes it. */
static int send_object(struct call *call)
{
	while (call->sent < call->object.len) {
		ssize_t sent =
		    send(call->fd, call->object.data + call->sent, call->object.len - call->sent, MSG_NOSIGNAL);

		if (sent < 0)
			return errno == EINTR ? EAGAIN : errno;
		call->sent += (size_t)sent;
	}
	call->sent = 0;
	return 0;
}

/* Reads some bytes; *len is 0 if the other side has closed. */
static int read_some(const struct call *call, char chunk[static CHUNK_BYTES], size_t *len)
{
	ssize_t got = recv(call->fd, chunk, CHUNK_BYTES, 0);

	if (got < 0)
		return errno == EINTR ? EAGAIN : errno;
	*len = (size_t)got;
	return 0;
}

/* Reads the next object, which must be of kind; ECONNRESET if the other side closes instead, EBADMSG if it is another. */
static int receive_object(struct call *call, enum wire_kind kind, struct wire_object *object)
{
	char chunk[CHUNK_BYTES];
	const char *text, *why;
	size_t len;
	int rc;

	while ((rc = framer_next(&call->framer, &text, &len)) == EAGAIN) {
		rc = read_some(call, chunk, &len);
		if (rc == 0 && len == 0)
			rc = ECONNRESET;
		if (rc == 0)
			rc = framer_push(&call->framer, chunk, len);
		if (rc != 0)
			return rc;
	}
	if (rc != 0 || wire_parse(text, len, object, &why) != 0)
		return EBADMSG;
	if (object->kind != kind) {
		wire_free(object);
		return EBADMSG;
	}
	return 0;
}

/* Looks for a reply in what came; false once there is one, or once there can be none any more. */
static bool seek_reply(struct framer *framer, const char *bytes, size_t len, struct wire_object *reply)
{
	const char *text, *why;
	int rc = framer_push(framer, bytes, len);

	while (rc == 0 && (rc = framer_next(framer, &text, &len)) == 0) {
		struct wire_object object;

		if (wire_parse(text, len, &object, &why) != 0)
			continue;
		if (object.kind == WIRE_UNENCRYPTED) {
			*reply = object;
			return false;
		}
		wire_free(&object);
	}
	return rc == EAGAIN;
}

/* Says that nothing more comes, and reads what still does until the other side closes; in the clear it may be a reply. */
static int finish(struct call *call)
{
	char chunk[CHUNK_BYTES];
	size_t len;
	int rc;

	if (!call->is_finished) {
		if (shutdown(call->fd, SHUT_WR) != 0)
			return errno;
		call->is_finished = true;
		call->is_seeking = call->mode == CHATLOG_PLAIN;
	}
	/* Some at a time: whoever sends without end keeps nobody else waiting. */
	rc = read_some(call, chunk, &len);
	if (rc != 0 || len == 0)
		return rc;
	call->is_seeking = call->is_seeking && seek_reply(&call->framer, chunk, len, &call->reply);
	return EAGAIN;
}

static int receive_key(struct call *call)
{
	struct wire_object answer;
	int rc = receive_object(call, WIRE_KEY, &answer);

	if (rc != 0)
		return rc;
	rc = exchange_take(&call->exchange, &answer);
	wire_free(&answer);
	return rc;
}

static int receive_receipt(struct call *call)
{
	struct wire_object answer;
	int rc = receive_object(call, WIRE_ENCRYPTED, &answer);

	if (rc != 0)
		return rc;
	rc = exchange_open_receipt(&call->exchange, &answer, &call->receipt, &call->answer);
	wire_free(&answer);
	return rc;
}

/* Does what can be done now for the stage that is waited for: 0 if that is all, EAGAIN, or what went wrong. */
static int try_stage(struct call *call)
{
	switch (call->stage) {
	case CALL_CONNECT:
		return check_connected(call);
	case CALL_OFFER:
	case CALL_SEND:
		return send_object(call);
	case CALL_AGREE:
		return receive_key(call);
	case CALL_CONFIRM:
		return receive_receipt(call);
	case CALL_FINISH:
		return finish(call);
	case CALL_PREPARE:
	case CALL_PACK:
		break;
	}
	return 0;
}

static void go_on(void *context);

/* Waits until the connection is ready for a stage, for so long. */
static void begin(struct call *call, enum call_stage stage, uint32_t events, int limit_ms)
{
	int rc;

	call->stage = stage;
	call->is_busy = true;
	call->is_over = false;
	loop_set(call->loop, &call->timer, clock_monotonic_ms() + limit_ms);
	rc = loop_watch(call->loop, call->fd, events, go_on, call);
	if (rc != 0)
		settle(call, rc);
}

/* Something has come for the stage that is waited for. */
static void go_on(void *context)
{
	struct call *call = context;
	int rc = try_stage(call);

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
		rc = start_connecting(call);
	}
	if (rc == 0)
		begin(call, CALL_CONNECT, EPOLLOUT, CALL_CONNECT_MS);
	else
		settle(call, rc);
}

bool call_is_open(const struct call *call)
{
	/* Not by reading: bytes that nobody asked for may stand before the end. */
	struct pollfd state = {.fd = call->fd, .events = POLLRDHUP};

	return call->fd >= 0 && poll(&state, 1, 0) == 0;
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

int call_pack_offer(struct call *call, const struct fileoffer *file)
{
	begin_packing(call);
	return exchange_seal_offer(&call->exchange, call->username, call->id, file, &call->object);
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

static int set_blocking(const struct call *call, bool blocks)
{
	return fcntl(call->fd, F_SETFL, blocks ? 0 : O_NONBLOCK) == 0 ? 0 : errno;
}

int call_begin_stream(struct call *call, struct filestream *stream)
{
	uint8_t key[FILESTREAM_KEY_BYTES];
	const char *early;
	size_t early_len;
	int rc = set_blocking(call, true);

	exchange_file_key(&call->exchange, key);
	early = framer_rest(&call->framer, &early_len);
	if (rc == 0)
		rc = filestream_begin_receiving(stream, call->fd, key, early, early_len);
	sodium_memzero(key, sizeof(key));
	framer_free(&call->framer);
	return rc;
}

void call_end_stream(const struct call *call, struct filestream *stream)
{
	filestream_end(stream);
	(void)!set_blocking(call, false);
}

void call_finish(struct call *call)
{
	if (call->fd < 0 || call->is_finished) {
		settle(call, 0);
		return;
	}
	begin(call, CALL_FINISH, EPOLLIN, CALL_LINGER_MS);
	if (!call->is_over)
		go_on(call);
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

int call_tell(struct call *call, json_t *body)
{
	int rc = body ? call_pack_body(call, body) : ENOMEM;

	json_decref(body);
	if (rc != 0)
		return rc;
	call_send(call);
	return call_await(call);
}

int call_ask(struct call *call, json_t *body)
{
	int rc = call_tell(call, body);

	if (rc != 0)
		return rc;
	call_confirm(call);
	return call_await(call);
}

void call_close(struct call *call)
{
	loop_forget(call->loop, call->fd);
	loop_set(call->loop, &call->timer, LOOP_NEVER);
	call->is_busy = false;
	exchange_end(&call->exchange);
	buffer_wipe(&call->object);
	wire_free(&call->reply);
	json_decref(call->answer);
	call->answer = NULL;
	/* On bytes that were not read it is a reset, and some die of that. */
	if (call->fd >= 0)
		close(call->fd);
	call->fd = -1;
	call->is_finished = false;
	call->sent = 0;
	framer_free(&call->framer);
}
