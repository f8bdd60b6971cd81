#include "file/fileask.h"

#include <errno.h>
#include <string.h>

#include "base/jsontext.h"

bool fileask_is(const json_t *body)
{
	const char *word = json_string_value(json_object_get(body, "ask"));

	return word && strcmp(word, "file") == 0;
}

json_t *fileask_format(const struct fileask *ask)
{
	if (ask->is_done)
		return json_pack("{s:s, s:o, s:b}", "ask", "file", "file", jsontext_bytes(ask->id, sizeof(ask->id)),
		    "done", 1);
	return json_pack("{s:s, s:o, s:I, s:o*}", "ask", "file", "file", jsontext_bytes(ask->id, sizeof(ask->id)),
	    "from", (json_int_t)ask->from, "prefix",
	    ask->has_prefix ? jsontext_bytes(ask->prefix, sizeof(ask->prefix)) : NULL);
}

int fileask_parse(const json_t *body, struct fileask *ask)
{
	const json_t *from = json_object_get(body, "from"), *done = json_object_get(body, "done");
	struct fileask read = {
	    .from = json_integer_value(from),
	    .has_prefix = json_object_get(body, "prefix") != NULL,
	    .is_done = json_is_true(done),
	};

	if (!fileask_is(body) || !jsontext_get_bytes(body, "file", read.id, sizeof(read.id)) ||
	    (from && !json_is_integer(from)) || read.from < 0 || (done && !read.is_done) ||
	    (read.has_prefix && !jsontext_get_bytes(body, "prefix", read.prefix, sizeof(read.prefix))) ||
	    (read.from > 0 && !read.has_prefix))
		return EPROTO;
	*ask = read;
	return 0;
}

json_t *fileask_format_answer(const struct fileask_answer *answer)
{
	return json_pack("{s:I, s:I}", "bytes", (json_int_t)answer->bytes, "from", (json_int_t)answer->from);
}

int fileask_parse_answer(const json_t *receipt, struct fileask_answer *answer)
{
	const json_t *bytes = json_object_get(receipt, "bytes"), *from = json_object_get(receipt, "from");
	struct fileask_answer read = {.bytes = json_integer_value(bytes), .from = json_integer_value(from)};

	if (!json_is_integer(bytes) || !json_is_integer(from) || read.from < 0 || read.from > read.bytes)
		return EPROTO;
	*answer = read;
	return 0;
}
