#include "net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

int address_parse(const char *text, struct in_addr *address)
{
	return inet_pton(AF_INET, text, address) == 1 ? 0 : EINVAL;
}

char *address_format(struct in_addr address, char text[static ADDRESS_TEXT_BYTES])
{
	const uint8_t *bytes = (const uint8_t *)&address.s_addr;
	char *at = text;

	/* inet_ntop(3) would be a twelfth of what the responder does for a message. */
	for (int i = 0; i < 4; i++) {
		if (bytes[i] >= 100)
			*at++ = (char)('0' + bytes[i] / 100);
		if (bytes[i] >= 10)
			*at++ = (char)('0' + bytes[i] / 10 % 10);
		*at++ = (char)('0' + bytes[i] % 10);
		*at++ = i < 3 ? '.' : '\0';
	}
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

int address_check_own(struct in_addr address)
{
	struct sockaddr_in local = address_socket(address, 0);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc = fd >= 0 && bind(fd, (const struct sockaddr *)&local, sizeof(local)) == 0 ? 0 : errno;

	if (fd >= 0)
		close(fd);
	return rc;
}
