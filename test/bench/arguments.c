#include "arguments.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/address.h"

void arguments_fail(const char *what)
{
	fprintf(stderr, "%s: %s%s%s\n", program_invocation_short_name, what, errno ? ": " : "",
	    errno ? strerror(errno) : "");
	exit(1);
}

static double read_number(const char *text, double min)
{
	char *end;
	double number = strtod(text, &end);

	errno = 0;
	if (end == text || *end != '\0' || !(number >= min))
		arguments_fail("a number on the command line is none, or too small");
	return number;
}

char **arguments_read(int argc, char **argv, const struct argument *list)
{
	char letters[32] = "+";
	int option;

	for (const struct argument *argument = list; argument->letter; argument++)
		snprintf(letters + strlen(letters), sizeof(letters) - strlen(letters), "%c%s", argument->letter,
		    argument->kind == ARGUMENT_FLAG ? "" : ":");
	while ((option = getopt(argc, argv, letters)) != -1) {
		const struct argument *argument = list;

		while (argument->letter && argument->letter != option)
			argument++;
		if (!argument->letter)
			exit(2);
		switch (argument->kind) {
		case ARGUMENT_FLAG:
			*(bool *)argument->value = true;
			break;
		case ARGUMENT_WORD:
			*(const char **)argument->value = optarg;
			break;
		case ARGUMENT_COUNT:
			*(size_t *)argument->value = (size_t)read_number(optarg, 1);
			break;
		case ARGUMENT_NUMBER:
			*(double *)argument->value = read_number(optarg, 0);
			break;
		case ARGUMENT_ADDRESS:
			*(struct in_addr *)argument->value = arguments_address(optarg);
			break;
		}
	}
	return argv + optind;
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
