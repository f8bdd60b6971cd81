#include "trust/candidates.h"

#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <uninorm.h>

#include "net/address.h"
#include "trust/ownname.h"

/* A name regardless of case: what u8_casefold() makes of it, decomposed. */
struct folded {
	char bytes[8 * USERNAME_MAX_BYTES];
	size_t len; /* 0 for what cannot be folded, and is like nothing */
};

static void fold(struct folded *folded, const char *name)
{
	size_t len = sizeof(folded->bytes);
	uint8_t *bytes = (uint8_t *)folded->bytes;
	uint8_t *result = u8_casefold((const uint8_t *)name, strlen(name), NULL, UNINORM_NFD, bytes, &len);

	/* A name that outgrows the room comes in memory of its own. */
	if (result != bytes)
		free(result);
	folded->len = result == bytes ? len : 0;
}

/* How a name may be meant, the closest first. */
enum likeness {
	LIKENESS_EXACT,
	LIKENESS_FOLDED,
	LIKENESS_BEGINNING,
	LIKENESS_NONE,
};

struct wanted {
	const char *text;
	struct folded folded;
};

static enum likeness compare(const struct wanted *wanted, const char *name)
{
	struct folded folded;

	if (strcmp(name, wanted->text) == 0)
		return LIKENESS_EXACT;
	fold(&folded, name);
	if (wanted->folded.len == 0 || folded.len < wanted->folded.len ||
	    memcmp(folded.bytes, wanted->folded.bytes, wanted->folded.len) != 0)
		return LIKENESS_NONE;
	return folded.len == wanted->folded.len ? LIKENESS_FOLDED : LIKENESS_BEGINNING;
}

bool candidates_begins(const char *name, const char *text)
{
	struct wanted wanted = {.text = text};

	fold(&wanted.folded, text);
	return text[0] == '\0' || compare(&wanted, name) != LIKENESS_NONE;
}

/* Whether a is a better place to reach the holder of pin, or of no pin, than b: online, proven there, heard later. */
static bool is_better(const struct candidates *candidates, const struct pin *pin, const struct peer *a,
    const struct peer *b)
{
	if (peer_is_online(a, candidates->now_ms) != peer_is_online(b, candidates->now_ms))
		return peer_is_online(a, candidates->now_ms);
	if (pin && pin_is_proven_at(pin, a->address) != pin_is_proven_at(pin, b->address))
		return pin_is_proven_at(pin, a->address);
	return a->last_seen_ms > b->last_seen_ms;
}

/* The best place to reach an identity, or NULL. */
static const struct peer *find_identity(const struct candidates *candidates, const uint8_t *identity)
{
	const struct pin *pin = pins_find_identity(candidates->pins, identity);
	const struct peer *best = NULL;

	for (const struct peer *claim = NULL; (claim = peers_next_of(candidates->peers, identity, claim));) {
		if (peer_is_listed(claim, candidates->now_ms) && (!best || is_better(candidates, pin, claim, best)))
			best = claim;
	}
	return best;
}

static bool is_same(const struct candidate *a, const struct candidate *b)
{
	if (a->identity || b->identity)
		return a->identity && b->identity && memcmp(a->identity, b->identity, IDENTITY_BYTES) == 0;
	return a->address.s_addr == b->address.s_addr && strcmp(a->verdict.username, b->verdict.username) == 0;
}

/* Whether more is known of a than of b. */
static bool comes_before(const struct candidates *candidates, const struct candidate *a, const struct candidate *b)
{
	if (standing_is_certain(a->verdict.standing) != standing_is_certain(b->verdict.standing))
		return standing_is_certain(a->verdict.standing);
	if ((a->identity != NULL) != (b->identity != NULL))
		return a->identity != NULL;
	if (!a->verdict.claim || !b->verdict.claim)
		return a->verdict.claim != NULL && b->verdict.claim == NULL;
	return is_better(candidates, NULL, a->verdict.claim, b->verdict.claim);
}

/* Puts a candidate in its place, unless it is there; the last one falls out of a full list. */
static void add(struct candidates *candidates, const struct candidate *candidate)
{
	size_t place = candidates->count;

	for (size_t i = 0; i < candidates->count; i++) {
		if (is_same(&candidates->list[i], candidate))
			return;
	}
	while (place > 0 && comes_before(candidates, candidate, &candidates->list[place - 1]))
		place--;
	if (candidates->count < CANDIDATES_MAX)
		candidates->count++;
	else
		candidates->more = true;
	if (place == CANDIDATES_MAX)
		return;
	memmove(&candidates->list[place + 1], &candidates->list[place],
	    (candidates->count - place - 1) * sizeof(*candidate));
	candidates->list[place] = *candidate;
}

void candidates_add_claim(struct candidates *candidates, const struct peer *claim)
{
	struct candidate candidate = {
	    .address = claim->address,
	    .has_address = true,
	    .identity = claim->has_identity ? claim->identity : NULL,
	};

	verdict_of_claim(&candidate.verdict, candidates->pins, claim);
	add(candidates, &candidate);
}

/* Adds the holder of a pin, at an address that announces the identity or else where it was last proven. */
static void add_pin(struct candidates *candidates, const struct pin *pin)
{
	const struct peer *claim = find_identity(candidates, pin->identity);
	struct candidate candidate = {
	    .address = claim ? claim->address : pin->address,
	    .has_address = claim || pin->has_address,
	    .identity = pin->identity,
	};

	verdict_of_proof(&candidate.verdict, candidates->pins, pin->identity, pin->username);
	candidate.verdict.claim = claim;
	add(candidates, &candidate);
}

static void add_pins_like(struct candidates *candidates, const struct wanted *wanted, enum likeness likeness)
{
	for (const struct pin *pin = NULL; (pin = pins_next(candidates->pins, pin));) {
		if (compare(wanted, pin->username) == likeness)
			add_pin(candidates, pin);
	}
}

static void add_claims_like(struct candidates *candidates, const struct wanted *wanted, enum likeness likeness,
    bool only_signed)
{
	for (const struct peer *claim = NULL; (claim = peers_next(candidates->peers, claim));) {
		if ((claim->has_identity || !only_signed) &&
		    verdict_is_visible(candidates->peers, claim, candidates->now_ms) &&
		    compare(wanted, claim->username) == likeness)
			candidates_add_claim(candidates,
			    claim->has_identity ? find_identity(candidates, claim->identity) : claim);
	}
}

/* Adds one of the others, where that identity is announced, or else where they were. */
static void add_other(struct candidates *candidates, const struct stranger *other)
{
	const struct peer *claim = other->has_identity ? find_identity(candidates, other->identity) : NULL;
	struct peer peer = {.address = other->address, .has_identity = other->has_identity};
	struct candidate candidate = {
	    .address = claim ? claim->address : other->address,
	    .identity = other->has_identity ? other->identity : NULL,
	};

	candidate.has_address = candidate.address.s_addr != 0;
	strcpy(peer.username, other->username);
	memcpy(peer.identity, other->identity, sizeof(peer.identity));
	verdict_of_claim(&candidate.verdict, candidates->pins, &peer);
	candidate.verdict.claim = claim;
	add(candidates, &candidate);
}

/* Whether another has a name that comes as close to what is wanted or, if address is not NULL, is there. */
static bool is_wanted(const struct stranger *other, const struct wanted *wanted, enum likeness likeness,
    const struct in_addr *address)
{
	return address ? other->address.s_addr == address->s_addr : compare(wanted, other->username) == likeness;
}

static void add_others_like(struct candidates *candidates, const struct wanted *wanted, enum likeness likeness,
    const struct in_addr *address)
{
	for (size_t i = 0; i < candidates->other_count; i++) {
		if (is_wanted(&candidates->others[i], wanted, likeness, address))
			add_other(candidates, &candidates->others[i]);
	}
	for (const struct stranger *other = NULL; (other = pins_next_stranger(candidates->pins, other));) {
		if (other->wishes & candidates->noted && is_wanted(other, wanted, likeness, address))
			add_other(candidates, other);
	}
}

/* Adds those whom a name may mean, of all degrees of likeness only those that come first. */
static void add_named(struct candidates *candidates, const char *name)
{
	const enum likeness last = candidates->whole ? LIKENESS_FOLDED : LIKENESS_BEGINNING;
	struct wanted wanted = {.text = name};

	fold(&wanted.folded, name);
	for (enum likeness likeness = LIKENESS_EXACT; likeness <= LIKENESS_FOLDED && candidates->count == 0; likeness++)
		add_pins_like(candidates, &wanted, likeness);
	for (enum likeness likeness = LIKENESS_EXACT; likeness <= LIKENESS_FOLDED && candidates->count == 0; likeness++)
		add_others_like(candidates, &wanted, likeness, NULL);
	for (enum likeness likeness = LIKENESS_EXACT; likeness <= last && candidates->count == 0; likeness++) {
		if (likeness == LIKENESS_BEGINNING) {
			add_others_like(candidates, &wanted, likeness, NULL);
			if (candidates->count > 0)
				break;
			add_pins_like(candidates, &wanted, likeness);
		}
		add_claims_like(candidates, &wanted, likeness, false);
		/* Who proves nothing does not hide who does by writing the name as it was typed. */
		if (likeness == LIKENESS_EXACT && candidates->count > 0 && !candidates->list[0].identity)
			add_claims_like(candidates, &wanted, LIKENESS_FOLDED, true);
	}
}

/* Adds whoever an address means. */
static void add_address(struct candidates *candidates, struct in_addr address)
{
	const struct peer *best = peers_find_listed(candidates->peers, address, candidates->now_ms);
	struct candidate candidate = {.address = address, .has_address = true};

	add_others_like(candidates, &(struct wanted){.text = ""}, LIKENESS_EXACT, &address);
	if (candidates->count > 0)
		return;
	if (best) {
		candidates_add_claim(candidates, best);
		return;
	}
	for (const struct pin *pin = NULL; (pin = pins_next(candidates->pins, pin));) {
		if (pin_is_proven_at(pin, address) && !find_identity(candidates, pin->identity))
			add_pin(candidates, pin);
	}
	if (candidates->count > 0)
		return;
	verdict_of_address(&candidate.verdict, candidates->pins, candidates->peers, address, candidates->now_ms);
	add(candidates, &candidate);
}

bool candidates_is_downgraded(const struct candidates *candidates, const struct candidate *candidate)
{
	struct wanted wanted = {.text = candidate->verdict.username};

	if (candidate->identity || !candidate->verdict.claim)
		return false;
	fold(&wanted.folded, wanted.text);
	for (const struct pin *pin = NULL; (pin = pins_next(candidates->pins, pin));) {
		if (compare(&wanted, pin->username) <= LIKENESS_FOLDED)
			return true;
	}
	for (const struct peer *claim = NULL; (claim = peers_next(candidates->peers, claim));) {
		if (claim->has_identity && peer_is_listed(claim, candidates->now_ms) &&
		    (claim->address.s_addr == candidate->address.s_addr ||
			compare(&wanted, claim->username) <= LIKENESS_FOLDED))
			return true;
	}
	return false;
}

void candidates_find(struct candidates *candidates, const char *text)
{
	struct in_addr address;

	if (address_parse(text, &address) == 0)
		add_address(candidates, address);
	else if (text[strspn(text, "0123456789")] == '\0' || !ownname_rule(text))
		add_named(candidates, text);
}

void candidates_find_identity(struct candidates *candidates, const uint8_t identity[static IDENTITY_BYTES],
    const char *username, struct in_addr address)
{
	const struct pin *pin = pins_find_identity(candidates->pins, identity);
	const struct peer *claim = find_identity(candidates, identity);
	struct candidate candidate = {.address = address, .has_address = true, .identity = identity};

	if (pin) {
		add_pin(candidates, pin);
	} else if (claim) {
		candidates_add_claim(candidates, claim);
	} else {
		verdict_of_proof(&candidate.verdict, candidates->pins, identity, username);
		add(candidates, &candidate);
	}
}

void candidates_find_rivals(struct candidates *candidates, const struct pin *pin)
{
	for (int identities = 1; identities >= 0 && candidates->count == 0; identities--) {
		for (const struct peer *claim = NULL; (claim = peers_next(candidates->peers, claim));) {
			if (claim->has_identity == (identities == 1) &&
			    !(claim->has_identity && pins_find_identity(candidates->pins, claim->identity)) &&
			    strcmp(claim->username, pin->username) == 0 &&
			    verdict_is_visible(candidates->peers, claim, candidates->now_ms))
				candidates_add_claim(candidates, claim);
		}
	}
}
