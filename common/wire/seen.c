#include "wire/seen.h"

#include <errno.h>
#include <string.h>

#include "wire/announcement.h"

json_t *seen_format_ask(void)
{
	return json_pack("{s:s}", "ask", "seen");
}

json_t *seen_format_answer(const struct seen_answer *answer)
{
	json_t *members = json_pack("{s:I}", "clock", (json_int_t)answer->clock_s);

	if (members && answer->is_seen)
		json_object_set_new(members, "seen", json_integer(answer->silence_s));
	return members;
}

bool seen_is_ask(const json_t *body)
{
	const char *ask = json_string_value(json_object_get(body, "ask"));

	return ask && strcmp(ask, "seen") == 0;
}

/* A time that anybody's clock may show, or a distance of two. */
static bool is_time(const json_t *value)
{
	return json_is_integer(value) && json_integer_value(value) >= 0 &&
	       json_integer_value(value) < ANNOUNCEMENT_SINCE_MAX_S;
}

int seen_parse_answer(const json_t *receipt, struct seen_answer *answer)
{
	const json_t *clock = json_object_get(receipt, "clock"), *silence = json_object_get(receipt, "seen");

	if (!is_time(clock) || (silence && !is_time(silence)))
		return EPROTO;
	*answer = (struct seen_answer){
	    .clock_s = json_integer_value(clock), .is_seen = silence != NULL, .silence_s = json_integer_value(silence)};
	return 0;
}
