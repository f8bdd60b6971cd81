/*
 * A call: one connection to one user, on which keys are exchanged unless it is in the clear, and one message is sent.
 *
 * Specification 2.3.0-C, D and F; common/PROTOCOL.md, sections 2 and 3. A call says nothing to its own user: functions
 * return 0 or an errno value, and stage tells what that value is about. What the other side sends is bounded by
 * connection and checked here; all waits have the limits of connection, and end with EINTR if stop_requested().
 *
 * In this order: call_init(), call_open(), call_pack(), call_send(), call_confirm() or call_finish(), call_close(). In
 * the clear, call_pack() may come before call_open(). After call_close() the same call may be opened again.
 */
#ifndef QUARTET_CALL_H
#define QUARTET_CALL_H

#include <netinet/in.h>

#include "connection.h"
#include "recipient.h"
#include "store/chatlog.h"
#include "wire/exchange.h"

/* What was tried last. */
enum call_stage {
	CALL_PREPARE, /* our side of the keys */
	CALL_CONNECT,
	CALL_AGREE, /* on keys */
	CALL_PACK,
	CALL_SEND,
	CALL_CONFIRM, /* waiting for the receipt, or for the other side to close */
};

struct call {
	enum chatlog_mode mode;
	const struct recipient *to;
	const struct in_addr *from; /* the address to speak from, or NULL */
	enum call_stage stage;
	struct connection connection;
	struct exchange exchange;
	struct buffer object; /* the message as it travels, once it is packed */
	/* Of a secure call: */
	char username[USERNAME_MAX_BYTES + 1]; /* our own, "" if we have none */
	uint8_t id[ENVELOPE_ID_BYTES];	       /* of the message */
	struct envelope_receipt receipt;       /* once call_confirm() has returned 0 */
};

/* Begins a call that is not open yet. to and from outlive it. */
void call_init(struct call *call, enum chatlog_mode mode, const struct recipient *to, const struct in_addr *from);

/*
 * Connects, and unless the call is in the clear exchanges keys, of which number (decimal digits, NUL-terminated) makes
 * ours. A secure call also takes our identity, and our username unless that is NULL. Nothing is open after a failure.
 */
int call_open(struct call *call, const struct identity *identity, const char *username, const char *number)
    __attribute__((warn_unused_result));

/* Whether the other side has not closed so far. */
bool call_is_open(const struct call *call);

/* Makes object of a text of well-formed UTF-8, encrypted unless the call is in the clear. */
int call_pack(struct call *call, const char *text, size_t len) __attribute__((warn_unused_result));

/* Sends what was packed. */
int call_send(struct call *call) __attribute__((warn_unused_result));

/*
 * Waits for the receipt of a secure message, and for the end of the connection. Returns 0 if the receipt is genuine:
 * then call->receipt says what became of the message.
 */
int call_confirm(struct call *call) __attribute__((warn_unused_result));

/*
 * Ends a call whose message nobody confirms. Returns 0 if nothing speaks against its having arrived. What the other side
 * says in the clear before it closes, within CONNECTION_LINGER_MS, becomes *reply, to be freed with wire_free();
 * reply->document is NULL if there is none, and always after a message that was not in the clear.
 */
int call_finish(struct call *call, struct wire_object *reply) __attribute__((warn_unused_result));

/* Closes and wipes; harmless if it is not open. */
void call_close(struct call *call);

#endif
