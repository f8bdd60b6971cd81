#include "heard.h"

#include "base/clock.h"

static bool is_lately(int64_t silence_ms)
{
	return silence_ms >= 0 && silence_ms <= HEARD_SILENCE_S * INT64_C(1000);
}

enum heard_state heard_judge(const struct peers *peers, const struct heard_self *self, int64_t now_ms)
{
	const struct peer *own = NULL; /* the claim of oneself that was heard last */
	bool is_anybody_heard = false;

	if (!self->username)
		return HEARD_NAMELESS;
	if (self->since_s == 0 || !self->identity)
		return HEARD_FINE;
	for (const struct peer *claim = NULL; (claim = peers_next(peers, claim));) {
		is_anybody_heard |= is_lately(peer_silence_ms(claim, now_ms));
		if (peer_announces(claim, self->identity) && (!own || claim->last_seen_ms > own->last_seen_ms))
			own = claim;
	}
	if (own && own->left && own->since_s >= self->since_s)
		return HEARD_WITHOUT_ANNOUNCER;
	if ((own && is_lately(peer_silence_ms(own, now_ms))) || is_lately(now_ms - self->since_s * 1000))
		return HEARD_FINE;
	return is_anybody_heard ? HEARD_WITHOUT_ANNOUNCER : HEARD_WITHOUT_DISCOVERY;
}

bool heard_put(const struct desk *desk, bool sending)
{
	static const char *const sentences[] = {
	    [HEARD_NAMELESS] =
		"You have no name yet, so the others will see none; the announcer asks for it in its pane.",
	    [HEARD_WITHOUT_ANNOUNCER] = "The announcer does not run, so nobody hears of you: see its pane.",
	    [HEARD_WITHOUT_DISCOVERY] = "discovery does not run: see its pane. Who is there may have changed.",
	};
	struct heard_self self = {
	    .username = peersfile_username(desk->peers),
	    .identity = desk_identity(desk),
	    .since_s = peersfile_since(desk->peers),
	};
	enum heard_state state = heard_judge(peersfile_peers(desk->peers), &self, clock_wall_ms());

	if (state == HEARD_FINE || (state == HEARD_NAMELESS && !sending) || desk->script)
		return false;
	console_put_styled(desk->console, CONSOLE_WARNING, "%s\n", sentences[state]);
	return true;
}
