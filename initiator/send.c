#include "send.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/stop.h"
#include "broadcast.h"
#include "chat.h"
#include "crypto/classic.h"
#include "delivery.h"
#include "message.h"
#include "recipient.h"
#include "room.h"
#include "store/lockedfile.h"
#include "wording.h"

#define CHUNK_BYTES 65536
/* How often to look whether somebody has appeared. */
#define LOOK_PERIOD_MS 500

/* A message under way. */
struct sending {
	struct desk *desk;
	const struct send_order *order;
	struct buffer text;
	struct recipient to;
	enum chatlog_mode mode;
	bool is_kept; /* it waits in the outbox */
};

/* Reads all of standard input, or as much as is too much. */
static int read_input(struct desk *desk, struct buffer *text)
{
	char chunk[CHUNK_BYTES];
	ssize_t got = 0;
	int rc;

	do {
		rc = loop_wait(desk->loop, STDIN_FILENO, EPOLLIN);
		/* A regular file always has something. */
		if (rc != 0 && rc != EPERM)
			break;
		got = read(STDIN_FILENO, chunk, sizeof(chunk));
		if (got >= 0)
			rc = buffer_append(text, chunk, (size_t)got);
		else
			rc = errno == EINTR || errno == EAGAIN ? 0 : errno;
	} while (rc == 0 && got != 0 && text->len <= MESSAGE_MAX_BYTES);
	sodium_memzero(chunk, sizeof(chunk));
	return rc;
}

/* Has the text, or tells why it cannot be sent. */
static int take_text(struct sending *sending)
{
	struct console *console = sending->desk->console;
	const char *given = sending->order->text, *fault;
	int rc =
	    given ? buffer_append(&sending->text, given, strlen(given)) : read_input(sending->desk, &sending->text);

	if (rc != 0) {
		if (!stop_requested())
			console_put(console, "Not sent: the message cannot be read: %s.\n", strerror(rc));
		return PROGRAM_FAILED;
	}
	fault = sending->text.len == 0 ? "is empty" : message_fault(sending->text.data, sending->text.len, false, true);
	if (fault)
		console_put(console, "Not sent: the message %s.\n", fault);
	return fault ? PROGRAM_FAILED : PROGRAM_FINE;
}

/* Waiting for somebody to be online. */
struct appearance {
	struct desk *desk;
	const char *name;
	int64_t deadline_ms; /* monotonic */
	struct loop_timer timer;
	bool is_over;
};

static void look(void *context)
{
	struct appearance *appearance = context;
	int64_t now_ms = clock_monotonic_ms();

	appearance->is_over =
	    recipient_is_online(appearance->desk, appearance->name) || now_ms >= appearance->deadline_ms;
	if (!appearance->is_over)
		loop_set(appearance->desk->loop, &appearance->timer, now_ms + LOOK_PERIOD_MS);
}

static bool is_over(void *context)
{
	return ((struct appearance *)context)->is_over;
}

/* Waits until the recipient is online, or long enough; false if the user wants to stop. */
static bool await_recipient(struct desk *desk, const char *name, int64_t wait_ms)
{
	struct appearance appearance = {
	    .desk = desk,
	    .name = name,
	    .deadline_ms = clock_monotonic_ms() + wait_ms,
	    .timer = {.callback = look, .context = &appearance},
	};
	int rc;

	look(&appearance);
	rc = loop_run_until(desk->loop, is_over, &appearance);
	loop_set(desk->loop, &appearance.timer, LOOP_NEVER);
	return rc == 0;
}

/* Decides how the message is sent, or tells why it is not. */
static int choose_mode(struct sending *sending)
{
	const struct send_order *order = sending->order;
	const struct recipient *to = &sending->to;
	struct console *console = sending->desk->console;
	enum chatlog_mode mode = order->has_mode ? order->mode : CHATLOG_SECURE;

	sending->mode = mode;
	if (mode == CHATLOG_PLAIN || (mode == CHATLOG_SECURE && to->has_identity))
		return PROGRAM_FINE;
	if (mode == CHATLOG_SECURE || to->downgraded) {
		recipient_put(to, console, CONSOLE_BAD, "Not sent:", " announces no identity");
		console_put(console, order->has_mode ? ".\n" : "; -m plain or -m classic sends it unprotected.\n");
		return DESK_CHANGED;
	}
	if (to->has_identity) {
		recipient_put(to, console, CONSOLE_BAD,
		    "Not sent:", " has an identity, so a message is secure or plain.\n");
		return PROGRAM_FAILED;
	}
	if (!sending->desk->strict && classic_is_available())
		return PROGRAM_FINE;
	console_put(console, "Not sent: the classic exchange is %s.\n",
	    sending->desk->strict ? "refused (--strict)" : "left out of this build");
	return PROGRAM_FAILED;
}

/* Through the outbox, or at least in its way. */
static int send_secure(struct sending *sending)
{
	struct desk *desk = sending->desk;
	bool keep = sending->order->keep, is_lost = !sending->to.has_address;
	unsigned how = is_lost ? DELIVERY_LATER : keep ? 0 : DELIVERY_ONCE;
	struct delivery_notice notice;
	int rc;

	desk->is_silent = true;
	rc = keep ? delivery_start(desk->delivery) : 0;
	/* What may wait too far back in the log is for deliver and the menu to tell, and keeps this one from nothing. */
	if (rc == 0 || rc == EFBIG)
		rc = delivery_queue(desk->delivery, &sending->to,
		    &(struct envelope_content){.text = sending->text.data, .text_len = sending->text.len}, how,
		    is_lost ? NULL : &notice);
	if (rc != 0) {
		wording_put_unqueued(desk->console, &sending->to, rc);
		return PROGRAM_FAILED;
	}
	if (is_lost) {
		recipient_put(&sending->to, desk->console, CONSOLE_WARNING, "Nobody knows where to find",
		    "; the message is kept.\n");
		return DESK_UNREACHABLE;
	}
	wording_put_news(desk->console, &notice);
	sending->is_kept = keep && notice.kind != DELIVERY_DELIVERED && notice.kind != DELIVERY_REFUSED &&
			   notice.kind != DELIVERY_DROPPED;
	return desk_status(&notice);
}

/* Tells what went wrong: the last line of a draft, and whether the message waits now. */
static void put_last_line(const struct sending *sending, struct console *draft)
{
	struct buffer *text = &draft->text;
	const char *feed = text->len > 1 ? memrchr(text->data, '\n', text->len - 1) : NULL;

	buffer_consume(text, feed ? (size_t)(feed + 1 - text->data) : 0);
	if (sending->is_kept && text->len > 1) {
		text->len--;
		console_put(draft, strchr(".?", text->data[text->len - 1]) ? " It is kept.\n" : "; it is kept.\n");
	}
	console_put_all(sending->desk->console, draft);
}

/* Sends as Chat does it, without its words if all is well. */
static int transmit(struct sending *sending)
{
	struct desk *desk = sending->desk;
	struct chat_way way = {.to = sending->to, .mode = sending->mode};
	struct console *console = desk->console, draft;
	int status;

	console_init_draft(&draft, console);
	desk->console = &draft;
	status = sending->mode == CHATLOG_SECURE ? send_secure(sending)
						 : chat_send(desk, &way, sending->text.data, sending->text.len);
	desk->console = console;
	if (status != PROGRAM_FINE && !stop_requested())
		put_last_line(sending, &draft);
	console_free(&draft);
	return status;
}

/* Whether somebody else announces the name of a known recipient by now, or it is announced without an identity. */
static bool has_changed(const struct sending *sending)
{
	return sending->to.has_pin && desk_read_peers(sending->desk) &&
	       recipient_has_rival(&sending->to, sending->desk);
}

static int send_text(struct sending *sending)
{
	const struct send_order *order = sending->order;
	struct recipient_search search = {.even_absent = order->keep, .even_room = true};
	int status = recipient_find_among(&sending->to, order->name, &search, sending->desk);

	if (status == PROGRAM_FINE && sending->to.is_room)
		return room_say(sending->desk, &sending->to, sending->text.data, sending->text.len);
	if (status == PROGRAM_FINE)
		status = choose_mode(sending);
	else if (status == DESK_UNREACHABLE && has_changed(sending))
		status = DESK_CHANGED;
	if (status != PROGRAM_FINE)
		return status;
	status = transmit(sending);
	if (sending->mode == CHATLOG_SECURE && (status == DESK_UNREACHABLE || status == DESK_UNCONFIRMED) &&
	    has_changed(sending))
		return DESK_CHANGED;
	return status;
}

int send_run(struct desk *desk, const struct send_order *order)
{
	struct sending sending = {.desk = desk, .order = order};
	int status = take_text(&sending);

	if (status == PROGRAM_FINE && order->wait_ms > 0 && order->name[0] != '#' &&
	    !await_recipient(desk, order->name, order->wait_ms))
		status = PROGRAM_FAILED;
	desk->is_terse = strcasecmp(order->name, BROADCAST_NAME) == 0 && recipient_count(desk, order->name, true) == 0;
	if (status == PROGRAM_FINE && desk->is_terse)
		status = broadcast_send(desk, sending.text.data, sending.text.len);
	else if (status == PROGRAM_FINE)
		status = send_text(&sending);
	buffer_wipe(&sending.text);
	return status;
}

/* What is told meanwhile goes out; there is no end but the user's. */
static bool is_done(void *context)
{
	console_flush(context);
	return false;
}

int send_deliver(struct desk *desk, bool once)
{
	int rc = delivery_start(desk->delivery), status = rc == EFBIG ? PROGRAM_FAILED : PROGRAM_FINE;

	if (rc == EFBIG)
		wording_put_forgotten(desk->console);
	if (rc == 0 || rc == EFBIG)
		rc = once ? delivery_try_all(desk->delivery) : loop_run_until(desk->loop, is_done, desk->console);
	if (rc == EINTR && !once)
		return status;
	if (rc != 0) {
		if (!stop_requested())
			console_put_styled(desk->console, CONSOLE_BAD, "cannot deliver what " CHATLOG_NAME " has: %s\n",
			    lockedfile_reason(rc));
		return PROGRAM_FAILED;
	}
	return status == PROGRAM_FINE && outbox_total(delivery_outbox(desk->delivery)) > 0 ? DESK_UNREACHABLE : status;
}
