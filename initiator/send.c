#include "send.h"

#include <errno.h>
#include <fcntl.h>
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
#include "file/offers.h"
#include "message.h"
#include "offering.h"
#include "recipient.h"
#include "room.h"
#include "store/lockedfile.h"
#include "wording.h"

#define CHUNK_BYTES 65536
/* How often to look whether somebody has appeared, or has fetched a file. */
#define LOOK_PERIOD_MS 500

/* A message under way. */
struct sending {
	struct desk *desk;
	const struct send_order *order;
	int64_t deadline_ms; /* monotonic: of what is waited for */
	struct buffer text;
	struct offering offering;
	struct envelope_content content; /* one of these */
	struct recipient to;
	enum chatlog_mode mode;
	bool is_kept;		       /* it waits in the outbox */
	bool is_offered;	       /* or has left: somebody may want the file */
	uint8_t id[ENVELOPE_ID_BYTES]; /* of an offer that was queued */
	struct offers *offers;	       /* to see who has fetched it; or NULL */
};

/* Reads all of standard input, or as much as is too much. */
static int read_input(struct desk *desk, struct buffer *text)
{
	char chunk[CHUNK_BYTES];
	size_t len = 0;
	int rc;

	do {
		rc = loop_read(desk->loop, STDIN_FILENO, chunk, sizeof(chunk), &len);
		if (rc == 0)
			rc = buffer_append(text, chunk, len);
	} while (rc == 0 && len != 0 && text->len <= MESSAGE_MAX_BYTES);
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
	sending->content = (struct envelope_content){.text = sending->text.data, .text_len = sending->text.len};
	fault = sending->text.len == 0 ? "is empty" : message_fault(sending->text.data, sending->text.len, false, true);
	if (fault)
		console_put(console, "Not sent: the message %s.\n", fault);
	return fault ? PROGRAM_FAILED : PROGRAM_FINE;
}

/* Waiting for something that the files say. */
struct waiting {
	struct sending *sending;
	bool (*has_come)(struct sending *sending);
	struct loop_timer timer;
	bool is_over;
};

static void look(void *context)
{
	struct waiting *waiting = context;
	int64_t now_ms = clock_monotonic_ms();

	waiting->is_over = waiting->has_come(waiting->sending) || now_ms >= waiting->sending->deadline_ms;
	if (!waiting->is_over)
		loop_set(waiting->sending->desk->loop, &waiting->timer, now_ms + LOOK_PERIOD_MS);
}

static bool is_over(void *context)
{
	return ((struct waiting *)context)->is_over;
}

/* Waits until that has come, or for long enough; false if the user wants to stop. */
static bool await(struct sending *sending, bool (*has_come)(struct sending *sending))
{
	struct waiting waiting = {.sending = sending, .has_come = has_come, .timer.callback = look};
	int rc;

	waiting.timer.context = &waiting;
	look(&waiting);
	rc = loop_run_until(sending->desk->loop, is_over, &waiting);
	loop_set(sending->desk->loop, &waiting.timer, LOOP_NEVER);
	return rc == 0;
}

static bool is_online(struct sending *sending)
{
	return recipient_is_online(sending->desk, sending->order->name);
}

/* Whether all to whom the file was offered have it. */
static bool is_fetched(struct sending *sending)
{
	const struct offer *offer = NULL;
	struct chatlog_entry entry;
	bool have_all;

	if (offers_follow(sending->offers, AT_FDCWD) == 0)
		offer = offers_next_of(sending->offers, sending->id, NULL);
	if (!offer || offer_read(offer, AT_FDCWD, &entry) != 0)
		return false;
	have_all = entry.has_room || offer->holder_count > 0;
	for (size_t i = 0; i < entry.to_count; i++)
		have_all &= offer_has_reached(offer, entry.to[i]);
	chatlog_entry_free(&entry);
	return have_all;
}

/* Waits until it has been fetched. */
static int await_fetched(struct sending *sending)
{
	bool has_come = false;

	sending->deadline_ms = clock_monotonic_ms() + sending->order->wait_ms;
	sending->offers = offers_new(desk_identity(sending->desk));
	if (sending->offers && await(sending, is_fetched))
		has_come = is_fetched(sending);
	offers_free(sending->offers);
	if (!has_come && !stop_requested())
		recipient_put(&sending->to, sending->desk->console, CONSOLE_WARNING,
		    "Not fetched so far:", sending->to.is_room ? ", by all who are in it.\n" : ".\n");
	return has_come ? PROGRAM_FINE : DESK_UNCONFIRMED;
}

/* Decides how the message is sent, or tells why it is not. */
static int choose_mode(struct sending *sending)
{
	const struct send_order *order = sending->order;
	const struct recipient *to = &sending->to;
	struct console *console = sending->desk->console;
	enum chatlog_mode mode = order->has_mode ? order->mode : CHATLOG_SECURE;

	sending->mode = mode;
	if (order->file && !to->has_identity)
		return offering_refuse(sending->desk, to);
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
		rc = delivery_queue(desk->delivery, &sending->to, &sending->content, how, is_lost ? NULL : &notice);
	sending->is_offered = rc == EINTR || (rc == 0 && is_lost);
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
	sending->is_offered = sending->is_kept || notice.left || notice.kind == DELIVERY_DELIVERED;
	memcpy(sending->id, notice.id, sizeof(sending->id));
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

/* Has what is to be offered, now that it is known to whom. */
static int take_file(struct sending *sending)
{
	const struct send_order *order = sending->order;
	int status = PROGRAM_FINE;

	if (strcmp(order->file, "-") == 0)
		status = offering_receive(&sending->offering, sending->desk, order->file_name);
	if (status == PROGRAM_FINE && sending->to.is_room)
		status = offering_hash(&sending->offering, sending->desk);
	sending->content = offering_content(&sending->offering);
	return status;
}

static int say_in_room(struct sending *sending)
{
	static const uint8_t none[ENVELOPE_ID_BYTES];
	int status = room_say(sending->desk, &sending->to, &sending->content, sending->id);

	sending->is_offered = memcmp(sending->id, none, sizeof(none)) != 0;
	return status;
}

static int send_content(struct sending *sending)
{
	const struct send_order *order = sending->order;
	struct recipient_search search = {.even_absent = order->keep, .even_room = true};
	int status = recipient_find_among(&sending->to, order->name, &search, sending->desk);

	if (status == PROGRAM_FINE && !sending->to.is_room)
		status = choose_mode(sending);
	else if (status == DESK_UNREACHABLE && has_changed(sending))
		status = DESK_CHANGED;
	if (status == PROGRAM_FINE && order->file)
		status = take_file(sending);
	if (status != PROGRAM_FINE)
		return status;
	if (sending->to.is_room)
		return say_in_room(sending);
	status = transmit(sending);
	if (sending->mode == CHATLOG_SECURE && (status == DESK_UNREACHABLE || status == DESK_UNCONFIRMED) &&
	    has_changed(sending))
		return DESK_CHANGED;
	return status;
}

/* The same of a file, which is waited for if that was asked, and thrown away if it came from the input and nobody can want it. */
static int send_file(struct sending *sending)
{
	int status = send_content(sending);
	bool waits = status == PROGRAM_FINE || status == DESK_UNCONFIRMED ||
		     (status == DESK_UNREACHABLE && (sending->is_kept || sending->to.is_room));

	if (waits && sending->is_offered && sending->order->wait_ms > 0 && !stop_requested())
		status = await_fetched(sending);
	offering_close(&sending->offering, !sending->is_offered);
	return status;
}

int send_run(struct desk *desk, const struct send_order *order)
{
	struct sending sending = {
	    .desk = desk,
	    .order = order,
	    .deadline_ms = clock_monotonic_ms() + order->wait_ms,
	    .offering = {.fd = -1, .shelf = -1},
	};
	int status = PROGRAM_FINE;

	if (!order->file)
		status = take_text(&sending);
	else if (strcmp(order->file, "-") != 0)
		status = offering_open(&sending.offering, desk, order->file, order->file_name);
	if (status == PROGRAM_FINE && order->wait_ms > 0 && order->name[0] != '#' && !await(&sending, is_online))
		status = PROGRAM_FAILED;
	desk->is_terse = strcasecmp(order->name, BROADCAST_NAME) == 0 && recipient_count(desk, order->name, true) == 0;
	if (status != PROGRAM_FINE)
		offering_close(&sending.offering, true);
	else if (order->file)
		status = send_file(&sending);
	else if (desk->is_terse)
		status = broadcast_send(desk, sending.text.data, sending.text.len);
	else
		status = send_content(&sending);
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
