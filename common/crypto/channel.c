#include "crypto/channel.h"

#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "crypto/secretbox.h"

struct channel {
	struct dh_pair ephemeral;
	struct identity own;
	uint8_t peer_ephemeral[DH_KEY_BYTES];
	uint8_t peer[IDENTITY_BYTES]; /* of the initiator's channel: whom it is for */
	bool initiator;
	bool agreed;
	bool proven; /* the proof was made */
	struct secretbox sealing, opening;
	char digits[DECIMAL_MAX_DIGITS + 1]; /* our own public key */
};

static struct channel *new_channel(bool initiator, const struct identity *own)
{
	struct channel *channel = calloc(1, sizeof(*channel));

	if (channel) {
		channel->initiator = initiator;
		channel->own = *own;
	}
	return channel;
}

/* Wipes what our identity is no longer needed for; its public half stays. */
static void forget_secret(struct channel *channel)
{
	sodium_memzero(channel->own.secret, sizeof(channel->own.secret));
	sodium_memzero(&channel->own.exchange, sizeof(channel->own.exchange));
}

static void agree(struct channel *channel, struct dh_keys *keys)
{
	memcpy(channel->sealing.key, channel->initiator ? keys->to_responder : keys->to_initiator, DH_KEY_BYTES);
	memcpy(channel->opening.key, channel->initiator ? keys->to_initiator : keys->to_responder, DH_KEY_BYTES);
	sodium_memzero(keys, sizeof(*keys));
	channel->agreed = true;
}

/* A key below 2^64 belongs to the classic exchange, whatever it would be on the curve. */
static int read_peer_key(struct channel *channel, const char *digits, size_t len)
{
	if (decimal_parse(digits, len, channel->peer_ephemeral) != 0 || decimal_is_small(channel->peer_ephemeral))
		return EPROTO;
	return 0;
}

int channel_initiate(struct channel **channel, const struct identity *own, const uint8_t peer[static IDENTITY_BYTES],
    const char *number)
{
	struct channel *begun = new_channel(true, own);
	uint8_t fresh[DH_FRESH_BYTES];

	if (!begun)
		return ENOMEM;
	memcpy(begun->peer, peer, IDENTITY_BYTES);
	randombytes_buf(fresh, sizeof(fresh));
	dh_generate_from_number(&begun->ephemeral, number, strlen(number), fresh);
	sodium_memzero(fresh, sizeof(fresh));
	decimal_format(begun->ephemeral.public, begun->digits);
	*channel = begun;
	return 0;
}

int channel_complete(struct channel *channel, const char *digits, size_t len)
{
	struct dh_keys keys;
	int rc = EPROTO;

	if (channel->initiator && !channel->agreed)
		rc = read_peer_key(channel, digits, len);
	if (rc == 0)
		rc = dh_initiator_keys(&channel->ephemeral, channel->peer_ephemeral, channel->peer, &keys);
	if (rc == 0)
		agree(channel, &keys);
	return rc;
}

int channel_respond(struct channel **channel, const struct identity *own, const char *digits, size_t len)
{
	struct channel *begun = new_channel(false, own);
	struct dh_keys keys;
	int rc;

	if (!begun)
		return ENOMEM;
	rc = read_peer_key(begun, digits, len);
	if (rc == 0) {
		dh_generate(&begun->ephemeral);
		rc = dh_responder_keys(&begun->ephemeral, own, begun->peer_ephemeral, &keys);
	}
	if (rc != 0) {
		channel_free(begun);
		return rc;
	}
	agree(begun, &keys);
	forget_secret(begun);
	decimal_format(begun->ephemeral.public, begun->digits);
	*channel = begun;
	return 0;
}

const char *channel_key_digits(const struct channel *channel)
{
	return channel->digits;
}

void channel_keys(const struct channel *channel, uint8_t keys[static CHANNEL_KEYS_BYTES])
{
	const uint8_t *own = channel->ephemeral.public, *peers = channel->peer_ephemeral;

	memcpy(keys, channel->initiator ? own : peers, DH_KEY_BYTES);
	memcpy(keys + DH_KEY_BYTES, channel->initiator ? peers : own, DH_KEY_BYTES);
}

void channel_file_key(const struct channel *channel, uint8_t key[static CHANNEL_FILE_KEY_BYTES])
{
	static const char label[] = "quartet file";
	const struct secretbox *to_initiator = channel->initiator ? &channel->opening : &channel->sealing;
	uint8_t named[sizeof(label) - 1 + CHANNEL_KEYS_BYTES];

	memcpy(named, label, sizeof(label) - 1);
	channel_keys(channel, named + sizeof(label) - 1);
	crypto_generichash(key, CHANNEL_FILE_KEY_BYTES, named, sizeof(named), to_initiator->key,
	    sizeof(to_initiator->key));
}

int channel_prove(struct channel *channel, uint8_t proof[static DH_PROOF_BYTES])
{
	int rc;

	if (!channel->initiator || !channel->agreed || channel->proven)
		return EPROTO;
	rc = dh_prove(&channel->own, channel->ephemeral.public, channel->peer_ephemeral, channel->peer, proof);
	channel->proven = true;
	forget_secret(channel);
	return rc;
}

int channel_check_proof(const struct channel *channel, const uint8_t peer[static IDENTITY_BYTES],
    const uint8_t proof[static DH_PROOF_BYTES])
{
	if (channel->initiator)
		return EPROTO;
	return dh_check_proof(&channel->ephemeral, channel->own.public, channel->peer_ephemeral, peer, proof);
}

uint64_t channel_count_sealed(const struct channel *channel)
{
	return channel->sealing.counter;
}

uint64_t channel_count_opened(const struct channel *channel)
{
	return channel->opening.counter;
}

int channel_seal(struct channel *channel, const void *plaintext, size_t len, struct buffer *out)
{
	return channel->agreed ? secretbox_seal(&channel->sealing, plaintext, len, out) : EPROTO;
}

int channel_open(struct channel *channel, const char *base64, size_t len, struct buffer *out)
{
	int rc = channel->agreed ? secretbox_open(&channel->opening, base64, len, out) : EPROTO;

	return rc == EBADMSG ? EPROTO : rc;
}

void channel_free(struct channel *channel)
{
	if (channel)
		sodium_memzero(channel, sizeof(*channel));
	free(channel);
}
