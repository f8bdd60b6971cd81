#include "store/peerline.h"

#include <inttypes.h>
#include <string.h>

#include "base/jsontext.h"
#include "crypto/identity.h"
#include "net/address.h"

/* Digits of the seconds of a time; a few more than there will be for long. */
#define SECONDS_MAX_DIGITS 12

static int append_extra(struct buffer *out, json_t *extra)
{
	const char *name;
	json_t *value;
	int rc = 0;

	json_object_foreach (extra, name, value) {
		if (rc == 0)
			rc = buffer_append(out, ", ", 2);
		if (rc == 0)
			rc = jsontext_append_string(out, name, strlen(name));
		if (rc == 0)
			rc = buffer_append(out, ": ", 2);
		if (rc == 0)
			rc = jsontext_append(out, value);
	}
	return rc;
}

int peerline_format(struct buffer *out, const struct peer *peer)
{
	char ip[ADDRESS_TEXT_BYTES], identity[IDENTITY_TEXT_BYTES];
	int rc = buffer_printf(out, "\"%s\": {\"username\": ", address_format(peer->address, ip));

	if (rc == 0)
		rc = jsontext_append_string(out, peer->username, strlen(peer->username));
	if (rc == 0)
		rc = buffer_printf(out, ", \"last_seen\": %" PRId64 ".%03d", peer->last_seen_ms / 1000,
		    (int)(peer->last_seen_ms % 1000));
	if (rc == 0 && peer->has_identity) {
		identity_format(peer->identity, identity);
		rc = buffer_printf(out, ", \"identity\": \"%s\"", identity);
	}
	if (rc == 0 && peer->left)
		rc = buffer_printf(out, ", \"left\": true");
	if (rc == 0)
		rc = append_extra(out, peer->extra);
	return rc ? rc : buffer_append(out, "}", 1);
}

/* Moves the cursor past literal where that is next. */
static bool skip(const char **cursor, const char *end, const char *literal)
{
	size_t len = strlen(literal);

	if ((size_t)(end - *cursor) < len || memcmp(*cursor, literal, len) != 0)
		return false;
	*cursor += len;
	return true;
}

/*
 * Moves the cursor past a string and its closing quotation mark; not where it has escapes, or what JSON would refuse.
 */
static bool read_string(const char **cursor, const char *end, const char **text, size_t *len)
{
	const char *quote = memchr(*cursor, '"', (size_t)(end - *cursor));

	if (!quote)
		return false;
	*text = *cursor;
	*len = (size_t)(quote - *cursor);
	*cursor = quote + 1;
	for (size_t i = 0; i < *len; i++) {
		if ((unsigned char)(*text)[i] < 0x20 || (*text)[i] == '\\')
			return false;
	}
	return true;
}

static bool read_digits(const char **cursor, const char *end, size_t at_least, size_t at_most, int64_t *number)
{
	size_t count = 0;

	while (count < at_most && *cursor < end && **cursor >= '0' && **cursor <= '9') {
		*number = *number * 10 + (**cursor - '0');
		++*cursor;
		count++;
	}
	return count >= at_least;
}

bool peerline_parse(const char **cursor, const char *end, struct peer *peer)
{
	const char *at = *cursor, *text;
	char ip[ADDRESS_TEXT_BYTES] = "";
	size_t len;

	*peer = (struct peer){0};
	if (!skip(&at, end, "\"") || !read_string(&at, end, &text, &len) || len >= sizeof(ip))
		return false;
	memcpy(ip, text, len);
	if (address_parse(ip, &peer->address) != 0 || !skip(&at, end, ": {\"username\": \""))
		return false;
	if (!read_string(&at, end, &text, &len) || username_normalize(text, len, peer->username) != USERNAME_OK)
		return false;
	if (!skip(&at, end, ", \"last_seen\": ") || (end - at > 1 && at[0] == '0' && at[1] != '.') ||
	    !read_digits(&at, end, 1, SECONDS_MAX_DIGITS, &peer->last_seen_ms) || !skip(&at, end, ".") ||
	    !read_digits(&at, end, 3, 3, &peer->last_seen_ms) || peer->last_seen_ms == 0)
		return false;
	if (skip(&at, end, ", \"identity\": \"")) {
		if (!read_string(&at, end, &text, &len) || !identity_parse(text, len, peer->identity))
			return false;
		peer->has_identity = true;
	}
	peer->left = skip(&at, end, ", \"left\": true");
	if (!skip(&at, end, "}"))
		return false;
	*cursor = at;
	return true;
}
