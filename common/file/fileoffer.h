/*
 * An offer of a file, as it stands in a message, in a saying and in chat.log:
 *
 *   {"name": "plan.pdf", "bytes": 2100000}, in a room with "hash": base64 of BLAKE2b-256 of the content
 *
 * What is read may come from anybody. Only its form is checked; filename_fault() judges the name. Nothing blocks.
 */
#ifndef QUARTET_FILEOFFER_H
#define QUARTET_FILEOFFER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "file/filename.h"

#define FILE_HASH_BYTES 32

/* Why an offer is not taken, as its receipt says it. */
#define FILEOFFER_NO_NAME "name"

struct fileoffer {
	char name[FILENAME_MAX_BYTES + 1]; /* UTF-8; "", which is no name, if it was too long */
	int64_t bytes;
	bool has_hash;
	uint8_t hash[FILE_HASH_BYTES];
};

/* The JSON object, a new reference; NULL if the name is not UTF-8, or out of memory. */
json_t *fileoffer_to_json(const struct fileoffer *offer) __attribute__((warn_unused_result));

/* Reads such an object, ignoring further members. Returns false, with *offer left alone, for anything else. */
bool fileoffer_of_json(const json_t *object, struct fileoffer *offer) __attribute__((warn_unused_result));

/* Writes a number of bytes for people, in decimal units: "2.1 MB", "812 bytes". Returns text. */
#define FILEOFFER_SIZE_BYTES 32
const char *fileoffer_format_size(int64_t bytes, char text[static FILEOFFER_SIZE_BYTES]);

#endif
