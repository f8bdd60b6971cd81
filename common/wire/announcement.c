#include "wire/announcement.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/jsontext.h"
#include "base/text.h"
#include "crypto/identity.h"
#include "net/address.h"

#define SIGNATURE_LABEL "quartet announcement"
/* A signed datagram ends in these, with the signature between them; what stands before them is signed. */
#define SIGNATURE_BEGIN ", \"signature\": \""
#define SIGNATURE_END "\"}"
#define SIGNATURE_TEXT_LEN 88
#define ENDING_LEN (sizeof(SIGNATURE_BEGIN) - 1 + SIGNATURE_TEXT_LEN + sizeof(SIGNATURE_END) - 1)

/* Puts the signature of the len bytes of a datagram that end in "}" in the place of that. Returns the new length, or 0. */
static size_t sign(const struct identity *identity, char datagram[static ANNOUNCEMENT_MAX_BYTES], size_t len)
{
	uint8_t signature[IDENTITY_SIGNATURE_BYTES];
	char text[SIGNATURE_TEXT_LEN + 1], ending[ENDING_LEN + 1];

	if (len == 0 || --len + ENDING_LEN > ANNOUNCEMENT_MAX_BYTES ||
	    identity_sign(identity, SIGNATURE_LABEL, datagram, len, signature) != 0)
		return 0;
	sodium_bin2base64(text, sizeof(text), signature, sizeof(signature), BASE64_VARIANT);
	snprintf(ending, sizeof(ending), SIGNATURE_BEGIN "%s" SIGNATURE_END, text);
	memcpy(datagram + len, ending, ENDING_LEN);
	return len + ENDING_LEN;
}

json_t *announcement_format_rooms(const struct announcement_room *rooms, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list,
		    json_pack("{s:o, s:s, s:i, s:i, s:s}", "id", jsontext_bytes(rooms[i].id, sizeof(rooms[i].id)),
			"name", rooms[i].name, "members", (int)rooms[i].members, "capacity", (int)rooms[i].capacity,
			"entry", rooms[i].has_password ? "password" : "open"));
	return list;
}

static bool parse_count(const json_t *object, const char *name, uint8_t *count)
{
	json_int_t value = json_integer_value(json_object_get(object, name));

	*count = (uint8_t)value;
	return value >= 1 && value <= ROOM_MEMBERS_MAX;
}

static bool parse_room(const json_t *object, struct announcement_room *room)
{
	char name[USERNAME_MAX_BYTES + 1];
	const char *text, *entry;
	size_t len;

	*room = (struct announcement_room){0};
	if (!jsontext_get_string(object, "name", &text, &len) || username_normalize(text, len, name) != USERNAME_OK ||
	    strlen(name) > ROOM_NAME_MAX_BYTES || !jsontext_get_bytes(object, "id", room->id, sizeof(room->id)) ||
	    !parse_count(object, "members", &room->members) || !parse_count(object, "capacity", &room->capacity) ||
	    !jsontext_get_string(object, "entry", &entry, &len))
		return false;
	memcpy(room->name, name, strlen(name));
	room->has_password = strcmp(entry, "password") == 0;
	return room->has_password || strcmp(entry, "open") == 0;
}

size_t announcement_parse_rooms(const json_t *list, struct announcement_room rooms[static ANNOUNCEMENT_ROOMS_MAX])
{
	size_t count = 0, i;
	const json_t *object;

	json_array_foreach(list, i, object)
	{
		struct announcement_room room;
		size_t same = 0;

		if (count == ANNOUNCEMENT_ROOMS_MAX || !parse_room(object, &room))
			continue;
		while (same < count && memcmp(rooms[same].id, room.id, sizeof(room.id)) != 0)
			same++;
		if (same == count)
			rooms[count++] = room;
	}
	return count;
}

/* Writes the datagram with the first rooms, unsigned. Returns its length, whether it fits or not. */
static size_t format(const struct announcement *announcement, struct in_addr from, const struct identity *identity,
    size_t room_count, char datagram[static ANNOUNCEMENT_MAX_BYTES])
{
	char ip[ADDRESS_TEXT_BYTES], text[IDENTITY_TEXT_BYTES];
	json_t *object;
	size_t len;

	if (identity)
		identity_format(identity->public, text);
	object = json_pack("{s:s, s:s, s:s*, s:o*, s:o*, s:o*}", "username", announcement->username, "ip",
	    address_format(from, ip), "identity", identity ? text : NULL, "since",
	    identity ? json_integer(announcement->since_s) : NULL, "rooms",
	    room_count > 0 ? announcement_format_rooms(announcement->rooms, room_count) : NULL, "leaving",
	    announcement->leaving ? json_true() : NULL);
	len = json_dumpb(object, datagram, ANNOUNCEMENT_MAX_BYTES, 0);
	json_decref(object);
	return len;
}

size_t announcement_format(const struct announcement *announcement, struct in_addr from,
    const struct identity *identity, char datagram[static ANNOUNCEMENT_MAX_BYTES])
{
	size_t max_len = ANNOUNCEMENT_MAX_BYTES - (identity ? ENDING_LEN : 0), len;
	size_t room_count = identity ? announcement->room_count : 0;

	while ((len = format(announcement, from, identity, room_count, datagram)) > max_len && room_count > 0)
		room_count--;
	if (len > max_len)
		return 0;
	return identity ? sign(identity, datagram, len) : len;
}

/* Where the signature stands in a datagram of that form, or NULL. */
static const char *find_signature(const char *datagram, size_t len)
{
	const char *ending = datagram + len - ENDING_LEN;

	if (len < ENDING_LEN || memcmp(ending, SIGNATURE_BEGIN, sizeof(SIGNATURE_BEGIN) - 1) != 0 ||
	    memcmp(datagram + len - (sizeof(SIGNATURE_END) - 1), SIGNATURE_END, sizeof(SIGNATURE_END) - 1) != 0)
		return NULL;
	return ending + sizeof(SIGNATURE_BEGIN) - 1;
}

/* Reads what a signed announcement says besides; the reason if that is wrong, else NULL. */
static const char *read_identity(const json_t *object, struct in_addr from, struct announcement *announcement)
{
	const json_t *since = json_object_get(object, "since");
	struct in_addr ip;
	const char *text;
	size_t len;

	if (!jsontext_get_string(object, "ip", &text, &len) || address_parse(text, &ip) != 0 ||
	    ip.s_addr != from.s_addr)
		return "it is signed for another address";
	if (!jsontext_get_string(object, "identity", &text, &len) || !identity_parse(text, len, announcement->identity))
		return "it is signed, and has no \"identity\"";
	if (!json_is_integer(since) || json_integer_value(since) < 0 ||
	    json_integer_value(since) > ANNOUNCEMENT_SINCE_MAX_S)
		return "it is signed, and has no \"since\"";
	announcement->room_count = announcement_parse_rooms(json_object_get(object, "rooms"), announcement->rooms);
	announcement->since_s = json_integer_value(since);
	announcement->has_identity = true;
	return NULL;
}

int announcement_parse(const char *datagram, size_t len, struct in_addr from, struct announcement *announcement,
    const char **why)
{
	struct announcement heard = {0};
	const char *text, *wrong = NULL;
	size_t text_len;
	json_t *object;
	int rc = EBADMSG;

	if (len > ANNOUNCEMENT_MAX_BYTES) {
		*why = "it is longer than " TEXT_OF(ANNOUNCEMENT_MAX_BYTES) " bytes";
		return EBADMSG;
	}
	object = jsontext_parse(datagram, len, why);
	if (!object)
		return EBADMSG;
	if (!jsontext_get_string(object, "username", &text, &text_len)) {
		*why = "it has no \"username\" that is a string";
		goto out;
	}
	enum username_fault fault = username_normalize(text, text_len, heard.username);
	if (fault != USERNAME_OK) {
		*why = username_rule(fault);
		goto out;
	}
	if (json_object_get(object, "signature"))
		wrong = find_signature(datagram, len) ? read_identity(object, from, &heard)
						      : "its signature is not as it should be";
	if (wrong) {
		*why = wrong;
		goto out;
	}
	heard.leaving = json_is_true(json_object_get(object, "leaving"));
	*announcement = heard;
	rc = 0;
out:
	json_decref(object);
	return rc;
}

bool announcement_verify(const char *datagram, size_t len, const struct announcement *announcement)
{
	const char *text = find_signature(datagram, len);
	uint8_t signature[IDENTITY_SIGNATURE_BYTES];
	size_t signature_len;

	return text && base64_decode(text, SIGNATURE_TEXT_LEN, signature, sizeof(signature), &signature_len) &&
	       signature_len == sizeof(signature) &&
	       identity_verify(announcement->identity, SIGNATURE_LABEL, datagram, len - ENDING_LEN, signature);
}

uint64_t announcement_digest(const char *datagram, size_t len, const uint8_t key[static ANNOUNCEMENT_DIGEST_KEY_BYTES])
{
	uint8_t hash[crypto_shorthash_BYTES];
	uint64_t digest;

	_Static_assert(ANNOUNCEMENT_DIGEST_KEY_BYTES == crypto_shorthash_KEYBYTES, "the key is one of SipHash");
	_Static_assert(sizeof(hash) == sizeof(digest), "so is the digest");
	crypto_shorthash(hash, (const uint8_t *)datagram, len, key);
	memcpy(&digest, hash, sizeof(digest));
	return digest ? digest : 1;
}
