#include "file/fileoffer.h"

#include <stdio.h>
#include <string.h>

#include "base/jsontext.h"

json_t *fileoffer_to_json(const struct fileoffer *offer)
{
	return json_pack("{s:s, s:I, s:o*}", "name", offer->name, "bytes", (json_int_t)offer->bytes, "hash",
	    offer->has_hash ? jsontext_bytes(offer->hash, sizeof(offer->hash)) : NULL);
}

bool fileoffer_of_json(const json_t *object, struct fileoffer *offer)
{
	const json_t *bytes = json_object_get(object, "bytes");
	struct fileoffer read = {.bytes = json_integer_value(bytes), .has_hash = json_object_get(object, "hash")};
	const char *name;
	size_t len;

	if (!json_is_integer(bytes) || read.bytes < 0 || !jsontext_get_string(object, "name", &name, &len) ||
	    (read.has_hash && !jsontext_get_bytes(object, "hash", read.hash, sizeof(read.hash))))
		return false;
	if (len <= FILENAME_MAX_BYTES)
		memcpy(read.name, name, len);
	*offer = read;
	return true;
}

const char *fileoffer_format_size(int64_t bytes, char text[static FILEOFFER_SIZE_BYTES])
{
	static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB", "PB", "EB"};
	double value = (double)bytes;
	size_t i = 0;

	/* What would round to 1,000 of a unit is 1 of the next. */
	for (; value >= 999.5; value /= 1000)
		i++;
	snprintf(text, FILEOFFER_SIZE_BYTES, "%.*f %s", i > 0 && value < 9.95, value, bytes == 1 ? "byte" : units[i]);
	return text;
}
