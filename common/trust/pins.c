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

static const struct {
	enum pins_wish bit;
	const char *name;
} wishes[] = {{PINS_MUTED, "muted"}, {PINS_BLOCKED, "blocked"}, {PINS_ACCEPTED, "accepted"}};

#define WISHES (sizeof(wishes) / sizeof(wishes[0]))

static const char *const accept_words[] = {
    [PINS_ACCEPT_ALL] = "all",
    [PINS_ACCEPT_ASK] = "ask",
    [PINS_ACCEPT_KNOWN] = "known",
};

struct likeness {
	char skeleton[LOOKALIKE_BYTES];
	const struct pin *pin;
};

struct pins {
	struct pin *list;	       /* by username */
	const struct pin **identities; /* by identity, and the oldest first */
	struct likeness *likenesses;   /* by skeleton */
	size_t count;
	struct stranger *strangers; /* by identity and address */
	size_t stranger_count;
};

const char *pins_accept_word(enum pins_accept accept)
{
	return accept_words[accept];
}

bool pins_accept_parse(const char *word, enum pins_accept *accept)
{
	for (enum pins_accept i = PINS_ACCEPT_ALL; i <= PINS_ACCEPT_KNOWN; i++) {
		if (strcmp(word, accept_words[i]) == 0) {
			*accept = i;
			return true;
		}
	}
	return false;
}

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

static int compare_strangers(const void *left, const void *right)
{
	const struct stranger *a = left, *b = right;
	int order = a->has_identity - b->has_identity;

	if (order == 0)
		order = memcmp(a->identity, b->identity, IDENTITY_BYTES);
	return order ? order : memcmp(&a->address, &b->address, sizeof(a->address));
}

static unsigned read_wishes(const json_t *object)
{
	unsigned bits = 0;

	for (size_t i = 0; i < WISHES; i++)
		bits |= json_is_true(json_object_get(object, wishes[i].name)) ? wishes[i].bit : 0;
	return bits;
}

/* Reads what a record says of who it is; false if nothing valid. */
static bool read_username(const char *name, char username[static USERNAME_MAX_BYTES + 1])
{
	return username_normalize(name, strlen(name), username) == USERNAME_OK && strcmp(name, username) == 0;
}

static bool read_identity(const json_t *object, uint8_t *identity)
{
	const char *text;
	size_t len;

	return jsontext_get_string(object, "identity", &text, &len) && identity_parse(text, len, identity);
}

static bool read_address(const json_t *object, struct in_addr *address)
{
	const char *text;
	size_t len;

	return jsontext_get_string(object, "address", &text, &len) && address_parse(text, address) == 0;
}

/* Reads one record under its name; false if it is no valid pin. */
static bool read_pin(const char *name, const json_t *object, struct pin *pin)
{
	*pin = (struct pin){.wishes = read_wishes(object) & ~(unsigned)PINS_ACCEPTED};
	if (!read_username(name, pin->username) || !read_identity(object, pin->identity))
		return false;
	pin->since_s = json_integer_value(json_object_get(object, "pinned"));
	if (pin->since_s < 0 || pin->since_s > SINCE_MAX_S)
		pin->since_s = 0;
	pin->has_address = read_address(object, &pin->address);
	pin->verified = json_is_true(json_object_get(object, "verified"));
	pin->auto_bytes = json_integer_value(json_object_get(object, "auto"));
	if (pin->auto_bytes < 0)
		pin->auto_bytes = 0;
	return true;
}

/* The same for a stranger. */
static bool read_stranger(const json_t *object, struct stranger *stranger)
{
	const char *name = json_string_value(json_object_get(object, "stranger"));

	*stranger = (struct stranger){.wishes = read_wishes(object)};
	if (!name || !read_username(name, stranger->username) || !stranger->wishes)
		return false;
	if (!json_object_get(object, "identity"))
		return read_address(object, &stranger->address);
	stranger->has_identity = read_identity(object, stranger->identity);
	return stranger->has_identity;
}

bool pin_is_proven_at(const struct pin *pin, struct in_addr address)
{
	return pin->has_address && pin->address.s_addr == address.s_addr;
}

static size_t room_for(const json_t *section)
{
	size_t size = json_object_size(section);

	return (size < PINS_MAX ? size : PINS_MAX) + 1;
}

static void read_strangers(struct pins *pins, json_t *section)
{
	const char *name;
	json_t *object;

	json_object_foreach (section, name, object) {
		if (pins->stranger_count < PINS_MAX && read_stranger(object, &pins->strangers[pins->stranger_count]))
			pins->stranger_count++;
	}
	qsort(pins->strangers, pins->stranger_count, sizeof(*pins->strangers), compare_strangers);
}

struct pins *pins_new(json_t *known, json_t *strangers)
{
	struct pins *pins = calloc(1, sizeof(*pins));
	size_t room = room_for(known);
	const char *name;
	json_t *object;

	if (!pins)
		return NULL;
	pins->list = calloc(room, sizeof(*pins->list));
	pins->identities = calloc(room, sizeof(struct pin *));
	pins->likenesses = calloc(room, sizeof(*pins->likenesses));
	pins->strangers = calloc(room_for(strangers), sizeof(*pins->strangers));
	if (!pins->list || !pins->identities || !pins->likenesses || !pins->strangers) {
		pins_free(pins);
		return NULL;
	}
	json_object_foreach (known, name, object) {
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
	read_strangers(pins, strangers);
	return pins;
}

void pins_free(struct pins *pins)
{
	if (!pins)
		return;
	free(pins->list);
	free(pins->identities);
	free(pins->likenesses);
	free(pins->strangers);
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

/* The first of those in a sorted list that are as key is, or NULL. */
static const void *find_first(const void *key, const void *list, size_t count, size_t size,
    int (*compare)(const void *, const void *))
{
	const char *found = count > 0 ? bsearch(key, list, count, size, compare) : NULL;

	while (found && found > (const char *)list && compare(key, found - size) == 0)
		found -= size;
	return found;
}

static int compare_identity(const void *identity, const void *entry)
{
	return memcmp(identity, (*(const struct pin *const *)entry)->identity, IDENTITY_BYTES);
}

const struct pin *pins_find_identity(const struct pins *pins, const uint8_t identity[static IDENTITY_BYTES])
{
	const struct pin *const *found =
	    find_first(identity, pins->identities, pins->count, sizeof(struct pin *), compare_identity);

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
	/* The first of them has the best claim; who has that claim is like nobody else. */
	found = find_first(skeleton, pins->likenesses, pins->count, sizeof(*found), compare_skeleton);
	return !found || found->pin == own || (own && own->verified) ? NULL : found->pin;
}

size_t pins_count_strangers(const struct pins *pins)
{
	return pins->stranger_count;
}

const struct stranger *pins_next_stranger(const struct pins *pins, const struct stranger *stranger)
{
	size_t index = stranger ? (size_t)(stranger - pins->strangers) + 1 : 0;

	return index < pins->stranger_count ? &pins->strangers[index] : NULL;
}

unsigned pins_wishes(const struct pins *pins, const uint8_t *identity, struct in_addr address)
{
	struct stranger wanted = {.has_identity = identity != NULL};
	const struct stranger *found;
	const struct pin *pin = NULL;

	if (identity) {
		memcpy(wanted.identity, identity, IDENTITY_BYTES);
		pin = pins_find_identity(pins, identity);
	} else {
		wanted.address = address;
	}
	found = bsearch(&wanted, pins->strangers, pins->stranger_count, sizeof(wanted), compare_strangers);
	return (pin ? pin->wishes : 0) | (found ? found->wishes : 0);
}

static void put_wishes(json_t *object, unsigned bits)
{
	for (size_t i = 0; i < WISHES; i++) {
		if (bits & wishes[i].bit)
			json_object_set_new(object, wishes[i].name, json_true());
	}
}

json_t *pins_format(const struct pin *pin)
{
	char identity[IDENTITY_TEXT_BYTES], ip[ADDRESS_TEXT_BYTES];
	json_t *object;

	identity_format(pin->identity, identity);
	object = json_pack("{s:s, s:s, s:I}", "known", pin->username, "identity", identity, "pinned",
	    (json_int_t)pin->since_s);
	if (pin->has_address)
		json_object_set_new(object, "address", json_string(address_format(pin->address, ip)));
	if (pin->verified)
		json_object_set_new(object, "verified", json_true());
	if (pin->auto_bytes > 0)
		json_object_set_new(object, "auto", json_integer(pin->auto_bytes));
	put_wishes(object, pin->wishes);
	return object;
}

json_t *pins_format_stranger(const struct stranger *stranger)
{
	char text[IDENTITY_TEXT_BYTES > ADDRESS_TEXT_BYTES ? IDENTITY_TEXT_BYTES : ADDRESS_TEXT_BYTES];
	json_t *object;

	if (stranger->has_identity)
		identity_format(stranger->identity, text);
	else
		address_format(stranger->address, text);
	object = json_pack("{s:s, s:s}", "stranger", stranger->username,
	    stranger->has_identity ? "identity" : "address", text);
	put_wishes(object, stranger->wishes);
	return object;
}
