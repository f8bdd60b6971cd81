/*
 * A secure session of PROTOCOL.md section 3.1: who may speak when, on top of dh and secretbox.
 *
 * The initiator offers a key, the responder answers with its own, and then every message is sealed; the first one from
 * the initiator carries its identity and the proof of it, and each is answered with a receipt. The transport is the
 * caller's: keys go in and out as decimal digits, messages as base64 text. A session refuses what comes out of turn.
 * All functions return 0, ENOMEM, or EPROTO for what the other side got wrong or forged; after EPROTO the session must
 * not be used further. Nothing blocks; session_free() wipes every secret.
 */
#ifndef QUARTET_SESSION_H
#define QUARTET_SESSION_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "crypto/identity.h"

struct session;

/* A text that was opened. It belongs to the receiver, who ends with session_text_free(). */
struct session_text {
	struct buffer plaintext; /* the whole JSON object */
	char *text;		 /* UTF-8, NUL-terminated */
	size_t text_len;
	uint64_t counter;	      /* of the message, for its receipt */
	uint8_t sender[DH_KEY_BYTES]; /* the identity that was proven */
};

/*
 * Begins a session with the holder of peer_identity. number is what the user typed, digits_len decimal digits. *session
 * is the caller's to free.
 */
int session_initiate(struct session **session, const struct identity *identity,
    const uint8_t peer_identity[static DH_KEY_BYTES], const char *number, size_t digits_len)
    __attribute__((warn_unused_result));

/* The initiator takes the responder's key, digits_len decimal digits. */
int session_complete(struct session *session, const char *digits, size_t digits_len)
    __attribute__((warn_unused_result));

/* The responder's whole exchange: takes the initiator's key and makes its own. *session is the caller's to free. */
int session_respond(struct session **session, const struct identity *identity, const char *digits, size_t digits_len)
    __attribute__((warn_unused_result));

/* Our own public key as decimal digits, for the "key" object. Lives as long as the session. */
const char *session_key_digits(const struct session *session);

/* The initiator seals a text of well-formed UTF-8 (else EILSEQ) and appends the base64 to out. */
int session_seal_text(struct session *session, const char *text, size_t len, struct buffer *out)
    __attribute__((warn_unused_result));

/* The responder opens such a message and checks the proof. *text is the caller's to free where 0 is returned. */
int session_open_text(struct session *session, const char *base64, size_t len, struct session_text *text)
    __attribute__((warn_unused_result));

/* The responder seals the receipt for the message with that counter and appends the base64 to out. */
int session_seal_receipt(struct session *session, uint64_t counter, struct buffer *out)
    __attribute__((warn_unused_result));

/* The initiator opens a receipt and learns which message it is for. */
int session_open_receipt(struct session *session, const char *base64, size_t len, uint64_t *counter)
    __attribute__((warn_unused_result));

/* Wipes and releases the text; harmless on a zeroed one. */
void session_text_free(struct session_text *text);

/* Wipes and releases the session; NULL is fine. */
void session_free(struct session *session);

#endif
