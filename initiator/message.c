#include "message.h"

#include <stdint.h>

#include "base/buffer.h"
#include "base/jsontext.h"
#include "base/text.h"

enum message_fault message_check(const char *text, size_t len, bool typed)
{
	const char *cursor = text;
	struct buffer json = {0};
	bool fits;

	if (typed && len >= MESSAGE_TYPED_MAX_BYTES)
		return MESSAGE_CUT;
	while (cursor < text + len) {
		uint32_t code_point = text_next(&cursor, text + len);

		if (code_point == UINT32_MAX)
			return MESSAGE_NOT_UTF8;
		if (text_is_control(code_point) && code_point != '\t')
			return MESSAGE_CONTROLS;
	}
	fits = jsontext_append_string(&json, text, len) == 0 && json.len <= MESSAGE_MAX_BYTES;
	buffer_wipe(&json);
	return fits ? MESSAGE_FINE : MESSAGE_TOO_LONG;
}
