#include "trust/verdict.h"

#include <string.h>

const char *standing_word(enum standing standing)
{
	static const char *const words[] = {
	    [STANDING_UNKNOWN] = "unknown",
	    [STANDING_PINNED] = "pinned",
	    [STANDING_VERIFIED] = "verified",
	    [STANDING_CHANGED] = "changed",
	    [STANDING_MISSING] = "missing",
	    [STANDING_LOOKALIKE] = "lookalike",
	    [STANDING_UNPROVEN] = "unproven",
	};

	return words[standing];
}

bool standing_is_certain(enum standing standing)
{
	return standing == STANDING_PINNED || standing == STANDING_VERIFIED;
}

/* The pin of an identity: the one with that name if there is one, or else the oldest. */
static const struct pin *find_pin(const struct pins *pins, const uint8_t *identity, const char *username)
{
	const struct pin *pin = pins_find(pins, username);

	return pin && memcmp(pin->identity, identity, IDENTITY_BYTES) == 0 ? pin : pins_find_identity(pins, identity);
}

/* Somebody else than the holder of pin, whose name looks like username; NULL if there is none. */
static const struct pin *find_alike(const struct pins *pins, const struct pin *pin, const char *username)
{
	const struct pin *alike = pins_find_alike(pins, username);

	return alike && pin && memcmp(alike->identity, pin->identity, IDENTITY_BYTES) == 0 ? NULL : alike;
}

static void set_wishes(struct verdict *verdict, unsigned wishes)
{
	verdict->muted = wishes & PINS_MUTED;
	verdict->blocked = wishes & PINS_BLOCKED;
	verdict->accepted = wishes & PINS_ACCEPTED;
}

/* Judges an identity, or NULL, under a name. */
static void judge(struct verdict *verdict, const struct pins *pins, const uint8_t *identity, const char *username)
{
	const struct pin *pin = identity ? find_pin(pins, identity, username) : NULL;
	const struct pin *holder = pins_find(pins, username);

	*verdict = (struct verdict){.pin = pin};
	strcpy(verdict->username, pin ? pin->username : username);
	if (!pin && holder) {
		verdict->other = holder;
		verdict->standing = identity ? STANDING_CHANGED : STANDING_MISSING;
	} else if ((verdict->other = find_alike(pins, pin, verdict->username))) {
		verdict->standing = STANDING_LOOKALIKE;
	} else if (pin) {
		/* Whoever holds a pinned identity is that one, whatever else they announce. */
		verdict->other = holder != pin ? holder : NULL;
		verdict->standing = pin->verified ? STANDING_VERIFIED : STANDING_PINNED;
	}
}

void verdict_of_claim(struct verdict *verdict, const struct pins *pins, const struct peer *claim)
{
	const uint8_t *identity = claim->has_identity ? claim->identity : NULL;

	judge(verdict, pins, identity, claim->username);
	verdict->claim = claim;
	set_wishes(verdict, pins_wishes(pins, identity, claim->address));
}

void verdict_of_proof(struct verdict *verdict, const struct pins *pins, const uint8_t identity[static IDENTITY_BYTES],
    const char *username)
{
	judge(verdict, pins, identity, username ? username : VERDICT_NAMELESS);
	set_wishes(verdict, pins_wishes(pins, identity, (struct in_addr){0}));
}

void verdict_of_address(struct verdict *verdict, const struct pins *pins, const struct peers *peers,
    struct in_addr address, int64_t now_ms)
{
	const struct peer *claim = peers_find_listed(peers, address, now_ms);
	unsigned wishes = pins_wishes(pins, NULL, address);

	if (!claim) {
		*verdict = (struct verdict){.standing = STANDING_UNKNOWN, .username = VERDICT_NAMELESS};
		set_wishes(verdict, wishes);
		return;
	}
	verdict_of_claim(verdict, pins, claim);
	if (verdict->standing == STANDING_MISSING)
		verdict->standing = STANDING_CHANGED;
	else if (claim->has_identity && verdict->standing != STANDING_CHANGED &&
		 verdict->standing != STANDING_LOOKALIKE)
		verdict->standing = STANDING_UNPROVEN;
	/* Who is not welcome cannot leave the proof out; who is has to show it. */
	if (claim->has_identity)
		wishes |= pins_wishes(pins, claim->identity, address) & ~(unsigned)PINS_ACCEPTED;
	set_wishes(verdict, wishes);
}

bool verdict_is_visible(const struct peers *peers, const struct peer *claim, int64_t now_ms)
{
	return peer_is_listed(claim, now_ms) &&
	       (claim->has_identity || !peers_is_signed_name(peers, claim->address, claim->username, now_ms));
}
