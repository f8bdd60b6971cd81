#include "broadcast.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "delivery.h"
#include "message.h"
#include "recipient.h"
#include "trust/verdict.h"
#include "wording.h"

/* Finds everybody else who is here: their identities; and names those who have none. */
static int find_all(const struct desk *desk, struct buffer *identities)
{
	const struct peers *peers = peersfile_peers(desk->peers);
	const char *before = "Not sent, for want of an identity, to ";
	int64_t now_ms = clock_wall_ms();
	int rc = 0;

	for (const struct peer *claim = NULL; rc == 0 && (claim = peers_next(peers, claim));) {
		struct verdict verdict;

		if (!peer_is_online(claim, now_ms) || !verdict_is_visible(peers, claim, now_ms) ||
		    peer_announces(claim, desk_identity(desk)))
			continue;
		verdict_of_claim(&verdict, peersfile_pins(desk->peers), claim);
		/* Nobody gets anything twice. */
		if (claim->has_identity && !verdict.blocked &&
		    peers_find_online(peers, claim->identity, now_ms) == claim)
			rc = buffer_append(identities, claim->identity, IDENTITY_BYTES);
		if (claim->has_identity)
			continue;
		console_put_styled(desk->console, CONSOLE_WARNING, "%s", before);
		console_put_name(desk->console, CONSOLE_NORMAL, verdict.username);
		before = ", ";
	}
	console_put(desk->console, strcmp(before, ", ") == 0 ? ".\n" : "");
	return rc;
}

/* For how many of them something waits. */
static size_t count_waiting(const struct desk *desk, const uint8_t (*identities)[IDENTITY_BYTES], size_t count)
{
	size_t waiting = 0;

	for (size_t i = 0; i < count; i++)
		waiting += outbox_count(delivery_outbox(desk->delivery), identities[i]) > 0;
	return waiting;
}

static int send_to(struct desk *desk, const uint8_t (*identities)[IDENTITY_BYTES], size_t count, const char *text,
    size_t len)
{
	size_t waiting, refused = desk->refused;
	int rc = 0;

	for (size_t i = 0; i < count; i++) {
		struct recipient to;

		recipient_know(&to, desk->peers, identities[i], "", (struct in_addr){0});
		rc = delivery_queue(desk->delivery, &to, &(struct envelope_content){.text = text, .text_len = len}, 0,
		    NULL);
		if (rc != 0) {
			wording_put_unqueued(desk->console, &to, rc);
			return PROGRAM_FAILED;
		}
	}
	if (desk->prompt.terminal && !desk->script)
		return PROGRAM_FINE;
	if (delivery_try_all(desk->delivery) != 0)
		return PROGRAM_FAILED;
	waiting = count_waiting(desk, identities, count);
	if (desk->refused > refused)
		return DESK_REFUSED;
	return waiting == 0 ? PROGRAM_FINE : waiting < count ? DESK_UNCONFIRMED : DESK_UNREACHABLE;
}

int broadcast_send(struct desk *desk, const char *text, size_t len)
{
	struct buffer identities = {0};
	int status = PROGRAM_FAILED, rc;

	if (!desk_read_peers(desk) || !desk_start_rooms(desk))
		return PROGRAM_FAILED;
	rc = find_all(desk, &identities);
	if (rc == 0 && identities.len > 0)
		status = send_to(desk, (const uint8_t(*)[IDENTITY_BYTES])identities.data,
		    identities.len / IDENTITY_BYTES, text, len);
	else if (rc == 0) {
		console_put_styled(desk->console, CONSOLE_WARNING, "Nobody else is here who announces an identity.\n");
		status = DESK_NOBODY;
	}
	buffer_free(&identities);
	return status;
}

int broadcast_run(struct desk *desk, const char *text)
{
	size_t len = strlen(text);
	const char *fault = message_fault(text, len, desk->prompt.plain, false);

	if (len == 0) {
		console_put_styled(desk->console, CONSOLE_WARNING, "Broadcast TEXT is for everybody who is online.\n");
		return PROGRAM_FAILED;
	}
	if (fault)
		wording_put_unfit(desk->console, fault);
	return fault ? PROGRAM_FAILED : broadcast_send(desk, text, len);
}
