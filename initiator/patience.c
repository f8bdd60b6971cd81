#include "patience.h"

void patience_fail(struct patience *patience, int64_t now_ms)
{
	int64_t pause_ms = PATIENCE_FIRST_MS;

	if (patience->failures > 0 && now_ms < patience->due_ms)
		return;
	for (unsigned i = 0; i < patience->failures && pause_ms < PATIENCE_LONGEST_MS; i++)
		pause_ms *= 2;
	if (pause_ms > PATIENCE_LONGEST_MS)
		pause_ms = PATIENCE_LONGEST_MS;
	patience->failures++;
	patience->due_ms = now_ms + pause_ms;
}

bool patience_is_over(struct patience *patience, const struct peer *claim)
{
	bool is_back =
	    claim && !claim->left &&
	    (!patience->was_announced || patience->had_left || claim->address.s_addr != patience->address.s_addr ||
		claim->since_s != patience->since_s || claim->last_seen_ms - patience->last_seen_ms > PEERS_ONLINE_MS);

	patience->was_announced = claim != NULL;
	if (claim) {
		patience->had_left = claim->left;
		patience->address = claim->address;
		patience->since_s = claim->since_s;
		patience->last_seen_ms = claim->last_seen_ms;
	}
	return is_back;
}
