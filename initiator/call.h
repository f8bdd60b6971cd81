/*
 * A call: one connection to one user, on which keys are exchanged unless it is in the clear, and a message is sent; in a
 * secure one, one or more messages, asks and sayings, each once the receipt of the one before has come.
 *
 * Specification 2.3.0-C, D and F; common/PROTOCOL.md, sections 2 and 3. A call goes on in a loop, in steps that
 * call_open(), call_send(), call_confirm() and call_finish() begin, one at a time and in this order; call_pack() comes
 * between the first two, in the clear also before. Whoever began a step waits with call_await(), or has been given a
 * callback with call_init(). Every step has a limit of time. What the other side sends is bounded by framing and
 * checked here. A call says nothing to its own user: stage tells what a result is about.
 */
#ifndef QUARTET_CALL_H
#define QUARTET_CALL_H

#include <netinet/in.h>

#include "file/filestream.h"
#include "loop.h"
#include "recipient.h"
#include "store/chatlog.h"
#include "wire/exchange.h"
#include "wire/framing.h"

#define CALL_CONNECT_MS 5000
#define CALL_SEND_MS 5000
#define CALL_ANSWER_MS 5000
/* How long a connection is held for the other side to finish, so that nothing it sends is answered with a reset. */
#define CALL_LINGER_MS 1000

/* What was tried last. */
enum call_stage {
	CALL_PREPARE, /* our side of the keys */
	CALL_CONNECT,
	CALL_OFFER, /* our key */
	CALL_AGREE, /* on keys, once the other's comes */
	CALL_PACK,
	CALL_SEND,
	CALL_CONFIRM, /* waiting for the receipt */
	CALL_FINISH,  /* waiting for the other side to close */
};

struct call {
	enum chatlog_mode mode;
	const struct recipient *to;
	const struct in_addr *from; /* the address to speak from, or NULL */
	enum call_stage stage;
	struct exchange exchange;
	struct buffer object; /* the message as it travels, once it is packed */
	/* Of a secure call: */
	char username[USERNAME_MAX_BYTES + 1]; /* our own, "" if we have none */
	uint8_t id[ENVELOPE_ID_BYTES];	       /* of the message */
	struct envelope_receipt receipt;       /* once call_confirm() has ended well */
	json_t *answer;			       /* and all of its members; NULL before */
	/* Of one in the clear: what was said before the other side closed; reply.document is NULL if nothing. */
	struct wire_object reply;
	/* For this module: */
	struct loop *loop;
	struct loop_timer timer; /* the limit of the step that goes on, or the telling of its end */
	void (*callback)(void *context);
	void *context;
	int fd;		  /* of the connection, or -1 */
	size_t sent;	  /* bytes of the object */
	bool is_finished; /* the other side was told that nothing more will be sent */
	bool is_seeking;  /* a reply, since then */
	struct framer framer;
	bool is_busy; /* a step goes on, or its end was not told yet */
	bool is_over; /* the step has ended */
	int result;   /* how */
};

/*
 * Begins a call that is not open yet. loop, to and from outlive it. callback is called with context, from the loop, when a
 * step has ended; NULL if somebody awaits it.
 */
void call_init(struct call *call, struct loop *loop, enum chatlog_mode mode, const struct recipient *to,
    const struct in_addr *from, void (*callback)(void *context), void *context);

/*
 * Connects, and unless the call is in the clear exchanges keys, of which number (decimal digits, NUL-terminated) makes
 * ours. A secure call also takes our identity, and our username unless that is NULL. After call_close() the same call may
 * be opened again.
 */
void call_open(struct call *call, const struct identity *identity, const char *username, const char *number);

/* Whether the other side has not closed so far. */
bool call_is_open(const struct call *call);

/* Makes object of a text of well-formed UTF-8, encrypted unless the call is in the clear. Returns 0 or an errno value. */
int call_pack(struct call *call, const char *text, size_t len) __attribute__((warn_unused_result));

/* The same of the offer of a file, in a secure call. */
int call_pack_offer(struct call *call, const struct fileoffer *file) __attribute__((warn_unused_result));

/* Makes object of an ask or a saying with these members, in a secure call. Returns 0 or an errno value. */
int call_pack_body(struct call *call, json_t *body) __attribute__((warn_unused_result));

/* Sends what was packed. */
void call_send(struct call *call);

/* Waits for the receipt of a secure message. If it is genuine, call->receipt says what became of the message. */
void call_confirm(struct call *call);

/*
 * Has stream receive what comes behind the receipt, which is a file; that blocks, and the loop does not run meanwhile. Returns 0
 * or an errno value. After call_end_stream(), in any case, the call goes on as before.
 */
int call_begin_stream(struct call *call, struct filestream *stream) __attribute__((warn_unused_result));
void call_end_stream(const struct call *call, struct filestream *stream);

/* Says an object, which is taken over and may be NULL for out of memory, and waits until it is sent; or for its receipt, too. */
int call_tell(struct call *call, json_t *body) __attribute__((warn_unused_result));
int call_ask(struct call *call, json_t *body) __attribute__((warn_unused_result));

/*
 * Says that nothing more comes, and waits for the other side to close, for CALL_LINGER_MS at most. It ends well if
 * nothing speaks against the message's having arrived, and if the call is not open or was finished before.
 */
void call_finish(struct call *call);

/* How the last step ended: 0 or an errno value, ETIMEDOUT at its limit. For the callback. */
int call_result(const struct call *call);

/* Runs the loop until the step has ended, and returns how; EINTR if stop_requested(). */
int call_await(struct call *call);

/* Closes and wipes, whatever goes on; harmless if it is not open. */
void call_close(struct call *call);

#endif
