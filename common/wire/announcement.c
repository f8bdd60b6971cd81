#include "wire/announcement.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "base/jsontext.h"
#include "crypto/identity.h"
#include "net/address.h"

size_t announcement_format(const struct announcement *announcement, struct in_addr from,
    char datagram[static ANNOUNCEMENT_MAX_BYTES])
{
	char ip[ADDRESS_TEXT_BYTES], identity[IDENTITY_TEXT_BYTES];
	json_t *object = json_pack("{s:s, s:s}", "username", announcement->username, "ip", address_format(from, ip));
	int failed = !object;
	size_t len = 0;

	if (object && announcement->has_identity) {
		identity_format(announcement->identity, identity);
		failed |= json_object_set_new(object, "identity", json_string(identity));
	}
	if (object && announcement->leaving)
		failed |= json_object_set_new(object, "leaving", json_true());
	if (!failed)
		len = json_dumpb(object, datagram, ANNOUNCEMENT_MAX_BYTES, 0);
	json_decref(object);
	return len <= ANNOUNCEMENT_MAX_BYTES ? len : 0;
}

int announcement_parse(const char *datagram, size_t len, struct announcement *announcement, const char **why)
{
	struct announcement heard = {0};
	const char *text;
	size_t text_len;
	json_t *object;
	int rc = EBADMSG;

	if (len > ANNOUNCEMENT_MAX_BYTES) {
		*why = "it is longer than 1,400 bytes";
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
	if (jsontext_get_string(object, "identity", &text, &text_len))
		heard.has_identity = identity_parse(text, text_len, heard.identity);
	heard.leaving = json_is_true(json_object_get(object, "leaving"));
	*announcement = heard;
	rc = 0;
out:
	json_decref(object);
	return rc;
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
