#include "crypto/dh.h"

#include <errno.h>
#include <sodium.h>

#include "crypto/identity.h"

static const uint8_t ephemeral_label[] = "quartet ephemeral";
static const uint8_t keys_label[] = "quartet v2";
static const uint8_t proof_label[] = "quartet sender";

_Static_assert(sizeof(struct dh_keys) == 2 * DH_KEY_BYTES, "the keys are one hash");

/* The labels go into the hashes without the NUL that C adds. */
#define LABEL_BYTES(label) (sizeof(label) - 1)

void dh_generate(struct dh_pair *pair)
{
	randombytes_buf(pair->secret, sizeof(pair->secret));
	dh_derive_public(pair);
}

void dh_derive_public(struct dh_pair *pair)
{
	/* Fails for no secret: clamping keeps it away from zero, and the base point has the large order. */
	if (crypto_scalarmult_base(pair->public, pair->secret) != 0)
		sodium_misuse();
}

void dh_generate_from_number(struct dh_pair *pair, const char *digits, size_t digits_len,
    const uint8_t fresh[static DH_FRESH_BYTES])
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, sizeof(pair->secret));
	crypto_generichash_update(&state, ephemeral_label, LABEL_BYTES(ephemeral_label));
	crypto_generichash_update(&state, (const uint8_t *)digits, digits_len);
	crypto_generichash_update(&state, fresh, DH_FRESH_BYTES);
	crypto_generichash_final(&state, pair->secret, sizeof(pair->secret));
	sodium_memzero(&state, sizeof(state));
	dh_derive_public(pair);
}

/* ee = X25519(ephemeral, peer_ephemeral) and es = X25519(secret, public), mixed with what both sides know. */
static int agree(const uint8_t *ephemeral, const uint8_t *peer_ephemeral, const uint8_t *secret, const uint8_t *public,
    const uint8_t *responder_identity, const uint8_t *initiator_key, const uint8_t *responder_key, struct dh_keys *keys)
{
	crypto_generichash_state state;
	uint8_t ee[DH_KEY_BYTES], es[DH_KEY_BYTES];
	int rc = EPROTO;

	if (crypto_scalarmult(ee, ephemeral, peer_ephemeral) != 0 || crypto_scalarmult(es, secret, public) != 0)
		goto out;
	crypto_generichash_init(&state, NULL, 0, sizeof(*keys));
	crypto_generichash_update(&state, keys_label, LABEL_BYTES(keys_label));
	crypto_generichash_update(&state, responder_identity, DH_KEY_BYTES);
	crypto_generichash_update(&state, initiator_key, DH_KEY_BYTES);
	crypto_generichash_update(&state, responder_key, DH_KEY_BYTES);
	crypto_generichash_update(&state, ee, DH_KEY_BYTES);
	crypto_generichash_update(&state, es, DH_KEY_BYTES);
	/* Both at once: the one to the responder comes first. */
	crypto_generichash_final(&state, (uint8_t *)keys, sizeof(*keys));
	sodium_memzero(&state, sizeof(state));
	rc = 0;
out:
	sodium_memzero(ee, sizeof(ee));
	sodium_memzero(es, sizeof(es));
	return rc;
}

int dh_initiator_keys(const struct dh_pair *ephemeral, const uint8_t peer_ephemeral[static DH_KEY_BYTES],
    const uint8_t peer_identity[static DH_KEY_BYTES], struct dh_keys *keys)
{
	uint8_t peer_exchange[DH_KEY_BYTES];

	if (!identity_convert(peer_identity, peer_exchange))
		return EPROTO;
	return agree(ephemeral->secret, peer_ephemeral, ephemeral->secret, peer_exchange, peer_identity,
	    ephemeral->public, peer_ephemeral, keys);
}

int dh_responder_keys(const struct dh_pair *ephemeral, const struct identity *identity,
    const uint8_t peer_ephemeral[static DH_KEY_BYTES], struct dh_keys *keys)
{
	return agree(ephemeral->secret, peer_ephemeral, identity->exchange.secret, peer_ephemeral, identity->public,
	    peer_ephemeral, ephemeral->public, keys);
}

/* X25519(secret, public) keys the MAC over "quartet sender" || IA || IB || A || B. */
static int compute_proof(const uint8_t *secret, const uint8_t *public, const uint8_t *initiator_identity,
    const uint8_t *responder_identity, const uint8_t *initiator_ephemeral, const uint8_t *responder_ephemeral,
    uint8_t *proof)
{
	crypto_generichash_state state;
	uint8_t se[DH_KEY_BYTES];
	int rc = EPROTO;

	if (crypto_scalarmult(se, secret, public) == 0) {
		crypto_generichash_init(&state, se, sizeof(se), DH_PROOF_BYTES);
		crypto_generichash_update(&state, proof_label, LABEL_BYTES(proof_label));
		crypto_generichash_update(&state, initiator_identity, DH_KEY_BYTES);
		crypto_generichash_update(&state, responder_identity, DH_KEY_BYTES);
		crypto_generichash_update(&state, initiator_ephemeral, DH_KEY_BYTES);
		crypto_generichash_update(&state, responder_ephemeral, DH_KEY_BYTES);
		crypto_generichash_final(&state, proof, DH_PROOF_BYTES);
		sodium_memzero(&state, sizeof(state));
		rc = 0;
	}
	sodium_memzero(se, sizeof(se));
	return rc;
}

int dh_prove(const struct identity *identity, const uint8_t ephemeral[static DH_KEY_BYTES],
    const uint8_t peer_ephemeral[static DH_KEY_BYTES], const uint8_t peer_identity[static DH_KEY_BYTES],
    uint8_t proof[static DH_PROOF_BYTES])
{
	return compute_proof(identity->exchange.secret, peer_ephemeral, identity->public, peer_identity, ephemeral,
	    peer_ephemeral, proof);
}

int dh_check_proof(const struct dh_pair *ephemeral, const uint8_t identity[static DH_KEY_BYTES],
    const uint8_t peer_ephemeral[static DH_KEY_BYTES], const uint8_t peer_identity[static DH_KEY_BYTES],
    const uint8_t proof[static DH_PROOF_BYTES])
{
	uint8_t expected[DH_PROOF_BYTES], peer_exchange[DH_KEY_BYTES];
	int rc;

	if (!identity_convert(peer_identity, peer_exchange))
		return EPROTO;
	rc = compute_proof(ephemeral->secret, peer_exchange, peer_identity, identity, peer_ephemeral, ephemeral->public,
	    expected);
	if (rc == 0 && sodium_memcmp(expected, proof, sizeof(expected)) != 0)
		rc = EPROTO;
	sodium_memzero(expected, sizeof(expected));
	return rc;
}
