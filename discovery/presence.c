#include "presence.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "trust/verdict.h"

static int compare(const struct peer *left, const struct peer *right)
{
	int order = strcasecmp(left->username, right->username);

	return order != 0 ? order : strcmp(left->username, right->username);
}

static bool is_own(const struct peer *peer, const char *own, int64_t own_since_s)
{
	return own && strcmp(peer->username, own) == 0 && (!peer->has_identity || peer->since_s == own_since_s);
}

/* Puts a peer among the first, in order, if it belongs there. */
static void insert(const struct peer *first[static PRESENCE_NAMES_MAX], size_t *count, const struct peer *peer)
{
	size_t at = *count;

	if (at == PRESENCE_NAMES_MAX && compare(peer, first[at - 1]) >= 0)
		return;
	at -= at == PRESENCE_NAMES_MAX;
	for (; at > 0 && compare(peer, first[at - 1]) < 0; at--)
		first[at] = first[at - 1];
	first[at] = peer;
	*count += *count < PRESENCE_NAMES_MAX;
}

void presence_describe(const struct peers *peers, const char *own, int64_t own_since_s, int64_t now_ms,
    char text[static PRESENCE_BYTES])
{
	const struct peer *first[PRESENCE_NAMES_MAX];
	size_t count = 0, online = 0, shown = 0, len, names_end;

	for (const struct peer *peer = NULL; (peer = peers_next(peers, peer));) {
		if (!peer_is_online(peer, now_ms) || is_own(peer, own, own_since_s) ||
		    !verdict_is_visible(peers, peer, now_ms))
			continue;
		online++;
		insert(first, &count, peer);
	}
	text[0] = '\0';
	if (online == 0)
		return;
	len = (size_t)snprintf(text, PRESENCE_BYTES, "%zu online", online);
	names_end = len + PRESENCE_NAMES_BYTES;
	for (; shown < count && len + strlen(first[shown]->username) < names_end; shown++)
		len += (size_t)snprintf(text + len, PRESENCE_BYTES - len, "%s%s", shown > 0 ? ", " : ": ",
		    first[shown]->username);
	if (shown > 0 && shown < online)
		snprintf(text + len, PRESENCE_BYTES - len, " +%zu", online - shown);
}
