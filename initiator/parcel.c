#include "parcel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char between[] = " to ";

static const char *find_last_between(const char *typed)
{
	const char *found = NULL;

	for (const char *at = typed; (at = strstr(at, between)); at++)
		found = at;
	return found;
}

bool parcel_expand(char path[static PATH_MAX], const char *typed, size_t len)
{
	const char *home = len > 1 && strncmp(typed, "~/", 2) == 0 ? getenv("HOME") : NULL;

	return snprintf(path, PATH_MAX, "%s%.*s", home ? home : "", (int)(home ? len - 1 : len),
		   home ? typed + 1 : typed) < PATH_MAX;
}

bool parcel_read(struct parcel *parcel, const char *typed, bool only_file)
{
	const char *end = typed[0] == '"' || typed[0] == '\'' ? strchr(typed + 1, typed[0]) : NULL;
	const char *rest = NULL;

	/* Else they are part of the name. */
	if (end && end[1] != '\0' && (only_file || strncmp(end + 1, between, strlen(between)) != 0))
		end = NULL;
	if (end) {
		typed++;
		rest = end[1] != '\0' ? end + 1 : NULL;
	} else {
		rest = only_file ? NULL : find_last_between(typed);
		end = rest ? rest : typed + strlen(typed);
		while (rest && end > typed && end[-1] == ' ')
			end--;
	}
	parcel->to = rest ? rest + strlen(between) + strspn(rest + strlen(between), " ") : NULL;
	return parcel_expand(parcel->path, typed, (size_t)(end - typed));
}
