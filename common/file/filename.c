#include "file/filename.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unictype.h>

#include "base/text.h"

/* What follows the name in the name of a part, without the NUL. */
#define ENDING_BYTES (1 + FILENAME_PART_DIGITS + sizeof(FILENAME_PART_SUFFIX) - 1)

/* Private use is not refused: nobody but the reader's own font gives it a meaning. */
static bool is_visible(uint32_t code_point)
{
	const uint32_t hidden = UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Cf | UC_CATEGORY_MASK_Cs | UC_CATEGORY_MASK_Cn |
				UC_CATEGORY_MASK_Zl | UC_CATEGORY_MASK_Zp;

	return !uc_is_general_category_withtable(code_point, hidden);
}

/* In any case, because some file systems do not tell cases apart. */
static bool is_part(const char *name, size_t len)
{
	char ending[ENDING_BYTES + 1];

	if (len <= ENDING_BYTES)
		return false;
	memcpy(ending, name + len - ENDING_BYTES, ENDING_BYTES);
	ending[ENDING_BYTES] = '\0';
	return ending[0] == '.' && strspn(ending + 1, "0123456789abcdefABCDEF") == FILENAME_PART_DIGITS &&
	       strcasecmp(ending + 1 + FILENAME_PART_DIGITS, FILENAME_PART_SUFFIX) == 0;
}

const char *filename_fault(const char *name, size_t len)
{
	const char *at = name, *end = name + len;

	if (len == 0)
		return "is empty";
	if (len > FILENAME_MAX_BYTES)
		return "is longer than " TEXT_OF(FILENAME_MAX_BYTES) " bytes";
	if (!text_is_utf8(name, len))
		return "is not UTF-8";
	if (memchr(name, '/', len))
		return "has a slash in it";
	if (name[0] == '.')
		return "begins with a dot";
	if (name[0] == '-')
		return "begins with a dash";
	while (at < end) {
		if (!is_visible(text_next(&at, end)))
			return "has a character in it that cannot be seen";
	}
	return is_part(name, len) ? "is that of a part of a file" : NULL;
}
