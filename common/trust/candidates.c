#include "trust/candidates.h"

#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <uninorm.h>

#include "net/address.h"

/* What is looked at. */
struct scene {
	const struct pins *pins;
	const struct peers *peers;
	int64_t now_ms;
	struct candidates *found;
};

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

static bool is_online(const struct scene *scene, const struct peer *claim)
{
	return peer_is_online(claim, scene->now_ms) && !claim->left;
}

/* Whether a is a better place to reach the holder of pin, or of no pin, than b: online, proven there, heard later. */
static bool is_better(const struct scene *scene, const struct pin *pin, const struct peer *a, const struct peer *b)
{
	if (is_online(scene, a) != is_online(scene, b))
		return is_online(scene, a);
	if (pin && pin_is_proven_at(pin, a->address) != pin_is_proven_at(pin, b->address))
		return pin_is_proven_at(pin, a->address);
	return a->last_seen_ms > b->last_seen_ms;
}

/* The best place to reach an identity, or NULL. */
static const struct peer *find_identity(const struct scene *scene, const uint8_t *identity)
{
	const struct pin *pin = pins_find_identity(scene->pins, identity);
	const struct peer *best = NULL;

	for (const struct peer *claim = NULL; (claim = peers_next_of(scene->peers, identity, claim));) {
		if (peer_is_listed(claim, scene->now_ms) && (!best || is_better(scene, pin, claim, best)))
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
static bool comes_before(const struct scene *scene, const struct candidate *a, const struct candidate *b)
{
	if (standing_is_certain(a->verdict.standing) != standing_is_certain(b->verdict.standing))
		return standing_is_certain(a->verdict.standing);
	if ((a->identity != NULL) != (b->identity != NULL))
		return a->identity != NULL;
	if (!a->verdict.claim || !b->verdict.claim)
		return a->verdict.claim != NULL && b->verdict.claim == NULL;
	return is_better(scene, NULL, a->verdict.claim, b->verdict.claim);
}

/* Puts a candidate in its place; the last one falls out of a full list. */
static void insert(const struct scene *scene, const struct candidate *candidate)
{
	struct candidates *found = scene->found;
	size_t place = found->count;

	while (place > 0 && comes_before(scene, candidate, &found->list[place - 1]))
		place--;
	if (place == CANDIDATES_MAX)
		return;
	if (found->count < CANDIDATES_MAX)
		found->count++;
	memmove(&found->list[place + 1], &found->list[place], (found->count - place - 1) * sizeof(*candidate));
	found->list[place] = *candidate;
}

/* Adds a candidate, unless it is there. */
static void add(const struct scene *scene, const struct candidate *candidate)
{
	for (size_t i = 0; i < scene->found->count; i++) {
		if (is_same(&scene->found->list[i], candidate))
			return;
	}
	scene->found->total++;
	insert(scene, candidate);
}

/* Adds who makes a claim, at its address. */
static void add_claim(const struct scene *scene, const struct peer *claim)
{
	struct candidate candidate = {
	    .address = claim->address,
	    .has_address = true,
	    .identity = claim->has_identity ? claim->identity : NULL,
	};

	verdict_of_claim(&candidate.verdict, scene->pins, claim);
	add(scene, &candidate);
}

/* Adds the holder of a pin, at an address that announces the identity or else where it was last proven. */
static void add_pin(const struct scene *scene, const struct pin *pin)
{
	const struct peer *claim = find_identity(scene, pin->identity);
	struct candidate candidate = {
	    .address = claim ? claim->address : pin->address,
	    .has_address = claim || pin->has_address,
	    .identity = pin->identity,
	};

	verdict_of_proof(&candidate.verdict, scene->pins, pin->identity, pin->username);
	candidate.verdict.claim = claim;
	add(scene, &candidate);
}

static void add_pins_like(const struct scene *scene, const struct wanted *wanted, enum likeness likeness)
{
	for (const struct pin *pin = NULL; (pin = pins_next(scene->pins, pin));) {
		if (compare(wanted, pin->username) == likeness)
			add_pin(scene, pin);
	}
}

static void add_claims_like(const struct scene *scene, const struct wanted *wanted, enum likeness likeness)
{
	for (const struct peer *claim = NULL; (claim = peers_next(scene->peers, claim));) {
		if (verdict_is_visible(scene->peers, claim, scene->now_ms) &&
		    compare(wanted, claim->username) == likeness)
			add_claim(scene, claim->has_identity ? find_identity(scene, claim->identity) : claim);
	}
}

/* Adds those whom a name may mean, of all degrees of likeness only those that come first. */
static void add_named(const struct scene *scene, const char *name)
{
	struct wanted wanted = {.text = name};

	fold(&wanted.folded, name);
	for (enum likeness likeness = LIKENESS_EXACT; likeness <= LIKENESS_FOLDED && scene->found->total == 0;
	     likeness++)
		add_pins_like(scene, &wanted, likeness);
	for (enum likeness likeness = LIKENESS_EXACT; likeness <= LIKENESS_BEGINNING && scene->found->total == 0;
	     likeness++) {
		if (likeness == LIKENESS_BEGINNING)
			add_pins_like(scene, &wanted, likeness);
		add_claims_like(scene, &wanted, likeness);
	}
}

/* Adds whoever an address means. */
static void add_address(const struct scene *scene, struct in_addr address)
{
	const struct peer *best = verdict_best_claim(scene->pins, scene->peers, address, scene->now_ms);
	struct candidate candidate = {.address = address, .has_address = true};

	if (best) {
		add_claim(scene, best);
		return;
	}
	for (const struct pin *pin = NULL; (pin = pins_next(scene->pins, pin));) {
		if (pin_is_proven_at(pin, address) && !find_identity(scene, pin->identity))
			add_pin(scene, pin);
	}
	if (scene->found->total > 0)
		return;
	verdict_of_address(&candidate.verdict, scene->pins, scene->peers, address, scene->now_ms);
	add(scene, &candidate);
}

/* Whether an identity was announced under the name or the address of a candidate without one, or is pinned to it. */
static bool is_downgraded(const struct scene *scene, const struct candidate *candidate)
{
	struct wanted wanted = {.text = candidate->verdict.username};

	if (candidate->identity || !candidate->verdict.claim)
		return false;
	fold(&wanted.folded, wanted.text);
	for (const struct pin *pin = NULL; (pin = pins_next(scene->pins, pin));) {
		if (compare(&wanted, pin->username) <= LIKENESS_FOLDED)
			return true;
	}
	for (const struct peer *claim = NULL; (claim = peers_next(scene->peers, claim));) {
		if (claim->has_identity && peer_is_listed(claim, scene->now_ms) &&
		    (claim->address.s_addr == candidate->address.s_addr ||
			compare(&wanted, claim->username) <= LIKENESS_FOLDED))
			return true;
	}
	return false;
}

static void finish(const struct scene *scene)
{
	for (size_t i = 0; i < scene->found->count; i++)
		scene->found->list[i].downgraded = is_downgraded(scene, &scene->found->list[i]);
}

void candidates_find(struct candidates *candidates, const char *text, const struct pins *pins,
    const struct peers *peers, int64_t now_ms)
{
	const struct scene scene = {pins, peers, now_ms, candidates};
	struct in_addr address;

	candidates->count = candidates->total = 0;
	if (address_parse(text, &address) == 0)
		add_address(&scene, address);
	else
		add_named(&scene, text);
	finish(&scene);
}

void candidates_take_claim(struct candidates *candidates, const struct peer *claim, const struct pins *pins,
    const struct peers *peers, int64_t now_ms)
{
	const struct scene scene = {pins, peers, now_ms, candidates};

	candidates->count = candidates->total = 0;
	add_claim(&scene, claim);
	finish(&scene);
}

void candidates_find_rivals(struct candidates *candidates, const struct pin *pin, const struct pins *pins,
    const struct peers *peers, int64_t now_ms)
{
	const struct scene scene = {pins, peers, now_ms, candidates};

	candidates->count = candidates->total = 0;
	for (int identities = 1; identities >= 0 && candidates->total == 0; identities--) {
		for (const struct peer *claim = NULL; (claim = peers_next(peers, claim));) {
			if (claim->has_identity == (identities == 1) &&
			    !(claim->has_identity && pins_find_identity(pins, claim->identity)) &&
			    strcmp(claim->username, pin->username) == 0 && verdict_is_visible(peers, claim, now_ms))
				add_claim(&scene, claim);
		}
	}
	finish(&scene);
}
