#include "users.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "net/address.h"

/* Long lists go out in pieces of about this size. */
#define FLUSH_BYTES 65536

/* qsort(3) passes no context, so what it compares carries the moment along. */
struct sorted {
	const struct peer *peer;
	bool online;
};

static int compare(const void *left, const void *right)
{
	const struct sorted *a = left, *b = right;
	int order;

	if (a->online != b->online)
		return a->online ? -1 : 1;
	order = strcasecmp(a->peer->username, b->peer->username);
	if (order == 0)
		order = strcmp(a->peer->username, b->peer->username);
	if (order == 0)
		order = ntohl(a->peer->address.s_addr) < ntohl(b->peer->address.s_addr) ? -1 : 1;
	return order;
}

int users_read(struct peersfile *file, struct users *users)
{
	const struct peers *peers;
	struct sorted *sorted;
	int rc = peersfile_read(file);

	if (rc != 0)
		return rc;
	peers = peersfile_peers(file);
	*users = (struct users){.now_ms = clock_wall_ms()};
	sorted = calloc(peers_count(peers) + 1, sizeof(*sorted));
	users->list = calloc(peers_count(peers) + 1, sizeof(struct peer *));
	if (!sorted || !users->list) {
		free(sorted);
		users_free(users);
		return ENOMEM;
	}
	for (const struct peer *peer = NULL; (peer = peers_next(peers, peer));) {
		if (peer_is_listed(peer, users->now_ms))
			sorted[users->count++] = (struct sorted){peer, peer_is_online(peer, users->now_ms)};
	}
	qsort(sorted, users->count, sizeof(*sorted), compare);
	for (size_t i = 0; i < users->count; i++)
		users->list[i] = sorted[i].peer;
	free(sorted);
	return 0;
}

void users_free(struct users *users)
{
	free(users->list);
	*users = (struct users){0};
}

size_t users_keep(struct users *users, users_test *test, const void *context)
{
	size_t kept = 0;

	for (size_t i = 0; i < users->count; i++) {
		if (test(users->list[i], context))
			users->list[kept++] = users->list[i];
	}
	if (kept > 0)
		users->count = kept;
	return kept;
}

static void put_last_heard(const struct peer *peer, int64_t now_ms, struct console *console)
{
	int64_t seconds = peer_silence_ms(peer, now_ms) / 1000;

	if (peer->left)
		console_put_styled(console, CONSOLE_FAINT, "  left");
	if (seconds < 60)
		console_put_styled(console, CONSOLE_FAINT, "  last heard %d s ago", (int)seconds);
	else
		console_put_styled(console, CONSOLE_FAINT, "  last heard %d min ago", (int)(seconds / 60));
}

static void put_alike(const struct peer *peer, const struct pins *known, struct console *console)
{
	const struct pin *alike = pins_find_alike(known, peer->username);

	if (!alike)
		return;
	console_put_styled(console, CONSOLE_WARNING, "  somebody else than ");
	console_put_name(console, CONSOLE_NORMAL, alike->username);
	console_put_styled(console, CONSOLE_WARNING, ", whose name looks alike");
}

/* What the announced identity is worth, where there is anything to say. What others choose comes last. */
static void put_standing(const struct peer *peer, const struct pins *known, struct console *console)
{
	const struct pin *pin, *other;

	switch (pins_judge(known, peer, &pin)) {
	case PINS_SAME:
		if (pin->verified)
			console_put_styled(console, CONSOLE_GOOD, "  verified");
		if (!pin_is_proven_at(pin, peer->address))
			console_put_styled(console, CONSOLE_WARNING,
			    "  not proven at this address; a secure chat does that");
		put_alike(peer, known, console);
		return;
	case PINS_CHANGED:
		console_put_styled(console, CONSOLE_BAD, "  changed: not the identity you know; see Trust");
		return;
	case PINS_MISSING:
		console_put_styled(console, CONSOLE_BAD, "  changed: announces no identity any more; see Trust");
		return;
	case PINS_STRANGER:
		break;
	}
	other = peer->has_identity ? pins_find_identity(known, peer->identity) : NULL;
	if (other) {
		console_put_styled(console, CONSOLE_FAINT, "  announces the identity you know as ");
		console_put_name(console, CONSOLE_NORMAL, other->username);
		return;
	}
	put_alike(peer, known, console);
}

static void put_user(const struct peer *peer, bool own, const struct pins *known, int64_t now_ms,
    struct console *console)
{
	bool online = peer_is_online(peer, now_ms);
	char ip[ADDRESS_TEXT_BYTES];

	/* Names stand between plain spaces, so that a line editor that learns words from the screen learns them. */
	console_put_name(console, CONSOLE_NORMAL, peer->username);
	console_put(console, " ");
	console_put_styled(console, online ? CONSOLE_GOOD : CONSOLE_WARNING, online ? "(Online)" : "(Away)");
	console_put(console, "  %s", address_format(peer->address, ip));
	if (own)
		console_put(console, "  (you)");
	if (!online)
		put_last_heard(peer, now_ms, console);
	if (!own)
		put_standing(peer, known, console);
	console_put(console, "\n");
}

static bool is_own(const struct peer *peer, const char *own_name, const uint8_t *identity)
{
	if (!own_name || strcmp(peer->username, own_name) != 0)
		return false;
	if (peer->has_identity && !(identity && peer_announces(peer, identity)))
		return false;
	return address_check_own(peer->address) == 0;
}

void users_put(const struct users *users, const struct peersfile *file, const uint8_t *identity,
    struct console *console)
{
	const char *own_name = peersfile_username(file);

	for (size_t i = 0; i < users->count; i++) {
		const struct peer *peer = users->list[i];

		put_user(peer, is_own(peer, own_name, identity), peersfile_pins(file), users->now_ms, console);
		if (console_waiting_bytes(console) >= FLUSH_BYTES)
			console_flush(console);
	}
}

void users_show(struct peersfile *file, const uint8_t *identity, struct console *console)
{
	struct users users;
	size_t online = 0;
	int rc = users_read(file, &users);

	if (rc != 0) {
		console_put_styled(console, CONSOLE_BAD, "cannot read " PEERSFILE_NAME ": %s\n", peersfile_reason(rc));
		return;
	}
	users_put(&users, file, identity, console);
	for (size_t i = 0; i < users.count; i++)
		online += peer_is_online(users.list[i], users.now_ms);
	if (users.count == 0)
		console_put(console, "Nobody was heard in the last 15 minutes. Is discovery running?\n");
	else
		console_put_styled(console, CONSOLE_FAINT, "%zu heard in the last 15 minutes, %zu online\n",
		    users.count, online);
	users_free(&users);
}
