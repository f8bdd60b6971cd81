#include "base/decimal.h"

#include <errno.h>
#include <string.h>

/* The number is kept in words, the highest first, and goes through by groups of digits. */
#define WORDS (DECIMAL_BYTES / 4)
#define GROUP_DIGITS 9
#define GROUP 1000000000u

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
	uint32_t quotient[WORDS] = {0};
	char reversed[DECIMAL_MAX_DIGITS];
	size_t count = 0;
	uint32_t left;

	for (size_t i = 0; i < DECIMAL_BYTES; i++)
		quotient[i / 4] = quotient[i / 4] << 8 | bytes[i];
	do {
		uint64_t remainder = 0;

		left = 0;
		for (size_t i = 0; i < WORDS; i++) {
			uint64_t value = remainder << 32 | quotient[i];

			quotient[i] = (uint32_t)(value / GROUP);
			remainder = value % GROUP;
			left |= quotient[i];
		}
		for (size_t i = 0; i < GROUP_DIGITS && (i == 0 || left != 0 || remainder != 0); i++, remainder /= 10)
			reversed[count++] = (char)('0' + remainder % 10);
	} while (left != 0);
	for (size_t i = 0; i < count; i++)
		digits[i] = reversed[count - 1 - i];
	digits[count] = '\0';
	return count;
}

int decimal_parse(const char *digits, size_t len, uint8_t bytes[static DECIMAL_BYTES])
{
	uint32_t number[WORDS] = {0};

	if (!decimal_is_number(digits, len))
		return EINVAL;
	for (size_t d = 0; d < len;) {
		uint64_t carry = 0, scale = 1;

		for (; d < len && scale < GROUP; d++, scale *= 10)
			carry = carry * 10 + (uint64_t)(digits[d] - '0');
		for (size_t i = WORDS; i-- > 0; carry >>= 32) {
			carry += number[i] * scale;
			number[i] = (uint32_t)carry;
		}
		if (carry != 0)
			return ERANGE;
	}
	for (size_t i = 0; i < DECIMAL_BYTES; i++)
		bytes[i] = (uint8_t)(number[i / 4] >> (24 - i % 4 * 8));
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
