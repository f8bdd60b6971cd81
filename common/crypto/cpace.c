#include "crypto/cpace.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

/* The input block of SHA-512, which the secret and what stands around it fill. */
#define BLOCK_BYTES 128

static const char generator_label[] = "CPaceRistretto255";
static const char key_label[] = "CPaceRistretto255_ISK";
static const char confirmation_label[] = "CPaceMac";

_Static_assert(CPACE_SHARE_BYTES == crypto_core_ristretto255_BYTES &&
		   CPACE_SHARE_BYTES == crypto_core_ristretto255_SCALARBYTES &&
		   CPACE_CONFIRMATION_BYTES == crypto_hash_sha512_BYTES &&
		   CPACE_CONFIRMATION_BYTES == crypto_auth_hmacsha512_BYTES &&
		   crypto_core_ristretto255_HASHBYTES == crypto_hash_sha512_BYTES,
    "the sizes are those of ristretto255 and SHA-512");
/* The draft's prepend_len(): the length as LEB128, seven bits a byte. Returns how many bytes that takes. */
static size_t write_len(size_t len, uint8_t bytes[static 10])
{
	size_t count = 0;

	do {
		bytes[count++] = (uint8_t)((len & 0x7f) | (len > 0x7f ? 0x80 : 0));
		len >>= 7;
	} while (len > 0);
	return count;
}

/* Hashes one piece of the draft's lv_cat(), and returns how many bytes that were. */
static size_t hash_piece(crypto_hash_sha512_state *state, const void *bytes, size_t len)
{
	uint8_t before[10];
	size_t count = write_len(len, before);

	crypto_hash_sha512_update(state, before, count);
	crypto_hash_sha512_update(state, bytes, len);
	return count + len;
}

static void make_generator(const struct cpace_inputs *inputs, uint8_t generator[static CPACE_SHARE_BYTES])
{
	static const uint8_t zeros[BLOCK_BYTES];
	crypto_hash_sha512_state state;
	uint8_t hash[crypto_hash_sha512_BYTES];
	size_t used;

	crypto_hash_sha512_init(&state);
	used = hash_piece(&state, generator_label, strlen(generator_label));
	used += hash_piece(&state, inputs->secret.bytes, inputs->secret.len);
	hash_piece(&state, zeros, used + 1 < BLOCK_BYTES ? BLOCK_BYTES - 1 - used : 0);
	hash_piece(&state, inputs->context.bytes, inputs->context.len);
	hash_piece(&state, inputs->session.bytes, inputs->session.len);
	crypto_hash_sha512_final(&state, hash);
	crypto_core_ristretto255_from_hash(generator, hash);
	sodium_memzero(hash, sizeof(hash));
	sodium_memzero(&state, sizeof(state));
}

void cpace_begin(struct cpace *cpace, bool is_initiator, const struct cpace_inputs *inputs)
{
	uint8_t generator[CPACE_SHARE_BYTES];

	*cpace = (struct cpace){.is_initiator = is_initiator};
	make_generator(inputs, generator);
	crypto_core_ristretto255_scalar_random(cpace->scalar);
	/* Fails only for the neutral element, which no hash is known to give. */
	if (crypto_scalarmult_ristretto255(cpace->share, cpace->scalar, generator) != 0)
		sodium_misuse();
	sodium_memzero(generator, sizeof(generator));
}

/* The draft's confirmation of a share, under the key that both have. */
static void confirm(const uint8_t *key, const uint8_t *share, struct cpace_bytes data, uint8_t *confirmation)
{
	crypto_auth_hmacsha512_state state;
	uint8_t before[10];

	crypto_auth_hmacsha512_init(&state, key, crypto_hash_sha512_BYTES);
	crypto_auth_hmacsha512_update(&state, before, write_len(CPACE_SHARE_BYTES, before));
	crypto_auth_hmacsha512_update(&state, share, CPACE_SHARE_BYTES);
	crypto_auth_hmacsha512_update(&state, before, write_len(data.len, before));
	crypto_auth_hmacsha512_update(&state, data.bytes, data.len);
	crypto_auth_hmacsha512_final(&state, confirmation);
	sodium_memzero(&state, sizeof(state));
}

/* The key of what only the two know, and of all that was said. */
static void make_key(struct cpace *cpace, const struct cpace_inputs *inputs, const uint8_t *common,
    const uint8_t *other)
{
	crypto_hash_sha512_state state;

	crypto_hash_sha512_init(&state);
	hash_piece(&state, key_label, strlen(key_label));
	hash_piece(&state, inputs->session.bytes, inputs->session.len);
	hash_piece(&state, common, CPACE_SHARE_BYTES);
	hash_piece(&state, cpace->is_initiator ? cpace->share : other, CPACE_SHARE_BYTES);
	hash_piece(&state, inputs->of_initiator.bytes, inputs->of_initiator.len);
	hash_piece(&state, cpace->is_initiator ? other : cpace->share, CPACE_SHARE_BYTES);
	hash_piece(&state, inputs->of_responder.bytes, inputs->of_responder.len);
	crypto_hash_sha512_final(&state, cpace->key);
	sodium_memzero(&state, sizeof(state));
}

int cpace_take(struct cpace *cpace, const struct cpace_inputs *inputs, const uint8_t share[static CPACE_SHARE_BYTES])
{
	const struct cpace_bytes *own = cpace->is_initiator ? &inputs->of_initiator : &inputs->of_responder;
	const struct cpace_bytes *others = cpace->is_initiator ? &inputs->of_responder : &inputs->of_initiator;
	uint8_t common[CPACE_SHARE_BYTES], key[crypto_hash_sha512_BYTES];
	crypto_hash_sha512_state state;

	/* Fails for what is no element, and for the neutral one. */
	if (crypto_scalarmult_ristretto255(common, cpace->scalar, share) != 0)
		return EPROTO;
	make_key(cpace, inputs, common, share);
	crypto_hash_sha512_init(&state);
	crypto_hash_sha512_update(&state, (const uint8_t *)confirmation_label, strlen(confirmation_label));
	crypto_hash_sha512_update(&state, inputs->session.bytes, inputs->session.len);
	crypto_hash_sha512_update(&state, cpace->key, sizeof(cpace->key));
	crypto_hash_sha512_final(&state, key);
	confirm(key, cpace->share, *own, cpace->confirmation);
	confirm(key, share, *others, cpace->expected);
	sodium_memzero(&state, sizeof(state));
	sodium_memzero(key, sizeof(key));
	sodium_memzero(common, sizeof(common));
	sodium_memzero(cpace->scalar, sizeof(cpace->scalar));
	return 0;
}

bool cpace_check(const struct cpace *cpace, const uint8_t confirmation[static CPACE_CONFIRMATION_BYTES])
{
	return !sodium_is_zero(cpace->expected, CPACE_CONFIRMATION_BYTES) &&
	       sodium_memcmp(confirmation, cpace->expected, CPACE_CONFIRMATION_BYTES) == 0;
}
