/*
 * This machine's networks, as they are right now: where announcements go, and where they are heard (common/PROTOCOL.md,
 * section 1). Addresses come and go, so the list is made afresh for each announcement.
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
	struct in_addr mask;
	unsigned index; /* netdevice(7) */
	bool loopback;
	char name[IF_NAMESIZE]; /* chosen by whoever made the interface: foreign text */
};

/*
 * Lists the interfaces that are up and can broadcast, one entry for each broadcast address of each, INTERFACES_MAX at
 * most; loopback if there are none but that. If only is not NULL, just the network of that address of this machine,
 * whether the interface runs or not, loopback included. Returns how many are listed. Does not block.
 */
size_t interfaces_list(const struct in_addr *only, struct interface list[static INTERFACES_MAX]);

/* Whether an address is in the network of an interface. */
bool interface_reaches(const struct interface *interface, struct in_addr address);

#endif
