#include "arguments.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/address.h"

const char *arguments_program = "bench";

void arguments_fail(const char *what)
{
	fprintf(stderr, "%s: %s%s%s\n", arguments_program, what, errno ? ": " : "", errno ? strerror(errno) : "");
	exit(1);
}

double arguments_number(const char *text, double min)
{
	char *end;
	double number = strtod(text, &end);

	errno = 0;
	if (end == text || *end != '\0' || !(number >= min))
		arguments_fail("a number on the command line is none, or too small");
	return number;
}

struct in_addr arguments_address(const char *text)
{
	struct in_addr address;

	errno = 0;
	if (!text || address_parse(text, &address) != 0)
		arguments_fail("an IPv4 address is missing on the command line");
	return address;
}

struct in_addr arguments_address_after(struct in_addr first, uint32_t index)
{
	return (struct in_addr){.s_addr = htonl(ntohl(first.s_addr) + index)};
}
