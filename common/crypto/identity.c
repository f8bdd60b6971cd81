#include "crypto/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base64.h"
#include "store/lockedfile.h"

/* The file may be deleted between making and reading it; nobody does that more than a few times. */
#define ATTEMPTS 3

#define FINGERPRINT_GROUPS 6
#define FINGERPRINT_GROUP_BYTES 5

/* Fills in the public half, from memory where that is the one of this secret. */
static void complete(struct dh_pair *identity, struct identity_memory *memory)
{
	uint8_t digest[DH_KEY_BYTES];

	crypto_generichash(digest, sizeof(digest), identity->secret, DH_KEY_BYTES, NULL, 0);
	if (memory && sodium_memcmp(digest, memory->digest, sizeof(digest)) == 0) {
		memcpy(identity->public, memory->public, DH_KEY_BYTES);
		return;
	}
	dh_derive_public(identity);
	if (memory) {
		memcpy(memory->digest, digest, sizeof(digest));
		memcpy(memory->public, identity->public, DH_KEY_BYTES);
	}
}

static int read_secret(int dir, struct dh_pair *identity, struct identity_memory *memory, bool *exposed)
{
	uint8_t content[DH_KEY_BYTES + 1];
	struct stat status;
	ssize_t len;
	int fd = openat(dir, IDENTITY_FILE, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int rc = 0;

	if (fd < 0)
		return errno;
	*exposed = false;
	if (fstat(fd, &status) != 0) {
		rc = errno;
	} else if (!S_ISREG(status.st_mode)) {
		rc = EBADMSG;
	} else if (status.st_mode & (S_IRWXG | S_IRWXO)) {
		*exposed = true;
		if (fchmod(fd, S_IRUSR | S_IWUSR) != 0)
			rc = errno;
	}
	if (rc == 0) {
		len = read(fd, content, sizeof(content));
		if (len < 0)
			rc = errno;
		else if (len != DH_KEY_BYTES)
			rc = EBADMSG;
	}
	if (rc == 0) {
		for (size_t i = 0; i < DH_KEY_BYTES; i++)
			identity->secret[i] = content[i];
		complete(identity, memory);
	}
	sodium_memzero(content, sizeof(content));
	close(fd);
	return rc;
}

int identity_load(int dir, struct dh_pair *identity, bool *exposed)
{
	struct dh_pair fresh;
	bool was_exposed;
	int rc = ENOENT;

	for (int attempt = 0; attempt < ATTEMPTS && rc == ENOENT; attempt++) {
		rc = read_secret(dir, identity, NULL, &was_exposed);
		if (rc != ENOENT)
			break;
		dh_generate(&fresh);
		rc = lockedfile_create(dir, IDENTITY_FILE, fresh.secret, sizeof(fresh.secret));
		sodium_memzero(&fresh, sizeof(fresh));
		if (rc == 0 || rc == EEXIST)
			rc = read_secret(dir, identity, NULL, &was_exposed);
	}
	/* A secret that somebody was killed over, or came too late with. */
	if (rc == 0)
		unlinkat(dir, IDENTITY_FILE ".new", 0);
	if (rc == 0 && exposed)
		*exposed = was_exposed;
	return rc;
}

int identity_load_again(int dir, struct identity_memory *memory, struct dh_pair *identity)
{
	bool exposed;
	int rc = read_secret(dir, identity, memory, &exposed);

	return rc == ENOENT ? identity_load(dir, identity, NULL) : rc;
}

int identity_load_public(int dir, uint8_t key[static DH_KEY_BYTES])
{
	struct dh_pair identity;
	int rc = identity_load(dir, &identity, NULL);

	if (rc != 0)
		return rc;
	memcpy(key, identity.public, DH_KEY_BYTES);
	sodium_memzero(&identity, sizeof(identity));
	return 0;
}

const char *identity_reason(int error)
{
	if (error == EBADMSG)
		return "it is damaged (not 32 bytes); move it away to get a new identity";
	return lockedfile_reason(error);
}

void identity_format(const uint8_t key[static DH_KEY_BYTES], char text[static IDENTITY_TEXT_BYTES])
{
	sodium_bin2base64(text, IDENTITY_TEXT_BYTES, key, DH_KEY_BYTES, BASE64_VARIANT);
}

bool identity_parse(const char *text, size_t len, uint8_t key[static DH_KEY_BYTES])
{
	uint8_t decoded[DH_KEY_BYTES];
	size_t decoded_len;

	if (len != IDENTITY_TEXT_BYTES - 1)
		return false;
	if (!base64_decode(text, len, decoded, sizeof(decoded), &decoded_len) || decoded_len != DH_KEY_BYTES)
		return false;
	for (size_t i = 0; i < DH_KEY_BYTES; i++)
		key[i] = decoded[i];
	return true;
}

void identity_fingerprint(const uint8_t one[static DH_KEY_BYTES], const uint8_t other[static DH_KEY_BYTES],
    char text[static IDENTITY_FINGERPRINT_BYTES])
{
	bool one_first = memcmp(one, other, DH_KEY_BYTES) <= 0;
	crypto_generichash_state state;
	uint8_t hash[crypto_generichash_BYTES];
	size_t used = 0;

	crypto_generichash_init(&state, NULL, 0, sizeof(hash));
	crypto_generichash_update(&state, one_first ? one : other, DH_KEY_BYTES);
	crypto_generichash_update(&state, one_first ? other : one, DH_KEY_BYTES);
	crypto_generichash_final(&state, hash, sizeof(hash));
	for (size_t i = 0; i < FINGERPRINT_GROUPS; i++) {
		uint64_t group = 0;

		for (size_t k = 0; k < FINGERPRINT_GROUP_BYTES; k++)
			group = group << 8 | hash[i * FINGERPRINT_GROUP_BYTES + k];
		used += (size_t)snprintf(text + used, IDENTITY_FINGERPRINT_BYTES - used, "%s%05u", i == 0 ? "" : " ",
		    (unsigned)(group % 100000));
	}
}
