#include "trust/username.h"

#include <stdint.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>

#include "base/text.h"

enum username_fault username_normalize(const char *text, size_t len, char name[static USERNAME_MAX_BYTES + 1])
{
	const char *cursor, *end;

	text_trim(&text, &len);
	cursor = text;
	end = text + len;
	if (len == 0)
		return USERNAME_EMPTY;
	if (len > USERNAME_MAX_BYTES)
		return USERNAME_TOO_LONG;
	while (cursor < end) {
		bool is_first = cursor == text;
		uint32_t code_point = text_next(&cursor, end);

		if (code_point == UINT32_MAX)
			return USERNAME_NOT_UTF8;
		if (is_first && uc_is_general_category(code_point, UC_CATEGORY_M))
			return USERNAME_BEGINS_WITH_MARK;
		if (text_is_control(code_point))
			return USERNAME_HAS_CONTROL;
	}
	memmove(name, text, len);
	name[len] = '\0';
	return USERNAME_OK;
}

bool username_is_same(const char *name, const char *other)
{
	int order;

	return u8_casecmp((const uint8_t *)name, strlen(name), (const uint8_t *)other, strlen(other), NULL, UNINORM_NFD,
		   &order) == 0 &&
	       order == 0;
}

const char *username_rule(enum username_fault fault)
{
	switch (fault) {
	case USERNAME_EMPTY:
		return "a username has at least one character";
	case USERNAME_TOO_LONG:
		return "it has at most " TEXT_OF(USERNAME_MAX_BYTES) " bytes (an accent takes two)";
	case USERNAME_NOT_UTF8:
		return "it is UTF-8 text";
	case USERNAME_HAS_CONTROL:
		return "it has no control characters";
	case USERNAME_BEGINS_WITH_MARK:
		return "it does not begin with a combining mark";
	case USERNAME_OK:
		break;
	}
	return "it is fine";
}
