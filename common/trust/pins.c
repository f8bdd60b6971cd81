#include "trust/pins.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "crypto/identity.h"
#include "net/address.h"
#include "trust/lookalike.h"

/* The last second of the year 9999. */
#define SINCE_MAX_S 253402300799

struct likeness {
	char skeleton[LOOKALIKE_BYTES];
	const struct pin *pin;
};

struct pins {
	struct pin *list;	       /* by username */
	const struct pin **identities; /* by identity, and the oldest first */
	struct likeness *likenesses;   /* by skeleton */
	size_t count;
};

static int compare_usernames(const void *left, const void *right)
{
	const struct pin *a = left, *b = right;

	return strcmp(a->username, b->username);
}

static int compare_identities(const void *left, const void *right)
{
	const struct pin *a = *(const struct pin *const *)left, *b = *(const struct pin *const *)right;
	int order = memcmp(a->identity, b->identity, IDENTITY_BYTES);

	return order != 0 ? order : (a->since_s > b->since_s) - (a->since_s < b->since_s);
}

/* Which of two pins has the better claim to a look: the verified one, or else the older one. */
static int compare_claims(const struct pin *a, const struct pin *b)
{
	if (a->verified != b->verified)
		return a->verified ? -1 : 1;
	return (a->since_s > b->since_s) - (a->since_s < b->since_s);
}

static int compare_skeletons(const void *left, const void *right)
{
	const struct likeness *a = left, *b = right;
	int order = strcmp(a->skeleton, b->skeleton);

	return order != 0 ? order : compare_claims(a->pin, b->pin);
}

/* Reads one member of the section; false if it is no valid pin. */
static bool read_pin(const char *name, const json_t *object, struct pin *pin)
{
	const char *text;
	size_t len;

	*pin = (struct pin){0};
	if (username_normalize(name, strlen(name), pin->username) != USERNAME_OK || strcmp(name, pin->username) != 0)
		return false;
	if (!jsontext_get_string(object, "identity", &text, &len) || !identity_parse(text, len, pin->identity))
		return false;
	pin->since_s = json_integer_value(json_object_get(object, "pinned"));
	if (pin->since_s < 0 || pin->since_s > SINCE_MAX_S)
		pin->since_s = 0;
	if (jsontext_get_string(object, "address", &text, &len))
		pin->has_address = address_parse(text, &pin->address) == 0;
	pin->verified = json_is_true(json_object_get(object, "verified"));
	return true;
}

bool pin_is_proven_at(const struct pin *pin, struct in_addr address)
{
	return pin->has_address && pin->address.s_addr == address.s_addr;
}

struct pins *pins_new(json_t *section)
{
	struct pins *pins = calloc(1, sizeof(*pins));
	size_t size = json_object_size(section), room = (size < PINS_MAX ? size : PINS_MAX) + 1;
	const char *name;
	json_t *object;

	if (!pins)
		return NULL;
	pins->list = calloc(room, sizeof(*pins->list));
	pins->identities = calloc(room, sizeof(struct pin *));
	pins->likenesses = calloc(room, sizeof(*pins->likenesses));
	if (!pins->list || !pins->identities || !pins->likenesses) {
		pins_free(pins);
		return NULL;
	}
	json_object_foreach (section, name, object) {
		if (pins->count < PINS_MAX && read_pin(name, object, &pins->list[pins->count]))
			pins->count++;
	}
	qsort(pins->list, pins->count, sizeof(*pins->list), compare_usernames);
	for (size_t i = 0; i < pins->count; i++) {
		pins->identities[i] = pins->likenesses[i].pin = &pins->list[i];
		lookalike_skeleton(pins->list[i].username, pins->likenesses[i].skeleton);
	}
	qsort(pins->identities, pins->count, sizeof(struct pin *), compare_identities);
	qsort(pins->likenesses, pins->count, sizeof(*pins->likenesses), compare_skeletons);
	return pins;
}

void pins_free(struct pins *pins)
{
	if (!pins)
		return;
	free(pins->list);
	free(pins->identities);
	free(pins->likenesses);
	free(pins);
}

size_t pins_count(const struct pins *pins)
{
	return pins->count;
}

const struct pin *pins_next(const struct pins *pins, const struct pin *pin)
{
	size_t index = pin ? (size_t)(pin - pins->list) + 1 : 0;

	return index < pins->count ? &pins->list[index] : NULL;
}

const struct pin *pins_find(const struct pins *pins, const char *username)
{
	struct pin wanted = {0};

	memccpy(wanted.username, username, '\0', USERNAME_MAX_BYTES);
	return bsearch(&wanted, pins->list, pins->count, sizeof(wanted), compare_usernames);
}

static int compare_identity(const void *identity, const void *entry)
{
	return memcmp(identity, (*(const struct pin *const *)entry)->identity, IDENTITY_BYTES);
}

const struct pin *pins_find_identity(const struct pins *pins, const uint8_t identity[static IDENTITY_BYTES])
{
	const struct pin **found =
	    bsearch(identity, pins->identities, pins->count, sizeof(struct pin *), compare_identity);

	while (found && found > pins->identities && compare_identity(identity, found - 1) == 0)
		found--;
	return found ? *found : NULL;
}

void pins_free_name(const struct pins *pins, const char *username, char name[static USERNAME_MAX_BYTES + 1])
{
	size_t len = strlen(username);
	char number[16] = "";

	/* Some number is free, because there are PINS_MAX pins at most. */
	for (unsigned i = 2;; i++) {
		size_t room = USERNAME_MAX_BYTES - strlen(number), kept = len < room ? len : room;

		/* No character is cut in two. */
		while (kept < len && (username[kept] & 0xc0) == 0x80)
			kept--;
		snprintf(name, USERNAME_MAX_BYTES + 1, "%.*s%s", (int)kept, username, number);
		if (!pins_find(pins, name))
			return;
		snprintf(number, sizeof(number), " %u", i);
	}
}

static int compare_skeleton(const void *skeleton, const void *entry)
{
	return strcmp(skeleton, ((const struct likeness *)entry)->skeleton);
}

const struct pin *pins_find_alike(const struct pins *pins, const char *username)
{
	char skeleton[LOOKALIKE_BYTES];
	const struct pin *own = pins_find(pins, username);
	const struct likeness *found;

	if (pins->count == 0)
		return NULL;
	lookalike_skeleton(username, skeleton);
	found = bsearch(skeleton, pins->likenesses, pins->count, sizeof(*found), compare_skeleton);
	/* The first of them has the best claim; who has that claim is like nobody else. */
	while (found && found > pins->likenesses && compare_skeleton(skeleton, found - 1) == 0)
		found--;
	return !found || found->pin == own || (own && own->verified) ? NULL : found->pin;
}

json_t *pins_format(const struct pin *pin)
{
	char identity[IDENTITY_TEXT_BYTES], ip[ADDRESS_TEXT_BYTES];
	json_t *object;
	int failed = 0;

	identity_format(pin->identity, identity);
	object = json_pack("{s:s, s:s, s:I}", "known", pin->username, "identity", identity, "pinned",
	    (json_int_t)pin->since_s);
	if (object && pin->has_address)
		failed |= json_object_set_new(object, "address", json_string(address_format(pin->address, ip)));
	if (object && pin->verified)
		failed |= json_object_set_new(object, "verified", json_true());
	if (failed) {
		json_decref(object);
		object = NULL;
	}
	return object;
}
