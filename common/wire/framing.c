#include "wire/framing.h"

#include <errno.h>

int framer_push(struct framer *framer, const char *bytes, size_t len)
{
	return buffer_append(&framer->pending, bytes, len);
}

static bool is_json_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Drops what was handed out and the white space before the next object. */
static void drop_front(struct framer *framer)
{
	size_t front = framer->handed_out;

	framer->handed_out = 0;
	if (framer->depth == 0) {
		while (front < framer->pending.len && is_json_space(framer->pending.data[front]))
			front++;
		framer->scanned = 0;
	}
	buffer_consume(&framer->pending, front);
}

/* Looks at one byte; true if it closes the outermost bracket. */
static bool scan(struct framer *framer, char c)
{
	if (framer->in_string) {
		if (framer->escaped)
			framer->escaped = false;
		else if (c == '\\')
			framer->escaped = true;
		else if (c == '"')
			framer->in_string = false;
		return false;
	}
	if (c == '"')
		framer->in_string = true;
	else if (c == '{' || c == '[')
		framer->depth++;
	else if (c == '}' || c == ']')
		return --framer->depth == 0;
	return false;
}

int framer_next(struct framer *framer, const char **object, size_t *len)
{
	drop_front(framer);
	if (framer->pending.len == 0) {
		/* An idle connection keeps no memory. */
		buffer_free(&framer->pending);
		return EAGAIN;
	}
	if (framer->pending.data[0] != '{')
		return EBADMSG;
	while (framer->scanned < framer->pending.len) {
		if (framer->scanned >= FRAMING_MAX_BYTES)
			return EMSGSIZE;
		if (scan(framer, framer->pending.data[framer->scanned++])) {
			*object = framer->pending.data;
			*len = framer->handed_out = framer->scanned;
			return 0;
		}
	}
	return EAGAIN;
}

const char *framer_rest(const struct framer *framer, size_t *len)
{
	*len = framer->pending.len - framer->handed_out;
	return *len > 0 ? framer->pending.data + framer->handed_out : "";
}

bool framer_is_partial(const struct framer *framer)
{
	return framer->depth > 0;
}

void framer_free(struct framer *framer)
{
	buffer_wipe(&framer->pending);
	*framer = (struct framer){0};
}
