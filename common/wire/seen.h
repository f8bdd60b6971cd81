/*
 * The ask whether its sender is heard: {"ask": "seen"}, and the members of its answer, {"clock": 1763625600, "seen": 3}, if it is, so many seconds ago.
 *
 * common/PROTOCOL.md, section 3.1. Nothing blocks.
 */
#ifndef QUARTET_SEEN_H
#define QUARTET_SEEN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct seen_answer {
	int64_t clock_s; /* wall clock of who answers */
	bool is_seen;	 /* an announcement signed by who asks was heard and is listed there, and */
	int64_t silence_s;
};

/* New references, or NULL if out of memory. */
json_t *seen_format_ask(void) __attribute__((warn_unused_result));
json_t *seen_format_answer(const struct seen_answer *answer) __attribute__((warn_unused_result));

/* Whether an object is that ask. */
bool seen_is_ask(const json_t *body);

/* Reads the members of a receipt. Returns 0, or EPROTO if they are none of such an answer. */
int seen_parse_answer(const json_t *receipt, struct seen_answer *answer) __attribute__((warn_unused_result));

#endif
