/*
 * One connection's side of the protocol: which object may come now, and what it answers.
 *
 * Specification 2.4.0-C, common/PROTOCOL.md sections 2 and 3.1: a key is answered with a key, a message goes to the
 * inbox, and what comes out of turn, does not decrypt or is no such object ends the conversation. It knows no socket:
 * bytes come in, and bytes to send gather in `outgoing`.
 */
#ifndef QUARTET_CONVERSATION_H
#define QUARTET_CONVERSATION_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "framing.h"
#include "inbox.h"
#include "session.h"

/* A connection that says nothing, or does not finish what it began, is closed after this. */
#define CONVERSATION_SILENT_MS 30000
/* After the keys a person may take this long to type. */
#define CONVERSATION_TYPING_MS 900000
/* A key exchange costs four multiplications on the curve, so there are this many without a message in between. */
#define CONVERSATION_KEYS_MAX 3

struct conversation {
	struct in_addr peer;
	struct framer framer;
	struct session *session; /* since the last key, or NULL */
	struct buffer outgoing;	 /* to be sent, in order */
	unsigned keys;		 /* exchanged since the last secure message */
	bool spoken;		 /* at least one whole object came */
	int64_t heard_ms;	 /* monotonic: of the last whole object, or of the beginning */
	int64_t begun_ms;	 /* monotonic: of the object that has begun and not ended; 0 where there is none */
};

/* Begins a conversation with peer at now_ms (monotonic). */
void conversation_begin(struct conversation *conversation, struct in_addr peer, int64_t now_ms);

/*
 * Takes len bytes that arrived at now_ms. Messages go to the inbox, which copies them. Returns NULL, or why the
 * conversation must end, in static storage or that of strerror(3): "it is not JSON".
 */
const char *conversation_receive(struct conversation *conversation, const char *bytes, size_t len, struct inbox *inbox,
    int64_t now_ms) __attribute__((warn_unused_result));

/* Seals the receipt for message number counter into outgoing. To be given to the inbox. */
void conversation_acknowledge(void *conversation, uint64_t counter);

/* When the conversation has been silent too long, monotonic. */
int64_t conversation_deadline_ms(const struct conversation *conversation);

/* Wipes and releases all it holds. */
void conversation_end(struct conversation *conversation);

#endif
