/*
 * IPv4 addresses, in network byte order as in struct in_addr, and the two ports of the application. A peer is known by the
 * address its packets come from (specification 2.2.0-B). Nothing blocks.
 */
#ifndef QUARTET_ADDRESS_H
#define QUARTET_ADDRESS_H

#include <netinet/in.h>
#include <stdint.h>

#define PRESENCE_PORT 6000 /* UDP, specification 2.2.0-A */
#define CHAT_PORT 6001	   /* TCP, specification 2.4.0-A */

/* Longest dotted quad and its terminating NUL, in bytes. */
#define ADDRESS_TEXT_BYTES INET_ADDRSTRLEN

/* Reads a dotted quad ("192.168.1.7") and nothing else (inet_pton(3)). Returns 0, or EINVAL with *address left alone. */
int address_parse(const char *text, struct in_addr *address) __attribute__((warn_unused_result));

/* Writes address as a dotted quad into text and returns text. */
char *address_format(struct in_addr address, char text[static ADDRESS_TEXT_BYTES]);

/* Returns 0 if a socket can be bound to address, EADDRNOTAVAIL if it is none of this machine's, or another errno value. */
int address_check_own(struct in_addr address) __attribute__((warn_unused_result));

/* The socket address of address and port (host byte order). */
struct sockaddr_in address_socket(struct in_addr address, uint16_t port);

#endif
