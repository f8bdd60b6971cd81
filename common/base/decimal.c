#include "base/decimal.h"

#include <errno.h>
#include <string.h>

bool decimal_is_number(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
	}
	return len > 0;
}

size_t decimal_format(const uint8_t bytes[static DECIMAL_BYTES], char digits[static DECIMAL_MAX_DIGITS + 1])
{
	uint8_t number[DECIMAL_BYTES];
	char reversed[DECIMAL_MAX_DIGITS];
	size_t count = 0, first = 0;

	memcpy(number, bytes, sizeof(number));
	do {
		unsigned remainder = 0;

		for (size_t i = first; i < DECIMAL_BYTES; i++) {
			remainder = remainder << 8 | number[i];
			number[i] = (uint8_t)(remainder / 10);
			remainder %= 10;
		}
		reversed[count++] = (char)('0' + remainder);
		while (first < DECIMAL_BYTES && number[first] == 0)
			first++;
	} while (first < DECIMAL_BYTES);
	for (size_t i = 0; i < count; i++)
		digits[i] = reversed[count - 1 - i];
	digits[count] = '\0';
	return count;
}

int decimal_parse(const char *digits, size_t len, uint8_t bytes[static DECIMAL_BYTES])
{
	uint8_t number[DECIMAL_BYTES] = {0};

	if (!decimal_is_number(digits, len))
		return EINVAL;
	for (; len > 0 && *digits == '0'; len--)
		digits++;
	if (len > DECIMAL_MAX_DIGITS)
		return ERANGE;
	for (size_t d = 0; d < len; d++) {
		unsigned carry = (unsigned)(digits[d] - '0');

		for (size_t i = DECIMAL_BYTES; i-- > 0; carry >>= 8) {
			carry += number[i] * 10u;
			number[i] = (uint8_t)carry;
		}
		if (carry != 0)
			return ERANGE;
	}
	memcpy(bytes, number, sizeof(number));
	return 0;
}

bool decimal_is_small(const uint8_t bytes[static DECIMAL_BYTES])
{
	for (size_t i = 0; i < DECIMAL_BYTES - sizeof(uint64_t); i++) {
		if (bytes[i] != 0)
			return false;
	}
	return true;
}
