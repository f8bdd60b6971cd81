#include "journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/peerscontent.h"

/* Takes over what the file says of one claim; found is emptied of what is taken. */
static void merge_claim(struct peers *peers, struct peer *found, int64_t now_ms)
{
	struct peer *own = peers_find_claim(peers, found->address, found->has_identity ? found->identity : NULL);

	if (!own) {
		if (peer_is_listed(found, now_ms)) {
			found->heard_again = false;
			peers_put(peers, found);
			found->extra = NULL;
			found->rooms = NULL;
		}
		return;
	}
	json_decref(own->extra);
	own->extra = found->extra;
	found->extra = NULL;
	if (strcmp(own->username, found->username) == 0 && own->since_s == found->since_s && own->left == found->left &&
	    own->back_s == found->back_s)
		own->offset = found->offset;
	own->is_stale = own->last_seen_ms != found->last_seen_ms;
}

void journal_merge(struct peers *peers, struct peersfile *file, int64_t now_ms)
{
	struct peers *found = peersfile_take_peers(file);

	if (!found)
		return;
	for (struct peer *peer = NULL; (peer = peers_next(peers, peer));)
		peer->offset = 0;
	for (struct peer *peer = NULL; (peer = peers_next(found, peer));)
		merge_claim(peers, peer, now_ms);
	for (struct peer *peer = NULL; (peer = peers_next(peers, peer));) {
		bool is_pinned = peer->has_identity && pins_find_identity(peersfile_pins(file), peer->identity);

		/* Then perhaps another claim is the best one of its address. */
		if (is_pinned != peer->is_pinned)
			peer->offset = 0;
		peers_set_pinned(peers, peer, is_pinned);
	}
	peers_free(found);
}

/* Adds the line of an address, which will begin at base plus the length of the text so far. */
static int add_line(struct journal *journal, const struct peers *peers, struct in_addr address, size_t base)
{
	struct peer *claims[PEERS_CLAIMS_MAX];
	size_t offsets[PEERS_CLAIMS_MAX], count = peers_list(peers, address, claims);
	int rc = peerscontent_format_claims(&journal->text, claims, count, offsets);

	for (size_t i = 0; i < count && rc == 0; i++) {
		claims[i]->offset = (uint32_t)(base + offsets[i]);
		claims[i]->is_stale = false;
	}
	journal->lines++;
	return rc;
}

static int plan_whole(struct journal *journal, const struct peers *peers, const struct peersfile *file)
{
	const struct buffer *others = peersfile_others(file);
	int rc = buffer_append(&journal->text, others->data, others->len);

	journal->is_whole = true;
	for (struct peer *peer = NULL; rc == 0 && (peer = peers_next(peers, peer));) {
		if (peers_find(peers, peer->address) == peer)
			rc = add_line(journal, peers, peer->address, 0);
	}
	return rc;
}

static int plan_lines(struct journal *journal, const struct peers *peers, const struct peersfile *file,
    size_t allowance_bytes)
{
	/* Losing these costs little, and there may be many. */
	const unsigned soft = PEERS_ROOMS | PEERS_BACK;
	int rc = 0;

	for (struct peer *peer = NULL; rc == 0 && (peer = peers_next(peers, peer));) {
		if (peer->offset != 0)
			continue;
		if (journal->text.len >= allowance_bytes) {
			journal->is_short = true;
			continue;
		}
		journal->is_durable |= !(peer->news & soft) || peer->news & ~(soft | PEERS_RENEWED | PEERS_REFRESHED);
		rc = add_line(journal, peers, peer->address, peersfile_size(file));
	}
	return rc;
}

static int plan_times(struct journal *journal, const struct peers *peers, size_t count)
{
	journal->times = malloc((count + 1) * sizeof(*journal->times));
	if (!journal->times)
		return ENOMEM;
	for (struct peer *peer = NULL; (peer = peers_next(peers, peer));) {
		if (peer->offset == 0 || !peer->is_stale)
			continue;
		journal->times[journal->time_count++] = (struct journal_time){peer->offset, peer->last_seen_ms};
		peer->is_stale = false;
	}
	return 0;
}

int journal_plan(struct journal *journal, struct peers *peers, const struct peersfile *file, size_t allowance_bytes)
{
	size_t addresses = 0, news = 0, stale = 0;
	int rc;

	for (struct peer *peer = NULL; (peer = peers_next(peers, peer));) {
		addresses += peers_find(peers, peer->address) == peer;
		news += peer->offset == 0;
		stale += peer->is_stale;
	}
	if (allowance_bytes > 0 && peersfile_is_replaceable(file, news, addresses))
		rc = plan_whole(journal, peers, file);
	else
		rc = plan_lines(journal, peers, file, allowance_bytes);
	return rc ? rc : plan_times(journal, peers, stale);
}

int journal_write(const struct journal *journal, struct peersfile *file)
{
	int rc = 0;

	for (size_t i = 0; i < journal->time_count && rc == 0; i++)
		rc = peersfile_write_time(file, journal->times[i].offset, journal->times[i].time_ms);
	if (rc == 0 && journal->is_whole)
		rc = peersfile_replace(file, &journal->text, journal->lines);
	else if (rc == 0 && journal->text.len > 0)
		rc = peersfile_append(file, &journal->text, journal->lines, journal->is_durable);
	return peersfile_end(file, journal->is_whole, rc);
}

void journal_free(struct journal *journal)
{
	free(journal->times);
	buffer_free(&journal->text);
	*journal = (struct journal){0};
}
