#include "store/peerscontent.h"

#include <errno.h>
#include <string.h>

#include "base/jsontext.h"
#include "store/peerrecord.h"

/* The members of records other than addresses that this version writes. */
static const char *const own_members[] = {"self", "since", "accept", "known", "stranger", "identity", "pinned",
    "address", "verified", "muted", "blocked", "accepted", NULL};

static bool is_member(const char *name, const char *const *members)
{
	while (*members && strcmp(*members, name) != 0)
		members++;
	return *members != NULL;
}

static int append_line(struct buffer *text, const char *line, size_t len)
{
	int rc = buffer_append(text, line, len);

	return rc ? rc : buffer_append(text, "\n", 1);
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
	const char *accept = json_string_value(json_object_get(object, "accept"));
	int64_t since_s = json_integer_value(json_object_get(object, "since"));

	if (!accept || !pins_accept_parse(accept, &content->accept))
		content->accept = PINS_ACCEPT_ALL;
	content->since_s = since_s > 0 && since_s < ANNOUNCEMENT_SINCE_MAX_S ? since_s : 0;
	if (username_normalize(name, strlen(name), content->username) != USERNAME_OK ||
	    strcmp(name, content->username) != 0)
		content->username[0] = '\0';
}

/* A text that is being read. */
struct reading {
	struct peerscontent *content;
	json_t *pins;	   /* the last record of each name */
	json_t *strangers; /* of each identity or address */
	size_t unknown;	   /* lines that mean nothing */
};

/* Takes the record of a stranger; false if it does not say who that is. */
static bool take_stranger(struct reading *reading, json_t *object)
{
	const char *key;
	size_t len;
	bool is_one =
	    jsontext_get_string(object, "identity", &key, &len) || jsontext_get_string(object, "address", &key, &len);

	if (is_one)
		json_object_set(reading->strangers, key, object);
	return is_one;
}

/* Takes a record that is no address; false if it means nothing. */
static bool take_section(struct reading *reading, json_t *object)
{
	const char *name;
	size_t len;

	if (jsontext_get_string(object, "self", &name, &len))
		take_self(reading->content, object);
	else if (jsontext_get_string(object, "known", &name, &len))
		json_object_set(reading->pins, name, object);
	else if (jsontext_get_string(object, "stranger", &name, &len))
		return take_stranger(reading, object);
	else
		return false;
	return true;
}

/* Takes one line, its line feed not included. */
static int take_line(struct reading *reading, const char *line, size_t len, size_t offset)
{
	struct peer claims[PEERS_CLAIMS_MAX];
	json_t *object = jsontext_parse(line, len, NULL);
	size_t count;
	int rc = 0;

	if (!object && errno == ENOMEM)
		return ENOMEM;
	count = object ? peerrecord_parse(object, claims) : 0;
	if (count > 0) {
		find_offsets(line, len, offset, claims, count);
		rc = take_claims(reading->content, claims, count);
	} else if (take_section(reading, object) || (len > 0 && reading->unknown++ < PEERSCONTENT_UNKNOWN_MAX)) {
		rc = append_line(&reading->content->others, line, len);
	}
	json_decref(object);
	return rc;
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

int peerscontent_read(struct peerscontent *content, const char *text, size_t len)
{
	struct reading reading = {.content = content, .pins = json_object(), .strangers = json_object()};
	const char *cursor = text, *end = text + len, *line;
	size_t line_len;
	int rc;

	*content = (struct peerscontent){.peers = peers_new()};
	rc = content->peers ? 0 : ENOMEM;
	while (rc == 0 && next_line(&cursor, end, &line, &line_len))
		rc = take_line(&reading, line, line_len, (size_t)(line - text));
	content->is_untidy = (len > 0 && end[-1] != '\n') || reading.unknown > PEERSCONTENT_UNKNOWN_MAX;
	content->pins = pins_new(reading.pins, reading.strangers);
	json_decref(reading.pins);
	json_decref(reading.strangers);
	if (!content->pins)
		rc = ENOMEM;
	for (struct peer *peer = NULL; rc == 0 && (peer = peers_next(content->peers, peer));)
		peer->is_pinned = peer->has_identity && pins_find_identity(content->pins, peer->identity);
	if (rc == 0)
		rc = peers_sort(content->peers);
	if (rc != 0)
		peerscontent_free(content);
	return rc;
}

void peerscontent_free(struct peerscontent *content)
{
	peers_free(content->peers);
	pins_free(content->pins);
	buffer_free(&content->others);
	*content = (struct peerscontent){0};
}

/* Parses a line if it is the record of that kind, and value is its member key unless that is NULL; else NULL. */
static json_t *parse_record(const char *line, size_t len, const char *kind, const char *key, const char *value)
{
	const char *found = NULL;
	size_t found_len;
	json_t *object;

	/* Most lines are peers, and not worth the parsing. */
	if (!memmem(line, len, kind, strlen(kind)))
		return NULL;
	object = jsontext_parse(line, len, NULL);
	if (jsontext_get_string(object, kind, &found, &found_len) &&
	    (!key || (jsontext_get_string(object, key, &found, &found_len) && strcmp(found, value) == 0)))
		return object;
	json_decref(object);
	return NULL;
}

/* Adds what this version does not know of an earlier record, unless that was about another identity. */
static void inherit(json_t *record, json_t *before)
{
	const json_t *identity = json_object_get(record, "identity");
	const char *name;
	json_t *value;

	if (identity && !json_equal(identity, json_object_get(before, "identity")))
		return;
	json_object_foreach (before, name, value) {
		if (!is_member(name, own_members))
			json_object_set(record, name, value);
	}
}

int peerscontent_put(struct buffer *text, const char *kind, const char *key, const char *value, json_t *record)
{
	struct buffer changed = {0};
	const char *cursor = text->data, *end = cursor + text->len, *line;
	size_t len;
	int rc = 0;

	while (rc == 0 && text->len > 0 && next_line(&cursor, end, &line, &len)) {
		json_t *before = parse_record(line, len, kind, key, value);

		if (!before)
			rc = append_line(&changed, line, len);
		else if (record)
			inherit(record, before);
		json_decref(before);
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
