#include "message.h"

#include <stdint.h>
#include <string.h>

#include "base/buffer.h"
#include "base/jsontext.h"
#include "base/text.h"

/* Whether a line is as long as those that a terminal cuts off. */
static bool has_long_line(const char *text, size_t len)
{
	const char *line = text, *end = text + len, *feed;

	while ((feed = memchr(line, '\n', (size_t)(end - line)))) {
		if (feed - line >= MESSAGE_TYPED_MAX_BYTES)
			return true;
		line = feed + 1;
	}
	return end - line >= MESSAGE_TYPED_MAX_BYTES;
}

const char *message_fault(const char *text, size_t len, bool typed, bool pasted)
{
	const char *cursor = text;
	struct buffer json = {0};
	bool fits;

	if (typed && has_long_line(text, len))
		return "is as long as the terminal passes on (" TEXT_OF(
		    MESSAGE_TYPED_MAX_BYTES) " bytes), so its end may be missing; a file can be piped in";
	while (cursor < text + len) {
		uint32_t code_point = text_next(&cursor, text + len);

		if (code_point == UINT32_MAX)
			return "is not UTF-8 text";
		if (code_point == 0 ||
		    (text_is_control(code_point) && !pasted && code_point != '\t' && code_point != '\n'))
			return "has control characters in it";
	}
	fits = jsontext_append_string(&json, text, len) == 0 && json.len <= MESSAGE_MAX_BYTES;
	buffer_wipe(&json);
	return fits ? NULL : "has more than " TEXT_OF(MESSAGE_MAX_BYTES) " bytes";
}
