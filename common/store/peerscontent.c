#include "store/peerscontent.h"

#include <errno.h>
#include <string.h>

#include "base/jsontext.h"
#include "crypto/identity.h"
#include "store/peerrecord.h"

/* The members of a pin that this version writes. */
static const char *const pin_members[] = {"known", "identity", "pinned", "address", "verified", NULL};

static bool is_member(const char *name, const char *const *members)
{
	while (*members && strcmp(*members, name) != 0)
		members++;
	return *members != NULL;
}

/* Notes where the times of a line that begins at offset stand, if it is just as we write it. */
static void find_offsets(const char *line, size_t len, size_t offset, struct peer *claims, size_t count)
{
	struct buffer text = {0};
	struct peer *written[PEERS_CLAIMS_MAX];
	size_t offsets[PEERS_CLAIMS_MAX];

	for (size_t i = 0; i < count; i++)
		written[i] = &claims[i];
	if (peerrecord_format(&text, written, count, offsets) == 0 && text.len == len + 1 &&
	    memcmp(text.data, line, len) == 0) {
		for (size_t i = 0; i < count; i++)
			claims[i].offset = (uint32_t)(offset + offsets[i]);
	}
	buffer_free(&text);
}

/* Takes the claims of an address, in the place of those of a line before. */
static int take_claims(struct peerscontent *content, const struct peer *claims, size_t count)
{
	struct peer *before;
	int rc = 0;

	while ((before = peers_find(content->peers, claims[0].address)))
		peers_drop(content->peers, before);
	for (size_t i = 0; i < count; i++) {
		if (!peers_put(content->peers, &claims[i]) && errno != 0)
			rc = errno;
	}
	content->lines++;
	return rc;
}

/* Takes the record of the user's own name. What is no name in the form that usernames have is none. */
static void take_self(struct peerscontent *content, json_t *object)
{
	const char *name = json_string_value(json_object_get(object, "self"));
	int64_t since_s = json_integer_value(json_object_get(object, "since"));

	json_incref(object);
	json_decref(content->self);
	content->self = object;
	content->since_s = since_s > 0 && since_s < ANNOUNCEMENT_SINCE_MAX_S ? since_s : 0;
	if (username_normalize(name, strlen(name), content->username) != USERNAME_OK ||
	    strcmp(name, content->username) != 0)
		content->username[0] = '\0';
}

/* Takes a record that is no address; false if it means nothing. */
static bool take_section(struct peerscontent *content, json_t *object)
{
	const char *name;
	size_t len;

	if (jsontext_get_string(object, "self", &name, &len))
		take_self(content, object);
	else if (jsontext_get_string(object, "known", &name, &len))
		json_object_set(content->pins, name, object);
	else
		return false;
	return true;
}

/* Takes one line, its line feed not included; *unknown counts those that mean nothing. */
static int take_line(struct peerscontent *content, const char *line, size_t len, size_t offset, size_t *unknown)
{
	struct peer claims[PEERS_CLAIMS_MAX];
	json_t *object = jsontext_parse(line, len, NULL);
	size_t count;
	bool is_kept;
	int rc = 0;

	if (!object && errno == ENOMEM)
		return ENOMEM;
	count = object ? peerrecord_parse(object, claims) : 0;
	if (count > 0) {
		find_offsets(line, len, offset, claims, count);
		rc = take_claims(content, claims, count);
		is_kept = false;
	} else {
		is_kept = take_section(content, object) || (len > 0 && (*unknown)++ < PEERSCONTENT_UNKNOWN_MAX);
	}
	json_decref(object);
	if (is_kept)
		rc = buffer_append(&content->others, line, len);
	return is_kept && rc == 0 ? buffer_append(&content->others, "\n", 1) : rc;
}

/* The next line at *cursor, without its line feed, which the last one may lack; false at the end. */
static bool next_line(const char **cursor, const char *end, const char **line, size_t *len)
{
	const char *feed;

	if (*cursor == end)
		return false;
	feed = memchr(*cursor, '\n', (size_t)(end - *cursor));
	*line = *cursor;
	*len = (size_t)((feed ? feed : end) - *line);
	*cursor = feed ? feed + 1 : end;
	return true;
}

/* Makes the table of pins anew; out of memory it stays. */
static int take_known(struct peerscontent *content)
{
	struct pins *known = pins_new(content->pins);

	if (!known)
		return ENOMEM;
	pins_free(content->known);
	content->known = known;
	return 0;
}

int peerscontent_read(struct peerscontent *content, const char *text, size_t len)
{
	const char *cursor = text, *end = text + len, *line;
	size_t line_len, unknown = 0;
	int rc;

	*content = (struct peerscontent){.peers = peers_new(), .self = json_object(), .pins = json_object()};
	rc = content->peers ? 0 : ENOMEM;
	while (rc == 0 && next_line(&cursor, end, &line, &line_len))
		rc = take_line(content, line, line_len, (size_t)(line - text), &unknown);
	content->is_untidy = (len > 0 && end[-1] != '\n') || unknown > PEERSCONTENT_UNKNOWN_MAX;
	if (rc == 0)
		rc = take_known(content);
	for (struct peer *peer = NULL; rc == 0 && (peer = peers_next(content->peers, peer));)
		peer->is_pinned = peer->has_identity && pins_find_identity(content->known, peer->identity);
	if (rc == 0)
		rc = peers_sort(content->peers);
	if (rc != 0)
		peerscontent_free(content);
	return rc;
}

void peerscontent_free(struct peerscontent *content)
{
	peers_free(content->peers);
	pins_free(content->known);
	json_decref(content->self);
	json_decref(content->pins);
	buffer_free(&content->others);
	*content = (struct peerscontent){0};
}

/* Whether a line is the record of that kind, and about that name unless it is NULL. */
static bool is_record(const char *line, size_t len, const char *kind, const char *name)
{
	const char *found;
	size_t found_len;
	json_t *object;
	bool is;

	/* Most lines are peers, and not worth the parsing. */
	if (!memmem(line, len, kind, strlen(kind)))
		return false;
	object = jsontext_parse(line, len, NULL);
	is = jsontext_get_string(object, kind, &found, &found_len) && (!name || strcmp(found, name) == 0);
	json_decref(object);
	return is;
}

/* Puts record, unless it is NULL, in the place of those of its kind and name; all other lines stay byte for byte. */
static int put_record(struct buffer *text, const char *kind, const char *name, const json_t *record)
{
	struct buffer changed = {0};
	const char *cursor = text->data, *end = cursor + text->len, *line;
	size_t len;
	int rc = 0;

	while (rc == 0 && text->len > 0 && next_line(&cursor, end, &line, &len)) {
		if (is_record(line, len, kind, name))
			continue;
		rc = buffer_append(&changed, line, len);
		if (rc == 0)
			rc = buffer_append(&changed, "\n", 1);
	}
	if (rc == 0 && record)
		rc = jsontext_append(&changed, record);
	if (rc == 0 && record)
		rc = buffer_append(&changed, "\n", 1);
	if (rc != 0) {
		buffer_free(&changed);
		return rc;
	}
	buffer_free(text);
	*text = changed;
	return 0;
}

int peerscontent_set_self(struct peerscontent *content, struct buffer *text, const char *username, int64_t since_s)
{
	json_object_set_new(content->self, "self", json_string(username));
	json_object_set_new(content->self, "since", json_integer(since_s));
	take_self(content, content->self);
	return put_record(text, "self", NULL, content->self);
}

int peerscontent_pin(struct peerscontent *content, struct buffer *text, const struct pin *pin)
{
	const struct pin *before = pins_find(content->known, pin->username);
	json_t *record, *value;
	const char *name;
	int rc;

	if (!before && pins_count(content->known) >= PINS_MAX)
		return EUSERS;
	record = pins_format(pin);
	if (!record)
		return ENOMEM;
	if (before && memcmp(before->identity, pin->identity, IDENTITY_BYTES) == 0) {
		json_object_foreach (json_object_get(content->pins, pin->username), name, value) {
			if (!is_member(name, pin_members))
				json_object_set(record, name, value);
		}
	}
	rc = put_record(text, "known", pin->username, record);
	if (rc == 0)
		json_object_set(content->pins, pin->username, record);
	json_decref(record);
	return rc ? rc : take_known(content);
}

int peerscontent_unpin(struct peerscontent *content, struct buffer *text, const char *username)
{
	int rc = put_record(text, "known", username, NULL);

	/* That there is none such is as well. */
	(void)json_object_del(content->pins, username);
	return rc ? rc : take_known(content);
}
