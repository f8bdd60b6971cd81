/*
 * The bare twin of what the initiator shows: reads a file and writes it out.
 *
 * usage: copy [FILE [BYTES]]
 *
 * With BYTES it is only the end of the file. Without a file it says "ready", and that is all: the twin of a start.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arguments.h"

int main(int argc, char **argv)
{
	static char chunk[65536];
	struct stat status;
	off_t bytes;
	ssize_t got;
	int fd;

	if (argc < 2)
		return write(STDOUT_FILENO, "ready\n", 6) == 6 ? 0 : 1;
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) != 0)
		arguments_fail("cannot open the file");
	bytes = argc > 2 ? (off_t)strtoll(argv[2], NULL, 10) : status.st_size;
	if (bytes < status.st_size)
		lseek(fd, -bytes, SEEK_END);
	while ((got = read(fd, chunk, sizeof(chunk))) > 0) {
		if (write(STDOUT_FILENO, chunk, (size_t)got) != got)
			arguments_fail("cannot write");
	}
	close(fd);
	return got == 0 ? 0 : 1;
}
