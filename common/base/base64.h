/*
 * base64 of the standard alphabet, padded (RFC 4648 section 4), read strictly. Writing is sodium_bin2base64(); reading is
 * sodium_base642bin() behind a check, because libsodium 1.0.18 takes bytes above 127 for letters of the alphabet.
 */
#ifndef QUARTET_BASE64_H
#define QUARTET_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sodium.h>

#define BASE64_VARIANT sodium_base64_VARIANT_ORIGINAL

/* Decodes all of text into bytes. Returns false, with bytes undefined, for anything else than base64 that fits. */
bool base64_decode(const char *text, size_t len, uint8_t *bytes, size_t bytes_size, size_t *bytes_len)
    __attribute__((warn_unused_result));

#endif
