#include "wording.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "outbox.h"
#include "store/lockedfile.h"

void wording_put_heading(struct console *console, const struct recipient *to, enum chatlog_mode mode)
{
	recipient_put(to, console, CONSOLE_NORMAL, "To", "");
	if (mode == CHATLOG_CLASSIC)
		console_put_styled(console, CONSOLE_WARNING, "  classic: anybody on the way can read it");
	else if (mode == CHATLOG_SECURE && !to->has_pin && !to->is_room)
		console_put_styled(console, CONSOLE_FAINT, "  not known yet");
	else if (mode == CHATLOG_SECURE && to->pin.verified)
		console_put_styled(console, CONSOLE_GOOD, "  verified");
	console_put(console, "\n");
}

void wording_put_refusal(struct console *console, const struct recipient *to)
{
	recipient_put(to, console, CONSOLE_BAD, "No secure chat with",
	    ", who announces no identity. Nothing was sent.\n");
	console_put(console,
	    "You know an identity by that name, or one was announced in the last %d minutes by that name or at that "
	    "address: this may be somebody else.\n",
	    PEERS_LISTED_MIN);
}

void wording_put_classic(struct console *console, const struct recipient *to, const char *why_not)
{
	recipient_put(to, console, CONSOLE_WARNING, "The user", "");
	console_put_styled(console, CONSOLE_WARNING, " announces no identity, so there is no key to encrypt for.\n");
	if (why_not)
		console_put(console,
		    "%s, so a secure chat is not possible. An unsecure one is, and anybody on the network can read it.\n",
		    why_not);
	else
		console_put_styled(console, CONSOLE_WARNING,
		    "Only the classic exchange (Diffie-Hellman modulo 19) is possible, and it protects nothing.\n"
		    "It has at most eighteen keys, so anybody on the way can read the message, change it, or be the one who "
		    "answers.\n");
}

/* What went wrong while waiting for the other side, or for the system. */
static void put_fault(struct console *console, int error)
{
	switch (error) {
	case ETIMEDOUT:
		console_put(console, "no answer came in %d s", CALL_ANSWER_MS / 1000);
		break;
	case ECONNRESET:
	case ENOTCONN:
	case EPIPE:
		console_put(console, "the connection was closed at the other end");
		break;
	case EBADMSG:
	case EPROTO:
		console_put(console, "the answer is not what it should be");
		break;
	default:
		console_put(console, "%s", strerror(error));
	}
}

static void put_unconnected(struct console *console, int error)
{
	if (error == ETIMEDOUT)
		console_put(console, "timed out after %d s", CALL_CONNECT_MS / 1000);
	else
		console_put(console, "%s", strerror(error));
	if (error == ECONNREFUSED)
		console_put(console, "; is the responder running there?");
	else if (error == ETIMEDOUT || error == EHOSTUNREACH)
		console_put(console, "; is that machine still on the network?");
	else if (error == ENETUNREACH)
		console_put(console, "; is this machine still on the network?");
}

void wording_put_failure(struct console *console, const struct recipient *to, enum call_stage stage, int error)
{
	static const char *const beginnings[] = {
	    [CALL_PREPARE] = "no secure chat with",
	    [CALL_CONNECT] = "cannot connect to",
	    [CALL_OFFER] = "no secure chat with",
	    [CALL_AGREE] = "no secure chat with",
	    [CALL_PACK] = "cannot send to",
	    [CALL_SEND] = "cannot send to",
	    [CALL_CONFIRM] = "cannot send to",
	    [CALL_FINISH] = "cannot send to",
	};

	recipient_put(to, console, CONSOLE_BAD, beginnings[stage], ": ");
	if (error == ENOKEY)
		console_put(console, KEYFILE_NAME " cannot be used");
	else if (stage == CALL_CONNECT)
		put_unconnected(console, error);
	else
		put_fault(console, error);
	console_put(console, stage == CALL_OFFER || stage == CALL_AGREE ? "; nothing was sent\n" : "\n");
}

void wording_put_end(struct console *console, const struct call *call, int error)
{
	recipient_put(call->to, console, CONSOLE_NORMAL, "Sent to", "");
	if (error != 0) {
		console_put(console, ", but perhaps not received: ");
		put_fault(console, error);
	} else {
		console_put(console, ", not confirmed: %s message has no receipt",
		    call->mode == CHATLOG_CLASSIC ? "a classic" : "an unsecure");
	}
	console_put(console, ".\n");
}

/* What was said of a message: "Delivered to Bob (192.168.1.7).", perhaps with a reason that comes from elsewhere. */
static void put_outcome(struct console *console, const struct recipient *to, enum console_style style,
    const char *outcome, const char *why)
{
	recipient_put(to, console, style, outcome, "");
	if (why[0] != '\0') {
		console_put(console, ": ");
		console_put_foreign(console, why, strlen(why));
	}
	console_put(console, ".\n");
}

static void put_unconfirmed(struct console *console, const struct recipient *to, int error)
{
	recipient_put(to, console, CONSOLE_WARNING, "Sent to", ", not confirmed: ");
	put_fault(console, error);
	if (to->has_pin) {
		console_put(console, "; if ");
		console_put_name(console, CONSOLE_NORMAL, to->username);
		console_put(console, " has a new identity: Trust ");
		console_put_name(console, CONSOLE_NORMAL, to->username);
	}
	console_put(console, ".\n");
}

/* The message was delivered to somebody who is called username, or nothing if that is "", and not what to was called. */
static void put_other_name(struct console *console, const struct recipient *to, const char *username)
{
	if (username[0] == '\0') {
		recipient_put(to, console, CONSOLE_WARNING,
		    "Whoever has it gave no name, so nobody becomes known to you by the name", ".\n");
		return;
	}
	console_put_styled(console, CONSOLE_BAD, "Careful: whoever has it is not called what you wrote to, but");
	console_put(console, " ");
	console_put_name(console, CONSOLE_STRONG, username);
	recipient_put(to, console, CONSOLE_NORMAL, ". Nobody becomes known to you by the name", ".\n");
}

/* An identity was pinned just now under name, or why it was not. */
static void put_meeting(struct console *console, const char *name, int error)
{
	if (error == 0)
		console_put_styled(console, CONSOLE_FAINT, "From now on this user, and nobody else, is");
	else
		console_put_styled(console, CONSOLE_BAD,
		    "cannot remember the identity in " PEERSFILE_NAME ": %s:", peersfile_reason(error));
	console_put(console, " ");
	console_put_name(console, CONSOLE_NORMAL, name);
	console_put(console, error == 0 ? ".\n" : "\n");
}

void wording_put_news(struct console *console, const struct delivery_notice *notice)
{
	const struct recipient *to = &notice->to;

	switch (notice->kind) {
	case DELIVERY_DELIVERED:
		recipient_put(to, console, CONSOLE_GOOD, "Delivered to", "");
		if (notice->delivered > 1)
			console_put(console, ": %zu messages", notice->delivered);
		console_put(console, ".\n");
		break;
	case DELIVERY_REFUSED:
		put_outcome(console, to, CONSOLE_BAD, "Refused by", notice->receipt.why);
		break;
	case DELIVERY_NOT_NOW:
		put_outcome(console, to, CONSOLE_WARNING, "Not taken now by", notice->receipt.why);
		break;
	case DELIVERY_UNREACHABLE:
		wording_put_failure(console, to, notice->stage, notice->error);
		break;
	case DELIVERY_UNCONFIRMED:
		put_unconfirmed(console, to, notice->error);
		break;
	case DELIVERY_DROPPED:
		put_outcome(console, to, CONSOLE_BAD, "Dropped, and not sent to", notice->why);
		break;
	case DELIVERY_ELSEWHERE:
		put_outcome(console, to, CONSOLE_WARNING, "Left to another initiator in this directory, for", "");
		break;
	}
	if (notice->has_other_name)
		put_other_name(console, to, notice->receipt.username);
	if (notice->pin_error != 0 || notice->pinned[0] != '\0')
		put_meeting(console, notice->pin_error == 0 ? notice->pinned : to->username, notice->pin_error);
	if (notice->log_error != 0)
		console_put_styled(console, CONSOLE_BAD,
		    "NOT KEPT: " CHATLOG_NAME " cannot be written: %s. So it waits, and is sent again.\n",
		    lockedfile_reason(notice->log_error));
}

void wording_put_forgotten(struct console *console)
{
	console_put_styled(console, CONSOLE_WARNING,
	    CHATLOG_NAME " says nowhere what waits since long ago: that is not sent.\n");
}

void wording_put_unqueued(struct console *console, const struct recipient *to, int error)
{
	recipient_put(to, console, CONSOLE_BAD, "Nothing was sent to", ": ");
	if (error == EDQUOT)
		console_put(console, TEXT_OF(OUTBOX_EACH_MAX) " messages wait already\n");
	else
		console_put(console, CHATLOG_NAME " cannot be written: %s\n", lockedfile_reason(error));
}

void wording_put_waiting(struct console *console, const struct recipient *to, size_t count)
{
	console_put_styled(console, CONSOLE_FAINT, "%zu waiting for", count);
	console_put(console, " ");
	console_put_name(console, CONSOLE_NORMAL, to->username);
	console_put_styled(console, CONSOLE_FAINT, "; sent as soon as that works, while an initiator runs.\n");
}

void wording_put_unfit(struct console *console, const char *fault)
{
	console_put_styled(console, CONSOLE_WARNING, "Not sent: that message %s. An empty line gives up.\n", fault);
}

static bool is_refused(const struct delivery_share *share)
{
	return share->kind == DELIVERY_REFUSED || share->kind == DELIVERY_DROPPED;
}

/* Whether the next one that did not take it says the same, so that saying it once will do. */
static bool is_said_again(const struct delivery_tally *tally, size_t at)
{
	size_t next = at + 1;

	while (next < tally->count && !is_refused(&tally->shares[next]))
		next++;
	return next < tally->count && strcmp(tally->shares[next].why, tally->shares[at].why) == 0;
}

/* Collects the names of those of whom this is so, in brackets, or nothing. */
static void put_shares(struct console *console, const struct rooms *rooms, const struct delivery_tally *tally,
    bool refused, const char *words)
{
	const struct room *room = rooms_find(rooms, tally->room);
	const char *before = words;

	for (size_t i = 0; i < tally->count; i++) {
		const struct delivery_share *share = &tally->shares[i];
		char name[USERNAME_MAX_BYTES + 1] = VERDICT_NAMELESS;

		if (share->kind == DELIVERY_DELIVERED || is_refused(share) != refused)
			continue;
		if (room)
			rooms_name(rooms, room->head, share->identity, name);
		console_put(console, "%s ", before);
		console_put_name(console, CONSOLE_NORMAL, name);
		if (refused && share->why[0] != '\0' && !is_said_again(tally, i)) {
			console_put(console, ": ");
			console_put_foreign(console, share->why, strlen(share->why));
		} else if (!refused && strcmp(share->why, "held") == 0) {
			console_put(console, " to accept");
		}
		before = ",";
	}
	console_put(console, before == words ? "" : ")");
}

void wording_put_tally(struct console *console, const struct rooms *rooms, const struct delivery_tally *tally)
{
	if (tally->count == 0)
		console_put_styled(console, CONSOLE_FAINT, "Nobody else is in the room.");
	else if (tally->delivered == 0)
		console_put_styled(console, CONSOLE_WARNING, "0 of %zu", tally->count);
	else
		console_put_styled(console, CONSOLE_GOOD, "✓ %zu of %zu", tally->delivered, tally->count);
	put_shares(console, rooms, tally, false, " (waiting for");
	put_shares(console, rooms, tally, true, " (not taken by");
	console_put(console, "\n");
}
