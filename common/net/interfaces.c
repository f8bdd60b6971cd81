#include "net/interfaces.h"

#include <ifaddrs.h>
#include <string.h>

static struct in_addr ipv4(const struct sockaddr *address)
{
	struct sockaddr_in in;

	memcpy(&in, address, sizeof(in));
	return in.sin_addr;
}

/* Reads one address of getifaddrs(3); false if nothing can be broadcast from it. */
static bool read_interface(const struct ifaddrs *entry, struct interface *interface)
{
	struct in_addr address, configured = {0};

	if (!entry->ifa_addr || entry->ifa_addr->sa_family != AF_INET || !entry->ifa_netmask)
		return false;
	address = ipv4(entry->ifa_addr);
	*interface = (struct interface){
	    .address = address,
	    .broadcast.s_addr = address.s_addr | ~ipv4(entry->ifa_netmask).s_addr,
	    .mask = ipv4(entry->ifa_netmask),
	    .index = if_nametoindex(entry->ifa_name),
	    .loopback = entry->ifa_flags & IFF_LOOPBACK,
	};
	/* Loopback is not flagged as able to, yet 127.255.255.255 reaches every listener on the machine. */
	if (!interface->loopback && !(entry->ifa_flags & IFF_BROADCAST))
		return false;
	/* An address added without one has itself in this place. */
	if (entry->ifa_flags & IFF_BROADCAST && entry->ifa_broadaddr)
		configured = ipv4(entry->ifa_broadaddr);
	if (configured.s_addr != 0 && configured.s_addr != address.s_addr)
		interface->broadcast = configured;
	strncpy(interface->name, entry->ifa_name, sizeof(interface->name) - 1);
	return interface->index != 0 && interface->broadcast.s_addr != address.s_addr;
}

/* Whether the address belongs to the interface: its own or, on loopback, any of its network. */
static bool owns(const struct interface *interface, const struct ifaddrs *entry, struct in_addr address)
{
	if (interface->loopback)
		return ((address.s_addr ^ interface->address.s_addr) & ipv4(entry->ifa_netmask).s_addr) == 0;
	return address.s_addr == interface->address.s_addr;
}

static bool is_running(const struct ifaddrs *entry)
{
	const unsigned running = IFF_UP | IFF_RUNNING;

	return (entry->ifa_flags & running) == running;
}

/* Whether the list already has a broadcast out of the same interface to the same address. */
static bool is_listed(const struct interface *interface, const struct interface *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (list[i].index == interface->index && list[i].broadcast.s_addr == interface->broadcast.s_addr)
			return true;
	}
	return false;
}

size_t interfaces_list(const struct in_addr *only, struct interface list[static INTERFACES_MAX])
{
	struct interface interface, loopback;
	bool has_loopback = false;
	struct ifaddrs *entries;
	size_t count = 0;

	if (getifaddrs(&entries) != 0)
		return 0;
	for (const struct ifaddrs *entry = entries; entry && count < INTERFACES_MAX; entry = entry->ifa_next) {
		if (!read_interface(entry, &interface))
			continue;
		if (only) {
			if (!owns(&interface, entry, *only))
				continue;
			interface.address = *only;
		} else if (!is_running(entry)) {
			continue;
		} else if (interface.loopback) {
			loopback = interface;
			has_loopback = true;
			continue;
		}
		if (!is_listed(&interface, list, count))
			list[count++] = interface;
	}
	freeifaddrs(entries);
	if (count == 0 && has_loopback)
		list[count++] = loopback;
	return count;
}

bool interface_reaches(const struct interface *interface, struct in_addr address)
{
	return ((address.s_addr ^ interface->address.s_addr) & interface->mask.s_addr) == 0;
}
