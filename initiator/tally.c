#include "tally.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

void tally_init(struct delivery_tally *tally, struct delivery_notice *notice, const struct recipient *to,
    const uint8_t *id)
{
	*notice = (struct delivery_notice){.kind = DELIVERY_ELSEWHERE, .to = *to};
	memcpy(notice->id, id, sizeof(notice->id));
	*tally = (struct delivery_tally){.count = 1, .notice = notice, .shares[0].kind = DELIVERY_ELSEWHERE};
	memcpy(tally->id, id, sizeof(tally->id));
	memcpy(tally->shares[0].identity, to->identity, IDENTITY_BYTES);
}

int tally_read(struct delivery_tally *tally, const uint8_t *id, const struct outbox *outbox, int64_t appended)
{
	const struct outbox_item *item = outbox_find(outbox, id, NULL);
	struct chatlog_entry entry;
	int rc;

	*tally = (struct delivery_tally){0};
	memcpy(tally->id, id, sizeof(tally->id));
	rc = chatlog_read_at(AT_FDCWD, item ? item->offset : appended, &entry);
	if (rc != 0)
		return rc == EBADMSG ? 0 : rc;
	if (entry.has_room && memcmp(entry.id, id, sizeof(entry.id)) == 0) {
		tally->item = entry.kind == CHATLOG_ROOM ? OUTBOX_STATE : OUTBOX_SAYING;
		memcpy(tally->room, entry.room, sizeof(tally->room));
		tally->count = entry.to_count;
	}
	for (size_t i = 0; i < tally->count; i++) {
		bool waits = outbox_find(outbox, id, entry.to[i]) != NULL;

		memcpy(tally->shares[i].identity, entry.to[i], IDENTITY_BYTES);
		tally->shares[i].kind = waits ? DELIVERY_ELSEWHERE : DELIVERY_DELIVERED;
	}
	chatlog_entry_free(&entry);
	return 0;
}

static struct delivery_share *find_share(struct delivery_tally *tally, const uint8_t *identity)
{
	for (size_t i = 0; i < tally->count; i++) {
		if (memcmp(tally->shares[i].identity, identity, IDENTITY_BYTES) == 0)
			return &tally->shares[i];
	}
	return NULL;
}

bool tally_note(const struct tally_list *tallies, const struct delivery_notice *notice)
{
	const char *why = notice->kind == DELIVERY_DROPPED ? notice->why : notice->receipt.why;
	struct delivery_tally *tally;
	bool is_awaited = false;

	for (tally = LIST_FIRST(tallies); tally; tally = LIST_NEXT(tally, others)) {
		struct delivery_share *share = find_share(tally, notice->to.identity);
		bool is_it = memcmp(tally->id, notice->id, sizeof(notice->id)) == 0;

		/* What stands behind another that could not be delivered waits with it. */
		if (!share || !(is_it || (share->kind == DELIVERY_ELSEWHERE && delivery_waits(notice))))
			continue;
		share->kind = notice->kind;
		snprintf(share->why, sizeof(share->why), "%s", why);
		if (tally->notice) {
			*tally->notice = *notice;
			is_awaited = true;
		}
	}
	return is_awaited;
}

bool tally_is_over(struct delivery_tally *tally, bool has_outbox, int64_t now_ms)
{
	size_t untried = 0;

	tally->delivered = tally->refused = 0;
	for (size_t i = 0; i < tally->count; i++) {
		enum delivery_kind kind = tally->shares[i].kind;

		untried += kind == DELIVERY_ELSEWHERE;
		tally->delivered += kind == DELIVERY_DELIVERED;
		tally->refused += kind == DELIVERY_REFUSED || kind == DELIVERY_DROPPED;
	}
	tally->waiting = tally->count - tally->delivered - tally->refused;
	return untried == 0 || (!has_outbox && now_ms >= tally->patience_ms);
}
