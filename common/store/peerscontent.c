#include "store/peerscontent.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "crypto/identity.h"
#include "net/address.h"

/* Unix time with ten digits before the point. */
#define LAST_SEEN_MAX_S 9999999999

/* The members that this version knows: of a claim, and of all other records. */
static const char *const claim_members[] = {
    "peer", "last_seen", "username", "identity", "since", "left", "back", "rooms", "also", NULL};
static const char *const own_members[] = {"self", "since", "accept", "reach", "known", "stranger", "identity", "pinned",
    "address", "verified", "auto", "muted", "blocked", "accepted", "room", "name", "state", "key", "line", "held",
    "left", NULL};

void peerscontent_format_time(int64_t time_ms, char text[static PEERSCONTENT_TIME_BYTES + 1])
{
	/* Nobody is heard at another time: what came from the file was checked. */
	if (time_ms < 0 || time_ms / 1000 >= LAST_SEEN_MAX_S)
		time_ms = 0;
	snprintf(text, PEERSCONTENT_TIME_BYTES + 1, "%10lld.%03d", (long long)(time_ms / 1000), (int)(time_ms % 1000));
}

/* Puts the members of an object behind others. */
static void put_members(struct buffer *out, const json_t *object)
{
	size_t bracket = out->len + 1;

	buffer_put(out, ",");
	jsontext_put(out, object);
	if (out->error != 0)
		return;
	out->data[bracket] = ' ';
	out->len--;
}

static void put_rooms(struct buffer *out, const struct peer *claim)
{
	json_t *rooms = announcement_format_rooms(claim->rooms, claim->room_count);

	buffer_put(out, ", \"rooms\": ");
	jsontext_put(out, rooms);
	json_decref(rooms);
}

/* Puts the members of a claim from "last_seen" on, without brackets. */
static void put_claim(struct buffer *out, const struct peer *claim, size_t *offset)
{
	char time[PEERSCONTENT_TIME_BYTES + 1], identity[IDENTITY_TEXT_BYTES];

	peerscontent_format_time(claim->last_seen_ms, time);
	identity_format(claim->identity, identity);
	buffer_put(out, "\"last_seen\": ");
	*offset = out->len;
	buffer_put(out, "%s, \"username\": ", time);
	jsontext_put_string(out, claim->username, strlen(claim->username));
	if (claim->has_identity)
		buffer_put(out, ", \"identity\": \"%s\", \"since\": %lld", identity, (long long)claim->since_s);
	if (claim->left)
		buffer_put(out, ", \"left\": true");
	if (claim->back_s > 0)
		buffer_put(out, ", \"back\": %lld", (long long)claim->back_s);
	if (claim->room_count > 0)
		put_rooms(out, claim);
	if (claim->extra)
		put_members(out, claim->extra);
}

int peerscontent_format_claims(struct buffer *out, struct peer *const claims[], size_t count,
    size_t offsets[static PEERS_CLAIMS_MAX])
{
	char ip[ADDRESS_TEXT_BYTES];
	int rc;

	buffer_put(out, "{\"peer\": \"%s\", ", address_format(claims[0]->address, ip));
	put_claim(out, claims[0], &offsets[0]);
	for (size_t i = 1; i < count; i++) {
		buffer_put(out, "%s", i == 1 ? ", \"also\": [{" : "}, {");
		put_claim(out, claims[i], &offsets[i]);
	}
	buffer_put(out, "%s", count > 1 ? "}]}\n" : "}\n");
	rc = out->error;
	out->error = 0;
	return rc;
}

/* The members that this version does not know, as a new reference; NULL if there are none. */
static json_t *collect_extra(json_t *object)
{
	size_t known = 0;
	json_t *extra;

	for (const char *const *member = claim_members; *member; member++)
		known += json_object_get(object, *member) != NULL;
	if (known == json_object_size(object))
		return NULL;
	extra = json_copy(object);
	for (const char *const *member = claim_members; *member; member++)
		json_object_del(extra, *member);
	return extra;
}

static bool parse_claim(json_t *object, struct in_addr address, struct peer *claim)
{
	const char *text;
	size_t len;
	double seconds = json_number_value(json_object_get(object, "last_seen"));
	struct announcement_room rooms[ANNOUNCEMENT_ROOMS_MAX];

	*claim = (struct peer){.address = address, .heard_again = true};
	if (!jsontext_get_string(object, "username", &text, &len) ||
	    username_normalize(text, len, claim->username) != USERNAME_OK ||
	    !(seconds > 0 && seconds < LAST_SEEN_MAX_S))
		return false;
	claim->last_seen_ms = (int64_t)(seconds * 1000 + 0.5);
	if (jsontext_get_string(object, "identity", &text, &len))
		claim->has_identity = identity_parse(text, len, claim->identity);
	if (claim->has_identity)
		claim->since_s = json_integer_value(json_object_get(object, "since"));
	if (claim->since_s < 0)
		claim->since_s = 0;
	claim->left = json_is_true(json_object_get(object, "left"));
	claim->back_s = claim->has_identity ? json_integer_value(json_object_get(object, "back")) : 0;
	claim->extra = collect_extra(object);
	claim->room_count = announcement_parse_rooms(json_object_get(object, "rooms"), rooms);
	claim->rooms = claim->room_count > 0 ? malloc(claim->room_count * sizeof(rooms[0])) : NULL;
	if (claim->rooms)
		memcpy(claim->rooms, rooms, claim->room_count * sizeof(rooms[0]));
	else
		claim->room_count = 0;
	return true;
}

/* Reads the record of an address, and returns how many claims it holds; 0 if it is none. */
static size_t parse_claims(json_t *object, struct peer claims[static PEERS_CLAIMS_MAX])
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

/* Notes where the times of a line that begins at offset stand, if it is just as we write it. */
static void find_offsets(const char *line, size_t len, size_t offset, struct peer *claims, size_t count)
{
	struct buffer text = {0};
	struct peer *written[PEERS_CLAIMS_MAX];
	size_t offsets[PEERS_CLAIMS_MAX];

	for (size_t i = 0; i < count; i++)
		written[i] = &claims[i];
	if (peerscontent_format_claims(&text, written, count, offsets) == 0 && text.len == len + 1 &&
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

/* Takes the addresses of a list; others are passed over. */
static void take_reach(struct peerscontent *content, const json_t *list)
{
	const json_t *text;
	size_t i;

	content->reach_count = 0;
	json_array_foreach(list, i, text)
	{
		struct in_addr *next = &content->reach[content->reach_count];

		if (content->reach_count < PEERSCONTENT_REACH_MAX && json_is_string(text) &&
		    address_parse(json_string_value(text), next) == 0)
			content->reach_count++;
	}
}

/* Takes the record of the user's own name. What is no name in the form that usernames have is none. */
static void take_self(struct peerscontent *content, json_t *object)
{
	const char *name = json_string_value(json_object_get(object, "self"));
	const char *accept = json_string_value(json_object_get(object, "accept"));
	int64_t since_s = json_integer_value(json_object_get(object, "since"));

	if (!accept || !pins_accept_parse(accept, &content->accept))
		content->accept = PINS_ACCEPT_ALL;
	take_reach(content, json_object_get(object, "reach"));
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

/*
 * Takes the line of a room, which will be at the end of the others; false if there are too many. A line may have 20 KB, and
 * whoever reads the file need not want it, so it is told by its beginning, if it is as we write it, and not parsed.
 */
static bool take_room(struct peerscontent *content, const char *id, size_t len)
{
	size_t i = 0;

	while (i < content->room_count && memcmp(content->rooms[i].id, id, PEERSCONTENT_ROOM_LEN) != 0)
		i++;
	if (i == PEERSCONTENT_ROOMS_MAX)
		return false;
	content->room_count += i == content->room_count;
	content->rooms[i] = (struct peerscontent_room){.offset = content->others.len, .len = len};
	memcpy(content->rooms[i].id, id, PEERSCONTENT_ROOM_LEN);
	return true;
}

/* Takes a record that is no address; false if it means nothing. */
static bool take_section(struct reading *reading, json_t *object, size_t line_len)
{
	const char *key;
	size_t len;

	if (jsontext_get_string(object, "self", &key, &len))
		take_self(reading->content, object);
	else if (jsontext_get_string(object, "known", &key, &len))
		json_object_set(reading->pins, key, object);
	else if (jsontext_get_string(object, "stranger", &key, &len) &&
		 (jsontext_get_string(object, "identity", &key, &len) ||
		     jsontext_get_string(object, "address", &key, &len)))
		json_object_set(reading->strangers, key, object);
	else
		return jsontext_get_string(object, "room", &key, &len) && len == PEERSCONTENT_ROOM_LEN &&
		       take_room(reading->content, key, line_len);
	return true;
}

static int append_line(struct buffer *text, const char *line, size_t len)
{
	int rc = buffer_append(text, line, len);

	return rc ? rc : buffer_append(text, "\n", 1);
}

/* Takes one line, its line feed not included. */
static int take_line(struct reading *reading, const char *line, size_t len, size_t offset)
{
	static const char room[] = "{\"room\": \"";
	struct peer claims[PEERS_CLAIMS_MAX];
	const char *id = line + sizeof(room) - 1;
	json_t *object;
	size_t count;
	int rc = 0;

	if (len > sizeof(room) + PEERSCONTENT_ROOM_LEN && memcmp(line, room, sizeof(room) - 1) == 0 &&
	    id[PEERSCONTENT_ROOM_LEN] == '"' && take_room(reading->content, id, len))
		return append_line(&reading->content->others, line, len);
	object = jsontext_parse(line, len, NULL);
	if (!object && errno == ENOMEM)
		return ENOMEM;
	count = object ? parse_claims(object, claims) : 0;
	if (count > 0) {
		find_offsets(line, len, offset, claims, count);
		rc = take_claims(reading->content, claims, count);
	} else if (take_section(reading, object, len) || (len > 0 && reading->unknown++ < PEERSCONTENT_UNKNOWN_MAX)) {
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
	char member[16];
	size_t found_len;
	json_t *object;

	snprintf(member, sizeof(member), "\"%s\"", kind);
	/* Most lines are peers, and not worth the parsing. */
	if (!memmem(line, len, member, strlen(member)))
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

	if (identity && !json_equal(identity, json_object_get(before, "identity")))
		return;
	for (const char *const *member = own_members; *member; member++)
		json_object_del(before, *member);
	json_object_update_missing(record, before);
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
