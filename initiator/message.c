#include "message.h"

#include <stdint.h>

#include "base/buffer.h"
#include "base/jsontext.h"
#include "base/text.h"

const char *message_fault(const char *text, size_t len, bool typed)
{
	const char *cursor = text;
	struct buffer json = {0};
	bool fits;

	if (typed && len >= MESSAGE_TYPED_MAX_BYTES)
		return "is as long as the terminal passes on (" TEXT_OF(
		    MESSAGE_TYPED_MAX_BYTES) " bytes), so its end may be missing; a file can be piped in";
	while (cursor < text + len) {
		uint32_t code_point = text_next(&cursor, text + len);

		if (code_point == UINT32_MAX)
			return "is not UTF-8 text";
		if (text_is_control(code_point) && code_point != '\t')
			return "has control characters in it";
	}
	fits = jsontext_append_string(&json, text, len) == 0 && json.len <= MESSAGE_MAX_BYTES;
	buffer_wipe(&json);
	return fits ? NULL : "has more than " TEXT_OF(MESSAGE_MAX_BYTES) " bytes";
}
