/*
 * Numbers too large for the machine: a 32-byte big-endian integer as decimal digits and back, because an X25519 public key
 * travels as one (common/PROTOCOL.md, section 3.1). For public values only: the time taken depends on the number.
 */
#ifndef QUARTET_DECIMAL_H
#define QUARTET_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DECIMAL_BYTES 32
/* Digits of 2^256 - 1. */
#define DECIMAL_MAX_DIGITS 78

/* Whether text has at least one character and consists of the digits 0 to 9 alone. */
bool decimal_is_number(const char *text, size_t len);

/* Writes the integer without leading zeros ("0" for zero) and a NUL. Returns the count of digits. */
size_t decimal_format(const uint8_t bytes[static DECIMAL_BYTES], char digits[static DECIMAL_MAX_DIGITS + 1]);

/* Reads digits, with leading zeros or not. Returns 0; EINVAL for what is no number, or ERANGE for 2^256 and above. */
int decimal_parse(const char *digits, size_t len, uint8_t bytes[static DECIMAL_BYTES])
    __attribute__((warn_unused_result));

/* Whether the integer is below 2^64: a key of the classic exchange, not of ours. */
bool decimal_is_small(const uint8_t bytes[static DECIMAL_BYTES]);

#endif
