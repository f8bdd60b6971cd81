/*
 * The bare twin of what a resume looks at: reads files one after the other, and hashes each with BLAKE2b.
 *
 * usage: digest FILE...
 */
#include <fcntl.h>
#include <sodium.h>
#include <stddef.h>
#include <unistd.h>

#include "arguments.h"

int main(int argc, char **argv)
{
	static uint8_t chunk[65536], hash[crypto_generichash_BYTES];
	const struct argument list[] = {{0}};
	char **paths = arguments_read(argc, argv, list);

	if (sodium_init() < 0)
		return 2;
	for (; *paths; paths++) {
		crypto_generichash_state state;
		int fd = open(*paths, O_RDONLY | O_CLOEXEC);
		ssize_t got;

		if (fd < 0)
			arguments_fail("cannot open the file");
		crypto_generichash_init(&state, NULL, 0, sizeof(hash));
		while ((got = read(fd, chunk, sizeof(chunk))) > 0)
			crypto_generichash_update(&state, chunk, (size_t)got);
		if (got < 0)
			arguments_fail("cannot read");
		crypto_generichash_final(&state, hash, sizeof(hash));
		close(fd);
	}
	return 0;
}
