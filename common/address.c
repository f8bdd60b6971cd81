#include "address.h"

#include <arpa/inet.h>
#include <errno.h>

int address_parse(const char *text, struct in_addr *address)
{
	struct in_addr parsed;

	if (inet_pton(AF_INET, text, &parsed) != 1)
		return EINVAL;
	*address = parsed;
	return 0;
}

char *address_format(struct in_addr address, char text[static ADDRESS_TEXT_BYTES])
{
	/* Cannot fail: the family is known and the room is enough. */
	inet_ntop(AF_INET, &address, text, ADDRESS_TEXT_BYTES);
	return text;
}

struct sockaddr_in address_socket(struct in_addr address, uint16_t port)
{
	return (struct sockaddr_in){
	    .sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr = address,
	};
}
