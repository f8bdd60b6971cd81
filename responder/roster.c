#include "roster.h"

#include <string.h>

#include "base/clock.h"

/* If reading peers.txt took longer than this, this many times as long passes before it is done again. */
#define QUICK_MS 50
#define PAUSE_FACTOR 4
#define FAILURE_PAUSE_MS 1000

void roster_init(struct roster *roster, struct peersfile *file)
{
	*roster = (struct roster){.file = file};
}

/*
 * Brings the peers up to date, fully or without looking for times that were overwritten, unless that has just taken long
 * or failed. Returns why that failed, if that is new.
 */
static int refresh(struct roster *roster, bool fully)
{
	int64_t began_ms = clock_monotonic_ms(), took_ms;
	int rc, before = roster->failed;

	/* Once a millisecond will do. */
	if ((began_ms == roster->looked_ms && !fully) || began_ms < roster->read_ms)
		return 0;
	roster->looked_ms = began_ms;
	rc = fully ? peersfile_read(roster->file) : peersfile_read_content(roster->file);
	took_ms = clock_monotonic_ms() - began_ms;
	roster->read_ms =
	    began_ms + took_ms + (took_ms > QUICK_MS ? took_ms * PAUSE_FACTOR : 0) + (rc == 0 ? 0 : FAILURE_PAUSE_MS);
	roster->failed = rc;
	return rc == before ? 0 : rc;
}

/* Whether somebody at another address announces the same name. Of PEERS_MAX claims that takes a tenth of a millisecond. */
static bool is_shared(const struct peers *peers, const struct peer *claim, int64_t now_ms)
{
	for (const struct peer *other = NULL; (other = peers_next(peers, other));) {
		if (other->address.s_addr != claim->address.s_addr && strcmp(other->username, claim->username) == 0 &&
		    verdict_is_visible(peers, other, now_ms))
			return true;
	}
	return false;
}

/* Judges who speaks from an address; if all that was read of it is too old to be listed, it is read again. */
static int judge_address(struct roster *roster, struct in_addr address, int64_t now_ms, struct verdict *verdict)
{
	const struct peers *peers = peersfile_peers(roster->file);
	int rc;

	verdict_of_address(verdict, peersfile_pins(roster->file), peers, address, now_ms);
	if (verdict->claim || !peers_next_at(peers, address, NULL))
		return 0;
	rc = refresh(roster, true);
	verdict_of_address(verdict, peersfile_pins(roster->file), peersfile_peers(roster->file), address, now_ms);
	return rc;
}

int roster_find(struct roster *roster, struct in_addr address, const uint8_t *identity, const char *username,
    struct caller *caller)
{
	int rc = refresh(roster, false), again = 0;
	int64_t now_ms = clock_wall_ms();
	struct verdict verdict;

	if (identity)
		verdict_of_proof(&verdict, peersfile_pins(roster->file), identity, username);
	else
		again = judge_address(roster, address, now_ms, &verdict);
	*caller = (struct caller){
	    .address = address,
	    .standing = verdict.standing,
	    .named = username || verdict.claim || verdict.pin,
	    .stranger = !(identity && verdict.pin) && !verdict.accepted,
	    .blocked = verdict.blocked,
	    .muted = verdict.muted,
	};
	strcpy(caller->username, verdict.username);
	if (verdict.other)
		strcpy(caller->other, verdict.other->username);
	/* A name that is not proven to be somebody known says who it is only if nobody else has it. */
	caller->ambiguous = !standing_is_certain(caller->standing) &&
			    (identity || caller->standing != STANDING_UNKNOWN || !verdict.claim ||
				is_shared(peersfile_peers(roster->file), verdict.claim, now_ms));
	return rc ? rc : again;
}
