#include "exchange.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "arguments.h"
#include "base/base64.h"
#include "wire/envelope.h"
#include "wire/wire.h"

static const char key_begin[] = "{\"key\": \"";
static const char message_begin[] = "{\"encrypted_message\": \"";
/* Behind the value in both objects. */
#define END_BYTES 2
/* base64 of an id, and the NUL. */
#define ID_TEXT_BYTES 25

static void hash(uint8_t *out, size_t out_len, const uint8_t *key, const char *label, const uint8_t *const parts[],
    size_t count)
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, key, key ? DH_KEY_BYTES : 0, out_len);
	crypto_generichash_update(&state, (const uint8_t *)label, strlen(label));
	for (size_t i = 0; i < count; i++)
		crypto_generichash_update(&state, parts[i], DH_KEY_BYTES);
	crypto_generichash_final(&state, out, out_len);
}

void exchange_init(struct exchange *exchange, const char *key_file, bool unchecked)
{
	uint8_t seed[IDENTITY_SEED_BYTES];
	struct identity responder;
	char digits[DECIMAL_MAX_DIGITS + 1];
	FILE *file = fopen(key_file, "rb");

	if (!file || fread(seed, sizeof(seed), 1, file) != 1)
		arguments_fail("cannot read the responder's identity.key");
	fclose(file);
	identity_derive(&responder, seed);
	*exchange = (struct exchange){.unchecked = unchecked};
	memcpy(exchange->responder, responder.public, IDENTITY_BYTES);
	randombytes_buf(seed, sizeof(seed));
	identity_derive(&exchange->own, seed);
	errno = 0;
	if (crypto_scalarmult(exchange->es, exchange->own.exchange.secret, responder.exchange.public) != 0)
		arguments_fail("the responder's identity is of no use");
	decimal_format(exchange->own.exchange.public, digits);
	exchange->offer_len = (size_t)snprintf(exchange->offer, sizeof(exchange->offer), "%s%s\"}", key_begin, digits);
}

/* The value between begin and the end of an object; ends the program where it is another object. */
static const char *value_of(const char *object, size_t *len, const char *begin)
{
	size_t begin_len = strlen(begin);

	errno = 0;
	if (*len < begin_len + END_BYTES || memcmp(object, begin, begin_len) != 0)
		arguments_fail("the answer is another than it should be");
	*len -= begin_len + END_BYTES;
	return object + begin_len;
}

void exchange_keys(const struct exchange *exchange, struct line *line, struct exchange_keys *keys)
{
	const uint8_t *own = exchange->own.exchange.public, *responder = exchange->responder;
	uint8_t other[DH_KEY_BYTES], ee[DH_KEY_BYTES], both[2 * DH_KEY_BYTES], proof[DH_PROOF_BYTES];
	const char *digits, *object;
	size_t len;

	line_send(line, exchange->offer, exchange->offer_len);
	line_receive(line, &object, &len);
	digits = value_of(object, &len, key_begin);
	errno = 0;
	if (decimal_parse(digits, len, other) != 0 || crypto_scalarmult(ee, exchange->own.exchange.secret, other) != 0)
		arguments_fail("the responder's key is of no use");
	hash(both, sizeof(both), NULL, "quartet v2", (const uint8_t *const[]){responder, own, other, ee, exchange->es},
	    5);
	hash(proof, sizeof(proof), ee, "quartet sender",
	    (const uint8_t *const[]){exchange->own.public, responder, own, other}, 4);
	*keys = (struct exchange_keys){0};
	memcpy(keys->to_responder.key, both, DH_KEY_BYTES);
	memcpy(keys->to_initiator.key, both + DH_KEY_BYTES, DH_KEY_BYTES);
	identity_format(proof, keys->proof);
}

void exchange_seal(const struct exchange *exchange, struct exchange_keys *keys, const char *text, struct buffer *out)
{
	char plaintext[512], identity[IDENTITY_TEXT_BYTES], id[ID_TEXT_BYTES];
	uint8_t random[ENVELOPE_ID_BYTES];
	int len;

	errno = 0;
	randombytes_buf(random, sizeof(random));
	sodium_bin2base64(id, sizeof(id), random, sizeof(random), BASE64_VARIANT);
	if (keys->to_responder.counter == 0) {
		identity_format(exchange->own.public, identity);
		len = snprintf(plaintext, sizeof(plaintext),
		    "{\"identity\": \"%s\", \"proof\": \"%s\", \"id\": \"%s\", \"text\": \"%s\"}", identity,
		    keys->proof, id, text);
	} else {
		len = snprintf(plaintext, sizeof(plaintext), "{\"id\": \"%s\", \"text\": \"%s\"}", id, text);
	}
	if (buffer_append(out, message_begin, strlen(message_begin)) != 0 ||
	    secretbox_seal(&keys->to_responder, plaintext, (size_t)len, out) != 0 ||
	    buffer_append(out, "\"}", END_BYTES) != 0)
		arguments_fail("out of memory");
}

void exchange_check(const struct exchange *exchange, struct exchange_keys *keys, const char *object, size_t len)
{
	const char *sealed = value_of(object, &len, message_begin);
	struct buffer plaintext = {0};
	struct envelope_receipt receipt;

	if (exchange->unchecked)
		return;
	errno = 0;
	if (secretbox_open(&keys->to_initiator, sealed, len, &plaintext) != 0 ||
	    envelope_parse_receipt(plaintext.data, plaintext.len, &receipt, NULL) != 0 ||
	    receipt.received != keys->to_responder.counter - 1 || receipt.status != ENVELOPE_DONE)
		arguments_fail("a receipt is not what it should be");
	buffer_free(&plaintext);
}
