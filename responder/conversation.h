/*
 * One connection's side of the protocol: which object may come now, and what it answers.
 *
 * Specification 2.4.0-C, common/PROTOCOL.md sections 2 and 3: a key is answered with a key, a message goes to the
 * inbox, and what comes out of turn, does not decrypt or is no such object ends the conversation. It knows no socket:
 * bytes come in, and bytes to send gather in `outgoing`.
 */
#ifndef QUARTET_CONVERSATION_H
#define QUARTET_CONVERSATION_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inbox.h"
#include "store/keyfile.h"
#include "wire/exchange.h"
#include "wire/framing.h"

/* A person may be typing: somebody from whom nothing has begun to come is waited for so long. */
#define CONVERSATION_TYPING_MS 900000
/* An object that has begun must end within this, and who was told that nothing will be answered has so long to end. */
#define CONVERSATION_OBJECT_S 30
/* A key exchange costs four multiplications on the curve, so there are this many without a message in between. */
#define CONVERSATION_KEYS_MAX 3
/*
 * Who sent messages in the clear and no key, and then is quiet for this long, is told that nothing will be answered:
 * some wait for that before they go on.
 */
#define CONVERSATION_QUIET_MS 300

struct conversation {
	struct in_addr peer;
	const struct keyfile *key;
	struct framer framer;
	struct exchange exchange; /* since the last key */
	bool strict;		  /* the classic exchange is refused */
	struct buffer outgoing;	  /* to be sent, in order */
	unsigned keys;		  /* exchanged since the last secure message */
	bool spoken;		  /* at least one whole object came */
	bool keyed;		  /* at least one of them was a key */
	bool closed;		  /* our sending side is, says the owner: nothing can be answered any more */
	bool is_handed_over;	  /* another process goes on with it, says the owner: nothing more is taken or sent */
	int64_t heard_ms;	  /* monotonic: of the last whole object, or of the beginning */
	int64_t begun_ms;	  /* monotonic: of the object that has begun and not ended; 0 if there is none */
};

/*
 * Begins a conversation with peer at now_ms (monotonic). key holds the identity at any time and must outlive the
 * conversation. If strict, the classic exchange is refused.
 */
void conversation_begin(struct conversation *conversation, struct in_addr peer, const struct keyfile *key, bool strict,
    int64_t now_ms);

/*
 * Takes len bytes that arrived at now_ms. Messages go to the inbox, which copies them. Returns NULL, or why the
 * conversation must end, in static storage or that of strerror(3): "it is not JSON".
 */
const char *conversation_receive(struct conversation *conversation, const char *bytes, size_t len, struct inbox *inbox,
    int64_t now_ms) __attribute__((warn_unused_result));

/* Seals the receipt for something secure in the conversation into outgoing, with further members unless they are NULL. */
void conversation_acknowledge(struct conversation *conversation, const struct envelope_receipt *receipt,
    json_t *members);

/* When the conversation is over because nothing, or not enough, came: monotonic. */
int64_t conversation_deadline_ms(const struct conversation *conversation);

/* When our sending side is to be closed, monotonic, and the conversation marked so; INT64_MAX for not so far. */
int64_t conversation_close_ms(const struct conversation *conversation);

/* Wipes and releases all it holds. */
void conversation_end(struct conversation *conversation);

#endif
