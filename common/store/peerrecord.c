#include "store/peerrecord.h"

#include <stdio.h>
#include <string.h>

#include "base/jsontext.h"
#include "crypto/identity.h"
#include "net/address.h"

/* Unix time with ten digits before the point. */
#define LAST_SEEN_MAX_S 9999999999

/* The members that this version knows. */
static const char *const members[] = {"peer", "last_seen", "username", "identity", "since", "left", "also", NULL};

void peerrecord_format_time(int64_t time_ms, char text[static PEERRECORD_TIME_BYTES + 1])
{
	/* Nobody is heard at another time: what came from the file was checked. */
	if (time_ms < 0 || time_ms / 1000 >= LAST_SEEN_MAX_S)
		time_ms = 0;
	snprintf(text, PEERRECORD_TIME_BYTES + 1, "%10lld.%03d", (long long)(time_ms / 1000), (int)(time_ms % 1000));
}

/* Appends the members of a claim from "last_seen" on, without brackets. */
static int append_claim(struct buffer *out, const struct peer *claim, size_t *offset)
{
	char time[PEERRECORD_TIME_BYTES + 1], identity[IDENTITY_TEXT_BYTES];
	const char *name;
	json_t *value;
	int rc = buffer_printf(out, "\"last_seen\": ");

	*offset = out->len;
	peerrecord_format_time(claim->last_seen_ms, time);
	if (rc == 0)
		rc = buffer_printf(out, "%s, \"username\": ", time);
	if (rc == 0)
		rc = jsontext_append_string(out, claim->username, strlen(claim->username));
	identity_format(claim->identity, identity);
	if (rc == 0 && claim->has_identity)
		rc = buffer_printf(out, ", \"identity\": \"%s\", \"since\": %lld", identity, (long long)claim->since_s);
	if (rc == 0 && claim->left)
		rc = buffer_printf(out, ", \"left\": true");
	json_object_foreach (claim->extra, name, value) {
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

int peerrecord_format(struct buffer *out, struct peer *const claims[], size_t count,
    size_t offsets[static PEERS_CLAIMS_MAX])
{
	char ip[ADDRESS_TEXT_BYTES];
	int rc = buffer_printf(out, "{\"peer\": \"%s\", ", address_format(claims[0]->address, ip));

	for (size_t i = 0; i < count && rc == 0; i++) {
		if (i > 0)
			rc = buffer_printf(out, "%s", i == 1 ? ", \"also\": [{" : ", {");
		if (rc == 0)
			rc = append_claim(out, claims[i], &offsets[i]);
		if (rc == 0 && i > 0)
			rc = buffer_append(out, "}", 1);
	}
	return rc ? rc : buffer_printf(out, "%s", count > 1 ? "]}\n" : "}\n");
}

/* The members that this version does not know, as a new reference; NULL if there are none. */
static json_t *collect_extra(json_t *object)
{
	json_t *extra = NULL, *value;
	const char *name;

	json_object_foreach (object, name, value) {
		const char *const *known = members;

		while (*known && strcmp(*known, name) != 0)
			known++;
		if (*known)
			continue;
		if (!extra)
			extra = json_object();
		json_object_set(extra, name, value);
	}
	return extra;
}

static bool parse_claim(json_t *object, struct in_addr address, struct peer *claim)
{
	const char *text;
	size_t len;
	double seconds = json_number_value(json_object_get(object, "last_seen"));

	*claim = (struct peer){.address = address, .heard_again = true};
	if (!jsontext_get_string(object, "username", &text, &len) ||
	    username_normalize(text, len, claim->username) != USERNAME_OK)
		return false;
	if (!(seconds > 0 && seconds < LAST_SEEN_MAX_S))
		return false;
	claim->last_seen_ms = (int64_t)(seconds * 1000 + 0.5);
	if (jsontext_get_string(object, "identity", &text, &len))
		claim->has_identity = identity_parse(text, len, claim->identity);
	if (claim->has_identity)
		claim->since_s = json_integer_value(json_object_get(object, "since"));
	if (claim->since_s < 0)
		claim->since_s = 0;
	claim->left = json_is_true(json_object_get(object, "left"));
	claim->extra = collect_extra(object);
	return true;
}

size_t peerrecord_parse(json_t *object, struct peer claims[static PEERS_CLAIMS_MAX])
{
	struct in_addr address;
	const char *text;
	size_t len, count = 1, i;
	json_t *other;

	if (!jsontext_get_string(object, "peer", &text, &len) || address_parse(text, &address) != 0 ||
	    !parse_claim(object, address, &claims[0]))
		return 0;
	json_array_foreach(json_object_get(object, "also"), i, other)
	{
		if (count < PEERS_CLAIMS_MAX && parse_claim(other, address, &claims[count]))
			count++;
	}
	return count;
}
