/*
 * Where an announcement has to go: this machine's networks, as they are right now.
 *
 * Specification 2.1.0-B wants a broadcast; common/PROTOCOL.md, section 1, wants one out of every interface, to that
 * interface's own broadcast address. Addresses come and go, so the list is made afresh for each announcement.
 */
#ifndef QUARTET_INTERFACES_H
#define QUARTET_INTERFACES_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#define INTERFACES_MAX 128

/* One broadcast to make. */
struct interface {
	struct in_addr address;	  /* of this machine, on that network */
	struct in_addr broadcast; /* of that network */
	unsigned index;		  /* netdevice(7) */
	char name[IF_NAMESIZE];
};

/*
 * Lists the interfaces that are up and can broadcast, one entry for each broadcast address of each, INTERFACES_MAX at
 * most. Where there are none but loopback, loopback is listed. Where only is not NULL, just the network on which it
 * points to an address of this machine is listed, loopback included. Returns how many are listed, 0 where there is no
 * network; the first entries of list are then set. Does not block.
 */
size_t interfaces_list(const struct in_addr *only, struct interface list[static INTERFACES_MAX]);

/* Whether interface is loopback. */
bool interface_is_loopback(const struct interface *interface);

#endif
