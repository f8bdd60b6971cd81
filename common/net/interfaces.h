/*
 * This machine's networks, as they are right now: where announcements go, and where they are heard.
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
	bool loopback;
	char name[IF_NAMESIZE]; /* chosen by whoever made the interface: foreign text */
};

/*
 * Lists the interfaces that are up and can broadcast, one entry for each broadcast address of each, INTERFACES_MAX at
 * most. If there are none but loopback, loopback is listed. If only is not NULL, just the network of that address of
 * this machine is listed, whether the interface runs or not, loopback included. An address without a broadcast address of
 * its own (a /31 or /32 network) is left out. Returns how many are listed. Does not block.
 */
size_t interfaces_list(const struct in_addr *only, struct interface list[static INTERFACES_MAX]);

#endif
