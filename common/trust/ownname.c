#include "trust/ownname.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "net/address.h"

const char *ownname_rule(const char *name)
{
	struct in_addr address;

	if (name[0] == '#' || name[0] == '-')
		return "it does not begin with # or -";
	if (strcasecmp(name, "@all") == 0)
		return "@all means everybody";
	if (name[strspn(name, "0123456789")] == '\0')
		return "a number means a place in a list";
	if (address_parse(name, &address) == 0)
		return "an address means whoever is there";
	return NULL;
}

static bool is_own(const struct ownname_world *world, const uint8_t *identity)
{
	return world->identity && memcmp(world->identity, identity, IDENTITY_BYTES) == 0;
}

bool ownname_is_taken(const struct ownname_world *world, const char *name, char taker[static OWNNAME_TAKER_BYTES])
{
	char ip[ADDRESS_TEXT_BYTES];

	if (world->username && strcmp(world->username, name) == 0)
		return false;
	for (const struct pin *pin = NULL; (pin = pins_next(world->pins, pin));) {
		if (is_own(world, pin->identity) || !username_is_same(pin->username, name))
			continue;
		snprintf(taker, OWNNAME_TAKER_BYTES, "you know somebody by that name");
		return true;
	}
	for (const struct peer *claim = NULL; (claim = peers_next(world->peers, claim));) {
		if (!claim->has_identity || is_own(world, claim->identity) || !peer_is_online(claim, world->now_ms) ||
		    !username_is_same(claim->username, name))
			continue;
		snprintf(taker, OWNNAME_TAKER_BYTES, "it is announced from %s", address_format(claim->address, ip));
		return true;
	}
	return false;
}
